"""Tests of experiments.figures.sizes: a figure in another size is the same picture, and its texts can be read."""

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text

from experiments.config.errors import ConfigError
from experiments.figures.boxes import crowded, text_boxes
from experiments.figures.sizes import INCH, SIZES, SLIDE_FONT, Size, resize, size_of, smallest_font
from experiments.figures.style import DOUBLE, RC, SINGLE
from tests.experiments.figures.studies import curves, drawings, fake_study

NAMES = ["lu_comparison", "leaderboard", "saturation", "gradient_flow", "confusion", "activation_curves"]


def draw(name, activations=("relu", "elu", "tanh"), **options):
    (drawn,) = drawings(name, fake_study(activations, epochs=20, **options)).values()
    return drawn


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_of_twice_the_size_is_the_same_picture(name):
    small, large = draw(name), draw(name)
    width, height = 2 * small.get_size_inches()
    resize(large, Size(width, height, 2))
    assert tuple(large.get_size_inches()) == (width, height)
    with matplotlib.rc_context(RC):  # as it is rendered
        one, other = text_boxes(small), text_boxes(large)
    assert [box.text for box in one] == [box.text for box in other]
    for before, after in zip(one, other, strict=True):
        np.testing.assert_allclose(after.corners.mean(axis=0), 2 * before.corners.mean(axis=0), atol=4)
    for before, after in zip(small.axes, large.axes, strict=True):
        np.testing.assert_allclose(after.get_position().bounds, before.get_position().bounds, atol=0.02)
        for line, wider in zip(before.lines, after.lines, strict=True):
            assert wider.get_linewidth() == 2 * line.get_linewidth()
            assert wider.get_markersize() == 2 * line.get_markersize()
        assert curves(before).keys() == curves(after).keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_slide_is_read_from_the_back_row(name):
    drawn = draw(name)
    resize(drawn, SIZES["slide"])
    np.testing.assert_allclose(drawn.get_size_inches(), (13.33, 7.5))
    assert crowded(drawn) == []
    if name != "saturation":  # eight panels
        assert smallest_font(drawn) >= SLIDE_FONT
    assert smallest_font(drawn) >= 13


@pytest.mark.parametrize(("size", "width"), [("column", SINGLE), ("page", DOUBLE)])
@pytest.mark.parametrize("name", ["lu_comparison", "leaderboard", "confusion"])
def test_a_figure_fits_into_a_column_and_into_a_page(name, size, width):
    drawn = draw(name)
    resize(drawn, SIZES[size])
    assert drawn.get_figwidth() == pytest.approx(width)
    assert crowded(drawn) == []
    assert smallest_font(drawn) >= {"lu_comparison": 6, "leaderboard": 6, "confusion": 5 if size == "page" else 3}[name]


def test_titles_of_six_panels_in_a_column_have_several_lines_and_no_broken_word():
    drawn, before = draw("lu_comparison"), draw("lu_comparison")
    resize(drawn, SIZES["column"])
    titles = [ax.get_title(loc="left") for ax in drawn.axes]
    assert any("\n" in title for title in titles)
    assert [title.replace("\n", " ") for title in titles] == [ax.get_title(loc="left") for ax in before.axes]


def test_many_conditions_have_smaller_fonts_rather_than_texts_that_overlap():
    drawn = draw("leaderboard", tuple(f"activation_{number}" for number in range(40)), seeds=2)
    resize(drawn, SIZES["slide"])
    assert crowded(drawn) == []
    assert smallest_font(drawn) < SLIDE_FONT


def test_free_sizes_have_a_unit_and_are_exact():
    assert size_of("16x9cm")[:2] == size_of("16×9")[:2] == pytest.approx((16 / INCH, 9 / INCH))
    assert size_of("6.5 X 4in")[:2] == (6.5, 4)
    drawn = draw("lu_comparison")
    resize(drawn, size_of("20x12cm"))
    np.testing.assert_allclose(drawn.get_size_inches() * INCH, (20, 12))


@pytest.mark.parametrize(
    ("text", "hint"),
    [("slid", "did you mean 'slide'"), ("16", "16x9cm"), ("1x1cm", "from 1.5 to 60 inches"), ("900x2in", "from 1.5")],
)
def test_what_is_no_size_is_refused_in_one_line(text, hint):
    with pytest.raises(ConfigError, match=f"size={text}: .*{hint}") as refused:
        size_of(text)
    assert "\n" not in str(refused.value)


def test_a_legend_that_is_laid_out_anew_keeps_its_entries():
    names = tuple(f"an_activation_with_the_number_{number}" for number in range(9))
    drawn = draw("lu_comparison", names, diverged=0)
    before = [text.get_text() for text in drawn.legends[0].get_texts()]
    resize(drawn, SIZES["slide"])
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == before
    assert all(text.get_fontsize() > 8 for text in drawn.legends[0].findobj(Text))
