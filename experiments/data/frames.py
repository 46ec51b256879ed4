"""Turns a table into `Data`: infers the types of its columns and the task, and names the columns at fault.

A column of numbers is a feature. A column of text, of true and false or of categories is one-hot: it becomes a feature
`column=category` for each of its categories, in the order of their text.
"""

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from pandas.api import types

from experiments.data.columns import Categories, Column, Numbers, encode
from experiments.data.table import TASKS, Data
from nets.names import nearest

MISSING = ("refuse", "drop")

MOST_CATEGORIES = 100
"""A column with more different texts holds identifiers or prose, not categories."""

MOST_CLASSES = 20
"""A target with more different whole numbers is a quantity, not a class."""

EXACT = 2**53
"""float64 represents every whole number up to this one exactly."""


def from_frame(
    name: str,
    frame: pd.DataFrame,
    *,
    target: str,
    task: str = "auto",
    missing: str = "refuse",
    groups: str = "",
    drop: Sequence[str] = (),
    file_sha256: str = "",
) -> Data:
    """Return the data of a table.

    Parameters
    ----------
    name
        Name of the data set.
    frame
        One row for each example.
    target
        Column to predict.
    task
        "classification", "regression" or "auto". "auto" means classification if the target is text, true or false, or
        at most 20 different whole numbers; otherwise it means regression.
    missing
        "refuse" raises an error that names the columns with missing values; "drop" leaves out their rows.
    groups
        Column that is no feature; rows with equal values in it belong to the same part of the split.
    drop
        Columns to leave out.
    file_sha256
        Digest of the bytes of the file that the table was read from.

    Raises
    ------
    ValueError
        If an argument or a column is not allowed; the message is one line.
    """
    _check_choices(task, missing, drop)
    frame = frame.set_axis([str(column) for column in frame], axis=1)
    drop = [str(column) for column in drop]
    check_names(frame.columns)
    _check_columns(frame, target, groups, drop)
    frame = frame.drop(columns=drop)
    _check_types(frame)
    complete = _without_missing(frame, missing)
    inputs = complete.drop(columns=[target, groups] if groups else [target])
    columns = _columns(inputs)
    targets, classes, task = _targets(complete[target], task)
    features = [feature for column in columns for feature in column.features]
    check_names(features)
    return Data(
        name,
        task,
        encode(inputs, columns),
        targets,
        classes,
        tuple(features),
        columns=columns,
        left_out=len(frame) - len(complete),
        groups=np.unique(complete[groups].astype(str), return_inverse=True)[1] if groups else None,
        file_sha256=file_sha256,
    )


def check_names(names: Iterable[str]) -> None:
    """Refuse column names that are empty or repeated.

    Raises
    ------
    ValueError
        With the first name or column at fault.
    """
    names = list(names)
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"the column name {repeated[0]!r} occurs {names.count(repeated[0])} times")
    if "" in names:
        raise ValueError(
            f"column {names.index('') + 1} has no name: each needs one (an index that pandas wrote? index=False)"
        )


def _check_choices(task: str, missing: str, drop: Sequence[str]) -> None:
    """Refuse values that are not allowed for any table."""
    if isinstance(drop, str):
        raise ValueError(f"dataset.drop={drop!r}: allowed is a list such as [{drop}]")
    for key, value, allowed in (("task", task, ("auto", *TASKS)), ("missing", missing, MISSING)):
        if value not in allowed:
            raise ValueError(f"dataset.{key}={value!r}: {nearest(str(value), allowed)}")


def _check_columns(frame: pd.DataFrame, target: str, groups: str, drop: Sequence[str]) -> None:
    """Refuse columns that are not there, and a column that is chosen twice."""
    for key, names in (("target", [target]), ("groups", [groups] if groups else []), ("drop", drop)):
        for column in names:
            if column not in frame:
                raise ValueError(f"dataset.{key}: there is no column {column!r}: {nearest(str(column), frame)}")
    for key, column in (("target", target), ("groups", groups)):
        if column in drop:
            raise ValueError(f"dataset.{key}: column {column!r} is also in dataset.drop")
    if groups == target:
        raise ValueError(f"dataset.groups: column {groups!r} is the target")


def _check_types(frame: pd.DataFrame) -> None:
    """Refuse columns that are neither numbers nor text."""
    for name, column in frame.items():
        kind = None
        if types.is_complex_dtype(column) or column.dtype.kind in "mM":
            kind = column.dtype
        elif types.is_object_dtype(column):
            strange = (value for value in column.dropna() if not isinstance(value, str | bool | np.bool_ | int))
            kind = next((type(value).__name__ for value in strange), None)
        if kind is not None:
            allowed = "allowed are numbers, true and false, text"
            raise ValueError(f"column {name!r} holds {kind}: {allowed}; {_advice([name])}")


def _without_missing(frame: pd.DataFrame, missing: str) -> pd.DataFrame:
    """Return the rows without a missing value; refuse empty columns and infinite values."""
    empty = frame.columns[frame.isna().all()].tolist()
    if empty:
        raise ValueError(f"{_subject(empty)} empty: {_advice(empty)}")
    absent = frame.isna()
    if absent.any(axis=None) and missing == "refuse":
        counts = ", ".join(f"{column} {count}" for column, count in absent.sum().items() if count)
        remainder = f"{(~absent.any(axis=1)).sum()} of {len(frame)} rows then remain"
        raise ValueError(
            f"values are missing, by column: {counts}: leave out their rows by dataset.missing=drop ({remainder}), "
            f"or columns by dataset.drop"
        )
    frame = frame[~absent.any(axis=1)]
    if frame.empty:
        raise ValueError("no row is without a missing value")
    numbers = frame.select_dtypes("number")
    infinite = numbers.columns[np.isinf(numbers.to_numpy(np.float64)).any(axis=0)].tolist()
    if infinite:
        raise ValueError(f"values are infinite, in the columns {', '.join(infinite)}: {_advice(infinite)}")
    return frame


def _columns(inputs: pd.DataFrame) -> tuple[Column, ...]:
    """Return the names and categories of the inputs' columns; refuse columns of a single value."""
    if not len(inputs.columns):
        raise ValueError("no column is left for the inputs")
    columns = tuple(_column(inputs[column]) for column in inputs)
    constant = [column for column in inputs if inputs[column].nunique() == 1]
    if constant:
        raise ValueError(f"{_subject(constant)} the same in every row: {_advice(constant)}")
    return columns


def _column(column: pd.Series) -> Column:
    """Return the kind of a column; refuse identifiers and prose."""
    name = column.name
    if not types.is_bool_dtype(column) and types.is_numeric_dtype(column):
        _check_exact(column)
        return Numbers(str(name))
    texts = sorted(column.astype(str).unique())
    if all(re.fullmatch(r"\s*[+-]?\d+\s*", text) for text in texts) and max(abs(int(text)) for text in texts) > EXACT:
        raise _too_large(name)
    if len(texts) == len(column):
        raise ValueError(f"column {name!r} has another text in every row: {_advice([name])}")
    if len(texts) > MOST_CATEGORIES:
        raise ValueError(
            f"column {name!r} has {len(texts)} different texts, but at most {MOST_CATEGORIES} categories are allowed: "
            f"{_advice([name])}"
        )
    return Categories(str(name), tuple(texts))


def _check_exact(column: pd.Series) -> None:
    """Refuse whole numbers that float64 rounds."""
    if types.is_integer_dtype(column) and max(abs(int(column.min())), abs(int(column.max()))) > EXACT:
        raise _too_large(column.name)


def _too_large(name: str) -> ValueError:
    return ValueError(f"column {name!r} has whole numbers beyond 2^53, which float64 rounds: {_advice([name])}")


def _targets(column: pd.Series, task: str) -> tuple[np.ndarray, tuple[str, ...], str]:
    """Return the labels or values, the names of the classes, and the task."""
    name = column.name
    if types.is_numeric_dtype(column) and not types.is_bool_dtype(column):
        values = column.to_numpy(np.float64)
        distinct = np.unique(values)
        is_whole = bool((distinct == np.round(distinct)).all())
        if task == "auto":
            task = "classification" if is_whole and len(distinct) <= MOST_CLASSES else "regression"
        if len(distinct) == 1:
            raise ValueError(f"the target {name!r} is the same in every row: {distinct[0]:g}")
        if task == "regression":
            _check_exact(column)
            return values, (), task
        classes = tuple(str(int(value)) if is_whole else repr(float(value)) for value in distinct)
        return np.searchsorted(distinct, values), classes, task
    if task == "regression":
        raise ValueError(f"dataset.task=regression: the target {name!r} has no numbers: allowed is classification")
    texts, labels = np.unique(column.astype(str).to_numpy(object), return_inverse=True)
    if len(texts) == 1:
        raise ValueError(f"the target {name!r} is the same in every row: {texts[0]!r}")
    return labels, tuple(texts), "classification"


def _subject(columns: Sequence[str]) -> str:
    return f"the column {columns[0]!r} is" if len(columns) == 1 else f"the columns {', '.join(columns)} are"


def _advice(columns: Sequence[str]) -> str:
    """Return the advice to leave out columns, with an override that can be copied into a shell."""
    # Hydra needs quotes around all names that are not plain words, and the shell needs quotes around those.
    plain = all(re.fullmatch(r"[A-Za-z_]\w*", column, re.ASCII) for column in columns)
    names = columns if plain else [json.dumps(column, ensure_ascii=False) for column in columns]
    override = f"dataset.drop=[{','.join(names)}]"
    return f"leave out columns by {override if plain else shlex.quote(override)}"
