"""Figures of the hidden layers: the units that are saturated or dead, and the spread of their activations."""

import math

import pandas as pd
from matplotlib.figure import Figure

from experiments.figures.curves import condition_legend, draw, last_epoch, means, separate
from experiments.figures.parts import comparable
from experiments.figures.registry import figure
from experiments.figures.style import looks, sheet, subject
from experiments.store.reading import StudyTables
from experiments.tables import KEY, SIDES


def hidden(layers: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of hidden layers: the rows with activations."""
    return layers[layers["activation_mean"].notna()]


def flat_shares(layers: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the shares of (row, unit) pairs with |f′| < 0.005 by their label, of the rows of hidden layers.

    They are off where h is 0 too, as ReLU is on its left side, and otherwise saturated. The side of saturation is known
    with `diagnostics.sides=true`. Without it, as many are taken to be off as h = 0 allows.
    """
    if set(SIDES) <= set(layers) and layers[list(SIDES)].notna().all(axis=None):
        labels = ("off: h = 0 (%)", "saturated,\nz < 0 (%)", "saturated,\nz > 0 (%)")
        return {label: layers[side] for label, side in zip(labels, SIDES, strict=True)}
    off = layers[["zero_fraction", "saturated_fraction"]].astype(float).min(axis=1)
    return {"off: h = 0 (%)": off, "saturated:\nh ≠ 0 (%)": layers["saturated_fraction"].astype(float) - off}


@figure(
    "saturation",
    title="Units that are off, saturated or dead",
    needs=("layers.saturated_fraction",),
    parts=comparable,
    every_epoch=True,
)
def saturation(tables: StudyTables) -> Figure:
    """Draw by epoch and by hidden layer the shares of units without a slope: off, saturated, and dead on all rows.

    Without a slope is |f′(z)| < 0.005. A unit is off on a row with h = 0, as ReLU is for z ≤ 0; otherwise it is
    saturated, as sigmoid is on both sides. A dead unit has no slope on any row of the probe.
    """
    replicas = tables.replicas
    layers = hidden(tables.layers)
    quantities = flat_shares(layers) | {"dead units (%)": layers["dead_fraction"]}
    layers = layers.assign(**quantities)
    by_epoch = layers.groupby([*KEY, "epoch"])[list(quantities)].mean().reset_index()
    by_layer = last_epoch(layers)
    appearance = looks(replicas)
    result = sheet(0.4 + 1.35 * len(quantities))
    result.suptitle(subject(replicas, "; pairs of row and unit with |f′(z)| < 0.005"))
    panels = result.subplots(len(quantities), 2, width_ratios=[1.4, 1], sharey="row")
    for row, label in zip(panels, quantities, strict=True):
        tables_by_x = {"epoch": means(by_epoch, replicas, label, "epoch", 100)}
        tables_by_x["layer"] = means(by_layer, replicas, label, "layer", 100)
        most = max(5, *(table[["mean", "high"]].max(axis=None) for table in tables_by_x.values()))
        for ax, (x, table) in zip(row, tables_by_x.items(), strict=True):
            draw(ax, table, replicas, appearance, x, log=False, ceiling=100)
            ax.set_ylim(-0.03 * most, min(103, 1.05 * most))  # room for the lines that lie on 0 %
            separate(ax)
        row[0].set_ylabel(label)
    panels[0, 0].set_title("mean over hidden layers, by epoch")
    panels[0, 1].set_title("by hidden layer, at the end")
    panels[-1, 0].set_xlabel("epoch")
    panels[-1, 1].set_xlabel("hidden layer")
    condition_legend(result, replicas, appearance)
    return result


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
