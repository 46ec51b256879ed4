"""The chart beside the answer: the values of each condition by seed, from which the page computes what it shows."""

import math
from typing import TypedDict

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from experiments.analysis.comparison import ranking_seeds
from experiments.analysis.labels import labels
from experiments.analysis.paired import LEVEL
from experiments.analysis.simple import PERCEPTRON
from experiments.analysis.units import ERROR, RECORDED, TEST, Unit, metric_of, task_metrics, unit_of
from experiments.figures.style import looks
from experiments.store.reading import StudyTables
from experiments.tables import RECALL

DIGITS = 7
"""Significant digits of a value."""


class Metric(TypedDict):
    """The name of a quantity of the test part with its unit, whether it is a share, and its possible values."""

    name: str
    share: bool
    floor: float | None
    ceiling: float | None


class Condition(TypedDict):
    """A condition: its name, its colour, and by metric a value for each seed of its data set.

    A value is None if the seed was not trained or the network has no finite value; `lost` counts the latter.
    """

    name: str
    color: str
    lost: int
    values: dict[str, list[float | None]]


class Overview(TypedDict):
    """A data set: its seeds; metrics, the first of which ranks; conditions by rank; simple models' mean errors."""

    dataset: str
    seeds: list[int]
    metrics: dict[str, Metric]
    conditions: list[Condition]
    models: dict[str, float]


def overviews(tables: StudyTables, board: pd.DataFrame) -> list[Overview]:
    """Return the chart of each data set from the study's tables and `Findings.board`."""
    selected = tables.replicas[tables.replicas["selected"]]
    names = labels(selected, omit=("dataset",))
    first = metric_of(selected)
    result: list[Overview] = []
    for dataset, ranked in board.groupby("dataset", sort=True):
        part = selected[selected["dataset"] == dataset]
        units = _units(part, first)
        appearance = looks(part)
        seeds, ranking = sorted(part["seed"].unique()), ranking_seeds(part)
        conditions: list[Condition] = []
        for run in ranked["run"]:
            rows = part[part["run"] == run].set_index("seed")
            if ranking <= set(rows.index):  # as in the leaderboard
                rows = rows[rows.index.isin(ranking)]
            values = {name: _values(rows, name, unit, first).reindex(seeds) for name, unit in units.items()}
            lost = int(values[first][rows.index].isna().sum())
            texts = {name: _short(column) for name, column in values.items() if column.notna().any()}
            conditions.append({"name": names[run], "color": appearance[run].color, "lost": lost, "values": texts})
        metrics: dict[str, Metric] = {
            name: {
                "name": f"test {unit.heading}",
                "share": unit.is_share,
                "floor": _bound(unit.floor),
                "ceiling": _bound(unit.ceiling),
            }
            for name, unit in units.items()
        }
        result.append(
            {
                "dataset": str(dataset),
                "seeds": [int(seed) for seed in seeds],
                "metrics": metrics,
                "conditions": conditions,
                "models": _models(tables.baselines, str(dataset), units[first]),
            }
        )
    return result


def quantiles(replicas: pd.DataFrame) -> list[float]:
    """Return by number of seeds what half an interval's width is in standard errors: t(n−1)."""
    most = replicas["seed"].nunique()
    return [0, 0, *(float(f"{stdtrit(n - 1, (1 + LEVEL) / 2):.5g}") for n in range(2, most + 1))]


def _units(part: pd.DataFrame, first: str) -> dict[str, Unit]:
    """Return the quantities of a data set by name, the one that ranks first; recalls of single classes are left out."""
    task = str(part["task"].iloc[0])
    found = [name for name in task_metrics(task, part.columns) if not name.startswith(RECALL)]
    return {name: unit_of(task, name) for name in dict.fromkeys([first, ERROR, *found])}


def _values(rows: pd.DataFrame, name: str, unit: Unit, first: str) -> pd.Series:
    """Return a quantity of each network, lower is better, in its unit; NaN for a network that diverged."""
    if name == first:
        values = rows["final_test_error"].astype(float)
    elif name == ERROR:
        values = rows[RECORDED].astype(float)
    else:
        values = unit.of(rows[f"{TEST}{name}"])
    return (unit.scale * values).where((rows["status"] == "done") & np.isfinite(values))


def _models(baselines: pd.DataFrame | None, dataset: str, unit: Unit) -> dict[str, float]:
    """Return the mean errors of simple models, the lowest first."""
    if baselines is None or baselines.empty:
        return {}
    means = baselines[baselines["dataset"] == dataset].groupby("baseline")["test_error"].mean().sort_values()
    means = means.drop(PERCEPTRON, errors="ignore")  # it has a hidden layer, so nothing is compared with it
    return {str(name): float(f"{unit.scale * mean:.{DIGITS}g}") for name, mean in means.items()}


def _bound(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _short(values: pd.Series) -> list[float | None]:
    return [float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None for value in values]
