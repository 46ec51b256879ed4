"""Figures of the decisions of trained networks: regions of the plane, and mistakes between classes."""

import math
import textwrap
from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from experiments.analysis.units import UNITS
from experiments.data.sets import load
from experiments.data.table import Data
from experiments.figures.parts import comparable
from experiments.figures.registry import Missing, figure
from experiments.figures.selection import by_dataset
from experiments.figures.style import CLASSES, DOUBLE, INK, SINGLE, Look, Style, legend, looks, sheet, subject
from experiments.figures.texts import distinct, legend_of_names, literal, width_of
from experiments.store.reading import StudyTables
from experiments.training.evaluation import grid

LABELLED = 10
"""The largest number of classes whose names and shares of correct rows fit into a matrix."""


def panels_for(titles: list[str], size: float, room: float = 0) -> tuple[Figure, np.ndarray]:
    """Return a figure with square panels of about `size` inches for these titles, and `room` beside and below them all.

    A row holds as many as fit across a page.
    """
    count = len(titles)
    most = int((DOUBLE - 0.9) / size)
    down = math.ceil(count / most)
    across = math.ceil(count / down)
    breaks = max(title.count("\n") for title in titles)
    tall = 0.14 * breaks if breaks > 2 else 0
    result = sheet(down * (size + 0.25 + tall) + 0.5 + room, max(SINGLE, across * size + 0.9) + room)
    panels = result.subplots(down, across, squeeze=False)  # shared axes take time that grows with their square
    for ax in panels.flat[: count - across]:  # the others are the lowest of their columns
        ax.tick_params("x", labelbottom=False)
    for ax in panels[:, 1:].flat:
        ax.tick_params("y", labelleft=False)
    for ax in panels.flat[count:]:
        ax.set_visible(False)
    return result, panels.ravel()[:count]


def class_colors(count: int) -> np.ndarray:
    """Return the colours of classes as red, green and blue, (classes, 3)."""
    return np.array([to_rgb(CLASSES[index % len(CLASSES)]) for index in range(count)])


@figure("decision_boundary", title="Decisions in the plane of two features", parts=by_dataset)
def decision_boundary(tables: StudyTables) -> Figure:
    """Draw the class that most seeds decide on, paler where fewer agree, and points of the data set."""
    replicas = tables.replicas
    if (replicas["task"] == "regression").all():
        raise Missing("a regression has no classes")
    if not tables.boundary or tables.sources is None:
        reason = "the data do not have two features"
        raise Missing(reason, "dataset=moons,circles activation=relu,tanh,linear 'optimizer.lr=[0.1,0.3,1]'")
    boundary = {run: arrays for run, arrays in tables.boundary.items() if len(arrays["seed"])}
    if not boundary:
        raise Missing("every replica diverged", "optimizer.lr=0.001")
    try:
        data = load(**tables.sources[min(boundary)])
    except ValueError as error:
        raise Missing(f"the data cannot be loaded any more: {error}") from None
    x, y = grid(data.inputs)
    ends = (x[0], x[-1], y[0], y[-1])
    appearance = {run: look for run, look in looks(replicas).items() if run in boundary}
    titles = panel_titles(appearance.values(), 1.6)
    result, panels = panels_for(titles, 1.6)
    chosen = {run: rows[["lr", "seed"]] for run, rows in replicas.groupby("run")}
    unit, columns = UNITS["classification"], distinct(data.features, 24, "column #")
    for ax, run, title in zip(panels, appearance, titles, strict=True):
        keys = pd.MultiIndex.from_arrays([boundary[run]["lr"], boundary[run]["seed"]])
        shown = keys.isin(pd.MultiIndex.from_frame(chosen[run]))
        _draw_regions(ax, boundary[run]["decision"][shown], len(data.classes), ends)
        _draw_points(ax, data)
        done = replicas[(replicas["run"] == run) & (replicas["status"] == "done")]
        mean = unit.scale * done["final_test_error"].mean()
        ax.set_title(f"{title}\n{mean:.1f} {unit.label} test {unit.name}")
        ax.grid(visible=False)
        ax.set(xlim=ends[:2], ylim=ends[2:])
    for ax in panels[-panels[0].get_gridspec().ncols :]:
        ax.set_xlabel(literal(columns[0]))
    panels[0].set_ylabel(literal(columns[1]))
    _class_legend(result, data, replicas, columns)
    return result


def _draw_regions(ax: Axes, decisions: np.ndarray, classes: int, ends: tuple[float, float, float, float]) -> None:
    """Colour the plane by the class that most seeds decide on; `decisions` are (seeds, y, x)."""
    if not len(decisions):
        ax.text(0.5, 0.5, "every replica diverged", transform=ax.transAxes, ha="center", va="center")
        return
    votes = np.stack([(decisions == index).mean(axis=0) for index in range(classes)])
    winner, share = votes.argmax(axis=0), votes.max(axis=0)[..., None]
    strength = 0.15 + 0.35 * (share * classes - 1) / (classes - 1)
    colors = 1 - strength * (1 - class_colors(classes)[winner])
    ax.imshow(colors, origin="lower", extent=ends, aspect="auto", interpolation="nearest")


def _draw_points(ax: Axes, data: Data) -> None:
    """Draw up to 300 rows of a data set without missing values, the same in every panel."""
    order = np.random.default_rng(0).permutation(len(data.inputs))
    shown = order[~np.isnan(data.inputs[order]).any(axis=1)][:300]
    colors = class_colors(len(data.classes))[data.targets[shown]]
    ax.scatter(data.inputs[shown, 0], data.inputs[shown, 1], c=colors, s=4, linewidths=0.2, edgecolors="white")


def panel_titles(appearance: Iterable[Look], size: float) -> list[str]:
    """Return the labels of conditions in lines that fit above panels of `size` inches."""
    fits, fills = round(size / 0.055), round(size / 0.085)
    titles = []
    for look in appearance:
        first, *others = (textwrap.fill(text, fits if len(text) <= fits else fills) for text in look.label.split(", "))
        lines = [first]
        for text in others:
            if len(f"{lines[-1]}, {text},") <= fits:
                lines[-1] += f", {text}"
            else:
                lines.append(text)
        titles.append(literal(",\n".join(lines)))
    return titles


def _class_legend(figure: Figure, data: Data, replicas: pd.DataFrame, columns: list[str]) -> None:
    """Put a legend of the classes below a figure, and what its labels and those of the columns stand for."""
    point: Style = {"marker": "o", "linestyle": "none"}
    colors = class_colors(len(data.classes))
    names = distinct(data.classes, 50, "#")
    entries = [(f"class {name}", {"color": color, **point}) for name, color in zip(names, colors, strict=True)]
    seeds = replicas.groupby("run")["seed"].nunique().max()
    name = replicas["dataset"].iloc[0]
    lines, captions = zip(legend_of_names(data.features, columns), legend_of_names(data.classes, names), strict=True)
    title = f"{name}: decision of most of {seeds} seeds, paler where fewer agree"
    legend(figure, entries, "\n".join(filter(None, [title, *lines])))
    figure.set_label(" ".join(dict.fromkeys(filter(None, captions))))


@figure("confusion", title="Which classes are mistaken for which", parts=comparable)
def confusion(tables: StudyTables) -> Figure:
    """Draw the share of each true class's test rows that is mistaken for each other class, over finished replicas."""
    if (tables.replicas["task"] == "regression").all():
        raise Missing("a regression has no classes")
    if tables.confusion is None or tables.confusion.empty:
        raise Missing("no replica finished", "optimizer.lr=0.001")
    shares = confusion_shares(tables.confusion)
    appearance = {run: look for run, look in looks(tables.replicas).items() if run in shares}
    worst = max(share.where(~np.eye(len(share), dtype=bool)).max().max() for share in shares.values())
    classes = next(iter(shares.values())).index.astype(str).tolist()
    names = distinct(classes, 16, "#")
    longest = max(width_of(name, 6) for name in names) if len(names) <= LABELLED else 0
    room = longest if longest > 0.3 else 0
    titles = panel_titles(appearance.values(), 1.2)
    result, panels = panels_for(titles, 1.2, room)
    for ax, run, title in zip(panels, appearance, titles, strict=True):
        image = _draw_shares(ax, shares[run].set_axis(names), worst or 1)
        ax.set_title(title)
    line, caption = legend_of_names(classes, names) if len(names) <= LABELLED else ("", "")
    result.set_label(caption)
    result.supxlabel("\n".join(filter(None, ["predicted class", line])), fontsize=7.5)
    result.supylabel("true class", fontsize=7.5)
    label = "mistaken (%)" if room else "mistaken (% of the true class)"
    result.colorbar(image, ax=panels.tolist(), label=label, fraction=0.04, pad=0.02, aspect=15)
    width = result.get_size_inches()[0]
    result.suptitle(subject(tables.replicas, "; on the diagonal: correct (%)", width))
    return result


def confusion_shares(counts: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return by run the share of each true class (row) for which each class (column) was predicted, in per cent."""
    shares = {}
    sums = counts.groupby(["run", "true", "predicted"], sort=False)["count"].sum()
    for run in sums.index.unique("run"):
        matrix = sums[run].unstack("predicted", sort=False)
        matrix = matrix.loc[matrix.index, matrix.index]
        shares[run] = 100 * matrix.div(matrix.sum(axis=1).clip(lower=1), axis=0)
    return shares


def _draw_shares(ax: Axes, share: pd.DataFrame, worst: float) -> AxesImage:
    """Draw one matrix of shares: mistakes in grey up to `worst`, numbers where they fit. Return its image."""
    few = len(share) <= 4
    values = share.to_numpy().copy()
    np.fill_diagonal(values, np.nan)
    image = ax.imshow(values, cmap=ListedColormap(np.linspace([1, 1, 1], to_rgb("0.1"), 256)), vmin=0, vmax=worst)
    if len(share) <= LABELLED:
        for index, value in enumerate(np.diag(share)):
            ax.text(
                index, index, f"{value:.{int(few)}f}", ha="center", va="center", fontsize=7 if few else 4.5, color=INK
            )
    if few:
        for y, x in zip(*np.nonzero(~np.eye(len(share), dtype=bool)), strict=True):
            color = "white" if values[y, x] > worst / 2 else INK
            ax.text(x, y, f"{values[y, x]:.1f}", ha="center", va="center", fontsize=7, color=color)
    ax.grid(visible=False)
    _label_classes(ax, [literal(name) for name in share.index])
    return image


def _label_classes(ax: Axes, names: list[str]) -> None:
    """Write the names of at most `LABELLED` classes at both axes."""
    longest = max(map(len, names))
    if len(names) <= LABELLED:
        size = 6 if longest < 12 else 5
        ax.set_xticks(range(len(names)), names, rotation=0 if longest < 3 else 90, fontsize=size)
        ax.set_yticks(range(len(names)), names, fontsize=size)
