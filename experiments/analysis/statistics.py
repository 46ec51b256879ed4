"""Pure statistics: intervals, and paired tests of two conditions.

A diverged replica is worse than any that finished. Where only order counts (median, interquartile mean, ranks,
Wilcoxon's test), its error is inf. Means and t intervals cover the finished replicas. The others are counted.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import nctdtr, stdtrit

from experiments.analysis.paired import LEVEL, order_test, t_test

ALPHA = 0.05
"""A difference is significant if its p, adjusted where it is one of several, is lower."""

POWER = 0.8
"""Probability with which `seeds_needed` seeds show a difference."""

SIGNS = 6
"""Seeds with which a constant difference is significant: the signed-rank test then gives 2^(1−6)."""

COMPARISON = (
    "run",
    "reference",
    "n",
    "lost",
    "difference",
    "low",
    "high",
    "std",
    "p",
    "p_holm",
    "effect",
    "improvement",
    "wilcoxon",
    "wilcoxon_least",
    "corrected_low",
    "corrected_high",
    "seeds",
    "p_corrected",
    "p_corrected_holm",
    "p_equivalence",
    "p_equivalence_corrected",
)
"""The columns of `compare`."""


def summarise(frame: pd.DataFrame, by: str | Sequence[str], column: str) -> pd.DataFrame:
    """Return centre, spread and Student's 95 % interval, mean ± t(n−1)·s/√n, of a column over a group's replicas.

    Mean, interval and std are over the finite values. The other values are counted.

    Parameters
    ----------
    frame
        A table with one row per replica within each group.
    by
        The column or columns that define a group.
    column
        The column to summarise, in its own unit.

    Returns
    -------
    DataFrame
        One row per group, sorted. It has the columns of `by`, then:

        - `n`: number of finite values;
        - `mean`, and the interval's ends `low` and `high` (NaN for n < 2);
        - `std`, with n − 1;
        - `diverged`: number of values that are not finite; `diverged_share`: their share of all values;
        - `median` of all values, a diverged one being inf;
        - `iqm`, the interquartile mean: the same without the ⌊count/4⌋ lowest and highest values.

    References
    ----------
    Student (1908), "The probable error of a mean", Biometrika 6. Agarwal et al. (2021), "Deep reinforcement learning
    at the edge of the statistical precipice" (the interquartile mean).
    """
    by = [by] if isinstance(by, str) else list(by)
    values = frame[column].astype(float)
    finite = np.isfinite(values)
    groups = values.where(finite).groupby([frame[name] for name in by], dropna=False)
    table = groups.agg(n="count", mean="mean", std="std", size="size")
    table["median"], table["iqm"] = _medians(values.where(finite, np.inf).to_numpy(), groups.ngroup().to_numpy())
    table = table.reset_index()
    n = table["n"].where(table["n"] > 1)
    half = stdtrit(n - 1, (1 + LEVEL) / 2) * table["std"] / np.sqrt(n)
    table["low"], table["high"] = table["mean"] - half, table["mean"] + half
    table["diverged"] = table["size"] - table["n"]
    table["diverged_share"] = table["diverged"] / table["size"]
    return table[[*by, "n", "mean", "low", "high", "std", "diverged", "diverged_share", "median", "iqm"]]


def possible_intervals(table: pd.DataFrame, ceiling: float | pd.Series, floor: float | pd.Series = 0) -> pd.DataFrame:
    """Return the columns `low` and `high` of `summarise` that are shown: within the possible errors.

    Fewer than three values have no interval, and neither have equal ones: both ends are NaN. Errors that are equal in
    exact arithmetic may differ by rounding.

    Parameters
    ----------
    table
        Errors in any unit; the columns n, mean, std, low and high of `summarise`.
    ceiling, floor
        The largest and the smallest possible error in this unit, one number or one for each row.
    """
    low, high = possible_interval(table, ceiling, floor)
    return pd.DataFrame({"low": low, "high": high}, table.index)


def possible_interval(row: Any, ceiling: Any, floor: Any = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends `low` and `high` of a row, or of a whole table, as `possible_intervals` does."""
    varied = (row["n"] > 2) & (row["std"] > 1e-12 * abs(row["mean"]))
    low, high = np.maximum(row["low"], floor), np.minimum(row["high"], ceiling)
    return np.where(varied, low, np.nan), np.where(varied, high, np.nan)


def _medians(values: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each group's median and interquartile mean; `groups` has the number of each value's group, from 0."""
    order = np.lexsort((values, groups))
    values, groups = values[order], groups[order]
    size = np.bincount(groups)
    start, trimmed = np.cumsum(size) - size, size // 4
    rank = np.arange(len(values)) - start[groups]
    middle = (rank >= trimmed[groups]) & (rank < (size - trimmed)[groups])
    median = (values[start + (size - 1) // 2] + values[start + size // 2]) / 2
    return median, np.bincount(groups[middle], values[middle]) / (size - 2 * trimmed)


def compare(
    scores: pd.DataFrame,
    pairs: Iterable[tuple[str, str]],
    test_to_train: float = math.nan,
    margin: float = math.nan,
) -> pd.DataFrame:
    """Compare pairs of conditions over the seeds that both have; Holm's family is all the pairs.

    A seed fixes split, batch order and base draws for both conditions, so their difference is taken within a seed.
    The primary test is the paired t test, which holds for these splits. Wilcoxon's signed-rank test, which is exact
    with ties too, stands beside it. The corrected test holds for new data of this kind.

    Parameters
    ----------
    scores
        Errors, smaller is better: a row per seed, a column per condition. A diverged replica is inf, an untrained one
        NaN.
    pairs
        (condition, reference), columns of `scores`.
    test_to_train
        Test rows over training rows, for the corrected variance of Nadeau and Bengio.
    margin
        The largest difference that does not matter, for the tests of equivalence.

    Returns
    -------
    DataFrame
        One row per pair, with the columns `COMPARISON`:

        - `run`, `reference`: the pair;
        - `n`: seeds on which both finished; `lost`: seeds on which one or both diverged;
        - the columns of `paired.TTest` and `paired.OrderTest`;
        - `p_holm` and `p_corrected_holm`: `p` and `p_corrected`, adjusted;
        - `seeds` that would show this difference with a probability of 80 %.

        An undefined number is NaN. For n < 2 only `improvement` and the two of Wilcoxon are defined.

    References
    ----------
    Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.
    """
    columns = {run: values.to_numpy(float) for run, values in scores.items()}
    rows = []
    for run, reference in pairs:
        both = np.stack([columns[run], columns[reference]], axis=1)
        both = both[~np.isnan(both).any(axis=1)]
        finished = both[np.isfinite(both).all(axis=1)]
        counts = {"n": len(finished), "lost": len(both) - len(finished)}
        tests = t_test(finished, test_to_train, margin)._asdict() | order_test(both)._asdict()
        rows.append({"run": run, "reference": reference} | counts | tests)
    table = pd.DataFrame(rows, columns=list(COMPARISON))
    table["p_holm"], table["p_corrected_holm"] = holm(table["p"]), holm(table["p_corrected"])
    table["seeds"] = seeds_needed(table["difference"], table["std"].where(table["p"].notna()))
    constant = table["effect"].isna() & table["p"].notna()
    table["seeds"] = table["seeds"].mask(constant, SIGNS)
    return table


def holm(p: pd.Series) -> pd.Series:
    """Return p values adjusted by Holm as one family; an undefined value counts in the family and stays NaN."""
    # The same as statsmodels' multipletests, which collects garbage at every call: a tenth of a second and more.
    family = p.fillna(1).to_numpy(float)
    order = family.argsort()
    adjusted = np.empty_like(family)
    adjusted[order] = np.maximum.accumulate(family[order] * np.arange(len(family), 0, -1))
    return pd.Series(adjusted.clip(max=1), p.index).where(p.notna())


def seeds_needed(difference: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Return how many paired seeds show a difference with a probability of 80 % in the two-sided t test at 5 %.

    Parameters
    ----------
    difference
        Difference of the means, a number or an array.
    std
        Standard deviation of the differences between pairs, in the same shape.

    Returns
    -------
    ndarray
        One dimension, whole numbers from 2 up. Numbers over a million are rounded to one digit. No difference gives
        inf, and an unknown difference or std NaN.
    """
    difference, std = np.abs(np.atleast_1d(difference)).astype(float), np.atleast_1d(std).astype(float)
    # Beyond an effect of 1000 the noncentral t has no digits left, and two seeds are enough anyway.
    effect = np.divide(difference, std, out=np.full(std.shape, 1e3), where=std > 0).clip(max=1e3)
    known, positive = ~np.isnan(difference + std), difference > 0
    # The normal approximation is a few seeds too low, so the search begins there.
    n = np.maximum(2, np.floor(7.8 / np.where(known & positive, effect, 1) ** 2))
    searched = np.flatnonzero(known & positive & (n <= 1e6))
    while searched.size:
        searched = searched[_power(effect[searched], n[searched]) < POWER]
        n[searched] += 1
    large = n > 1e6
    n[large] = [float(f"{value:.1g}") for value in n[large]]
    return np.where(known, np.where(positive, n, np.inf), np.nan)


def _power(effect: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the probability with which the paired t test of n pairs shows a difference of `effect` stds."""
    freedom, shift = n - 1, effect * np.sqrt(n)
    critical = stdtrit(freedom, 1 - ALPHA / 2)
    # statsmodels gives the same, but takes a second to import.
    other_side = nctdtr(freedom, shift, -critical)  # NaN where it is too small for a number
    power: np.ndarray = 1 - nctdtr(freedom, shift, critical) + np.nan_to_num(other_side)
    return power
