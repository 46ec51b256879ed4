"""How often identical conditions are called different: constructed errors without any true difference."""

import math

import numpy as np
import pandas as pd
import pytest

from experiments.analysis.comparison import leaderboard
from experiments.analysis.paired import t_test
from experiments.analysis.statistics import ALPHA, holm

SEEDS, CONDITIONS, REPETITIONS = 10, 14, 2000
RATIO = 0.2 / (0.8 * 0.85)  # test rows over training rows


@pytest.fixture(scope="module")
def permuted():
    """Return the paired and the corrected p of 13 conditions with the first, for permutations of equal conditions.

    A seed's split is hard or easy for all conditions, and errors are multiples of 1 / 360, as those of digits are.
    """
    generator = np.random.default_rng(1)
    split = generator.normal(0.05, 0.012, (SEEDS, 1))
    errors = np.round(360 * (split + generator.normal(0, 0.008, (SEEDS, CONDITIONS))).clip(min=0)) / 360
    p = np.empty((2, REPETITIONS, CONDITIONS - 1))
    for repetition in range(REPETITIONS):
        shuffled = generator.permuted(errors, axis=1)
        for index in range(1, CONDITIONS):
            test = t_test(shuffled[:, [index, 0]], RATIO, math.nan)
            p[:, repetition, index - 1] = test.p, test.p_corrected
    return p


def test_the_paired_verdict_is_wrong_in_5_percent(permuted):
    wrong = np.mean(permuted[0] < ALPHA)
    print(f"paired t, identical conditions: {100 * wrong:.1f} % called different")
    assert 0.04 <= wrong <= 0.06


def test_the_corrected_verdict_is_wrong_in_at_most_5_percent(permuted):
    wrong = np.mean(permuted[1] < ALPHA)
    print(f"corrected t, identical conditions: {100 * wrong:.1f} % called different")
    assert wrong <= 0.05


def test_a_family_has_a_wrong_verdict_in_at_most_6_percent(permuted):
    wrong = np.mean([(holm(pd.Series(family)) < ALPHA).any() for family in permuted[0]])
    print(f"Holm, {CONDITIONS - 1} comparisons: {100 * wrong:.1f} % of the families have a wrong verdict")
    assert wrong <= 0.06


def test_only_the_corrected_verdict_holds_for_new_data():
    # Differences on the splits of one data set have a part in common, which is 0 on average over data sets only.
    generator = np.random.default_rng(2)
    common = RATIO / (1 + RATIO)  # the correlation of Nadeau and Bengio
    count = 5 * REPETITIONS
    single = generator.normal(0, math.sqrt(1 - common), (count, SEEDS))
    differences = single + generator.normal(0, math.sqrt(common), (count, 1))
    tests = [t_test(np.stack([row, np.zeros(SEEDS)], axis=1), RATIO, math.nan) for row in differences]
    paired, corrected = (np.mean([getattr(test, name) < ALPHA for test in tests]) for name in ("p", "p_corrected"))
    print(f"new data sets: paired {100 * paired:.1f} %, corrected {100 * corrected:.1f} % called different")
    assert paired > 0.2
    # Here the corrected test is exact. The bound adds two standard errors of this simulation.
    assert corrected <= ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / count)


def test_the_board_shows_these_verdicts(study):
    conditions = [{}] + [{"activation": f"a{index}", "error": 0.05 + index / 1500} for index in range(13)]
    board = leaderboard(study(*conditions, seeds=SEEDS)).query("verdict != 'reference'")
    errors = study(*conditions, seeds=SEEDS).pivot(index="seed", columns="run", values="final_test_error")
    tests = [t_test(errors[[row.run, row.reference]].to_numpy(), RATIO, math.nan) for row in board.itertuples()]
    paired, corrected = (holm(pd.Series([getattr(test, name) for test in tests])) for name in ("p", "p_corrected"))
    different = board["verdict"].isin(["better", "worse"])
    assert different.tolist() == (paired < ALPHA).tolist()
    general = board["scope"] == "for new data of this kind"
    assert general.tolist() == ((paired < ALPHA) & (corrected < ALPHA)).tolist()
    assert 0 < general.sum() < different.sum() < len(board)
