"""The computational graph: values that store the gates that computed them, and backpropagation through them.

The call of a gate on nodes, arrays or numbers computes its value at once and stores it with the inputs: that is the
forward pass. `backpropagate` walks back from a node. At each gate it multiplies the upstream gradient by the local
gradient of each input and sends the product to that input. Where paths converge, the gradients add.

Local gradients are nodes themselves, so a gradient can be differentiated again. Values are float64, or complex128 for a
complex step. A value out of range is ±inf or NaN, without a warning. All state is in the nodes, and nothing recurses.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import pi
from math import sqrt as root
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

GATES: dict[str, "Gate"] = {}

LocalGradient = Callable[..., Any]
"""A function that returns the local gradient of one input; see `Gate`."""


class Node:
    """A value in the graph, with the gate and the inputs that computed it; a leaf has neither.

    Attributes
    ----------
    value
        A float64 or complex128 array; a number has shape ().
    name
        The name of a leaf, or "".
    """

    __slots__ = ("gate", "inputs", "name", "options", "value")
    __array_ufunc__ = None  # so that array + node calls the node's __radd__

    def __init__(
        self,
        value: ArrayLike,
        name: str = "",
        gate: "Gate | None" = None,
        inputs: tuple["Node", ...] = (),
        options: dict[str, Any] | None = None,
    ) -> None:
        array = np.asarray(value)
        self.value: np.ndarray = array if array.dtype == np.complex128 else array.astype(np.float64, copy=False)
        self.name, self.gate, self.inputs, self.options = name, gate, inputs, options or {}

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.value.shape

    @property
    def T(self) -> "Node":
        """The transpose."""
        return transpose(self)

    def __repr__(self) -> str:
        return f"<{self.name or (self.gate.name if self.gate else 'constant')} {self.value.tolist()}>"

    def __add__(self, other: "Operand") -> "Node":
        return add(self, other)

    def __radd__(self, other: "Operand") -> "Node":
        return add(other, self)

    def __sub__(self, other: "Operand") -> "Node":
        return subtract(self, other)

    def __rsub__(self, other: "Operand") -> "Node":
        return subtract(other, self)

    def __mul__(self, other: "Operand") -> "Node":
        return multiply(self, other)

    def __rmul__(self, other: "Operand") -> "Node":
        return multiply(other, self)

    def __truediv__(self, other: "Operand") -> "Node":
        return divide(self, other)

    def __rtruediv__(self, other: "Operand") -> "Node":
        return divide(other, self)

    def __pow__(self, other: "Operand") -> "Node":
        return power(self, other)

    def __rpow__(self, other: "Operand") -> "Node":
        return power(other, self)

    def __matmul__(self, other: "Operand") -> "Node":
        return matmul(self, other)

    def __rmatmul__(self, other: "Operand") -> "Node":
        return matmul(other, self)

    def __neg__(self) -> "Node":
        return negate(self)


Operand = Node | ArrayLike
"""The operand of a gate: a node, an array or a number."""


@dataclass(frozen=True)
class Gate:
    """A primitive operation: its value and, for each input, its local gradient.

    Attributes
    ----------
    forward
        The function from the inputs' arrays, and the gate's options by keyword, to the value.
    local
        For each input the function from the gate's node and its inputs' nodes to the local gradient; None if that is
        zero. For an elementwise gate the local gradient is a factor: a node, 1 or -1.
    effect
        What the gate does to the upstream gradient, in a word.
    elementwise
        If false, each function in `local` takes the upstream gradient first and returns the gradient of the input.
    """

    name: str
    forward: Callable[..., Any]
    local: tuple[LocalGradient | None, ...]
    effect: str
    elementwise: bool = True

    def __post_init__(self) -> None:
        GATES[self.name] = self

    def __call__(self, *operands: Operand, **options: Any) -> Node:
        """Return the node of this gate on nodes, arrays or numbers."""
        inputs = tuple(operand if isinstance(operand, Node) else Node(operand) for operand in operands)
        with np.errstate(all="ignore"):
            value = self.forward(*(source.value for source in inputs), **options)
        return Node(value, gate=self, inputs=inputs, options=options)

    def back(self, index: int, upstream: Node, node: Node, routed: bool = False) -> Node | None:
        """Return the gradient that this gate's node sends to its input `index`; None if it is always zero.

        The upstream gradient of a `routed` node is 0 where a branch was not taken, and so is what it sends there.
        """
        rule = self.local[index]
        if rule is None:
            return None
        if not self.elementwise:
            gradient: Node = rule(upstream, node, *node.inputs)
            return gradient
        factor: Node | int = rule(node, *node.inputs)
        if isinstance(factor, Node):
            upstream = scale(upstream, factor) if routed else upstream * factor
        elif factor == -1:
            upstream = -upstream
        return unbroadcast(upstream, node.inputs[index].shape)


def _gate(name: str, forward: Callable[..., Any], *local: LocalGradient | None, effect: str = "scales") -> Gate:
    return Gate(name, forward, local, effect)


def _linear(name: str, forward: Callable[..., Any], *local: LocalGradient | None, effect: str) -> Gate:
    return Gate(name, forward, local, effect, elementwise=False)


def _erf(a: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    from scipy.special import erf  # the import takes a fifth of a second, so it waits until erf is used

    result: np.ndarray = erf(a, out=out)
    return result


# --- gates: their values and, for each input, the local gradient; y is the gate's own node -----------------------

add: Gate = _gate("add", np.add, lambda y, a, b: 1, lambda y, a, b: 1, effect="distributes")
subtract: Gate = _gate("subtract", np.subtract, lambda y, a, b: 1, lambda y, a, b: -1, effect="distributes")
multiply: Gate = _gate("multiply", np.multiply, lambda y, a, b: b, lambda y, a, b: a, effect="switches")
divide: Gate = _gate("divide", np.divide, lambda y, a, b: 1 / b, lambda y, a, b: -y / b)
negate: Gate = _gate("negate", np.negative, lambda y, a: -1)
# `is_zero` matters only where the gradient would be 0 · inf: with it the gradient is 0.
power: Gate = _gate(
    "power", np.power, lambda y, a, b: b * a ** (b - 1 + is_zero(b)), lambda y, a, b: y * log(a + is_zero(a))
)

exp: Gate = _gate("exp", np.exp, lambda y, a: y)
expm1: Gate = _gate("expm1", np.expm1, lambda y, a: exp(a))
log: Gate = _gate("log", np.log, lambda y, a: 1 / a)
log1p: Gate = _gate("log1p", np.log1p, lambda y, a: 1 / (1 + a))
sqrt: Gate = _gate("sqrt", np.sqrt, lambda y, a: 0.5 / y)
sin: Gate = _gate("sin", np.sin, lambda y, a: cos(a))
cos: Gate = _gate("cos", np.cos, lambda y, a: -sin(a))
atan: Gate = _gate("atan", np.arctan, lambda y, a: 1 / (1 + a * a))
asinh: Gate = _gate("asinh", np.arcsinh, lambda y, a: 1 / sqrt(1 + a * a))
erf: Gate = _gate("erf", _erf, lambda y, a: 2 / root(pi) * exp(-(a * a)))


def _sigmoid(a: np.ndarray) -> np.ndarray:
    e = np.exp(-_size(a))
    result: np.ndarray = np.where(a.real < 0, e, 1) / (1 + e)
    return result


def _softplus(a: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.where(a.real < 0, 0, a) + np.log1p(np.exp(-_size(a)))
    return result


def _size(a: np.ndarray) -> np.ndarray:
    """Return |a|, in a form that is analytic off the real axis."""
    return np.where(a.real < 0, -a, a)


# σ(-a) is 1 - σ(a), and 4 σ(2a) σ(-2a) is 1 - tanh²(a); these forms keep all digits, however large a is.
sigmoid: Gate = _gate("sigmoid", _sigmoid, lambda y, a: y * sigmoid(-a))
softplus: Gate = _gate("softplus", _softplus, lambda y, a: sigmoid(a))
logsigmoid: Gate = _gate("logsigmoid", lambda a: -_softplus(-a), lambda y, a: sigmoid(-a))
tanh: Gate = _gate("tanh", np.tanh, lambda y, a: 4 * sigmoid(2 * a) * sigmoid(-2 * a))

# A tie goes to the first argument: maximum(x, 0) has slope 1 at x = 0, maximum(0, x) and relu(x) have slope 0.
maximum: Gate = _gate(
    "maximum", np.maximum, lambda y, a, b: at_least(a, b), lambda y, a, b: 1 - at_least(a, b), effect="routes"
)
minimum: Gate = _gate(
    "minimum", np.minimum, lambda y, a, b: at_least(b, a), lambda y, a, b: 1 - at_least(b, a), effect="routes"
)
relu: Gate = _gate("relu", lambda a: np.maximum(a, 0), lambda y, a: 1 - at_least(0, a), effect="routes")
absolute: Gate = _gate("abs", np.abs, lambda y, a: sign(a), effect="routes")

# a where c > 0, else b. The upstream gradient goes to the branch taken; the other one gets 0, and nothing makes it NaN.
where: Gate = _linear(
    "where",
    lambda c, a, b: np.where(c.real > 0, a, b),
    None,
    lambda g, y, c, a, b: unbroadcast(where(c, g, 0.0), a.shape),
    lambda g, y, c, a, b: unbroadcast(where(c, 0.0, g), b.shape),
    effect="routes",
)
# The product of an upstream gradient u and a local one, 0 where u is 0: see `backpropagate`.
scale: Gate = _linear(
    "scale",
    lambda u, f: np.where(u == 0, 0, u * f),
    lambda g, y, u, f: unbroadcast(scale(g, f), u.shape),
    lambda g, y, u, f: unbroadcast(scale(u, g), f.shape),
    effect="scales",
)

# Steps: their slope is 0 wherever it exists.
step: Gate = _gate("step", lambda a: np.where(np.isnan(a), a, 1.0 * (a.real > 0)), None, effect="stops")
at_least: Gate = _gate("at_least", np.greater_equal, None, None, effect="stops")
is_zero: Gate = _gate("is_zero", lambda a: a == 0, None, effect="stops")
sign: Gate = _gate("sign", np.sign, None, effect="stops")


def _matmul_back(index: int) -> LocalGradient:
    """Return the rule for one operand: upstream bᵀ for a, aᵀ upstream for b; a vector is a row or a column."""

    def rule(upstream: Node, y: Node, a: Node, b: Node) -> Node:
        row = reshape(a, shape=(1, *a.shape)) if len(a.shape) == 1 else a
        column = reshape(b, shape=(*b.shape, 1)) if len(b.shape) == 1 else b
        stack = np.broadcast_shapes(row.shape[:-2], column.shape[:-2])
        upstream = reshape(upstream, shape=(*stack, row.shape[-2], column.shape[-1]))
        gradient = upstream @ column.T if index == 0 else row.T @ upstream
        return reshape(unbroadcast(gradient, (row, column)[index].shape), shape=(a, b)[index].shape)

    return rule


def _spread(upstream: Node, y: Node, a: Node) -> Node:
    """Return the gradient of a sum by the array that was summed."""
    axis = y.options.get("axis")
    axes = range(a.value.ndim) if axis is None else np.atleast_1d(axis)
    kept = [1 if i in {axis % a.value.ndim for axis in axes} else size for i, size in enumerate(a.shape)]
    return broadcast(reshape(upstream, shape=tuple(kept)), shape=a.shape)


matmul: Gate = _linear("matmul", np.matmul, _matmul_back(0), _matmul_back(1), effect="switches")
sum: Gate = _linear("sum", np.sum, _spread, effect="distributes")
mean: Gate = _linear(
    "mean", np.mean, lambda g, y, a: _spread(g * (max(y.value.size, 1) / a.value.size), y, a), effect="distributes"
)
transpose: Gate = _linear(
    "transpose", lambda a: a if a.ndim < 2 else a.mT, lambda g, y, a: transpose(g), effect="rearranges"
)
reshape: Gate = _linear("reshape", np.reshape, lambda g, y, a: reshape(g, shape=a.shape), effect="rearranges")
broadcast: Gate = _linear("broadcast", np.broadcast_to, lambda g, y, a: unbroadcast(g, a.shape), effect="sums")


def unbroadcast(gradient: Node, shape: tuple[int, ...]) -> Node:
    """Return a gradient summed over the axes that were repeated when an array of `shape` was broadcast to it."""
    extra = len(gradient.shape) - len(shape)
    if extra:
        gradient = sum(gradient, axis=tuple(range(extra)))
    repeated = tuple(i for i, size in enumerate(shape) if size == 1 and gradient.shape[i] != 1)
    return sum(gradient, axis=repeated, keepdims=True) if repeated else gradient


# --- backpropagation ---------------------------------------------------------------------------------------------


class Backward(NamedTuple):
    """The result of a backward pass.

    Attributes
    ----------
    total
        The gradient of each node, shaped like the node: the sum of what all gates that use it sent to it.
    sent
        The gradient that a node sent to its input i, by (node, i).
    """

    total: dict[Node, Node]
    sent: dict[tuple[Node, int], Node]


def history(y: Node) -> list[Node]:
    """Return y and all nodes that it was computed from, each once and after its inputs."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack = [(y, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((source, False) for source in reversed(node.inputs))
    return order


def backpropagate(y: Node, leaves: Iterable[Node], upstream: Operand = 1.0) -> Backward:
    """Return the gradients of Σ upstream · y at the leaves and at every node between them and y.

    Parameters
    ----------
    y
        A node of any shape; `upstream` is broadcast to this shape.
    leaves
        The nodes to differentiate by. The pass visits only nodes that depend on them. A leaf that y does not depend
        on has a gradient of zeros.
    """
    leaves = list(leaves)
    order = history(y)
    alive = set(leaves)
    for node in order:
        if not alive.isdisjoint(node.inputs):
            alive.add(node)
    routed: set[Node] = set()  # what branches of `where` are computed from; local gradients may be infinite there
    upstream = upstream if isinstance(upstream, Node) else Node(upstream)
    total = {y: upstream if upstream.shape == y.shape else broadcast(upstream, shape=y.shape)}
    sent: dict[tuple[Node, int], Node] = {}
    for node in reversed(order):
        if node.gate is None or node not in alive or node not in total:
            continue
        for index, source in enumerate(node.inputs):
            part = node.gate.back(index, total[node], node, node in routed) if source in alive else None
            if part is not None:
                if node in routed or node.gate is where or node.gate is scale:
                    routed.add(source)
                sent[node, index] = part
                total[source] = total[source] + part if source in total else part
    zeros = {leaf: Node(np.zeros(leaf.shape)) for leaf in leaves if leaf not in total}
    return Backward(total | zeros, sent)


def why_nan(y: Node, backward: Backward, name: Callable[[Node], str]) -> str:
    """Return where a gradient becomes NaN on the way back from y, as a clause; "" if none does.

    Parameters
    ----------
    y
        A node without a NaN.
    backward
        Its backward pass.
    name
        What to call a node in the text.
    """
    for node in reversed(history(y)):
        if node not in backward.total or node.gate is None:
            continue
        upstream = backward.total[node]
        if np.isnan(upstream.value).any():
            return f"infinite gradients of opposite sign meet at {name(node)}"
        for index in range(len(node.inputs)):
            part = backward.sent.get((node, index))
            if part is not None and np.isnan(part.value).any():
                return _why_sent_nan(node, node.gate, index, upstream, name)
    leaves = [node for node in backward.total if node.gate is None and np.isnan(backward.total[node].value).any()]
    return f"infinite gradients of opposite sign meet at {name(leaves[0])}" if leaves else ""


def _why_sent_nan(node: Node, gate: Gate, index: int, upstream: Node, name: Callable[[Node], str]) -> str:
    """Return why a gate sends NaN to an input, at the first entry where it does."""
    rule = gate.local[index]
    if rule is None or not gate.elementwise:
        return f"{name(node)} sums 0 times an infinite number"
    factor = rule(node, *node.inputs)
    local = factor.value if isinstance(factor, Node) else np.asarray(float(factor))
    *values, local, above = np.broadcast_arrays(*(source.value for source in node.inputs), local, upstream.value)
    with np.errstate(all="ignore"):
        entries = np.argwhere(np.isnan(local * above))
    if not len(entries):
        return f"{name(node)} sends infinite gradients of opposite sign to {name(node.inputs[index])}"
    first = tuple(entries[0])
    if not np.isnan(local[first]):
        return f"{name(node)} multiplies the upstream gradient {above[first] + 0:.4g} by {local[first] + 0:.4g}"
    shown = [(name(source), f"{value[first] + 0:.4g}") for source, value in zip(node.inputs, values, strict=True)]
    point = ", ".join(f"{label} = {value}" for label, value in shown if label != value)
    reason = f"{name(node)} has no derivative by {shown[index][0]} at {point}"
    if gate is power and index == 1 and values[0][first] < 0:
        reason += ": a negative number has powers only for whole exponents"
    return reason
