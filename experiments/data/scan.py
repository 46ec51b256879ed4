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
        second = self.content[starts + 1]
        return bool(((self.content[starts] == ZERO) & (second >= ZERO) & (second <= NINE)).any())


def scan(content: bytes, delimiter: str) -> Cells | None:
    """Return the cells of a text that ends with two empty lines; None if its quotes need a reader of rows.

    A quote needs one unless it opens at the start of a cell and closes at the end of a cell.
    """
    if not delimiter.isascii():
        return None
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    array, between, has_quotes = np.frombuffer(content, np.uint8), ord(delimiter), b'"' in content
    borders = np.isin(np.arange(256), (between, NEWLINE, QUOTE))
    ends, is_open = [], np.uint8(0)
    for begin in range(0, len(array), BLOCK):
        block = array[begin : begin + BLOCK]
        is_end = (block == between) | (block == NEWLINE)
        if has_quotes:
            quotes = block == QUOTE
            inside = np.bitwise_xor.accumulate(quotes.view(np.uint8)) ^ is_open
            is_open = inside[-1]
            is_outside = inside == 0
            opening = np.flatnonzero(quotes & ~is_outside) + begin
            closing = np.flatnonzero(quotes & is_outside) + begin
            if not (borders[array[opening - 1]].all() and borders[array[closing + 1]].all()):
                return None
            is_end &= is_outside
        ends.append(np.flatnonzero(is_end) + begin)
    if is_open:
        return None
    stops = np.concatenate(ends)
    starts = np.concatenate([[0], stops[:-1] + 1])
    last = np.flatnonzero(array[stops] == NEWLINE)
    lengths = np.diff(last, prepend=-1)
    is_empty = (lengths == 1) & (starts[last] == stops[last])
    if is_empty.any():
        starts = np.delete(starts, last[is_empty])
    return Cells(array, starts, lengths[~is_empty])
