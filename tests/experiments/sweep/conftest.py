"""Jobs of small conditions."""

import pytest

from experiments.sweep.jobs import Job

SMALL = ("dataset=iris", "net.hidden=[4]", "epochs=3", "seeds=2")


@pytest.fixture
def jobs(settings, tmp_path, monkeypatch):
    """Return a function from command lines to their jobs, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return lambda *lines: [Job.of(settings(*SMALL, *line), line) for line in lines]
