"""Parts that are trained on other machines: this process stores what they return."""

import json
import shutil
import sys
import time
from concurrent.futures import Future
from functools import partial
from types import SimpleNamespace

import pytest

from experiments.config.errors import ConfigError
from experiments.sweep import remote
from experiments.sweep.jobs import Job
from experiments.sweep.remote import connect, run_far_task
from experiments.sweep.scheduling import number_of_workers, train_all
from experiments.sweep.workers import Board, Task, read_data
from tests.experiments.studies import LINES, study_tables

GRID = "optimizer.lr=[0.001,0.1,0.3]"
TUNED = (GRID, "tune.seeds=[7,8,9]")


class FarAway:
    """A pool that trains as a cluster does, in this process; it notes which replicas, and how far they are."""

    workers = 2

    def __init__(self):
        self.trained, self.epochs = [], {}

    def submit(self, _, task):
        self.trained.append(task.part.replicas)
        progress = SimpleNamespace(note=SimpleNamespace(remote=self.epochs.__setitem__))
        future = Future()
        try:
            future.set_result(run_far_task(task, read_data(task.data), progress))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, *, kill_workers=False):
        assert not kill_workers


@pytest.fixture
def pool():
    return FarAway()


@pytest.fixture
def far(pool):
    """What trains jobs there."""
    return partial(train_all, pool=pool)


def test_the_tables_are_the_same_and_only_what_is_missing_is_sent(sweep, study, pool, far):
    lines = [[*line, "optimizer.lr=[0.05,0.1]"] for line in LINES]
    sweep(*lines)
    here = study_tables(study)
    shutil.rmtree(study.folder)
    sweep([*LINES[0], "optimizer.lr=0.1", "seeds=[1]"])
    assert sweep(*lines, train=far)[2] == [3, 4, 4, 4]
    assert sum(map(len, pool.trained)) == 15
    assert study_tables(study) == here
    assert sweep(*lines, train=far)[2] == [0, 0, 0, 0]


def test_nothing_but_the_finished_run_is_written(sweep, study, far):
    _, (run,), _ = sweep(["checkpoint.every=1"], train=far)
    assert not study.run(run).checkpoints()


def test_it_says_how_far_a_part_is(sweep, pool, far):
    sweep(["seeds=4", "epochs=3"], train=far)
    assert list(pool.epochs.values()) == [6, 6]


@pytest.mark.parametrize("options", [(), ("save=true",), ("force=true",)], ids=str)
def test_tuning_is_the_same(sweep, study, pool, far, options, capsys):
    _, (run,), _ = sweep([*TUNED, *options])
    here, networks = study_tables(study), study.run(run).read().files.get("network.npz")
    if "force=true" not in options:
        shutil.rmtree(study.folder)
    capsys.readouterr()
    assert sweep([*TUNED, *options], train=far)[0] == 0
    assert study_tables(study) == here
    assert study.run(run).read().tuning_seeds == {7, 8, 9}
    assert study.run(run).read().files.get("network.npz") == networks
    assert "11 replicas trained, 0 were there already" in capsys.readouterr().out


def test_an_error_ends_its_run_alone(sweep, study, far, monkeypatch):
    train_part = remote.train_part

    def fail(settings, *arguments):
        if settings.activation.name == "tanh":
            raise RuntimeError("out of luck")
        return train_part(settings, *arguments)

    monkeypatch.setattr(remote, "train_part", fail)
    code, (tanh, relu), _ = sweep(["activation=tanh", *TUNED], ["activation=relu"], train=far)
    assert code == 1
    assert study.unfinished() == {tanh: "failed: RuntimeError: out of luck"}
    assert study.run(relu).state() == ("done", "2 replicas")


def test_the_environment_is_that_of_the_machines_that_trained_the_run(sweep, study, far, monkeypatch):
    cores = iter([64, 16])
    monkeypatch.setattr("experiments.sweep.environment.machine", lambda: {"processor": "far", "cores": next(cores)})
    _, (run,), _ = sweep(["seeds=2"], train=far)
    environment = json.loads((study.run(run).path / "environment.json").read_text())
    assert (environment["processor"], environment["cores"]) == ("far", 64)
    assert environment["other_machines"] == [{"processor": "far", "cores": 16}]


def test_no_more_workers_are_used_than_are_asked_for(settings, pool):
    job = Job.of(settings("dataset=iris", "seeds=3", "workers=1"))
    assert number_of_workers([job], pool) == 1


def test_without_ray_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(remote, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"^hydra/launcher=ray and ray_cluster need Ray: pip install '\.\[ray\]'$"):
        connect({"address": "local"})


class StandIn:
    """A cluster in this process, as `ray`: calls are made at once; the test ends parts, and `fails` ends the actor."""

    def __init__(self):
        self.parts, self.cancelled, self.reads, self.fails = [], [], 0, False

    def remote(self, **options):
        return self.actor if "num_cpus" in options else lambda _: SimpleNamespace(remote=self.begin)

    def actor(self, cls):
        actor = cls()

        def read():
            self.reads += 1
            if self.fails:
                raise RuntimeError("the actor is dead")
            return dict(actor.read())

        calls = SimpleNamespace(note=SimpleNamespace(remote=actor.note), read=SimpleNamespace(remote=read))
        return SimpleNamespace(remote=lambda: calls)

    def begin(self, task, data, progress):
        progress.note.remote(task.line, 5)
        self.parts.append(Future())
        return SimpleNamespace(future=lambda part=self.parts[-1]: part)

    def get(self, value):
        return value

    put = get

    def cancel(self, part, force):
        self.cancelled.append(part)


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def cluster(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", StandIn())
    monkeypatch.setattr(remote, "SECONDS", 0.005)
    monkeypatch.setattr(remote, "read_data", lambda path: None)
    return sys.modules["ray"]


def test_a_line_hears_nothing_of_a_part_that_has_ended(cluster, tmp_path):
    board, pool = Board(tmp_path / "board", 2), remote.RayPool(1)
    future = pool.submit(None, Task(*[None] * 5, tmp_path / "board", 1))
    until(lambda: board.epochs(1) == 5)
    cluster.parts[0].set_result("trained")
    assert future.result() == "trained"
    board.clear(1)
    reads = cluster.reads
    until(lambda: cluster.reads > reads + 3)
    assert not board.begun(1)
    pool.ended.set()


def test_where_progress_is_lost_the_parts_can_be_stopped(cluster, tmp_path):
    board, pool = Board(tmp_path / "board", 2), remote.RayPool(1)
    cluster.fails = True
    pool.submit(None, Task(*[None] * 5, tmp_path / "board", 1))
    until(lambda: cluster.reads > 2)
    board.stop()
    until(lambda: cluster.cancelled)
