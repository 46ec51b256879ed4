"""metric=NAME: what the tables then show, what is left out and why, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from experiments.analysis.units import METRICS, RECORDED, unit_of
from experiments.config.errors import ConfigError
from experiments.report import stored
from experiments.report.__main__ import main
from experiments.report.content import gather
from experiments.report.metrics import by_metric
from experiments.report.page import html
from experiments.report.text import markdown
from experiments.tables import selected
from tests.experiments.report.examples import records, study

ALL = [(task, metric) for task, metrics in METRICS.items() for metric in metrics] + [("classification", "recall_a")]


def measured(task="classification", rates=(0.1, 0.3), **keywords):
    """Return a study in which every metric is worse at the first rate, whose validation error is lower."""
    tables = study(rates=rates, **keywords)
    rows = tables.replicas.assign(task=task, purpose="report")
    first = rows["lr"] == rates[0]
    rows["status"] = rows["status"].where(first, "done")
    rows = rows.assign(final_validation_error=0.1 + 0.1 * ~first, final_validation_loss=0.1)
    distance = 0.1 + 0.2 * first + 0.01 * rows["seed"] + 0.02 * rows["run"].str[-1].astype(int)
    for metric in [*METRICS[task], *(["recall_a"] if task == "classification" else [])]:
        best = unit_of(task, metric).best
        value = distance if best is None else best - distance
        for part in ("validation", "test"):
            rows[f"final_{part}_{metric}"] = value.where(rows["status"] == "done")
    return tables._replace(replicas=rows, baselines=None, layers=tables.history[:0])


def content(tables, metric, margin=None):
    """Return the content of the report that ranks by a metric."""
    shown, notes = by_metric(tables, metric, "mine", None)
    shown = shown._replace(replicas=shown.replicas.assign(selected=selected(shown.replicas), select="error"))
    return gather("mine", shown, records(shown), notes=notes, margin=margin)


@pytest.mark.parametrize(("task", "metric"), ALL)
def test_every_metric_takes_the_place_of_the_error(task, metric):
    tables = measured(task)
    before = tables.replicas.copy()
    shown, (note,) = by_metric(tables, metric, "mine", None)
    pd.testing.assert_frame_equal(tables.replicas, before)
    unit, rows = unit_of(task, metric), shown.replicas
    done = rows["status"] == "done"
    for part in ("validation", "test"):
        expected = unit.of(rows[f"final_{part}_{metric}"])[done]
        np.testing.assert_array_equal(rows.loc[done, f"final_{part}_error"], expected)
    np.testing.assert_array_equal(rows[RECORDED], tables.replicas["final_test_error"])
    validation = tables.replicas["final_validation_error"]
    np.testing.assert_array_equal(rows["recorded_final_validation_error"], validation)
    assert len(rows) == len(tables.replicas)  # a diverged replica is a result
    assert f"by {unit.the} on test rows (metric={metric}); lower is better" in note
    # Validation errors would choose the other rate.
    assert set(rows.loc[selected(rows), "lr"]) == {0.3}
    assert set(before.loc[selected(before) & (before["activation"] != "tanh"), "lr"]) == {0.1}


@pytest.mark.parametrize(("task", "metric"), ALL)
def test_a_report_names_the_metric_wherever_it_would_say_error(task, metric):
    facts, unit = content(measured(task), metric), unit_of(task, metric)
    assert f"the lowest mean test {unit.word} at the rate that validation chose on digits" in facts.sentences[0]
    assert facts.leaderboard.headings["test error"] == f"test {unit.heading}"
    assert f"has the lowest mean final validation {unit.word}." in facts.choice
    assert facts.curves_note.startswith("Curves show errors and losses")
    page, text = html(facts), markdown(facts)
    head = page[: page.index('id="curves-part"')]
    assert f"by mean test {unit.word}." in head.replace("&#39;", "'")
    for words in ("mean test error", "lower error", "test error of", "largest possible error", "validation error"):
        assert words not in head, words
    assert "NaN" not in head
    assert "nan" not in text.split("## Figures")[0]
    assert facts.baselines == []


def test_the_error_is_shown_as_before():
    tables = measured()._replace(baselines=None)
    tables = tables._replace(replicas=tables.replicas.assign(selected=selected(tables.replicas)))
    facts = gather("mine", tables, records(tables))
    assert facts.leaderboard.headings["test error"] == "test error (%)"
    assert "The error of a classification is the percentage of wrong rows." in html(facts)
    assert facts.curves_note == ""


def test_conditions_without_the_metric_are_left_out_and_named():
    tables = measured()
    rows = tables.replicas
    without = (rows["activation"] == "elu") & (rows["dataset"] == "digits")
    blank = [name for name in rows if name.endswith(("_nll", "_brier", "_ece_width", "_ece_mass"))]
    rows.loc[without, blank] = np.nan
    rows.loc[without, "output"] = "linear_mse"
    shown, (_, note) = by_metric(tables, "brier", "mine", None)
    assert note == (
        "1 of 6 conditions is left out, since the output linear_mse gives no probabilities: elu (linear_mse) on digits."
    )
    assert set(tables.replicas["run"]) - set(shown.replicas["run"]) == {"run-1"}
    assert "run-1" not in set(shown.history["run"])


def test_the_conditions_left_out_are_counted_once_with_all_reasons():
    tables = measured()
    rows = tables.replicas
    blank = [name for name in rows if name.endswith(("_nll", "_brier", "_ece_width", "_ece_mass"))]
    for activation, output in (("elu", "linear_mse"), ("tanh", "linear_hinge")):
        without = (rows["activation"] == activation) & (rows["dataset"] == "digits")
        rows.loc[without, [*blank, "output"]] = [*[np.nan] * len(blank), output]
    _, (_, note) = by_metric(tables, "ece_width", "mine", None)
    assert note == (
        "2 of 6 conditions are left out, since the outputs linear_mse and linear_hinge give no probabilities: "
        "elu (linear_mse) on digits and tanh (linear_hinge) on digits."
    )
    rows.loc[(rows["activation"] == "relu") & (rows["dataset"] == "wine"), "final_test_ece_width"] = np.nan
    _, (_, note) = by_metric(tables, "ece_width", "mine", None)
    assert note == (
        "3 of 6 conditions are left out. The outputs linear_mse and linear_hinge give no probabilities: elu "
        "(linear_mse) on digits and tanh (linear_hinge) on digits. The test part has fewer than 200 rows: relu "
        "(softmax_ce) on wine."
    )


@pytest.mark.parametrize(
    ("metric", "reason"),
    [("auc", "lacks a class"), ("f1", "does not define it"), ("recall_a", "lacks this class")],
)
def test_only_what_needs_every_class_is_missing_for_a_class(metric, reason):
    tables = measured()
    tables.replicas.loc[tables.replicas["seed"] == 2, f"final_test_{metric}"] = np.nan
    assert by_metric(tables, metric, "mine", None)[1][1].endswith(f"since the test part {reason}.")


def test_conditions_of_an_earlier_version_are_counted_and_the_others_ranked():
    tables = measured()
    rows = tables.replicas
    old = rows["run"].isin(["run-0", "run-3"])
    rows.loc[old, [name for name in rows if name.startswith("final_") and not name.endswith(("error", "loss"))]] = (
        np.nan
    )
    rows.loc[old, [name for name in rows if "balanced" in name]] = np.nan
    facts = content(tables, "auc")
    (note,) = [text for text in facts.alarms if "earlier version" in text]
    assert note.startswith("2 of 6 conditions are left out, since an earlier version recorded no metrics (force=true")
    assert len(facts.leaderboard.rows) == 4


def test_seeds_whose_parts_lack_a_class_are_left_out():
    tables = measured()
    rows = tables.replicas
    rows.loc[rows["seed"] == 2, "final_test_recall_a"] = np.nan
    shown, (_, note) = by_metric(tables, "recall_a", "mine", None)
    assert note == "The networks of 6 conditions with the seed 2 are left out, since the test part lacks this class."
    assert 2 not in set(shown.replicas.loc[shown.replicas["status"] == "done", "seed"])


def test_validation_counts_only_where_it_chooses():
    tables = measured(rates=(0.1,))
    tables.replicas["final_validation_ece_width"] = np.nan
    assert len(by_metric(tables, "ece_width", "mine", None)[1]) == 1
    tables = measured()
    tables.replicas["final_validation_ece_width"] = np.nan
    with pytest.raises(ConfigError, match="since the validation part has fewer than 200 rows: relu on digits"):
        by_metric(tables, "ece_width", "mine", None)


def test_tuning_seeds_choose_by_the_metric_and_need_no_test_part():
    tables = measured()
    rows = tables.replicas.assign(purpose=np.where(tables.replicas["seed"] > 1, "tuning", "report"))
    rows.loc[rows["purpose"] == "tuning", "final_test_nll"] = np.nan
    rows.loc[rows["purpose"] == "report", "final_validation_nll"] = np.nan
    shown, notes = by_metric(tables._replace(replicas=rows), "nll", "mine", None)
    assert len(notes) == 1
    assert set(shown.replicas.loc[selected(shown.replicas), "lr"]) == {0.3}


def test_a_margin_is_in_the_unit_of_the_metric():
    assert content(measured(), "auc").margin == "No margin was given for 1 − AUC, so none is called equivalent."
    facts = content(measured(seeds=6), "nll", 5)
    assert facts.margin == "The margin is 5 nats."
    assert any("equivalent" in row.cells["verdict"].text for row in facts.comparisons.rows)


def test_infinite_values_are_in_words():
    tables = measured()
    rows = tables.replicas
    rows.loc[rows["activation"] == "relu", ["final_test_nll", "final_validation_nll"]] = np.inf
    facts = content(tables, "nll")
    last = facts.leaderboard.rows[2].cells
    assert last["condition"].text == "relu"
    assert facts.leaderboard.headings["diverged"] == "not finite"
    assert (last["diverged"].text, last["median"].text) == ("4 of 4", "not finite")
    assert any("infinite" in text for text in facts.warnings)
    assert "nan" not in markdown(facts).split("## Figures")[0]


@pytest.mark.parametrize(
    ("tasks", "metric", "message"),
    [
        (
            ["classification"],
            "r2",
            "metric=r2: a classification has none; study 'mine' has: error, balanced_error, nll",
        ),
        (["regression"], "auc", "metric=auc: a regression has none; study 'mine' has: error, mae, r2, nll, coverage"),
        (["regression"], "recall_a", "metric=recall_a: a regression has none"),
        (["classification"], "recall_b", "metric=recall_b: did you mean 'recall_a'?"),
        (
            ["classification", "regression"],
            "auc",
            r"metric=auc: a regression has none, and study 'mine' has one \(wine\); all of its tasks have: error, nll$",
        ),
    ],
)
def test_what_the_tasks_of_a_study_lack_is_refused(tasks, metric, message, tmp_path):
    tables = [measured(task, datasets=(name,)) for task, name in zip(tasks, ("digits", "wine"), strict=False)]
    rows = pd.concat([part.replicas for part in tables], ignore_index=True)
    with pytest.raises(ConfigError, match=message):
        by_metric(tables[0]._replace(replicas=rows), metric, "mine", tmp_path)


def test_a_metric_of_one_task_has_the_command_of_a_study_of_this_task(tmp_path):
    tables = [measured(task, datasets=(name,)) for task, name in (("classification", "digits"), ("regression", "wine"))]
    rows = [part.replicas.assign(run=part.replicas["run"] + task) for part, task in zip(tables, "cr", strict=True)]
    for task, words in (("c", '"dataset=digits", "activation=relu"'), ("r", '"dataset=wine", "output=quantile"')):
        path = tmp_path / f"runs/run-0{task}/environment.json"
        path.parent.mkdir(parents=True)
        path.write_text(f'{{"overrides": [{words}, "study=mine"]}}')
    with pytest.raises(ConfigError) as refusal:
        by_metric(tables[0]._replace(replicas=pd.concat(rows, ignore_index=True)), "f1", "mine", tmp_path)
    assert str(refusal.value).endswith(
        "all of its tasks have: error, nll. A classification needs a study of its own; run: python run.py -m "
        "dataset=digits activation=relu study=mine_classification"
    )


def test_the_coverage_of_counts_is_explained():
    tables = measured("regression")
    assert len(by_metric(tables, "coverage", "mine", None)[1]) == 1
    tables.replicas["output"] = "exp_poisson"
    assert "covers more than 90 % by construction" in by_metric(tables, "coverage", "mine", None)[1][1]


def test_both_tasks_have_one_report_by_what_both_have():
    tables = [measured(task, datasets=(name,)) for task, name in (("classification", "digits"), ("regression", "wine"))]
    rows = [part.replicas.assign(run=part.replicas["run"] + str(at)) for at, part in enumerate(tables)]
    history = [part.history.assign(run=part.history["run"] + str(at)) for at, part in enumerate(tables)]
    both = tables[0]._replace(
        replicas=pd.concat(rows, ignore_index=True), history=pd.concat(history, ignore_index=True)
    )
    assert content(both, "nll").leaderboard.headings["test error"] == "test negative log-likelihood (nats)"


def test_a_study_that_diverged_is_not_said_to_be_of_an_earlier_version(tmp_path):
    tables = study()
    tables.replicas["status"] = "diverged"
    with pytest.raises(ConfigError, match="has no metrics: every replica diverged"):
        by_metric(tables, "nll", "mine", tmp_path)


def test_a_study_before_metrics_is_refused_with_its_command(tmp_path):
    environment = tmp_path / "runs/run-0/environment.json"
    environment.parent.mkdir(parents=True)
    environment.write_text('{"overrides": ["dataset=digits,wine", "activation=relu,elu,tanh"]}')
    with pytest.raises(ConfigError) as refusal:
        by_metric(study(), "nll", "mine", tmp_path)
    assert str(refusal.value) == (
        "metric=nll: study 'mine' has no metrics: an earlier version made it; run: python run.py -m force=true "
        "dataset=digits,wine activation=relu,elu,tanh study=mine"
    )


def test_the_command_ranks_by_a_metric_and_stores_nothing_of_it(folder, capsys):
    stored = folder / "results/pairings/replicas.csv"
    before = stored.read_bytes()
    assert main(["study=pairings"]) == 0
    report = folder / "results/pairings/report"
    by_error = {
        path: path.read_bytes() for path in report.rglob("*.*") if path.suffix in (".html", ".md", ".tex", ".svg")
    }
    capsys.readouterr()
    assert main(["study=pairings", "metric=balanced_error"]) == 0
    printed = capsys.readouterr().out
    assert "This report ranks by the balanced error on test rows (metric=balanced_error)" in printed
    assert "Simple models are left out" in printed
    assert "test balanced error (\\%)" in (report / "tables/leaderboard.tex").read_text()
    page = (report / "index.html").read_text()
    assert "mean test balanced error of each condition" in page
    assert "Test errors of scikit-learn" not in page
    assert main(["study=pairings", "metric=balanced_error"]) == 0  # nothing has changed
    assert capsys.readouterr().out == printed
    assert main(["study=pairings", "metric=error"]) == 0
    assert {path: path.read_bytes() for path in by_error} == by_error
    assert stored.read_bytes() == before


def test_the_command_draws_by_a_metric(folder, capsys):
    assert main(["study=activations", "figures=leaderboard", "metric=nll", "compare=pairings"]) == 2
    assert main(["study=activations", "figures=leaderboard", "metric=nll"]) == 0
    assert "metric=nll" in capsys.readouterr().out
    assert (
        "Test negative log-likelihood of every condition"
        in (folder / "results/activations/report/figures/leaderboard.svg").read_text()
    )


def test_another_study_without_the_metric_is_refused_before_anything_is_written(folder, capsys, monkeypatch):
    loaded = stored.load_all_tables

    def without_metrics(study, results):
        tables = loaded(study, results)
        lost = [
            name
            for name in tables.replicas
            if name.startswith("final_test_") and not name.endswith(("_error", "_loss"))
        ]
        rows = tables.replicas.drop(columns=[*lost, "final_test_balanced_error"])
        return tables._replace(replicas=rows) if study == "pairings" else tables

    monkeypatch.setattr(stored, "load_all_tables", without_metrics)
    assert main(["study=activations", "metric=brier", "compare=pairings"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(
        "report: metric=brier: study 'pairings' has no metrics: an earlier version made it; run: "
    )
    assert printed.endswith("study=pairings\n")
    assert not list(folder.glob("results/*/report"))


def test_the_command_compares_studies_by_a_metric(folder):
    assert main(["study=activations", "metric=brier", "compare=pairings"]) == 0
    assert "Against the study pairings" in (folder / "results/activations/report/index.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["metric=brierr"], "metric=brierr: did you mean 'brier'? Allowed: error, balanced_error"),
        (["metric=r2"], "metric=r2: a classification has none; study 'pairings' has: error, balanced_error"),
        (["metric=recall_setoza"], "metric=recall_setoza: did you mean 'recall_"),
        (["metric=nll", "margin=-1"], "margin=-1: it must be a number above 0, in the unit of the metric nll"),
        (["margin=-1"], "margin=-1: it must be a number above 0, in points of error or in the target's unit"),
        (["metric=nll", "select=loss"], "metric=nll chooses learning rates by itself: leave out select=loss"),
        (
            ["metric=ece_width"],
            "metric=ece_width: 2 of 2 conditions are left out, since the test part has fewer than 200",
        ),
    ],
)
def test_a_bad_metric_is_one_line(folder, capsys, arguments, message):
    for figures in ([], ["figures=leaderboard"]):
        assert main([*arguments, *figures]) == 2
        printed = capsys.readouterr().err
        assert printed.startswith(f"report: {message}")
        assert printed.count("\n") == 1
        assert not list(folder.glob("results/*/report"))
