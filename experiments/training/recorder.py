"""What is recorded of replicas in training."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.config.settings import Settings
from experiments.tables import (
    EPOCH_COLUMNS,
    GRADIENT_NORM,
    LAYER_COLUMNS,
    LOSS_COLUMNS,
    SIDES,
    Replica,
)
from experiments.training.checkpoint import Checkpoint
from experiments.training.diagnostics import learned_columns
from experiments.training.evaluation import GRID
from experiments.training.metrics import BINS, metric_columns

STOPPED = "stopped"
"""The name of the epochs of early stopping among a checkpoint's arrays."""


def epoch_columns(settings: Settings) -> tuple[str, ...]:
    """Return the names of all numbers that are recorded of a replica after each epoch."""
    return (*EPOCH_COLUMNS, *(metric_columns(settings) if settings.metrics.every_epoch else ()))


def layer_columns(settings: Settings) -> tuple[str, ...]:
    """Return the names of all numbers that are recorded of a replica's layer after each epoch."""
    return (*LAYER_COLUMNS, *(SIDES if settings.diagnostics.sides else ()), *learned_columns(settings.activation))


class Record(NamedTuple):
    """What is recorded of one replica, up to its last epoch."""

    replica: Replica
    diverged: int | None  # the epoch after which a loss was not finite
    stopped: int | None  # the epoch after which it was stopped early
    first: int  # the first epoch that is recorded: 0, or with `evaluate=last` its last epoch
    history: dict[str, np.ndarray]  # by the names of `epoch_columns`, (recorded epochs,) each
    layers: dict[str, np.ndarray]  # by the names of `layer_columns`, (recorded epochs, layers) each
    metrics: dict[str, float]  # of the network with which it ends, by their columns; NaN if not defined
    confusion: np.ndarray  # (classes, classes) counts, true by predicted
    reliability: np.ndarray  # (bins, 3) rows, sum of confidences, right rows
    boundary: np.ndarray  # (y, x) decided class
    network: dict[str, np.ndarray] | None  # parameters and scales, if they are to be kept
    best_epoch: int  # the epoch with the lowest finite validation loss
    keeps_best: bool  # whether it ends with the parameters of this epoch, as with early stopping

    @property
    def last(self) -> int:
        """The last epoch that is recorded."""
        return self.first + len(self.history[GRADIENT_NORM]) - 1

    @property
    def final(self) -> dict[str, float]:
        """The losses and errors of the parameters with which it ends."""
        return self.losses(self.best_epoch if self.keeps_best and self.diverged is None else self.last)

    def losses(self, epoch: int) -> dict[str, float]:
        """Return the losses and errors after an epoch."""
        return {name: self.history[name][epoch - self.first].item() for name in LOSS_COLUMNS}


class Recorder:
    """What is recorded of replicas that are trained side by side.

    Attributes
    ----------
    history, layers
        The columns of the tables by name: (R, epochs + 1) and (R, epochs + 1, layers) each. What is not recorded is
        NaN.
    diverged, stopped
        The epoch (R,) after which a replica had diverged, or was stopped early, or -1.
    metrics
        The metrics (R,) of the networks with which the replicas end, by their columns; NaN if not defined.
    confusion
        (R, classes, classes) counts, true by predicted.
    reliability
        (R, bins, 3) rows, sum of confidences and right rows, as `metrics.reliability`.
    boundary
        (R, y, x) decided class.
    """

    def __init__(self, settings: Settings, replicas: Sequence[Replica]):
        count, epochs, classes = len(replicas), settings.epochs + 1, len(settings.data.classes)
        self.replicas = replicas
        columns = epoch_columns(settings)
        self._history = np.full((count, epochs, len(columns)), np.nan)
        of_layer = layer_columns(settings)
        self._layers = np.full((count, epochs, len(settings.net.hidden) + 1, len(of_layer)), np.nan)
        self.history = _by_name(columns, self._history)
        self.layers = _by_name(of_layer, self._layers)
        self.diverged, self.stopped = np.full((2, count), -1)
        self._keeps_best, self._only_last = settings.early_stopping.on, settings.evaluate == "last"
        self.metrics = {column: np.full(count, np.nan) for column in metric_columns(settings)}
        self.confusion = np.zeros((count, classes, classes), np.int64)
        self.reliability = np.zeros((count, BINS, 3))
        self.boundary = np.zeros((count, GRID, GRID), np.uint8)

    def record_epoch(self, active: np.ndarray, epoch: int, columns: Mapping[str, np.ndarray]) -> None:
        """Record columns of the history after an epoch, for these replicas (indices)."""
        for name, values in columns.items():
            self.history[name][active, epoch] = values

    def record_layers(self, active: np.ndarray, epoch: int, columns: Mapping[str, np.ndarray]) -> None:
        """Record columns of the layers after an epoch, for these replicas (indices)."""
        for name, values in columns.items():
            self.layers[name][active, epoch] = values

    def record_metrics(self, active: np.ndarray, metrics: Mapping[str, np.ndarray]) -> None:
        """Record the metrics of the networks with which these replicas (indices) end."""
        for column, values in metrics.items():
            self.metrics[column][active] = values

    def best_epoch(self) -> np.ndarray:
        """Return the epoch (R,) with the lowest finite validation loss so far; the first one of equal losses."""
        loss = self.history["validation_loss"]
        epochs: np.ndarray = np.where(np.isfinite(loss), loss, np.inf).argmin(axis=1)
        return epochs

    def resume(self, checkpoint: Checkpoint) -> None:
        """Take over what a checkpoint of the same replicas has recorded."""
        self._history[:, : checkpoint.epoch + 1] = checkpoint.history
        self._layers[:, : checkpoint.epoch + 1] = checkpoint.layers
        self.diverged[:] = checkpoint.diverged
        self.stopped[:] = checkpoint.state.get(STOPPED, -1)

    def checkpoint(self, epoch: int, parameters: np.ndarray, state: dict[str, np.ndarray]) -> Checkpoint:
        """Return a checkpoint after an epoch, with the parameters and the further arrays of all replicas."""
        state |= {STOPPED: self.stopped} if self._keeps_best else {}
        history, layers = self._history[:, : epoch + 1], self._layers[:, : epoch + 1]
        return Checkpoint(self.replicas, epoch, history, layers, self.diverged, parameters, state)

    def records(self, networks: Mapping[int, dict[str, np.ndarray]]) -> Iterator[Record]:
        """Yield what is recorded of each replica; `networks` has the arrays to keep by the replica's index."""
        last = self._history.shape[1] - 1
        ends = (self.diverged.tolist(), self.stopped.tolist(), self.best_epoch().tolist())
        for index, (replica, diverged, stopped, best) in enumerate(zip(self.replicas, *ends, strict=True)):
            # A replica that diverged or was stopped has rows up to that epoch.
            end = max(diverged, stopped)
            end = last if end < 0 else end
            first = end if self._only_last else 0
            rows = slice(first, end + 1)
            yield Record(
                replica,
                None if diverged < 0 else diverged,
                None if stopped < 0 else stopped,
                first,
                {name: values[index, rows] for name, values in self.history.items()},
                {name: values[index, rows] for name, values in self.layers.items()},
                {column: values[index].item() for column, values in self.metrics.items()},
                self.confusion[index],
                self.reliability[index],
                self.boundary[index],
                networks.get(index) if diverged < 0 else None,
                max(first, best),
                self._keeps_best,
            )


def _by_name(names: Sequence[str], columns: np.ndarray) -> dict[str, np.ndarray]:
    """Return views of the columns, which are the last axis, by name."""
    return {name: columns[..., index] for index, name in enumerate(names)}
