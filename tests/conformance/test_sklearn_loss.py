"""Costs and gradients against scikit-learn's own losses, on raw scores from 1e-3 to 1e3 of either sign.

Its losses are sums like log(1 + exp(z)) - y z, so they are right to some eps of |z|, of the largest score in the row:
that is the tolerance here. How close ours are to the exact values is another test's matter (tests/nets).
"""

import itertools

import numpy as np
import pytest
from scipy.special import gammaln
from sklearn._loss.loss import (
    AbsoluteError,
    HalfBinomialLoss,
    HalfMultinomialLoss,
    HalfPoissonLoss,
    HalfSquaredError,
    HuberLoss,
    PinballLoss,
)
from sklearn.linear_model._sgd_fast import Hinge
from sklearn.metrics import hinge_loss

from nets.outputs import (
    ExpPoisson,
    LinearHinge,
    LinearHuber,
    LinearMAE,
    LinearMSE,
    Quantile,
    SigmoidCE,
    SoftmaxCE,
)

EPS = np.finfo(float).eps
# Where scikit-learn changes its formula for log(1 + exp(z)) are -37, -2, 18 and 33.3.
MAGNITUDES = np.concatenate([[0, 2, 18, 33.3, 37, 745, 1000], np.geomspace(1e-3, 1e3, 80)])
SCORES = np.concatenate([-MAGNITUDES[::-1], MAGNITUDES])


def rows(output, z, y):
    """Return costs (n,) and gradients (n, units) of n examples."""
    gradient = np.empty_like(z[None])
    output.gradient(z[None], y[None], gradient)
    return output.cost(z[None], y[None])[0], gradient[0]


def assert_close(ours, theirs, z):
    """Assert agreement to 4 eps of the result or of the row's largest score."""
    scale = np.maximum(np.abs(z).max(axis=1), 1).reshape(-1, *[1] * (ours.ndim - 1))
    assert ours.shape == theirs.shape
    assert (np.abs(ours - theirs) <= 4 * EPS * np.maximum(scale, np.abs(theirs))).all()


def score_rows(classes):
    """Return rows with every combination of -1e3, -1, 0, 1, 1e3 (ties among them), or of random size and sign."""
    draw = np.random.default_rng(0)
    corners = np.array(list(itertools.product([-1e3, -1, 0, 1, 1e3], repeat=min(classes, 3))))
    corners = np.pad(corners, [(0, 0), (0, classes - corners.shape[1])], mode="edge")
    shape = (300, classes)
    return np.concatenate([corners, draw.choice([-1, 1], shape) * 10 ** draw.uniform(-3, 3, shape)])


@pytest.mark.parametrize("target", [0, 0.25, 1])
def test_sigmoid_ce_is_half_binomial_loss(target):
    z, y = SCORES[:, None], np.full((SCORES.size, 1), float(target))
    cost, gradient = rows(SigmoidCE(), z, y)
    theirs, their_gradient = HalfBinomialLoss().loss_gradient(y[:, 0], SCORES)
    assert_close(cost, theirs, z)
    np.testing.assert_allclose(gradient[:, 0], their_gradient, rtol=1e-14, atol=2 * EPS)
    # Theirs is 0 where the probability is the smallest number there is.
    probability = HalfBinomialLoss().predict_proba(SCORES)[:, 1:]
    np.testing.assert_allclose(SigmoidCE().predict(z), probability, rtol=1e-14, atol=5e-324)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_softmax_ce_is_half_multinomial_loss(classes):
    z = score_rows(classes)
    loss = HalfMultinomialLoss(n_classes=classes)
    for label in range(classes):
        labels = np.full(len(z), label)
        cost, gradient = rows(SoftmaxCE(), z, SoftmaxCE().encode(labels, classes, float))
        theirs, their_gradient = loss.loss_gradient(labels.astype(float), z)
        assert_close(cost, theirs, z)
        assert_close(gradient, their_gradient, np.ones_like(z))
    assert_close(SoftmaxCE().predict(z[None])[0], loss.predict_proba(z), np.ones_like(z))


@pytest.mark.parametrize("targets", [1, 3])
def test_linear_mse_is_half_squared_error(targets):
    z = score_rows(targets)
    y = np.random.default_rng(1).permutation(z)
    cost, gradient = rows(LinearMSE(), z, y)
    theirs, their_gradient = HalfSquaredError().loss_gradient(y.ravel(), z.ravel())
    np.testing.assert_allclose(cost, theirs.reshape(z.shape).sum(axis=1), rtol=4 * EPS)
    np.testing.assert_array_equal(gradient, their_gradient.reshape(z.shape))


@pytest.mark.parametrize("targets", [1, 3])
def test_linear_mae_is_absolute_error(targets):
    """No score is its target: there they take 1 as the subgradient, we take 0."""
    z = score_rows(targets)
    y = np.random.default_rng(1).permutation(z) + 0.1
    cost, gradient = rows(LinearMAE(), z, y)
    theirs, their_gradient = AbsoluteError().loss_gradient(y.ravel(), z.ravel())
    np.testing.assert_allclose(cost, theirs.reshape(z.shape).sum(axis=1), rtol=4 * EPS)
    np.testing.assert_array_equal(gradient, their_gradient.reshape(z.shape))


@pytest.mark.parametrize("delta", [0.25, 1.0, 30.0])
def test_linear_huber_is_huber_loss(delta):
    z = score_rows(3)
    y = np.random.default_rng(1).permutation(z)
    cost, gradient = rows(LinearHuber(delta), z, y)
    loss = HuberLoss(quantile=0.9, delta=delta)
    theirs, their_gradient = loss.loss_gradient(y.ravel(), z.ravel())
    np.testing.assert_allclose(cost, theirs.reshape(z.shape).sum(axis=1), rtol=8 * EPS)
    np.testing.assert_array_equal(gradient, their_gradient.reshape(z.shape))


@pytest.mark.parametrize("count", [0, 1, 7, 1000])
def test_exp_poisson_is_half_poisson_loss_and_log_factorial(count):
    scores = SCORES[np.abs(SCORES) < 700]
    z, y = scores[:, None], np.full((scores.size, 1), float(count))
    cost, gradient = rows(ExpPoisson(), z, y)
    theirs, their_gradient = HalfPoissonLoss().loss_gradient(y[:, 0], scores)
    constant = gammaln(count + 1)
    tolerance = 4 * EPS * (np.exp(scores) + np.abs(count * scores) + constant)
    assert (np.abs(cost - constant - theirs) <= tolerance).all()
    np.testing.assert_allclose(gradient[:, 0], their_gradient, rtol=4 * EPS, atol=4 * EPS * count)


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9])
def test_each_level_of_quantile_is_the_pinball_loss(level):
    """No score is its target: there they take a subgradient that is not 0."""
    levels = (level,) if level == 0.5 else tuple(sorted([level, 0.5]))
    own = levels.index(level)
    z = score_rows(1)
    y = np.random.default_rng(1).permutation(z) + 0.1
    scores = np.repeat(y, len(levels), axis=1)  # the other level is right, and costs nothing
    scores[:, [own]] = z
    cost, gradient = rows(Quantile(levels), scores, y)
    theirs, their_gradient = PinballLoss(quantile=level).loss_gradient(y.ravel(), z.ravel())
    np.testing.assert_allclose(cost, theirs, rtol=4 * EPS)
    np.testing.assert_allclose(gradient[:, own], their_gradient, rtol=4 * EPS)


@pytest.mark.parametrize("label", [0, 1])
def test_linear_hinge_is_the_support_vector_machines(label):
    """No score is ±1: at the kink they take the subgradient -y, we take 0."""
    z, loss = SCORES[:, None], Hinge(1.0)
    y = LinearHinge().encode(np.full(SCORES.size, label), 2, float)
    cost, gradient = rows(LinearHinge(), z, y)
    pairs = list(zip(z[:, 0], y[:, 0], strict=True))
    np.testing.assert_array_equal(cost, [loss.py_loss(*pair) for pair in pairs])
    np.testing.assert_array_equal(gradient[:, 0], [loss.py_dloss(*pair) for pair in pairs])


@pytest.mark.parametrize("classes", [2, 3, 6], ids=["binary", "crammer-singer-3", "crammer-singer-6"])
def test_linear_hinge_is_hinge_loss(classes):
    z = np.random.default_rng(2).permutation(score_rows(classes))[:120]
    z = z[:, : LinearHinge().units("classification", classes)]
    labels = np.random.default_rng(3).integers(classes, size=len(z))
    cost, _ = rows(LinearHinge(), z, LinearHinge().encode(labels, classes, float))
    decision = z[:, 0] if classes == 2 else z
    # A weight on one example alone gives its own loss instead of the mean.
    theirs = [hinge_loss(labels, decision, labels=range(classes), sample_weight=row) for row in np.eye(len(z))]
    assert 0 < np.count_nonzero(theirs) < len(theirs)
    assert_close(cost, np.array(theirs), z)
