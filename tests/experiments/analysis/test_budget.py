"""The expected result of n trials, against all subsets of so many trials."""

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from experiments.analysis.budget import expected_best, expected_by_run, trials


def by_brute_force(validation, test, n):
    """Return the mean over all subsets of n trials; trials that share the lowest error share the choice."""
    lowest, tested = [], []
    for subset in combinations(range(len(validation)), n):
        best = min(validation[index] for index in subset)
        lowest.append(best)
        tested.append(np.mean([test[index] for index in subset if validation[index] == best]))
    return np.mean(lowest), np.mean(tested)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
@pytest.mark.parametrize("ties", [False, True])
def test_the_expectation_is_the_mean_over_all_subsets(count, ties):
    generator = np.random.default_rng(count)
    validation, test = generator.random((2, count))
    if ties:
        validation = np.round(3 * validation) / 3
    table = expected_best(validation, test)
    assert table["n"].tolist() == list(range(1, count + 1))
    for row in table.itertuples():
        expected = by_brute_force(validation, test, row.n)
        np.testing.assert_allclose((row.validation, row.test), expected, rtol=1e-13)


def test_one_trial_has_the_mean_error_and_all_trials_have_the_best():
    generator = np.random.default_rng(0)
    validation, test = generator.random((2, 1024))
    table = expected_best(validation, test)
    assert table["validation"].iloc[0] == pytest.approx(validation.mean())
    assert table["test"].iloc[0] == pytest.approx(test.mean())
    assert table["validation"].iloc[-1] == pytest.approx(validation.min())
    assert table["test"].iloc[-1] == pytest.approx(test[validation.argmin()])
    assert table["validation"].is_monotonic_decreasing


def test_a_diverged_trial_counts_until_it_is_never_chosen():
    table = expected_best([0.3, math.inf, 0.1, math.inf], [0.2, math.inf, 0.4, math.inf])
    assert np.isinf(table["validation"]).tolist() == [True, True, False, False]
    assert np.isinf(table["test"]).tolist() == [True, True, False, False]
    # Of the 4 subsets of 3 trials, 2 have both finished ones, and each other one has one of them.
    assert table["validation"][2] == pytest.approx((0.1 + 0.1 + 0.1 + 0.3) / 4)


@pytest.mark.parametrize(
    ("validation", "test"),
    [([], []), ([0.1], [0.1, 0.2]), ([math.nan], [0.1]), ([0.1], [math.nan]), ([[0.1]], [[0.1]])],
)
def test_what_has_no_expectation_is_refused(validation, test):
    with pytest.raises(ValueError, match=r"NaN|equally many"):
        expected_best(validation, test)


def replicas(rows):
    columns = ["run", "lr", "seed", "purpose", "status", "final_validation_error", "final_test_error"]
    return pd.DataFrame(rows, columns=columns).assign(selected=False)


def test_a_trial_is_the_mean_over_its_tuning_seeds_and_the_reported_ones_do_not_count():
    table = trials(
        replicas(
            [
                ("a", 0.1, 8, "tuning", "done", 0.1, 0.3),
                ("a", 0.1, 9, "tuning", "done", 0.2, 0.5),
                ("a", 0.1, 0, "report", "done", 0.9, 0.9),
                ("a", 0.2, 8, "tuning", "done", 0.1, 0.1),
                ("a", 0.2, 9, "tuning", "diverged", 0.0, 0.0),
                ("b", 0.2, 0, "report", "done", 0.2, 0.2),
            ]
        ),
        1.0,
    )
    means = {"run": ["a", "a"], "lr": [0.1, 0.2], "validation": [0.15, 1], "test": [0.4, 1]}
    by_seed = {"validation_by_seed": [(0.1, 0.2), (1, 1)], "test_by_seed": [(0.3, 0.5), (1, 1)]}
    assert table.to_dict("list") == means | by_seed


def test_trials_are_compared_on_the_seeds_that_all_have():
    table = trials(
        replicas(
            [
                ("a", 0.1, 8, "tuning", "done", 0.1, 0.3),
                ("a", 0.1, 9, "tuning", "done", 0.2, 0.5),
                ("a", 0.2, 8, "tuning", "done", 0.4, 0.4),
            ]
        ),
        math.inf,
    )
    assert table["validation"].tolist() == [0.1, 0.4]


def test_a_run_with_one_trial_has_no_curve():
    assert expected_by_run(trials(replicas([("a", 0.1, 8, "tuning", "done", 0.1, 0.3)]), 1.0)).empty
    assert expected_by_run(trials(replicas([]).drop(columns="purpose"), 1.0)).empty


def test_the_standard_error_is_that_of_the_expectations_of_each_seed():
    """With one trial each is as likely; with all trials the best one is chosen, on the mean over the seeds."""
    errors = {0.1: (0.2, 0.1, 0.3), 0.2: (0.4, 0.6, 0.2), 0.3: (0.3, 0.5, 0.7)}
    rows = [
        ("a", rate, seed, "tuning", "done", value, value / 2)
        for rate, values in errors.items()
        for seed, value in enumerate(values)
    ]
    table = expected_by_run(trials(replicas(rows), 1.0))
    values = np.array(list(errors.values()))
    for n, by_seed in ((1, values.mean(axis=0)), (3, values[0])):
        expected = by_seed.std(ddof=1) / math.sqrt(3)
        row = table[table["n"] == n].iloc[0]
        assert row["validation_se"] == pytest.approx(expected)
        assert row["test_se"] == pytest.approx(expected / 2)


def test_one_seed_or_a_trial_without_an_error_has_no_standard_error():
    one = [("a", rate, 8, "tuning", "done", rate, rate) for rate in (0.1, 0.2)]
    assert expected_by_run(trials(replicas(one), 1.0))["test_se"].isna().all()
    lost = [("a", 0.1, seed, "tuning", "done", 0.1 + seed / 10, 0.1) for seed in (0, 1)]
    lost += [("a", 0.2, seed, "tuning", "diverged", 0.1, 0.1) for seed in (0, 1)]
    assert expected_by_run(trials(replicas(lost), math.inf))["validation_se"].isna().tolist() == [True, False]
