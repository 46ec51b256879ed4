"""What output pairings share: an output unit is fused with the cost that trains it, on raw scores z.

Scores z are an array (replicas, batch, scores), targets y an array (replicas, batch, targets) of the same dtype. A cost
is per example: it is summed over the targets and not divided by the batch. A squared cost keeps its ½. Everything is
computed from z.

The cost of one unit is finite up to |z| = 1e300 in float64 and 1e37 in float32; of `linear_mse` up to 1e150 and 1e18.
`exp_poisson` and `gaussian_nll` contain exponentials: their costs and gradients are infinite where no number of the
dtype is so large. The sum over many units may be infinite there. Nothing is NaN, and nothing gives a warning. No
replica's numbers depend on the other replicas.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from nets.distributions import Distribution
from nets.hyperparameters import check

OUTPUTS: dict[str, type["Output"]] = {}
"""All output pairings by name; `nets.outputs` makes it complete."""


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
    nats
        Whether the cost is a negative log-likelihood, with all its terms.
    scaling
        How the targets of a regression are scaled: "standard", by mean and standard deviation, or "none".
    distribution_from_scores
        Whether the scores alone give the distribution of a target, or quantiles of it: `distribution` needs no spread.
    roles
        What each score of a target stands for: "location" or "quantile" (in the target's unit), "log_mean" or
        "log_variance". In a regression, a target has a score for each; those of the first target are first.
    point_score
        The index, among the scores of a target, of the one from which `predict` computes.

    Raises
    ------
    ValueError
        If a hyperparameter is out of its range, or the name of a subclass is taken.
    """

    name: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    one_unit_if_binary: ClassVar[bool] = False
    threshold: ClassVar[float] = 0.0
    probabilities: ClassVar[str] = ""
    nats: ClassVar[bool] = False
    scaling: ClassVar[str] = "standard"
    distribution_from_scores: ClassVar[bool] = False

    def __init_subclass__(cls, *, name: str, **kwargs: Any) -> None:
        """Register the subclass."""
        super().__init_subclass__(**kwargs)
        if name in OUTPUTS:
            raise ValueError(f"output {name!r} exists already: {OUTPUTS[name].__qualname__}")
        cls.name = name
        OUTPUTS[name] = cls

    def __post_init__(self) -> None:
        check(self, "output")

    @property
    def roles(self) -> tuple[str, ...]:
        return ("location",)

    @property
    def point_score(self) -> int:
        return 0

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
        """Return the units' values, a new array shaped like z; in a regression the point (replicas, batch, targets).

        The point is the mean, or the median if that is what minimises the cost.
        """

    def units(self, task: str, count: int) -> int:
        """Return the number of score columns for `count` classes, labels or targets.

        Raises
        ------
        ValueError
            For a task that this output does not serve.
        """
        if task not in self.tasks:
            raise ValueError(f"output {self.name} does not serve {task}, only {' and '.join(self.tasks)}")
        if task == "regression":
            return count * len(self.roles)
        return 1 if self.one_unit_if_binary and task == "classification" and count == 2 else count

    def target_columns(self, task: str, count: int) -> int:
        """Return the number of target columns for `count` classes, labels or targets; ValueError as for `units`."""
        units = self.units(task, count)
        return count if task == "regression" else units

    def check_targets(self, y: np.ndarray) -> None:
        """Refuse targets of a regression that the likelihood excludes.

        Raises
        ------
        ValueError
            With the first such target.
        """
        return

    def spread(self, z: np.ndarray, y: np.ndarray) -> np.ndarray | None:
        """Return the maximum-likelihood estimate (replicas, 1, targets) of the scale that the scores leave open.

        z and y are those of the training rows. None for an output whose scores leave no scale open, or whose density
        has no such estimate here.
        """
        return None

    def distribution(self, z: np.ndarray, spread: np.ndarray | None = None) -> Distribution | None:
        """Return the distribution of the targets (…, targets) from scores (…, units).

        None for an output without a distribution of numbers, or if it lacks the spread that it needs.
        """
        return None

    def modelled_distribution(self, z: np.ndarray) -> Distribution:
        """Return `distribution(z)`, for an output whose scores give it.

        Raises
        ------
        ValueError
            For other outputs, with those that do.
        """
        distribution = self.distribution(z)
        if distribution is None:
            others = ", ".join(name for name, output in OUTPUTS.items() if output.distribution_from_scores)
            raise ValueError(
                f"the scores of output={self.name} give no distribution: predict_distribution needs one of {others}"
            )
        return distribution

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


def check_shapes(z: np.ndarray, y: np.ndarray, out: np.ndarray | None = None, scores_per_target: int = 1) -> None:
    """Refuse arrays that do not fit the scores z: NumPy would broadcast them.

    Raises
    ------
    ValueError
        With the first such array.
    """
    expected = (*z.shape[:-1], z.shape[-1] // scores_per_target)
    if y.shape != expected:
        needed = "they must agree" if expected == z.shape else f"they must have targets of {expected}"
        raise ValueError(f"y has shape {y.shape}, the scores z have {z.shape}: {needed}")
    if out is not None and out.shape != z.shape:
        raise ValueError(f"out has shape {out.shape}, the scores z have {z.shape}: they must agree")


def half_square(residual: np.ndarray) -> np.ndarray:
    """Return ½ Σ residual² over the units."""
    cost: np.ndarray = 0.5 * np.vecdot(residual, residual)
    return cost
