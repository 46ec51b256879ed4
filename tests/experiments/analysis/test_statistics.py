"""Intervals and tests, against calculations by hand, SciPy and published examples."""

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from experiments.analysis.paired import signed_rank_p
from experiments.analysis.statistics import (
    compare,
    holm,
    possible_intervals,
    seeds_needed,
    summarise,
)


def test_summarise_by_hand():
    frame = pd.DataFrame({"group": ["a", "a", "a", "b", "b"], "value": [1.0, 2.0, 3.0, 5.0, 9.0]})
    table = summarise(frame, "group", "value").set_index("group")
    names = ["n", "mean", "low", "high", "std", "diverged", "diverged_share", "median", "iqm"]
    assert list(table.columns) == names
    # t(2 degrees of freedom, 97.5 %) = 4.302653, t(1) = 12.706205; half-widths 4.302653/√3 and 12.706205·√8/√2
    np.testing.assert_allclose(table.loc["a"], [3, 2, -0.484138, 4.484138, 1, 0, 0, 2, 2], rtol=1e-6)
    np.testing.assert_allclose(table.loc["b"], [2, 7, -18.412409, 32.412409, 8**0.5, 0, 0, 7, 7], rtol=1e-6)


def test_an_interval_stays_within_possible_errors_and_needs_three_different_values():
    values = {"one": [5], "two": [1, 3], "near 0": [0, 0, 2], "near 100": [100, 100, 97], "inside": [40, 50, 60]}
    values |= {"equal": [0.1, 0.1, 0.1 + 1e-17], "zero": [0, 0, 0]}
    frame = pd.DataFrame([(name, value) for name, group in values.items() for value in group], columns=["group", "x"])
    table = summarise(frame, "group", "x").set_index("group")
    shown = possible_intervals(table, 100)
    assert set(shown.index[shown["low"].isna() & shown["high"].isna()]) == {"one", "two", "equal", "zero"}
    assert shown.loc["near 0"].tolist() == [0, table.loc["near 0", "high"]]
    assert shown.loc["near 100"].tolist() == [table.loc["near 100", "low"], 100]
    assert shown.loc["inside"].equals(table.loc["inside", ["low", "high"]])


def test_summarise_agrees_with_scipy():
    generator = np.random.default_rng(1)
    frame = pd.DataFrame({"a": np.arange(60) % 3, "b": np.arange(60) % 2, "value": generator.normal(size=60)})
    for row in summarise(frame, ["a", "b"], "value").itertuples():
        values = frame.loc[(frame["a"] == row.a) & (frame["b"] == row.b), "value"]
        low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
        np.testing.assert_allclose([row.mean, row.low, row.high], [values.mean(), low, high])


def test_diverged_values_are_counted_and_not_averaged():
    frame = pd.DataFrame({"group": ["a"] * 4 + ["b"], "value": [1.0, 3.0, np.inf, np.nan, -np.inf]})
    a, b = summarise(frame, "group", "value").itertuples()
    assert (a.n, a.mean, a.diverged, a.diverged_share) == (2, 2.0, 2, 0.5)
    assert (b.n, b.diverged, b.diverged_share) == (0, 1, 1.0)
    assert np.isnan([b.mean, b.low, b.high, b.std]).all()


def test_one_value_has_no_interval():
    (row,) = summarise(pd.DataFrame({"group": ["a"], "value": [2.0]}), "group", "value").itertuples()
    assert (row.n, row.mean) == (1, 2.0)
    assert np.isnan([row.low, row.high, row.std]).all()


def test_groups_without_a_value_in_a_key_are_kept():
    frame = pd.DataFrame({"alpha": [np.nan, np.nan, 1.0], "value": [1.0, 3.0, 5.0]})
    assert summarise(frame, "alpha", "value")["n"].tolist() == [1, 2]


@pytest.mark.parametrize("count", [1, 3, 4, 7, 10, 13])
def test_the_interquartile_mean_is_scipys_trimmed_mean(count):
    values = np.random.default_rng(count).normal(size=count)
    (row,) = summarise(pd.DataFrame({"group": "a", "value": values}), "group", "value").itertuples()
    np.testing.assert_allclose(row.iqm, stats.trim_mean(values, 0.25))


def test_where_only_order_counts_a_diverged_value_is_the_largest():
    frame = pd.DataFrame({"group": "a", "value": [1.0, 2.0, 3.0, np.nan]})
    (row,) = summarise(frame, "group", "value").itertuples()
    assert (row.mean, row.median, row.iqm) == (2.0, 2.5, 2.5)
    (row,) = summarise(frame.assign(value=[1.0, np.inf, np.inf, np.nan]), "group", "value").itertuples()
    assert (row.mean, row.median, row.iqm) == (1.0, np.inf, np.inf)


DRAWS = {
    "normal": (lambda generator, shape: generator.normal(size=shape), 0.0),
    "exponential": (lambda generator, shape: generator.exponential(size=shape), 1.0),
    "lognormal": (lambda generator, shape: generator.lognormal(size=shape), np.exp(0.5)),
}


@pytest.mark.parametrize("n", [5, 10, 20])
@pytest.mark.parametrize("name", DRAWS)
def test_coverage_of_the_interval(name, n):
    draw, mean = DRAWS[name]
    samples = 20_000
    values = draw(np.random.default_rng(2), (samples, n)).ravel()
    table = summarise(pd.DataFrame({"sample": np.repeat(np.arange(samples), n), "value": values}), "sample", "value")
    coverage = ((table["low"] <= mean) & (mean <= table["high"])).mean()
    print(f"coverage of the 95 % interval, {name}, n = {n}: {100 * coverage:.1f} %")
    if name == "normal":
        assert 0.93 <= coverage <= 0.97
    else:
        assert 0.8 <= coverage <= 0.97


def seeds(**conditions):
    return pd.DataFrame(conditions, dtype=float)


def test_compare_by_hand():
    (row,) = compare(seeds(a=[1, 2, 4], b=[2, 4, 7]), [("a", "b")], test_to_train=0.5).itertuples()
    # Differences −1, −2, −3: mean −2, s = 1, t = −2√3 = −3.4641 with 2 degrees of freedom, t(97.5 %) = 4.302653
    assert (row.n, row.lost, row.difference, row.std, row.effect, row.improvement) == (3, 0, -2, 1, -2, 1)
    np.testing.assert_allclose([row.p, row.p_holm], 0.0741799, rtol=1e-5)
    np.testing.assert_allclose([row.low, row.high], [-2 - 4.302653 / 3**0.5, -2 + 4.302653 / 3**0.5], rtol=1e-6)
    half = 4.302653 * (1 / 3 + 0.5) ** 0.5
    np.testing.assert_allclose([row.corrected_low, row.corrected_high], [-2 - half, -2 + half], rtol=1e-6)
    assert (row.wilcoxon, row.wilcoxon_least) == (0.25, 0.25)


def test_compare_agrees_with_scipy():
    scores = seeds(a=np.random.default_rng(3).normal(size=10), b=np.random.default_rng(4).normal(0.5, size=10))
    (row,) = compare(scores, [("a", "b")]).itertuples()
    expected = stats.ttest_rel(scores["a"], scores["b"])
    np.testing.assert_allclose(row.p, expected.pvalue)
    np.testing.assert_allclose([row.low, row.high], expected.confidence_interval())
    np.testing.assert_allclose(row.wilcoxon, stats.wilcoxon(scores["a"], scores["b"], method="exact").pvalue)
    assert row.wilcoxon_least == pytest.approx(0.001953125)
    assert np.isnan(row.corrected_low)  # without a ratio of parts


def test_diverged_replicas_lose_their_pairs_and_leave_the_t_test():
    scores = seeds(a=[1, 2, np.inf, np.inf, 5], b=[3, 3, 3, np.inf, np.nan])
    (row,) = compare(scores, [("a", "b")]).itertuples()
    assert (row.n, row.lost, row.difference) == (2, 2, -1.5)
    assert row.improvement == (1 + 1 + 0 + 0.5) / 4
    assert row.wilcoxon_least == 0.125
    # signed ranks −1, −2 and +3 for the diverged one: as many below as above
    assert row.wilcoxon == 1


def test_what_is_not_defined_is_nan():
    scores = seeds(a=[1.0, 2.0], b=[2.0, 3.0], c=[np.inf, np.inf], d=[1.0, 2.0])
    constant, lost, same = compare(scores, [("a", "b"), ("a", "c"), ("a", "d")]).itertuples()
    assert constant.difference == constant.low == constant.high == -1
    assert np.isnan([constant.p, constant.p_holm, constant.effect, constant.seeds]).all()
    assert (lost.n, lost.lost, lost.improvement) == (0, 2, 1)
    assert np.isnan([lost.difference, lost.low, lost.p, lost.seeds]).all()
    assert (same.difference, same.p, same.wilcoxon, same.improvement, same.effect) == (0, 1, 1, 0.5, 0)


def test_a_constant_difference_is_significant_with_enough_seeds():
    for n, p in [(3, 0.25), (6, 0.03125)]:
        scores = seeds(a=np.arange(n), b=np.arange(n) + 0.1, c=np.arange(n))
        different, same = compare(scores, [("a", "b"), ("a", "c")], 0.3, margin=0.2).itertuples()
        assert (different.p, different.seeds, different.low) == (p, 6, different.high)
        assert np.isnan(different.p_corrected)  # no variance, so nothing to correct
        assert (same.p, same.p_corrected, same.p_equivalence) == (1, 1, 0.5**n)
    (row,) = compare(seeds(a=[1, 2, 3], b=[2, 3, 4]), [("a", "b")], margin=0.5).itertuples()
    assert row.p_equivalence == 1
    assert np.isnan(row.p_equivalence_corrected)


@pytest.mark.parametrize("shift", [0.0, 0.3, -0.3, 1.0])
def test_equivalence_is_that_of_statsmodels(shift):
    generator = np.random.default_rng(6)
    a = generator.normal(size=8)
    b = a + shift + 0.2 * generator.normal(size=8)
    (row,) = compare(seeds(a=a, b=b), [("a", "b")], 0.25, margin=0.5).itertuples()
    np.testing.assert_allclose(row.p_equivalence, ttost_paired(a, b, -0.5, 0.5)[0])
    # The corrected test is the usual one of differences whose standard error is larger by a factor.
    factor = np.sqrt((1 / 8 + 0.25) * 8)
    mean, error = np.mean(a - b), stats.sem(a - b) * factor
    one_sided = stats.t.sf((mean + 0.5) / error, 7), stats.t.cdf((mean - 0.5) / error, 7)
    np.testing.assert_allclose(row.p_equivalence_corrected, max(one_sided))
    np.testing.assert_allclose(row.p_corrected, 2 * stats.t.sf(abs(mean / error), 7))
    assert (row.p_corrected < 0.05) == (row.corrected_low > 0 or row.corrected_high < 0)


def test_without_a_margin_or_a_ratio_nothing_is_corrected_or_equivalent():
    (row,) = compare(seeds(a=[1, 2, 4], b=[2, 4, 7]), [("a", "b")]).itertuples()
    assert np.isnan([row.p_equivalence, row.p_equivalence_corrected, row.p_corrected, row.p_corrected_holm]).all()


def test_rounding_is_no_difference():
    scores = seeds(a=[0.1 + 0.2, 0.3], b=[0.3, 0.1 + 0.2])
    (row,) = compare(scores, [("a", "b")]).itertuples()
    assert (row.difference, row.p, row.wilcoxon) == (0, 1, 1)


def test_holm_by_hand():
    adjusted = holm(pd.Series([0.01, 0.04, 0.03, np.nan]))
    # 0.01·4; 0.03·3 = 0.09; max(0.09, 0.04·2); the undefined one counts in the family
    np.testing.assert_allclose(adjusted, [0.04, 0.09, 0.09, np.nan])
    table = compare(seeds(a=[1, 2, 4], b=[2, 4, 7], c=[0, 9, 1]), list(combinations("abc", 2)))
    np.testing.assert_allclose(table["p_holm"], holm(table["p"]))
    table = compare(seeds(a=[1, 2, 4], b=[2, 4, 7], c=[0, 9, 1]), list(combinations("abc", 2)), 0.3)
    np.testing.assert_allclose(table["p_corrected_holm"], holm(table["p_corrected"]))


def test_holm_is_that_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    generator = np.random.default_rng(0)
    for count in (1, 2, 5, 40):
        p = generator.random(count).round(1)  # with ties
        np.testing.assert_array_equal(holm(pd.Series(p)), multipletests(p, method="holm")[1])
    assert holm(pd.Series([], dtype=float)).empty


@pytest.mark.parametrize("case", range(6))
def test_signed_rank_p_counts_all_signs_also_with_ties(case):
    generator = np.random.default_rng(case)
    x, y = generator.integers(0, 4, (2, 8)).astype(float)
    difference = (x - y)[x != y]
    ranks = stats.rankdata(np.abs(difference))
    observed = ranks[difference > 0].sum()
    sums = np.array([np.dot(signs, ranks) for signs in product([0, 1], repeat=len(ranks))])
    expected = min(1, 2 * min((sums <= observed).mean(), (sums >= observed).mean()))
    np.testing.assert_allclose(signed_rank_p(x, y), expected)


@pytest.mark.parametrize(("effect", "n"), [(0.5, 34), (1.0, 10), (2.0, 5), (0.2, 199)])
def test_seeds_needed_are_those_of_the_usual_tables(effect, n):
    # G*Power, t test of a difference from constant, two-sided, α = 0.05, power 0.8
    assert seeds_needed(effect, 1.0) == n
    assert seeds_needed(-3 * effect, 3.0) == n


def test_seeds_needed_at_the_edges():
    difference, std = np.array([0.0, 1.0, 1.0, 1e-4, np.nan]), np.array([1.0, 0.0, np.nan, 1.0, 1.0])
    np.testing.assert_array_equal(seeds_needed(difference, std), [np.inf, 2, np.nan, 8e8, np.nan])


def test_seeds_needed_show_it_four_times_in_five():
    n = int(seeds_needed(1.0, 1.5)[0])
    differences = np.random.default_rng(5).normal(1.0, 1.5, (20_000, n))
    assert np.mean(stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05) == pytest.approx(0.8, abs=0.03)
