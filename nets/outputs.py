"""Output units, each fused with the cost that trains it, on raw scores z.

Scores z and targets y are arrays (replicas, batch, units) of one shape and one dtype. A cost is per example,
summed over its units and not divided by the batch; the ½ of a squared cost stays. All is computed from z,
finite and without a warning up to |z| = 1e300 in float64 and 1e37 in float32 (`linear_mse`: 1e150 and 1e18).
No replica's numbers depend on the stack it sits in.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

OUTPUTS: dict[str, type["Output"]] = {}


def auto(task: str, classes: int) -> str:
    """Return the name of the task's usual pairing, whose cost is a negative log-likelihood."""
    if task == "regression":
        return "linear_mse"
    return "sigmoid_ce" if classes == 2 or task == "multilabel" else "softmax_ce"


@dataclass(frozen=True)
class Output(ABC):
    """An output unit fused with its cost; a subclass enters `OUTPUTS` under the name it gives.

    Attributes
    ----------
    tasks
        What it serves: "classification", "multilabel" (units that are 0 or 1 each on its own) and "regression".
    one_unit_if_binary
        Whether two classes share one unit.
    threshold
        A score above it says yes, where a unit decides alone.
    probabilities
        By what `predict` makes scores probabilities: "softmax", "sigmoid" or "clip"; "" where it does not.
    """

    name: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    one_unit_if_binary: ClassVar[bool] = False
    threshold: ClassVar[float] = 0.0
    probabilities: ClassVar[str] = ""

    def __init_subclass__(cls, name: str, **kwargs):
        """Register the subclass."""
        super().__init_subclass__(**kwargs)
        cls.name = name
        OUTPUTS[name] = cls

    @abstractmethod
    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return each example's cost, (replicas, batch); ValueError where the shapes of z and y differ."""

    @abstractmethod
    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write each example's ∂cost/∂z to `out`, an array other than z and y; ValueError as for `cost`."""

    @abstractmethod
    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return the units' values, a new array shaped like z."""

    def units(self, task: str, count: int) -> int:
        """Return the number of score columns for so many classes, labels or targets.

        Raises
        ------
        ValueError
            For a task that this output does not serve.
        """
        if task not in self.tasks:
            raise ValueError(f"output {self.name} does not serve {task}, only {' and '.join(self.tasks)}")
        return 1 if self.one_unit_if_binary and task == "classification" and count == 2 else count

    def encode(self, labels: np.ndarray, classes: int, dtype) -> np.ndarray:
        """Return target rows (n, units): one-hot, or for a single unit 1 for class 1 and 0 for class 0.

        Raises
        ------
        ValueError
            For a label that is not one of 0, 1, …, classes - 1.
        """
        labels = np.asarray(labels)
        one_hot = labels[:, None] == np.arange(classes)
        unknown = labels[~one_hot.any(axis=1)]
        if unknown.size:
            raise ValueError(f"label {unknown[0]} is not one of the classes 0 to {classes - 1}")
        return one_hot[:, -self.units("classification", classes) :].astype(dtype)

    def class_probabilities(self, z: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes (replicas, batch, classes), of an output whose units give them.

        A single unit's is that of class 1. Where each unit has its own class against the rest, they are divided by
        their sum; all are alike where that is 0.
        """
        p = self.predict(z)
        if p.shape[-1] == 1:
            return np.concatenate([1 - p, p], axis=-1)
        total = p.sum(axis=-1, keepdims=True)
        return np.divide(p, total, out=np.full_like(p, 1 / p.shape[-1]), where=total > 0)

    def decide(self, z: np.ndarray) -> np.ndarray:
        """Return the class, (replicas, batch): the first largest score's, or z > threshold of one unit."""
        if z.shape[-1] == 1:
            return (z[..., 0] > self.threshold).astype(np.intp)
        return z.argmax(axis=-1)


@dataclass(frozen=True)
class SoftmaxCE(Output, name="softmax_ce"):
    """Softmax units with cross-entropy: the negative log-likelihood of a categorical distribution.

    p = exp(z) / Σ exp(z); each row of y sums to 1. Bridle (1990); Goodfellow et al. (2016), section 6.2.2.3.
    """

    probabilities = "softmax"

    def cost(self, z, y):
        """Return -Σ y log p = log Σ exp(z - max z) - Σ y (z - max z).

        The largest score's exp(0) = 1 is left to log1p: a confident right answer's cost keeps its digits.
        """
        _same_shape(z, y=y)
        shifted = _below_maximum(z)
        largest = shifted == 0
        rest = np.exp(shifted)
        rest -= largest
        rest = _sum(rest) + (_sum(largest, z.dtype) - 1)
        shifted *= y.transpose(2, 0, 1)
        return np.log1p(rest) - _sum(shifted)

    def gradient(self, z, y, out):
        """Write p - y."""
        _same_shape(z, y=y, out=out)
        np.subtract(_softmax(z).transpose(1, 2, 0), y, out=out)

    def predict(self, z):
        """Return p, the probabilities of the classes."""
        return _softmax(z).transpose(1, 2, 0).copy()


@dataclass(frozen=True)
class SoftmaxMSE(Output, name="softmax_mse"):
    """Softmax units with squared error: half the Brier score, a proper scoring rule but no likelihood.

    p = exp(z) / Σ exp(z). Brier (1950); Bridle (1990).
    """

    probabilities = "softmax"

    def cost(self, z, y):
        """Return ½ Σ (p - y)²."""
        _same_shape(z, y=y)
        return _half_square(self.predict(z) - y)

    def gradient(self, z, y, out):
        """Write p (r - Σ p r) with r = p - y: the softmax's full Jacobian, diag(p) - p pᵀ, times r."""
        _same_shape(z, y=y, out=out)
        p = _softmax(z)
        r = np.subtract(p, y.transpose(2, 0, 1), order="C")
        r -= _sum(p * r)
        r *= p
        np.copyto(out, r.transpose(1, 2, 0))

    def predict(self, z):
        """Return p, the probabilities of the classes."""
        return _softmax(z).transpose(1, 2, 0).copy()


@dataclass(frozen=True)
class SigmoidCE(Output, name="sigmoid_ce"):
    """Sigmoid units with cross-entropy: the negative log-likelihood of one Bernoulli variable per unit.

    p = 1 / (1 + exp(-z)). Two classes share one unit; of more classes each has its own, one against the rest.
    Goodfellow et al. (2016), section 6.2.2.2.
    """

    tasks = ("classification", "multilabel")
    one_unit_if_binary = True
    probabilities = "sigmoid"

    def cost(self, z, y):
        """Return -Σ [y log p + (1 - y) log(1 - p)] = Σ [max(z, 0) - y z + log(1 + exp(-|z|))]."""
        _same_shape(z, y=y)
        return (np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))).sum(axis=-1)

    def gradient(self, z, y, out):
        """Write p - y."""
        _same_shape(z, y=y, out=out)
        np.subtract(_sigmoid(z), y, out=out)

    def predict(self, z):
        """Return p, each unit's probability of a 1."""
        return _sigmoid(z)


@dataclass(frozen=True)
class SigmoidMSE(Output, name="sigmoid_mse"):
    """Sigmoid units with squared error, whose gradient dies where p is 0 or 1, on the wrong side as well.

    p = 1 / (1 + exp(-z)), and q = 1 - p = 1 / (1 + exp(z)) so that it keeps its digits. Units are those of
    `sigmoid_ce`. Rumelhart, Hinton and Williams (1986); Goodfellow et al. (2016), section 6.2.2.2.
    """

    tasks = ("classification", "multilabel")
    one_unit_if_binary = True
    probabilities = "sigmoid"

    def cost(self, z, y):
        """Return ½ Σ (p - y)²."""
        _same_shape(z, y=y)
        return _half_square(_sigmoid_residual(_sigmoid(z), _sigmoid(-z), y))

    def gradient(self, z, y, out):
        """Write (p - y) p q."""
        _same_shape(z, y=y, out=out)
        p, q = _sigmoid(z), _sigmoid(-z)
        np.multiply(_sigmoid_residual(p, q, y), p * q, out=out)

    def predict(self, z):
        """Return p, each unit's probability of a 1."""
        return _sigmoid(z)


@dataclass(frozen=True)
class LinearMSE(Output, name="linear_mse"):
    """Linear units with squared error: the negative log-likelihood of a Gaussian of mean z and variance 1.

    Up to a constant, so maximum likelihood is least squares. Classes are fitted through their one-hot rows,
    one unit each, two classes too. Goodfellow et al. (2016), section 6.2.2.1.
    """

    tasks = ("classification", "multilabel", "regression")
    threshold = 0.5

    def cost(self, z, y):
        """Return ½ Σ (z - y)²."""
        _same_shape(z, y=y)
        return _half_square(z - y)

    def gradient(self, z, y, out):
        """Write z - y."""
        _same_shape(z, y=y, out=out)
        np.subtract(z, y, out=out)

    def predict(self, z):
        """Return z, the mean of the targets."""
        return z.copy()


@dataclass(frozen=True)
class LinearHinge(Output, name="linear_hinge"):
    """Linear units with the hinge cost: a support vector machine, with a margin m and no distribution.

    For two classes, y = -1 or +1 on a single unit, m = y z. For more, y one-hot, m is the true class's score
    less its rival's, the largest other score. Cortes and Vapnik (1995); Crammer and Singer (2001).
    """

    one_unit_if_binary = True

    def encode(self, labels, classes, dtype):
        """Return target rows (n, units): one-hot, or for a single unit +1 for class 1 and -1 for class 0."""
        y = super().encode(labels, classes, dtype)
        return 2 * y - 1 if y.shape[1] == 1 else y

    def cost(self, z, y):
        """Return max(0, 1 - m)."""
        _same_shape(z, y=y)
        return np.maximum(1 + np.vecdot(self._slope(z, y), z), 0)

    def gradient(self, z, y, out):
        """Write -∂m/∂z where m < 1, else 0, also at the kink m = 1; the first of tied rivals takes it all."""
        _same_shape(z, y=y, out=out)
        slope = self._slope(z, y)
        np.multiply(slope, np.vecdot(slope, z)[..., None] > -1, out=out)

    def predict(self, z):
        """Return z, the scores."""
        return z.copy()

    def _slope(self, z, y):
        """Return -∂m/∂z, whose product with z is -m."""
        if z.shape[-1] == 1:
            return -y
        rival = np.where(y > 0, -np.inf, z).argmax(axis=-1, keepdims=True)
        return (rival == np.arange(z.shape[-1])) - y


@dataclass(frozen=True)
class ClippedMSE(Output, name="clipped_mse"):
    """Clipped linear units c = max(0, min(1, z)) with squared error: in [0, 1], but apt to stall.

    Outside [0, 1] there is no gradient to come back by, as Goodfellow et al. (2016), section 6.2.2.2, warn.
    """

    tasks = ("classification", "multilabel")
    one_unit_if_binary = True
    probabilities = "clip"
    threshold = 0.5

    def cost(self, z, y):
        """Return ½ Σ (c - y)²."""
        _same_shape(z, y=y)
        return _half_square(np.clip(z, 0, 1) - y)

    def gradient(self, z, y, out):
        """Write c - y where 0 ≤ z ≤ 1, else 0.

        The corners count as inside: a unit that stands on one with the wrong value can still leave it.
        """
        _same_shape(z, y=y, out=out)
        np.clip(z, 0, 1, out=out)
        inside = out == z
        np.subtract(out, y, out=out)
        np.multiply(out, inside, out=out)

    def predict(self, z):
        """Return c."""
        return np.clip(z, 0, 1)


def _same_shape(z, **others):
    """Refuse arrays that NumPy would stretch to the shape of z."""
    for name, array in others.items():
        if array.shape != z.shape:
            raise ValueError(f"{name} has shape {array.shape}, the scores z have {z.shape}: they must agree")


def _below_maximum(z):
    """Return z - max z over the units, as (units, replicas, batch): reducing a short last axis is far slower."""
    shifted = z.transpose(2, 0, 1).copy()
    shifted -= np.maximum.reduce(shifted)
    return shifted


def _softmax(z):
    """Return exp(z) / Σ exp(z) over the units, as (units, replicas, batch)."""
    p = _below_maximum(z)
    np.exp(p, out=p)
    p /= _sum(p)
    return p


def _sum(terms, dtype=None):
    """Return the sum of a C-ordered (units, replicas, batch) over the units, one after the other.

    So does NumPy's own, unless there is a single example: that it would sum in another order than in a larger stack.
    """
    if terms[0].size == 1:
        return np.add.accumulate(terms, dtype=dtype)[-1]
    return np.add.reduce(terms, dtype=dtype)


def _sigmoid(z):
    """Return 1 / (1 + exp(-z)) = exp(z) / (1 + exp(z)), which keeps the digits of a small one; beyond 40 it is 1."""
    p = np.minimum(z, 40)
    np.exp(p, out=p)
    p /= p + 1
    return p


def _sigmoid_residual(p, q, y):
    """Return p - y from p and q = 1 - p, without cancellation at y = 0 and y = 1."""
    return (1 - y) * p - y * q


def _half_square(residual):
    """Return ½ Σ residual² over the units."""
    return 0.5 * np.vecdot(residual, residual)
