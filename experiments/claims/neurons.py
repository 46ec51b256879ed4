"""Experiments too small for a study: one neuron, networks at one point, and single minibatch steps."""

import numpy as np
import pandas as pd

from experiments.streams import stream
from nets.activations import ACTIVATIONS
from nets.initializers import INITIALIZERS
from nets.network import Network, Work
from nets.outputs import OUTPUTS

COSTS = {"quadratic": "sigmoid_mse", "cross-entropy": "sigmoid_ce"}
WIDTHS, DEPTHS = (2, 3, 4, 5), (2, 5, 10, 20)
NETWORKS = 2000


def neuron(steps: int = 300, rate: float = 0.15) -> pd.DataFrame:
    """Train one sigmoid neuron, w = b = 2, to answer x = 1 with y = 0, by each cost; exact, nothing is random.

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
        for step in range(steps + 1):
            scores = network.forward(work)
            output.gradient(scores, work.targets, work.delta)
            rows.append((cost, step, output.predict(scores).item(), work.delta.item()))
            network.backward(work)
            network.parameters -= rate * network.gradient
    return pd.DataFrame(rows, columns=["cost", "step", "a", "gradient"])


def born_dead(networks: int = NETWORKS, first: int = 100) -> pd.DataFrame:
    """Count the ReLU networks, zero biases, that are dead at x = (1, 1): some hidden layer is all zero there.

    Weights are He's, of the streams of seeds `first`, `first` + 1, …; the layers of a deep network are those of a
    shallower one and more, so one stack to a width is all depths.

    Returns
    -------
    DataFrame
        width, depth (hidden layers), networks, dead.
    """
    rows = []
    for width in WIDTHS:
        network = Network(2, (width,) * max(DEPTHS), 1, ACTIVATIONS["relu"](), networks, "float64")
        draws = INITIALIZERS["he_normal"]()
        network.initialise(draws, lambda replica, layer: stream(0, "init", first + replica, layer))
        work = Work(network, 1)
        work.inputs[:] = 1
        network.forward(work)
        for depth in DEPTHS:
            # A layer that is all zero leaves, without biases, zero to all that follow.
            dead = np.count_nonzero((work.post[depth - 1] == 0).all(axis=(1, 2)))
            rows.append((width, depth, networks, dead))
    return pd.DataFrame(rows, columns=["width", "depth", "networks", "dead"])
