"""Figures of the course of training: which activation learns faster, and which error it reaches."""

import math
from dataclasses import replace
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from experiments.figures.curves import condition_legend, draw, error_label, means, unit_of_errors
from experiments.figures.parts import comparable
from experiments.figures.registry import Missing, figure
from experiments.figures.style import Look, looks, sheet, subject
from experiments.store.reading import StudyTables
from nets.outputs import OUTPUTS


class Quantity(NamedTuple):
    """A quantity that is drawn by epoch.

    Attributes
    ----------
    label : str
        Its name with the unit.
    table : DataFrame
        Its `means`.
    ceiling, floor : float
        The largest and the smallest possible value.
    """

    label: str
    table: pd.DataFrame
    ceiling: float
    floor: float = 0


def errors(tables: StudyTables, part: str) -> Quantity:
    """Return the errors of the "training" or the "test" part of one data set."""
    column = {"training": "train_error", "test": "test_error"}[part]
    unit = unit_of_errors(tables.replicas)
    table = means(tables.history, tables.replicas, column, scale=unit.scale)
    return Quantity(error_label(unit, part), table, unit.ceiling)


def training_loss(tables: StudyTables) -> Quantity:
    """Return the training losses under one pairing."""
    output = tables.replicas["output"].iloc[0]
    unit = "nats" if output in OUTPUTS and OUTPUTS[output].nats else output
    table = means(tables.history, tables.replicas, "train_loss")
    # The negative logarithm of a density may be negative.
    floor = -math.inf if (table["mean"] < 0).any() else 0
    return Quantity(f"training loss ({unit})", table, math.inf, floor)


@figure("lu_comparison", title="Training loss and test error by epoch", parts=comparable, every_epoch=True)
def lu_comparison(tables: StudyTables) -> Figure:
    """Draw training loss and test error by epoch: all epochs, the first and the last (after Clevert et al. 2015).

    The legend has the learning rates that validation chose if conditions differ in them.
    """
    replicas = tables.replicas
    last = tables.history["epoch"].max()
    if last < 1:
        raise Missing("no replica finished an epoch", "optimizer.lr=0.001")
    start, end = max(1, round(last / 8)), min(last - 1, round(0.75 * last))
    spans = {"": (0, last), ", its start": (0, start), ", its end": (end, last)}
    appearance = _with_rates(looks(replicas), replicas)
    result = sheet(3.7)
    result.suptitle(subject(replicas))
    panels = result.subplots(2, 3)
    letters = iter("abcdef")
    for row, quantity in zip(panels, (training_loss(tables), errors(tables, "test")), strict=True):
        row[0].set_ylabel(quantity.label)
        for ax, (part, span) in zip(row, spans.items(), strict=True):
            ax.set_title(f"({next(letters)}) {quantity.label.partition(' (')[0]}{part}")
            draw(
                ax,
                quantity.table,
                replicas,
                appearance,
                span=span,
                floor=quantity.floor,
                ceiling=quantity.ceiling,
            )
    for ax in panels[-1]:
        ax.set_xlabel("epoch")
    condition_legend(result, replicas, appearance)
    return result


def _with_rates(appearance: dict[str, Look], replicas: pd.DataFrame) -> dict[str, Look]:
    """Return looks whose labels have the learning rate, if conditions differ in it."""
    rates = replicas.groupby("run")["lr"].first().map("{:g}".format)
    if rates.nunique() == 1:
        return appearance
    return {run: replace(look, label=f"{look.label}, rate {rates[run]}") for run, look in appearance.items()}
