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
from scipy.optimize import minimize
from scipy.special import log_softmax
from scipy.stats import bernoulli, laplace, norm, poisson
from sklearn._loss.loss import HalfBinomialLoss, HalfMultinomialLoss, HalfSquaredError
from sklearn.linear_model import HuberRegressor, PoissonRegressor, QuantileRegressor
from sklearn.metrics import hinge_loss, log_loss

from nets import pairing
from nets.activations import Linear
from nets.network import Network, Work
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
each_classifier = pytest.mark.parametrize(
    "output", [pytest.param(output(), id=name) for name, output in OUTPUTS.items() if "classification" in output.tasks]
)
each_regressor = pytest.mark.parametrize(
    "output", [pytest.param(output(), id=name) for name, output in OUTPUTS.items() if "regression" in output.tasks]
)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def example(output, task, size, dtype=np.float64, replicas=3, batch=8):
    """Draw scores (replicas, batch, units) and targets; those that are not scaled are counts."""
    draw = np.random.default_rng(0)
    shape = (replicas, batch, output.units(task, size))
    z = (2 * draw.normal(size=shape)).astype(dtype)
    if task == "regression":
        shape = (replicas, batch, size)
        y = draw.poisson(3, size=shape) if output.scaling == "none" else draw.normal(size=shape)
        return z, y.astype(dtype)
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
    assert y.shape[-1] == output.target_columns(task, size)
    values = y.shape if task == "regression" else z.shape
    assert (cost.shape, value.shape, classes.shape) == (z.shape[:2], values, z.shape[:2])
    assert (cost >= 0).all() or output.name == "gaussian_nll"  # a density may be above 1
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
    other, out = change(y), change(np.empty_like(z))
    ending = "they must agree" if y.shape == z.shape else f"they must have targets of {y.shape}"
    complaint = "^" + re.escape(f"y has shape {other.shape}, the scores z have {z.shape}: {ending}") + "$"
    with pytest.raises(ValueError, match=complaint):
        output.cost(z, other)
    with pytest.raises(ValueError, match=complaint):
        output.gradient(z, other, np.empty_like(z))
    complaint = "^" + re.escape(f"out has shape {out.shape}, the scores z have {z.shape}: they must agree") + "$"
    with pytest.raises(ValueError, match=complaint):
        output.gradient(z, y, out)


@each_output
@each_dtype
@pytest.mark.parametrize("batch", [1, 2, 7, 33])
@pytest.mark.parametrize("size", [1, 2, 9, 10, 17])
def test_a_replica_does_not_know_its_neighbours(output, dtype, batch, size):
    for task in output.tasks:
        if (task, size) == ("classification", 1):
            continue
        z, y = example(output, task, size, dtype, replicas=5, batch=batch)
        cost, slope, value = output.cost(z, y), gradient(output, z, y), output.predict(z)
        spread = output.spread(z, y) if task == "regression" else None
        for part in (np.s_[:1], np.s_[2:3], np.s_[1:4]):
            alone, targets = z[part].copy(), y[part].copy()
            np.testing.assert_array_equal(output.cost(alone, targets), cost[part])
            np.testing.assert_array_equal(gradient(output, alone, targets), slope[part])
            np.testing.assert_array_equal(output.predict(alone), value[part])
            if spread is not None:
                np.testing.assert_array_equal(output.spread(alone, targets), spread[part])


@each_classifier
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


@each_classifier
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


@each_regressor
@each_dtype
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_extreme_scores_of_numbers_are_silent_and_never_nan(output, dtype, size):
    """What no number of the dtype can be is +inf for a cost, and ±inf for a gradient."""
    if output.name == "gaussian_nll":
        variants = [type(output)(beta=beta) for beta in (0.0, 0.5, 0.9, 0.99, 1.0)]
    else:
        variants = [output]
    big = 1e300 if dtype == np.float64 else 1e37
    grid = [0, 1e-3, 1, 60, 700, 800, 3e4, big**0.25, big**0.5, big]
    z = np.array(list(itertools.product([-a for a in grid[:0:-1]] + grid, repeat=len(output.roles))), dtype)
    z = np.tile(z[:: 1 + len(z) // 1000], size)
    for target, variant in itertools.product(
        [0, 2, 12345, big] if output.scaling == "none" else [0, 1.5, -big], variants
    ):
        y = np.full((len(z), size), target, dtype)
        cost, slope = rows(variant, z, y)
        assert not np.isnan(cost).any()
        assert (cost > -np.inf).all() or size == 1000
        assert not np.isnan(slope).any()
        assert not np.isnan(variant.predict(z[None])).any()


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


def softmax_focal(z, y):
    true = y.index(1)
    p = [1 / mpmath.fsum(mpmath.exp(a - b) for a in z) for b in z]
    wrong, entropy, _, _ = mpmath.fsum(b for k, b in enumerate(p) if k != true), *softmax_ce(z, y)[:3]
    factor = wrong * (wrong + 2 * p[true] * entropy)
    slopes = [factor * (-wrong if k == true else b) for k, b in enumerate(p)]
    return wrong**2 * entropy, slopes, wrong**2 * entropy, slopes


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
        (softmax_focal, 3),
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


def linear_mae(output, z, y):
    r = z[0] - y
    return abs(r), [mpmath.sign(r)], abs(r), [0]


def linear_huber(output, z, y):
    r, delta = z[0] - y, mpmath.mpf(output.delta)
    cost = r * r / 2 if abs(r) <= delta else delta * (abs(r) - delta / 2)
    return cost, [max(-delta, min(delta, r))], cost, [r]


def exp_poisson(output, z, y):
    terms = mpmath.exp(z[0]), -y * z[0], mpmath.loggamma(y + 1)
    return mpmath.fsum(terms), [terms[0] - y], max(map(abs, terms)), [max(terms[0], y)]


def gaussian_nll(output, z, y):
    (m, s), beta = z, mpmath.mpf(output.beta)
    terms = [mpmath.log(2 * mpmath.pi) / 2, s / 2, (y - m) ** 2 * mpmath.exp(-s) / 2]
    slopes = [(m - y) * mpmath.exp((beta - 1) * s)]
    parts = [mpmath.exp(beta * s) / 2, (y - m) ** 2 * mpmath.exp((beta - 1) * s) / 2]
    # A beta such as 0.3 times s is rounded, and so is the exponent.
    amplified = 1 if output.beta in (0, 0.5, 1) else 1 + abs(s)
    scales = [slopes[0] * amplified, max(parts) * amplified]
    return mpmath.fsum(terms), [*slopes, parts[0] - parts[1]], max(map(abs, terms)), scales


def quantile(output, z, y):
    levels = list(map(mpmath.mpf, output.levels))
    cost = mpmath.fsum(max(t * (y - a), (t - 1) * (y - a)) for t, a in zip(levels, z, strict=True))
    slopes = [0 if a == y else -t if a < y else 1 - t for t, a in zip(levels, z, strict=True)]
    return cost, slopes, cost, slopes


REGRESSIONS = [
    (linear_mae, {}),
    (linear_huber, {}),
    (linear_huber, {"delta": 0.25}),
    (linear_huber, {"delta": 1e6}),
    (exp_poisson, {}),
    *((gaussian_nll, {"beta": beta}) for beta in (0.0, 0.3, 0.5, 1.0)),
    (quantile, {}),
    (quantile, {"levels": (0.5,)}),
    (quantile, {"levels": (0.125, 0.5, 0.7, 0.99)}),
]


@each_dtype
@pytest.mark.parametrize(("exact", "hyperparameters"), REGRESSIONS)
def test_values_for_numbers_equal_mpmath(exact, hyperparameters, dtype):
    """Random scores, extreme ones and ties; what is not representable is infinite with the right sign."""
    output = OUTPUTS[exact.__name__](**hyperparameters)
    info, scores, random = np.finfo(dtype), len(output.roles), np.random.default_rng(0)
    big = 1e300 if dtype == np.float64 else 1e37
    grid = np.array([0, 0.375, 1, 3, 17.5, 80.25, 700, 3000, big**0.5, big], dtype)
    grid = np.concatenate([-grid[:0:-1], grid])
    z = [np.tile(grid[:, None], scores), random.choice(grid, (200, scores)), 3 * random.normal(size=(200, scores))]
    z = np.concatenate([array.astype(dtype) for array in z])
    for target in [0, 1, 2, 17, 1000, 10**6] if output.scaling == "none" else [0, 3, -17.5, 1e-6]:
        y = np.full((len(z), 1), target, dtype)
        costs, slopes = rows(output, z, y)
        with mpmath.workdps(60):
            for row, cost, slope in zip(z.tolist(), costs.tolist(), slopes.tolist(), strict=True):
                numbers = exact(output, list(map(mpmath.mpf, row)), mpmath.mpf(y[0, 0].item()))
                exact_cost, exact_slopes, cost_scale, slope_scales = numbers
                pairs = [(cost, exact_cost, cost_scale), *zip(slope, exact_slopes, slope_scales, strict=True)]
                for got, value, scale in pairs:
                    bound = 8 * float(info.eps) * max(abs(scale), abs(value)) + 2 * float(info.tiny)
                    if abs(value) > float(info.max):
                        assert got == float(mpmath.sign(value)) * np.inf, (row, target)
                    else:
                        assert abs(got - value) <= bound, (row, target)


def test_the_factor_of_gaussian_nll_multiplies_the_gradient_and_not_the_cost():
    z, y = example(OUTPUTS["gaussian_nll"](), "regression", 3)
    plain = gradient(OUTPUTS["gaussian_nll"](), z, y)
    variance = np.exp(np.repeat(z[..., 1::2], 2, axis=-1))
    for beta in (0.25, 0.5, 1.0):
        output = OUTPUTS["gaussian_nll"](beta=beta)
        np.testing.assert_array_equal(output.cost(z, y), OUTPUTS["gaussian_nll"]().cost(z, y))
        np.testing.assert_allclose(gradient(output, z, y), plain * variance**beta, rtol=1e-13)
    squared = gradient(OUTPUTS["linear_mse"](), z[..., 0::2].copy(), y)
    np.testing.assert_array_equal(gradient(OUTPUTS["gaussian_nll"](beta=1.0), z, y)[..., 0::2], squared)


@pytest.mark.parametrize("classes", [2, 5])
def test_softmax_focal_without_a_focus_is_cross_entropy(classes):
    z, y = example(OUTPUTS["softmax_ce"](), "classification", classes)
    z[0, :3] *= 1e5
    focal, entropy = OUTPUTS["softmax_focal"](gamma=0), OUTPUTS["softmax_ce"]()
    np.testing.assert_array_equal(focal.cost(z, y), entropy.cost(z, y))
    np.testing.assert_allclose(gradient(focal, z, y), gradient(entropy, z, y), rtol=1e-14, atol=1e-16)


@each_dtype
@pytest.mark.parametrize("gamma", [0, 0.1, 0.5, 1, 2, 5, 100, 1e6])
def test_softmax_focal_keeps_the_digits_of_a_confident_right_answer(gamma, dtype):
    output = OUTPUTS["softmax_focal"](gamma=gamma)
    gaps = np.array([0, 1, 10, 50, 85, 200, 700, 740, 1e5, 1e37], dtype)
    z = np.stack([gaps, np.zeros_like(gaps), -gaps], axis=1)
    costs, slopes = rows(output, z, np.tile(np.eye(3, dtype=dtype)[0], (len(z), 1)))
    info = np.finfo(dtype)
    with mpmath.workdps(60):
        for row, cost, slope in zip(z.tolist(), costs.tolist(), slopes[:, 1].tolist(), strict=True):
            others = mpmath.exp(row[1] - mpmath.mpf(row[0])) + mpmath.exp(row[2] - mpmath.mpf(row[0]))
            p, wrong, entropy = 1 / (1 + others), others / (1 + others), mpmath.log1p(others)
            exact = wrong**gamma * entropy
            bound = 8 * float(info.eps) * (1 + gamma)
            assert abs(cost - exact) <= bound * exact + 2 * float(info.tiny)
            rival = mpmath.exp(row[1] - mpmath.mpf(row[0])) * p
            exact = wrong**gamma * (1 + gamma * p * entropy / wrong) * rival
            assert abs(slope - exact) <= bound * exact + 2 * float(info.tiny)


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


def test_costs_of_numbers_equal_scipys_densities():
    draw = np.random.default_rng(0)
    z, y, counts = draw.normal(size=(40, 3)), draw.normal(size=(40, 3)), draw.poisson(3, size=(40, 3)).astype(float)
    cost, _ = rows(OUTPUTS["linear_mae"](), z, y)
    np.testing.assert_allclose(cost + 3 * np.log(2), -laplace.logpdf(y, loc=z).sum(axis=1), rtol=1e-12)
    cost, _ = rows(OUTPUTS["exp_poisson"](), z, counts)
    np.testing.assert_allclose(cost, -poisson.logpmf(counts, np.exp(z)).sum(axis=1), rtol=1e-12)
    scores = np.stack([z, draw.normal(size=z.shape)], axis=2)
    cost, _ = rows(OUTPUTS["gaussian_nll"](), scores.reshape(40, 6), y)
    density = norm.logpdf(y, loc=z, scale=np.exp(scores[..., 1] / 2))
    np.testing.assert_allclose(cost, -density.sum(axis=1), rtol=1e-12)


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


def linear_network(output, x, y):
    """Return a linear network for one target, and its mean cost and gradient as a function of its parameters."""
    network = Network(x.shape[1], (), output.units("regression", 1), Linear(), 1, "float64")
    work = Work(network, len(x), targets=1)
    work.inputs[0], work.targets[0, :, 0] = x, y

    def evaluate(parameters):
        network.parameters[0] = parameters
        cost = output.cost(network.forward(work), work.targets).mean()
        output.gradient(work.scores, work.targets, work.delta)
        work.delta /= len(x)
        network.backward(work)
        return cost, network.gradient[0].copy()

    return network, evaluate


def minimised(output, x, y):
    """Return weights (inputs, scores) and biases (scores,) of a linear network with the least smooth cost."""
    network, evaluate = linear_network(output, x, y)
    start = np.zeros(network.parameters.shape[1])
    evaluate(minimize(evaluate, start, jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 1000}).x)
    return network.layers[0].weight[0], network.layers[0].bias[0, 0]


def descended(output, x, y):
    """Return weights and biases after full-batch training: with such steps, a piecewise linear cost converges."""
    network, evaluate = linear_network(output, x, y)
    parameters, rate = np.zeros(network.parameters.shape[1]), 1.0
    for _ in range(6000):
        parameters -= rate * evaluate(parameters)[1]
        rate *= 0.997
    evaluate(parameters)
    return network.layers[0].weight[0], network.layers[0].bias[0, 0]


def linear_data():
    draw = np.random.default_rng(3)
    x = draw.normal(size=(101, 2))
    return draw, x, x @ [1.0, -0.5] + 0.3


def test_the_minimiser_of_exp_poisson_is_poisson_regression():
    draw, x, predictor = linear_data()
    y = draw.poisson(np.exp(predictor)).astype(float)
    weight, bias = minimised(OUTPUTS["exp_poisson"](), x, y)
    theirs = PoissonRegressor(alpha=0, solver="newton-cholesky", tol=1e-12).fit(x, y)
    np.testing.assert_allclose(weight[:, 0], theirs.coef_, rtol=1e-6)
    np.testing.assert_allclose(bias, [theirs.intercept_], rtol=1e-6)


def test_the_minimiser_of_linear_huber_is_huber_regression():
    """scikit-learn estimates a scale, too. For that scale, its weights minimise the cost of delta = epsilon · scale."""
    draw, x, predictor = linear_data()
    y = predictor + draw.standard_t(2, size=len(x))
    theirs = HuberRegressor(epsilon=1.35, alpha=0, max_iter=1000, tol=1e-10).fit(x, y)
    weight, bias = minimised(OUTPUTS["linear_huber"](delta=1.35 * theirs.scale_), x, y)
    np.testing.assert_allclose(weight[:, 0], theirs.coef_, rtol=1e-5)
    np.testing.assert_allclose(bias, [theirs.intercept_], rtol=1e-5)
    assert np.abs(minimised(OUTPUTS["linear_huber"](delta=1.35), x, y)[0][:, 0] - theirs.coef_).max() > 1e-3


@pytest.mark.parametrize(
    ("output", "levels"),
    [
        (OUTPUTS["quantile"](), (0.05, 0.5, 0.95)),
        (OUTPUTS["quantile"](levels=(0.3, 0.5)), (0.3, 0.5)),
        (OUTPUTS["linear_mae"](), (0.5,)),
    ],
)
def test_the_minimisers_of_quantile_and_linear_mae_are_quantile_regressions(output, levels):
    draw, x, predictor = linear_data()
    y = predictor + draw.normal(size=len(x)) * np.exp(x[:, 0] / 2)
    weight, bias = descended(output, x, y)
    for column, level in enumerate(levels):
        theirs = QuantileRegressor(quantile=level, alpha=0).fit(x, y)
        np.testing.assert_allclose(weight[:, column], theirs.coef_, atol=1e-5)
        np.testing.assert_allclose(bias[column], theirs.intercept_, atol=1e-5)


def test_the_minimiser_of_gaussian_nll_is_weighted_least_squares_by_its_own_variances():
    draw, x, predictor = linear_data()
    y = predictor + draw.normal(size=len(x)) * np.exp(x[:, 0] / 2)
    weight, bias = minimised(OUTPUTS["gaussian_nll"](), x, y)
    deviation = np.exp((x @ weight[:, 1] + bias[1]) / 2)[:, None]
    columns = np.column_stack([x, np.ones(len(x))])
    theirs = np.linalg.lstsq(columns / deviation, y / deviation[:, 0])[0]
    np.testing.assert_allclose([*weight[:, 0], bias[0]], theirs, rtol=1e-5)
    assert weight[0, 1] == pytest.approx(1, abs=0.4)  # the logarithm of the variances that were drawn


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


@pytest.mark.parametrize(
    ("output", "z", "y", "expected"),
    [
        (OUTPUTS["linear_mae"](), [2.0], 2.0, [0]),
        (OUTPUTS["linear_mae"](), [np.nextafter(2, 3)], 2.0, [1]),
        (OUTPUTS["linear_huber"](), [1.0], 0.0, [1]),
        (OUTPUTS["linear_huber"](), [-0.75], 0.0, [-0.75]),
        (OUTPUTS["linear_huber"](delta=0.5), [-0.75], 0.0, [-0.5]),
        (OUTPUTS["quantile"](levels=(0.25, 0.5, 0.875)), [0.0, 0.0, 0.0], 0.0, [0, 0, 0]),
        (OUTPUTS["quantile"](levels=(0.25, 0.5, 0.875)), [-5e-324, 0.0, 5e-324], 0.0, [-0.25, 0, 0.125]),
        (OUTPUTS["quantile"](levels=(0.25, 0.5, 0.875)), [1.0, 1.0, 1.0], 0.0, [0.75, 0.5, 0.125]),
    ],
)
def test_gradients_of_numbers_at_their_kinks(output, z, y, expected):
    _, slope = rows(output, np.array([z]), np.array([[y]]))
    np.testing.assert_array_equal(slope, [expected])


# --- hyperparameters


@pytest.mark.parametrize(
    ("name", "key", "values"),
    [
        ("linear_huber", "delta", [0, -1, 1e7, np.nan, True, "1"]),
        ("gaussian_nll", "beta", [-0.1, 1.1, np.nan, None]),
        ("softmax_focal", "gamma", [-0.1, np.inf, None]),
        (
            "quantile",
            "levels",
            [(), (0.05, 0.95), (0.5, 0.5), (0.9, 0.5), (0, 0.5), (0.5, 1), 0.5, ("0.5",), (True, 0.5)],
        ),
    ],
)
def test_hyperparameters_out_of_range_are_refused(name, key, values):
    for value in values:
        with pytest.raises(ValueError, match=rf"^output\.{key}=.* of {name}: allowed is a "):
            OUTPUTS[name](**{key: value})


def test_levels_are_decimals_of_any_number():
    assert OUTPUTS["quantile"](levels=[0.5]).levels == (0.5,)
    assert OUTPUTS["quantile"](levels=(0.1, 0.5)).units("regression", 3) == 6
    message = "a list of increasing levels between 0 and 1, 0.5 among them, such as [0.05, 0.5, 0.95]"
    with pytest.raises(ValueError, match=re.escape(f"output.levels=[0.1, 0.9] of quantile: allowed is {message}")):
        OUTPUTS["quantile"](levels=(0.1, 0.9))


@pytest.mark.parametrize(("y", "first"), [([[0, 1], [2, -3]], "-3"), ([[0.5, -1]], "0.5"), ([[np.nan]], "nan")])
def test_targets_that_are_no_counts_are_refused_with_the_first(y, first):
    with pytest.raises(ValueError, match=rf"^output exp_poisson takes counts \(0, 1, 2, …\), not {first}$"):
        OUTPUTS["exp_poisson"]().check_targets(np.array(y, float))


@each_regressor
def test_counts_are_targets_of_every_output(output):
    output.check_targets(np.array([[0.0, 3.0], [1e9, 2.0]]))
    if output.scaling != "none":
        output.check_targets(np.array([[-0.5]]))


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


@each_classifier
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_targets_taken_for_scores_decide_their_own_labels(output, classes):
    labels = np.arange(classes)
    np.testing.assert_array_equal(output.decide(output.encode(labels, classes, np.float32)[None]), labels[None])


@each_classifier
@pytest.mark.parametrize("classes", [2, 3, 300])
def test_assess_is_cost_and_decide_also_for_ties(output, classes):
    draw = np.random.default_rng(0)
    shape = (2, 50, output.units("classification", classes))
    z = draw.integers(-3, 4, size=shape).astype(np.float32)  # few values, so the largest score is often tied
    y = output.encode(draw.integers(classes, size=100), classes, np.float32).reshape(shape)
    cost, decided = output.assess(z, y)
    np.testing.assert_array_equal(cost, output.cost(z, y))
    np.testing.assert_array_equal(decided, output.decide(z))


@each_classifier
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
        scores = len(output.roles) if task == "regression" else 1
        assert [output.units(task, units) for units in (1, 2, 3)] == [scores, 2 * scores, 3 * scores]
        assert [output.target_columns(task, units) for units in (1, 2, 3)] == [1, 2, 3]


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
        ("softmax_focal", [1 / 8, 1 / 8, 3 / 4]),
        ("sigmoid_ce", [1 / 2, 1 / 2, 6 / 7]),
        ("sigmoid_mse", [1 / 2, 1 / 2, 6 / 7]),
        ("linear_mse", [0, 0, np.log(6)]),
        ("linear_hinge", [0, 0, np.log(6)]),
        ("clipped_mse", [0, 0, 1]),
        ("linear_mae", [0, 0, np.log(6)]),
        ("linear_huber", [0, 0, np.log(6)]),
        ("exp_poisson", [1, 1, 6]),
        ("quantile", [0]),
    ],
)
def test_predict_gives_the_units_values(name, expected):
    np.testing.assert_allclose(OUTPUTS[name]().predict(np.array([[[0, 0, np.log(6)]]])), [[expected]], rtol=1e-15)


@each_regressor
def test_the_point_of_a_target_comes_from_its_point_score_alone(output):
    scores, point = len(output.roles), output.point_score
    z = np.random.default_rng(0).normal(size=(2, 3, 4 * scores))
    others = z + np.tile(np.arange(scores) != point, 4)
    np.testing.assert_array_equal(output.predict(others), output.predict(z))
    single = type(output)().predict(z[..., :scores])
    np.testing.assert_array_equal(output.predict(z)[..., :1], single)
    is_exponential = output.roles[point] == "log_mean"
    np.testing.assert_allclose(output.predict(z), (np.exp if is_exponential else np.copy)(z[..., point::scores]))


@each_classifier
def test_probabilities_are_promised_where_every_score_gives_one(output):
    predicted = output.predict(np.array([[[-900, -3, 0.5, 2, 900.0]]]))
    assert bool(output.probabilities) == (predicted.min() >= 0 and predicted.max() <= 1)


def test_the_registry_finds_a_new_output(monkeypatch):
    monkeypatch.setattr(pairing, "OUTPUTS", {})

    class Doubled(OUTPUTS["linear_mse"], name="doubled"):
        pass

    assert pairing.OUTPUTS["doubled"] is Doubled
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
