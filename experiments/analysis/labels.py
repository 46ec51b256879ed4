"""Names of a study's conditions, from the settings in which they differ."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd


def setting_columns(replicas: pd.DataFrame) -> list[str]:
    """Return the columns of `replicas` that are settings: those between the seed and the task."""
    columns = list(replicas.columns)
    return columns[columns.index("seed") + 1 : columns.index("task")]


def settings(replicas: pd.DataFrame) -> pd.DataFrame:
    """Where the conditions of a study differ, one row per condition (index `run`).

    `activation` is always there; `dataset` where there are several. Any other setting is there if it varies on one
    dataset (what a dataset chooses, such as its batch size, is no difference) and, where it belongs to a named
    choice (`optimizer.momentum` to `optimizer.name`), within one choice. Hyperparameters and initialiser
    follow from the activation by default, so they count only for an activation that has several.

    Returns
    -------
    DataFrame
        The stored values; NaN where a setting does not apply or tells nothing apart.
    """
    own = setting_columns(replicas)
    hyperparameters = [name for name in own if name.startswith("activation.")]
    rest = [name for name in own if name not in hyperparameters]
    table = replicas.drop_duplicates("run").set_index("run")
    shown = table[["activation"]].astype(object)
    for column in [*hyperparameters, "output", "dataset", *rest]:
        group = column.partition(".")[0]
        within = {"dataset", group, f"{group}.name", f"{group}.epochs"} - {column}
        if group in ("formula", "init"):
            within.add("activation")
        alike = [table[name] for name in within if name in table] or np.zeros(len(table))
        values = table[column].astype(object)
        varies = values.groupby(alike, dropna=False).transform("nunique", dropna=False) > 1
        if varies.any():
            shown[column] = values.where(varies) if "activation" in within else values
    return shown


def labels(replicas: pd.DataFrame, apart: Sequence[str] = ()) -> pd.Series:
    """Human names of a study's conditions: the activation, then whatever else tells conditions apart.

    Parameters
    ----------
    replicas
        The table `replicas`, or part of it.
    apart
        Columns that stand beside the names, such as `dataset`, and so are left out of them.

    Returns
    -------
    Series
        Index `run`; a label is "relu", or "elu, alpha=0.2" where the study holds several of ELU. With the columns
        `apart` it names one condition.
    """
    table = settings(replicas).drop(columns=list(apart), errors="ignore")
    names = pd.Series(
        [
            ", ".join(describe(column, value) for column, value in row.items() if not pd.isna(value))
            for row in table.to_dict("records")
        ],
        index=table.index,
        name="label",
        dtype=object,
    )
    beside = replicas.drop_duplicates("run").set_index("run")[list(apart)]
    twice = beside.assign(label=names).duplicated(keep=False)
    return names.where(~twice, names + ", " + names.index.str.rpartition("-").get_level_values(2))


def describe(column: str, value: object) -> str:
    """Return one setting as a reader would write it: "alpha=0.2", "net.hidden=[32, 32]", "adam", "digits"."""
    text = repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
    group, _, field = column.partition(".")
    if column in ("activation", "output", "dataset") or field == "name":
        return text
    if column == "net.hidden":
        widths = json.loads(text)
        if len(widths) > 3 and len(set(widths)) == 1:
            text = f"{widths[:1]}×{len(widths)}"
    return f"{field if group in ('activation', 'dataset', 'formula') else column}={text}"
