"""Claim 2: the neuron of claim 1 learns at once by cross-entropy."""

import pandas as pd

from experiments.claims.registry import Claim
from experiments.claims.saturated_neuron import draw_neuron, train_neuron
from experiments.claims.studies import Protocol
from experiments.claims.verdicts import Measure, Verdict, word


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return cost, step, a, gradient of one neuron; no seed changes them."""
    return train_neuron()


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the output a after 50 steps."""
    a = table[(table["cost"] == "cross-entropy") & (table["step"] == 50)]["a"].item()
    return Verdict(word(a <= 0.15), (Measure("a after 50 steps", a),))


CLAIM = Claim(
    text="cross-entropy does not, at the same rate",
    source="Nielsen 2015, ch. 3",
    threshold="the same neuron: a ≤ 0.15 after 50 steps",
    effect="a curve without this number, at another rate (0.005)",
    measure=measure,
    judge=judge,
    drawings={"": draw_neuron},
)
