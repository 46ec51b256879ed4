"""Claim 8: ELU's training loss falls faster than that of ReLU and of leaky ReLU."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.analysis.statistics import summarise
from experiments.claims.courses import LEVEL, course, crossings, unreached
from experiments.claims.drawings import (
    THRESHOLD,
    draw_band,
    draw_intervals,
    entries,
    label,
    line_style,
    seeds_note,
)
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, train_all
from experiments.claims.tables import tuned
from experiments.claims.verdicts import Measure, Verdict, mean, ratio, tuned_rates, word
from experiments.figures.style import legend, log_axis, sheet
from experiments.store.reading import StudyTables

PRESETS = ("clevert_2015", "clevert_2015_leaky", "clevert_2015_shifted")
ACTIVATIONS = ["relu", "leaky_relu", "elu"]
"""Those that the claim compares. The table has shifted ReLU too, for the figure with six panels."""
RATE = 0.01
"""The learning rate at which all activations are compared, besides their tuned rates."""


def measure(protocol: Protocol) -> pd.DataFrame:
    """Train and return `courses`."""
    return courses(train_all(PRESETS, protocol))


def courses(tables: StudyTables) -> pd.DataFrame:
    """Return `course` and the column rate: "0.01", with shifted ReLU, or "tuned"."""
    replicas = tables.replicas
    compared = replicas[replicas["activation"].isin(ACTIVATIONS)]
    chosen = {f"{RATE:g}": replicas[replicas["lr"] == RATE], "tuned": tuned(compared)}
    parts = [course(tables, rows).assign(rate=rate) for rate, rows in chosen.items()]
    return pd.concat(parts, ignore_index=True)


def judge(table: pd.DataFrame) -> Verdict:
    """Judge ELU's epochs to cross-entropy 0.1 relative to both rectifiers', at both rates."""
    table = table[table["activation"].isin(ACTIVATIONS)]
    epochs, losses, faster, remarks = [], [], {}, []
    for rate, rows in table.groupby("rate"):
        setting = f"at lr {rate}" if rate != "tuned" else "tuned"
        ratios = elu_ratios("epochs", crossings(rows), setting)
        epochs += ratios
        faster[rate] = all(measured.high < 1 for measured in ratios)
        last = rows[rows["epoch"] == rows["epoch"].max()]
        losses += elu_ratios("final loss", last.pivot(index="seed", columns="activation", values="train_loss"), setting)
        censored = unreached(rows).sum()
        if censored:
            remarks.append(f"{setting}, {censored} networks did not reach it")
    remarks.append(tuned_rates(table[table["rate"] == "tuned"], "activation"))
    return Verdict(word(all(faster.values()), faster[f"{RATE:g}"]), (*epochs, *losses), "; ".join(remarks))


def elu_ratios(quantity: str, wide: pd.DataFrame, setting: str) -> list[Measure]:
    """Return the ratios of a quantity, ELU's to ReLU's and to leaky ReLU's."""
    return [
        ratio(f"{quantity} ELU/ReLU {setting}", wide, "elu", "relu"),
        ratio(f"{quantity} ELU/LReLU {setting}", wide, "elu", "leaky_relu"),
    ]


def draw_speed(table: pd.DataFrame) -> Figure:
    """Draw training loss by epoch at the common and at tuned rates, and the epochs to cross-entropy 0.1."""
    table = table[table["activation"].isin(ACTIVATIONS)]
    figure = sheet(2.5)
    common, best, epochs = figure.subplots(1, 3, width_ratios=[1.3, 1.3, 1])
    measures, styles = [], []
    for ax, letter, rate in ((common, "a", f"{RATE:g}"), (best, "b", "tuned")):
        rows = table[table["rate"] == rate]
        title = f"({letter}) tuned rates" if rate == "tuned" else f"({letter}) lr {rate}"
        draw_losses(ax, rows, title)
        crossed = crossings(rows)
        for activation in ACTIVATIONS:
            name = f"{label(activation)}, {'tuned' if rate == 'tuned' else f'lr {rate}'}"
            measures.append(mean(name, crossed[activation]))
            styles.append(line_style(activation))
    draw_intervals(epochs, measures, styles)
    epochs.set(title="(c) first at 0.1", xlabel="epochs")
    epochs.set_xlim(left=0)
    legend(figure, entries(ACTIVATIONS), seeds_note(table))
    return figure


def draw_losses(ax: Axes, table: pd.DataFrame, title: str) -> None:
    """Draw training loss by epoch of each activation."""
    for activation in ACTIVATIONS:
        rows = table[table["activation"] == activation]
        draw_band(ax, rows, "epoch", "train_loss", line_style(activation), log=True)
    ax.axhline(LEVEL, **THRESHOLD)
    ax.set(title=title, xlabel="epoch", ylabel="training loss (nats)", yscale="log")


def draw_six_panels(table: pd.DataFrame) -> Figure:
    """Draw training loss and below it test error, each whole, its start and its end, at the common rate."""
    table = table[table["rate"] != "tuned"]
    last = table["epoch"].max()
    spans = {"": (0, last), ", its start": (0, last // 8), ", its end": (3 * last // 4, last)}
    figure = sheet(3.7)
    losses, errors = figure.subplots(2, 3)
    losses[0].set_ylabel("training loss (nats)")
    errors[0].set_ylabel("test error (%)")
    for ax, letter, (span, epochs) in zip(losses, "abc", spans.items(), strict=True):
        draw_spread_of_loss(ax, table[table["epoch"].between(*epochs)])
        ax.set(title=f"({letter}) training loss{span}", xlabel="")
    for ax, letter, (span, epochs) in zip(errors, "def", spans.items(), strict=True):
        draw_spread_of_error(ax, table[table["epoch"].between(*epochs)])
        ax.set(title=f"({letter}) test error{span}", xlabel="epoch")
    note = f"mean ± standard deviation over {table['seed'].nunique()} seeds, of the logarithm in (a) to (c)"
    figure.suptitle("mnist5k, 8×128, lr 0.01")
    legend(figure, entries(drawn(table)), note)
    return figure


def drawn(table: pd.DataFrame) -> list[str]:
    """Return the activations of the table, in the order of the legend."""
    return [activation for activation in (*ACTIVATIONS, "shifted_relu") if activation in set(table["activation"])]


def draw_spread_of_loss(ax: Axes, table: pd.DataFrame) -> None:
    """Draw the geometric mean of the training loss by epoch, times and over its geometric standard deviation."""
    rows = summarise(table.assign(value=np.log(table["train_loss"])), ["activation", "epoch"], "value")
    rows = rows.assign(low=np.exp(rows["mean"] - rows["std"]), high=np.exp(rows["mean"] + rows["std"]))
    rows["mean"] = np.exp(rows["mean"])
    draw_spread(ax, rows)
    log_axis(ax, rows["mean"].min() / 1.3, rows["mean"].max() * 1.3)


def draw_spread_of_error(ax: Axes, table: pd.DataFrame) -> None:
    """Draw the mean of the test error by epoch, plus and minus its standard deviation, from 0 on."""
    rows = summarise(table.assign(value=100 * table["test_error"]), ["activation", "epoch"], "value")
    draw_spread(ax, rows.assign(low=(rows["mean"] - rows["std"]).clip(lower=0), high=rows["mean"] + rows["std"]))


def draw_spread(ax: Axes, rows: pd.DataFrame) -> None:
    """Draw columns mean, low and high by epoch for each activation."""
    for activation in drawn(rows):
        band, style = rows[rows["activation"] == activation], line_style(activation)
        ax.plot(band["epoch"], band["mean"], **style)
        ax.fill_between(band["epoch"], band["low"], band["high"], color=style["color"], alpha=0.16, lw=0)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))


CLAIM = Claim(
    text="ELU's training loss falls faster than ReLU's and LReLU's",
    source="Clevert et al. 2015, fig. 2",
    threshold="mnist5k, 8×128; epochs to training CE 0.1, censored at 100: intervals of the log ratios to ReLU and "
    "LReLU < 0 at lr 0.01 and at tuned rates; at 0.01 alone: partial",
    effect="a figure without this number",
    presets=PRESETS,
    measure=measure,
    judge=judge,
    drawings={"": draw_speed, "-lu_comparison": draw_six_panels},
)
