"""The reference of each condition: the one with which it is compared."""

from typing import Any

import pandas as pd

from experiments.analysis.labels import setting_columns
from experiments.analysis.recipe import off_values
from nets.activations import ACTIVATIONS
from nets.outputs import OUTPUTS

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
    are decided by the default initializer, then by the output of a likelihood, then by the smaller network, then by the
    fewest settings of the recipe (norm, dropout, clipping, …) that are on, then by their smallest values. If the data
    set lacks the baseline activation, its first activation in the registry is the baseline.
    """
    conditions = _preferences(replicas)
    order = ["others", "init", "output", "parameters", "recipe", "run"]
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
    columns = [column for column in setting_columns(replicas) if not column.startswith(follow)]
    settings = conditions[["dataset", "output", *columns]].astype(str).fillna("").agg("|".join, axis=1)
    return conditions[["run", "dataset", "activation"]].assign(
        settings=settings,
        initializer=conditions.get("init.name", default),
        others=-settings.map(settings.value_counts()),
        init=~default,
        output=~conditions["output"].isin([name for name, output in OUTPUTS.items() if output.nats]),
        parameters=conditions.get("parameters", 0),
        recipe=_recipe_ranks(conditions[[column for column in columns if column in off_values()]]),
    )


def _recipe_ranks(settings: pd.DataFrame) -> list[int]:
    """Return the rank of each row of the recipe's settings: the fewest that are on first, then the smallest values."""
    keys = [(int(row.notna().sum()), *map(_value_key, row)) for _, row in settings.iterrows()]
    ranks = {key: rank for rank, key in enumerate(sorted(set(keys)))}
    return [ranks[key] for key in keys]


def _value_key(value: Any) -> tuple[Any, ...]:
    """Return the key of a setting's value: off (an empty cell) first, then numbers by size, then words."""
    return (0,) if pd.isna(value) else (2, value) if isinstance(value, str) else (1, float(value))


def _baseline_of(conditions: pd.DataFrame) -> str:
    """Return the baseline activation of conditions: `BASELINE`, or their first activation in the registry."""
    activations: list[str] = list(conditions["activation"].unique())
    if BASELINE in activations:
        return BASELINE
    order = {name: index for index, name in enumerate(ACTIVATIONS)}
    return min(activations, key=lambda name: order.get(name, len(order)))
