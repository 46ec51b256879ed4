"""Reads a text file of rows of cells, such as a CSV file, and says which options read it where these do not fit."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from experiments.data.cells import CHARACTERS, PLAIN, Format, listed
from experiments.data.source import Source
from nets.names import nearest

SEPARATORS = ("comma", "semicolon", "tab", "pipe", "space")

BLANK = "\x1f"
"""Stands for a run of blanks between two cells."""


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
    """

    separator: str = "comma"
    decimal: str = "point"
    thousands: str = ""
    encoding: str = "utf-8"
    header: str = "auto"

    @property
    def format(self) -> Format:
        """How numbers are written.

        Raises
        ------
        ValueError
            If a character is not allowed.
        """
        decimal, thousands = (self._character(key) for key in ("decimal", "thousands"))
        if decimal not in (".", ","):
            raise ValueError(f"dataset.decimal={self.decimal}: Allowed: point, comma")
        if thousands == decimal:
            raise ValueError(f"dataset.thousands={self.thousands}: dataset.decimal is the same character")
        if thousands and thousands not in ",.'_ ":
            raise ValueError(
                f"dataset.thousands={self.thousands}: Allowed: comma, point, space, apostrophe, underscore"
            )
        return Format(decimal, thousands)

    @property
    def delimiter(self) -> str:
        """The character between two cells.

        Raises
        ------
        ValueError
            If it is not allowed.
        """
        character = self._character("separator")
        if len(character) != 1 or character in '"\n\r\0' or character.isalnum():
            raise ValueError(
                f"dataset.separator={self.separator}: {nearest(self.separator, SEPARATORS)}, or one character"
            )
        return BLANK if character == " " else character

    def _character(self, key: str) -> str:
        value: str = getattr(self, key)
        return CHARACTERS.get(value, value)


@dataclass(frozen=True)
class Delimited:
    """The text of a file and how it is divided into rows of cells."""

    text: str
    delimiter: str

    @classmethod
    def of(cls, text: str, delimiter: str) -> "Delimited":
        """Return the rows of a text; each run of blanks becomes one character if blanks are between cells."""
        if delimiter == BLANK:
            quoted = re.sub(r'("(?:[^"]|"")*")|[ \t]+', lambda match: match[1] or BLANK, text)
            text = re.sub(rf"(?m)^{BLANK}|{BLANK}(?=\r?$)", "", quoted)
        return cls(text, delimiter)

    def rows(self, start: int = 0) -> Iterator[tuple[int, list[str]]]:
        """Return the last line and the cells of each row that is not empty, after the first `start` lines.

        Raises
        ------
        ValueError
            If quotes are not closed.
        """
        handle = self.handle(start)
        reader = csv.reader(handle, delimiter=self.delimiter, strict=True)
        try:
            for row in reader:
                if row:
                    yield start + reader.line_num, row
        except csv.Error as error:
            raise ValueError(f"line {start + reader.line_num}: {error}") from None

    def lengths(self, start: int = 0) -> Iterator[tuple[int, int]]:
        """Return the last line and the number of cells of each row that is not empty, after the first `start` lines."""
        if '"' in self.text:
            yield from ((line, len(row)) for line, row in self.rows(start))
            return
        text = self.handle(start).read()
        text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
        for line, content in enumerate(text.split("\n"), start + 1):
            if content:
                yield line, content.count(self.delimiter) + 1

    def handle(self, start: int) -> io.StringIO:
        """Return the text as a file that is read up to a line."""
        handle = io.StringIO(self.text, newline="")
        for _ in range(start):
            handle.readline()
        return handle


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
    numbers, delimiter = layout.format, layout.delimiter
    if numbers.decimal == delimiter and layout.decimal != "point" and layout.separator != "comma":
        raise ValueError(f"dataset.decimal={layout.decimal}: dataset.separator is the same character")
    file = Delimited.of(decoded(content, layout.encoding), delimiter)
    names, start = _header(file, layout)
    count = 0
    for line, cells in file.lengths(start):
        count += 1
        if cells != len(names):
            raise _ragged(file, layout, names, start, line, cells)
    if not count:
        raise ValueError("has a header and no rows")

    def parse(**options: Any) -> pd.DataFrame:
        return pd.read_csv(
            file.handle(start),
            sep=delimiter,
            header=None,
            names=range(len(names)),
            index_col=False,
            low_memory=False,
            **options,
        )

    stripped = [name.strip() for name in names]

    def cells_of(name: str, missing: bool) -> pd.Series:
        place = stripped.index(name)
        return parse(usecols=[place], dtype=str, keep_default_na=missing)[place]

    def lines() -> list[int]:
        return [line for line, _ in file.lengths(start)]

    as_text = {place: str for place, name in enumerate(stripped) if name in texts}
    number_options = {"decimal": numbers.decimal, "thousands": numbers.thousands or None}
    frame = parse(na_values=list(na), dtype=as_text, **number_options)
    if numbers.thousands:
        frame = _grouped(frame, parse, numbers)
    notes = _check_header(frame, names, layout, start)
    return frame.set_axis(names, axis=1), Source(numbers, lines, cells_of, notes)


def _grouped(frame: pd.DataFrame, parse: Callable[..., pd.DataFrame], numbers: Format) -> pd.DataFrame:
    """Return the table with texts where pandas read numbers in spite of wrong groups of digits, such as 0,5 as 5."""
    written = parse(dtype=str)
    for place in frame.select_dtypes("number").columns:
        if not all(map(numbers.fits, map(str.strip, written[place].dropna().unique()))):
            frame[place] = written[place]
    return frame


def decoded(content: bytes, encoding: str) -> str:
    """Return the text of a file.

    Raises
    ------
    ValueError
        With the line and the encoding that reads the file, where one is known.
    """
    try:
        codecs.lookup(encoding)
        "".encode(encoding)
    except LookupError:
        raise ValueError(
            f"dataset.encoding={encoding}: allowed is an encoding of text that Python knows, such as utf-8, cp1252, "
            f"latin-1 and utf-16"
        ) from None
    is_utf8 = codecs.lookup(encoding).name == "utf-8"
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if is_utf8 and content.startswith(mark):
            raise ValueError(f"is written in UTF-16: add dataset.encoding={name}")
    if is_utf8 and b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        for name, zeros in (("utf-16-le", content[1::2]), ("utf-16-be", content[::2])):
            if len(content) % 2 == 0 and zeros.count(0) > 0.9 * len(zeros):
                raise ValueError(f"line {line} has a NUL byte, the file looks like UTF-16: add dataset.encoding={name}")
        raise ValueError(f"line {line} has a NUL byte: allowed is text in UTF-8")
    try:
        text = content.decode("utf-8-sig" if is_utf8 else encoding)
    except UnicodeDecodeError as error:
        raise _undecodable(content, encoding, error) from None
    if "\0" in text:
        raise ValueError(f"line {text[: text.index(chr(0))].count(chr(10)) + 1} has a NUL character")
    return text.removeprefix("\ufeff")


def _undecodable(content: bytes, encoding: str, error: UnicodeDecodeError) -> ValueError:
    line = content[: error.start].count(b"\n")
    name = "UTF-8" if encoding == "utf-8" else encoding
    message = f"line {line + 1} is not {name} (byte {content[error.start]:#x})"
    for other in ("cp1252", "latin-1") if name == "UTF-8" else ():
        try:
            text = content.decode(other)
        except UnicodeDecodeError:
            continue
        word = re.search(r"\S*[^\x00-\x7f]\S*", text.split("\n")[line])
        return ValueError(f"{message}: add dataset.encoding={other}, if {word[0][:40] if word else ''!r} is right")
    return ValueError(f"{message}: dataset.encoding=… names the encoding of the file")


def _header(file: Delimited, layout: Layout) -> tuple[list[str], int]:
    """Return the names of the columns and the number of lines before the first row."""
    if layout.header in ("auto", "none"):
        line, cells = next(file.rows(), (0, []))
        if not any(cells):
            raise ValueError("is empty: allowed is a line of column names, then rows")
        if layout.header == "none":
            return [f"x{number}" for number in range(1, len(cells) + 1)], 0
    else:
        if not layout.header.isdecimal() or not int(layout.header):
            raise ValueError(f"dataset.header={layout.header}: allowed are auto, none and the number of a line, from 1")
        start = int(layout.header) - 1
        line, cells = next(file.rows(start), (0, []))
        if not any(cells):
            raise ValueError(f"dataset.header={layout.header}: the file has no such line")
    if len(cells) == 1:
        _refuse_one_cell(file, layout, cells[0])
    return cells, line


def _refuse_one_cell(file: Delimited, layout: Layout, header: str) -> None:
    """Refuse a header of one cell if another separator divides it, or if it looks like a title."""
    other = _other_layout(file, layout)
    if other:
        raise ValueError(f"its header is one cell, {header[:60]!r}: add {other}")
    lengths = [length for _, length in _first(file.lengths())]
    if layout.header == "auto" and len(lengths) > 1 and lengths[1] > 1 and len(set(lengths[1:])) == 1:
        line = [line for line, _ in _first(file.lengths())][1]
        raise ValueError(
            f"line 1 has one cell, {header[:60]!r}, and the next lines have {lengths[1]}: add dataset.header={line} if "
            f"line {line} has the column names"
        )


def _first(rows: Iterator[tuple[int, int]], most: int = 100) -> list[tuple[int, int]]:
    return [pair for pair, _ in zip(rows, range(most), strict=False)]


def _other_layout(file: Delimited, layout: Layout) -> str:
    """Return the options that divide the first rows into at least two columns; "" if there are none."""
    text = "".join(file.text.splitlines(keepends=True)[:100])
    for name in SEPARATORS:
        delimiter = Layout(separator=name).delimiter
        if delimiter == file.delimiter:
            continue
        try:
            rows = [row for _, row in Delimited.of(text, delimiter).rows()]
        except ValueError:
            continue
        if len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
            continue
        options = [f"dataset.separator={name}"]
        cells = [cell.strip() for row in rows[1:] for cell in row]
        decimal, thousands = layout.format.decimal, layout.format.thousands
        if decimal == ".":
            fractions = [cell for cell in cells if re.fullmatch(r"[+-]?[\d.]*\d,\d+", cell)]
            if fractions and name != "comma":
                options.append("dataset.decimal=comma")
                german = Format(",", ".")
                if not thousands and any("." in cell and german.fits(cell) for cell in fractions):
                    options.append("dataset.thousands=point")
        return " ".join(options)
    return ""


def _ragged(file: Delimited, layout: Layout, names: Sequence[str], start: int, line: int, cells: int) -> ValueError:
    """Return the refusal of a row that has more or fewer cells than the header."""
    words = f"{cells} cell{'s' if cells != 1 else ''}"
    first = "the first row" if layout.header == "none" else "the header"
    message = f"line {line} has {words}, {first} has {len(names)}"
    other = _other_layout(file, layout)
    if other:
        return ValueError(f"{message}: add {other}")
    lengths = {length for _, length in _first(file.lengths(start))}
    if layout.header == "auto" and len(lengths) == 1 and len(names) < cells and start == 1:
        if len(names) == cells - 1:
            return ValueError(f"{message}: each column needs a name, also the one of the row names")
        return ValueError(f"{message}: add dataset.header={line} if line {line} has the column names")
    return ValueError(message)


def _check_header(frame: pd.DataFrame, names: Sequence[str], layout: Layout, line: int) -> tuple[str, ...]:
    """Refuse a header that looks like a row, or return a note about it."""
    stripped = [name.strip() for name in names]
    numbers = [float(name) for name in stripped if PLAIN.fits(name)]
    if layout.header != "auto" or not (numbers or len(set(stripped)) < len(stripped)):
        return ()
    rising = all(before < after for before, after in pairwise(numbers))
    occurs = sum(_occurs(frame[place], name) for place, name in enumerate(stripped)) > len(names) / 2
    if occurs or not rising:
        why = (
            "its cells occur in their columns again" if occurs else f"{len(numbers)} of {len(names)} cells are numbers"
        )
        raise ValueError(
            f"line {line} looks like a row ({listed(stripped, 6)}), because {why}: add dataset.header=none if there "
            f"are no column names (they are then x1, x2, …), or dataset.header={line} if these are the names"
        )
    steps = np.diff(numbers)
    if len(numbers) == 1 or (len(steps) and not np.allclose(steps, steps[0])):
        shown = listed([name for name in stripped if PLAIN.fits(name)])
        return (f"column names are numbers ({shown}): if line {line} is a row, add dataset.header=none",)
    return ()


def _occurs(column: pd.Series, text: str) -> bool:
    """Return whether a text is a cell of a column."""
    if column.dtype.kind in "iuf":
        return bool(PLAIN.fits(text) and (column == float(text)).any())
    return bool((column.astype(str).str.strip() == text).any())
