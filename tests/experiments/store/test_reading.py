"""The tables of a study, read as frames."""

import json

import pytest

from experiments.config.errors import ConfigError
from experiments.store.reading import load_all_tables, load_records, load_tables, task_id


def test_an_unknown_study_is_refused_with_the_nearest(done):
    done()
    with pytest.raises(ConfigError, match=r"no study 'defalt' .*did you mean 'default'"):
        load_tables("defalt")
    with pytest.raises(ConfigError, match="it is empty"):
        load_tables("defalt", "nothing")


def test_what_only_runs_hold_is_read_for_all_of_them(sweep, study):
    _, runs, _ = sweep(["activation=relu"], ["activation=elu"])
    study.run("moons-tanh-lost").record_failure("no", {})
    found = load_all_tables("default")
    assert found.confusion.groupby("run")["count"].sum().to_dict() == dict.fromkeys(runs, 2 * 12)
    assert found.reliability.groupby("run")["count"].sum().to_dict() == dict.fromkeys(runs, 2 * 12)
    assert set(found.timing["run"]) == set(runs)
    assert {run: arrays["decision"].shape for run, arrays in found.boundary.items()} == dict.fromkeys(
        runs, (2, 100, 100)
    )
    records = load_records("default")
    assert records["moons-tanh-lost"] == {"failure": "no"}
    assert records[runs[0]]["config"]["seeds"] == [0, 1]
    assert records[runs[0]]["environment"]["entropy"] == 0


def test_the_scaling_of_its_inputs_belongs_to_the_task_of_an_autoencoder_alone():
    def task(pixels, task):
        config = json.dumps({"dataset": {"name": "digits", "pixels": pixels}, "task": task})
        return task_id({"config.yaml": config.encode(), "environment.json": b'{"dataset_sha256": "ab"}'})

    assert task(True, "autoencode") != task(False, "autoencode")
    assert task(True, "auto") == task(False, "auto")
