"""How a text file of rows of cells is written, and which layout divides its rows."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from experiments.data import options
from experiments.data.cells import Format
from experiments.data.options import CHARACTERS, NAMES, SEPARATORS
from experiments.data.scan import Cells, scan

COMMA = Format(",")

PEEK = 100_000
"""Number of characters in which a quote after a blank is looked for."""

FIRST_ROWS = 100
"""Number of rows that are looked at to find out how a file is written."""

BLANK = "\x1f"
"""Stands for a run of blanks between two cells."""

LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a text file is written.

    Attributes
    ----------
    separator : str
        The character between two cells, or its name; "space" means any number of blanks.
    decimal, thousands : str
        The character before a number's fraction and the one between its groups of three digits, or its name.
    encoding : str
        One that Python knows.
    header : str
        The number of the line of column names, from 1; "none" means that there is none; "auto" means the first line,
        which is refused if it looks like a row.

    Raises
    ------
    ValueError
        If a value is not allowed.
    """

    separator: options.Separator = "comma"
    decimal: options.Decimal = "point"
    thousands: options.Thousands = ""
    encoding: options.Encoding = "utf-8"
    header: options.Header = "auto"

    def __post_init__(self) -> None:
        """Check the values, and give characters and the encoding their usual names."""
        options.check(self)
        for key in ("separator", "decimal", "thousands"):
            value = getattr(self, key)
            object.__setattr__(self, key, NAMES.get(value, value))
        object.__setattr__(self, "encoding", codecs.lookup(self.encoding).name)
        if self.thousands == self.decimal:
            raise ValueError(f"dataset.thousands={self.thousands}: dataset.decimal is the same character")

    @property
    def format(self) -> Format:
        """How numbers are written."""
        return Format(CHARACTERS[self.decimal], CHARACTERS.get(self.thousands, ""))

    @property
    def delimiter(self) -> str:
        """The character between two cells."""
        return BLANK if self.separator == "space" else CHARACTERS.get(self.separator, self.separator)


@dataclass(frozen=True)
class Delimited:
    """The text of a file and how it is divided into rows of cells.

    Attributes
    ----------
    text : str
    delimiter : str
    skips_blanks : bool
        Whether a quote may follow the blanks after a delimiter.
    """

    text: str
    delimiter: str
    skips_blanks: bool = False

    @classmethod
    def of(cls, text: str, delimiter: str) -> "Delimited":
        """Return the rows of a text; each run of blanks becomes one character if blanks are between cells."""
        if delimiter == BLANK:
            quoted = re.sub(r'("(?:[^"]|"")*")|[ \t]+', lambda match: match[1] or BLANK, text)
            text = re.sub(rf"(?m)^{BLANK}|{BLANK}(?=\r?$)", "", quoted)
        first = text[:PEEK]
        rows = cls(first, delimiter).rows(lenient=True) if ' "' in first else ()
        quotes = any(re.match(r' +"', cell) for _, cells in rows for cell in cells)
        return cls(text, delimiter, quotes)

    def rows(self, start: int = 0, lenient: bool = False) -> Iterator[tuple[int, list[str]]]:
        """Return the last line and the cells of each row that is not empty, after the first `start` lines.

        Raises
        ------
        SyntaxError
            If a quote is not closed, or more than a separator follows it.
        """
        reader = self._reader(start, strict=not lenient)
        line = start
        try:
            for row in reader:
                line = start + reader.line_num
                if row:
                    yield line, row
        except csv.Error as error:
            if "unexpected end" in str(error):
                raise SyntaxError(f"line {line + 1}: a quote opens here and never closes") from None
            raise SyntaxError(f"line {start + reader.line_num}: {error}") from None

    def lengths(self, start: int) -> np.ndarray:
        """Return the number of cells of each row that is not empty, after the first `start` lines.

        Raises
        ------
        SyntaxError
            As in `rows`.
        """
        try:
            lengths = np.fromiter(map(len, self._reader(start)), np.int64)
        except csv.Error:
            return np.array([len(row) for _, row in self.rows(start)])  # which names the line
        return lengths[lengths > 0]

    def cells(self, start: int) -> Cells | None:
        """Return the cells after the first `start` lines, as `scan` finds them."""
        return scan(self._content, self.delimiter, self._offset(start))

    def lines(self, start: int) -> list[int]:
        """Return the last line of each row that is not empty, after the first `start` lines."""
        return [line for line, _ in self.rows(start)]

    def handle(self, start: int) -> io.BytesIO:
        """Return the text in UTF-8 as a file that is read up to a line."""
        handle = io.BytesIO(self._content)  # pandas reads bytes a third faster than text
        handle.seek(self._offset(start))
        return handle

    @cached_property
    def _content(self) -> bytes:
        """The text in UTF-8."""
        return self.text.encode()

    def _offset(self, start: int) -> int:
        """Return the number of bytes of the first `start` lines."""
        return sum(len(line.encode()) for line in islice(self._lines(), start))

    def _lines(self) -> Iterator[str]:
        return (match[0] for match in LINE.finditer(self.text))

    def _reader(self, start: int, strict: bool = True) -> Any:
        csv.field_size_limit(2**31 - 1)  # a cell of prose may be longer than the module's own limit
        return csv.reader(
            islice(self._lines(), start, None),
            delimiter=self.delimiter,
            strict=strict,
            skipinitialspace=self.skips_blanks,
        )


def other_layout(file: Delimited, layout: Layout) -> dict[str, str]:
    """Return the options that divide the first rows into at least two columns; none if there are none."""
    text = "".join(file.text.replace(BLANK, " ").splitlines(keepends=True)[:FIRST_ROWS])
    for name in SEPARATORS:
        delimiter = Layout(separator=name).delimiter
        if delimiter == file.delimiter:
            continue
        try:
            lines, rows = zip(*Delimited.of(text, delimiter).rows(), strict=True)
        except SyntaxError:
            continue
        first = _first_row(rows)
        if first is None:
            continue
        line = {} if first == 0 or layout.header != "auto" else {"header": str(lines[first])}
        cells = [cell.strip() for row in rows[first + 1 :] for cell in row]
        return line | {"separator": name} | _number_options(cells, layout, name)
    return {}


def _first_row(rows: Sequence[Sequence[str]]) -> int | None:
    """Return the index of the first row that has as many cells as all that follow, more than one; None if few do."""
    length = len(rows[-1])
    first = next(position for position, row in enumerate(rows) if len(row) == length)
    if length == 1 or 2 * first > len(rows) - 2 or any(len(row) != length for row in rows[first:]):
        return None
    return 0 if first == 1 and len(rows[0]) == length - 1 else first  # R names all columns but that of the row names


def _number_options(cells: Iterable[str], layout: Layout, separator: str) -> dict[str, str]:
    """Return the options that read decimal commas."""
    fractions = [cell for cell in cells if re.fullmatch(r"[+-]?[\d. \u00a0\u202f]*\d,\d+", cell)]
    if separator == "comma" or layout.format.decimal == "," or not fractions:
        return {}
    groups = {"point": Format(",", "."), "space": Format(",", " ")}
    names = [name for name, way in groups.items() if any(way.fits(cell) and not COMMA.fits(cell) for cell in fractions)]
    return {"decimal": "comma"} | ({"thousands": names[0]} if names and not layout.thousands else {})
