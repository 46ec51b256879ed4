"""Claim 14: where few units die, leaky ReLU with a slope of 0.01 has the test accuracy of ReLU."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.drawings import draw_differences
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, train
from experiments.claims.tables import errors_and_dead_units
from experiments.claims.verdicts import Verdict, by_interval, difference, errors_in_points, mean, tuned_rates

PRESET = "maas_2013"
LIMIT = 0.5
"""Points of test accuracy."""


def measure(protocol: Protocol) -> pd.DataFrame:
    """Train and return `errors_and_dead_units`."""
    return errors_and_dead_units(train(PRESET, protocol), "activation")


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the paired difference of test accuracy."""
    accuracy, test_to_train = -errors_in_points(table, "activation"), table["test_to_train"].iloc[0]
    gain = difference("accuracy leaky − ReLU (points)", accuracy, "leaky_relu", "relu", test_to_train, LIMIT)
    dead = mean("dead ReLUs (%)", 100 * table[table["activation"] == "relu"]["dead"])
    word, reservations = by_interval(gain, lambda low, high: low > -LIMIT and high < LIMIT)
    if dead.value > 0:
        reservations += (f"its premise fails: {dead.value:.2g} % of the ReLUs are dead",)
    return Verdict(word, (gain, dead), tuned_rates(table, "activation"), reservations=reservations)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the difference of test accuracy for each seed."""
    errors = errors_in_points(table, "activation")
    gain = errors["relu"] - errors["leaky_relu"]
    return draw_differences(gain, (-LIMIT, LIMIT), "test accuracy, leaky ReLU − ReLU (points)")


CLAIM = Claim(
    text="a leak of 0.01 makes no difference when nothing dies",
    source="Maas et al. 2013",
    threshold="digits, 2×100: interval of the test accuracy's difference inside ±0.5 points",
    effect="no error of images; word error rates of speech recognition",
    presets=(PRESET,),
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
