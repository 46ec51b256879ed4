"""The learning curves that the page's script draws."""

import pytest

from experiments.report.curves import charts
from tests.experiments.report.examples import study


def test_an_activation_has_one_dash_on_all_data_sets(report):
    first, second = report.charts
    assert [line["dash"] for line in first["lines"]] == [line["dash"] for line in second["lines"]]


def test_a_curve_is_in_the_unit_of_its_quantity():
    tables = study(datasets=("digits",))
    (chart,) = charts(tables)
    assert chart["quantities"]["test_error"] == "test error (%)"
    assert chart["quantities"]["train_loss"] == "training loss"
    last = tables.history[(tables.history["activation"] == "relu") & (tables.history["epoch"] == 5)]
    (relu,) = [line["curves"] for line in chart["lines"] if line["name"] == "relu"]
    assert relu["test_error"]["mean"][-1] == pytest.approx(100 * last["test_error"].mean(), rel=1e-3)
    assert relu["train_loss"]["mean"][-1] == pytest.approx(last["train_loss"].mean(), rel=1e-3)
    assert len(relu["test_error"]["half"]) == 6


def test_an_interval_ends_at_the_largest_error():
    (chart,) = charts(study(datasets=("digits",)))
    assert set(chart["ceilings"]) == {"test_error", "validation_error", "train_error"}
    assert set(chart["ceilings"].values()) == {100}


def test_a_quantity_that_was_not_recorded_has_no_curve():
    tables = study(datasets=("digits",))
    tables.history["gradient_norm"] = float("nan")
    (chart,) = charts(tables)
    assert all("gradient_norm" not in line["curves"] for line in chart["lines"])


def test_a_line_names_the_rate_that_was_chosen():
    (chart,) = charts(study(("relu",), ("digits",), rates=(0.1, 0.3)))
    assert [line["name"] for line in chart["lines"]] == ["relu, rate 0.1 of 0.1 to 0.3, lowest"]
