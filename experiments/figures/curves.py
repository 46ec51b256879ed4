"""Curves over epochs or layers, the same in every figure: mean over seeds, 95 % band, and divergence."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.analysis.epochs import epoch_of_errors, with_early_stopping
from experiments.analysis.statistics import summarise
from experiments.analysis.units import Unit, metric_of, unit_of
from experiments.figures.style import INK, Look, Style, legend, log_axis, offset
from experiments.tables import KEY, STOPPED_EPOCH

CROSS: Style = {"marker": "x", "linestyle": "none", "markersize": 5, "markeredgewidth": 1.2}
CARRIED: Style = {"linestyle": (0, (2, 2)), "linewidth": 0.7, "label": "_carried on"}
EARLY_STOPPING = "early stopping: the end is the last trained epoch; the leaderboard has the errors of the best epoch"
BEYOND: Style = {"marker": "^", "linestyle": "none", "markersize": 4.5, "label": "_beyond the axis"}
MOVED, TRACKS = "_moved", 4
"""The label of a line that stands above the one on which it lies, and how many stand there at most."""

INTERVAL = "mean and its 95 % interval"

FEWEST = 3
"""The smallest number of seeds for which an interval is shown. With two it is longer than six times their distance."""


EXPLOSION = 100
"""A mean is off the scale if it is so many times as large as all means before early stopping's best epochs."""


def unit_of_errors(replicas: pd.DataFrame) -> Unit:
    """Return the unit of the errors on one data set."""
    task = "classification" if (replicas["task"] == "classification").all() else "regression"
    return unit_of(task, metric_of(replicas))


def error_label(unit: Unit, part: str = "test") -> str:
    """Return the label of an axis of errors, such as "test error (%)"."""
    return f"{part} {unit.heading}"


def final_error_label(replicas: pd.DataFrame) -> str:
    """Return the label of an axis of `final_test_error`, which names the epoch if it is not the last one."""
    return error_label(unit_of_errors(replicas)) + epoch_of_errors(replicas)


def rule(replicas: pd.DataFrame) -> str:
    """Return the rule that chose the learning rates, a key of `experiments.tables.SELECT`."""
    return str(replicas["select"].iloc[0]) if "select" in replicas else "error"


def averaged_rows(frame: pd.DataFrame, replicas: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table over which means are taken: those of replicas that did not diverge.

    Where all replicas of a condition diverged, these are their rows before the first divergence.
    """
    rows = frame.merge(replicas[[*KEY, "status", "diverged_epoch"]], on=KEY)
    done = rows["status"] == "done"
    finished = done.groupby(rows["run"]).transform("any")
    first = rows.groupby("run")["diverged_epoch"].transform("min").astype(float)
    return rows[done | (~finished & (rows["epoch"] < first))]


def carried_on(rows: pd.DataFrame, replicas: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a table in which a replica that stopped early keeps its last values until its last epoch."""
    if not stopped_early(replicas):
        return rows
    facts = replicas[[*KEY, "epochs", STOPPED_EPOCH]].dropna()
    ends = rows.merge(facts, left_on=[*KEY, "epoch"], right_on=[*KEY, STOPPED_EPOCH])
    later = ends.loc[ends.index.repeat(ends["epochs"] - ends["epoch"]), list(rows.columns)]
    later = later.assign(epoch=later["epoch"] + later.groupby(level=0).cumcount() + 1)
    return pd.concat([rows, later], ignore_index=True)


def stopped_early(replicas: pd.DataFrame) -> bool:
    """Return whether a replica stopped before the last epoch."""
    return STOPPED_EPOCH in replicas and bool(replicas[STOPPED_EPOCH].notna().any())


def last_epoch(layers: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each replica's last epoch."""
    return layers[layers["epoch"] == layers.groupby(KEY)["epoch"].transform("max")]


def means(
    frame: pd.DataFrame, replicas: pd.DataFrame, column: str, x: str = "epoch", scale: float = 1.0
) -> pd.DataFrame:
    """Return `summarise` of a column, times `scale`, over the seeds of each condition at each `x`.

    The means are over `averaged_rows`, the same replicas at every `x`: otherwise a curve would show a step where a
    replica diverges. `draw` shows the diverged replicas as crosses, `condition_legend` counts them. A replica that
    stopped early keeps its last value; from the first such epoch on, `draw` shows a dashed line.
    """
    rows = averaged_rows(frame, replicas)
    if x == "epoch":
        rows = carried_on(rows, replicas)
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
    """Draw `means` into a panel: a line and the band of its interval for each condition. Set the panel's limits.

    The limits fit the conditions that finished. The curve of a condition that only diverged may leave at the top.
    A cross on the upper edge marks each epoch at which replicas diverged. A triangle marks where a curve explodes
    that early stopping ended, see `exploded`.

    Parameters
    ----------
    ax : Axes
        The panel.
    table : DataFrame
        The result of `means`. All of its rows count for the limits.
    replicas : DataFrame
        The replicas of these means.
    looks : dict of str to Look
        The conditions to draw, in order.
    x : str
        The column on the x axis, "epoch" or "layer".
    span : pair of float, optional
        The shown part of the x axis. The default is all of it.
    log : bool, optional
        Whether the y axis is logarithmic and spans at least a decade. By default it is logarithmic where all means
        are positive and span more than a decade.
    floor, ceiling : float
        The smallest and the largest possible value. Bands end there.
    """
    low, high = span or _whole_span(table, replicas, x)
    beyond = exploded(table, replicas, x) if math.isinf(ceiling) else pd.Series(False, table.index)
    table = table[table[x].between(low, high)]
    if table.empty:
        ax.text(0.5, 0.5, "every replica diverged", transform=ax.transAxes, ha="center", va="center")
        ax.set(xticks=[], yticks=[])
        return
    finished = table["run"].isin(replicas.loc[replicas["status"] == "done", "run"])
    relevant = finished if finished.any() else ~finished
    beyond = beyond[table.index]
    relevant = relevant & ~beyond if (relevant & ~beyond).any() else relevant
    mean = table.loc[relevant, "mean"]
    log = bool(0 < 10 * mean.min() < mean.max() if log is None else log and mean.max() > 0)
    table = band(table, log, floor, ceiling)
    stops = replicas.groupby("run")[STOPPED_EPOCH].min() if x == "epoch" and stopped_early(replicas) else None
    _draw_lines(ax, table, finished, looks, x, {} if stops is None else stops.dropna().to_dict())
    _set_limits(ax, table[relevant], log, floor)
    if x == "epoch":
        _mark_diverged(ax, replicas, looks, low, high)
    _mark_beyond(ax, table[beyond & ~relevant], looks, x)
    margin = 0.03 * (high - low) or 0.5
    ax.set_xlim(low - margin, high + margin)
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    separate(ax)


def separate(ax: Axes) -> None:
    """Move each line that lies on others so far up that all are seen; the panel has its limits, and lines their gids.

    Two lines coincide where they are closer than a line is wide, for more than half of the points of one.
    """
    lines = [line for line in ax.lines if line.get_gid()]
    steps: list[int] = []
    places: list[dict[float, float]] = []
    for line in lines:
        shown = ax.transData.transform(np.column_stack(line.get_data()).astype(float)) * 72 / ax.figure.dpi
        near, width = dict(shown.round(3).tolist()), line.get_linewidth()
        below = {
            step
            for step, other in zip(steps, places, strict=True)
            if sum(abs(other.get(x, math.inf) - y) < width for x, y in near.items()) > len(near) / 2
        }
        step = next(step for step in range(len(lines)) if step not in below)
        line.set_transform(ax.transData + offset(ax, 0, step % TRACKS * width))
        line.set_label(MOVED if step % TRACKS else "_")
        steps.append(step)
        places.append(near)


def exploded(table: pd.DataFrame, replicas: pd.DataFrame, x: str = "epoch") -> pd.Series:
    """Return which means of unbounded quantities are too large for the scale of those that early stopping kept.

    Kept are the means up to the best epoch of all seeds, and those by layer of conditions that learned at all. A mean
    is too large if it is more than `EXPLOSION` times the largest of them. Without early stopping none is.
    """
    best = replicas.loc[with_early_stopping(replicas) & (replicas["status"] == "done")]
    if best.empty:
        return pd.Series(False, table.index)
    last_kept = table["run"].map(best.groupby("run")["best_epoch"].min().astype(float)).fillna(math.inf)
    kept = table["epoch"] <= last_kept if x == "epoch" else last_kept > 0
    sizes = table["mean"].abs()
    return sizes > EXPLOSION * sizes[kept & (sizes < math.inf)].max()


def _mark_beyond(ax: Axes, table: pd.DataFrame, looks: dict[str, Look], x: str) -> None:
    """Put a triangle on the upper edge where the curve of each run first leaves it."""
    for run, first in table.groupby("run")[x].min().items():
        if run in looks:
            edge = ax.get_xaxis_transform()
            ax.plot([first], [1], **BEYOND, color=looks[str(run)].color, transform=edge, clip_on=False)


def _whole_span(table: pd.DataFrame, replicas: pd.DataFrame, x: str) -> tuple[float, float]:
    """Return the ends of the x axis; epochs reach to the last divergence."""
    low, high = table[x].min(), table[x].max()
    if x == "epoch" and replicas["diverged_epoch"].notna().any():
        high = max(high, replicas["diverged_epoch"].max())
    return low, high


def _draw_lines(
    ax: Axes, table: pd.DataFrame, finished: pd.Series, looks: dict[str, Look], x: str, stops: dict[str, int]
) -> None:
    """Draw the line of each condition, and its band where it finished with several seeds.

    `stops` has the epoch of each condition from which on a replica has stopped early.
    """
    opacity = band_opacity(len(looks))
    for index, (run, look) in enumerate(looks.items()):
        rows = table[table["run"] == run]
        step = max(1, len(rows) // 6) if x == "epoch" else 1
        marker = look.marker or ("." if x == "layer" or len(rows) == 1 else "")
        own = rows[rows[x] <= stops.get(run, math.inf)]
        ax.plot(own[x], own["mean"], **look.line(gid=run, marker=marker, markevery=(index % step, step)))
        if len(own) < len(rows):
            rest = rows[rows[x] >= stops[run]]
            ax.plot(rest[x], rest["mean"], **_carried_line(look, index % step, step))
        rows = rows[finished[rows.index] & rows["low"].notna()]
        ax.fill_between(rows[x], rows["low"], rows["high"], color=look.color, alpha=opacity, linewidth=0)


def _carried_line(look: Look, first: int, step: int) -> Style:
    """Return the style of a curve where some replicas keep their last value: thin and dashed, with open markers."""
    style = look.line(marker=look.marker, markevery=(first, step), markerfacecolor="white", markeredgewidth=0.7)
    return style | (CARRIED if style["linestyle"] == "-" else {**CARRIED, "linestyle": style["linestyle"]})


def band_opacity(conditions: int) -> float:
    """Return the opacity of bands. It falls with the number of conditions in a panel."""
    return 0.16 / max(1, conditions / 6)


def band(table: pd.DataFrame, log: bool, floor: float, ceiling: float) -> pd.DataFrame:
    """Return the table with `low` and `high` as they are drawn: Student's interval between `floor` and `ceiling`.

    It is the same on both axes, and the same as in the tables. On a log axis an end that is not positive becomes a
    hundredth of the smallest positive mean, which is below the axis. Fewer than three seeds have no interval.
    """
    ends = table[["low", "high"]].where(table["n"] >= FEWEST)
    if log:
        floor = max(floor, table.loc[table["mean"] > 0, "mean"].min() / 100)
    return table.assign(low=ends["low"].clip(lower=floor), high=ends["high"].clip(upper=ceiling))


def _set_limits(ax: Axes, table: pd.DataFrame, log: bool, floor: float) -> None:
    """Fit the y axis to means and bands. On a log axis it ends at three times the largest mean and at a third."""
    mean = table["mean"]
    low, high = table["low"].fillna(mean).min(), table["high"].fillna(mean).max()
    if log:
        low, high = max(low, mean[mean > 0].min() / 3), min(high, 3 * mean.max())
        pad = max((high / low) ** 0.05, math.sqrt(10 * low / high))
        log_axis(ax, low / pad, high * pad)
    else:
        pad = 0.05 * (high - low) or 0.1 * abs(high) or 1
        ax.set_ylim(max(floor, low - pad), high + pad)


def _mark_diverged(ax: Axes, replicas: pd.DataFrame, looks: dict[str, Look], low: float, high: float) -> None:
    """Put crosses at each epoch at which replicas diverged."""
    diverged = replicas.loc[replicas["diverged_epoch"].between(low, high), ["run", "diverged_epoch"]].drop_duplicates()
    for epoch, rows in diverged.groupby("diverged_epoch"):
        cross(ax, epoch, [run for run in looks if run in set(rows["run"])], looks)


def cross(ax: Axes, x: float, runs: Sequence[str], looks: dict[str, Look]) -> None:
    """Put a cross for each of these runs on the upper edge at `x`, side by side."""
    for index, run in enumerate(runs):
        edge = ax.get_xaxis_transform() + offset(ax, min(3, 8 / len(runs)) * index, 0)
        ax.plot([x], [1], **CROSS, color=looks[run].color, transform=edge, clip_on=False)


def condition_legend(
    figure: Figure,
    replicas: pd.DataFrame,
    looks: dict[str, Look],
    more: Sequence[tuple[str, Style]] = (),
    crosses: bool = True,
    bands: bool = True,
) -> None:
    """Put the legend of `draw` below a figure: each look once with its diverged replicas, and the number of seeds.

    Parameters
    ----------
    figure, replicas, looks
        As in `draw`.
    more : sequence of (str, dict)
        Further entries, as in `legend`.
    crosses, bands : bool
        Whether the figure shows crosses and bands.
    """
    runs_by_look: dict[Look, list[str]] = {}
    for run, look in looks.items():
        runs_by_look.setdefault(look, []).append(run)
    entries = []
    for look, runs in runs_by_look.items():
        entries.append((label_with_losses(look, replicas, runs), look.line()))
    if crosses and replicas["diverged_epoch"].notna().any():
        entries.append(("diverged here, left out of the mean", {"color": INK, **CROSS}))
    if any(line.get_label() == CARRIED["label"] for ax in figure.axes for line in ax.lines):
        entries.append(("thin: some seeds stopped early and keep their last value", {**CARRIED, "color": INK}))
    if any(line.get_label() == BEYOND["label"] for ax in figure.axes for line in ax.lines):
        entries.append(("explodes here, beyond the axis", {**BEYOND, "color": INK}))
    lines = heading(replicas, INTERVAL if bands else "mean").split("\n")
    if any(line.get_label() == MOVED for ax in figure.axes for line in ax.lines):
        lines.insert(1, "where lines coincide, they are drawn one above the other")
    legend(figure, [*entries, *more], "\n".join(lines))


def label_with_losses(look: Look, replicas: pd.DataFrame, runs: Sequence[str]) -> str:
    """Return the label of the conditions of a look, with the number of their replicas that diverged."""
    status = replicas.loc[replicas["run"].isin(runs), "status"]
    lost = (status == "diverged").sum()
    return look.label + (f" ({lost} of {len(status)} diverged)" if lost else "")


def heading(replicas: pd.DataFrame, statistic: str = INTERVAL) -> str:
    """Return the lines above a legend: `seeds_note`, and which epoch is the end if replicas stop early."""
    lines = [seeds_note(replicas, statistic), *([EARLY_STOPPING] if with_early_stopping(replicas).any() else [])]
    return "\n".join(lines)


def seeds_note(replicas: pd.DataFrame, statistic: str = INTERVAL) -> str:
    """Return the first line of a legend: the statistic that is drawn, and over how many seeds."""
    seeds = replicas.groupby(["run", "lr"]).size()
    statistic = statistic if seeds.max() >= FEWEST else "mean"
    return f"{statistic} over {span_of(seeds)} seeds" if seeds.max() > 1 else "1 seed"


def span_of(counts: pd.Series) -> str:
    """Return the smallest and the largest of some counts: "3 to 5", or "5" if they are equal."""
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"


def epoch_note(replicas: pd.DataFrame) -> list[str]:
    """Return a line that says so if the errors are those of another epoch than the metrics."""
    other = rule(replicas) == "best_epoch_error" and not with_early_stopping(replicas).all()
    return ["the error is that of the best epoch, the metrics are those of the last one"] if other else []
