"""Describes an activation in words: range, limits, slope, saturation, mean, kinks, jumps, and the weights it needs."""

import math
import re

from experiments.explain.bounds import NEAR, bounds
from experiments.explain.trace import show
from nets import theory
from nets.activations import Activation
from nets.formula import Formula
from nets.initializers import Critical
from nets.properties import properties

NONE = "–"
"""What stands for a property that a function does not have, as those of several pieces do not, or a year of none."""

SIDES = {"both": "on both sides", "left": "on the left", "right": "on the right", "neither": "nowhere"}


def describe(activation: Activation) -> dict[str, str]:
    """Return the properties of an activation at its initial parameters by name, as text."""
    weights = {
        "gain": _gain(activation),
        "critical": _critical(activation),
        "initializer": f"{activation.initializer} for init=auto",
    }
    if activation.pieces > 1:
        return {"pieces": f"{activation.pieces} pre-activations per unit"} | weights
    facts = properties(activation)
    left, right = (NONE if math.isnan(limit) else number(limit) for limit in facts.limits)
    mean = (
        "not computed, since E[f(z)²] is infinite"
        if math.isnan(facts.mean)
        else show(facts.mean if abs(facts.mean) > 1e-9 else 0.0)
    )
    return {
        # The graph of a formula decides where its range is attained.
        "range": bounds(activation) if isinstance(activation, Formula) else interval(facts.low, facts.high),
        "limits": f"{left} at −∞, {right} at ∞",
        "Lipschitz": number(facts.lipschitz),
        "monotone": facts.monotone,
        "symmetry": facts.symmetry,
        "saturates": SIDES[facts.saturates],
        "kinks": _points("f′", facts.kinks, activation),
        "jumps": _points("f", facts.jumps, activation),
        "zero-centred": f"{'yes' if facts.zero_centred else 'no'}; mean of f(z) over z ~ N(0, 1): {mean}",
        **weights,
    }


def number(value: float) -> str:
    """Return a number, or a dash for NaN, as text."""
    return NONE if math.isnan(value) else f"{value:.4g}".replace("inf", "∞").replace("-", "−")


def typeset(text: str) -> str:
    """Return a text on numbers with real minus signs, as `number` has them; hyphens between letters stay."""
    return re.sub(r"(?<!\w)-(?=\d)|(?<=\de)-(?=\d)", "−", text)


def interval(low: float, high: float) -> str:
    """Return the range between two bounds as text."""
    return f"{number(low)} to {number(high)}"


def _points(name: str, points: tuple[float, ...], activation: Activation) -> str:
    """Return where a function jumps, as text; a formula's kinks and jumps are sought near 0 only."""
    found = f"{name} jumps at x = {', '.join(map(show, points))}" if points else "none"
    return f"{found} (sought within |x| ≤ {NEAR:g})" if isinstance(activation, Formula) else found


def _gain(activation: Activation) -> str:
    """Return the gain of `init=variance_preserving`, as text."""
    try:
        gain = theory.gain(activation)
    except theory.TheoryError as error:
        return f"none: {error}"
    return f"{show(gain)} = 1/√E[f(z)²]: init=variance_preserving takes weights of variance {show(gain**2)}/fan_in"


def _critical(activation: Activation) -> str:
    """Return the weights and biases of `init=critical`, as text."""
    try:
        weights, biases, length, growth = theory.critical(activation, Critical().bias_variance)
    except theory.TheoryError as error:
        return f"none: {error}"
    settings = f"init=critical takes weights of variance {show(weights)}/fan_in and biases of variance {show(biases)}"
    stability = ", an unstable fixed point" if growth > theory.UNSTABLE else ""
    return f"{settings}; q* = {show(length)}, V′(q*) = {show(growth)}{stability}"
