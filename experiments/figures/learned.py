"""The figure of what activations learn: their parameters by layer and epoch, and the curves that they make."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.analysis import labels
from experiments.analysis.propagation import rebuild
from experiments.figures.curves import averaged_rows, carried_on, last_epoch, seeds_note
from experiments.figures.layers import hidden
from experiments.figures.registry import Missing, figure
from experiments.figures.selection import select
from experiments.figures.style import CLASSES, DASHES, MUTED, Style, identity, legend, sheet, subject
from experiments.store.reading import StudyTables
from nets.activations import Activation

MOST = 4
"""The largest number of hidden layers that are shown: the first, the last, and some between them."""

HIGHEST = 12
"""Where the panels of the curves end at the latest; a curve may leave them."""


def _columns(layers: pd.DataFrame, activation: str) -> dict[str, str]:
    """Return the column of each parameter of an activation by its name, if the table has values of it."""
    prefix = f"{activation}."
    known = [column for column in layers if column.startswith(prefix) and layers[column].notna().any()]
    names = [column.removeprefix(prefix) for column in known]
    return {name: prefix + name for name in names if "." not in name}


def by_condition(tables: StudyTables) -> dict[str, StudyTables]:
    """Return the part of a study that belongs to each condition whose activation learns.

    Raises
    ------
    Missing
        If there is none.
    """
    names, parts, diverged = labels.labels(tables.replicas), {}, False
    for run, rows in tables.replicas.groupby("run", sort=False):
        learns = bool(_columns(select(tables, rows).layers, rows["activation"].iloc[0]))
        done = rows[rows["status"] == "done"]
        if learns and len(done):
            parts[names[run]] = select(tables, done)
        diverged |= learns and done.empty
    if not parts and diverged:
        raise Missing("every replica diverged", "optimizer.lr=0.001")
    if not parts:
        raise Missing("no activation of the study has recorded what it learns", "activation=prelu,apl,rational,spline")
    return parts if len(parts) > 1 else {"": next(iter(parts.values()))}


@figure("learned_parameters", title="What the activations learned", parts=by_condition, every_epoch=True)
def learned_parameters(tables: StudyTables) -> Figure:
    """Draw the learned parameters by epoch, and the learned curves at the end, for up to four hidden layers.

    A line is the mean over the seeds that finished. If each unit has its own parameter, it is also the mean over the
    units, the band reaches from the smallest to the largest unit, and the curve is that of the mean parameters.
    """
    replicas = tables.replicas
    row = replicas.iloc[0]
    activation, layers = rebuild(row), hidden(tables.layers)
    columns = _columns(layers, row["activation"])
    rows = carried_on(averaged_rows(layers, replicas), replicas)
    ends = last_epoch(averaged_rows(layers, replicas))
    depth = int(layers["layer"].max())
    shown = np.unique(np.linspace(1, depth, min(depth, MOST)).round().astype(int))
    styles = dict(zip(columns, map(_style, range(len(columns))), strict=True))
    result = sheet(4.2)
    result.suptitle(subject(replicas, f"; {labels.labels(replicas)[row['run']]}"))
    panels = result.subplots(2, len(shown), sharex="row", sharey="row", squeeze=False)
    for (course, curve), layer in zip(panels.T, shown.tolist(), strict=True):
        _draw_courses(course, rows[rows["layer"] == layer], columns, styles)
        course.set(title=f"hidden layer {layer}" + (f" of {depth}" if len(shown) < depth else ""), xlabel="epoch")
        _draw_curves(curve, activation, row["activation"], ends[ends["layer"] == layer], columns)
        curve.set(xlabel="z")
    panels[0, 0].set_ylabel("parameter")
    panels[1, 0].set_ylabel("h = f(z)")
    before: tuple[str, Style] = ("f before training", {"color": MUTED, "dashes": (3, 2)})
    after: tuple[str, Style] = ("f at the end, one line for each seed", _curve_style(row["activation"]))
    note = seeds_note(replicas, "mean")
    if any(f"{column}.min" in layers for column in columns.values()):
        note += "; band: from the smallest to the largest unit; f has the mean parameters of the units"
    legend(result, [*styles.items(), before, after], note)
    return result


def _style(index: int) -> Style:
    """Return the line of a parameter; a learned curve has its activation's colour instead."""
    dash = DASHES[index // len(CLASSES) % len(DASHES)]
    return {"color": CLASSES[index % len(CLASSES)], "linestyle": (0, dash) if dash else "-", "linewidth": 1.1}


def _curve_style(activation: str) -> Style:
    return {"color": identity(activation)[0], "linewidth": 0.8}


def _draw_courses(ax: Axes, rows: pd.DataFrame, columns: dict[str, str], styles: dict[str, Style]) -> None:
    """Draw each parameter of a layer by epoch."""
    for name, column in columns.items():
        ends = [end for end in (f"{column}.min", f"{column}.max") if end in rows]
        means = rows.groupby("epoch")[[column, *ends]].mean()
        ax.plot(means.index, means[column], gid=name, **styles[name])
        if ends:
            low, high = (means[end] for end in ends)
            ax.fill_between(means.index, low, high, color=styles[name]["color"], alpha=0.12, linewidth=0)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))


def _draw_curves(ax: Axes, activation: Activation, name: str, ends: pd.DataFrame, columns: dict[str, str]) -> None:
    """Draw an activation before training and with each seed's last parameters; all of its inputs are z."""
    z = np.linspace(-4, 4, 801)
    stack = np.repeat(z[None, :, None], activation.pieces, axis=2)
    start = activation.init(1, 1, z.dtype)
    ax.plot(z, _values(activation, stack, start), color=MUTED, dashes=(3, 2), zorder=3)
    for parameters in ends[list(columns.values())].astype(float).to_dict("records"):
        learned = {key: np.full((1, 1, 1), parameters[column]) for key, column in columns.items()}
        ax.plot(z, _values(activation, stack, start | learned), gid=name, **_curve_style(name))
    low, high = ax.get_ylim()
    ax.set(xlim=(-4, 4), xticks=(-4, 0, 4), ylim=(max(low, -HIGHEST), min(high, HIGHEST)))


def _values(activation: Activation, stack: np.ndarray, learned: dict[str, np.ndarray]) -> np.ndarray:
    """Return h (n,) of one unit with these parameters."""
    h, work = np.empty((1, stack.shape[1], 1)), activation.buffers(stack.shape, stack.dtype)
    activation.forward(stack, h, work, **learned)
    return h[0, :, 0]
