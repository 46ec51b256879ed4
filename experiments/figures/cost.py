"""Figures of what an activation costs in time (lecture row L16)."""

import math

from matplotlib.figure import Figure

from experiments.figures.curves import key
from experiments.figures.registry import Missing, at_selected_rate, comparable, figure
from experiments.figures.style import log_axis, looks, plain, sheet, subject
from experiments.figures.training import errors
from experiments.store.reading import StudyTables


@figure(
    "cost_of_activation",
    title="Test error against training time",
    needs=("timing.training",),
    parts=comparable,
    every_rate=True,
)
def cost_of_activation(tables: StudyTables) -> Figure:
    """Draw mean test error against seconds of training, an epoch to a point, beside the seconds that an epoch takes.

    Seconds are a thread's, without evaluation and diagnostics, and of one network: a stack's time divided by its size.
    """
    # Seconds are of all of a run's rates; what diverged was trained until then.
    trained = tables.replicas.set_index("run")["diverged_epoch"].astype(float)
    planned = tables.timing.groupby("run")["epochs"].max()
    share = (trained / planned.reindex(trained.index)).fillna(1).groupby("run").mean()
    tables = at_selected_rate(tables)
    replicas = tables.replicas
    timing = tables.timing.assign(work=tables.timing["replicas"] * tables.timing["epochs"])
    sums = timing.groupby("run")[["training", "work"]].sum()
    seconds = sums["training"] / (sums["work"] * share)
    label, table, _ = errors(tables, "test")
    appearance = {run: look for run, look in looks(replicas).items() if 0 < seconds.get(run, 0) < math.inf}
    if not appearance:
        raise Missing("no seconds in the study's timing", "force=true")
    result = sheet(max(2.6, 0.5 + 0.16 * len(appearance)))
    course, epoch = result.subplots(1, 2, width_ratios=[1.6, 1])
    result.suptitle(subject(replicas))
    for run, look in appearance.items():
        rows = table[(table["run"] == run) & (table["epoch"] > 0)]
        step = max(1, len(rows) // 6)
        course.plot(
            rows["epoch"] * seconds[run], rows["mean"], **look.line(gid=run, marker=look.marker or ".", markevery=step)
        )
    course.set(
        title="(a) error by training time", xlabel="seconds of training, one network", ylabel=label, xscale="log"
    )
    log_axis(course, *course.get_xlim(), axis="x")
    done = replicas.loc[replicas["status"] == "done", "run"]
    mean = table.loc[(table["epoch"] > 0) & (table["run"].isin(done) | ~done.any()), "mean"]
    if 0 < 10 * mean.min() < mean.max() < math.inf:
        log_axis(course, mean.min() / 1.3, mean.max() * 1.1)
    order = sorted(appearance, key=lambda run: seconds[run])
    for place, run in enumerate(order):
        epoch.plot([0, 1000 * seconds[run]], [place, place], color="0.85", linewidth=1, zorder=0)
        epoch.plot(1000 * seconds[run], place, "o", color=appearance[run].color)
    epoch.set(
        title="(b) time of an epoch",
        xlabel="milliseconds, one network",
        yticks=range(len(order)),
        ylim=(len(order) - 0.5, -0.5),
    )
    epoch.set_yticklabels([plain(appearance[run].label) for run in order], fontsize=7 if len(order) < 16 else 5.5)
    epoch.set_xlim(left=0)
    epoch.grid(axis="y", visible=False)
    key(result, replicas, appearance, crosses=False, bands=False)
    return result
