"""Where a table came from: how its numbers are written, and in which lines its rows stand."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from experiments.data.cells import PLAIN, Format

SHOWN = 5
"""A message names at most so many lines."""


@dataclass(frozen=True)
class Source:
    """Where a table came from; without a file, rows are counted from 1.

    Attributes
    ----------
    format : Format
        How numbers are written.
    lines : callable or None
        Returns the line of each row in a text file.
    texts : callable or None
        Returns the cells of a column as they are written in a text file. The second argument is whether cells are
        missing that pandas takes for missing.
    padded : tuple of str
        Columns of whole numbers that have cells such as 01234.
    notes : tuple of str
        What a user may not expect of how the file was read.
    sha256 : str
        Digest of the file's bytes; empty if there is no file.
    """

    format: Format = PLAIN
    lines: Callable[[], Sequence[int]] | None = None
    texts: Callable[[str, bool], pd.Series] | None = None
    padded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sha256: str = ""

    def place(self, rows: Iterable[int]) -> str:
        """Return the place of rows for a message, such as `in lines 4, 9 and 12`."""
        rows = [int(row) for row in rows]
        lines = self.lines() if self.lines else None
        numbers = [str(lines[row] if lines else row + 1) for row in rows[:SHOWN]]
        unit = "line" if lines else "row"
        if len(rows) == 1:
            return f"in {unit} {numbers[0]}"
        end = ", …" if len(rows) > SHOWN else f" and {numbers.pop()}"
        return f"in {unit}s {', '.join(numbers)}{end}"


UNKNOWN = Source()
"""The source of a table that comes from no file."""
