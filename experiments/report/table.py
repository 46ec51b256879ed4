"""Tables of conditions, which the page sorts and filters."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes
    ----------
    text
        What a reader sees.
    sort
        What the page sorts by: a number, a text, or "" for a value that comes last in either direction.
    """

    text: str
    sort: float | str


@dataclass(frozen=True)
class Row:
    """A condition: its run, the data set and the output by which the page filters, and its cells by column."""

    run: str
    dataset: str
    output: str
    cells: dict[str, Cell]


@dataclass(frozen=True)
class Table:
    """Rows under headings; both are in the order of the columns, and `headings` is by the names of the columns."""

    headings: dict[str, str]
    rows: list[Row]

    def leading(self, names: Sequence[str], count: int = 6) -> set[str]:
        """Return the columns that a reader sees first: of these names the first ones that tell something.

        One data set or one output tells nothing, and neither does a column of zeros.
        """
        texts = {name: {row.cells[name].text for row in self.rows} for name in names if name in self.headings}
        telling = [
            name
            for name, column in texts.items()
            if column != {"0"} and (len(column) > 1 or name not in ("data set", "output"))
        ]
        return set(telling[:count])


Columns = dict[str, Callable[[Any], Cell]]
"""By the name of a column, the function that makes its cell from a row of a frame."""


def words(text: str) -> Cell:
    """Return a cell that is sorted by its text."""
    return Cell(text, text)


def quantity(text: str, value: float) -> Cell:
    """Return a cell that is sorted by a number; infinity comes after all numbers."""
    if pd.isna(value):
        return Cell(text, "")
    return Cell(text, value if math.isfinite(value) else 1e300)


def table(frame: pd.DataFrame, columns: Columns, headings: dict[str, str] | None = None) -> Table:
    """Return a frame of conditions as a table.

    Parameters
    ----------
    frame
        One condition per row; its columns include `run`, `dataset` and `output`.
    columns
        The columns of the table.
    headings
        The headings that differ from the names of their columns.
    """
    rows = [
        Row(row.run, row.dataset, row.output, {name: cell(row) for name, cell in columns.items()})
        for row in frame.itertuples()
    ]
    return Table({name: name for name in columns} | (headings or {}), rows)
