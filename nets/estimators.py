"""The multilayer perceptron as scikit-learn estimators: any activation, output pairing and optimizer, in a pipeline.

Parameters have the names that scikit-learn's own perceptrons use. Nothing is standardised: put a scaler in front.
Everything is computed in the dtype of X, float32 or float64. The same `random_state` draws the same split, batches and
base weights for every activation, so comparisons are paired.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, check_scalar, column_or_1d, compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from threadpoolctl import ThreadpoolController

from nets.activations import ACTIVATIONS, Activation
from nets.descent import Descent
from nets.initializers import INITIALIZERS, Initializer
from nets.names import nearest
from nets.network import Network, Work
from nets.optimizers import OPTIMIZERS, SCHEDULES, Optimizer, Schedule
from nets.outputs import OUTPUTS, Output, auto

ROWS = 256
"""Rows of one forward pass, and the largest number of rows that `gradient_norms_` uses."""
GRADIENT_NORMS = np.dtype([("epoch", int), ("layer", int), ("weight_gradient_norm", float), ("delta_norm", float)])
INIT, ORDER, PROBE = range(3)  # streams of random numbers

Method = TypeVar("Method", bound=Callable[..., Any])
Variant = TypeVar("Variant")


def _typed(decorator: Any) -> Callable[[Method], Method]:
    """Return a decorator of a library without types as one that keeps the types of the method."""

    def decorated(method: Method) -> Method:
        result: Method = decorator(method)
        return result

    return decorated


# More threads make such small products slower, and far slower if the cores have other work.
_one_thread = _typed(ThreadpoolController().wrap(limits=1, user_api="blas"))


def stream(seed: int, name: int, index: int = 0) -> np.random.Generator:
    """Return a generator at the start of one of an estimator's streams; `index` is the layer or the epoch."""
    return np.random.default_rng([seed, name, index])


@dataclass(eq=False, repr=False)
class _MLP(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    hidden_layer_sizes: tuple[int, ...] = (128, 128)
    _: KW_ONLY
    activation: str | Activation = "relu"
    output: str | Output = "auto"
    init: str | Initializer = "auto"
    optimizer: str | Optimizer = "adam"
    schedule: str | Schedule = "constant"
    learning_rate_init: float = 0.001
    batch_size: int = 32
    max_iter: int = 50
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    tol: float = 1e-4
    random_state: int | np.random.RandomState | None = None

    @_one_thread
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a new network.

        Parameters
        ----------
        X
            (n, features).
        y
            Classes (n,), labels as zeros and ones (n, labels), or targets (n,) or (n, targets).
        sample_weight
            (n,), relative to each other: a row of weight 2 counts as two rows. This is exact if one batch holds all
            rows, and true on average for several batches. Rows of weight 0 are left out.

        Raises
        ------
        ValueError
            If a parameter or the data are not allowed, or the training diverges.
        """
        X, y, weight = self._check(X, y, sample_weight, first=True)
        self._begin(X, y)
        targets, weight = self._encode(y, weight)
        training, held_out = (X, targets, weight), None
        if self.early_stopping:
            strata = y if y.ndim == 1 else None  # classes
            split = {"test_size": self.validation_fraction, "random_state": self._seed, "stratify": strata}
            parts = train_test_split(*training, **split)
            training, held_out = parts[::2], parts[1::2]
        best, parameters, waited = np.inf, self.network_.parameters.copy(), 0
        while self.n_iter_ < self.max_iter and waited < self.n_iter_no_change:
            self._train_epoch(*training)
            loss = self.loss_curve_[-1]
            if held_out:
                loss = self._loss(*held_out)
                self.validation_loss_curve_.append(loss)
            waited = 0 if loss < best - self.tol else waited + 1
            if loss < best:
                best, parameters = loss, self.network_.parameters.copy()
        if held_out:
            self.network_.parameters[:] = parameters
        return self

    @_one_thread
    def _partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, classes: ArrayLike | None = None
    ) -> Self:
        first = not hasattr(self, "network_")
        X, y, weight = self._check(X, y, sample_weight, first)
        if first:
            self._begin(X, y, classes)
        elif y.shape[1:] != self._target_shape:
            raise ValueError(f"y has rows of shape {y.shape[1:]}: allowed is {self._target_shape}, as at first")
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            given, allowed = np.unique(classes).tolist(), self.classes_.tolist()
            raise ValueError(f"classes={given}: allowed are those of the first call, {allowed}")
        self._train_epoch(X, *self._encode(y, weight))
        return self

    def _check(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, first: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the rows of positive weight, and their weights."""
        sizes = self.hidden_layer_sizes
        if np.ndim(sizes) != 1 or not all(isinstance(units, Integral) and units >= 1 for units in sizes):
            raise ValueError(f"hidden_layer_sizes={sizes!r}: allowed is a sequence of integers from 1 up")
        for name in ("batch_size", "max_iter", "n_iter_no_change"):
            check_scalar(getattr(self, name), name, Integral, min_val=1)
        check_scalar(self.learning_rate_init, "learning_rate_init", Real, min_val=0, include_boundaries="neither")
        fraction = {"min_val": 0, "max_val": 1, "include_boundaries": "neither"}
        check_scalar(self.validation_fraction, "validation_fraction", Real, **fraction)
        check_scalar(self.tol, "tol", Real, min_val=0)
        for name in ("learning_rate_init", "tol"):
            if not np.isfinite(getattr(self, name)):
                raise ValueError(f"{name}={getattr(self, name)}: allowed is a finite number")
        if not isinstance(self.early_stopping, bool | np.bool_):
            raise ValueError(f"early_stopping={self.early_stopping!r}: allowed are True and False")
        inputs, targets = validate_data(
            self,
            X,
            y,
            reset=first,
            dtype=[np.float64, np.float32] if first else self.network_.dtype,
            order="C",
            multi_output=True,
            y_numeric=isinstance(self, RegressorMixin),
        )
        targets = targets.toarray() if issparse(targets) else targets
        weight = _check_sample_weight(sample_weight, inputs, dtype=inputs.dtype, ensure_non_negative=True)
        kept = weight > 0
        return (inputs, targets, weight) if kept.all() else (inputs[kept], targets[kept], weight[kept])

    def _begin(self, X: np.ndarray, y: np.ndarray, classes: ArrayLike | None = None) -> None:
        """Make a new network for such rows."""
        task, count = self._learn(y, classes)
        output = _named("output", auto(task, count) if self.output == "auto" else self.output, OUTPUTS, Output)
        activation = _named("activation", self.activation, ACTIVATIONS, Activation)
        init = activation.initializer if self.init == "auto" else self.init
        init = _named("init", init, INITIALIZERS, Initializer)
        units = output.units(task, count)
        self._adopt(Network(X.shape[1], self.hidden_layer_sizes, units, activation, 1, X.dtype), output, y.shape[1:])
        self.network_.initialize(init, lambda replica, layer: stream(self._seed, INIT, layer))

    def _adopt(self, network: Network, output: Output, target_shape: tuple[int, ...]) -> None:
        """Make this network the fitted one, before its first epoch."""
        self.network_, self.output_, self._target_shape = network, output, target_shape
        self.n_features_in_ = network.inputs
        self._optimizer = _named("optimizer", self.optimizer, OPTIMIZERS, Optimizer)
        self._state, self._steps = self._optimizer.state(network.parameters), 0
        self._seed = check_random_state(self.random_state).randint(2**31 - 1)
        self.n_iter_ = 0
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []
        self.gradient_norms_ = np.empty(0, GRADIENT_NORMS)

    @classmethod
    def _from_network(
        cls, network: Network, output: Output, task: str, count: int, parameters: Mapping[str, Any]
    ) -> Self:
        units = output.units(task, count)
        if (network.replicas, network.outputs) != (1, units):
            raise ValueError(
                f"a network of {network.replicas} replicas and {network.outputs} scores: "
                f"allowed here are 1 replica and {units} scores"
            )
        estimator = cls(network.hidden, activation=network.activation, output=output, **parameters)
        estimator._adopt(network, output, (count,) if task == "regression" else ())
        return estimator

    @np.errstate(all="ignore")  # an overflow is noticed in the loss
    def _train_epoch(self, X: np.ndarray, targets: np.ndarray, weight: np.ndarray) -> None:
        """Use all rows once, except those of a last incomplete batch: a step by few rows does harm."""
        network = self.network_
        descent = Descent(network, self.output_, self._optimizer, self._state, self._steps)
        self.n_iter_ += 1
        batch = min(self.batch_size, len(X))
        schedule = _named("schedule", self.schedule, SCHEDULES, Schedule)
        factor = schedule.factor(min(self.n_iter_, self.max_iter), self.max_iter)
        rate = np.full((1, 1), self.learning_rate_init * factor, network.dtype)
        weight = weight / weight.mean()
        scale = weight * self._optimizer.gradient_factor(rate)[0, 0] / batch
        order = stream(self._seed, ORDER, self.n_iter_).permutation(len(X))
        work = Work(network, batch)
        for start in range(0, len(X) - batch + 1, batch):
            rows = order[start : start + batch]
            # mode="clip" lets take write straight into `out`; no index is out of range.
            np.take(X, rows, axis=0, out=work.inputs[0], mode="clip")
            np.take(targets, rows, axis=0, out=work.targets[0], mode="clip")
            descent.step(work, rate, scale[rows, None])
        self._steps = descent.steps
        loss = self._loss(X, targets, weight)
        if not np.isfinite(loss):
            del self.network_  # nothing is fitted: all predictions would be NaN
            raise ValueError(
                f"training diverged in epoch {self.n_iter_}: "
                f"learning_rate_init={self.learning_rate_init} is too large, or the data need scaling"
            )
        self.loss_curve_.append(loss)
        self._measure_gradients(X, targets, weight)

    def _measure_gradients(self, X: np.ndarray, targets: np.ndarray, weight: np.ndarray) -> None:
        network = self.network_
        rows = stream(self._seed, PROBE).permutation(len(X))[:ROWS]
        work = Work(network, len(rows))
        work.inputs[0], work.targets[0] = X[rows], targets[rows]
        self.output_.gradient(network.forward(work), work.targets, work.delta)
        work.delta *= weight[rows, None]
        network.backward(work)
        deltas = [*work.pre, work.delta]
        norms = [
            (self.n_iter_, layer, np.linalg.norm(gradient.weight) / len(rows), np.sqrt(np.mean(delta * delta)))
            for layer, (gradient, delta) in enumerate(zip(network.gradients, deltas, strict=True), start=1)
        ]
        self.gradient_norms_ = np.append(self.gradient_norms_, np.array(norms, GRADIENT_NORMS))

    @np.errstate(all="ignore")
    def _loss(self, X: np.ndarray, targets: np.ndarray, weight: np.ndarray) -> float:
        """Return the weighted mean cost."""
        costs = self.output_.cost(self._forward(X), targets[None])[0]
        return float(np.average(costs, weights=weight))

    @_one_thread
    def _scores(self, X: ArrayLike) -> np.ndarray:
        """Return the scores (1, n, units) of a user's rows."""
        check_is_fitted(self, "network_")
        return self._forward(validate_data(self, X, reset=False, dtype=self.network_.dtype))

    def _forward(self, X: np.ndarray) -> np.ndarray:
        network, rows = self.network_, min(ROWS, len(X))
        scores = np.empty((1, len(X), network.outputs), network.dtype)
        work = Work(network, rows)
        # The last rows overlap those before them, so one set of buffers is enough.
        for start in (*range(0, len(X) - rows, rows), len(X) - rows):
            work.inputs[0] = X[start : start + rows]
            scores[:, start : start + rows] = network.forward(work)
        return scores


@dataclass(eq=False, repr=False)
class MLPClassifier(ClassifierMixin, _MLP):  # type: ignore[misc]  # scikit-learn has no types
    """A multilayer perceptron that decides on one of several classes, or on any number of several labels.

    Parameters
    ----------
    hidden_layer_sizes
        Units of each hidden layer; empty for a linear model.
    activation, output, init, optimizer, schedule
        A name from the registry of `nets.activations`, `outputs`, `initializers` or `optimizers`, or such an object:
        "elu" or `ELU(alpha=0.5)`. "auto" is the usual output of the task, and the activation's own initializer.
    learning_rate_init
        In each epoch the schedule multiplies it by its factor.
    batch_size
        Rows of a batch. If there are fewer rows, one batch holds all. The last incomplete batch of an epoch is left
        out.
    max_iter, n_iter_no_change, tol
        The largest number of epochs. Training ends earlier if the loss has not fallen by more than `tol` for
        `n_iter_no_change` epochs.
    early_stopping
        Hold out `validation_fraction` of the rows and use their loss to end the training. The parameters with the
        lowest such loss are kept.
    random_state
        The seed of the split, the batches and the weights.
    class_weight
        Factors > 0 on the weights of the rows of each class, by class, or "balanced"; not for several labels.

    Attributes
    ----------
    classes_
        In the order of scores and probabilities; 0, 1, … for several labels.
    network_, output_
        The fitted `Network` of one replica, and its output.
    n_iter_
        Epochs; each call of `partial_fit` adds one.
    loss_curve_, validation_loss_curve_
        The mean cost of the training rows and of those held out, after each epoch.
    gradient_norms_
        Structured array, a row per epoch and layer: with L the mean cost of up to 256 training rows after the epoch,
        `weight_gradient_norm` is ‖∂L/∂W‖, `delta_norm` the root mean square of their weighted ∂cost/∂z.
    """

    class_weight: dict[Any, Any] | str | None = None

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on these rows. The first call makes a new network.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`; weights are relative within a call.
        classes
            In the first call, all classes of this and later calls. The default is the classes of y.

        Raises
        ------
        ValueError
            As `fit`, and if y has another kind or other classes than in the first call.
        """
        if self.class_weight == "balanced":
            raise ValueError("class_weight='balanced' needs all rows: allowed in partial_fit are weights by class")
        return self._partial_fit(X, y, sample_weight, classes)

    @classmethod
    def from_network(cls, network: Network, output: Output, classes: Sequence[Any], **parameters: Any) -> Self:
        """Return a fitted estimator that predicts as a trained network does.

        `parameters` are the other parameters of the estimator.

        Raises
        ------
        ValueError
            If the network has several replicas, or not the number of scores that the output needs for these classes.
        """
        estimator = cls._from_network(network, output, "classification", len(classes), parameters)
        estimator.classes_ = np.asarray(classes)
        return estimator

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return classes (n,), or labels (n, labels) of 0 and 1."""
        scores = self._scores(X)
        decided: np.ndarray
        if self._target_shape:
            decided = (scores[0] > self.output_.threshold).astype(int)
        else:
            decided = self.classes_[self.output_.decide(scores)[0]]
        return decided

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return scores: (n, classes), or (n,) for two classes, or (n, labels).

        The class with the largest score is decided. A single score above 0 means the second class, or the label.
        """
        scores: np.ndarray = self._scores(X)[0]
        if self._target_shape:
            scores = scores - self.output_.threshold
        elif scores.shape[1] == 1:
            scores = scores[:, 0] - self.output_.threshold
        elif len(self.classes_) == 2:
            scores = scores[:, 1] - scores[:, 0]
        return scores

    @_typed(
        available_if(
            lambda self: getattr(OUTPUTS.get(self.output, self.output), "probabilities", self.output == "auto")
        )
    )
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return probabilities (n, classes), or those of each label (n, labels), if the output has probabilities."""
        scores = self._scores(X)
        predict = self.output_.predict if self._target_shape else self.output_.class_probabilities
        probabilities: np.ndarray = predict(scores)[0]
        return probabilities

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _check(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, first: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        inputs, targets, weight = super()._check(X, y, sample_weight, first)
        check_classification_targets(targets)
        if type_of_target(targets) != "multilabel-indicator":
            targets = column_or_1d(targets, warn=True)
        return inputs, targets, weight

    def _learn(self, y: np.ndarray, classes: ArrayLike | None) -> tuple[str, int]:
        """Store the classes; return the task and their number."""
        self.classes_ = np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y if classes is None else classes)
        if len(self.classes_) < 2:
            raise ValueError(f"y has 1 class, {self.classes_.tolist()[0]!r}: allowed are 2 or more")
        return "multilabel" if y.ndim == 2 else "classification", len(self.classes_)

    def _encode(self, y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return target rows, and the weights of rows multiplied by those of their classes."""
        allowed = np.arange(2) if y.ndim == 2 else self.classes_
        unknown = np.setdiff1d(y, allowed)
        if unknown.size:
            raise ValueError(f"y has {unknown.tolist()[0]!r}: allowed are {', '.join(map(repr, allowed.tolist()))}")
        if y.ndim == 2:
            if self.class_weight is not None:
                raise ValueError(f"class_weight={self.class_weight!r}: allowed is None where rows have several labels")
            return y.astype(self.network_.dtype), weight
        labels = (y[:, None] == self.classes_).argmax(axis=1)
        if isinstance(self.class_weight, dict):
            for value in self.class_weight.values():
                number = isinstance(value, Real)
                if not number or not 0 < value < np.inf:
                    raise ValueError(f"class_weight={self.class_weight!r}: allowed are numbers greater than 0")
        factors = compute_class_weight(self.class_weight, classes=self.classes_, y=y, sample_weight=weight)
        weight = weight * factors[labels].astype(weight.dtype)
        return self.output_.encode(labels, len(self.classes_), self.network_.dtype), weight


class MLPRegressor(RegressorMixin, _MLP):  # type: ignore[misc]  # scikit-learn has no types
    """A multilayer perceptron of one or several real targets. Parameters and attributes are those of `MLPClassifier`.

    Targets are not standardised: `sklearn.compose.TransformedTargetRegressor` does it.
    """

    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train for one epoch on these rows, in other respects as `fit`. The first call makes a new network."""
        return self._partial_fit(X, y, sample_weight)

    @classmethod
    def from_network(cls, network: Network, output: Output, **parameters: Any) -> Self:
        """Return a fitted estimator that predicts as a trained network does, as `MLPClassifier.from_network`."""
        return cls._from_network(network, output, "regression", network.outputs, parameters)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return predictions (n,), or (n, targets) of several targets."""
        scores = self._scores(X)
        values: np.ndarray = self.output_.predict(scores)[0]
        return values[:, 0] if values.shape[1] == 1 else values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _check(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, first: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        inputs, targets, weight = super()._check(X, y, sample_weight, first)
        return inputs, targets.reshape(len(targets), -1), weight

    def _learn(self, y: np.ndarray, classes: ArrayLike | None) -> tuple[str, int]:
        return "regression", y.shape[1]

    def _encode(self, y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return y.astype(self.network_.dtype), weight


def _named(parameter: str, value: Any, registry: Mapping[str, type[Variant]], kind: Any) -> Variant:
    """Return the object that a parameter names, or is."""
    if isinstance(value, kind):
        variant: Variant = value
        return variant
    if isinstance(value, str) and value in registry:
        return registry[value]()
    raise ValueError(f"{parameter}={value!r}: {nearest(str(value), registry)}, or an object")
