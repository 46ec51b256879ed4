"""Claim 1: a sigmoid neuron that starts with the wrong answer learns slowly by a quadratic cost."""

import pandas as pd

from experiments.claims.registry import Claim
from experiments.claims.saturated_neuron import draw_neuron, train_neuron
from experiments.claims.studies import Protocol
from experiments.claims.verdicts import Measure, Verdict, word


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return cost, step, a, gradient of one neuron; no seed changes them."""
    return train_neuron()


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the output a after 150 and 300 steps, and the ratio of the two costs' gradients before training."""
    a = table[table["cost"] == "quadratic"].set_index("step")["a"]
    gradient = table[table["step"] == 0].set_index("cost")["gradient"]
    ratio = gradient["cross-entropy"] / gradient["quadratic"]
    measures = (
        Measure("a after 150 steps", a[150]),
        Measure("after 300", a[300]),
        Measure("gradient ratio", ratio),
    )
    return Verdict(word(a[150] >= 0.90 and a[300] <= 0.25 and abs(ratio - 56.6) <= 0.1), measures)


CLAIM = Claim(
    text="a quadratic cost stalls from a saturated start",
    source="Nielsen 2015, ch. 3",
    threshold="one sigmoid neuron: a ≥ 0.90 after 150 steps and ≤ 0.25 after 300; gradient ratio CE/quadratic at the "
    "start 56.6 ± 0.1",
    effect="after training with the quadratic cost the output is 0.20; for about 150 epochs it hardly changes (ch. 3)",
    measure=measure,
    judge=judge,
    drawings={"": draw_neuron},
)
