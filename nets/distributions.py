"""Distributions of numbers, as output units predict them.

Arrays are (…, targets) float64. A negative log-likelihood −log p(y) has all constants and is summed over the targets by
its caller. It is +inf for an impossible target, -inf where the density is infinite, never NaN. Nothing gives a warning.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

LARGE_MEAN = 1e6
"""Above this mean, the quantiles of a Poisson distribution come from an expansion, whose error is below one count."""


class Distribution(ABC):
    """What an output unit says about the targets of rows."""

    @property
    @abstractmethod
    def point(self) -> np.ndarray:
        """The prediction: a mean or a median, (…, targets)."""

    @abstractmethod
    def interval(self, share: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the ends of the central interval, which leaves (1 − share)/2 on each side; None if unknown.

        Raises
        ------
        ValueError
            For a share outside (0, 1).
        """

    def nll(self, y: np.ndarray) -> np.ndarray | None:
        """Return −log p(y), (…, targets); None if the density is unknown."""
        return None

    @abstractmethod
    def rescaled(self, mean: np.ndarray, scale: np.ndarray) -> "Distribution":
        """Return the distribution of targets · scale + mean."""


@dataclass(frozen=True, eq=False)
class Gaussian(Distribution):
    """The normal distribution."""

    mean: np.ndarray
    std: np.ndarray

    @property
    def point(self) -> np.ndarray:
        """The mean."""
        return self.mean

    @np.errstate(all="ignore")
    def nll(self, y: np.ndarray) -> np.ndarray:
        """Return ½ log 2π + log σ + ½ ((y − mean) / σ)²."""
        residual = _standardised(y - self.mean, self.std)
        return _never_nan(np.log(2 * np.pi) / 2 + np.log(self.std) + residual * residual / 2)

    def interval(self, share: float) -> tuple[np.ndarray, np.ndarray]:
        """Return mean ∓ σ Φ⁻¹((1 + share) / 2)."""
        width = self.std * NormalDist().inv_cdf((1 + _checked(share)) / 2)
        return self.mean - width, self.mean + width

    def rescaled(self, mean: np.ndarray, scale: np.ndarray) -> "Gaussian":
        return Gaussian(self.mean * scale + mean, self.std * scale)


@dataclass(frozen=True, eq=False)
class Laplace(Distribution):
    """The double exponential distribution."""

    median: np.ndarray
    scale: np.ndarray

    @property
    def point(self) -> np.ndarray:
        """The median, which is also the mean."""
        return self.median

    @property
    def std(self) -> np.ndarray:
        """The standard deviation, √2 · scale."""
        std: np.ndarray = np.sqrt(2) * self.scale
        return std

    @np.errstate(all="ignore")
    def nll(self, y: np.ndarray) -> np.ndarray:
        """Return log 2 + log scale + |y − median| / scale."""
        return _never_nan(np.log(2) + np.log(self.scale) + _standardised(np.abs(y - self.median), self.scale))

    def interval(self, share: float) -> tuple[np.ndarray, np.ndarray]:
        """Return median ∓ scale · −log(1 − share)."""
        width = self.scale * -np.log1p(-_checked(share))
        return self.median - width, self.median + width

    def rescaled(self, mean: np.ndarray, scale: np.ndarray) -> "Laplace":
        return Laplace(self.median * scale + mean, self.scale * scale)


@dataclass(frozen=True, eq=False)
class Poisson(Distribution):
    """The Poisson distribution of counts 0, 1, 2, …; all other targets are impossible."""

    mean: np.ndarray

    @property
    def point(self) -> np.ndarray:
        """The mean."""
        return self.mean

    @property
    def std(self) -> np.ndarray:
        """The standard deviation, the root of the mean."""
        std: np.ndarray = np.sqrt(self.mean)
        return std

    @np.errstate(all="ignore")
    def nll(self, y: np.ndarray) -> np.ndarray:
        """Return mean − y log mean + log y!."""
        from scipy.special import gammaln, xlogy

        value = _never_nan(self.mean - xlogy(y, self.mean) + gammaln(y + 1))
        return np.where((y >= 0) & (y == np.floor(y)), value, np.inf)

    @np.errstate(all="ignore")
    def interval(self, share: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the smallest counts that are not exceeded with probability (1 − share)/2 and (1 + share)/2.

        So the interval has at least this share: counts come in steps.
        """
        share = _checked(share)
        return self._quantile((1 - share) / 2), self._quantile((1 + share) / 2)

    def _quantile(self, level: float) -> np.ndarray:
        """Return the quantile as SciPy does it, and for large means by the expansion of Cornish and Fisher (1938)."""
        from scipy.special import ndtri, pdtr, pdtrik

        small = np.minimum(self.mean, LARGE_MEAN)
        upper = np.ceil(pdtrik(level, small))
        lower = np.maximum(upper - 1, 0)
        exact = np.where(pdtr(lower, small) >= level, lower, upper)
        z = ndtri(level)
        expanded = np.ceil(self.mean + z * np.sqrt(self.mean) + (z * z - 1) / 6 - 0.5)
        return np.where(self.mean > LARGE_MEAN, _never_nan(expanded), exact)

    def rescaled(self, mean: np.ndarray, scale: np.ndarray) -> "Poisson":
        """Return this distribution; ValueError for another unit: counts are never scaled."""
        if np.any(mean) or np.any(np.not_equal(scale, 1)):
            raise ValueError("a Poisson distribution is one of counts, which are never scaled")
        return self


@dataclass(frozen=True, eq=False)
class Quantiles(Distribution):
    """Some quantiles of a distribution that is not known further, so it has no likelihood.

    Attributes
    ----------
    levels
        Ascending probabilities, 0.5 among them.
    values
        (…, targets, levels): the quantiles.
    """

    levels: tuple[float, ...]
    values: np.ndarray

    @property
    def point(self) -> np.ndarray:
        """The median."""
        median: np.ndarray = self.values[..., self.levels.index(0.5)]
        return median

    @property
    def crossings(self) -> np.ndarray:
        """Whether a quantile is below one of a lower level, (…, targets): then they are no quantiles."""
        return np.asarray((np.diff(self.values, axis=-1) < 0).any(axis=-1))

    def interval(self, share: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the quantiles of the levels (1 ∓ share)/2; None unless both are among the levels.

        An interval of 90 % needs the levels 0.05 and 0.95.
        """
        share = _checked(share)
        ends = [np.flatnonzero(np.isclose(self.levels, (1 + side * share) / 2, rtol=0, atol=1e-9)) for side in (-1, 1)]
        if not all(map(len, ends)):
            return None
        low, high = (self.values[..., end[0]] for end in ends)
        return low, high

    def rescaled(self, mean: np.ndarray, scale: np.ndarray) -> "Quantiles":
        return Quantiles(self.levels, self.values * np.expand_dims(scale, -1) + np.expand_dims(mean, -1))


def _checked(share: float) -> float:
    if not 0 < share < 1:
        raise ValueError(f"share={share!r}: allowed is a number in (0, 1)")
    return share


def _standardised(residual: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return residual / scale, and 0 for a residual of 0 whatever the scale is."""
    return np.where(residual == 0, 0, residual / scale)


def _never_nan(nll: np.ndarray) -> np.ndarray:
    """Return a negative log-likelihood with +inf where inf − inf made NaN: the target is impossible there."""
    return np.where(np.isnan(nll), np.inf, nll)
