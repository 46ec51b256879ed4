"""Figures that rank conditions by test error: with intervals, by learning rate, and by pairing."""

import math
import textwrap
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from experiments.analysis.comparison import equal_rates, leaderboard, scored
from experiments.analysis.epochs import epoch_of_errors
from experiments.analysis.labels import labels
from experiments.analysis.simple import margins
from experiments.analysis.statistics import summarise
from experiments.analysis.units import Unit, unit_of_row
from experiments.figures.curves import (
    CROSS,
    band,
    cross,
    error_label,
    final_error_label,
    rule,
    seeds_note,
    unit_of_errors,
)
from experiments.figures.parts import several_pairings
from experiments.figures.registry import Missing, figure
from experiments.figures.selection import at_selected_rate, by_dataset, rate_notes
from experiments.figures.style import (
    DARKEST,
    INK,
    MUTED,
    SINGLE,
    Look,
    Style,
    legend,
    log_axis,
    looks,
    offset,
    row_labels,
    sheet,
    subject,
)
from experiments.figures.texts import literal, shortened, spelled, width_of, wrapped
from experiments.store.reading import StudyTables
from experiments.tables import SELECT, deciding, reported

REFERENCE: Style = {"color": "0.75", "linewidth": 0.8}
RING: Style = {"marker": "o", "markersize": 7, "markerfacecolor": "none"}
PARTLY: Style = {"marker": "o", "markersize": 4, "markerfacecolor": "white", "linestyle": "none"}
"""A mean over the networks of a condition that finished, where others diverged."""

PLOT_WIDTH = 2.6
"""Inches of an axis of learning rates."""

PATCH: Style = {"bbox": {"color": "white", "pad": 1}}


def in_unit(table: pd.DataFrame, unit: Unit) -> pd.DataFrame:
    """Return a table of errors with `mean`, `low` and `high` in the unit."""
    return table.assign(**{column: unit.scale * table[column] for column in ("mean", "low", "high")})


@figure(
    "leaderboard",
    title="Test {measure} of every condition with its 95 % interval",
    parts=by_dataset,
    every_rate=True,
    metrics=True,
    baselines=True,
)
def leaderboard_figure(tables: StudyTables) -> Figure:
    """Draw the mean test {measure} of each condition, the best on top; the word beside it compares it with a reference.

    Each condition has its selected learning rate. Conditions with one reference share a panel, in which a vertical line
    is the reference's mean. The other lines are scikit-learn's baselines on the same splits.
    """
    rates, replicas = rate_notes(tables.replicas), at_selected_rate(tables).replicas
    unit, appearance = unit_of_errors(replicas), looks(replicas)
    margin = replicas["margin"].iloc[0] if "margin" in replicas else None
    board = in_unit(leaderboard(replicas, margins(replicas, tables.baselines, margin)), unit)
    board["condition"] = board["run"].map(labels(replicas, omit=("dataset",)))
    board["note"] = _notes(board, rates)
    compared = set(board["reference"].dropna())
    board["reference"] = board["reference"].fillna(board["run"].where(board["run"].isin(compared)))
    groups = list(board.groupby("reference", sort=False, dropna=False))
    baselines = _baselines(tables.baselines, unit)
    rows, notes = (row_labels(board["condition"], 7 if len(board) < 30 else 6), row_labels(board["note"], 6, 36))
    title = textwrap.wrap(shortened(spelled(replicas["dataset"].iloc[0]), 108), 36)
    known = board.set_index("run")
    against = [f"compared with {known['condition'][run]}" if run in compared else "not compared" for run, _ in groups]
    headings = [textwrap.wrap(text, 60, break_on_hyphens=False) if len(groups) > 1 else [] for text in against]
    headings[0] = title + headings[0]
    tall = max(1.2, max(rows.height, notes.height) * len(board))  # not less than the legend
    width = max(SINGLE, 2.1 + rows.width + notes.width)
    lines = sum(map(len, headings))
    result = sheet(0.48 + 0.12 * lines + tall + 0.15 * (len(groups) - 1), width)
    result.set_layout_engine("constrained", w_pad=0.12)  # in a PNG, texts are wider than those of the layout
    heights = [len(group) + 0.2 for _, group in groups]
    panels = result.subplots(len(groups), sharex=True, squeeze=False, height_ratios=heights).ravel()
    shown = board[board["n"] > 0]
    limits = _log_limits(shown)
    low, high = limits or (0, 1.5 * shown[["mean", "high"]].max(axis=None))
    near = [baseline for baseline in baselines if low <= baseline.mean < high]
    for ax, (reference, group), heading in zip(panels, groups, headings, strict=True):
        if reference in compared and math.isfinite(known["mean"][reference]):
            ax.axvline(known["mean"][reference], **REFERENCE, zorder=0)
        for baseline in near:
            ax.axvline(baseline.mean, **baseline.line, linewidth=0.9, zorder=0)
        _draw_rows(ax, group.reset_index(drop=True), appearance, rows.size)
        ax.set_title(literal("\n".join(heading)))
    if limits:
        log_axis(panels[0], *limits, axis="x")
    panels[-1].set_xlabel(wrapped([final_error_label(replicas)], 2.2))
    entries: list[tuple[str, Style]] = []
    if compared:
        named = known["condition"][[*compared]]
        entries.append((f"reference: {named.iloc[0]}" if len(named) == 1 else "reference of the panel", REFERENCE))
    entries += [(baseline.name, baseline.line) for baseline in near]
    entries += [(f"{one.name}: {one.mean:.3g}, not in view", {"alpha": 0}) for one in baselines if one not in near]
    legend(result, entries, wrapped([seeds_note(replicas)], result.get_size_inches()[0]))
    return result


def _draw_rows(ax: Axes, board: pd.DataFrame, appearance: dict[str, Look], size: float) -> None:
    """Draw the mean and the interval of each condition, between its name and the note on it."""
    beside: Style = {"xycoords": ax.get_yaxis_transform(), "xytext": (4, 0), "textcoords": "offset points"}
    for row, note in zip(board.itertuples(), row_labels(board["note"], 6, 36).texts, strict=True):
        look = appearance[row.run]
        if row.low == row.low:
            # Not dashed: the ends of an interval must be visible.
            ax.plot([row.low, row.high], [row.Index, row.Index], color=look.color, linewidth=1.2)
        if row.n > 0:
            ax.plot(row.mean, row.Index, color=look.color, gid=row.run, marker=look.marker or "o", markersize=4.5)
        ax.annotate(note, (1, row.Index), va="center", fontsize=6, color=MUTED, annotation_clip=False, **beside)
    ax.set(yticks=range(len(board)), ylim=(len(board) - 0.4, -0.6))
    ax.set_yticklabels(row_labels(board["condition"], size).texts, fontsize=size)
    ax.grid(axis="y", visible=False)


def _notes(board: pd.DataFrame, rates: dict[str, str]) -> list[str]:
    """Return a note on each condition: its verdict, its learning rate, if it was chosen, and how many diverged."""
    notes, alone = [], board["reference"].isna().all()
    for row in board.itertuples():
        lost = unit_of_row(row).lost
        diverged = f"{row.diverged} of {row.n + row.diverged} {lost}" if row.diverged else ""
        verdict = [] if alone else [", ".join(filter(None, [row.verdict, row.scope]))]
        notes.append("; ".join(filter(None, [*verdict, rates.get(row.run, ""), diverged])))
    return notes


def _log_limits(board: pd.DataFrame) -> tuple[float, float] | None:
    """Return the limits of a logarithmic axis of errors if the means span more than a decade, else None.

    A condition that fails would press the others together on a linear axis.
    """
    means = board["mean"]
    if not 0 < 10 * means.min() < means.max():
        return None
    ends = [*board["low"][board["low"] > 0], *means, *board["high"].dropna()]
    return max(min(ends), means.min() / 3) / 1.1, max(ends) * 1.1


class Baseline(NamedTuple):
    """The mean error of a model of scikit-learn, or of several equal ones, in the unit of the axis, and its line."""

    name: str
    mean: float
    line: Style


def _baselines(errors: pd.DataFrame | None, unit: Unit) -> list[Baseline]:
    """Return the baselines of one data set, with one line for equal means; a study without them has none."""
    if errors is None or errors.empty:
        return []
    means = errors.groupby("baseline")["test_error"].mean() * unit.scale
    dashes = [(1, 1.2), (4, 1.5), (5, 1.2, 1, 1.2), (2, 2), (8, 2)]
    equal = means.groupby(means.map("{:.3g}".format), sort=False)
    return [
        Baseline(", ".join(part.index), part.mean(), {"color": MUTED, "linestyle": (0, dash)})
        for (_, part), dash in zip(equal, dashes, strict=False)
    ]


@figure(
    "learning_rate_sensitivity",
    title="Test {measure} by learning rate",
    parts=by_dataset,
    every_rate=True,
    metrics=True,
)
def learning_rate_sensitivity(tables: StudyTables) -> Figure:
    """Draw mean test {measure} and its interval against the learning rate; a ring is the rate that validation chose.

    A cross on the upper edge marks a rate at which networks diverged, with their number. The mean leaves them out, and
    its point is open if other networks of the condition finished. A
    study with tuning seeds reports one rate, so the numbers are those of validation, by which this rate was chosen.
    """
    replicas = equal_rates(tables.replicas)
    if replicas["lr"].nunique() < 2:
        raise Missing("the study has only one learning rate", "'optimizer.lr=[0.01,0.03,0.1,0.3]'")
    rows, label, unit = _scores_by_rate(replicas)
    table = band(summarise(rows, ["run", "lr"], "score"), False, unit.floor, unit.ceiling)
    selected = replicas[replicas["selected"]][["run", "lr"]].drop_duplicates().assign(selected=True)
    table = table.merge(selected, how="left")
    appearance = looks(replicas)
    result = sheet(2.6, SINGLE)
    ax = result.subplots()
    result.suptitle(subject(replicas))
    ax.set(xscale="log", xlabel="learning rate", ylabel=wrapped([label], 1.8))
    _draw_by_rate(ax, table, appearance)
    _fit_rates(ax, table, unit)
    _mark_lost(ax, table, appearance, unit)
    entries = [(look.label, look.line()) for look in dict.fromkeys(appearance.values())]
    entries.append(("chosen on validation", {"linestyle": "none", "color": INK, **RING}))
    if (table["diverged"] > 0).any():
        entries.append((f"{unit.lost}, left out of the mean", {"color": INK, **CROSS}))
    if ((table["diverged"] > 0) & (table["n"] > 0)).any():
        mean = "the finite ones, others not" if unit.may_be_infinite else "those that finished, others diverged"
        entries.append((f"mean of {mean}", {"color": INK, **PARTLY}))
    legend(result, entries, seeds_note(rows))
    return result


def _scores_by_rate(replicas: pd.DataFrame) -> tuple[pd.DataFrame, str, Unit]:
    """Return the rows that are drawn by rate with their `score`, the label of this score, and its unit."""
    unit = unit_of_errors(replicas)
    if len(reported(replicas)) == len(replicas):
        rows = scored(replicas)
        return rows.assign(score=unit.scale * rows["score"]), final_error_label(replicas), unit
    rows, select = deciding(replicas), rule(replicas)
    score = rows[SELECT[select][0]].astype(float).where(rows["status"] == "done", np.inf)
    unit = Unit("loss", "", 1, math.inf) if select == "loss" else unit
    label = error_label(unit, "validation")
    label += epoch_of_errors(replicas)
    if not len(reported(rows)):
        label += ", tuning seeds"
    return rows.assign(score=unit.scale * score), label, unit


def _mark_lost(ax: Axes, table: pd.DataFrame, appearance: dict[str, Look], unit: Unit) -> None:
    """Mark each rate at which networks diverged: a cross for each condition, and how many of all networks."""
    for rate, rows in table.groupby("lr"):
        lost = rows[rows["diverged"] > 0]
        if len(lost):
            cross(ax, rate, [run for run in appearance if run in set(lost["run"])], appearance)
            text = f"{lost['diverged'].sum():.0f} of {(rows['n'] + rows['diverged']).sum():.0f}\nnetworks\n{unit.lost}"
            above: Style = {"xytext": (0, 5), "textcoords": "offset points", "ha": "center", "va": "bottom"}
            ax.annotate(
                text,
                (rate, 1),
                xycoords=ax.get_xaxis_transform(),
                annotation_clip=False,
                color=INK,
                fontsize=6,
                **above,
            )


def _draw_by_rate(ax: Axes, table: pd.DataFrame, appearance: dict[str, Look]) -> None:
    """Draw the mean error of each condition by learning rate, with its interval and a ring at the selected rate.

    Conditions are drawn side by side, so that their intervals do not cover each other.
    """
    step, middle = min(3, 16 / len(appearance)), (len(appearance) - 1) / 2
    for index, (run, look) in enumerate(appearance.items()):
        rows = table[table["run"] == run]
        mark: Style = {"color": look.color, "transform": ax.transData + offset(ax, (index - middle) * step, 0)}
        ax.plot(rows["lr"], rows["mean"], **look.line(gid=run, marker=look.marker or ".") | mark)
        ends = rows.dropna(subset=["low", "high"])
        if len(ends):
            ax.vlines(ends["lr"], ends["low"], ends["high"], linewidth=0.9, **mark)
        partly = rows[rows["diverged"] > 0]
        ax.plot(partly["lr"], partly["mean"], **PARTLY, **mark)
        selected = rows[rows["selected"].notna()]
        ax.plot(selected["lr"], selected["mean"], linestyle="none", **RING, **mark)


def _fit_rates(ax: Axes, table: pd.DataFrame, unit: Unit) -> None:
    """Show each learning rate with a tick, if all have room. The axis of errors is logarithmic for over a decade."""
    rates = sorted(table["lr"].unique())
    margin = (rates[-1] / rates[0]) ** 0.08  # room for the conditions side by side
    limits = rates[0] / margin, rates[-1] * margin  # a rate at which everything diverged has no mean
    texts = [f"{rate:g}" for rate in rates]
    widths = np.array([width_of(text, 7) + 0.04 for text in texts])
    inches = PLOT_WIDTH * np.diff(np.log(rates)) / math.log(limits[1] / limits[0])
    if (inches < (widths[:-1] + widths[1:]) / 2).any():
        log_axis(ax, *limits, axis="x")
    else:
        ax.xaxis.set_major_locator(FixedLocator(rates))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticklabels(texts)
        ax.set_xlim(*limits)
    mean = table["mean"].dropna()
    if len(mean) and 0 < 10 * mean.min() < mean.max():
        high = table["high"].fillna(table["mean"]).max()
        log_axis(ax, mean.min() / 1.5, min(high, 3 * mean.max()) * 1.1)
    elif math.isfinite(unit.floor):
        ax.set_ylim(bottom=unit.floor)


@figure("pairing_matrix", title="Test {measure} by activation and pairing", parts=several_pairings, metrics=True)
def pairing_matrix(tables: StudyTables) -> Figure:
    """Draw the mean test {measure} of each activation under each pairing, with its 95 % interval; darker is worse.

    The scale beside the matrix is logarithmic, if all means are positive. Black is the worst mean, and at least
    `DARKEST` standard deviations over seeds (the median of those of the conditions) from the best: chance alone makes
    no strong contrast. Hatched cells have no mean. Fewer than three seeds have no interval.
    """
    replicas = tables.replicas
    unit = unit_of_errors(replicas)
    board = in_unit(leaderboard(replicas), unit)
    finite = replicas[np.isfinite(scored(replicas)["score"])]
    board["deviation"] = board["run"].map(unit.scale * finite.groupby("run")["final_test_error"].std())
    board["label"] = board["label"].where(~board.duplicated(["label", "output"], keep=False), board["run"])
    board = band(board, False, unit.floor, unit.ceiling)
    board = board.pivot(index="label", columns="output", values=["mean", "diverged", "deviation", "low", "high"])
    order = list(dict.fromkeys(look.label.split(",")[0] for look in looks(replicas).values()))
    board = board.loc[sorted(board.index, key=lambda name: order.index(name.split(",")[0]))]
    matrix, lost = board["mean"], board["diverged"]
    rows, columns = matrix.shape
    names = row_labels(matrix.index)
    width = max(SINGLE, 1.0 + names.width + 0.85 * columns)
    star = f"* without the replicas that {unit.lost_verb}" if ((lost > 0) & matrix.notna()).any(axis=None) else ""
    title = f"{shortened(spelled(replicas['dataset'].iloc[0]), 120)}: {final_error_label(replicas)}"
    lines = [
        line
        for text in (title, seeds_note(replicas), star)
        for line in textwrap.wrap(text, round((width - names.width) / 0.06) - 12)
    ]
    result = sheet(0.85 + 0.13 * len(lines) + max(0.8, (0.13 + names.height) * rows), width)
    ax = result.subplots()
    image = _draw_cells(ax, matrix, lost, board["deviation"], unit)
    _draw_cell_intervals(ax, board, image)
    bar = result.colorbar(image, ax=ax, fraction=0.06, pad=0.02, aspect=14, ticks=MaxNLocator(4), format="%.3g")
    bar.minorticks_off()
    ax.set(xticks=range(columns), yticks=range(rows))
    ax.set_xticklabels([literal(name) for name in matrix.columns], rotation=30, ha="right", rotation_mode="anchor")
    ax.set_yticklabels(names.texts, fontsize=names.size)
    ax.grid(visible=False)
    ax.set_title(literal("\n".join(lines)), fontsize=7)
    return result


def _draw_cells(ax: Axes, matrix: pd.DataFrame, lost: pd.DataFrame, deviation: pd.DataFrame, unit: Unit) -> AxesImage:
    """Draw the errors in grey, logarithmic where they can be, with their numbers; a star marks diverged replicas."""
    can_be = (matrix > 0).any().any() and not (matrix < 0).any().any()
    shades = matrix.clip(lower=matrix[matrix > 0].min().min()) if can_be else matrix
    spread = np.nan_to_num(np.nanmedian(deviation / matrix if can_be else deviation))
    low = np.nanmin(shades)
    high = max(np.nanmax(shades), low * math.exp(DARKEST * spread) if can_be else low + DARKEST * spread)
    norm = (LogNorm if can_be else Normalize)(low, high + 1e-9 * (abs(high) or 1))
    image = ax.imshow(shades, cmap="Greys", aspect="auto", norm=norm)
    for y, label in enumerate(matrix.index):
        for x, output in enumerate(matrix.columns):
            error, diverged = matrix.loc[label, output], lost.loc[label, output]
            text = f"{error:.3g}" + ("*" if diverged else "")
            if np.isnan(error):
                text = "" if np.isnan(diverged) else unit.lost
                ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor="0.8", linewidth=0, hatch="///"))
            color = _ink_on(image, shades.loc[label, output])
            ax.text(x, y, text, ha="center", va="center", color=color, fontsize=7, **(PATCH if np.isnan(error) else {}))
    return image


def _ink_on(image: AxesImage, value: float) -> str:
    if np.isnan(value):
        return "black"
    return "white" if float(np.ravel(image.norm(np.array([value])))[0]) > 0.5 else "black"


def _draw_cell_intervals(ax: Axes, board: pd.DataFrame, image: AxesImage) -> None:
    """Write the interval of each mean below it."""
    ends = board[["low", "high"]]
    for y, label in enumerate(board.index):
        for x, output in enumerate(board["mean"]):
            low, high = ends.loc[label, ("low", output)], ends.loc[label, ("high", output)]
            if np.isfinite([low, high]).all():
                color = _ink_on(image, board.loc[label, ("mean", output)])
                text = f"{low:.3g} to {high:.3g}".replace("-", "−")
                ax.text(x, y + 0.3, text, ha="center", va="center", color=color, fontsize=5, gid="interval")
