"""Columns that number or name the rows of a table instead of describing them."""

import re

import numpy as np
import pandas as pd
from pandas.api import types

from experiments.data.cells import listed
from experiments.data.choices import Choices, pasted

WRITTEN = re.compile(r"(?:Unnamed: ?\d+(?:\.\d+)?|level_\d+|index|__index_level_\d+__)?")
"""Names of the index columns that pandas and R write."""


def without_written_index(frame: pd.DataFrame, choices: Choices) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a table without the leading columns that pandas or R wrote to number the rows, and a note of each."""
    chosen = {choices.target, choices.groups, choices.index, *choices.drop, *choices.categories} - {""}
    notes: tuple[str, ...] = ()
    while len(frame.columns) and frame.columns[0] not in chosen and WRITTEN.fullmatch(frame.columns[0]):
        name, first = frame.columns[0], frame.iloc[:, 0]
        names_rows = name == "" and first.is_unique and first.dtype.kind != "f"
        if not names_rows and not is_running(first):
            break
        does = "numbers the rows" if is_running(first) else "names the rows"
        notes += (f"{f'column {name!r}' if name else 'the first column, which has no name,'} {does} and is left out",)
        frame = frame.iloc[:, 1:]
    empty = [index for index, name in enumerate(frame.columns) if name == "" and frame.iloc[:, index].isna().all()]
    if empty:
        notes += (f"column {empty[0] + 1}, which has no name and no cells, is left out",)
        frame = frame.iloc[:, [index for index in range(len(frame.columns)) if index not in empty]]
    return frame, notes


def is_running(column: pd.Series) -> bool:
    """Return whether a column is k, k + 1, … in any order."""
    if not types.is_numeric_dtype(column) or types.is_bool_dtype(column) or column.isna().any():
        return False
    values = np.sort(column.to_numpy(np.float64))
    return bool(len(values) and (values == np.arange(len(values)) + values[0]).all() and values[0].is_integer())


def row_numbers(inputs: pd.DataFrame, choices: Choices) -> tuple[str, ...]:
    """Return a note about the inputs that are a whole number which differs in every row."""
    numbers = inputs.select_dtypes("number")
    if len(inputs) < 2 or not len(numbers.columns):
        return ()
    values = numbers.to_numpy(np.float64, na_value=np.nan)
    whole = np.flatnonzero((values == np.round(values)).all(axis=0))
    differs = (np.diff(np.sort(values[:, whole], axis=0), axis=0) > 0).all(axis=0)
    names = [str(name) for name in numbers.columns[whole[differs]]]
    if not names:
        return ()
    ways = choices.override("drop", names[:10])
    if len(names) == 1 and not choices.index:
        ways = f"{pasted({'index': names[0]})} or {ways}"
    return (f"whole numbers that differ in every row: {listed(names)}: add {ways} if they number the rows",)


def without_row_names(frame: pd.DataFrame, index: str) -> pd.DataFrame:
    """Return a table without the column that the user calls the names of its rows.

    Raises
    ------
    ValueError
        If two rows have the same name.
    """
    if not index:
        return frame
    repeated = np.flatnonzero(frame[index].duplicated().to_numpy())
    if len(repeated):
        cell = frame[index].iloc[repeated[0]]
        value = "a missing cell" if pd.isna(cell) else repr(str(cell))
        raise ValueError(
            f"dataset.index: column {index!r} has {value} more than once, but an index differs in every row: "
            f"dataset.groups keeps equal rows together"
        )
    return frame.drop(columns=index)
