"""Significance matrices: each condition of a family compared with each other one."""

from dataclasses import dataclass

import pandas as pd

from experiments.analysis.answer import Findings
from experiments.analysis.labels import labels
from experiments.analysis.statistics import ALPHA
from experiments.analysis.units import Unit, unit_of_row
from experiments.report.formatting import error, p_value

MARKS = {"better": "▼", "worse": "▲"}


@dataclass(frozen=True)
class Difference:
    """Row − column: its text, its adjusted p, and its `kind`: "better", "worse", or "" where p is not below 5 %.

    The text begins with a mark of the kind if this holds on these splits, and with two if it holds for new data too.
    """

    text: str
    p: str
    kind: str


@dataclass(frozen=True)
class MatrixRow:
    """A condition and its differences from those of the columns, None on the diagonal."""

    name: str
    cells: list[Difference | None]


@dataclass(frozen=True)
class Matrix:
    """A family: its name, the names of its conditions, a row for each, and the number of pairs."""

    name: str
    names: list[str]
    rows: list[MatrixRow]
    pairs: int


def matrices(findings: Findings, chosen: pd.DataFrame) -> list[Matrix]:
    """Return the matrix of each family in `Findings.pairs`; `chosen` are the replicas at the selected rates."""
    units = {row.run: unit_of_row(row) for row in chosen.drop_duplicates("run").itertuples()}
    names = labels(chosen, omit=("dataset",))
    result = []
    for family, pairs in findings.pairs.items():
        runs = list(dict.fromkeys([*pairs["run"], *pairs["reference"]]))
        cells: dict[tuple[str, str], Difference] = {}
        for pair in pairs.itertuples():
            unit = units[pair.run]
            # Two seeds tell too little of a spread.
            general = pair.p_corrected_holm < ALPHA and pair.n > 2
            cells[pair.run, pair.reference] = _difference(pair.difference, pair.p_holm, general, unit)
            cells[pair.reference, pair.run] = _difference(-pair.difference, pair.p_holm, general, unit)
        rows = [MatrixRow(names[run], [cells.get((run, column)) for column in runs]) for run in runs]
        result.append(Matrix(family, [names[run] for run in runs], rows, len(pairs)))
    return result


def _difference(value: float, p: float, general: bool, unit: Unit) -> Difference:
    """Return a cell; `general` says that the corrected test finds a difference too."""
    text = error(value, unit, sign=True)
    if not p < ALPHA:
        return Difference(text, p_value(p), "")
    kind = "better" if value < 0 else "worse"
    return Difference(f"{MARKS[kind] * (1 + general)} {text}", p_value(p), kind)
