"""The output pairings of classes, and `OUTPUTS` with all pairings; what they share is in `nets.pairing`."""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from nets.hyperparameters import Number
from nets.pairing import OUTPUTS, Output, check_shapes, half_square
from nets.regression import ExpPoisson, GaussianNLL, LinearHuber, LinearMAE, LinearMSE, Quantile

__all__ = [
    "OUTPUTS",
    "ClippedMSE",
    "ExpPoisson",
    "GaussianNLL",
    "LinearHinge",
    "LinearHuber",
    "LinearMAE",
    "LinearMSE",
    "Output",
    "Quantile",
    "SigmoidCE",
    "SigmoidMSE",
    "SoftmaxCE",
    "SoftmaxFocal",
    "SoftmaxMSE",
    "auto",
]


def auto(task: str, classes: int) -> str:
    """Return the name of the task's usual pairing, whose cost is a negative log-likelihood."""
    if task == "regression":
        return "linear_mse"
    return "sigmoid_ce" if classes == 2 or task == "multilabel" else "softmax_ce"


@dataclass(frozen=True)
class SoftmaxCE(Output, name="softmax_ce"):
    """Softmax units with cross-entropy: the negative log-likelihood of a categorical distribution.

    p = exp(z) / Σ exp(z); each row of y sums to 1. Bridle (1990); Goodfellow et al. (2016), section 6.2.2.3.
    """

    nats = True
    probabilities = "softmax"
    label_smoothing: Annotated[float, Number("[0, 1)")] = field(default=0.0, kw_only=True)

    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return -Σ y log p = log Σ exp(z - max z) - Σ y (z - max z).

        log1p adds the largest score's exp(0) = 1, so the small cost of a confident right answer keeps its digits.
        """
        check_shapes(z, y)
        shifted = _below_maximum(z)
        return self._cost(shifted, shifted == 0, y)

    def assess(self, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        check_shapes(z, y)
        shifted = _below_maximum(z)
        largest = shifted == 0
        return self._cost(shifted, largest, y), _first(largest)

    @staticmethod
    def _cost(shifted: np.ndarray, largest: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the cost from z - max z, which is overwritten, and whether it is 0."""
        rest = np.exp(shifted)
        rest -= largest
        rest = _sum(rest) + (_sum(largest, rest.dtype) - 1)
        shifted *= y.transpose(2, 0, 1)
        cost: np.ndarray = np.log1p(rest) - _sum(shifted)
        return cost

    def smooth(self, y: np.ndarray) -> np.ndarray:
        """Return (1 − s) y + s/K, with s = `label_smoothing` (Szegedy et al. 2016)."""
        return (1 - self.label_smoothing) * y + self.label_smoothing / y.shape[-1] if self.label_smoothing else y

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write p - y."""
        check_shapes(z, y, out)
        np.subtract(_softmax(z).transpose(1, 2, 0), y, out=out)

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return p, the probabilities of the classes."""
        return _softmax(z).transpose(1, 2, 0).copy()


@dataclass(frozen=True)
class SoftmaxMSE(Output, name="softmax_mse"):
    """Softmax units with squared error: half the Brier score, a proper scoring rule but no likelihood.

    p = exp(z) / Σ exp(z). Brier (1950); Bridle (1990).
    """

    probabilities = "softmax"

    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return ½ Σ (p - y)²."""
        check_shapes(z, y)
        return half_square(self.predict(z) - y)

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write p (r - Σ p r) with r = p - y: the softmax's full Jacobian, diag(p) - p pᵀ, times r."""
        check_shapes(z, y, out)
        p = _softmax(z)
        r = np.subtract(p, y.transpose(2, 0, 1), order="C")
        r -= _sum(p * r)
        r *= p
        np.copyto(out, r.transpose(1, 2, 0))

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return p, the probabilities of the classes."""
        return _softmax(z).transpose(1, 2, 0).copy()


@dataclass(frozen=True)
class SoftmaxFocal(Output, name="softmax_focal"):
    """Softmax units with the focal cost, which is no likelihood for gamma > 0.

    p = exp(z) / Σ exp(z), and each row of y is one-hot: p_t is the probability of the true class. Rows that are right
    with confidence count less than under cross-entropy, which is gamma = 0. Lin et al. (2017), "Focal loss for dense
    object detection".
    """

    probabilities = "softmax"
    gamma: Annotated[float, Number("[0, 1e6]")] = 2.0

    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return -(1 - p_t)^gamma log p_t."""
        check_shapes(z, y)
        p, true = _softmax(z), y.transpose(2, 0, 1) == 1
        cost: np.ndarray = self._doubt(*_right_and_wrong(p, true)) * SoftmaxCE().cost(z, y)
        return cost.astype(z.dtype)

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write (1 - p_t)^gamma (1 - gamma p_t log p_t / (1 - p_t)) (p - y).

        1 - p_t is the sum of the other probabilities, so a confident right answer keeps its digits.
        """
        check_shapes(z, y, out)
        p, true = _softmax(z), y.transpose(2, 0, 1) == 1
        right, wrong = _right_and_wrong(p, true)
        information = right * SoftmaxCE().cost(z, y)
        # The limit of -p log p / (1 - p) for p = 1 is 1.
        ratio = np.divide(information, wrong, out=np.ones_like(wrong), where=wrong > 0)
        np.copyto(p, -wrong, where=true)
        np.copyto(out, (p * (self._doubt(right, wrong) * (1 + self.gamma * ratio))).transpose(1, 2, 0))

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return p, the probabilities of the classes."""
        return _softmax(z).transpose(1, 2, 0).copy()

    def _doubt(self, right: np.ndarray, wrong: np.ndarray) -> np.ndarray:
        """Return (1 - p_t)^gamma in float64, from the one of p_t and 1 - p_t that has kept its digits.

        Its relative error is up to gamma · eps, since the power multiplies that of 1 - p_t.
        """
        base = np.where(right < 0.5, 1 - right.astype(np.float64), wrong)
        doubt: np.ndarray = base**self.gamma
        return doubt


@dataclass(frozen=True)
class SigmoidCE(Output, name="sigmoid_ce"):
    """Sigmoid units with cross-entropy: the negative log-likelihood of one Bernoulli variable per unit.

    p = 1 / (1 + exp(-z)). Two classes share one unit. Of more classes, each has its own unit, against the rest.
    Goodfellow et al. (2016), section 6.2.2.2.
    """

    tasks = ("classification", "multilabel")
    one_unit_if_binary = True
    nats = True
    probabilities = "sigmoid"
    label_smoothing: Annotated[float, Number("[0, 1)")] = field(default=0.0, kw_only=True)

    @np.errstate(over="ignore")
    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return -Σ [y log p + (1 - y) log(1 - p)] = Σ [max(z, 0) - y z + log(1 + exp(-|z|))]."""
        check_shapes(z, y)
        cost: np.ndarray = (np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))).sum(axis=-1)
        return cost

    def smooth(self, y: np.ndarray) -> np.ndarray:
        """Return (1 − s) y + s/2, with s = `label_smoothing`: the formula of softmax for two classes."""
        return (1 - self.label_smoothing) * y + self.label_smoothing / 2 if self.label_smoothing else y

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write p - y."""
        check_shapes(z, y, out)
        np.subtract(_sigmoid(z), y, out=out)

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return p, each unit's probability of a 1."""
        return _sigmoid(z)


@dataclass(frozen=True)
class SigmoidMSE(Output, name="sigmoid_mse"):
    """Sigmoid units with squared error, half the Brier score: no likelihood of targets that are 0 or 1.

    Its gradient vanishes where p is near 0 or 1, even if p is wrong. p = 1 / (1 + exp(-z)), and q = 1 - p is computed
    as 1 / (1 + exp(z)) to keep its digits. The units are those of `sigmoid_ce`. Rumelhart, Hinton and Williams (1986);
    Goodfellow et al. (2016), section 6.2.2.2.
    """

    tasks = ("classification", "multilabel")
    one_unit_if_binary = True
    probabilities = "sigmoid"

    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return ½ Σ (p - y)²."""
        check_shapes(z, y)
        return half_square(_sigmoid_residual(_sigmoid(z), _sigmoid(-z), y))

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write (p - y) p q."""
        check_shapes(z, y, out)
        p, q = _sigmoid(z), _sigmoid(-z)
        np.multiply(_sigmoid_residual(p, q, y), p * q, out=out)

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return p, each unit's probability of a 1."""
        return _sigmoid(z)


@dataclass(frozen=True)
class LinearHinge(Output, name="linear_hinge"):
    """Linear units with the hinge cost of a support vector machine, which has no likelihood.

    For two classes, y is -1 or +1 on a single unit and the margin is m = y z. For more classes, y is one-hot and m is
    the true class's score minus its rival's. The rival is the class with the largest other score. Cortes and Vapnik
    (1995); Crammer and Singer (2001).
    """

    one_unit_if_binary = True

    def encode(self, labels: ArrayLike, classes: int, dtype: DTypeLike) -> np.ndarray:
        """Return target rows (n, units): one-hot, or for a single unit +1 for class 1 and -1 for class 0."""
        y = super().encode(labels, classes, dtype)
        return 2 * y - 1 if y.shape[1] == 1 else y

    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return max(0, 1 - m)."""
        check_shapes(z, y)
        cost: np.ndarray = np.maximum(1 + np.vecdot(self._slope(z, y), z), 0)
        return cost

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write -∂m/∂z where m < 1, else 0, also at the kink m = 1; of tied rivals the first takes all of it."""
        check_shapes(z, y, out)
        slope = self._slope(z, y)
        np.multiply(slope, np.vecdot(slope, z)[..., None] > -1, out=out)

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return z, the scores."""
        return z.copy()

    def _slope(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return -∂m/∂z, whose product with z is -m."""
        if z.shape[-1] == 1:
            return -y
        rival = np.where(y > 0, -np.inf, z).argmax(axis=-1, keepdims=True)
        slope: np.ndarray = (rival == np.arange(z.shape[-1])) - y
        return slope


@dataclass(frozen=True)
class ClippedMSE(Output, name="clipped_mse"):
    """Clipped linear units c = max(0, min(1, z)) with squared error, no likelihood of targets that are 0 or 1.

    Where z is outside [0, 1] the gradient is 0, so training may stall, as Goodfellow et al. (2016), section 6.2.2.2,
    warn.
    """

    tasks = ("classification", "multilabel")
    one_unit_if_binary = True
    probabilities = "clip"
    threshold = 0.5

    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return ½ Σ (c - y)²."""
        check_shapes(z, y)
        return half_square(np.clip(z, 0, 1) - y)

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write c - y where 0 ≤ z ≤ 1, else 0.

        The corners 0 and 1 count as inside, so a unit that is at the wrong corner can still leave it.
        """
        check_shapes(z, y, out)
        np.clip(z, 0, 1, out=out)
        inside = out == z
        np.subtract(out, y, out=out)
        np.multiply(out, inside, out=out)

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return c."""
        c: np.ndarray = np.clip(z, 0, 1)
        return c


def _below_maximum(z: np.ndarray) -> np.ndarray:
    """Return z - max z over the units, as (units, replicas, batch): to reduce a short last axis is far slower."""
    shifted = z.transpose(2, 0, 1).copy()
    shifted -= np.maximum.reduce(shifted)
    return shifted


def _first(holds: np.ndarray) -> np.ndarray:
    """Return the index (replicas, batch) of the first unit that holds, of a bool (units, replicas, batch).

    Along the first axis, NumPy's argmax is far slower than this maximum.
    """
    count = len(holds)
    countdown = np.arange(count, 0, -1, dtype=np.min_scalar_type(count))[:, None, None]
    index: np.ndarray = count - np.maximum.reduce(holds.view(np.uint8) * countdown)
    return index


def _right_and_wrong(p: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of the true class and the sum of the others, (replicas, batch), from `_softmax`."""
    return _sum(np.multiply(p, true, order="C")), _sum(np.multiply(p, ~true, order="C"))


def _softmax(z: np.ndarray) -> np.ndarray:
    """Return exp(z) / Σ exp(z) over the units, as (units, replicas, batch)."""
    p = _below_maximum(z)
    np.exp(p, out=p)
    p /= _sum(p)
    return p


def _sum(terms: np.ndarray, dtype: DTypeLike | None = None) -> np.ndarray:
    """Return the sum over the units of a C-ordered (units, replicas, batch), one unit after the other.

    NumPy's sum does the same, except for a single example, which it would sum in another order than a larger stack.
    """
    total: np.ndarray
    total = np.add.accumulate(terms, dtype=dtype)[-1] if terms[0].size == 1 else np.add.reduce(terms, dtype=dtype)
    return total


def _sigmoid(z: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-z)), as exp(z) / (1 + exp(z)) to keep the digits of a small result; beyond 40 it is 1."""
    p: np.ndarray = np.minimum(z, 40)
    np.exp(p, out=p)
    p /= p + 1
    return p


def _sigmoid_residual(p: np.ndarray, q: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return p - y from p and q = 1 - p, without cancellation at y = 0 and y = 1."""
    residual: np.ndarray = (1 - y) * p - y * q
    return residual
