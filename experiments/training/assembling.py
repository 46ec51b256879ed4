"""The tables of a run, made from what is recorded of its replicas."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from experiments.config.settings import Settings
from experiments.tables import (
    ACTIVATION_COLUMNS,
    CONFUSION,
    GRADIENT_NORM,
    HISTORY,
    IDENTITY,
    LAYER_COLUMNS,
    LAYERS,
    LOSS_COLUMNS,
    OUTCOME,
    RELIABILITY,
    SHARPNESS,
    STAGES,
    STOPPED_EPOCH,
    TIMING,
    TRIAL,
    UPDATE_RATIO,
    RunTables,
    rounded,
)
from experiments.training.metrics import metric_columns
from experiments.training.recorder import Record, layer_columns

Row = tuple[object, ...]
"""The cells of a table's row."""


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
    records = sorted(records, key=lambda record: record.replica)  # by `ORDER`, as all rows of a record are one run's
    tables = RunTables(
        {
            "history": _history(settings, records),
            "layers": _layers(settings, records),
            "replicas": _replicas(settings, records, parameters),
            "confusion": _confusion(settings, records),
            "reliability": _reliability(settings, records),
            "timing": _timing(settings, len(records), clock),
        }
    )
    done = [record for record in records if record.diverged is None]
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
    metrics = metric_columns(settings) if settings.metrics.every_epoch else []
    further = [*([SHARPNESS] if settings.diagnostics.sharpness else []), *metrics]
    rows: list[Row] = []
    for record in records:
        identity = (*_condition(settings), *record.replica)
        cells = {name: record.history[name].astype(object) for name in (*LOSS_COLUMNS, GRADIENT_NORM, *further)}
        if not settings.diagnostics.layers:
            cells[GRADIENT_NORM][:] = None
        if not _is_diagnosed(settings, record):
            for name in {GRADIENT_NORM, SHARPNESS} & cells.keys():
                cells[name][:] = None
        for name in metrics:
            cells[name][np.isnan(record.history[name])] = None
        rows += [(*identity, epoch, *row) for epoch, row in enumerate(zip(*cells.values(), strict=True), record.first)]
    return _frame(rows, (*HISTORY, *further))


def _layers(settings: Settings, records: Sequence[Record]) -> pd.DataFrame:
    further = layer_columns(settings)[len(LAYER_COLUMNS) :] if settings.diagnostics.layers else ()
    rows: list[Row] = []
    for record in records if settings.diagnostics.layers else ():
        if not _is_diagnosed(settings, record):
            continue
        identity = (*_condition(settings), *record.replica)
        cells = {name: values.astype(object) for name, values in record.layers.items()}
        if record.first == 0:
            cells[UPDATE_RATIO][0] = None
        for name in (*ACTIVATION_COLUMNS, *further):
            cells[name][:, len(settings.net.hidden) :] = None
        index = np.ndindex(cells[UPDATE_RATIO].shape)
        values = zip(*(column.ravel() for column in cells.values()), strict=True)
        rows += [
            (*identity, record.first + epoch, layer + 1, *row)
            for (epoch, layer), row in zip(index, values, strict=True)
        ]
    return _frame(rows, (*LAYERS, *further))


def _is_diagnosed(settings: Settings, record: Record) -> bool:
    """Return whether the diagnostics were made after a replica's last epoch: not if it diverged before they were."""
    return settings.evaluate == "every" or record.last == settings.epochs


def _replicas(settings: Settings, records: Sequence[Record], parameters: int) -> pd.DataFrame:
    condition, metrics = settings.columns, metric_columns(settings)
    rows: list[Row] = []
    for record in records:
        status = "done" if record.diverged is None else "diverged"
        outcome = (settings.data.task, parameters, status, record.diverged, record.best_epoch)
        losses = (*record.final.values(), *record.losses(record.best_epoch).values())
        stopped = (record.stopped,) if settings.early_stopping.on else ()
        measured = (None if np.isnan(record.metrics[column]) else record.metrics[column] for column in metrics)
        trial = settings.trials.get(rounded(record.replica[0]), {}).values()
        further = (*losses, *stopped, *trial, *measured)
        rows.append((*_condition(settings), *record.replica, *condition.values(), *outcome, *further))
    stopping = (STOPPED_EPOCH,) if settings.early_stopping.on else ()
    trial_columns = (f"{TRIAL}{key}" for key in settings.varied)
    results = (*OUTCOME, *stopping, *trial_columns, *(f"final_{column}" for column in metrics))
    columns = (*IDENTITY, *condition, *results)
    return _frame(rows, columns)


def _confusion(settings: Settings, records: Sequence[Record]) -> pd.DataFrame:
    classes = settings.data.classes
    rows: list[Row] = []
    for record in records:
        if record.diverged is None:
            identity = (*_condition(settings), *record.replica)
            for true, counts in zip(classes, record.confusion.tolist(), strict=True):
                rows += [(*identity, true, predicted, count) for predicted, count in zip(classes, counts, strict=True)]
    return _frame(rows, CONFUSION)


def _reliability(settings: Settings, records: Sequence[Record]) -> pd.DataFrame:
    rows: list[Row] = []
    for record in records if settings.data.classes and settings.output.probabilities else ():
        if record.diverged is None:
            identity = (*_condition(settings), *record.replica)
            for number, (count, confidence, right) in enumerate(record.reliability.tolist(), 1):
                means = (confidence / count, right / count) if count else (None, None)
                rows.append((*identity, number, int(count), *means))
    return _frame(rows, RELIABILITY)


def _timing(settings: Settings, replicas: int, clock: Mapping[str, float]) -> pd.DataFrame:
    seconds = (clock[stage] for stage in ("total", *STAGES))
    threads = 1  # of each part
    return _frame([(*_condition(settings), replicas, settings.epochs, threads, *seconds)], TIMING)


def _frame(rows: Sequence[Row], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns), dtype=object)


def _trial_values(settings: Settings, done: Sequence[Record]) -> dict[str, np.ndarray]:
    """Return the values (replicas, keys) of the trials as an array to store; none if only learning rates differ."""
    if not settings.trials:
        return {}
    rows = [list(settings.trials[rounded(record.replica[0])].values()) for record in done]
    return {"trial": np.array(rows, np.float64)}


def _networks(settings: Settings, done: Sequence[Record]) -> dict[str, np.ndarray]:
    """Return the arrays of network.npz: each replica's along the first axis, and what they have in common as JSON."""
    networks = [record.network for record in done if record.network is not None]
    common = {name: settings.condition[name] for name in ("activation", "output", "net", "dtype")}
    if settings.trials:
        common["varied"] = list(settings.varied)
    data = {name: getattr(settings.data, name) for name in ("task", "features", "classes")}
    data["columns"] = [column.record for column in settings.data.columns]
    return {
        "validation_loss": np.array([record.final["validation_loss"] for record in done]),
        **{name: np.stack([arrays[name] for arrays in networks]) for name in networks[0]},
        **_trial_values(settings, done),
        "about": np.array(json.dumps({"run": settings.run, **common, **data})),
    }
