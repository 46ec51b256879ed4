"""Reads a text file of rows of cells, such as a CSV file."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from experiments.data.cells import Format
from experiments.data.choices import pasted
from experiments.data.encoding import decoded, other_reading
from experiments.data.header import check_header, header, ragged
from experiments.data.layout import Delimited, Layout, other_layout
from experiments.data.refusals import Refusal
from experiments.data.scan import Cells
from experiments.data.source import Source


def read(
    content: bytes, layout: Layout, *, na: Sequence[str] = (), texts: Sequence[str] = ()
) -> tuple[pd.DataFrame, Source]:
    """Return the table of a text file, and what is known of its source.

    Parameters
    ----------
    content
        The file's bytes.
    layout
        How it is written.
    na
        Further texts that mean a missing cell.
    texts
        Columns whose cells stay as they are written.

    Raises
    ------
    ValueError
        If the file is not written so; the message names the line and, where they are known, the options that read it.
    """
    numbers = layout.format
    text = decoded(content, layout)
    file = Delimited.of(text, layout.delimiter)
    names, start, cells = _names(file, layout)
    stripped = [name.strip() for name in names]

    def parse(**options: Any) -> pd.DataFrame:
        positions = range(len(names))
        return pd.read_csv(
            file.handle(start),
            sep=file.delimiter,
            header=None,
            names=positions,
            index_col=False,
            low_memory=False,
            skipinitialspace=file.skips_blanks,
            **options,
        )

    def cells_of(name: str, missing: bool) -> pd.Series:
        position = stripped.index(name)
        return parse(usecols=[position], dtype=str, keep_default_na=missing)[position].rename(name)

    def lines() -> list[int]:
        return file.lines(start)

    as_text = {position: str for position, name in enumerate(stripped) if name in texts}
    frame = parse(na_values=list(na), dtype=as_text, decimal=numbers.decimal, thousands=numbers.thousands or None)
    if numbers.thousands:
        frame = _grouped(frame, parse, numbers)
    frame = frame.copy()  # in one block for each type: a table of many columns is ten times faster so
    notes = check_header(frame, names, layout, start, lines)
    otherwise = other_reading(content, text) if layout.encoding != "utf-8" else ""
    if otherwise:
        notes += (f"the file is also text in UTF-8: with dataset.encoding=utf-8, {otherwise}",)
    if file.skips_blanks:
        notes += ("quotes after a blank are read as quotes",)
    padded = tuple(stripped[position] for position in _padded(cells, frame, parse))
    return frame.set_axis(names, axis=1), Source(numbers, lines, cells_of, padded, notes)


def _names(file: Delimited, layout: Layout) -> tuple[list[str], int, Cells | None]:
    """Return the names of the columns, the number of lines before the first row, and the cells if `scan` finds them.

    Raises
    ------
    ValueError
        If a row has another number of cells than the header.
    """
    try:
        names, start = header(file, layout)
        cells = file.cells(start)
        lengths = file.lengths(start) if cells is None else cells.lengths
        wrong = np.flatnonzero(lengths != len(names))
        if len(wrong):
            raise ragged(file, layout, names, start, file.lines(start)[wrong[0]], int(lengths[wrong[0]]))
    except SyntaxError as error:
        other = other_layout(file, layout)
        reason = f"its cells are divided in another way: add {pasted(other)}" if other else str(error)
        raise Refusal(reason, **other) from None
    if not len(lengths):
        raise ValueError("has a header and no rows")
    return names, start, cells


def _grouped(frame: pd.DataFrame, parse: Callable[..., pd.DataFrame], numbers: Format) -> pd.DataFrame:
    """Return the table with texts where pandas read numbers in spite of wrong groups of digits, such as 0,5 as 5."""
    written = parse(dtype=str)
    for position in frame.select_dtypes("number").columns:
        if not all(map(numbers.fits, map(str.strip, written[position].dropna().unique()))):
            frame[position] = written[position]
    return frame


def _padded(cells: Cells | None, frame: pd.DataFrame, parse: Callable[..., pd.DataFrame]) -> list[int]:
    """Return the columns of whole numbers that have cells such as 01234, which pandas reads as 1234."""
    padded = []
    for column in frame.select_dtypes("integer").columns.tolist():
        is_padded = cells.padded(column) if cells is not None else None
        if is_padded is None:
            written = parse(usecols=[column], dtype=str)[column].dropna().unique()
            is_padded = any(re.match(r"\s*0\d", text) for text in written)
        padded += [column] if is_padded else []
    return padded
