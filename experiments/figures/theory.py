"""Figures of signal propagation: what the theory of wide networks says before training, and where a study lies."""

import contextlib
import json
import math
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from threadpoolctl import threadpool_limits

from experiments.analysis.wording import counted
from experiments.figures.activations import rebuild
from experiments.figures.parts import comparable
from experiments.figures.registry import Missing, figure
from experiments.figures.selection import by_dataset, select
from experiments.figures.style import DOUBLE, INK, MARKERS, MUTED, Look, Style, legend, log_axis, looks, sheet, subject
from experiments.figures.texts import literal
from experiments.store.reading import StudyTables
from nets import theory
from nets.activations import Activation
from nets.initializers import INITIALIZERS, Initializer
from nets.network import Network, Work

DEEP = "'net.hidden=[128,128,128,128]'"
PAIRS, NETWORKS, START = 16, 4, 0.5
"""Pairs of inputs, networks, and the correlation of a pair, with which the correlation by layer is measured."""

STABLE, UNSTABLE = "-", (0, (3, 1.5))


class Weights(NamedTuple):
    """A condition's networks before training: the activation, and the variances of what is drawn, by hidden layer."""

    activation: Activation
    initializer: Initializer
    hidden: list[int]
    variances: list[float]  # E[w²] of hidden layers 2, 3, …
    biases: float

    @property
    def gains(self) -> list[float]:
        """σ_w² of hidden layers 2, 3, …."""
        return [units * variance for units, variance in zip(self.hidden[:-1], self.variances, strict=True)]


def weights_of(row: pd.Series) -> Weights | None:
    """Return the networks of a row of `replicas`; None where the theory does not apply.

    That is a network with a norm, with residual connections or with pre-training, or one of a single hidden layer.
    """
    hidden = json.loads(row["net.hidden"])
    absent = {"net.norm": "none", "net.residual": False, "pretrain.epochs": 0}
    if len(hidden) < 2 or any(key in row and not pd.isna(row[key]) and row[key] != off for key, off in absent.items()):
        return None
    activation = rebuild(row)
    name = row.get("init.name")
    variant = INITIALIZERS[activation.initializer if name is None or pd.isna(name) else name]
    initializer = variant(**_settings(row, variant))
    factors = initializer.factors(activation)
    variances = [factors.hidden * initializer.mean_square(*pair) for pair in pairwise(hidden)]
    return Weights(activation, initializer, hidden, variances, factors.biases)


def _settings(row: pd.Series, variant: type[Initializer]) -> dict[str, Any]:
    names = [name.removeprefix("init.") for name in row.index if name.startswith("init.") and name != "init.name"]
    return {name: row[f"init.{name}"] for name in names if hasattr(variant, name) and not pd.isna(row[f"init.{name}"])}


def plain(tables: StudyTables) -> tuple[StudyTables, dict[str, Weights]]:
    """Return the part of a study that the theory describes, and the networks of each of its runs.

    Raises
    ------
    Missing
        If there is none.
    """
    rows = tables.replicas.drop_duplicates("run").set_index("run", drop=False)
    found = {str(run): weights for run, row in rows.iterrows() if (weights := weights_of(row))}
    if not found:
        raise Missing("no plain network has two hidden layers", DEEP)
    return select(tables, tables.replicas[tables.replicas["run"].isin(found)]), found


class Prediction(NamedTuple):
    """What the theory says of a network, by hidden layer; NaN where it says nothing."""

    square: np.ndarray  # E[h²]
    delta: np.ndarray  # the root mean square of δ, over that of the last hidden layer


def predicted(weights: Weights, square: float) -> Prediction:
    """Return the prediction for networks whose first hidden layer has this E[h²]."""
    hidden, pieces = weights.hidden, weights.activation.pieces
    squares, slopes = np.full(len(hidden), np.nan), np.full(len(hidden), np.nan)
    q = length_of(weights.activation, square)
    for layer, gain in enumerate([*weights.gains, 0.0]):
        if math.isnan(q):
            break
        try:
            moments = theory.moments(weights.activation, q)
        except theory.TheoryError:
            break
        squares[layer], slopes[layer] = moments.square, moments.slope / pieces
        q = gain * moments.square + weights.biases
    # δ comes from the next layer through the weights between them, and is multiplied by f'.
    factors = slopes[:-1] * pieces * np.array(hidden[1:]) * np.array(weights.variances)
    delta = np.sqrt(np.cumprod([1.0, *factors[::-1]])[::-1])
    return Prediction(squares, delta)


def length_of(activation: Activation, square: float) -> float:
    """Return the q at which E[f(z)²] is `square`, by Newton's method for their logarithms; NaN if none is found."""
    log_q = 0.0
    for _ in range(40):
        try:
            moments = theory.moments(activation, math.exp(log_q))
        except theory.TheoryError:  # the tails are too heavy
            return math.nan
        slope = math.exp(log_q) * moments.growth
        if not (square > 0 and moments.square > 0 and slope > 0):
            return math.nan
        step = math.log(square / moments.square) * moments.square / slope
        log_q += min(2.0, max(-2.0, step))
        if abs(log_q) > 20:
            return math.nan
        if abs(step) < 1e-8:
            return math.exp(log_q)
    return math.nan


def correlations(weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlation of two pre-activations by hidden layer: measured in networks, and predicted."""
    activation, hidden, inputs = weights.activation, weights.hidden, weights.hidden[0]
    measured = np.zeros(len(hidden))
    for number in range(NETWORKS):
        network = Network(inputs, hidden, 1, activation, 1)
        network.initialize(weights.initializer, partial(_generator, number))
        work = Work(network, 2 * PAIRS)
        work.inputs[0] = np.concatenate(_pairs(inputs, number))
        with np.errstate(all="ignore"):
            network.forward(work)
            for layer, pre in enumerate(work.pre):
                a, b = pre[0, :PAIRS].astype(float), pre[0, PAIRS:].astype(float)
                products = (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())
                measured[layer] += products / NETWORKS
    first = weights.initializer.factors(activation).first * weights.initializer.mean_square(inputs, hidden[0]) * inputs
    q, c = first + weights.biases, (first * START + weights.biases) / (first + weights.biases)
    expected = np.full(len(hidden), np.nan)
    for layer, gain in enumerate([*weights.gains, 0.0]):
        expected[layer] = c
        try:
            following = theory.length_map(activation, q, gain, weights.biases)
            c = theory.correlation_map(activation, q, c, gain, weights.biases) if layer + 1 < len(hidden) else c
        except theory.TheoryError:
            break
        q = following
    return measured, expected


def _generator(number: int, replica: int, layer: int) -> np.random.Generator:
    return np.random.default_rng([number, layer])


def _pairs(inputs: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two inputs (PAIRS, inputs) of mean square 1 and correlation `START`, for each pair."""
    one, other = np.random.default_rng(number).standard_normal((2, PAIRS, inputs))
    one /= np.sqrt(np.mean(one**2, axis=1, keepdims=True))
    if inputs > 1:
        other -= one * np.mean(one * other, axis=1, keepdims=True)
    other /= np.sqrt(np.mean(other**2, axis=1, keepdims=True))
    return one, START * one + math.sqrt(1 - START**2) * other


@figure(
    "signal_propagation",
    title="Signals and gradients before training, measured and by the theory of wide networks",
    needs=("layers.activation_std", "layers.delta_norm"),
    parts=comparable,
)
def signal_propagation(tables: StudyTables) -> Figure:
    """Draw E[h²], δ and the correlation of two inputs by hidden layer before training: points, and lines of the theory.

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
    entries = [(look.label, look.line(marker=_marker(look))) for look in appearance.values()]
    seeds = counted(tables.replicas["seed"].nunique(), "seed")
    legend(result, entries, f"points: measured, (a) and (b) as means over {seeds}; lines: theory of wide networks")
    return result


def _marker(look: Look) -> str:
    """Return the marker of a look; one that no look has, where it has none."""
    return look.marker or "*"


def _draw(ax: Axes, run: str, look: Look, points: np.ndarray, line: np.ndarray) -> None:
    """Draw measured points, at most twenty, and a predicted line by hidden layer."""
    layers = np.arange(1, len(points) + 1)
    shown = np.unique(np.linspace(0, len(points) - 1, min(20, len(points))).round().astype(int))
    ax.plot(layers, line, **look.line(marker=""))
    ax.plot(layers[shown], points[shown], color=look.color, marker=_marker(look), linestyle="none", gid=run)


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
    result.suptitle(literal(tables.replicas["dataset"].iloc[0]))
    panels = result.subplots(down, across, squeeze=False)
    words_of = dict.fromkeys(_words(networks[run].initializer) for run in appearance)
    markers = {words: ("*", *MARKERS[1:])[index % len(MARKERS)] for index, words in enumerate(words_of)}
    for ax, (activation, places) in zip(panels.flat, by_activation.items(), strict=False):
        runs = [(place, words, run) for place, by_words in places.items() for words, run in by_words.items()]
        _phases(ax, activation, list(places), appearance[runs[0][2]])
        for place, words, run in runs:
            covered = list(places[place]).index(words)  # by so many markers: it is drawn around them
            style: Style = {"marker": markers[words], "markersize": 5 + 4 * covered, "linestyle": "none", "zorder": 4}
            style |= {"color": appearance[run].color, "clip_on": False}
            ax.plot(*place, **style | ({"markerfacecolor": "none"} if covered else {}), gid=run)
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
        unstable = line[:, 2] > 1 + 1e-9
        ends = np.convolve(unstable, np.ones(3), "same") > 0  # with a neighbour, so that no gap is left
        for kept, dash in ((~unstable, STABLE), (ends, UNSTABLE)):
            ax.plot(line[:, 0], np.where(kept, line[:, 1], np.nan), color=look.color, linestyle=dash)
    right = max(shown, default=0.0)
    nearest = min(shown, default=0.0)
    ax.set(xlim=(0, 1.3 * max(furthest, min(right, 3 * max(nearest, furthest)))), ylim=(0, top))


def critical_line(activation: Activation, top: float) -> np.ndarray:
    """Return σ_w, σ_b and V'(q*) at the critical points of an activation, (n, 3), sorted by q*.

    σ_b is NaN where it is above `top` or none exists. The line is finer where it enters and leaves what is shown.
    """

    def biases(q: float) -> float:
        return theory.critical_at(activation, q)[1]

    lengths: list[float] = []
    with contextlib.suppress(theory.TheoryError):  # the tails are too heavy from some q on
        for q in np.geomspace(1e-3, 1e4, 60).tolist():
            value = biases(q)
            if lengths:
                low, previous = lengths[-1], biases(lengths[-1])
                levels = [level for level in (0.0, top**2) if (value > level) != (previous > level)]
                ends = sorted([low, *(_crossing(biases, level, low, q) for level in levels), q])
                count = 12 if levels else 2
                lengths += [point for pair in pairwise(ends) for point in np.geomspace(*pair, count)[1:].tolist()]
            else:
                lengths.append(q)
    rows = []
    for q in lengths:
        variance, value = theory.critical_at(activation, q)
        at_zero = 0.0 if abs(value) < 1e-9 * q else value
        deviation = math.sqrt(at_zero) if 0 <= at_zero <= top**2 * (1 + 1e-6) else math.nan
        rows.append((math.sqrt(variance), deviation, variance * theory.moments(activation, q).growth))
    return np.array(rows).reshape(-1, 3)


def _crossing(function: Callable[[float], float], level: float, low: float, high: float) -> float:
    """Return where a function crosses a level between two points, by bisection."""
    is_above = function(low) > level
    for _ in range(40):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if (function(middle) > level) == is_above else (low, middle)
    return math.sqrt(low * high)
