"""The reference of each condition: the one with which it is compared."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pandas as pd

from experiments.analysis.labels import setting_columns
from experiments.config.choices import REGISTRIES, default_options, hyperparameters, read_conf
from nets.activations import ACTIVATIONS
from nets.outputs import OUTPUTS, auto

BASELINE = "relu"
"""The activation with which others are compared."""


def has_default_initializer(conditions: pd.DataFrame) -> pd.Series:
    """Return whether each condition has the default initializer of its activation."""
    if "init.name" not in conditions:
        return pd.Series(True, conditions.index)
    defaults = conditions["activation"].map(lambda name: getattr(ACTIVATIONS.get(name), "initializer", None))
    return defaults.isna() | (defaults == conditions["init.name"])


def references(replicas: pd.DataFrame) -> dict[str, str]:
    """Return the reference of each run; one run of each data set has none.

    The reference of a run is the baseline activation with the same settings, if possible with the same initializer.
    If there is none, it is the data set's main condition, which is also the reference of the other conditions with the
    baseline activation. The main condition has the baseline activation and the settings of most conditions. Ties
    are decided by the default initializer, then by the output (those that `output=auto` takes, then those of another
    likelihood), then by the smaller network, then by `softmax_ce` before `sigmoid_ce`. Of the conditions that are left,
    the one with the fewest settings that differ from their defaults is taken, then the one with the smallest values
    there. If the data set lacks the baseline activation, its first activation in the registry is the baseline.
    """
    conditions = _preferences(replicas)
    order = ["others", "init", "output", "parameters", "usual", "changes", "run"]
    result = {}
    for _, part in conditions.groupby("dataset"):
        first = _baseline_of(part)
        candidates = part[part["activation"] == first].sort_values(order)
        main = candidates["run"].iloc[0]
        for condition in part.itertuples():
            same = candidates[candidates["settings"] == condition.settings]
            closest = same[same["initializer"] == condition.initializer]
            preferred = [] if condition.activation == first else [*closest["run"], *same["run"]]
            reference = next(iter([*preferred, main]))
            if reference != condition.run:
                result[condition.run] = reference
    return result


def _preferences(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return a row per condition: its settings as text, and the columns whose order puts a main condition first."""
    conditions = replicas.drop_duplicates("run").reset_index(drop=True)
    default = has_default_initializer(conditions)
    follow = ("activation.", "init.", "formula.")  # settings that follow from the activation by default
    columns = setting_columns(replicas)
    independent = [column for column in columns if not column.startswith(follow)]
    settings = conditions[["dataset", "output", *independent]].astype(str).fillna("").agg("|".join, axis=1)
    return conditions[["run", "dataset", "activation"]].assign(
        settings=settings,
        initializer=conditions.get("init.name", default),
        others=-settings.map(settings.value_counts()),
        init=~default,
        output=[_output_rank(task, output) for task, output in conditions[["task", "output"]].to_numpy()],
        parameters=conditions.get("parameters", 0),
        usual=conditions["output"] != "softmax_ce",
        changes=_ranks_of_changes(conditions, columns),
    )


def _output_rank(task: str, output: str) -> int:
    """Return 0 for an output that `output=auto` takes, 1 for another one whose cost is a likelihood's, else 2."""
    if output in (auto(task, 2), auto(task, 3)):
        return 0
    return 1 if output in OUTPUTS and OUTPUTS[output].nats else 2


def _ranks_of_changes(conditions: pd.DataFrame, columns: list[str]) -> list[int]:
    """Return the rank of each condition: the fewest settings that differ from their defaults, then their values."""
    varying = [column for column in columns if conditions[column].nunique(dropna=False) > 1]
    keys = []
    for row in conditions.to_dict("records"):
        values = [_value_key(row[column], _default(column, row)) for column in varying]
        keys.append((sum(value > (0,) for value in values), *values))
    ranks = {key: rank for rank, key in enumerate(sorted(set(keys)))}
    return [ranks[key] for key in keys]


def _default(column: str, condition: Mapping[str, Any]) -> Any:
    """Return the default of a setting as a table has it; None if it has none, as the size of a batch."""
    group, _, key = column.partition(".")
    if group in REGISTRIES and key != "name":
        return _defaults_of(group, condition.get(f"{group}.name", condition.get(group))).get(key)
    return _default_settings().get(column)


@cache
def _default_settings() -> Mapping[str, Any]:
    """Return by column the defaults of conf/config.yaml."""
    result = {f"{choice}.name": name for choice, name in default_options().items()}
    for group, value in read_conf("config").items():
        parts = {f"{group}.{key}": part for key, part in value.items()} if isinstance(value, dict) else {group: value}
        result |= {key: json.dumps(part) if isinstance(part, list) else part for key, part in parts.items()}
    return result


@cache
def _defaults_of(choice: str, option: str) -> Mapping[str, Any]:
    """Return by name the defaults of an option's hyperparameters."""
    variant = REGISTRIES[choice].get(option)
    values = {name: default for name, (_, default) in hyperparameters(variant).items()} if variant else {}
    return {name: json.dumps(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _value_key(value: Any, default: Any) -> tuple[Any, ...]:
    """Return the key of a setting's value: the default or an empty cell first, then numbers by size, then words."""
    if pd.isna(value) or value == default:
        return (0,)
    return (2, value) if isinstance(value, str) else (1, float(value))


def _baseline_of(conditions: pd.DataFrame) -> str:
    """Return the baseline activation of conditions: `BASELINE`, or their first activation in the registry."""
    activations: list[str] = list(conditions["activation"].unique())
    if BASELINE in activations:
        return BASELINE
    order = {name: index for index, name in enumerate(ACTIVATIONS)}
    return min(activations, key=lambda name: order.get(name, len(order)))
