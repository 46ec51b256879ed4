"""Claim 27: over many data sets, softplus has no lower test error than ReLU."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.over_datasets import RULE, by_sign, draw, notes, pooled
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, train
from experiments.claims.tables import final_errors, tuned
from experiments.claims.verdicts import Measure, Verdict, by_interval

PRESET = "glorot_2011_suite"
LIMIT = -0.3
"""Points of test error."""


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return dataset, activation, seed, test_error at tuned rates, and the facts of each row."""
    return final_errors(tuned(train(PRESET, protocol).replicas), "dataset", "activation")


def differences(table: pd.DataFrame) -> list[Measure]:
    """Return the differences between softplus and ReLU, the pooled one first."""
    return pooled("test error softplus − ReLU (points)", table, "activation", "softplus", "relu")


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the pooled difference."""
    measures = differences(table)
    word, _ = by_interval(measures[0], lambda low, high: low >= LIMIT)
    return Verdict(word, tuple(measures), f"{by_sign(measures)}; {notes(table, 'activation')}")


def draw_differences(table: pd.DataFrame) -> Figure:
    """Draw the difference on each data set and the pooled one."""
    return draw([differences(table)], "points", (LIMIT,))


CLAIM = Claim(
    text="softplus is no better than ReLU, over many data sets",
    source="Glorot et al. 2011; Goodfellow et al. 2016, p. 191",
    threshold=f"{RULE} of the test error's difference softplus − ReLU, 3×128: lower bound ≥ −0.3 points",
    effect="table 1, softplus − rectifier without pre-training: +0.34 points on MNIST, +2.34 on CIFAR10, +2.84 "
    "on NISTP, +1.28 on NORB",
    presets=(PRESET,),
    measure=measure,
    judge=judge,
    drawings={"": draw_differences},
)
