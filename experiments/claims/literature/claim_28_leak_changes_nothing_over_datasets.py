"""Claim 28: over many data sets, leaky ReLU with a slope of 0.01 has the test accuracy of ReLU."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.over_datasets import RULE, by_sign, draw, notes, pooled
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, train
from experiments.claims.tables import errors_and_dead_units
from experiments.claims.verdicts import Measure, Verdict, by_interval

PRESET = "maas_2013_suite"
LIMIT = 0.5
"""Points of test error."""


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return dataset, activation, seed, test_error at tuned rates, the facts of each row, and dead."""
    return errors_and_dead_units(train(PRESET, protocol), "dataset", "activation")


def differences(table: pd.DataFrame) -> list[Measure]:
    """Return the differences between leaky ReLU and ReLU, the pooled one first."""
    return pooled("test error leaky − ReLU (points)", table, "activation", "leaky_relu", "relu")


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the pooled difference."""
    measures = differences(table)
    word, _ = by_interval(measures[0], lambda low, high: low > -LIMIT and high < LIMIT)
    dead = 100 * table[table["activation"] == "relu"].groupby("dataset")["dead"].mean()
    premise = f"dead ReLUs: {dead.min():.2g} to {dead.max():.2g} % by data set"
    return Verdict(word, tuple(measures), f"{by_sign(measures)}; {premise}; {notes(table, 'activation')}")


def draw_differences(table: pd.DataFrame) -> Figure:
    """Draw the difference on each data set and the pooled one."""
    return draw([differences(table)], "points", (-LIMIT, LIMIT))


CLAIM = Claim(
    text="a leak of 0.01 makes no difference, over many data sets",
    source="after Maas et al. 2013",
    threshold=f"{RULE} of the test error's difference, 2×100: interval inside ±0.5 points",
    effect="no error of tables or images; word error rates of speech recognition",
    presets=(PRESET,),
    measure=measure,
    judge=judge,
    drawings={"": draw_differences},
)
