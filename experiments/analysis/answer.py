"""The answer of a study in words, and the tables behind it."""

from dataclasses import dataclass

import pandas as pd

from experiments.analysis.cautions import cautions, comparisons_of_one_class
from experiments.analysis.comparison import (
    all_pairs,
    equal_rates,
    leaderboard,
    rankings,
    treatments_over_datasets,
    with_grids,
)
from experiments.analysis.field import LEAST, field
from experiments.analysis.over_datasets import Field, OverDatasets
from experiments.analysis.simple import against_simple_models, margins
from experiments.analysis.units import ERROR, metric_of, unit_of_row
from experiments.analysis.verdicts import comparison_sentences, margin_sentence
from experiments.analysis.winners import winner_sentences
from experiments.analysis.wording import counted, enumeration, in_sentence, rate_text


@dataclass(frozen=True)
class Findings:
    """The result of a study: tables, and the answer in words.

    Attributes
    ----------
    board : DataFrame
        A row per condition at its selected rate, sorted by data set and rank. The columns are those of `ranked`, then
        label, `name` (the label, with the output if the data set has several), activation, output, task, lr,
        `untrained` and initializer. Those of `compare` with the reference follow,
        one family per data set, then `reference_label`, `verdict` and `scope`. `grid` has the rates that took part in
        the choice, and `edge` is "lowest" or "highest" if validation chose that one of several. Holm adjusts the
        p of equivalence too.
    pairs : dict of str to DataFrame
        The result of `all_pairs`.
    rankings : DataFrame
        The result of the function `rankings`.
    over_datasets : OverDatasets
        The result of `treatments_over_datasets`.
    field : Field or None
        The result of the function `field`.
    sentences : list of str
        The answer in paragraphs: with three data sets or more, which treatments differ over data sets; which condition
        or simple model is the best, which conditions differ from their references, and how far this holds.
    warnings : list of str
        What weakens the answer, in sentences.
    margin : str
        The largest difference that does not matter, in a sentence.
    """

    board: pd.DataFrame
    pairs: dict[str, pd.DataFrame]
    rankings: pd.DataFrame
    over_datasets: OverDatasets
    field: Field | None
    sentences: list[str]
    warnings: list[str]
    margin: str


def findings(
    replicas: pd.DataFrame,
    *,
    baselines: pd.DataFrame | None = None,
    confusion: pd.DataFrame | None = None,
    reliability: pd.DataFrame | None = None,
    margin: float | None = None,
) -> Findings:
    """Return the result of a study, in which each condition is compared with its reference at its selected rate.

    Parameters
    ----------
    replicas
        The study's table, after `name_tasks`.
    baselines
        The errors of scikit-learn's models on the same splits.
    confusion, reliability
        The tables of these names of all runs.
    margin
        The largest difference that does not matter, in points of error or in the unit of a regression's target. By
        default it is 0.5 points, or 2 % of the RMSE of the mean. Where a column `metric` of the replicas names another
        metric, it has that unit and no default.
    """
    replicas = equal_rates(replicas)
    selected = replicas[replicas["selected"]]
    limits = margins(selected, baselines, margin)
    board = with_grids(leaderboard(selected, limits), replicas)
    over = treatments_over_datasets(selected)
    models = against_simple_models(board, selected, baselines, limits)
    named = board.assign(name=board["name"].map(in_sentence))
    rate = "the only rate" if board["grid"].map(len).max() == 1 else "the rate that validation chose"
    constant = [] if confusion is None else comparisons_of_one_class(named, selected, confusion)
    compared = field(selected, over, baselines, margin, f"at {rate}")
    several = over.datasets >= LEAST and len(over.ranks) > 1
    sentences = [
        " ".join(winner_sentences(named, models, limits, rate)),
        " ".join([*comparison_sentences(named, limits, margin), *constant]),
        _diverged(replicas) if several else f"{_diverged(replicas)} {over.sentence}",
    ]
    if several:
        sentences.insert(0, " ".join([*(compared.sentences if compared else []), over.sentence]))
    warnings = cautions(named, replicas, confusion, reliability, limits)
    limit = margin_sentence(board, limits)
    return Findings(board, all_pairs(selected), rankings(replicas), over, compared, sentences, warnings, limit)


def edge_sentence(board: pd.DataFrame) -> str:
    """Return a sentence on conditions whose selected rate is the lowest or highest tried; empty if there are none."""
    at_edge = board[board["edge"] != ""]
    if at_edge.empty:
        return ""
    rates = at_edge["lr"].map(rate_text)
    conditions = at_edge["name"].map(in_sentence) + " on " + at_edge["dataset"].map(in_sentence) + " (" + rates + ")"
    return (
        f"For {len(at_edge)} of {counted(len(board), 'condition')} validation chose the lowest or highest rate that "
        f"was tried, so a wider grid may change their {unit_of_row(board.iloc[0]).word}: {enumeration(conditions)}."
    )


def _diverged(replicas: pd.DataFrame) -> str:
    """Return the sentence that counts the diverged networks of a study, at all learning rates."""
    lost = replicas.loc[replicas["status"] == "diverged", "lr"].value_counts().sort_index()
    total = len(replicas)
    ranked = "" if metric_of(replicas) == ERROR else " in this ranking"  # networks without the metric are left out
    if total == 1:
        return f"The network{ranked} did not diverge." if lost.empty else f"The network{ranked} diverged."
    if lost.empty or lost.sum() == total:
        return f"{'None of the' if lost.empty else 'All'} {total} networks{ranked} diverged."
    where = ""
    if replicas["lr"].nunique() > 1 and len(lost) <= 3:
        rates = [rate_text(rate) if len(lost) == 1 else f"{count} at {rate_text(rate)}" for rate, count in lost.items()]
        where = f", all at the learning rate {rates[0]}" if len(lost) == 1 else f": {enumeration(rates)}"
    return f"{lost.sum()} of the {total} networks{ranked} diverged{where}."
