"""Tests of experiments.figures.outputs: costs with their gradients, and pairings side by side."""

import numpy as np

from experiments.figures.curves import means
from experiments.figures.selection import at_selected_rate
from experiments.figures.style import SINGLE
from tests.experiments.figures.studies import STUDIES, curves, of


def test_cost_gradients_are_the_slopes_of_the_costs():
    (drawn,) = of("output_cost_gradients", "three").values()
    cost, gradient = drawn.axes
    assert drawn.get_figwidth() == SINGLE
    for curve, slope in zip(cost.lines, gradient.lines, strict=True):
        z, height = curve.get_data()
        np.testing.assert_allclose(np.gradient(height, z)[1:-1], slope.get_ydata()[1:-1], atol=2e-4)
    squared, entropy = (line.get_ydata()[0] for line in gradient.lines)
    assert abs(squared) < 0.001
    assert entropy < -0.999


def test_each_pairing_is_drawn_in_its_own_column_before_the_others():
    tables = STUDIES["crossed"]
    (drawn,) = of("mse_vs_ce", "crossed").values()
    titled = {ax.get_title(loc="left"): ax for ax in drawn.axes if ax.get_title(loc="left")}
    output = tables.replicas.drop_duplicates("run").set_index("run")["output"]
    assert list(titled) == ["softmax_ce", "softmax_mse"]
    for name, ax in titled.items():
        assert set(curves(ax)) == set(output.index[output == name])
        assert sum(line.get_alpha() == 0.5 for line in ax.lines) == 3
    table = means(tables.history, at_selected_rate(tables).replicas, "train_error", scale=100)
    for run, data in curves(titled["softmax_ce"]).items():
        np.testing.assert_allclose(data[1], table.loc[table["run"] == run, "mean"])
