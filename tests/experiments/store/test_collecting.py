"""The tables of a study, as CSV and as Parquet."""

import json
import math
import re
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments import tables
from experiments.config.errors import ConfigError
from experiments.store import collecting
from experiments.store.__main__ import main, verify
from experiments.store.collecting import collect, collect_parquet
from experiments.store.files import checksum, fingerprint, write_bytes
from experiments.store.reading import STUDY_TABLES, load_all_tables, load_tables, read_parquet
from experiments.store.runs import RunFolder
from experiments.sweep.jobs import Job
from experiments.sweep.reproduce import reproduce
from experiments.sweep.runner import run_sweep
from tests.experiments.studies import DAMAGES, LINES, study_tables

TINY = ("net.hidden=[4]", "epochs=1", "seeds=1", "batch_size=8")


def test_collecting_joins_runs_whose_settings_differ(sweep):
    sweep(["activation=relu"], ["activation=elu", "optimizer=adam", "optimizer.lr=0.01"])
    replicas = load_tables("default").replicas
    assert replicas.groupby("activation")["seed"].apply(list).to_dict() == {"relu": [0, 1], "elu": [0, 1]}
    assert replicas.set_index("activation")["activation.alpha"].isna().groupby(level=0).all().to_dict() == {
        "relu": True,
        "elu": False,
    }
    assert len(load_tables("default").history) == 2 * 2 * 3


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
    rewrite_file(
        study.run(runs[0]), "history.csv", b"\n".join([header + b",sharpness", *(row + b",2.5" for row in rows), b""])
    )
    collect(study)
    history = load_tables("default").history
    assert history.groupby("run")["sharpness"].apply(lambda column: column.tolist()).to_dict() == {
        runs[0]: [2.5] * 6,
        runs[1]: pytest.approx([math.nan] * 6, nan_ok=True),
    }
    assert history.drop(columns="sharpness").to_csv(index=False) == pd.read_csv(BytesIO(before)).to_csv(index=False)


@pytest.mark.parametrize("order", [1, -1])
def test_the_epoch_of_early_stopping_stands_with_the_outcome_whichever_run_comes_first(sweep, order):
    lines = [["activation=relu"], ["activation=elu", "early_stopping.patience=1"]]
    for line in lines[::order]:
        sweep(line)
    replicas = load_tables("default").replicas
    first = list(replicas.columns).index("stopped_epoch")
    metrics = tables.sorted_metrics(list(replicas))
    assert list(replicas.columns[first:]) == ["stopped_epoch", *metrics, "task_id", "purpose", "selected"]
    assert replicas.loc[replicas["activation"] == "relu", "stopped_epoch"].isna().all()


def without_metrics(run):
    """Make a run what an earlier version has written, and return its replicas (text cells)."""
    frame = tables.from_csv((run.path / "replicas.csv").read_bytes())
    frame = frame.drop(columns=tables.sorted_metrics(list(frame)))
    rewrite_file(run, "replicas.csv", tables.to_csv(frame))
    return frame


def test_runs_of_an_earlier_version_have_no_metrics_and_keep_their_cells(sweep, study, capsys):
    _, (old, new), _ = sweep(["activation=relu"], ["activation=elu"])
    before = without_metrics(study.run(old))
    collect(study)
    replicas = load_tables("default").replicas
    metrics = tables.sorted_metrics(list(replicas))
    assert "final_test_recall_1" in metrics
    assert replicas.loc[replicas["run"] == old, metrics].isna().all(axis=None)
    assert replicas.loc[replicas["run"] == new, metrics].notna().all(axis=None)
    _, _, trained = sweep(["activation=relu", "seeds=3"])
    assert trained == [1]
    grown = tables.from_csv((study.run(old).path / "replicas.csv").read_bytes())
    columns = list(before)
    assert list(grown)[: len(columns)] == columns
    assert grown[columns].iloc[:2].equals(before)
    assert (grown.drop(columns=columns).iloc[:2] == "").all(axis=None)
    assert (grown.loc[2, metrics] != "").all()
    at_once = study_tables(study)
    (study.folder / ".index.json").unlink()
    collect(study)
    assert study_tables(study) == at_once
    capsys.readouterr()
    assert reproduce(study.run(old).path) == 0
    assert "replicas.csv, 3 rows, without the metrics that an earlier version" in capsys.readouterr().out


def without_later_tables(run):
    """Make a run what an earlier version has written: without the tables of `LATER`, also in its status."""
    path = run.path / "status.json"
    status = json.loads(path.read_text())
    for name in tables.LATER:
        del status["files"][f"{name}.csv"]
        (run.path / f"{name}.csv").unlink()
    path.write_text(json.dumps(status))


def test_runs_of_an_earlier_version_lack_a_table_and_are_not_trained_again(sweep, study, capsys):
    words = (["activation=relu"], ["activation=elu"])
    _, (old, new), _ = sweep(*words)
    complete = run_files(study)
    without_later_tables(study.run(old))
    collect(study)
    assert sweep(*words)[2] == [0, 0]
    assert main(["verify", "study=default"]) == 0
    assert set(load_all_tables("default").reliability["run"]) == {new}
    assert reproduce(study.run(old).path) == 0
    assert "reliability" not in capsys.readouterr().out
    # It grows: the rows of the new replica are added, those of the old ones stay unknown.
    assert sweep(["activation=relu", "seeds=3"])[2] == [1]
    found = load_all_tables("default").reliability
    assert found[found["run"] == old]["seed"].unique().tolist() == [2]
    assert main(["verify", "study=default"]) == 0
    capsys.readouterr()
    assert reproduce(study.run(old).path) == 0
    assert "reliability.csv, 15 rows, without the rows that an earlier version" in capsys.readouterr().out
    shutil.rmtree(study.run(old).path)
    sweep(*words)
    without_later_tables(study.run(old))
    assert sweep(["activation=relu", "force=true"])[2] == [2]
    for name in tables.LATER:
        path = study.run(old).path / f"{name}.csv"
        assert path.read_bytes() == complete[path]


def test_a_study_of_an_earlier_version_has_no_reliability(sweep, study):
    sweep(["activation=relu"])
    for run in study.runs():
        without_later_tables(run)
    assert load_all_tables("default").reliability is None


def test_metrics_that_no_replica_has_are_no_columns(sweep, study):
    """Those of a run that was removed, and those that are not defined for so few rows."""
    _, (classes, _), _ = sweep(["activation=relu"], ["dataset=friedman1", "dataset.samples=60"])
    columns = set(load_tables("default").replicas)
    assert columns >= {"final_test_auc", "final_test_recall_0", "final_test_r2", "final_test_nll"}
    assert not columns & {"final_test_ece_width", "final_test_crossings"}
    shutil.rmtree(study.run(classes).path)
    collect(study)
    columns = set(load_tables("default").replicas)
    assert columns >= {"final_test_r2", "final_test_nll"}
    assert not columns & {"final_test_auc", "final_test_recall_0"}


NAMES = ("a,b", 'say "x"', "größe", "two\nlines")


def test_a_class_may_have_any_name_in_a_column(settings, study):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=100), "z": rng.normal(size=100), "kind": list(NAMES) * 25})
    frame.to_csv("kinds.csv", index=False)
    words = ("dataset=csv", "dataset.path=kinds.csv", "dataset.target=kind", "metrics.every_epoch=true")
    jobs = [Job.of(settings(*line, *TINY)) for line in (words, ("dataset=iris",))]
    for job in jobs:  # when the second one is collected, the rows of the first are copied
        assert run_sweep([job]) == 0
    for _ in range(2):
        loaded = load_tables("default")
        for prefix, table in (("", loaded.history), ("final_", loaded.replicas)):
            named = table["run"] == jobs[0].run
            recalls = [f"{prefix}test_recall_{name}" for name in NAMES]
            assert named.nunique() == 2
            assert table.loc[named, recalls].notna().all(axis=None)
            assert table.loc[~named, recalls].isna().all(axis=None)
        parquet = read_parquet(collect_parquet(study) / "history", {job.run for job in jobs})
        assert set(parquet) == set(loaded.history)
        assert not verify(study)
        (study.folder / ".index.json").unlink()
        collect(study)


def rewrite_file(run, name, content):
    """Replace or add a file of a run as a finished run has it: status.json states its checksum."""
    (run.path / name).write_bytes(content)
    path = run.path / "status.json"
    status = json.loads(path.read_text())
    status["files"][name] = fingerprint(name, content)
    path.write_text(json.dumps(status))


def run_files(study):
    return {path: path.read_bytes() for path in study.folder.glob("runs/*/*")}


def test_the_selected_rate_has_the_lower_error_not_the_lower_loss(sweep, study):
    _, (name,), _ = sweep(["optimizer.lr=[0.05,0.1]"])
    run = study.run(name)
    frame = tables.from_csv((run.path / "replicas.csv").read_bytes())
    small = frame["lr"] == "0.05"
    frame["final_validation_loss"] = np.where(small, "0.3", "0.4")
    frame["final_validation_error"] = np.where(small, "0.09", "0.06")
    rewrite_file(run, "replicas.csv", tables.to_csv(frame))
    collect(study)
    replicas = load_tables("default").replicas
    assert replicas.loc[replicas["selected"], "lr"].tolist() == [0.1, 0.1]


@pytest.mark.parametrize("layout", [None, {"selected": ["final_validation_loss"]}])
def test_tables_of_another_rule_are_written_anew_and_runs_keep_their_bytes(sweep, study, layout):
    sweep(*LINES[:2])
    tables_before, runs_before = study_tables(study), run_files(study)
    # An earlier version's table: its rows are as they were written, and its last column marks other rows.
    old = tables.from_csv(tables_before["replicas"]).drop(columns=["task_id", "purpose"])
    old["selected"] = "False"
    (study.folder / "replicas.csv").write_bytes(tables.to_csv(old))
    index = json.loads((study.folder / ".index.json").read_text())
    index["sha256"]["replicas"] = checksum(study.folder / "replicas.csv")
    index["layout"] = layout
    (study.folder / ".index.json").write_text(
        json.dumps({key: value for key, value in index.items() if value is not None})
    )
    collect(study)
    assert study_tables(study) == tables_before
    assert run_files(study) == runs_before


def test_tuning_seeds_choose_and_are_not_selected(sweep, study):
    _, (name, other), _ = sweep(["optimizer.lr=[0.05,0.1]", "seeds=[0,1,9]"], ["activation=tanh", "seeds=[0,9]"])
    run = study.run(name)
    frame = tables.from_csv((run.path / "replicas.csv").read_bytes())
    # On the tuning seed 0.1 is the better rate, on the others it is the worse one.
    frame["final_validation_error"] = np.where((frame["lr"] == "0.1") == (frame["seed"] == "9"), "0.1", "0.2")
    rewrite_file(run, "replicas.csv", tables.to_csv(frame))
    rewrite_file(run, "tuning.json", b'{"seeds": [9]}')
    collect(study)
    for _ in range(2):
        replicas = load_tables("default").replicas
        purposes = replicas.set_index(["run", "seed"])["purpose"].groupby(level=[0, 1]).unique().map(list)
        assert purposes[name].to_dict() == {0: ["report"], 1: ["report"], 9: ["tuning"]}
        assert purposes[other].to_dict() == {0: ["report"], 9: ["report"]}
        chosen = replicas[replicas["selected"] & (replicas["run"] == name)]
        assert list(zip(chosen["lr"], chosen["seed"], strict=True)) == [(0.1, 0), (0.1, 1)]
        sweep(["activation=elu"])  # the rows are copied from the table


def test_a_task_is_its_data_target_task_division_and_entropy(sweep, study):
    def tasks(*lines):
        _, runs, _ = sweep(*lines)
        by_run = load_tables("default").replicas.groupby("run")["task_id"].unique()
        return [by_run[run].item() for run in runs]

    one, same, *others = tasks(
        ["activation=relu"],
        ["activation=elu", "optimizer=adam", "epochs=1", "seeds=[7]", "class_weight=balanced"],
        ["dataset.noise=0.4"],
        ["task=autoencode"],
        ["split.test=0.3"],
        ["split.validation=0.3"],
        ["entropy=1"],
    )
    assert one == same
    assert len({one, *others}) == 6
    assert all(re.fullmatch("[at][0-9a-f]{10}", task) for task in (one, *others))
    assert [task[0] for task in (one, *others)] == ["t", "t", "a", "t", "t", "t"]


def test_tables_of_one_name_are_tasks_of_their_own(settings, study):
    generator = np.random.default_rng(0)
    for folder in ("a", "b"):
        frame = pd.DataFrame(generator.normal(size=(60, 4)), columns=["x", "y", "mpg", "weight"])
        Path(folder).mkdir()
        frame.to_csv(f"{folder}/train.csv", index=False)
    shutil.copytree("a", "copy")
    jobs = [
        Job.of(settings("dataset=csv", f"dataset.path={path}/train.csv", f"dataset.target={target}", *further, *TINY))
        for path, target, *further in (
            ("a", "mpg"),
            ("a", "weight"),
            ("b", "mpg"),
            ("copy", "mpg", "activation=elu"),
        )
    ]
    assert run_sweep(jobs) == 0
    by_run = load_tables("default").replicas.drop_duplicates("run").set_index("run")["task_id"]
    mpg, weight, other, copy = (by_run[job.run] for job in jobs)
    assert mpg == copy
    assert len({mpg, weight, other}) == 3


def test_a_run_that_does_not_record_its_data_has_the_task_of_its_settings(sweep, study):
    _, runs, _ = sweep(["activation=relu"], ["activation=elu"], ["dataset.noise=0.4"])
    for name in runs:
        path = study.run(name).path / "environment.json"
        facts = json.loads(path.read_text())
        del facts["dataset_sha256"]
        rewrite_file(study.run(name), "environment.json", json.dumps(facts).encode())
    collect(study)
    by_run = load_tables("default").replicas.drop_duplicates("run").set_index("run")["task_id"]
    first, second, other = (by_run[run] for run in runs)
    assert first == second != other


def test_parquet_files_answer_a_query(sweep, study):
    import duckdb

    sweep(*LINES)
    assert main(["collect", "study=default", "format=parquet"]) == 0
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
    kinds = duckdb.sql("select distinct task_id, purpose from 'results/default/parquet/replicas.parquet'").fetchall()
    assert kinds == [(load_tables("default").replicas["task_id"].iloc[0], "report")]


@pytest.fixture
def large(monkeypatch):
    """Let every study be so large that its tables are collected into Parquet files."""
    monkeypatch.setattr(collecting, "PARQUET_FROM", 1)


def parquet_files(study):
    return {path.name: path.stat().st_mtime_ns for path in study.folder.glob("parquet/*/*/*/*.parquet")}


def test_a_large_study_is_collected_into_parquet_files_and_read_from_them(sweep, study, monkeypatch):
    _, _, _ = sweep(*LINES, ["activation=relu", "diagnostics.sharpness=true"], ["epochs=1", "diagnostics.layers=false"])
    csv, content = load_tables("default"), study_tables(study)
    monkeypatch.setattr(collecting, "PARQUET_FROM", 1)
    collect(study)
    assert sorted(path.name for path in study.folder.glob("*.csv")) == ["replicas.csv"]
    for ours, theirs in zip(load_tables("default")[:3], csv[:3], strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    monkeypatch.setattr(collecting, "PARQUET_FROM", 1e9)
    collect(study)
    assert study_tables(study) == content


def test_a_run_more_is_a_file_more(sweep, study, large, monkeypatch):
    _, runs, _ = sweep(*LINES[:2])
    before = parquet_files(study)
    read = []
    read_table = tables.read
    monkeypatch.setattr(tables, "read", lambda source: read.append(str(source)) or read_table(source))
    sweep(LINES[2])
    assert parquet_files(study).items() > before.items()
    assert not any(run in path for run in runs for path in read if path.endswith(("history.csv", "layers.csv")))
    shutil.rmtree(study.run(runs[0]).path)
    collect(study)
    assert not any(name.startswith(runs[0]) for name in parquet_files(study))
    assert set(load_tables("default").history["run"]) == {run.name for run in study.runs()}


def test_who_reads_while_a_study_is_collected_sees_all_of_its_runs(sweep, study, large, monkeypatch):
    def reading(path, content):
        write_bytes(path, content)
        tables = load_tables("default")
        assert set(tables.history["run"]) == set(tables.layers["run"]) == set(tables.replicas["run"])
        seen.append(path.suffix)

    monkeypatch.setattr(collecting, "PARQUET_FROM", 1e9)
    sweep(*LINES[:2])
    monkeypatch.setattr(collecting, "PARQUET_FROM", 1)
    seen = []
    monkeypatch.setattr(collecting, "write_bytes", reading)
    collect(study)  # from CSV files to Parquet files
    assert seen.count(".parquet") == 5
    sweep(LINES[2])
    assert seen.count(".parquet") == 8
    monkeypatch.setattr(collecting, "rows_of_parquet", None)  # where nothing is new, no Parquet file is read
    collect(study)


def test_a_reader_refuses_parquet_files_that_are_not_those_of_the_replicas(sweep, study, large):
    _, (run, _), _ = sweep(*LINES[:2])
    path = next(study.folder.glob(f"parquet/history/*/*/{run}-*.parquet"))
    twice = path.with_name(f"{run}-0000.parquet")
    shutil.copy(path, twice)
    hint = "not those of the runs in replicas.csv.*; run: python -m experiments.store collect study=default"
    with pytest.raises(ConfigError, match=hint):
        load_tables("default")
    twice.unlink()
    path.unlink()
    with pytest.raises(ConfigError, match=hint):
        load_tables("default")


@pytest.mark.parametrize("damage", ["halved", "emptied", "removed"])
def test_a_damaged_parquet_file_is_found_and_written_anew(sweep, study, large, capsys, damage):
    sweep(*LINES[:2])
    expected = load_tables("default").layers
    path = next(study.folder.glob("parquet/layers/*/*/*.parquet"))
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert main(["verify", "study=default"]) == 1
    assert "run: python -m experiments.store collect study=default" in capsys.readouterr().out
    assert main(["collect", "study=default"]) == 0
    assert main(["verify", "study=default"]) == 0
    assert "replicas.csv, results/default/parquet" in capsys.readouterr().out
    pd.testing.assert_frame_equal(load_tables("default").layers, expected)


@pytest.mark.parametrize("table", ["layers", "replicas"])
def test_a_damaged_copy_in_parquet_is_found_and_written_anew(sweep, study, capsys, table):
    sweep(*LINES[:2])
    assert main(["collect", "study=default", "format=parquet"]) == 0
    path = next(study.folder.glob(f"parquet/**/*{'layers/*/*/*' if table == 'layers' else 'replicas'}.parquet"))
    path.write_bytes(path.read_bytes()[:99])
    assert main(["verify", "study=default"]) == 1
    out = capsys.readouterr().out
    assert f"{path.name} is damaged; run: python -m experiments.store collect study=default format=parquet" in out
    assert main(["collect", "study=default", "format=parquet"]) == 0
    assert main(["verify", "study=default"]) == 0


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_study_without_runs_has_no_tables(sweep, study, capsys, format):
    sweep(*LINES[:1])
    main(["collect", "study=default", "format=parquet"])
    for run in study.runs():
        shutil.rmtree(run.path)
    capsys.readouterr()
    for _ in range(2):
        assert main(["collect", "study=default", f"format={format}"]) == 0
        assert capsys.readouterr().out == "nothing to collect: no run is finished\n"
        assert not list(study.folder.glob("*.csv"))
        assert not list(study.folder.rglob("*.parquet"))


def test_a_study_without_diagnostics_has_a_table_of_layers_without_rows(sweep, study, large):
    sweep(["diagnostics.layers=false"])
    layers = load_tables("default").layers
    assert layers.empty
    assert tuple(layers) == tables.LAYERS


def test_without_pyarrow_a_large_study_stays_csv_and_says_so(sweep, study, large, capsys, monkeypatch):
    monkeypatch.setattr(collecting, "find_spec", lambda name: None)
    sweep(LINES[0])
    assert set(study_tables(study)) == set(STUDY_TABLES)
    capsys.readouterr()
    assert main(["collect", "study=default"]) == 0
    out = capsys.readouterr().out
    assert "history.csv" in out
    assert out.endswith("for so many rows Parquet files are faster: pip install '.[parquet]'\n")
