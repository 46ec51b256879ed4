"""Tests of experiments.figures.theory: points are what was measured or drawn, lines are what the theory says."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from experiments.figures import theory as figures
from experiments.figures.registry import Missing
from nets import theory
from nets.activations import ACTIVATIONS, GLU, Maxout, ReLU, SiLU, Tanh
from nets.formula import Formula
from nets.initializers import INITIALIZERS, Critical, HeNormal, Normal
from nets.network import Network, Work
from tests.experiments.figures.studies import curves, drawings, fake_study

HIDDEN = (16, 16, 16, 16)


def row(activation, hidden=HIDDEN, **settings):
    return pd.Series({"activation": activation, "net.hidden": json.dumps(hidden)} | settings)


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
    ],
    ids=lambda value: value.name,
)
def test_the_prediction_is_what_wide_networks_measure(activation, initializer):
    hidden = (300, 300, 200, 300)
    settings = {"init.name": initializer.name} | {f"init.{key}": value for key, value in vars(initializer).items()}
    weights = figures.weights_of(row(activation.name, hidden, **settings))
    assert (weights.activation, weights.initializer) == (activation, initializer)
    square, delta = measured(activation, initializer, hidden, networks=12)
    prediction = figures.predicted(weights, square[0])
    np.testing.assert_allclose(prediction.square, square, rtol=0.06)
    np.testing.assert_allclose(prediction.delta, delta, rtol=0.06)


@pytest.mark.parametrize("name", ["critical", "he_normal"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_correlations_of_wide_networks_are_those_of_the_theory(activation, name):
    weights = figures.weights_of(row(activation, (500,) * 5, **{"init.name": name}))
    points, line = figures.correlations(weights)
    np.testing.assert_allclose(points, line, atol=0.04)


@pytest.mark.parametrize("activation", [variant() for variant in ACTIVATIONS.values()], ids=lambda a: a.name)
@pytest.mark.parametrize("q", [0.02, 3.0])
def test_the_length_is_found_from_the_activations(activation, q):
    assert figures.length_of(activation, theory.moments(activation, q).square) == pytest.approx(q, rel=1e-5)


def test_a_length_that_does_not_exist_is_nan():
    assert np.isnan([figures.length_of(Tanh(), 2.0), figures.length_of(ACTIVATIONS["sigmoid"](), 0.1)]).all()
    prediction = figures.predicted(figures.weights_of(row("tanh")), 2.0)
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
    assert figures.weights_of(row("tanh", **off)) is not None
    assert figures.weights_of(pd.Series(row("tanh", **off).to_dict() | changes)) is None


def study(**settings):
    tables = fake_study(hidden=(HIDDEN,), diverged=0)
    return tables._replace(replicas=tables.replicas.assign(**settings))


def test_points_are_the_means_before_training():
    tables = study()
    (drawn,) = drawings("signal_propagation", tables).values()
    layers = tables.layers[(tables.layers["epoch"] == 0) & (tables.layers["layer"] <= 4)]
    layers = layers.assign(square=layers["activation_mean"] ** 2 + layers["activation_std"] ** 2)
    for run, data in curves(drawn.axes[0]).items():
        expected = layers[layers["run"] == run].groupby("layer")["square"].mean()
        np.testing.assert_allclose(data, [expected.index, expected])
    for data in curves(drawn.axes[1]).values():
        np.testing.assert_allclose(data, [[1, 2, 3, 4], [1 / 8, 1 / 4, 1 / 2, 1]])  # of the made-up study


def test_the_phase_diagram_has_a_panel_for_each_activation_with_its_line_and_the_study():
    (drawn,) = drawings("phase_diagram", study(**{"init.name": "critical", "init.bias_variance": 0.04})).values()
    assert [ax.get_title(loc="left") for ax in drawn.axes] == ["tanh", "relu", "elu"]
    for ax, name in zip(drawn.axes, ("tanh", "relu", "elu"), strict=True):
        weights, biases, *_ = theory.critical(ACTIVATIONS[name](), 0.04)
        ((x, y),) = {tuple(np.ravel(data)) for data in curves(ax).values()}
        assert (x**2, y**2) == pytest.approx((weights, biases), abs=1e-8)
    line = max(drawn.axes[0].lines, key=lambda line: len(line.get_xdata()))
    x, y = np.asarray(line.get_data(), float)
    assert np.interp(0.2, y, x) ** 2 == pytest.approx(1.7008, rel=0.01)


def test_two_initializers_at_one_place_are_both_shown():
    tables = fake_study(activations=("relu",), hidden=(HIDDEN, (*HIDDEN, 16)), diverged=0)
    names = tables.replicas["net.hidden"].map({json.dumps(HIDDEN): "he_normal"}).fillna("critical")
    (drawn,) = drawings(
        "phase_diagram", tables._replace(replicas=tables.replicas.assign(**{"init.name": names}))
    ).values()
    assert len(curves(drawn.axes[0])) == 2
    assert {text.get_text() for text in drawn.legends[0].texts} >= {"he_normal", "critical"}


def test_what_the_theory_does_not_describe_is_said():
    for name in ("signal_propagation", "phase_diagram"):
        (reason,) = drawings(name, study(**{"net.norm": "batch"})).values()
        assert isinstance(reason, Missing)
        assert str(reason) == "no plain network has two hidden layers"
    tables = fake_study(activations=("maxout",), hidden=(HIDDEN,), diverged=0)
    (reason,) = drawings("phase_diagram", tables).values()
    assert str(reason) == "no activation has a single piece"
    assert isinstance(next(iter(drawings("signal_propagation", tables).values())), Figure)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "gelu", "relu_squared"])
def test_a_critical_line_is_critical_from_zero_biases_to_the_top(name):
    line = figures.critical_line(ACTIVATIONS[name](), 0.5)
    shown = line[np.isfinite(line[:, 1])]
    assert shown[:, 1].min() < 0.04  # of squared ReLU, σ_b is 0 only in the limit
    assert shown[:, 1].max() == pytest.approx(0.5, rel=1e-6)
    for weights, biases, growth in shown[:: max(1, len(shown) // 4)]:
        if biases > 0.1:
            point = theory.critical(ACTIVATIONS[name](), biases**2)
            assert (weights**2, growth) == pytest.approx((point.weight_variance, point.growth), rel=1e-4)


def test_a_function_that_jumps_has_no_critical_line():
    assert not figures.critical_line(Formula("leap", "x+sign(x)"), 0.5).size


def test_softplus_has_no_critical_line():
    assert np.isnan(figures.critical_line(ACTIVATIONS["softplus"](), 0.5)[:, 1]).all()
