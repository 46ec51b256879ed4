"""The sentences of the report's answer, and the tables behind them."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from experiments.analysis.comparison import all_pairs, leaderboard, rankings, treatments_over_datasets
from experiments.analysis.statistics import OverDatasets
from experiments.analysis.units import UNITS
from experiments.analysis.wording import enumeration

CONDITIONAL = "conditional on this data set"
"""Seeds divide one data set again and again; they are no sample of data sets."""


@dataclass(frozen=True)
class Findings:
    """The result of a study: tables, and the answer in words.

    Attributes
    ----------
    board : DataFrame
        A row per condition at its selected rate, sorted by data set and rank. The columns are those of `ranked`, then
        label, activation, output, task, lr and initializer. Those of `compare` with the reference follow, one family
        per data set, then `reference_label` and `verdict`.
    pairs : dict of str to DataFrame
        The result of `all_pairs`.
    rankings : DataFrame
        The result of the function `rankings`.
    over_datasets : OverDatasets
        The result of `treatments_over_datasets`.
    sentences : list of str
        The answer.
    warnings : list of str
        What weakens the answer, in sentences.
    """

    board: pd.DataFrame
    pairs: dict[str, pd.DataFrame]
    rankings: pd.DataFrame
    over_datasets: OverDatasets
    sentences: list[str]
    warnings: list[str]


def findings(
    replicas: pd.DataFrame,
    *,
    baselines: pd.DataFrame | None = None,
    confusion: pd.DataFrame | None = None,
    unfinished: Mapping[str, str] | tuple[()] = (),
    margin: float | None = None,
    select: str = "error",
) -> Findings:
    """Return the result of a study, in which each condition is compared with its reference at its selected rate.

    Parameters
    ----------
    replicas
        The study's table, after `name_tasks`.
    baselines
        The errors of scikit-learn's models on the same splits.
    confusion
        The table `confusion` of all runs.
    unfinished
        By run, the reason why it is not finished.
    margin
        The largest difference that does not matter, in points of error or in the unit of a regression's target. By
        default it is 0.5 points, or 2 % of the RMSE of the mean.
    select
        The rule by which `selected` was set.
    """
    selected = replicas[replicas["selected"]]
    board = leaderboard(selected)
    over = treatments_over_datasets(selected)
    tuned = replicas.groupby("run")["lr"].nunique().max() > 1
    return Findings(board, all_pairs(selected), rankings(replicas), over, answer(board, over, tuned), [])


def edge_sentence(board: pd.DataFrame, replicas: pd.DataFrame) -> str:
    """Return a sentence on conditions whose selected rate is the lowest or highest tried; empty if there are none."""
    grids = board["run"].map(replicas.groupby("run")["lr"].agg(lambda rates: sorted(set(rates))))
    at_edge = [len(grid) > 1 and rate in (grid[0], grid[-1]) for grid, rate in zip(grids, board["lr"], strict=True)]
    edge = board[at_edge]
    if edge.empty:
        return ""
    conditions = edge["label"] + " on " + edge["dataset"] + " (" + edge["lr"].map("{:g}".format) + ")"
    return (
        f"For {len(edge)} of {len(board)} conditions validation chose the lowest or highest rate that was tried, so a "
        f"wider grid may change their error: {enumeration(conditions)}."
    )


def answer(board: pd.DataFrame, over: OverDatasets, tuned: bool) -> list[str]:
    """Return the answer in three sentences: who is best, who differs from the reference, and how far this holds.

    Parameters
    ----------
    board
        `Findings.board`.
    over
        The treatments over data sets.
    tuned
        Whether validation had several learning rates to choose from.
    """
    several_outputs = board.groupby("dataset")["output"].transform("nunique") > 1
    board = board.assign(name=board["label"].where(~several_outputs, board["label"] + " with " + board["output"]))
    rate = "the rate that validation chose" if tuned else "the only rate"
    brief = board["dataset"].nunique() > 2
    best = "; ".join(_best(part, brief) for _, part in board.groupby("dataset", sort=False))
    diverged = board["diverged"].sum()
    total = board["n"].sum() + diverged
    return [
        f"Lowest mean test error at {rate}: {best}.",
        _comparisons(board),
        f"{over.sentence.removesuffix('.')}; {diverged or 'none'} of the {total} networks diverged.",
    ]


def _best(board: pd.DataFrame, brief: bool) -> str:
    """Return the best conditions of one data set with their error; a brief text leaves out the interval."""
    first = next(board.itertuples())
    if not first.n:
        return f"on {first.dataset} every replica diverged"
    unit = UNITS[first.task]
    names = board.loc[board["rank"] == first.rank, "name"]
    text = f"{enumeration(names)} on {first.dataset}, {unit.full_text(first.mean)}"
    if not brief and len(names) == 1:  # conditions with the same mean differ in their intervals
        ends = f", 95 % interval {unit.text(first.low)} to {unit.text(first.high)}" if first.n > 1 else ""
        text += f" ({first.n} seeds{ends})"
    if first.diverged:
        text += f", though {first.diverged} of {first.n + first.diverged} replicas diverged"
    return text


def _comparisons(board: pd.DataFrame) -> str:
    """Return the sentence on the comparisons with the references."""
    compared = board[board["reference"].notna()]
    if compared.empty:
        return "Each data set has one condition, so nothing is compared."
    several = board["dataset"].nunique() > 1
    results = []
    for word in ("better", "worse"):
        rows = compared[compared["verdict"].str.startswith(word)]
        if len(rows):
            names = rows["name"] + " on " + rows["dataset"] if several else rows["name"]
            results.append(f"{len(rows)} {'is' if len(rows) == 1 else 'are'} {word} ({enumeration(names)})")
    equal = compared["verdict"].str.startswith("not told apart").sum()
    if equal:
        results.append("none can be told apart" if equal == len(compared) else f"{equal} cannot be told apart")
    untested = compared["difference"].isna().sum()
    if untested:
        results.append(f"{untested} cannot be tested, since fewer than two seeds finished with both conditions")
    count = "the one comparison" if len(compared) == 1 else f"{len(compared)} comparisons"
    references = enumeration(compared["reference_label"].unique())
    condition = "each conditional on its data set" if several else CONDITIONAL
    return (
        f"In {count} with {references} over the same seeds, {'; '.join(results)} (paired t, Holm within a data set, "
        f"5 %), {condition}."
    )
