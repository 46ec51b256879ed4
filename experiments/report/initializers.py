"""The table activation × initializer, where a study crosses them."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from experiments.analysis.initializers import initializer_table
from experiments.analysis.units import Unit, metric_of, unit_of
from experiments.report.formatting import NOTHING, error, measure


@dataclass(frozen=True)
class InitializerCell:
    """A mean test error, with the number of diverged replicas if there are any, and whether it is the row's best."""

    text: str
    best: bool


@dataclass(frozen=True)
class InitializerRow:
    """A condition without its initializer, and a cell for each initializer."""

    name: str
    cells: list[InitializerCell]


@dataclass(frozen=True)
class InitializerTable:
    """The conditions on one data set with one output: the table's name, the measure, and the initializers."""

    name: str
    measure: str
    initializers: list[str]
    rows: list[InitializerRow]


def initializer_tables(replicas: pd.DataFrame) -> list[InitializerTable]:
    """Return a table for each data set and output; none where no activation has several initializers."""
    result, metric = [], metric_of(replicas)
    for (dataset, output), part in initializer_table(replicas).groupby(["dataset", "output"]):
        names = sorted(part["initializer"].unique())
        rows = []
        for condition, cells in part.groupby("condition", sort=False):
            by_name = {cell.initializer: _cell(cell, unit_of(cell.task, metric)) for cell in cells.itertuples()}
            rows.append(
                InitializerRow(condition, [by_name.get(name, InitializerCell(NOTHING, False)) for name in names])
            )
        result.append(InitializerTable(f"{dataset}, {output}", measure(part["task"], metric), names, rows))
    return result


def _cell(row: Any, unit: Unit) -> InitializerCell:
    text = error(row.mean, unit)
    return InitializerCell(
        f"{text} ({row.diverged} of {row.n + row.diverged} {unit.lost})" if row.diverged else text, row.best
    )
