"""Tests of experiments.figures.heatmap: what stands in a cell, and what marks it."""

import numpy as np
import pytest

from experiments.figures.registry import Missing
from tests.experiments.figures.studies import STUDIES, assert_nothing_overlaps, drawings, fake_study, of


def texts(drawn):
    return [text.get_text() for text in drawn.axes[0].texts]


def marks(drawn, marker):
    return [line for line in drawn.axes[0].lines if line.get_marker() == marker]


def with_errors(tables, errors, **changes):
    """Return the tables with the errors of (data set, activation), the same for each seed but for a small part."""
    replicas = tables.replicas.copy()
    key = list(zip(replicas["dataset"], replicas["activation"], strict=True))
    replicas["final_test_error"] = [errors.get(pair, 0.2) for pair in key] + replicas["seed"] * 0.001
    return tables._replace(replicas=replicas.assign(**changes))


def test_a_cell_has_the_difference_from_the_reference_in_points():
    tables = with_errors(STUDIES["many"], {("iris", "elu"): 0.15, ("wine", "tanh"): 0.32})
    (drawn,) = drawings("dataset_heatmap", tables).values()
    assert sorted(texts(drawn)) == sorted(["0"] * 6 + ["−5.0", "+12.0"])
    rows = [label.get_text() for label in drawn.axes[0].get_yticklabels()]
    columns = [label.get_text() for label in drawn.axes[0].get_xticklabels()]
    assert rows == ["digits", "iris", "moons", "wine"]
    assert columns == ["elu", "tanh"]
    image = drawn.axes[0].images[0].get_array()
    assert image[1, 0] == image.min() < 0
    assert "test error of each treatment − that of relu, in points" in drawn.get_suptitle()


def test_significant_differences_and_diverged_replicas_are_marked():
    tables = fake_study(datasets=("digits", "wine", "iris"), seeds=6, epochs=1, diverged=0)
    generator = np.random.default_rng(0)
    replicas = tables.replicas.copy()
    replicas["final_test_error"] = 0.2 + generator.normal(0, 0.001, len(replicas))
    better = (replicas["dataset"] == "wine") & (replicas["activation"] == "elu")
    replicas.loc[better, "final_test_error"] -= 0.1
    lost = (replicas["dataset"] == "iris") & (replicas["activation"] == "tanh") & (replicas["seed"] < 2)
    replicas.loc[lost, "status"] = "diverged"
    replicas = replicas.assign(**{"split.test": 0.2, "split.validation": 0.15})
    (drawn,) = drawings("dataset_heatmap", tables._replace(replicas=replicas)).values()
    assert "+2 lost" in texts(drawn)
    assert len(marks(drawn, "x")) == 1
    (dot,) = marks(drawn, "o")
    assert dot.get_markerfacecolor() != "none"
    assert dot.get_ydata()[0] == pytest.approx(2 - 0.3)
    words = [text.get_text() for legend in drawn.legends for text in legend.get_texts()]
    assert "+1 lost: one replica more diverged than of relu" in words


def test_a_regression_is_compared_in_per_cent_of_the_reference():
    tables = fake_study(
        datasets=("diabetes", "friedman1", "linnerud"), outputs=("linear_mse",), task="regression", diverged=0, epochs=1
    )
    replicas = tables.replicas.copy()
    replicas["final_test_error"] = np.where(replicas["activation"] == "elu", 44.0, 40.0)
    (drawn,) = drawings("dataset_heatmap", tables._replace(replicas=replicas)).values()
    assert texts(drawn).count("+10.0") == 3
    assert "in % of the RMSE of relu" in drawn.get_suptitle()


def test_tasks_without_a_common_unit_are_not_compared():
    tables = STUDIES["many"]
    replicas = tables.replicas.copy()
    replicas.loc[replicas["dataset"] == "iris", "task"] = "regression"
    (reason,) = drawings("dataset_heatmap", tables._replace(replicas=replicas)).values()
    assert isinstance(reason, Missing)
    assert "no common unit" in str(reason)


def test_many_data_sets_and_treatments_overlap_nowhere():
    (drawn,) = of("dataset_heatmap", "many").values()
    assert_nothing_overlaps(drawn)
