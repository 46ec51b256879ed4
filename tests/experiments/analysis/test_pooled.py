"""Bayesian tests and the random-effects mean, against baycomp's stored values, statsmodels and closed forms."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from experiments.analysis.pooled import SAMPLES, correlated_t, random_effects, signed_rank

VALUES = json.loads(Path(__file__).with_name("over_datasets_values.json").read_text())


@pytest.mark.parametrize("margin", VALUES["signed_rank"]["margins"])
def test_the_signed_rank_posterior_is_baycomps(margin):
    better, *equivalent, worse = VALUES["signed_rank"]["margins"][margin]
    ours = signed_rank(np.array(VALUES["signed_rank"]["differences"]), float(margin))
    expected = [better, *(equivalent or [0]), worse]
    error = 4 * np.sqrt(np.multiply(expected, np.subtract(1, expected)) / SAMPLES) + 2 / SAMPLES
    assert (np.abs(np.subtract(ours, expected)) <= 1.5 * error).all()


@pytest.mark.parametrize("margin", VALUES["correlated_t"]["margins"])
def test_the_correlated_t_is_baycomps(margin):
    stored = VALUES["correlated_t"]
    better, *equivalent, worse = stored["margins"][margin]
    ours = correlated_t(np.array(stored["differences"]), stored["test_to_train"], float(margin))
    np.testing.assert_allclose(ours, [better, *(equivalent or [0]), worse], atol=1e-12)


def test_without_correlation_the_posterior_is_the_one_sided_t_test():
    gaps = np.random.default_rng(1).normal(-0.3, 1, 9)
    assert correlated_t(gaps, 0, 0).worse == pytest.approx(stats.ttest_1samp(gaps, 0, alternative="less").pvalue)


def test_equal_differences_are_certain_and_one_says_nothing():
    assert correlated_t(np.full(5, -0.1), 0.3, 0.05) == (1, 0, 0)
    assert correlated_t(np.full(5, 0.05), 0.3, 0.05) == (0, 1, 0)
    assert np.isnan(correlated_t(np.array([0.1]), 0.3, 0.05)).all()
    assert np.isnan(correlated_t(np.array([0.1, 0.2]), 0.3, np.nan)).all()


def test_one_data_set_beside_the_prior_has_a_closed_form():
    # The weight of the data set is u ~ Beta(1, ½). Sums: z + z and z + 0 are beyond the margin, 0 + 0 is not.
    # "Better" is the largest part if 1 − (1 − u)² > ½, that is, u > 1 − √½.
    expected = stats.beta(1, 0.5).sf(1 - np.sqrt(0.5))
    ours = signed_rank(np.array([-1.0]), 0.1)
    assert ours.better == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / SAMPLES))
    assert ours.worse == 0
    # With a margin of 0.6, z + 0 is not beyond it: u² > ½.
    expected = stats.beta(1, 0.5).sf(np.sqrt(0.5))
    assert signed_rank(np.array([-1.0]), 0.6).better == pytest.approx(expected, abs=0.01)


def test_the_posterior_is_symmetric_and_equal_data_sets_are_equivalent():
    gaps = np.array([-0.02, 0.01, -0.004, -0.03, 0.002, -0.01])
    one, other = signed_rank(gaps, 0.005), signed_rank(-gaps, 0.005)
    assert one == other[::-1]
    assert sum(one) == pytest.approx(1)
    assert signed_rank(np.zeros(5), 0.005) == (0, 1, 0)
    assert signed_rank(np.zeros(5), 0) == (0.5, 0, 0.5)


def test_a_lost_data_set_is_worse_than_any_other_and_cancels_out():
    gaps = np.array([-0.01, -0.02, -0.01, -0.02, -0.015, -0.03])
    lost = signed_rank(np.append(gaps, np.inf), 0.005)
    assert lost == signed_rank(np.append(gaps, 1.0), 0.005)
    assert signed_rank(np.array([np.inf, -np.inf]), 0.005)[::2] == signed_rank(np.array([1.0, -1.0]), 0.005)[::2]


def test_the_mean_is_that_of_statsmodels():
    generator = np.random.default_rng(2)
    effects, variances = generator.normal(-0.3, 0.5, 12), generator.uniform(0.02, 0.2, 12)
    expected = combine_effects(effects, variances, method_re="dl", use_t=True)
    ours = random_effects(effects, variances)
    assert ours.mean == pytest.approx(expected.mean_effect_re)
    half = stats.t.ppf(0.975, 11) * expected.sd_eff_w_re_hksj
    assert [ours.low, ours.high] == pytest.approx([ours.mean - half, ours.mean + half])
    assert ours.tau**2 == pytest.approx(expected.tau2)
    assert ours.i2 == pytest.approx(expected.i2)


def test_without_spread_between_data_sets_the_weights_are_those_of_the_variances():
    effects, variances = np.array([-0.30, -0.31, -0.29, -0.30]), np.array([0.04, 0.05, 0.02, 0.1])
    ours = random_effects(effects, variances)
    assert (ours.tau, ours.i2) == (0, 0)
    assert ours.mean == pytest.approx(np.average(effects, weights=1 / variances))


def test_equal_variances_give_the_t_test_of_the_differences():
    gaps = np.random.default_rng(3).normal(-0.01, 0.02, 15)
    ours = random_effects(gaps, np.full(15, 1e-4))
    expected = stats.ttest_1samp(gaps, 0)
    assert ours.mean == pytest.approx(gaps.mean())
    assert ours.p == pytest.approx(expected.pvalue)
    assert [ours.low, ours.high] == pytest.approx(list(expected.confidence_interval()))


def test_what_has_no_variance_takes_no_part_or_the_smallest_one():
    gaps, variances = np.array([-0.1, -0.2, np.inf, -0.3, 0.0]), np.array([0.01, 0.02, 0.01, np.nan, 0.0])
    assert random_effects(gaps, variances) == random_effects(gaps[[0, 1, 4]], np.array([0.01, 0.02, 0.01]))
    assert random_effects(np.array([0.1]), np.array([1.0]))[0] == 1
    assert np.isnan(random_effects(np.array([0.1]), np.array([1.0])).mean)
    nothing = random_effects(np.zeros(4), np.zeros(4))
    assert (nothing.mean, nothing.low, nothing.high, nothing.p) == (0, 0, 0, 1)


@pytest.mark.parametrize(("known", "level"), [(True, 0.95), (False, 0.93)])
def test_the_interval_holds_at_its_level(known, level):
    # The true differences vary between 12 data sets. Variances come from 10 seeds, or are known.
    generator = np.random.default_rng(4)
    covered = []
    for _ in range(2000):
        variances = generator.uniform(0.2, 2, 12)
        effects = 1 + generator.normal(0, 0.7, 12) + generator.normal(0, np.sqrt(variances))
        ours = random_effects(effects, variances if known else variances * generator.chisquare(9, 12) / 9)
        covered.append(ours.low <= 1 <= ours.high)
    print(f"variances {'known' if known else 'of 10 seeds'}: {100 * np.mean(covered):.1f} % of the intervals hold")
    assert np.mean(covered) == pytest.approx(level, abs=0.015)
