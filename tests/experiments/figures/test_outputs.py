"""Tests of experiments.figures.outputs: costs with their gradients, and pairings side by side."""

import numpy as np
import pandas as pd
import pytest

from experiments.figures.curves import means
from experiments.figures.registry import FIGURES
from experiments.figures.selection import at_selected_rate
from experiments.figures.style import SINGLE
from nets.outputs import OUTPUTS
from tests.experiments.figures.studies import STUDIES, curves, of

DRAW = FIGURES["output_cost_gradients"].function


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_cost_gradients_are_the_slopes_of_the_costs(task):
    tables = at_selected_rate(STUDIES["three"])
    drawn = DRAW(tables._replace(replicas=tables.replicas.assign(task=task)))
    cost, gradient = drawn.axes
    assert drawn.get_figwidth() == SINGLE
    pairings = [output() for output in OUTPUTS.values() if task in output.tasks]
    assert len(drawn.legends[0].get_lines()) == len(pairings)
    assert len(cost.lines) == sum(max(1, output.roles.count("quantile")) for output in pairings)
    colors = [line.get_color() for line in drawn.legends[0].get_lines()]
    assert len(set(colors)) == len(colors)
    for curve, slope in zip(cost.lines, gradient.lines, strict=True):
        z, height = curve.get_data()
        smooth = np.abs(np.diff(slope.get_ydata(), 2)) < 0.01  # not at a kink
        difference = np.gradient(height, z)[1:-1] - slope.get_ydata()[1:-1]
        np.testing.assert_allclose(difference[smooth], 0, atol=3e-3 * np.abs(slope.get_ydata()).max())


def test_pairings_of_both_tasks_have_one_look_each():
    tables = at_selected_rate(STUDIES["three"])
    replicas = pd.concat([tables.replicas, tables.replicas.assign(task="regression")])
    drawn = DRAW(tables._replace(replicas=replicas))
    assert len(drawn.axes) == 4
    looks = [(line.get_color(), line.get_linestyle()) for line in drawn.legends[0].get_lines()]
    assert len(set(looks)) == len(looks) == len(OUTPUTS)


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


def test_a_legend_says_what_the_curves_of_a_regression_take_as_given():
    tables = at_selected_rate(STUDIES["three"])
    drawn = DRAW(tables._replace(replicas=tables.replicas.assign(task="regression")))
    entries = {text.get_text() for text in drawn.legends[0].get_texts()}
    assert {"gaussian_nll: σ = 1", "quantile: levels 0.05, 0.5, 0.95", "linear_mse"} <= entries
    slopes = {tuple(np.unique(line.get_ydata())) for line in drawn.axes[1].lines}
    assert {(-level, 0, 1 - level) for level in (0.05, 0.5, 0.95)} <= slopes
