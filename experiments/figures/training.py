"""Figures of the course of training: which activation learns faster, and where it ends (lecture row L14)."""

import math

import pandas as pd
from matplotlib.figure import Figure

from experiments.figures.curves import draw, key, means, unit
from experiments.figures.registry import Missing, comparable, figure
from experiments.figures.style import looks, sheet, subject
from experiments.store.reading import StudyTables


def errors(tables: StudyTables, part: str) -> tuple[str, pd.DataFrame, float]:
    """Return the errors of one dataset's "training" or "test" part: label with unit, `means`, largest possible."""
    column = {"training": "train_error", "test": "test_error"}[part]
    label, scale, most = unit(tables.replicas, part)
    return label, means(tables.history, tables.replicas, column, scale=scale), most


@figure(
    "lu_comparison",
    title="Training loss and test error by epoch",
    parts=comparable,
)
def lu_comparison(tables: StudyTables) -> Figure:
    """Draw training loss, its start and its end above test error, its start and its end (after Clevert et al. 2015)."""
    history, replicas = tables.history, tables.replicas
    last = history["epoch"].max()
    if last < 1:
        raise Missing("no replica finished an epoch", "optimizer.lr=0.001")
    output = replicas["output"].iloc[0]
    start, end = max(1, round(last / 8)), min(last - 1, round(0.75 * last))
    spans = {"": (0, last), ", its start": (0, start), ", its end": (end, last)}
    nats = "nats" if output.endswith("_ce") else output
    loss = (f"training loss ({nats})", means(history, replicas, "train_loss"), math.inf)
    appearance = looks(replicas)
    result = sheet(3.7)
    result.suptitle(subject(replicas))
    panels = result.subplots(2, 3)
    letters = iter("abcdef")
    for row, (label, table, most) in zip(panels, (loss, errors(tables, "test")), strict=True):
        row[0].set_ylabel(label)
        for ax, (part, span) in zip(row, spans.items(), strict=True):
            ax.set_title(f"({next(letters)}) {label.partition(' (')[0]}{part}")
            draw(ax, table, replicas, appearance, span=span, ceiling=most)
    for ax in panels[-1]:
        ax.set_xlabel("epoch")
    key(result, replicas, appearance)
    return result
