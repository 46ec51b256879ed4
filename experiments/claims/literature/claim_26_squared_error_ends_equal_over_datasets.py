"""Claim 26: over many data sets, squared error ends with the test accuracy of cross-entropy at tuned rates."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.over_datasets import RULE, by_sign, draw, notes, pooled
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, train
from experiments.claims.tables import final_errors, tuned
from experiments.claims.verdicts import Measure, Verdict, by_interval

PRESET = "hui_belkin_2020_suite"
LIMIT = 1.0
"""Points of test error."""


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return dataset, output, seed, test_error at tuned rates, and the facts of each row."""
    return final_errors(tuned(train(PRESET, protocol).replicas), "dataset", "output")


def differences(table: pd.DataFrame) -> list[Measure]:
    """Return the differences between outputs "linear_mse" and "softmax_ce", the pooled one first."""
    return pooled("test error MSE − CE (points)", table, "output", "linear_mse", "softmax_ce")


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the pooled difference."""
    measures = differences(table)
    word, _ = by_interval(measures[0], lambda low, high: low > -LIMIT and high < LIMIT)
    return Verdict(word, tuple(measures), f"{by_sign(measures)}; {notes(table, 'output')}")


def draw_differences(table: pd.DataFrame) -> Figure:
    """Draw the difference on each data set and the pooled one."""
    return draw([differences(table)], "points", (-LIMIT, LIMIT))


CLAIM = Claim(
    text="tuned MSE is as good as tuned CE in the end, over many data sets",
    source="Hui & Belkin 2020",
    threshold=f"{RULE} of the test error's difference, 2×128 ReLU, linear output for MSE: interval inside ±1 point",
    effect="no such number for MLPs on tables; its words: comparable or better, with a slight edge of cross-entropy in "
    "vision (abstract)",
    presets=(PRESET,),
    measure=measure,
    judge=judge,
    drawings={"": draw_differences},
    explanation="Squared error tolerates smaller rates only: 0.003 to 0.1 were chosen, and 0.03 to 1 with "
    "cross-entropy. In 50 epochs it does not learn all of vowel's training rows (2.4 % are wrong, and none with "
    "cross-entropy).",
)
