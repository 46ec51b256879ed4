"""Tests of experiments.figures.training: the curves are the means of the tables."""

import numpy as np

from tests.experiments.figures.studies import curves, drawings, fake_study, tiny


def test_curves_are_the_tables_means():
    tables = tiny([[0.8, 0.4, 0.3], [0.6, 0.2, 0.25]])
    (drawn,) = drawings("lu_comparison", tables).values()
    loss, _, _, error, _, end = drawn.axes
    (line,) = curves(error).values()
    np.testing.assert_allclose(line, [[0, 1, 2], [70, 30, 27.5]])
    (line,) = curves(loss).values()
    np.testing.assert_allclose(line, [[0, 1, 2], [1.4, 0.6, 0.55]])
    (line,) = curves(end).values()
    np.testing.assert_allclose(line, [[1, 2], [30, 27.5]])


def test_the_legend_has_the_chosen_rates_if_conditions_differ_in_them():
    tables = fake_study(rates=(0.1, 0.3), diverged=0)
    replicas = tables.replicas.assign(selected=tables.replicas["lr"].eq(0.3) == tables.replicas["activation"].eq("elu"))
    labels = {}
    for name, chosen in {"same": tables, "other": tables._replace(replicas=replicas)}.items():
        (drawn,) = drawings("lu_comparison", chosen).values()
        labels[name] = {text.get_text() for text in drawn.legends[0].get_texts()}
    assert labels == {
        "same": {"relu", "elu", "tanh"},
        "other": {"relu, rate 0.1", "elu, rate 0.3", "tanh, rate 0.1"},
    }


def test_a_negative_loss_is_in_view():
    """The negative logarithm of a density may be negative."""
    tables = tiny([[0.8, 0.4, 0.3], [0.6, 0.2, 0.25], [0.7, 0.5, 0.3]])
    history = tables.history.assign(train_loss=tables.history["train_loss"] - 2)
    (drawn,) = drawings("lu_comparison", tables._replace(history=history)).values()
    loss = drawn.axes[0]
    (line,) = curves(loss).values()
    assert loss.get_ylim()[0] < line[1].min() < 0
    ends = loss.collections[0].get_paths()[0].vertices[:, 1]
    assert ends.min() < line[1].min()
