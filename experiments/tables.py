"""The tables of a run: their columns, their text and back, their merging, and the learning rate that they select.

A cell that has no meaning is empty (None in a frame). A number that is not finite is `nan`, `inf` or `-inf`.
The text of a number is exact: it is the shortest decimal that reads back as the same float64.
"""

from collections.abc import Collection, Iterable
from csv import reader
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from itertools import chain
from os import PathLike
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Replica = tuple[float, int]
"""Learning rate and seed."""

ACTIVATION_COLUMNS = (
    "activation_mean",
    "activation_median",
    "activation_std",
    "zero_fraction",
    "saturated_fraction",
    "dead_fraction",
)
"""The statistics of a layer's activations. The output layer has no activation, and none of these."""

SIDES = ("off_fraction", "saturated_left_fraction", "saturated_right_fraction")
"""Further statistics of activations, if the configuration asks for them. Their sum is `saturated_fraction`."""

UPDATE_RATIO = "update_ratio"
"""The relative change of a layer's weights in an epoch. There is none before the first epoch."""

LAYER_COLUMNS = ("weight_gradient_norm", "delta_norm", "weight_norm", UPDATE_RATIO, *ACTIVATION_COLUMNS)
"""The statistics of a layer after an epoch."""

PARTS = ("train", "validation", "test")

LOSS_COLUMNS = tuple(f"{part}_{what}" for part in PARTS for what in ("loss", "error"))

CONDITION = ("run", "dataset", "activation", "output")
"""The names that all replicas of a run share."""

IDENTITY = (*CONDITION, "lr", "seed")
"""The names of a replica."""

KEY = ["run", "lr", "seed"]
"""The columns that identify a replica in a study."""

GRADIENT_NORM = "gradient_norm"

SHARPNESS = "sharpness"
"""A further column of `history`, if the configuration asks for it."""

EPOCH_COLUMNS = (*LOSS_COLUMNS, GRADIENT_NORM, SHARPNESS)
"""The numbers of a replica after an epoch."""

HISTORY = (*IDENTITY, "epoch", *LOSS_COLUMNS, GRADIENT_NORM)

LAYERS = (*IDENTITY, "epoch", "layer", *LAYER_COLUMNS)

OUTCOME = (
    "task",
    "parameters",
    "status",
    "diverged_epoch",
    "best_epoch",
    *(f"{when}_{column}" for when in ("final", "best") for column in LOSS_COLUMNS),
)

STOPPED_EPOCH = "stopped_epoch"
"""The column of the replicas for the epoch after which early stopping ended the training."""

TRIAL = "trial."
"""The columns of the replicas for what their trial decides begin with this: `trial.net.dropout`."""

CLASS_METRICS = ("balanced_error", "nll", "brier", "ece_width", "ece_mass", "auc", "f1")
"""The metrics of a classification, besides the error. Each class has a further one: `RECALL` and its name."""

RECALL = "recall_"

NUMBER_METRICS = ("mae", "r2", "nll", "coverage")
"""The metrics of a regression, besides the error."""

CROSSINGS = "crossings"
"""A further metric of an output whose scores are quantiles."""

METRICS = {"classification": CLASS_METRICS, "regression": (*NUMBER_METRICS, CROSSINGS)}
"""By task, all metrics besides the error and the recalls."""

NOMINAL_COVERAGE = 0.9
"""The share of the targets that a central interval shall contain."""

MEASURED = PARTS[1:]
"""The parts on which metrics are computed."""

STUDY = ("task_id", "purpose", "selected")
"""The last columns of a study's table `replicas`; a run's own table has none of them."""

CONFUSION = (*IDENTITY, "true", "predicted", "count")

RELIABILITY = (*IDENTITY, "bin", "count", "confidence", "accuracy")

STAGES = ("training", "evaluation", "diagnostics")
"""What the seconds of a run are spent on."""

TIMING = (*CONDITION, "replicas", "epochs", "threads", "total", *STAGES)

ORDER: dict[str, list[str]] = {
    "history": [*KEY, "epoch"],
    "layers": [*KEY, "epoch", "layer"],
    "replicas": KEY,
    "confusion": KEY,
    "reliability": [*KEY, "bin"],
    "timing": [],
}
"""The tables of a run and what their rows are sorted by."""

LATER = ("reliability",)
"""The tables that runs of earlier versions do not have."""

WORDS = {*CONDITION, "task", "status", "task_id", "purpose", "true", "predicted"}

NUMBERS = {*HISTORY, SHARPNESS, *LAYERS, *SIDES, *OUTCOME, STOPPED_EPOCH, *CONFUSION, *RELIABILITY, *TIMING} - WORDS


def sorted_metrics(columns: Collection[str]) -> list[str]:
    """Return the metrics among the columns of a study's `replicas`: by part, and the recalls by the classes' names."""
    metrics = []
    for part in MEASURED:
        named = [f"final_{part}_{metric}" for metric in dict.fromkeys(chain(*METRICS.values()))]
        metrics += [column for column in named if column in columns]
        metrics += sorted(column for column in columns if column.startswith(f"final_{part}_{RECALL}"))
    return metrics


@dataclass
class RunTables:
    """The results of a run.

    Attributes
    ----------
    frames
        The tables by name: those of `ORDER`.
    boundary
        The arrays of boundary.npz, if the data set has two features and classes.
    network
        The arrays of network.npz, if the networks are to be kept.
    """

    frames: dict[str, "pd.DataFrame"] = field(default_factory=dict)
    boundary: dict[str, np.ndarray] | None = None
    network: dict[str, np.ndarray] | None = None


def _cell(value: object) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)


def to_text(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the frame with each cell as text: a float in its shortest exact form, None as the empty text."""
    return frame.map(_cell)


def to_csv(text_frame: "pd.DataFrame") -> bytes:
    """Return the CSV of a frame whose cells are text."""
    csv: str = text_frame.to_csv(index=False, lineterminator="\n")
    return csv.encode()


def header_line(csv: bytes) -> bytes:
    """Return the first line of a CSV. It may contain line breaks within quotes: a class may name a column."""
    start = quotes = 0
    while (end := csv.find(b"\n", start)) >= 0:
        quotes += csv.count(b'"', start, end)
        if quotes % 2 == 0:
            return csv[:end]
        start = end + 1
    return csv


def number_of_rows(csv: bytes) -> int:
    """Return the number of lines of a CSV below its header."""
    return csv.count(b"\n", len(header_line(csv))) - 1


def columns_of(header: str) -> list[str]:
    """Return the columns of a CSV with this first line."""
    return next(reader(StringIO(header, newline="")))


def from_csv(csv: bytes) -> "pd.DataFrame":
    """Return a CSV as a frame of text cells."""
    import pandas as pd

    return pd.read_csv(BytesIO(csv), dtype=str, keep_default_na=False)


def merge(name: str, old: "pd.DataFrame", new: "pd.DataFrame") -> "pd.DataFrame":
    """Return two frames of text cells as one, sorted as the table `name` is.

    The rows of a replica that is in both frames come from the newer one.
    """
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


def read(source: str | PathLike[str] | IO[Any]) -> "pd.DataFrame":
    """Return a stored table as a typed frame: an empty cell is NaN (or <NA> in a column of whole numbers).

    Parameters
    ----------
    source
        The path of the CSV, or the open file.
    """
    import pandas as pd

    columns = pd.read_csv(source, nrows=0).columns
    if not isinstance(source, str | PathLike):
        source.seek(0)
    # Only empty cells and nan are missing: the name of an activation may be "null".
    frame = pd.read_csv(
        source,
        dtype=dict.fromkeys(WORDS & {*columns}, str) | {"diverged_epoch": "Int64", STOPPED_EPOCH: "Int64"},
        keep_default_na=False,
        na_values={column: ["", "nan"] for column in columns if column not in WORDS},
        # A setting may be empty in thousands of rows, so its type must not be that of a piece of the table.
        low_memory="status" not in columns,
    )
    if frame.empty:  # without a row, pandas takes no column for numbers
        frame = frame.astype({name: float for name, kind in frame.dtypes.items() if kind == "O"})
    # A copy has few blocks. With one for each of hundreds of columns, pandas warns at every `assign`.
    return frame.copy() if len(columns) > 100 else frame


SELECT = {
    "error": ("final_validation_error", "final_validation_loss"),
    "loss": ("final_validation_loss",),
    "best_epoch_error": ("best_validation_error", "best_validation_loss"),
}
"""By rule, the columns whose means choose a learning rate: the first decides, and the next decides ties.

`error` is the rule of every table. The others are arguments of some commands; their choice is never stored.
"""

SELECT_WORDS = {
    "error": "the lowest mean final validation error",
    "loss": "the lowest mean final validation loss",
    "best_epoch_error": "the lowest mean validation error at the epoch with the lowest validation loss",
}
"""By rule, what a selected learning rate has."""


def reported(replicas: "pd.DataFrame") -> "pd.DataFrame":
    """Return the replicas that are results: all but the tuning replicas."""
    return replicas[replicas["purpose"] == "report"] if "purpose" in replicas else replicas


def deciding(replicas: "pd.DataFrame") -> "pd.DataFrame":
    """Return the replicas that choose a learning rate: the tuning replicas of a run that has some, else all of them."""
    if "purpose" not in replicas:
        return replicas
    tuning = replicas["purpose"] == "tuning"
    return replicas[tuning | ~replicas["run"].isin(replicas.loc[tuning, "run"])]


def rounded(number: float) -> float:
    """Return a number to 12 digits: learning rates, or means, that are equal to so many digits count as equal."""
    return float(f"{number:.12g}")


def edge(rate: float, rates: Iterable[float]) -> str:
    """Return "lowest" or "highest" if a chosen learning rate is that of several rates that were tried, else ""."""
    ends = sorted(map(rounded, rates))
    return {ends[0]: "lowest", ends[-1]: "highest"}.get(rounded(rate), "") if ends[0] < ends[-1] else ""


def chosen_rates(replicas: "pd.DataFrame", select: str = "error") -> "pd.Series":
    """Return the learning rate that is selected for each run; the index is `run`.

    It has the lowest mean of the columns `SELECT[select]` over the run's tuning rows. A run without such rows is tuned
    on its reported rows. A rate with a diverged replica ranks last. The other rates are compared on the seeds that all
    of them have; if there are none, on all seeds of each. If means are equal, the smaller rate is selected. Rates that
    are equal to 12 digits are one: the smallest of them stands for all.

    Parameters
    ----------
    replicas
        The table `replicas`. Its column `purpose` may be absent: then all rows are reported.
    select
        The rule, a key of `SELECT`.
    """
    replicas = deciding(replicas)
    columns = list(SELECT[select])
    scores = replicas[columns].astype(float)
    scores = scores.where(scores.notna().all(axis=1) & (replicas["status"] == "done"), np.inf)
    lr = replicas["lr"].astype(float)
    scores = scores.assign(run=replicas["run"], seed=replicas["seed"], lr=lr, rate=lr.map(rounded))
    worst = scores.groupby(["run", "rate"])[columns[0]].transform("max")
    finished = scores["rate"].where(worst < np.inf)
    by_run, by_seed = finished.groupby(scores["run"]), finished.groupby([scores["run"], scores["seed"]])
    shared = by_run.transform("nunique") == by_seed.transform("nunique")
    any_shared = shared.groupby(scores["run"]).transform("any")
    rates = scores[finished.isna() | shared | ~any_shared].groupby(["run", "rate"])
    # Means that are equal in exact arithmetic may differ in their last digits.
    means = rates[columns].mean().map(rounded).assign(lr=rates["lr"].min()).reset_index()
    best = means.sort_values(["run", *columns, "lr"]).drop_duplicates("run")
    return best.set_index("run")["lr"]


def selected(replicas: "pd.DataFrame", select: str = "error") -> "pd.Series":
    """Return which rows of the table `replicas` are reported and have the learning rate of `chosen_rates`.

    Where a seed has several rates that are equal to 12 digits, its first row is selected.
    """
    rates = replicas["lr"].astype(float).map(rounded)
    chosen = rates == replicas["run"].map(chosen_rates(replicas, select).map(rounded))
    chosen &= ~replicas.assign(lr=rates)[KEY].duplicated()
    return chosen & (replicas["purpose"] == "report") if "purpose" in replicas else chosen


def winners(replicas: "pd.DataFrame", select: str = "error") -> "pd.DataFrame":
    """Return the conditions of each task, the one that validation data choose first; the index is `task_id` and `run`.

    Each condition has its selected learning rate. The share of diverged replicas decides first, then the means of the
    columns `SELECT[select]` over the reported seeds that all conditions of the task have. If there are none, it is
    all seeds of each. Equal conditions are sorted by name.

    Parameters
    ----------
    replicas
        The table `replicas` of a study.
    select
        The rule, a key of `SELECT`.

    Returns
    -------
    DataFrame
        `diverged`, the share; the means of the finished replicas; `seeds`, their number.
    """
    columns = list(SELECT[select])
    rows = replicas[selected(replicas, select)]
    by_task = rows.groupby("task_id")["run"]
    shared = rows.groupby(["task_id", "seed"])["run"].transform("nunique") == by_task.transform("nunique")
    rows = rows[shared | ~shared.groupby(rows["task_id"]).transform("any")]
    done = rows["status"] == "done"
    scores = rows[columns].astype(float).where(done).assign(diverged=~done, task_id=rows["task_id"], run=rows["run"])
    conditions = scores.groupby(["task_id", "run"])
    means = conditions[["diverged", *columns]].mean().map(rounded).assign(seeds=conditions.size())
    return means.sort_values(["task_id", "diverged", *columns, "run"])
