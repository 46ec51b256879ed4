"""Finds the cells of a text file by its bytes, without reading the cells one by one."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

BLOCK = 2**18
"""Number of bytes that are looked at together; they fit into a processor's cache."""

QUOTE, NEWLINE, ZERO, NINE, BLANK, TAB = b'"\n09 \t'


@dataclass(frozen=True)
class Cells:
    """The cells of all rows that are not empty.

    Attributes
    ----------
    content : ndarray
        Bytes of the file.
    stops : ndarray
        Index of the byte after each cell, row by row, also of the empty rows.
    last : ndarray
        Position among `stops` of the last cell of each row, also of the empty rows.
    """

    content: np.ndarray
    stops: np.ndarray
    last: np.ndarray

    @cached_property
    def lengths(self) -> np.ndarray:
        """The number of cells of each row that is not empty."""
        lengths: np.ndarray = np.diff(self.last, prepend=-1)[self._is_row]
        return lengths

    @cached_property
    def _is_row(self) -> np.ndarray:
        """Whether each row is not empty (n,)."""
        is_row: np.ndarray = np.diff(self.stops[self.last], prepend=-1) > 1
        return is_row

    def padded(self, column: int) -> bool | None:
        """Return whether cells of a column begin with 0 and another digit; None if cells begin with a blank.

        All rows must have as many cells.
        """
        before = self.last[self._is_row] - self.lengths[0] + column
        starts = np.where(before < 0, 0, self.stops[before] + 1)
        first = self.content[starts]
        if ((first == BLANK) | (first == TAB)).any():
            return None
        starts = starts + (first == QUOTE)
        second = self.content[np.minimum(starts + 1, len(self.content) - 1)]
        return bool(((self.content[starts] == ZERO) & (second >= ZERO) & (second <= NINE)).any())


def scan(content: bytes, delimiter: str, offset: int) -> Cells | None:
    """Return the cells of a text from a byte on; None if its quotes need a reader of rows.

    A quote needs one unless it opens at the start of a cell and closes at the end of a cell.
    """
    if not delimiter.isascii():
        return None
    if b"\r" in content:
        content, offset = _plain_lines(content[offset:]), 0
    if not content.endswith(b"\n"):
        content += b"\n"
    array, has_quotes = np.frombuffer(content, np.uint8, offset=offset), b'"' in content
    kind = np.int32 if len(array) < 2**31 else np.int64  # half of the memory is half of the time
    ends: list[np.ndarray] = [np.empty(0, kind)]
    newlines: list[np.ndarray] = [np.empty(0, bool)]
    quotes = Quotes()
    for begin in range(0, len(array), BLOCK):
        block = array[begin : begin + BLOCK]
        is_mark = (block == ord(delimiter)) | (block == NEWLINE)
        if has_quotes:
            is_mark |= block == QUOTE
        marks = np.flatnonzero(is_mark)
        bytes_there = block[marks]
        if has_quotes:
            outside = quotes.outside(marks + begin, bytes_there == QUOTE)
            if outside is None:
                return None
            marks, bytes_there = marks[outside], bytes_there[outside]
        ends.append((marks + begin).astype(kind))
        newlines.append(bytes_there == NEWLINE)
    if quotes.is_open:
        return None
    return Cells(array, np.concatenate(ends), np.flatnonzero(np.concatenate(newlines)))


def _plain_lines(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class Quotes:
    """Follows the quotes of a text from block to block."""

    def __init__(self) -> None:
        self.is_open = False
        self._was_closing = False
        self._previous = -1

    def outside(self, marks: np.ndarray, is_quote: np.ndarray) -> np.ndarray | None:
        """Return which marks (quotes and ends of cells) are ends; None if a quote stands within a cell."""
        if not len(marks):
            return is_quote
        is_open = np.logical_xor.accumulate(is_quote) ^ self.is_open
        is_closing = is_quote & ~is_open
        follows = np.concatenate([[self._was_closing], is_closing[:-1]])
        if (np.diff(marks, prepend=self._previous)[follows | (is_quote & is_open)] != 1).any():
            return None
        self.is_open, self._was_closing, self._previous = bool(is_open[-1]), bool(is_closing[-1]), int(marks[-1])
        outside: np.ndarray = ~is_quote & ~is_open
        return outside
