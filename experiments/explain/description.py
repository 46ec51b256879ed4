"""Describes a formula as an activation, in words: range, slope, saturation, mean, kinks."""

import math

import numpy as np

from experiments.explain.trace import show
from nets.formula import Formula

SIDES = {"both": "on both sides", "left": "on the left", "right": "on the right", "neither": "nowhere"}


def describe(formula: Formula) -> dict[str, str]:
    """Return the properties of a formula at its initial parameters by name, as text."""
    x = np.linspace(-50, 50, 100_001)
    h, slope = formula(x), formula.prime(x)
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    mean = _rounded(float(density @ h) * (x[1] - x[0]))
    odd = np.abs(h + h[::-1]).max() <= 1e-9 * np.abs(h).max()
    kinks = ", ".join(map(show, formula.kinks))
    low, high = (_limit(x, h, slope, int(index)) for index in (h.argmin(), h.argmax()))
    return {
        "range": f"{low or '−∞'} to {high or '∞'}",
        "slope": f"{show(slope.min())} to {show(slope.max())} within |x| ≤ 50",
        "saturates": f"{SIDES[formula.saturates]} (|f′| < 0.005 where 30 ≤ |x| ≤ 50)",
        "zero-centred": f"{'yes, odd' if odd else 'no'}; mean of f(z) over z ~ N(0, 1): {show(mean)}",
        "kinks": f"f′ jumps at x = {kinks}" if kinks else "none",
        "initializer": f"{formula.initializer} for init=auto",
    }


def _limit(x: np.ndarray, h: np.ndarray, slope: np.ndarray, index: int) -> str:
    """Return the extreme value h[index] and where it is attained; nothing if h grows without a limit there."""
    value, steepness = _rounded(h[index]), abs(slope[index])
    if index in (0, x.size - 1):
        if steepness > 0.005:
            return ""
        if steepness > 1e-7:
            return f"{show(value)} (at {show(x[index])}, still changing)"
    is_point = np.count_nonzero(np.abs(h - h[index]) <= 1e-12 * max(1, abs(value))) < 4
    return f"{show(value)} (at {show(x[index])})" if is_point else show(value)


def _rounded(value: float) -> float:
    """Return 0 for a rounding error."""
    return value if abs(value) > 1e-9 else 0.0
