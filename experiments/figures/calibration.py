"""Figures of calibration: whether a network is right as often as its probabilities say."""

import math
from collections import Counter
from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from experiments.analysis.calibration import calibration_errors
from experiments.analysis.comparison import ranked
from experiments.analysis.references import references
from experiments.analysis.statistics import possible_intervals, summarise
from experiments.analysis.wording import counted
from experiments.figures.curves import (
    FEWEST,
    INTERVAL,
    epoch_note,
    final_error_label,
    label_with_losses,
    seeds_note,
    span_of,
    unit_of_errors,
)
from experiments.figures.decisions import panel_titles
from experiments.figures.registry import Missing, figure
from experiments.figures.selection import by_dataset
from experiments.figures.style import INK, MUTED, SINGLE, Look, Style, legend, log_axis, looks, sheet, subject
from experiments.figures.texts import wrapped
from experiments.store.reading import StudyTables
from experiments.tables import KEY
from experiments.training.metrics import BINS, LEAST_ROWS
from nets.outputs import OUTPUTS

PANELS = 12
"""The largest number of conditions in a figure of reliability."""

ACROSS = 4
"""The largest number of panels side by side."""

WIDTH = 1.55
"""The width of a panel in inches."""

EDGE = 0.03
"""What the axes show beyond the possible values, so that no point is cut."""

FEW = 10
"""The points of bins with fewer rows are open: chance alone may put them far from the diagonal."""

DIAGONAL: Style = {"color": MUTED, "linewidth": 0.8, "linestyle": (0, (4, 2))}
GAP: Style = {"linewidth": 4, "alpha": 0.3}
POINT: Style = {"marker": "o", "markersize": 3.2, "linewidth": 0.9}
OPEN: Style = {"marker": "o", "markersize": 3.2, "markerfacecolor": "white", "linestyle": "none"}
ECE = "final_test_ece_width"


def pooled_bins(reliability: pd.DataFrame) -> pd.DataFrame:
    """Return the bins of each run with the rows of all of its replicas; the columns are those of the table."""
    rows = reliability[["run", "bin", "count"]].astype({"count": float})
    for column in ("confidence", "accuracy"):
        rows[column] = (reliability["count"] * reliability[column].astype(float)).fillna(0)
    sums = rows.groupby(["run", "bin"], as_index=False).sum()
    sums[["confidence", "accuracy"]] = sums[["confidence", "accuracy"]].div(
        sums["count"].where(sums["count"] > 0), axis=0
    )
    return sums


def _unknown(replicas: pd.DataFrame, what: str, few_rows: Missing | None = None) -> Missing:
    """Return why no replica has what a figure of probabilities shows."""
    if (replicas["task"] == "regression").all():
        return Missing("a regression has no classes")
    done = replicas[replicas["status"] == "done"]
    if done.empty:
        return Missing("every replica diverged", "optimizer.lr=0.001")
    if not any(OUTPUTS[name]().probabilities for name in done["output"].unique() if name in OUTPUTS):
        return Missing("no output gives probabilities of the classes", "output=softmax_ce,softmax_mse")
    return few_rows or Missing(f"an earlier version recorded no {what}", "force=true")


@figure("reliability", title="How often a network is right, by how sure it is", parts=by_dataset)
def reliability(tables: StudyTables) -> Figure:
    """Draw accuracy against mean confidence in 15 bins of the test rows, and below the share of the rows in each bin.

    The rows of all seeds are pooled. A calibrated network is on the dashed diagonal, but for chance. Below it the
    network is more confident than right. The expected calibration error (ECE) is the mean gap over the rows of a seed.
    Of many conditions, those with the lowest test errors and the reference are drawn.
    """
    if tables.reliability is None or tables.reliability.empty:
        raise _unknown(tables.replicas, "reliability")
    errors, bins = calibration_errors(tables.reliability), pooled_bins(tables.reliability)
    every = {run: look for run, look in looks(tables.replicas).items() if run in set(bins["run"])}
    appearance = {run: every[run] for run in _shown(tables.replicas, list(every))}
    bins = bins[bins["run"].isin(appearance) & (bins["count"] > 0)]
    columns = math.ceil(len(appearance) / math.ceil(len(appearance) / ACROSS))
    titles = _titles(appearance, errors, tables.replicas)
    result, panels = _panels(titles, columns)
    low = min(bins["bin"].min() - 1, math.floor(BINS * bins["accuracy"].min())) / BINS
    shares = 100 * bins["count"] / bins.groupby("run")["count"].transform("sum")
    least = min(10, 10 ** math.floor(math.log10(shares.min())))
    for (ax, below), (run, look) in zip(panels, appearance.items(), strict=True):
        rows = bins[bins["run"] == run]
        _draw_gaps(ax, rows, look, low)
        below.bar((rows["bin"] - 0.5) / BINS, shares[rows.index], 0.9 / BINS, color=look.color)
        log_axis(below, least, 100)
        below.yaxis.set_major_locator(LogLocator(numticks=4))
        below.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        for panel in (ax, below):
            panel.set_xlim(low - EDGE, 1 + EDGE)
            panel.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    for ax, below in panels[::columns]:
        ax.set_ylabel("accuracy")
        below.set_ylabel("rows (%)")
    for index, (ax, below) in enumerate(panels):
        ax.tick_params("x", labelbottom=False)
        if index % columns:
            ax.tick_params("y", labelleft=False)
            below.tick_params("y", labelleft=False)
        if index < len(panels) - columns:
            below.tick_params("x", labelbottom=False)
        else:
            below.set_xlabel("confidence")
    result.suptitle(subject(tables.replicas, width=result.get_size_inches()[0]))
    notes = _notes(tables.replicas, errors, len(appearance), every)
    legend(result, _entries(bins, appearance), wrapped(notes, result.get_size_inches()[0]))
    return result


def _shown(replicas: pd.DataFrame, runs: list[str]) -> list[str]:
    """Return the runs that get a panel: all, or those with the lowest errors and the reference."""
    if len(runs) <= PANELS:
        return runs
    reference = pd.Series(references(replicas)).mode().tolist()[:1]
    best = [run for run in ranked(replicas)["run"] if run in runs and run not in reference]
    chosen = {*best[: PANELS - 1], *reference}
    return [run for run in runs if run in chosen]


def _titles(appearance: dict[str, Look], errors: pd.DataFrame, replicas: pd.DataFrame) -> list[str]:
    """Return the label of each condition with its mean ECE, the interval and the chance, if there are enough rows."""
    table = _means(errors, "ece", 1)
    rows, chance = errors.groupby("run")["rows"].min(), errors.groupby("run")["chance"].mean()
    lost = replicas[replicas["status"] != "done"].groupby("run").size()
    titles = []
    for run, title in zip(appearance, panel_titles(appearance.values(), WIDTH), strict=True):
        mean, low, high = table.loc[run, ["mean", "low", "high"]]
        interval = f" ({low:.3f} to {high:.3f})" if low == low else ""
        lines = [title, "too few rows for an ECE"]
        if rows[run] >= LEAST_ROWS:
            lines = [title, f"ECE {mean:.3f}{interval}", f"by chance {chance[run]:.3f}"]
        titles.append("\n".join([*lines, *([f"{lost[run]} diverged, left out"] if run in lost else [])]))
    return titles


def _panels(titles: list[str], columns: int) -> tuple[Figure, list[tuple[Axes, Axes]]]:
    """Return a figure with two panels below each title: a square one, and a low one."""
    down = math.ceil(len(titles) / columns)
    lines = max(title.count("\n") for title in titles)
    result = sheet(down * (1.45 * WIDTH + 0.15 + 0.13 * lines) + 0.5, max(SINGLE, columns * WIDTH + 0.6))
    grid = result.add_gridspec(2 * down, columns, height_ratios=[3, 1] * down)
    panels = []
    for index, title in enumerate(titles):
        row, column = divmod(index, columns)
        ax, below = (result.add_subplot(grid[2 * row + part, column]) for part in (0, 1))
        ax.set_title(title)
        panels.append((ax, below))
    return result, panels


def _draw_gaps(ax: Axes, rows: pd.DataFrame, look: Look, low: float) -> None:
    """Draw a condition's accuracy by confidence, with the gap of each bin to the diagonal."""
    ax.plot([low, 1], [low, 1], **DIAGONAL)
    ax.vlines(rows["confidence"], rows["confidence"], rows["accuracy"], color=look.color, **GAP)
    ax.plot(rows["confidence"], rows["accuracy"], **POINT, color=look.color, gid=rows["run"].iloc[0])
    few = rows[rows["count"] < FEW]
    ax.plot(few["confidence"], few["accuracy"], color=look.color, **OPEN)
    ax.set_ylim(low - EDGE, 1 + EDGE)


def _entries(bins: pd.DataFrame, appearance: dict[str, Look]) -> list[tuple[str, Style]]:
    """Return the entries of the legend of `reliability`, in the colour of the conditions if they have only one."""
    colors = {look.color for look in appearance.values()}
    color, own = (colors.pop(), "") if len(colors) == 1 else (INK, ", in the colour of the condition")
    entries: list[tuple[str, Style]] = [
        (f"test rows of a bin{own}", {"color": color, **POINT}),
        ("calibrated", DIAGONAL),
        ("gap; below the diagonal: too confident", {"color": color, **GAP}),
    ]
    if (bins["count"] < FEW).any():
        entries.append((f"fewer than {FEW} rows", {"color": color, **OPEN}))
    return entries


def _notes(replicas: pd.DataFrame, errors: pd.DataFrame, shown: int, known: Collection[str]) -> list[str]:
    """Return what stands above the legend: what is pooled, what chance is, and how many conditions are shown."""
    networks, finished = errors.groupby("run").size(), replicas[replicas["status"] == "done"].groupby("run").size()
    pooled = f"{span_of(networks)} seeds, pooled, with {span_of(errors['rows'])} test rows each"
    lines = [pooled if networks.max() > 1 else f"1 seed with {span_of(errors['rows'])} test rows"]
    if (errors["rows"] >= LEAST_ROWS).any():
        if networks.max() > 1:
            lines[0] += f"; ECE: {INTERVAL if networks.max() >= FEWEST else 'mean'} over the seeds"
        lines.append("by chance: the ECE of a calibrated network with as many rows and these confidences")
    else:
        lines.append(f"an ECE needs {LEAST_ROWS} rows")
    if shown < len(known):
        lines.append(f"{shown} of {len(known)} conditions: those with the lowest test errors, and the reference")
    lines += _others(replicas, known)
    if (networks < finished[networks.index]).any():
        lines.append("an earlier version did not record the bins of the other seeds")
    return lines


def _by_chance(errors: pd.DataFrame) -> str:
    """Return a sentence with the ECE that calibrated networks would have, from `calibration_errors`."""
    means = errors[errors["rows"] >= LEAST_ROWS].groupby("run")["chance"].mean()
    low, high = (f"{value:.3f}" for value in (means.min(), means.max()))
    return f"by chance, calibrated networks would have an ECE of {low if low == high else f'{low} to {high}'}"


@figure("calibration", title="Expected calibration error against test error", parts=by_dataset)
def calibration(tables: StudyTables) -> Figure:
    """Draw the mean expected calibration error (ECE, 15 bins of equal width) against the mean test error.

    A condition is a point with its two 95 % intervals over seeds. Those whose output gives no probabilities have no
    ECE. No network has an ECE of 0: with few rows, chance makes a gap in every bin.
    """
    replicas = tables.replicas
    if ECE not in replicas or replicas[ECE].isna().all():
        raise _unknown(replicas, "calibration error", _few_rows(tables))
    unit = unit_of_errors(replicas)
    done = replicas[(replicas["status"] == "done") & replicas[ECE].notna()]
    x = _means(done.assign(error=unit.scale * done["final_test_error"]), "error", unit.ceiling)
    y = _means(done, ECE, 1)
    appearance = {run: look for run, look in looks(replicas).items() if run in x.index}
    result = sheet(3.0, 4.4)
    ax = result.subplots()
    alpha = 0.6 / max(1, len(appearance) / 8)
    points = {run: _point(look) for run, look in appearance.items()}
    for run, look in appearance.items():
        line: Style = {"color": look.color, "linewidth": 1, "alpha": alpha}
        ax.plot(x.loc[run, ["low", "high"]], [y.loc[run, "mean"]] * 2, **line)
        ax.plot([x.loc[run, "mean"]] * 2, y.loc[run, ["low", "high"]], **line)
    for run, point in points.items():
        ax.plot(x.loc[run, "mean"], y.loc[run, "mean"], gid=run, **point)
    ax.set(xlabel=final_error_label(replicas), ylabel="ECE, 15 bins of equal width")
    for table, axis in ((x, "x"), (y, "y")):
        _fit(ax, table, axis)
    result.suptitle(subject(replicas, width=result.get_size_inches()[0]))
    entries = [(label_with_losses(appearance[run], replicas, [run]), point) for run, point in points.items()]
    legend(result, entries, wrapped(_calibration_notes(tables, done, appearance), result.get_size_inches()[0]))
    return result


def _means(done: pd.DataFrame, column: str, ceiling: float) -> pd.DataFrame:
    """Return `mean`, `low` and `high` of a column by run; there is no interval where it would be impossible."""
    table = summarise(done, "run", column)
    return table.assign(**possible_intervals(table, ceiling)).set_index("run")[["mean", "low", "high"]]


def _point(look: Look) -> Style:
    return {"color": look.color, "marker": look.marker or "o", "markersize": 4.5, "linestyle": "none"}


def _fit(ax: Axes, table: pd.DataFrame, axis: str) -> None:
    """Let an axis begin at 0, or make it logarithmic if the means span more than a decade."""
    mean, high = table["mean"], table["high"].fillna(table["mean"]).max()
    if 0 < 10 * mean.min() < mean.max():
        lowest = table.loc[table["low"] > 0, "low"].min()
        log_axis(ax, max(np.nanmin([lowest, mean.min()]), mean.min() / 3) / 1.2, high * 1.2, axis)
    else:
        ax.set(**{f"{axis}lim": (0, 1.08 * high or 1)})


def _calibration_notes(tables: StudyTables, done: pd.DataFrame, shown: Iterable[str]) -> list[str]:
    """Return the lines above the legend of `calibration`; `done` are the replicas that have an ECE."""
    replicas, lines = tables.replicas, [seeds_note(done)]
    rows = _test_rows(tables)
    if len(rows):
        lines[0] += f"; {span_of(rows)} test rows"
    if tables.reliability is not None and len(tables.reliability):
        lines.append(_by_chance(calibration_errors(tables.reliability)))
    return [*lines, *_others(replicas, shown), *epoch_note(replicas)]


def _others(replicas: pd.DataFrame, known: Iterable[str]) -> list[str]:
    """Return a line on the conditions that cannot be shown and on why, if there are any."""
    rest = replicas[~replicas["run"].isin(list(known))]
    reasons: list[str] = []
    for _, rows in rest.groupby("run"):
        output = OUTPUTS.get(rows["output"].iloc[0])
        if not (rows["status"] == "done").any():
            reasons.append("that diverged")
        elif output is not None and not output().probabilities:
            reasons.append("whose output gives no probabilities")
        else:
            reasons.append("of which an earlier version recorded no calibration")
    counts = [f"{counted(count, 'condition')} {reason}" for reason, count in Counter(reasons).items()]
    return [f"not shown: {'; '.join(counts)}"] if counts else []


def _test_rows(tables: StudyTables) -> pd.Series:
    """Return the number of test rows of each replica that finished a classification."""
    if tables.confusion is None or tables.confusion.empty:
        return pd.Series(dtype=int)
    return tables.confusion.groupby(KEY)["count"].sum()


def _few_rows(tables: StudyTables) -> Missing | None:
    """Return that the test part is too small for an ECE, with a split or a data set that is large enough, or None."""
    rows = _test_rows(tables)
    if rows.empty or rows.max() >= LEAST_ROWS:
        return None
    reason = f"the test part has {span_of(rows)} rows, and a calibration error needs {LEAST_ROWS}"
    share = tables.replicas["split.test"].max() if "split.test" in tables.replicas else math.nan
    needed = math.ceil(20 * share * (LEAST_ROWS + 1) / rows.min()) / 20 if share > 0 else 1
    return Missing(reason, f"split.test={needed:g}" if needed <= 0.5 else "dataset=digits")
