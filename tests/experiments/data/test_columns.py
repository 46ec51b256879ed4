"""A kind of column encodes the columns of any table that it fits, and refuses every other in the user's words."""

import datetime
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from experiments.data.columns import Categories, Dates, Numbers, encode, from_records

KINDS = (
    Numbers("x"),
    Numbers("x", imputes=True),
    Numbers("x", imputes=True, indicator=True),
    Categories("x", ("a", "b")),
    Categories("x", ("a", "b"), imputes=True),
    Categories("x", ("a", "(missing)")),
    Dates("x", "2026-01-31"),
    Dates("x", "2026-01-31", imputes=True),
    Dates("x", "2026-01-31", imputes=True, indicator=True),
)
DAY = pd.Timestamp("2026-01-31")


def encoded(kind, values, **options):
    return encode(pd.DataFrame({"x": pd.Series(values, **options)}), [kind])


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_record_is_plain_and_makes_the_kind_again(kind):
    assert from_records(json.loads(json.dumps([kind.record]))) == (kind,)
    assert len(kind.fillable) == len(kind.features)


def test_records_of_columns_without_missing_cells_are_those_of_earlier_versions():
    assert [kind.record for kind in (Numbers("x"), Categories("x", ("a", "b")))] == [["x", None], ["x", ["a", "b"]]]


# --- what is encoded


@pytest.mark.parametrize(
    "values",
    [[1, 2], [1.0, 2.0], np.array([1, 2], np.uint8), [Decimal(1), Decimal(2)], pd.array([1, 2], "Int64")],
    ids=str,
)
def test_numbers_of_every_type_are_numbers(values):
    for kind in (Numbers("x"), Numbers("x", imputes=True, indicator=True)):
        assert encoded(kind, values)[:, 0].tolist() == [1, 2]


@pytest.mark.parametrize("values", [[1, None], [Decimal(1), None], pd.array([1, None], "Int64"), [1, pd.NA]], ids=str)
def test_a_missing_number_is_nan_and_its_indicator_one(values):
    np.testing.assert_array_equal(encoded(Numbers("x", imputes=True), values), [[1], [np.nan]])
    indicator = Numbers("x", imputes=True, indicator=True)
    np.testing.assert_array_equal(encoded(indicator, values), [[1, 0], [np.nan, 1]])


@pytest.mark.parametrize("dtype", [float, object, "str", "Int64"])
def test_a_column_without_any_value_fits_every_kind_that_imputes(dtype):
    for kind in KINDS:
        if kind.fillable[0]:
            result = encoded(kind, [None, None], dtype=dtype)
            assert np.isnan(result[:, np.array(kind.fillable)]).all()


@pytest.mark.parametrize(
    ("categories", "values", "expected"),
    [
        (("blue", "red"), [" red", "blue  ", "red"], [1, 0, 1]),
        ((" blue", "red"), ["blue", " blue", " red"], [0, 0, 1]),
        ((" red", "red"), ["red", " red"], [1, 0]),
        (("1", "2"), [2, 1], [1, 0]),
        (("1", "2"), [2.0, 1.0], [1, 0]),
        (("1", "2"), ["2", " 1"], [1, 0]),
        (("1.0", "2.0"), [2, 1], [1, 0]),
        (("1.5", "2.0"), [2.0, 1.5], [1, 0]),
        (("1.5", "2", "x"), [2.0, "x", 1.5], [1, 2, 0]),
        (("False", "True"), [True, False], [1, 0]),
        (("False", "True"), ["True", "False"], [1, 0]),
        (("9007199254740993", "9007199254740992"), [9007199254740992, 9007199254740993], [1, 0]),
    ],
)
def test_categories_are_the_same_from_every_type(categories, values, expected):
    for column in (pd.Series(values), pd.Series(values, dtype="category"), pd.Series(values, dtype=object)):
        one_hot = encode(column.to_frame("x"), [Categories("x", categories)])
        assert one_hot.argmax(axis=1).tolist() == expected
        assert (one_hot.sum(axis=1) == 1).all()


@pytest.mark.parametrize("values", [[2, None], pd.array([2, None], "Int64"), ["2", None], pd.Categorical([2, None])])
def test_a_missing_cell_changes_no_category(values):
    imputes = Categories("x", ("1", "2"), imputes=True)
    np.testing.assert_array_equal(encoded(imputes, values), [[0, 1], [np.nan, np.nan]])
    own = Categories("x", ("(missing)", "1", "2"))
    np.testing.assert_array_equal(encoded(own, values), [[0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize(
    "values",
    [
        [DAY, DAY + pd.Timedelta(hours=30)],
        [datetime.datetime(2026, 1, 31), datetime.datetime(2026, 2, 1, 6)],
        ["2026-01-31", " 2026-02-01T06:00"],
        ["2026-01-31T00:00Z", "2026-02-01 06:00:00+02:00"],
        [DAY.tz_localize("Europe/Berlin"), pd.Timestamp("2026-02-01 06:00", tz="Europe/Berlin")],
        [DAY.tz_localize("Europe/Berlin"), pd.Timestamp("2026-02-01 06:00", tz="Asia/Tokyo")],
    ],
)
def test_dates_are_days_and_weekdays_in_their_local_time(values):
    days, *weekdays = encoded(Dates("x", "2026-01-31"), values).T
    assert days.tolist() == [0, 1.25]
    assert np.argmax(weekdays, axis=0).tolist() == [5, 6]  # Saturday, Sunday
    result = encoded(Dates("x", "2026-01-31", imputes=True), [*values, None])
    assert np.isnan(result).all(axis=1).tolist() == [False, False, True]


def test_dates_without_a_time_are_days():
    values = [datetime.date(2026, 1, 31), datetime.date(2026, 3, 2), None]
    days = encoded(Dates("x", "2026-01-31", imputes=True), values)[:, 0]
    np.testing.assert_array_equal(days, [0, 30, np.nan])


def test_names_of_columns_may_have_blanks_or_be_numbers():
    kinds = [Numbers("a"), Numbers("0"), Numbers(" b"), Categories("c", ("u", "v"))]
    frame = pd.DataFrame({"c ": ["v"], " b": [3.0], 0: [2.0], " a": [1.0], "further": ["text"]})
    assert encode(frame, kinds).tolist() == [[1, 2, 3, 0, 1]]


# --- what is refused

TEXT, DATES, WHOLE = ["1", "2"], [DAY, DAY], [1, 2]
NOT_NUMBERS = {
    "text": TEXT,
    "dates": DATES,
    "true and false": [True, False],
    "durations": pd.to_timedelta([1, 2]),
    "complex numbers": [1j, 2],
    "categories": pd.Categorical(WHOLE),
    "values of several types": [1, "2"],
}


@pytest.mark.parametrize("kind", [Numbers("x"), Numbers("x", imputes=True, indicator=True)], ids=str)
@pytest.mark.parametrize("content", NOT_NUMBERS)
def test_what_is_no_number_is_refused_in_words(kind, content):
    for values in (NOT_NUMBERS[content], pd.Series(NOT_NUMBERS[content]).astype(object)):
        if content != "categories" or values is NOT_NUMBERS[content]:
            with pytest.raises(ValueError, match=rf"^column 'x' must hold numbers, not {content}$"):
                encoded(kind, values)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (Categories("x", ("a",)), DATES, "column 'x' must hold categories, not dates"),
        (Categories("x", ("a",)), pd.Categorical(DATES), "column 'x' must hold categories, not dates"),
        (Categories("x", ("a",)), ["a", "b"], "column 'x' has the unknown category 'b' in row 2: allowed: a"),
        (Categories("x", ("Male",)), ["male"], "'male' in row 1: did you mean 'Male'\\? Allowed: Male"),
        (Categories("x", ("01", "02")), [1], "the unknown category '1' in row 1: did you mean '01'\\?"),
        (Categories("x", ("1", "2")), [1.5], "the unknown category '1.5' in row 1"),
        (Categories("x", ("1", "2")), ["1.0"], "the unknown category '1.0' in row 1"),
        (Categories("x", ("1", "2")), [np.inf], "the unknown category 'inf' in row 1"),
        (Dates("x", "2026-01-31"), WHOLE, "column 'x' must hold dates such as 2026-01-31, not numbers"),
        (Dates("x", "2026-01-31"), ["2026-01-31", "soon"], "must hold dates such as .*, not 'soon' as in row 2"),
        (Dates("x", "2026-01-31"), ["31.01.2026"], "must hold dates such as 2026-01-31, not '31.01.2026' as in row 1"),
        (Dates("x", "2026-01-31"), [True], "must hold dates such as 2026-01-31, not true and false"),
        (Numbers("x"), [1, None], "column 'x' has 1 missing value, the first in row 2: a network that fills them is"),
        (Numbers("x"), [None, None], "column 'x' has 2 missing values, the first in row 1"),
        (Categories("x", ("a",)), ["a", None], "column 'x' has 1 missing value, the first in row 2"),
        (Dates("x", "2026-01-31"), [DAY, None], "column 'x' has 1 missing value, the first in row 2"),
    ],
)
def test_another_type_an_unknown_category_and_a_missing_cell_are_refused(kind, values, message):
    with pytest.raises(ValueError, match=message) as caught:
        encoded(kind, values)
    assert "\n" not in str(caught.value)


def test_the_column_at_fault_is_found_among_many():
    frame = pd.DataFrame(np.ones((3, 200)), columns=[f"x{j}" for j in range(200)])
    frame.loc[2, "x77"] = np.nan
    with pytest.raises(ValueError, match="column 'x77' has 1 missing value, the first in row 3"):
        encode(frame, [Numbers(name) for name in frame])
    with pytest.raises(ValueError, match="the column name 'x1' occurs 2 times"):
        encode(frame[["x0", "x1", "x1"]], [Numbers("x0"), Numbers("x1")])
    assert encode(frame[["x0", "x1", "x1"]], [Numbers("x0")]).shape == (3, 1)
