"""The estimators: scikit-learn's own checks and tools, the runner's numbers, every registry's entries, weights."""

import copy
import os
import pickle
import re
import subprocess
import sys
import warnings
from functools import partial, partialmethod
from math import ceil

import numpy as np
import pytest
from scipy.sparse import csc_array, csc_matrix, csr_array, csr_matrix
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import threadpool_info, threadpool_limits

from experiments.data.split import prepare
from experiments.streams import stream
from experiments.training.run import train
from nets import estimators, fitting
from nets.activations import ACTIVATIONS, ELU
from nets.estimators import MLPClassifier, MLPRegressor
from nets.initializers import INITIALIZERS
from nets.network import Network, Recipe
from nets.optimizers import OPTIMIZERS, SCHEDULES, SGD, Constant
from nets.outputs import OUTPUTS, LinearMSE, SigmoidCE, SoftmaxCE
from tests.programs import ROOT

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # after so few epochs

SMALL = {"hidden_layer_sizes": (16,), "learning_rate_init": 0.02, "max_iter": 25, "random_state": 0}
ORDER = np.random.default_rng(0).permutation(150)
IRIS = scale(load_iris().data)[ORDER], load_iris().target_names[load_iris().target][ORDER]
DIABETES = scale(load_diabetes().data)[:200], scale(load_diabetes().target)[:200]
BLOBS, LABELS = make_multilabel_classification(100, n_features=6, n_classes=3, random_state=0)
TASKS = {
    "two classes": (IRIS[0][IRIS[1] != "setosa"], IRIS[1][IRIS[1] != "setosa"]),
    "three classes": IRIS,
    "multilabel": (scale(BLOBS), LABELS),
    "one target": DIABETES,
    "two targets": (IRIS[0][:, :2], IRIS[0][:, 2:]),
}


def estimator_for(task, **parameters):
    kind = MLPRegressor if "target" in task else MLPClassifier
    return kind(**{**SMALL, **parameters})


def data_for(task, output):
    """Return X and y of a task; y are counts for an output whose targets are not scaled."""
    X, y = TASKS[task]
    return (X, np.round(np.exp(y / 2 + 1))) if OUTPUTS[output].scaling == "none" else (X, y)


def serves(output, task):
    kind = {"multilabel": "multilabel", "one target": "regression", "two targets": "regression"}
    return kind.get(task, "classification") in output.tasks


def mean_cost(model, X, targets, weight):
    return fitting.mean_cost(model.output_, fitting.scores(model.network_, X), targets, weight)


each_task = pytest.mark.parametrize("task", TASKS)
each_pairing = pytest.mark.parametrize(
    ("name", "task"), [(name, task) for name, output in OUTPUTS.items() for task in TASKS if serves(output, task)]
)


# --- scikit-learn's checks and tools


WEIGHTS = ["check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data"]
"""What masks and the statistics of a batch make different: a row of weight 2 is not two rows."""


@pytest.mark.parametrize(
    ("estimator", "failing"),
    [
        ("MLPClassifier()", []),
        ("MLPRegressor()", []),
        pytest.param("MLPClassifier(norm='batch', dropout=0.1, residual=True)", WEIGHTS, marks=pytest.mark.slow),
        pytest.param("MLPRegressor(norm='layer', residual=True)", [], marks=pytest.mark.slow),
        pytest.param("MLPRegressor(norm='batch')", WEIGHTS, marks=pytest.mark.slow),
        pytest.param("MLPRegressor(input_dropout=0.1)", WEIGHTS, marks=pytest.mark.slow),
    ],
)
def test_all_of_scikit_learns_checks_pass(estimator, failing):
    """In a process of its own: a check of the array API needs SCIPY_ARRAY_API when SciPy is imported."""
    code = f"""
from warnings import filterwarnings
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import estimator_checks_generator
from nets.estimators import MLPClassifier, MLPRegressor
filterwarnings("ignore", category=ConvergenceWarning)
count = 0
for estimator, check in estimator_checks_generator({estimator}):
    fails = check.func.__name__ in {failing}
    try:
        check(estimator)
    except AssertionError:
        assert fails
    else:
        assert not fails
    count += 1
print(count)
"""
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 60


def test_a_grid_over_a_pipeline_chooses_an_activation():
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(**SMALL))
    choices = {"mlpclassifier__activation": ["linear", ELU(alpha=0.5)], "mlpclassifier__output": ["auto", "sigmoid_ce"]}
    search = GridSearchCV(pipeline, choices, cv=3, error_score="raise").fit(*load_iris(return_X_y=True))
    assert search.best_score_ > 0.9
    assert len(set(search.cv_results_["mean_test_score"])) > 1


@each_task
def test_cross_validation_scores_every_task(task):
    assert cross_val_score(estimator_for(task), *TASKS[task], cv=3, error_score="raise").mean() > 0.2


@pytest.mark.parametrize("output", ["softmax_ce", "linear_hinge"])
def test_calibration_gives_probabilities_to_scores(output):
    calibrated = CalibratedClassifierCV(MLPClassifier(output=output, **SMALL), cv=3).fit(*IRIS)
    p = calibrated.predict_proba(IRIS[0])
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert calibrated.score(*IRIS) > 0.9


def test_permutation_importance_finds_the_feature_that_decides():
    X = np.random.default_rng(0).normal(size=(200, 3))
    model = MLPClassifier(**SMALL).fit(X, X[:, 1] > 0)
    assert permutation_importance(model, X, X[:, 1] > 0, random_state=0).importances_mean.argmax() == 1


def test_targets_are_scaled_by_scikit_learns_own():
    model = TransformedTargetRegressor(MLPRegressor(**SMALL), transformer=StandardScaler())
    target = load_diabetes().target[:200]
    assert model.fit(DIABETES[0], target).score(DIABETES[0], target) > 0.4


def test_names_of_features_are_remembered():
    frame = load_iris(as_frame=True).data
    model = MLPClassifier(**SMALL).fit(frame, IRIS[1])
    assert model.feature_names_in_.tolist() == frame.columns.tolist()
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[frame.columns[::-1]])


def test_digits_are_learned_as_well_as_by_scikit_learns_perceptron():
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0, stratify=y)
    same = {"batch_size": 32, "max_iter": 15, "tol": 0, "n_iter_no_change": 15, "random_state": 0}
    ours = MLPClassifier((64,), learning_rate_init=0.003, **same).fit(X_train, y_train)
    with threadpool_limits(1, "blas"), pytest.warns(match="converge"):
        theirs = TheirClassifier((64,), alpha=0, learning_rate_init=0.003, **same).fit(X_train, y_train)
    assert ours.score(X_test, y_test) > theirs.score(X_test, y_test) - 0.015


# --- the runner's numbers


@pytest.mark.parametrize(
    "overrides",
    [
        # Of 121 training rows, batches of 16 leave 9 out.
        ["dataset=wine", "batch_size=16", "activation=elu", "optimizer=nesterov"],
        ["dataset=wine", "batch_size=16", "activation=maxout", "output=linear_hinge"],
        ["dataset=moons", "activation=prelu", "optimizer=adamw", "schedule=cosine", "init=orthogonal"],
        ["dataset=diabetes", "net.hidden=[]", "optimizer=rmsprop"],
        ["dataset=linnerud", "schedule=multistep", "schedule.milestones=[2]"],
        ["dataset=linnerud", "output=exp_poisson", "batch_size=4", "optimizer.clip_norm=1"],
        ["dataset=diabetes", "output=gaussian_nll", "output.beta=0.5", "optimizer=adam"],
        ["dataset=linnerud", "output=quantile", "batch_size=4", "net.norm=layer"],
        ["dataset=diabetes", "output=linear_huber", "output.delta=0.5"],
        ["dataset=wine", "batch_size=16", "net.norm=batch", "net.dropout=0.25", "net.input_dropout=0.1"],
        ["dataset=wine", "net.hidden=[6,6]", "net.norm=layer", "net.residual=true", "optimizer.clip_norm=0.5"],
        ["dataset=wine", "net.dropout=0.25", "activation=selu", "schedule.warmup=2"],
        [
            "dataset=wine",
            "output=softmax_ce",
            "output.label_smoothing=0.2",
            "schedule=warmup_cosine",
            "schedule.warmup=1",
        ],
    ],
    ids=" ".join,
)
def test_with_the_runners_random_streams_a_fit_is_the_runners_training(settings, monkeypatch, overrides):
    """Losses, gradient norms and dcost/dz after every epoch, from the same split, weights and batches."""
    run = settings("dtype=float64", "epochs=4", "net.hidden=[8,6]", "optimizer.lr=0.02", "seeds=[3]", *overrides)
    tables = train(run, run.replicas).frames
    streams = {estimators.INIT: "init", estimators.ORDER: "order", estimators.DROPOUT: "dropout"}

    def draws(seed, name, index=0):
        return stream(run.entropy, streams[name], 3, index) if name in streams else np.random.default_rng(0)

    monkeypatch.setattr(estimators, "stream", draws)
    monkeypatch.setattr(fitting, "ROWS", 1000)
    prepared = prepare(run.data, (3,), dtype="float64", **run.division, scaling=run.output.scaling)
    rows = prepared.split.train[0]
    kind, y = MLPClassifier, prepared.targets
    if run.data.task == "regression":
        kind, y = MLPRegressor, prepared.targets[0]
    model = kind(
        run.net.hidden,
        activation=run.activation,
        output=run.output,
        init=run.init,
        optimizer=run.optimizer,
        schedule=run.schedule,
        **run.net.recipe._asdict(),
        learning_rate_init=0.02,
        batch_size=run.batch_size,
        max_iter=4,
    )
    model.fit(prepared.inputs[0][rows], y[rows])
    np.testing.assert_allclose(model.loss_curve_, tables["history"]["train_loss"].astype(float)[1:], rtol=1e-9)
    layers = tables["layers"].astype({"epoch": int}).query("epoch > 0")
    assert model.gradient_norms_[["epoch", "layer"]].tolist() == [*zip(layers["epoch"], layers["layer"], strict=True)]
    if len(rows) <= 256:
        for name in ("weight_gradient_norm", "delta_norm"):
            np.testing.assert_allclose(model.gradient_norms_[name], layers[name].astype(float), rtol=1e-7)


# --- every registry


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("task", ["three classes", "one target"])
def test_every_activation_learns(name, task):
    model = estimator_for(task, activation=name).fit(*TASKS[task])
    assert model.score(*TASKS[task]) > (0.9 if task == "three classes" else 0.4)
    assert model.network_.activation == ACTIVATIONS[name]()


@each_pairing
def test_every_output_learns_what_it_serves(name, task):
    X, y = data_for(task, name)
    model = estimator_for(task, output=name).fit(X, y)
    assert model.output_ == OUTPUTS[name]()
    assert model.loss_curve_[-1] < model.loss_curve_[0] - 0.2 * abs(model.loss_curve_[0])
    assert model.score(X, y) > 0.3
    assert model.predict(X).shape == y.shape
    if "target" in task and model.output_.distribution_from_scores:
        assert model.predict_distribution(X).point.shape == (len(y), y.reshape(len(y), -1).shape[1])
    copy = type(model).from_network(model.network_, model.output_, *([] if "target" in task else [model.classes_]))
    if task != "multilabel":
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))


def test_targets_that_a_likelihood_excludes_are_refused_before_anything_is_fitted():
    X, y = data_for("one target", "exp_poisson")
    model = estimator_for("one target", output="exp_poisson", warm_start=True)
    message = r"^output exp_poisson takes counts \(0, 1, 2, …\), not -1$"
    for fit in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=message):
            fit(X, np.where(np.arange(len(y)) == 5, -1, y))
        assert not hasattr(model, "network_")
    model.fit(X, y)
    with pytest.raises(ValueError, match=r"^output exp_poisson takes counts \(0, 1, 2, …\), not 2.5$"):
        model.partial_fit(X, np.full(len(y), 2.5))


def test_a_distribution_needs_an_output_that_models_the_spread():
    X, y = TASKS["one target"]
    with pytest.raises(NotFittedError):
        estimator_for("one target").predict_distribution(X)
    model = estimator_for("one target").fit(X, y)
    message = (
        "^the scores of output=linear_mse give no distribution: predict_distribution needs one of exp_poisson, "
        "gaussian_nll, quantile$"
    )
    with pytest.raises(ValueError, match=message):
        model.predict_distribution(X)
    assert not hasattr(MLPClassifier(), "predict_distribution")


def test_a_modelled_spread_follows_the_noise():
    random = np.random.default_rng(0)
    X = random.uniform(-1, 1, (2000, 1))
    y = X[:, 0] + np.exp(X[:, 0] - 1) * random.normal(size=2000)
    known = np.exp(X[:, 0] - 1)
    model = MLPRegressor((16,), output="gaussian_nll", max_iter=40, random_state=0, learning_rate_init=0.01).fit(X, y)
    assert np.abs(np.log(model.predict_distribution(X).std[:, 0] / known)).mean() < 0.15
    model = MLPRegressor((16,), output="quantile", max_iter=40, random_state=0, learning_rate_init=0.01).fit(X, y)
    low, high = model.predict_distribution(X).interval(0.9)
    assert ((low[:, 0] <= y) & (y <= high[:, 0])).mean() == pytest.approx(0.9, abs=0.03)
    assert np.abs(np.log((high - low)[:, 0] / (2 * 1.645 * known))).mean() < 0.2


@each_pairing
def test_scores_and_probabilities_agree_with_predictions(name, task):
    if "target" in task:
        return
    X, y = TASKS[task]
    model = estimator_for(task, output=name).fit(X, y)
    assert hasattr(model, "predict_proba") == hasattr(MLPClassifier(output=name), "predict_proba")
    assert hasattr(model, "predict_proba") == (not name.startswith("linear"))
    outcomes = [(model.decision_function(X), 0)]
    if hasattr(model, "predict_proba"):
        p = model.predict_proba(X)
        assert ((p >= 0) & (p <= 1)).all()
        if task != "multilabel":
            np.testing.assert_allclose(p.sum(axis=1), 1)
        # A clipped unit's probabilities tie at 0 and 1.
        outcomes += [] if name == "clipped_mse" else [(p[:, 1] if task == "two classes" else p, 0.5)]
    for values, threshold in outcomes:
        if task == "three classes":
            decided = model.classes_[values.argmax(axis=1)]
        else:
            decided = model.classes_[(values > threshold).astype(int)]
        np.testing.assert_array_equal(decided, model.predict(X))


def test_probabilities_are_alike_where_every_unit_says_no():
    network = Network(1, (), 3, ELU(), 1, "float64")
    network.layers[0].bias[:] = -1000
    model = MLPClassifier.from_network(network, SigmoidCE(), ["a", "b", "c"])
    np.testing.assert_array_equal(model.predict_proba([[0.0]]), [[1 / 3] * 3])


@pytest.mark.parametrize(
    ("parameter", "name"),
    [
        (parameter, name)
        for parameter, registry in (("optimizer", OPTIMIZERS), ("init", INITIALIZERS), ("schedule", SCHEDULES))
        for name in registry
    ],
)
def test_a_name_stands_for_the_object_of_that_name(parameter, name):
    registry = {"optimizer": OPTIMIZERS, "init": INITIALIZERS, "schedule": SCHEDULES}[parameter]
    by_name, by_object, other = (
        MLPClassifier(**{**SMALL, parameter: value, "max_iter": 30}).fit(*IRIS)
        for value in (name, registry[name](), next(other for other in registry if other != name))
    )
    assert by_name.loss_curve_ == by_object.loss_curve_
    assert by_name.loss_curve_ != other.loss_curve_


# --- weights of rows and classes


@pytest.mark.parametrize("class_weight", [None, "balanced", {"setosa": 2, "virginica": 0.5}])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_whole_weights_are_repetitions_where_one_batch_holds_all_rows(optimizer, class_weight):
    X, y = IRIS
    weight = np.random.default_rng(0).integers(4, size=len(X))
    weight[y == "versicolor"] = 0
    parameters = {**SMALL, "optimizer": optimizer, "class_weight": class_weight, "batch_size": 1000}
    weighted = MLPClassifier(**parameters).fit(X, y, weight)
    repeated = MLPClassifier(**parameters).fit(X.repeat(weight, axis=0), y.repeat(weight))
    assert weighted.classes_.tolist() == ["setosa", "virginica"]
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-8)
    norms = (model.gradient_norms_["weight_gradient_norm"] for model in (weighted, repeated))
    np.testing.assert_allclose(*norms, rtol=1e-6)
    np.testing.assert_allclose(weighted.decision_function(X), repeated.decision_function(X), rtol=1e-6, atol=1e-9)
    unweighted = MLPClassifier(**parameters).fit(X[weight > 0], y[weight > 0])
    assert abs(unweighted.decision_function(X) - weighted.decision_function(X)).max() > 0.01


@each_pairing
def test_a_step_goes_down_the_gradient_of_the_weighted_mean_cost(name, task):
    X, y = data_for(task, name)
    weight = np.random.default_rng(0).uniform(0.1, 3, len(X))
    parameters = {"activation": "tanh", "output": name, "optimizer": "sgd", "batch_size": len(X)}
    model = estimator_for(task, **parameters).partial_fit(X, y, sample_weight=weight)
    before = model.network_.parameters.copy()
    targets, _ = model._encode(y if task != "one target" else y[:, None], weight)

    def cost(parameters):
        model.network_.parameters[:] = parameters
        return mean_cost(model, X, targets, weight)

    steps = 1e-5 * np.eye(before.size)
    gradient = np.array([cost(before + step) - cost(before - step) for step in steps]) / 2e-5
    model.network_.parameters[:] = before
    model.partial_fit(X, y, sample_weight=weight)
    step = (before - model.network_.parameters)[0] / SMALL["learning_rate_init"]
    assert abs(gradient).max() > 1e-3
    np.testing.assert_allclose(step, gradient, atol=1e-6 * abs(gradient).max())


@pytest.mark.parametrize("batch_size", [16, 150])
def test_weights_of_classes_are_weights_of_their_rows(batch_size):
    X, y = IRIS[0][20:], IRIS[1][20:]
    for class_weight in ("balanced", {"setosa": 3.0, "versicolor": 0.1, "virginica": 1.0}):
        by_class = MLPClassifier(**SMALL, batch_size=batch_size, class_weight=class_weight).fit(X, y)
        by_row = MLPClassifier(**SMALL, batch_size=batch_size).fit(X, y, compute_sample_weight(class_weight, y))
        np.testing.assert_allclose(by_class.loss_curve_, by_row.loss_curve_, rtol=1e-9)


# --- epochs, stopping, continuing


@each_task
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_calls_of_partial_fit_are_the_epochs_of_fit(task, name):
    X, y = TASKS[task]
    model = estimator_for(task, optimizer=name)
    for _ in range(3):
        model.partial_fit(X, y)
    fitted = estimator_for(task, optimizer=name, max_iter=3).fit(X, y)
    assert model.loss_curve_ == fitted.loss_curve_
    assert (model.n_iter_, fitted.n_iter_) == (3, 3)
    np.testing.assert_array_equal(model.network_.parameters, fitted.network_.parameters)
    np.testing.assert_array_equal(model.gradient_norms_, fitted.gradient_norms_)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize("activation", ["maxout", "prelu", "formula"])
def test_a_copy_goes_on_training_as_the_original_would(copied, activation):
    model = MLPClassifier(**SMALL, activation=activation).partial_fit(*IRIS)
    other = copied(model)
    np.testing.assert_array_equal(other.decision_function(IRIS[0]), model.decision_function(IRIS[0]))
    model.partial_fit(*IRIS)
    assert not np.array_equal(other.decision_function(IRIS[0]), model.decision_function(IRIS[0]))
    other.partial_fit(*IRIS)
    np.testing.assert_array_equal(other.decision_function(IRIS[0]), model.decision_function(IRIS[0]))


def no_better(curve, tol):
    """Say of each epoch but the first whether its loss is not below that of all before by more than tol."""
    return [curve[epoch] >= min(curve[:epoch]) - tol for epoch in range(1, len(curve))]


@each_task
def test_early_stopping_keeps_the_best_parameters_for_the_rows_held_out(task, monkeypatch):
    parts = []
    monkeypatch.setattr(
        estimators, "train_test_split", lambda *a, **k: parts.extend(train_test_split(*a, **k)) or parts
    )
    X, y = TASKS[task]
    stopping = {"early_stopping": True, "n_iter_no_change": 4, "max_iter": 300, "learning_rate_init": 0.1}
    model = estimator_for(task, **stopping).fit(X, y, np.linspace(1, 2, len(X)))
    curve = model.validation_loss_curve_
    assert model.n_iter_ == len(curve) == len(model.loss_curve_) < 300
    assert curve[-1] > min(curve)
    held_out = parts[1::2]
    assert len(held_out[0]) == ceil(len(X) / 10)
    assert mean_cost(model, *held_out[:3]) == min(curve)
    assert no_better(curve, model.tol)[-5:] == [False, True, True, True, True]


def test_classes_are_held_out_in_proportion(monkeypatch):
    given = {}
    split = train_test_split
    monkeypatch.setattr(estimators, "train_test_split", lambda *a, **k: given.update(k) or split(*a, **k))
    MLPClassifier(**{**SMALL, "max_iter": 1}, early_stopping=True, validation_fraction=0.3).fit(*IRIS)
    np.testing.assert_array_equal(given["stratify"], IRIS[1])
    assert given["test_size"] == 0.3


def test_without_early_stopping_the_training_loss_decides():
    model = MLPClassifier(**SMALL, tol=0.05, n_iter_no_change=3).fit(*IRIS)
    assert no_better(model.loss_curve_, 0.05)[-4:] == [False, True, True, True]
    assert model.validation_loss_curve_ == []


def test_an_incomplete_batch_is_left_out_and_fewer_rows_are_one(monkeypatch):
    counts = []
    step = SGD.step
    monkeypatch.setattr(SGD, "step", lambda *arguments: counts.append(arguments[-1]) or step(*arguments))
    MLPClassifier(**{**SMALL, "max_iter": 2}, optimizer="sgd", batch_size=40).fit(*IRIS)
    assert counts == [1, 2, 3, 4, 5, 6]
    MLPClassifier(**{**SMALL, "max_iter": 1}, optimizer="sgd", batch_size=400).fit(*IRIS)
    assert counts[6:] == [1]


def test_fitting_takes_one_blas_thread(monkeypatch):
    def spying(*arguments):
        threads.update(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

    monkeypatch.setattr(SGD, "step", spying)
    for method in ("fit", "partial_fit"):
        threads = set()
        getattr(MLPClassifier(**SMALL, optimizer="sgd"), method)(*IRIS)
        assert threads == {1}


def test_the_same_random_state_starts_every_activation_alike():
    parameters = {**SMALL, "init": "he_normal", "learning_rate_init": 1e-300, "max_iter": 1}  # learns nothing
    relu, gelu, maxout = (
        MLPClassifier(**parameters, activation=name).fit(*IRIS) for name in ("relu", "gelu", "maxout")
    )
    np.testing.assert_allclose(relu.network_.parameters, gelu.network_.parameters, atol=1e-200)
    np.testing.assert_allclose(relu.network_.layers[1].weight, maxout.network_.layers[1].weight, atol=1e-200)
    other = MLPClassifier(**{**SMALL, "random_state": 1, "max_iter": 1}).fit(*IRIS)
    assert abs(other.network_.parameters - relu.network_.parameters).min() > 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_everything_is_in_the_dtype_of_the_inputs(dtype):
    X, y = IRIS[0].astype(dtype), IRIS[1]
    model = MLPClassifier(**SMALL).fit(X, y)
    assert {values.dtype for values in (model.network_.parameters, model.predict_proba(X))} == {np.dtype(dtype)}
    assert MLPRegressor(**SMALL).fit(X, X[:, 0]).predict(IRIS[0]).dtype == dtype


@pytest.mark.parametrize("count", [1, 255, 256, 257, 600])
def test_any_number_of_rows_is_predicted_row_by_row(count):
    model = MLPClassifier(**{**SMALL, "max_iter": 1}).fit(*IRIS)
    X = np.random.default_rng(0).normal(size=(count, 4))
    rows = [model.decision_function(row[None])[0] for row in X]
    np.testing.assert_allclose(model.decision_function(X), rows, rtol=1e-12, atol=1e-14)


def test_the_end_by_max_iter_is_a_warning():
    message = (
        r"^training ended after max_iter=25 epochs, before the loss .* by more than tol=0.0001: raise max_iter or tol$"
    )
    with pytest.warns(ConvergenceWarning, match=message) as warned:
        MLPClassifier(**SMALL).fit(*IRIS)
    assert warned[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MLPClassifier(**SMALL, schedule="cosine").fit(*IRIS)  # it is made for just so many epochs
        assert MLPClassifier(**SMALL, tol=0.05).fit(*IRIS).n_iter_ < 25
        MLPClassifier(**SMALL).partial_fit(*IRIS)


def test_training_need_not_end_before_max_iter():
    model = MLPClassifier(**SMALL, tol=1000, n_iter_no_change=np.inf).fit(*IRIS)
    assert model.n_iter_ == 25


def test_without_shuffling_the_rows_stay_in_order():
    X, y = IRIS
    parameters = {**SMALL, "optimizer": "sgd", "batch_size": 50, "shuffle": False}
    model, by_batch = (MLPClassifier(**parameters).partial_fit(X[:50], y[:50]) for _ in range(2))
    model.partial_fit(X, y)
    for start in (0, 50, 100):
        by_batch.partial_fit(X[start : start + 50], y[start : start + 50])
    np.testing.assert_array_equal(model.network_.parameters, by_batch.network_.parameters)
    shuffled = MLPClassifier(**{**parameters, "shuffle": True}).partial_fit(X[:50], y[:50]).partial_fit(X, y)
    assert abs(shuffled.network_.parameters - model.network_.parameters).max() > 1e-6


@pytest.mark.parametrize(
    ("name", "value", "same"),
    [("hidden_layer_sizes", 16, (16,)), ("hidden_layer_sizes", np.array([8, 4]), [8, 4]), ("batch_size", "auto", 200)],
)
def test_two_values_of_a_parameter_mean_the_same(name, value, same):
    X, y = np.tile(IRIS[0], (3, 1)), np.tile(IRIS[1], 3)
    one, other = (MLPClassifier(**{**SMALL, "max_iter": 2, name: given}).fit(X, y) for given in (value, same))
    np.testing.assert_array_equal(one.network_.parameters, other.network_.parameters)


def test_verbose_prints_each_epoch(capsys):
    model = MLPClassifier(**{**SMALL, "max_iter": 2}, verbose=True, early_stopping=True).fit(*IRIS)
    lines = [
        f"Iteration {epoch}, loss = {loss:.8f}\nValidation loss = {held_out:.8f}, score = {score:.8f}\n"
        for epoch, loss, held_out, score in zip(
            (1, 2), model.loss_curve_, model.validation_loss_curve_, model.validation_scores_, strict=True
        )
    ]
    assert capsys.readouterr().out == "".join(lines)
    MLPClassifier(**{**SMALL, "max_iter": 2}).fit(*IRIS)
    assert capsys.readouterr().out == ""


def test_the_loss_is_stored_beside_its_curve():
    model = MLPClassifier(**{**SMALL, "learning_rate_init": 0.5}).fit(*IRIS)
    assert model.loss_ == model.loss_curve_[-1]
    assert model.best_loss_ == min(model.loss_curve_) < model.loss_
    assert model.validation_scores_ is None
    assert model.best_validation_score_ is None


@each_task
def test_with_early_stopping_the_score_of_the_rows_held_out_is_stored(task, monkeypatch):
    parts = []
    monkeypatch.setattr(
        estimators, "train_test_split", lambda *a, **k: parts.extend(train_test_split(*a, **k)) or parts
    )
    X, y = TASKS[task]
    weight = np.linspace(1, 2, len(X))
    model = estimator_for(task, early_stopping=True, max_iter=1).fit(X, y, weight)
    rows, _, weight, truth = parts[1::2]
    score = r2_score if "target" in task else accuracy_score
    assert model.validation_scores_ == [score(truth, model.predict(rows), sample_weight=weight)]
    monkeypatch.undo()
    model.set_params(max_iter=20, warm_start=True).fit(X, y)
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == 1 + model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_loss_ is None


def test_early_stopping_is_refused_where_no_rows_can_be_held_out():
    model = MLPClassifier(**SMALL, early_stopping=True)
    for _ in range(2):
        with pytest.raises(
            ValueError, match=r"^partial_fit does not support early_stopping=True: only fit holds out rows$"
        ):
            model.partial_fit(*IRIS)
        model.fit(*IRIS)
    with pytest.raises(
        ValueError, match=r"^The validation set is too small\. Increase 'validation_fraction' or the size"
    ):
        MLPRegressor(**SMALL, early_stopping=True).fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 3.0])


# --- warm start


@each_task
def test_warm_starts_are_the_epochs_of_one_fit(task):
    """Plain SGD has no state, and a constant schedule none either."""
    X, y = TASKS[task]
    model = estimator_for(task, optimizer="sgd", warm_start=True, max_iter=2).fit(X, y)
    model.set_params(max_iter=3).fit(X, y)
    assert model.n_iter_ == 3
    whole = estimator_for(task, optimizer="sgd", max_iter=5).fit(X, y)
    assert model.loss_curve_ == whole.loss_curve_
    np.testing.assert_array_equal(model.network_.parameters, whole.network_.parameters)
    np.testing.assert_array_equal(model.gradient_norms_, whole.gradient_norms_)
    assert model.partial_fit(X, y).n_iter_ == 4


def test_a_warm_start_has_a_new_optimizer_and_its_own_end():
    parameters = {"max_iter": 4, "batch_size": 150, "warm_start": True, "random_state": 0}
    model = MLPClassifier(16, **parameters).fit(*IRIS)
    for optimizer in ("adam", "momentum"):
        network = copy.deepcopy(model.network_)
        model.set_params(optimizer=optimizer).fit(*IRIS)
        other = MLPClassifier.from_network(network, SoftmaxCE(), model.classes_, **parameters, optimizer=optimizer)
        np.testing.assert_allclose(other.fit(*IRIS).network_.parameters, model.network_.parameters, rtol=1e-7)
    model.set_params(max_iter=50, tol=1000, n_iter_no_change=2).fit(*IRIS)
    assert model.n_iter_ == 3
    assert len(model.loss_curve_) == 4 + 4 + 4 + 3


def test_a_warm_start_holds_out_the_same_rows(monkeypatch):
    parts = []
    split = train_test_split
    monkeypatch.setattr(estimators, "train_test_split", lambda *a, **k: parts.append(split(*a, **k)) or parts[-1])
    model = MLPClassifier(**{**SMALL, "random_state": None}, early_stopping=True, warm_start=True)
    model.fit(*IRIS).fit(*IRIS)
    np.testing.assert_array_equal(parts[0][1], parts[1][1])


def test_a_trained_network_goes_on_with_a_warm_start():
    X, y = scale(load_iris().data), load_iris().target
    network = MLPClassifier(**SMALL).fit(X, y).network_
    kept = network.parameters.copy()
    parameters = {"learning_rate_init": 1e-300, "max_iter": 1}
    model = MLPClassifier.from_network(network, SoftmaxCE(), ["c", "b", "a"], warm_start=True, **parameters)
    model.fit(X, np.array(["c", "b", "a"])[y])
    assert model.network_ is network
    np.testing.assert_allclose(network.parameters, kept, rtol=1e-12)


def test_a_network_keeps_its_classes_and_its_shape():
    X, y = IRIS
    model = MLPClassifier(**SMALL, warm_start=True).fit(X, y)
    message = (
        "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
        "Previously got ['setosa' 'versicolor' 'virginica'], `y` has ['setosa' 'versicolor']"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        model.fit(X[y != "virginica"], y[y != "virginica"])
    with pytest.raises(ValueError, match=r"^y has rows of shape \(3,\): allowed is \(\), as at first$"):
        model.fit(X, (y[:, None] == np.unique(y)).astype(int))
    with pytest.raises(ValueError, match="features"):
        model.fit(X[:, :2], y)
    changes = {
        "hidden_layer_sizes": ((16, 8), "hidden_layer_sizes=(16, 8): the present network has (16,); a new estimator"),
        "activation": ("tanh", "activation=Tanh(): the present network has ReLU("),
        "output": ("softmax_mse", "output=SoftmaxMSE(): the present network has SoftmaxCE(label_smoothing=0.0); a new"),
    }
    for name, (value, message) in changes.items():
        for method in ("fit", "partial_fit"):
            changed = copy.deepcopy(model).set_params(**{name: value})
            with pytest.raises(ValueError, match=f"^{re.escape(message)}[^\n]*$"):
                getattr(changed, method)(X, y)
    model.set_params(activation=ACTIVATIONS["relu"](), output="softmax_ce", hidden_layer_sizes=[16]).fit(X, y)
    with pytest.raises(ValueError, match=r"^optimizer='sgd': partial_fit goes on with Adam\("):
        model.set_params(optimizer="sgd").partial_fit(X, y)
    model.set_params(warm_start=False, activation="tanh").fit(X, y)
    assert model.network_.activation == ACTIVATIONS["tanh"]()


@pytest.mark.parametrize("parameters", [{"optimizer": "adm"}, {"schedule": "cos"}, {"hidden_layer_sizes": 0}])
def test_a_refusal_leaves_what_was_fitted(parameters):
    model = MLPClassifier(**SMALL).fit(*IRIS)
    scores = model.decision_function(IRIS[0])
    with pytest.raises(ValueError, match="llowed"):
        model.set_params(**parameters).fit(*IRIS)
    np.testing.assert_array_equal(model.decision_function(IRIS[0]), scores)


# --- sparse inputs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", [csr_matrix, csc_matrix, csr_array, csc_array])
@each_task
def test_sparse_inputs_give_the_numbers_of_dense_ones(task, container, dtype):
    X, y = TASKS[task]
    X = np.tile(np.where(abs(X) > 1, X, 0), (3, 1)).astype(dtype)[:300]  # more than one forward pass
    y = np.concatenate([y, y, y])[:300]
    weight = np.random.default_rng(0).integers(3, size=len(X))
    outcomes = []
    for rows in (X, container(X)):
        stopped = estimator_for(task, early_stopping=True, max_iter=3).fit(rows, y, weight)
        model = estimator_for(task, max_iter=2).fit(rows, y).partial_fit(rows, y)
        outcomes.append(
            [
                *(one.network_.parameters for one in (stopped, model)),
                *(one.gradient_norms_ for one in (stopped, model)),
                stopped.validation_loss_curve_,
                model.predict(rows),
                *([] if "target" in task else [model.predict_proba(rows), model.decision_function(rows)]),
            ]
        )
    for dense, sparse in zip(*outcomes, strict=True):
        np.testing.assert_array_equal(sparse, dense)
    assert model.network_.dtype == dtype


@pytest.mark.parametrize("container", [csr_array, csc_array])
def test_sparse_inputs_are_never_dense_as_a_whole(container, monkeypatch):
    counts = []

    def spying(dense, rows, *arguments, **options):
        counts.append(rows.shape[0])
        return dense(rows, *arguments, **options)

    for kind in (csr_array, csc_array):
        monkeypatch.setattr(kind, "toarray", partialmethod(partial(spying, kind.toarray)))
    X = container(np.eye(600, 50))
    y = np.arange(600) < 300
    model = MLPClassifier(**SMALL, early_stopping=True).fit(X, y)
    model.predict(X)
    model.set_params(early_stopping=False).partial_fit(X, y)
    assert set(counts) == {32, 60, 256}


# --- trained networks


@pytest.mark.parametrize("activation", ["relu", "maxout"])
def test_layers_are_lists_of_arrays_too(activation):
    model = MLPClassifier(**{**SMALL, "hidden_layer_sizes": (8, 5)}, activation=activation)
    for name in ("coefs_", "intercepts_", "n_layers_", "n_outputs_"):
        assert not hasattr(model, name)
    model.fit(*IRIS)
    pieces = model.network_.activation.pieces
    assert [weight.shape for weight in model.coefs_] == [(4, 8 * pieces), (8, 5 * pieces), (5, 3)]
    assert [bias.shape for bias in model.intercepts_] == [(8 * pieces,), (5 * pieces,), (3,)]
    assert (model.n_layers_, model.n_outputs_) == (4, 3)
    if activation == "relu":
        h = IRIS[0]
        for weight, bias in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
            h = np.maximum(h @ weight + bias, 0)
        np.testing.assert_allclose(h @ model.coefs_[-1] + model.intercepts_[-1], model.decision_function(IRIS[0]))
    model.coefs_[0][:] = 0  # a view
    assert np.unique(model.decision_function(IRIS[0]), axis=0).shape == (1, 3)


@each_pairing
def test_logarithms_are_those_of_the_probabilities(name, task):
    if "target" in task:
        return
    X, y = TASKS[task]
    model = estimator_for(task, output=name).fit(X, y)
    assert hasattr(model, "predict_log_proba") == hasattr(model, "predict_proba")
    if hasattr(model, "predict_proba"):
        p = model.predict_proba(X)
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(model.predict_log_proba(X), np.log(p), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("output", "bias", "logarithms"),
    [
        (SigmoidCE(), [800], [-800, 0]),
        (SigmoidCE(), [30], [-30, -np.exp(-30)]),
        (SigmoidCE(), [-30], [-np.exp(-30), -30]),
        (SoftmaxCE(), [0, 900], [-900, 0]),
        (SoftmaxCE(), [0, 30], [-30, -np.exp(-30)]),
    ],
)
def test_logarithms_of_probabilities_are_exact_where_these_round_to_0_or_1(output, bias, logarithms, dtype):
    network = Network(1, (), len(bias), ELU(), 1, dtype)
    network.layers[0].bias[:] = bias
    model = MLPClassifier.from_network(network, output, ["no", "yes"])
    found = model.predict_log_proba([[0.0]])
    assert found.dtype == dtype
    np.testing.assert_allclose(found, [logarithms], rtol=1e-6, atol=1e-13)


@pytest.mark.parametrize(("output", "classes"), [(SoftmaxCE(), ["c", "a", "b"]), (SigmoidCE(), ["yes", "no"])])
def test_a_trained_network_becomes_a_classifier(output, classes):
    """Its classes may stand in any order."""
    X, y = scale(load_iris().data)[: 50 * len(classes)], np.repeat(np.arange(len(classes)), 50)
    network = MLPClassifier(**SMALL, output=output).fit(X, y).network_
    others = {"optimizer": "sgd", "learning_rate_init": 0.05, "random_state": 0}
    model = MLPClassifier.from_network(network, output, classes, **others)
    names = np.array(classes)[y]
    assert model.score(X, names) > 0.9
    assert model.get_params()["hidden_layer_sizes"] == (16,)
    loss = mean_cost(model, X, model._encode(names, np.ones(len(X)))[0], np.ones(len(X)))
    assert model.partial_fit(X, names, classes=sorted(classes)).loss_curve_[0] < loss
    assert model.fit(X, names).score(X, names) > 0.8


def test_a_trained_network_becomes_a_regressor():
    X, y = TASKS["two targets"]
    fitted = MLPRegressor(**SMALL).fit(X, y)
    model = MLPRegressor.from_network(fitted.network_, LinearMSE())
    np.testing.assert_array_equal(model.predict(X), fitted.predict(X))
    assert model.partial_fit(X, y).n_iter_ == 1


@pytest.mark.parametrize(("replicas", "scores"), [(2, 3), (1, 2)])
def test_another_network_is_refused(replicas, scores):
    network = Network(4, (8,), scores, ELU(), replicas)
    message = f"^a network of {replicas} replicas and {scores} scores: allowed here are 1 replica and 3 scores$"
    with pytest.raises(ValueError, match=message):
        MLPClassifier.from_network(network, SoftmaxCE(), ["a", "b", "c"])


# --- norms, dropout and residual connections

TWICE = {**SMALL, "hidden_layer_sizes": (16, 16)}
RECIPES = {
    "batch": {"norm": "batch"},
    "layer": {"norm": "layer"},
    "dropout": {"dropout": 0.25, "input_dropout": 0.125},
    "residual": {"residual": True},
    "all": {"norm": "batch", "dropout": 0.25, "input_dropout": 0.125, "residual": True},
}
each_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


def same(one, other):
    """Assert that two models predict the same and have the same history, bit for bit."""
    assert one.loss_curve_ == other.loss_curve_
    for name, values in one.network_.arrays().items():
        np.testing.assert_array_equal(values, other.network_.arrays()[name])
    np.testing.assert_array_equal(one._scores(IRIS[0][:, : one.n_features_in_]), other._scores(IRIS[0]))


@each_task
@each_recipe
def test_a_recipe_learns_every_task(task, recipe):
    X, y = TASKS[task]
    model = estimator_for(task, **{**TWICE, **recipe, "max_iter": 60}).fit(X, y)
    assert model.network_.recipe == Recipe(**recipe)
    assert model.score(X, y) > 0.3
    np.testing.assert_array_equal(model.predict(X), model.predict(X))  # nothing is dropped in prediction


@each_recipe
def test_calls_of_partial_fit_are_the_epochs_of_fit_with_a_recipe(recipe):
    model = MLPClassifier(**{**TWICE, "max_iter": 4, **recipe})
    for _ in range(4):
        model.partial_fit(*IRIS)
    same(model, MLPClassifier(**{**TWICE, "max_iter": 4, **recipe}).fit(*IRIS))


@each_recipe
def test_warm_starts_are_the_epochs_of_one_fit_with_a_recipe(recipe):
    """The running statistics go on too."""
    parameters = {**TWICE, "optimizer": "sgd", "batch_size": 75, **recipe}
    model = MLPClassifier(**{**parameters, "warm_start": True, "max_iter": 2}).fit(*IRIS)
    model.set_params(max_iter=3).fit(*IRIS)
    same(model, MLPClassifier(**{**parameters, "max_iter": 5}).fit(*IRIS))


@each_recipe
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_with_a_recipe_goes_on_as_the_original_would(copied, recipe):
    model = MLPClassifier(**{**TWICE, **recipe}).partial_fit(*IRIS)
    other = copied(model)
    same(model, other)
    same(model.partial_fit(*IRIS), other.partial_fit(*IRIS))


@each_recipe
def test_a_network_with_a_recipe_becomes_an_estimator(recipe):
    fitted = MLPClassifier(**{**TWICE, "optimizer": "sgd", **recipe}).fit(*IRIS)
    network = copy.deepcopy(fitted.network_)
    model = MLPClassifier.from_network(
        network, SoftmaxCE(), fitted.classes_, optimizer="sgd", learning_rate_init=1e-300
    )
    assert {name: model.get_params()[name] for name in Recipe._fields} == Recipe(**recipe)._asdict()
    np.testing.assert_array_equal(model.predict_proba(IRIS[0]), fitted.predict_proba(IRIS[0]))
    if "norm" in recipe and recipe["norm"] == "batch":
        # A batch enters with its share of a tenth; it does not replace what the network has.
        before = network.statistics.copy()
        model.set_params(batch_size=150).partial_fit(*IRIS)
        first = fitted.network_.running[0]
        assert np.abs(network.statistics - before).max() < 0.5 * np.abs(before).max()
        z = IRIS[0] @ network.layers[0].weight[0]
        if not recipe.get("input_dropout"):
            expected = 0.9 * first.variance[0, 0] + 0.1 * z.var(axis=0, ddof=1)
            np.testing.assert_allclose(network.running[0].variance[0, 0], expected, rtol=1e-9)


def test_early_stopping_keeps_the_statistics_of_the_best_epoch(monkeypatch):
    parts = []
    monkeypatch.setattr(
        estimators, "train_test_split", lambda *a, **k: parts.extend(train_test_split(*a, **k)) or parts
    )
    parameters = {**TWICE, **RECIPES["all"], "learning_rate_init": 0.1, "batch_size": 20}
    stopping = {"early_stopping": True, "n_iter_no_change": 4, "max_iter": 300}
    model = MLPClassifier(**{**parameters, **stopping}).fit(*IRIS)
    curve, held_out = model.validation_loss_curve_, parts[1::2]
    best = int(np.argmin(curve))
    assert best + 1 < len(curve) < 300
    targets = held_out[1]
    assert mean_cost(model, held_out[0], targets, np.ones(len(targets))) == min(curve)
    # The same rows without early stopping, until the best epoch.
    short = MLPClassifier(**{**parameters, "max_iter": best + 1, "tol": 0, "n_iter_no_change": np.inf})
    short.fit(parts[0], np.array(sorted(set(IRIS[1])))[parts[2].argmax(axis=1)])
    np.testing.assert_array_equal(model.network_.statistics, short.network_.statistics)
    np.testing.assert_array_equal(model.network_.parameters, short.network_.parameters)


def test_an_estimator_keeps_its_recipe():
    model = MLPClassifier(**TWICE, warm_start=True).fit(*IRIS)
    for name, value in {"norm": "batch", "dropout": 0.5, "input_dropout": 0.5, "residual": True}.items():
        changed = copy.deepcopy(model).set_params(**{name: value})
        for method in ("fit", "partial_fit"):
            with pytest.raises(ValueError, match=rf"^{name}={value}: the present network has [^\n]*$"):
                getattr(changed, method)(*IRIS)


def test_batch_norm_needs_two_rows():
    message = "^n_samples=1: norm='batch' needs 2 rows or more, as the variance of 1 row is 0$"
    with pytest.raises(ValueError, match=message):
        MLPRegressor(norm="batch").fit([[1.0, 2.0]], [3.0])
    split = {"early_stopping": True, "validation_fraction": 0.6}
    with pytest.raises(ValueError, match=r"validation_fraction leaves 1 row to train on$"):
        MLPRegressor(norm="batch", **split).fit([[1.0], [2.0], [3.0]], [3.0, 4.0, 5.0])
    model = MLPClassifier(**{**TWICE, "hidden_layer_sizes": 8}, norm="batch").fit(*IRIS)
    before, epochs = model.predict_proba(IRIS[0]), model.n_iter_
    with pytest.raises(ValueError, match=message):
        model.partial_fit(IRIS[0][:1], IRIS[1][:1])
    assert model.n_iter_ == epochs
    np.testing.assert_array_equal(model.predict_proba(IRIS[0]), before)
    model.partial_fit(IRIS[0][:2], IRIS[1][:2])


@pytest.mark.parametrize("container", [csr_array])
def test_sparse_inputs_give_the_numbers_of_dense_ones_with_a_recipe(container):
    X = np.maximum(IRIS[0], 0)
    models = [MLPClassifier(**{**TWICE, **RECIPES["all"]}).fit(inputs, IRIS[1]) for inputs in (X, container(X))]
    same(*models)


# --- refusals


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": "rleu"}, "activation='rleu': did you mean 'relu'? Allowed: "),
        ({"output": "softmax"}, "output='softmax': did you mean 'softmax_ce'? Allowed: "),
        ({"optimizer": "adm"}, "optimizer='adm': did you mean 'adam'? Allowed: "),
        ({"schedule": "cos"}, "schedule='cos': did you mean 'cosine'? Allowed: "),
        ({"init": 3}, "init=3: allowed: "),
        ({"output": ELU()}, "output=ELU(alpha=1.0): allowed: "),
        ({"hidden_layer_sizes": (8, 0)}, "hidden_layer_sizes=(8, 0): allowed is an integer from 1 up, or"),
        ({"hidden_layer_sizes": 0}, "hidden_layer_sizes=0: allowed is an integer from 1 up, or a sequence of them"),
        ({"hidden_layer_sizes": 8.5}, "hidden_layer_sizes=8.5: allowed is an integer from 1 up, or a sequence of them"),
        ({"validation_fraction": 1.0}, "validation_fraction == 1.0, must be < 1"),
        ({"max_iter": 0}, "max_iter=0: allowed is an integer from 1 up"),
        ({"max_iter": np.inf}, "max_iter=inf: allowed is an integer from 1 up"),
        ({"batch_size": 0}, "batch_size=0: allowed is an integer from 1 up or 'auto'"),
        ({"batch_size": "atuo"}, "batch_size='atuo': allowed is an integer from 1 up or 'auto'"),
        ({"n_iter_no_change": 2.5}, "n_iter_no_change=2.5: allowed is an integer from 1 up or inf"),
        ({"learning_rate_init": 0.0}, "learning_rate_init == 0.0, must be > 0"),
        ({"learning_rate_init": np.nan}, "learning_rate_init=nan: allowed is a finite number"),
        ({"tol": -1.0}, "tol == -1.0, must be >= 0"),
        ({"tol": np.nan}, "tol=nan: allowed is a finite number"),
        ({"early_stopping": "no"}, "early_stopping='no': allowed are True and False"),
        ({"shuffle": 1}, "shuffle=1: allowed are True and False"),
        ({"warm_start": "yes"}, "warm_start='yes': allowed are True and False"),
        ({"verbose": -1}, "verbose=-1: allowed are True, False and integers from 0 up"),
        ({"verbose": "yes"}, "verbose='yes': allowed are True, False and integers from 0 up"),
        ({"class_weight": {"setosa": -1}}, "class_weight={'setosa': -1}: allowed are numbers greater than 0"),
        ({"class_weight": {"setosa": "2"}}, "class_weight={'setosa': '2'}: allowed are numbers greater than 0"),
        ({"norm": "bach"}, "norm='bach': did you mean 'batch'? Allowed: none, batch, layer"),
        ({"norm": None}, "norm=None: did you mean 'none'? Allowed: none, batch, layer"),
        ({"norm": "batch", "batch_size": 1}, "batch_size=1: allowed with norm='batch' is an integer from 2 up, or"),
        ({"dropout": 1}, "dropout=1: allowed is a number in [0, 1)"),
        ({"dropout": -0.1}, "dropout=-0.1: allowed is a number in [0, 1)"),
        ({"dropout": np.nan}, "dropout=nan: allowed is a number in [0, 1)"),
        ({"dropout": "half"}, "dropout='half': allowed is a number in [0, 1)"),
        ({"dropout": True}, "dropout=True: allowed is a number in [0, 1)"),
        ({"input_dropout": 1.5}, "input_dropout=1.5: allowed is a number in [0, 1)"),
        ({"residual": 1}, "residual=1: allowed are True and False"),
        (
            {"residual": True, "hidden_layer_sizes": (8, 4)},
            "residual=True: no two hidden layers of [8, 4] follow each other",
        ),
        ({"residual": True, "hidden_layer_sizes": ()}, "residual=True: no two hidden layers of [] follow each other"),
        ({"norm": "layer", "hidden_layer_sizes": ()}, "norm='layer' needs hidden layers"),
        ({"dropout": 0.5, "hidden_layer_sizes": ()}, "dropout=0.5 needs hidden layers"),
        (
            {"schedule": "warmup_cosine", "early_stopping": True, "max_iter": 9},
            "early_stopping=True does not go with schedule='warmup_cosine', whose rate falls until the last epoch",
        ),
        ({"schedule": "cosine", "early_stopping": True}, "early_stopping=True does not go with schedule='cosine'"),
        (
            {"schedule": "warmup_cosine", "max_iter": 5},
            "max_iter=5: schedule='warmup_cosine' needs more epochs than its warmup=5",
        ),
        ({"schedule": Constant(warmup=3), "max_iter": 2}, "max_iter=2: schedule='constant' needs more epochs than its"),
        ({"activation": "Relu"}, "activation='Relu': did you mean 'relu'? Allowed: "),
        ({"learning_rate_init": 1e9, "optimizer": "sgd", "output": "linear_mse"}, "training diverged in epoch "),
    ],
)
def test_a_parameter_that_is_not_allowed_is_refused_in_one_line(parameters, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}[^\n]*$"):
        MLPClassifier(**{**SMALL, **parameters}).fit(*IRIS)


def test_an_output_that_does_not_serve_the_task_is_refused():
    with pytest.raises(ValueError, match=r"^output softmax_ce does not serve regression, only classification$"):
        MLPRegressor(output="softmax_ce").fit(*TASKS["one target"])
    with pytest.raises(ValueError, match=r"^output linear_hinge does not serve multilabel, only classification$"):
        MLPClassifier(output="linear_hinge").fit(*TASKS["multilabel"])


def test_targets_of_another_kind_are_refused():
    X, y = IRIS
    labels = (y[:, None] == np.unique(y)).astype(int)
    model = MLPClassifier(**SMALL).partial_fit(X[:100], y[:100], classes=np.unique(y))
    model.partial_fit(X, y, classes=np.unique(y)[::-1])
    with pytest.raises(ValueError, match=r"^classes=\['rose', 'setosa'\]: allowed are those of the first call, \['set"):
        model.partial_fit(X, y, classes=["setosa", "rose"])
    with pytest.raises(ValueError, match=r"^y has 'rose': allowed are 'setosa', 'versicolor', 'virginica'$"):
        model.partial_fit(X[:2], ["setosa", "rose"])
    with pytest.raises(ValueError, match=r"^y has rows of shape \(3,\): allowed is \(\), as at first$"):
        model.partial_fit(X, labels)
    with pytest.raises(ValueError, match=r"^y has -1: allowed are 0, 1$"):
        MLPClassifier(**SMALL).fit(X, 2 * labels - 1)
    with pytest.raises(ValueError, match=r"^class_weight='balanced': allowed is None where rows have several labels$"):
        MLPClassifier(**SMALL, class_weight="balanced").fit(X, labels)
    with pytest.raises(ValueError, match=r"^class_weight='balanced' needs all rows"):
        MLPClassifier(**SMALL, class_weight="balanced").partial_fit(X, y)


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_labels_may_be_sparse(estimator):
    X, y = TASKS["multilabel"]
    dense, sparse = (estimator(**SMALL).fit(X, labels).predict(X) for labels in (y, csr_array(y)))
    np.testing.assert_array_equal(sparse, dense)


def test_what_diverged_is_not_fitted():
    model = MLPClassifier(**SMALL).fit(*IRIS).set_params(learning_rate_init=1e30, optimizer="sgd")
    with pytest.raises(ValueError, match=r"^training diverged in epoch "):
        model.fit(*IRIS)
    with pytest.raises(NotFittedError):
        model.predict(IRIS[0])


def test_a_running_variance_that_overflows_is_a_divergence():
    X, y = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32), np.arange(64) % 2
    model = MLPClassifier((4,), norm="batch", max_iter=3, random_state=0)
    model.partial_fit(X, y)
    X[0] = 1e20
    with pytest.raises(ValueError, match=r"^training diverged in epoch 2"):
        model.partial_fit(X, y)
