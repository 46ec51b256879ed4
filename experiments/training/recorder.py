"""What training recorded of its replicas, and the tables of a run made from it."""

import json
from typing import NamedTuple

import numpy as np

from experiments.tables import (
    CONFUSION,
    HISTORY,
    IDENTITY,
    LAYERS,
    LOSS_COLUMNS,
    ORDER,
    OUTCOME,
    SHARPNESS,
    TIMING,
    RunTables,
)


class Record(NamedTuple):
    """What training recorded of one replica."""

    replica: tuple[float, int]  # learning rate, seed
    diverged: int | None  # epoch at whose end a loss was not finite
    history: np.ndarray  # (epochs + 1, losses and errors, then the gradient norm and the sharpness)
    layers: np.ndarray  # (epochs + 1, layers, LAYER_COLUMNS)
    confusion: np.ndarray  # (classes, classes) counts, true by predicted
    boundary: np.ndarray  # (y, x) decided class
    network: dict[str, np.ndarray] | None  # parameters and scales, if they are to be kept


def assemble(settings, records: list[Record], parameters: int, clock: dict[str, float]) -> RunTables:
    """Return the tables of freshly trained replicas.

    Parameters
    ----------
    settings
        The condition they belong to.
    records
        One per replica.
    parameters
        How many numbers a replica learns.
    clock
        Threads, and seconds by stage, for `timing`.
    """
    names = (settings.run, settings.data.name, settings.activation.name, settings.output.name)
    with_layers, with_sharpness = settings.diagnostics.layers, settings.diagnostics.sharpness
    hidden = len(settings.net.hidden)
    history, layers, replicas, confusion = [], [], [], []
    for record in records:
        identity = (*names, *record.replica)
        # A diverged replica has rows up to the epoch at which that was seen.
        rows = record.history[: None if record.diverged is None else record.diverged + 1].tolist()
        for epoch, (*losses, gradient_norm, sharpness) in enumerate(rows):
            row = (*identity, epoch, *losses, gradient_norm if with_layers else None)
            history.append((*row, sharpness) if with_sharpness else row)
        if with_layers:
            for epoch, by_layer in enumerate(record.layers[: len(rows)].tolist()):
                for layer, row in enumerate(by_layer, 1):
                    ratio = row[3] if epoch else None
                    activation = row[4:] if layer <= hidden else [None] * len(row[4:])
                    layers.append((*identity, epoch, layer, *row[:3], ratio, *activation))
        finite = [row[2] if np.isfinite(row[2]) else np.inf for row in rows]
        best = int(np.argmin(finite))
        status = "done" if record.diverged is None else "diverged"
        outcome = (settings.data.task, parameters, status, record.diverged, best)
        replicas.append((*identity, *settings.columns.values(), *outcome, *rows[-1][:-2], *rows[best][:-2]))
        if record.diverged is None:
            for (true, predicted), count in np.ndenumerate(record.confusion):
                classes = settings.data.classes
                confusion.append((*identity, classes[true], classes[predicted], int(count)))
    frames = {
        "history": _frame(history, (*HISTORY, SHARPNESS) if with_sharpness else HISTORY),
        "layers": _frame(layers, LAYERS),
        "replicas": _frame(replicas, (*IDENTITY, *settings.columns, *OUTCOME)),
        "confusion": _frame(confusion, CONFUSION),
    }
    seconds = (
        len(records),
        settings.epochs,
        clock["threads"],
        *(clock.get(stage, 0.0) for stage in TIMING[-4:]),
    )
    frames["timing"] = _frame([(*names, *seconds)], TIMING)
    for name, order in ORDER.items():
        if order:
            frames[name] = frames[name].sort_values(order, kind="stable", ignore_index=True)
    tables = RunTables(frames)
    done = sorted((record for record in records if record.diverged is None), key=lambda record: record.replica)
    keys = {name: np.array([record.replica[place] for record in done]) for place, name in enumerate(("lr", "seed"))}
    if settings.data.inputs.shape[1] == 2 and settings.data.task == "classification":
        tables.boundary = keys | {"decision": np.array([record.boundary for record in done])}
    if settings.save and done:
        tables.network = keys | {
            "validation_loss": np.array([record.history[-1, LOSS_COLUMNS.index("validation_loss")] for record in done]),
            **{name: np.stack([record.network[name] for record in done]) for name in done[0].network},
            "about": np.array(json.dumps(_about(settings))),
        }
    return tables


def _about(settings):
    """Return what all networks of a run have in common, as JSON would hold it."""
    own = ("activation", "output", "net", "dtype")
    data = {name: getattr(settings.data, name) for name in ("task", "features", "classes", "columns")}
    return {"run": settings.run, **{name: settings.condition[name] for name in own}, **data}


def _frame(rows, columns):
    import pandas as pd

    return pd.DataFrame(rows, columns=list(columns), dtype=object)
