"""Figures of the activation functions themselves."""

import math
import textwrap
from dataclasses import fields

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.figures.registry import Missing, figure
from experiments.figures.style import DOUBLE, INK, MUTED, legend, looks, plain, sheet
from experiments.store.reading import StudyTables
from nets.activations import ACTIVATIONS, Activation
from nets.formula import Formula


def rebuild(row: pd.Series) -> Activation:
    """Return the activation that a row of `replicas` names, with its hyperparameters."""
    variant = ACTIVATIONS.get(row["activation"], Formula)  # a formula's name is the user's
    stored = {item.name: (type(item.default), row.get(f"activation.{item.name}")) for item in fields(variant)}
    return variant(**{name: kind(value) for name, (kind, value) in stored.items() if not pd.isna(value)})


@figure("activation_curves", title="The activation functions and their derivatives")
def activation_curves(tables: StudyTables) -> Figure:
    """Draw f and f′ of the study's activations, a panel each; learned parameters have their initial value.

    A function of several pre-activations is drawn along the first, z, with the others at −2, 0 and 2 (f′: at 0).
    """
    replicas = tables.replicas
    hyperparameters = [column for column in replicas if column.startswith("activation.")]
    rows = replicas[["run", "dataset", "activation", "output", "seed", *hyperparameters, "task"]]
    rows = rows.drop_duplicates(["activation", *hyperparameters]).assign(dataset="", output="")
    named = rows["activation.expression"].notna() if "activation.expression" in rows else False
    rows = rows[rows["activation"].isin(ACTIVATIONS) | named]
    if rows.empty:
        raise Missing("none of the study's activations is built in", "activation=relu,tanh")
    appearance = looks(rows)
    rows = rows.set_index("run")
    height = math.ceil(len(rows) / 6)
    width = math.ceil(len(rows) / height)
    size = (DOUBLE - 0.4) / max(width, 3)
    result = sheet(0.3 + height * (0.8 * size + 0.3), width=size * width + 0.4)
    panels = result.subplots(height, width, sharex=True, sharey=True, squeeze=False).ravel()
    z = np.linspace(-4, 4, 1601)
    elsewhere = ""
    for ax, (run, look) in zip(panels, appearance.items(), strict=False):
        activation = rebuild(rows.loc[run])
        scores = np.zeros((z.size, activation.pieces))
        scores[:, 0] = z
        for others in (-2, 0, 2) if activation.pieces > 1 else (0,):
            scores[:, 1:] = others
            ax.plot(z, activation(scores)[:, 0], gid=run, **look.line(marker=""))
        scores[:, 1:] = 0
        slope = activation.prime(scores)[:, 0].astype(float)
        # A line across a jump would be a slope that the function does not have.
        slope[1:][np.abs(np.diff(slope)) > 0.05] = np.nan
        ax.plot(z, slope, color=MUTED, linewidth=0.9)
        if activation.pieces > 1:
            elsewhere = ", other inputs at 0"
            ax.text(3.9, -2.1, "other inputs\n−2, 0, 2", color=MUTED, ha="right", va="bottom", fontsize=6)
        title = plain(textwrap.fill(look.label, round(size / 0.065)))
        ax.set(title=title, xlim=(-4, 4), ylim=(-2.2, 4.2), xticks=(-4, 0, 4), yticks=(-2, 0, 2, 4))
    for ax in panels[len(rows) :]:
        ax.remove()
    for ax in panels[width * (height - 1) : len(rows)]:
        ax.set_xlabel("z")
    legend(result, [("f(z)", {"color": INK}), (f"f′(z){elsewhere}", {"color": MUTED, "linewidth": 0.9})])
    return result
