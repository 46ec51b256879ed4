"""Finds the peaks of a formula between sampled points, and tells a pole from a high peak."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from experiments.explain.intervals import Interval, enclosure
from nets.expressions import build, parse
from nets.formula import Formula
from nets.graph import Node, backpropagate, history

MOST = 100
"""The largest number of peaks of one operation that are searched."""

STEADY = 0.9
"""Towards a pole each refinement raises a formula by at least this share of the rise before."""

EPS = float(np.finfo(np.float64).eps)


class Peak(NamedTuple):
    """A local maximum of a formula, and whether it is a pole."""

    height: float
    x: float
    is_pole: bool


class Samples(NamedTuple):
    """A formula at points x.

    Attributes
    ----------
    h, error
        Its values, and an estimate of their rounding errors: eps |value| times the derivative of the formula by that
        value, summed over all operations.
    operations
        The value of each operation that depends on x.
    """

    h: np.ndarray
    error: np.ndarray
    operations: list[np.ndarray]


def sampled(formula: Formula, x: np.ndarray, with_error: bool = False) -> Samples:
    """Return a formula at its initial parameters at the points x; without the errors they are 0."""
    parameters = formula.init(1, 1, np.float64)
    leaves = {"x": Node(x)} | {name: Node(np.full(x.shape, value.item())) for name, value in parameters.items()}
    y, _ = build(parse(formula.expression, leaves), leaves)
    error = np.zeros(x.shape)
    with np.errstate(all="ignore"):
        for node, slope in backpropagate(y, leaves.values()).total.items() if with_error else ():
            if node.gate is not None:
                error += EPS * np.abs(slope.value * node.value)
    operations = [node.value for node in history(y) if node.gate and node.shape == x.shape]
    return Samples(np.broadcast_to(y.value, x.shape), error, operations)


@np.errstate(over="ignore")
def denser(formula: Formula, x: np.ndarray) -> np.ndarray:
    """Return ascending points with further ones, towards 0 distance, at the peaks and valleys of all operations.

    A peak of the formula may be narrower than the distance between the points. It is seldom as narrow in all
    operations: of exp(-(1000*(x-0.3))**2), the power has a wide valley.
    """
    h, _, operations = sampled(formula, x)
    columns = [
        (number, sign, index)
        for number, values in enumerate(operations)
        for sign in (-1, 1)
        for index in _tops(sign * values, h)
    ]
    if not columns:
        return x
    number, sign, index = np.array(columns).T

    def operation(points: np.ndarray) -> np.ndarray:
        values = np.array(sampled(formula, points).operations)
        heights: np.ndarray = sign * values[number, :, np.arange(number.size)].T
        return heights

    low, high = x[index - 1], x[index + 1]
    centre, _ = refined(operation, low, high)
    distance = (high / 2 - low / 2) * 0.25 ** np.arange(28)[:, None]
    dense = np.concatenate([x, centre, (centre - distance).ravel(), (centre + distance).ravel()])
    return np.unique(dense[(dense >= x[0]) & (dense <= x[-1])])


def peaks(formula: Formula, x: np.ndarray, sign: int) -> list[Peak]:
    """Return the highest peaks of a formula between ascending points, or for the sign −1 its lowest valleys.

    Heights are those of sign times the formula.
    """
    height = sign * sampled(formula, x).h
    index = _tops(height, height)
    if not index.size:
        return []
    top, heights = refined(lambda points: sign * sampled(formula, points).h, x[index - 1], x[index + 1])
    poles = _poles(formula, top, sign)
    return [Peak(*peak) for peak in zip(heights.tolist(), top.tolist(), poles, strict=True)]


def _tops(values: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Return the indices of local maxima, at most `MOST`: those where h is lowest and those where it is highest."""
    level = values[1:-1]
    rises, falls = level > values[:-2], level > values[2:]
    index = 1 + np.flatnonzero((rises & (level >= values[2:])) | (falls & (level >= values[:-2])))
    if index.size > MOST:
        around = np.nan_to_num(np.stack([h[index - 1], h[index], h[index + 1]]))
        lowest, highest = np.argsort(around.min(axis=0), kind="stable"), np.argsort(-around.max(axis=0), kind="stable")
        index = index[np.union1d(lowest[: MOST // 2], highest[: MOST // 2])]
    return index


def refined(
    function: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where a function is highest between low and high, up to the resolution of floats, and its heights."""
    columns = np.arange(low.size)
    top, highest = low, np.full(low.shape, -np.inf)
    for _ in range(18):
        points = low + (high - low) * np.linspace(0, 1, 21)[:, None]
        heights = np.nan_to_num(function(points), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        best = heights.argmax(axis=0)
        is_higher = heights[best, columns] > highest
        top = np.where(is_higher, points[best, columns], top)
        highest = np.where(is_higher, heights[best, columns], highest)
        low, high = points[np.maximum(best - 1, 0), columns], points[np.minimum(best + 1, 20), columns]
    return top, highest


def _poles(formula: Formula, x: np.ndarray, sign: int) -> list[bool]:
    """Return which peaks are poles: interval arithmetic allows ∞ there, and the formula rises towards them."""
    width = 8 * np.spacing(np.abs(x))
    bounds = enclosure(formula, Interval(x - width, x + width))
    is_infinite = np.isinf(bounds.high if sign > 0 else bounds.low)
    return [
        bool(infinite) and _rises(formula, float(point), sign) for point, infinite in zip(x, is_infinite, strict=True)
    ]


def _rises(formula: Formula, x: float, sign: int) -> bool:
    """Return whether a formula rises towards x steadily, up to the resolution of floats."""
    distance = max(abs(x), 1e-3) * 10.0 ** -np.arange(2, 14)
    samples = sampled(formula, x + np.array([-1.0, 1.0])[:, None] * distance, with_error=True)
    heights = np.nan_to_num(sign * samples.h, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    side = heights.argmax(axis=0)
    height, error = heights.max(axis=0), samples.error[side, np.arange(distance.size)]
    if (height == np.inf).any():
        return True
    with np.errstate(invalid="ignore"):
        rises = np.diff(height[error <= 0.01 * np.abs(height)])[-3:]
    return bool(rises.size == 3 and (rises > 0).all() and (rises[1:] >= STEADY * rises[:-1]).all())
