"""The figures of the claims, one each, from the tables by which they are judged. No figures of a study."""

import functools
import math
from collections.abc import Callable

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.analysis.statistics import summarise
from experiments.claims.verdicts import LEVEL, Measure, crossings
from experiments.figures.style import DASHES, INK, MUTED, RC, identity, legend, log_axis, sheet

DRAWINGS: dict[str, Callable[[pd.DataFrame], Figure]] = {}
"""By the stem of the file, which begins with the claim's number."""


NAMES = {"leaky_relu": "leaky ReLU", "relu": "ReLU", "elu": "ELU", "selu": "SELU", "shifted_relu": "shifted ReLU"}


THRESHOLD = {"color": MUTED, "linestyle": (0, (4, 2)), "linewidth": 0.8}


def drawing(*stems: str):
    """Register the decorated function as what draws these figures, in the common style."""

    def register(function):
        @functools.wraps(function)
        def styled(table: pd.DataFrame) -> Figure:
            with matplotlib.rc_context(RC):
                return function(table)

        DRAWINGS.update(dict.fromkeys(stems, styled))
        return styled

    return register


def _line(activation, **more):
    color, dash = identity(activation)
    return {"color": color, "linestyle": (0, DASHES[dash]) if dash else "-"} | more


def _name(activation):
    return NAMES.get(activation, activation)


def _band(ax, table, x, column, line, log=False):
    """Draw the mean over seeds at each x with its interval (of the logarithm, if `log`)."""
    values = table.assign(value=np.log(table[column]) if log else table[column])
    rows = summarise(values, x, "value")
    mean, low, high = (np.exp(rows[name]) if log else rows[name] for name in ("mean", "low", "high"))
    ax.plot(rows[x], mean, **line)
    ax.fill_between(rows[x], low, high, color=line["color"], alpha=0.16, lw=0)


def _seeds(table):
    return f"mean and its 95 % interval over {table['seed'].nunique()} seeds"


def _intervals(ax, measures: list[Measure], styles: list[dict], whole: float | None = None):
    """Draw measured figures with their intervals, one below the other."""
    for place, (measure, style) in enumerate(zip(measures, styles, strict=True)):
        if not math.isnan(measure.low):
            ax.plot([measure.low, measure.high], [place, place], color=style["color"], linewidth=1.6)
        ax.plot(measure.value, place, "o", color=style["color"])
    ax.set_yticks(range(len(measures)), [measure.what for measure in measures])
    ax.set_ylim(len(measures) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    if whole is not None:
        ax.axvline(whole, color=INK, linewidth=0.6)


def paired(table: pd.DataFrame, what: tuple) -> Figure:
    """Draw each seed's difference of accuracy a − b in points, below them the mean and its interval, within limits."""
    column, a, b, limits, label = what
    result = sheet(2.5, 4)
    ax = result.subplots()
    wide = 100 * table.pivot(index="seed", columns=column, values="test_error")
    difference = wide[b] - wide[a]
    rows = summarise(pd.DataFrame({"all": 0, "value": difference}), "all", "value").iloc[0]
    ax.plot(difference, np.arange(len(difference)), "o", color=MUTED)
    place = len(difference)
    ax.plot([rows["low"], rows["high"]], [place, place], color=INK, linewidth=1.6)
    ax.plot(rows["mean"], place, "D", color=INK)
    ax.set_yticks(range(place + 1), [f"seed {seed}" for seed in difference.index] + ["mean, 95 %"])
    ax.set_ylim(place + 0.6, -0.6)
    ax.axvline(0, color=INK, linewidth=0.6)
    for limit in limits:
        ax.axvline(limit, **THRESHOLD)
    ax.set_xlabel(label)
    return result


@drawing("01", "02")
def neuron(table: pd.DataFrame) -> Figure:
    """Draw the course of one saturated neuron by both costs, and of its gradient."""
    result = sheet(2.3)
    course, gradient = result.subplots(1, 2)
    styles = {"quadratic": {"color": INK}, "cross-entropy": {"color": INK, "linestyle": (0, (4, 1.5))}}
    for cost, line in styles.items():
        rows = table[table["cost"] == cost]
        course.plot(rows["step"], rows["a"], **line)
        gradient.plot(rows["step"], rows["gradient"], **line)
    for step, value, marker in ((150, 0.90, "^"), (300, 0.25, "v"), (50, 0.15, "v")):
        course.plot(step, value, marker, color=MUTED)
    course.set(title="(a) output of one neuron, y = 0", xlabel="step", ylabel="a = σ(wx + b)", ylim=(0, 1.02))
    gradient.set(title="(b) its gradient", xlabel="step", ylabel="∂cost/∂z", yscale="log")
    bound = ("threshold: above ▲, below ▼", {"color": MUTED, "marker": "v", "linestyle": "none"})
    legend(result, [*styles.items(), bound], "w = b = 2, x = 1, rate 0.15")
    return result


@drawing("03")
def first_steps(table: pd.DataFrame) -> Figure:
    """Draw the steps to half of the training rows, a line to each seed."""
    result = sheet(2.4, 4)
    ax = result.subplots()
    wide = table.pivot(index="seed", columns="output", values="steps")
    for ce, mse in wide[["sigmoid_ce", "sigmoid_mse"]].to_numpy():
        ax.plot([0, 1], [ce, mse], color=MUTED, marker="o", markerfacecolor=INK, markeredgecolor=INK, linewidth=0.8)
    log_axis(ax, wide.to_numpy().min() / 1.5, wide.to_numpy().max() * 1.5)
    ax.set(
        ylabel="steps to 50 % training accuracy", xlim=(-0.4, 1.4), title="digits, output biases +4, a line per seed"
    )
    ax.set_xticks([0, 1], ["cross-entropy", "squared error"])
    return result


PAIRED = {
    "04": ("output", "linear_mse", "softmax_ce", (-1, 1), "test accuracy, MSE − CE (points)"),
    "10": ("activation", "relu", "softplus", (-0.3,), "test error, softplus − ReLU (points)"),
    "14": ("activation", "leaky_relu", "relu", (-0.5, 0.5), "test accuracy, leaky ReLU − ReLU (points)"),
}
"""By stem: column, a, b, limits and label of `paired`."""


for stem, what in PAIRED.items():
    drawing(stem)(functools.partial(paired, what=what))


@drawing("05")
def decay(table: pd.DataFrame) -> Figure:
    """Draw δ by layer, with the line that fits its logarithm."""
    result = sheet(2.4, 4)
    ax = result.subplots()
    line = _line("sigmoid")
    _band(ax, table, "layer", "delta_norm", line | {"marker": "o"}, log=True)
    mean = np.log(table["delta_norm"]).groupby(table["layer"]).mean()
    slope, start = np.polyfit(mean.index, mean, 1)
    ax.plot(mean.index, np.exp(start + slope * mean.index), **THRESHOLD)
    ax.set(yscale="log", xlabel="hidden layer (1 next to the inputs)", ylabel="δ = rms ∂ℓ/∂z")
    fit = (f"log-linear: a factor of {np.exp(-slope):.3f} to the layer before", THRESHOLD)
    legend(result, [("sigmoid, Glorot's initialisation", line), fit], _seeds(table))
    return result


@drawing("06")
def variances(table: pd.DataFrame) -> Figure:
    """Draw the variances of δ and of the weights' gradients by layer, from both initialisers."""
    result = sheet(2.4)
    panels = result.subplots(1, 2)
    styles = {"standard": _line("tanh"), "glorot_uniform": _line("tanh", linestyle=(0, (4, 1.5)))}
    quantities = {"delta_variance": "variance of δ", "gradient_variance": "variance of ∂L/∂W"}
    for ax, (column, label) in zip(panels, quantities.items(), strict=True):
        for init, line in styles.items():
            rows = table[(table["init"] == init) & table[column].notna()]
            _band(ax, rows, "layer", column, line | {"marker": "o"}, log=True)
        ax.set(xlabel="hidden layer", ylabel=label, yscale="log")
        ax.set_xticks(range(1, 6))
    names = {"standard": "tanh, U[±1/√fan_in]", "glorot_uniform": "tanh, Glorot's initialisation"}
    legend(result, [(names[init], line) for init, line in styles.items()], _seeds(table) + " of the logarithm")
    return result


@drawing("07")
def means_of_units(table: pd.DataFrame) -> Figure:
    """Draw the median of the units' mean activation by epoch."""
    result = sheet(2.4, 4.2)
    ax = result.subplots()
    order = ["relu", "leaky_relu", "elu"]
    for activation in order:
        _band(ax, table[table["activation"] == activation], "epoch", "median", _line(activation))
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.set(xlabel="epoch", ylabel="median of units' mean activation", title="mnist5k, 8×128, lr 0.01")
    legend(result, [(_name(activation), _line(activation)) for activation in order], _seeds(table))
    return result


@drawing("08")
def speed(table: pd.DataFrame) -> Figure:
    """Draw training loss by epoch at the common and at tuned rates, and the epochs to cross-entropy 0.1."""
    table = table[table["activation"] != "shifted_relu"]
    result = sheet(2.5)
    panels = result.subplots(1, 3, width_ratios=[1.3, 1.3, 1])
    order = ["relu", "leaky_relu", "elu"]
    measures, styles = [], []
    for ax, letter, (rate, rows) in zip(panels, "ab", table.groupby("rate"), strict=False):
        epochs = crossings(rows)
        for activation in order:
            _band(ax, rows[rows["activation"] == activation], "epoch", "train_loss", _line(activation), log=True)
        row = summarise(epochs.melt(value_name="epochs"), "activation", "epochs").set_index("activation")
        for activation in order:
            name = f"{_name(activation)}, {'tuned' if rate == 'tuned' else f'lr {rate}'}"
            measures.append(Measure(name, *row.loc[activation, ["mean", "low", "high"]]))
            styles.append(_line(activation))
        ax.axhline(LEVEL, **THRESHOLD)
        where = "tuned rates" if rate == "tuned" else f"lr {rate}"
        ax.set(title=f"({letter}) {where}", xlabel="epoch", ylabel="training loss (nats)", yscale="log")
    _intervals(panels[2], measures, styles)
    panels[2].set(title="(c) first at 0.1", xlabel="epochs")
    panels[2].set_xlim(left=0)
    legend(result, [(_name(activation), _line(activation)) for activation in order], _seeds(table))
    return result


@drawing("08-lu_comparison")
def six_panels(table: pd.DataFrame) -> Figure:
    """Draw training loss, its start and its end above test error, its start and its end, at the common rate."""
    table = table[table["rate"] != "tuned"]
    last = table["epoch"].max()
    spans = {"": (0, last), ", its start": (0, last // 8), ", its end": (3 * last // 4, last)}
    quantities = {"train_loss": "training loss (nats)", "test_error": "test error (%)"}
    result = sheet(3.7)
    letters = iter("abcdef")
    order = [name for name in ("relu", "leaky_relu", "elu", "shifted_relu") if name in set(table["activation"])]
    for row, (column, label) in zip(result.subplots(2, 3), quantities.items(), strict=True):
        log = column == "train_loss"
        row[0].set_ylabel(label)
        for ax, (part, (low, high)) in zip(row, spans.items(), strict=True):
            shown = table[table["epoch"].between(low, high)]
            values = np.log(shown["train_loss"]) if log else 100 * shown["test_error"]
            rows = summarise(shown.assign(value=values), ["activation", "epoch"], "value").set_index("activation")
            for activation in order:
                one = rows.loc[activation]
                middle, spread = one["mean"], one["std"]
                ends = [middle - spread, middle, middle + spread]
                bottom, middle, top = map(np.exp, ends) if log else (ends[0].clip(lower=0), *ends[1:])
                ax.plot(one["epoch"], middle, **_line(activation))
                ax.fill_between(one["epoch"], bottom, top, color=_line(activation)["color"], alpha=0.16, lw=0)
            ax.set(title=f"({next(letters)}) {label.partition(' (')[0]}{part}", xlabel="" if log else "epoch")
            ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            if log:
                middle = np.exp(rows["mean"])
                log_axis(ax, middle.min() / 1.3, middle.max() * 1.3)
    note = f"mean ± standard deviation over {table['seed'].nunique()} seeds, of the logarithm in (a) to (c)"
    result.suptitle("mnist5k, 8×128, lr 0.01")
    legend(result, [(_name(activation), _line(activation)) for activation in order], note)
    return result


@drawing("09")
def autoencoders(table: pd.DataFrame) -> Figure:
    """Draw the test loss of each activation's autoencoder by learning rate."""
    result = sheet(2.4, 4.2)
    ax = result.subplots()
    order = [name for name in ("relu", "leaky_relu", "elu", "shifted_relu") if name in set(table["activation"])]
    for activation in order:
        rows = table[table["activation"] == activation]
        _band(ax, rows, "lr", "test_loss", _line(activation, marker="o"))
    ax.set(xlabel="learning rate", ylabel="test loss, ½ Σ (z − x)²", xscale="log", title="autoencoders of mnist5k")
    legend(result, [(_name(activation), _line(activation)) for activation in order], _seeds(table))
    return result


@drawing("11")
def zeros(table: pd.DataFrame) -> Figure:
    """Draw the share of exact zeros before training, trained, and trained with an L1 penalty."""
    result = sheet(2.2, 4.2)
    ax = result.subplots()
    none, some = sorted(table["l1"].unique())
    stages = {"before": ("before", none), "trained": ("trained", none), f"trained, L1 {some:g}": ("trained", some)}
    for activation in ("relu", "softplus"):
        for place, (moment, l1) in enumerate(stages.values()):
            rows = table[(table["activation"] == activation) & (table["moment"] == moment) & (table["l1"] == l1)]
            row = summarise(rows.assign(value=100 * rows["zeros"]), "activation", "value").iloc[0]
            style = _line(activation, marker="o")
            ax.errorbar(place, row["mean"], [[row["mean"] - row["low"]], [row["high"] - row["mean"]]], **style)
    ax.axhspan(45, 55, color="0.93", zorder=0)
    ax.set_xticks(range(3), list(stages))
    ax.set(ylabel="h = 0 (%), over hidden layers", ylim=(-4, 100), xlim=(-0.4, 2.4))
    entries = [(_name(name), _line(name, marker="o")) for name in ("relu", "softplus")]
    legend(result, entries, _seeds(table) + "; grey: 50 ± 5 %")
    return result


@drawing("12")
def born_dead(table: pd.DataFrame) -> Figure:
    """Draw the share of networks that are dead at a point by depth, over the probability."""
    result = sheet(2.4, 4)
    ax = result.subplots()
    depth = np.arange(1, table["depth"].max() + 1)
    colors = {width: str(0.1 + 0.2 * place) for place, width in enumerate(sorted(table["width"].unique()))}
    for width, rows in table.groupby("width"):
        ax.plot(depth, 1 - (1 - 2.0**-width) ** depth, color=colors[width], linewidth=0.9)
        share = rows["dead"] / rows["networks"]
        error = 1.96 * np.sqrt(share * (1 - share) / rows["networks"])
        ax.errorbar(rows["depth"], share, error, color=colors[width], marker="o", linestyle="none")
    ax.set(xlabel="hidden layers L", ylabel="share born dead at a point", ylim=(0, 1.02), xticks=rows["depth"])
    entries = [(f"N = {width}", {"color": color, "marker": "o"}) for width, color in colors.items()]
    legend(result, entries, f"lines: 1 − (1 − 2⁻ᴺ)ᴸ; points: {table['networks'].max()} networks each, 95 %")
    return result


@drawing("13")
def moments(table: pd.DataFrame) -> Figure:
    """Draw mean and variance of h by layer for standardised features and raw pixels."""
    result = sheet(3.4)
    panels = result.subplots(2, 2, sharex=True)
    order = ["selu", "tanh", "elu"]
    for column, (pixels, title) in zip(panels.T, ((False, "standardised"), (True, "raw pixels")), strict=True):
        for ax, quantity, band in zip(column, ("mean", "variance"), ((-0.1, 0.1), (0.7, 1.3)), strict=True):
            for activation in order:
                rows = table[(table["pixels"] == pixels) & (table["activation"] == activation)]
                _band(ax, rows, "layer", quantity, _line(activation))
            ax.axhspan(*band, color="0.93", zorder=0)
            ax.set_ylabel(f"{quantity} of h")
        column[0].set_title(f"digits, {title}")
        column[1].set_xlabel("hidden layer")
    entries = [(_name(activation), _line(activation)) for activation in order]
    legend(result, entries, _seeds(table) + "; grey: the claim's band")
    return result


@drawing("15")
def relu_speed(table: pd.DataFrame) -> Figure:
    """Draw training loss by epoch at tuned rates, and the epochs to cross-entropy 0.1."""
    result = sheet(2.4)
    course, epochs = result.subplots(1, 2, width_ratios=[1.4, 1])
    order = ["relu", "sigmoid", "tanh"]
    rates = table.drop_duplicates("activation").set_index("activation")["lr"]
    for activation in order:
        _band(course, table[table["activation"] == activation], "epoch", "train_loss", _line(activation), log=True)
    course.axhline(LEVEL, **THRESHOLD)
    course.set(title="(a) digits, 2×128", xlabel="epoch", ylabel="training loss (nats)", yscale="log")
    row = summarise(crossings(table).melt(value_name="epochs"), "activation", "epochs").set_index("activation")
    measures = [Measure(_name(name), *row.loc[name, ["mean", "low", "high"]]) for name in order]
    _intervals(epochs, measures, [_line(name) for name in order])
    epochs.set(title="(b) first at 0.1", xlabel="epochs")
    epochs.set_xlim(left=0)
    legend(result, [(f"{_name(name)}, lr {rates[name]:g}", _line(name)) for name in order], _seeds(table))
    return result
