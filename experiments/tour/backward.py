"""Stations of backpropagation: the graph of one neuron, step by step, and the derivative by a matrix."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.tour.drawing import FIRST, PLAIN, SECOND, Canvas, Moving
from experiments.tour.station import Slider, Station
from experiments.tour.trained import Tour
from experiments.tour.wording import signed
from nets.derivatives import gradient, product_tensor
from nets.graph import Backward, Node, add, backpropagate, divide, exp, multiply, negate

INPUTS = {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0}


class Place(NamedTuple):
    """A node of the graph, its name and formula, and where it stands."""

    node: Node
    name: str
    formula: str
    x: float
    y: float


def neuron() -> list[Place]:
    """Return the graph of 1/(1 + exp(−(w0·x0 + w1·x1 + w2))), each node after its inputs."""
    leaves = {name: Node(value, name) for name, value in INPUTS.items()}
    a = multiply(leaves["w0"], leaves["x0"])
    b = multiply(leaves["w1"], leaves["x1"])
    c = add(a, b)
    d = add(c, leaves["w2"])
    e = negate(d)
    g = exp(e)
    h = add(g, 1.0)
    f = divide(1.0, h)
    columns = dict(zip(leaves, (50, 120, 190, 260, 372), strict=True))
    places = [Place(leaf, name, "", columns[name], 34) for name, leaf in leaves.items()]
    gates = (
        *((a, "a", "w0 · x0", 85, 110), (b, "b", "w1 · x1", 225, 110), (c, "c", "a + b", 155, 180)),
        *((d, "d", "c + w2", 260, 250), (e, "e", "−d", 260, 320), (g, "g", "exp(e)", 260, 390)),
        *((h, "h", "g + 1", 260, 460), (f, "f", "1 / h", 260, 530)),
    )
    return places + [Place(*gate) for gate in gates]


def graph(tour: Tour) -> Station:
    """Show the graph of a sigmoid neuron; the slider goes forward gate by gate, and back again."""
    places = neuron()
    gates = [place for place in places if place.formula]
    result = gates[-1]
    backward = backpropagate(result.node, [place.node for place in places if not place.formula])
    slope_at = {place.name: float(backward.total[place.node].value) for place in places}
    forward = {place.node: step for step, place in enumerate(gates, 1)}
    turn = len(gates) + 1  # the step at which the gradient of the result is known
    back = {place.node: turn + step for step, place in enumerate(reversed(gates), 1)}
    count = turn + len(gates) + 1
    users = {source: place.node for place in gates for source in place.node.inputs}
    lines = [("forward: values", "", -1)]
    lines += [("", f"{place.name} = {place.formula} = {_number(place.node)}", forward[place.node]) for place in gates]
    lines += [("backward: gradient below × local gradient", "", -1), ("", "∂f/∂f = 1", turn)]
    lines += [("", text, back[place.node]) for place in reversed(gates) for text in _sent(place, backward, places)]
    picture = _picture(
        places, forward, turn, {source: back[user] for source, user in users.items()}, back, backward, count
    )
    words = [f"step {step} of {count - 1}" for step in range(count)]
    return Station(
        "graph",
        "Backpropagation through a neuron",
        graph_insight(slope_at, INPUTS, float(result.node.value)),
        [picture, _listed(lines, count)],
        "large",
        [],
        "Green: values, from the inputs down to f. Red: gradients ∂f/∂…, from f up to the inputs. An add gate passes "
        "its gradient on. A multiply gate sends it to each input times the other input.",
        "What does each gate do to the gradient? Change the numbers.",
        "python -m experiments.explain graph '1/(1+exp(-(w0*x0+w1*x1+w2)))' w0=2 x0=-1 w1=-3 x1=-2 w2=-3",
        Slider("Gate", words),
    )


def graph_insight(slopes: dict[str, float], inputs: dict[str, float], f: float) -> str:
    """Return what the gradients by the weights show."""
    text = ", ".join(signed(slopes[name], ".3g") for name in ("w0", "w1", "w2"))
    begin = f"One pass back gives the gradients by all weights, {text}"
    slope = slopes["d"]
    by_input = np.isclose([slopes["w0"], slopes["w1"]], [slope * inputs["x0"], slope * inputs["x1"]]).all()
    if not (by_input and np.isclose(slope, f * (1 - f))):
        return f"{begin}."
    return f"{begin}: each is f (1 − f) = {signed(slope, '.3g')} times the weight’s input."


def _picture(
    places: Sequence[Place],
    forward: dict[Node, int],
    turn: int,
    known: dict[Node, int],
    back: dict[Node, int],
    backward: Backward,
    count: int,
) -> Canvas:
    """Return the graph. A value appears at its step of `forward`, a gradient at its step of `known`."""
    canvas = Canvas("Graph of a sigmoid neuron", 400, 560)
    at = {place.node: place for place in places}
    for place in places:
        for source in place.node.inputs:
            if source in at:
                canvas.add("path", kind="edge", d=f"M{at[source].x} {at[source].y + 14}L{place.x} {place.y - 16}")
    for place in places:
        node = place.node
        now = (forward.get(node, 0), back.get(node, -1), turn if node not in known else -1)
        value = Moving(_number(node) if step >= forward.get(node, 0) else "" for step in range(count))
        slope = Moving(_number(backward.total[node]) if step >= known.get(node, turn) else "" for step in range(count))
        if place.formula:
            kind = Moving("gate now" if step in now else "gate" for step in range(count))
            canvas.add("rect", x=place.x - 46, y=place.y - 16, width=92, height=30, rx=6, kind=kind)
            canvas.text(place.x, place.y + 4, f"{place.name} = {place.formula}", "middle", "node")
            canvas.text(place.x + 51, place.y - 3, value, "start", "value")
            canvas.text(place.x + 51, place.y + 12, slope, "start", "gradient")
        else:
            canvas.text(place.x, place.y + 6, place.name, "middle", "node")
            canvas.text(place.x, place.y - 23, value, "middle", "value")
            canvas.text(place.x, place.y - 9, slope, "middle", "gradient")
    return canvas


def _listed(lines: Sequence[tuple[str, str, int]], count: int) -> Canvas:
    """Return a list of headings, and of lines that appear at their step."""
    canvas = Canvas("Each step in numbers", 380, 560)
    for index, (heading, text, at) in enumerate(lines):
        y = 16 + 23.5 * index
        if heading:
            canvas.text(4, y, heading, kind="step heading")
            continue
        kind = Moving("step current" if step == at else "step" for step in range(count))
        canvas.text(16, y, Moving(text if step >= at else "" for step in range(count)), kind=kind)
    return canvas


def _sent(place: Place, backward: Backward, places: Sequence[Place]) -> list[str]:
    """Return in words what a gate sends back to each of its inputs that is no constant."""
    names = {other.node: other.name for other in places}
    above = backward.total[place.node]
    texts = []
    for index, source in enumerate(place.node.inputs):
        if source in names:
            sent = backward.sent[place.node, index]
            factors = f"{_number(above)} · {_number(Node(sent.value / above.value))}".replace("· −", "· (−")
            texts.append(f"∂f/∂{names[source]} = {factors + ')' if '(' in factors else factors} = {_number(sent)}")
    return texts


def _number(node: Node) -> str:
    return signed(float(node.value), ".3g")


W = np.array([[1.0, -1.0, 2.0, 0.0], [0.0, 1.0, 1.0, -2.0], [2.0, 0.0, -1.0, 1.0]])
X, TARGET = np.array([1.0, 2.0, -1.0, 3.0]), np.array([-1.0, -3.0, 5.0])


def tensor(tour: Tour) -> Station:
    """Show ∂(Wx)/∂W slice by slice, and that its contraction is an outer product."""
    slices = gradient(lambda weight: weight @ X, W)
    delta = 2 * (W @ X - TARGET)
    contracted, outer = slices @ delta, np.outer(delta, X)
    h = len(W)
    panels = [_grid(f"∂c{'₁₂₃'[i]}/∂W, times δ{'₁₂₃'[i]} = {signed(delta[i])}", slices[:, :, i]) for i in range(h)]
    panels.append(_grid("their sum: ∂ℓ/∂W", contracted))
    panels.append(_grid("δ xᵀ", outer))
    zeros = int((slices == 0).sum())
    same = bool(np.array_equal(contracted, outer) and np.array_equal(slices, product_tensor(W, X)))
    return Station(
        "tensor",
        "A derivative by a matrix",
        tensor_insight(zeros, slices.size, same),
        panels,
        "small",
        [("below 0", FIRST._replace(shape="filled")), ("above 0", SECOND._replace(shape="filled"))],
        f"A layer c = Wx with W of {h} × {len(X)} numbers, x = ({', '.join(map(signed, X))}), ℓ = ‖c − target‖² and "
        f"δ = ∂ℓ/∂c = ({', '.join(map(signed, delta))}). Row i of slice i is xᵀ, and all else is 0. "
        f"For a layer of 64 × 64 the tensor has {64**3:,} numbers, 64 times as many as the outer product.",
        "How does this look with other numbers?",
        "python -m experiments.explain example tensor_derivative",
    )


def tensor_insight(zeros: int, size: int, same: bool) -> str:
    """Return what the tensor and its contraction show."""
    text = f"Of the {size} numbers of the tensor ∂(Wx)/∂W, {zeros} are 0"
    return f"{text}, and all that is left of it in ∂ℓ/∂W is the outer product δ xᵀ." if same else f"{text}."


def _grid(title: str, values: np.ndarray) -> Canvas:
    """Return a picture of a small matrix: the number in each cell, coloured by its sign."""
    canvas = Canvas(title, 210, 130)
    canvas.text(0, 14, title, kind="title")
    for (row, column), value in np.ndenumerate(values):
        look = SECOND if value > 0 else FIRST if value < 0 else PLAIN
        kind = "cell" if value else "cell empty"
        canvas.add(
            "rect",
            x=4 + 50 * column,
            y=26 + 33 * row,
            width=48,
            height=31,
            kind=kind,
            style=f"--c:{look.color}" if value else "",
        )
        canvas.text(28 + 50 * column, 46 + 33 * row, signed(value), "middle", "number" if value else "number zero")
    return canvas
