"""Tests of experiments.figures.gradients: norms by epoch and layer are those of the tables."""

import numpy as np

from tests.experiments.figures.studies import curves, drawings, fake_study


def test_gradient_norms_by_layer_are_those_of_the_first_and_last_epoch():
    tables = fake_study(diverged=0)
    history, layers = tables.history, tables.layers
    (drawn,) = drawings("gradient_norms", tables).values()
    panels = {ax.get_title(loc="left")[1]: ax for ax in drawn.axes}
    for letter, epoch, column in [("b", 0, "delta_norm"), ("e", 8, "weight_gradient_norm")]:
        rows = layers[layers["epoch"] == epoch]
        for run, data in curves(panels[letter]).items():
            expected = rows[rows["run"] == run].groupby("layer")[column].mean()
            np.testing.assert_allclose(data, [expected.index, expected])
    for run, data in curves(panels["a"]).items():
        np.testing.assert_allclose(data[1], history[history["run"] == run].groupby("epoch")["gradient_norm"].mean())


def test_gradients_flow_by_layer_and_epoch():
    tables = fake_study(activations=("relu",), diverged=0)
    (drawn,) = drawings("gradient_flow", tables).values()
    expected = tables.layers.groupby(["layer", "epoch"])["weight_gradient_norm"].mean().unstack()
    np.testing.assert_allclose(drawn.axes[0].images[0].get_array(), expected)


def test_a_heat_map_of_few_epochs_does_not_hide_the_others():
    tables = fake_study(activations=("relu", "elu"), diverged=3)  # the last one drawn diverged
    (drawn,) = drawings("gradient_flow", tables).values()
    assert {ax.get_xlim() for ax in drawn.axes if ax.images} == {(-0.5, 8.5)}
