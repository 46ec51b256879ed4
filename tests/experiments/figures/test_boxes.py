"""Tests of experiments.figures.boxes: which texts overlap or are cut off, in examples and under long names."""

import math

import pytest
from matplotlib.figure import Figure

from experiments.figures.boxes import crowded, text_boxes
from tests.experiments.figures.studies import drawings, fake_study

LONG = "a_long_name_of_an_activation"


def drawn_texts(*texts, **style):
    """Return a figure of 4 × 2 inches with texts at these places in inches."""
    figure = Figure(figsize=(4, 2))
    for x, y, text in texts:
        figure.text(x / 4, y / 2, text, fontsize=10, **style)
    return figure


def test_texts_side_by_side_are_apart_and_one_on_the_other_is_not():
    assert not crowded(drawn_texts((1, 1, "one"), (1.5, 1, "other"), (1, 1.2, "above")))
    assert crowded(drawn_texts((1, 1, "one"), (1.1, 1.05, "other"))) == ["'one' overlaps 'other'"]


def test_a_text_beyond_the_edge_is_cut_off():
    assert crowded(drawn_texts((3.8, 1, "a long text"))) == ["'a long text' is cut off"]
    assert crowded(drawn_texts((1, 1.99, "high"))) == ["'high' is cut off"]


def test_a_turned_text_has_a_turned_box():
    """The upright boxes of two parallel slanted labels overlap, and the labels do not."""
    figure = drawn_texts((1, 0.5, "a slanted label"), (1.3, 0.5, "and its neighbour"), rotation=45)
    assert not crowded(figure)
    (one, _) = text_boxes(figure)
    along = one.corners[1] - one.corners[0]
    assert math.degrees(math.atan2(along[1], along[0])) == pytest.approx(45)


def test_a_line_of_several_is_measured_on_its_own():
    assert [box.text for box in text_boxes(drawn_texts((1, 1, "first\nsecond")))] == ["first", "second"]
    assert not crowded(drawn_texts((1, 1, "first\nsecond")))


@pytest.mark.parametrize("name", ["gradient_flow", "confusion", "depth", "leaderboard", "saturation"])
def test_long_names_overlap_nowhere(name):
    tables = fake_study(("relu", LONG, "gelu"), hidden=((8,), (8,) * 16), datasets=("breast_cancer",), epochs=3)
    for drawn in drawings(name, tables).values():
        assert crowded(drawn) == []
        sizes = [text.get_fontsize() for ax in drawn.axes for text in [ax.title, *ax.texts] if text.get_text()]
        assert min(sizes, default=6) >= 4.5


@pytest.mark.parametrize("depths", [(1, 2, 16), (1, 64)])
def test_no_mark_of_a_depth_is_cut_off(depths):
    (drawn,) = drawings("depth", fake_study(("relu", "tanh"), hidden=tuple((8,) * d for d in depths))).values()
    drawn.draw_without_rendering()
    for ax in drawn.axes:
        first, last = ax.transData.transform([[depths[0], 1], [depths[-1], 1]])[:, 0]
        radius = 3.5 / 2 * drawn.dpi / 72
        box = ax.get_window_extent()
        assert box.x0 < first - radius
        assert last + radius < box.x1
