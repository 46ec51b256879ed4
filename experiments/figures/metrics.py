"""The figure of all metrics: which condition is best by which of them, and which of them agree with the error."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from experiments.analysis.comparison import ranked
from experiments.analysis.units import ERROR, METRICS, TEST, metric_of, unit_of
from experiments.figures.curves import epoch_note, span_of
from experiments.figures.registry import Missing, figure
from experiments.figures.selection import by_dataset, with_recorded_errors
from experiments.figures.style import DARKEST, INK, MUTED, SINGLE, looks, row_labels, sheet, subject
from experiments.figures.texts import wrapped
from experiments.store.reading import StudyTables
from experiments.tables import NOMINAL_COVERAGE

LEAST = 3
"""The least number of conditions for a rank correlation: that of two can only be +1 or −1."""

ENOUGH = 5
"""With fewer conditions, the figure says that a rank correlation may be chance."""


class Matrix(NamedTuple):
    """The metrics of the conditions on one data set; the error is the first one, a recall by which they rank the last.

    Attributes
    ----------
    means
        (conditions, metrics): mean over the seeds that finished.
    distances
        (conditions, metrics): how much worse a condition is than the best one, in standard deviations over seeds: the
        median of those of the conditions. Each seed's metric is made lower for the better before the mean is taken.
    best
        (conditions, metrics): whether a condition has the best number as it is printed.
    agreement
        (metrics,): Spearman's rank correlation with the metric that ranks, over the conditions, 1 for the same order;
        NaN if one of them is equal for all.
    counts
        (metrics,): the conditions over which this correlation is taken.
    """

    means: pd.DataFrame
    distances: pd.DataFrame
    best: pd.DataFrame
    agreement: pd.Series
    counts: pd.Series


def matrix_of(done: pd.DataFrame, order: list[str], metric: str = ERROR) -> Matrix:
    """Return the matrix of replicas that finished, with the conditions in this order, and the metric that ranks."""
    task = str(done["task"].iloc[0])
    names = dict.fromkeys((ERROR, *METRICS[task], metric))
    known = [name for name in names if TEST + name in done and done[TEST + name].notna().any()]
    values = done[[TEST + name for name in known]].astype(float).set_axis(known, axis=1)
    units = {name: unit_of(task, name) for name in known}
    groups = values.apply(lambda column: units[str(column.name)].of(column)).groupby(done["run"])
    with np.errstate(invalid="ignore", divide="ignore"):  # the likelihood of a row may be 0: then the mean is inf
        means = values.groupby(done["run"]).mean().loc[order]
        worse, deviation = groups.mean().loc[order], groups.std().median()
        least = worse.min()
        distances = ((worse - least) / deviation).mask(worse <= least + 1e-12 * least.abs(), 0.0)
    # Equal numbers tie where their order is the metric's. A mean coverage is not: its seeds may differ on both sides.
    printed = {name: (means if units[name].best in (None, 1) else worse)[name].map(_number) for name in known}
    best = pd.DataFrame({name: texts.isin(texts[distances[name] == 0]) for name, texts in printed.items()})
    worse = worse.round(12)
    pairs = {name: pd.DataFrame({"one": worse[metric], "other": worse[name]}).dropna().rank() for name in known}
    agreement = {
        name: ranks["one"].corr(ranks["other"]) if (ranks.nunique() > 1).all() else math.nan
        for name, ranks in pairs.items()
    }
    return Matrix(means, distances, best, pd.Series(agreement), pd.Series({name: len(pairs[name]) for name in known}))


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


@figure(
    "metrics",
    title="Every metric of every condition, and whether it agrees with the {measure}",
    parts=by_dataset,
    metrics=True,
)
def metrics(tables: StudyTables) -> Figure:
    """Draw the mean of each metric of the test part for each condition; darker is further from the best of its column.

    The distance is counted in standard deviations over seeds: the median of those of the conditions. Frames are around
    the best means. The last row has Spearman's rank correlation ρ over the conditions of each metric with the error, or
    with the metric that ranks. The recalls of the classes are left out, unless one of them ranks.
    """
    order, metric = ranked(tables.replicas)["run"], metric_of(tables.replicas)
    replicas = with_recorded_errors(tables).replicas
    done = replicas[replicas["status"] == "done"]
    if done.empty:
        raise Missing("every replica diverged", "optimizer.lr=0.001")
    always = [column for column in (f"{TEST}balanced_error", f"{TEST}mae") if column in done]
    known = done[done[always].notna().any(axis=1)]
    if known.empty:
        raise Missing("an earlier version recorded no metrics", "force=true")
    if done["run"].nunique() < 2:
        if metric == ERROR:
            raise Missing("there is only one condition", "activation=relu,tanh")
        able = done["output"].iloc[0]  # others may give no such metric
        raise Missing(f"only one condition has the metric {metric}", f"activation=relu,tanh output={able}")
    if done.groupby("run").size().max() < 2:
        raise Missing("one seed has no standard deviation", "seeds=5")
    if known["run"].nunique() < 2 or known.groupby("run").size().max() < 2:
        raise Missing("an earlier version recorded no metrics of the other networks", "force=true")
    matrix = matrix_of(known, [run for run in order if run in set(known["run"])], metric)
    appearance, lost = looks(replicas), set(replicas.loc[replicas["status"] != "done", "run"])
    names = row_labels([appearance[run].label + "*" * (run in lost) for run in matrix.means.index])
    rows, columns = matrix.means.shape
    width = max(SINGLE, 1.3 + max(names.width, 0.8) + 0.56 * columns)
    notes = wrapped(_notes(known, len(done), matrix, lost, metric), width)
    result = sheet(1.1 + 0.12 * notes.count("\n") + max(1.1, (0.05 + names.height) * rows + 0.35), width)
    ax = result.subplots()
    image = _draw(ax, matrix, str(replicas["task"].iloc[0]), metric)
    ax.set_yticks(
        [*range(rows), rows + 0.25],
        [*names.texts, f"ρ with {'the error' if metric == ERROR else metric}"],
        fontsize=names.size,
    )
    label = "worse than the best, in\nstandard deviations over seeds"
    result.colorbar(image, ax=ax, label=label, extend="max", fraction=0.05, aspect=12)
    result.suptitle(subject(replicas, "; test part", result.get_size_inches()[0]))
    result.supxlabel(notes, fontsize=7)
    return result


def _draw(ax: Axes, matrix: Matrix, task: str, metric: str) -> AxesImage:
    """Draw the cells with their numbers, frames around the best ones, and the rank correlations below."""
    rows, columns = matrix.means.shape
    image = ax.imshow(matrix.distances.clip(upper=DARKEST), cmap="Greys", aspect="auto", vmin=0, vmax=DARKEST)
    for y, x in np.ndindex(rows, columns):
        value, distance = matrix.means.iat[y, x], matrix.distances.iat[y, x]
        if np.isnan(value):
            ax.text(x, y, "–", ha="center", va="center", color=MUTED, fontsize=7)
            continue
        value *= unit_of(task).scale if matrix.means.columns[x] == ERROR else 1
        color = "white" if distance > 0.6 * DARKEST else "black"
        ax.text(x, y, _number(value), ha="center", va="center", color=color, fontsize=7)
        if matrix.best.iat[y, x]:
            ax.add_patch(Rectangle((x - 0.46, y - 0.44), 0.92, 0.88, fill=False, edgecolor=INK, linewidth=1.2))
    for x, (name, correlation) in enumerate(matrix.agreement.items()):
        if name != metric and matrix.counts[name] >= LEAST:
            text = "–" if np.isnan(correlation) else f"{correlation + 0:+.2f}".replace("-", "−")
            ax.text(x, rows + 0.25, text, ha="center", va="center", fontsize=7)
    heads = [_head(name, task) for name in matrix.means]
    ax.set_xticks(range(columns), heads, rotation=30, ha="left", rotation_mode="anchor")
    ax.tick_params("x", top=True, labeltop=True, bottom=False, labelbottom=False)
    ax.set_ylim(rows + 0.75, -0.5)
    ax.grid(visible=False)
    return image


def _head(metric: str, task: str) -> str:
    """Return the head of a metric's column, which says which values are better."""
    unit = unit_of(task, metric)
    if metric == ERROR:
        return f"{unit.name} (%) ↓" if unit.label == "%" else f"{unit.name} ↓"
    return f"{metric} {'↓' if unit.best is None else '↑' if unit.best == 1 else f'→ {unit.best:g}'}"


def _notes(known: pd.DataFrame, finished: int, matrix: Matrix, lost: set[str], metric: str) -> list[str]:
    """Return the lines below the matrix of the replicas whose metrics are known; `finished` is the number of all."""
    seeds = known.groupby("run").size()
    lines = [f"means over {span_of(seeds)} seeds; framed: the best mean of a column"]
    if metric != ERROR:
        lines.append(f"ranked by {metric}; conditions without it are left out")
    if "coverage" in matrix.means:
        lines.append(f"coverage: the distance from {NOMINAL_COVERAGE:g} is taken of each seed, then their mean")
    lines.append("ρ: Spearman's rank correlation over the conditions; +1: the same order")
    for count, metrics in matrix.counts.groupby(matrix.counts):
        which = "" if matrix.counts.nunique() == 1 else f" of {', '.join(metrics.index)}"
        conditions = (
            f"{count} conditions" if count == len(matrix.means) else f"{count} of {len(matrix.means)} conditions"
        )
        if count < LEAST:
            lines.append(f"no ρ{which}: it needs {LEAST} conditions")
        elif count < ENOUGH:
            share = 100 * 2 / math.factorial(count)
            lines.append(f"ρ{which} rests on only {conditions}: chance makes it +1 or −1 in {share:.0f} % of cases")
        elif count < len(matrix.means):
            lines.append(f"ρ{which} rests on {conditions}")
    if matrix.means.isna().any(axis=None):
        lines.append("–: the output has no such metric")
    if len(known) < finished:
        lines.append("without the networks of which an earlier version recorded no metrics")
    if lost:
        lines.append("* without the replicas that diverged")
    return [*lines, *epoch_note(known)]
