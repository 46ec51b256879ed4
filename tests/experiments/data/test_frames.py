"""Types and task of a table are inferred by stated rules."""

import numpy as np
import pandas as pd
import pytest

from experiments.data.frames import from_frame
from tests.experiments.data.examples import table


def test_columns_that_are_no_numbers_are_one_hot_in_sorted_order():
    data = from_frame("mine", table(), target="y")
    assert data.features == ("a", "n", "flag=False", "flag=True", "colour=blue", "colour=green", "colour=red")
    assert data.classes == ("no", "yes")
    frame = table()
    assert (data.inputs[:, 6] == (frame["colour"] == "red")).all()
    assert (data.inputs[:, 3] == frame["flag"]).all()
    assert (data.inputs[:, 1] == frame["n"]).all()
    shuffled = from_frame("mine", frame[::-1], target="y")
    assert (shuffled.inputs[::-1] == data.inputs).all()
    categories = frame.astype({"colour": pd.CategoricalDtype(["red", "green", "blue"])})
    assert from_frame("mine", categories, target="y").sha256 == data.sha256


TASKS = [
    ([0, 1] * 15, "classification", ("0", "1")),
    ([1.0, 2.0, 10.0] * 10, "classification", ("1", "2", "10")),
    ([True, False] * 15, "classification", ("False", "True")),
    (["b", "a"] * 15, "classification", ("a", "b")),
    (list(range(20)) * 2, "classification", tuple(map(str, range(20)))),
    (list(range(21)) * 2, "regression", ()),
    ([0.5, 1.5] * 15, "regression", ()),
]


@pytest.mark.parametrize(("target", "task", "classes"), TASKS, ids=[str(target[:3]) for target, *_ in TASKS])
def test_the_task_follows_from_the_target_and_can_be_overridden(target, task, classes):
    frame = pd.DataFrame({"a": np.arange(len(target)), "y": target})
    data = from_frame("mine", frame, target="y")
    assert (data.task, data.classes) == (task, classes)
    if task == "classification" and np.ndim(target) and not isinstance(target[0], str | bool):
        assert from_frame("mine", frame, target="y", task="regression").targets[:, 0].tolist() == target
    assert from_frame("mine", frame, target="y", task="classification").classes


def test_rows_with_missing_values_are_dropped_on_request_only():
    frame = table().astype({"n": float})
    frame.loc[3, "n"], frame.loc[5, "colour"], frame.loc[7, "y"] = None, None, None
    with pytest.raises(ValueError, match=r"values are missing, by column: n 1, colour 1, y 1: .*dataset.missing=drop"):
        from_frame("mine", frame, target="y")
    data = from_frame("mine", frame, target="y", missing="drop")
    assert data.sha256 == from_frame("mine", frame.drop(index=[3, 5, 7]).astype({"n": int}), target="y").sha256
    assert from_frame("mine", frame, target="a", drop=["n", "colour", "y"]).inputs.shape == (60, 2)


def test_a_column_without_a_cell_in_the_rows_that_have_a_target_is_empty():
    for cells in (["p", "q"] * 2, [1.5, 2.5] * 2):
        frame = table().assign(e=[*cells, *[None] * 56])
        frame.loc[:3, "y"] = None
        for missing in ("impute", "category"):
            with pytest.raises(ValueError, match=r"'e' is empty in the rows that have a target: .*dataset\.drop=\[e\]"):
                from_frame("mine", frame, target="y", missing=missing)
        with pytest.raises(ValueError, match=r"y 4, e 56: fill them by dataset\.missing=impute"):
            from_frame("mine", frame, target="y")
        assert from_frame("mine", frame, target="y", missing="impute", drop=["e"]).left_out == 4


def test_missing_groups_are_not_filled():
    frame = table().assign(patient=[None, *range(59)])
    with pytest.raises(ValueError, match=r"patient 1: leave out their rows .*rows then remain\)$"):
        from_frame("mine", frame, target="y", groups="patient")


def test_the_text_of_a_missing_cell_is_named_where_cells_are_missing():
    frame = table().assign(colour=["red", "(missing)", None] * 20)
    for missing in ("impute", "category"):
        data = from_frame("mine", frame, target="y", missing=missing)
        assert data.features[-2:] == ("colour=(missing)", "colour=red")[:: 1 if missing == "impute" else -1]
        assert "the text '(missing)' and a missing cell are the same category in colour" in data.notes
    assert not from_frame("mine", frame, target="y", missing="drop").notes


def test_many_columns_are_not_all_named():
    frame = pd.DataFrame(np.arange(300.0).reshape(1, -1).repeat(40, 0), columns=[f"x{n}" for n in range(300)])
    frame["y"] = [0, 1] * 20
    with pytest.raises(ValueError, match=r"each of the columns x0, x1, x2, x3, x4 and 295 more has one value only"):
        from_frame("mine", frame, target="y")
    with pytest.raises(ValueError, match=r"there is no column 'Y': did you mean 'y'\?") as error:
        from_frame("mine", frame, target="Y")
    assert len(str(error.value)) < 1000


def test_missing_targets_are_not_said_to_be_filled():
    frame = table().assign(y=[None, *["u", "v"] * 29, "u"])
    with pytest.raises(ValueError, match=r"y 1: leave out their rows by dataset\.missing=drop \([^)]*\)$"):
        from_frame("mine", frame, target="y")
    frame.loc[3, "colour"] = None
    with pytest.raises(ValueError, match=r"missing=impute, which leaves out rows without a target, make a category"):
        from_frame("mine", frame, target="y")


def test_identifiers_are_refused_together_before_missing_cells():
    names = [f"name {row}" for row in range(150)]
    frame = pd.DataFrame({"a": [None, *range(149)], "id": names, "b": [*names[:120], *[None] * 30], "y": [0, 1] * 75})
    with pytest.raises(
        ValueError, match=r"too many .* \(id 150, b 120\): leave out columns by 'dataset\.drop=\[id,b\]'"
    ):
        from_frame("mine", frame, target="y")
    with pytest.raises(ValueError, match=r"column 'id' has another text in every row: .*dataset\.drop=\[b,id\]"):
        from_frame("mine", frame, target="y", drop=["b"])


def test_the_last_row_is_doubted_if_it_alone_has_missing_cells():
    frame = table().astype({"n": float})
    frame.loc[59, ["a", "n", "colour"]] = None
    with pytest.raises(ValueError, match="take row 60 out of the file if it is no row, leave out"):
        from_frame("mine", frame, target="y")
