"""Numbers as a reader sees them: errors in their unit, intervals and p values."""

import math
from collections.abc import Iterable

import pandas as pd

from experiments.analysis.units import ERROR, Unit, metric_of, unit_of, unit_of_row

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


def error(value: float, unit: Unit, sign: bool = False) -> str:
    """Return an error, or a difference of errors, in its unit."""
    if not unit.is_share:  # these have no common number of decimals
        return number(unit.scale * value, sign=sign)
    return NOTHING if pd.isna(value) else _formatted(unit.scale * value, ".2f", sign)


def _formatted(value: float, kind: str, sign: bool) -> str:
    """Return a number with a real minus sign; zero has no sign."""
    return f"{float(value):{'+' if sign and value else ''}z{kind}}".replace("-", MINUS)


def measure(tasks: Iterable[str], metric: str = ERROR) -> str:
    """Return what the errors of some tasks are called, with their units: "error (%)" or "RMSE (target units)"."""
    return " or ".join(dict.fromkeys(unit_of(task, metric).heading for task in sorted(set(tasks))))


def interval(low: float, high: float, unit: Unit, sign: bool = False) -> str:
    """Return the two ends of an interval of errors."""
    return NOTHING if pd.isna(low) else f"{error(low, unit, sign)} to {error(high, unit, sign)}"


def p_value(value: float) -> str:
    """Return a p value with two digits, or that it is below 0.0001."""
    return NOTHING if pd.isna(value) else "< 0.0001" if value < 1e-4 else f"{value:.2g}"


def caption(board: pd.DataFrame) -> str:
    """Return what the numbers of the leaderboard are, from `Findings.board`."""
    if metric_of(board) == ERROR:
        return (
            "The error of a classification is the percentage of wrong rows. The error of a regression is the RMSE in "
            "the target’s unit."
        )
    heading = measure(board["task"], metric_of(board))
    return f"Each number is {heading} on the test rows. Lower is better. docs/metrics.md explains it."


def difference_unit(board: pd.DataFrame) -> str:
    """Return the unit of differences, from `Findings.board`."""
    if metric_of(board) == ERROR:
        return "percentage points, or the target’s unit for a regression"
    unit = unit_of_row(board.iloc[0])
    return "percentage points" if unit.is_share else unit.label or f"that of {unit.the}, which is a pure number"
