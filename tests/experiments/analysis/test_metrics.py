"""Warnings on metrics: other winners, bad calibration, infinite values; silence where there is nothing to say."""

import numpy as np
import pandas as pd
import pytest

from experiments.analysis.answer import findings
from experiments.analysis.comparison import leaderboard
from experiments.analysis.metrics import MISCALIBRATED, RIVALS, disagreements
from experiments.analysis.units import ERROR, RECORDED, unit_of


def measured(replicas, metric, **values):
    """Return replicas with a metric of the test part: a value for each activation, and small differences by seed."""
    seeds = replicas["seed"]
    level = replicas["activation"].map(values) + 0.001 * ((seeds * 7 + replicas["activation"].str.len()) % 3)
    return replicas.assign(**{f"final_test_{metric}": level})


@pytest.fixture
def replicas(study):
    """Two conditions: relu has the lower error."""
    return study({}, {"activation": "elu", "error": 0.08}, seeds=6)


@pytest.mark.parametrize(("task", "metric"), [(task, name) for task, names in RIVALS.items() for name in names[1:]])
def test_a_metric_with_another_winner_is_told(replicas, task, metric):
    best = unit_of(task, metric).best
    low, high = (0.2, 0.3) if best is None else (best - 0.2, best - 0.3)
    rows = measured(replicas.assign(task=task), metric, relu=high, elu=low)
    (warning,) = [text for text in findings(rows).warnings if "disagree" in text]
    names = unit_of(task).name, unit_of(task, metric).name
    assert f"relu has the lowest {names[0]}, but elu has the lowest {names[1]} (paired t" in warning
    same = measured(replicas.assign(task=task), metric, relu=low, elu=high)
    assert not [text for text in findings(same).warnings if "disagree" in text]


def test_a_lead_that_is_not_told_apart_is_not_told(replicas):
    rows = measured(replicas, "nll", relu=0.3, elu=0.2)
    noise = np.where(rows["seed"] % 2, 0.5, -0.5) * (rows["activation"] == "elu")
    assert not [text for text in findings(rows.assign(final_test_nll=rows["final_test_nll"] + noise)).warnings
                if "disagree" in text]  # fmt: skip


def test_many_conditions_are_compared_as_one_family(study):
    """By its own p the best of equal conditions is often told from another one: Holm allows for the choice."""
    tasks = [f"task{number}" for number in range(40)]
    rows = study(*({"dataset": task, "activation": f"a{number}"} for task in tasks for number in range(12)), seeds=6)
    generator = np.random.default_rng(1)
    for metric in ("nll", "brier", "auc", "f1"):
        rows[f"final_test_{metric}"] = generator.normal(0.5, 0.1, len(rows))
    board = leaderboard(rows)
    assert len(disagreements(board.assign(name=board["label"]), rows)) <= 4


def test_where_another_metric_ranks_the_error_is_a_rival(replicas):
    rows = measured(replicas, "nll", relu=0.3, elu=0.2)
    shown = rows.assign(
        **{RECORDED: rows["final_test_error"], "final_test_error": rows["final_test_nll"]}, metric="nll"
    )
    result = findings(shown)
    assert result.board["activation"].tolist() == ["elu", "relu"]
    assert "elu has the lowest mean test negative log-likelihood on digits" in result.sentences[0]
    (warning,) = [text for text in result.warnings if "disagree" in text]
    assert "elu has the lowest negative log-likelihood, but relu has the lowest error (" in warning


def counts(replicas, rows):
    """Return the confusion of networks on so many rows."""
    one = replicas[["run", "lr", "seed"]]
    half = rows // 2
    return pd.concat([one.assign(true=name, predicted=name, count=half) for name in "ab"])


@pytest.mark.parametrize(
    ("value", "rows", "is_told"),
    [
        (MISCALIBRATED + 0.04, 1000, True),
        (MISCALIBRATED - 0.01, 1000, False),  # it is too small to matter
        (MISCALIBRATED + 0.04, 50, False),  # chance gives so much
    ],
)
def test_bad_calibration_is_told_where_it_is_more_than_chance(replicas, value, rows, is_told):
    shown = measured(replicas, "ece_width", relu=value, elu=0.0)
    warnings = [text for text in findings(shown, confusion=counts(replicas, rows)).warnings if "confidences" in text]
    assert len(warnings) == is_told
    if is_told:
        assert "the confidences of relu, which ranks first, are 9.1 points from" in warnings[0]
        # sqrt(2 · 15 · e (1 − e) / (π n))
        error = replicas.loc[replicas["activation"] == "relu", "final_test_error"].mean()
        assert f"at most {100 * np.sqrt(30 * error * (1 - error) / np.pi / rows):.1f}." in warnings[0]


def test_chance_gives_calibrated_networks_less_than_the_bound():
    from experiments.training.metrics import ece_width

    generator = np.random.default_rng(0)
    for low in (0.5, 0.9):
        confidence = generator.uniform(low, 1, (200, 400))
        correct = generator.random((200, 400)) < confidence
        error = 1 - correct.mean()
        assert ece_width(confidence, correct).mean() < np.sqrt(30 * error * (1 - error) / np.pi / 400)


def test_infinite_values_rank_last_and_are_told(replicas):
    values = np.where((replicas["activation"] == "relu") & (replicas["seed"] < 2), np.inf, 0.5 + replicas["seed"] / 9)
    shown = replicas.assign(**{RECORDED: replicas["final_test_error"]}, final_test_error=values, metric="nll")
    result = findings(shown)
    assert result.board["activation"].tolist() == ["elu", "relu"]
    assert result.board["rank"].tolist() == [1, 2]
    (warning,) = [text for text in result.warnings if "infinite" in text]
    assert warning.startswith("On digits some networks give the class of a test row the probability 0")
    assert warning.endswith("relu 2 of 6.")
    assert "None of the 12 networks diverged." in result.sentences[2]
    all_infinite = findings(shown.assign(final_test_error=np.inf))
    assert all_infinite.sentences[0] == "On digits every replica gave no finite value."


def test_a_study_without_metrics_has_no_word_on_them(replicas):
    assert findings(replicas, confusion=counts(replicas, 100)).warnings == []


def test_a_margin_of_a_metric_is_in_its_unit(replicas):
    shown = replicas.assign(**{RECORDED: replicas["final_test_error"]}, metric="nll")
    assert "No margin was given for the negative log-likelihood" in findings(shown).margin
    assert findings(shown, margin=0.2).margin == "The margin is 0.2 nats."
    assert set(findings(shown, margin=0.2).board["verdict"]) >= {"reference"}
    assert unit_of("classification", ERROR).word == "error"
