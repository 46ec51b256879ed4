"""Properties of an activation of one piece, computed from its values: range, limits, kinks, jumps, slope, symmetry.

All comes from values, but for the kinks and jumps, which the activation itself names. `discontinuities` finds them from
values within ±50, as a test of these names. Learned parameters have their initial values. Values and derivatives come
in float64; a grid finds the places of interest, and finer grids there give them to about 1e-9.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nets.activations import Activation
from nets.theory import TheoryError, moments

Function = Callable[[np.ndarray], np.ndarray]

_FAR = 1e4
"""The largest |x| that is looked at. Beyond it, some formulas lose their digits."""
_GRID = np.sinh(np.linspace(0, math.asinh(_FAR * 50), 6001)) / 50
"""Points from 0 to `_FAR`, 0.0003 apart near 0 and in proportion to x far from it."""
_X = np.concatenate([-_GRID[:0:-1], _GRID])
_TIE = 1e-6  # published constants have six digits


@dataclass(frozen=True)
class Properties:
    """What an activation of one piece does.

    Attributes
    ----------
    limits
        h at -inf and +inf: a number, ±inf, or NaN where h has no limit because it oscillates.
    low, high
        Infimum and supremum of h.
    kinks, jumps
        The points where h' jumps and where h jumps, as the activation names them; those of a formula are within ±50.
    lipschitz
        Supremum of |h'|; inf if h jumps.
    monotone
        "increasing", "decreasing" or "no"; a constant function is increasing.
    symmetry
        "odd", "even" or "no".
    mean, second_moment
        E[h(z)] and E[h(z)²] of a standard normal z; NaN where E[h(z)²] is infinite.
    slopes
        The limits of h' at -inf and +inf, as `limits` are those of h.
    """

    limits: tuple[float, float]
    low: float
    high: float
    kinks: tuple[float, ...]
    jumps: tuple[float, ...]
    lipschitz: float
    monotone: str
    symmetry: str
    mean: float
    second_moment: float
    slopes: tuple[float, float]

    @property
    def smooth(self) -> bool:
        """Whether neither h nor h' jumps."""
        return not self.kinks and not self.jumps

    @property
    def saturates(self) -> str:
        """The sides on which h has a finite limit and h' tends to 0: "both", "left", "right" or "neither"."""
        left, right = (
            math.isfinite(limit) and slope == 0 for limit, slope in zip(self.limits, self.slopes, strict=True)
        )
        return "both" if left and right else "left" if left else "right" if right else "neither"

    @property
    def zero_centred(self) -> bool:
        """Whether the mean of h(z) over a standard normal z is 0."""
        return abs(self.mean) <= _TIE * max(1.0, math.sqrt(self.second_moment))


@np.errstate(all="ignore")  # far out, values may be infinite
def properties(activation: Activation) -> Properties:
    """Return the properties of an activation with its hyperparameters.

    Raises
    ------
    ValueError
        For an activation of several pieces.
    """
    if activation.pieces > 1:
        raise ValueError(f"activation {activation.name!r} has {activation.pieces} pieces: allowed is one of x alone")
    function, prime = _quiet(activation.__call__), _quiet(activation.prime)
    h, slope = function(_X), prime(_X)
    jumps = tuple(sorted(activation.jumps))
    kinks = tuple(sorted(set(activation.kinks) - set(jumps)))
    limits = _limit(function, -1), _limit(function, 1)
    slopes = _limit(prime, -1), _limit(prime, 1)
    low = 0.0 - _supremum(lambda x: -function(x), -h, [-limit for limit in limits])
    high = _supremum(function, h, limits)
    steepest = _supremum(lambda x: np.abs(prime(x)), np.abs(slope), [abs(limit) for limit in slopes])
    mean, second_moment = _moments(activation)
    return Properties(
        limits=limits,
        low=low,
        high=high,
        kinks=kinks,
        jumps=jumps,
        lipschitz=math.inf if jumps else steepest,
        monotone=_monotone(function, slope, jumps),
        symmetry=_symmetry(function),
        mean=mean,
        second_moment=second_moment,
        slopes=slopes,
    )


def _moments(activation: Activation) -> tuple[float, float]:
    try:
        expected = moments(activation, 1.0)
    except TheoryError:
        return math.nan, math.nan
    return expected.mean, expected.square


def _quiet(function: Callable[..., np.ndarray]) -> Function:
    def quiet(x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return function(x)

    return quiet


def discontinuities(function: Function) -> tuple[float, ...]:
    """Return the points within ±50 where a function jumps.

    Every interval of a grid in which the function changes more than around it is halved again and again, towards the
    larger change. A jump stays; the change of a continuous function shrinks with the interval.
    """
    x = np.unique(np.concatenate([_X[np.abs(_X) <= 50], np.linspace(-50, 50, 2001)]))
    x = x + 1e-7 * np.pi  # a jump is between two points, not at one of them
    values = function(x)
    change = np.abs(np.diff(values))
    scale = np.maximum(1e-300, np.nanmax(np.abs(values[np.abs(x) <= 10])))
    around = np.maximum(np.append(change[1:], 0), np.insert(change[:-1], 0, 0))
    is_sudden = (change > 1e-7 * scale) & (change > 1.5 * around)
    is_sudden[:-1] |= (change[:-1] > 1e-7 * scale) & (np.abs(change[:-1] - change[1:]) > 0.3 * change[:-1])
    is_sudden[1:] |= (change[1:] > 1e-7 * scale) & (np.abs(change[1:] - change[:-1]) > 0.3 * change[1:])
    left, right = x[:-1][is_sudden], x[1:][is_sudden]
    for _ in range(45):
        middle = (left + right) / 2
        at_left, at_middle, at_right = function(left), function(middle), function(right)
        goes_left = np.abs(at_middle - at_left) >= np.abs(at_right - at_middle)
        left, right = np.where(goes_left, left, middle), np.where(goes_left, middle, right)
    before, after = function(left - 1e-9), function(right + 1e-9)
    jumped = np.abs(after - before) > 1e-6 * np.maximum(scale, np.abs(after))
    return tuple(sorted({round(float(point), 8) + 0.0 for point in right[jumped]}))


def _limit(function: Function, side: int) -> float:
    """Return the limit of a function far on one side: a number, ±inf, or NaN if it oscillates."""
    tail = function(side * np.geomspace(100, _FAR, 4001))
    steps = np.diff(tail[np.isfinite(tail)])
    moved = np.abs(steps) > 1e-9 * max(1.0, float(np.abs(tail[np.isfinite(tail)]).max(initial=0)))
    directions = np.sign(steps[moved])
    if (directions[:-1] != directions[1:]).any():
        return math.nan
    if np.isinf(tail[-1]):
        return float(tail[-1])
    far = function(side * _FAR / np.array([4, 2, 1]))
    first, last = np.diff(far)
    if abs(last) <= 1e-12 * abs(far[-1]) or abs(last) < 1e-13:
        limit = far[-1]
    elif abs(last) > 0.75 * abs(first):  # the power 1/x halves the change, a logarithm keeps it
        return math.copysign(math.inf, last)
    else:
        limit = far[-1] + last * last / (first - last)  # Aitken's extrapolation of a power law
    return round(float(limit), 6) + 0.0  # the extrapolation has no more digits


def _supremum(function: Function, values: np.ndarray, limits: Sequence[float]) -> float:
    """Return the supremum of a function: of its values on the grid, finer near the largest ones, and of its limits."""
    if any(limit == math.inf for limit in limits) or np.isposinf(values).any():
        return math.inf
    best = float(np.nanmax(values))
    if any(math.isnan(limit) for limit in limits) and _grows(values):
        return math.inf
    index = int(np.nanargmax(values))
    low, high = _X[max(index - 1, 0)], _X[min(index + 1, len(_X) - 1)]
    for _ in range(6):
        x = np.linspace(low, high, 201)
        finer = function(x)
        best = max(best, float(np.nanmax(finer)))
        index = int(np.nanargmax(finer))
        low, high = x[max(index - 1, 0)], x[min(index + 1, 200)]
    ends = [limit for limit in limits if math.isfinite(limit)]
    return max([best, *(limit for limit in ends if limit > best - 1e-6 * max(1.0, abs(best)))]) + 0.0


def _grows(values: np.ndarray) -> bool:
    """Return whether the amplitude of an oscillation still grows far out."""
    far, near = (float(np.nanmax(values[(np.abs(_X) > size / 2) & (np.abs(_X) <= size)])) for size in (_FAR, 100.0))
    return far > 2 * abs(near)


def _monotone(function: Function, slope: np.ndarray, jumps: tuple[float, ...]) -> str:
    tie = 1e-9 * float(np.nanmax(np.abs(slope[np.isfinite(slope)]), initial=0))
    points = np.array(jumps)
    steps = function(points + 1e-6) - function(points - 1e-6) if jumps else np.zeros(1)
    if (slope[~np.isnan(slope)] >= -tie).all() and (steps >= 0).all():
        return "increasing"
    return "decreasing" if (slope[~np.isnan(slope)] <= tie).all() and (steps <= 0).all() else "no"


def _symmetry(function: Function) -> str:
    x = _GRID[_GRID > 0]
    right, left = function(x), function(-x)
    tie = 1e-9 * np.maximum(np.abs(right), np.abs(left)) + 1e-14
    if ((np.abs(right + left) <= tie) | (right == -left)).all():  # infinite values have no sum
        return "odd"
    return "even" if ((np.abs(right - left) <= tie) | (right == left)).all() else "no"
