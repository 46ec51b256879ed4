"""The figure of mean ranks over several data sets."""

import shlex
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.analysis.comparison import treatments, treatments_over_datasets
from experiments.analysis.over_datasets import OverDatasets
from experiments.analysis.units import ERROR, metric_of, unit_of
from experiments.figures.registry import Missing, dataset_names, dataset_overrides, figure
from experiments.figures.style import INK, Style, identity, sheet
from experiments.figures.texts import distinct, literal, width_of
from experiments.store.reading import StudyTables

ENOUGH = 5
"""Of so many data sets no further ones are suggested."""
FURTHER = {
    "classification": ("breast_cancer", "digits", "iris", "mnist5k", "wine"),
    "regression": ("autompg", "diabetes", "engel", "friedman1", "linnerud"),
}
"""By task, data sets that come with the program."""

ABOVE = 0.75
"""Inches above the axis of ranks."""


@figure("critical_difference", title="Mean ranks over data sets and Nemenyi's critical difference", metrics=True)
def critical_difference(tables: StudyTables) -> Figure:
    """Draw each treatment's mean rank over the data sets; bars join those that Nemenyi's test cannot tell apart."""
    over = treatments_over_datasets(tables.replicas)
    if np.isnan(over.p):
        raise Missing(over.sentence.removesuffix("."), more_over_datasets(tables, over))
    metric = metric_of(tables.replicas)
    by = "" if metric == ERROR else f" by {unit_of(tables.replicas['task'].iloc[0], metric).name}"
    return draw_ranks(over, treatment_colors(tables.replicas), by)


def draw_ranks(over: OverDatasets, colors: Mapping[str, str], by: str = "") -> Figure:
    """Draw the mean ranks of treatments, the better half to the left, and bars over those not told apart.

    Parameters
    ----------
    over
        With a critical difference.
    colors
        By treatment.
    by
        What the ranks are by, if not the error: " by …".
    """
    ranks = over.ranks
    half = (len(ranks) + 1) // 2
    bars = groups_within(ranks.to_numpy(), over.critical_difference)
    names = distinct(list(ranks.index), 60)
    left = [f"{name}  {rank:.2f}" for name, rank in zip(names, ranks[:half], strict=False)]
    right = [f"{rank:.2f}  {name}" for name, rank in zip(names[half:], ranks[half:], strict=True)]
    # One unit of y is an inch, so that lines of text have the same distance for any number of treatments.
    top = 0.28 + 0.13 * len(bars)
    result, ax = _rank_axis(left, right, top + 0.2 * half)
    ax.set_xlabel(f"mean rank{by} over {over.datasets} data sets (1 is best)")
    _draw_ranks(ax, ranks, [*left, *right], top, colors)
    for index, (low, high) in enumerate(bars):
        y = 0.17 + 0.13 * index
        ax.plot([low - 0.04, high + 0.04], [y, y], color=INK, linewidth=2.4, solid_capstyle="butt")
    end = 1 + over.critical_difference
    ax.plot([1, end], [-0.5, -0.5], color=INK, linewidth=0.9, marker="|", markersize=5, clip_on=False)
    ax.text((1 + end) / 2, -0.53, f"critical difference {over.critical_difference:.2f}", ha="center", va="bottom")
    return result


def more_over_datasets(tables: StudyTables, over: OverDatasets) -> str:
    """Return the overrides that add treatments on the study's data sets, and data sets of its task if these are few."""
    words = ["activation=relu,elu,tanh"]
    if over.datasets < ENOUGH:
        task = str(tables.replicas["task"].iloc[0])
        words += dataset_overrides([*dataset_names(tables), *FURTHER[task]])
    return shlex.join(words)


def _rank_axis(left: Sequence[str], right: Sequence[str], height: float) -> tuple[Figure, Axes]:
    """Return a figure with an axis of ranks along its top, and room for texts beside it, `height` inches deep."""
    size = matplotlib.rcParams["font.size"]
    margins = [max(width_of(text, size) + 0.12 for text in texts) for texts in (left, right)]
    count = len(left) + len(right)
    middle = max(1.6, min(3.6, 0.4 * count))
    width = margins[0] + middle + margins[1]
    result = sheet(height + ABOVE, width)
    result.set_layout_engine("none")
    ax = result.add_axes((margins[0] / width, 0, middle / width, 1))
    ax.set(xlim=(0.6, count + 0.4), ylim=(height, -ABOVE), yticks=[], xticks=range(1, count + 1, 1 + count // 16))
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.spines["top"].set_visible(True)
    ax.spines["top"].set_position(("data", 0))
    ax.spines["top"].set_bounds(1, count)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.grid(visible=False)
    return result, ax


def _draw_ranks(ax: Axes, ranks: pd.Series, texts: Sequence[str], top: float, colors: Mapping[str, str]) -> None:
    """Draw a line from each mean rank to its text: the better half to the left, the others to the right."""
    count = len(ranks)
    half = (count + 1) // 2
    for index, ((name, rank), text) in enumerate(zip(ranks.items(), texts, strict=True)):
        better = index < half
        y = top + 0.2 * (index if better else count - 1 - index)
        edge = 0.6 if better else count + 0.4
        ax.plot([rank, rank, edge], [0, y, y], color=colors[name], linewidth=0.9, clip_on=False)
        ax.plot(rank, 0, "o", color=colors[name], markersize=3, clip_on=False)
        side: Style = {"xytext": (-3, 0), "ha": "right"} if better else {"xytext": (3, 0), "ha": "left"}
        ax.annotate(literal(text), (edge, y), textcoords="offset points", va="center", annotation_clip=False, **side)


def treatment_colors(replicas: pd.DataFrame) -> dict[str, str]:
    """Return the colour of each treatment by its name."""
    activation = replicas.drop_duplicates("run").set_index("run")["activation"]
    return {name: identity(activation[run])[0] for run, name in treatments(replicas).items()}


def groups_within(ranks: np.ndarray, critical: float) -> list[tuple[float, float]]:
    """Return the ends of the largest groups of sorted mean ranks that lie within the critical difference."""
    spans: list[tuple[int, int]] = []
    for start, low in enumerate(ranks):
        high = ranks[(ranks >= low) & (ranks - low < critical)].max()
        last = int(np.flatnonzero(ranks == high)[-1])
        if last > start and not any(first <= start and last <= end for first, end in spans):
            spans.append((start, last))
    return [(ranks[first], ranks[last]) for first, last in spans]
