"""Tests of experiments.figures.metrics: means, distances from the best, and rank correlations with the error."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from experiments.analysis.units import RECORDED
from experiments.figures.metrics import matrix_of
from experiments.tables import CLASS_METRICS, NUMBER_METRICS
from tests.experiments.figures.studies import assert_nothing_overlaps, drawings, fake_study, of


def replicas_of(task, conditions=7, seeds=4):
    rng = np.random.default_rng(conditions)
    names = ("error", *(CLASS_METRICS if task == "classification" else NUMBER_METRICS))
    frame = pd.DataFrame({f"final_test_{name}": rng.uniform(0.5, 1, conditions * seeds) for name in names})
    return frame.assign(run=np.repeat([f"r{index}" for index in range(conditions)], seeds), task=task)


ORIENTED = {"auc": np.negative, "f1": np.negative, "r2": np.negative, "coverage": lambda share: (share - 0.9).abs()}


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_rank_correlations_are_scipys_of_what_is_worse(task):
    done = replicas_of(task)
    matrix = matrix_of(done, sorted(done["run"].unique()))
    means = done.groupby("run").mean(numeric_only=True)
    for name in matrix.means:
        seeds = ORIENTED.get(name, pd.Series)(done[f"final_test_{name}"]).groupby(done["run"])
        worse, deviation = seeds.mean(), seeds.std().median()
        np.testing.assert_array_equal(matrix.means[name], means[f"final_test_{name}"])
        assert matrix.agreement[name] == pytest.approx(spearmanr(means["final_test_error"], worse).statistic)
        assert matrix.distances[name].idxmin() == worse.idxmin()
        np.testing.assert_allclose(matrix.distances[name], (worse - worse.min()) / deviation, atol=1e-9)


def test_the_coverage_of_each_seed_has_its_distance_before_the_mean():
    done = pd.DataFrame({"run": list("aabb"), "final_test_coverage": [0.8, 1.0, 0.87, 0.88], "task": "regression"})
    done["final_test_error"] = [1.0, 1.1, 1.0, 1.2]
    matrix = matrix_of(done, ["a", "b"])
    assert matrix.best["coverage"].tolist() == [False, True]  # as `metric=coverage` ranks them
    assert matrix.distances["coverage"]["a"] > 0 == matrix.distances["coverage"]["b"]
    np.testing.assert_allclose(matrix.means["coverage"], [0.9, 0.875])


def test_infinite_and_equal_metrics_have_an_order_or_none():
    done = replicas_of("classification", 3)
    done.loc[done["run"] == "r1", "final_test_nll"] = np.inf
    done["final_test_auc"] = 1.0
    matrix = matrix_of(done, ["r0", "r1", "r2"])
    assert matrix.distances.loc["r1", "nll"] == np.inf
    assert matrix.distances["nll"].min() == 0
    assert (matrix.distances["auc"] == 0).all()  # all are the best
    assert np.isnan(matrix.agreement["auc"])


def note_of(drawn):
    return drawn.get_supxlabel()


@pytest.mark.parametrize(("conditions", "words"), [(2, "no ρ: it needs 3 conditions"), (3, "in 33 % of cases")])
def test_a_correlation_of_few_conditions_is_said_to_be_chance(conditions, words):
    tables = fake_study(activations=("relu", "elu", "tanh", "selu", "celu")[:conditions], diverged=0)
    (drawn,) = drawings("metrics", tables).values()
    assert words in note_of(drawn)
    assert_nothing_overlaps(drawn)


def test_a_correlation_of_five_conditions_is_not_excused():
    tables = fake_study(activations=("relu", "elu", "tanh", "selu", "celu"), diverged=0)
    (drawn,) = drawings("metrics", tables).values()
    assert "chance" not in note_of(drawn)


def test_the_best_of_each_column_is_framed_and_the_worst_is_dark():
    drawn = of("metrics", "three")["metrics"]
    ax = drawn.axes[0]
    texts = {(text.get_position()[0], text.get_position()[1]): text.get_text() for text in ax.texts}
    image = ax.images[0].get_array()
    framed = {(round(frame.get_x() + 0.46), round(frame.get_y() + 0.44)) for frame in ax.patches}
    for column in range(len(ax.get_xticks())):
        best = texts[column, int(np.flatnonzero(image[:, column] == 0)[0])]
        equal = {(column, row) for row in range(len(image)) if texts[column, row] == best}
        assert {cell for cell in framed if cell[0] == column} == equal
    assert "* without the replicas that diverged" in note_of(drawn)


def test_cells_say_what_is_not_known():
    drawn = of("metrics", "pairings")["metrics"]
    texts = [text.get_text() for text in drawn.axes[0].texts]
    assert texts.count("–") == 4  # those of probabilities, for linear_hinge
    assert "no ρ of nll, brier, ece_width, ece_mass: it needs 3 conditions" in note_of(drawn)
    assert "–: the output has no such metric" in note_of(drawn)


def test_what_is_missing_is_said():
    tables = fake_study()
    old = tables.replicas[[column for column in tables.replicas if column not in measured(tables)]]
    (reason,) = drawings("metrics", tables._replace(replicas=old)).values()
    assert (str(reason), reason.add) == ("an earlier version recorded no metrics", "force=true")
    (reason,) = drawings("metrics", fake_study(activations=("relu",), diverged=0)).values()
    assert (str(reason), reason.add) == ("there is only one condition", "activation=relu,tanh")
    (reason,) = drawings("metrics", fake_study(seeds=1, diverged=0)).values()
    assert (str(reason), reason.add) == ("one seed has no standard deviation", "seeds=5")


def test_networks_without_metrics_are_left_out_of_every_mean():
    tables = fake_study(diverged=0)
    replicas = tables.replicas.copy()
    replicas.loc[replicas["seed"] == 0, measured(tables)] = np.nan
    (drawn,) = drawings("metrics", tables._replace(replicas=replicas)).values()
    assert "means over 2 seeds" in note_of(drawn)
    assert "without the networks of which an earlier version recorded no metrics" in note_of(drawn)
    run = replicas["run"].iloc[0]
    texts = {text.get_text() for text in drawn.axes[0].texts}
    rows = replicas[(replicas["run"] == run) & (replicas["seed"] > 0)]
    assert f"{100 * rows['final_test_error'].mean():.3g}" in texts
    replicas.loc[replicas["seed"] < 2, measured(tables)] = np.nan
    (reason,) = drawings("metrics", tables._replace(replicas=replicas)).values()
    assert (str(reason), reason.add) == ("an earlier version recorded no metrics of the other networks", "force=true")


def measured(tables):
    return [column for column in tables.replicas if column.startswith("final_test_") and column != "final_test_error"]


def test_errors_of_another_epoch_than_the_metrics_are_said_to_be_so():
    tables = fake_study(diverged=0)
    tables = tables._replace(replicas=tables.replicas.assign(select="best_epoch_error"))
    (drawn,) = drawings("metrics", tables).values()
    assert "the error is that of the best epoch" in note_of(drawn)


def ranked_by(tables, metric, values):
    """Return a study that is ranked by a metric with these values, of which lower is better."""
    replicas = tables.replicas
    moved = {RECORDED: replicas["final_test_error"], "final_test_error": values, "metric": metric}
    return tables._replace(replicas=replicas.assign(**moved))


def test_a_metric_that_ranks_orders_the_conditions_and_has_the_correlations():
    study = fake_study(activations=("relu", "elu", "tanh", "selu", "celu"), diverged=0)
    recall = study.replicas["activation"].map(len) / 10 + 0.01 * study.replicas["seed"]
    study = study._replace(replicas=study.replicas.assign(final_test_recall_yes=recall))
    (drawn,) = drawings("metrics", ranked_by(study, "recall_yes", 1 - recall)).values()
    (ax, _) = drawn.axes
    heads = [label.get_text() for label in ax.get_xticklabels()]
    assert (heads[0], heads[-1]) == ("error (%) ↓", "recall_yes ↑")
    rows = [label.get_text() for label in ax.get_yticklabels()]
    assert rows[-1] == "ρ with recall_yes"
    assert [len(name) for name in rows[:-1]] == sorted(map(len, rows[:-1]), reverse=True)
    shown = {text.get_position()[0] for text in ax.texts if text.get_position()[1] > len(rows) - 1}
    assert shown == set(range(len(heads) - 1))
    assert "ranked by recall_yes; conditions without it are left out" in note_of(drawn)
    errors = study.replicas.groupby("activation")["final_test_error"].mean()
    assert {text.get_text() for text in ax.texts if text.get_position()[0] == 0} >= {f"{100 * e:.3g}" for e in errors}


def test_the_only_condition_with_a_metric_is_said_to_be_so():
    study = fake_study(("relu",), ("quantile",), task="regression", diverged=0)
    (reason,) = drawings("metrics", ranked_by(study, "crossings", 0.1)).values()
    assert str(reason) == "only one condition has the metric crossings"
    assert reason.add == "activation=relu,tanh output=quantile"


def test_correlations_say_how_many_conditions_they_rest_on():
    outputs = ("softmax_ce", "linear_hinge")
    (drawn,) = drawings("metrics", fake_study(("relu", "elu", "tanh", "selu", "celu"), outputs, diverged=0)).values()
    assert "rests on 5 of 10 conditions" in note_of(drawn)
    assert "-" not in "".join(text.get_text() for text in drawn.axes[0].texts)  # one minus sign
