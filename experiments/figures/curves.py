"""Curves over epochs or layers as every figure draws them: mean over seeds, 95 % band, and what diverged."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from experiments.analysis.statistics import summarise
from experiments.figures.style import INK, Look, legend, log_axis

KEY = ["run", "lr", "seed"]
CROSS = {"marker": "x", "linestyle": "none", "markersize": 5, "markeredgewidth": 1.2}


def unit(replicas: pd.DataFrame, part: str = "test") -> tuple[str, float, float]:
    """Return of one dataset's errors the label with its unit, the factor to that unit, and the largest there can be."""
    if (replicas["task"] == "classification").all():
        return f"{part} error (%)", 100, 100
    return f"{part} RMSE (target units)", 1, math.inf


def counted(frame: pd.DataFrame, replicas: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of replicas that did not diverge; where all of a condition did, theirs before the first did."""
    rows = frame.merge(replicas[[*KEY, "status", "diverged_epoch"]], on=KEY)
    done = rows["status"] == "done"
    finished = done.groupby(rows["run"]).transform("any")
    first = rows.groupby("run")["diverged_epoch"].transform("min").astype(float)
    return rows[done | (~finished & (rows["epoch"] < first))]


def at_end(layers: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each replica's last epoch."""
    return layers[layers["epoch"] == layers.groupby(KEY)["epoch"].transform("max")]


def means(
    frame: pd.DataFrame, replicas: pd.DataFrame, column: str, x: str = "epoch", scale: float = 1.0
) -> pd.DataFrame:
    """Return `summarise` of a column, times `scale`, over the seeds of each condition at each `x`.

    The mean is over the replicas that are `counted`, the same at every `x`: a curve that lost one half-way would
    show a step where nothing was learned. `draw` shows the others as crosses, `key` in numbers.
    """
    rows = counted(frame, replicas)
    return summarise(rows.assign(**{column: rows[column] * scale}), ["run", x], column)


def draw(
    ax: Axes,
    table: pd.DataFrame,
    replicas: pd.DataFrame,
    looks: dict[str, Look],
    x: str = "epoch",
    span: tuple[float, float] | None = None,
    log: bool | None = None,
    floor: float = 0,
    ceiling: float = math.inf,
) -> None:
    """Draw `means` into a panel: a line per condition over the band of its interval, and set the panel's limits.

    The limits hold what was finished: the curve of a condition that only diverged leaves at the top. A cross on the
    upper edge marks each epoch at which replicas diverged.

    Parameters
    ----------
    ax : Axes
        The panel.
    table : DataFrame
        What `means` returned; all of it counts for the limits.
    replicas : DataFrame
        The replicas behind it.
    looks : dict of str to Look
        The conditions to draw, in order.
    x : str
        The column on the x axis, "epoch" or "layer".
    span : pair of float, optional
        Part of the x axis to show; by default all of it.
    log : bool, optional
        Whether the y axis is logarithmic, over a decade at least. By default it is where all means are positive and
        span more than a decade.
    floor, ceiling : float
        The smallest and the largest value there can be; bands end there.
    """
    low, high = span or (table[x].min(), table[x].max())
    if x == "epoch" and span is None and replicas["diverged_epoch"].notna().any():
        high = max(high, replicas["diverged_epoch"].max())
    table = table[table[x].between(low, high)]
    if table.empty:
        ax.text(0.5, 0.5, "every replica diverged", transform=ax.transAxes, ha="center", va="center")
        ax.set(xticks=[], yticks=[])
        return
    finished = table["run"].isin(replicas.loc[replicas["status"] == "done", "run"])
    relevant = finished if finished.any() else ~finished
    mean = table.loc[relevant, "mean"]
    log = 0 < 10 * mean.min() < mean.max() if log is None else log and mean.max() > 0
    table = band(table, log, floor, ceiling)
    opacity = 0.16 / max(1, len(looks) / 6)
    for place, (run, look) in enumerate(looks.items()):
        rows = table[table["run"] == run]
        step = max(1, len(rows) // 6) if x == "epoch" else 1
        marker = look.marker or ("." if x == "layer" or len(rows) == 1 else "")
        ax.plot(rows[x], rows["mean"], **look.line(gid=run, marker=marker, markevery=(place % step, step)))
        rows = rows[finished[rows.index] & (rows["n"] > 1)]
        ax.fill_between(rows[x], rows["low"], rows["high"], color=look.color, alpha=opacity, linewidth=0)
    _set_limits(ax, table[relevant], log, floor)
    if x == "epoch":
        _mark_diverged(ax, replicas, looks, low, high)
    margin = 0.03 * (high - low) or 0.5
    ax.set_xlim(low - margin, high + margin)
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def band(table, log, floor, ceiling):
    """Return the table with `low` and `high` as they are drawn: within what is possible.

    On a log axis the interval is that of the mean's logarithm by the delta method, mean · exp(±half/mean): to first
    order the same, symmetric there, and without a lower end that the axis cannot show.
    """
    mean, half = table["mean"], table["mean"] - table["low"]
    if log:
        ratio = np.exp((half / mean.where(mean > 0)).clip(upper=100))
        low, high = mean / ratio, mean * ratio
    else:
        low, high = mean - half, mean + half
    return table.assign(low=low.clip(lower=floor), high=high.clip(upper=ceiling))


def _set_limits(ax, table, log, floor):
    """Fit the y axis to means and bands; on a log axis a band may leave beyond thrice the means."""
    mean = table["mean"]
    low, high = table["low"].fillna(mean).min(), table["high"].fillna(mean).max()
    if log:
        low, high = max(low, mean[mean > 0].min() / 3), min(high, 3 * mean.max())
        pad = max((high / low) ** 0.05, math.sqrt(10 * low / high))
        log_axis(ax, low / pad, high * pad)
    else:
        pad = 0.05 * (high - low) or 0.1 * abs(high) or 1
        ax.set_ylim(max(floor, low - pad), high + pad)


def _mark_diverged(ax, replicas, looks, low, high):
    """Put crosses at each epoch in which replicas diverged."""
    diverged = replicas.loc[replicas["diverged_epoch"].between(low, high), ["run", "diverged_epoch"]].drop_duplicates()
    for epoch, rows in diverged.groupby("diverged_epoch"):
        cross(ax, epoch, [run for run in looks if run in set(rows["run"])], looks)


def cross(ax: Axes, x: float, runs: Sequence[str], looks: dict[str, Look]) -> None:
    """Put a cross for each of these runs on the upper edge at `x`, slightly side by side."""
    for place, run in enumerate(runs):
        aside = ScaledTranslation(min(3, 8 / len(runs)) / 72 * place, 0, ax.figure.dpi_scale_trans)
        edge = ax.get_xaxis_transform() + aside
        ax.plot([x], [1], color=looks[run].color, transform=edge, clip_on=False, **CROSS)


def key(
    figure: Figure,
    replicas: pd.DataFrame,
    looks: dict[str, Look],
    more: Sequence[tuple[str, dict]] = (),
    crosses: bool = True,
    bands: bool = True,
) -> None:
    """Put the legend of `draw` below a figure: each look once, how many of its replicas diverged, and the seeds.

    `crosses` and `bands` say whether the figure has them.
    """
    runs: dict[Look, list[str]] = {}
    for run, look in looks.items():
        runs.setdefault(look, []).append(run)
    entries = []
    for look, own in runs.items():
        status = replicas.loc[replicas["run"].isin(own), "status"]
        lost = (status == "diverged").sum()
        entries.append((look.label + (f" ({lost} of {len(status)} diverged)" if lost else ""), look.line()))
    if crosses and replicas["diverged_epoch"].notna().any():
        entries.append(("diverged here, left out of the mean", {"color": INK, **CROSS}))
    legend(figure, [*entries, *more], seeds_note(replicas, "mean and its 95 % interval" if bands else "mean"))


def seeds_note(replicas: pd.DataFrame, drawn: str = "mean and its 95 % interval") -> str:
    """Return over how many seeds is what is drawn, for a legend's first line."""
    seeds = replicas.groupby(["run", "lr"]).size()
    few, many = seeds.min(), seeds.max()
    return f"{drawn} over {many if few == many else f'{few} to {many}'} seeds" if many > 1 else "1 seed"
