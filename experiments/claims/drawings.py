"""What the figures of claims share: styles of lines, bands, intervals, and the figure of paired differences."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.analysis.statistics import summarise
from experiments.claims.verdicts import Measure, mean
from experiments.figures.curves import INTERVAL
from experiments.figures.style import DASHES, INK, MUTED, Style, identity, sheet

LABELS = {
    "leaky_relu": "leaky ReLU",
    "relu": "ReLU",
    "elu": "ELU",
    "selu": "SELU",
    "shifted_relu": "shifted ReLU",
    "silu": "Swish",
    "mish": "Mish",
}
THRESHOLD: Style = {"color": MUTED, "linestyle": (0, (4, 2)), "linewidth": 0.8}


def line_style(activation: str, **more: Any) -> Style:
    """Return the style of an activation's line, the same as in the figures of studies."""
    color, dash = identity(activation)
    return {"color": color, "linestyle": (0, DASHES[dash]) if dash else "-"} | more


def label(activation: str) -> str:
    """Return the name of an activation as the literature writes it."""
    return LABELS.get(activation, activation)


def entries(activations: list[str], **more: Any) -> list[tuple[str, Style]]:
    """Return the entries of a legend for activations."""
    return [(label(activation), line_style(activation, **more)) for activation in activations]


def seeds_note(table: pd.DataFrame) -> str:
    """Return the legend's line about means and their intervals."""
    return f"{INTERVAL} over {table['seed'].nunique()} seeds"


def draw_band(ax: Axes, table: pd.DataFrame, x: str, column: str, style: Style, log: bool = False) -> None:
    """Draw the mean over seeds at each x with its interval, both of the logarithm if `log`."""
    values = table.assign(value=np.log(table[column]) if log else table[column])
    rows = summarise(values, x, "value")
    if log:
        rows[["mean", "low", "high"]] = np.exp(rows[["mean", "low", "high"]])
    ax.plot(rows[x], rows["mean"], **style)
    ax.fill_between(rows[x], rows["low"], rows["high"], color=style["color"], alpha=0.16, lw=0)


def draw_intervals(ax: Axes, measures: list[Measure], styles: list[Style]) -> None:
    """Draw measured values with their intervals, one below the other."""
    for row, (measure, style) in enumerate(zip(measures, styles, strict=True)):
        if not math.isnan(measure.low):
            ax.plot([measure.low, measure.high], [row, row], color=style["color"], linewidth=1.6)
        ax.plot(measure.value, row, "o", color=style["color"])
    ax.set_yticks(range(len(measures)), [measure.name for measure in measures])
    ax.set_ylim(len(measures) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)


def draw_differences(difference: pd.Series, limits: tuple[float, ...], xlabel: str) -> Figure:
    """Draw each seed's difference (the index is the seed), below them the mean and its interval, with limits."""
    figure = sheet(2.5, 4)
    ax = figure.subplots()
    ax.plot(difference, np.arange(len(difference)), "o", color=MUTED)
    last, center = len(difference), mean("mean", difference)
    ax.plot([center.low, center.high], [last, last], color=INK, linewidth=1.6)
    ax.plot(center.value, last, "D", color=INK)
    ax.set_yticks(range(last + 1), [f"seed {seed}" for seed in difference.index] + ["mean, 95 %"])
    ax.set_ylim(last + 0.6, -0.6)
    ax.axvline(0, color=INK, linewidth=0.6)
    for limit in limits:
        ax.axvline(limit, **THRESHOLD)
    ax.set_xlabel(xlabel)
    return figure
