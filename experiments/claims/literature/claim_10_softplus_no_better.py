"""Claim 10: softplus is smooth, but its test error is no lower than ReLU's."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.drawings import draw_differences
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, train
from experiments.claims.tables import final_errors, tuned
from experiments.claims.verdicts import Verdict, by_interval, errors_in_points, excess, tuned_rates

PRESET = "glorot_2011"
LIMIT = -0.3
"""Points of test error."""


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return activation, seed, test_error at tuned rates, without an L1 penalty, and the facts of each row."""
    replicas = train(PRESET, protocol).replicas
    return final_errors(tuned(replicas[replicas["activation_l1"] == 0]), "activation")


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the paired difference of test error."""
    errors, test_to_train = errors_in_points(table, "activation"), table["test_to_train"].iloc[0]
    more = excess("test error softplus − ReLU (points)", errors, "softplus", "relu", test_to_train, LIMIT)
    word, reservations = by_interval(more, lambda low, high: low >= LIMIT)
    return Verdict(word, (more,), tuned_rates(table, "activation"), reservations=reservations)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the difference of test error for each seed."""
    errors = errors_in_points(table, "activation")
    return draw_differences(errors["softplus"] - errors["relu"], (LIMIT,), "test error, softplus − ReLU (points)")


CLAIM = Claim(
    text="softplus is no better than ReLU",
    source="Glorot et al. 2011; Goodfellow et al. 2016, p. 191",
    threshold="digits, 3×128: lower bound of the test error's difference softplus − ReLU ≥ −0.3 points",
    effect="table 1, softplus − rectifier without pre-training: +0.34 points on MNIST, +2.34 on CIFAR10, +2.84 "
    "on NISTP, +1.28 on NORB",
    presets=(PRESET,),
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
