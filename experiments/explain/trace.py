"""A computational graph traced forward and back, in words."""

import string
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nets.expressions import build, parse
from nets.graph import Node, backpropagate, history

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
"""What stands in a gate; its name where there is nothing else."""


class Step(NamedTuple):
    """A node of a traced graph and what goes back from it.

    Attributes
    ----------
    label
        What the trace calls it: its name, a letter, or of a constant its value.
    operation
        How it is computed from its inputs' labels.
    upstream
        Gradient of the result with respect to it; None for what depends on no variable.
    back
        For each of its inputs that has a gradient: its index, the local gradient in words and what is sent.
    does
        What its gate does to the gradient, and how many paths converge.
    """

    node: Node
    label: str
    operation: str
    upstream: np.ndarray | None
    back: list[tuple[int, str, np.ndarray]]
    does: str


def trace(expression: str, values: dict[str, np.ndarray]) -> list[Step]:
    """Evaluate an expression, go back through its graph and return every node, the result last.

    Raises
    ------
    ExpressionError
        For an expression that is refused.
    """
    leaves = {name: Node(value, name) for name, value in values.items()}
    y, _ = build(parse(expression, leaves, matrices=True), leaves)
    backward = backpropagate(y, leaves.values())
    order = history(y)
    letters = iter(
        [*(each for each in string.ascii_lowercase if each not in (*leaves, "f")), *map("t{}".format, range(99))]
    )
    labels = {}
    for node in order:
        if node is y and node.gate:
            labels[node] = next(each for each in ("f", "result", *letters) if each not in leaves)
        else:
            labels[node] = node.name or (next(letters) if node.gate else show(node.value))
    uses = Counter(each for node in order for each in node.inputs if each in backward.total)
    steps = []
    for node in order:
        total = backward.total.get(node)
        sent = [(i, backward.sent[node, i]) for i in range(len(node.inputs)) if (node, i) in backward.sent]
        does = [node.gate.does] if sent else []
        does += [f"sums {uses[node]} paths"] if uses[node] > 1 else []
        inputs = [labels[each] for each in node.inputs]
        back = [(i, local_gradient(node, i, inputs), part.value) for i, part in sent]
        operation = written(node, inputs) if node.gate else ("variable" if node.name else "constant")
        steps.append(Step(node, labels[node], operation, total and total.value, back, ", ".join(does)))
    return steps


def local_gradient(node: Node, index: int, inputs: Sequence[str]) -> str:
    """Return the local gradient at one input of a gate, as text: numbers if it is a factor, else what is done."""
    rule = node.gate.local[index]
    if node.gate.elementwise:
        factor = rule(node, *node.inputs)
        return show(factor.value if isinstance(factor, Node) else factor)
    if node.gate.name == "matmul":
        return f"· {inputs[1]}ᵀ" if index == 0 else f"{inputs[0]}ᵀ ·"
    if node.gate.name == "mean":
        return f"1/{node.inputs[0].value.size} to each"
    return {"sum": "1 to each", "transpose": "transposed"}[node.gate.name]


def written(node: Node, inputs: Sequence[str]) -> str:
    """Return a gate's operation on its inputs' labels."""
    symbol = SYMBOLS.get(node.gate.name, node.gate.name)
    inputs = [f"({each})" if each.startswith("-") else each for each in inputs]
    if node.gate.name in ("add", "subtract", "multiply", "divide", "power", "matmul"):
        return f" {symbol} ".join(inputs)
    if node.gate.name == "negate":
        return f"−{inputs[0]}"
    return f"{node.gate.name}({', '.join(inputs)})"


def show(value) -> str:
    """Return a number, vector or matrix as text of four digits; a matrix has a line for each row."""
    value = np.asarray(value)
    if value.size > 36:
        return f"{'×'.join(map(str, value.shape))} numbers"
    if value.ndim == 0:
        return f"{float(value) + 0.0:.4g}"
    if value.ndim == 1:
        return f"[{', '.join(map(show, value))}]"
    return "\n".join(map(show, value))
