"""Warnings on metrics: other winners, bad calibration, infinite values; silence where there is nothing to say."""

import numpy as np
import pandas as pd
import pytest

from experiments.analysis.answer import findings
from experiments.analysis.calibration import calibration_errors
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
    assert f"relu ranks first by {names[0]}, but elu ranks first by {names[1]} (paired t" in warning
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
    assert "elu has the lowest mean test negative log-likelihood at the only rate on digits" in result.sentences[0]
    (warning,) = [text for text in result.warnings if "disagree" in text]
    assert "elu ranks first by negative log-likelihood, but relu ranks first by error (" in warning


def test_who_ranks_first_need_not_have_the_lowest_mean(study):
    """A condition with a diverged network ranks after those without, whatever its mean is."""
    rows = study({}, {"activation": "elu", "error": 0.08}, {"activation": "tanh", "error": 0.01, "lost": 1}, seeds=6)
    rows = measured(rows, "nll", relu=0.3, elu=0.2, tanh=0.1)
    (warning,) = [text for text in findings(rows).warnings if "disagree" in text]
    assert "relu ranks first by error, but elu ranks first by negative log-likelihood (" in warning
    assert "lowest" not in warning


def bins(replicas, gap, rows, spread):
    """Return the table `reliability`: in `spread` bins the confidence 0.6 is `gap` above the share of right rows.

    The gaps of the seeds differ a little, so their mean has an interval.
    """
    one = replicas[["run", "lr", "seed"]]
    shares = 0.6 - gap - 0.001 * (one["seed"] % 3)
    empty = {"bin": 14, "count": 0, "confidence": np.nan, "accuracy": np.nan}
    parts = [one.assign(bin=m, count=rows // spread, confidence=0.6, accuracy=shares) for m in range(spread)]
    return pd.concat([*parts, one.assign(**empty)], ignore_index=True)


@pytest.mark.parametrize(
    ("gap", "rows", "spread", "is_told"),
    [
        (MISCALIBRATED + 0.04, 1000, 1, True),
        (MISCALIBRATED - 0.01, 1000, 1, False),  # it is too small to matter
        (MISCALIBRATED + 0.04, 100, 1, False),  # the bins would decide
        (MISCALIBRATED + 0.03, 280, 14, False),  # chance gives 8.6 points in small bins
        (MISCALIBRATED + 0.04, 2800, 14, True),
    ],
)
def test_bad_calibration_is_told_where_it_is_more_than_chance(replicas, gap, rows, spread, is_told):
    table = bins(replicas, gap, rows, spread)
    warnings = [text for text in findings(replicas, reliability=table).warnings if "confidences" in text]
    assert len(warnings) == is_told
    if is_told:
        chance = calibration_errors(table)["chance"].iloc[0]
        assert "relu, which ranks first, is badly calibrated. Its confidences differ" in warnings[0]
        assert "by 9.1 points (ece_width, 95 % interval 9.0 to 9.2 points)" in warnings[0]
        assert warnings[0].endswith(f"gives a calibrated network {100 * chance:.1f} points on average.")


def test_calibration_of_diverged_networks_and_of_two_seeds_is_not_judged(study):
    rows = study({"lost": 2}, seeds=4)
    assert findings(rows, reliability=bins(rows, 0.2, 1000, 1)).warnings == []


def test_infinite_values_rank_last_and_are_told(replicas):
    values = np.where((replicas["activation"] == "relu") & (replicas["seed"] < 2), np.inf, 0.5 + replicas["seed"] / 9)
    shown = replicas.assign(**{RECORDED: replicas["final_test_error"]}, final_test_error=values, metric="nll")
    result = findings(shown)
    assert result.board["activation"].tolist() == ["elu", "relu"]
    assert result.board["rank"].tolist() == [1, 2]
    (warning,) = [text for text in result.warnings if "infinite" in text]
    assert warning.startswith("On digits some networks give the class of a test row the probability 0")
    assert warning.endswith("relu 2 of 6.")
    assert "None of the 12 networks in this ranking diverged." in result.sentences[2]
    all_infinite = findings(shown.assign(final_test_error=np.inf))
    assert all_infinite.sentences[0] == "On digits every replica gave no finite value."


def test_a_study_without_metrics_has_no_word_on_them(replicas):
    assert findings(replicas).warnings == []


def test_a_margin_of_a_metric_is_in_its_unit(replicas):
    shown = replicas.assign(**{RECORDED: replicas["final_test_error"]}, metric="nll")
    assert "No margin was given for the negative log-likelihood" in findings(shown).margin
    assert findings(shown, margin=0.2).margin == "The margin is 0.2 nats."
    assert set(findings(shown, margin=0.2).board["verdict"]) >= {"reference"}
    assert unit_of("classification", ERROR).word == "error"
