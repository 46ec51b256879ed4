"""The figure of what a budget of trials is expected to give."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from experiments.analysis.budget import expected_by_run, trials
from experiments.analysis.units import Unit
from experiments.figures.curves import error_label, span_of, unit_of_errors
from experiments.figures.registry import Missing, figure
from experiments.figures.selection import by_dataset
from experiments.figures.style import Look, legend, log_axis, looks, sheet, subject
from experiments.store.reading import StudyTables

TUNED = "tune.trials=16 tune.seeds=2 'tune.space={optimizer.lr: log(1e-4, 1)}'"
"""The words that add trials to a study."""


@figure("budget", title="Expected error by the number of trials", parts=by_dataset, every_rate=True)
def budget(tables: StudyTables) -> Figure:
    """Draw the expected error of the best of n trials: of the validation part, which chooses, and of the test part.

    The n trials are drawn without replacement from those of each condition (after Dodge et al. 2019). A trial's error
    is its mean over the tuning seeds. Bars are ± one standard error over these seeds, for the same choice of trials.
    The test errors of these seeds choose nothing, and they are not the results.
    """
    unit = unit_of_errors(tables.replicas)
    of_trials = trials(tables.replicas, unit.ceiling / unit.scale)
    curves = expected_by_run(of_trials)
    if curves.empty:
        raise Missing("no condition has several trials on tuning seeds", TUNED)
    tuned = tables.replicas[(tables.replicas["purpose"] == "tuning") & tables.replicas["run"].isin(curves["run"])]
    curves = curves.replace(math.inf, np.nan)
    numbers = curves.columns.difference(["n", "run"])
    curves[numbers] = unit.scale * curves[numbers].astype(float)
    appearance = {run: look for run, look in looks(tables.replicas).items() if run in set(curves["run"])}
    result = sheet(2.7)
    chosen, tested = result.subplots(1, 2, sharex=True, sharey=True)
    result.suptitle(subject(tables.replicas))
    for ax, part, title in (
        (chosen, "validation", "(a) the best of n trials"),
        (tested, "test", "(b) the same trial, tested"),
    ):
        ax.set(title=title, xlabel="trials n", ylabel=error_label(unit, part))
        ax.tick_params(labelleft=True)
        _draw(ax, curves, part, appearance)
    _fit(chosen, curves, unit)
    lost = of_trials["validation"] >= unit.ceiling / unit.scale
    lines = [f"expectation over the choice of n trials; mean over {_seeds(tuned)} tuning seeds"]
    if curves["test_se"].notna().any():
        lines[0] += ", bars ± its standard error"
    else:
        lines.append("one tuning seed says nothing about the uncertainty of a curve")
    if lost.any():
        counted = f"counts as {unit.ceiling:g} {unit.label}"
        counted = (
            counted if math.isfinite(unit.ceiling) else "has no error: a curve begins where one certainly finishes"
        )
        lines.append(f"a diverged trial ({lost.sum()} of {len(lost)}) {counted}")
    entries = [(look.label, look.line()) for look in dict.fromkeys(appearance.values())]
    legend(result, entries, "\n".join(lines))
    return result


def _seeds(tuned: pd.DataFrame) -> str:
    return span_of(tuned.groupby(["run", "lr"]).size())


def _draw(ax: Axes, curves: pd.DataFrame, part: str, appearance: dict[str, Look]) -> None:
    """Draw the expected error of each condition by the number of trials, with bars and marks at the doublings.

    Bars of several conditions stand side by side.
    """
    step, middle = min(1.6, 12 / len(appearance)), (len(appearance) - 1) / 2
    for index, (run, look) in enumerate(appearance.items()):
        rows = curves[curves["run"] == run]
        doublings = _doublings(len(rows))
        ax.plot(rows["n"], rows[part], **look.line(gid=run, markevery=[n - 1 for n in doublings]))
        marked = rows[rows["n"].isin(doublings)].dropna(subset=[part, f"{part}_se"])
        beside = ax.transData + ScaledTranslation((index - middle) * step / 72, 0, ax.figure.dpi_scale_trans)
        low = np.maximum(marked[part] - marked[f"{part}_se"], marked[part] / 100)  # a logarithmic axis has no 0
        high = marked[part] + marked[f"{part}_se"]
        ax.vlines(marked["n"], low, high, color=look.color, linewidth=0.9, alpha=0.6, transform=beside)


def _doublings(most: int) -> list[int]:
    return [2**power for power in range(most.bit_length())]


def _fit(ax: Axes, curves: pd.DataFrame, unit: Unit) -> None:
    """Show doublings of the budget at equal distances, and errors on a logarithmic axis if they span a decade."""
    most = int(curves["n"].max())
    ticks = _doublings(most)
    ax.set_xscale("log", base=2)
    # With room for the bars side by side.
    ax.set(xlim=(0.9, most / 0.9), xticks=ticks, xticklabels=[f"{tick}" for tick in ticks])
    errors = curves[["validation", "test"]].stack()
    if 0 < 10 * errors.min() < errors.max():
        log_axis(ax, errors.min() / 1.3, errors.max() * 1.1)
    elif math.isfinite(unit.ceiling):
        ax.set_ylim(bottom=unit.floor)
