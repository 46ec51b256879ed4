"""The store: files, runs, collecting, reading and the command; and jobs that fail."""

import json
import math
import multiprocessing
import shutil
from concurrent.futures.process import BrokenProcessPool
from io import BytesIO

import numpy as np
import pandas as pd
import pytest

from experiments import tables
from experiments.config.errors import ConfigError
from experiments.store import files as store_files
from experiments.store.__main__ import main
from experiments.store.collecting import collect, collect_parquet, joined_replicas
from experiments.store.files import fingerprint, write_bytes
from experiments.store.reading import STUDY_TABLES, load_all_tables, load_records, load_tables
from experiments.store.runs import RunFolder
from experiments.store.study import Study
from experiments.sweep.jobs import Job, run_job, train_remotely
from experiments.sweep.runner import run_here, run_sweep
from experiments.training import stack as training

STACK, TRAIN_EPOCH = training._Stack, "_train_epoch"  # the class that trains replicas, and its method for one epoch

SMALL = ("dataset=moons", "dataset.samples=60", "net.hidden=[4]", "epochs=2", "seeds=2")


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Study("default")


@pytest.fixture
def sweep(settings, study):
    """Return a function that runs a sweep of one job for each list of overrides: `sweep(["activation=relu"])`."""

    def run(*lines, launch=None):
        jobs = [Job.of(settings(*SMALL, *line), line) for line in lines]
        return run_sweep(jobs, launch or run_here), [job.run for job in jobs], [len(job.missing) for job in jobs]

    return run


@pytest.fixture
def done(sweep):
    """Return a function that runs a job: `done("activation=relu")` is (name of the run, number of replicas trained)."""

    def run(*overrides):
        code, (name,), (trained,) = sweep(list(overrides))
        assert code == 0
        return name, trained

    return run


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "folder/table.csv"
    write_bytes(path, b"old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_bytes(path, b"new and longer")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


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


def halve(content):
    return content[: len(content) // 2]


DAMAGES = {
    "halved": halve,
    "emptied": lambda content: b"",
    "nul": lambda content: content[:-20] + b"\0" * 20,
    "bit flipped": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "header repeated": lambda content: content + content.partition(b"\n")[0] + b"\n",
    "a digit lost": lambda content: content[:-2] + b"\n",
}


@pytest.mark.parametrize("name", ["history.csv", "layers.csv", "replicas.csv", "boundary.npz", "status.json"])
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


# --- the study's tables


def test_collecting_joins_runs_whose_settings_differ(sweep):
    sweep(["activation=relu"], ["activation=elu", "optimizer=adam", "optimizer.lr=0.01"])
    replicas = load_tables("default").replicas
    assert replicas.groupby("activation")["seed"].apply(list).to_dict() == {"relu": [0, 1], "elu": [0, 1]}
    assert replicas.set_index("activation")["activation.alpha"].isna().groupby(level=0).all().to_dict() == {
        "relu": True,
        "elu": False,
    }
    assert len(load_tables("default").history) == 2 * 2 * 3


def study_tables(study):
    return {name: (study.folder / f"{name}.csv").read_bytes() for name in STUDY_TABLES}


LINES = [["activation=tanh"], ["activation=elu", "optimizer=adam"], ["activation=relu"], ["output=linear_hinge"]]


def test_tables_are_the_same_in_whatever_order_runs_come_and_go(sweep, study):
    sweep(*LINES)
    at_once = study_tables(study)
    (study.folder / ".index.json").unlink()
    collect(study)
    assert study_tables(study) == at_once
    shutil.rmtree(study.folder)
    for line in reversed(LINES):
        sweep(line)
    assert study_tables(study) == at_once
    _, (run,), _ = sweep(["activation=mish", "activation_l1=0.1", "schedule=cosine"])
    assert study_tables(study) != at_once
    shutil.rmtree(study.run(run).path)
    collect(study)
    assert study_tables(study) == at_once


def test_only_new_runs_are_read(sweep, study, monkeypatch):
    sweep(*LINES[:3])
    read = []
    read_run = RunFolder.read
    monkeypatch.setattr(RunFolder, "read", lambda self: read.append(self.name) or read_run(self))
    collect(study)
    assert not read
    _, (run,), _ = sweep(LINES[3])
    assert set(read) == {run}


def test_a_sweep_of_finished_runs_reads_each_of_them_once(sweep, monkeypatch):
    sweep(*LINES)
    read = []
    read_run = RunFolder.read
    monkeypatch.setattr(RunFolder, "read", lambda self: read.append(self.name) or read_run(self))
    _, runs, missing = sweep(*LINES)
    assert missing == [0, 0, 0, 0]
    assert sorted(read) == sorted(runs)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", STUDY_TABLES)
def test_a_damaged_table_of_the_study_is_written_anew(sweep, study, name, damage):
    sweep(*LINES[:2])
    before = study_tables(study)
    (study.folder / f"{name}.csv").write_bytes(DAMAGES[damage](before[name]))
    collect(study)
    assert study_tables(study) == before


def test_a_column_that_only_some_runs_have_is_empty_in_the_others(sweep, study):
    _, runs, _ = sweep(*LINES[:2])
    before = study_tables(study)["history"]
    wide = study.run(runs[0]).path / "history.csv"
    header, *rows = wide.read_bytes().splitlines()
    wide.write_bytes(b"\n".join([header + b",sharpness", *(row + b",2.5" for row in rows), b""]))
    path = study.run(runs[0]).path / "status.json"
    status = json.loads(path.read_text())
    status["files"]["history.csv"] = fingerprint("history.csv", wide.read_bytes())
    path.write_text(json.dumps(status))
    collect(study)
    history = load_tables("default").history
    assert history.groupby("run")["sharpness"].apply(lambda column: column.tolist()).to_dict() == {
        runs[0]: [2.5] * 6,
        runs[1]: pytest.approx([math.nan] * 6, nan_ok=True),
    }
    assert history.drop(columns="sharpness").to_csv(index=False) == pd.read_csv(BytesIO(before)).to_csv(index=False)


def test_of_two_rates_the_one_with_the_lower_validation_loss_is_selected_and_a_diverged_one_last():
    def replicas(*rows):
        columns = (*tables.IDENTITY, *tables.OUTCOME)
        return tables.to_text(pd.DataFrame(rows).assign(run="r").reindex(columns=columns, fill_value=""))

    def row(lr, seed, loss, status="done"):
        return {"lr": lr, "seed": seed, "final_validation_loss": loss, "status": status}

    frame = replicas(
        row(0.1, 0, 1.0), row(0.1, 1, 3.0), row(0.01, 0, 1.5), row(0.01, 1, 1.6), row(1.0, 0, 0.1, "diverged")
    )
    chosen = joined_replicas([frame])
    assert chosen[chosen["selected"] == "True"]["lr"].unique().tolist() == ["0.01"]
    only = joined_replicas([replicas(row(1.0, 0, 0.1, "diverged"))])
    assert only["selected"].tolist() == ["True"]


def test_an_unknown_study_is_refused_with_the_nearest(done):
    done()
    with pytest.raises(ConfigError, match=r"no study 'defalt' .*did you mean 'default'"):
        load_tables("defalt")
    with pytest.raises(ConfigError, match="it is empty"):
        load_tables("defalt", "nothing")


# --- what fails


def hold(results, held, release):
    with Study("study", results).run("run").lock():
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


@pytest.mark.parametrize("error", [RuntimeError("out of luck"), SystemExit(0), MemoryError()], ids=repr)
def test_a_failed_job_is_recorded_and_the_others_go_on(sweep, done, study, monkeypatch, capsys, error):
    train = training.train

    def fail(settings, *arguments, **options):
        if settings.activation.name == "relu":
            raise error
        return train(settings, *arguments, **options)

    monkeypatch.setattr(training, "train", fail)
    code, runs, _ = sweep(["activation=relu"], ["activation=tanh"])
    assert code == 1
    printed = capsys.readouterr()
    assert "tanh" in printed.out
    assert f"failed: {runs[0]}: {type(error).__name__}" in printed.err
    folder = study.run(runs[0]).path
    assert type(error).__name__ in (folder / "failure.txt").read_text()
    record = json.loads((folder / "failure.json").read_text())
    assert record["status"].startswith(type(error).__name__)
    assert record["command"] == "python run.py activation=relu"
    assert study.run(runs[0]).state()[0] == "failed"
    monkeypatch.setattr(training, "train", train)
    assert done("activation=relu") == (runs[0], 2)
    assert not (folder / "failure.txt").exists()
    assert study.run(runs[0]).state()[0] == "done"


def test_an_interrupt_collects_what_is_done_and_goes_on_up(sweep, study, monkeypatch):
    train = training.train

    def interrupt(settings, *arguments, **options):
        if settings.activation.name == "tanh":
            raise KeyboardInterrupt
        return train(settings, *arguments, **options)

    monkeypatch.setattr(training, "train", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sweep(["activation=relu"], ["activation=tanh"])
    assert set(load_tables("default").replicas["activation"]) == {"relu"}


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
        lines = [line for job in jobs for line in job.lines()]
        return [train_remotely(settings(*SMALL, *line), line) for line in lines]

    assert sweep(*lines, launch=far_away)[2] == [3, 4, 4, 4]
    assert study_tables(study) == here
    assert [path.name for path in study.folder.parent.iterdir()] == ["default"]


def test_results_that_come_back_as_data_belong_to_the_study_of_their_job(settings, study):
    jobs = [Job.of(settings(*SMALL, f"study={name}")) for name in ("default", "other")]
    assert run_sweep(jobs, lambda pending: [train_remotely(job.settings) for job in pending]) == 0
    assert [job.folder.read().state for job in jobs] == ["done", "done"]


# --- checkpoints


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("threads", [(1, 1), (2, 1), (1, 2)])
def test_an_interrupted_training_goes_on_as_if_it_had_not_been(done, sweep, study, monkeypatch, optimizer, threads):
    overrides = [f"optimizer={optimizer}", "optimizer.lr=[0.01,1000]", "output=linear_mse", "seeds=3", "epochs=9"]
    done(*overrides, "checkpoint.every=0")
    undisturbed = study_tables(study)
    shutil.rmtree(study.folder)
    kept = []
    keep = RunFolder.keep_checkpoint

    def interrupted(self, arrays):
        keep(self, arrays)
        kept.append(int(arrays["epoch"]))
        if len(kept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunFolder, "keep_checkpoint", interrupted)
    first, then = threads
    with pytest.raises(KeyboardInterrupt):
        sweep([*overrides, "checkpoint.every=2", f"threads={first}"])
    (run,) = study.runs()
    assert run.state()[0] == "incomplete"
    monkeypatch.setattr(RunFolder, "keep_checkpoint", keep)
    epochs = []
    train_epoch = getattr(STACK, TRAIN_EPOCH)
    monkeypatch.setattr(STACK, TRAIN_EPOCH, lambda self, epoch: epochs.append(epoch) or train_epoch(self, epoch))
    done(*overrides, "checkpoint.every=2", f"threads={then}")
    assert min(epochs) > 1
    assert study_tables(study) == undisturbed
    assert not (run.path / ".checkpoints").exists()


@pytest.mark.parametrize("damage", ["halved", "emptied", "nul", "bit flipped"])
def test_a_damaged_checkpoint_is_not_used(done, study, damage):
    done("epochs=6", "checkpoint.every=0")
    undisturbed = study_tables(study)
    shutil.rmtree(study.folder)
    run, _ = done("epochs=6", "checkpoint.every=0")
    shutil.rmtree(study.run(run).path)
    arrays = {"lr": np.array([0.05, 0.05]), "seed": np.array([0, 1]), "epoch": np.array(3)}
    study.run(run).keep_checkpoint(arrays)
    (path,) = (study.run(run).path / ".checkpoints").iterdir()
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert not study.run(run).checkpoints()
    done("epochs=6")
    assert study_tables(study) == undisturbed


# --- the command


def command(capsys, *arguments):
    code = main(list(arguments))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_status_says_what_each_run_is_worth(sweep, study, capsys):
    _, runs, _ = sweep(*LINES)
    (study.run(runs[0]).path / "history.csv").write_bytes(b"")
    (study.run(runs[1]).path / "status.json").unlink()
    study.run(runs[2]).record_failure("Traceback\nValueError: no", {})
    capsys.readouterr()
    code, out, _ = command(capsys, "status", "study=default")
    assert code == 0
    states = {line.split()[1]: line.split()[0] for line in out.splitlines()[:-1]}
    assert states == dict(zip(runs, ["damaged", "incomplete", "failed", "done"], strict=True))
    assert "ValueError: no" in out
    assert out.splitlines()[-1] == "1 damaged, 1 done, 1 failed, 1 incomplete"


def test_verify_finds_what_is_wrong(sweep, study, capsys):
    _, runs, _ = sweep(*LINES)
    capsys.readouterr()
    assert command(capsys, "verify", "study=default")[:2] == (0, "4 runs, 0 problems\n")
    path = study.run(runs[0]).path / "layers.csv"
    path.write_bytes(path.read_bytes()[:-1])
    (study.folder / "history.csv").write_bytes(b"")
    code, out, _ = command(capsys, "verify", "study=default")
    assert code == 1
    assert f"{runs[0]}: damaged: layers.csv" in out
    assert "store collect study=default" in out


def test_verify_reads_the_cells_too(done, study, capsys):
    run, _ = done()
    path = study.run(run).path / "history.csv"
    path.write_bytes(path.read_bytes().replace(b"0.05,0,0,", b"0.05,0,zero,"))
    status = study.run(run).path / "status.json"
    record = json.loads(status.read_text())
    record["files"]["history.csv"] = fingerprint("history.csv", path.read_bytes())
    status.write_text(json.dumps(record))
    capsys.readouterr()
    code, out, _ = command(capsys, "verify", "study=default")
    assert code == 1
    assert "history.csv: column epoch" in out


def test_prune_removes_what_nothing_uses_again(sweep, study, capsys):
    _, runs, _ = sweep(*LINES)
    kept = study_tables(study)
    _, (broken,), _ = sweep(["activation=mish"])
    (study.run(broken).path / "history.csv").write_bytes(b"")
    left = study.run(runs[0]).path / ".history.csv.abc_123"
    left.write_bytes(b"half")
    capsys.readouterr()
    code, out, _ = command(capsys, "prune", "study=default")
    assert code == 0
    assert sorted(out.splitlines()) == sorted([f"removed {study.run(broken).path}", f"removed {left}"])
    assert [run.name for run in study.runs()] == sorted(runs)
    assert study_tables(study) == kept


def test_parquet_files_answer_a_query(sweep, study, capsys):
    import duckdb

    sweep(*LINES)
    capsys.readouterr()
    assert command(capsys, "collect", "study=default", "format=parquet")[0] == 0
    query = (
        "select activation, count(*), max(epoch) from read_parquet('results/default/parquet/history/**/*.parquet', "
        "hive_partitioning=true) group by activation order by activation"
    )
    assert duckdb.sql(query).fetchall() == [("elu", 6, 2), ("relu", 12, 2), ("tanh", 6, 2)]
    written = {path: path.stat().st_mtime_ns for path in study.folder.glob("parquet/history/**/*.parquet")}
    sweep(["activation=mish"])
    collect_parquet(study)
    after = {path: path.stat().st_mtime_ns for path in study.folder.glob("parquet/history/**/*.parquet")}
    assert after.items() > written.items()
    assert len(after) == len(written) + 1
    selected = duckdb.sql("select count(*) from 'results/default/parquet/replicas.parquet' where selected").fetchall()
    assert selected == [(10,)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stats", "study=default"], "unknown command 'stats': did you mean 'status'?"),
        (["status", "study=defautl"], "no study 'defautl' in results/: did you mean 'default'?"),
        (["status"], "which study? Allowed: default"),
        (["status", "stduy=default"], "unknown argument 'stduy=default': did you mean 'study'?"),
        (["collect", "study=default", "format=xlsx"], "format=xlsx: Allowed: csv, parquet"),
    ],
)
def test_a_bad_argument_is_one_line(done, capsys, arguments, message):
    done()
    capsys.readouterr()
    code, out, err = command(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"store: {message}")
    assert err.count("\n") == 1


def test_what_only_runs_hold_is_read_for_all_of_them(sweep, study):
    _, runs, _ = sweep(["activation=relu"], ["activation=elu"])
    study.run("moons-tanh-lost").record_failure("no", {})
    found = load_all_tables("default")
    assert found.confusion.groupby("run")["count"].sum().to_dict() == dict.fromkeys(runs, 2 * 12)
    assert set(found.timing["run"]) == set(runs)
    assert {run: arrays["decision"].shape for run, arrays in found.boundary.items()} == dict.fromkeys(
        runs, (2, 100, 100)
    )
    records = load_records("default")
    assert records["moons-tanh-lost"] == {"failure": "no"}
    assert records[runs[0]]["config"]["seeds"] == [0, 1]
    assert records[runs[0]]["environment"]["entropy"] == 0
