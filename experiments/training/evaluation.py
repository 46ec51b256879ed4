"""What the networks of a stack compute on the data: costs and errors of the parts, confusions, decisions on a grid."""

from math import ceil
from typing import NamedTuple

import numpy as np

from experiments.tables import PARTS
from experiments.training.stack import Stack
from nets.network import Work

EVALUATION_ROWS = 256
"""The largest number of rows in one forward pass of an evaluation."""

GRID = 100
"""Points on each axis of the grid over two features."""


class Evaluation(NamedTuple):
    """The networks of a stack on all rows of the data."""

    losses: dict[str, np.ndarray]  # losses and errors by the names of `LOSS_COLUMNS`, (R,) each
    decided: np.ndarray  # the class (R, n) that is decided for each row, in a classification

    @property
    def finite(self) -> np.ndarray:
        """Whether the losses of all parts are finite (R,): a replica for which they are not has diverged."""
        losses = np.stack([self.losses[f"{part}_loss"] for part in PARTS])
        finite: np.ndarray = np.isfinite(losses).all(axis=0)
        return finite


def evaluate(stack: Stack) -> Evaluation:
    """Return the mean cost and the error of each part, and the decided classes."""
    data, prepared = stack.settings.data, stack.prepared
    # Every row of the data belongs to one part, so all rows go through the networks once.
    costs, errors, decided = _by_row(stack)
    start = np.arange(len(stack.active))[:, None] * len(data.inputs)
    losses = {}
    for part in PARTS:
        rows = getattr(prepared.split, part)[stack.seed_index] + start
        loss, error = costs.take(rows).mean(axis=1), errors.take(rows).mean(axis=1)
        if data.task == "regression":
            error = np.sqrt(error)
            if prepared.target_scale is not None and prepared.target_scale.shape[1] == 1:
                error *= prepared.target_scale[stack.seed_index, 0]
        error[~np.isfinite(loss)] = np.nan
        losses[f"{part}_loss"], losses[f"{part}_error"] = loss, error
    return Evaluation(losses, decided)


def _by_row(stack: Stack) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cost, error and decided class of each row of the data, (R, n) each.

    The error of a row is 0 or 1 in a classification, and the mean squared error of its targets in a regression.
    """
    output, task = stack.settings.output, stack.settings.data.task
    count = len(stack.settings.data.inputs)
    costs, errors = np.empty((2, len(stack.active), count))
    decided = np.zeros(costs.shape, np.intp)
    start = 0
    for rows in np.array_split(np.arange(count), ceil(count / EVALUATION_ROWS)):
        span = slice(start, start := start + len(rows))
        work = stack.read(span)
        scores = stack.network.forward(work)
        if task == "classification":
            costs[:, span], decided[:, span] = output.assess(scores, work.targets)
        else:
            costs[:, span] = output.cost(scores, work.targets)
            difference = output.predict(scores).astype(np.float64) - work.targets
            if stack.prepared.error_scale is not None:
                difference /= stack.prepared.error_scale[stack.seed_index, None]
            errors[:, span] = (difference * difference).mean(axis=2)
    if task == "classification":
        np.not_equal(decided, stack.labels, out=errors)
    return costs, errors, decided


def confusion(stack: Stack, decided: np.ndarray) -> np.ndarray:
    """Return how many test rows of each class were decided as each class, (R, true, predicted)."""
    classes = len(stack.settings.data.classes)
    counts = np.empty((len(stack.active), classes, classes), np.int64)
    for count, classes_of_rows, rows in zip(counts, decided, stack.prepared.split.test[stack.seed_index], strict=True):
        pairs = stack.labels[rows] * classes + classes_of_rows[rows]
        count[:] = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    return counts


def decisions(stack: Stack) -> np.ndarray:
    """Return the decided class at each point of the grid over two features, (R, y, x)."""
    prepared = stack.prepared
    points = np.stack(np.meshgrid(*grid(stack.settings.data.inputs)), axis=-1)
    mean, scale = prepared.input_mean[stack.seed_index, None], prepared.input_scale[stack.seed_index, None]
    work = Work(stack.network, GRID)
    classes = np.empty((len(stack.active), GRID, GRID), np.uint8)
    for index, line in enumerate(points):
        work.inputs[:] = (line - mean) / scale
        classes[:, index] = stack.settings.output.decide(stack.network.forward(work))
    return classes


def grid(inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the axes x and y of a grid over two features, in their units.

    On each side the grid is wider than the data by a tenth. Missing values are ignored.
    """
    low, high = np.nanmin(inputs, axis=0), np.nanmax(inputs, axis=0)
    margin = (high - low) / 10
    x, y = np.linspace(low - margin, high + margin, GRID).T
    return x, y
