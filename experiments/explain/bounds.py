"""Finds the range of a formula over all numbers, and says how far it was followed where that decides nothing."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from experiments.explain.trace import show
from nets.expressions import build, parse
from nets.formula import Formula
from nets.graph import Node, backpropagate

NEAR, FAR = 50.0, 1e6
"""A formula is sampled densely up to the first |x|. Beyond the second, an extreme value is reached again and again."""

SETTLED, RELIABLE = 1e-6, 1e-7
"""Shares of a formula's size: what a settled side still changes, and the rounding error up to which a value counts."""

POLE = 1e4
"""A value this many times as large as those at the sampled points beside it belongs to a pole."""

BLOCKS = 8
"""A side is compared in this many parts, each with the same ratio of its last |x| to its first."""


@dataclass(frozen=True)
class Side:
    """A formula to the left or to the right, as far as rounding errors leave its values reliable.

    Attributes
    ----------
    x, h
        The points, away from 0, and the values there.
    size
        The largest |h| on this side within |x| ≤ 10.
    """

    x: np.ndarray
    h: np.ndarray
    size: float

    @property
    def settled(self) -> bool:
        """Whether the formula has come to rest at a limit."""
        last = self._blocks()[-1]
        return bool(last.size and last.max() / 2 - last.min() / 2 <= SETTLED / 2 * self.size)

    @property
    def trend(self) -> str:
        """What its largest values do on the way out: "grows" without a limit, "unclear" or "stops"."""
        blocks = self._blocks()
        if self.settled or min(block.size for block in blocks) == 0:
            return "stops" if self.settled else "unclear"
        highest = np.array([block.max() for block in blocks]) / 4  # so that no difference overflows
        *_, third, second, first = np.diff(highest).tolist()
        if third > 0 and second >= 0.99 * third and first >= 0.99 * second:
            return "grows"
        half = BLOCKS // 2
        # An oscillation reaches almost the same height again and again.
        amplitude = highest[half:].max() - min(block.min() for block in blocks[half:]) / 4
        return "unclear" if highest[-1] - highest[half:-1].min() > 1e-2 * amplitude else "stops"

    def _blocks(self) -> list[np.ndarray]:
        distance = np.abs(self.x)
        if not distance.size:
            return [self.h]
        ends = np.geomspace(distance[0], distance[-1], BLOCKS + 1)[1:-1]
        return np.split(self.h, np.searchsorted(distance, ends))


def bounds(formula: Formula) -> str:
    """Return the range of a formula at its initial parameters, such as "-0.2785 (at -1.278) to ∞"."""
    x = np.linspace(-NEAR, NEAR, 100_001)
    h = formula(x)
    inner = Side(x[np.isfinite(h)], h[np.isfinite(h)], 0.0)
    sides = [_side(formula, sign) for sign in (-1.0, 1.0)]
    low, high = _bound(formula, inner, sides, -1), _bound(formula, inner, sides, 1)
    return f"always {low}" if low == high else f"{low} to {high}"


def _bound(formula: Formula, inner: Side, sides: list[Side], sign: int) -> str:
    """Return the upper bound as text, or for the sign −1 the lower one."""
    sides = [Side(side.x, sign * side.h, side.size) for side in sides]
    if any(side.trend == "grows" for side in sides):
        return "∞" if sign > 0 else "−∞"
    height = sign * inner.h
    index = int(height.argmax())
    best, point = float(height[index]), float(inner.x[index])
    if _highest(formula, inner.x, height, sign).is_pole:
        return _pole(sign, point)
    is_point = int(np.count_nonzero(np.abs(height - best) <= 1e-12 * max(1, abs(best)))) < 4
    noise = 1e-9 * min(1, float(np.abs(inner.h).max()))
    for side in sides:
        tolerance = SETTLED * side.size
        limit = float(side.h[-1]) if side.settled else -math.inf
        if limit >= best - tolerance:
            best, is_point, noise = limit, False, tolerance
        beyond = np.abs(side.x) > NEAR
        if beyond.any() and side.h[beyond].max() > best + tolerance:
            best, point, is_pole = _highest(formula, side.x[beyond], side.h[beyond], sign)
            if is_pole:
                return _pole(sign, point)
            is_point, noise = abs(point) <= FAR, tolerance
    value = show(0.0 if abs(best) <= noise else sign * best)
    unclear = [side for side in sides if side.trend == "unclear" and side.x.size]
    for side in unclear:
        if side.h[-1] >= best - SETTLED * side.size:
            words = ("at least", "growing") if sign > 0 else ("at most", "falling")
            return f"{words[0]} {value} (at {show(side.x[-1])}, still {words[1]})"
    text = f"{value} (at {show(point)})" if is_point else value
    return f"{text} within |x| ≤ {show(min(abs(side.x[-1]) for side in unclear))}" if unclear else text


class _Peak(NamedTuple):
    """The highest point of a formula, and whether it is a pole."""

    height: float
    x: float
    is_pole: bool


def _highest(formula: Formula, x: np.ndarray, h: np.ndarray, sign: int) -> _Peak:
    """Return the peak of sampled values, refined between the points beside it."""
    index = int(h.argmax())
    low, high = float(x[max(index - 1, 0)]), float(x[min(index + 1, x.size - 1)])
    beside = float(np.delete(h[max(index - 1, 0) : index + 2], min(index, 1)).max(initial=0))
    for _ in range(6):
        points = np.linspace(low, high, 1001)
        heights = np.nan_to_num(sign * formula(points), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        index = int(heights.argmax())
        low, high = float(points[max(index - 1, 0)]), float(points[min(index + 1, 1000)])
    height = float(heights[index])
    return _Peak(height, float(points[index]), 0 < POLE * beside < height)


def _pole(sign: int, x: float) -> str:
    return f"{'∞' if sign > 0 else '−∞'} (at a pole near {show(x)})"


def _side(formula: Formula, sign: float) -> Side:
    """Return a side up to the largest float, or to the first value that rounding errors may have spoilt.

    The error is estimated as the sum over all operations of eps |value| times the derivative of f by that value.
    """
    largest = math.log10(np.finfo(np.float64).max)
    near, steps = np.linspace(0, 10, 101), np.linspace(10, 1000, 19_801)
    far = 10.0 ** np.linspace(3, largest - 1e-9, round(200 * largest))
    x = sign * np.concatenate([near, steps[1:], far[1:]])
    parameters = formula.init(1, 1, np.float64)
    leaves = {"x": Node(x)} | {name: Node(np.full(x.shape, value.item())) for name, value in parameters.items()}
    y, _ = build(parse(formula.expression, leaves), leaves)
    h = np.broadcast_to(y.value, x.shape)
    error = np.zeros(x.shape)
    with np.errstate(all="ignore"):
        for node, slope in backpropagate(y, leaves.values()).total.items():
            if node.gate is not None:
                error += np.finfo(np.float64).eps * np.abs(slope.value * node.value)
        size = float(np.abs(h[: near.size]).max(initial=0, where=np.isfinite(h[: near.size])))
        spoilt = ~(error <= RELIABLE * np.maximum(size, np.abs(h))) | ~np.isfinite(h)
    spoilt[: near.size] = False
    run = np.lib.stride_tricks.sliding_window_view(spoilt, 5).all(axis=1)  # a single point may be a pole
    end = int(run.argmax()) if run.any() else x.size
    kept = np.flatnonzero(~spoilt[:end])[near.size :]
    return Side(x[kept], h[kept], size)
