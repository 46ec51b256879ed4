"""The figure of differences from one reference: data set by treatment."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from experiments.analysis.comparison import treatments_over_datasets
from experiments.analysis.field import LEAST, Compared, comparable
from experiments.analysis.over_datasets import differences
from experiments.analysis.statistics import ALPHA
from experiments.analysis.units import metric_of, unit_of
from experiments.figures.ranks import more_over_datasets
from experiments.figures.registry import Missing, figure
from experiments.figures.style import INK, Style, legend, row_labels, sheet
from experiments.figures.texts import distinct, fitted, literal, width_of
from experiments.store.reading import StudyTables

COLORS = "RdBu_r"
"""Blue is better, and red is worse. Readers with any colour blindness tell them apart."""

STRONGEST = 0.9
"""The share of differences that are paler than the strongest colour; a few large ones would make the rest white."""

WIDTH, HEIGHT = 0.29, 0.165
"""Inches of a cell."""

MARKS: dict[str, Style] = {
    "for new data of this kind (corrected test)": {"marker": "o", "markerfacecolor": INK},
    "on these splits only (paired test)": {"marker": "o", "markerfacecolor": "none"},
}


@figure("dataset_heatmap", title="Difference in test {measure} from the reference on each data set", metrics=True)
def dataset_heatmap(tables: StudyTables) -> Figure:
    """Draw each treatment’s difference in mean test {measure} from the reference on each data set; blue is better.

    Treatments stand in the order of their mean ranks. A dot marks a difference that the test finds, with Holm for all
    comparisons on the data set. A cross marks diverged replicas. Where more replicas of one diverged, their number
    stands instead of a difference.
    """
    replicas = tables.replicas
    over = treatments_over_datasets(replicas)
    if over.datasets < LEAST or len(over.ranks) < 2:
        reason = "differences over data sets need three data sets and two treatments that all of them have"
        raise Missing(reason, more_over_datasets(tables, over))
    compared = comparable(replicas, over)
    if compared is None:
        raise Missing("errors of classifications and of regressions have no common unit")
    measure = f"test {unit_of(replicas['task'].iloc[0], metric_of(replicas)).word}"
    return _draw(compared, [str(name) for name in over.ranks.index], measure)


def _draw(compared: Compared, names: list[str], measure: str) -> Figure:
    """Draw the differences of the named treatments from the reference."""
    reference, scale = compared.reference, compared.scale
    names = [name for name in names if name != reference]
    pairs = differences(compared.table, reference)
    cells = pairs.set_index(["dataset", "treatment"])
    datasets = sorted(pairs["dataset"].unique())
    rows, columns = row_labels(datasets, 6.5, 40), distinct(names, 28)
    head = 0.9 * max(width_of(name, 6.5) for name in columns) + 0.15
    width = max(4.2, rows.width + 0.5 + WIDTH * len(names) + 0.6)
    drawn = sheet(0.3 + head + max(HEIGHT, rows.height) * len(datasets), width)
    ax = drawn.subplots()
    shades = scale.factor * cells["difference"].unstack("treatment").reindex(index=datasets, columns=names)
    sizes = np.abs(shades.to_numpy()[np.isfinite(shades.to_numpy())])
    top = max(float(np.quantile(sizes, STRONGEST)) if len(sizes) else 0, 1e-12)
    image = ax.imshow(shades.clip(-top, top), cmap=COLORS, norm=Normalize(-top, top), aspect="auto")
    digits = 0 if top >= 20 else 1
    for y, dataset in enumerate(datasets):
        for x, name in enumerate(names):
            if (dataset, name) in cells.index:
                _draw_cell(ax, x, y, cells.loc[(dataset, name)], shades.iloc[y, x], top, digits)
    ax.set(xticks=range(len(names)), yticks=range(len(datasets)))
    ax.xaxis.tick_top()
    ax.set_xticklabels(list(map(literal, columns)), rotation=60, ha="left", rotation_mode="anchor", fontsize=6.5)
    ax.set_yticklabels(rows.texts, fontsize=rows.size)
    ax.tick_params(length=0)
    ax.grid(visible=False)
    for side in ax.spines.values():
        side.set_visible(False)
    bar = drawn.colorbar(image, ax=ax, fraction=0.02, pad=0.01, aspect=40, extend="both")
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=6)
    mark: Style = {"linestyle": "none", "color": INK, "markeredgewidth": 0.5, "markersize": 3}
    entries = [(words, mark | changes) for words, changes in MARKS.items()]
    if (pairs[["diverged", "reference_diverged"]] > 0).any(axis=None):
        entries.append(("a replica of one or both diverged", mark | {"marker": "x"}))
    if np.isinf(pairs["difference"]).any():
        entries.append((f"+1 lost: one replica more diverged than of {reference}", {"alpha": 0}))
    title = f"{measure} of each treatment − that of {reference}, in {scale.label}"
    drawn.suptitle(fitted(title, width - 0.2, matplotlib.rcParams["figure.titlesize"]))
    legend(drawn, entries, f"differs from {reference}, with Holm for all comparisons on the data set, at 5 %:")
    return drawn


def _draw_cell(ax: Axes, x: int, y: int, cell: pd.Series, value: float, top: float, digits: int) -> None:
    """Draw a cell's number, its mark, and a cross where replicas diverged."""
    color = "white" if abs(value) > 0.65 * top else INK
    lost = cell["diverged"] + cell["reference_diverged"]
    if np.isfinite(value):
        text = f"{value:+z.{digits}f}".replace("-", "−")
        ax.text(
            x, y, "0" if not float(f"{value:.{digits}f}") else text, ha="center", va="center", color=color, fontsize=4.8
        )
    else:
        more = cell["diverged"] - cell["reference_diverged"]
        text = f"{more:+.0f} lost".replace("-", "−")
        ax.text(x, y, text, ha="center", va="center", color=color, fontsize=4.8)
    if lost:
        ax.plot(x - 0.36, y - 0.3, marker="x", markersize=2.2, markeredgewidth=0.6, color=color)
    general = cell["p_corrected_holm"] < ALPHA and cell["n"] > 2
    if cell["p_holm"] < ALPHA:
        fill = color if general else "none"
        mark: Style = {"marker": "o", "markersize": 1.8, "markeredgewidth": 0.4}
        ax.plot(x + 0.38, y - 0.3, markerfacecolor=fill, markeredgecolor=color, **mark)
