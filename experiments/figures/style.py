"""The style of all figures: sizes, fonts, and the colour, dash and marker of each condition."""

import io
import math
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backend_bases import get_registered_canvas_class
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from matplotlib.transforms import Affine2D, CompositeAffine2D, ScaledTranslation

from experiments.analysis import labels
from experiments.figures.texts import distinct, fitted, literal, narrowed, set_fonts, width_of
from nets.activations import ACTIVATIONS

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

Style = dict[str, Any]
"""Keyword arguments of `Axes.plot`."""

SINGLE, DOUBLE = 3.35, 6.9
"""Widths in inches of figures that fill one column and two columns of a paper."""

RC: "dict[RcKeyType, Any]" = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.5,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.frameon": False,
    "figure.titlesize": 8,
    "figure.dpi": 100,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "svg.hashsalt": "figures",
}

COLORS = {
    "relu": "#ee4602",
    "leaky_relu": "#00afff",
    "elu": "#0d976c",
    "tanh": "#33238e",
    "sigmoid": "#ccb059",
    "softplus": "#e76fb8",
    "maxout": "#881d35",
    "shifted_relu": "#42629d",
}
"""The colours are at least 0.12 apart (Oklab), in normal vision and under protanopia, deuteranopia and tritanopia.

Colour blindness is simulated by the matrices of Machado et al. (2009). The colours of Okabe and Ito reach 0.08.
Each colour has a contrast of at least 2:1 against white.
"""

CLASSES = ("#3b6fb6", "#d98324", "#4b8f4b", "#8a5aa8", "#a8574b", "#707070", "#c2679a", "#a0a030", "#3aa6a6", "#5a4a3a")
"""Colours of classes, pairings and other settings. No activation has one of them."""

DARKEST = 5
"""In a matrix of means, differences of so many standard deviations over seeds and more may be black."""

INK, MUTED = "0.15", "0.5"
"""Greys for everything else. No activation is grey."""

DASHES = (
    (),
    (4, 1.5),
    (1, 1.2),
    (5, 1.2, 1, 1.2),
    (4, 4),
    (4, 1.2, 1, 1.2, 1, 1.2),
    (2, 2),
    (8, 1.5, 2, 1.5),
)
MARKERS = ("", "s", "^", "D", "v", "P", "X", "<", ">", "h", "p", "*")
"""The first one is for a line without marks; a figure of points draws a dot in its place, which no other look has."""


def identity(activation: str) -> tuple[str, int]:
    """Return an activation's colour and the index of its dash. They are the same in every figure of every study.

    The activations of `COLORS` differ by colour alone. Leaky ReLU is dashed too: ReLU's curve shows through where
    both are equal. The other activations reuse the colours with other dashes, in the order of the registry. A name
    outside the registry gets colour and dash from its checksum; no registered activation has these dashes.
    """
    colors = list(COLORS.values())
    if activation in COLORS:
        return COLORS[activation], 4 if activation == "leaky_relu" else 0
    others = [name for name in ACTIVATIONS if name not in COLORS]
    if activation in others:
        dash, color = divmod(others.index(activation), len(colors))
        return colors[color], 1 + dash
    checksum = crc32(activation.encode())
    return colors[checksum % 8], len(DASHES) - 1 - checksum // 8 % 2


def _first_marker(activation: str) -> int:
    """Return the index of an activation's marker: a registered one has as many before it as share its colour."""
    if activation in ACTIVATIONS:
        return 0 if activation in COLORS else identity(activation)[1]
    return 1 + crc32(activation.encode()) // 16 % (len(MARKERS) - 1)


@dataclass(frozen=True)
class Look:
    """The look of one condition in every panel of a figure."""

    label: str
    color: str
    dash: int
    marker: str

    def line(self, **changes: Any) -> Style:
        """Return the keyword arguments with which `Axes.plot` draws this condition."""
        pattern = DASHES[self.dash % len(DASHES)]
        return {
            "color": self.color,
            "linestyle": (0, pattern) if pattern else "-",
            "marker": self.marker,
        } | changes


def looks(replicas: pd.DataFrame) -> dict[str, Look]:
    """Return the look of each run, in the order of a legend: activations as registered, then settings.

    Colour, dash and marker belong to the activation. Each combination of other settings shifts marker and dash. The
    colour stays, unless all conditions have one activation: then the settings have colours that no activation has.
    If a condition of another activation has the same colour and marker, the next free marker is taken.
    """
    table = labels.differing_settings(replicas)
    names = labels.labels(replicas)
    activation = table.pop("activation")
    keys = {run: tuple(map(_sort_key, settings.values())) for run, settings in table.to_dict("index").items()}
    variants = {key: index for index, key in enumerate(sorted(set(keys.values())))}
    ranks = {name: rank for rank, name in enumerate(ACTIVATIONS)}
    alone = activation.nunique() == 1 and len(variants) > 1
    result: dict[str, Look] = {}
    taken: dict[tuple[str, str], str] = {}  # by colour and marker, the activation
    for run in sorted(keys, key=lambda run: (ranks.get(activation[run], len(ranks)), activation[run], keys[run])):
        color, dash = identity(activation[run])
        variant = variants[keys[run]]
        color = CLASSES[variant % len(CLASSES)] if alone else color
        first = variant + _first_marker(activation[run])
        markers = [MARKERS[(first + further) % len(MARKERS)] for further in range(len(MARKERS))]
        free = (marker for marker in markers if taken.get((color, marker), activation[run]) == activation[run])
        marker = next(free, markers[0])
        taken[color, marker] = activation[run]
        result[run] = Look(names[run], color, dash + variant, marker)
    return result


def _sort_key(setting: Any) -> tuple[Any, ...]:
    """Return a key that sorts the values of a setting: missing, numbers by size, lists by length, words."""
    if pd.isna(setting):
        return (0,)
    if isinstance(setting, str):
        return (2, setting.count(","), len(setting), setting) if setting.startswith("[") else (3, setting)
    return (1, float(setting))


class Sheet(Figure):
    """A figure that a notebook shows as a picture, without pyplot.

    Attributes
    ----------
    points : Affine2D
        Points in inches; another size of the figure may make them larger.
    by_points : CompositeAffine2D
        Points in pixels.
    """

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.points = Affine2D().scale(1 / 72)
        self.by_points = CompositeAffine2D(self.points, self.dpi_scale_trans)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Return the picture, and the width at which it is shown: sharp screens have more dots than that."""
        return render(self, "png", ""), {"width": round(self.dpi * self.get_figwidth())}


def sheet(height: float, width: float = DOUBLE) -> Figure:
    """Return an empty figure of the given size in inches. Its layout lets nothing overlap."""
    figure = Sheet(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def offset(ax: Axes, x: float, y: float) -> ScaledTranslation:
    """Return the transform that moves what is drawn in a panel by so many points."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    if isinstance(figure, Sheet):
        return ScaledTranslation(x, y, figure.by_points)
    return ScaledTranslation(x / 72, y / 72, figure.dpi_scale_trans)


def legend(figure: Figure, entries: list[tuple[str, Style]], title: str | None = None) -> None:
    """Put a legend below all panels of a figure and lengthen the figure by the legend's height.

    Parameters
    ----------
    figure : Figure
        A figure that has all its panels.
    entries : list of (str, dict)
        Label and line style of each entry.
    title : str, optional
        One or more lines above the entries.
    """
    add_legend(figure, [Line2D([], [], **style) for _, style in entries], [label for label, _ in entries], title)


def add_legend(figure: Figure, handles: list[Any], names: list[str], title: str | None) -> None:
    """Put a legend of these handles below a figure, in the size of `legend.fontsize`; the rest is as in `legend`."""
    size = matplotlib.rcParams["legend.fontsize"]
    width, height = figure.get_size_inches()
    texts = narrowed(names, lambda length: distinct(names, length), width - 5.5 * size / 72, size)
    lengths = [72 * width_of(text, size) for text in texts]
    texts = [literal(text) for text in texts]

    def fits(columns: int) -> bool:
        return bool(sum(max(part) + 5.5 * size for part in np.array_split(lengths, columns)) < 72 * width)

    heading = [] if title is None else [fitted(line, width - 0.2, size) for line in title.split("\n")]
    columns = max((count for count in range(1, len(texts) + 1) if fits(count)), default=1)
    rows = max(1, math.ceil(len(texts) / columns))
    figure.set_size_inches(width, height + (1.5 * (rows + len(heading)) + 0.8) * size / 72)
    figure.legend(
        handles,
        texts,
        title="\n".join(heading) or None,
        loc="outside lower center",
        ncols=math.ceil(len(texts) / rows),
        handlelength=3,
        columnspacing=1.5,
    )


class RowLabels(NamedTuple):
    """The labels of an axis of conditions: texts in lines, and the room that they need in inches.

    Attributes
    ----------
    texts : list of str
        The labels, in lines.
    size : float
        Their font size.
    width : float
        The width of the longest line.
    height : float
        The height of a row that holds the label with most lines.
    """

    texts: list[str]
    size: float
    width: float
    height: float


def row_labels(names: Iterable[str], size: float = 7, length: int = 44) -> RowLabels:
    """Return the labels of an axis of conditions in lines of up to `length` characters, so that none is cut off."""
    texts = [textwrap.fill(name, length, break_on_hyphens=False) for name in names]
    lines = [line for text in texts for line in text.splitlines()]
    width = max((width_of(line, size) for line in lines), default=0)
    breaks = max(text.count("\n") for text in texts)
    return RowLabels([literal(text) for text in texts], size, width, 0.17 + 0.11 * breaks)


def subject(replicas: pd.DataFrame, tail: str = "", width: float = DOUBLE) -> str:
    """Return the heading of a figure: its data set, its output if there is only one, and `tail`.

    If they are wider than `width` inches, the tail becomes a line of its own, and the data set's name is shortened.
    """
    outputs = replicas["output"].unique()
    text = ", ".join([replicas["dataset"].iloc[0], *(outputs if len(outputs) == 1 else [])])
    size, width = RC["figure.titlesize"], width - 0.2
    if len(text) < 150 and width_of(text + tail, size) <= width:
        return literal(text + tail)
    return "\n".join([fitted(text, width, size), *filter(None, [literal(tail.lstrip("; "))])])


def log_axis(ax: Axes, low: float, high: float, axis: str = "y") -> None:
    """Make an axis logarithmic between two positive limits. Its labels are plain numbers if it spans few decades."""
    ax.set(**{f"{axis}scale": "log", f"{axis}lim": (low, high)})
    ticks = ax.yaxis if axis == "y" else ax.xaxis
    if axis == "y":
        ticks.set_minor_locator(NullLocator())  # they have no length, and hundreds of them take time
    ticks.set_minor_formatter(NullFormatter())
    if high / low < 1e3:
        ticks.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


UNDATED: dict[str, Style] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""By kind of file: the metadata that leave the date out."""


PIXELS = 1600
"""The smallest width of a PNG, so that it fills a projector."""


def render(figure: Figure, kind: str, title: str) -> bytes:
    """Return a figure as the bytes of a PNG, SVG or PDF file. The bytes are the same each time.

    A PNG has at least 200 dots per inch and is at least `PIXELS` wide.

    Parameters
    ----------
    figure : Figure
        The figure to write.
    kind : str
        "png", "svg" or "pdf".
    title : str
        The title in the file's metadata, for readers who cannot see the figure.
    """
    target = io.BytesIO()
    dpi = figure.dpi
    set_fonts(figure)
    with matplotlib.rc_context(RC):
        _lay_out(figure)
        figure.dpi = max(200, PIXELS / figure.get_figwidth()) if kind == "png" else 72
        try:
            # `savefig` would lay everything out once more for each file.
            write = getattr(get_registered_canvas_class(kind)(figure), f"print_{kind}")
            write(target, metadata={"Title": title, **UNDATED[kind]})
        finally:
            figure.dpi = dpi
            FigureCanvasAgg(figure)
    return target.getvalue()


def _lay_out(figure: Figure) -> None:
    """Lay a figure out, once for all files that are written of it."""
    engine = figure.get_layout_engine()
    if not isinstance(engine, ConstrainedLayoutEngine):
        return
    engine.execute(figure)
    figure.set_layout_engine("none")
    for ax in figure.axes:  # the layout's last digits vary, and an SVG's identifiers are made from all of them
        ax.set_position(np.round(ax.get_position().bounds, 9))
