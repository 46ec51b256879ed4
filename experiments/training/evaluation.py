"""What the networks of a stack compute on the data: costs, errors and metrics of the parts, decisions on a grid."""

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import numpy as np

from experiments.tables import MEASURED, PARTS
from experiments.training.metrics import (
    BINS,
    class_metrics,
    confusion_counts,
    metric_columns,
    number_metrics,
    reliability,
)
from experiments.training.stack import Stack
from nets.network import Work

EVALUATION_ROWS = 256
"""The largest number of rows in one forward pass of an evaluation."""

METRIC_BYTES = 1 << 22
"""Bytes of the scores of which metrics are computed at the same time."""

GRID = 100
"""Points on each axis of the grid over two features."""


class Evaluation(NamedTuple):
    """The networks of a stack on all rows of the data."""

    losses: dict[str, np.ndarray]  # losses and errors by the names of `LOSS_COLUMNS`, (R,) each
    decided: np.ndarray  # the class (R, n) that is decided for each row, in a classification
    metrics: dict[str, np.ndarray]  # by their columns, (R,) each; NaN if not defined, and for a diverged network
    reliability: np.ndarray  # (R, bins, 3) of the test part, as `metrics.reliability`; 0 if metrics are not computed

    @property
    def finite(self) -> np.ndarray:
        """Whether the losses of all parts are finite (R,): a replica for which they are not has diverged."""
        return _all_finite(self.losses)

    def of(self, replicas: np.ndarray) -> "Evaluation":
        """Return the evaluation of some of the networks."""
        losses, metrics = (
            {name: values[replicas] for name, values in columns.items()} for columns in (self.losses, self.metrics)
        )
        return Evaluation(losses, self.decided[replicas], metrics, self.reliability[replicas])


class ByRow(NamedTuple):
    """The networks of a stack on each row of the data."""

    costs: np.ndarray  # (R, n)
    errors: np.ndarray  # (R, n): 0 or 1 in a classification, the mean squared error of the targets in a regression
    decided: np.ndarray  # (R, n): the class, in a classification
    scores: np.ndarray | None  # (R, n, units), if metrics are computed
    targets: np.ndarray | None  # (R, n, targets), if metrics of a regression are computed


def evaluate(stack: Stack, measured: bool = False) -> Evaluation:
    """Return the mean cost and the error of each part, the decided classes and, if asked for, the metrics."""
    data, prepared = stack.settings.data, stack.prepared
    # Every row of the data belongs to one part, so all rows go through the networks once.
    by_row = _by_row(stack, measured)
    start = np.arange(len(stack.active))[:, None] * len(data.inputs)
    losses = {}
    for part in PARTS:
        rows = getattr(prepared.split, part)[stack.seed_index] + start
        loss, error = by_row.costs.take(rows).mean(axis=1), by_row.errors.take(rows).mean(axis=1)
        if data.task == "regression":
            error = np.sqrt(error)
            if prepared.target_scale is not None and prepared.target_scale.shape[1] == 1:
                error *= prepared.target_scale[stack.seed_index, 0]
        error[~np.isfinite(loss)] = np.nan
        losses[f"{part}_loss"], losses[f"{part}_error"] = loss, error
    bins = np.zeros((len(stack.active), BINS, 3))
    metrics = _metrics(stack, by_row, _all_finite(losses), bins) if measured else {}
    return Evaluation(losses, by_row.decided, metrics, bins)


def _all_finite(losses: dict[str, np.ndarray]) -> np.ndarray:
    """Return whether the losses of all parts are finite (R,)."""
    finite: np.ndarray = np.isfinite(np.stack([losses[f"{part}_loss"] for part in PARTS])).all(axis=0)
    return finite


def _by_row(stack: Stack, measured: bool) -> ByRow:
    """Return costs, errors and decided classes; if metrics are computed, scores and a regression's targets too."""
    output, task = stack.settings.output, stack.settings.data.task
    count = len(stack.settings.data.inputs)
    costs, errors = np.empty((2, len(stack.active), count))
    decided = np.zeros(costs.shape, np.intp)
    kept_scores = kept_targets = None
    if measured:
        kept_scores = np.empty((*costs.shape, stack.settings.outputs), stack.network.dtype)
    if measured and task == "regression":
        kept_targets = np.empty((*costs.shape, stack.targets.shape[1]), stack.network.dtype)
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
        if kept_scores is not None:
            kept_scores[:, span] = scores
        if kept_targets is not None:
            kept_targets[:, span] = work.targets
    if task == "classification":
        np.not_equal(decided, stack.labels, out=errors)
    return ByRow(costs, errors, decided, kept_scores, kept_targets)


def _metrics(stack: Stack, by_row: ByRow, finite: np.ndarray, bins: np.ndarray) -> dict[str, np.ndarray]:
    """Return the metrics by their columns, (R,) each, NaN for the networks that have diverged.

    The `reliability` on the test part is written into `bins`, (R, BINS, 3).
    """
    settings = stack.settings
    result = {column: np.full(len(finite), np.nan) for column in metric_columns(settings)}
    # No network's metrics depend on the others: as many are measured at the same time as fit the cache.
    step = max(1, METRIC_BYTES // (8 * len(settings.data.inputs) * settings.outputs))
    for start in range(0, finite.sum(), step):
        replicas = np.flatnonzero(finite)[start : start + step]
        for part, metrics in _metrics_of(stack, by_row, replicas, bins):
            for name, values in metrics.items():
                result[f"{part}_{name}"][replicas] = values
    return result


def _metrics_of(
    stack: Stack, by_row: ByRow, replicas: np.ndarray, bins: np.ndarray
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yield each part with the metrics of some of the networks (indices); `bins` are those of `_metrics`."""
    data, output, prepared = stack.settings.data, stack.settings.output, stack.prepared
    seeds = stack.seed_index[replicas]
    rows = {part: getattr(prepared.split, part)[seeds] for part in PARTS}

    def numbers(values: np.ndarray | None, part: str) -> np.ndarray:
        assert values is not None  # it is kept if metrics are computed
        floats: np.ndarray = values[replicas[:, None], rows[part]].astype(np.float64)
        return floats

    if data.task == "classification":
        for part in MEASURED:
            decided = by_row.decided[replicas[:, None], rows[part]]
            z, labels = numbers(by_row.scores, part), stack.labels[rows[part]]
            if part == "test":
                bins[replicas] = reliability(output, z, labels, decided)
            yield part, class_metrics(output, z, labels, decided, data.classes)
        return
    scale = _of_seeds(prepared.target_scale, seeds)
    # As errors are: in the target's own unit, or for several targets in that of the standardised ones.
    unit = scale if data.targets.shape[1] == 1 else 1 / _of_seeds(prepared.error_scale, seeds)
    spread = output.spread(numbers(by_row.scores, "train"), numbers(by_row.targets, "train"))
    for part in MEASURED:
        yield (
            part,
            number_metrics(output, numbers(by_row.scores, part), numbers(by_row.targets, part), spread, scale, unit),
        )


def _of_seeds(scale: np.ndarray | None, seeds: np.ndarray) -> np.ndarray:
    """Return the scale (R, 1, targets) of each network from that of each seed, or from the one of all; None means 1."""
    if scale is None:
        return np.ones((1, 1, 1))
    return scale[seeds if len(scale) > 1 else [0], None]


def confusion(stack: Stack, decided: np.ndarray) -> np.ndarray:
    """Return how many test rows of each class were decided as each class, (R, true, predicted)."""
    rows = stack.prepared.split.test[stack.seed_index]
    predicted = np.take_along_axis(decided, rows, axis=1)
    return confusion_counts(stack.labels[rows], predicted, len(stack.settings.data.classes))


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
