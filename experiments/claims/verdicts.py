"""Measured values with their confidence intervals, and the verdict that follows from them.

Intervals are Student's at 95 % over seeds. Where two conditions are compared, they are of paired differences.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.analysis.statistics import compare, summarise

REPRODUCED, PARTIAL, FAILED = "reproduced", "partial", "not reproduced"


class Measure(NamedTuple):
    """A measured value with its confidence interval; a value without one (NaN) is exact."""

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan

    def __str__(self) -> str:
        interval = "exact" if math.isnan(self.low) else f"{self.low:.4g} to {self.high:.4g}"
        return f"{self.name} {self.value:.4g} ({interval})"

    def exp(self) -> "Measure":
        """Return the measure of a logarithm as the measure of the quantity itself."""
        return Measure(self.name, float(np.exp(self.value)), float(np.exp(self.low)), float(np.exp(self.high)))


class Verdict(NamedTuple):
    """What a table says about a claim.

    Attributes
    ----------
    word : str
        REPRODUCED, PARTIAL or FAILED.
    measures : tuple of Measure
        Those that decide come first.
    remark : str
        What else a reader should know.
    seeds : str
        The seeds behind the table, if it has no column `seed`.
    """

    word: str
    measures: tuple[Measure, ...]
    remark: str = ""
    seeds: str = ""


def word(reproduced: bool, partial: bool = False) -> str:
    """Return the word of a verdict."""
    return REPRODUCED if reproduced else PARTIAL if partial else FAILED


def mean(name: str, values: pd.Series) -> Measure:
    """Return the mean over seeds."""
    row = summarise(pd.DataFrame({"all": 0, "value": values.to_numpy(float)}), "all", "value").iloc[0]
    return Measure(name, row["mean"], row["low"], row["high"])


def geometric_mean(name: str, values: pd.Series) -> Measure:
    """Return the geometric mean over seeds."""
    return mean(name, np.log(values)).exp()


def difference(name: str, wide: pd.DataFrame, a: str, b: str) -> Measure:
    """Return the mean over seeds of column a − column b; the index of `wide` is the seed."""
    row = compare(wide, [(a, b)]).iloc[0]
    return Measure(name, row["difference"], row["low"], row["high"])


def ratio(name: str, wide: pd.DataFrame, a: str, b: str) -> Measure:
    """Return the geometric mean over seeds of column a / column b; the index of `wide` is the seed."""
    return difference(name, np.log(wide), a, b).exp()


def nearly_all(holds: pd.Series) -> bool:
    """Return whether a statement holds for nine of ten seeds: for 9 of 10, and for all of 3."""
    return int(holds.sum()) >= math.ceil(0.9 * len(holds))


def errors_in_points(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return test_error in %: a row for each seed, a column for each condition that `column` names."""
    wide: pd.DataFrame = 100 * table.pivot(index="seed", columns=column, values="test_error")
    return wide


def tuned_rates(table: pd.DataFrame, column: str) -> str:
    """Return in words the learning rate of each condition that `column` names."""
    rates = table.drop_duplicates(column).set_index(column)["lr"]
    return "tuned rates: " + ", ".join(f"{name} {rate:g}" for name, rate in rates.items())
