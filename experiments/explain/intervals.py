"""Encloses the values of a formula on intervals of x by interval arithmetic.

Every bound is widened by the rounding error of its operation. So a formula that may be infinite on an interval has an
infinite bound there, and one with a finite bound has no pole.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nets.expressions import build, parse
from nets.formula import Formula
from nets.graph import GATES, Node, history

ROUNDING = 4 * np.finfo(np.float64).eps
"""The relative error of any operation, with a margin for functions such as exp."""

DOMAINS = {"log": 0.0, "log1p": -1.0, "sqrt": 0.0}
"""The smallest argument of a function. A formula has no values beyond it, so an enclosure is cut off there."""

RISING = {
    "exp": (0.0, np.inf),
    "expm1": (-1.0, np.inf),
    "log": (-np.inf, np.inf),
    "log1p": (-np.inf, np.inf),
    "sqrt": (0.0, np.inf),
    "tanh": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "softplus": (0.0, np.inf),
    "erf": (-1.0, 1.0),
    "atan": (-np.pi / 2, np.pi / 2),
    "asinh": (-np.inf, np.inf),
    "logsigmoid": (-np.inf, 0.0),
    "step": (0.0, 1.0),
    "sign": (-1.0, 1.0),
    "relu": (0.0, np.inf),
}
"""Functions that never fall, and their ranges."""


class Interval(NamedTuple):
    """Arrays of lower and upper bounds."""

    low: np.ndarray
    high: np.ndarray


@np.errstate(all="ignore")
def enclosure(formula: Formula, x: Interval) -> Interval:
    """Return bounds of a formula, at its initial parameters, on each interval of x."""
    parameters = {name: Node(value.item(), name) for name, value in formula.init(1, 1, np.float64).items()}
    leaves = {"x": Node(0.0, "x")} | parameters
    y, pieces = build(parse(formula.expression, leaves), leaves)
    bounds: dict[Node, Interval] = {leaves["x"]: x}
    for node in history(y):
        if node.gate is None:
            bounds.setdefault(node, Interval(*[np.full(x.low.shape, node.value)] * 2))
            continue
        inputs = [bounds[source] for source in node.inputs]
        name = node.gate.name
        if name == "multiply" and len({pieces.get(source, source.name) for source in node.inputs}) == 1:
            result = _whole_power(inputs[0], 2)  # a product of two equal factors is not negative
        elif name in RISING:
            result = _rising(name, inputs[0])
        else:
            result = OPERATIONS[name](*inputs)
        bounds[node] = result
    return bounds[y]


def _widened(low: np.ndarray, high: np.ndarray) -> Interval:
    low, high = low - ROUNDING * np.abs(low), high + ROUNDING * np.abs(high)
    return Interval(np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high))


def _rising(name: str, a: Interval) -> Interval:
    smallest, function = DOMAINS.get(name, -np.inf), GATES[name].forward
    low, high = _widened(function(np.maximum(a.low, smallest)), function(np.maximum(a.high, smallest)))
    return Interval(np.clip(low, *RISING[name]), np.clip(high, *RISING[name]))


def _add(a: Interval, b: Interval) -> Interval:
    return _widened(a.low + b.low, a.high + b.high)


def _negate(a: Interval) -> Interval:
    return Interval(-a.high, -a.low)


def _multiply(a: Interval, b: Interval) -> Interval:
    products = np.array([a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high])
    products[np.isnan(products)] = 0  # 0 times a bound that is infinite
    return _widened(products.min(axis=0), products.max(axis=0))


def _reciprocal(a: Interval) -> Interval:
    low = np.where((a.low <= 0) & (a.high >= 0) & ~((a.low == 0) & (a.high > 0)), -np.inf, 1 / a.high)
    high = np.where((a.low <= 0) & (a.high >= 0) & ~((a.high == 0) & (a.low < 0)), np.inf, 1 / a.low)
    return _widened(low, high)


def _power(a: Interval, b: Interval) -> Interval:
    exponent = float(b.low.flat[0])
    if not (b.low == b.high).all() or not (b.low == exponent).all():
        positive = _rising("exp", _multiply(b, _rising("log", a)))
        unknown = a.low < 0
        return Interval(np.where(unknown, -np.inf, positive.low), np.where(unknown, np.inf, positive.high))
    if exponent < 0:
        return _reciprocal(_power(a, _negate(b)))
    if exponent.is_integer():
        return _whole_power(a, exponent)
    return _widened(np.maximum(a.low, 0) ** exponent, np.maximum(a.high, 0) ** exponent)


def _whole_power(a: Interval, exponent: float) -> Interval:
    base = _absolute(a) if exponent % 2 == 0 else a
    return _widened(base.low**exponent, base.high**exponent)


def _absolute(a: Interval) -> Interval:
    low = np.where((a.low <= 0) & (a.high >= 0), 0.0, np.minimum(np.abs(a.low), np.abs(a.high)))
    return Interval(low, np.maximum(np.abs(a.low), np.abs(a.high)))


def _wave(function: Callable[[np.ndarray], np.ndarray], a: Interval) -> Interval:
    """Return bounds of a function whose slope is at most 1."""
    middle, half = a.low / 2 + a.high / 2, a.high / 2 - a.low / 2
    low, high = _widened(function(middle) - half, function(middle) + half)
    return Interval(np.clip(low, -1, 1), np.clip(high, -1, 1))


def _where(c: Interval, a: Interval, b: Interval) -> Interval:
    """Return bounds of the branches that may be taken."""
    first, second = c.high > 0, ~(c.low > 0)
    low = np.minimum(np.where(first, a.low, np.inf), np.where(second, b.low, np.inf))
    return Interval(low, np.maximum(np.where(first, a.high, -np.inf), np.where(second, b.high, -np.inf)))


OPERATIONS: dict[str, Callable[..., Interval]] = {
    "add": _add,
    "subtract": lambda a, b: _add(a, _negate(b)),
    "negate": _negate,
    "multiply": _multiply,
    "divide": lambda a, b: _multiply(a, _reciprocal(b)),
    "power": _power,
    "abs": _absolute,
    "maximum": lambda a, b: Interval(np.maximum(a.low, b.low), np.maximum(a.high, b.high)),
    "minimum": lambda a, b: Interval(np.minimum(a.low, b.low), np.minimum(a.high, b.high)),
    "sin": lambda a: _wave(np.sin, a),
    "cos": lambda a: _wave(np.cos, a),
    "where": _where,
}
"""By gate: the bounds of its value from those of its inputs."""
