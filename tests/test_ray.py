"""Sweeps over a Ray cluster of two nodes on this machine; where Ray is not installed there is nothing to test."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from experiments.config.compose import sweep
from experiments.store.runs import RunFolder
from experiments.store.study import Study
from experiments.sweep.jobs import Job
from experiments.sweep.remote import connect
from experiments.sweep.runner import run_sweep
from nets.activations import ACTIVATIONS, ReLU

ray = pytest.importorskip("ray", reason="in the extra: pip install '.[ray]'")
pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]

ROOT = Path(__file__).parents[1]
SWEEP = ("activation=relu,tanh,elu,silu,gelu,maxout", "dataset=iris,moons", "seeds=3", "net.hidden=[8]", "epochs=20")
SMALL = ("dataset=iris", "seeds=2", "net.hidden=[4]", "epochs=3")


@dataclass(frozen=True)
class Waiting(ReLU, name="waiting"):
    """It waits until a file is there."""

    path: str = ""

    def forward(self, *arguments, **options):
        while not Path(self.path).exists():
            time.sleep(0.1)
        return super().forward(*arguments, **options)


class Failing(ReLU, name="failing"):
    def forward(self, *arguments, **options):
        raise ValueError("out of luck")


class Deadly(ReLU, name="deadly"):
    def forward(self, *arguments, **options):
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class DeadlyOnce(ReLU, name="deadly_once"):
    """It kills the first process that uses it, which leaves a file."""

    path: str = ""

    def forward(self, *arguments, **options):
        if not Path(self.path).exists():
            Path(self.path).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(*arguments, **options)


for activation in (Waiting, Failing, Deadly, DeadlyOnce):
    del ACTIVATIONS[activation.name]  # where other tests would find it


def start(*arguments, cwd):
    # The workers find the project as they would where it is installed.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "run.py"), "-m", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, env=environment, stdout=pipe, stderr=pipe, text=True)


def run(*arguments, cwd):
    process = start(*SWEEP, *arguments, cwd=cwd)
    stdout, stderr = process.communicate(timeout=500)
    assert process.returncode == 0, stderr + stdout
    return stdout


def snapshot(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("results/default/*.csv"))}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The sweep's tables, trained without Ray."""
    folder = tmp_path_factory.mktemp("here")
    run(cwd=folder)
    return snapshot(folder)


@pytest.fixture(scope="module")
def address():
    """Two nodes of one core each."""
    from ray.cluster_utils import Cluster

    os.environ["PYTHONPATH"] = str(ROOT)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    yield cluster.address
    cluster.shutdown()


@pytest.fixture
def train(address, tmp_path, monkeypatch):
    """Return a function that trains jobs of these activations on the cluster; it returns the exit code and the runs."""
    monkeypatch.chdir(tmp_path)

    def on_cluster(*activations):
        ((settings, words),) = sweep(SMALL)
        every = [replace(settings, activation=activation, study=name) for name, activation in activations]
        jobs = [Job.of(settings, words) for settings in every]
        options = {"address": address, "log_to_driver": False, "logging_level": "ERROR"}
        return run_sweep(jobs, connect(options).train), [job.folder for job in jobs]

    return on_cluster


def cluster(address):
    return "hydra/launcher=ray_cluster", f"hydra.launcher.ray.init.address={address}"


def test_a_cluster_of_two_nodes_gives_the_same_tables(here, address, tmp_path):
    assert "36 replicas trained, 0 were there already" in run(*cluster(address), cwd=tmp_path)
    assert snapshot(tmp_path) == here


def test_what_is_missing_is_all_that_is_sent(here, address, tmp_path):
    run("activation=relu,tanh", "seeds=[1]", cwd=tmp_path)
    assert "32 replicas trained, 4 were there already" in run(*cluster(address), cwd=tmp_path)
    assert snapshot(tmp_path) == here


def test_ray_on_this_machine_alone_tunes_alike(tmp_path):
    words = ("activation=relu,tanh", "dataset=iris", "optimizer.lr=[0.01,0.1]", "tune.seeds=3")
    for name, launcher in (("here", ()), ("ray", ("hydra/launcher=ray", "hydra.launcher.ray.init.num_cpus=2"))):
        (tmp_path / name).mkdir()
        assert "18 replicas trained, 0 were there already" in run(*words, *launcher, cwd=tmp_path / name)
    assert snapshot(tmp_path / "ray") == snapshot(tmp_path / "here")


def test_a_run_is_stored_while_others_are_in_training(train, tmp_path, monkeypatch):
    save = RunFolder.save

    def save_and_tell(folder, *arguments):
        save(folder, *arguments)
        (tmp_path / "stored").touch()

    monkeypatch.setattr(RunFolder, "save", save_and_tell)
    code, runs = train(("waits", Waiting(path=str(tmp_path / "stored"))), ("stored-first", ReLU()))
    assert code == 0
    assert [run.state()[0] for run in runs] == ["done", "done"]


def test_a_run_that_fails_is_recorded_and_the_others_finish(train, capsys):
    code, (fails, finishes) = train(("fails", Failing()), ("finishes", ReLU()))
    assert code == 1
    assert fails.failure() == "ValueError: out of luck"
    assert "in forward" in (fails.path / "failure.txt").read_text()
    assert finishes.state()[0] == "done"
    assert f"failed: {fails.name}: ValueError: out of luck (traceback in" in capsys.readouterr().err


def test_a_part_that_kills_its_worker_again_and_again_is_given_up(train, capsys):
    code, (kills, finishes) = train(("kills", Deadly()), ("finishes", ReLU()))
    assert code == 1
    assert finishes.state()[0] == "done"
    assert f"failed: {kills.name}: RuntimeError: its worker process was killed 2 times" in capsys.readouterr().err


def test_a_part_whose_worker_dies_is_trained_again(train, tmp_path):
    code, (run,) = train(("dies", DeadlyOnce(path=str(tmp_path / "died"))))
    assert code == 0
    assert run.state()[0] == "done"


@pytest.mark.parametrize(
    ("number", "code", "event"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_an_interrupt_cancels_what_is_in_training(address, tmp_path, number, code, event):
    process = start("dataset=digits", "epochs=100000", *cluster(address), cwd=tmp_path)
    marks = Study("default", tmp_path / "results").marks
    end = time.monotonic() + 100
    while time.monotonic() < end and not any(mark.state == "running" for mark in marks.read().values()):
        time.sleep(0.2)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=100)
    assert process.returncode == code
    assert stderr.endswith(
        f"run.py: {event}; finished runs are stored, and the same command trains the others from their beginning\n"
    )
    assert "Traceback" not in stderr


def test_a_cluster_that_does_not_answer_is_one_line(tmp_path):
    process = start("dataset=iris", *cluster("127.0.0.1:9"), cwd=tmp_path)
    _, stderr = process.communicate(timeout=100)
    assert process.returncode == 2
    assert stderr.startswith(
        "run.py: hydra.launcher.ray.init.address=127.0.0.1:9: no Ray cluster answers; start one with"
    )
    assert stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
