"""Writes a study as event files of TensorBoard: each replica is a run, with its hyperparameters and its history.

Only the package tensorboard is needed, neither TensorFlow nor PyTorch.
"""

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments import tables
from experiments.config.errors import ConfigError
from experiments.store.collecting import collect
from experiments.store.files import RESULTS
from experiments.store.reading import load_tables
from experiments.store.study import Study

if TYPE_CHECKING:
    import pandas as pd

OUTCOMES = ("final_validation_error", "final_test_error")
"""The columns of `replicas` that TensorBoard's table of hyperparameters shows."""


def write_events(study: str, results: Path = RESULTS) -> tuple[Path, int]:
    """Write a folder for each replica of a study; return the folder of all, and how many replicas there are.

    The folder of an earlier export is replaced.

    Raises
    ------
    ConfigError
        If the package tensorboard is missing, or if there is no such study.
    """
    if find_spec("tensorboard") is None:
        raise ConfigError("TensorBoard's event files need tensorboard: pip install '.[export]'")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    collect(Study(study, results))
    stored = load_tables(study, results)
    folder, new = results / study / "tensorboard", results / study / ".tensorboard"
    shutil.rmtree(new, ignore_errors=True)
    history = dict(list(stored.history.groupby(tables.KEY)))
    columns = [name for name in stored.history if name not in (*tables.IDENTITY, "epoch")]
    for replica in stored.replicas.to_dict("records"):
        run, rate, seed = (replica[name] for name in tables.KEY)
        writer = EventFileWriter(str(new / run / f"lr={rate:g},seed={seed}"))
        for summary in _hyperparameters(replica):
            writer.add_event(Event(summary=summary))
        for epoch, summary in _epochs(history[run, rate, seed], columns):
            writer.add_event(Event(step=epoch, summary=summary))
        writer.close()
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)
    return folder, len(stored.replicas)


def _hyperparameters(replica: "dict[str, Any]") -> Iterator[Any]:
    """Yield the summaries by which TensorBoard knows the settings of a replica and its end."""
    from tensorboard.plugins.hparams import api

    columns = list(replica)
    names = [
        "dataset",
        "activation",
        "output",
        "lr",
        "seed",
        *columns[columns.index("seed") + 1 : columns.index("task")],
    ]
    values = {name: replica[name] for name in names}
    yield api.hparams_pb({name: _plain(value) for name, value in values.items() if value == value})


def _plain(value: Any) -> bool | float | str:
    """Return a setting as a type that TensorBoard knows."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return str(value) if isinstance(value, str) else float(value)


def _epochs(history: "pd.DataFrame", columns: list[str]) -> Iterator[tuple[int, Any]]:
    """Yield each epoch of a replica with the summary of its numbers."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    for epoch, *numbers in history[["epoch", *columns]].itertuples(index=False, name=None):
        named = zip(columns, numbers, strict=True)
        values = [Summary.Value(tag=tag(name), simple_value=number) for name, number in named if number is not None]
        yield int(epoch), Summary(value=values)


def tag(column: str) -> str:
    """Return the name of a column as TensorBoard groups names: "loss/train" for train_loss."""
    part, _, quantity = column.partition("_")
    return f"{quantity}/{part}" if part in tables.PARTS else column
