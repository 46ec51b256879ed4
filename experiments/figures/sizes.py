"""A drawn figure in another size: fonts, lines and marks are scaled, legend and titles are laid out anew."""

import re
import textwrap
import warnings
from typing import Any, Literal, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import Collection, PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Annotation, Text
from matplotlib.ticker import MaxNLocator

from experiments.config.errors import ConfigError
from experiments.figures import style
from experiments.figures.boxes import crowded
from experiments.figures.texts import width_of
from experiments.figures.words import UnknownWord
from nets.names import nearest

INCH = 2.54
"""Centimetres."""

SLIDE_FONT = 16
"""The smallest font of a slide, in points: the last row of a room reads it."""


class Size(NamedTuple):
    """The size of a figure.

    Attributes
    ----------
    width, height
        In inches. Without a height, the figure has the height that it needs.
    fonts
        The factor of all fonts, lines and marks.
    smallest
        The smallest font in points; smaller ones are raised to it. 0 raises none.
    """

    width: float
    height: float | None = None
    fonts: float = 1.0
    smallest: float = 0.0


SIZES = {
    "column": Size(style.SINGLE),
    "page": Size(style.DOUBLE),
    "slide": Size(13.33, 7.5, SLIDE_FONT / style.RC["xtick.labelsize"], SLIDE_FONT),
}
"""Named sizes: one column and two columns of a paper, and a slide."""

RANGE = (1.5, 60.0)
"""The smallest and the largest side in inches."""

NARROWEST = 5
"""The smallest width of a panel, as a multiple of the font of its title."""

STEP, STEPS = 0.92, 16
"""Where texts overlap, all fonts become smaller by this factor, at most so many times."""


def size_of(text: str) -> Size:
    """Return a size by its name, or of WIDTH×HEIGHT such as 16x9cm or 6.5x4in; without a unit it is in centimetres.

    Raises
    ------
    ConfigError
        If it is no size.
    """
    if text in SIZES:
        return SIZES[text]
    found = re.fullmatch(r"(\d+(?:\.\d*)?)\s*[x×X]\s*(\d+(?:\.\d*)?)\s*(cm|in)?", text.strip())
    if found is None:
        message = f"size={text}: {nearest(text, SIZES)}, or WIDTHxHEIGHT such as 16x9cm or 6.5x4in"
        raise UnknownWord(message, text, SIZES)
    width, height = (float(number) / (1 if found[3] == "in" else INCH) for number in found.groups()[:2])
    if not all(RANGE[0] <= side <= RANGE[1] for side in (width, height)):
        low, high = RANGE
        raise ConfigError(
            f"size={text}: each side must be from {low:g} to {high:g} inches ({low * INCH:.1f} to 152 cm)"
        )
    return Size(width, height, max(1.0, width / style.DOUBLE))


def resize(figure: Figure, size: Size) -> None:
    """Give a figure this size.

    Where texts overlap or are cut off, there are fewer ticks, titles have more lines, and then fonts are smaller.
    """
    with matplotlib.rc_context(style.RC):
        figure.draw_without_rendering()
        legends = sum(legend.get_window_extent().height for legend in figure.legends) / figure.dpi
        panels = figure.get_figheight() - legends
        fonts, smallest, step = 1.0, size.smallest, size.fonts
        for attempt in range(STEPS):
            scale(figure, step)
            fonts *= step
            _raise_fonts(figure, smallest)
            _fit(figure, size, panels * fonts, max(7 * fonts, smallest))
            if not _is_crowded(figure):
                return
            if attempt == 0:
                _thin_ticks(figure)
                _wrap_titles(figure)
            step = STEP if attempt else 1.0
            smallest *= step


def _raise_fonts(figure: Figure, smallest: float) -> None:
    """Raise smaller fonts to this size."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            for tick in axis.get_major_ticks()[:1]:
                axis.set_tick_params(labelsize=max(tick.label1.get_fontsize(), smallest))
    for text in figure.findobj(Text):
        text.set_fontsize(max(text.get_fontsize(), smallest))


def smallest_font(figure: Figure) -> float:
    """Return the smallest font size of the texts of a figure."""
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return min((float(text.get_fontsize()) for text in texts), default=0.0)


def _fit(figure: Figure, size: Size, panels: float, font: float) -> None:
    """Set the size of a figure, with its titles in lines that fit and its legend in columns that do."""
    figure.set_size_inches(size.width, size.height or panels)
    if figure.get_suptitle():
        heading = figure._suptitle  # type: ignore[attr-defined]  # matplotlib tells only its text
        heading.set_text(_wrapped(heading.get_text(), size.width - 0.2, heading.get_fontsize()))
    for legend in list(figure.legends):
        handles, title = list(legend.legend_handles), legend.get_title().get_text()
        names = [text.get_text().replace(r"\$", "$") for text in legend.get_texts()]
        family = legend.get_title().get_fontfamily()
        legend.remove()
        lines = _wrapped(title.replace(r"\$", "$"), size.width - 0.2, font)
        with matplotlib.rc_context({"legend.fontsize": font, "legend.title_fontsize": font}):
            style.add_legend(figure, handles, names, lines or None)
        for text in figure.legends[-1].findobj(Text):
            text.set_fontfamily(family)
        if size.height:
            figure.set_size_inches(size.width, size.height)


def _wrapped(text: str, width: float, font: float, break_words: bool = True) -> str:
    """Return a text in lines that fit into a width in inches."""
    lines = []
    for line in text.split("\n"):
        wide = width_of(line, font)
        length = max(8, int(len(line) * width / wide)) if wide > width else max(1, len(line))
        lines += textwrap.wrap(line, length, break_on_hyphens=False, break_long_words=break_words) or [""]
    return "\n".join(lines)


def _is_crowded(figure: Figure) -> bool:
    """Return whether texts overlap or are cut off, or whether a panel has no room."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "constrained_layout not applied")
        try:
            figure.draw_without_rendering()
            return _has_narrow_panel(figure) or bool(crowded(figure))
        except UserWarning:
            return True


def _has_narrow_panel(figure: Figure) -> bool:
    """Return whether a panel with a title is narrower than `NARROWEST`."""
    titles = [(ax, ax._left_title) for ax in figure.axes]  # type: ignore[attr-defined]
    return any(
        ax.get_window_extent().width / figure.dpi < NARROWEST * title.get_fontsize() / 72
        for ax, title in titles
        if title.get_text()
    )


def _thin_ticks(figure: Figure) -> None:
    """Give each axis that chooses its ticks at most four of them."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            locator = axis.get_major_locator()
            if isinstance(locator, MaxNLocator):
                locator.set_params(nbins=3)


def _wrap_titles(figure: Figure) -> None:
    """Break the titles of panels into lines that are no wider than their panels, if three lines are enough."""
    for ax in figure.axes:
        title = ax._left_title  # type: ignore[attr-defined]  # matplotlib tells only its text
        width = ax.get_window_extent().width / figure.dpi
        text = _wrapped(title.get_text(), width, title.get_fontsize(), break_words=False)
        if text.count("\n") < 3:
            title.set_text(text)


def scale(figure: Figure, factor: float) -> None:
    """Multiply the size of a figure, its fonts, lines, marks and distances by a factor."""
    figure.set_size_inches(*(figure.get_size_inches() * factor))
    if isinstance(figure, style.Sheet):
        figure.points.scale(factor)
    engine: Any = figure.get_layout_engine()
    pads = engine.get()
    engine.set(w_pad=factor * pads["w_pad"], h_pad=factor * pads["h_pad"])
    ticks = set()
    for ax in figure.axes:
        _scale_titles(ax, factor)
        for axis in (ax.xaxis, ax.yaxis):
            _scale_ticks(axis, factor)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                ticks |= set(tick.get_children())
    for artist in figure.findobj():
        if artist in ticks:
            continue
        if isinstance(artist, Text):
            artist.set_fontsize(factor * float(artist.get_fontsize()))
            if isinstance(artist, Annotation) and artist.anncoords == "offset points":
                artist.xyann = tuple(factor * np.array(artist.xyann))
        elif isinstance(artist, Line2D):
            artist.set_linewidth(factor * artist.get_linewidth())
            artist.set_markersize(factor * artist.get_markersize())
            artist.set_markeredgewidth(factor * artist.get_markeredgewidth())
        elif isinstance(artist, Patch):
            artist.set_linewidth(factor * artist.get_linewidth())
        elif isinstance(artist, Collection):
            artist.set_linewidth((factor * np.atleast_1d(artist.get_linewidth())).tolist())
            if isinstance(artist, PathCollection):
                artist.set_sizes(factor**2 * np.asarray(artist.get_sizes()))


def _scale_titles(ax: Axes, factor: float) -> None:
    """Scale the distances of a panel's title and of its axes' labels from it; `scale` scales their fonts."""
    ax.xaxis.labelpad *= factor
    ax.yaxis.labelpad *= factor
    panel: Any = ax  # Matplotlib has no public way that keeps the font
    pad = panel.titleOffsetTrans.get_matrix()[1, 2] * 72 / ax.figure.dpi
    panel._set_title_offset_trans(factor * pad)


def _scale_ticks(axis: Axis, factor: float) -> None:
    """Scale the ticks of an axis, also those that a later layout adds."""
    kinds: dict[Literal["major", "minor"], list[Any]] = {
        "major": axis.get_major_ticks(),
        "minor": axis.get_minor_ticks(),
    }
    for which, ticks in kinds.items():
        for tick in ticks[:1]:
            axis.set_tick_params(
                which=which,
                length=factor * tick.tick1line.get_markersize(),
                width=factor * tick.tick1line.get_markeredgewidth(),
                pad=factor * tick.get_pad(),
                labelsize=factor * tick.label1.get_fontsize(),
                grid_linewidth=factor * tick.gridline.get_linewidth(),
            )
