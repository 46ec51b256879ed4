"""Tests of two conditions whose errors are paired by seed."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

LEVEL = 0.95
"""Confidence level of all intervals."""


class TTest(NamedTuple):
    """The result of `t_test`.

    Attributes
    ----------
    difference
        Of the means, condition − reference: negative if the condition is better.
    low, high
        Its paired t interval.
    std
        Standard deviation of the differences.
    p
        Two-sided p of the paired t test.
    effect
        difference / std (Cohen's d_z).
    corrected_low, corrected_high
        The interval with variance s²(1/n + test/training), because the training parts of seeds overlap.
    p_corrected
        Two-sided p of the t test with that variance.
    p_equivalence
        The larger p of two one-sided tests: below 5 %, the difference is shown to be smaller than the margin.
    p_equivalence_corrected
        The same with the corrected variance.
    """

    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    std: float = math.nan
    p: float = math.nan
    effect: float = math.nan
    corrected_low: float = math.nan
    corrected_high: float = math.nan
    p_corrected: float = math.nan
    p_equivalence: float = math.nan
    p_equivalence_corrected: float = math.nan


def t_test(errors: np.ndarray, test_to_train: float, margin: float) -> TTest:
    """Return the paired t test of finite errors (n, 2), the corrected one, and two tests of equivalence.

    Differences that are all the same number have no t test. If that number is not 0, `p` is that of the signed-rank
    test for n > 2, and both corrected p are undefined. The p of equivalence is then 2^−n, the p of n equal signs.

    References
    ----------
    Nadeau and Bengio (2003), "Inference for the generalization error", Machine Learning 52. Schuirmann (1987), "A
    comparison of the two one-sided tests procedure and the power approach", Journal of Pharmacokinetics and
    Biopharmaceutics 15.
    """
    n = len(errors)
    if n < 2:
        return TTest()
    # Errors that are equal in exact arithmetic may differ by rounding: they are counts divided by a number of rows.
    rounding = 1e-12 * np.abs(errors).max(initial=0)
    differences = np.subtract(*errors.T)
    differences[np.abs(differences) <= rounding] = 0
    mean, std = differences.mean(), differences.std(ddof=1)
    if abs(mean) <= rounding:
        mean = 0.0
    if std <= rounding:
        return _constant(errors, mean, margin)
    error, corrected = std / math.sqrt(n), std * math.sqrt(1 / n + test_to_train)
    half = stdtrit(n - 1, (1 + LEVEL) / 2)
    return TTest(
        difference=mean,
        low=mean - half * error,
        high=mean + half * error,
        std=std,
        p=2 * stdtr(n - 1, -abs(mean) / error),
        effect=mean / std,
        corrected_low=mean - half * corrected,
        corrected_high=mean + half * corrected,
        p_corrected=2 * stdtr(n - 1, -abs(mean) / corrected),
        p_equivalence=stdtr(n - 1, (abs(mean) - margin) / error),
        p_equivalence_corrected=stdtr(n - 1, (abs(mean) - margin) / corrected),
    )


def _constant(errors: np.ndarray, difference: float, margin: float) -> TTest:
    """Return what is known of errors (n, 2) with the same difference in every row."""
    n = len(errors)
    p = 1.0 if difference == 0 else signed_rank_p(*errors.T) if n > 2 else math.nan
    equivalence = math.nan if math.isnan(margin) else 0.5**n if abs(difference) < margin else 1.0
    ends = (difference, difference)
    if difference == 0:
        return TTest(0.0, *ends, 0.0, p, 0.0, *ends, 1.0, equivalence, equivalence)
    return TTest(difference, *ends, 0.0, p, math.nan, *ends, math.nan, equivalence, math.nan)


class OrderTest(NamedTuple):
    """The result of `order_test`.

    Attributes
    ----------
    improvement
        P(condition < reference), the share of seeds on which the condition is better, ties counting half.
    wilcoxon
        p of the signed-rank test.
    wilcoxon_least
        The smallest p that it could have, 2^(1−seeds).
    """

    improvement: float
    wilcoxon: float
    wilcoxon_least: float


def order_test(errors: np.ndarray) -> OrderTest:
    """Return the comparison of paired errors (seeds, 2), of which any may be inf; only their order counts."""
    if not len(errors):
        return OrderTest(math.nan, 1.0, math.nan)
    run, reference = errors.T
    improvement = np.mean((run < reference) + (run == reference) / 2)
    return OrderTest(improvement, signed_rank_p(run, reference), 2.0 ** (1 - len(errors)))


def signed_rank_p(x: np.ndarray, y: np.ndarray) -> float:
    """Return the exact two-sided p of Wilcoxon's signed-rank test of paired values; inf is larger than any other.

    Equal pairs are left out. Test errors are multiples of 1 / test rows, so other ties are common, and SciPy's exact
    distribution allows none. This one draws the sign of each mid-rank with probability ½.

    References
    ----------
    Wilcoxon (1945), "Individual comparisons by ranking methods", Biometrics Bulletin 1.
    """
    with np.errstate(invalid="ignore"):  # inf − inf
        differences = np.where(x == y, 0, np.subtract(x, y))
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0
    # Equal differences of errors differ by rounding.
    size = np.abs(differences)
    size = np.where(np.isfinite(size), np.round(size, 12 - _magnitude(size[np.isfinite(size)])), np.inf)
    doubled = _doubled_ranks(size)
    probability = np.zeros(doubled.sum() + 1)  # of each sum of doubled positive ranks
    probability[0] = 1
    for rank in doubled:
        probability = (probability + np.concatenate([np.zeros(rank), probability[:-rank]])) / 2
    positive = doubled[differences > 0].sum()
    tail = min(probability[: positive + 1].sum(), probability[positive:].sum())
    return float(min(1.0, 2 * tail))


def _doubled_ranks(values: np.ndarray) -> np.ndarray:
    """Return twice the rank of each value, which is whole; equal values share the mean of their ranks."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)  # SciPy's takes a second to import
    last = np.cumsum(counts)
    ranks: np.ndarray = (2 * last - counts + 1)[places]
    return ranks


def _magnitude(values: np.ndarray) -> int:
    """Return the power of ten of the largest value, or 0 if there are no values."""
    return math.floor(math.log10(values.max())) if len(values) else 0
