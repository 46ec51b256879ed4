"""The small tables of claims: tuned rates, final errors, and the hidden layers' rows."""

import math

import pytest

from experiments.claims.tables import final_errors, layers_after, layers_before, layers_during, marked, tuned
from experiments.store.reading import StudyTables
from tests.experiments.claims.constructed import frame

NAMES = (
    "run lr seed status final_validation_error final_validation_loss best_validation_error best_validation_loss "
    "final_test_error best_test_error"
)


def replicas(rows):
    """Return replicas with these columns, and the settings that the tables read."""
    return frame(NAMES, rows).assign(**{"init.name": "he_normal", "split.test": 0.2, "split.validation": 0.15})


def test_the_tuned_rate_is_chosen_by_these_replicas_and_never_one_that_diverged():
    rows = [("a", 0.1, 1, "done", *[0.5] * 6), ("a", 0.3, 1, "done", *[0.1] * 6), ("a", 0.1, 2, "done", *[0.5] * 6)]
    rows.append(("a", 0.3, 2, "diverged", *[math.nan] * 6))
    table = marked(replicas(rows), "error")
    assert set(tuned(table)["lr"]) == {0.1}
    assert set(table["grid"]) == {"0.1 0.3"}
    assert set(tuned(marked(replicas(rows)[:2], "error"))["lr"]) == {0.3}


def test_the_grid_holds_the_rates_that_took_part_in_the_choice():
    rows = [("a", rate, seed, "done", *[0.5] * 6) for rate, seed in ((0.1, 9), (0.3, 9), (0.1, 1), (1.0, 1))]
    table = marked(replicas(rows).assign(purpose=["tuning", "tuning", "report", "report"]), "error")
    assert set(table["grid"]) == {"0.1 0.3"}


def test_each_rule_selects_its_own_rate_and_the_best_epochs_rule_its_own_test_error():
    # final validation error and loss, those of the best epoch, final and best test error
    rows = [
        ("a", 0.1, 1, "done", 0.2, 0.9, 0.1, 0.5, 0.21, 0.11),
        ("a", 0.3, 1, "done", 0.1, 1.0, 0.1, 0.6, 0.12, 0.13),
    ]
    rows.append(("a", 1.0, 1, "done", 0.3, 0.8, 0.2, 0.7, 0.31, 0.32))
    chosen = {rule: tuned(marked(replicas(rows), rule)) for rule in ("error", "loss", "best_epoch_error")}
    assert {rule: table["lr"].item() for rule, table in chosen.items()} == {
        "error": 0.3,
        "loss": 1.0,
        "best_epoch_error": 0.1,
    }
    assert [table["test_error"].item() for table in chosen.values()] == [0.12, 0.31, 0.11]


def test_the_error_of_a_diverged_replica_is_infinite_and_its_row_has_the_facts():
    rows = [("a", 0.1, 1, "done", *[0.5] * 6), ("a", 0.1, 2, "diverged", *[math.nan] * 6)]
    table = final_errors(marked(replicas(rows), "error").assign(output="softmax_ce"), "output")
    assert table["test_error"].tolist() == [0.5, math.inf]
    assert set(table["grid"]) == {"0.1"}
    assert table["test_to_train"].tolist() == [pytest.approx(0.2 / (0.8 * 0.85))] * 2


def test_rows_of_hidden_layers_are_those_before_during_or_after_training():
    rows = [("a", 0.1, 1, epoch, layer, 0.5) for epoch in range(3) for layer in (1, 2)]
    rows += [("a", 0.1, 2, epoch, 1, 0.5) for epoch in range(2)] + [("a", 0.1, 1, 2, 3, math.nan)]
    layers = frame("run lr seed epoch layer activation_mean", rows)
    tables = StudyTables(layers, layers, layers)
    assert layers_before(tables)["epoch"].tolist() == [0, 0, 0]
    assert layers_after(tables)[["seed", "epoch"]].to_numpy().tolist() == [[1, 2], [1, 2], [2, 1]]
    assert set(layers_during(tables)["epoch"]) == {1, 2}
