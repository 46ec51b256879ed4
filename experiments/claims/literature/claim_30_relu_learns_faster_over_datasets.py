"""Claim 30: over many data sets, ReLU needs fewer epochs than sigmoid and tanh at tuned rates."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.over_datasets import RULE, by_sign, courses, draw, epochs_to_level, notes, pooled_ratio
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, train
from experiments.claims.tables import tuned
from experiments.claims.verdicts import Measure, Verdict, word

PRESET = "krizhevsky_2012_suite"
OTHERS = {"sigmoid": "sigmoid", "tanh": "tanh"}


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return the courses of training at tuned rates: dataset, activation, seed, epoch, train_loss and more."""
    tables = train(PRESET, protocol)
    return courses(tables, tuned(tables.replicas))


def ratios(table: pd.DataFrame) -> list[list[Measure]]:
    """Return the ratios of epochs, those of ReLU to each other activation's, the pooled one first."""
    epochs = epochs_to_level(table)
    return [pooled_ratio(f"epochs ReLU/{label}", epochs, "relu", name) for name, label in OTHERS.items()]


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the pooled ratios."""
    compared = ratios(table)
    faster = [measures[0].high < 1 for measures in compared]
    deciding = [measures[0] for measures in compared]
    each = [measure for measures in compared for measure in measures[1:]]
    signs = "; ".join(by_sign(measures, 1.0) for measures in compared)
    return Verdict(word(all(faster), any(faster)), (*deciding, *each), f"{signs}; {notes(table, 'activation')}")


def draw_ratios(table: pd.DataFrame) -> Figure:
    """Draw the ratios on each data set and the pooled ones."""
    return draw(ratios(table), "ratio of epochs", ratio=True)


CLAIM = Claim(
    text="learning with ReLU converges faster than with sigmoid and tanh, over many data sets",
    source="after Krizhevsky et al. 2012",
    threshold=f"{RULE} of the log ratio of epochs to training CE 0.1, 2×128, tuned rates, censored at 50: "
    "intervals to sigmoid and tanh < 0; one of two: partial",
    effect="ReLU reaches 25 % training error on CIFAR-10 six times as fast as tanh (fig. 1)",
    presets=(PRESET,),
    measure=measure,
    judge=judge,
    drawings={"": draw_ratios},
    explanation="The data sets disagree about tanh: ReLU needs a fifth of its epochs on splice, and 3.5 times as many "
    "on segment. Rates are chosen by the validation error, not for speed: 0.03 for ReLU on segment, and 1 for tanh.",
)
