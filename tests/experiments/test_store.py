"""The store: atomic files, what counts as finished, merging and collecting; and a job that fails."""

import json
import multiprocessing
from io import BytesIO

import numpy as np
import pandas as pd
import pytest

from experiments import runner, store, tables
from experiments.config import ConfigError
from experiments.runner import finish, run_job
from experiments.store import Store, load_all_tables, load_records, load_tables, write_bytes

SMALL = ("dataset=moons", "dataset.samples=60", "net.hidden=[4]", "epochs=2", "seeds=2")


@pytest.fixture
def study(tmp_path):
    return Store("study", tmp_path)


@pytest.fixture
def done(settings, study):
    """Return a function that runs a job in the study and says what became of it."""
    return lambda *overrides: run_job(settings(*SMALL, *overrides), study)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "folder/table.csv"
    write_bytes(path, b"old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_bytes(path, b"new and longer")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_a_job_trains_only_what_is_missing(done, study):
    first = done()
    assert (first.trained, first.reused) == (2, 0)
    more = done("seeds=[3,1]")
    assert (more.trained, more.reused) == (1, 1)
    assert study.finished(first.run) == {(0.05, 0), (0.05, 1), (0.05, 3)}
    boundary = np.load(study.run_folder(first.run) / "boundary.npz")
    assert boundary["seed"].tolist() == [0, 1, 3]


def test_forcing_trains_again_and_doubles_nothing(done, study):
    run = done().run
    table = (study.run_folder(run) / "history.csv").read_bytes()
    again = done("force=true")
    assert (again.trained, again.reused) == (2, 0)
    assert (study.run_folder(run) / "history.csv").read_bytes() == table
    assert np.load(study.run_folder(run) / "boundary.npz")["seed"].tolist() == [0, 1]


def halve(content):
    return content[: len(content) // 2]


@pytest.mark.parametrize("name", ["history.csv", "layers.csv", "replicas.csv", "boundary.npz", "status.json"])
@pytest.mark.parametrize("damage", [halve, lambda content: b"", lambda content: b"\0" * len(content)])
def test_what_a_status_does_not_vouch_for_is_not_finished(done, study, name, damage):
    run = done().run
    path = study.run_folder(run) / name
    path.write_bytes(damage(path.read_bytes()))
    assert study.finished(run) == set()
    assert done().trained == 2
    assert len(study.finished(run)) == 2


def test_a_status_of_another_schema_does_not_count(done, study):
    run = done().run
    path = study.run_folder(run) / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": -1}))
    assert study.finished(run) == set()


def test_collecting_joins_runs_whose_settings_differ(done, study, tmp_path):
    done("activation=relu")
    done("activation=elu", "optimizer=adam", "optimizer.lr=0.01")
    study.collect()
    replicas = load_tables("study", tmp_path).replicas
    assert replicas.groupby("activation")["seed"].apply(list).to_dict() == {"relu": [0, 1], "elu": [0, 1]}
    assert replicas.set_index("activation")["activation.alpha"].isna().groupby(level=0).all().to_dict() == {
        "relu": True,
        "elu": False,
    }
    assert len(load_tables("study", tmp_path).history) == 2 * 2 * 3


def test_of_two_rates_the_one_with_the_lower_validation_loss_is_selected_and_a_diverged_one_last():
    def replicas(*rows):
        columns = (*tables.IDENTITY, *tables.OUTCOME)
        frame = pd.DataFrame(rows).assign(run="r").reindex(columns=columns, fill_value="")
        return tables.to_csv(tables.to_text(frame))

    def row(lr, seed, loss, status="done"):
        return {"lr": lr, "seed": seed, "final_validation_loss": loss, "status": status}

    csv = replicas(
        row(0.1, 0, 1.0), row(0.1, 1, 3.0), row(0.01, 0, 1.5), row(0.01, 1, 1.6), row(1.0, 0, 0.1, "diverged")
    )
    chosen = store._with_selected([csv])
    assert chosen[chosen["selected"] == "True"]["lr"].unique().tolist() == ["0.01"]
    only = store._with_selected([replicas(row(1.0, 0, 0.1, "diverged"))])
    assert only["selected"].tolist() == ["True"]


def test_an_unknown_study_is_refused_with_the_nearest(done, study, tmp_path):
    done()
    study.collect()
    with pytest.raises(ConfigError, match=r"no study 'studi' .*did you mean 'study'"):
        load_tables("studi", tmp_path)
    with pytest.raises(ConfigError, match="it is empty"):
        load_tables("studi", tmp_path / "nothing")


def hold(results, held, release):
    with Store("study", results).lock("run"):
        held.set()
        release.wait(30)


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


@pytest.mark.parametrize("error", [RuntimeError("out of luck"), SystemExit(0), MemoryError()])
def test_a_failed_job_is_recorded_and_the_others_go_on(done, settings, study, tmp_path, monkeypatch, capsys, error):
    good = done("activation=tanh")

    def fail(*arguments):
        raise error

    monkeypatch.setattr(runner, "_train", fail)
    bad = done()
    assert bad.failure.startswith(type(error).__name__)
    assert finish([good, bad], study) == 1
    printed = capsys.readouterr()
    assert "tanh" in printed.out
    assert f"failed: {bad.run}" in printed.err
    assert type(error).__name__ in (study.run_folder(bad.run) / "failure.txt").read_text()
    monkeypatch.undo()
    assert done().trained == 2
    assert not (study.run_folder(bad.run) / "failure.txt").exists()


def test_an_interrupt_is_no_failure_of_the_job(done, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "_train", interrupt)
    with pytest.raises(KeyboardInterrupt):
        done()


def test_a_boundary_is_an_array_without_pickle(done, study):
    content = (study.run_folder(done().run) / "boundary.npz").read_bytes()
    with np.load(BytesIO(content), allow_pickle=False) as arrays:
        assert arrays["decision"].shape == (2, 100, 100)


def test_what_only_runs_hold_is_read_for_all_of_them(done, study, tmp_path):
    runs = [done(f"activation={name}").run for name in ("relu", "elu")]
    study.record_failure("moons-tanh-lost", "no")
    study.collect()
    found = load_all_tables("study", tmp_path)
    assert found.confusion.groupby("run")["count"].sum().to_dict() == dict.fromkeys(runs, 2 * 12)
    assert set(found.timing["run"]) == set(runs)
    assert {run: arrays["decision"].shape for run, arrays in found.boundary.items()} == dict.fromkeys(
        runs, (2, 100, 100)
    )
    records = load_records("study", tmp_path)
    assert records["moons-tanh-lost"] == {"failure": "no"}
    assert records[runs[0]]["config"]["seeds"] == [0, 1]
    assert records[runs[0]]["environment"]["entropy"] == 0
