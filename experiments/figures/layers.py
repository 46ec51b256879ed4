"""Figures of what the layers do: where units saturate or die, how signals spread, how depth wears gradients out."""

import math
import textwrap

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.analysis.comparison import scored
from experiments.analysis.statistics import summarise
from experiments.figures.curves import KEY, at_end, band, counted, draw, key, means, seeds_note, unit
from experiments.figures.registry import Missing, by_dataset, comparable, figure
from experiments.figures.style import legend, log_axis, looks, plain, sheet, subject
from experiments.store.reading import StudyTables


def hidden(layers: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of hidden layers, the only ones with activations.

    Raises
    ------
    Missing
        If there is none.
    """
    rows = layers[layers["activation_mean"].notna()]
    if rows.empty:
        raise Missing("no hidden layer", "'net.hidden=[128,128]'")
    return rows


@figure(
    "saturation", title="Units that are flat, dead or silent", needs=("layers.saturated_fraction",), parts=comparable
)
def saturation(tables: StudyTables) -> Figure:
    """Draw the shares of saturated pairs, dead units and exact zeros, by epoch over all hidden layers and by layer."""
    replicas = tables.replicas
    layers = hidden(tables.layers)
    quantities = {
        "saturated_fraction": "|f′(z)| < 0.005 (%)",
        "dead_fraction": "dead units (%)",
        "zero_fraction": "h = 0 (%)",
    }
    by_epoch = layers.groupby([*KEY, "epoch"])[list(quantities)].mean().reset_index()
    appearance = looks(replicas)
    result = sheet(4.6)
    result.suptitle(subject(replicas))
    panels = result.subplots(3, 2, width_ratios=[1.4, 1], sharey="row")
    for row, (column, label) in zip(panels, quantities.items(), strict=True):
        most = 0
        for ax, table in (
            (row[0], means(by_epoch, replicas, column, scale=100)),
            (row[1], means(at_end(layers), replicas, column, x="layer", scale=100)),
        ):
            x = "layer" if ax is row[1] else "epoch"
            draw(ax, table, replicas, appearance, x=x, log=False, ceiling=100)
            most = max(most, ax.get_ylim()[1])
        # Limits leave room for the lines that lie on 0 %.
        row[0].set(ylabel=label, ylim=(-0.03 * max(most, 5), min(103, max(most, 5))))
    panels[0, 0].set_title("mean over hidden layers, by epoch")
    panels[0, 1].set_title("by hidden layer, at the end")
    panels[-1, 0].set_xlabel("epoch")
    panels[-1, 1].set_xlabel("hidden layer")
    key(result, replicas, appearance)
    return result


@figure(
    "activation_statistics",
    title="Mean and spread of activations by layer",
    needs=("layers.activation_mean",),
    parts=comparable,
)
def activation_statistics(tables: StudyTables) -> Figure:
    """Draw mean and standard deviation of h by hidden layer, before training and at its end."""
    replicas = tables.replicas
    layers = hidden(tables.layers)
    moments = {"before training": layers[layers["epoch"] == 0], "at the end": at_end(layers)}
    appearance = looks(replicas)
    result = sheet(3.7)
    result.suptitle(subject(replicas))
    panels = result.subplots(2, 2, sharex=True)
    for column, (moment, rows) in zip(panels.T, moments.items(), strict=True):
        column[0].set_title(moment)
        draw(
            column[0],
            means(rows, replicas, "activation_mean", x="layer"),
            replicas,
            appearance,
            x="layer",
            log=False,
            floor=-math.inf,
        )
        draw(column[1], means(rows, replicas, "activation_std", x="layer"), replicas, appearance, x="layer")
        column[0].axhline(0, color="0.6", linewidth=0.6, zorder=0)
        column[1].set_xlabel("hidden layer")
    panels[0, 0].set_ylabel("mean of h")
    panels[1, 0].set_ylabel("standard deviation of h")
    key(result, replicas, appearance)
    return result


@figure(
    "gradient_flow",
    title="Gradients by layer and epoch",
    needs=("layers.delta_norm", "layers.weight_gradient_norm"),
    parts=comparable,
)
def gradient_flow(tables: StudyTables) -> Figure:
    """Draw ‖∂L/∂W‖ and δ = rms ∂ℓ/∂z over layer and epoch, one column to a condition, mean over seeds."""
    replicas, layers = tables.replicas, tables.layers
    quantities = {"weight_gradient_norm": "‖∂L/∂W‖₂", "delta_norm": "δ = rms ∂ℓ/∂z"}
    appearance = looks(replicas)
    grids = {}
    rows = counted(layers, replicas).groupby(["run", "layer", "epoch"])
    for column in quantities:
        mean = rows[column].mean()
        grids[column] = {run: mean[run].unstack("epoch") for run in appearance if run in mean.index}
    blocks = math.ceil(len(appearance) / 7)
    across = math.ceil(len(appearance) / blocks)
    titles = [
        plain(textwrap.fill(look.label, max(12, 72 // across), break_long_words=False)) for look in appearance.values()
    ]
    longest = max(len(line) for title in titles for line in title.split("\n"))
    size = min(7, 620 / across / longest)  # 90 characters of 7 points fit across a page
    result = sheet(0.6 + blocks * (1.75 + 0.12 * max(title.count("\n") for title in titles)))
    panels = result.subplots(2 * blocks, across, squeeze=False, sharex=True)
    alike = len({len(grid) for grid in grids["delta_norm"].values()}) == 1
    for column, (name, label) in enumerate(quantities.items()):
        finite = np.concatenate([grid.to_numpy().ravel() for grid in grids[name].values()])
        finite = finite[np.isfinite(finite) & (finite > 0)]
        high = finite.max(initial=1e-300)
        norm = LogNorm(
            max(finite.min(initial=high), high * 1e-6), high if high > finite.min(initial=high) else 2 * high
        )
        for place, (run, title) in enumerate(zip(appearance, titles, strict=True)):
            ax = panels[2 * (place // across) + column, place % across]
            if run in grids[name]:
                _heat(ax, grids[name][run], norm)
            if column == 0:
                ax.set_title(title, fontsize=size)
            if place % across == 0:
                ax.set_ylabel(f"layer: {label.removeprefix('δ = rms ')}" if blocks > 1 else "layer")
            elif alike:
                ax.set_yticklabels([])
        bar = (
            {"label": label, "pad": 0.02, "aspect": 12} if blocks == 1 else {"label": label, "pad": 0.01, "aspect": 40}
        )
        beside = panels[column] if blocks == 1 else panels
        result.colorbar(ScalarMappable(norm, "viridis"), ax=beside.ravel().tolist(), fraction=0.03, **bar)
    # Panels share their epochs, and an image takes its own for all: of a condition that diverged, the first few.
    epochs = [epoch for grid in grids["delta_norm"].values() for epoch in grid.columns]
    panels[0, 0].set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
    for place, ax in enumerate(panels[1::2].ravel()):
        if place + across >= len(appearance):
            ax.tick_params(labelbottom=True)
            ax.set_xlabel("epoch")
    for ax in panels[-2:, (len(appearance) - 1) % across + 1 :].ravel():
        ax.set_visible(False)
    result.suptitle(subject(replicas) + " (last layer: output)")
    return result


def _heat(ax, grid, norm):
    """Draw layer × epoch, a pixel to each; what is 0 takes the darkest colour."""
    extent = (grid.columns[0] - 0.5, grid.columns[-1] + 0.5, grid.index[0] - 0.5, grid.index[-1] + 0.5)
    values = grid.where(grid > 0, norm.vmin)
    ax.imshow(values, norm=norm, cmap="viridis", aspect="auto", origin="lower", extent=extent, interpolation="nearest")
    ax.grid(visible=False)
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    ax.xaxis.set_major_locator(MaxNLocator(3, integer=True, min_n_ticks=1))


@figure("depth", title="Gradients and error by depth", needs=("layers.delta_norm",), parts=by_dataset)
def depth(tables: StudyTables) -> Figure:
    """Draw the first layer's δ over the last's before training, its ‖∂L/∂W‖ at the end, and test error, by depth."""
    replicas = tables.replicas
    layers = replicas["net.hidden"].map(lambda text: text.count(",") + 1 if text != "[]" else 0)
    replicas = replicas.assign(depth=layers)
    curves = replicas.groupby(["activation", "output"])["depth"].nunique() > 1
    if not curves.any():
        raise Missing("one depth", "+experiment=depth")
    label, scale, ceiling = unit(replicas)
    start = tables.layers[(tables.layers["epoch"] == 0) & (tables.layers["layer"] == 1)]
    last = tables.layers[tables.layers["epoch"] == 0].sort_values("layer").groupby(KEY).tail(1)
    both = start.merge(last[[*KEY, "delta_norm"]], on=KEY, suffixes=("", "_last"))
    both["ratio"] = both["delta_norm"] / both["delta_norm_last"]
    end = counted(at_end(tables.layers), replicas)
    frame = replicas.merge(both[[*KEY, "ratio"]], on=KEY).merge(
        end.loc[end["layer"] == 1, [*KEY, "weight_gradient_norm"]], on=KEY, how="left"
    )
    frame = scored(frame).assign(score=lambda rows: rows["score"] * scale)
    several = replicas["output"].nunique() > 1
    style = {}
    for run, look in looks(replicas.drop(columns=["net.hidden", "depth"])).items():
        row = replicas[replicas["run"] == run].iloc[0]
        style.setdefault((row["activation"], row["output"]), look)
    result = sheet(2.5)
    result.suptitle(subject(replicas))
    panels = result.subplots(1, 3)
    quantities = {
        "ratio": "δ of the first layer / δ of the last",
        "weight_gradient_norm": "‖∂L/∂W‖₂ of the first layer",
        "score": label,
    }
    entries = {}
    for ax, letter, (column, text) in zip(panels, "abc", quantities.items(), strict=True):
        table = summarise(frame, ["activation", "output", "depth"], column)
        mean = table["mean"][table["mean"] > 0]
        log = column != "score" and len(mean) > 0
        table = band(table, log, 0, ceiling if column == "score" else math.inf)
        for (activation, output), look in style.items():
            rows = table[(table["activation"] == activation) & (table["output"] == output)]
            line = look.line(marker=look.marker or "o")
            ax.plot(rows["depth"], rows["mean"], **line)
            ax.fill_between(rows["depth"], rows["low"], rows["high"], color=look.color, alpha=0.16, lw=0)
            entries[f"{activation}, {output}" if several else activation] = line
        if log:
            log_axis(ax, max(mean.min() / 2, mean.max() * 1e-14), mean.max() * 2)
        else:
            ax.set_ylim(bottom=0)
        when = {"ratio": "before training", "weight_gradient_norm": "at the end", "score": "at the end"}[column]
        ax.set(xlabel="hidden layers", title=f"({letter}) {when}", ylabel=text)
        ax.set_xscale("symlog", base=2, linthresh=1)
        ax.set_xticks(sorted(frame["depth"].unique()), [str(value) for value in sorted(frame["depth"].unique())])
    legend(result, list(entries.items()), seeds_note(replicas))
    return result
