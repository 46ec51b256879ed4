"""Figures of the activation functions themselves."""

import math
import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.analysis.propagation import rebuild
from experiments.figures.registry import Missing, figure
from experiments.figures.style import DOUBLE, INK, MUTED, Look, Style, legend, looks, sheet
from experiments.figures.texts import literal
from experiments.store.reading import StudyTables
from nets.activations import ACTIVATIONS, Activation

SLOPE: Style = {"color": MUTED, "linewidth": 0.9, "linestyle": (0, (3, 1))}
"""Where f and f′ are equal, as ReLU's are on the left, f shows between the dashes."""


def variants(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each activation that can be drawn, with its hyperparameters.

    Raises
    ------
    Missing
        If there is none.
    """
    hyperparameters = [column for column in replicas if column.startswith("activation.")]
    rows = replicas[["run", "dataset", "activation", "output", "seed", *hyperparameters, "task"]]
    rows = rows.drop_duplicates(["activation", *hyperparameters]).assign(dataset="", output="")
    formula = rows["activation.expression"].notna() if "activation.expression" in rows else False
    rows = rows[rows["activation"].isin(ACTIVATIONS) | formula]
    if rows.empty:
        raise Missing("none of the study's activations is built in", "activation=relu,tanh")
    return rows


@figure("activation_curves", title="The activation functions and their derivatives", standalone=True)
def activation_curves(tables: StudyTables) -> Figure:
    """Draw each activation f of the study and its derivative f′; learned parameters have their initial values.

    A function of several inputs is drawn along the first one, z, with the others at −2, 0 and 2 (f′: at 0).
    """
    rows = variants(tables.replicas)
    appearance = looks(rows)
    rows = rows.set_index("run")
    height = math.ceil(len(rows) / 6)
    width = math.ceil(len(rows) / height)
    size = (DOUBLE - 0.4) / max(width, 3)
    titles = [literal(textwrap.fill(look.label, round(size / 0.065))) for look in appearance.values()]
    tall = 0.12 * max(0, max(title.count("\n") for title in titles) - 1)
    result = sheet(0.3 + height * (0.8 * size + 0.3 + tall), width=size * width + 0.4)
    panels = result.subplots(height, width, sharex=True, sharey=True, squeeze=False).ravel()
    several_inputs = False
    for ax, (run, look), title in zip(panels, appearance.items(), titles, strict=False):
        activation = rebuild(rows.loc[run])
        several_inputs |= activation.pieces > 1
        _draw_activation(ax, activation, run, look)
        ax.set(title=title, xlim=(-4, 4), xticks=(-4, 0, 4))
    drawn = [ax.dataLim for ax in panels[: len(rows)]]
    lowest = -2.2 if several_inputs else max(-2.2, min(limits.y0 for limits in drawn) - 0.2)
    panels[0].set_ylim(lowest, min(4.2, max(limits.y1 for limits in drawn) + 0.2))
    panels[0].yaxis.set_major_locator(MaxNLocator(4, steps=(1, 2, 5, 10)))
    for ax in panels[len(rows) :]:
        ax.remove()
    for ax in panels[len(rows) - width : len(rows)]:  # the lowest of each column
        ax.set_xlabel("z")
        ax.tick_params("x", labelbottom=True)
    slope = "f′(z), other inputs at 0" if several_inputs else "f′(z)"
    legend(result, [("f(z)", {"color": INK}), (slope, SLOPE)])
    return result


def _draw_activation(ax: Axes, activation: Activation, run: str, look: Look) -> None:
    """Draw one activation and its derivative along the first input."""
    z = np.linspace(-4, 4, 1601)
    scores = np.zeros((z.size, activation.pieces))
    scores[:, 0] = z
    for others in (-2, 0, 2) if activation.pieces > 1 else (0,):
        scores[:, 1:] = others
        ax.plot(z, activation(scores)[:, 0], gid=run, **look.line(marker="", linestyle="-"))
    scores[:, 1:] = 0
    slope = activation.prime(scores)[:, 0].astype(float)
    # A line across a jump would be a slope that the function does not have.
    slope[1:][np.abs(np.diff(slope)) > 0.05] = np.nan
    ax.plot(z, slope, **SLOPE)
    if activation.pieces > 1:
        ax.text(3.9, -2.1, "other inputs\n−2, 0, 2", color=MUTED, ha="right", va="bottom", fontsize=6)
