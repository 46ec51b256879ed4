"""Measured values with their confidence intervals, and the verdict that follows from them.

Intervals are Student's at 95 % over seeds. Where two conditions are compared, they are of paired differences. They hold
for the splits of one data set. An error on test rows also has the corrected interval of Nadeau and Bengio, which is for
new data of the same kind.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.analysis.statistics import compare, summarise
from experiments.tables import edge

REPRODUCED, PARTIAL, FAILED = "reproduced", "partial", "not reproduced"


class Measure(NamedTuple):
    """A measured value with its confidence interval; a value without one (NaN) is exact.

    Attributes
    ----------
    corrected_low, corrected_high : float
        The corrected interval; NaN where the measure is no error on test rows.
    margin_p, margin_p_corrected : float
        p of the test by the margin of the claim, with the paired and the corrected variance; NaN without a margin.
    """

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan
    corrected_low: float = math.nan
    corrected_high: float = math.nan
    margin_p: float = math.nan
    margin_p_corrected: float = math.nan

    def __str__(self) -> str:
        interval = "exact" if math.isnan(self.low) else f"{self.low:.4g} to {self.high:.4g}"
        if not math.isnan(self.corrected_low):
            interval += f"; corrected {self.corrected_low:.4g} to {self.corrected_high:.4g}"
        if not math.isnan(self.margin_p):
            interval += f"; margin p {self.margin_p:.2g}"
        if not math.isnan(self.margin_p_corrected):
            interval += f", corrected {self.margin_p_corrected:.2g}"
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
    reservations : tuple of str
        What must be read with the word: it stands in the same line.
    brief : str
        What each data set says, if the claim is about several; else the first measure is brief enough.
    """

    word: str
    measures: tuple[Measure, ...]
    remark: str = ""
    seeds: str = ""
    reservations: tuple[str, ...] = ()
    brief: str = ""


def word(reproduced: bool, partial: bool = False) -> str:
    """Return the word of a verdict."""
    return REPRODUCED if reproduced else PARTIAL if partial else FAILED


def by_interval(measure: Measure, holds: Callable[[float, float], bool]) -> tuple[str, tuple[str, ...]]:
    """Return the word that the paired interval decides, and a reservation where the corrected one contradicts it.

    Parameters
    ----------
    measure
        What is judged.
    holds
        Whether a claim with this interval (low, high) is reproduced.
    """
    paired = word(holds(measure.low, measure.high))
    corrected = word(holds(measure.corrected_low, measure.corrected_high))
    if paired == corrected or math.isnan(measure.corrected_low):
        return paired, ()
    return paired, (f"by the corrected interval {corrected}",)


def mean(name: str, values: pd.Series) -> Measure:
    """Return the mean over seeds."""
    row = summarise(pd.DataFrame({"all": 0, "value": values.to_numpy(float)}), "all", "value").iloc[0]
    return Measure(name, row["mean"], row["low"], row["high"])


def geometric_mean(name: str, values: pd.Series) -> Measure:
    """Return the geometric mean over seeds."""
    return mean(name, np.log(values)).exp()


def difference(
    name: str, wide: pd.DataFrame, a: str, b: str, test_to_train: float = math.nan, margin: float = math.nan
) -> Measure:
    """Return the mean over seeds of column a − column b; the index of `wide` is the seed.

    Parameters
    ----------
    name, wide, a, b
        The measure's name, and what is compared.
    test_to_train
        Test rows over training rows, for an error on test rows; NaN for another measure.
    margin
        Two one-sided tests show that the difference is smaller than this.
    """
    row = compare(wide, [(a, b)], test_to_train, margin).iloc[0]
    ends = ["low", "high", *["corrected_low", "corrected_high"] * (not math.isnan(test_to_train))]
    return Measure(name, row["difference"], *row[ends])._replace(
        margin_p=row["p_equivalence"], margin_p_corrected=row["p_equivalence_corrected"]
    )


def excess(name: str, wide: pd.DataFrame, a: str, b: str, test_to_train: float, limit: float) -> Measure:
    """Return `difference` with the p of the one-sided test that it is larger than a limit."""
    row = compare(wide.assign(**{a: wide[a] - limit}), [(a, b)], test_to_train).iloc[0]
    above = row["difference"] > 0
    p, corrected = (half if above else 1 - half for half in row[["p", "p_corrected"]] / 2)
    return difference(name, wide, a, b, test_to_train)._replace(margin_p=p, margin_p_corrected=corrected)


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


def tuned_rates(table: pd.DataFrame, *columns: str) -> str:
    """Return in words the grid, and the learning rate of each condition that the columns name."""
    conditions = table.drop_duplicates(list(columns))
    parts = []
    for grid, rows in conditions.groupby("grid", sort=False):
        names = rows[list(columns)].astype(str).agg(", ".join, axis=1)
        rates = [f"{name}: {flagged(rate, grid)}" for name, rate in zip(names, rows["lr"], strict=True)]
        parts.append(f"rates from {{{', '.join(grid.split())}}}: {'; '.join(rates)}")
    return "; ".join(parts)


def flagged(rate: float, grid: str) -> str:
    """Return a chosen rate with a flag at the end of its grid, such as "3 (highest of 7)"."""
    rates = [float(value) for value in str(grid).split()]
    end = edge(rate, rates)
    return f"{rate:g} ({end} of {len(rates)})" if end else f"{rate:g}"


def initializers(table: pd.DataFrame, column: str) -> str:
    """Return in words which conditions differ in initializer too; empty if all have the same."""
    names = table.drop_duplicates(column).groupby("init")[column].agg(", ".join)
    if len(names) < 2:
        return ""
    return "activation and initializer are confounded: " + "; ".join(f"{names[init]} {init}" for init in names.index)
