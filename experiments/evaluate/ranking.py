"""The ranking of the reference's activations over its data sets: a table, and a diagram for each recipe.

results/reference/atlas/ranking.csv                    a row for each recipe and activation
results/reference/atlas/critical_difference-NORM.png   mean ranks, and which of them Nemenyi's test tells apart
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from experiments.analysis.over_datasets import OverDatasets, field_over_datasets, over_datasets
from experiments.evaluate.atlas import Field
from experiments.evaluate.drawings import diagram
from experiments.evaluate.protocol import BUDGETS, RECIPES, REFERENCE
from experiments.evaluate.verdict import errors_over_datasets, mean_errors
from experiments.figures.style import render
from experiments.store.files import write_bytes

TITLE = "Mean ranks of activations over data sets, {} networks"


class Ranking(NamedTuple):
    """The activations of one recipe over data sets.

    Attributes
    ----------
    over
        Mean ranks, Friedman's and Nemenyi's test.
    table
        One row for each activation: its mean rank, on how many data sets it has a `lower`, `higher` and `equal` mean
        error than ReLU, `p_holm` of Wilcoxon's test, the `verdict`, the random-effects `mean` difference with `low` and
        `high` in points, and how many networks diverged.
    """

    over: OverDatasets
    table: pd.DataFrame


COLUMNS = ["activation", "rank", "lower", "higher", "equal", "p_holm", "verdict", "mean", "low", "high", "diverged"]


def rankings(reference: Field) -> dict[str, Ranking]:
    """Return by `net.norm` the ranking of each recipe that has several activations, with the most trials."""
    chosen = reference.chosen(max(budget.trials for budget in BUDGETS.values()))
    recipes = chosen.groupby("norm", sort=False)
    several = [(str(norm), rows) for norm, rows in recipes if rows["activation"].nunique() > 1]
    return {norm: _ranking(rows, reference.test_to_train) for norm, rows in several}


def _ranking(rows: pd.DataFrame, test_to_train: float) -> Ranking:
    table = errors_over_datasets(rows, test_to_train)
    over = over_datasets(mean_errors(table))
    compared = field_over_datasets(table, REFERENCE, over).table
    points = compared[["mean", "low", "high"]] * 100
    return Ranking(over, compared.assign(**points, activation=compared["treatment"])[COLUMNS])


def store_rankings(reference: Field, folder: Path) -> list[Path]:
    """Write the rankings of a reference as a table, and each of them as a diagram; return the paths."""
    found = rankings(reference)
    table = pd.concat(each.table.assign(recipe=RECIPES[norm]) for norm, each in found.items())
    csv = table[["recipe", *COLUMNS]].round(6).to_csv(index=False, lineterminator="\n")
    contents = {"ranking.csv": csv.encode()}
    for norm, each in found.items():
        contents[f"critical_difference-{norm}.png"] = render(diagram(each.over), "png", TITLE.format(RECIPES[norm]))
    for name, content in contents.items():
        write_bytes(folder / name, content)
    return [folder / name for name in contents]
