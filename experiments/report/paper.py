"""A paper's table of a study: treatments × data sets, the best in bold, what differs from the reference, mean ranks."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from experiments.analysis.answer import Findings
from experiments.analysis.comparison import treatments
from experiments.analysis.units import unit_of_row
from experiments.analysis.wording import enumeration
from experiments.report.formatting import NOTHING, error, interval, number


@dataclass(frozen=True)
class PaperCell:
    """An error on a data set, whether it ranks first there, and its marks."""

    text: str
    is_best: bool = False
    marks: str = ""


@dataclass(frozen=True)
class PaperRow:
    """A treatment with a cell for each data set, and its mean rank; no text without one."""

    name: str
    cells: list[PaperCell]
    rank: str


@dataclass(frozen=True)
class Paper:
    """The table: the data sets with their units, and a row for each treatment, the best mean rank first.

    `references` says with what the marks compare, in sentences.
    """

    headings: list[str]
    rows: list[PaperRow]
    has_ranks: bool
    references: list[str]


MARKS = {"better": "+", "worse": "-", "diverged": "d"}
"""By what is to be said of a cell, its mark."""


def paper(findings: Findings, replicas: pd.DataFrame) -> Paper:
    """Return the paper's table of a study."""
    names = treatments(replicas[replicas["selected"]])
    board = findings.board.assign(treatment=findings.board["run"].map(names))
    ranks = findings.over_datasets.ranks if findings.over_datasets.datasets > 1 else pd.Series(dtype=float)
    board["key"] = board["treatment"].map(ranks)
    board["is_best"] = board["rank"] == board.groupby("dataset")["rank"].transform("min")
    # Without mean ranks, the order is that of the leaderboard.
    order = board.sort_values("key", kind="stable")["treatment"].drop_duplicates()
    cells = {(row.treatment, row.dataset): _cell(row) for row in board.itertuples()}
    datasets = list(dict.fromkeys(board["dataset"]))
    units = {row.dataset: unit_of_row(row).heading for row in board.itertuples()}
    return Paper(
        [f"{dataset}, {units[dataset]}" for dataset in datasets],
        [
            PaperRow(
                name,
                [cells.get((name, dataset), PaperCell(NOTHING)) for dataset in datasets],
                number(ranks[name]) if name in ranks else "",
            )
            for name in order
        ],
        len(ranks) > 0,
        _references(board.assign(reference=board["reference"].map(names)).dropna(subset="reference")),
    )


def _references(compared: pd.DataFrame) -> list[str]:
    """Return a sentence with the reference; if there are several, one for each of them on each data set."""
    names = compared["reference"].unique()
    if len(names) == 1:
        return [f"The reference is {names[0]}."]
    return [
        f"On {dataset}, the reference of {enumeration(part['treatment'])} is {reference}."
        for (dataset, reference), part in compared.groupby(["dataset", "reference"], sort=False)
    ]


def _cell(row: Any) -> PaperCell:
    """Return the cell of a row of the board: its mean with half of the interval, or with its ends if they differ."""
    unit = unit_of_row(row)
    if not row.n:
        return PaperCell(unit.lost)
    text = error(row.mean, unit)
    if pd.notna(row.low):
        is_even = abs((row.high - row.mean) - (row.mean - row.low)) < 1e-9 * max(1.0, abs(row.mean))
        text += f" ± {error(row.high - row.mean, unit)}" if is_even else f" ({interval(row.low, row.high, unit)})"
    said = [row.verdict.partition(",")[0], *(["diverged"] if row.diverged else [])]
    return PaperCell(text, row.is_best, "".join(MARKS.get(word, "") for word in said))
