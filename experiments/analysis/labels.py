"""Labels of a study's conditions, from the settings in which they differ."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd


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


def describe(column: str, value: object) -> str:
    """Return one setting as text: "alpha=0.2", "net.hidden=[32, 32]", "adam", "digits"."""
    text = repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
    group, _, field = column.partition(".")
    if column in ("activation", "output", "dataset") or field == "name":
        return text
    if column == "net.hidden":
        widths = json.loads(text)
        if len(widths) > 3 and len(set(widths)) == 1:
            text = f"{widths[:1]}×{len(widths)}"
    return f"{field if group in ('activation', 'dataset', 'formula') else column}={text}"
