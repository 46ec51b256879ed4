"""Sweeps: what they read, workers that are killed, and results that come back as data."""

import shutil
from concurrent.futures.process import BrokenProcessPool

import pytest

from experiments.store.reading import load_tables
from experiments.store.runs import RunFolder
from experiments.sweep.jobs import Job, run_job, train_remotely
from experiments.sweep.runner import run_here, run_sweep
from experiments.training import run as training
from tests.experiments.studies import LINES, SMALL, study_tables


def test_a_sweep_of_finished_runs_reads_each_of_them_once(sweep, monkeypatch):
    sweep(*LINES)
    read = []
    read_run = RunFolder.read
    monkeypatch.setattr(RunFolder, "read", lambda self: read.append(self.name) or read_run(self))
    _, runs, missing = sweep(*LINES)
    assert missing == [0, 0, 0, 0]
    assert sorted(read) == sorted(runs)


def test_every_job_is_marked_before_the_first_one_starts_and_none_at_the_end(sweep, study):
    seen = []

    def launch(jobs):
        seen.extend((run, mark.state) for run, mark in study.marks.read().items())
        return run_here(jobs)

    _, runs, _ = sweep(["activation=relu"], ["activation=tanh"], launch=launch)
    assert sorted(seen) == sorted((run, "waiting") for run in runs)
    assert study.unfinished() == {}
    assert not study.marks.folder.exists()


def test_a_sweep_leaves_the_marks_of_another_one(sweep, study):
    def launch(jobs):
        study.marks.write("of-another-sweep", "done")
        return run_here(jobs)

    sweep(["activation=relu"], launch=launch)
    assert list(study.marks.read()) == ["of-another-sweep"]


def test_an_interrupted_sweep_leaves_the_marks_of_unfinished_jobs(sweep, study, monkeypatch):
    train = training.train

    def interrupt(settings, *arguments, **options):
        if settings.activation.name == "tanh":
            raise KeyboardInterrupt
        return train(settings, *arguments, **options)

    lines = [[f"activation={name}"] for name in ("relu", "tanh", "elu")]
    monkeypatch.setattr(training, "train", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sweep(*lines)
    reasons = study.unfinished()
    assert {run.split("-")[1]: reason for run, reason in reasons.items()} == {
        "tanh": "was interrupted",
        "elu": "waits to be trained",
    }
    sweep(lines[0])
    assert study.unfinished() == reasons
    monkeypatch.setattr(training, "train", train)
    sweep(*lines)
    assert study.unfinished() == {}


def test_a_run_that_was_to_grow_is_not_finished(sweep, study):
    sweep(["activation=relu"])

    def killed(jobs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(["activation=relu", "seeds=3"], launch=killed)
    assert list(study.unfinished().values()) == ["waits to be trained"]
    sweep(["activation=relu"])  # all that is asked for now is there
    assert study.unfinished() == {}


def test_a_failed_job_is_not_finished(sweep, study, monkeypatch):
    def fail(*arguments, **options):
        raise ValueError("no")

    monkeypatch.setattr(training, "train", fail)
    _, (run,), _ = sweep(["activation=relu"])
    assert study.unfinished() == {run: "failed: ValueError: no"}


class Pool:
    """Launches jobs like a pool of two processes that breaks when a job kills its worker."""

    def __init__(self, deadly):
        self.deadly, self.launched = deadly, []

    def __call__(self, jobs):
        self.launched.append(len(jobs))
        for job in jobs:
            if self.deadly(job.settings.activation.name, len(self.launched)):
                job.study.marks.write(job.run, "running")
                raise BrokenProcessPool
            run_job(job.settings, job.study, job.overrides)
        return [None] * len(jobs)


def test_jobs_of_a_broken_pool_are_launched_again(sweep, study):
    pool = Pool(lambda name, launch: name == "tanh" and launch == 1)
    code, runs, _ = sweep(["activation=relu"], ["activation=tanh"], ["activation=elu"], launch=pool)
    assert code == 0
    assert pool.launched == [3, 2]
    assert all(study.run(run).state()[0] == "done" for run in runs)


def test_a_failure_of_an_earlier_sweep_does_not_keep_a_job_from_being_launched_again(sweep, study):
    _, (tanh, elu), _ = sweep(["activation=tanh"], ["activation=elu"])
    for run in (tanh, elu):
        shutil.rmtree(study.run(run).path)
        study.run(run).record_failure("ValueError: of yesterday", {})
    pool = Pool(lambda name, launch: name == "tanh" and launch == 1)
    code, _, _ = sweep(["activation=tanh"], ["activation=elu"], launch=pool)
    assert code == 0
    assert pool.launched == [2, 2]
    assert study.run(tanh).state()[0] == study.run(elu).state()[0] == "done"


def test_a_job_that_kills_its_worker_twice_is_given_up_and_named(sweep, capsys):
    pool = Pool(lambda name, launch: name == "tanh")
    code, runs, _ = sweep(["activation=relu"], ["activation=tanh"], ["activation=elu"], launch=pool)
    assert code == 1
    assert f"failed: {runs[1]}: its worker process was killed 2 times" in capsys.readouterr().err
    assert set(load_tables("default").replicas["activation"]) == {"relu", "elu"}


def test_results_that_come_back_as_data_land_in_the_same_tables(sweep, settings, study):
    lines = [[*line, "optimizer.lr=[0.05,0.1]"] for line in LINES]
    sweep(*lines)
    here = study_tables(study)
    shutil.rmtree(study.folder)
    sweep([*LINES[0], "optimizer.lr=0.1", "seeds=[1]"])

    def far_away(jobs):
        lines = [line for job in jobs for line in job.command_lines()]
        return [train_remotely(settings(*SMALL, *line), line) for line in lines]

    assert sweep(*lines, launch=far_away)[2] == [3, 4, 4, 4]
    assert study_tables(study) == here
    assert [path.name for path in study.folder.parent.iterdir()] == ["default"]


def test_results_that_come_back_as_data_belong_to_the_study_of_their_job(settings, study):
    jobs = [Job.of(settings(*SMALL, f"study={name}")) for name in ("default", "other")]
    assert run_sweep(jobs, lambda pending: [train_remotely(job.settings) for job in pending]) == 0
    assert [job.folder.read().state for job in jobs] == ["done", "done"]
