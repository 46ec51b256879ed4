"""Claims about many data sets: the pooled difference of two conditions, its interval over data sets, its figure."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.analysis.over_datasets import differences
from experiments.analysis.pooled import random_effects
from experiments.claims.courses import LEVEL, course, crossings, unreached
from experiments.claims.drawings import THRESHOLD, label
from experiments.claims.registry import Claim
from experiments.claims.several import rates_at_ends
from experiments.claims.studies import Protocol, train, train_all
from experiments.claims.tables import tuned, tuned_errors
from experiments.claims.verdicts import Measure, Verdict, word
from experiments.figures.style import INK, MUTED, Style, legend, log_axis, sheet
from experiments.store.reading import StudyTables

ONE: Style = {"color": MUTED, "marker": "o", "linewidth": 1.2}
LOST: Style = {"color": MUTED, "marker": "x", "linestyle": "none"}
POOLED: Style = {"color": INK, "marker": "D", "linewidth": 2}

RULE = "random-effects mean over eleven data sets of suite30"
"""What `pooled` returns, as the beginning of a claim's threshold."""


def pooled(name: str, table: pd.DataFrame, column: str, a: str, b: str) -> list[Measure]:
    """Return the mean over data sets of the test error of a − that of b in points, and then that of each data set.

    Parameters
    ----------
    name
        What is compared.
    table
        dataset, `column`, seed, test_error, test_to_train. An error of inf stands for a diverged network.
    column, a, b
        The column of the conditions, and two of them.
    """
    scores = table.assign(error=100 * table["test_error"], treatment=table[column])
    return _pooled(name, scores, a, b)


def pooled_ratio(name: str, epochs: pd.DataFrame, a: str, b: str) -> list[Measure]:
    """Return the geometric mean over data sets of the epochs of a / those of b, and then that of each data set.

    Parameters
    ----------
    epochs
        As `epochs_to_level` returns them.
    name, a, b
        As for `pooled`; a and b are activations.
    """
    scores = epochs.assign(error=np.log(epochs["epochs"]), treatment=epochs["activation"], test_to_train=0.0)
    return [measure.exp() for measure in _pooled(name, scores, a, b)]


def _pooled(name: str, scores: pd.DataFrame, a: str, b: str) -> list[Measure]:
    pairs = differences(scores[scores["treatment"].isin([a, b])], b)
    gaps, variances = pairs["difference"].to_numpy(float), pairs["variance"].to_numpy(float)
    mean = random_effects(gaps, variances)
    ends = pairs[["dataset", "difference", "low", "high"]].itertuples(index=False)
    return [Measure(name, mean.mean, mean.low, mean.high), *(Measure(f"{row[0]}: {name}", *row[1:]) for row in ends)]


def by_sign(measures: Sequence[Measure], neutral: float = 0.0) -> str:
    """Return in words on how many data sets the interval of a measure lies below and above `neutral`; pooled first."""
    name, each = measures[0].name, measures[1:]
    below, above = sum(part.high < neutral for part in each), sum(part.low > neutral for part in each)
    lost = sum(not math.isfinite(part.value) for part in each)
    text = f"{name}: below {neutral:g} on {below} of {len(each)} data sets, above on {above}, by paired intervals"
    return text + f"; on {lost} more networks of one diverged, and they are not in the mean" * bool(lost)


def courses(tables: StudyTables, replicas: pd.DataFrame) -> pd.DataFrame:
    """Return `course` of the replicas of each data set, with its name."""
    parts = [course(tables, rows).assign(dataset=name) for name, rows in replicas.groupby("dataset", sort=False)]
    return pd.concat(parts, ignore_index=True)


def epochs_to_level(table: pd.DataFrame) -> pd.DataFrame:
    """Return dataset, activation, seed and the epochs to training cross-entropy `LEVEL`, from `courses`."""
    parts = [
        crossings(part).melt(ignore_index=False, value_name="epochs").reset_index().assign(dataset=name)
        for name, part in table.groupby("dataset", sort=False)
    ]
    return pd.concat(parts, ignore_index=True)


def notes(table: pd.DataFrame, *columns: str) -> str:
    """Return in words the conditions whose learning rate is an end of its grid, and what else the table knows.

    That is the share of dead ReLUs, or, of `courses`, how many networks were late.
    """
    texts = [rates_at_ends(table, "dataset", *columns)]
    if "dead" in table:
        dead = 100 * table[table["activation"] == "relu"].groupby("dataset")["dead"].mean()
        texts.insert(0, f"dead ReLUs: {dead.min():.2g} to {dead.max():.2g} % by data set")
    if "train_loss" in table:
        late = sum(int(unreached(part).sum()) for _, part in table.groupby("dataset"))
        count, last = len(table.drop_duplicates(["dataset", "activation", "seed"])), table["epoch"].max()
        texts.insert(0, f"{late} of {count} networks do not reach {LEVEL:g} in {last} epochs, which count as {last}")
    return "; ".join(texts)


class Pair(NamedTuple):
    """Two conditions whose test errors are compared: what the difference a − b is called, and their column."""

    name: str
    column: str
    a: str
    b: str


def errors_claim(
    pair: Pair,
    preset: str,
    low: float,
    high: float,
    tabulate: Callable[..., pd.DataFrame] = tuned_errors,
    **texts: str,
) -> Claim:
    """Return the claim that the pooled difference of test errors lies between two margins, in points.

    Parameters
    ----------
    pair, preset
        What is compared, and the preset that trains it.
    low, high
        The margins; one may be infinite.
    tabulate
        Returns the claim's table from the tables of the study and the columns of the conditions.
    texts
        Those of the claim.
    """

    def measure(protocol: Protocol) -> pd.DataFrame:
        return tabulate(train(preset, protocol), "dataset", pair.column)

    def differences(table: pd.DataFrame) -> list[Measure]:
        return pooled(pair.name, table, pair.column, pair.a, pair.b)

    def judge(table: pd.DataFrame) -> Verdict:
        measures = differences(table)
        result = word(measures[0].low >= low and measures[0].high <= high)
        return Verdict(result, tuple(measures), f"{by_sign(measures)}; {notes(table, pair.column)}")

    def draw_differences(table: pd.DataFrame) -> Figure:
        return draw([differences(table)], "points", [margin for margin in (low, high) if math.isfinite(margin)])

    return Claim(presets=(preset,), measure=measure, judge=judge, drawings={"": draw_differences}, **texts)


def speed_claim(
    activation: str,
    others: Sequence[str],
    presets: tuple[str, ...],
    partial: Callable[[list[bool]], bool],
    **texts: str,
) -> Claim:
    """Return the claim that an activation needs fewer epochs to cross-entropy `LEVEL` than each of the others.

    Parameters
    ----------
    activation, others
        What is compared.
    presets
        The presets that train them.
    partial
        Whether the claim is partly reproduced, by whether it holds against each of the others.
    texts
        Those of the claim.
    """

    def measure(protocol: Protocol) -> pd.DataFrame:
        tables = train_all(presets, protocol)
        return courses(tables, tuned(tables.replicas))

    def ratios(table: pd.DataFrame) -> list[list[Measure]]:
        epochs = epochs_to_level(table)
        names = [f"epochs {label(activation)}/{label(other)}" for other in others]
        return [pooled_ratio(name, epochs, activation, other) for name, other in zip(names, others, strict=True)]

    def judge(table: pd.DataFrame) -> Verdict:
        compared = ratios(table)
        faster = [measures[0].high < 1 for measures in compared]
        deciding = [measures[0] for measures in compared]
        each = [measure for measures in compared for measure in measures[1:]]
        signs = "; ".join(by_sign(measures, 1.0) for measures in compared)
        result = word(all(faster), partial(faster))
        return Verdict(result, (*deciding, *each), f"{signs}; {notes(table, 'activation')}")

    def draw_ratios(table: pd.DataFrame) -> Figure:
        return draw(ratios(table), "ratio of epochs", ratio=True)

    return Claim(presets=presets, measure=measure, judge=judge, drawings={"": draw_ratios}, **texts)


def draw(panels: Sequence[Sequence[Measure]], xlabel: str, limits: Sequence[float] = (), ratio: bool = False) -> Figure:
    """Draw each data set's difference, and below them the mean over data sets; a panel for each comparison.

    Parameters
    ----------
    panels
        What `pooled` or `pooled_ratio` returned.
    xlabel, limits
        What is drawn, and the margins of the claim.
    ratio
        Whether the measures are ratios, which have a logarithmic axis.
    """
    rows = len(panels[0])
    figure = sheet(0.8 + 0.17 * rows, 7 if len(panels) > 1 else 5)
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for ax, (mean, *each) in zip(axes, panels, strict=True):
        for y, (measure, style) in enumerate([*((part, ONE) for part in each), (mean, POOLED)]):
            ax.plot([measure.low, measure.high], [y, y], color=style["color"], linewidth=style["linewidth"])
            if math.isfinite(measure.value):
                ax.plot(measure.value, y, style["marker"], color=style["color"])
            else:
                ax.plot(0.5 + math.copysign(0.49, measure.value), y, **LOST, transform=ax.get_yaxis_transform())
        ax.axvline(1.0 if ratio else 0.0, color=INK, linewidth=0.6)
        for limit in limits:
            ax.axvline(limit, **THRESHOLD)
        ax.set(title=mean.name, xlabel=xlabel, ylim=(rows - 0.4, -0.6))
        ax.grid(axis="y", visible=False)
    if ratio:
        ends = [end for measures in panels for measure in measures for end in (measure.low, measure.high)]
        log_axis(axes[0], np.nanmin(ends) / 1.2, np.nanmax(ends) * 1.2, "x")
    names = [measure.name.partition(": ")[0] for measure in panels[0][1:]]
    axes[0].set_yticks(range(rows), [*names, "mean over data sets"])
    entries = [("data set, paired 95 % interval over seeds", ONE), ("random-effects mean, 95 % over data sets", POOLED)]
    lost = not all(math.isfinite(measure.value) for measures in panels for measure in measures)
    entries += [("at the edge: more networks of one diverged, not in the mean", LOST)] * lost
    legend(figure, [*entries, *[("margin", THRESHOLD)] * bool(limits)])
    return figure
