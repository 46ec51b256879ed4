"""Claim 10: softplus is smooth, but its test error is no lower than ReLU's."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.drawings import draw_differences
from experiments.claims.registry import Claim
from experiments.claims.studies import train
from experiments.claims.tables import final_errors, tuned
from experiments.claims.verdicts import Verdict, difference, errors_in_points, tuned_rates, word

LIMIT = -0.3
"""Points of test error."""


def measure(seeds: tuple[int, ...]) -> pd.DataFrame:
    """Return activation, lr, seed, test_error at tuned rates, without an L1 penalty."""
    replicas = train("glorot_2011", seeds).replicas
    return final_errors(tuned(replicas[replicas["activation_l1"] == 0]), "activation", "lr")


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the paired difference of test error."""
    errors = errors_in_points(table, "activation")
    excess = difference("test error softplus − ReLU (points)", errors, "softplus", "relu")
    return Verdict(word(excess.low >= LIMIT), (excess,), tuned_rates(table, "activation"))


def draw(table: pd.DataFrame) -> Figure:
    """Draw the difference of test error for each seed."""
    errors = errors_in_points(table, "activation")
    return draw_differences(errors["softplus"] - errors["relu"], (LIMIT,), "test error, softplus − ReLU (points)")


CLAIM = Claim(
    text="softplus is no better than ReLU",
    source="Glorot et al. 2011; Goodfellow et al. 2016, p. 191",
    threshold="digits, 3×128: lower bound of the test error's difference softplus − ReLU ≥ −0.3 points",
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
