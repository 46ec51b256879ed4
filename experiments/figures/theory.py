"""Figures of signal propagation: what the theory of wide networks says before training, and where a study lies."""

import math
from dataclasses import fields
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from threadpoolctl import threadpool_limits

from experiments.analysis.propagation import (
    Weights,
    correlations,
    critical_line,
    predicted,
    rebuild,
    weights_of,
)
from experiments.analysis.wording import counted
from experiments.figures.parts import comparable
from experiments.figures.registry import Missing, figure
from experiments.figures.selection import by_dataset, select
from experiments.figures.style import DOUBLE, INK, MARKERS, MUTED, Look, Style, legend, log_axis, looks, sheet, subject
from experiments.figures.texts import literal
from experiments.store.reading import StudyTables
from nets.activations import Activation
from nets.initializers import Initializer
from nets.theory import UNSTABLE as UNSTABLE_GROWTH

DEEP = "'net.hidden=[128,128,128,128]'"
STABLE, UNSTABLE, PREDICTED = "-", (0, (3, 1.5)), (0, (4, 2))


def plain(tables: StudyTables) -> tuple[StudyTables, dict[str, Weights]]:
    """Return the part of a study that the theory describes, and the networks of each of its runs.

    Raises
    ------
    Missing
        If there is none.
    """
    rows = tables.replicas.drop_duplicates("run").set_index("run", drop=False)
    found = {str(run): weights for run, row in rows.iterrows() if (weights := weights_of(row, rebuild(row)))}
    if not found:
        raise Missing("no plain network has two hidden layers", DEEP)
    return select(tables, tables.replicas[tables.replicas["run"].isin(found)]), found


@figure(
    "signal_propagation",
    title="Signals and gradients before training, measured and by the theory of wide networks",
    needs=("layers.activation_std", "layers.delta_norm"),
    parts=comparable,
    every_epoch=True,
)
def signal_propagation(tables: StudyTables) -> Figure:
    """Draw E[h²], δ and the correlation of two inputs by hidden layer: solid as measured, dashed by the theory.

    The points of (a) and (b) are measured on the study's data, as means over seeds. Their lines start at the measured
    E[h²] of the first layer and at the δ of the last one. The points of (c) are from networks that are drawn again with
    the condition's activation, initializer and widths, as many inputs as units in the first layer, and pairs of
    standardised inputs of correlation 0.5. A line is missing where the theory gives no value.
    """
    tables, networks = plain(tables)
    layers = tables.layers[(tables.layers["epoch"] == 0) & tables.layers["activation_std"].notna()]
    layers = layers.assign(square=layers["activation_std"] ** 2 + layers["activation_mean"] ** 2)
    means = layers.groupby(["run", "layer"])[["square", "delta_norm"]].mean()
    appearance = looks(tables.replicas)
    result = sheet(2.6)
    result.suptitle(subject(tables.replicas))
    panels = result.subplots(1, 3)
    drawn: dict[Any, tuple[np.ndarray, np.ndarray]] = {}
    with threadpool_limits(1, "blas"):
        for run, look in appearance.items():
            weights = networks[run]
            table = means.loc[run]
            key = (weights.activation, weights.initializer, tuple(weights.hidden))
            if key not in drawn:
                drawn[key] = correlations(weights)
            square, delta = table["square"].to_numpy(), table["delta_norm"].to_numpy()
            prediction = predicted(weights, square[0])
            with np.errstate(invalid="ignore"):  # δ is 0 where h' is
                ratios = delta / delta[-1]
            pairs = [(square, prediction.square), (ratios, prediction.delta), drawn[key]]
            for ax, (points, line) in zip(panels, pairs, strict=True):
                _draw(ax, run, look, points, line)
    titles = ("(a) activations: E[h²]", "(b) δ over that of the last layer", "(c) correlation of two inputs")
    for ax, title in zip(panels, titles, strict=True):
        ax.set(title=title, xlabel="hidden layer")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    for ax in panels[:2]:
        _limit(ax)
    panels[2].set_ylim(top=1.03)
    entries = [(look.label, _measured(look)) for look in appearance.values()]
    seeds = counted(tables.replicas["seed"].nunique(), "seed")
    legend(result, entries, f"solid: measured, (a) and (b) as means over {seeds}; dashed: theory of wide networks")
    return result


def _measured(look: Look) -> Style:
    """Return how measured points are drawn: with the look's marker, or with a dot."""
    return {"color": look.color, "marker": look.marker or "o", "markersize": 4, "linestyle": "-", "linewidth": 0.9}


def _draw(ax: Axes, run: str, look: Look, points: np.ndarray, line: np.ndarray) -> None:
    """Draw measured points, at most twenty and joined, and a predicted line by hidden layer."""
    layers = np.arange(1, len(points) + 1)
    shown = np.unique(np.linspace(0, len(points) - 1, min(20, len(points))).round().astype(int))
    ax.plot(layers, line, color=look.color, marker="", linestyle=PREDICTED, linewidth=0.9)
    ax.plot(layers[shown], points[shown], **_measured(look), gid=run)


def _limit(ax: Axes) -> None:
    """Make the y axis logarithmic, at least a decade high and at most 16."""
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in ax.lines])
    values = values[np.isfinite(values) & (values > 0)]
    if values.size:
        low, high = values.min() / 1.5, values.max() * 1.5
        high = min(max(high, 10 * low), 1e16)
        log_axis(ax, max(low, high * 1e-16), high)


@figure("phase_diagram", title="Critical weights and biases, and where the study's networks lie", parts=by_dataset)
def phase_diagram(tables: StudyTables) -> Figure:
    """Draw for each activation the critical σ_w and σ_b, and those with which the study's networks were drawn.

    σ_w² is fan-in times the variance of the weights between hidden layers, as a mean over layers, and σ_b² is the
    variance of the biases. Where the line is solid, gradients vanish and inputs become alike left of it; right of it,
    gradients explode and inputs become unlike. Where it is dashed, this is not so: the length q* is an
    unstable fixed point.
    """
    tables, networks = plain(tables)
    by_activation: dict[Activation, dict[tuple[float, float], dict[str, str]]] = {}  # by place and initializer, a run
    appearance = looks(tables.replicas)
    for run in appearance:
        weights = networks[run]
        place = math.sqrt(float(np.mean(weights.gains))), math.sqrt(weights.biases)
        if weights.activation.pieces == 1:
            named = by_activation.setdefault(weights.activation, {}).setdefault(place, {})
            named.setdefault(_words(weights.initializer), run)
    if not by_activation:
        raise Missing("no activation has a single piece", "activation=relu,tanh")
    across = min(4, len(by_activation))
    down = math.ceil(len(by_activation) / across)
    result = sheet(0.4 + 1.75 * down, DOUBLE if across > 2 else 4.6)
    result.suptitle(subject(tables.replicas, width=result.get_size_inches()[0]))
    panels = result.subplots(down, across, squeeze=False)
    words_of = dict.fromkeys(_words(networks[run].initializer) for run in appearance)
    markers = {words: MARKERS[-1 - index % (len(MARKERS) - 1)] for index, words in enumerate(words_of)}
    for ax, (activation, places) in zip(panels.flat, by_activation.items(), strict=False):
        runs = [(place, words, run) for place, by_words in places.items() for words, run in by_words.items()]
        _phases(ax, activation, list(places), appearance[runs[0][2]])
        for place, words, run in runs:
            covered = list(places[place]).index(words)  # by so many markers: it is drawn around them
            style: Style = {"marker": markers[words], "markersize": 5 + 4 * covered, "linestyle": "none", "zorder": 4}
            style |= {"color": appearance[run].color, "clip_on": False}
            ax.plot(*place, **style | ({"markerfacecolor": "none"} if covered else {}), gid=run)
        for place, by_words in places.items():
            if len(by_words) > 1:
                count = f"{len(by_words)} initializers"
                ax.annotate(count, place, (0, 10), textcoords="offset points", color=MUTED, fontsize=6, ha="center")
        ax.set_title(literal(str(activation.name)))
    for ax in panels.flat[len(by_activation) :]:
        ax.remove()
    for index, ax in enumerate(panels.flat[: len(by_activation)]):
        if index % across == 0:
            ax.set_ylabel(r"$\sigma_b$")
        if index >= len(by_activation) - across:
            ax.set_xlabel(r"$\sigma_w$")
    lines: list[tuple[str, Style]] = [
        ("critical: χ₁ = 1 (a circle: only this point)", {"color": INK, "linestyle": STABLE}),
        ("critical with unstable lengths", {"color": INK, "linestyle": UNSTABLE}),
    ]
    title = "left of a solid line: gradients vanish, inputs become alike; right of it: gradients explode"
    points: list[tuple[str, Style]] = [
        (words, {"color": INK, "marker": marker, "linestyle": "none"}) for words, marker in markers.items()
    ]
    legend(result, [*points, *lines], title)
    return result


def _words(initializer: Initializer) -> str:
    """Return an initializer's name, with the hyperparameters that are not its defaults."""
    values = {item.name: (getattr(initializer, item.name), item.default) for item in fields(initializer)}
    changed = [f"{name}={value:g}" for name, (value, default) in values.items() if value != default]
    return ", ".join([initializer.name, *changed])


def _phases(ax: Axes, activation: Activation, places: list[tuple[float, float]], look: Look) -> None:
    """Draw the critical line of an activation; of one like ReLU, whose line is a point, the line of constant χ₁."""
    furthest = max(x for x, _ in places)
    top = 1.3 * max([0.4, *(y for _, y in places)])
    line = critical_line(activation, top)
    shown = line[np.isfinite(line[:, 1]), 0]
    if not shown.size:
        ax.text(0.5, 0.5, "no critical line", transform=ax.transAxes, color=MUTED, ha="center")
    elif np.ptp(line[:, 0]) < 1e-6:  # every q has the same σ_w, and only σ_b = 0 keeps it
        ax.axvline(line[0, 0], color=MUTED, linestyle=":", linewidth=1)
        ax.plot(line[0, 0], 0, marker="o", mfc="none", mec=INK, markersize=14, clip_on=False, linestyle="none")
    else:
        unstable = line[:, 2] > UNSTABLE_GROWTH
        ends = np.convolve(unstable, np.ones(3), "same") > 0  # with a neighbour, so that no gap is left
        for kept, dash in ((~unstable, STABLE), (ends, UNSTABLE)):
            ax.plot(line[:, 0], np.where(kept, line[:, 1], np.nan), color=look.color, linestyle=dash)
    right = max(shown, default=0.0)
    nearest = min(shown, default=0.0)
    ax.set(xlim=(0, 1.3 * max(furthest, min(right, 3 * max(nearest, furthest)))), ylim=(0, top))
