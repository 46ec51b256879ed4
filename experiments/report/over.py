"""The comparison of a study's treatments with one reference over data sets, as the report shows it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from experiments.analysis.over_datasets import Field, probability_text
from experiments.analysis.pooled import Posterior
from experiments.analysis.wording import counted
from experiments.report.formatting import NOTHING, number, p_value
from experiments.report.table import Cell, Row, Table, quantity, words

FIGURES = ("critical_difference", "dataset_heatmap")
"""The figures that stand beside it, in this order."""


@dataclass(frozen=True)
class Over:
    """The comparison over data sets.

    Attributes
    ----------
    reference
        The treatment with which the others are compared.
    datasets
        How many data sets there are.
    caption, note
        What the table shows.
    table
        A row per treatment, by mean rank.
    names, wins
        The treatments, and for each the number of data sets on which it wins against each; empty for itself.
    """

    reference: str
    datasets: int
    caption: str
    note: str
    table: Table
    names: list[str]
    wins: list[list[str]]


def over_table(field: Field | None) -> Over | None:
    """Return what the report shows of a field."""
    if field is None:
        return None
    cells = _columns(field)
    rows = [Row("", "", "", {name: cell(row) for name, cell in cells.items()}) for row in field.table.itertuples()]
    caption = (
        f"Treatments over {field.datasets} data sets, compared with {field.reference}. Differences are treatment − "
        f"{field.reference}, in {field.scale.label}. A negative difference is better."
    )
    names = list(field.table["treatment"])
    wins = field.wins.loc[names, names]
    texts = [[("" if one == other else str(wins.loc[one, other])) for other in names] for one in names]
    return Over(
        field.reference,
        field.datasets,
        caption,
        _note(field),
        Table({name: name for name in cells}, rows),
        names,
        texts,
    )


def _columns(field: Field) -> dict[str, Callable[[Any], Cell]]:
    """Return the columns that the field has numbers for."""
    scale = field.scale

    def difference(value: float) -> str:
        return NOTHING if pd.isna(value) else scale.number(value)

    def score(value: float) -> str:
        return f"{value:.3f}"

    def interval(low: float, high: float, text: Callable[[float], str]) -> Cell:
        return quantity(NOTHING if pd.isna(low) else f"{text(low)} to {text(high)}", low)

    def counts(*values: float) -> Cell:
        text = NOTHING if pd.isna(values[0]) else " / ".join(f"{value:.0f}" for value in values)
        return quantity(text, values[0])

    columns: dict[str, Callable[[Any], Cell]] = {
        "treatment": lambda row: words(row.treatment),
        "mean rank": lambda row: quantity(number(row.rank), row.rank),
        "verdict": lambda row: words(row.verdict),
        "p (Wilcoxon, Holm)": lambda row: quantity(p_value(row.p_holm), row.p_holm),
        "data sets with lower / higher / equal mean": lambda row: counts(row.lower, row.higher, row.equal),
        "wins / losses": lambda row: counts(row.wins, row.losses),
        "mean difference": lambda row: quantity(difference(row.mean), row.mean),
        "95 % interval": lambda row: interval(row.low, row.high, difference),
        "std between data sets": lambda row: quantity(difference(row.tau).lstrip("+"), row.tau),
    }
    if pd.notna(field.margin):
        columns |= {f"P({name})": partial(_probability, name=name) for name in Posterior._fields}
    if field.scores:
        columns |= {
            "interquartile mean": lambda row: quantity(score(row.iqm), row.iqm),
            "interval, seeds drawn": lambda row: interval(row.seeds_low, row.seeds_high, score),
            "interval, data sets drawn": lambda row: interval(row.datasets_low, row.datasets_high, score),
        }
    return columns | {"diverged": lambda row: quantity(str(row.diverged), row.diverged)}


def _probability(row: Any, name: str) -> Cell:
    value = getattr(row, name)
    return quantity(NOTHING if pd.isna(value) else probability_text(value), value)


def _note(field: Field) -> str:
    """Return how the numbers of the table are to be read."""
    count, reference = len(field.table) - 1, field.reference
    holm = f", adjusted by Holm for {counted(count, 'comparison')}" if count > 1 else ""
    texts = [
        f"The verdict is that of Wilcoxon’s signed-rank test over data sets{holm}, at 5 %.",
        f"A win is a data set on which the treatment is better than {reference} by the corrected paired test, with "
        "Holm for all pairs of treatments on the data set.",
        "The mean difference is that of a random-effects model (DerSimonian and Laird, interval of Hartung and Knapp). "
        "It is not the plain mean of the differences: a data set with a precise difference counts more, and the "
        "weights become equal as the std between data sets grows.",
        "Where more replicas of one diverged, that one is worse, and the data set has no part in the mean.",
    ]
    if pd.notna(field.margin):
        texts.append(
            f"P(better), P(equivalent) and P(worse) are those of the Bayesian signed-rank test over data sets, with a "
            f"margin of {field.scale.margin(field.margin)}."
        )
    if field.scores:
        texts.append(
            f"The interquartile mean is that of the scores {field.scores}, over all seeds and data sets; higher is "
            "better. One bootstrap interval draws seeds within each data set, the other draws data sets."
        )
    texts.append("Intervals and probabilities are not adjusted for the number of treatments.")
    return " ".join(texts)
