"""Figures of the hidden layers: the units that are saturated or dead, and the spread of their activations."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.curves import condition_legend, draw, last_epoch, means
from experiments.figures.parts import comparable
from experiments.figures.registry import figure
from experiments.figures.style import looks, sheet, subject
from experiments.store.reading import StudyTables
from experiments.tables import KEY


def hidden(layers: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of hidden layers: the rows with activations."""
    return layers[layers["activation_mean"].notna()]


@figure(
    "saturation",
    title="Saturated units, dead units and zero activations",
    needs=("layers.saturated_fraction",),
    parts=comparable,
    every_epoch=True,
)
def saturation(tables: StudyTables) -> Figure:
    """Draw the shares of saturated pre-activations, dead units and exact zeros, by epoch and by hidden layer."""
    replicas = tables.replicas
    layers = hidden(tables.layers)
    quantities = {
        "saturated_fraction": "|f′(z)| < 0.005 (%)",
        "dead_fraction": "dead units (%)",
        "zero_fraction": "h = 0 (%)",
    }
    by_epoch = layers.groupby([*KEY, "epoch"])[list(quantities)].mean().reset_index()
    by_layer = last_epoch(layers)
    appearance = looks(replicas)
    result = sheet(4.6)
    result.suptitle(subject(replicas))
    panels = result.subplots(3, 2, width_ratios=[1.4, 1], sharey="row")
    for row, (column, label) in zip(panels, quantities.items(), strict=True):
        most = 0
        for ax, rows, x in zip(row, (by_epoch, by_layer), ("epoch", "layer"), strict=True):
            draw(ax, means(rows, replicas, column, x, 100), replicas, appearance, x, log=False, ceiling=100)
            most = max(most, ax.get_ylim()[1])
            _widen_covered(ax)
        # Limits leave room for the lines that lie on 0 %.
        row[0].set(ylabel=label, ylim=(-0.03 * max(most, 5), min(103, max(most, 5))))
    panels[0, 0].set_title("mean over hidden layers, by epoch")
    panels[0, 1].set_title("by hidden layer, at the end")
    panels[-1, 0].set_xlabel("epoch")
    panels[-1, 1].set_xlabel("hidden layer")
    condition_legend(result, replicas, appearance)
    return result


def _widen_covered(ax: Axes) -> None:
    """Widen each line that later ones cover for more than half of its length, so that it shows at their sides."""
    bottom, top = ax.get_ylim()
    lines = {line: dict(np.asarray(line.get_xydata()).tolist()) for line in ax.lines if line.get_gid()}
    for index, (line, points) in enumerate(lines.items()):
        later = list(lines.values())[index + 1 :]
        near = [[abs(other.get(x, math.inf) - y) < (top - bottom) / 100 for x, y in points.items()] for other in later]
        covers = sum(sum(close) > len(close) / 2 for close in near)
        line.set_linewidth(line.get_linewidth() + 1.5 * min(2, covers))


@figure(
    "activation_statistics",
    title="Mean and spread of activations by layer",
    needs=("layers.activation_mean",),
    parts=comparable,
    every_epoch=True,
)
def activation_statistics(tables: StudyTables) -> Figure:
    """Draw mean and standard deviation of the activations h by hidden layer, before training and at its end."""
    replicas = tables.replicas
    layers = hidden(tables.layers)
    moments = {"before training": layers[layers["epoch"] == 0], "at the end": last_epoch(layers)}
    appearance = looks(replicas)
    result = sheet(3.7)
    result.suptitle(subject(replicas))
    panels = result.subplots(2, 2, sharex=True)
    for (upper, lower), (moment, rows) in zip(panels.T, moments.items(), strict=True):
        table = means(rows, replicas, "activation_mean", x="layer")
        draw(upper, table, replicas, appearance, x="layer", log=False, floor=-math.inf)
        draw(lower, means(rows, replicas, "activation_std", x="layer"), replicas, appearance, x="layer")
        upper.axhline(0, color="0.6", linewidth=0.6, zorder=0)
        upper.set_title(moment)
        lower.set_xlabel("hidden layer")
    panels[0, 0].set_ylabel("mean of h")
    panels[1, 0].set_ylabel("standard deviation of h")
    condition_legend(result, replicas, appearance)
    return result
