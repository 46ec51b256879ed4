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


def test_a_negative_mean_activation_is_shown():
    tables = fake_study(diverged=0)
    (drawn,) = drawings("activation_statistics", tables).values()
    lowest = min(data[1].min() for data in curves(drawn.axes[0]).values())
    assert lowest < 0
    assert drawn.axes[0].get_ylim()[0] < lowest
