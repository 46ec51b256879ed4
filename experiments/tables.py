"""The tables of a run: their columns, their making from what was recorded, their text and back.

In a frame as in its text, a cell that has no meaning is empty (None), a number that is not finite is `nan`,
`inf` or `-inf`. Text is exact: the shortest decimal that reads back as the same float64.
"""

import json
from dataclasses import dataclass, field
from io import BytesIO
from typing import NamedTuple

import numpy as np

from experiments.diagnostics import LAYER_COLUMNS

PARTS = ("train", "validation", "test")
LOSS_COLUMNS = tuple(f"{part}_{what}" for part in PARTS for what in ("loss", "error"))
IDENTITY = ("run", "dataset", "activation", "output", "lr", "seed")
HISTORY = (*IDENTITY, "epoch", *LOSS_COLUMNS, "gradient_norm")
SHARPNESS = "sharpness"
"""A further column of `history`, where it was asked for."""
LAYERS = (*IDENTITY, "epoch", "layer", *LAYER_COLUMNS)
OUTCOME = (
    "task",
    "parameters",
    "status",
    "diverged_epoch",
    "best_epoch",
    *(f"{when}_{column}" for when in ("final", "best") for column in LOSS_COLUMNS),
)
CONFUSION = (*IDENTITY, "true", "predicted", "count")
TIMING = (*IDENTITY[:4], "replicas", "epochs", "threads", "total", "training", "evaluation", "diagnostics")
ORDER = {
    "history": ["run", "lr", "seed", "epoch"],
    "layers": ["run", "lr", "seed", "epoch", "layer"],
    "replicas": ["run", "lr", "seed"],
    "confusion": ["run", "lr", "seed"],
    "timing": [],
}
"""The tables of a run and what their rows are sorted by."""
WORDS = {*IDENTITY[:4], "task", "status", "true", "predicted"}
NUMBERS = {*HISTORY, SHARPNESS, *LAYERS, *OUTCOME, *CONFUSION, *TIMING} - WORDS


class Record(NamedTuple):
    """What training recorded of one replica."""

    replica: tuple[float, int]  # learning rate, seed
    diverged: int | None  # epoch at whose end a loss was not finite
    history: np.ndarray  # (epochs + 1, losses and errors, then the gradient norm and the sharpness)
    layers: np.ndarray  # (epochs + 1, layers, LAYER_COLUMNS)
    confusion: np.ndarray  # (classes, classes) counts, true by predicted
    boundary: np.ndarray  # (y, x) decided class
    network: dict[str, np.ndarray] | None  # parameters and scales, if they are to be kept


@dataclass
class RunTables:
    """What a run leaves behind: frames by name, and where there are any, the arrays of its .npz files."""

    frames: dict = field(default_factory=dict)
    boundary: dict[str, np.ndarray] | None = None
    network: dict[str, np.ndarray] | None = None


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
    with_layers, with_sharpness = settings.diagnostics["layers"], settings.diagnostics["sharpness"]
    hidden = len(settings.hidden)
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


def _cell(value):
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)


def to_text(frame):
    """Return the frame with every cell as its text: floats in shortest round-trip form, None as nothing."""
    return frame.map(_cell)


def to_csv(text_frame) -> bytes:
    """Return the CSV of a frame whose cells are text."""
    return text_frame.to_csv(index=False, lineterminator="\n").encode()


def from_csv(csv: bytes):
    """Return a CSV as a frame of text cells."""
    import pandas as pd

    return pd.read_csv(BytesIO(csv), dtype=str, keep_default_na=False)


def merge(name: str, old, new):
    """Return two frames of text cells as one, each replica's rows from the newer, sorted as the table `name` is."""
    import pandas as pd

    if "seed" not in new:
        return pd.concat([old, new], ignore_index=True)
    key = ["lr", "seed"]
    fresh = pd.MultiIndex.from_frame(new[key].astype(float))
    kept = old[~pd.MultiIndex.from_frame(old[key].astype(float)).isin(fresh)]
    both = pd.concat([kept, new], ignore_index=True)
    return both.sort_values(
        ORDER[name],
        key=lambda column: column if column.name == "run" else column.astype(float),
        kind="stable",
    )


def read(source):
    """Return a stored table as a typed frame: an empty cell is NaN (or <NA> in a column of whole numbers).

    Parameters
    ----------
    source
        Path or open file of the CSV.
    """
    import pandas as pd

    columns = pd.read_csv(source, nrows=0).columns
    if hasattr(source, "seek"):
        source.seek(0)
    # Only empty cells and nan are missing: an activation may be called "null".
    return pd.read_csv(
        source,
        dtype={column: str for column in columns if column in WORDS} | {"diverged_epoch": "Int64"},
        keep_default_na=False,
        na_values={column: ["", "nan"] for column in columns if column not in WORDS},
    )
