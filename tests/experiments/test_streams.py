"""Streams are fixed for ever by their keys, differ in every key, and start afresh each time."""

import itertools

import pytest

from experiments.streams import STREAMS, stream


@pytest.mark.parametrize(
    ("name", "draw"),
    [("split", 2603226641), ("init", 2299910647), ("order", 629981263), ("noise", 3465871254)],
)
def test_draws_are_pinned(name, draw):
    """A change here would give studies that exist already other splits and weights under the same seeds."""
    assert stream(0, name, 1, 2).integers(2**32) == draw


def test_a_stream_starts_afresh_each_time():
    assert (stream(5, "order", 3).random(4) == stream(5, "order", 3, 0).random(4)).all()


def test_every_part_of_the_key_matters():
    keys = list(itertools.product((0, 1, 2**40), STREAMS, (0, 1, 2**40), (0, 1, 2)))
    assert len({stream(*key).integers(2**63) for key in keys}) == len(keys)


def test_an_unknown_name_is_refused():
    message = r"'drop': must be one of split, init, order, noise, dropout, rows, trials$"
    with pytest.raises(ValueError, match=message):
        stream(0, "drop", 0)
