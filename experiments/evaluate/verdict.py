"""What the tables say of a newcomer: against a reference, among the field, and against its own stored results."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.analysis.over_datasets import OverVerdict, verdict_over_datasets
from experiments.analysis.wording import counted, verb
from experiments.evaluate.protocol import RECIPES
from experiments.tables import rounded

RATE = "at the learning rate that validation chose"


class OfRecipe(NamedTuple):
    """The result of the networks of one recipe.

    Attributes
    ----------
    name
        "plain" or "batch norm".
    verdict
        Against the reference; None if the newcomer is the reference.
    ranks
        Mean rank over the data sets of each activation, the newcomer under its name; 1 is the best.
    diverged, replicas
        How many of the newcomer's reported networks diverged, and how many there are.
    edges
        On how many data sets the chosen learning rate is the lowest or highest that was tried.
    """

    name: str
    verdict: OverVerdict | None
    ranks: pd.Series
    diverged: int
    replicas: int
    edges: int

    @property
    def datasets(self) -> int:
        """Number of data sets."""
        return int(self.ranks.attrs["datasets"])


def errors_over_datasets(replicas: pd.DataFrame, test_to_train: float) -> pd.DataFrame:
    """Return reported replicas of one recipe as a table over data sets; a diverged network has an error of inf."""
    errors = replicas["final_test_error"].where(replicas["status"] == "done", np.inf)
    return replicas.assign(treatment=replicas["activation"], error=errors, test_to_train=test_to_train)


def mean_errors(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean error of each data set (row) and treatment (column); means equal to 12 digits are equal."""
    return table.groupby(["dataset", "treatment"])["error"].mean().map(rounded).unstack()


def of_recipe(
    new: pd.DataFrame, field: pd.DataFrame, trials: pd.DataFrame, name: str, reference: str, margin: float, ratio: float
) -> OfRecipe:
    """Return the result of one recipe.

    Parameters
    ----------
    new, field
        The reported replicas of the newcomer and of the reference's activations, of this recipe and on the same data
        sets.
    trials
        The newcomer's trials.
    name
        The newcomer's name.
    reference, margin
        The activation with which it is compared, and the largest difference that does not matter.
    ratio
        Test rows over training rows.
    """
    others = field[field["activation"] != name]
    both = pd.concat([new.assign(activation=name), others], ignore_index=True)
    table = errors_over_datasets(both, ratio)
    means = mean_errors(table)
    ranks = means.rank(axis=1).mean().sort_values(kind="stable")
    ranks.attrs["datasets"] = len(means)
    verdict = None
    if name != reference:
        verdict = verdict_over_datasets(table, name, reference, margin, rate=RATE)
    chosen = new.drop_duplicates("dataset").set_index("dataset")["lr"].map(rounded)
    tried = trials.assign(lr=trials["lr"].map(rounded)).groupby("dataset")["lr"].agg(["min", "max"])
    edges = (chosen.eq(tried["min"]) | chosen.eq(tried["max"])).sum()
    lost = int((new["status"] != "done").sum())
    return OfRecipe(RECIPES[new["norm"].iloc[0]], verdict, ranks, lost, len(new), int(edges))


def place(ranks: pd.Series, name: str) -> str:
    """Return the place of a name by mean rank in words, such as "5th of 33"."""
    position = int((ranks < ranks[name] - 1e-9).sum()) + 1
    ending = "th" if position % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(position % 10, "th")
    return f"{position}{ending} of {len(ranks)}"


def answer(results: Sequence[OfRecipe], name: str, reference: str) -> list[str]:
    """Return the verdict in three sentences: plain networks, batch norm, the place in the field."""
    sentences = []
    for result in results:
        text = result.verdict.sentences[0] if result.verdict else f"{name} is the reference {reference} itself."
        sentences.append(text if result.name == "plain" else f"With {result.name}: {text[0].lower()}{text[1:]}")
    if len(results) == 1:
        sentences.append(f"This is the verdict for {results[0].name} networks alone.")
    places = " and ".join(f"{place(result.ranks, name)} ({result.name})" for result in results)
    sentences.append(
        f"By mean rank of the test error over {counted(results[0].datasets, 'data set')}, {name} is {places}. All were "
        f"tuned alike, and small differences of rank mean little."
    )
    return sentences


def reproduction(new: pd.DataFrame, field: pd.DataFrame, activation: str) -> str:
    """Return how the networks of a known activation agree with the stored ones, as a sentence; "" if none is stored."""
    keys = ["dataset", "norm", "seed"]
    both = new.merge(field[field["activation"] == activation], on=keys, suffixes=("", "_stored"))
    if both.empty:
        return ""
    same_rate = both["lr"].map(rounded) == both["lr_stored"].map(rounded)
    values = [both[column].astype(float).to_numpy() for column in ("final_test_loss", "final_test_loss_stored")]
    equal = same_rate & np.equal(*values) & (both["status"] == both["status_stored"])
    gap = (both["final_test_error"] - both["final_test_error_stored"]).abs().max()
    if equal.all():
        return f"All {len(both)} test losses of {activation} are equal, bit by bit, to the stored ones."
    rates = int((~same_rate).sum())
    others = f"; {rates} {verb(rates, 'has', 'have')} another learning rate" if rates else ""
    return (
        f"Of {len(both)} test losses of {activation}, {int(equal.sum())} are equal to the stored ones{others}. The "
        f"largest difference of a test error is {100 * gap:.2g} points. Another processor or library rounds otherwise."
    )
