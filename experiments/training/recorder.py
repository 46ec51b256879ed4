"""What is recorded of replicas in training, and the tables of a run that are made from it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.config.settings import Settings
from experiments.tables import (
    ACTIVATION_COLUMNS,
    CONFUSION,
    EPOCH_COLUMNS,
    GRADIENT_NORM,
    HISTORY,
    IDENTITY,
    LAYER_COLUMNS,
    LAYERS,
    LOSS_COLUMNS,
    ORDER,
    OUTCOME,
    SHARPNESS,
    STAGES,
    TIMING,
    UPDATE_RATIO,
    Replica,
    RunTables,
)
from experiments.training.checkpoint import Checkpoint
from experiments.training.evaluation import GRID

Row = tuple[object, ...]
"""The cells of a table's row."""


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


def assemble(settings: Settings, records: Sequence[Record], parameters: int, clock: Mapping[str, float]) -> RunTables:
    """Return the tables of freshly trained replicas.

    Parameters
    ----------
    settings
        Their condition.
    records
        One record for each replica.
    parameters
        The number of parameters of one network.
    clock
        The seconds of each stage, and their "total", summed over the parts.
    """
    tables = RunTables(
        {
            "history": _history(settings, records),
            "layers": _layers(settings, records),
            "replicas": _replicas(settings, records, parameters),
            "confusion": _confusion(settings, records),
            "timing": _timing(settings, len(records), clock),
        }
    )
    for name, order in ORDER.items():
        if order:
            tables.frames[name] = tables.frames[name].sort_values(order, kind="stable", ignore_index=True)
    done = sorted((record for record in records if record.diverged is None), key=lambda record: record.replica)
    keys = {
        "lr": np.array([rate for rate, _ in (record.replica for record in done)]),
        "seed": np.array([seed for _, seed in (record.replica for record in done)]),
    }
    if settings.data.inputs.shape[1] == 2 and settings.data.task == "classification":
        tables.boundary = keys | {"decision": np.array([record.boundary for record in done])}
    if settings.save and done:
        tables.network = keys | _networks(settings, done)
    return tables


def _condition(settings: Settings) -> Row:
    """Return the cells of `CONDITION`."""
    return settings.run, settings.data.name, settings.activation.name, settings.output.name


def _history(settings: Settings, records: Sequence[Record]) -> pd.DataFrame:
    further = [SHARPNESS] if settings.diagnostics.sharpness else []
    rows: list[Row] = []
    for record in records:
        identity = (*_condition(settings), *record.replica)
        cells = {name: record.history[name].astype(object) for name in (*LOSS_COLUMNS, GRADIENT_NORM, *further)}
        if not settings.diagnostics.layers:
            cells[GRADIENT_NORM][:] = None
        rows += [(*identity, epoch, *row) for epoch, row in enumerate(zip(*cells.values(), strict=True))]
    return _frame(rows, (*HISTORY, *further))


def _layers(settings: Settings, records: Sequence[Record]) -> pd.DataFrame:
    rows: list[Row] = []
    for record in records if settings.diagnostics.layers else ():
        identity = (*_condition(settings), *record.replica)
        cells = {name: values.astype(object) for name, values in record.layers.items()}
        cells[UPDATE_RATIO][0] = None
        for name in ACTIVATION_COLUMNS:
            cells[name][:, len(settings.net.hidden) :] = None
        index = np.ndindex(cells[UPDATE_RATIO].shape)
        values = zip(*(column.ravel() for column in cells.values()), strict=True)
        rows += [(*identity, epoch, layer + 1, *row) for (epoch, layer), row in zip(index, values, strict=True)]
    return _frame(rows, LAYERS)


def _replicas(settings: Settings, records: Sequence[Record], parameters: int) -> pd.DataFrame:
    condition = settings.columns
    rows: list[Row] = []
    for record in records:
        status = "done" if record.diverged is None else "diverged"
        outcome = (settings.data.task, parameters, status, record.diverged, record.best_epoch)
        losses = (*record.final.values(), *record.losses(record.best_epoch).values())
        rows.append((*_condition(settings), *record.replica, *condition.values(), *outcome, *losses))
    return _frame(rows, (*IDENTITY, *condition, *OUTCOME))


def _confusion(settings: Settings, records: Sequence[Record]) -> pd.DataFrame:
    classes = settings.data.classes
    rows: list[Row] = []
    for record in records:
        if record.diverged is None:
            identity = (*_condition(settings), *record.replica)
            for (true, predicted), count in np.ndenumerate(record.confusion):
                rows.append((*identity, classes[true], classes[predicted], int(count)))
    return _frame(rows, CONFUSION)


def _timing(settings: Settings, replicas: int, clock: Mapping[str, float]) -> pd.DataFrame:
    seconds = (clock[stage] for stage in ("total", *STAGES))
    threads = 1  # of each part
    return _frame([(*_condition(settings), replicas, settings.epochs, threads, *seconds)], TIMING)


def _frame(rows: Sequence[Row], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns), dtype=object)


def _networks(settings: Settings, done: Sequence[Record]) -> dict[str, np.ndarray]:
    """Return the arrays of network.npz: each replica's along the first axis, and what they have in common as JSON."""
    networks = [record.network for record in done if record.network is not None]
    common = {name: settings.condition[name] for name in ("activation", "output", "net", "dtype")}
    data = {name: getattr(settings.data, name) for name in ("task", "features", "classes")}
    data["columns"] = [column.record for column in settings.data.columns]
    return {
        "validation_loss": np.array([record.final["validation_loss"] for record in done]),
        **{name: np.stack([arrays[name] for arrays in networks]) for name in networks[0]},
        "about": np.array(json.dumps({"run": settings.run, **common, **data})),
    }
