"""The small tables of claims: tuned rates, final errors, and the hidden layers' rows."""

import math

from experiments.claims.tables import final_errors, layers_after, layers_before, layers_during, tuned
from experiments.store.reading import StudyTables
from tests.experiments.claims.constructed import frame


def test_the_tuned_rate_is_chosen_by_these_replicas_and_never_one_that_diverged():
    rows = [("a", 0.1, 1, "done", 0.5), ("a", 0.3, 1, "done", 0.1), ("a", 0.1, 2, "done", 0.5)]
    rows.append(("a", 0.3, 2, "diverged", math.nan))
    replicas = frame("run lr seed status final_validation_loss", rows)
    assert set(tuned(replicas)["lr"]) == {0.1}
    assert set(tuned(replicas[replicas["seed"] == 1])["lr"]) == {0.3}


def test_the_error_of_a_diverged_replica_is_infinite():
    replicas = frame("output seed status final_test_error", [("a", 1, "done", 0.5), ("a", 2, "diverged", math.nan)])
    assert final_errors(replicas, "output")["test_error"].tolist() == [0.5, math.inf]


def test_rows_of_hidden_layers_are_those_before_during_or_after_training():
    rows = [("a", 0.1, 1, epoch, layer, 0.5) for epoch in range(3) for layer in (1, 2)]
    rows += [("a", 0.1, 2, epoch, 1, 0.5) for epoch in range(2)] + [("a", 0.1, 1, 2, 3, math.nan)]
    layers = frame("run lr seed epoch layer activation_mean", rows)
    tables = StudyTables(layers, layers, layers)
    assert layers_before(tables)["epoch"].tolist() == [0, 0, 0]
    assert layers_after(tables)[["seed", "epoch"]].to_numpy().tolist() == [[1, 2], [1, 2], [2, 1]]
    assert set(layers_during(tables)["epoch"]) == {1, 2}
