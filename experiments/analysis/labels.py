"""Names of a study's tasks and labels of its conditions, from the settings in which they differ."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from experiments.analysis.recipe import off_values
from experiments.config.trials import RATE
from experiments.tables import TRIAL

if TYPE_CHECKING:
    from experiments.store.reading import StudyTables

DIGITS = 6
"""Digits of a digest that stand in a name."""


def name_tasks(tables: "StudyTables") -> "StudyTables":
    """Return the tables of a study with the name of its task, instead of its data set, in every row of a run."""
    names = task_names(tables.replicas)
    frames = {}
    for table in ("history", "layers", "replicas", "confusion", "reliability", "timing"):
        frame = getattr(tables, table)
        if frame is not None:
            frames[table] = frame.assign(dataset=frame["run"].map(names).fillna(frame["dataset"]))
    return tables._replace(**frames)


def task_names(replicas: pd.DataFrame) -> pd.Series:
    """Return the name of each run's task; the index is `run`.

    A task is the data with their target, their split and the root of the randomness: `task_id` in the table, which
    begins with "a" if the networks reconstruct their inputs (`task=autoencode`). Only
    conditions of one task can be compared. A task is called by its data set if the study has no other task with that
    data set's name. Otherwise the settings in which these tasks differ follow: "train, target=weight". A table without
    `task_id` keeps the names of its data sets.
    """
    conditions = replicas.drop_duplicates("run").set_index("run")
    if "task_id" not in conditions:
        return conditions["dataset"]
    result = conditions["dataset"].copy()
    for dataset, same_name in conditions.groupby("dataset"):
        tasks = _task_settings(same_name)
        differing = _telling_apart(tasks)
        names = {}
        for key, row in tasks.iterrows():
            texts = [describe(name, row[name]) for name in differing if not pd.isna(row[name])]
            names[key] = ", ".join([str(dataset), *texts])
        repeated = pd.Series(names).duplicated(keep=False)
        names |= {key: f"{names[key]}, {key[:DIGITS]}" for key in repeated.index[repeated]}
        result[same_name.index] = same_name["task_id"].map(names)
    return result


def same_tasks(replicas: pd.DataFrame) -> list[list[str]]:
    """Return the names of data sets that are one task, such as a file and its copy; each list has two or more."""
    if "task_id" not in replicas:
        return []
    names = replicas.drop_duplicates(["task_id", "dataset"]).groupby("task_id", sort=False)["dataset"].agg(list)
    return [group for group in names if len(group) > 1]


def _task_settings(conditions: pd.DataFrame) -> pd.DataFrame:
    """Return the settings of each task, the most telling first; the index is `task_id`."""
    learned = conditions["task"].mask(conditions["task_id"].str.startswith("a"), "autoencode")
    tasks = conditions.assign(task=learned).drop_duplicates("task_id")
    first, last = ("dataset.target", "task"), ("split.test", "split.validation", "entropy", "dataset.sha256")
    others = {name for name in tasks if name.startswith("dataset.")} - {*first, *last, "dataset.task"}
    columns = [name for name in (*first, *sorted(others), *last) if name in tasks]
    return tasks.set_index("task_id")[columns].astype(object)


def _telling_apart(tasks: pd.DataFrame) -> list[str]:
    """Return the settings in which tasks of one name differ.

    A setting that only some tasks have is included if the others do not tell them apart.
    """
    result: list[str] = []
    for name in tasks:
        several = tasks[name].nunique() > 1 and name != "dataset.sha256"
        groups = tasks[result].astype(str).fillna("").agg("|".join, axis=1) if result else pd.Series("", tasks.index)
        needed = tasks[name].groupby(groups).nunique(dropna=False).max() > 1
        if several or needed:
            result.append(name)
    return result


def setting_columns(replicas: pd.DataFrame) -> list[str]:
    """Return the columns of `replicas` that are settings: those between the seed and the task."""
    columns = list(replicas.columns)
    return columns[columns.index("seed") + 1 : columns.index("task")]


def differing_settings(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return the settings in which the conditions of a study differ, one row per condition (index `run`).

    `activation` is always included, and `dataset` if there are several. Any other setting is included if it varies
    within one data set: what a data set determines, such as its batch size, is no difference. A setting of a named
    choice (`optimizer.momentum` of `optimizer.name`) must vary within one choice. Hyperparameters and initializer
    follow from the activation by default, so they are included only for an activation that has several.

    Returns
    -------
    DataFrame
        The stored values; NaN where a setting does not apply or does not differ.
    """
    columns = setting_columns(replicas)
    hyperparameters = [column for column in columns if column.startswith("activation.")]
    others = [column for column in columns if column not in hyperparameters]
    table = replicas.drop_duplicates("run").set_index("run")
    differing = table[["activation"]].astype(object)
    for column in [*hyperparameters, "output", "dataset", *others]:
        if table[column].nunique(dropna=False) < 2:  # most settings
            continue
        group = column.partition(".")[0]
        within = {"dataset", group, f"{group}.name", f"{group}.epochs"} - {column}
        if group in ("formula", "init"):
            within.add("activation")
        fixed = [table[name] for name in within if name in table] or np.zeros(len(table))
        values = table[column].astype(object)
        varies = values.groupby(fixed, dropna=False).transform("nunique", dropna=False) > 1
        if varies.any():
            differing[column] = values.where(varies) if "activation" in within else values
    return differing


def labels(replicas: pd.DataFrame, omit: Sequence[str] = ()) -> pd.Series:
    """Return a label for each condition of a study: the activation, then the settings in which conditions differ.

    Parameters
    ----------
    replicas
        The table `replicas`, or part of it.
    omit
        Columns that the reader sees beside the label, such as `dataset`. Labels leave them out.

    Returns
    -------
    Series
        Index `run`. A label is "relu", or "elu, alpha=0.2" if the study has several conditions with ELU. Together with
        the columns `omit` it is unique.
    """
    table = differing_settings(replicas).drop(columns=list(omit), errors="ignore")
    texts = [
        ", ".join(describe(column, value) for column, value in row.items() if not pd.isna(value))
        for row in table.to_dict("records")
    ]
    result = pd.Series(texts, index=table.index, name="label", dtype=object)
    omitted = replicas.drop_duplicates("run").set_index("run")[list(omit)]
    repeated = omitted.assign(label=result).duplicated(keep=False)
    digest = result.index.str.rpartition("-").get_level_values(2)
    return result.where(~repeated, result + ", " + digest)


def trial_values(replicas: pd.DataFrame) -> pd.Series:
    """Return for each run what its selected trial decides besides the learning rate, as text; the index is `run`.

    An example is "init.gain=1.21, net.dropout=0.07"; "" for a run whose trials are learning rates alone.
    """
    columns = [column for column in replicas if column.startswith(TRIAL)]
    table = replicas[replicas["selected"]].drop_duplicates("run").set_index("run")[columns]
    texts = [
        ", ".join(f"{column.removeprefix(TRIAL)}={value:.3g}" for column, value in row.items() if not pd.isna(value))
        for row in table.to_dict("records")
    ]
    return pd.Series(texts, index=table.index, dtype=object)


def describe(column: str, value: object) -> str:
    """Return one setting as text: "alpha=0.2", "net.hidden=[32, 32]", "adam", "digits".

    Of a space the learning rate is left out, which every space has.
    """
    text = repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
    group, _, field = column.partition(".")
    if text in ("True", "False") and column in off_values():  # older labels stay as they are
        text = text.lower()
    if field == "sha256":
        text = text[:DIGITS]
    if column in ("activation", "output", "dataset") or field == "name":
        return text
    if column == "tune.space":
        ranges = {key: text.replace(".0,", ",").replace(".0)", ")") for key, text in json.loads(text).items()}
        text = f"{{{', '.join(f'{key}: {text}' for key, text in ranges.items() if key != RATE)}}}"
    if column == "net.hidden":
        widths = json.loads(text)
        if len(widths) > 3 and len(set(widths)) == 1:
            text = f"{widths[:1]}×{len(widths)}"
    return f"{field if group in ('activation', 'dataset', 'formula') else column}={text}"
