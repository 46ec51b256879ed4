"""Tests of experiments.figures.texts: no boxes, no warnings, nothing cut off, and different names stay different."""

import logging
import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from experiments.data.table import Data
from experiments.figures import decisions, texts
from experiments.figures.style import RC, legend, render, sheet, subject
from experiments.figures.texts import (
    distinct,
    families,
    fitted,
    legend_of_names,
    literal,
    set_fonts,
    shortened,
    spelled,
    width_of,
)
from experiments.report.svg import inline
from nets.activations import ACTIVATIONS
from tests.experiments.figures.studies import FIGURES, assert_nothing_overlaps, drawings, fake_study

NO_FONT = "\U0010fffd"
"""A private character, which no font has."""
LONG = "a_name_that_somebody_wrote_" * 8
NAMES = [f"{LONG[:199]}1", NO_FONT, f"{LONG[:199]}2", "$x_1$", "a&b", "<b>"]


@pytest.fixture(autouse=True)
def _loud(caplog):
    with warnings.catch_warnings(), matplotlib.rc_context(RC):
        warnings.simplefilter("error")
        yield
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("text", ["plain text", "∂L/∂W ≤ ½ ‖θ‖₂ …", "Größe ж α", "two\nlines", ""])
def test_what_the_first_font_has_is_left_alone(text):
    assert literal(text) == text
    assert families(text) == ["DejaVu Sans"]


def test_what_no_font_has_is_spelled():
    assert spelled(f"a {NO_FONT}{NO_FONT} b\tc") == "a [U+10FFFD U+10FFFD] b[U+0009]c"
    assert spelled("\udc80") == "[U+DC80]"
    assert literal(f"${NO_FONT}$") == r"\$[U+10FFFD]\$"


def test_another_font_draws_what_the_first_one_lacks():
    figure = Figure()
    text, latin = figure.text(0.1, 0.1, literal("𝒜𝒷")), figure.text(0.1, 0.5, "latin")  # in STIX, as Matplotlib has it
    assert list(matplotlib.rcParams["font.family"]) == ["DejaVu Sans"]
    set_fonts(figure)
    fonts = text.get_fontfamily()
    assert fonts[0] == "DejaVu Sans"
    assert len(fonts) == 2
    assert latin.get_fontfamily() == ["DejaVu Sans"]
    for kind in ("png", "pdf", "svg"):
        drawn = render(figure, kind, "title")
    assert "𝒜𝒷" in drawn.decode()
    styles = {}
    assert "𝒜𝒷" in inline("stem", drawn.decode(), styles)
    assert not any("font-family" in style or "'" in style for style in styles)


def test_shortening_keeps_both_ends():
    assert shortened("abcdefghij", 10) == "abcdefghij"
    assert shortened("abcdefghij", 5) == "ab…ij"
    assert shortened("abcdefghij", 6) == "abc…ij"
    assert len(fitted(LONG, 2, 7)) < len(LONG)
    assert width_of(fitted(LONG, 2, 7), 7) <= 2
    assert (fitted("", 2, 7), width_of(" ", 7), distinct(["", " "], 14, "#")) == ("", 0, ["", " "])


@pytest.mark.parametrize("length", [14, 20, 50])
def test_different_names_stay_different(length):
    middles = [f"{'a' * 60}{index}{'b' * 60}" for index in range(12)]
    names = [*NAMES, *middles, "".join(middles)]
    labels = distinct(names, length, "#")
    assert len(set(labels)) == len(names)
    assert max(map(len, labels)) <= length
    assert labels[1] == "#2"
    assert labels[3:6] == NAMES[3:]
    assert distinct(names, length)[1] == shortened("[U+10FFFD]", length)


def test_labels_that_stand_for_names_are_explained():
    labels = distinct(NAMES, 12, "class #")
    line, caption = legend_of_names(NAMES, labels)
    assert line == "class #2: no font of this machine can draw the name"
    assert caption == f"Class #2 is {NO_FONT}. The mark … stands for the middle of a long name."
    assert legend_of_names(["a", "b…"], ["a", "b…"]) == ("", "")


def test_a_wide_legend_is_shortened_to_the_page():
    figure = sheet(1, width=3)
    figure.subplots()
    legend(figure, [(name, {}) for name in NAMES], LONG)
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(set(entries)) == len(NAMES)
    assert max(width_of(entry, 7) for entry in entries) < 2.7
    assert_nothing_overlaps(figure)
    render(figure, "png", "title")


def test_a_heading_fits():
    replicas = pd.DataFrame({"dataset": [LONG], "output": ["softmax_ce"]})
    heading = subject(replicas, "; on the diagonal")
    assert heading.endswith(", softmax_ce\non the diagonal")
    assert max(width_of(line, 8) for line in heading.split("\n")) < 6.9
    assert subject(replicas.assign(dataset="iris"), "; on the diagonal") == "iris, softmax_ce; on the diagonal"


def named_study(**options):
    """Return a study whose classes, data set and conditions have awkward names."""
    tables = fake_study(activations=("relu", "tanh"), diverged=0, **options)
    classes = dict(zip(sorted(tables.confusion["true"].unique()), NAMES, strict=False))
    confusion = tables.confusion.assign(
        true=tables.confusion["true"].map(classes), predicted=tables.confusion["predicted"].map(classes)
    )
    return tables._replace(confusion=confusion.dropna())


@pytest.mark.parametrize("name", [name for name, drawable in FIGURES.items() if not drawable.demonstration])
def test_no_figure_draws_boxes_or_overlaps_with_awkward_names(name):
    names = (f"{NO_FONT}, target={LONG}$x_{{$",)
    tables = named_study(datasets=names, outputs=("softmax_ce", "softmax_mse"), epochs=2)
    for drawn in drawings(name, tables).values():
        if isinstance(drawn, Figure):
            assert_nothing_overlaps(drawn)
            assert not [text for text in drawn.findobj(Text) if NO_FONT in text.get_text()]
            for text in filter(None, [drawn._suptitle, *(ax.title for ax in drawn.axes)]):
                assert text.get_window_extent().x0 >= -1
                assert text.get_window_extent().x1 <= drawn.bbox.x1 + 1


def test_classes_and_columns_with_awkward_names(monkeypatch):
    run_tables = fake_study(activations=("relu", "tanh"), datasets=("moons",), diverged=0)
    random = np.random.default_rng(0)
    data = Data("moons", "classification", random.normal(size=(60, 2)), np.arange(60) % 6, NAMES, [NO_FONT, "$x_1$"])
    monkeypatch.setattr(decisions, "load", lambda **_: data)
    arrays = {"lr": np.full(3, 0.1), "seed": np.arange(3), "decision": np.ones((3, 100, 100), np.uint8)}
    runs = run_tables.replicas["run"].unique()
    tables = run_tables._replace(boundary=dict.fromkeys(runs, arrays), sources={run: {"name": "moons"} for run in runs})
    (drawn,) = drawings("decision_boundary", tables).values()
    assert drawn.axes[0].get_xlabel() == "column #1"
    assert drawn.axes[0].get_ylabel() == r"\$x_1\$"
    assert "Column #1 is" in drawn.get_label()
    assert f"#2 is {NO_FONT}." in drawn.get_label()
    assert_nothing_overlaps(drawn)
    shares = named_study()
    (drawn,) = drawings("confusion", shares).values()
    assert f"#2 is {NO_FONT}." in drawn.get_label()
    assert drawn.axes[0].get_xticklabels()[1].get_text() == "#2"
    assert_nothing_overlaps(drawn)


def test_fonts_are_searched_only_where_they_are_needed(monkeypatch):
    monkeypatch.setattr(texts, "_other_families", lambda: pytest.fail("all fonts were read"))
    for name in ACTIVATIONS:
        assert literal(name) == name
