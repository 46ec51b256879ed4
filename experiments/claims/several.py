"""Claims about several data sets: what each data set says, the verdict on all together, and the figure of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.claims.drawings import THRESHOLD
from experiments.claims.verdicts import Measure, Verdict, difference, flagged, word
from experiments.figures.style import INK, Style, legend, log_axis, sheet

RULE = "a statement holds if its intervals lie below the limit on two of three data sets, and above it on none"
"""What `holds` says, as part of a claim's threshold."""

HOLDS, OPEN, CONTRADICTED = "holds", "is open", "is contradicted"
"""What the intervals of a data set say of a statement."""

PAIRED: Style = {"color": INK, "linewidth": 2.2, "solid_capstyle": "butt"}
CORRECTED: Style = {"color": INK, "linewidth": 0.8}


class Bound(NamedTuple):
    """A measure that a statement says is below a limit."""

    measure: Measure
    limit: float = 0.0

    def interval(self, corrected: bool) -> tuple[float, float]:
        """Return the ends of the paired or of the corrected interval."""
        measure = self.measure
        return (measure.corrected_low, measure.corrected_high) if corrected else (measure.low, measure.high)


Statement = Mapping[str, Sequence[Bound]]
"""What a statement says of each data set, by its name."""


def outcome(bounds: Sequence[Bound], corrected: bool = False) -> str:
    """Return what a data set says of a statement.

    It holds if every interval lies below its limit. It is contradicted if one lies above. Otherwise it is open.
    """
    intervals = [(*bound.interval(corrected), bound.limit) for bound in bounds]
    if any(low > limit for low, _, limit in intervals):
        return CONTRADICTED
    return HOLDS if all(high < limit for _, high, limit in intervals) else OPEN


def holds(statement: Statement, corrected: bool = False) -> bool:
    """Return whether a statement holds on at least two thirds of the data sets and is contradicted on none."""
    outcomes = [outcome(bounds, corrected) for bounds in statement.values()]
    return 3 * outcomes.count(HOLDS) >= 2 * len(outcomes) and CONTRADICTED not in outcomes


def judge_statements(
    statements: Mapping[str, Statement],
    partial: Callable[[list[bool]], bool],
    others: Sequence[Measure] = (),
    remark: str = "",
) -> Verdict:
    """Return "reproduced" if all statements hold, and "partial" if those that hold are enough.

    Parameters
    ----------
    statements
        In words, what the claim says.
    partial
        Whether a claim is partly reproduced, by whether each statement holds.
    others
        Measures that decide nothing.
    remark
        Follows what each data set says.
    """

    def decided(corrected: bool) -> str:
        held = [holds(statement, corrected) for statement in statements.values()]
        return word(all(held), partial(held))

    deciding = measures(*statements.values())
    sentences = "; ".join(map(in_words, statements, statements.values()))
    verdict, by_corrected = decided(corrected=False), decided(corrected=True)
    known = not any(math.isnan(measure.corrected_low) for measure in deciding if not math.isnan(measure.low))
    differs = known and by_corrected != verdict
    return Verdict(
        verdict,
        (*deciding, *others),
        "; ".join(filter(None, [sentences, remark])),
        reservations=(f"by the corrected interval {by_corrected}",) if differs else (),
        brief=sentences,
    )


def in_words(text: str, statement: Statement) -> str:
    """Return what each data set says of a statement."""
    outcomes = {dataset: outcome(bounds) for dataset, bounds in statement.items()}
    parts = [
        f"{result} on {', '.join(dataset for dataset in outcomes if outcomes[dataset] == result)}"
        for result in (HOLDS, OPEN, CONTRADICTED)
        if result in outcomes.values()
    ]
    return f"“{text}” {', '.join(parts)}"


def by_dataset(table: pd.DataFrame, column: str, *names: str) -> dict[str, pd.DataFrame]:
    """Return a column of each data set: a row for each seed, a column for each condition, such as "relu, batch"."""
    conditions = table.assign(condition=table[list(names)].astype(str).agg(", ".join, axis=1))
    parts = dict(iter(conditions.groupby("dataset", sort=False)))
    return {name: part.pivot(index="seed", columns="condition", values=column) for name, part in parts.items()}


def errors_by_dataset(table: pd.DataFrame, *names: str) -> dict[str, pd.DataFrame]:
    """Return `by_dataset` of the test error in %."""
    return {dataset: 100 * errors for dataset, errors in by_dataset(table, "test_error", *names).items()}


def lower(
    errors: Mapping[str, pd.DataFrame],
    test_to_train: float,
    text: str,
    a: str,
    b: str,
    limit: float = 0.0,
    unit: str = "points",
) -> Statement:
    """Return the statement that the error of a is below that of b, or above it by less than a limit.

    Parameters
    ----------
    errors
        Errors in % by data set, as `by_dataset` returns them.
    test_to_train
        Test rows over training rows; NaN for errors on training rows.
    text
        What the difference is.
    a, b, limit
        The conditions, and points.
    unit
        That of the errors.
    """
    return {
        dataset: [Bound(difference(f"{dataset}: {text} ({unit})", wide, a, b, test_to_train), limit)]
        for dataset, wide in errors.items()
    }


def together(*statements: Statement) -> Statement:
    """Return the statement that all of these hold."""
    return {dataset: [bound for part in statements for bound in part[dataset]] for dataset in statements[0]}


def measures(*statements: Statement) -> tuple[Measure, ...]:
    """Return the measures of statements."""
    return tuple(bound.measure for part in statements for bounds in part.values() for bound in bounds)


def rates_at_ends(table: pd.DataFrame, *columns: str) -> str:
    """Return in words the grids, and each condition whose learning rate is an end of its grid."""
    conditions = table.drop_duplicates(list(columns))
    parts = []
    for grid, rows in conditions.groupby("grid", sort=False):
        names = rows[list(columns)].astype(str).agg(", ".join, axis=1)
        rates = [(name, flagged(rate, str(grid))) for name, rate in zip(names, rows["lr"], strict=True)]
        ends = [f"{name}: {rate}" for name, rate in rates if " of " in rate]
        listed = f": {'; '.join(ends)}" if ends else ""
        grid_text = ", ".join(str(grid).split())
        parts.append(f"rates from {{{grid_text}}}, {len(ends)} of {len(rates)} conditions at an end{listed}")
    return "; ".join(parts)


def notes(table: pd.DataFrame, column: str, *conditions: str) -> str:
    """Return in words how many networks diverged, by a column of errors, and the chosen rates of the conditions."""
    return "; ".join(filter(None, [diverged(table, column), rates_at_ends(table, *conditions)]))


def diverged(table: pd.DataFrame, column: str) -> str:
    """Return in words how many networks diverged; empty if none did."""
    count = int((~table[column].abs().lt(math.inf)).sum())
    return f"{count} of {len(table)} networks diverged, and their seeds are left out of their differences" * bool(count)


def draw_statements(statements: Mapping[str, Statement], xlabel: str, ratio: bool = False) -> Figure:
    """Draw the measures of all statements with both intervals, a panel for each data set, all on one scale.

    Parameters
    ----------
    statements, xlabel
        What is drawn, and what the measures are.
    ratio
        Whether the measures are ratios, which have a logarithmic axis.
    """
    rows: dict[str, list[Bound]] = {}
    for dataset, bounds in (item for statement in statements.values() for item in statement.items()):
        rows.setdefault(dataset, []).extend(bounds)
    first, reference = next(iter(rows.values())), 1.0 if ratio else 0.0
    figure = sheet(0.9 + 0.2 * len(first))
    panels = figure.subplots(1, len(rows), sharex=True, sharey=True, squeeze=False)[0]
    for ax, letter, (dataset, bounds) in zip(panels, "abcdef", rows.items(), strict=False):
        draw_bounds(ax, bounds, reference)
        ax.set(title=f"({letter}) {dataset}", xlabel=xlabel)
    if ratio:
        ends = np.array([1, *(end for bounds in rows.values() for bound in bounds for end in bound.measure[2:4])])
        log_axis(panels[0], np.nanmin(ends) / 1.2, np.nanmax(ends) * 1.2, "x")
    names = [bound.measure.name.partition(": ")[2].removesuffix(" (points)") for bound in first]
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    entries: list[tuple[str, Style]] = [("paired 95 % interval, for these splits", PAIRED)]
    if not all(math.isnan(bound.measure.corrected_low) for bound in first):
        entries.append(("corrected, for new data of this kind", CORRECTED))
    if any(bound.limit != reference for bound in first):
        entries.append(("margin", THRESHOLD))
    legend(figure, entries)
    return figure


def draw_bounds(ax: Axes, bounds: Sequence[Bound], reference: float) -> None:
    """Draw measures one below the other, each with both intervals, and with its limit if that is a margin."""
    ax.axvline(reference, color=INK, linewidth=0.6)
    for row, (measure, limit) in enumerate(bounds):
        ax.plot([measure.corrected_low, measure.corrected_high], [row, row], **CORRECTED)
        ax.plot([measure.low, measure.high], [row, row], **PAIRED)
        ax.plot(measure.value, row, "o", color=INK)
        if limit != reference:
            ax.plot([limit, limit], [row - 0.4, row + 0.4], **THRESHOLD)
    ax.grid(axis="y", visible=False)
