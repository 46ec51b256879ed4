"""Writes a study as event files of TensorBoard: each replica is a run, with its hyperparameters and its history.

Only the package tensorboard is needed, neither TensorFlow nor PyTorch.
"""

import shutil
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from experiments import tables
from experiments.config.errors import ConfigError
from experiments.store.collecting import collect
from experiments.store.files import RESULTS
from experiments.store.reading import load_tables
from experiments.store.study import Study

FINAL = "final_"
"""The columns of `replicas` that begin with this are numbers of the network at the end."""


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
        epochs = history[run, rate, seed]
        writer = EventFileWriter(str(new / run / f"lr={rate:g},seed={seed}"))
        writer.add_event(Event(summary=_hyperparameters(replica)))
        for epoch, *numbers in epochs[["epoch", *columns]].itertuples(index=False, name=None):
            writer.add_event(Event(step=epoch, summary=_scalars(zip(map(tag, columns), numbers, strict=True))))
        ends = {f"final/{name.removeprefix(FINAL)}": replica[name] for name in replica if name.startswith(FINAL)}
        writer.add_event(Event(step=int(epochs["epoch"].max()), summary=_scalars(ends.items())))
        writer.close()
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)
    return folder, len(stored.replicas)


def _hyperparameters(replica: dict[str, Any]) -> Any:
    """Return the summary by which TensorBoard knows the settings of a replica.

    TensorBoard's own function for this imports TensorFlow.
    """
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    start = plugin_data_pb2.SessionStartInfo()
    columns = list(replica)
    settings = columns[columns.index("seed") + 1 : columns.index("task")]
    for name in ("dataset", "activation", "output", "lr", "seed", *settings):
        value = replica[name]
        if isinstance(value, bool | np.bool_):
            start.hparams[name].bool_value = bool(value)
        elif isinstance(value, str):
            start.hparams[name].string_value = value
        elif value == value:  # a setting that the condition does not have is NaN
            start.hparams[name].number_value = float(value)
    data = plugin_data_pb2.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, session_start_info=start)
    plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=data.SerializeToString())
    value = Summary.Value(tag=metadata.SESSION_START_INFO_TAG, metadata=SummaryMetadata(plugin_data=plugin))
    return Summary(value=[value])


def _scalars(numbers: Iterable[tuple[str, float]]) -> Any:
    """Return the summary of numbers by name; what is not defined is left out."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in numbers if value == value])


def tag(column: str) -> str:
    """Return the name of a column as TensorBoard groups names: "loss/train" for train_loss."""
    part, _, quantity = column.partition("_")
    return f"{quantity}/{part}" if part in tables.PARTS else column
