"""Tests of experiments.analysis.propagation: predictions are those of wide networks, critical lines are critical."""

import json

import numpy as np
import pandas as pd
import pytest

from experiments.analysis import propagation
from nets import theory
from nets.activations import ACTIVATIONS, GLU, Maxout, ReLU, SiLU, Tanh
from nets.formula import Formula
from nets.initializers import INITIALIZERS, Critical, HeNormal, Normal
from nets.network import Network, Work

HIDDEN = (16, 16, 16, 16)


def row(hidden=HIDDEN, **settings):
    return pd.Series({"net.hidden": json.dumps(hidden)} | settings)


def measured(activation, initializer, hidden, networks=60, inputs=60, rows=20, outputs=10):
    """Return E[h²] and the root mean square of δ over that of the last layer, by hidden layer, in real networks."""
    network = Network(inputs, hidden, outputs, activation, networks, "float64")
    network.initialize(initializer, lambda replica, layer: np.random.default_rng([replica, layer]))
    work = Work(network, rows)
    generator = np.random.default_rng(0)
    work.inputs[:] = generator.standard_normal(work.inputs.shape)
    network.forward(work)
    square = np.array([np.square(post).mean() for post in work.post])
    work.delta[:] = generator.standard_normal(work.delta.shape)
    network.backward(work)
    delta = np.sqrt([np.square(pre).mean() for pre in work.pre])
    return square, delta / delta[-1]


@pytest.mark.parametrize(
    ("activation", "initializer"),
    [
        (Tanh(), Critical()),
        (ReLU(), HeNormal(gain=0.9)),
        (SiLU(), Normal(std=0.08)),
        (Maxout(), INITIALIZERS["lecun_uniform"]()),
        (GLU(), INITIALIZERS["variance_preserving"]()),
        (Formula("oblique", "max(x0-x1, 1)"), INITIALIZERS["variance_preserving"]()),
    ],
    ids=lambda value: value.name,
)
def test_the_prediction_is_what_wide_networks_measure(activation, initializer):
    hidden = (300, 300, 200, 300)
    settings = {"init.name": initializer.name} | {f"init.{key}": value for key, value in vars(initializer).items()}
    weights = propagation.weights_of(row(hidden, **settings), activation)
    assert weights.initializer == initializer
    square, delta = measured(activation, initializer, hidden, networks=12)
    prediction = propagation.predicted(weights, square[0])
    np.testing.assert_allclose(prediction.square, square, rtol=0.06)
    np.testing.assert_allclose(prediction.delta, delta, rtol=0.06)


@pytest.mark.parametrize("name", ["critical", "he_normal"])
@pytest.mark.parametrize("activation", [Tanh(), ReLU()], ids=lambda value: value.name)
def test_the_correlations_of_wide_networks_are_those_of_the_theory(activation, name):
    weights = propagation.weights_of(row((500,) * 5, **{"init.name": name}), activation)
    points, line = propagation.correlations(weights)
    np.testing.assert_allclose(points, line, atol=0.04)


@pytest.mark.parametrize("activation", [variant() for variant in ACTIVATIONS.values()], ids=lambda a: a.name)
@pytest.mark.parametrize("q", [0.02, 3.0])
def test_the_length_is_found_from_the_activations(activation, q):
    assert propagation.length_of(activation, theory.moments(activation, q).square) == pytest.approx(q, rel=1e-5)


def test_a_length_that_does_not_exist_is_nan():
    assert np.isnan([propagation.length_of(Tanh(), 2.0), propagation.length_of(ACTIVATIONS["sigmoid"](), 0.1)]).all()
    prediction = propagation.predicted(propagation.weights_of(row(), Tanh()), 2.0)
    assert np.isnan(prediction.square).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"net.norm": "batch"},
        {"net.residual": True},
        {"pretrain.epochs": 3},
        {"net.hidden": "[8]"},
        {"net.hidden": "[]"},
    ],
)
def test_the_theory_is_for_plain_networks_of_two_layers(changes):
    off = {"net.norm": np.nan, "net.residual": False, "pretrain.epochs": None, "init.name": None}
    assert propagation.weights_of(row(**off), Tanh()) is not None
    assert propagation.weights_of(pd.Series(row(**off).to_dict() | changes), Tanh()) is None


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "gelu", "relu_squared"])
def test_a_critical_line_is_critical_from_zero_biases_to_the_top(name):
    line = propagation.critical_line(ACTIVATIONS[name](), 0.5)
    shown = line[np.isfinite(line[:, 1])]
    assert shown[:, 1].min() < 0.04  # of squared ReLU, σ_b is 0 only in the limit
    assert shown[:, 1].max() == pytest.approx(0.5, rel=1e-6)
    for weights, biases, growth in shown[:: max(1, len(shown) // 4)]:
        if biases > 0.1:
            point = theory.critical(ACTIVATIONS[name](), biases**2)
            assert (weights**2, growth) == pytest.approx((point.weight_variance, point.growth), rel=1e-4)


def test_a_function_that_jumps_has_no_critical_line():
    assert not propagation.critical_line(Formula("leap", "x+sign(x)"), 0.5).size


def test_a_function_with_a_dead_zone_has_a_critical_line():
    """Of lengths below 0.0003 E[f'(z)²] is not a number above 0."""
    line = propagation.critical_line(Formula("shrink", "x-max(min(x,0.5),-0.5)"), 0.5)
    point = theory.critical(Formula("shrink", "x-max(min(x,0.5),-0.5)"), 0.04)
    assert np.interp(0.2, line[:, 1], line[:, 0]) ** 2 == pytest.approx(
        point.weight_variance, rel=0.1
    )  # the line is straight between its points


def test_softplus_has_no_critical_line():
    assert np.isnan(propagation.critical_line(ACTIVATIONS["softplus"](), 0.5)[:, 1]).all()
