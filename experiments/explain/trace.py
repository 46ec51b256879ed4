"""Traces a computational graph forward and back: the value, the gradients and the operation of each node."""

import string
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nets.expressions import build, parse
from nets.graph import Gate, Node, backpropagate, history

SYMBOLS = {
    "add": "+",
    "subtract": "−",
    "multiply": "×",
    "divide": "÷",
    "power": "**",
    "negate": "×−1",
    "sigmoid": "σ",
    "matmul": "@",
    "abs": "|a|",
    "sum": "Σ",
    "transpose": "T",
    "maximum": "max",
    "minimum": "min",
}
"""The symbol of a gate; a gate without one shows its name."""


class Sent(NamedTuple):
    """The gradient that a gate sends back to one of its inputs.

    Attributes
    ----------
    position
        Position of the input.
    local
        The local gradient, as text.
    gradient
        The upstream gradient times the local one.
    """

    position: int
    local: str
    gradient: np.ndarray


class Step(NamedTuple):
    """A node of a traced graph.

    Attributes
    ----------
    label
        The node's name, a letter, or the value of a constant.
    operation
        How the node is computed from its inputs' labels.
    upstream
        Gradient of the result with respect to the node; None for a node that depends on no variable.
    sent
        The gradients that the node sends back to its inputs.
    effect
        What its gate does to the gradient, and how many paths converge at the node.
    """

    node: Node
    label: str
    operation: str
    upstream: np.ndarray | None
    sent: list[Sent]
    effect: str


def trace(expression: str, values: Mapping[str, np.ndarray]) -> list[Step]:
    """Evaluate an expression, pass back through its graph, and return every node; the result is the last one.

    Raises
    ------
    ExpressionError
        If the expression is not allowed.
    """
    leaves = {name: Node(value, name) for name, value in values.items()}
    y, _ = build(parse(expression, leaves, matrices=True), leaves)
    backward = backpropagate(y, leaves.values())
    order = history(y)
    labels = _labels(y, order, leaves)
    uses = Counter(source for node in order for source in node.inputs if source in backward.total)
    steps = []
    for node in order:
        inputs = [labels[source] for source in node.inputs]
        operation = "variable" if node.name else "constant"
        sent, effects = [], []
        if node.gate:
            operation = written(node.gate, inputs)
            for i in range(len(node.inputs)):
                if (node, i) in backward.sent:
                    sent.append(Sent(i, local_gradient(node, node.gate, i, inputs), backward.sent[node, i].value))
            effects += [node.gate.effect] if sent else []
        effects += [f"sums {uses[node]} paths"] if uses[node] > 1 else []
        upstream = backward.total[node].value if node in backward.total else None
        steps.append(Step(node, labels[node], operation, upstream, sent, ", ".join(effects)))
    return steps


def _labels(y: Node, order: Sequence[Node], names: Collection[str]) -> dict[Node, str]:
    """Return a label for each node: f for the result, letters for other gates; none of them is a variable's name."""
    letters = iter(
        [letter for letter in string.ascii_lowercase if letter not in (*names, "f")] + [f"t{i}" for i in range(99)]
    )
    labels = {}
    for node in order:
        if node is y and node.gate:
            labels[node] = next(label for label in ("f", "result", *letters) if label not in names)
        else:
            labels[node] = node.name or (next(letters) if node.gate else show(node.value))
    return labels


def local_gradient(node: Node, gate: Gate, index: int, inputs: Sequence[str]) -> str:
    """Return the local gradient of a gate at one input, as text: numbers for a factor, words for another linear map."""
    rule = gate.local[index]
    if gate.elementwise and rule:
        factor = rule(node, *node.inputs)
        return show(factor.value if isinstance(factor, Node) else factor)
    if gate.name == "matmul":
        return f"· {inputs[1]}ᵀ" if index == 0 else f"{inputs[0]}ᵀ ·"
    if gate.name == "mean":
        return f"1/{node.inputs[0].value.size} to each"
    if gate.name == "where":
        taken = node.inputs[0].value > 0
        return show(np.where(taken if index == 1 else ~taken, 1.0, 0.0))
    return {"sum": "1 to each", "transpose": "transposed"}[gate.name]


def written(gate: Gate, inputs: Sequence[str]) -> str:
    """Return a gate's operation on its inputs' labels."""
    symbol = SYMBOLS.get(gate.name, gate.name)
    inputs = [f"({label})" if label.startswith("-") else label for label in inputs]
    if gate.name in ("add", "subtract", "multiply", "divide", "power", "matmul"):
        return f" {symbol} ".join(inputs)
    if gate.name == "negate":
        return f"−{inputs[0]}"
    return f"{gate.name}({', '.join(inputs)})"


def show(value: ArrayLike) -> str:
    """Return a number, vector or matrix as text of four digits; a matrix has a line for each row."""
    value = np.asarray(value)
    if value.size > 36:
        return f"{'×'.join(map(str, value.shape))} numbers"
    if value.ndim == 0:
        return f"{float(value) + 0.0:.4g}"
    if value.ndim == 1:
        return f"[{', '.join(map(show, value))}]"
    return "\n".join(map(show, value))
