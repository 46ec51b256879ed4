"""Numbers as a reader sees them: errors in their unit, intervals and p values."""

import math
from collections.abc import Iterable

import pandas as pd

from experiments.analysis.units import UNITS

MINUS = "−"
NOTHING = "–"
"""Stands where a number is not defined."""


def number(value: float, digits: int = 3, sign: bool = False) -> str:
    """Return a number with significant digits; `sign` puts a plus before a positive one."""
    if pd.isna(value):
        return NOTHING
    if math.isinf(value):
        return "∞"
    return _formatted(value, ".0f" if 10**digits <= abs(value) < 1e6 else f".{digits}g", sign)


def error(value: float, task: str, sign: bool = False) -> str:
    """Return an error, or a difference of errors, in the unit of its task."""
    unit = UNITS[task]
    if math.isinf(unit.ceiling):  # errors without a bound have no common number of decimals
        return number(unit.scale * value, sign=sign)
    return NOTHING if pd.isna(value) else _formatted(unit.scale * value, ".2f", sign)


def _formatted(value: float, kind: str, sign: bool) -> str:
    """Return a number with a real minus sign; zero has no sign."""
    return f"{float(value):{'+' if sign and value else ''}z{kind}}".replace("-", MINUS)


def measure(tasks: Iterable[str]) -> str:
    """Return what the errors of some tasks are called, with their units: "error (%)" or "RMSE (target units)"."""
    return " or ".join(f"{UNITS[task].name} ({UNITS[task].label})" for task in sorted(set(tasks)))


def interval(low: float, high: float, task: str, sign: bool = False) -> str:
    """Return the two ends of an interval of errors."""
    return NOTHING if pd.isna(low) else f"{error(low, task, sign)} to {error(high, task, sign)}"


def p_value(value: float) -> str:
    """Return a p value with two digits, or that it is below 0.0001."""
    return NOTHING if pd.isna(value) else "< 0.0001" if value < 1e-4 else f"{value:.2g}"
