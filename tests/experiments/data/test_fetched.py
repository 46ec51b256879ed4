"""What scikit-learn fetches is read from its cache, and without cache and network refused in one line."""

from urllib.error import URLError

import joblib
import numpy as np
import pytest

from experiments.config.compose import sweep
from experiments.config.errors import ConfigError
from experiments.data import sets
from experiments.data.sets import DATASETS, FETCHED, load


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of scikit-learn's, and no network."""

    def refuse(*arguments, **options):
        raise URLError("no network here")

    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    for module in ("_california_housing", "_covtype", "_olivetti_faces"):
        monkeypatch.setattr(f"sklearn.datasets.{module}._fetch_remote", refuse)
    sets._load.cache_clear()
    yield tmp_path
    sets._load.cache_clear()


def test_california_housing_divides_by_households_and_counts_in_100_000_dollars(cache):
    raw = np.array([[150000.0, 3, 20, 900, 180, 500, 200, 37, -122], [250000, 5, 30, 700, 100, 300, 100, 38, -121]])
    joblib.dump(raw, cache / "cal_housing_py3.pkz", compress=6)
    data = load("california_housing")
    assert (data.name, data.task, data.features[2]) == ("california_housing", "regression", "AveRooms")
    assert data.targets.tolist() == [[1.5], [2.5]]
    assert data.inputs.tolist() == [[3, 20, 4.5, 0.9, 500, 2.5, 37, -122], [5, 30, 7, 1, 300, 3, 38, -121]]


def test_covtype_has_the_types_1_to_7(cache):
    (cache / "covertype").mkdir()
    samples, types = np.random.default_rng(0).normal(size=(70, 54)), np.arange(70, dtype=np.int32) % 7 + 1
    joblib.dump(samples, cache / "covertype/samples_py3", compress=9)
    joblib.dump(types, cache / "covertype/targets_py3", compress=9)
    data = load("covtype")
    assert data.classes == ("1", "2", "3", "4", "5", "6", "7")
    assert (data.targets == types - 1).all()
    np.testing.assert_array_equal(data.inputs, samples)
    assert data.features[0] == "Elevation"
    assert len(load("covtype", rows=35).inputs) == 35


def test_olivetti_faces_are_images(cache):
    joblib.dump(np.random.default_rng(0).random((400, 64 * 64), np.float32), cache / "olivetti_py3.pkz", compress=6)
    data = load("olivetti_faces")
    assert data.image
    assert data.inputs.shape == (400, 64 * 64)
    assert (data.inputs.min(), data.inputs.max()) == (0, 1)
    assert np.bincount(data.targets).tolist() == [10] * 40


@pytest.mark.parametrize("name", FETCHED)
def test_without_cache_and_network_one_line_says_what_to_do(name, cache, capfd):
    message = rf"^dataset={name} needs a network once: .*no network here.*\. Or put [^\n]* into {cache}$"
    with pytest.raises(ConfigError, match=message):
        sweep([f"dataset={name}"])
    assert capfd.readouterr().out == ""


def test_a_glob_leaves_them_out():
    assert set(FETCHED) <= DATASETS.keys()
    assert {settings.dataset["name"] for settings, _ in sweep(["dataset=glob(*)", "batch_size=4"])}.isdisjoint(FETCHED)
    with pytest.raises(ConfigError, match=r"matches nothing\. Allowed: autompg, breast_cancer, circles, diabetes"):
        sweep(["dataset=glob(cov*)"])
