"""Figures of the gradients that backpropagation sends through the layers, where they may vanish or explode."""

import math
import textwrap
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from experiments.figures.curves import averaged_rows, carried_on, condition_legend, draw, exploded, last_epoch, means
from experiments.figures.parts import comparable
from experiments.figures.registry import figure
from experiments.figures.style import looks, sheet, subject
from experiments.figures.texts import literal
from experiments.store.reading import StudyTables


@figure(
    "gradient_norms",
    title="Gradient norms by epoch and by layer",
    needs=("history.gradient_norm", "layers.delta_norm", "layers.weight_gradient_norm"),
    parts=comparable,
    every_epoch=True,
)
def gradient_norms(tables: StudyTables) -> Figure:
    """Draw the gradient's norm by epoch, and by layer δ and the norm of ∂L/∂W, before training and at its end."""
    replicas, layers = tables.replicas, tables.layers
    appearance = looks(replicas)
    result = sheet(3.7)
    result.suptitle(subject(replicas))
    panels = result.subplot_mosaic([["a", "b", "c"], ["a", "d", "e"]], width_ratios=[1.3, 1, 1])
    draw(panels["a"], means(tables.history, replicas, "gradient_norm"), replicas, appearance, log=True)
    panels["a"].set(title="(a) all parameters, by epoch", ylabel="gradient norm ‖∂L/∂θ‖₂", xlabel="epoch")
    moments = {"before training": layers[layers["epoch"] == 0], "at the end": last_epoch(layers)}
    quantities = {"delta_norm": "δ = rms ∂ℓ/∂z", "weight_gradient_norm": "‖∂L/∂W‖₂"}
    for letter, (column, moment) in zip("bcde", product(quantities, moments), strict=True):
        table = means(moments[moment], replicas, column, x="layer")
        draw(panels[letter], table, replicas, appearance, x="layer", log=True)
        panels[letter].set(title=f"({letter}) by layer, {moment}", ylabel=quantities[column])
    for letter in "de":
        panels[letter].set_xlabel("layer (last: output)")
    condition_legend(result, replicas, appearance)
    return result


@figure(
    "gradient_flow",
    title="Gradients by layer and epoch",
    needs=("layers.delta_norm", "layers.weight_gradient_norm"),
    parts=comparable,
    every_epoch=True,
)
def gradient_flow(tables: StudyTables) -> Figure:
    """Draw ‖∂L/∂W‖ and δ = rms ∂ℓ/∂z over layer and epoch: a column for each condition, the mean over seeds.

    A replica that stopped early keeps its last values. A pointed end of the colours stands for all larger values.
    """
    replicas = tables.replicas
    appearance = looks(replicas)
    blocks = math.ceil(len(appearance) / 7)
    across = math.ceil(len(appearance) / blocks)
    size = 7 if across < 5 else 6
    titles = [_fill(look.label, round(720 / across / size)) for look in appearance.values()]
    result = sheet(0.6 + blocks * (1.75 + 0.12 * max(title.count("\n") for title in titles)))
    panels = result.subplots(2 * blocks, across, squeeze=False)  # shared axes take time that grows with their square
    for ax, title in zip(panels[::2].ravel(), titles, strict=False):
        ax.set_title(title, fontsize=size)
    rows = carried_on(averaged_rows(tables.layers, replicas), replicas).groupby(["run", "layer", "epoch"])
    for row, (column, label) in enumerate({"weight_gradient_norm": "‖∂L/∂W‖₂", "delta_norm": "δ = rms ∂ℓ/∂z"}.items()):
        means_by_epoch = rows[column].mean()
        beyond = _exploded(means_by_epoch, replicas)
        maps = _maps(means_by_epoch, list(appearance))
        norm = _color_scale(_maps(means_by_epoch[~beyond], list(appearance)))
        _draw_maps(panels[row::2], maps, list(appearance), norm)
        for neighbours in panels[row::2]:
            _draw_scale(result, neighbours, norm, label, "max" if beyond.any() else "neither")
    _set_epochs(panels, maps, len(appearance))
    result.suptitle(subject(replicas, " (last layer: output)"))
    return result


def _fill(label: str, width: int) -> str:
    """Return a label in lines of this width, one for each setting; a longer one is broken after an underscore."""
    lines = []
    for setting in label.split(", "):
        words = setting.replace("_", "_ ") if len(setting) > width else setting
        lines.append("\n".join(line.replace("_ ", "_") for line in textwrap.wrap(words, width)))
    return literal(",\n".join(lines))


def _maps(means: pd.Series, runs: list[str]) -> dict[str, pd.DataFrame]:
    """Return by run the means, layer × epoch."""
    return {run: means[run].unstack("epoch") for run in runs if run in means.index}


def _color_scale(maps: dict[str, pd.DataFrame]) -> LogNorm:
    """Return the logarithmic scale of colours of these maps. It spans six decades at most."""
    values = np.concatenate([table.to_numpy().ravel() for table in maps.values()])
    values = values[np.isfinite(values) & (values > 0)]
    high = values.max(initial=1e-300)
    low = values.min(initial=high)
    return LogNorm(max(low, high * 1e-6), high if high > low else 2 * high)


def _exploded(means_by_epoch: pd.Series, replicas: pd.DataFrame) -> pd.Series:
    """Return `exploded` of means by run, layer and epoch; the brightest colour stands for them."""
    return exploded(means_by_epoch.rename("mean").reset_index(), replicas).set_axis(means_by_epoch.index)


def _draw_scale(figure: Figure, neighbours: np.ndarray, norm: LogNorm, label: str, extend: str) -> None:
    """Draw the colours of a row of maps beside it. The fewer decades they span, the more ticks a decade has.

    `extend` is "max" if the maps have larger values.
    """
    assert norm.vmin is not None
    assert norm.vmax is not None
    span = norm.vmax / norm.vmin
    subs = (1, 2, 3, 5) if span < 10 else (1, 2, 5) if span < 100 else (1,)
    ticks = MaxNLocator(3) if span < 4 else LogLocator(subs=subs)
    plain = FuncFormatter(lambda value, _: f"{value:g}") if span < 1e3 else None
    scale = ScalarMappable(norm, "viridis")
    place: dict[str, Any] = {"ax": list(neighbours), "fraction": 0.03, "pad": 0.02, "aspect": 12, "extend": extend}
    bar = figure.colorbar(scale, label=label, ticks=ticks, format=plain, **place)
    bar.minorticks_off()


def _draw_maps(panels: np.ndarray, maps: dict[str, pd.DataFrame], runs: list[str], norm: LogNorm) -> None:
    """Draw the map of each run into its panel; the first panel of each row counts the layers."""
    same_depth = len({len(table) for table in maps.values()}) == 1
    for index, (run, ax) in enumerate(zip(runs, panels.ravel(), strict=False)):
        if run in maps:
            _draw_map(ax, maps[run], norm)
        if index % panels.shape[1] == 0:
            ax.set_ylabel("layer")
        elif same_depth:
            ax.set_yticklabels([])


def _draw_map(ax: Axes, table: pd.DataFrame, norm: LogNorm) -> None:
    """Draw layer × epoch, a pixel for each. Zero has the darkest colour."""
    extent = (table.columns[0] - 0.5, table.columns[-1] + 0.5, table.index[0] - 0.5, table.index[-1] + 0.5)
    values = table.where(table > 0, norm.vmin)
    ax.imshow(values, norm=norm, cmap="viridis", aspect="auto", origin="lower", extent=extent, interpolation="nearest")
    ax.grid(visible=False)
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    ax.xaxis.set_major_locator(MaxNLocator(3, integer=True, min_n_ticks=1))


def _set_epochs(panels: np.ndarray, maps: dict[str, pd.DataFrame], count: int) -> None:
    """Show the epochs of all maps below the lowest of `count` panels; hide the panels without a condition."""
    across = panels.shape[1]
    epochs = [epoch for table in maps.values() for epoch in table.columns]
    for ax in panels.flat:
        ax.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
    for ax in panels[:-1].flat:
        ax.tick_params("x", labelbottom=False)
    for index, ax in enumerate(panels[1::2].ravel()):
        if index + across >= count:
            ax.tick_params(labelbottom=True)
            ax.set_xlabel("epoch")
    for ax in panels[-2:, (count - 1) % across + 1 :].ravel():
        ax.set_visible(False)
