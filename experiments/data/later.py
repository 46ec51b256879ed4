"""Reads new rows for a network that was trained on a table: by the same reader, into the columns that it knows."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from experiments.data.cells import Format, Texts, listed
from experiments.data.choices import Choices
from experiments.data.columns import Categories, Column, Dates
from experiments.data.files import ENDINGS, TEXT, read_content
from experiments.data.layout import Layout
from nets.names import nearest

BOOLEANS = {"True", "False"}
"""Categories that the reader of files writes in its own way: a file may have them as TRUE."""


def later_rows(ending: str, content: bytes, columns: Sequence[Column], dataset: Mapping[str, Any]) -> pd.DataFrame:
    """Return the table of a file with the cells of these columns as `columns.encode` takes them.

    Types are not inferred again: a column is what it was in the training file. The index, the target and unknown
    columns stay as they are.

    Parameters
    ----------
    ending, content
        The ending of the file's name, and its bytes.
    columns
        What the network was trained on.
    dataset
        The data set's node in the record of the run; its texts for missing cells and the layout of its file count.

    Raises
    ------
    ValueError
        If the file is not written so, a column is not there, or a cell of a column of numbers is none.
    """
    if ending not in ENDINGS:
        raise ValueError(f"unknown ending {ending!r}: {nearest(ending, ENDINGS)}")
    options = {item.name: dataset[item.name] for item in fields(Layout) if item.name in dataset}
    written = [column.name for column in columns if isinstance(column, Dates) or _is_text(column)]
    choices = Choices(target="", na=tuple(dataset.get("na", ())), categories=tuple(written))
    frame, source = read_content(ending, content, Layout(**options) if ending in TEXT else Layout(), choices)
    frame = frame.set_axis([str(name).strip() for name in frame], axis=1)
    _check_columns(list(frame), [column.name for column in columns])
    read = {column.name: _cells(column, frame[column.name], choices.na, source.format) for column in columns}
    return pd.concat([frame.drop(columns=list(read)), pd.DataFrame(read, frame.index)], axis=1)


def _is_text(column: Column) -> bool:
    return isinstance(column, Categories) and not {*column.categories} <= BOOLEANS


def _check_columns(names: Sequence[str], needed: Sequence[str]) -> None:
    missing = [name for name in needed if name not in names]
    if missing:
        columns = "column" if len(missing) == 1 else "columns"
        raise ValueError(f"the network needs the {columns} {listed(missing)}, but the file has {listed(names, 10)}")
    repeated = next((name for name in needed if names.count(name) > 1), None)
    if repeated is not None:
        raise ValueError(f"the column name {repeated!r} occurs {names.count(repeated)} times")


def _cells(kind: Column, column: pd.Series, na: Sequence[str], written: Format) -> pd.Series:
    """Return the cells of a column as its kind takes them."""
    if types.is_bool_dtype(column) or column.dtype.kind in "mMc":
        return column
    if types.is_numeric_dtype(column):
        return column.mask(column.isin(_numbers(na))) if na else column
    texts = Texts.of(column, na)
    if isinstance(kind, Dates):
        return texts.mapped(str, object, None).set_axis(column.index)
    if isinstance(kind, Categories):
        return texts.categorical().set_axis(column.index)
    wrong = [text for text in texts.distinct if not written.fits(text)]
    if wrong:
        row = texts.rows(wrong[:1])[0] + 1
        raise ValueError(f"column {kind.name!r} must hold numbers, not {wrong[0]!r} as in row {row}")
    return texts.mapped(written.value, np.float64, np.nan).set_axis(column.index)


def _numbers(texts: Sequence[str]) -> list[float]:
    numbers = []
    for text in texts:
        with suppress(ValueError):
            numbers.append(float(text))
    return numbers
