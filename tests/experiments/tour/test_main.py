"""The command: its page, its messages, and what it trains."""

import re
import subprocess
import sys

import pandas as pd
import pytest

from experiments.tour import trained, writing
from experiments.tour.__main__ import main
from tests.programs import ROOT, python


def test_a_page_that_holds_everything_is_written(written):
    assert written.code == 0
    text = written.page.read_text(encoding="utf-8")
    sections = re.findall(r'<section id="(\w+)"', text)
    assert len(text.encode()) < 3e6
    assert len(re.findall("<h2", text)) == len(writing.STATIONS) == 11
    assert "NaN" not in text
    assert "nan" not in re.findall(r'd="([^"]*)"', text)
    assert {target.partition(",")[0] for target in re.findall(r'(?:src|href)="([^"]*)"', text)} == {
        *("data:", "data:image/png;base64"),
        *(f"#{name}" for name in sections),
    }


def test_a_second_call_trains_nothing_and_writes_the_same_page(written, monkeypatch, capsys):
    monkeypatch.chdir(written.folder)
    monkeypatch.setattr(writing, "Tour", trained.Tour)
    before = written.page.read_bytes()
    runs = {path: path.stat().st_mtime_ns for path in written.folder.glob("results/tour/runs/*/*.csv")}
    assert main([]) == 0
    assert capsys.readouterr().out == "study tour: 0 networks to train\nopen results/tour/index.html\n"
    assert written.page.read_bytes() == before
    assert runs == {path: path.stat().st_mtime_ns for path in runs}


def test_a_network_of_few_epochs_is_the_long_one_at_that_time(written):
    group = written.tour.groups["moons"]
    columns = ["activation", "lr", "seed", "train_loss", "test_error", "gradient_norm"]
    rows = group.tables.history.query("epoch == 1")
    short = rows[rows["run"].isin([job.run for job in group.jobs if job.epochs == 1])]
    long = group.history.query("epoch == 1")
    assert len(long) == 2
    assert short[columns].sort_values("activation").to_numpy().tolist() == (
        long[columns].sort_values("activation").to_numpy().tolist()
    )


def test_what_a_user_adds_to_the_study_does_not_change_the_tour(written):
    group = written.tour.groups["lus"]
    added = group.tables.history.assign(run="another")
    more = group.tables._replace(history=pd.concat([group.tables.history, added]))
    assert trained.Group(group.jobs, more).history.equals(group.history)


def test_a_run_that_fails_is_said_and_no_page_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trained, "GROUPS", {"lus": ("dataset=iris", "epochs=1", "seeds=1", "net.hidden=[4]")})
    monkeypatch.setattr(trained, "run_sweep", lambda jobs: 1)
    assert main([]) == 1
    assert not list(tmp_path.rglob("index.html"))
    assert "open" not in capsys.readouterr().out


@pytest.mark.parametrize("argument", ["study=mine", "--fast", "now"])
def test_an_argument_is_refused_in_one_line(argument, capsys):
    assert main([argument]) == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err.startswith("tour: ")
    assert argument in printed.err
    assert printed.err.count("\n") == 1


def test_an_interrupt_ends_with_130(monkeypatch, capsys):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "write", interrupt)
    assert main([]) == 130
    assert capsys.readouterr().err == "tour: interrupted\n"


def test_help_trains_nothing_and_needs_no_library(tmp_path):
    code = "import sys; from experiments.tour.__main__ import main; main(['--help']); "
    code += "print({'numpy', 'pandas', 'matplotlib', 'hydra'} & {name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "python -m experiments.tour" in done.stdout
    assert done.stdout.endswith("set()\n")
    assert "results/tour/index.html" in python("-m", "experiments.tour", "--help", cwd=tmp_path).stdout
    assert not list(tmp_path.iterdir())
