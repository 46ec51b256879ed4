"""Claim 28: over many data sets, leaky ReLU with a slope of 0.01 has the test accuracy of ReLU."""

from experiments.claims.over_datasets import RULE, Pair, errors_claim
from experiments.claims.tables import errors_and_dead_units

CLAIM = errors_claim(
    Pair("test error leaky − ReLU (points)", "activation", "leaky_relu", "relu"),
    "maas_2013_suite",
    low=-0.5,
    high=0.5,
    tabulate=errors_and_dead_units,
    text="a leak of 0.01 makes no difference, over many data sets",
    source="after Maas et al. 2013",
    threshold=f"{RULE} of the test error's difference, 2×100: interval inside ±0.5 points",
    effect="no error of tables or images; word error rates of speech recognition",
)
