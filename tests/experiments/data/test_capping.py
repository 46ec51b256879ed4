"""A cap keeps the same rows for every seed, and of each class its share. Without effect it is in no condition."""

import numpy as np
import pytest

from experiments.config.compose import sweep
from experiments.config.errors import ConfigError
from experiments.config.settings import from_record
from experiments.data.capping import FEWEST, capped
from experiments.data.sets import load
from experiments.data.split import split
from experiments.data.table import Data
from tests.experiments.data.examples import SHARES


def classes(*counts):
    """Return a classification whose input is the row's number, with so many rows of each class in a fixed order."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    return Data("made_up", "classification", np.arange(len(labels))[:, np.newaxis], labels)


def test_each_class_keeps_its_share_within_one_row():
    data = capped(load("digits"), 500)
    assert len(data.inputs) == len(data.targets) == 500
    share = np.bincount(load("digits").targets) * 500 / 1797
    assert (np.abs(np.bincount(data.targets) - share) < 1).all()


def test_rows_are_rows_of_the_table_in_its_order():
    whole = classes(700, 250, 50)
    data = capped(whole, 200)
    rows = data.inputs[:, 0].astype(int)
    assert (np.diff(rows) > 0).all()
    assert (whole.targets[rows] == data.targets).all()
    assert rows[-1] > 800  # not only the first ones


@pytest.mark.parametrize(
    ("counts", "rows", "kept"),
    [
        ((980, 20), 100, (90, FEWEST)),  # a share would be 2 rows
        ((990, 7, 3), 100, (90, 7, 3)),  # all that there are
        ((5000, 3000, 15, 12), 400, (237, 143, FEWEST, FEWEST)),
        ((500, 500), 10, (5, 5)),
    ],
)
def test_a_rare_class_keeps_what_a_split_needs(counts, rows, kept):
    data = capped(classes(*counts), rows)
    np.testing.assert_allclose(np.bincount(data.targets), kept, atol=1)
    assert len(data.targets) == rows
    if min(counts) >= FEWEST and rows >= 100:
        split(data, [0], **SHARES)


def test_groups_stay_with_their_rows():
    groups = np.arange(300) // 7
    whole = Data("made_up", "regression", np.arange(300)[:, np.newaxis], np.arange(300), groups=groups)
    data = capped(whole, 100)
    rows = data.inputs[:, 0].astype(int)
    assert (data.groups == groups[rows]).all()
    assert (data.targets[:, 0] == rows).all()


def test_a_cap_without_effect_is_the_same_object():
    assert load("iris", rows=150) is load("iris", rows=2000) is load("iris")
    assert load("iris", rows=149) is load("iris", rows=149) is not load("iris")


def test_the_rows_are_pinned():
    """A change here would give capped data sets that were trained already other rows under the same condition."""
    assert capped(classes(60, 40), 10).inputs[:, 0].tolist() == [10, 12, 13, 14, 15, 20, 25, 45, 57, 99]
    values = np.arange(100.0)
    regression = Data("made_up", "regression", values[:, np.newaxis], values)
    assert capped(regression, 8).inputs[:, 0].tolist() == [0, 6, 13, 28, 33, 38, 54, 79]


def test_a_note_says_how_many_rows_are_used():
    assert load("digits", rows=100).notes == ("100 of 1797 rows are used, the same for every seed",)


def test_only_a_cap_with_effect_is_in_the_condition():
    ((plain, _),) = sweep(["dataset=iris"])
    ((without, _),) = sweep(["dataset=iris", "dataset.rows=150"])
    ((with_effect, _),) = sweep(["dataset=iris", "dataset.rows=120"])
    assert plain.run == without.run != with_effect.run
    assert with_effect.condition["dataset"] == {"name": "iris", "rows": 120}
    assert len(with_effect.data.inputs) == 120


def test_seeds_entropies_and_activations_see_the_same_rows():
    jobs = sweep(["dataset=iris", "dataset.rows=60", "activation=relu,tanh", "entropy=0,1", "seeds=[0],[1]"])
    assert len(jobs) == 8
    assert len({settings.data.sha256 for settings, _ in jobs}) == 1


def test_a_record_finds_its_rows_again():
    ((settings, _),) = sweep(["dataset=digits", "dataset.rows=300", "task=autoencode"])
    record = {**settings.record, "seeds": [0], "lr": [0.05]}
    again = from_record(record)
    assert again.run == settings.run
    assert again.data.inputs.shape == (300, 64)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("-1", "dataset.rows=-1: allowed is 0, which keeps all rows, or the most rows"),
        ("9", "dataset.rows=9 is less than the 10 classes of digits: .* allowed is 10 and more"),
        ("many", "dataset.rows=many: allowed is a whole number"),
        ("15", "digits: split.test=0.2 and split.validation=0.15 of 15 rows leave the validation part"),
    ],
)
def test_a_bad_cap_is_refused(rows, message):
    with pytest.raises(ConfigError, match="^" + message):
        sweep(["dataset=digits", f"dataset.rows={rows}"])
