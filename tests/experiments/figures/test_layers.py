"""Tests of experiments.figures.layers: shares and moments of the hidden layers."""

import numpy as np
import pytest

from experiments.figures.style import COLORS
from experiments.tables import SIDES
from tests.experiments.figures.studies import curves, drawings, fake_study


def flat(off, left, right=None):
    """Return a study with these shares of off and saturated units in its two hidden layers, on two sides if known."""
    tables = fake_study(activations=("relu", "elu"), diverged=0)
    layers, depth = tables.layers, tables.layers["layer"]
    inside = layers["activation_mean"].notna()
    shares = {"zero_fraction": off, "saturated_fraction": off + left + (right or 0)}
    if right is not None:
        shares |= dict(zip(SIDES, (off, left, right), strict=True))
    return tables._replace(
        layers=layers.assign(**{name: (depth * share).where(inside) for name, share in shares.items()})
    )


@pytest.mark.parametrize("shares", [(0.1, 0.2), (0.0, 0.2), (0.1, 0.0), (0.1, 0.05, 0.2)])
def test_flat_units_are_off_or_saturated_and_the_sides_are_told_apart_where_they_are_known(shares):
    (drawn,) = drawings("saturation", flat(*shares)).values()
    labels = [ax.get_ylabel() for ax in drawn.axes[::2]]
    assert labels[0] == "off: h = 0 (%)"
    assert labels[1:-1] == (
        ["saturated:\nh ≠ 0 (%)"] if len(shares) == 2 else ["saturated,\nz < 0 (%)", "saturated,\nz > 0 (%)"]
    )
    for by_epoch, by_layer, share in zip(drawn.axes[::2], drawn.axes[1::2], shares, strict=False):
        for run, data in curves(by_epoch).items():
            np.testing.assert_allclose(data[1], 150 * share, atol=1e-9)  # the mean of the two layers
            np.testing.assert_allclose(curves(by_layer)[run], [[1, 2], [100 * share, 200 * share]], atol=1e-9)
    for data in curves(drawn.axes[-2]).values():
        np.testing.assert_allclose(data[1], np.arange(9))  # dead units


def test_lines_that_coincide_stand_one_above_the_other_and_the_others_stay():
    tables = fake_study(diverged=0)
    share = tables.layers["activation"].map({"tanh": 0.0, "relu": 0.4, "elu": 0.0})
    layers = tables.layers.assign(dead_fraction=share.where(tables.layers["dead_fraction"].notna()))
    (drawn,) = drawings("saturation", tables._replace(layers=layers)).values()
    drawn.draw_without_rendering()
    for ax in drawn.axes[-2:]:
        heights = {line.get_color(): line.get_transform().transform(line.get_xydata())[0, 1] for line in ax.lines}
        tanh, relu, elu = (heights[COLORS[name]] for name in ("tanh", "relu", "elu"))
        zero, forty = ax.transData.transform([[0, 0], [0, 40]])[:, 1]
        assert {round(relu - forty, 6), round(tanh - zero, 6)} == {0}
        assert elu - zero == pytest.approx(1.3 * drawn.dpi / 72)  # the width of a line
    assert "where lines coincide" in drawn.legends[0].get_title().get_text()


def test_a_negative_mean_activation_is_shown():
    tables = fake_study(diverged=0)
    (drawn,) = drawings("activation_statistics", tables).values()
    lowest = min(data[1].min() for data in curves(drawn.axes[0]).values())
    assert lowest < 0
    assert drawn.axes[0].get_ylim()[0] < lowest
