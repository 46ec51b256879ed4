"""What a study's tables say in numbers: intervals, paired tests, ranks; and the names that tell conditions apart.

A replica that diverged is worse than any that did not. Where only order counts (median, interquartile mean, ranks,
wins, Wilcoxon's test) it enters as that, an error of inf; a mean or a t interval cannot hold it, so these are over
what finished, and the number that is missing stands beside them.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

POWER = 0.8


def summarise(frame: pd.DataFrame, by: str | Sequence[str], column: str, level: float = 0.95) -> pd.DataFrame:
    """Centre, spread and Student's interval, mean ± t(n−1)·s/√n, of a column over each group's replicas.

    Mean, interval and std are over the finite values; the others are counted, never dropped silently.

    Parameters
    ----------
    frame
        A table with one row per replica within each group.
    by
        The column or columns that define a group.
    column
        The column to summarise, in its own unit.
    level
        The interval's confidence level, between 0 and 1.

    Returns
    -------
    DataFrame
        One row per group, sorted: the columns of `by`; `n` finite values; their `mean`; `low` and `high` (NaN
        for n < 2); `std` (with n − 1); `diverged` values that are not finite; `diverged_share` of all values;
        `median` and `iqm`, the mean without the ⌊count/4⌋ lowest and highest, of all values, those that
        diverged being inf.

    References
    ----------
    Student (1908), "The probable error of a mean", Biometrika 6. Agarwal et al. (2021), "Deep reinforcement learning
    at the edge of the statistical precipice" (the interquartile mean).
    """
    from scipy.special import stdtrit

    if not 0 < level < 1:
        raise ValueError(f"level={level}: a confidence level lies between 0 and 1")
    by = [by] if isinstance(by, str) else list(by)
    values = frame[column].astype(float)
    finite = np.isfinite(values)
    keys = [frame[name] for name in by]
    groups = values.where(finite).groupby(keys, dropna=False)
    table = groups.agg(n="count", mean="mean", std="std", size="size")
    table["median"], table["iqm"] = _middle(values.where(finite, np.inf).to_numpy(), groups.ngroup().to_numpy())
    table = table.reset_index()
    n = table["n"].where(table["n"] > 1)
    half = stdtrit(n - 1, (1 + level) / 2) * table["std"] / np.sqrt(n)
    table["low"], table["high"] = table["mean"] - half, table["mean"] + half
    table["diverged"] = table["size"] - table["n"]
    table["diverged_share"] = table["diverged"] / table["size"]
    return table[[*by, "n", "mean", "low", "high", "std", "diverged", "diverged_share", "median", "iqm"]]


def _middle(values, group):
    """Return the median and the interquartile mean of each group, which are numbered from 0."""
    order = np.lexsort((values, group))
    values, group = values[order], group[order]
    size = np.bincount(group)
    start, cut = np.cumsum(size) - size, size // 4
    place = np.arange(len(values)) - start[group]
    middle = (place >= cut[group]) & (place < (size - cut)[group])
    median = (values[start + (size - 1) // 2] + values[start + size // 2]) / 2
    return median, np.bincount(group[middle], values[middle]) / (size - 2 * cut)


def compare(
    scores: pd.DataFrame, pairs: Iterable[tuple[str, str]], test_to_train: float = math.nan, level: float = 0.95
) -> pd.DataFrame:
    """Compare conditions two by two over the seeds that both have; the pairs given are Holm's family.

    A seed is the same split, batch order and base draws for both, so differences are taken within it. The primary test
    is the paired t test; Wilcoxon's signed-rank test, exact also with ties, stands beside it.

    Parameters
    ----------
    scores
        Errors, smaller is better: a row for each seed, a column for each condition; inf is a replica that diverged, NaN
        one that was not trained.
    pairs
        (condition, reference), columns of `scores`.
    test_to_train
        Test rows over training rows, for the interval of Nadeau and Bengio.
    level
        Of the intervals.

    Returns
    -------
    DataFrame
        One row per pair: `run`, `reference`;
        `n` seeds on which both finished, `lost` on which one diverged or both;
        `difference` of the means, run − reference, negative if the run is better, with its paired t interval `low` to
        `high` and its standard deviation `std`;
        `p` of the t test and `p_holm`, adjusted;
        `effect`, difference / std (Cohen's d_z);
        `improvement`, the share of seeds on which the run is better, ties half: P(run < reference);
        `wilcoxon`, its p, and `wilcoxon_least`, the smallest p that this number of seeds allows, 2^(1−n);
        `corrected_low`, `corrected_high`: the interval whose variance is s²(1/n + test/training), since training
        parts overlap;
        `seeds` that would show this difference with a probability of 80 %.
        What is not defined is NaN: everything but `improvement` and `wilcoxon` where n < 2, and the tests where all
        differences are one number other than 0.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6. Nadeau and Bengio (2003), "Inference for the generalization
    error", Machine Learning 52. Wilcoxon (1945), Biometrics Bulletin 1.
    """
    from scipy.special import stdtr, stdtrit

    columns = {run: values.to_numpy(float) for run, values in scores.items()}
    rows = []
    for run, reference in pairs:
        both = np.stack([columns[run], columns[reference]], axis=1)
        both = both[~np.isnan(both).any(axis=1)]
        difference = np.subtract(*both[np.isfinite(both).all(axis=1)].T)
        n = len(difference)
        # Errors are counts over a number of rows: those that ought to be equal differ by rounding.
        rounding = 1e-12 * np.abs(both[np.isfinite(both)]).max(initial=0)
        difference[np.abs(difference) <= rounding] = 0
        mean, std = (difference.mean(), difference.std(ddof=1)) if n > 1 else (math.nan, math.nan)
        mean = 0.0 if abs(mean) <= rounding else mean
        spread = std > rounding
        t = mean / (std / math.sqrt(n)) if spread else 0.0 if mean == 0 else math.nan
        half = stdtrit(n - 1, (1 + level) / 2) * std if n > 1 else math.nan
        corrected = half * math.sqrt(1 / n + test_to_train) if n > 1 else math.nan
        half = half / math.sqrt(n) if n > 1 else math.nan
        rows.append(
            {
                "run": run,
                "reference": reference,
                "n": n,
                "lost": len(both) - n,
                "difference": mean,
                "low": mean - half,
                "high": mean + half,
                "std": std,
                "p": 2 * stdtr(n - 1, -abs(t)) if n > 1 else math.nan,
                "effect": mean / std if spread else math.nan if t else 0.0,
                "improvement": np.mean((both[:, 0] < both[:, 1]) + (both[:, 0] == both[:, 1]) / 2)
                if len(both)
                else math.nan,
                "wilcoxon": signed_rank_p(both[:, 0], both[:, 1]),
                "wilcoxon_least": 2.0 ** (1 - len(both)) if len(both) else math.nan,
                "corrected_low": mean - corrected,
                "corrected_high": mean + corrected,
            }
        )
    names = ["run", "reference", "n", "lost", "difference", "low", "high", "std", "p", "p_holm", "effect"]
    names += ["improvement", "wilcoxon", "wilcoxon_least", "corrected_low", "corrected_high", "seeds"]
    table = pd.DataFrame(rows, columns=[name for name in names if name not in ("p_holm", "seeds")])
    table["p_holm"] = holm(table["p"])
    table["seeds"] = seeds_needed(table["difference"], table["std"].where(table["p"].notna()), 1 - level)
    return table[names]


def holm(p: pd.Series) -> pd.Series:
    """Return p values adjusted by Holm for being one family; an undefined one counts in it and stays NaN."""
    # The same as statsmodels' multipletests, which collects garbage at every call: a tenth of a second and more.
    family = p.fillna(1).to_numpy(float)
    order = family.argsort()
    adjusted = np.empty_like(family)
    adjusted[order] = np.maximum.accumulate(family[order] * np.arange(len(family), 0, -1))
    return pd.Series(adjusted.clip(max=1), p.index).where(p.notna())


def signed_rank_p(x: np.ndarray, y: np.ndarray) -> float:
    """Return the exact two-sided p of Wilcoxon's signed-rank test of paired values; inf is larger than any other.

    Pairs that are equal are left out. Test errors are multiples of one over the number of test rows, so ties are the
    rule; SciPy's exact distribution has none. Here the signs of the mid-ranks are what is random.
    """
    from scipy.stats import rankdata

    with np.errstate(invalid="ignore"):  # inf − inf
        difference = np.where(x == y, 0, np.subtract(x, y))
    difference = difference[difference != 0]
    if not len(difference):
        return 1.0
    # Equal differences of errors differ by rounding.
    size = np.abs(difference)
    finite = size[np.isfinite(size)]
    size = np.where(np.isfinite(size), np.round(size, 12 - _magnitude(finite)), np.inf)
    doubled = np.rint(2 * rankdata(size)).astype(int)
    chance = np.zeros(doubled.sum() + 1)
    chance[0] = 1
    for rank in doubled:
        chance = (chance + np.concatenate([np.zeros(rank), chance[:-rank]])) / 2
    positive = doubled[difference > 0].sum()
    tail = min(chance[: positive + 1].sum(), chance[positive:].sum())
    return float(min(1.0, 2 * tail))


def _magnitude(values):
    """Return the power of ten of the largest value."""
    return math.floor(math.log10(values.max())) if len(values) else 0


def seeds_needed(difference: np.ndarray, std: np.ndarray, alpha: float = 0.05) -> np.ndarray:
    """Return how many paired seeds show a difference with a probability of 80 %, by the two-sided t test.

    Parameters
    ----------
    difference
        Between the means.
    std
        Standard deviation of the differences between pairs; a number or an array as `difference`.
    alpha
        Level of the test.

    Returns
    -------
    ndarray
        Of one dimension: whole numbers from 2 up, to one digit beyond a million; inf for no difference; NaN where the
        spread is not known.
    """
    from statsmodels.stats.power import TTestPower

    difference, std = np.abs(np.atleast_1d(difference)).astype(float), np.atleast_1d(std).astype(float)
    # Beyond an effect of 1000 the noncentral t has no digits left, and two seeds are enough anyway.
    effect = np.divide(difference, std, out=np.full(std.shape, 1e3), where=std > 0).clip(max=1e3)
    known, some = ~np.isnan(difference + std), difference > 0
    # The normal approximation falls a few seeds short.
    n = np.maximum(2, np.floor(7.8 / np.where(known & some, effect, 1) ** 2))
    open_ = np.flatnonzero(known & some & (n <= 1e6))
    while open_.size:
        short = TTestPower().power(effect[open_], n[open_], alpha) < POWER
        open_ = open_[short]
        n[open_] += 1
    large = n > 1e6
    n[large] = [float(f"{value:.1g}") for value in n[large]]
    return np.where(known, np.where(some, n, np.inf), np.nan)


class OverDatasets(NamedTuple):
    """Treatments compared over datasets: Friedman's test of their ranks and Nemenyi's of each pair."""

    datasets: int
    ranks: pd.Series  # mean rank of each treatment, 1 the best
    p: float  # Friedman's
    critical_difference: float  # between mean ranks, Nemenyi's at 5 %
    pairs: pd.DataFrame  # Nemenyi's p, treatment × treatment
    sentence: str  # what may be said


def over_datasets(scores: pd.DataFrame) -> OverDatasets:
    """Rank treatments within each dataset and test whether they differ; seeds are not datasets and do not count here.

    Parameters
    ----------
    scores
        Smaller is better, only the order within a row counts: a row for each dataset, a column for each treatment.

    References
    ----------
    Demšar (2006), "Statistical comparisons of classifiers over multiple data sets", JMLR 7.
    """
    n, k = scores.shape
    ranks = scores.rank(axis=1)
    mean = ranks.mean().sort_values(kind="stable")
    nothing = pd.DataFrame(np.nan, scores.columns, scores.columns)
    if n < 2:
        return OverDatasets(n, mean, math.nan, math.nan, nothing, "One dataset: nothing is said about any other.")
    if k < 3:
        have = f"{k} {'is' if k == 1 else 'are'} on all {n} datasets"
        sentence = f"Friedman's test ranks three treatments at least, and {have}."
        return OverDatasets(n, mean, math.nan, math.nan, nothing, sentence)
    from scipy.stats import friedmanchisquare, studentized_range

    critical = float(studentized_range.ppf(0.95, k, np.inf) / math.sqrt(2) * math.sqrt(k * (k + 1) / (6 * n)))
    if critical >= k - 1:
        sentence = (
            f"{n} datasets are too few to compare {k} treatments over datasets: mean ranks would have to be "
            f"{critical:.1f} apart, and cannot be more than {k - 1}."
        )
        return OverDatasets(n, mean, math.nan, critical, nothing, sentence)
    alike = (ranks.nunique(axis=1) == 1).all()
    p = 1.0 if alike else float(friedmanchisquare(*ranks.to_numpy().T).pvalue)
    from scikit_posthocs import posthoc_nemenyi_friedman

    pairs = posthoc_nemenyi_friedman(ranks.to_numpy())
    pairs = pd.DataFrame(pairs.to_numpy(), scores.columns, scores.columns)
    found, which = "cannot be told apart", ""
    if p < 0.05:
        found, which = "differ", f"; mean ranks {critical:.1f} apart do (Nemenyi, 5 %)"
    rough = "; with so few datasets this p is rough" if n < 10 else ""
    sentence = f"Over {n} datasets the {k} treatments {found} (Friedman, p = {p:.2g}{rough}){which}."
    return OverDatasets(n, mean, p, critical, pairs, sentence)
