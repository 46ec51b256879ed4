"""Figures of output units and their costs: which pairing loses its gradient, and how that slows training."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.curves import condition_legend, draw, means
from experiments.figures.parts import several_pairings
from experiments.figures.registry import figure
from experiments.figures.style import INK, SINGLE, Look, Style, identity, looks, sheet, subject
from experiments.figures.training import Quantity, errors
from experiments.store.reading import StudyTables


@figure("output_cost_gradients", title="Squared error and cross-entropy of a sigmoid output, and their gradients")
def output_cost_gradients(tables: StudyTables) -> Figure:
    """Draw cost and gradient of a sigmoid output against its score z for the target y = 1, without the factor ½.

    The squared error (y − σ)² has the gradient −2(y − σ)σ(1 − σ). The cross-entropy −log σ has the gradient σ − 1.
    No table is read.
    """
    z = np.linspace(-8, 6, 561)
    sigma = 1 / (1 + np.exp(-z))
    squared: Style = {"color": INK, "linestyle": (0, (4, 1.5))}
    entropy: Style = {"color": INK}
    result = sheet(4.2, SINGLE)
    cost, gradient = result.subplots(2, sharex=True)
    cost.plot(z, (1 - sigma) ** 2, **squared)
    cost.plot(z, np.logaddexp(0, -z), **entropy)
    cost.set(title="(a) cost for y = 1", ylabel="cost (cross-entropy: nats)", ylim=(-0.2, 8.2), xlim=(-8, 6))
    cost.text(-3.3, 4.6, "cross-entropy\n−log σ(z)", va="center")
    cost.text(-7.8, 1.3, "squared error\n(1 − σ(z))²", va="bottom")
    slope = -2 * (1 - sigma) ** 2 * sigma
    gradient.plot(z, slope, **squared)
    gradient.plot(z, sigma - 1, **entropy)
    gradient.set(title="(b) its gradient", ylabel="∂cost/∂z", xlabel="score z", ylim=(-1.08, 0.25))
    gradient.text(0, -0.75, "cross-entropy\nσ(z) − 1", va="center")
    gradient.text(-3.4, 0.1, "squared error: −2(1 − σ)²σ", va="center")
    gradient.text(-7.8, -0.5, "very wrong, yet\nsquared error’s\ngradient is\nbelow 0.05", va="center")
    for ax in (cost, gradient):
        ax.axvspan(-8, z[(z < 0) & (slope > -0.05)].max(), color="0.92", linewidth=0)
    return result


FAINT: Style = {"linewidth": 0.7, "alpha": 0.5}


@figure(
    "mse_vs_ce",
    title="Training under different pairings of output unit and cost",
    needs=("history.gradient_norm",),
    parts=several_pairings,
)
def mse_vs_ce(tables: StudyTables) -> Figure:
    """Draw training error, test error and gradient norm by epoch: a column for each pairing, with the others faint.

    Errors of different pairings can be compared, losses cannot.
    """
    replicas = tables.replicas
    norms = Quantity("gradient norm\n‖∂L/∂θ‖₂", means(tables.history, replicas, "gradient_norm"), math.inf)
    quantities = [errors(tables, "training"), errors(tables, "test"), norms]
    outputs = sorted(replicas["output"].unique())
    appearance: dict[str, Look] = {}
    result = sheet(4.2)
    result.suptitle(subject(replicas))
    panels = result.subplots(len(quantities), len(outputs), sharex=True, sharey="row")
    for column, output in zip(panels.T, outputs, strict=True):
        conditions = looks(replicas[replicas["output"] == output])
        appearance |= conditions
        column[0].set_title(output)
        column[-1].set_xlabel("epoch")
        for ax, quantity in zip(column, quantities, strict=True):
            _draw_faint(ax, quantity.table[~quantity.table["run"].isin(conditions)], replicas)
            log = True if quantity is norms else None
            draw(ax, quantity.table, replicas, conditions, log=log, ceiling=quantity.ceiling)
    for ax, quantity in zip(panels[:, 0], quantities, strict=True):
        ax.set_ylabel(quantity.label)
    others = ("the same under the other pairings", {"color": INK, **FAINT})
    condition_legend(result, replicas, appearance, [others])
    return result


def _draw_faint(ax: Axes, table: pd.DataFrame, replicas: pd.DataFrame) -> None:
    """Draw the means of conditions in the background."""
    activations = replicas.drop_duplicates("run").set_index("run")["activation"]
    for run, rows in table.groupby("run"):
        ax.plot(rows["epoch"], rows["mean"], color=identity(activations[run])[0], zorder=1, **FAINT)
