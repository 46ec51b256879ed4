"""Finds the column names of a text file, and refuses a header that looks like a title or like a row."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice, pairwise

import numpy as np
import pandas as pd
from pandas.api import types

from experiments.data.cells import PLAIN, listed
from experiments.data.choices import pasted
from experiments.data.layout import FIRST_ROWS, Delimited, Layout, other_layout
from experiments.data.options import NAMES
from experiments.data.refusals import Refusal


def header(file: Delimited, layout: Layout) -> tuple[list[str], int]:
    """Return the names of the columns and the number of lines before the first row.

    Raises
    ------
    ValueError
        If there is no such line, or if another layout or another line has the names.
    """
    if layout.header in ("auto", "none"):
        line, cells = next(file.rows(), (0, []))
        if not any(cells):
            raise ValueError("is empty: allowed is a line of column names, then rows")
        if layout.header == "none":
            return [f"x{number}" for number in range(1, len(cells) + 1)], 0
    else:
        line, cells = next(file.rows(int(layout.header) - 1), (0, []))
        if not any(cells):
            raise ValueError(f"dataset.header={layout.header}: the file has no such line")
    names = [cell.strip() for cell in cells]
    if len(cells) == 1:
        other = other_layout(file, layout)
        separator = re.fullmatch(r"sep=(.)", names[0])
        if separator:
            name = NAMES.get(separator[1], separator[1])
            other = {"header": str(line + 1), "separator": name}
        if other:
            raise Refusal(f"its header is one cell, {names[0][:60]!r}: add {pasted(other)}", **other)
    if layout.header == "auto" and (len(cells) == 1 or names.count("") > 1):
        better = _line_of_names(file, line)
        if better:
            raise Refusal(
                f"line {line} looks like a title, {listed([name for name in names if name])[:60]!r}: "
                f"add dataset.header={better} if line {better} has the column names",
                header=str(better),
            )
    return cells, line


def _line_of_names(file: Delimited, line: int) -> int:
    """Return the first line after this one that has as many cells as all that follow it, none of them empty; else 0."""
    rows = list(islice(file.rows(line), FIRST_ROWS))
    common = Counter(len(cells) for _, cells in rows).most_common(1)
    for position, (further, cells) in enumerate(rows):
        if len(cells) == common[0][0] > 1:
            same = all(len(after) == len(cells) for _, after in rows[position:])
            return further if same and all(cell.strip() and not PLAIN.fits(cell.strip()) for cell in cells) else 0
    return 0


def ragged(file: Delimited, layout: Layout, names: Sequence[str], start: int, line: int, cells: int) -> ValueError:
    """Return the refusal of a row that has more or fewer cells than the header."""
    first = "the first row" if layout.header == "none" else "the header"
    message = f"line {line} has {cells} cell{'s' if cells != 1 else ''}, {first} has {len(names)}"
    other = other_layout(file, layout)
    if other:
        return Refusal(f"{message}: add {pasted(other)}", **other)
    if layout.header != "auto":
        return ValueError(message)
    rows = [cells for _, cells in islice(file.rows(start), FIRST_ROWS)]
    if all(len(cells) == len(names) + 1 for cells in rows):
        if not any(cells[-1] for cells in rows):
            return ValueError(f"{message}: each row ends with a separator, so the header needs one at its end, too")
        return ValueError(f"{message}: each column needs a name, also that of the row names (col.names=NA in R)")
    better = _line_of_names(file, start)
    if better:
        reason = f"{message}: add dataset.header={better} if line {better} has the column names"
        return Refusal(reason, header=str(better))
    return ValueError(message)


def check_header(
    frame: pd.DataFrame, names: Sequence[str], layout: Layout, line: int, lines: Callable[[], Sequence[int]]
) -> tuple[str, ...]:
    """Return a note about a header that may be a row; `lines` returns the line of each row.

    Raises
    ------
    ValueError
        If it looks like a row, or is repeated further below.
    """
    if layout.header != "auto":
        return ()
    stripped = [name.strip() for name in names]
    numbers = [name for name in stripped if PLAIN.fits(name)]
    values = [float(name) for name in numbers]
    repeated = _repeated(frame, names)
    common = repeated.any(axis=0).sum() > len(names) / 2
    again = np.flatnonzero(repeated.all(axis=1))
    if common and len(again) and repeated.sum() == len(again) * len(names):
        raise ValueError(f"line {lines()[again[0]]} has the column names again: take it out of the file")
    texts_occur = repeated[:, [name not in numbers for name in stripped]].any()
    # A table without names gets these from pandas. Two numbers are no sequence: a row may begin with 0 and 1.
    is_default = numbers in ([str(number + first) for number in range(len(numbers))] for first in (0, 1))
    if is_default and len(numbers) > 2 and not texts_occur:
        return ()
    why = ""
    if common:
        why = "its cells occur in their columns again"
    elif any(before >= after for before, after in pairwise(values)):
        why = f"{len(numbers)} of {len(names)} are numbers"
    elif numbers and all(_is_like_cells(frame[stripped.index(name)], name) for name in numbers):
        why = f"{listed(numbers)} {'is' if len(numbers) == 1 else 'are'} like the numbers below"
    if why:
        raise ValueError(
            f"line {line} looks like a row ({listed(stripped, 6)}), because {why}: add dataset.header=none if there "
            f"are no column names (they are then x1, x2, …), or dataset.header={line} if these are the names"
        )
    steps = np.diff(values)
    if values and (len(values) < 3 or not np.allclose(steps, steps[0])):
        return (f"column names are numbers ({listed(numbers)}): if line {line} is a row, add dataset.header=none",)
    return ()


def _is_like_cells(column: pd.Series, name: str) -> bool:
    """Return whether a name is a fraction within the range of its column."""
    if not types.is_float_dtype(column) or float(name).is_integer():
        return False
    return bool(column.min() <= float(name) <= column.max())


def _repeated(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Return where the cells (n, d) of a table are the names of their columns."""
    repeated = np.zeros(frame.shape, bool)
    for position, (name, dtype) in enumerate(zip(names, list(frame.dtypes), strict=True)):
        is_number = types.is_numeric_dtype(dtype)
        # Only a number can be a cell of a column of numbers: of ten thousand columns few must be looked at.
        if not is_number or PLAIN.fits(name.strip()):
            repeated[:, position] = (frame[position] == (float(name) if is_number else name)).to_numpy(bool)
    return repeated
