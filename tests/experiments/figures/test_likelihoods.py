"""Tests of experiments.figures.likelihoods: a pairing that suits the data has the lower NLL and an even band."""

import re

import numpy as np

from experiments.figures.likelihoods import KINDS, ROWS
from tests.experiments.figures.studies import assert_nothing_overlaps, of


def numbers_of(ax):
    """Return the NLL and the shares in the band, which stand below a panel's title."""
    return [float(number) for number in re.findall(r"[\d.]+", ax.get_title(loc="left").partition("\n")[2])]


def test_every_training_row_is_in_view_or_counted_at_an_edge():
    (drawn,) = of("likelihoods", "three").values()
    assert_nothing_overlaps(drawn)
    for ax in drawn.axes:
        rows, edges = ([line for line in ax.lines if line.get_marker() in marks] for marks in (".", "^v"))
        assert sum(len(line.get_xdata()) for line in [*rows, *edges]) == ROWS
        low, high = ax.get_ylim()
        assert all(((low <= line.get_ydata()) & (line.get_ydata() <= high)).all() for line in rows)
        assert all(set(line.get_ydata()) == {"^v".index(line.get_marker()) ^ 1} for line in edges)
        assert not ax.texts  # nothing covers a point


def test_what_suits_the_data_has_the_lower_nll_and_a_band_that_holds_everywhere():
    (drawn,) = of("likelihoods", "three").values()
    panels = np.array(drawn.axes).reshape(2, len(KINDS))
    for (wrong, right), kind in zip(panels.T, KINDS, strict=True):
        heads = [ax.get_title(loc="left").partition("\n")[0].partition(": ")[2] for ax in (wrong, right)]
        assert heads == list(kind.outputs)
        (bad, *_), (good, *even) = map(numbers_of, (wrong, right))
        assert good < bad - 0.1
        assert all(85 <= share <= 99 for share in even)


def test_a_squared_error_leaves_out_what_varies_more():
    (drawn,) = of("likelihoods", "three").values()
    for ax in (drawn.axes[0], drawn.axes[2]):
        _, left, right = numbers_of(ax)
        assert left > 95 > 85 > right
