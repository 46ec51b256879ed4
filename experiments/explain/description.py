"""Describes a formula as an activation, in words: range, slope, saturation, mean, kinks, and the weights it needs."""

import math

import numpy as np

from experiments.explain.bounds import bounds
from experiments.explain.trace import show
from nets import theory
from nets.formula import Formula
from nets.initializers import Critical

SIDES = {"both": "on both sides", "left": "on the left", "right": "on the right", "neither": "nowhere"}


def describe(formula: Formula) -> dict[str, str]:
    """Return the properties of a formula at its initial parameters by name, as text."""
    x = np.linspace(-50, 50, 100_001)
    h, slope = formula(x), formula.prime(x)
    kinks = ", ".join(map(show, formula.kinks))
    finite = np.isfinite(h)
    odd = (finite == finite[::-1]).all() and _is_odd(h[finite])
    return {
        "range": bounds(formula),
        "slope": f"{show(slope.min())} to {show(slope.max())} within |x| ≤ 50".replace("-inf", "−∞").replace(
            "inf", "∞"
        ),
        "saturates": f"{SIDES[formula.saturates]} (|f′| < 0.005 where 30 ≤ |x| ≤ 50)",
        "zero-centred": f"{'yes, odd' if odd else 'no'}; mean of f(z) over z ~ N(0, 1): {_mean(x, h)}",
        "kinks": f"f′ jumps at x = {kinks}" if kinks else "none",
        "initializer": f"{formula.initializer} for init=auto",
        "gain": _gain(formula),
        "critical": _critical(formula),
    }


def _gain(formula: Formula) -> str:
    """Return the gain of `init=variance_preserving`, as text."""
    try:
        gain = theory.gain(formula)
    except theory.TheoryError as error:
        return f"none: {error}"
    return f"{show(gain)}: init=variance_preserving takes weights of variance {show(gain**2)}/fan_in"


def _critical(formula: Formula) -> str:
    """Return the weights and biases of `init=critical`, as text."""
    try:
        weights, biases, length, growth = theory.critical(formula, Critical().bias_variance)
    except theory.TheoryError as error:
        return f"none: {error}"
    settings = f"init=critical takes weights of variance {show(weights)}/fan_in and biases of variance {show(biases)}"
    stability = ", an unstable fixed point" if growth > theory.UNSTABLE else ""
    return f"{settings}; q* = {show(length)}, V′(q*) = {show(growth)}{stability}"


def _is_odd(h: np.ndarray) -> bool:
    return bool(np.abs(h / 2 + h[::-1] / 2).max() <= 5e-10 * np.abs(h).max())


def _mean(x: np.ndarray, h: np.ndarray) -> str:
    """Return the mean of h over a standard normal x, as text."""
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    shown = (density > 0) & np.isfinite(h)
    parts = density[shown] * h[shown]
    size = np.abs(parts)
    # Where f grows as fast as the density falls, the integral has no end within the sampled points.
    if size[0] + size[-1] > 1e-9 * size.max():
        return "infinite or undefined"
    mean = float(parts.sum() * (x[1] - x[0]))
    return show(mean if abs(mean) > 1e-9 else 0.0)
