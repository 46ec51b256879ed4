"""Fixtures for the rooms that store and sweep."""

import pytest

from experiments.store.study import Study
from experiments.sweep.jobs import Job
from experiments.sweep.runner import run_sweep
from experiments.sweep.scheduling import train_all
from tests.experiments.studies import SMALL


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Study("default")


@pytest.fixture
def sweep(settings, study):
    """Return a function that runs a sweep of one job for each list of overrides: `sweep(["activation=relu"])`."""

    def run(*lines, train=train_all):
        jobs = [Job.of(settings(*SMALL, *line), line) for line in lines]
        return run_sweep(jobs, train), [job.run for job in jobs], [len(job.missing) for job in jobs]

    return run


@pytest.fixture
def done(sweep):
    """Return a function that runs a job: `done("activation=relu")` is (name of the run, number of replicas trained)."""

    def run(*overrides):
        code, (name,), (trained,) = sweep(list(overrides))
        assert code == 0
        return name, trained

    return run
