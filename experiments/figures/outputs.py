"""Figures of output units and their costs: the gradient that dies, and what it costs (lecture rows L18, L19)."""

import math

import numpy as np
from matplotlib.figure import Figure

from experiments.figures.curves import draw, key, means
from experiments.figures.registry import Missing, figure, on, split
from experiments.figures.style import INK, SINGLE, identity, looks, sheet, subject
from experiments.figures.training import errors
from experiments.store.reading import StudyTables


@figure("output_cost_gradients", title="Squared error and cross-entropy of a sigmoid output, and their gradients")
def output_cost_gradients(tables: StudyTables) -> Figure:
    """Draw cost and gradient against the score z for the target y = 1, in the lecture's form (no ½).

    Squared error (y − σ)² has the gradient −2(y − σ)σ(1 − σ), cross-entropy −log σ has σ − 1. No table is read.
    """
    z = np.linspace(-8, 6, 561)
    sigma = 1 / (1 + np.exp(-z))
    squared, entropy = {"color": INK, "linestyle": (0, (4, 1.5))}, {"color": INK}
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


def pairings(tables: StudyTables) -> dict[str, StudyTables]:
    """Return the part of a study on each dataset that has several pairings.

    Raises
    ------
    Missing
        If there is none.
    """
    several = tables.replicas.groupby("dataset")["output"].nunique() > 1
    if not several.any():
        classes = tables.replicas.loc[tables.replicas["task"] == "classification", "dataset"]
        if classes.empty:
            raise Missing("a regression has one output, linear_mse")
        raise Missing("one output to each dataset", f"output=softmax_ce,softmax_mse {on(classes)}")
    return split(tables, several[several].index.to_frame(index=False))


@figure(
    "mse_vs_ce",
    title="Training under different pairings of output unit and cost",
    needs=("history.gradient_norm",),
    parts=pairings,
)
def mse_vs_ce(tables: StudyTables) -> Figure:
    """Draw training error, test error and gradient norm by epoch, a column for each pairing before the others, faint.

    Errors can be compared between pairings, losses cannot.
    """
    replicas = tables.replicas
    gradient = ("gradient norm\n‖∂L/∂θ‖₂", means(tables.history, replicas, "gradient_norm"), math.inf)
    quantities = [errors(tables, "training"), errors(tables, "test"), gradient]
    outputs = sorted(replicas["output"].unique())
    others = {"linewidth": 0.7, "alpha": 0.5}
    activations = replicas.drop_duplicates("run").set_index("run")["activation"]
    appearance = {}
    result = sheet(4.2)
    result.suptitle(subject(replicas))
    panels = result.subplots(len(quantities), len(outputs), sharex=True, sharey="row")
    for column, output in zip(panels.T, outputs, strict=True):
        own = looks(replicas[replicas["output"] == output])
        appearance |= own
        column[0].set_title(output)
        column[-1].set_xlabel("epoch")
        for ax, quantity in zip(column, quantities, strict=True):
            _, table, most = quantity
            for run, rows in table[~table["run"].isin(own)].groupby("run"):
                ax.plot(rows["epoch"], rows["mean"], color=identity(activations[run])[0], zorder=1, **others)
            draw(ax, table, replicas, own, log=quantity is gradient or None, ceiling=most)
    for ax, (label, *_) in zip(panels[:, 0], quantities, strict=True):
        ax.set_ylabel(label)
    key(result, replicas, appearance, [("the same under the other pairings", {"color": INK, **others})])
    return result
