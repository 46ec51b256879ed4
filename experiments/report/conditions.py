"""The tables of a report with one condition per row: leaderboard, comparisons, comparison with another study."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from experiments.analysis.comparison import compare_studies
from experiments.analysis.units import metric_of, unit_of_row
from experiments.analysis.wording import rate_text
from experiments.report.formatting import NOTHING, error, interval, measure, number, p_value
from experiments.report.table import Cell, Columns, Table, quantity, table, words


def _difference(row: Any) -> Cell:
    """Return the cell of a mean difference."""
    return quantity(error(row.difference, unit_of_row(row), sign=True), row.difference)


def _interval(row: Any) -> Cell:
    """Return the cell of the interval of a mean error, or why there is none."""
    reason = "" if row.n == 0 else "fewer than 3 seeds" if row.n < 3 else "all seeds equal"
    return quantity(interval(row.low, row.high, unit_of_row(row)) if row.low == row.low else reason or NOTHING, row.low)


def _signed_interval(low: float, high: float, row: Any) -> Cell:
    """Return the cell of a confidence interval of a difference, sorted by its low end, or why there is none."""
    text = "all differences equal" if row.spread == 0 else interval(low, high, unit_of_row(row), sign=True)
    return quantity(text, low)


def _rates(row: Any) -> Cell:
    """Return the cell of the learning rates that were tried, with the end of the grid at which the chosen one is."""
    shown = list(map(rate_text, row.grid))
    text = ", ".join(shown) if len(shown) < 5 else f"{shown[0]} to {shown[-1]} ({len(shown)})"
    return quantity(f"{text}: {row.edge}" if row.edge else text, len(shown))


def _both_rates(row: Any) -> Cell:
    """Return the cell of the learning rates of a condition and its reference, with the ends of their grids."""
    ends = (row.lr, row.edge), (row.reference_lr, row.reference_edge)
    return words(" and ".join(f"{rate_text(rate)} ({edge})" if edge else rate_text(rate) for rate, edge in ends))


def _verdict(row: Any) -> Cell:
    """Return the cell of a verdict with its scope."""
    return words(f"{row.verdict}, {row.scope}" if row.scope else row.verdict)


def _worst_if_diverged(value: float, row: Any) -> Cell:
    """Return the cell of a statistic in which a diverged replica is worse than any other."""
    unit = unit_of_row(row)
    return quantity(unit.lost if math.isinf(value) else error(value, unit), value)


def _diverged(row: Any) -> Cell:
    """Return the cell that counts diverged replicas, sorted by their share."""
    return quantity(f"{row.diverged} of {row.n + row.diverged}" if row.diverged else "0", row.diverged_share)


def _pairs(row: Any) -> Cell:
    """Return the cell that counts the seeds that both conditions have."""
    pairs = row.n_pairs + row.lost
    return quantity(f"{row.n_pairs:.0f} of {pairs:.0f}" if row.lost else f"{pairs:.0f}", pairs)


LEADERBOARD: Columns = {
    "rank": lambda row: quantity(number(row.rank), row.rank),
    "condition": lambda row: words(row.label),
    "data set": lambda row: words(row.dataset),
    "output": lambda row: words(row.output),
    "learning rate": lambda row: quantity(number(row.lr), row.lr),
    "rates tried": _rates,
    "also chosen": lambda row: words(row.trial),
    "seeds": lambda row: quantity(str(row.n + row.diverged), row.n + row.diverged),
    "test error": lambda row: quantity(error(row.mean, unit_of_row(row)), row.mean),
    "95 % interval": _interval,
    "difference": _difference,
    "verdict": _verdict,
    "diverged": _diverged,
    "median": lambda row: _worst_if_diverged(row.median, row),
    "interquartile mean": lambda row: _worst_if_diverged(row.iqm, row),
    "std": lambda row: quantity(error(row.std, unit_of_row(row)), row.std),
    "initializer": lambda row: words(row.initializer),
}

COMPARISONS: Columns = {
    "condition": lambda row: words(row.label),
    "data set": lambda row: words(row.dataset),
    "output": lambda row: words(row.output),
    "reference": lambda row: words(row.reference_label),
    "learning rates": _both_rates,
    "pairs": _pairs,
    "difference": _difference,
    "paired 95 % interval": lambda row: _signed_interval(row.difference_low, row.difference_high, row),
    "corrected interval": lambda row: _signed_interval(row.corrected_low, row.corrected_high, row),
    "verdict": _verdict,
    "p (Holm)": lambda row: quantity(p_value(row.p_holm), row.p_holm),
    "corrected p (Holm)": lambda row: quantity(p_value(row.p_corrected_holm), row.p_corrected_holm),
    "p of equivalence (Holm)": lambda row: quantity(p_value(row.p_equivalence), row.p_equivalence),
    "corrected p of equivalence (Holm)": lambda row: quantity(
        p_value(row.p_equivalence_corrected), row.p_equivalence_corrected
    ),
    "effect size": lambda row: quantity(number(row.effect, 2, sign=True), row.effect),
    "P(better)": lambda row: quantity(number(row.improvement, 2), row.improvement),
    "p (paired t)": lambda row: quantity(p_value(row.p), row.p),
    "p (Wilcoxon)": lambda row: quantity(p_value(row.wilcoxon), row.wilcoxon),
    "least possible": lambda row: quantity(p_value(row.wilcoxon_least), row.wilcoxon_least),
    "seeds for this difference": lambda row: quantity(number(row.seeds), row.seeds),
}

STUDY_COMPARISON: Columns = {
    "condition": lambda row: words(row.label),
    "data set": lambda row: words(row.dataset),
    "output": lambda row: words(row.output),
    "pairs": lambda row: quantity(str(row.n), row.n),
    "difference": _difference,
    "paired 95 % interval": lambda row: _signed_interval(row.low, row.high, row),
    "corrected interval": lambda row: _signed_interval(row.corrected_low, row.corrected_high, row),
    "p (Holm)": lambda row: quantity(p_value(row.p_holm), row.p_holm),
    "corrected p (Holm)": lambda row: quantity(p_value(row.p_corrected_holm), row.p_corrected_holm),
    "what differs": lambda row: words(row.changed or "nothing but the study"),
}


def leaderboard(board: pd.DataFrame, epoch: str = "") -> Table:
    """Return the leaderboard from `Findings.board`; `epoch` is that of `epoch_of_errors`."""
    headings = {"test error": f"test {measure(board['task'], metric_of(board))}{epoch}"}
    unit = unit_of_row(board.iloc[0])
    if unit.may_be_infinite:
        headings["diverged"] = unit.lost
    return table(board, _fitting(LEADERBOARD, board), headings)


def comparisons(board: pd.DataFrame) -> Table:
    """Return the comparison of each condition with its reference."""
    conditions = board.set_index("run")
    rates = {f"reference_{name}": board["reference"].map(conditions[name]) for name in ("lr", "edge")}
    return table(board.assign(**rates)[board["reference"].notna()], _fitting(COMPARISONS, board))


def _fitting(columns: Columns, board: pd.DataFrame) -> Columns:
    """Return the columns without those on choices that no condition has: of a learning rate, or of other values."""
    without = set() if (board["grid"].map(len) > 1).any() else {"rates tried", "learning rates"}
    without |= set() if (board["trial"] != "").any() else {"also chosen"}
    return {name: cell for name, cell in columns.items() if name not in without}


@dataclass(frozen=True)
class StudyComparison:
    """The comparison with another study, which is called `name`.

    `differences` has what the page draws of each row: names, the difference in its unit, and its paired interval.
    """

    name: str
    table: Table
    differences: list[dict[str, Any]]


def compare_study(study: str, replicas: pd.DataFrame, name: str, others: pd.DataFrame) -> StudyComparison:
    """Return the comparison of a study's replicas with those of the study `name`."""
    frame = compare_studies(replicas, others)
    if len(frame):
        frame["task"] = frame["run"].map(replicas.drop_duplicates("run").set_index("run")["task"])
        frame["spread"], frame["metric"] = frame["std"], metric_of(replicas)
    headings = {"difference": f"difference, this − {name}", "what differs": f"what differs, {name} → {study}"}
    return StudyComparison(name, table(frame, STUDY_COMPARISON, headings), [_drawn(row) for row in frame.itertuples()])


def _drawn(row: Any) -> dict[str, Any]:
    unit = unit_of_row(row)
    scaled = {end: unit.scale * getattr(row, end) for end in ("difference", "low", "high")}
    numbers = {end: float(f"{value:.5g}") if math.isfinite(value) else None for end, value in scaled.items()}
    return {"name": row.label, "output": row.output, "dataset": row.dataset, "share": unit.is_share, **numbers}
