"""The rows that are found by bytes are those of Python's csv module; where quotes forbid it, none are found."""

import csv
import io
import random

import numpy as np
import pytest

from experiments.data import scan as module
from experiments.data.scan import scan

PIECES = (
    "a",
    "0",
    "07",
    "7",
    "1.5",
    " 05",
    '"',
    '""',
    ",",
    ",",
    "\n",
    "\n",
    "\r\n",
    '"b"',
    '"x,y"',
    '"01"',
    '"p\nq"',
    "é",
)


def rows(text):
    return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]


@pytest.mark.parametrize("block", [3, 64, 2**18])
def test_random_texts_have_the_rows_of_the_csv_module(block, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", block)
    draw = random.Random(block)
    agreed = 0
    for _ in range(3000):
        text = "".join(draw.choices(PIECES, k=draw.randint(1, 14)))
        cells = scan(text.encode(), ",", 0)
        if cells is not None:
            agreed += 1
            assert cells.lengths.tolist() == [len(row) for row in rows(text)], text
    assert agreed > 700


@pytest.mark.parametrize("text", ['a"b,c\n', '"a"b,c\n', '"a,b\n', 'a, "b,c"\n'])
def test_quotes_within_cells_need_a_reader(text):
    assert scan(text.encode(), ",", 0) is None


@pytest.mark.parametrize(
    ("cells", "padded"),
    [("0 1 10", False), ("00 1 2", True), ("1 05 2", True), ("0.5 1 2", False), ('"07" 1 2', True), ("-01 1 2", False)],
)
def test_zeros_before_numbers_are_seen_in_their_column(cells, padded):
    text = "title\n\n" + "".join(f"09,{cell}\n\n" for cell in cells.split())
    found = scan(text.encode(), ",", len("title\n"))
    assert (found.padded(0), found.padded(1)) == (True, padded)
    assert found.lengths.tolist() == [2, 2, 2]


def test_cells_that_begin_with_a_blank_are_read_otherwise():
    assert scan(b"1, 05\n2,3\n", ",", 0).padded(1) is None
    assert scan("1§05".encode(), "§", 0) is None
    assert np.array_equal(scan(b"1,05", ",", 0).lengths, [2])
