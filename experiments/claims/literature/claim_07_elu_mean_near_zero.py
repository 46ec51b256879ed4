"""Claim 7: ELU's mean activation is nearer to 0 than that of leaky ReLU, and this nearer than that of ReLU."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.drawings import draw_band, entries, line_style, seeds_note
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, train_all
from experiments.claims.tables import layers_during
from experiments.claims.verdicts import Verdict, difference, nearly_all, word
from experiments.figures.style import INK, legend, sheet

PRESETS = ("clevert_2015", "clevert_2015_leaky")
ACTIVATIONS = ["relu", "leaky_relu", "elu"]
RATE = 0.01


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return activation, seed, epoch (from 1), median at one learning rate.

    The median of the units' mean activations is taken in each layer; `median` is its mean over the layers.
    """
    rows = layers_during(train_all(PRESETS, protocol))
    rows = rows[(rows["lr"] == RATE) & rows["activation"].isin(ACTIVATIONS)]
    return rows.groupby(["activation", "seed", "epoch"])["activation_median"].mean().rename("median").reset_index()


def judge(table: pd.DataFrame) -> Verdict:
    """Judge at how many epochs the activations have this order, seed by seed."""
    wide = table.pivot(index=["seed", "epoch"], columns="activation", values="median").abs()
    ordered = (wide["elu"] < wide["leaky_relu"]) & (wide["leaky_relu"] < wide["relu"])
    lowest = wide["elu"] < wide[["leaky_relu", "relu"]].min(axis=1)
    orders, lows = (holds.groupby("seed").mean() >= 0.9 for holds in (ordered, lowest))
    means = wide.groupby("seed").mean()
    measures = (
        difference("|ELU| − LReLU", means, "elu", "leaky_relu"),
        difference("LReLU − ReLU", means, "leaky_relu", "relu"),
    )
    remark = f"at 90 % of the epochs {orders.sum()} of {len(orders)} seeds have this order, {lows.sum()} ELU lowest"
    return Verdict(word(nearly_all(orders), nearly_all(lows)), measures, remark)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the median of the units' mean activation by epoch."""
    figure = sheet(2.4, 4.2)
    ax = figure.subplots()
    for activation in ACTIVATIONS:
        draw_band(ax, table[table["activation"] == activation], "epoch", "median", line_style(activation))
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.set(xlabel="epoch", ylabel="median of units' mean activation", title="mnist5k, 8×128, lr 0.01")
    legend(figure, entries(ACTIVATIONS), seeds_note(table))
    return figure


CLAIM = Claim(
    text="ELU's mean activation is nearer 0",
    source="Clevert et al. 2015, fig. 2",
    threshold="mnist5k, 8×128, lr 0.01: |ELU| < LReLU(0.1) < ReLU at ≥ 90 % of epochs in ≥ 9 of 10 seeds; ELU lowest "
    "alone: partial",
    effect="a figure without this number",
    presets=PRESETS,
    measure=measure,
    judge=judge,
    drawings={"": draw},
    explanation="With a slope of 0.1 leaky ReLU's mean is below ReLU's by less than a tenth. The median over the 128 "
    "units of a layer varies by as much from seed to seed. The paper shows one curve for each activation, on 60,000 "
    "digits.",
)
