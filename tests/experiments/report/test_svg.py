"""An SVG, made fit to stand in a page with others."""

import re

import numpy as np

from experiments.figures.style import DOUBLE
from experiments.report.svg import inline
from tests.experiments.report.examples import svg


def inlined_path(path):
    """Return a path as `inline` writes it."""
    return re.search(r' d="([^"]*)"', inline("name", f'<?xml?>\n<svg>\n <path d="{path}"/>\n</svg>', {}))[1]


def test_an_inlined_picture_has_identifiers_of_its_own_and_keeps_its_text():
    styles = {}
    one, two = (inline(name, svg('0.123456 <b> id="x" style="y"'), styles) for name in ("one", "two"))
    identifiers = [set(re.findall(r'<[^>]* id="([^"]*)"', text)) for text in (one, two)]
    assert identifiers[0]
    assert not identifiers[0] & identifiers[1]
    used = set(re.findall(r'(?:href="|url\()#([^")]*)', one))
    assert used <= identifiers[0]
    assert '0.123456 &lt;b&gt; id="x" style="y"<' in one
    assert "y" not in styles
    assert set(map(int, re.findall(r'class="s(\d+)"', one))) <= set(styles.values())
    assert not re.search(r' d="[^"]*\.\d\d', one)


def test_letters_have_one_size_in_pictures_of_all_widths():
    widths = []
    for width in (DOUBLE / 2, DOUBLE, 2 * DOUBLE):
        widths.append(re.search(r'<svg[^>]* width="(.*?)"', inline("one", svg("one", width), {}))[1])
    assert widths == ["410", "820", "1639"]


def test_a_path_of_steps_goes_through_the_same_points():
    points = np.random.default_rng(0).uniform(-300, 300, (2, 40, 2))
    path = " ".join("M " + " L ".join(f" {x:.6f} {y:.6f} \n" for x, y in part) + "z" for part in points)
    short = inlined_path(path)
    reached = []
    for part in short.split("z")[:-1]:
        start, steps = part.removeprefix("M").split("l")
        numbers = [[float(n) for n in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", text)] for text in (start, steps)]
        reached.append(np.cumsum(np.reshape([*numbers[0], *numbers[1]], (-1, 2)), axis=0))
    np.testing.assert_allclose(reached, points, atol=0.051)
    assert len(short) < 0.5 * len(path)


def test_a_path_without_a_step_is_a_move_alone():
    assert inlined_path("M 1.25 2 \nL 1.25 2.01 \nM 3 4 L 3 3.5 z") == "M1.2 2M3 4l0-.5z"


def test_a_curved_path_keeps_its_points():
    assert inlined_path("M 0 0.123456 \nC 1 2 3 4 5.55555 -6.04 z") == "M 0 0.1 C 1 2 3 4 5.6 -6 z"
