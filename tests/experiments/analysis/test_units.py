"""Units: errors and metrics have names and units, and all become lower for the better."""

import math
import re

import pandas as pd
import pytest

from experiments.analysis.units import METRICS, UNITS, check_metric, task_metrics, unit_of
from experiments.config.errors import ConfigError
from experiments.data.table import TASKS
from experiments.tables import CLASS_METRICS, CROSSINGS, NUMBER_METRICS
from tests.programs import ROOT


def test_every_task_has_a_unit():
    assert set(UNITS) == set(TASKS)
    assert (UNITS["classification"].ceiling, UNITS["regression"].ceiling) == (100, math.inf)


def test_a_share_is_shown_in_per_cent():
    assert UNITS["classification"].text(0.0549) == UNITS["classification"].full_text(0.0549) == "5.49 %"


@pytest.mark.parametrize(
    ("value", "text"), [(23456.0, "23456"), (54.1234, "54.1"), (0.00123456, "0.00123"), (2.5e7, "2.5e+07")]
)
def test_an_rmse_is_shown_in_three_digits_or_as_a_whole_number(value, text):
    assert UNITS["regression"].text(value) == text
    assert UNITS["regression"].full_text(value) == f"RMSE {text}"


BEST = {"coverage": 0.9} | dict.fromkeys(("auc", "f1", "r2", "recall_a"), 1.0)
"""The best value of the metrics for which it is not 0."""

ALL = [("classification", name) for name in (*CLASS_METRICS, "recall_a")]
ALL += [("regression", name) for name in (*NUMBER_METRICS, CROSSINGS)]


@pytest.mark.parametrize(("task", "metric"), ALL)
def test_every_metric_has_a_unit_in_which_lower_is_better(task, metric):
    unit, best = unit_of(task, metric), BEST.get(metric, 0.0)
    shown = unit.of(pd.Series([best, best - 0.1 if best == 1 else best + 0.05, math.nan]))
    assert shown[0] == pytest.approx(0)
    assert shown[1] > 0.04
    assert math.isnan(shown[2])
    assert unit.of(pd.Series([math.inf]))[0] == math.inf
    assert unit.text(0.01) in unit.full_text(0.01)
    assert unit.name in unit.heading


def test_every_task_has_units_of_its_metrics_alone():
    assert list(METRICS["classification"]) == [*CLASS_METRICS]
    assert list(METRICS["regression"]) == [*NUMBER_METRICS, CROSSINGS]
    headings = [unit.heading for units in (*METRICS.values(), UNITS) for unit in units.values()]
    assert len(set(headings)) == len(headings) - 1  # both tasks have a negative log-likelihood
    below = unit_of("regression", "coverage").of(pd.Series([0.8, 1.0]))
    assert below.tolist() == pytest.approx([0.1, 0.1])
    assert unit_of("regression", "nll").of(pd.Series([-2.0]))[0] == -2


def test_the_metrics_of_a_table_are_those_of_its_columns():
    columns = ["final_test_error", "final_test_nll", "final_test_recall_b", "final_test_recall_a", "final_test_mae"]
    assert task_metrics("classification", columns) == ["nll", "recall_a", "recall_b"]
    assert task_metrics("regression", columns) == ["mae", "nll"]


def test_an_unknown_metric_is_refused_with_the_nearest_one():
    for _, metric in ALL:
        check_metric(metric, ["recall_a"])
    check_metric("recall_of_a_class_that_is_not_known_yet")
    with pytest.raises(ConfigError, match="metric=brierr: did you mean 'brier'"):
        check_metric("brierr")
    with pytest.raises(ConfigError, match="metric=recall_b: did you mean 'recall_a'"):
        check_metric("recall_b", ["recall_a"])


def test_a_metric_is_lowest_in_its_unit_where_the_guide_prints_its_best():
    """docs/metrics.md prints the best end of each metric's range in bold."""
    guide = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    best = dict(re.findall(r"^\| `(\w+)` \|.*?\*\*([\d.]+)\*\*.*\|$", guide, re.MULTILINE))
    best["recall_wine"] = best.pop("recall_CLASS")
    names = {(task, metric) for task, metrics in METRICS.items() for metric in metrics if metric in best}
    assert len(names) >= len(best) - 2
    values = pd.Series([0.0, 0.3, 0.9, 1.0])
    for task, metric in {*names, ("classification", "recall_wine")}:
        assert values[unit_of(task, metric).of(values).idxmin()] == float(best[metric]), metric
