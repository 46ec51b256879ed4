"""Claim 15: with tuned learning rates, ReLU needs fewer epochs than sigmoid and tanh."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.courses import LEVEL, course, crossings
from experiments.claims.drawings import THRESHOLD, draw_band, draw_intervals, label, line_style, seeds_note
from experiments.claims.registry import Claim
from experiments.claims.studies import train
from experiments.claims.tables import tuned
from experiments.claims.verdicts import Verdict, mean, ratio, tuned_rates, word
from experiments.figures.style import legend, sheet

ACTIVATIONS = ["relu", "sigmoid", "tanh"]


def measure(seeds: tuple[int, ...]) -> pd.DataFrame:
    """Return activation, lr, seed, epoch, train_loss, test_error at tuned rates."""
    tables = train("krizhevsky_2012", seeds)
    return course(tables, tuned(tables.replicas))


def judge(table: pd.DataFrame) -> Verdict:
    """Judge ReLU's epochs to cross-entropy 0.1 relative to sigmoid's and tanh's."""
    epochs = crossings(table)
    ratios = [ratio(f"epochs ReLU/{name}", epochs, "relu", name) for name in ("sigmoid", "tanh")]
    faster = [measured.high < 1 for measured in ratios]
    means = [mean(f"epochs of {name}", epochs[name]) for name in ACTIVATIONS]
    return Verdict(word(all(faster), any(faster)), (*ratios, *means), tuned_rates(table, "activation"))


def draw(table: pd.DataFrame) -> Figure:
    """Draw training loss by epoch at tuned rates, and the epochs to cross-entropy 0.1."""
    figure = sheet(2.4)
    losses, epochs = figure.subplots(1, 2, width_ratios=[1.4, 1])
    for activation in ACTIVATIONS:
        rows = table[table["activation"] == activation]
        draw_band(losses, rows, "epoch", "train_loss", line_style(activation), log=True)
    losses.axhline(LEVEL, **THRESHOLD)
    losses.set(title="(a) digits, 2×128", xlabel="epoch", ylabel="training loss (nats)", yscale="log")
    crossed = crossings(table)
    measures = [mean(label(activation), crossed[activation]) for activation in ACTIVATIONS]
    styles = [line_style(activation) for activation in ACTIVATIONS]
    draw_intervals(epochs, measures, styles)
    epochs.set(title="(b) first at 0.1", xlabel="epochs")
    epochs.set_xlim(left=0)
    rates = table.drop_duplicates("activation").set_index("activation")["lr"]
    names = [f"{label(activation)}, lr {rates[activation]:g}" for activation in ACTIVATIONS]
    legend(figure, list(zip(names, styles, strict=True)), seeds_note(table))
    return figure


CLAIM = Claim(
    text="learning with ReLU converges faster than with sigmoid and tanh",
    source="after Krizhevsky et al. 2012",
    threshold="digits, 2×128, epochs to training CE 0.1 at each one's tuned rate: intervals of the log ratios to "
    "sigmoid and tanh < 0; one of two: partial",
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
