"""Tests of experiments.figures.theme: every colour has a counterpart that is seen on the dark background."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.text import Text

from experiments.figures.style import CLASSES, COLORS
from experiments.figures.theme import ON_DARK, darken, oklab, on_dark
from tests.experiments.figures.studies import curves, drawings, fake_study
from tests.experiments.figures.test_style import VISION

BACKGROUND = "#161616"


def luminance(rgb):
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(color):
    """Return the contrast of a colour with the dark background."""
    return (luminance(np.array(to_rgb(color))) + 0.05) / (luminance(np.array(to_rgb(BACKGROUND))) + 0.05)


def test_white_becomes_the_background_and_ink_becomes_light():
    assert to_hex(on_dark(np.ones(3))) == BACKGROUND
    assert contrast(on_dark(np.array(to_rgb("0.15")))) > 12
    assert contrast(on_dark(np.zeros(3))) > 12


@pytest.mark.parametrize("vision", VISION)
def test_the_colours_of_activations_are_told_apart_on_dark_too(vision):
    assert ON_DARK.keys() == COLORS.keys()
    rgb = np.array([to_rgb(color) for color in ON_DARK.values()])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(VISION[vision]), 0, 1)
    shown = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    assert min(np.linalg.norm(one - other) for one, other in combinations(oklab(shown), 2)) >= 0.12
    assert all(contrast(color) >= 3 for color in ON_DARK.values())


def test_every_other_colour_has_contrast_and_keeps_its_distances_of_lightness():
    colors = [on_dark(np.array(to_rgb(color))) for color in CLASSES]
    assert all(contrast(color) >= 3 for color in colors)
    assert len({to_hex(color) for color in colors}) == len(CLASSES)
    lightness = oklab(np.array([on_dark(np.full(3, grey)) for grey in (0.2, 0.4, 0.6, 0.8)]))[:, 0]
    assert (np.diff(lightness) < 0).all()


@pytest.mark.parametrize("name", ["lu_comparison", "leaderboard", "confusion", "pairing_matrix", "saturation"])
def test_nothing_of_a_dark_figure_is_dark_on_dark(name):
    tables = fake_study(outputs=("softmax_ce", "softmax_mse") if name == "pairing_matrix" else ("softmax_ce",))
    (drawn,) = drawings(name, tables).values()
    data = [curves(ax) for ax in drawn.axes]
    cells = {text for ax in drawn.axes if ax.images for text in ax.texts}
    darken(drawn)
    assert to_hex(drawn.get_facecolor()) == BACKGROUND
    for ax in drawn.axes:
        assert to_hex(ax.get_facecolor()) == BACKGROUND
        assert all(contrast(line.get_color()) >= 2 for line in ax.lines if line.get_gid())
    texts = [text for text in drawn.findobj(Text) if text.get_text() and text.get_visible() and text not in cells]
    assert min(contrast(text.get_color()) for text in texts) >= 4.5
    for before, ax in zip(data, drawn.axes, strict=True):
        assert before.keys() == curves(ax).keys()


@pytest.mark.parametrize("name", ["confusion", "pairing_matrix", "metrics"])
def test_the_numbers_of_a_matrix_are_read_on_their_cells(name):
    tables = fake_study(outputs=("softmax_ce", "softmax_mse") if name == "pairing_matrix" else ("softmax_ce",))
    (drawn,) = drawings(name, tables).values()
    darken(drawn)
    for ax in drawn.axes:
        if not ax.images or not ax.texts:
            continue
        (image,) = ax.images
        cells = image.to_rgba(image.get_array())
        for text in ax.texts:
            x, y = (round(place) for place in text.get_position())
            if not 0 <= y < len(cells) or not cells[y, x, 3]:
                continue
            levels = sorted([luminance(cells[y, x, :3]), luminance(np.array(to_rgb(text.get_color())))])
            assert (levels[1] + 0.05) / (levels[0] + 0.05) > 3
