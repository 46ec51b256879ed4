"""Ranks of a study's treatments, on each data set and over data sets."""

from dataclasses import dataclass

import pandas as pd

from experiments.analysis.answer import Findings
from experiments.analysis.comparison import treatments
from experiments.analysis.over_datasets import OverDatasets
from experiments.report.formatting import NOTHING, number

INITIALIZERS = {"default": "default initializers", "mixed": "initializers as configured"}
"""What a way of ranking says of its initializers; any other is one initializer for all."""


@dataclass(frozen=True)
class RankingRow:
    """A treatment and its ranks, one for each column."""

    name: str
    ranks: list[str]


@dataclass(frozen=True)
class Ranking:
    """The ranks on one data set; each column is one way of ranking."""

    dataset: str
    columns: list[str]
    rows: list[RankingRow]


@dataclass(frozen=True)
class MeanRanks:
    """The comparison over data sets: a sentence, and the mean rank of each treatment where there are several."""

    sentence: str
    ranks: dict[str, str]


def rankings(findings: Findings, replicas: pd.DataFrame) -> list[Ranking]:
    """Return the ranks of the treatments on each data set."""
    names = treatments(replicas[replicas["selected"]])
    result = []
    for dataset, part in findings.rankings.groupby("dataset"):
        views = list(dict.fromkeys(zip(part["rate"], part["initializer"], strict=True)))
        ranks: dict[str, dict[tuple[str, str], str]] = {}
        for view, rows in part.groupby(["rate", "initializer"]):
            for row in rows.itertuples():
                # In one way of ranking a treatment has one condition.
                ranks.setdefault(names[row.run], {})[view] = number(row.rank)
        columns = [f"{_rate(rate)}, {INITIALIZERS.get(name, f'all {name}')}" for rate, name in views]
        table = [RankingRow(name, [by_view.get(view, NOTHING) for view in views]) for name, by_view in ranks.items()]
        result.append(Ranking(dataset, columns, table))
    return result


def _rate(rate: str) -> str:
    return "tuned learning rate" if rate == "tuned" else f"learning rate {rate}"


def mean_ranks(over: OverDatasets) -> MeanRanks:
    """Return the comparison over data sets."""
    ranks = over.ranks.items() if over.datasets > 1 else ()
    return MeanRanks(over.sentence, {name: number(rank) for name, rank in ranks})
