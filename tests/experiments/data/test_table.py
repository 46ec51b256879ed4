"""A data set is checked when it is made; its digest sees every value; a table's columns are encoded or refused."""

import numpy as np
import pytest

from experiments.data.columns import encode
from experiments.data.frames import from_frame
from experiments.data.table import Data
from tests.experiments.data.examples import HOLED, columns, imputing, table


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
    view = inputs.view()
    view.setflags(write=False)
    data = columns(view)
    inputs[0] = 3
    assert data.inputs[0].tolist() == [2, 2]


def test_a_category_that_was_not_there_is_refused():
    columns = from_frame("mine", table(), target="y").columns
    with pytest.raises(
        ValueError, match="column 'colour' has the unknown category 'pink' in row 1: allowed: blue, green, red"
    ):
        encode(table().assign(colour="pink"), columns)
    with pytest.raises(ValueError, match="there is no column 'flag'"):
        encode(table().drop(columns="flag"), columns)


def test_nan_is_allowed_where_a_column_imputes_and_nowhere_else():
    data = imputing()
    assert data.imputes
    fields = {"targets": data.targets, "features": data.features, "columns": HOLED}
    for place, value, message in (
        ((3, 2), np.nan, "1 of 1620 values of the inputs are NaN or infinite, in the columns n=\\(missing\\)"),
        ((3, 6), np.nan, "in the columns shape=round"),
        ((3, 0), np.inf, "in the columns a"),
        ((data.inputs[:, 2].argmax(), 2), 0, "row .* 'n=\\(missing\\)' must be 1 where 'n' is NaN, and 0 elsewhere"),
        ((np.isnan(data.inputs[:, 3]).argmax(), 4), 0, "either all inputs of column 'colour' are NaN, or none"),
        ((np.isnan(data.inputs[:, 9]).argmax(), 9), 0, "either all inputs of column 'when' are NaN, or none"),
    ):
        inputs = data.inputs.copy()
        inputs[place] = value
        with pytest.raises(ValueError, match=message):
            Data("made_up", "classification", inputs, **fields)
    with pytest.raises(ValueError, match="the columns do not have 17 features"):
        Data("made_up", "classification", data.inputs[:, 1:], **fields | {"features": data.features[1:]})


def test_the_digest_sees_where_values_are_missing_but_not_how_nan_is_written():
    data = imputing()
    fields = {"targets": data.targets, "features": data.features, "columns": HOLED, "classes": data.classes}
    negative = np.where(np.isnan(data.inputs), -np.nan, data.inputs)
    assert negative.tobytes() != data.inputs.tobytes()
    assert Data("holed", "classification", negative, **fields).sha256 == data.sha256
    filled = np.where(np.isnan(data.inputs[:, :1]), 0, data.inputs[:, :1])
    changed = np.concatenate([filled, data.inputs[:, 1:]], axis=1)
    assert Data("holed", "classification", changed, **fields).sha256 != data.sha256
