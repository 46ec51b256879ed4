"""One sigmoid neuron that starts with the wrong answer, trained by two costs: the experiment of claims 1 and 2."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.figures.style import INK, MUTED, Style, legend, sheet
from nets.activations import ACTIVATIONS
from nets.network import Network, Work
from nets.outputs import OUTPUTS

COSTS = {"quadratic": "sigmoid_mse", "cross-entropy": "sigmoid_ce"}
STEPS, RATE = 300, 0.15


def train_neuron() -> pd.DataFrame:
    """Train one sigmoid neuron, w = b = 2, to answer x = 1 with y = 0, by each cost; nothing is random.

    Returns
    -------
    DataFrame
        cost, step (0 is before the first), a = σ(w + b), gradient ∂cost/∂z.

    References
    ----------
    Nielsen (2015), "Neural networks and deep learning", chapter 3.
    """
    rows = []
    for cost, name in COSTS.items():
        output = OUTPUTS[name]()
        network = Network(1, (), 1, ACTIVATIONS["linear"](), 1, "float64")
        network.parameters[:] = 2
        work = Work(network, 1)
        work.inputs[:], work.targets[:] = 1, 0
        for step in range(STEPS + 1):
            scores = network.forward(work)
            output.gradient(scores, work.targets, work.delta)
            rows.append((cost, step, output.predict(scores).item(), work.delta.item()))
            network.backward(work)
            network.parameters -= RATE * network.gradient
    return pd.DataFrame(rows, columns=["cost", "step", "a", "gradient"])


def draw_neuron(table: pd.DataFrame) -> Figure:
    """Draw the neuron's output and its gradient by step, for both costs."""
    figure = sheet(2.3)
    course, gradient = figure.subplots(1, 2)
    styles: dict[str, Style] = {
        "quadratic": {"color": INK},
        "cross-entropy": {"color": INK, "linestyle": (0, (4, 1.5))},
    }
    for cost, style in styles.items():
        rows = table[table["cost"] == cost]
        course.plot(rows["step"], rows["a"], **style)
        gradient.plot(rows["step"], rows["gradient"], **style)
    for step, value, marker in ((150, 0.90, "^"), (300, 0.25, "v"), (50, 0.15, "v")):
        course.plot(step, value, marker, color=MUTED)
    course.set(title="(a) output of one neuron, y = 0", xlabel="step", ylabel="a = σ(wx + b)", ylim=(0, 1.02))
    gradient.set(title="(b) its gradient", xlabel="step", ylabel="∂cost/∂z", yscale="log")
    bound = ("threshold: above ▲, below ▼", {"color": MUTED, "marker": "v", "linestyle": "none"})
    legend(figure, [*styles.items(), bound], "w = b = 2, x = 1, rate 0.15")
    return figure
