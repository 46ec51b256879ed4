"""Figures of the course of training: which activation learns faster, and which error it reaches."""

import math

from matplotlib.figure import Figure

from experiments.figures.curves import Quantity, condition_legend, draw, errors, means
from experiments.figures.parts import comparable
from experiments.figures.registry import Missing, figure
from experiments.figures.style import looks, sheet, subject
from experiments.store.reading import StudyTables


def training_loss(tables: StudyTables) -> Quantity:
    """Return the training losses under one pairing."""
    output = tables.replicas["output"].iloc[0]
    unit = "nats" if output.endswith("_ce") else output
    return Quantity(f"training loss ({unit})", means(tables.history, tables.replicas, "train_loss"), math.inf)


@figure("lu_comparison", title="Training loss and test error by epoch", parts=comparable)
def lu_comparison(tables: StudyTables) -> Figure:
    """Draw training loss and test error by epoch: all epochs, the first and the last (after Clevert et al. 2015)."""
    replicas = tables.replicas
    last = tables.history["epoch"].max()
    if last < 1:
        raise Missing("no replica finished an epoch", "optimizer.lr=0.001")
    start, end = max(1, round(last / 8)), min(last - 1, round(0.75 * last))
    spans = {"": (0, last), ", its start": (0, start), ", its end": (end, last)}
    appearance = looks(replicas)
    result = sheet(3.7)
    result.suptitle(subject(replicas))
    panels = result.subplots(2, 3)
    letters = iter("abcdef")
    for row, quantity in zip(panels, (training_loss(tables), errors(tables, "test")), strict=True):
        row[0].set_ylabel(quantity.label)
        for ax, (part, span) in zip(row, spans.items(), strict=True):
            ax.set_title(f"({next(letters)}) {quantity.label.partition(' (')[0]}{part}")
            draw(ax, quantity.table, replicas, appearance, span=span, ceiling=quantity.ceiling)
    for ax in panels[-1]:
        ax.set_xlabel("epoch")
    condition_legend(result, replicas, appearance)
    return result
