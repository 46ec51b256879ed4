"""The files of a report: page, Markdown, tables, and the baselines that it keeps."""

from dataclasses import replace

import pandas as pd
import pytest

from experiments.analysis import baselines
from experiments.data.sets import load
from experiments.report.__main__ import main
from experiments.store.collecting import collect
from experiments.store.study import Study
from experiments.sweep.jobs import Job
from experiments.sweep.scheduling import train_all
from tests.experiments.report.examples import SMALL, figure_files


def test_a_report_is_the_same_bytes_again(folder):
    main(["study=activations"])
    before = {path: path.read_bytes() for path in folder.glob("results/activations/report/**/*.*")}
    assert {path.name for path in before} >= {"index.html", "report.md", "leaderboard.tex", "comparisons.tex"}
    main(["study=activations"])
    assert before == {path: path.read_bytes() for path in folder.glob("results/activations/report/**/*.*")}


def test_the_page_holds_every_figure_and_what_failed(folder):
    Study("activations").run("iris-relu-lost").record_failure("Traceback\nMemoryError: <none left>", {})
    main(["study=activations"])
    page = (folder / "results/activations/report/index.html").read_text()
    drawn = {name.removesuffix(".svg") for name in figure_files(folder, "activations") if name.endswith(".svg")}
    assert page.count("<figure>") == len(drawn)
    assert all(f"<strong>{stem}.</strong>" in page for stem in drawn)
    assert "MemoryError: &lt;none left&gt;" in page
    assert "the paired interval holds “on these splits”" in page
    assert "linear SVM" in page
    edge = "For 2 of 2 conditions validation chose the lowest or highest rate"
    assert edge in page
    assert edge in (folder / "results/activations/report/report.md").read_text()


def test_two_studies_are_compared(folder):
    assert main(["study=activations", "compare=pairings"]) == 0
    page = (folder / "results/activations/report/index.html").read_text()
    table = page.partition('id="compared"')[2].partition("</table>")[0]
    assert "relu" in table
    assert "nothing but the study" in table
    assert "tanh" not in table


def test_baselines_are_kept_and_only_new_seeds_computed(folder, settings, monkeypatch):
    main(["study=activations"])
    path = folder / "results/activations/baselines.csv"
    stored = path.read_bytes()
    table = pd.read_csv(path)
    assert table.groupby("baseline")["seed"].apply(list).tolist() == [[0, 1]] * 5
    trivial = table["baseline"] == "majority class"
    assert table.loc[~trivial, "test_error"].between(0, 0.5).all()
    assert table.loc[trivial, "test_error"].tolist() == pytest.approx([2 / 3, 2 / 3])
    monkeypatch.setattr(baselines, "load", None)  # not needed when nothing is new
    main(["study=activations"])
    assert path.read_bytes() == stored
    monkeypatch.setattr(baselines, "load", load)
    train_all([replace(Job.of(settings(*SMALL, "activation=relu", "seeds=3")), study=Study("activations"))])
    collect(Study("activations"))
    main(["study=activations"])
    again = pd.read_csv(path)
    assert again.groupby("baseline")["seed"].apply(list).tolist() == [[0, 1, 2]] * 5
    assert set(stored.splitlines()) < set(path.read_bytes().splitlines())


def test_data_that_are_gone_leave_a_report_without_baselines(folder, capsys, monkeypatch):
    def gone(**settings):
        raise FileNotFoundError("no such file: measurements.csv")

    monkeypatch.setattr(baselines, "load", gone)
    for _ in range(2):  # the data may be there again
        assert main(["study=activations"]) == 0
        assert "baselines on iris" in capsys.readouterr().out
    monkeypatch.undo()
    page = (folder / "results/activations/report/index.html").read_text()
    assert "the data cannot be loaded any more: no such file" in page


def test_a_rule_of_the_report_is_shown_and_changes_no_table(folder):
    tables = {path: path.read_bytes() for path in (folder / "results/activations").glob("*.csv")}
    for rule in ("loss", "best_epoch_error"):
        assert main(["study=activations", f"select={rule}"]) == 0
        page = (folder / "results/activations/report/index.html").read_text()
        assert "Selection: the learning rate has the lowest mean" in page
        assert "**Selection: the learning rate" in (folder / "results/activations/report/report.md").read_text()
        assert ("test error (%), best epoch" in page) == (rule == "best_epoch_error")
    assert all(path.read_bytes() == content for path, content in tables.items())
    main(["study=activations"])
    assert "Selection:" not in (folder / "results/activations/report/index.html").read_text()
