"""A recorded run is retrained and compared."""

import json

import pytest

from experiments.config.errors import ConfigError
from experiments.store.files import fingerprint
from experiments.sweep.reproduce import COMPARED, reproduce
from experiments.sweep.scheduling import train_all
from nets import NUMERICS


@pytest.mark.parametrize(
    "line",
    [
        ["activation=maxout"],
        ["activation=formula"],
        ["dataset=moons", "optimizer=adam"],
        ["output=linear_mse"],  # without probabilities there is no calibration to record
    ],
)
def test_a_recorded_run_is_reproduced_bit_for_bit(jobs, capsys, line):
    (job,) = jobs([*line, "optimizer.lr=[0.01,0.02]"])
    train_all([job])
    assert reproduce(job.folder.path) == 0
    first, *printed = capsys.readouterr().out.splitlines()
    assert first == f"retraining {job.run}: 4 replicas, {job.settings.epochs} epochs"
    tables = [printed_line.split(".csv")[0] for printed_line in printed]
    assert tables == [f"identical  {name}" for name in COMPARED]


def test_a_run_whose_rates_have_different_seeds_is_reproduced(jobs, capsys):
    for line in (["optimizer.lr=0.1", "seeds=2"], ["optimizer.lr=0.2", "seeds=1"]):
        (job,) = jobs(line)
        train_all([job])
    assert reproduce(job.folder.path) == 0
    assert "identical  replicas.csv, 3 rows" in capsys.readouterr().out


def test_a_run_that_cannot_be_reproduced_says_where_it_differs(jobs, capsys):
    (job,) = jobs(["activation=relu"])
    train_all([job])
    folder = job.folder.path
    path = folder / "history.csv"
    rows = path.read_bytes().splitlines()
    rows[3] = rows[3][:-3] + b"999"
    path.write_bytes(b"\n".join([*rows, b""]))
    status = json.loads((folder / "status.json").read_text())
    status["files"]["history.csv"] = fingerprint("history.csv", path.read_bytes())
    (folder / "status.json").write_text(json.dumps(status))
    assert reproduce(folder) == 1
    printed = capsys.readouterr().out
    assert "differs    history.csv, first in line 4:" in printed
    assert printed.count("identical") == len(COMPARED) - 1


def test_a_run_of_another_arithmetic_says_so(jobs, capsys):
    (job,) = jobs(["activation=relu"])
    train_all([job])
    path = job.folder.path / "environment.json"
    environment = json.loads(path.read_text())
    assert environment.pop("numerics") == NUMERICS
    path.write_text(json.dumps(environment))
    status = json.loads((job.folder.path / "status.json").read_text())
    status["files"][path.name] = fingerprint(path.name, path.read_bytes())
    (job.folder.path / "status.json").write_text(json.dumps(status))
    reproduce(job.folder.path)
    assert f"then numerics: 1\nnow  numerics: {NUMERICS}" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["missing", "renamed", "damaged"])
def test_only_an_intact_run_is_reproduced(jobs, damage):
    (job,) = jobs(["activation=relu"])
    folder = job.folder.path
    if damage != "missing":
        train_all([job])
    if damage == "renamed":
        folder = folder.rename(folder.with_name("iris-relu-softmax_ce-0000000000"))
    if damage == "damaged":
        (folder / "history.csv").write_bytes(b"")
    with pytest.raises(ConfigError, match=folder.name):
        reproduce(folder)
