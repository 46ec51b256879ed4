"""Sweeps: what they read, how they mark their runs, and what they say at the end."""

import pytest

from experiments.store.runs import RunFolder
from experiments.sweep import workers
from experiments.sweep.scheduling import train_all
from tests.experiments.studies import LINES


def test_a_sweep_of_finished_runs_reads_each_of_them_once(sweep, monkeypatch):
    sweep(*LINES)
    read = []
    read_run = RunFolder.read
    monkeypatch.setattr(RunFolder, "read", lambda self: read.append(self.name) or read_run(self))
    _, runs, missing = sweep(*LINES)
    assert missing == [0, 0, 0, 0]
    assert sorted(read) == sorted(runs)


def test_after_the_training_each_run_is_read_twice_to_see_what_it_lacks_and_to_collect_it(sweep, monkeypatch):
    read = []
    read_run = RunFolder.read
    monkeypatch.setattr(RunFolder, "read", lambda self: read.append(self.name) or read_run(self))

    def train(jobs):
        given_up = train_all(jobs)
        read.clear()
        return given_up

    _, runs, _ = sweep(*LINES, train=train)
    assert sorted(read) == sorted(runs * 2)


def test_every_job_is_marked_before_the_first_one_starts_and_none_at_the_end(sweep, study):
    seen = []

    def train(jobs):
        seen.extend((run, mark.state) for run, mark in study.marks.read().items())
        return train_all(jobs)

    _, runs, _ = sweep(["activation=relu"], ["activation=tanh"], train=train)
    assert sorted(seen) == sorted((run, "waiting") for run in runs)
    assert study.unfinished() == {}
    assert not study.marks.folder.exists()


def test_the_first_line_says_what_is_trained_before_it_is(sweep, capsys):
    seen = []

    def train(jobs):
        seen.append(capsys.readouterr().out)
        return train_all(jobs)

    lines = [["activation=relu"], ["activation=tanh"], ["activation=tanh", "optimizer.lr=0.1"]]
    sweep(*lines, train=train)
    assert seen == ["study default: 2 runs, 6 replicas to train\n"]
    sweep(*lines)
    assert "to train" not in capsys.readouterr().out


def test_a_sweep_leaves_the_marks_of_another_one(sweep, study):
    def train(jobs):
        study.marks.write("of-another-sweep", "done")
        return train_all(jobs)

    sweep(["activation=relu"], train=train)
    assert list(study.marks.read()) == ["of-another-sweep"]


def test_a_run_that_was_to_grow_is_not_finished(sweep, study):
    sweep(["activation=relu"])

    def killed(jobs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(["activation=relu", "seeds=3"], train=killed)
    assert list(study.unfinished().values()) == ["waits to be trained"]
    sweep(["activation=relu"])  # all that is asked for now is there
    assert study.unfinished() == {}


def test_a_failed_job_is_not_finished(sweep, study, monkeypatch):
    def fail(*arguments, **options):
        raise ValueError("no")

    monkeypatch.setattr(workers, "train_part", fail)
    _, (run,), _ = sweep(["activation=relu"])
    assert study.unfinished() == {run: "failed: ValueError: no"}


def test_the_closing_line_counts_one_replica_and_says_that_it_is_not_trained(sweep, capsys):
    sweep(["seeds=1", "epochs=0"])
    assert "\n1 replica evaluated without training, 0 were there already;" in capsys.readouterr().out
    sweep(["seeds=2"], ["seeds=1", "epochs=0"])
    assert "\n2 replicas trained, 1 was there already;" in capsys.readouterr().out


def test_the_failure_of_a_run_that_lacks_nothing_is_forgotten(sweep, study):
    _, (run,), _ = sweep(["activation=tanh"])
    study.run(run).record_failure("ValueError: of yesterday", {})
    assert sweep(["activation=tanh"])[0] == 0
    assert study.unfinished() == {}
