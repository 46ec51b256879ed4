"""Finds the range of a formula over all numbers, and says how far it was followed where that decides nothing."""

import math
from dataclasses import dataclass

import numpy as np

from experiments.explain.peaks import Peak, denser, peaks, refined, sampled
from experiments.explain.trace import show
from nets.formula import Formula

NEAR, FAR = 50.0, 1e6
"""A formula is sampled densely up to the first |x|. Beyond the second, an extreme value is reached again and again."""

SETTLED, RELIABLE = 1e-6, 1e-7
"""Shares of a formula's size: what a settled side still changes, and the rounding error up to which a value counts."""

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
    points = np.concatenate([inner.x, *(side.x[np.abs(side.x) > NEAR] for side in sides)])
    points = denser(formula, np.sort(points))
    low, high = (_bound(formula, inner, sides, peaks(formula, points, sign), sign) for sign in (-1, 1))
    return f"always {low}" if low == high else f"{low} to {high}"


def _bound(formula: Formula, inner: Side, sides: list[Side], tops: list[Peak], sign: int) -> str:
    """Return the upper bound as text, or for the sign −1 the lower one."""
    sides = [Side(side.x, sign * side.h, side.size) for side in sides]
    infinity = "∞" if sign > 0 else "−∞"
    if any(side.trend == "grows" for side in sides):
        return infinity
    poles = [peak.x for peak in tops if peak.is_pole]
    if poles:
        return f"{infinity} (at a pole near {show(min(poles, key=abs))})"
    height = sign * inner.h
    index = int(height.argmax())
    best, point = float(height[index]), float(inner.x[index])
    is_point = int(np.count_nonzero(np.abs(height - best) <= 1e-12 * max(1, abs(best)))) < 4
    noise = 1e-9 * min(1, float(np.abs(inner.h).max()))
    highest = max((peak for peak in tops if abs(peak.x) <= NEAR), default=None)
    if highest and highest.height > best + SETTLED * max(abs(best), abs(highest.height)):
        best, point, is_point = highest.height, highest.x, True
    for direction, side in zip((-1, 1), sides, strict=True):
        tolerance = SETTLED * side.size
        limit = float(side.h[-1]) if side.settled else -math.inf
        if limit >= best - tolerance:
            best, is_point, noise = limit, False, tolerance
        top = _highest(formula, side, [peak for peak in tops if direction * peak.x > NEAR], sign)
        if top and top.height > best + tolerance:
            best, point = top.height, top.x
            is_point, noise = abs(point) <= FAR, tolerance
    value = show(0.0 if abs(best) <= noise else sign * best)
    unclear = [side for side in sides if side.trend == "unclear" and side.x.size]
    for side in unclear:
        if side.h[-1] >= best - SETTLED * side.size:
            words = ("at least", "growing") if sign > 0 else ("at most", "falling")
            return f"{words[0]} {value} (at {show(side.x[-1])}, still {words[1]})"
    text = f"{value} (at {show(point)})" if is_point else value
    return f"{text} within |x| ≤ {show(min(abs(side.x[-1]) for side in unclear))}" if unclear else text


def _highest(formula: Formula, side: Side, tops: list[Peak], sign: int) -> Peak | None:
    """Return the highest point of a side beyond the first |x|: the sampled one, refined, unless a peak is higher."""
    beyond = np.flatnonzero(np.abs(side.x) > NEAR)
    if not beyond.size:
        return None
    index = int(beyond[side.h[beyond].argmax()])
    low, high = side.x[[max(index - 1, beyond[0]), min(index + 1, side.x.size - 1)], None]
    point, height = refined(lambda x: sign * sampled(formula, x).h, low, high)
    top = Peak(float(height[0]), float(point[0]), False)
    peak = max(tops, default=top)
    return peak if peak.height > top.height + SETTLED * side.size else top


def _side(formula: Formula, sign: float) -> Side:
    """Return a side up to the largest float, or to the first value that rounding errors may have spoilt."""
    largest = math.log10(np.finfo(np.float64).max)
    near, steps = np.linspace(0, 10, 101), np.linspace(10, 1000, 19_801)
    far = 10.0 ** np.linspace(3, largest - 1e-9, round(200 * largest))
    x = sign * np.concatenate([near, steps[1:], far[1:]])
    h, error, _ = sampled(formula, x, with_error=True)
    with np.errstate(all="ignore"):
        size = float(np.abs(h[: near.size]).max(initial=0, where=np.isfinite(h[: near.size])))
        spoilt = ~(error <= RELIABLE * np.maximum(size, np.abs(h))) | ~np.isfinite(h)
    spoilt[: near.size] = False
    run = np.lib.stride_tricks.sliding_window_view(spoilt, 5).all(axis=1)  # a single point may be a pole
    end = int(run.argmax()) if run.any() else x.size
    kept = np.flatnonzero(~spoilt[:end])[near.size :]
    return Side(x[kept], h[kept], size)
