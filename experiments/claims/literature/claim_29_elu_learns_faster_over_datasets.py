"""Claim 29: over many data sets, ELU's training loss falls faster than that of ReLU and of leaky ReLU."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.over_datasets import RULE, by_sign, courses, draw, epochs_to_level, notes, pooled_ratio
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, train_all
from experiments.claims.tables import tuned
from experiments.claims.verdicts import Measure, Verdict, word

PRESETS = ("clevert_2015_suite", "clevert_2015_suite_leaky")
OTHERS = {"relu": "ReLU", "leaky_relu": "LReLU"}


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return the courses of training at tuned rates: dataset, activation, seed, epoch, train_loss and more."""
    tables = train_all(PRESETS, protocol)
    return courses(tables, tuned(tables.replicas))


def ratios(table: pd.DataFrame) -> list[list[Measure]]:
    """Return the ratios of epochs, those of ELU to each other activation's, the pooled one first."""
    epochs = epochs_to_level(table)
    return [pooled_ratio(f"epochs ELU/{label}", epochs, "elu", name) for name, label in OTHERS.items()]


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the pooled ratios."""
    compared = ratios(table)
    faster = [measures[0].high < 1 for measures in compared]
    deciding = [measures[0] for measures in compared]
    each = [measure for measures in compared for measure in measures[1:]]
    signs = "; ".join(by_sign(measures, 1.0) for measures in compared)
    return Verdict(word(all(faster)), (*deciding, *each), f"{signs}; {notes(table, 'activation')}")


def draw_ratios(table: pd.DataFrame) -> Figure:
    """Draw the ratios on each data set and the pooled ones."""
    return draw(ratios(table), "ratio of epochs", ratio=True)


CLAIM = Claim(
    text="ELU's training loss falls faster than ReLU's and LReLU's, over many data sets",
    source="Clevert et al. 2015, fig. 2",
    threshold=f"{RULE} of the log ratio of epochs to training CE 0.1, 8×128, tuned rates, censored at 100: "
    "intervals to ReLU and LReLU < 0",
    effect="a figure without this number",
    presets=PRESETS,
    measure=measure,
    judge=judge,
    drawings={"": draw_ratios},
    explanation="ELU needs fewer epochs than both on nine of the eleven data sets, and more on spambase and mnist5k. "
    "On spambase it needs ten times as many as ReLU, so the interval over data sets is wide.",
)
