"""Figures of the time that training takes with each activation."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.curves import condition_legend
from experiments.figures.parts import comparable
from experiments.figures.registry import Missing, figure
from experiments.figures.selection import at_selected_rate
from experiments.figures.style import Look, RowLabels, log_axis, looks, row_labels, sheet, subject
from experiments.figures.training import Quantity, errors
from experiments.store.reading import StudyTables
from experiments.tables import STOPPED_EPOCH


def seconds_per_epoch(replicas: pd.DataFrame, timing: pd.DataFrame) -> pd.Series:
    """Return by run the seconds that an epoch of one network takes: a stack's time divided by its networks.

    The times are those of all learning rates of a run. A replica that diverged or stopped early was trained until then.
    """
    ends = [column for column in ("diverged_epoch", STOPPED_EPOCH) if column in replicas]
    trained = replicas.set_index("run")[ends].astype(float).min(axis=1)
    planned = timing.groupby("run")["epochs"].max()
    share = (trained / planned.reindex(trained.index)).fillna(1).groupby("run").mean()
    timing = timing.assign(work=timing["replicas"] * timing["epochs"])
    sums = timing.groupby("run")[["training", "work"]].sum()
    return sums["training"] / (sums["work"] * share)


@figure(
    "cost_of_activation",
    title="Test error against training time",
    needs=("timing.training",),
    parts=comparable,
    every_rate=True,
    every_epoch=True,
)
def cost_of_activation(tables: StudyTables) -> Figure:
    """Draw mean test error against the seconds of training, one point per epoch, and the time that an epoch takes.

    Seconds are those that a processor spends on one network, without evaluation and diagnostics.
    """
    seconds = seconds_per_epoch(tables.replicas, tables.timing)
    tables = at_selected_rate(tables)
    replicas = tables.replicas
    appearance = {run: look for run, look in looks(replicas).items() if 0 < seconds.get(run, 0) < math.inf}
    if not appearance:
        raise Missing("no seconds in the study's timing", "force=true")
    quickest = {run: appearance[run] for run in sorted(appearance, key=lambda run: seconds[run])}
    names = row_labels((look.label for look in quickest.values()), 7 if len(appearance) < 16 else 5.5)
    result = sheet(max(2.6, 0.5 + names.height * len(appearance)))
    course, epoch = result.subplots(1, 2, width_ratios=[1.6, 1])
    result.suptitle(subject(replicas))
    _draw_course(course, errors(tables, "test"), tables, seconds, appearance)
    _draw_epoch_times(epoch, seconds, quickest, names)
    condition_legend(result, replicas, appearance, crosses=False, bands=False)
    return result


def _draw_course(
    ax: Axes, quantity: Quantity, tables: StudyTables, seconds: pd.Series, appearance: dict[str, Look]
) -> None:
    """Draw the mean error of each condition against the seconds of training, up to the last epoch of any seed."""
    last = quantity.table["run"].map(tables.history.groupby("run")["epoch"].max())
    table = quantity.table[quantity.table["epoch"].between(1, last)]
    for run, look in appearance.items():
        rows = table[table["run"] == run]
        step = max(1, len(rows) // 6)
        line = look.line(gid=run, marker=look.marker or ".", markevery=step)
        ax.plot(rows["epoch"] * seconds[run], rows["mean"], **line)
    ax.set(
        title="(a) error by training time",
        xlabel="processor seconds of training, one network",
        ylabel=quantity.label,
        xscale="log",
    )
    low, high = ax.get_xlim()
    log_axis(ax, low, high, axis="x")
    done = tables.replicas.loc[tables.replicas["status"] == "done", "run"]
    mean = table.loc[table["run"].isin(done) | ~done.any(), "mean"]
    if 0 < 10 * mean.min() < mean.max() < math.inf:
        log_axis(ax, mean.min() / 1.3, mean.max() * 1.1)


def _draw_epoch_times(ax: Axes, seconds: pd.Series, appearance: dict[str, Look], names: RowLabels) -> None:
    """Draw the time of an epoch of each condition, the first on top."""
    for index, (run, look) in enumerate(appearance.items()):
        ax.plot([0, 1000 * seconds[run]], [index, index], color="0.85", linewidth=1, zorder=0)
        ax.plot(1000 * seconds[run], index, look.marker or "o", color=look.color)
    ax.set(
        title="(b) time of an epoch",
        xlabel="milliseconds, one network",
        yticks=range(len(names.texts)),
        ylim=(len(names.texts) - 0.5, -0.5),
    )
    ax.set_yticklabels(names.texts, fontsize=names.size)
    ax.set_xlim(left=0)
    ax.grid(axis="y", visible=False)
