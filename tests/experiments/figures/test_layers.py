"""Tests of experiments.figures.layers: shares and moments of the hidden layers."""

import numpy as np

from tests.experiments.figures.studies import curves, drawings, fake_study


def test_shares_of_the_hidden_layers_are_their_mean_in_per_cent():
    tables = fake_study(activations=("relu", "elu"), diverged=0)
    (drawn,) = drawings("saturation", tables).values()
    saturated, by_layer, dead = drawn.axes[:3]
    for run, data in curves(saturated).items():
        np.testing.assert_allclose(data[1], 15)  # 10 and 20 % in the two layers
        np.testing.assert_allclose(curves(by_layer)[run], [[1, 2], [10, 20]])
        np.testing.assert_allclose(curves(dead)[run][1], np.arange(9))


def test_a_line_that_another_one_covers_is_wider_and_the_others_are_not():
    tables = fake_study(diverged=0)
    share = tables.layers["activation"].map({"tanh": 0.0, "relu": 0.4, "elu": 0.0})
    layers = tables.layers.assign(saturated_fraction=share.where(tables.layers["saturated_fraction"].notna()))
    (drawn,) = drawings("saturation", tables._replace(layers=layers)).values()
    for ax in drawn.axes[:2]:
        covered, alone, upper = (line.get_linewidth() for line in ax.lines)
        assert covered > upper == alone


def test_a_negative_mean_activation_is_shown():
    tables = fake_study(diverged=0)
    (drawn,) = drawings("activation_statistics", tables).values()
    lowest = min(data[1].min() for data in curves(drawn.axes[0]).values())
    assert lowest < 0
    assert drawn.axes[0].get_ylim()[0] < lowest
