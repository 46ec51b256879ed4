"""Tests of experiments.figures.gradients: norms by epoch and layer are those of the tables."""

from itertools import pairwise

import numpy as np
import pytest

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


def bars(drawn):
    """Return the scales of colours of a laid out figure."""
    drawn.draw_without_rendering()
    return [ax for ax in drawn.axes if not ax.images and ax.get_visible()]


def test_each_row_of_maps_has_its_scale_beside_it():
    tables = fake_study(activations=("relu", "elu", "tanh", "gelu", "selu", "celu", "silu", "mish"), epochs=2)
    (drawn,) = drawings("gradient_flow", tables).values()
    scales = {round(bar.get_window_extent().y0): bar.get_ylabel() for bar in bars(drawn)}
    rows = {round(ax.get_window_extent().y0) for ax in drawn.axes if ax.images}
    assert [scales[row] for row in sorted(rows, reverse=True)] == 2 * ["‖∂L/∂W‖₂", "δ = rms ∂ℓ/∂z"]


@pytest.mark.parametrize("span", [1.02, 4, 10, 30, 300, 3000, 1e5, 1e7])
def test_the_labels_of_a_scale_are_apart(span):
    tables = fake_study(activations=("relu",), epochs=2)
    norms = 0.031 * span ** (tables.layers["layer"] > 1)
    layers = tables.layers.assign(delta_norm=norms, weight_gradient_norm=7 * norms)
    (drawn,) = drawings("gradient_flow", tables._replace(layers=layers)).values()
    for bar in bars(drawn):
        low, high = bar.get_ylim()
        labels = [label for label in bar.get_yticklabels(which="both") if low <= label.get_position()[1] <= high]
        boxes = sorted(tuple(label.get_window_extent().intervaly) for label in labels if label.get_text())
        assert len(boxes) >= 2
        assert all(lower[1] < upper[0] for lower, upper in pairwise(boxes))
