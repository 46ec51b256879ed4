"""Figures of output units and their costs: which pairing loses its gradient, and how that slows training."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.curves import condition_legend, draw, means
from experiments.figures.parts import several_pairings
from experiments.figures.registry import figure
from experiments.figures.style import (
    CLASSES,
    DASHES,
    DOUBLE,
    INK,
    SINGLE,
    Look,
    Style,
    legend,
    looks,
    sheet,
    subject,
)
from experiments.figures.training import Quantity, errors
from experiments.store.reading import StudyTables
from nets.outputs import OUTPUTS, Output
from nets.regression import Quantile


@figure("output_cost_gradients", title="Cost and gradient of every pairing of output unit and cost, by the score")
def output_cost_gradients(tables: StudyTables) -> Figure:
    """Draw cost and gradient of every pairing of the study's task against a score z; a column for each task.

    In a classification the true class has the score z. Where another class has a score, it is 0. In a regression the
    target is 0, or 1 for counts. Of several scores for one target, z is that of the mean, or of each quantile in turn;
    the others are 0. No other table is read.
    """
    tasks = sorted(tables.replicas["task"].unique())
    result = sheet(4.2, SINGLE if len(tasks) == 1 else DOUBLE)
    panels = result.subplots(2, len(tasks), sharex="col", squeeze=False)
    entries: dict[str, Style] = {}
    for column, task in zip(panels.T, tasks, strict=True):
        names = [name for name, output in OUTPUTS.items() if task in output.tasks]
        entries |= _draw_pairings(column[0], column[1], task, names)
    for letter, ax in zip("abcd", panels.ravel(), strict=False):
        ax.set_title(f"({letter}) {ax.get_title(loc='left')}", loc="left")
    legend(result, list(entries.items()))
    return result


def _draw_pairings(cost: Axes, gradient: Axes, task: str, names: list[str]) -> dict[str, Style]:
    """Draw pairings into two panels, and return their looks. Coinciding lines show, since the first is the widest."""
    entries: dict[str, Style] = {}
    z = np.linspace(*Z[task], 561)
    for position, name in enumerate(names):
        output = OUTPUTS[name]()
        line = _look(task, position)
        for index in _moving(output, task):
            scores, targets = _scores(output, task, z, index)
            slopes = np.empty_like(scores)
            output.gradient(scores, targets, slopes)
            cost.plot(z, output.cost(scores, targets)[0], **line)
            gradient.plot(z, slopes[0, :, index], **line)
        entries[_entry(output, task)] = line
    words = "of the true class" if task == "classification" else "for the target 0 (counts: 1)"
    cost.set(title=f"cost {words}", ylabel="cost", ylim=(-0.2, 6.2), xlim=Z[task])
    gradient.set(title="its gradient", ylabel="∂cost/∂z", xlabel="score z", ylim=SLOPES[task])
    return entries


Z = {"classification": (-8.0, 6.0), "regression": (-4.0, 4.0)}
SLOPES = {"classification": (-2.2, 0.6), "regression": (-3.0, 3.0)}


def _look(task: str, position: int) -> Style:
    """Return the line of a task's pairing by its position. The first one, linear_mse, serves both tasks.

    A panel has no colour twice. In a classification four lines are solid and the others dashed, since softmax_ce and
    sigmoid_ce coincide. The solid lines of a regression have the colours of the dashed ones.
    """
    color = position + 3 if task == "regression" and position else position
    dash = position // 4 if task == "classification" else color // len(CLASSES)
    return {"color": CLASSES[color % len(CLASSES)], "linewidth": 2.6 - 0.22 * position, "dashes": DASHES[dash]}


def _moving(output: Output, task: str) -> list[int]:
    """Return the indices of the scores that a figure moves, one at a time."""
    if task == "classification":
        return [output.units(task, 2) - 1]
    return [index for index, role in enumerate(output.roles) if role == output.roles[0]]


def _entry(output: Output, task: str) -> str:
    """Return the name of a pairing, with what its curves in a regression take as given."""
    facts = []
    if task == "regression":
        facts += ["σ = 1"] if "log_variance" in output.roles else []
        facts += (
            [f"levels {', '.join(f'{level:g}' for level in output.levels)}"] if isinstance(output, Quantile) else []
        )
    return f"{output.name}: {'; '.join(facts)}" if facts else output.name


def _scores(output: Output, task: str, z: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scores (1, n, units) of which the one with this index is z and the others are 0, and the targets."""
    scores = np.zeros((1, len(z), output.units(task, 2 if task == "classification" else 1)))
    scores[..., index] = z
    if task == "classification":
        return scores, output.encode(np.ones(len(z), int), 2, "float64")[None]
    return scores, np.full((1, len(z), 1), 1.0 if output.scaling == "none" else 0.0)


FAINT: Style = {"linewidth": 0.7, "alpha": 0.5}


@figure(
    "mse_vs_ce",
    title="Training under different pairings of output unit and cost",
    needs=("history.gradient_norm",),
    parts=several_pairings,
    every_epoch=True,
)
def mse_vs_ce(tables: StudyTables) -> Figure:
    """Draw training error, test error and gradient norm by epoch: a column for each pairing, with the others faint.

    Errors of different pairings can be compared, losses cannot.
    """
    replicas = tables.replicas
    norms = Quantity("gradient norm\n‖∂L/∂θ‖₂", means(tables.history, replicas, "gradient_norm"), math.inf)
    quantities = [errors(tables, "training"), errors(tables, "test"), norms]
    outputs = sorted(replicas["output"].unique())
    by_output = {output: looks(replicas[replicas["output"] == output]) for output in outputs}
    appearance = {run: look for conditions in by_output.values() for run, look in conditions.items()}
    result = sheet(4.2)
    result.suptitle(subject(replicas))
    panels = result.subplots(len(quantities), len(outputs), sharex=True, sharey="row")
    for column, output in zip(panels.T, outputs, strict=True):
        conditions = by_output[output]
        column[0].set_title(output)
        column[-1].set_xlabel("epoch")
        for ax, quantity in zip(column, quantities, strict=True):
            _draw_faint(ax, quantity.table, {run: look for run, look in appearance.items() if run not in conditions})
            log = True if quantity is norms else None
            draw(ax, quantity.table, replicas, conditions, log=log, ceiling=quantity.ceiling)
    for ax, quantity in zip(panels[:, 0], quantities, strict=True):
        ax.set_ylabel(quantity.label)
    others = ("the same under the other pairings", {"color": INK, **FAINT})
    condition_legend(result, replicas, appearance, [others])
    return result


def _draw_faint(ax: Axes, table: pd.DataFrame, appearance: dict[str, Look]) -> None:
    """Draw the means of conditions in the background."""
    for run, look in appearance.items():
        rows = table[table["run"] == run]
        line = look.line(markersize=2, markevery=max(1, len(rows) // 6), zorder=1)
        ax.plot(rows["epoch"], rows["mean"], **line | FAINT)
