"""What a report says of each data set: the baselines on its splits, and the seeds that its comparisons need."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.analysis.statistics import seeds_needed
from experiments.analysis.units import UNITS, unit_of_row
from experiments.report.formatting import NOTHING, error, number
from experiments.store.reading import StudyTables

DIFFERENCES = (2, 1, 0.5, 0.2)
"""Differences of errors or other shares, in percentage points, for which the needed seeds are shown."""


@dataclass(frozen=True)
class Baseline:
    """A model of scikit-learn on a data set: its mean test error with its unit, the std, the number of seeds."""

    dataset: str
    name: str
    error: str
    std: str
    seeds: int


@dataclass(frozen=True)
class SeedsRow:
    """A data set, the std of its paired differences, and the seeds that each of the differences needs."""

    dataset: str
    spread: str
    seeds: list[str]


@dataclass(frozen=True)
class SeedsNeeded:
    """Differences, as texts, and a row for each data set."""

    differences: list[str]
    rows: list[SeedsRow]


def baselines(tables: StudyTables) -> list[Baseline]:
    """Return the errors of scikit-learn's models on the splits of a study."""
    if tables.baselines is None or tables.baselines.empty:
        return []
    tasks = tables.replicas.drop_duplicates("dataset").set_index("dataset")["task"]
    groups = tables.baselines.groupby(["dataset", "baseline"])["test_error"].agg(["mean", "std", "count"]).reset_index()
    result = []
    for row in groups.itertuples(index=False):
        unit = UNITS[tasks[row.dataset]]
        std = unit.text(row.std) if row.count > 1 else NOTHING
        result.append(Baseline(row.dataset, row.baseline, unit.full_text(row.mean), std, row.count))
    return result


def needed_seeds(board: pd.DataFrame) -> SeedsNeeded:
    """Return how many seeds a difference in points needs on each data set, at the median std of its comparisons."""
    points = UNITS["classification"]
    shares = pd.Series([unit_of_row(row).is_share for row in board.itertuples()], board.index)
    compared = board[board["spread"].notna() & shares]
    differences = np.array(DIFFERENCES) / points.scale
    rows = []
    for dataset, part in compared.groupby("dataset"):
        spread = part["spread"].median()
        seeds = seeds_needed(differences, np.full(len(DIFFERENCES), spread))
        rows.append(SeedsRow(dataset, error(spread, points), [number(value) for value in seeds]))
    return SeedsNeeded([f"{points:g} point{'' if points == 1 else 's'}" for points in DIFFERENCES], rows)
