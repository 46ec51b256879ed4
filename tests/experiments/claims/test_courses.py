"""The epoch at which a loss falls to a level, and courses that end early."""

import math

import pandas as pd
import pytest

from experiments.claims.courses import course, crossing, crossings, unreached
from experiments.store.reading import StudyTables
from tests.experiments.claims.constructed import frame


def test_a_crossing_is_log_linear_between_epochs_and_censored_at_the_last():
    assert crossing(pd.Series([1.0, 0.1, 0.05])) == 1
    assert crossing(pd.Series([10.0, 1.0, 0.01])) == pytest.approx(1.5)
    assert crossing(pd.Series([0.05, 1.0])) == 0
    assert crossing(pd.Series([1.0, 0.5, 0.2])) == 2
    assert crossing(pd.Series([1.0, math.inf, math.nan])) == 2


def test_a_replica_that_diverged_has_rows_for_all_epochs_and_crosses_at_the_last():
    names = "run activation lr seed epoch train_loss test_error"
    rows = [("a", "relu", 0.1, seed, epoch, 1 / 10**epoch, 0.5) for seed in (1, 2) for epoch in range(3)]
    history = frame(names, rows[:5])  # without the last epoch of seed 2
    replicas = frame("run lr seed grid init", [("a", 0.1, 1, "0.1 1", "b"), ("a", 0.1, 2, "0.1 1", "b")])
    table = course(StudyTables(history, history, replicas), replicas)
    assert list(table["epoch"]) == [0, 1, 2, 0, 1, 2]
    assert table["train_loss"].isna().tolist() == [False] * 5 + [True]
    assert crossings(table)["relu"].to_dict() == {1: 1, 2: 1}
    late = table.assign(train_loss=table["train_loss"].where(table["epoch"] == 0, math.nan))
    assert crossings(late)["relu"].to_dict() == {1: 2, 2: 2}
    assert set(table["grid"]) == {"0.1 1"}
    assert [unreached(part, 0.01)["relu"] for part in (table, late)] == [1, 2]


def test_a_crossing_is_that_of_any_level():
    losses = pd.Series([1.0, 0.1, 0.01])
    assert [crossing(losses, level) for level in (1.0, 0.1, 0.01, 0.001)] == [0, 1, 2, 2]
    assert crossing(losses, 10**-1.5) == pytest.approx(1.5)
