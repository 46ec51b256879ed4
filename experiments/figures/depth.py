"""The figure of networks of several depths: how gradients and errors change with the number of hidden layers."""

import json
import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from experiments.analysis.comparison import scored
from experiments.analysis.epochs import with_early_stopping
from experiments.analysis.statistics import summarise
from experiments.figures.curves import (
    averaged_rows,
    band,
    final_error_label,
    heading,
    last_epoch,
    separate,
    unit_of_errors,
)
from experiments.figures.registry import Missing, figure
from experiments.figures.selection import by_dataset
from experiments.figures.style import Look, Style, legend, log_axis, looks, sheet, subject
from experiments.store.reading import StudyTables
from experiments.tables import KEY

CURVE = ["activation", "output"]
"""The columns that identify a curve."""


@figure("depth", title="Gradients and error by depth", needs=("layers.delta_norm",), parts=by_dataset, every_epoch=True)
def depth(tables: StudyTables) -> Figure:
    """Draw the first layer's δ over the last's before training, its ‖∂L/∂W‖ at the end, and test error, by depth."""
    replicas = tables.replicas.assign(depth=tables.replicas["net.hidden"].map(json.loads).map(len))
    if not (replicas.groupby(CURVE)["depth"].nunique() > 1).any():
        raise Missing("all networks have one depth", "+experiment=depth")
    unit = unit_of_errors(replicas)
    frame = by_depth(replicas, tables.layers)
    frame["score"] *= unit.scale
    appearance = curve_looks(replicas)
    result = sheet(2.5)
    result.suptitle(subject(replicas))
    ratio, gradient, error = result.subplots(1, 3)
    _draw_panel(ratio, frame, "ratio", appearance)
    ratio.set(title="(a) before training", ylabel="δ of the first layer / δ of the last")
    _draw_panel(gradient, frame, "weight_gradient_norm", appearance)
    gradient.set(title="(b) at the end", ylabel="‖∂L/∂W‖₂ of the first layer")
    _draw_panel(error, frame, "score", appearance, log=False, ceiling=unit.ceiling)
    end = "at the best epoch" if with_early_stopping(replicas).all() else "at the end"
    error.set(title=f"(c) {end}", ylabel=final_error_label(replicas))
    entries = [(", ".join(curve), _line(look)) for curve, look in appearance.items()]
    if replicas["output"].nunique() == 1:
        entries = [(activation, _line(look)) for (activation, _), look in appearance.items()]
    legend(result, entries, heading(replicas))
    return result


def by_depth(replicas: pd.DataFrame, layers: pd.DataFrame) -> pd.DataFrame:
    """Return the replicas with the norms of their layers and their test error.

    Returns
    -------
    DataFrame
        The columns of `replicas`; `ratio`, δ of the first layer over that of the last, before training;
        `weight_gradient_norm` of the first layer at the end, NaN where the replica diverged; `score`.
    """
    before = layers[layers["epoch"] == 0]
    first = before.loc[before["layer"] == 1, [*KEY, "delta_norm"]]
    last = before.sort_values("layer").groupby(KEY).tail(1)[[*KEY, "delta_norm"]]
    ratios = first.merge(last, on=KEY, suffixes=("", "_last"))
    ratios["ratio"] = ratios["delta_norm"] / ratios["delta_norm_last"]
    end = averaged_rows(last_epoch(layers), replicas)
    gradients = end.loc[end["layer"] == 1, [*KEY, "weight_gradient_norm"]]
    frame = replicas.merge(ratios[[*KEY, "ratio"]], on=KEY).merge(gradients, on=KEY, how="left")
    return scored(frame)


def curve_looks(replicas: pd.DataFrame) -> dict[tuple[str, str], Look]:
    """Return by activation and output the look of a curve over depths."""
    curves = replicas.drop_duplicates("run").set_index("run")[CURVE]
    result: dict[tuple[str, str], Look] = {}
    for run, look in looks(replicas.drop(columns=["net.hidden", "depth"])).items():
        result.setdefault((curves.loc[run, "activation"], curves.loc[run, "output"]), look)
    return result


def _line(look: Look) -> Style:
    return look.line(marker=look.marker or "o")


def _draw_panel(
    ax: Axes,
    frame: pd.DataFrame,
    column: str,
    appearance: dict[tuple[str, str], Look],
    log: bool = True,
    ceiling: float = math.inf,
) -> None:
    """Draw the mean of a column by depth, on a logarithmic axis if `log` and a mean is positive."""
    table = summarise(frame, [*CURVE, "depth"], column)
    mean = table["mean"][table["mean"] > 0]
    log = log and not mean.empty
    table = band(table, log, 0, ceiling)
    for (activation, output), look in appearance.items():
        rows = table[(table["activation"] == activation) & (table["output"] == output)]
        ax.plot(rows["depth"], rows["mean"], gid=f"{activation}, {output}", **_line(look))
        ax.fill_between(rows["depth"], rows["low"], rows["high"], color=look.color, alpha=0.16, lw=0)
    if log:
        log_axis(ax, max(mean.min() / 2, mean.max() * 1e-14), mean.max() * 2)
    else:
        ax.set_ylim(bottom=0)
    ax.set(xlabel="hidden layers")
    ax.set_xscale("symlog", base=2, linthresh=1)
    depths = sorted(frame["depth"].unique())
    ax.set_xticks(depths, [str(depth) for depth in depths])
    ax.xaxis.set_minor_locator(NullLocator())
    places = ax.xaxis.get_transform().transform(np.array([depths[0], depths[-1]], float))
    margin = 0.06 * np.ptp(places)  # marks are not cut off
    ax.set_xlim(*ax.xaxis.get_transform().inverted().transform(places + margin * np.array([-1, 1])))
    separate(ax)
