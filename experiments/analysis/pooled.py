"""Two treatments over data sets, from their differences: Bayesian tests and the random-effects mean.

A difference is error of the treatment − error of the reference, negative where the treatment is better. Differences
over data sets must have one unit.
"""

import math
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from experiments.analysis.paired import LEVEL

SAMPLES = 50_000
"""Draws of the Bayesian signed-rank test."""

PRIOR = 0.5
"""Weight of the prior pseudo-observation of the Bayesian signed-rank test, which is a difference of 0."""


class Posterior(NamedTuple):
    """Probabilities that a treatment is better by more than the margin, equivalent, and worse by more than it."""

    better: float = math.nan
    equivalent: float = math.nan
    worse: float = math.nan


def correlated_t(differences: np.ndarray, test_to_train: float, margin: float) -> Posterior:
    """Return the Bayesian correlated t test on one data set: a Student distribution of the true difference.

    The distribution has the mean of the differences, n − 1 degrees of freedom and the squared scale
    s²(1/n + ρ/(1 − ρ)). ρ is the share of the test rows in test and training rows, so ρ/(1 − ρ) is `test_to_train`.

    Parameters
    ----------
    differences
        One for each seed on which both finished. Fewer than two give NaN.
    test_to_train
        Test rows over training rows.
    margin
        The largest difference that does not matter.

    References
    ----------
    Corani and Benavoli (2015), "A Bayesian approach for comparing cross-validated algorithms on multiple data sets",
    Machine Learning 100.
    """
    n = len(differences)
    if n < 2 or math.isnan(test_to_train + margin):
        return Posterior()
    mean, std = differences.mean(), differences.std(ddof=1)
    if std <= 1e-12 * np.abs(differences).max():
        return Posterior(float(mean < -margin), float(abs(mean) <= margin), float(mean > margin))
    scale = std * math.sqrt(1 / n + test_to_train)
    better, worse = (float(stdtr(n - 1, (-margin + sign * -mean) / scale)) for sign in (1, -1))
    return Posterior(better, max(0.0, 1 - better - worse), worse)


def signed_rank(differences: np.ndarray, margin: float, samples: int = SAMPLES) -> Posterior:
    """Return the Bayesian signed-rank test over data sets: which of the three is the most probable, and how surely.

    Weights w of the differences z are drawn from a Dirichlet distribution with 1 for each data set and `PRIOR` for a
    pseudo-observation of 0. A draw gives Σ wᵢwⱼ[zᵢ + zⱼ < −2·margin] to "better", likewise to "worse", and the rest
    to "equivalent"; a sum at the limit counts half. Each probability is the share of draws in which its part is the
    largest.

    Parameters
    ----------
    differences
        One for each data set; ±inf where more replicas of one diverged.
    margin
        The largest difference that does not matter, at least 0. NaN gives NaN.
    samples
        The number of draws. They are the same in each call.

    References
    ----------
    Benavoli et al. (2017), "Time for a change: a tutorial for comparing multiple classifiers through Bayesian
    analysis", JMLR 18.
    """
    if not len(differences) or math.isnan(margin):
        return Posterior()
    finite = np.abs(differences[np.isfinite(differences)])
    beyond = 4 * max(finite.max(initial=0), margin, 1e-12)  # larger than any other, and opposite ones cancel out
    z = np.concatenate([[0.0], np.clip(differences, -beyond, beyond)])
    weights = _weights(len(differences), samples)
    # Errors are counts divided by rows: sums that are equal in exact arithmetic differ by rounding.
    sums = np.round((z[:, None] + z) / beyond, 12)
    limit = np.round(2 * margin / beyond, 12)
    shares = [
        np.einsum("si,si->s", weights @ ((part < -limit) + 0.5 * (part == -limit)), weights) for part in (sums, -sums)
    ]
    if margin == 0:  # then nothing is equivalent, and equal shares count half for either side
        better = float(np.mean(shares[0] > shares[1] + 1e-9) + np.mean(np.abs(shares[0] - shares[1]) <= 1e-9) / 2)
        return Posterior(better, 0.0, 1 - better)
    parts = np.stack([shares[0], 1 - shares[0] - shares[1], shares[1]])
    return Posterior(*(np.bincount(parts.argmax(axis=0), minlength=3) / samples).tolist())


@lru_cache(maxsize=4)
def _weights(datasets: int, samples: int) -> np.ndarray:
    """Return the draws of the Dirichlet distribution, the pseudo-observation first; a stream of its own."""
    generator = np.random.default_rng(int.from_bytes(sha256(b"signed rank").digest()))
    return generator.dirichlet([PRIOR, *[1.0] * datasets], samples)


class RandomEffects(NamedTuple):
    """The mean difference over data sets whose true differences vary.

    Attributes
    ----------
    datasets
        How many took part.
    mean, low, high
        The weighted mean and its 95 % interval.
    p
        Two-sided p of a mean of 0.
    tau
        Standard deviation of the true differences between data sets, in their unit.
    i2
        Share of the variation that is not due to the seeds, max(0, 1 − (k − 1)/Q).
    """

    datasets: int = 0
    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    tau: float = math.nan
    i2: float = math.nan


def random_effects(differences: np.ndarray, variances: np.ndarray) -> RandomEffects:
    """Return the mean of DerSimonian and Laird, with the interval of Hartung and Knapp.

    τ² = max(0, (Q − (k − 1))/(Σv − Σv²/Σv)) with v = 1/variance. The weights are w = 1/(variance + τ²). The interval is
    mean ± t(k − 1)·√(Σw(z − mean)²/((k − 1)Σw)): the spread between data sets decides, and the variances only weight.
    In a simulation it covers the mean in 95 % of cases with known variances, in 93 % with those of 10 seeds.

    Parameters
    ----------
    differences, variances
        Of each data set. A data set without a finite difference or variance takes no part. A variance of 0 comes from
        few equal seeds and not from certainty, so it is replaced by the smallest positive one.

    References
    ----------
    DerSimonian and Laird (1986), "Meta-analysis in clinical trials", Controlled Clinical Trials 7. Hartung and Knapp
    (2001), "A refined method for the meta-analysis of controlled clinical trials with binary outcome", Statistics in
    Medicine 20. Higgins and Thompson (2002), "Quantifying heterogeneity in a meta-analysis", Statistics in Medicine 21.
    """
    known = np.isfinite(differences) & np.isfinite(variances)
    z, variance = differences[known], variances[known]
    k = len(z)
    if k < 2:
        return RandomEffects(k)
    positive = variance > 1e-24
    variance = np.where(positive, variance, variance[positive].min(initial=math.inf) if positive.any() else 1.0)
    v = 1 / variance
    q = float(v @ (z - np.average(z, weights=v)) ** 2)
    tau2 = max(0.0, (q - (k - 1)) / (v.sum() - (v @ v) / v.sum())) if positive.any() else 0.0
    w = 1 / (variance + tau2)
    mean = float(np.average(z, weights=w))
    error = math.sqrt(float(w @ (z - mean) ** 2) / ((k - 1) * w.sum()))
    half = float(stdtrit(k - 1, (1 + LEVEL) / 2)) * error
    p = 2 * float(stdtr(k - 1, -abs(mean) / error)) if error > 0 else float(mean == 0)
    i2 = max(0.0, 1 - (k - 1) / q) if q > 0 and positive.any() else 0.0
    return RandomEffects(k, mean, mean - half, mean + half, p, math.sqrt(tau2), i2)
