"""Every output pairing against central differences, mpmath, SciPy and scikit-learn; kinks, shapes, stacks."""

import dataclasses
import itertools
import re
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax
from scipy.stats import bernoulli, norm
from sklearn._loss.loss import HalfBinomialLoss, HalfMultinomialLoss, HalfSquaredError
from sklearn.metrics import hinge_loss, log_loss

from nets import outputs
from nets.outputs import OUTPUTS, Output, auto

pytestmark = pytest.mark.filterwarnings("error")

SIZES = {"classification": (2, 4), "multilabel": (2, 3), "regression": (1, 3)}
CASES = [
    pytest.param(output(), task, size, id=f"{name}-{task}-{size}")
    for name, output in OUTPUTS.items()
    for task in output.tasks
    for size in SIZES[task]
]
each_case = pytest.mark.parametrize(("output", "task", "size"), CASES)
each_output = pytest.mark.parametrize("output", [pytest.param(output(), id=name) for name, output in OUTPUTS.items()])
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def example(output, task, size, dtype=np.float64, replicas=3, batch=8):
    """Draw scores and targets, (replicas, batch, units)."""
    draw = np.random.default_rng(0)
    shape = (replicas, batch, output.units(task, size))
    z = (2 * draw.normal(size=shape)).astype(dtype)
    if task == "regression":
        return z, draw.normal(size=shape).astype(dtype)
    if task == "multilabel":
        return z, draw.integers(2, size=shape).astype(dtype)
    return z, output.encode(draw.integers(size, size=replicas * batch), size, dtype).reshape(shape)


def gradient(output, z, y):
    """Return the gradient in an array that held nothing useful before."""
    out = np.full_like(z, np.nan)
    output.gradient(z, y, out)
    return out


def gradient_error(output, z, y, step=1e-5):
    """Return the gradient's largest deviation from central differences, relative to its largest entry."""
    steps = step * np.eye(z.shape[-1])
    differences = [output.cost(z + e, y) - output.cost(z - e, y) for e in steps]
    exact = np.stack(differences, axis=-1) / (2 * step)
    return abs(gradient(output, z, y) - exact).max() / abs(exact).max()


def rows(output, z, y):
    """Return costs (n,) and gradients (n, units) of n single examples."""
    return output.cost(z[None], y[None])[0], gradient(output, z[None], y[None])[0]


# --- gradients, dtypes, shapes, stacks: every entry of the registry


@each_case
def test_gradient_equals_central_differences(output, task, size):
    assert gradient_error(output, *example(output, task, size)) < 1e-8


@each_case
def test_a_gradient_wrong_by_a_thousandth_is_caught(output, task, size):
    def wrong(z, y, out):
        output.gradient(z, y, out)
        out *= 1.001

    impostor = SimpleNamespace(cost=output.cost, gradient=wrong)
    assert gradient_error(impostor, *example(output, task, size)) > 5e-4


@each_case
@each_dtype
def test_dtype_and_shape_are_kept(output, task, size, dtype):
    z, y = example(output, task, size, dtype)
    z_before, y_before = z.copy(), y.copy()
    cost, value, classes = output.cost(z, y), output.predict(z), output.decide(z)
    gradient(output, z, y)
    assert (y.dtype, cost.dtype, value.dtype, classes.dtype) == (dtype, dtype, dtype, np.intp)
    assert (cost.shape, value.shape, classes.shape) == (z.shape[:2], z.shape, z.shape[:2])
    assert (cost >= 0).all()
    assert not np.shares_memory(value, z)
    np.testing.assert_array_equal(z, z_before)
    np.testing.assert_array_equal(y, y_before)


@each_case
def test_float32_agrees_with_float64(output, task, size):
    z, y = example(output, task, size, np.float32)
    exact_z, exact_y = z.astype(np.float64), y.astype(np.float64)
    np.testing.assert_allclose(output.cost(z, y), output.cost(exact_z, exact_y), rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(gradient(output, z, y), gradient(output, exact_z, exact_y), rtol=2e-6, atol=1e-7)


@each_case
@pytest.mark.parametrize(
    "change",
    [
        lambda y: y[:1],
        lambda y: y[:, :1],
        lambda y: y[0],
        lambda y: y[..., :1] if y.shape[-1] > 1 else y.repeat(2, axis=-1),
    ],
    ids=["one replica", "one example", "no replicas", "other units"],
)
def test_another_shape_is_refused(output, task, size, change):
    z, y = example(output, task, size)
    other = change(y)
    complaint = re.escape(f" has shape {other.shape}, the scores z have {z.shape}: they must agree") + "$"
    with pytest.raises(ValueError, match="^y" + complaint):
        output.cost(z, other)
    with pytest.raises(ValueError, match="^y" + complaint):
        output.gradient(z, other, np.empty_like(z))
    with pytest.raises(ValueError, match="^out" + complaint):
        output.gradient(z, y, np.empty_like(other))


@each_output
@each_dtype
@pytest.mark.parametrize("batch", [1, 2, 7, 33])
@pytest.mark.parametrize("classes", [2, 9, 10, 17])
def test_a_replica_does_not_know_its_neighbours(output, dtype, batch, classes):
    z, y = example(output, "classification", classes, dtype, replicas=5, batch=batch)
    cost, slope, value = output.cost(z, y), gradient(output, z, y), output.predict(z)
    for part in (np.s_[:1], np.s_[2:3], np.s_[1:4]):
        alone, targets = z[part].copy(), y[part].copy()
        np.testing.assert_array_equal(output.cost(alone, targets), cost[part])
        np.testing.assert_array_equal(gradient(output, alone, targets), slope[part])
        np.testing.assert_array_equal(output.predict(alone), value[part])


@each_output
@each_dtype
@pytest.mark.parametrize("classes", [2, 3])
def test_extreme_scores_stay_finite_and_silent(output, dtype, classes):
    big = (1e300 if dtype == np.float64 else 1e37) ** (0.5 if output.name == "linear_mse" else 1)
    units = output.units("classification", classes)
    z = np.array(list(itertools.product([-big, -1e4, -1, 0, 1, 1e4, big], repeat=units)), dtype)
    for label in range(classes):
        y = output.encode(np.full(len(z), label), classes, dtype)
        cost, slope = rows(output, z, y)
        assert np.isfinite(cost).all()
        assert np.isfinite(slope).all()
    assert np.isfinite(output.predict(z[None])).all()


@each_output
@each_dtype
def test_a_sum_over_many_units_may_be_infinite_but_never_nan_or_loud(output, dtype):
    big = (1e300 if dtype == np.float64 else 1e37) ** (0.5 if output.name == "linear_mse" else 1)
    units = output.units("classification", 1000)
    z = np.where(np.arange(units) % 2, big, -big)[None].astype(dtype)
    for label in range(2):
        cost, slope = rows(output, z, output.encode(np.array([label]), 1000, dtype))
        exact, _ = rows(output, z.astype(np.float64), output.encode(np.array([label]), 1000, np.float64))
        assert cost[0] >= 0
        assert np.isfinite(slope).all()
        assert np.isfinite(cost[0]) == (exact[0] <= np.finfo(dtype).max)


# --- values from mpmath, on scores whose differences are exact, so that only the pairing's own rounding shows


def softmax_ce(z, y):
    """Return cost, gradient and the largest terms of each, from p_k = 1 / Σ_j exp(z_j - z_k)."""
    true = y.index(1)
    p = [1 / mpmath.fsum(mpmath.exp(a - b) for a in z) for b in z]
    cost = mpmath.log1p(mpmath.fsum(mpmath.exp(a - z[true]) for k, a in enumerate(z) if k != true))
    return (
        cost,
        [a - b for a, b in zip(p, y, strict=True)],
        cost,
        [max(a, b) for a, b in zip(p, y, strict=True)],
    )


def softmax_mse(z, y):
    p = [1 / mpmath.fsum(mpmath.exp(a - b) for a in z) for b in z]
    r = [a - b for a, b in zip(p, y, strict=True)]
    jacobian = [[p[k] * ((k == j) - p[j]) for k in range(len(z))] for j in range(len(z))]
    slopes = [mpmath.fsum(a * b for a, b in zip(row, r, strict=True)) for row in jacobian]
    return mpmath.fsum(a * a for a in r) / 2, slopes, max(map(abs, r)), p


def sigmoid_ce(z, y):
    z, y = z[0], y[0]
    p, q = 1 / (1 + mpmath.exp(-z)), 1 / (1 + mpmath.exp(z))
    cost = mpmath.log1p(mpmath.exp(-z if y else z))
    return cost, [-q if y else p], cost, [max(p, y)]


def sigmoid_mse(z, y):
    z, y = z[0], y[0]
    p, q = 1 / (1 + mpmath.exp(-z)), 1 / (1 + mpmath.exp(z))
    residual = -q if y else p
    return residual**2 / 2, [residual * p * q], residual**2 / 2, [residual * p * q]


def linear_mse(z, y):
    residual = [a - b for a, b in zip(z, y, strict=True)]
    cost = mpmath.fsum(a * a for a in residual) / 2
    return cost, residual, cost, residual


def linear_hinge(z, y):
    if len(z) == 1:
        margin, slope = y[0] * z[0], [-y[0]]
    else:
        true = y.index(1)
        rival = max((k for k in range(len(z)) if k != true), key=lambda k: z[k])
        margin, slope = z[true] - z[rival], [(k == rival) - (k == true) for k in range(len(z))]
    return max(0, 1 - margin), [a if margin < 1 else 0 for a in slope], 1 + abs(margin), [0] * len(z)


def clipped_mse(z, y):
    z, y = z[0], y[0]
    c = max(0, min(1, z))
    slope = c - y if 0 <= z <= 1 else 0
    return (c - y) ** 2 / 2, [slope], (c - y) ** 2 / 2, [slope]


@each_dtype
@pytest.mark.parametrize(
    ("exact", "classes"),
    [
        (softmax_ce, 3),
        (softmax_mse, 3),
        (sigmoid_ce, 2),
        (sigmoid_mse, 2),
        (linear_mse, 2),
        (linear_hinge, 2),
        (linear_hinge, 3),
        (clipped_mse, 2),
    ],
)
def test_values_equal_mpmath(exact, classes, dtype):
    output = OUTPUTS[exact.__name__]()
    big = (1e300 if dtype == np.float64 else 1e37) ** (0.5 if exact is linear_mse else 1)
    units = output.units("classification", classes)
    grid = [0, 0.375, 3, 17.5, 80.25, big] if units > 1 else [0, 1e-3, 0.375, 1, 3, 17.5, 37, 80.25, 700, 1e5, big]
    z = np.array(list(itertools.product([-a for a in grid[:0:-1]] + grid, repeat=units)), dtype)
    z = z[:: 1 + len(z) // 400]
    eps, tiny = float(np.finfo(dtype).eps), float(np.finfo(dtype).tiny)
    with mpmath.workdps(40):
        for label in range(classes):
            y = output.encode(np.full(len(z), label), classes, dtype)
            for scores, targets, cost, slope in zip(z.tolist(), y.tolist(), *rows(output, z, y), strict=True):
                exact_cost, exact_slope, cost_scale, slope_scale = exact(list(map(mpmath.mpf, scores)), targets)
                assert abs(cost - exact_cost) <= 8 * eps * cost_scale + 2 * tiny, (scores, label)
                for got, value, scale in zip(slope.tolist(), exact_slope, slope_scale, strict=True):
                    assert abs(got - value) <= 8 * eps * abs(scale) + 2 * tiny, (scores, label)


# --- values from SciPy and scikit-learn


def scores_and_labels(classes):
    draw = np.random.default_rng(1)
    return 3 * draw.normal(size=(40, classes)), draw.integers(classes, size=40)


@pytest.mark.parametrize("classes", [2, 5])
def test_softmax_ce_equals_scipy_and_scikit_learn(classes):
    z, labels = scores_and_labels(classes)
    output = OUTPUTS["softmax_ce"]()
    cost, slope = rows(output, z, output.encode(labels, classes, float))
    np.testing.assert_allclose(cost, -log_softmax(z, axis=1)[np.arange(len(z)), labels], rtol=1e-12)
    probabilities = output.predict(z[None])[0]
    np.testing.assert_allclose(cost.mean(), log_loss(labels, probabilities, labels=range(classes)), rtol=1e-12)
    theirs = HalfMultinomialLoss(n_classes=classes).loss_gradient(labels.astype(float), z)
    # Its small costs have lost digits to log(1 + ...).
    np.testing.assert_allclose(cost, theirs[0], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(slope, theirs[1], rtol=1e-12, atol=1e-15)


def test_sigmoid_ce_equals_bernoulli_and_scikit_learn():
    z, labels = scores_and_labels(1)[0], scores_and_labels(2)[1]
    output = OUTPUTS["sigmoid_ce"]()
    cost, slope = rows(output, z, output.encode(labels, 2, float))
    probabilities = output.predict(z[None])[0, :, 0]
    np.testing.assert_allclose(cost, -bernoulli.logpmf(labels, probabilities), rtol=1e-12)
    np.testing.assert_allclose(cost.mean(), log_loss(labels, probabilities), rtol=1e-12)
    theirs = HalfBinomialLoss().loss_gradient(labels.astype(float), z[:, 0])
    np.testing.assert_allclose(cost, theirs[0], rtol=1e-12)
    np.testing.assert_allclose(slope[:, 0], theirs[1], rtol=1e-12, atol=1e-15)


def test_several_sigmoid_units_are_one_vs_rest():
    z, labels = scores_and_labels(4)
    for name in ("sigmoid_ce", "sigmoid_mse", "clipped_mse"):
        output = OUTPUTS[name]()
        y = output.encode(labels, 4, float)
        cost, slope = rows(output, z, y)
        parts = [rows(output, z[:, [k]], y[:, [k]]) for k in range(4)]
        np.testing.assert_allclose(cost, sum(part[0] for part in parts), rtol=1e-14)
        np.testing.assert_array_equal(slope, np.hstack([part[1] for part in parts]))


def test_linear_mse_equals_gaussian_and_scikit_learn():
    z, y = (np.random.default_rng(seed).normal(size=(40, 3)) for seed in (0, 1))
    cost, slope = rows(OUTPUTS["linear_mse"](), z, y)
    likelihood = norm.logpdf(y, loc=z).sum(axis=1)
    np.testing.assert_allclose(cost, -likelihood - 1.5 * np.log(2 * np.pi), rtol=1e-12)
    theirs = HalfSquaredError().loss_gradient(y.ravel(), z.ravel())
    np.testing.assert_allclose(cost, theirs[0].reshape(z.shape).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(slope, theirs[1].reshape(z.shape), rtol=1e-12)


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_linear_hinge_equals_scikit_learn(classes):
    output = OUTPUTS["linear_hinge"]()
    z, labels = scores_and_labels(classes)
    z = z[:, : output.units("classification", classes)]
    cost, _ = rows(output, z, output.encode(labels, classes, float))
    # A weight on one example alone gives its own loss instead of the mean.
    decision = z[:, 0] if classes == 2 else z
    theirs = [hinge_loss(labels, decision, labels=range(classes), sample_weight=row) for row in np.eye(len(z))]
    assert 0 < np.count_nonzero(theirs) < len(theirs)
    np.testing.assert_allclose(cost, theirs, rtol=1e-12)


# --- properties


@pytest.mark.parametrize("name", ["softmax_ce", "softmax_mse"])
@given(
    z=st.lists(st.integers(-800, 800), min_size=2, max_size=12),
    shift=st.integers(-(10**6), 10**6),
    true=st.integers(0, 11),
)
def test_softmax_does_not_see_a_common_shift(name, z, shift, true):
    output = OUTPUTS[name]()
    z = np.array([z]) / 8
    y = output.encode([true % z.shape[1]], z.shape[1], float)
    for ours, shifted in zip(rows(output, z, y), rows(output, z + shift, y), strict=True):
        np.testing.assert_array_equal(ours, shifted)
    np.testing.assert_array_equal(output.predict(z[None]), output.predict(z[None] + shift))
    assert abs(gradient(output, z[None], y[None]).sum()) <= 1e-15 * z.shape[1]
    assert abs(output.predict(z[None]).sum() - 1) <= 1e-15 * z.shape[1]


def test_the_minimiser_of_linear_mse_is_least_squares():
    draw = np.random.default_rng(2)
    inputs, y = draw.normal(size=(1, 60, 4)), draw.normal(size=(1, 60, 2))
    output, weights = OUTPUTS["linear_mse"](), np.zeros((4, 2))
    for _ in range(200):
        weights -= inputs[0].T @ gradient(output, inputs @ weights, y)[0] / 100
    np.testing.assert_allclose(weights, np.linalg.lstsq(inputs[0], y[0])[0], rtol=1e-10)


def test_squared_error_dies_where_cross_entropy_does_not():
    z, y = np.full((1, 1, 1), -20.0), np.ones((1, 1, 1))
    assert gradient(OUTPUTS["sigmoid_mse"](), z, y) == pytest.approx(-np.exp(-20), rel=1e-8)
    assert gradient(OUTPUTS["sigmoid_ce"](), z, y) == pytest.approx(-1, rel=1e-8)
    assert gradient(OUTPUTS["clipped_mse"](), z, y) == 0


# --- kinks


@pytest.mark.parametrize(
    ("z", "y", "expected"),
    [
        ([1.0], [1.0], [0.0]),
        ([-1.0], [-1.0], [0.0]),
        ([np.nextafter(1, 0)], [1.0], [-1.0]),
        ([3.0, 2.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
        ([2.5, 2.0, 0.0], [1.0, 0.0, 0.0], [-1.0, 1.0, 0.0]),
        ([5.0, 0.0, 5.0], [0.0, 1.0, 0.0], [1.0, -1.0, 0.0]),
        ([0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [-1.0, 1.0, 0.0]),
    ],
)
def test_hinge_gradient_at_its_kinks(z, y, expected):
    _, slope = rows(OUTPUTS["linear_hinge"](), np.array([z]), np.array([y]))
    np.testing.assert_array_equal(slope, [expected])


@pytest.mark.parametrize(
    ("z", "y", "expected"),
    [
        (0.0, 1.0, -1.0),
        (-0.0, 1.0, -1.0),
        (1.0, 0.0, 1.0),
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 0.0),
        (-5e-324, 1.0, 0.0),
        (np.nextafter(1, 2), 0.0, 0.0),
        (0.25, 1.0, -0.75),
    ],
)
def test_clipped_gradient_at_its_corners(z, y, expected):
    _, slope = rows(OUTPUTS["clipped_mse"](), np.array([[z]]), np.array([[y]]))
    assert slope == expected


# --- units, targets, decisions, registry


@pytest.mark.parametrize("name", ["sigmoid_ce", "sigmoid_mse", "linear_hinge", "clipped_mse"])
def test_two_classes_share_one_unit(name):
    output = OUTPUTS[name]()
    assert [output.units("classification", classes) for classes in (2, 3)] == [1, 3]
    low = -1 if name == "linear_hinge" else 0
    np.testing.assert_array_equal(output.encode([1, 0, 1], 2, float), [[1], [low], [1]])
    np.testing.assert_array_equal(output.encode([2, 0], 3, float), [[0, 0, 1], [1, 0, 0]])
    threshold = 0.5 if name == "clipped_mse" else 0
    z = np.array([threshold, np.nextafter(threshold, 1)]).reshape(1, 2, 1)
    np.testing.assert_array_equal(output.decide(z), [[0, 1]])


@pytest.mark.parametrize("name", ["softmax_ce", "softmax_mse", "linear_mse"])
def test_two_classes_have_a_unit_each(name):
    output = OUTPUTS[name]()
    assert [output.units("classification", classes) for classes in (2, 3)] == [2, 3]
    np.testing.assert_array_equal(output.encode([1, 0], 2, float), [[0, 1], [1, 0]])
    np.testing.assert_array_equal(output.decide(np.array([[[1.0, 1.0], [1.0, 2.0]]])), [[0, 1]])


@each_output
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_targets_taken_for_scores_decide_their_own_labels(output, classes):
    labels = np.arange(classes)
    np.testing.assert_array_equal(output.decide(output.encode(labels, classes, np.float32)[None]), labels[None])


@each_output
@pytest.mark.parametrize("classes", [2, 3, 300])
def test_assess_is_cost_and_decide_also_for_ties(output, classes):
    draw = np.random.default_rng(0)
    shape = (2, 50, output.units("classification", classes))
    z = draw.integers(-3, 4, size=shape).astype(np.float32)  # few values, so the largest score is often tied
    y = output.encode(draw.integers(classes, size=100), classes, np.float32).reshape(shape)
    cost, decided = output.assess(z, y)
    np.testing.assert_array_equal(cost, output.cost(z, y))
    np.testing.assert_array_equal(decided, output.decide(z))


@each_output
@pytest.mark.parametrize("label", [-1, 3, 0.5])
def test_an_unknown_label_is_refused(output, label):
    with pytest.raises(ValueError, match=rf"^label {label} is not one of the classes 0 to 2$"):
        output.encode([0, label, 1], 3, float)


@each_output
def test_only_the_outputs_own_tasks_are_served(output):
    for task in {*SIZES, "ranking"} - {*output.tasks}:
        only = " and ".join(output.tasks)
        with pytest.raises(ValueError, match=f"^output {output.name} does not serve {task}, only {only}$"):
            output.units(task, 3)
    for task in {*output.tasks} - {"classification"}:
        assert [output.units(task, units) for units in (1, 2, 3)] == [1, 2, 3]


def test_auto_names_the_likelihood_of_the_task():
    assert auto("classification", 2) == "sigmoid_ce"
    assert auto("classification", 3) == "softmax_ce"
    assert auto("multilabel", 3) == "sigmoid_ce"
    assert auto("regression", 0) == "linear_mse"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("softmax_ce", [1 / 8, 1 / 8, 3 / 4]),
        ("softmax_mse", [1 / 8, 1 / 8, 3 / 4]),
        ("sigmoid_ce", [1 / 2, 1 / 2, 6 / 7]),
        ("sigmoid_mse", [1 / 2, 1 / 2, 6 / 7]),
        ("linear_mse", [0, 0, np.log(6)]),
        ("linear_hinge", [0, 0, np.log(6)]),
        ("clipped_mse", [0, 0, 1]),
    ],
)
def test_predict_gives_the_units_values(name, expected):
    np.testing.assert_allclose(OUTPUTS[name]().predict(np.array([[[0, 0, np.log(6)]]])), [[expected]], rtol=1e-15)


@each_output
def test_probabilities_are_promised_where_every_score_gives_one(output):
    predicted = output.predict(np.array([[[-900, -3, 0.5, 2, 900.0]]]))
    assert bool(output.probabilities) == (predicted.min() >= 0 and predicted.max() <= 1)


def test_the_registry_finds_a_new_output(monkeypatch):
    monkeypatch.setattr(outputs, "OUTPUTS", {})

    class Doubled(OUTPUTS["linear_mse"], name="doubled"):
        pass

    assert outputs.OUTPUTS["doubled"] is Doubled
    assert "doubled" not in OUTPUTS
    assert (Doubled.name, OUTPUTS["linear_mse"].name) == ("doubled", "linear_mse")


@each_output
def test_an_output_is_a_frozen_value(output):
    assert isinstance(output, Output)
    assert output == type(output)()
    assert hash(output) == hash(type(output)())
    with pytest.raises(dataclasses.FrozenInstanceError):
        output.threshold = 1


# --- smoothed labels


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_smoothed_softmax_targets_share_the_smoothing_among_all_classes(smoothing):
    y = np.eye(4)[[0, 2, 3]][None]
    smoothed = OUTPUTS["softmax_ce"](label_smoothing=smoothing).smooth(y)
    np.testing.assert_allclose(smoothed.sum(axis=-1), 1)
    np.testing.assert_allclose(np.sort(smoothed)[..., :3], smoothing / 4)
    np.testing.assert_allclose(smoothed.max(axis=-1), 1 - smoothing * 3 / 4)
    np.testing.assert_array_equal(smoothed.argmax(axis=-1), y.argmax(axis=-1))


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_smoothed_sigmoid_targets_move_to_the_middle_by_the_same_for_both_labels(smoothing):
    y = np.array([[[0.0, 1.0, 1.0]]])
    smoothed = OUTPUTS["sigmoid_ce"](label_smoothing=smoothing).smooth(y)
    np.testing.assert_allclose(smoothed, [[[smoothing / 2, 1 - smoothing / 2, 1 - smoothing / 2]]])


@each_output
@each_dtype
def test_without_smoothing_the_targets_are_the_same_array(output, dtype):
    y = np.eye(3, dtype=dtype)[None]
    assert output.smooth(y) is y
    if "label_smoothing" in output.__dataclass_fields__:
        assert dataclasses.replace(output, label_smoothing=0.25).smooth(y).dtype == dtype


@pytest.mark.parametrize("name", ["softmax_ce", "sigmoid_ce"])
def test_the_cost_is_that_of_the_plain_targets(name):
    z, y = np.random.default_rng(0).normal(size=(1, 5, 3)), np.eye(3)[[0, 1, 2, 0, 1]][None]
    plain, smoothing = OUTPUTS[name](), OUTPUTS[name](label_smoothing=0.5)
    np.testing.assert_array_equal(smoothing.cost(z, y), plain.cost(z, y))
    for ours, theirs in zip(smoothing.assess(z, y), plain.assess(z, y), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("value", [-0.1, 1, 1.5, None, True, np.nan])
@pytest.mark.parametrize("name", ["softmax_ce", "sigmoid_ce"])
def test_a_smoothing_out_of_range_is_refused(name, value):
    message = f"output.label_smoothing={value!r} of {name}: allowed is a number in [0, 1)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        OUTPUTS[name](label_smoothing=value)


@pytest.mark.parametrize("name", [name for name in OUTPUTS if name not in ("softmax_ce", "sigmoid_ce")])
def test_other_outputs_have_no_smoothing(name):
    with pytest.raises(TypeError, match="label_smoothing"):
        OUTPUTS[name](label_smoothing=0.1)
