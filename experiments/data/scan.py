"""Finds the cells of a text file by its bytes, without reading the cells one by one."""

from dataclasses import dataclass

import numpy as np

BLOCK = 2**18
"""Number of bytes that are looked at together; they fit into a processor's cache."""

QUOTE, NEWLINE, ZERO, NINE = b'"\n09'


@dataclass(frozen=True)
class Cells:
    """The cells of all rows that are not empty.

    Attributes
    ----------
    content : ndarray
        Bytes of the file.
    starts : ndarray
        Index of the first byte of each cell, row by row.
    lengths : ndarray
        Number of cells of each row.
    """

    content: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    def padded(self, column: int) -> bool | None:
        """Return whether cells of a column begin with 0 and another digit; None if cells begin with a blank.

        All rows must have as many cells.
        """
        starts = self.starts.reshape(len(self.lengths), -1)[:, column]
        first = self.content[starts]
        if np.isin(first, (32, 9)).any():
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
    array = np.frombuffer(content, np.uint8, offset=offset)
    find = _ends_outside_quotes if b'"' in content else _ends
    stops = find(array, ord(delimiter))
    if stops is None:
        return None
    starts = np.concatenate([[0], stops[:-1] + 1])
    last = np.flatnonzero(array[stops] == NEWLINE)
    lengths = np.diff(last, prepend=-1)
    is_empty = (lengths == 1) & (starts[last] == stops[last])
    if is_empty.any():
        starts = np.delete(starts, last[is_empty])
    return Cells(array, starts, lengths[~is_empty])


def _plain_lines(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _ends(content: np.ndarray, delimiter: int) -> np.ndarray:
    """Return the index of the byte after each cell of a text without quotes."""
    ends = []
    for begin in range(0, len(content), BLOCK):
        block = content[begin : begin + BLOCK]
        ends.append(np.flatnonzero((block == delimiter) | (block == NEWLINE)) + begin)
    return np.concatenate(ends)


def _ends_outside_quotes(content: np.ndarray, delimiter: int) -> np.ndarray | None:
    """Return the index of the byte after each cell; None if a quote stands within a cell or is not closed."""
    ends = []
    previous, was_open, was_closing = -1, False, False
    for begin in range(0, len(content), BLOCK):
        block = content[begin : begin + BLOCK]
        is_quote = block == QUOTE
        marks = np.flatnonzero(is_quote | (block == delimiter) | (block == NEWLINE))
        if not len(marks):
            continue
        is_quote = is_quote[marks]
        is_open = np.logical_xor.accumulate(is_quote) ^ was_open
        marks += begin
        is_closing = is_quote & ~is_open
        follows = np.concatenate([[was_closing], is_closing[:-1]])
        if (np.diff(marks, prepend=previous)[follows | (is_quote & is_open)] != 1).any():
            return None
        ends.append(marks[~is_quote & ~is_open])
        previous, was_open, was_closing = marks[-1], is_open[-1], is_closing[-1]
    return None if was_open else np.concatenate(ends)
