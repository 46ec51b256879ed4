"""Tests of experiments.figures.theory: points are what was measured or drawn, lines are what the theory says."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from experiments.figures.registry import Missing
from nets import theory
from nets.activations import ACTIVATIONS
from tests.experiments.figures.studies import curves, drawings, fake_study

HIDDEN = (16, 16, 16, 16)


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


def test_measured_points_are_joined_and_the_theory_is_dashed_in_the_same_colour():
    (drawn,) = drawings("signal_propagation", study()).values()
    for ax in drawn.axes:
        measured = [line for line in ax.lines if line.get_marker() not in ("", "None")]
        predicted = [line for line in ax.lines if line not in measured]
        assert [line.get_color() for line in measured] == [line.get_color() for line in predicted]
        assert {line.get_linestyle() for line in measured} == {"-"}
        assert {line.get_linestyle() for line in predicted} == {"--"}
    assert "dashed: theory" in drawn.legends[0].get_title().get_text()


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
    assert [text.get_text() for text in drawn.axes[0].texts] == ["2 initializers"]
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
