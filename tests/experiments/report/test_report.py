"""The report command: which study, which files, what it says of what is missing."""

import os
import shutil

import pandas as pd
import pytest

from experiments.analysis import baselines
from experiments.data.sets import load
from experiments.figures.registry import all_figures
from experiments.report import writing as report
from experiments.report.__main__ import main
from experiments.store.collecting import collect
from experiments.store.study import Study
from experiments.sweep.jobs import run_job

FIGURES = all_figures()
SMALL = ("dataset=iris", "net.hidden=[4]", "epochs=2", "seeds=2")


@pytest.fixture(scope="module")
def trained(settings, tmp_path_factory):
    """A folder of results with two studies: `pairings`, written last, and `activations`."""
    results = tmp_path_factory.mktemp("trained")
    for study, sweep in {
        "activations": ["activation=relu", "activation=tanh"],
        "pairings": ["output=softmax_ce", "output=softmax_mse"],
    }.items():
        for override in sweep:
            run_job(settings(*SMALL, "optimizer.lr=[0.05,0.1]", override), Study(study, results))
        collect(Study(study, results))
    os.utime(results / "activations/replicas.csv", (0, 0))
    return results


@pytest.fixture
def folder(trained, tmp_path, monkeypatch):
    """A working directory with a copy of them."""
    shutil.copytree(trained, tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Only some of the figures, drawn by this process, except where a test asks for all or for more."""
    monkeypatch.setattr(report.joblib, "cpu_count", lambda: 1)
    chosen = ("leaderboard", "mse_vs_ce", "depth")
    monkeypatch.setattr(report, "FIGURES", {name: FIGURES[name] for name in chosen})


def figures(folder, study):
    return {path.name for path in (folder / "results" / study / "report/figures").iterdir()}


def test_the_study_written_last_is_the_default(folder, capsys):
    assert main([]) == 0
    assert "mse_vs_ce.png" in figures(folder, "pairings")
    assert not (folder / "results/activations/report").exists()
    printed = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in printed} == {"wrote", "missing"}


def test_each_figure_is_three_files_or_one_line_with_a_command(folder, capsys, monkeypatch):
    monkeypatch.setattr(report, "FIGURES", FIGURES)
    assert main(["study=activations"]) == 0
    written = figures(folder, "activations")
    missing = [line for line in capsys.readouterr().out.splitlines() if line.startswith("missing")]
    for name in FIGURES:
        assert {f"{name}.png", f"{name}.svg", f"{name}.pdf"} <= written or any(name in line for line in missing)
    assert all(line.endswith(" study=activations") for line in missing)
    assert any("dataset=iris " in line for line in missing)


def test_a_figure_that_a_study_no_longer_has_is_removed(folder):
    stale = folder / "results/activations/report/figures/mse_vs_ce-iris.png"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"old")
    main(["study=activations"])
    assert not stale.exists()


def test_a_report_is_the_same_bytes_again(folder):
    main(["study=activations"])
    before = {path: path.read_bytes() for path in folder.glob("results/activations/report/**/*.*")}
    assert {path.name for path in before} >= {"index.html", "report.md", "leaderboard.tex", "comparisons.tex"}
    main(["study=activations"])
    assert before == {path: path.read_bytes() for path in folder.glob("results/activations/report/**/*.*")}


def test_figures_are_the_same_bytes_drawn_by_further_processes(folder, monkeypatch):
    main(["study=activations"])
    before = {path: path.read_bytes() for path in folder.glob("results/activations/report/**/*.*")}
    monkeypatch.setattr(report.joblib, "cpu_count", lambda: 2)
    main(["study=activations"])
    assert before == {path: path.read_bytes() for path in folder.glob("results/activations/report/**/*.*")}


def test_the_page_holds_every_figure_and_what_failed(folder):
    Study("activations").run("iris-relu-lost").record_failure("Traceback\nMemoryError: <none left>", {})
    main(["study=activations"])
    page = (folder / "results/activations/report/index.html").read_text()
    drawn = {name.removesuffix(".svg") for name in figures(folder, "activations") if name.endswith(".svg")}
    assert page.count("<figure>") == len(drawn)
    assert all(f"<strong>{stem}.</strong>" in page for stem in drawn)
    assert "MemoryError: &lt;none left&gt;" in page
    assert "conditional on this data set" in page
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
    assert table.groupby("baseline")["seed"].apply(list).tolist() == [[0, 1]] * 3
    assert table["test_error"].between(0, 0.5).all()
    monkeypatch.setattr(baselines, "load", None)  # not needed when nothing is new
    main(["study=activations"])
    assert path.read_bytes() == stored
    monkeypatch.setattr(baselines, "load", load)
    run_job(settings(*SMALL, "activation=relu", "seeds=3"), Study("activations"))
    collect(Study("activations"))
    main(["study=activations"])
    again = pd.read_csv(path)
    assert again.groupby("baseline")["seed"].apply(list).tolist() == [[0, 1, 2]] * 3
    assert set(stored.splitlines()) < set(path.read_bytes().splitlines())


def test_data_that_are_gone_leave_a_report_without_baselines(folder, capsys, monkeypatch):
    def gone(**settings):
        raise FileNotFoundError("no such file: measurements.csv")

    monkeypatch.setattr(baselines, "load", gone)
    assert main(["study=activations"]) == 0
    assert "missing baselines on iris: the data cannot be loaded any more: no such file" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("study=activation", "no study 'activation' in results/: did you mean 'activations'?"),
        ("studdy=pairings", "unknown argument 'studdy=pairings': did you mean 'study'?"),
        ("pairings", "unknown argument 'pairings'"),
        ("study=../pairings", "no study '../pairings'"),
    ],
)
def test_a_bad_argument_is_one_line(folder, capsys, argument, message):
    assert main([argument]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"report: {message}")
    assert printed.count("\n") == 1


def test_without_any_study_it_says_what_to_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([]) == 2
    assert "run: python run.py" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_help(capsys):
    assert main(["--help"]) == 0
    assert "study=NAME" in capsys.readouterr().out
