"""A study's stored tables as a report shows them."""

import pandas as pd
import pytest

from experiments.config.errors import ConfigError
from experiments.report import stored
from experiments.report.stored import shown_tables
from tests.experiments.report.examples import study


@pytest.fixture
def replicas(monkeypatch):
    """The table of a study with two rates: rate 0.3 has the lower loss, and rate 0.1 the lower error."""
    tables = study(("relu", "elu"), ("digits",), rates=(0.1, 0.3))
    tables = tables._replace(layers=tables.history[:0])
    replicas = tables.replicas.assign(status="done", best_test_error=0.5, task_id="t1", purpose="report")
    low = replicas["lr"] == 0.1
    columns = {f"{when}_validation_error": (~low) / 10.0 for when in ("final", "best")}
    columns |= {f"{when}_validation_loss": low / 10.0 for when in ("final", "best")}
    replicas = replicas.assign(**columns)
    monkeypatch.setattr(stored, "load_all_tables", lambda study, results: tables._replace(replicas=replicas))
    return replicas


def test_a_rule_chooses_the_rates_that_are_shown(replicas):
    for rule, rate in {"error": 0.1, "loss": 0.3, "best_epoch_error": 0.1}.items():
        shown = shown_tables("mine", "results", rule).tables.replicas
        assert set(shown.loc[shown["selected"], "lr"]) == {rate}


def test_the_error_of_the_best_epoch_is_named(replicas):
    shown = shown_tables("mine", "results", "best_epoch_error").tables.replicas
    assert set(shown["final_test_error"]) == {0.5}
    assert set(shown["select"]) == {"best_epoch_error"}
    pd.testing.assert_series_equal(
        shown_tables("mine", "results", "loss").tables.replicas["final_test_error"], replicas["final_test_error"]
    )


def test_data_sets_of_one_name_are_shown_under_two(replicas):
    replicas["task_id"] = replicas["activation"].map({"relu": "t1", "elu": "t2"})
    replicas.insert(6, "dataset.noise", replicas["activation"].map({"relu": 0.1, "elu": 0.4}))
    tables, notes = shown_tables("mine", "results", "error")
    assert not notes
    assert (
        set(tables.replicas["dataset"]) == set(tables.history["dataset"]) == {"digits, noise=0.1", "digits, noise=0.4"}
    )


def test_a_study_without_a_reported_seed_at_the_chosen_rate_is_one_line(replicas):
    replicas["purpose"] = "tuning"
    with pytest.raises(ConfigError, match="'mine' has no network with a reported seed"):
        shown_tables("mine", "results", "error")
