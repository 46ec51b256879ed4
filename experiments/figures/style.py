"""How every figure looks: sizes, type, and the one colour, dash and marker by which a condition is known."""

import io
import math
from dataclasses import dataclass
from zlib import crc32

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from experiments.analysis import labels
from nets.activations import ACTIVATIONS

SINGLE, DOUBLE = 3.35, 6.9
"""Widths in inches of a figure in one column and across both columns of a paper."""

RC = {
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
"""Eight colours at least 0.12 apart (Oklab) in normal vision and under full protanopia, deuteranopia and
tritanopia (matrices of Machado et al. 2009; Okabe and Ito's reach 0.08), each at least 2:1 against white."""

CLASSES = ("#3b6fb6", "#d98324", "#4b8f4b", "#8a5aa8", "#a8574b", "#707070", "#c2679a", "#a0a030", "#3aa6a6", "#5a4a3a")
"""Colours of classes, which are no activation's."""

INK, MUTED = "0.15", "0.5"
"""Greys for what is no activation: no activation is grey."""

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
MARKERS = ("", "o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "p")


def identity(activation: str) -> tuple[str, int]:
    """Return an activation's colour and the index of its dash, the same in every figure of every study.

    The eight of `COLORS` are told apart by colour alone; leaky ReLU is dashed too, since its curves often lie on
    ReLU's, which show through. The others reuse the colours with a dash of their own, in registry order; a name
    that is not registered here gets a place by its checksum, with dashes no other has.
    """
    colors = list(COLORS.values())
    if activation in COLORS:
        return COLORS[activation], 4 if activation == "leaky_relu" else 0
    others = [name for name in ACTIVATIONS if name not in COLORS]
    if activation in others:
        dash, color = divmod(others.index(activation), len(colors))
        return colors[color], 1 + dash
    place = crc32(activation.encode())
    return colors[place % 8], len(DASHES) - 1 - place // 8 % 2


@dataclass(frozen=True)
class Look:
    """How one condition appears in every panel of a figure."""

    label: str
    color: str
    dash: int
    marker: str

    def line(self, **more) -> dict:
        """Return the keyword arguments with which `Axes.plot` draws this condition."""
        pattern = DASHES[self.dash % len(DASHES)]
        return {
            "color": self.color,
            "linestyle": (0, pattern) if pattern else "-",
            "marker": self.marker,
        } | more


def looks(replicas: pd.DataFrame) -> dict[str, Look]:
    """Return the look of each condition, in the order of a legend: activations as registered, then settings.

    Colour and dash are the activation's. Conditions that differ otherwise keep the colour; each combination of
    settings has a marker, the same for every activation, and shifts the dash.
    """
    table = labels.differing_settings(replicas)
    names = labels.labels(replicas)
    ranks = {name: rank for rank, name in enumerate(ACTIVATIONS)}
    activation = table.pop("activation")
    keys = {run: tuple(_sortable(value) for value in row) for run, *row in table.itertuples(name=None)}
    variants = {key: index for index, key in enumerate(sorted(set(keys.values())))}
    result = {}
    for run in sorted(keys, key=lambda run: (ranks.get(activation[run], len(ranks)), activation[run], keys[run])):
        color, dash = identity(activation[run])
        variant = variants[keys[run]]
        marker = MARKERS[variant % len(MARKERS)]
        result[run] = Look(names[run], color, dash + variant, marker)
    return result


def _sortable(value: object) -> tuple:
    """Return a key that sorts settings as a reader would: absent, numbers by size, lists by length, words."""
    if pd.isna(value):
        return (0,)
    if isinstance(value, str):
        return (2, value.count(","), len(value), value) if value.startswith("[") else (3, value)
    return (1, float(value))


def sheet(height: float, width: float = DOUBLE) -> Figure:
    """Return an empty figure of the given size in inches, laid out so that nothing overlaps."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def legend(figure: Figure, entries: list[tuple[str, dict]], title: str | None = None) -> None:
    """Put a legend below all panels and lengthen the figure by its height.

    Parameters
    ----------
    figure : Figure
        The figure, its panels already in place.
    entries : list of (str, dict)
        Label and line style of each entry.
    title : str, optional
        A line above the entries.
    """
    size = matplotlib.rcParams["legend.fontsize"]
    texts = [plain(label) for label, _ in entries]
    lengths = [TextPath((0, 0), text, size=size).get_extents().width for text in texts]
    width, height = figure.get_size_inches()

    def fits(columns: int) -> bool:
        return sum(max(part) + 5.5 * size for part in np.array_split(lengths, columns)) < 72 * width

    columns = max((n for n in range(1, len(texts) + 1) if fits(n)), default=1)
    rows = math.ceil(len(texts) / columns)
    figure.set_size_inches(width, height + (1.5 * (rows + (title is not None)) + 0.8) * size / 72)
    figure.legend(
        [Line2D([], [], **style) for _, style in entries],
        texts,
        title=title,
        loc="outside lower center",
        ncols=math.ceil(len(texts) / rows),
        handlelength=3,
        columnspacing=1.5,
    )


def plain(text: str) -> str:
    """Return text from a study so that Matplotlib writes it as it is: a `$` begins no formula."""
    return text.replace("$", r"\$")


def subject(replicas: pd.DataFrame) -> str:
    """Return what a figure of one dataset is about, to stand above it: the dataset, and the output if there is one."""
    outputs = replicas["output"].unique()
    return plain(", ".join([replicas["dataset"].iloc[0], *(outputs if len(outputs) == 1 else [])]))


def log_axis(ax: Axes, low: float, high: float, axis: str = "y") -> None:
    """Make an axis logarithmic between two positive limits, with plain numbers where it spans few decades."""
    ax.set(**{f"{axis}scale": "log", f"{axis}lim": (low, high)})
    ticks = ax.yaxis if axis == "y" else ax.xaxis
    ticks.set_minor_formatter(NullFormatter())
    if high / low < 1e3:
        ticks.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def render(figure: Figure, kind: str, title: str) -> bytes:
    """Return a figure as the bytes of a PNG (200 dpi), SVG or PDF file, the same bytes each time.

    Parameters
    ----------
    figure : Figure
        What to write.
    kind : str
        "png", "svg" or "pdf".
    title : str
        Written into the file's metadata, for those who cannot see it.
    """
    target = io.BytesIO()
    dpi = figure.dpi
    with matplotlib.rc_context(RC):
        if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):  # once, whatever number of files
            figure.get_layout_engine().execute(figure)
            figure.set_layout_engine("none")
            for ax in figure.axes:  # the layout's last digits vary, and an SVG's identifiers are made from all of them
                ax.set_position(np.round(ax.get_position().bounds, 9))
        # Not by savefig, which would lay everything out once more for each file.
        figure.dpi = 200 if kind == "png" else 72
        try:
            if kind == "png":
                FigureCanvasAgg(figure).print_png(target, metadata={"Title": title})
            elif kind == "svg":
                FigureCanvasSVG(figure).print_svg(target, metadata={"Title": title, "Date": None})
            else:
                FigureCanvasPdf(figure).print_pdf(target, metadata={"Title": title, "CreationDate": None})
        finally:
            figure.dpi = dpi
            FigureCanvasAgg(figure)
    return target.getvalue()
