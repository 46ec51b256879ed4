"""The tables of a run: their columns, their making from what was recorded, their text and back.

In a frame as in its text, a cell that has no meaning is empty (None), a number that is not finite is `nan`,
`inf` or `-inf`. Text is exact: the shortest decimal that reads back as the same float64.
"""

from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

LAYER_COLUMNS = (
    "weight_gradient_norm",
    "delta_norm",
    "weight_norm",
    "update_ratio",
    "activation_mean",
    "activation_median",
    "activation_std",
    "zero_fraction",
    "saturated_fraction",
    "dead_fraction",
)


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


@dataclass
class RunTables:
    """What a run leaves behind: frames by name, and where there are any, the arrays of its .npz files."""

    frames: dict = field(default_factory=dict)
    boundary: dict[str, np.ndarray] | None = None
    network: dict[str, np.ndarray] | None = None


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


def selected(replicas: "pd.DataFrame") -> "pd.Series":
    """Return which rows of the table `replicas` have the learning rate that is selected for their run.

    That is the rate with the lowest mean final validation loss over the rows given; a rate with a diverged replica
    ranks last, and of equal ones the smaller is selected.
    """
    rate = replicas["lr"].astype(float)
    loss = replicas["final_validation_loss"].astype(float).where(replicas["status"] == "done", np.inf)
    best = loss.groupby([replicas["run"], rate]).mean().groupby("run").idxmin().map(lambda key: key[1])
    return rate == replicas["run"].map(best)
