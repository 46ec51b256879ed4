"""Sentences on the comparisons of conditions with their references."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from scipy.special import ndtri

from experiments.analysis.comparison import POPULATION, SPLITS
from experiments.analysis.paired import LEVEL
from experiments.analysis.statistics import ALPHA, seeds_needed
from experiments.analysis.units import ERROR, Unit, metric_of, unit_of, unit_of_row
from experiments.analysis.wording import counted, enumeration, in_sentence, verb

MOST = 1000
"""More seeds than this are not suggested."""


def comparison_sentences(board: pd.DataFrame, margins: Mapping[str, float], margin: float | None) -> list[str]:
    """Return which conditions are better or worse than their references, which are as good, and which are undecided.

    Parameters
    ----------
    board
        `Findings.board` with the column `name`.
    margins
        By data set, the largest difference that does not matter, in the table's unit.
    margin
        The margin that was asked for; None for the default.
    """
    rows = board[board["reference"].notna() & (board["verdict"] != "not trained")]
    if rows.empty and board["reference"].notna().any():
        return ["No two trained conditions are compared."]
    if rows.empty:
        several = board["dataset"].nunique() > 1
        return [f"{'Each data set' if several else 'The study'} has one condition, so nothing is compared."]
    if board["dataset"].nunique() > 1:
        rows = rows.assign(name=rows["name"] + " on " + rows["dataset"].map(in_sentence))
    typical = board.groupby("dataset")["spread"].median()
    rows = rows.assign(margin=rows["dataset"].map(margins), typical=rows["dataset"].map(typical))
    result = []
    for word, comparative in (("better", "lower"), ("worse", "higher")):
        for scope in (POPULATION, SPLITS):
            part = rows[rows["verdict"].str.startswith(word) & (rows["scope"] == scope)]
            if len(part):
                result.append(_significant(part, comparative, scope))
    equal = rows[rows["verdict"].str.startswith("equal")]
    if len(equal):
        same = f"{verb(len(equal), 'has', 'have')} the same {_measure(equal)} as {_references(equal)} on every split"
        result.append(f"{enumeration(equal['name'])} {same}.")
    for scope in (POPULATION, SPLITS):
        part = rows[(rows["verdict"] == "equivalent") & (rows["scope"] == scope)]
        if len(part):
            result.append(_equivalent(part, scope, margin))
    result += _small(rows[rows["verdict"].isin(["better", "worse"])], margin)
    return [*result, *_undecided(rows[rows["verdict"].str.startswith("not told apart")], margin), *_untested(rows)]


def _significant(rows: pd.DataFrame, comparative: str, scope: str) -> str:
    """Return the sentence on conditions with a lower or higher error than their references."""
    subject = f"{enumeration(rows['name'])} {verb(len(rows), 'has', 'have')} a {comparative} {_measure(rows)}"
    lost = f", where both {unit_of_row(rows.iloc[0]).kept_verb}," if (rows["lost"] > 0).any() else ""
    than = f"{subject} than {_references(rows)}{lost} {SPLITS}"
    if scope == POPULATION:
        return f"{than} and {POPULATION} (paired and corrected t, Holm, 5 %)."
    return f"{than} ({paired_test(rows['effect'])}, Holm, 5 %); {POPULATION} this is not shown."


def paired_test(effects: Iterable[float]) -> str:
    """Return the name of the test of differences with these effect sizes; equal ones have none, and no t test."""
    constant = [math.isnan(effect) for effect in effects]
    return "signed ranks" if all(constant) else "paired t or signed ranks" if any(constant) else "paired t"


def _small(rows: pd.DataFrame, margin: float | None) -> list[str]:
    """Return the sentences on conditions that differ from their references, but by less than the margin."""
    small = rows["p_equivalence"] < ALPHA
    general = small & (rows["p_equivalence_corrected"] < ALPHA) & (rows["n_pairs"] > 2)
    parts = {POPULATION: rows[general], SPLITS: rows[small & ~general]}
    return [_equivalent(part, scope, margin) for scope, part in parts.items() if len(part)]


def _equivalent(rows: pd.DataFrame, scope: str, margin: float | None) -> str:
    """Return the sentence on conditions that differ from their references by less than the margin."""
    holds = f"{SPLITS} and {POPULATION}" if scope == POPULATION else SPLITS
    note = "" if scope == POPULATION else f"; {POPULATION} this is not shown"
    constant = rows["effect"].isna()
    test = "sign" if constant.all() else "t or sign" if constant.any() else "t"
    names, reference = enumeration(rows["name"]), _references(rows)
    subject = f"The differences of {names} from {reference} are"
    if len(rows) == 1:
        subject = f"The difference between {names} and {reference} is"
    return f"{subject} smaller than {_margin(rows, margin)} {holds} (two one-sided {test} tests, Holm, 5 %){note}."


def _undecided(rows: pd.DataFrame, margin: float | None) -> list[str]:
    """Return the sentences on conditions that are neither different nor shown to be equivalent."""
    if rows.empty:
        return []
    finished = rows["n_pairs"] / (rows["n_pairs"] + rows["lost"])
    needed = np.ceil(pd.Series(seeds_needed(rows["margin"], rows["spread"]), rows.index) / finished)
    few = rows[needed * finished > rows["n_pairs"]]
    result = []
    if len(few):
        # The table of needed seeds has the median standard deviation too.
        typical = np.ceil(pd.Series(seeds_needed(few["margin"], few["typical"]), few.index) / finished[few.index])
        result.append(_too_few(few, typical.where(typical > few["n_pairs"], needed[few.index]).max(), margin))
    others = rows.drop(few.index)
    if len(others):
        text = f"{enumeration(others['name'])} cannot be told apart from {_references(others)}"
        if others["margin"].isna().any():
            result.append(f"{text}, which does not show that they are equal.")
        else:
            result.append(f"{text}, and the difference is not shown to be smaller than {_margin(others, margin)}.")
    return result


def _too_few(few: pd.DataFrame, count: float, margin: float | None) -> str:
    """Return the sentences on conditions that need more seeds: `count` would show a difference of the margin."""
    never = few[_least_half_width(few) > few["margin"]]
    run = f"; run seeds={count:.0f}" if count <= MOST and len(never) < len(few) else ""
    differ = f"{enumeration(few['name'])} {verb(len(few), 'differs', 'differ')} from {_references(few)}"
    pairs = int(few["n_pairs"].min())
    rough = f"a rough guess from {counted(pairs, 'seed')}; " if pairs < 10 else ""
    where = " for the noisiest of them" if len(few) > 1 else ""
    text = (
        f"There are too few seeds to decide whether {differ}. About {count:.0f} seeds would show a difference as small "
        f"as the margin, {_margin(few, margin)}, {SPLITS}{where}, with a probability of 80 % ({rough}one paired t test "
        f"at 5 %{run}). "
        f"Larger differences need fewer seeds."
    )
    if never.empty:
        return text
    of_some = "" if len(never) == len(few) else f" of {enumeration(never['name'])}"
    never_shown = "no number of seeds can show so small a difference"
    return f"{text} {POPULATION[0].upper()}{POPULATION[1:]}, {never_shown}{of_some}: it needs more rows."


def _least_half_width(rows: pd.DataFrame) -> pd.Series:
    """Return the half-width of the corrected interval with endless seeds, 1.96 · std · √(test rows / training rows)."""
    paired = rows["difference_high"] - rows["difference_low"]
    corrected = rows["corrected_high"] - rows["corrected_low"]
    ratio = ((corrected / paired) ** 2 - 1) / rows["n_pairs"]
    return float(ndtri((1 + LEVEL) / 2)) * rows["spread"] * np.sqrt(ratio.astype(float))


def _untested(rows: pd.DataFrame) -> list[str]:
    """Return the sentences on conditions without a test."""
    result = []
    constant = rows[rows["difference"].notna() & rows["p"].isna()]
    if len(constant):
        differ = f"{enumeration(constant['name'])} {verb(len(constant), 'differs', 'differ')} from"
        result.append(
            f"There are too few seeds to decide whether {differ} {_references(constant)}: two seeds with the same "
            f"difference allow no test."
        )
    untested = rows[rows["difference"].isna()]
    return [*result, *_unpaired(untested)] if len(untested) else result


def _unpaired(untested: pd.DataFrame) -> list[str]:
    """Return the sentence on conditions that share fewer than two finished seeds with their references."""
    pairs = (untested["n_pairs"] + untested["lost"]).max()
    if pairs < 2:
        return [
            "One seed allows no test (run seeds=10)."
            if pairs
            else "The compared conditions share no seeds, so nothing is tested."
        ]
    return [
        f"{enumeration(untested['name'])} cannot be tested against {_references(untested)}, since fewer than two seeds "
        f"{unit_of_row(untested.iloc[0]).kept_verb} with both."
    ]


def _references(rows: pd.DataFrame) -> str:
    """Return the name of the reference; where conditions have different ones, what these have in common."""
    one = rows.groupby("dataset")["reference"].nunique().max() == 1 and rows["reference_label"].nunique() == 1
    if one:
        return in_sentence(rows["reference_label"].iloc[0])
    same_settings = rows["label"].map(_settings) == rows["reference_label"].map(_settings)
    activations = rows["reference_label"].str.partition(", ")[0]
    if activations.nunique() == 1 and same_settings.any() and rows.loc[~same_settings, "reference_label"].nunique() < 2:
        text = f"{activations.iloc[0]} with the same settings"
        if same_settings.all():
            return text
        others = rows[~same_settings]
        compared = f"{enumeration(others['name'])} {verb(len(others), 'is', 'are')} compared with"
        return f"{text} ({compared} {in_sentence(others['reference_label'].iloc[0])})"
    labels = enumeration(rows["reference_label"].drop_duplicates().map(in_sentence))
    return f"{verb(len(rows), 'its reference', 'their references')} ({labels})"


def _settings(label: str) -> str:
    """Return what follows the activation in a label."""
    return label.partition(", ")[2]


def _measure(rows: pd.DataFrame) -> str:
    """Return what the errors of some conditions are called."""
    names = {unit_of(task, metric_of(rows)).name for task in rows["task"]}
    return names.pop() if len(names) == 1 else "error"


def margin_sentence(board: pd.DataFrame, margins: Mapping[str, float]) -> str:
    """Return the margin of each data set in words."""
    rows = board.drop_duplicates("dataset").itertuples()
    texts = {row.dataset: _margin_text(margins[str(row.dataset)], unit_of_row(row)) for row in rows}
    if metric_of(board) != ERROR and all(map(np.isnan, margins.values())):
        return f"No margin was given for {unit_of_row(board.iloc[0]).the}, so none is called equivalent."
    if len(set(texts.values())) == 1:
        return f"The margin is {next(iter(texts.values()))}."
    return f"The margin is {'; '.join(f'{text} on {in_sentence(str(name))}' for name, text in texts.items())}."


def _margin(rows: pd.DataFrame, margin: float | None) -> str:
    """Return the margin in words."""
    texts = {_margin_text(row.margin, unit_of_row(row)) for row in rows.drop_duplicates("dataset").itertuples()}
    if len(texts) == 1:
        return texts.pop()
    return "0.5 points or 2 % of the RMSE of the mean" if margin is None else f"{margin:g} points or target units"


def _margin_text(margin: float, unit: Unit) -> str:
    if unit.is_share:
        points = f"{margin * unit.scale:g}"
        return f"{points} {'point' if points == '1' else 'points'}"
    return "an unknown margin" if np.isnan(margin) else unit.full_text(margin)
