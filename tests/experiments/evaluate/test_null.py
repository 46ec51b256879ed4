"""The tests over data sets on real results: two halves of one activation's seeds, and one that was made worse."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.analysis.over_datasets import differences, verdict_over_datasets, wilcoxon
from experiments.analysis.pooled import random_effects
from experiments.evaluate.atlas import load
from experiments.evaluate.protocol import BUDGETS

FILE = Path(__file__).parents[2] / "data/relu_40_seeds.csv.xz"
"""Test errors of ReLU by the protocol: 33 data sets, 40 seeds each, plain networks.

python run.py -m +experiment=protocol_v1 activation=relu net.norm=none seeds=40 study=seeds40
"""
RATIO = 0.2 / (0.8 * 0.85)
REPEATS = 500


@pytest.fixture(scope="module")
def errors():
    """The errors, data set × seed."""
    return pd.read_csv(FILE).pivot(index="dataset", columns="seed", values="error")


def arms(errors, generator, shift=0.0, size=20):
    """Return two arms of different seeds as a table over data sets; the seeds of an arm are numbered anew."""
    order = generator.permutation(errors.shape[1])
    parts = []
    for name, columns in (("one", order[:size]), ("other", order[size : 2 * size])):
        values = errors.iloc[:, columns].to_numpy() + shift * (name == "one")
        rows = pd.DataFrame(values, errors.index, pd.RangeIndex(size, name="seed")).stack().rename("error")
        parts.append(rows.reset_index().assign(treatment=name, test_to_train=RATIO))
    return pd.concat(parts, ignore_index=True)


def test_equal_arms_are_called_better_as_often_as_stated(errors):
    """Two-sided 5 % is 2.5 % for "better"; 500 repeats of it lie within 4.6 % (99.9 % of a binomial)."""
    generator = np.random.default_rng(1)
    better = missed = 0
    for _ in range(REPEATS):
        halves = errors.to_numpy()[:, generator.permutation(errors.shape[1])].reshape(len(errors), 2, 20)
        gaps = halves.mean(axis=2) @ [1, -1]
        test = wilcoxon(gaps)
        better += test.p < 0.05 and test.sign < 0
        pairs = halves[:, 0] - halves[:, 1]
        mean = random_effects(gaps, pairs.var(axis=1, ddof=1) / 20)
        missed += not mean.low <= 0 <= mean.high
    assert better / REPEATS <= 0.046
    assert missed / REPEATS <= 0.08  # 5 % are stated


def test_an_arm_that_was_made_worse_is_found(errors):
    generator = np.random.default_rng(2)
    verdict = verdict_over_datasets(arms(errors, generator, shift=0.01), "one", "other", 0.005)
    assert verdict.word == "worse"
    assert verdict.mean.low > 0


def test_equal_arms_differ_on_no_data_set_more_often_than_stated(errors):
    generator = np.random.default_rng(3)
    significant = [differences(arms(errors, generator), "other")["p_corrected"].lt(0.05).sum() for _ in range(10)]
    assert sum(significant) / (10 * len(errors)) <= 0.05


@pytest.mark.parametrize(
    ("points", "every", "low", "high"),
    [
        (0.25, 1, 0.2, 0.4),
        (0.5, 1, 0.7, 0.9),
        (1, 1, 0.95, 1),
        (0.25, 3, 0, 0.15),
        (0.5, 3, 0.1, 0.35),
        (1, 3, 0.55, 0.8),
    ],
)
def test_a_shift_of_all_data_sets_is_found_as_often_as_the_guide_says(errors, points, every, low, high):
    """Ten seeds an arm, as in the protocol; 200 repeats. Every third data set is the small budget."""
    generator = np.random.default_rng(4)
    values, found = errors.to_numpy()[::every], 0
    for _ in range(200):
        order = generator.permutation(values.shape[1])
        gaps = values[:, order[:10]].mean(axis=1) - values[:, order[10:20]].mean(axis=1) + points / 100
        test = wilcoxon(gaps)
        found += test.p < 0.05 and test.sign > 0
    print(f"{points} points on {len(values)} data sets: found in {found / 2:.0f} % of repeats")
    assert low <= found / 200 <= high


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("name", ["star_relu", "snake", "swiglu", "gcu"])
def test_activations_that_are_much_worse_in_the_reference_are_found_by_either_budget(name, budget):
    trials, every, _ = BUDGETS[budget]
    rows = load().chosen(trials)
    rows = rows[rows["activation"].isin([name, "relu"]) & (rows["norm"] == "none")]
    table = rows.rename(columns={"activation": "treatment", "final_test_error": "error"}).assign(test_to_train=RATIO)
    table = table[table["dataset"].isin(sorted(rows["dataset"].unique())[::every])]
    assert table["status"].eq("done").all()
    assert verdict_over_datasets(table, name, "relu", 0.005).word == "worse"
