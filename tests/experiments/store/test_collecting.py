"""The tables of a study, as CSV and as Parquet."""

import json
import math
import shutil
from io import BytesIO

import pandas as pd
import pytest

from experiments import tables
from experiments.store.__main__ import main
from experiments.store.collecting import collect, collect_parquet, joined_replicas
from experiments.store.files import fingerprint
from experiments.store.reading import STUDY_TABLES, load_tables
from experiments.store.runs import RunFolder
from tests.experiments.studies import DAMAGES, LINES, study_tables


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
