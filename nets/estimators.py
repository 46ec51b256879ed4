"""The multilayer perceptron as scikit-learn estimators: any activation, output pairing and optimizer, in a pipeline.

Parameters and attributes have the names that scikit-learn's own perceptrons use. Nothing is standardised: put a scaler
in front. Everything is computed in the dtype of X, float32 or float64. A sparse X gives the numbers of the dense one.
The same `random_state` draws the same split, batches and base weights for every activation, so comparisons are paired.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from scipy.special import log_expit, log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, check_scalar, column_or_1d, compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from threadpoolctl import ThreadpoolController

import nets.learned  # noqa: F401  # its classes are registered
from nets import fitting
from nets.activations import ACTIVATIONS, Activation
from nets.descent import Descent
from nets.distributions import Distribution
from nets.hyperparameters import Number
from nets.initializers import INITIALIZERS, Initializer
from nets.names import nearest
from nets.network import Network, Recipe
from nets.norms import NORMS
from nets.optimizers import OPTIMIZERS, SCHEDULES, Constant, Cosine, Optimizer, Schedule
from nets.outputs import OUTPUTS, Output, auto

INIT, ORDER, PROBE, DROPOUT = range(4)  # streams of random numbers

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

_if_probabilities = _typed(
    available_if(lambda self: getattr(OUTPUTS.get(self.output, self.output), "probabilities", self.output == "auto"))
)


def stream(seed: int, name: int, index: int = 0) -> np.random.Generator:
    """Return a generator at the start of one of an estimator's streams; `index` is the layer or the epoch."""
    return np.random.default_rng([seed, name, index])


@dataclass(eq=False, repr=False)
class _MLP(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    hidden_layer_sizes: int | Sequence[int] = (128, 128)
    _: KW_ONLY
    activation: str | Activation = "relu"
    output: str | Output = "auto"
    init: str | Initializer = "auto"
    optimizer: str | Optimizer = "adam"
    schedule: str | Schedule = "constant"
    norm: str = "none"
    dropout: float = 0.0
    input_dropout: float = 0.0
    residual: bool = False
    learning_rate_init: float = 0.001
    batch_size: int | str = 32
    max_iter: int = 50
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: float = 10
    tol: float = 1e-4
    shuffle: bool = True
    warm_start: bool = False
    verbose: bool | int = False
    random_state: int | np.random.RandomState | None = None

    @_one_thread
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a new network, or go on from the present one with `warm_start`.

        Parameters
        ----------
        X
            (n, features), dense or sparse. Of a sparse X only the rows in use are made dense.
        y
            Classes (n,), labels as zeros and ones (n, labels), or targets (n,) or (n, targets).
        sample_weight
            (n,), relative to each other: a row of weight 2 counts as two rows. This is exact if one batch holds all
            rows, and true on average for several batches. Rows of weight 0 are left out. Two rows have two masks of
            dropout, and count twice in the statistics of a batch norm; a row of weight 2 does not.

        Raises
        ------
        ValueError
            If a parameter or the data are not allowed, or the training diverges.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` ends the training, at a constant learning rate.
        """
        first = not (self.warm_start and hasattr(self, "network_"))
        X, y, weight = self._check(X, y, sample_weight, first)
        if first:
            self._begin(X, y)
        else:
            self._check_warm_start(y)
            self._restart()
        training, held_out = self._divide(y, X, *self._encode(y, weight))
        best, kept, waited = np.inf, self._copies(), 0
        while self.n_iter_ < self.max_iter and waited < self.n_iter_no_change:
            self._train_epoch(*training)
            loss = self._validate(*held_out) if held_out else self.loss_
            waited = 0 if loss < best - self.tol else waited + 1
            if loss < best:
                best, kept = loss, self._copies()
        if held_out:
            for name, values in self.network_.arrays().items():
                values[:] = kept[name]
        # The other schedules are made for just so many epochs.
        if waited < self.n_iter_no_change and type(self._schedule) is Constant:
            warnings.warn(
                f"training ended after max_iter={self.max_iter} epochs, before the loss stopped falling by more than "
                f"tol={self.tol}: raise max_iter or tol",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    def _copies(self) -> dict[str, np.ndarray]:
        """Return copies of all that training changes in the network."""
        return {name: values.copy() for name, values in self.network_.arrays().items()}

    @_one_thread
    def _partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, classes: ArrayLike | None = None
    ) -> Self:
        first = not hasattr(self, "network_")
        X, y, weight = self._check(X, y, sample_weight, first)
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True: only fit holds out rows")
        if first:
            self._begin(X, y, classes)
        else:
            self._check_partial_fit(y, classes)
        self._train_epoch(X, *self._encode(y, weight))
        return self

    def _check_parameters(self) -> None:
        others: dict[str, list[Any]] = {"batch_size": ["auto"], "max_iter": [], "n_iter_no_change": [np.inf]}
        for name, allowed in others.items():
            value = getattr(self, name)
            if value not in allowed and not (isinstance(value, Integral) and int(value) >= 1):
                words = " or ".join(["an integer from 1 up", *map(repr, allowed)])
                raise ValueError(f"{name}={value!r}: allowed is {words}")
        check_scalar(self.learning_rate_init, "learning_rate_init", Real, min_val=0, include_boundaries="neither")
        fraction = {"min_val": 0, "max_val": 1, "include_boundaries": "neither"}
        check_scalar(self.validation_fraction, "validation_fraction", Real, **fraction)
        check_scalar(self.tol, "tol", Real, min_val=0)
        if not isinstance(self.verbose, Integral | np.bool_) or self.verbose < 0:
            raise ValueError(f"verbose={self.verbose!r}: allowed are True, False and integers from 0 up")
        for name in ("learning_rate_init", "tol"):
            if not np.isfinite(getattr(self, name)):
                raise ValueError(f"{name}={getattr(self, name)}: allowed is a finite number")
        for name in ("early_stopping", "shuffle", "warm_start"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise ValueError(f"{name}={getattr(self, name)!r}: allowed are True and False")
        _ = self._sizes, self._rule, self._schedule, self._recipe  # these refuse what is not allowed
        self._check_schedule()

    def _check_schedule(self) -> None:
        """Refuse a schedule that does not fit early stopping or the number of epochs."""
        schedule = self._schedule
        if self.early_stopping and isinstance(schedule, Cosine):
            raise ValueError(
                f"early_stopping=True does not go with schedule={schedule.name!r}, whose rate falls until the last "
                "epoch: allowed are 'constant' and 'multistep'"
            )
        warmup = getattr(schedule, "warmup", 0)
        if 0 < warmup >= self.max_iter:
            raise ValueError(
                f"max_iter={self.max_iter}: schedule={schedule.name!r} needs more epochs than its warmup={warmup}"
            )

    def _check(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, first: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the rows of positive weight, and their weights."""
        self._check_parameters()
        inputs, targets = validate_data(
            self,
            X,
            y,
            reset=first,
            accept_sparse="csr",
            dtype=[np.float64, np.float32] if first else self.network_.dtype,
            order="C",
            multi_output=True,
            y_numeric=isinstance(self, RegressorMixin),
        )
        targets = targets.toarray() if issparse(targets) else targets
        weight = _check_sample_weight(sample_weight, inputs, dtype=inputs.dtype, ensure_non_negative=True)
        kept = weight > 0
        if not kept.all():
            inputs, targets, weight = inputs[kept], targets[kept], weight[kept]
        if self.norm == "batch" and len(weight) == 1:
            raise ValueError("n_samples=1: norm='batch' needs 2 rows or more, as the variance of 1 row is 0")
        return inputs, targets, weight

    def _check_continued(self, y: np.ndarray) -> None:
        """Refuse targets and parameters that are not those of the present network."""
        if y.shape[1:] != self._target_shape:
            raise ValueError(f"y has rows of shape {y.shape[1:]}: allowed is {self._target_shape}, as at first")
        network = self.network_
        output = self.output_ if self.output == "auto" else _named("output", self.output, OUTPUTS, Output)
        for name, value, present in (
            ("hidden_layer_sizes", self._sizes, network.hidden),
            ("activation", _named("activation", self.activation, ACTIVATIONS, Activation), network.activation),
            ("output", output, self.output_),
            *((name, getattr(self, name), getattr(network.recipe, name)) for name in Recipe._fields),
        ):
            if value != present:
                raise ValueError(f"{name}={value}: the present network has {present}; a new estimator can have others")

    def _check_warm_start(self, y: np.ndarray) -> None:
        self._check_continued(y)
        if not self._target_shape and not np.array_equal(np.unique(y), np.unique(self.classes_)):
            raise ValueError(  # scikit-learn's words: its own tests expect them
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {np.unique(y)}"
            )

    def _check_partial_fit(self, y: np.ndarray, classes: ArrayLike | None) -> None:
        self._check_continued(y)
        if classes is not None and not np.array_equal(np.unique(classes), np.unique(self.classes_)):
            given, allowed = np.unique(classes).tolist(), self.classes_.tolist()
            raise ValueError(f"classes={given}: allowed are those of the first call, {allowed}")
        if self._rule != self._optimizer:
            raise ValueError(f"optimizer={self.optimizer!r}: partial_fit goes on with {self._optimizer}")

    @property
    def _sizes(self) -> tuple[int, ...]:
        given: Any = self.hidden_layer_sizes
        sizes: Any = given if np.ndim(given) else (given,)
        if np.ndim(sizes) != 1 or not all(isinstance(units, Integral) and int(units) >= 1 for units in sizes):
            raise ValueError(f"hidden_layer_sizes={given!r}: allowed is an integer from 1 up, or a sequence of them")
        return tuple(sizes)

    @property
    def _recipe(self) -> Recipe:
        if self.norm not in ("none", *NORMS):
            raise ValueError(f"norm={self.norm!r}: {nearest(str(self.norm), ('none', *NORMS))}")
        if self.norm == "batch" and self.batch_size == 1:
            raise ValueError("batch_size=1: allowed with norm='batch' is an integer from 2 up, or 'auto'")
        share = Number("[0, 1)")
        for name in ("dropout", "input_dropout"):
            if not share.accepts(getattr(self, name)):
                raise ValueError(f"{name}={getattr(self, name)!r}: allowed is {share.words}")
        if not isinstance(self.residual, bool | np.bool_):
            raise ValueError(f"residual={self.residual!r}: allowed are True and False")
        return Recipe(self.norm, self.dropout, self.input_dropout, self.residual)

    @property
    def _rule(self) -> Optimizer:
        return _named("optimizer", self.optimizer, OPTIMIZERS, Optimizer)

    @property
    def _schedule(self) -> Schedule:
        return _named("schedule", self.schedule, SCHEDULES, Schedule)

    def _begin(self, X: np.ndarray, y: np.ndarray, classes: ArrayLike | None = None) -> None:
        """Make a new network for such rows."""
        task, count = self._learn(y, classes)
        output = _named("output", auto(task, count) if self.output == "auto" else self.output, OUTPUTS, Output)
        activation = _named("activation", self.activation, ACTIVATIONS, Activation)
        init = activation.initializer if self.init == "auto" else self.init
        init = _named("init", init, INITIALIZERS, Initializer)
        units = output.units(task, count)
        network = Network(X.shape[1], self._sizes, units, activation, 1, X.dtype, self._recipe)
        self._adopt(network, output, y.shape[1:])
        self._fresh = True
        self.network_.initialize(init, lambda replica, layer: stream(self._seed, INIT, layer))

    def _adopt(self, network: Network, output: Output, target_shape: tuple[int, ...]) -> None:
        """Make this network the fitted one, before its first epoch."""
        self.network_, self.output_, self._target_shape = network, output, target_shape
        self.n_features_in_, self._fresh = network.inputs, False
        self._seed = check_random_state(self.random_state).randint(2**31 - 1)
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_validation_score_: float | None = None
        self.gradient_norms_ = np.empty(0, fitting.GRADIENT_NORMS)
        self._restart()

    def _restart(self) -> None:
        """Begin a training: the optimizer has taken no step."""
        self._optimizer = self._rule
        self._state, self._steps = self._optimizer.state(self.network_.parameters), 0
        self.n_iter_ = 0

    def _divide(self, y: np.ndarray, *rows: Any) -> tuple[Sequence[Any], Sequence[Any] | None]:
        """Return the rows to train on, and if there is early stopping the others, followed by their y."""
        if not self.early_stopping:
            return rows, None
        strata = y if y.ndim == 1 else None  # classes
        split = {"test_size": self.validation_fraction, "random_state": self._seed, "stratify": strata}
        parts = train_test_split(*rows, y, **split)
        if len(parts[-1]) < 2:
            raise ValueError(  # scikit-learn's words: its own tests expect them
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        if self.norm == "batch" and len(parts[-2]) < 2:
            raise ValueError("norm='batch' needs 2 rows or more: validation_fraction leaves 1 row to train on")
        return parts[:-2:2], parts[1::2]

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
        shape = {"activation": network.activation, "output": output, **network.recipe._asdict()}
        estimator = cls(network.hidden, **shape, **parameters)
        estimator._adopt(network, output, (count,) if task == "regression" else ())
        return estimator

    @np.errstate(all="ignore")  # an overflow is noticed in the loss
    def _train_epoch(self, X: Any, targets: np.ndarray, weight: np.ndarray) -> None:
        network, count = self.network_, X.shape[0]
        self.n_iter_ += 1
        rate = self.learning_rate_init * self._schedule.factor(min(self.n_iter_, self.max_iter), self.max_iter)
        order = np.arange(count)
        if self.shuffle:
            order = stream(self._seed, ORDER, len(self.loss_curve_) + 1).permutation(count)
        batch = min(200 if self.batch_size == "auto" else self.batch_size, count)
        weight = weight / weight.mean()
        descent = Descent(network, self.output_, self._optimizer, self._state, self._steps, self._fresh)
        dropout = stream(self._seed, DROPOUT, len(self.loss_curve_) + 1)
        fitting.train_epoch(descent, X, targets, weight, order, batch, rate, dropout)
        self._steps, self._fresh = descent.steps, descent.fresh
        self.loss_ = fitting.mean_cost(self.output_, fitting.scores(network, X), targets, weight)
        if not (np.isfinite(self.loss_) and np.isfinite(network.statistics).all()):
            del self.network_  # nothing is fitted: all predictions would be NaN
            raise ValueError(
                f"training diverged in epoch {self.n_iter_}: "
                f"learning_rate_init={self.learning_rate_init} is too large, or the data need scaling"
            )
        self.loss_curve_.append(self.loss_)
        self.best_loss_ = None if self.early_stopping else min(self.loss_curve_)
        probe = stream(self._seed, PROBE).permutation(count)
        norms = fitting.gradient_norms(network, self.output_, X, targets, weight, probe, len(self.loss_curve_))
        self.gradient_norms_ = np.append(self.gradient_norms_, norms)
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")

    @np.errstate(all="ignore")
    def _validate(self, X: Any, targets: np.ndarray, weight: np.ndarray, y: np.ndarray) -> float:
        """Store the loss and the score of the rows held out; return the loss."""
        scores = fitting.scores(self.network_, X)
        loss = fitting.mean_cost(self.output_, scores, targets, weight)
        score = float(self._metric(y, self._decide(scores), sample_weight=weight))
        self.validation_loss_curve_.append(loss)
        self.validation_scores_ = [*(self.validation_scores_ or []), score]
        self.best_validation_score_ = max(self.validation_scores_)
        if self.verbose:
            print(f"Validation loss = {loss:.8f}, score = {score:.8f}")
        return loss

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return what y has in `fit`: classes (n,), labels (n, labels), or predictions (n,) or (n, targets)."""
        decided: np.ndarray = self._decide(self._scores(X))
        return decided

    @_one_thread
    def _scores(self, X: ArrayLike) -> np.ndarray:
        """Return the scores (1, n, units) of a user's rows."""
        check_is_fitted(self, "network_")
        rows = validate_data(self, X, reset=False, accept_sparse="csr", dtype=self.network_.dtype)
        return fitting.scores(self.network_, rows)

    @property
    def coefs_(self) -> list[np.ndarray]:
        return [layer.weight[0] for layer in self.network_.layers]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        return [layer.bias[0, 0] for layer in self.network_.layers]

    @property
    def n_layers_(self) -> int:
        return len(self.network_.layers) + 1

    @property
    def n_outputs_(self) -> int:
        return self.network_.outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


@dataclass(eq=False, repr=False)
class MLPClassifier(ClassifierMixin, _MLP):  # type: ignore[misc]  # scikit-learn has no types
    """A multilayer perceptron that decides on one of several classes, or on any number of several labels.

    Parameters
    ----------
    hidden_layer_sizes
        Units of each hidden layer, or of the only one; empty for a linear model.
    activation, output, init, optimizer, schedule
        A name from the registry of `nets.activations`, `outputs`, `initializers` or `optimizers`, or such an object:
        "elu" or `ELU(alpha=0.5)`. "auto" is the usual output of the task, and the activation's own initializer.
    norm, dropout, input_dropout, residual
        As in `nets.network.Recipe`.
    learning_rate_init
        In each epoch the schedule multiplies it by its factor.
    batch_size
        Rows of a batch; "auto" is 200. If there are fewer rows, one batch holds all. The last incomplete batch of an
        epoch is left out.
    max_iter, n_iter_no_change, tol
        The largest number of epochs. Training ends earlier if the loss has not fallen by more than `tol` for
        `n_iter_no_change` epochs, which may be infinite.
    early_stopping
        Hold out `validation_fraction` of the rows and use their loss to end the training. The parameters with the
        lowest such loss are kept.
    shuffle
        Draw a new order of the rows for each epoch.
    warm_start
        Let each `fit` start from the parameters of the last one, with a new state of the optimizer. The curves and
        the random numbers go on, so the same rows are held out again.
    verbose
        Print the loss of each epoch.
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
    coefs_, intercepts_
        Weights (fan_in, fan_out) and biases (fan_out,) of each layer, as views. Of maxout units, fan_out counts pieces.
        Behind a norm, the bias is added after it.
    n_layers_, n_outputs_
        Layers, the inputs among them, and scores.
    n_iter_
        Epochs of the last `fit`; each call of `partial_fit` adds one.
    loss_curve_, loss_, best_loss_
        The mean cost of the training rows after each epoch, the last and the lowest; the lowest is None with early
        stopping.
    validation_loss_curve_
        The mean cost of the rows held out, after each epoch.
    validation_scores_, best_validation_score_
        Their accuracy after each epoch, weighted like the cost (R² of an `MLPRegressor`), and the highest; None without
        early stopping.
    gradient_norms_
        Structured array, a row per epoch and layer. L is the mean cost of up to 256 training rows after the epoch.
        `weight_gradient_norm` is ‖∂L/∂W‖. `delta_norm` is the root mean square of these rows' weighted ∂cost/∂z.
    """

    class_weight: dict[Any, Any] | str | None = None

    _metric = staticmethod(accuracy_score)

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

    def _decide(self, scores: np.ndarray) -> np.ndarray:
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

    @_if_probabilities
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return probabilities (n, classes), or those of each label (n, labels), if the output has probabilities."""
        scores = self._scores(X)
        predict = self.output_.predict if self._target_shape else self.output_.class_probabilities
        probabilities: np.ndarray = predict(scores)[0]
        return probabilities

    @_if_probabilities
    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the logarithms of `predict_proba`.

        They are computed from the scores, so they are exact also where a probability rounds to 0 or 1. Clipped units,
        and sigmoid units of three or more classes, are exceptions.
        """
        scores = self._scores(X)[0]
        logarithms: np.ndarray
        if self.output_.probabilities == "softmax":
            logarithms = log_softmax(scores, axis=1)
        elif self.output_.probabilities == "sigmoid" and (self._target_shape or self.n_outputs_ == 1):
            logarithms = log_expit(scores if self._target_shape else np.hstack([-scores, scores]))
        else:
            with np.errstate(divide="ignore"):
                logarithms = np.log(self.predict_proba(X))
        return logarithms

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

    _metric = staticmethod(r2_score)

    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train for one epoch on these rows, in other respects as `fit`. The first call makes a new network."""
        return self._partial_fit(X, y, sample_weight)

    @classmethod
    def from_network(cls, network: Network, output: Output, **parameters: Any) -> Self:
        """Return a fitted estimator that predicts as a trained network does, as `MLPClassifier.from_network`."""
        return cls._from_network(network, output, "regression", network.outputs // len(output.roles), parameters)

    def _decide(self, scores: np.ndarray) -> np.ndarray:
        values: np.ndarray = self.output_.predict(scores)[0]
        return values[:, 0] if values.shape[1] == 1 else values

    def predict_distribution(self, X: ArrayLike) -> Distribution:
        """Return the distribution of each target (n, targets), for an output whose scores give it.

        Raises
        ------
        ValueError
            For other outputs.
        """
        scores = self._scores(X)[0]
        return self.output_.modelled_distribution(scores)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _check(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, first: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        inputs, targets, weight = super()._check(X, y, sample_weight, first)
        if self.output != "auto":
            _named("output", self.output, OUTPUTS, Output).check_targets(targets.astype(np.float64))
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
