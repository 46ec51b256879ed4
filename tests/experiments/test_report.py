"""The report command: which study, which files, what it says of what is missing."""

import os

import pytest

from experiments import report
from experiments.figures import FIGURES
from experiments.runner import run_job
from experiments.store import Store

SMALL = ("dataset=iris", "net.hidden=[4]", "epochs=2", "seeds=2")


@pytest.fixture
def folder(settings, tmp_path, monkeypatch):
    """A working directory with two studies: `pairings`, written last, and `activations`."""
    monkeypatch.chdir(tmp_path)
    for study, sweep in {
        "activations": ["activation=relu", "activation=tanh"],
        "pairings": ["output=softmax_ce", "output=softmax_mse"],
    }.items():
        for override in sweep:
            run_job(settings(*SMALL, override), Store(study))
        Store(study).collect()
    os.utime(tmp_path / "results/activations/replicas.csv", (0, 0))
    return tmp_path


def figures(folder, study):
    return {path.name for path in (folder / "results" / study / "report/figures").iterdir()}


def test_the_study_written_last_is_the_default(folder, capsys):
    assert report.main([]) == 0
    assert "mse_vs_ce.png" in figures(folder, "pairings")
    assert not (folder / "results/activations/report").exists()
    printed = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in printed} == {"wrote", "missing"}


def test_each_figure_is_a_png_and_an_svg_or_one_line_with_a_command(folder, capsys):
    assert report.main(["study=activations"]) == 0
    written = figures(folder, "activations")
    missing = [line for line in capsys.readouterr().out.splitlines() if line.startswith("missing")]
    for name in FIGURES:
        assert {f"{name}.png", f"{name}.svg"} <= written or any(name in line for line in missing)
    assert all("python run.py" in line and line.endswith("study=activations") for line in missing)


def test_a_figure_that_a_study_no_longer_has_is_removed(folder):
    stale = folder / "results/activations/report/figures/mse_vs_ce-iris.png"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"old")
    report.main(["study=activations"])
    assert not stale.exists()


def test_a_report_is_the_same_bytes_again(folder):
    report.main(["study=activations"])
    before = {path: path.read_bytes() for path in folder.glob("results/activations/report/figures/*")}
    report.main(["study=activations"])
    assert before == {path: path.read_bytes() for path in folder.glob("results/activations/report/figures/*")}


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
    assert report.main([argument]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"report: {message}")
    assert printed.count("\n") == 1


def test_without_any_study_it_says_what_to_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert report.main([]) == 2
    assert "run: python run.py" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_help(capsys):
    assert report.main(["--help"]) == 0
    assert "study=NAME" in capsys.readouterr().out
