"""A run's folder: which replicas are finished, what is added, its lock and its checkpoints."""

import json
import multiprocessing
import shutil

import numpy as np
import pytest

from experiments.config.settings import SCHEMA_VERSION
from experiments.store.study import Study
from experiments.sweep import workers
from nets import NUMERICS
from tests.experiments.studies import DAMAGES, study_tables


def test_a_job_trains_only_what_is_missing(done, study):
    run, trained = done()
    assert trained == 2
    assert done("seeds=[3,1]") == (run, 1)
    assert study.run(run).read().outcomes == {(0.05, 0): "done", (0.05, 1): "done", (0.05, 3): "done"}
    assert np.load(study.run(run).path / "boundary.npz")["seed"].tolist() == [0, 1, 3]


def test_decisions_are_added_to_a_run_of_which_nothing_had_finished(done, study):
    run, _ = done("optimizer.lr=[1e20]", "output=linear_mse")
    assert done("optimizer.lr=[0.05]", "output=linear_mse") == (run, 2)
    assert study.run(run).failure() is None
    assert np.load(study.run(run).path / "boundary.npz")["decision"].shape == (2, 100, 100)


def test_forcing_trains_again_and_doubles_nothing(done, study):
    run, _ = done()
    table = (study.run(run).path / "history.csv").read_bytes()
    assert done("force=true") == (run, 2)
    assert (study.run(run).path / "history.csv").read_bytes() == table
    assert np.load(study.run(run).path / "boundary.npz")["seed"].tolist() == [0, 1]


FILES = ("history.csv", "layers.csv", "replicas.csv", "reliability.csv", "boundary.npz", "status.json")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_a_status_does_not_vouch_for_is_not_finished(done, study, name, damage):
    run, _ = done()
    path = study.run(run).path / name
    before = path.read_bytes()
    path.write_bytes(DAMAGES[damage](before))
    assert study.run(run).state()[0] == "damaged"
    assert not study.run(run).read().outcomes
    assert done() == (run, 2)
    assert len(study.run(run).read().outcomes) == 2
    assert path.read_bytes() == before or name == "status.json"


def test_a_status_of_another_schema_does_not_count(done, study):
    run, _ = done()
    path = study.run(run).path / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": -1}))
    assert not study.run(run).read().outcomes
    assert study.run(run).state()[0] == "outdated"


def hold(results, held, release):
    with Study("study", results).run("run").lock():
        held.set()
        release.wait(30)


def test_a_study_says_which_runs_are_not_finished(sweep, study):
    _, (finished, incomplete, failed, waiting, killed), _ = sweep(
        *([f"activation={name}"] for name in ("relu", "tanh", "elu", "selu", "celu"))
    )
    assert study.unfinished() == {}
    (study.run(incomplete).path / "status.json").unlink()
    study.run(failed).record_failure("Traceback\nValueError: no", {})
    study.marks.write(finished, "done")
    study.marks.write(waiting, "waiting")
    study.marks.write(killed, "running", 7)
    study.marks.write("planned", "waiting")
    expected = {
        incomplete: "was interrupted",
        failed: "failed: ValueError: no",
        waiting: "waits to be trained",
        killed: "was interrupted",
        "planned": "waits to be trained",
    }
    assert study.unfinished() == expected
    with study.run(killed).lock():
        assert study.unfinished() == expected | {killed: "is being trained"}


def test_a_run_without_reported_seeds_is_not_finished(sweep, study, monkeypatch):
    train_part = workers.train_part

    def fail(settings, part, *arguments, **options):
        if part.replicas[0][1] == 0:
            raise KeyboardInterrupt
        return train_part(settings, part, *arguments, **options)

    monkeypatch.setattr(workers, "train_part", fail)
    with pytest.raises(KeyboardInterrupt):
        sweep(["optimizer.lr=[0.01,0.1]", "tune.seeds=2"])
    (run,) = study.runs()
    assert study.unfinished() == {run.name: "was interrupted"}
    study.marks.clear([run.name])
    assert study.unfinished() == {run.name: "is tuned, but not reported"}
    monkeypatch.setattr(workers, "train_part", train_part)
    sweep(["optimizer.lr=[0.01,0.1]", "tune.seeds=2"])
    assert study.unfinished() == {}


def test_a_run_is_trained_by_one_process_at_a_time(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path, held, release))
    other.start()
    assert held.wait(30)
    from filelock import FileLock

    lock = FileLock(tmp_path / "study/.locks/run.lock")
    with pytest.raises(TimeoutError):
        lock.acquire(timeout=0.2)
    release.set()
    other.join(30)
    with lock.acquire(timeout=5):
        pass


@pytest.mark.parametrize("damage", ["halved", "emptied", "nul", "bit flipped", "another arithmetic"])
def test_a_damaged_checkpoint_is_not_used(done, study, damage):
    done("epochs=6", "checkpoint.every=0")
    undisturbed = study_tables(study)
    shutil.rmtree(study.folder)
    run, _ = done("epochs=6", "checkpoint.every=0")
    shutil.rmtree(study.run(run).path)
    arrays = {"lr": np.array([0.05, 0.05]), "seed": np.array([0, 1]), "epoch": np.array(3)}
    study.run(run).keep_checkpoint(arrays)
    (path,) = (study.run(run).path / ".checkpoints").iterdir()
    if damage == "another arithmetic":
        versions = {"schema": np.array(SCHEMA_VERSION), "numerics": np.array(NUMERICS - 1)}
        np.savez(path, allow_pickle=False, **versions, **arrays)
    else:
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert not study.run(run).checkpoints()
    done("epochs=6")
    assert study_tables(study) == undisturbed
