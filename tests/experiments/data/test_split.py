"""Parts and scales are exact, and each seed's own; groups stay whole."""

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from experiments.config.choices import required
from experiments.config.errors import ConfigError
from experiments.data.columns import Numbers
from experiments.data.frames import from_frame
from experiments.data.imputing import fill
from experiments.data.sets import DATASETS, FETCHED, load
from experiments.data.split import prepare, seeds_by_part_sizes, split
from experiments.data.table import Data, autoencoding
from experiments.streams import stream
from experiments.training.run import train as train_replicas
from tests.experiments.data.examples import HOLED, OWN, SHARES, columns, grouped, imputing, table

READY = [name for name in DATASETS if not required("dataset", name) and name not in FETCHED]

every_data_set = pytest.mark.parametrize("name", READY)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Paths are relative to the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_digits_parts():
    parts = split(load("digits"), range(3), **SHARES)
    assert (parts.train.shape, parts.validation.shape, parts.test.shape) == ((3, 1222), (3, 215), (3, 360))
    assert (parts.probe == parts.train[:, :256]).all()


def test_the_probe_is_all_of_a_small_training_part():
    assert split(load("linnerud"), [0], **SHARES).probe.shape == (1, 14)


@every_data_set
def test_parts_are_those_of_scikit_learn(name):
    data = load(name)
    labels = data.targets if data.task == "classification" else None
    for seed in range(5):
        parts = split(data, [seed], **SHARES)
        generator = np.random.RandomState(stream(SHARES["entropy"], "split", seed).bit_generator)
        rows, n_validation = np.arange(len(data.inputs)), parts.validation.size
        rest, test = train_test_split(rows, test_size=parts.test.size, random_state=generator, stratify=labels)
        train, validation = train_test_split(
            rest, test_size=n_validation, random_state=generator, stratify=None if labels is None else labels[rest]
        )
        for part, expected in ((parts.train, train), (parts.validation, validation), (parts.test, test)):
            assert part[0].tolist() == expected.tolist()


@every_data_set
def test_parts_are_disjoint_and_cover_all_rows(name):
    data = load(name)
    parts = split(data, range(3), **SHARES)
    for rows in np.concatenate([parts.train, parts.validation, parts.test], axis=1):
        assert np.sort(rows).tolist() == list(range(len(data.inputs)))


@pytest.mark.parametrize("name", [n for n in READY if load(n).task == "classification"])
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


@pytest.mark.parametrize("targets", [1, 3])
def test_targets_that_are_not_scaled_stay_as_they_are(targets):
    counts = np.random.default_rng(0).poisson(4, size=(60, targets)).astype(float)
    data = Data("counts", "regression", np.random.default_rng(1).normal(size=(60, 2)), counts)
    plain = prepare(data, [0, 5], **SHARES, dtype=np.float32)
    kept = prepare(data, [0, 5], **SHARES, dtype=np.float32, scaling="none")
    np.testing.assert_array_equal(kept.targets, np.stack([counts, counts]))
    assert kept.targets.dtype == np.float32
    np.testing.assert_array_equal(kept.target_mean, np.zeros((2, targets)))
    np.testing.assert_array_equal(kept.target_scale, np.ones((2, targets)))
    np.testing.assert_array_equal(kept.inputs, plain.inputs)
    assert plain.error_scale is None
    if targets == 1:
        assert kept.error_scale is None
    else:
        np.testing.assert_array_equal(kept.error_scale, plain.target_scale)


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


def test_no_group_is_in_two_parts():
    data = from_frame("mine", grouped(), target="y", groups="patient")
    assert "patient" not in data.features
    sizes = seeds_by_part_sizes(data, range(30), **SHARES)
    assert len(sizes) > 3
    assert sorted(seed for members in sizes.values() for seed in members) == list(range(30))
    for members in sizes.values():
        parts = split(data, members, **SHARES)
        for train_rows, validation, test in zip(parts.train, parts.validation, parts.test, strict=True):
            groups = [set(data.groups[rows]) for rows in (train_rows, validation, test)]
            assert [len(each) for each in groups] == [16, 2, 5]  # ⌈0.2 · 23⌉, ⌊0.15 · 18⌋
            assert len(set.union(*groups)) == 23
            assert sorted([*train_rows, *validation, *test]) == list(range(200))
            assert (np.diff(train_rows) < 0).any()


def test_replicas_whose_parts_differ_in_size_do_not_know_their_neighbours(settings):
    grouped().to_csv("mine.csv", index=False)
    own = settings(*OWN, "dataset.path=mine.csv", "dataset.groups=patient", "seeds=6")
    assert len(seeds_by_part_sizes(own.data, range(6), **SHARES)) > 2
    whole = train_replicas(own, own.replicas).frames["history"]
    for replica in own.replicas:
        alone = train_replicas(own, [replica]).frames["history"]
        assert alone.equals(whole[whole["seed"] == replica[1]].reset_index(drop=True))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            lambda frame: np.zeros(len(frame), int),
            "of 1 groups leave 0 for training, 0 for validation",
        ),
        (lambda frame: frame["y"] == "yes", "of 2 groups leave"),
        (
            lambda frame: np.where(frame["y"] == "yes", 0, frame.index),
            "class 'yes' is in no group of the training part",
        ),
    ],
    ids=["one group", "two groups", "a class in one group"],
)
def test_groups_that_cannot_be_divided_are_refused(settings, groups, message):
    table().assign(g=groups).to_csv("mine.csv", index=False)
    with pytest.raises(ConfigError, match=message):
        settings(*OWN, "dataset.path=mine.csv", "dataset.groups=g", "seeds=30")


def test_the_scale_of_grouped_data_is_that_of_the_training_rows():
    data = from_frame("mine", grouped(), target="y", groups="patient")
    (members,) = [seeds for seeds in seeds_by_part_sizes(data, range(4), **SHARES).values() if 0 in seeds]
    prepared = prepare(data, members, dtype="float64", **SHARES)
    rows = prepared.split.train[members.index(0)]
    np.testing.assert_allclose(prepared.input_mean[members.index(0)], data.inputs[rows].mean(axis=0), rtol=1e-12)


# --- missing values


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_missing_values_are_filled_by_the_training_part_and_then_scaled(task, dtype):
    """The reference is scikit-learn's StandardScaler on the filled inputs."""
    data = imputing(task)
    prepared = prepare(data, [0, 5], **SHARES, dtype=dtype)
    assert np.isnan(data.inputs).any()
    assert np.isfinite(prepared.inputs).all()
    assert (prepared.input_fill[0] != prepared.input_fill[1]).any()
    for s, train in enumerate(prepared.split.train):
        assert (prepared.input_fill[s] == fill(data.inputs[train], HOLED)).all()
        filled = np.where(np.isnan(data.inputs), prepared.input_fill[s], data.inputs)
        reference = StandardScaler().fit(filled[train]).transform(filled)
        np.testing.assert_allclose(prepared.inputs[s], reference, rtol=1e-5, atol=1e-6)
    assert not prepared.input_fill.flags.writeable


def test_a_seed_has_the_same_fill_in_any_stack():
    stack, alone = (prepare(imputing(), seeds, **SHARES, dtype=np.float32) for seeds in ([4, 0, 9], [9]))
    assert stack.inputs[2].tobytes() == alone.inputs[0].tobytes()
    assert stack.input_fill[2].tobytes() == alone.input_fill[0].tobytes()


def test_missing_values_of_other_parts_do_not_change_the_fill():
    data = imputing()
    train = split(data, [0], **SHARES).train[0]
    inputs = data.inputs.copy()
    inputs[np.setdiff1d(np.arange(len(inputs)), train), 0] = 1e6
    changed = Data("holed", data.task, inputs, data.targets, data.classes, data.features, columns=HOLED)
    before, after = (prepare(one, [0], **SHARES, dtype=float) for one in (data, changed))
    assert before.input_fill.tobytes() == after.input_fill.tobytes()


def test_the_targets_of_an_autoencoder_are_its_filled_inputs():
    prepared = prepare(autoencoding(imputing()), [0, 1], **SHARES, dtype=np.float32)
    assert prepared.targets is prepared.inputs
    assert np.isfinite(prepared.inputs).all()
    assert prepared.target_mean is prepared.input_mean


def test_data_that_do_not_impute_have_no_fill():
    assert prepare(load("iris"), [0], **SHARES, dtype=float).input_fill is None


def test_a_column_without_a_value_in_a_training_part_is_refused_before_the_training():
    kinds = (Numbers("a"), Numbers("rare", imputes=True, indicator=True))
    inputs = np.random.default_rng(0).normal(size=(40, 3))
    inputs[:, 1], inputs[:, 2] = np.nan, 1
    inputs[7, 1:] = 3, 0
    data = Data("mine", "regression", inputs, np.arange(40.0), features=["a", "rare", "rare=(missing)"], columns=kinds)
    faulty = [seed for seed in range(20) if 7 not in split(data, [seed], **SHARES).train[0]]
    sound = sorted({*range(20)} - {*faulty})
    assert faulty
    assert prepare(data, sound, **SHARES, dtype=float).input_fill[:, 1].tolist() == [3] * len(sound)
    assert seeds_by_part_sizes(data, sound, **SHARES) == {(28, 4, 8): tuple(sound)}
    message = (
        rf"^mine: column 'rare' has no value in the training part of seed {faulty[0]}: .* 'dataset.drop=\[rare\]', or "
    )
    for refused in (
        lambda: prepare(data, range(20), **SHARES, dtype=float),
        lambda: seeds_by_part_sizes(data, range(20), **SHARES),
    ):
        with pytest.raises(ValueError, match=message):
            refused()
