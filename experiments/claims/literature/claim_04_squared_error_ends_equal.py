"""Claim 4: with tuned learning rates, squared error ends with the test accuracy of cross-entropy."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.drawings import draw_differences
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, train
from experiments.claims.tables import final_errors, tuned
from experiments.claims.verdicts import REPRODUCED, Verdict, by_interval, difference, errors_in_points, tuned_rates

PRESET = "hui_belkin_2020"
LIMIT = 1.0
"""Points of test accuracy."""


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return output, seed, test_error at tuned rates, and the facts of each row."""
    return final_errors(tuned(train(PRESET, protocol).replicas), "output")


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the paired difference of test accuracy between outputs "linear_mse" and "softmax_ce"."""
    accuracy, test_to_train = -errors_in_points(table, "output"), table["test_to_train"].iloc[0]
    gain = difference("accuracy MSE − CE (points)", accuracy, "linear_mse", "softmax_ce", test_to_train, LIMIT)
    word, reservations = by_interval(gain, lambda low, high: low > -LIMIT and high < LIMIT)
    remark = tuned_rates(table, "output")
    if word != REPRODUCED:
        winner = "MSE" if gain.low > 0 else "CE" if gain.high < 0 else "neither"
        remark = f"winner: {winner}; {remark}"
    return Verdict(word, (gain,), remark, reservations=reservations)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the difference of test accuracy for each seed."""
    errors = errors_in_points(table, "output")
    gain = errors["softmax_ce"] - errors["linear_mse"]
    return draw_differences(gain, (-LIMIT, LIMIT), "test accuracy, MSE − CE (points)")


CLAIM = Claim(
    text="tuned MSE is as good as tuned CE in the end",
    source="Hui & Belkin 2020",
    threshold="digits, 2×128 ReLU, linear output for MSE: interval of the test accuracy's difference inside ±1 point",
    effect="no such number for an MLP on digits; its words: comparable or better, with a slight edge of "
    "cross-entropy in vision (abstract)",
    presets=(PRESET,),
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
