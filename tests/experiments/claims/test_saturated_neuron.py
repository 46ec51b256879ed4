"""The saturated neuron against the closed recurrence of its training."""

import math

import numpy as np

from experiments.claims.registry import load_claim
from experiments.claims.saturated_neuron import train_neuron
from experiments.claims.verdicts import REPRODUCED


def test_a_neuron_takes_the_steps_of_the_closed_recurrence():
    table = train_neuron()
    for cost, slope in (("quadratic", lambda a: a * a * (1 - a)), ("cross-entropy", lambda a: a)):
        z, expected = 4.0, []
        for _ in range(301):
            a = 1 / (1 + math.exp(-z))
            expected.append((a, slope(a)))
            z -= 2 * 0.15 * slope(a)  # w and b both take a step
        np.testing.assert_allclose(table.loc[table["cost"] == cost, ["a", "gradient"]], expected, rtol=1e-12)


def test_claims_1_and_2_are_reproduced_by_it():
    stalls, learns = (load_claim(number).judge(train_neuron()) for number in (1, 2))
    assert stalls.word == learns.word == REPRODUCED
    assert [f"{measure.value:.3f}" for measure in stalls.measures[:2]] == ["0.933", "0.203"]
