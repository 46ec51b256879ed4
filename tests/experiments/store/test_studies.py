"""Whole studies: listed, renamed, merged and deleted, without losing or retraining anything."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from experiments import run_study
from experiments.store import studies
from experiments.store.__main__ import main, verify
from experiments.store.files import RESULTS
from experiments.store.study import Study
from tests.experiments.studies import SMALL, study_tables

KEPT = (*SMALL[:-1], "save=true")


@pytest.fixture
def three(study):
    """Studies `one` and `two` with a common run and a common replica, and `both`, which was trained at once."""
    run_study("activation=relu,elu", *KEPT, "seeds=2", "study=one")
    run_study("activation=elu,tanh", *KEPT, "seeds=[1,2]", "study=two")
    run_study("activation=elu", *KEPT, "seeds=3", "study=both")
    run_study("activation=relu", *KEPT, "seeds=2", "study=both")
    run_study("activation=tanh", *KEPT, "seeds=[1,2]", "study=both")


def command(capsys, *arguments):
    capsys.readouterr()
    code = main(list(arguments))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_list_has_a_line_for_each_study(three, capsys):
    Study("begun").marks.write("planned", "waiting")
    lines = [line.split() for line in command(capsys, "list")[1].splitlines()]
    assert [line[:3] for line in lines[1:]] == [
        ["begun", "0", "0"], ["both", "3", "7"], ["one", "2", "4"], ["two", "2", "4"]
    ]  # fmt: skip
    assert lines[1][-2:] == ["1", "unfinished"]
    assert lines[2][-1] == "finished"


def same_as_both(name):
    merged, both = Study(name), Study("both")
    assert study_tables(merged) == study_tables(both)
    assert verify(merged) == []
    for run in both.runs():
        for file in ("network.npz", "boundary.npz", "confusion.csv", "config.yaml"):
            assert (merged.run(run.name).path / file).read_bytes() == (run.path / file).read_bytes()


def test_a_merged_study_has_the_bytes_of_one_that_was_trained_at_once(three, capsys):
    (RESULTS / "two" / "notes.txt").write_text("mine")
    (common,) = {run.name for run in Study("one").runs()} & {run.name for run in Study("two").runs()}
    for name, file in (("one", "network.onnx"), ("two", "network.joblib"), ("two", "mine.txt")):
        (Study(name).run(common).path / file).write_text("of another best seed")
    code, out, _ = command(capsys, "merge", "two", "one")
    assert code == 0
    assert "results/one/ has the runs of two too: 3 conditions, 7 replicas" in out
    assert "results/two/ keeps what is not of a study: notes.txt" in out
    assert [path.name for path in (RESULTS / "two").iterdir()] == ["notes.txt"]
    same_as_both("one")
    run = Study("one").run(common).path
    assert [(run / file).exists() for file in ("network.onnx", "network.joblib", "mine.txt")] == [False, False, True]


def test_a_merge_that_was_interrupted_anywhere_is_ended_by_the_same_command(three, capsys, monkeypatch):
    shutil.copytree(RESULTS, "before")
    rename, moves = os.rename, 0
    for stop in range(20):
        shutil.rmtree(RESULTS)
        shutil.copytree("before", RESULTS)
        moves = 0

        def failing(*paths, stop=stop):
            nonlocal moves
            moves += 1
            if moves > stop:
                raise OSError("no power")
            rename(*paths)

        monkeypatch.setattr(os, "rename", failing)
        code = main(["merge", "two", "one"])
        monkeypatch.setattr(os, "rename", rename)
        if code == 0:
            assert stop == 4  # three moves of the common run, and one of the other
            return
        assert main(["merge", "two", "one"]) == 0
        same_as_both("one")
    pytest.fail("the merge never ended")


@pytest.mark.parametrize(
    "words", [("delete", "two", "--yes"), ("rename", "two", "new"), ("merge", "two", "both"), ("merge", "both", "two")]
)
def test_an_interrupted_merge_is_completed_before_anything_else(three, capsys, words):
    (RESULTS / "two" / ".staged-one").mkdir()
    code, _, error = command(capsys, *words)
    assert code == 2
    assert "merging two into one was interrupted" in error
    assert error.rstrip().endswith("store merge two one")
    assert "half merged into one" in command(capsys, "list")[1]
    assert command(capsys, "merge", "two", "one")[0] == 0
    same_as_both("one")


def test_replicas_with_other_numbers_are_not_merged(three, capsys):
    (common,) = {run.name for run in Study("one").runs()} & {run.name for run in Study("two").runs()}
    run = Study("two").run(common)
    files = dict(run.read().files)
    files["replicas.csv"] = files["replicas.csv"].replace(b",done,", b",diverged,")
    run.replace(files)
    before = {path: path.read_bytes() for path in Path(RESULTS).rglob("*.csv")}
    code, _, err = command(capsys, "merge", "two", "one")
    assert code == 2
    assert "with lr 0.05 and seed 1, status is done and diverged; nothing was changed\n" in err
    assert {path: path.read_bytes() for path in Path(RESULTS).rglob("*.csv")} == before


def test_a_renamed_study_is_found_and_nothing_is_retrained(three, capsys):
    assert command(capsys, "rename", "one", "first")[:2] == (0, "results/one/ is now results/first/\n")
    capsys.readouterr()
    run_study("activation=relu,elu", *KEPT, "seeds=2", "study=first")
    assert "0 replicas trained, 4 were there already" in capsys.readouterr().out
    code, _, err = command(capsys, "rename", "first", "two")
    assert code == 2
    assert err.endswith("un: python -m experiments.store merge first two\n")


def test_delete_says_what_goes_and_needs_a_yes(three, capsys):
    code, out, _ = command(capsys, "delete", "two")
    assert code == 0
    assert out.startswith("would delete results/two/: 2 conditions, 4 replicas")
    assert (RESULTS / "two").exists()
    assert command(capsys, "delete", "two", "--yes")[0] == 0
    assert studies.names() == ["both", "one"]
    assert not studies.REMOVED.exists()


@pytest.mark.parametrize("words", [("rename", "one", "new"), ("merge", "one", "two"), ("delete", "one", "--yes")])
def test_a_study_in_use_is_refused(three, capsys, words):
    with Study("one").runs()[0].lock():
        code, _, err = command(capsys, *words)
    assert code == 2
    assert err.startswith("store: study 'one' is in use: ")
    assert studies.names() == ["both", "one", "two"]


@pytest.mark.parametrize("words", [("rename", "one", "new"), ("merge", "one", "two"), ("delete", "one", "--yes")])
def test_a_sweep_keeps_its_study_between_two_runs_too(three, capsys, monkeypatch, words):
    outcomes = []

    @contextmanager
    def between(jobs):
        outcomes.append((main(list(words)), "one" in studies.names()))
        yield

    monkeypatch.setattr("experiments.sweep.runner.live_view", between)
    run_study("activation=gelu", *KEPT, "seeds=1", "study=one")
    assert outcomes == [(2, True)]
    assert "study 'one' is in use" in capsys.readouterr().err
    assert not list((RESULTS / "one" / ".locks").glob("sweep-*"))
    assert command(capsys, *words)[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rename", "one"], "rename one: allowed is python -m experiments.store rename OLD NEW"),
        (["rename", "one", "../x"], "'../x': allowed is a name"),
        (["merge", "one", "one"], "one and one are one study: allowed are two"),
        (["delete", "oen"], "no study 'oen' in results/: did you mean 'one'?"),
    ],
)
def test_a_bad_argument_is_one_line(three, capsys, words, message):
    code, out, err = command(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"store: {message}")
    assert err.count("\n") == 1
