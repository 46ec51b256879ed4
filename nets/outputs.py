"""Output units, each fused with the cost that trains it, on raw scores z.

Scores z and targets y are arrays (replicas, batch, units) of one shape and one dtype. A cost is per example: it is
summed over the units and not divided by the batch. A squared cost keeps its ½. Everything is computed from z. The cost
of one unit is finite up to |z| = 1e300 in float64 and 1e37 in float32; of `linear_mse` up to 1e150 and 1e18. The sum
over many units may be +inf there. Nothing gives a warning. No replica's numbers depend on the other replicas.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from nets.hyperparameters import Number, check

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
        The tasks it serves: "classification", "multilabel" (each unit is 0 or 1 independently) and "regression".
    one_unit_if_binary
        Whether two classes share one unit.
    threshold
        A unit that decides alone says yes if its score is above the threshold.
    probabilities
        The function by which `predict` makes probabilities: "softmax", "sigmoid" or "clip"; "" if it makes none.

    Raises
    ------
    ValueError
        If a hyperparameter is out of its range.
    """

    name: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    one_unit_if_binary: ClassVar[bool] = False
    threshold: ClassVar[float] = 0.0
    probabilities: ClassVar[str] = ""

    def __init_subclass__(cls, *, name: str, **kwargs: Any) -> None:
        """Register the subclass."""
        super().__init_subclass__(**kwargs)
        cls.name = name
        OUTPUTS[name] = cls

    def __post_init__(self) -> None:
        check(self, "output")

    @abstractmethod
    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return each example's cost, (replicas, batch); ValueError if the shapes of z and y differ."""

    def assess(self, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each example's cost, and the class that `decide` returns for it if its cost is finite."""
        return self.cost(z, y), self.decide(z)

    @abstractmethod
    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write each example's ∂cost/∂z to `out`, an array other than z and y; ValueError as for `cost`."""

    @abstractmethod
    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return the units' values, a new array shaped like z."""

    def units(self, task: str, count: int) -> int:
        """Return the number of score columns for `count` classes, labels or targets.

        Raises
        ------
        ValueError
            For a task that this output does not serve.
        """
        if task not in self.tasks:
            raise ValueError(f"output {self.name} does not serve {task}, only {' and '.join(self.tasks)}")
        return 1 if self.one_unit_if_binary and task == "classification" and count == 2 else count

    def encode(self, labels: ArrayLike, classes: int, dtype: DTypeLike) -> np.ndarray:
        """Return target rows (n, units): one-hot, or for a single unit 1 for class 1 and 0 for class 0.

        Raises
        ------
        ValueError
            For a label that is not one of 0, 1, …, classes - 1.
        """
        labels = np.asarray(labels)
        one_hot: np.ndarray = labels[:, None] == np.arange(classes)
        unknown = labels[~one_hot.any(axis=1)]
        if unknown.size:
            raise ValueError(f"label {unknown[0]} is not one of the classes 0 to {classes - 1}")
        return one_hot[:, -self.units("classification", classes) :].astype(dtype)

    def smooth(self, y: np.ndarray) -> np.ndarray:
        """Return the targets for the gradient in training. Costs are always those of the plain targets y."""
        return y

    def class_probabilities(self, z: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes (replicas, batch, classes), for an output with `probabilities`.

        A single unit gives the probability of class 1. The values of several units are divided by their sum; if the
        sum is 0, all classes are equally probable.
        """
        p = self.predict(z)
        if p.shape[-1] == 1:
            return np.concatenate([1 - p, p], axis=-1)
        total = p.sum(axis=-1, keepdims=True)
        shares = np.full_like(p, 1 / p.shape[-1])
        np.divide(p, total, out=shares, where=total > 0)
        return shares

    def decide(self, z: np.ndarray) -> np.ndarray:
        """Return the classes (replicas, batch): the first largest score's, or z > threshold for a single unit."""
        if z.shape[-1] == 1:
            return (z[..., 0] > self.threshold).astype(np.intp)
        classes: np.ndarray = z.argmax(axis=-1)
        return classes


@dataclass(frozen=True)
class SoftmaxCE(Output, name="softmax_ce"):
    """Softmax units with cross-entropy: the negative log-likelihood of a categorical distribution.

    p = exp(z) / Σ exp(z); each row of y sums to 1. Bridle (1990); Goodfellow et al. (2016), section 6.2.2.3.
    """

    probabilities = "softmax"
    label_smoothing: Annotated[float, Number("[0, 1)")] = field(default=0.0, kw_only=True)

    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return -Σ y log p = log Σ exp(z - max z) - Σ y (z - max z).

        log1p adds the largest score's exp(0) = 1, so the small cost of a confident right answer keeps its digits.
        """
        _same_shape(z, y=y)
        shifted = _below_maximum(z)
        return self._cost(shifted, shifted == 0, y)

    def assess(self, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        _same_shape(z, y=y)
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
        _same_shape(z, y=y, out=out)
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
        _same_shape(z, y=y)
        return _half_square(self.predict(z) - y)

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write p (r - Σ p r) with r = p - y: the softmax's full Jacobian, diag(p) - p pᵀ, times r."""
        _same_shape(z, y=y, out=out)
        p = _softmax(z)
        r = np.subtract(p, y.transpose(2, 0, 1), order="C")
        r -= _sum(p * r)
        r *= p
        np.copyto(out, r.transpose(1, 2, 0))

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return p, the probabilities of the classes."""
        return _softmax(z).transpose(1, 2, 0).copy()


@dataclass(frozen=True)
class SigmoidCE(Output, name="sigmoid_ce"):
    """Sigmoid units with cross-entropy: the negative log-likelihood of one Bernoulli variable per unit.

    p = 1 / (1 + exp(-z)). Two classes share one unit. Of more classes, each has its own unit, against the rest.
    Goodfellow et al. (2016), section 6.2.2.2.
    """

    tasks = ("classification", "multilabel")
    one_unit_if_binary = True
    probabilities = "sigmoid"
    label_smoothing: Annotated[float, Number("[0, 1)")] = field(default=0.0, kw_only=True)

    @np.errstate(over="ignore")
    def cost(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return -Σ [y log p + (1 - y) log(1 - p)] = Σ [max(z, 0) - y z + log(1 + exp(-|z|))]."""
        _same_shape(z, y=y)
        cost: np.ndarray = (np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))).sum(axis=-1)
        return cost

    def smooth(self, y: np.ndarray) -> np.ndarray:
        """Return (1 − s) y + s/2, with s = `label_smoothing`: the formula of softmax for two classes."""
        return (1 - self.label_smoothing) * y + self.label_smoothing / 2 if self.label_smoothing else y

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write p - y."""
        _same_shape(z, y=y, out=out)
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
        _same_shape(z, y=y)
        return _half_square(_sigmoid_residual(_sigmoid(z), _sigmoid(-z), y))

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write (p - y) p q."""
        _same_shape(z, y=y, out=out)
        p, q = _sigmoid(z), _sigmoid(-z)
        np.multiply(_sigmoid_residual(p, q, y), p * q, out=out)

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return p, each unit's probability of a 1."""
        return _sigmoid(z)


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
        _same_shape(z, y=y)
        return _half_square(z - y)

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write z - y."""
        _same_shape(z, y=y, out=out)
        np.subtract(z, y, out=out)

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return z, the mean of the targets."""
        return z.copy()


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
        _same_shape(z, y=y)
        cost: np.ndarray = np.maximum(1 + np.vecdot(self._slope(z, y), z), 0)
        return cost

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write -∂m/∂z where m < 1, else 0, also at the kink m = 1; of tied rivals the first takes all of it."""
        _same_shape(z, y=y, out=out)
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
        _same_shape(z, y=y)
        return _half_square(np.clip(z, 0, 1) - y)

    def gradient(self, z: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        """Write c - y where 0 ≤ z ≤ 1, else 0.

        The corners 0 and 1 count as inside, so a unit that is at the wrong corner can still leave it.
        """
        _same_shape(z, y=y, out=out)
        np.clip(z, 0, 1, out=out)
        inside = out == z
        np.subtract(out, y, out=out)
        np.multiply(out, inside, out=out)

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return c."""
        c: np.ndarray = np.clip(z, 0, 1)
        return c


def _same_shape(z: np.ndarray, **others: np.ndarray) -> None:
    """Refuse arrays of another shape, which NumPy would broadcast to the shape of z."""
    for name, array in others.items():
        if array.shape != z.shape:
            raise ValueError(f"{name} has shape {array.shape}, the scores z have {z.shape}: they must agree")


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


def _half_square(residual: np.ndarray) -> np.ndarray:
    """Return ½ Σ residual² over the units."""
    cost: np.ndarray = 0.5 * np.vecdot(residual, residual)
    return cost
