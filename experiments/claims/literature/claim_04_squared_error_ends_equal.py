"""Claim 4: with tuned learning rates, squared error ends with the test accuracy of cross-entropy."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.drawings import draw_differences
from experiments.claims.registry import Claim
from experiments.claims.studies import train
from experiments.claims.tables import final_errors, tuned
from experiments.claims.verdicts import Verdict, difference, errors_in_points, tuned_rates, word

LIMIT = 1.0
"""Points of test accuracy."""


def measure(seeds: tuple[int, ...]) -> pd.DataFrame:
    """Return output, lr, seed, test_error at tuned rates."""
    return final_errors(tuned(train("hui_belkin_2020", seeds).replicas), "output", "lr")


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the paired difference of test accuracy between outputs "linear_mse" and "softmax_ce"."""
    accuracy = -errors_in_points(table, "output")
    gain = difference("accuracy MSE − CE (points)", accuracy, "linear_mse", "softmax_ce")
    rates = tuned_rates(table, "output")
    if gain.low > -LIMIT and gain.high < LIMIT:
        return Verdict(word(True), (gain,), rates)
    winner = "MSE" if gain.low > 0 else "CE" if gain.high < 0 else "neither"
    return Verdict(word(False), (gain,), f"winner: {winner}; {rates}")


def draw(table: pd.DataFrame) -> Figure:
    """Draw the difference of test accuracy for each seed."""
    errors = errors_in_points(table, "output")
    gain = errors["softmax_ce"] - errors["linear_mse"]
    return draw_differences(gain, (-LIMIT, LIMIT), "test accuracy, MSE − CE (points)")


CLAIM = Claim(
    text="tuned MSE is as good as tuned CE in the end",
    source="Hui & Belkin 2020",
    threshold="digits, 2×128 ReLU, linear output for MSE: interval of the test accuracy's difference inside ±1 point",
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
