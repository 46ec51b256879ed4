"""The output pairings of numbers: each assumes a distribution of the targets, and its cost follows from it."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from nets.distributions import Distribution, Gaussian, Laplace, Poisson, Quantiles
from nets.hyperparameters import Number
from nets.pairing import Output, check_shapes, half_square

LARGEST_LOG, LARGEST_FACTOR = 800.0, 700.0
"""exp(800) is infinite in float64, exp(700) is not."""


@dataclass(frozen=True)
class LinearMSE(Output, name="linear_mse"):
    """Linear units with squared error: the negative log-likelihood of a Gaussian of mean z and variance 1.

    The two differ by a constant, so maximum likelihood is least squares. Classes are fitted by their one-hot rows: each
    class has a unit, also if there are two. Goodfellow et al. (2016), section 6.2.2.1.
    """

    tasks = ("classification", "multilabel", "regression")
    threshold = 0.5

    @np.errstate(over="ignore")
    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return ½ Σ (z - y)²."""
        check_shapes(z, y)
        return half_square(z - y)

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write z - y."""
        check_shapes(z, y, out)
        np.subtract(z, y, out=out)

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return z, the mean of the targets."""
        return z.copy()

    @np.errstate(over="ignore")
    def spread(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the standard deviation √ mean (z - y)², (replicas, 1, targets)."""
        residual = _by_target(z, y)
        return _as_row(np.sqrt(np.vecdot(residual, residual) / residual.shape[-1]))

    def distribution(self, z: np.ndarray, spread: np.ndarray | None = None) -> Distribution | None:
        """Return the Gaussian of mean z and this standard deviation."""
        return None if spread is None else Gaussian(z.astype(np.float64), np.broadcast_to(spread, z.shape))


@dataclass(frozen=True)
class LinearMAE(Output, name="linear_mae"):
    """Linear units with absolute error: the negative log-likelihood of a Laplace distribution of median z and scale 1.

    The two differ by log 2 for each target. The minimiser is the median, which single outliers do not move. Goodfellow
    et al. (2016), section 6.2.1.2.
    """

    tasks = ("regression",)

    @np.errstate(over="ignore")
    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return Σ |z - y|."""
        check_shapes(z, y)
        return _total(np.abs(z - y))

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write the sign of z - y, which is 0 at a tie."""
        check_shapes(z, y, out)
        np.subtract(z, y, out=out)
        np.sign(out, out=out)

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return z, the median of the targets."""
        return z.copy()

    @np.errstate(over="ignore")
    def spread(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the scale mean |z - y|, (replicas, 1, targets)."""
        residual = np.abs(_by_target(z, y))
        return _as_row(np.vecdot(residual, np.ones_like(residual)) / residual.shape[-1])

    def distribution(self, z: np.ndarray, spread: np.ndarray | None = None) -> Distribution | None:
        """Return the Laplace distribution of median z and this scale."""
        return None if spread is None else Laplace(z.astype(np.float64), np.broadcast_to(spread, z.shape))


@dataclass(frozen=True)
class LinearHuber(Output, name="linear_huber"):
    """Linear units with Huber's cost: the negative log-likelihood of his least favourable density, up to a constant.

    That density is Gaussian in the middle and has the tails of a Laplace distribution beyond `delta`. `delta` is in the
    unit of the targets, which are standardised in a run. The scale of the density is not estimated, so there is no
    `distribution`. Huber (1964), "Robust estimation of a location parameter".
    """

    tasks = ("regression",)
    delta: Annotated[float, Number("[1e-6, 1e6]")] = 1.0

    @np.errstate(over="ignore")
    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return Σ ½ r² where |r| ≤ delta, else Σ delta (|r| - ½ delta), with r = z - y."""
        check_shapes(z, y)
        distance = np.abs(z - y)
        near = np.minimum(distance, self.delta)
        return _total(near * (distance - near / 2))

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write z - y, clipped to ±delta."""
        check_shapes(z, y, out)
        np.subtract(z, y, out=out)
        np.clip(out, -self.delta, self.delta, out=out)

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return z, the centre of the targets' distribution."""
        return z.copy()


@dataclass(frozen=True)
class ExpPoisson(Output, name="exp_poisson"):
    """Exponential units with the negative log-likelihood of a Poisson distribution of mean exp(z), for counts.

    The targets are not scaled. Costs are computed in float64. Nelder and Wedderburn (1972), "Generalized linear
    models".
    """

    tasks = ("regression",)
    nats = True
    scaling = "none"
    distribution_from_scores = True

    @property
    def roles(self) -> tuple[str, ...]:
        return ("log_mean",)

    @np.errstate(over="ignore", under="ignore")
    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return Σ [exp(z) - y z + log y!]."""
        from scipy.special import gammaln  # the import takes a fifth of a second

        check_shapes(z, y)
        score, count = z.astype(np.float64), y.astype(np.float64)
        terms = np.exp(score)
        # Where exp(z) is infinite already, y z must not become so, too.
        terms -= count * np.minimum(score, LARGEST_LOG)
        terms += gammaln(count + 1)
        return _total(terms).astype(z.dtype)

    @np.errstate(over="ignore", under="ignore")
    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write exp(z) - y."""
        check_shapes(z, y, out)
        np.exp(z, out=out)
        np.subtract(out, y, out=out)

    @np.errstate(over="ignore", under="ignore")
    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return exp(z), the mean of the counts."""
        mean: np.ndarray = np.exp(z)
        return mean

    def check_targets(self, y: np.ndarray) -> None:
        """Refuse what is no count: ValueError with the first such target."""
        wrong = y[(y < 0) | (y != np.floor(y))]
        if wrong.size:
            raise ValueError(f"output {self.name} takes counts (0, 1, 2, …), not {wrong[0]:.15g}")

    def distribution(self, z: np.ndarray, spread: np.ndarray | None = None) -> Distribution:
        """Return the Poisson distribution of mean exp(z)."""
        return Poisson(self.predict(z.astype(np.float64)))


@dataclass(frozen=True)
class GaussianNLL(Output, name="gaussian_nll"):
    """Linear units for mean and log-variance, with the negative log-likelihood of their Gaussian.

    A target has the scores m and s = log σ². Nix and Weigend (1994). A small variance lets few rows rule the gradient
    of the mean; `beta` multiplies each target's gradient by σ^(2 beta), whose own gradient is not taken. With beta = 1
    the gradient of the mean is that of the squared error. Seitzer et al. (2022), "On the pitfalls of heteroscedastic
    uncertainty estimation", recommend 0.5. The cost is the negative log-likelihood for every beta. Both are computed in
    float64.
    """

    tasks = ("regression",)
    nats = True
    distribution_from_scores = True
    beta: Annotated[float, Number("[0, 1]")] = 0.0

    @property
    def roles(self) -> tuple[str, ...]:
        return ("location", "log_variance")

    @np.errstate(over="ignore", under="ignore")
    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return Σ ½ [log 2π + s + (y - m)² exp(-s)]."""
        check_shapes(z, y, scores_per_target=2)
        mean, log_variance = self._scores(z.astype(np.float64))
        ratio = _scaled(mean - y, log_variance / -4, 2)
        return _total((ratio * ratio + log_variance + np.log(2 * np.pi)) / 2).astype(z.dtype)

    @np.errstate(over="ignore", under="ignore", invalid="ignore")
    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write (m - y) exp(-s) exp(beta s) and ½ [1 - (y - m)² exp(-s)] exp(beta s)."""
        check_shapes(z, y, out, 2)
        mean, log_variance = self._scores(z.astype(np.float64))
        residual, exponent = mean - y, log_variance * ((self.beta - 1) / 4)
        scaled = _scaled(residual, exponent, 2)
        by_log_variance = (np.exp(self.beta * log_variance) - scaled * scaled) / 2
        if self.beta:
            # inf - inf has the sign of 1 - (y - m)² exp(-s).
            ratio = _scaled(residual, log_variance / -4, 2)
            infinite = np.where(np.abs(ratio) < 1, np.inf, -np.inf)
            np.copyto(by_log_variance, infinite, where=np.isnan(by_log_variance))
        by_mean, by_log = self._scores(out)
        by_mean[:], by_log[:] = _scaled(residual, exponent, 4), by_log_variance

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return m, the mean of the targets."""
        return self._scores(z)[0].copy()

    @np.errstate(over="ignore", under="ignore")
    def distribution(self, z: np.ndarray, spread: np.ndarray | None = None) -> Distribution:
        """Return the Gaussian of mean m and variance exp(s)."""
        mean, log_variance = self._scores(z.astype(np.float64))
        return Gaussian(mean, np.exp(log_variance / 2))

    @staticmethod
    def _scores(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return m and s as views (…, targets)."""
        return z[..., 0::2], z[..., 1::2]


class _Levels:
    """Lists of increasing levels."""

    words = "a list of increasing levels between 0 and 1, 0.5 among them, such as [0.05, 0.5, 0.95]"

    def accepts(self, value: Any) -> bool:
        if not isinstance(value, list | tuple) or not all(Number("(0, 1)").accepts(level) for level in value):
            return False
        return 0.5 in value and list(value) == sorted(set(value))


@dataclass(frozen=True)
class Quantile(Output, name="quantile"):
    """Linear units for several quantiles, with the pinball cost.

    The cost of a single level is the negative log-likelihood of an asymmetric Laplace distribution, up to a constant;
    the sum over levels is no likelihood. A target has a score for each level. Quantiles may cross: a higher level may
    have the lower value. Koenker and Bassett (1978), "Regression quantiles".
    """

    tasks = ("regression",)
    distribution_from_scores = True
    levels: Annotated[tuple[float, ...], _Levels()] = (0.05, 0.5, 0.95)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "levels", tuple(map(float, self.levels)))

    @property
    def roles(self) -> tuple[str, ...]:
        return ("quantile",) * len(self.levels)

    @property
    def point_score(self) -> int:
        return self.levels.index(0.5)

    @np.errstate(over="ignore")
    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return Σ max(τ r, (τ - 1) r) over targets and levels τ, with r = y - z."""
        check_shapes(z, y, scores_per_target=len(self.levels))
        below, above = self._slopes(z)
        residual = y[..., None] - self._values(z)
        return _total(np.maximum(below * residual, -above * residual).reshape(z.shape))

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write -τ where y > z and 1 - τ where y < z, and 0 at a tie."""
        check_shapes(z, y, out, len(self.levels))
        (below, above), values, target = self._slopes(z), self._values(z), y[..., None]
        slope = (values > target) * above
        slope -= (values < target) * below
        np.copyto(out, slope.reshape(z.shape))

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return the median of the targets, the quantile of level 0.5."""
        return self._values(z)[..., self.point_score].copy()

    def distribution(self, z: np.ndarray, spread: np.ndarray | None = None) -> Distribution:
        """Return the quantiles."""
        return Quantiles(self.levels, self._values(z.astype(np.float64)))

    def _slopes(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return τ and 1 - τ in the dtype of z; in float32, the difference would lose digits."""
        level = np.array(self.levels)
        return level.astype(z.dtype), (1 - level).astype(z.dtype)

    def _values(self, z: np.ndarray) -> np.ndarray:
        """Return the scores as (…, targets, levels)."""
        return z.reshape(*z.shape[:-1], z.shape[-1] // len(self.levels), len(self.levels))


def _scaled(residual: np.ndarray, exponent: np.ndarray, times: int) -> np.ndarray:
    """Return residual · exp(exponent)^times, factor by factor: the power alone may be infinite, or 0.

    A factor is finite, so a residual of 0 stays 0. Two such factors make the square of any other residual infinite.
    """
    factor, product = np.exp(np.minimum(exponent, LARGEST_FACTOR)), residual
    for _ in range(times):
        product = product * factor
    return product


def _total(terms: np.ndarray) -> np.ndarray:
    """Return the sum over the last axis of a C-ordered array, in an order that the other rows do not change."""
    total: np.ndarray = terms.sum(axis=-1)
    return total


def _by_target(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return z - y as C-ordered (replicas, targets, rows), in float64."""
    return np.ascontiguousarray((z.astype(np.float64) - y).swapaxes(1, 2))


def _as_row(values: np.ndarray) -> np.ndarray:
    """Return values (replicas, targets) as (replicas, 1, targets)."""
    return values[:, None, :]
