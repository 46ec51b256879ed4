"""The report command: which study, and its messages."""

import html
import re

import pytest

from experiments import run_study
from experiments.report.__main__ import main
from tests.experiments.report.examples import SMALL, figure_files


def test_the_study_written_last_is_the_default(folder, capsys):
    assert main([]) == 0
    assert "mse_vs_ce.svg" in figure_files(folder, "pairings")
    assert not (folder / "results/activations/report").exists()
    first, files, missing, answer, page = capsys.readouterr().out.splitlines()
    assert first == "report of study pairings"
    assert re.fullmatch(r"\d+ files in results/pairings/report/", files)
    assert "depth" in missing
    assert "results/pairings/report/report.md" in missing
    assert answer in html.unescape((folder / "results/pairings/report/index.html").read_text())
    assert page == "open results/pairings/report/index.html"


def test_a_study_of_which_every_network_diverged_is_reported(folder, capsys):
    run_study("activation=relu,tanh", *SMALL, "optimizer.lr=1e30", "study=lost")
    assert main(["study=lost"]) == 0
    assert "On iris every replica diverged." in capsys.readouterr().out
    assert (folder / "results/lost/report/index.html").exists()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("study=activation", "no study 'activation' in results/: did you mean 'activations'?"),
        ("studdy=pairings", "unknown argument 'studdy=pairings': did you mean 'study'?"),
        ("pairings", "unknown argument 'pairings'"),
        ("select", "select has no value: allowed is select=VALUE"),
        ("compare=", "compare has no value: allowed is compare=VALUE"),
        ("study=../pairings", "no study '../pairings'"),
        ("select=los", "select=los: did you mean 'loss'? Allowed: error, loss, best_epoch_error"),
        ("formats=pn", "formats=pn: did you mean 'png'? Allowed: svg, png, pdf"),
        ("figures=leaderbord", "figures=leaderbord: did you mean 'leaderboard'? Allowed: "),
        ("margin=0", "margin=0: it must be a number above 0"),
        ("margin=-0.5", "margin=-0.5: it must be a number above 0"),
        ("margin=nan", "margin=nan: it must be a number above 0"),
        ("margin=half", "margin=half: it must be a number above 0"),
    ],
)
def test_a_bad_argument_is_one_line(folder, capsys, argument, message):
    assert main([argument]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"report: {message}")
    assert printed.count("\n") == 1
    assert not list(folder.glob("results/*/report"))


def test_an_argument_that_is_given_twice_is_refused(folder, capsys):
    assert main(["margin=1", "margin=2"]) == 2
    assert capsys.readouterr().err == "report: margin is given twice: allowed is one margin=VALUE\n"


def test_figures_without_a_page_have_no_other_study(folder, capsys):
    assert main(["study=activations", "figures=leaderboard", "compare=pairings"]) == 2
    assert "leave out one of them" in capsys.readouterr().err


def test_without_any_study_it_says_what_to_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([]) == 2
    assert "run: python run.py" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_help(capsys):
    assert main(["--help"]) == 0
    assert "study=NAME" in capsys.readouterr().out
