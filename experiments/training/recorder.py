"""What is recorded of replicas in training."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.config.settings import Settings
from experiments.tables import (
    EPOCH_COLUMNS,
    LAYER_COLUMNS,
    LOSS_COLUMNS,
    Replica,
)
from experiments.training.checkpoint import Checkpoint
from experiments.training.evaluation import GRID


class Record(NamedTuple):
    """What is recorded of one replica, up to its last epoch."""

    replica: Replica
    diverged: int | None  # the epoch after which a loss was not finite
    history: dict[str, np.ndarray]  # by the names of `EPOCH_COLUMNS`, (epochs + 1,) each
    layers: dict[str, np.ndarray]  # by the names of `LAYER_COLUMNS`, (epochs + 1, layers) each
    confusion: np.ndarray  # (classes, classes) counts, true by predicted
    boundary: np.ndarray  # (y, x) decided class
    network: dict[str, np.ndarray] | None  # parameters and scales, if they are to be kept

    @property
    def final(self) -> dict[str, float]:
        """The losses and errors after the last epoch."""
        return self.losses(-1)

    @property
    def best_epoch(self) -> int:
        """The epoch with the lowest finite validation loss."""
        loss = self.history["validation_loss"]
        return int(np.argmin(np.where(np.isfinite(loss), loss, np.inf)))

    def losses(self, epoch: int) -> dict[str, float]:
        """Return the losses and errors after an epoch."""
        return {name: self.history[name][epoch].item() for name in LOSS_COLUMNS}


class Recorder:
    """What is recorded of replicas that are trained side by side.

    Attributes
    ----------
    history, layers
        The columns of the tables by name: (R, epochs + 1) and (R, epochs + 1, layers) each. What is not recorded is
        NaN.
    diverged
        The epoch (R,) after which a replica had diverged, or -1.
    confusion
        (R, classes, classes) counts, true by predicted.
    boundary
        (R, y, x) decided class.
    """

    def __init__(self, settings: Settings, replicas: Sequence[Replica]):
        count, epochs, classes = len(replicas), settings.epochs + 1, len(settings.data.classes)
        self.replicas = replicas
        self._history = np.full((count, epochs, len(EPOCH_COLUMNS)), np.nan)
        self._layers = np.full((count, epochs, len(settings.net.hidden) + 1, len(LAYER_COLUMNS)), np.nan)
        self.history = _by_name(EPOCH_COLUMNS, self._history)
        self.layers = _by_name(LAYER_COLUMNS, self._layers)
        self.diverged = np.full(count, -1)
        self.confusion = np.zeros((count, classes, classes), np.int64)
        self.boundary = np.zeros((count, GRID, GRID), np.uint8)

    def record_epoch(self, active: np.ndarray, epoch: int, columns: Mapping[str, np.ndarray]) -> None:
        """Record columns of the history after an epoch, for these replicas (indices)."""
        for name, values in columns.items():
            self.history[name][active, epoch] = values

    def record_layers(self, active: np.ndarray, epoch: int, columns: Mapping[str, np.ndarray]) -> None:
        """Record columns of the layers after an epoch, for these replicas (indices)."""
        for name, values in columns.items():
            self.layers[name][active, epoch] = values

    def resume(self, checkpoint: Checkpoint) -> None:
        """Take over what a checkpoint of the same replicas has recorded."""
        self._history[:, : checkpoint.epoch + 1] = checkpoint.history
        self._layers[:, : checkpoint.epoch + 1] = checkpoint.layers
        self.diverged[:] = checkpoint.diverged

    def checkpoint(self, epoch: int, parameters: np.ndarray, state: dict[str, np.ndarray]) -> Checkpoint:
        """Return a checkpoint after an epoch, with the parameters and the optimizer's state of all replicas."""
        history, layers = self._history[:, : epoch + 1], self._layers[:, : epoch + 1]
        return Checkpoint(self.replicas, epoch, history, layers, self.diverged, parameters, state)

    def records(self, networks: Mapping[int, dict[str, np.ndarray]]) -> Iterator[Record]:
        """Yield what is recorded of each replica; `networks` has the arrays to keep by the replica's index."""
        for index, (replica, diverged) in enumerate(zip(self.replicas, self.diverged.tolist(), strict=True)):
            # A diverged replica has rows up to the epoch in which it diverged.
            rows = slice(None if diverged < 0 else diverged + 1)
            yield Record(
                replica,
                None if diverged < 0 else diverged,
                {name: values[index, rows] for name, values in self.history.items()},
                {name: values[index, rows] for name, values in self.layers.items()},
                self.confusion[index],
                self.boundary[index],
                networks.get(index) if diverged < 0 else None,
            )


def _by_name(names: Sequence[str], columns: np.ndarray) -> dict[str, np.ndarray]:
    """Return views of the columns, which are the last axis, by name."""
    return {name: columns[..., index] for index, name in enumerate(names)}
