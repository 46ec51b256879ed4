"""Claim 14: where few units die, leaky ReLU with a slope of 0.01 has the test accuracy of ReLU."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.drawings import draw_differences
from experiments.claims.registry import Claim
from experiments.claims.studies import train
from experiments.claims.tables import final_errors, layers_after, tuned
from experiments.claims.verdicts import Verdict, difference, errors_in_points, mean, tuned_rates, word
from experiments.store.reading import StudyTables
from experiments.tables import KEY

LIMIT = 0.5
"""Points of test accuracy."""


def measure(seeds: tuple[int, ...]) -> pd.DataFrame:
    """Train and return `errors_and_dead_units`."""
    return errors_and_dead_units(train("maas_2013", seeds))


def errors_and_dead_units(tables: StudyTables) -> pd.DataFrame:
    """Return activation, lr, seed, test_error and dead, the mean share of dead units in the end, at tuned rates."""
    dead = layers_after(tables).groupby(KEY)["dead_fraction"].mean().rename("dead").reset_index()
    errors = final_errors(tuned(tables.replicas), "activation", "run", "lr")
    return errors.merge(dead, on=KEY).drop(columns="run")


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the paired difference of test accuracy."""
    accuracy = -errors_in_points(table, "activation")
    gain = difference("accuracy leaky − ReLU (points)", accuracy, "leaky_relu", "relu")
    dead = mean("dead ReLUs (%)", 100 * table[table["activation"] == "relu"]["dead"])
    return Verdict(word(gain.low > -LIMIT and gain.high < LIMIT), (gain, dead), tuned_rates(table, "activation"))


def draw(table: pd.DataFrame) -> Figure:
    """Draw the difference of test accuracy for each seed."""
    errors = errors_in_points(table, "activation")
    gain = errors["relu"] - errors["leaky_relu"]
    return draw_differences(gain, (-LIMIT, LIMIT), "test accuracy, leaky ReLU − ReLU (points)")


CLAIM = Claim(
    text="a leak of 0.01 makes no difference when nothing dies",
    source="Maas et al. 2013",
    threshold="digits, 2×100: interval of the test accuracy's difference inside ±0.5 points",
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
