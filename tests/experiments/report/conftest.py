"""A folder with trained studies, and a report of few figures, for the tests that write files."""

import os
import shutil
from dataclasses import replace

import pytest

from experiments.report import drawing, showing
from experiments.store.collecting import collect
from experiments.store.study import Study
from experiments.sweep.jobs import Job
from experiments.sweep.scheduling import train_all
from tests.experiments.report.examples import SMALL, content, study


@pytest.fixture(scope="session")
def report():
    """The content of the report of a study of three activations on two data sets."""
    return content(study())


@pytest.fixture(scope="session")
def trained(settings, tmp_path_factory):
    """A folder of results with two studies: `pairings`, written last, and `activations`."""
    results = tmp_path_factory.mktemp("trained")
    for name, sweep in {
        "activations": ["activation=relu", "activation=tanh"],
        "pairings": ["output=softmax_ce", "output=softmax_mse"],
    }.items():
        for override in sweep:
            job = Job.of(settings(*SMALL, "optimizer.lr=[0.05,0.1]", override))
            train_all([replace(job, study=Study(name, results))])
        collect(Study(name, results))
    os.utime(results / "activations/replicas.csv", (0, 0))
    return results


@pytest.fixture
def folder(trained, tmp_path, monkeypatch):
    """A working directory with a copy of them, where reports have few figures, drawn by this process."""
    shutil.copytree(trained, tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(showing.joblib, "cpu_count", lambda: 1)
    few = {name: drawing.FIGURES[name] for name in ("leaderboard", "mse_vs_ce", "depth")}
    monkeypatch.setattr(drawing, "FIGURES", few)
    return tmp_path
