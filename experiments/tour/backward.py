"""Stations of backpropagation: the graph of one neuron, step by step, and the derivative by a matrix."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.tour.drawing import FIRST, PLAIN, SECOND, Canvas, Moving
from experiments.tour.station import Slider, Station, times
from experiments.tour.trained import Tour
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
    columns = dict(zip(leaves, (40, 110, 180, 250, 320), strict=True))
    places = [Place(leaf, name, "", columns[name], 30) for name, leaf in leaves.items()]
    gates = (
        *((a, "a", "w0 · x0", 75, 100), (b, "b", "w1 · x1", 215, 100), (c, "c", "a + b", 145, 170)),
        *((d, "d", "c + w2", 215, 240), (e, "e", "−d", 215, 310), (g, "g", "exp(e)", 215, 380)),
        *((h, "h", "g + 1", 215, 450), (f, "f", "1 / h", 215, 520)),
    )
    return places + [Place(*gate) for gate in gates]


def graph(tour: Tour) -> Station:
    """Show the graph of a sigmoid neuron; the slider goes forward gate by gate, and back again."""
    places = neuron()
    gates = [place for place in places if place.formula]
    result = gates[-1]
    backward = backpropagate(result.node, [place.node for place in places if not place.formula])
    names = {place.node: place.name for place in places}
    steps = ["inputs", *(_forward_words(place) for place in gates), "backward: ∂f/∂f = 1"]
    steps += [_backward_words(place, backward, names) for place in reversed(gates)]
    total = len(steps)
    value_at = {place.node: 1 + gates.index(place) if place.formula else 0 for place in places}
    gradient_at = {result.node: 1 + len(gates)}
    for index, place in enumerate(reversed(gates)):
        gradient_at |= {source: 2 + len(gates) + index for source in place.node.inputs if source in names}
    canvas = Canvas("Graph of a sigmoid neuron", 360, 560)
    for place in places:
        for source in place.node.inputs:
            if source in names:
                start = next(other for other in places if other.node is source)
                canvas.add("path", kind="edge", d=f"M{start.x} {start.y + 14}L{place.x} {place.y - 16}")
    for place in places:
        node = place.node
        active = Moving(_kind(place, step, value_at[node], len(gates), gates) for step in range(total))
        if place.formula:
            canvas.add("rect", x=place.x - 30, y=place.y - 16, width=60, height=30, rx=6, kind=active)
        canvas.text(place.x, place.y + 4, f"{place.name} = {place.formula}" if place.formula else place.name, "middle", "node")
        value, slope = _number(node), _number(backward.total[node])
        side = place.x + (36 if place.formula else 0)
        shown = Moving(value if step >= value_at[node] else "" for step in range(total))
        back = Moving(slope if step >= gradient_at[node] else "" for step in range(total))
        anchor = "start" if place.formula else "middle"
        dy = (-1, 13) if place.formula else (-14, 0)
        canvas.text(side, place.y + dy[0], shown, anchor, "value")
        if place.formula:
            canvas.text(side, place.y + dy[1], back, anchor, "gradient")
        else:
            canvas.text(side + (-9 if place.x < 300 else 9), place.y + 26, back, "end" if place.x < 300 else "start", "gradient")
    dw = {name: float(backward.total[place.node].value) for place in places if (name := place.name) in ("w0", "w1", "w2")}
    return Station(
        "graph",
        "Backpropagation through a neuron",
        graph_insight(float(result.node.value), dw, {name: INPUTS[name] for name in ("x0", "x1")}, float(backward.total[places_of(places, "d")].value)),
        [canvas],
        "large",
        [],
        "Green: values, from the inputs down to f. Red: gradients ∂f/∂·, from f up to the inputs; each is the gradient "
        "below times the local gradient of the gate. An add gate passes the gradient on, a multiply gate times the other "
        "input.",
        "What does each gate do to the gradient? Change the numbers.",
        "python -m experiments.explain graph '1/(1+exp(-(w0*x0+w1*x1+w2)))' w0=2 x0=-1 w1=-3 x1=-2 w2=-3",
        Slider("Gate", [f"step {index} of {total - 1}: {words}" for index, words in enumerate(steps)]),
    )


def places_of(places: Sequence[Place], name: str) -> Node:
    """Return the node of this name."""
    return next(place.node for place in places if place.name == name)


def graph_insight(f: float, gradients: dict[str, float], inputs: dict[str, float], slope: float) -> str:
    """Return what the gradients by the weights show."""
    text = ", ".join(f"{value:.2f}".replace("-", "−") for value in gradients.values())
    product = all(np.isclose(gradients[w], slope * x) for w, x in (("w0", inputs["x0"]), ("w1", inputs["x1"])))
    begin = f"One pass back gives all gradients by the weights, {text}"
    if not (product and np.isclose(slope, f * (1 - f))):
        return f"{begin}."
    return f"{begin}: each is σ′ = f (1 − f) = {slope:.2f} times its input."


def _kind(place: Place, step: int, at: int, gates: int, order: Sequence[Place]) -> str:
    if place.formula and step > gates + 1:
        return "gate now" if place is order[::-1][step - gates - 2] else "gate"
    return "gate now" if step == at else "gate"


def _number(node: Node) -> str:
    return f"{float(node.value) + 0.0:.2f}".replace("-", "−")


def _forward_words(place: Place) -> str:
    return f"forward: {place.name} = {place.formula} = {_number(place.node)}"


def _backward_words(place: Place, backward: Backward, names: dict[Node, str]) -> str:
    above = backward.total[place.node].value
    parts = []
    for index, source in enumerate(place.node.inputs):
        if source in names:
            sent = backward.sent[place.node, index]
            local = Node(sent.value / above)
            parts.append(f"∂f/∂{names[source]} = {_number(Node(above))} · {_number(local)} = {_number(sent)}")
    return f"backward: {', '.join(parts)}"


W = np.array([[1.0, -1.0, 2.0, 0.0], [0.0, 1.0, 1.0, -2.0], [2.0, 0.0, -1.0, 1.0]])
X, TARGET = np.array([1.0, 2.0, -1.0, 3.0]), np.array([-1.0, -3.0, 5.0])


def tensor(tour: Tour) -> Station:
    """Show ∂(Wx)/∂W slice by slice, and that its contraction is an outer product."""
    slices = gradient(lambda weight: weight @ X, W)
    delta = 2 * (W @ X - TARGET)
    contracted, outer = slices @ delta, np.outer(delta, X)
    h = len(W)
    panels = [_grid(f"∂c{'₁₂₃'[i]}/∂W, times δ{'₁₂₃'[i]} = {_whole(delta[i])}", slices[:, :, i]) for i in range(h)]
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
        [("below 0", FIRST), ("above 0", SECOND)],
        f"A layer c = Wx with W of {h} × {len(X)} numbers, x = ({', '.join(map(_whole, X))}), ℓ = ‖c − target‖² and "
        f"δ = ∂ℓ/∂c = ({', '.join(map(_whole, delta))}). Row i of slice i is xᵀ, all else is 0. The graph gave the slices. "
        f"For a layer of 64 × 64 the tensor has {64**3:,} numbers and the outer product {times(64)} times fewer.",
        "How does this look with other numbers?",
        "python -m experiments.explain example tensor_derivative",
    )


def tensor_insight(zeros: int, size: int, same: bool) -> str:
    """Return what the tensor and its contraction show."""
    text = f"Of the {size} numbers of the tensor ∂(Wx)/∂W, {zeros} are 0"
    return f"{text}, and all that is left of it in ∂ℓ/∂W is the outer product δ xᵀ." if same else f"{text}."


def _whole(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _grid(title: str, values: np.ndarray) -> Canvas:
    """Return a picture of a small matrix: the number in each cell, coloured by its sign."""
    canvas = Canvas(title, 210, 130)
    canvas.text(0, 14, title, kind="title")
    for (row, column), value in np.ndenumerate(values):
        look = SECOND if value > 0 else FIRST if value < 0 else PLAIN
        kind = "cell" if value else "cell empty"
        canvas.add("rect", x=4 + 50 * column, y=26 + 33 * row, width=48, height=31, kind=kind, style=f"--c:{look.color}" if value else "")
        canvas.text(28 + 50 * column, 46 + 33 * row, _whole(value + 0.0), "middle", "number" if value else "number zero")
    return canvas
