"""The computational graph: values that know by which gates they came about, and backpropagation through them.

Calling a gate on nodes, arrays or numbers computes its value at once and keeps it, with the inputs: that is the
forward pass. `backpropagate` walks back from a node: what arrives at a gate, the upstream gradient, times its local
gradient goes on to each input, and where paths converge the gradients add. Local gradients are nodes themselves,
so a gradient can be differentiated again. Values are float64, or complex128 for a complex step; what is out of
range is ±inf or NaN without a warning. Nothing is stored but in the nodes, and nothing recurses.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import pi
from math import sqrt as root
from typing import Any, NamedTuple

import numpy as np

GATES: dict[str, "Gate"] = {}


class Node:
    """A value in the graph, with the gate and the inputs that it comes from; a leaf has neither.

    Attributes
    ----------
    value
        A float64 or complex128 array; of a number, shape ().
    name
        Of a leaf that is to be called something.
    """

    __slots__ = ("gate", "inputs", "name", "options", "value")
    __array_ufunc__ = None  # array + node is the node's business

    def __init__(self, value, name: str = "", gate: "Gate | None" = None, inputs=(), options=None):
        value = np.asarray(value)
        self.value = value if value.dtype == np.complex128 else value.astype(np.float64, copy=False)
        self.name, self.gate, self.inputs, self.options = name, gate, inputs, options or {}

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.value.shape

    @property
    def T(self) -> "Node":
        """The transpose; see `transpose`."""
        return transpose(self)

    def __repr__(self):
        return f"<{self.name or (self.gate.name if self.gate else 'constant')} {self.value.tolist()}>"

    def __add__(self, other):
        return add(self, other)

    def __radd__(self, other):
        return add(other, self)

    def __sub__(self, other):
        return subtract(self, other)

    def __rsub__(self, other):
        return subtract(other, self)

    def __mul__(self, other):
        return multiply(self, other)

    def __rmul__(self, other):
        return multiply(other, self)

    def __truediv__(self, other):
        return divide(self, other)

    def __rtruediv__(self, other):
        return divide(other, self)

    def __pow__(self, other):
        return power(self, other)

    def __rpow__(self, other):
        return power(other, self)

    def __matmul__(self, other):
        return matmul(self, other)

    def __rmatmul__(self, other):
        return matmul(other, self)

    def __neg__(self):
        return negate(self)


@dataclass(frozen=True)
class Gate:
    """A primitive operation: its value and, for each input, its local gradient.

    Attributes
    ----------
    forward
        From the inputs' arrays, and the gate's options by keyword, to the value.
    local
        For each input, from the gate's own node and its inputs' to the local gradient; None where that is zero.
        Of an elementwise gate it is a factor, a node or 1 or -1; else `elementwise` is false and it is a linear
        map: it takes the upstream gradient first and returns what goes on.
    does
        What the gate does to the upstream gradient, in a word.
    """

    name: str
    forward: Callable[..., Any]
    local: tuple[Callable[..., Any] | None, ...]
    does: str
    elementwise: bool = True

    def __post_init__(self):
        GATES[self.name] = self

    def __call__(self, *inputs, **options) -> Node:
        """Return the node of this gate on nodes, arrays or numbers."""
        inputs = tuple(each if isinstance(each, Node) else Node(each) for each in inputs)
        with np.errstate(all="ignore"):
            value = self.forward(*(each.value for each in inputs), **options)
        return Node(value, gate=self, inputs=inputs, options=options)

    def back(self, index: int, upstream: Node, node: Node) -> Node | None:
        """Return what goes from this gate's node on to its input `index`: None if nothing ever does."""
        rule = self.local[index]
        if rule is None:
            return None
        if not self.elementwise:
            return rule(upstream, node, *node.inputs)
        factor = rule(node, *node.inputs)
        if isinstance(factor, Node):
            upstream = upstream * factor
        elif factor == -1:
            upstream = -upstream
        return unbroadcast(upstream, node.inputs[index].shape)


def _gate(name, forward, *local, does="scales"):
    return Gate(name, forward, local, does)


def _linear(name, forward, *local, does):
    return Gate(name, forward, local, does, elementwise=False)


def _erf(a, out=None):
    from scipy.special import erf  # a fifth of a second, which is spent only where erf is used

    return erf(a, out=out)


# --- gates: on one line or two, the value and the local gradient for each input; y is the gate's own node ---------

add = _gate("add", np.add, lambda y, a, b: 1, lambda y, a, b: 1, does="distributes")
subtract = _gate("subtract", np.subtract, lambda y, a, b: 1, lambda y, a, b: -1, does="distributes")
multiply = _gate("multiply", np.multiply, lambda y, a, b: b, lambda y, a, b: a, does="switches")
divide = _gate("divide", np.divide, lambda y, a, b: 1 / b, lambda y, a, b: -y / b)
negate = _gate("negate", np.negative, lambda y, a: -1)
# What `is_zero` adds matters only where a power of zero would be 0 · inf: there the gradient is 0.
power = _gate("power", np.power, lambda y, a, b: b * a ** (b - 1 + is_zero(b)), lambda y, a, b: y * log(a + is_zero(a)))

exp = _gate("exp", np.exp, lambda y, a: y)
expm1 = _gate("expm1", np.expm1, lambda y, a: exp(a))
log = _gate("log", np.log, lambda y, a: 1 / a)
log1p = _gate("log1p", np.log1p, lambda y, a: 1 / (1 + a))
sqrt = _gate("sqrt", np.sqrt, lambda y, a: 0.5 / y)
sin = _gate("sin", np.sin, lambda y, a: cos(a))
cos = _gate("cos", np.cos, lambda y, a: -sin(a))
erf = _gate("erf", _erf, lambda y, a: 2 / root(pi) * exp(-(a * a)))


def _sigmoid(a):
    e = np.exp(-_size(a))
    return np.where(a.real < 0, e, 1) / (1 + e)


def _softplus(a):
    return np.where(a.real < 0, 0, a) + np.log1p(np.exp(-_size(a)))


def _size(a):
    """Return |a|, which stays analytic off the real axis."""
    return np.where(a.real < 0, -a, a)


# σ(-a) is 1 - σ(a) with all its digits, however large a is; so is 4 σ(2a) σ(-2a) = 1 - tanh²(a).
sigmoid = _gate("sigmoid", _sigmoid, lambda y, a: y * sigmoid(-a))
softplus = _gate("softplus", _softplus, lambda y, a: sigmoid(a))
tanh = _gate("tanh", np.tanh, lambda y, a: 4 * sigmoid(2 * a) * sigmoid(-2 * a))

# A tie goes to the first argument: maximum(x, 0) has slope 1 at x = 0, maximum(0, x) and relu(x) have slope 0.
maximum = _gate(
    "maximum", np.maximum, lambda y, a, b: at_least(a, b), lambda y, a, b: 1 - at_least(a, b), does="routes"
)
minimum = _gate(
    "minimum", np.minimum, lambda y, a, b: at_least(b, a), lambda y, a, b: 1 - at_least(b, a), does="routes"
)
relu = _gate("relu", lambda a: np.maximum(a, 0), lambda y, a: 1 - at_least(0, a), does="routes")
absolute = _gate("abs", np.abs, lambda y, a: sign(a), does="routes")

# Steps: flat wherever they have a slope at all.
at_least = _gate("at_least", np.greater_equal, None, None, does="stops")
is_zero = _gate("is_zero", lambda a: a == 0, None, does="stops")
sign = _gate("sign", np.sign, None, does="stops")


def _matmul_back(index):
    """Return the rule for one operand: upstream bᵀ for a, aᵀ upstream for b; a vector is a row or a column."""

    def rule(upstream, y, a, b):
        row = reshape(a, shape=(1, *a.shape)) if len(a.shape) == 1 else a
        column = reshape(b, shape=(*b.shape, 1)) if len(b.shape) == 1 else b
        stack = np.broadcast_shapes(row.shape[:-2], column.shape[:-2])
        upstream = reshape(upstream, shape=(*stack, row.shape[-2], column.shape[-1]))
        gradient = upstream @ column.T if index == 0 else row.T @ upstream
        return reshape(unbroadcast(gradient, (row, column)[index].shape), shape=(a, b)[index].shape)

    return rule


def _spread(upstream, y, a):
    """Return the gradient of a sum at each entry that was summed."""
    axis = y.options.get("axis")
    axes = range(a.value.ndim) if axis is None else np.atleast_1d(axis)
    kept = [1 if i in {axis % a.value.ndim for axis in axes} else size for i, size in enumerate(a.shape)]
    return broadcast(reshape(upstream, shape=tuple(kept)), shape=a.shape)


matmul = _linear("matmul", np.matmul, _matmul_back(0), _matmul_back(1), does="switches")
sum = _linear("sum", np.sum, _spread, does="distributes")
mean = _linear(
    "mean", np.mean, lambda g, y, a: _spread(g * (max(y.value.size, 1) / a.value.size), y, a), does="distributes"
)
transpose = _linear("transpose", lambda a: a if a.ndim < 2 else a.mT, lambda g, y, a: transpose(g), does="rearranges")
reshape = _linear("reshape", np.reshape, lambda g, y, a: reshape(g, shape=a.shape), does="rearranges")
broadcast = _linear("broadcast", np.broadcast_to, lambda g, y, a: unbroadcast(g, a.shape), does="sums")


def unbroadcast(gradient: Node, shape: tuple[int, ...]) -> Node:
    """Return a gradient summed over all that was repeated when an array of `shape` was broadcast to it."""
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
        The gradient of each node passed, shaped like it: the sum of what all its consumers sent.
    sent
        What a node sent to its input i, by (node, i).
    """

    total: dict[Node, Node]
    sent: dict[tuple[Node, int], Node]


def history(y: Node) -> list[Node]:
    """Return y and all it was computed from, each once, inputs before what uses them."""
    order, seen, stack = [], set(), [(y, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((each, False) for each in reversed(node.inputs))
    return order


def backpropagate(y: Node, leaves: Iterable[Node], upstream=1.0) -> Backward:
    """Return the gradients of Σ upstream · y at the leaves and at every node between them and y.

    Parameters
    ----------
    y
        Of any shape; `upstream` is broadcast to it.
    leaves
        Nodes to differentiate by; the pass goes through nothing that does not depend on them. One that y does
        not depend on gets zeros.
    """
    leaves = list(leaves)
    order = history(y)
    alive = set(leaves)
    for node in order:
        if not alive.isdisjoint(node.inputs):
            alive.add(node)
    upstream = upstream if isinstance(upstream, Node) else Node(upstream)
    total = {y: upstream if upstream.shape == y.shape else broadcast(upstream, shape=y.shape)}
    sent = {}
    for node in reversed(order):
        if node not in alive or node not in total:
            continue
        for index, source in enumerate(node.inputs):
            part = node.gate.back(index, total[node], node) if source in alive else None
            if part is not None:
                sent[node, index] = part
                total[source] = total[source] + part if source in total else part
    zeros = {leaf: Node(np.zeros(leaf.shape)) for leaf in leaves if leaf not in total}
    return Backward(total | zeros, sent)
