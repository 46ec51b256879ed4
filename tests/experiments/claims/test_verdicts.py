"""Measures with their intervals, and when nearly all seeds agree."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from experiments.claims.verdicts import (
    FAILED,
    PARTIAL,
    REPRODUCED,
    Measure,
    by_interval,
    difference,
    excess,
    flagged,
    geometric_mean,
    mean,
    nearly_all,
    ratio,
    word,
)


def test_nine_of_ten_seeds_are_nearly_all_and_all_of_three():
    assert nearly_all(pd.Series([True] * 9 + [False]))
    assert not nearly_all(pd.Series([True] * 8 + [False] * 2))
    assert nearly_all(pd.Series([True] * 3))
    assert not nearly_all(pd.Series([True] * 2 + [False]))


def test_a_verdict_has_one_of_three_words():
    assert [word(True), word(False, True), word(False)] == [REPRODUCED, PARTIAL, FAILED]


def test_a_value_without_an_interval_is_exact():
    assert str(Measure("a", 0.5)) == "a 0.5 (exact)"
    assert str(Measure("a", 0.5, 0.25, 0.75)) == "a 0.5 (0.25 to 0.75)"
    assert math.isnan(Measure("log a", 0.0).exp().low)


def test_corrected_interval_and_margin_stand_beside_the_paired_interval():
    assert str(Measure("a", 0.5, 0.25, 0.75, 0, 1)) == "a 0.5 (0.25 to 0.75; corrected 0 to 1)"
    full = Measure("a", 0.5, 0.25, 0.75, 0, 1, 0.01, 0.2)
    assert str(full) == "a 0.5 (0.25 to 0.75; corrected 0 to 1; margin p 0.01, corrected 0.2)"


def test_an_interval_decides_and_the_corrected_one_may_contradict():
    def positive(low, high):
        return low > 0

    assert by_interval(Measure("a", 2, 1, 3, 0.5, 3.5), positive) == (REPRODUCED, ())
    assert by_interval(Measure("a", 2, 1, 3, -1, 5), positive) == (REPRODUCED, (f"by the corrected interval {FAILED}",))
    assert by_interval(Measure("a", 2, 1, 3), positive) == (REPRODUCED, ())
    assert by_interval(Measure("a", 2, -1, 5, -2, 6), positive) == (FAILED, ())


def test_a_rate_at_an_end_of_its_grid_is_flagged():
    assert [flagged(rate, "0.1 1 10") for rate in (0.1, 1.0, 10.0)] == ["0.1 (lowest of 3)", "1", "10 (highest of 3)"]
    assert flagged(0.1, "0.1") == "0.1"


def test_one_sided_tests_ask_whether_a_difference_exceeds_its_limit():
    wide = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [1.1, 1.9, 3.2, 4.0]})
    differences = wide["a"] - wide["b"]
    measure = excess("a − b", wide, "a", "b", 0.25, -0.1)
    assert measure.margin_p == pytest.approx(ttest_1samp(differences, -0.1, alternative="greater").pvalue)
    assert measure[:4] == difference("a − b", wide, "a", "b")[:4]
    below = excess("a − b", wide, "a", "b", 0.25, 0.1)
    assert below.margin_p == pytest.approx(ttest_1samp(differences, 0.1, alternative="greater").pvalue)
    assert measure.margin_p < measure.margin_p_corrected < 0.5 < below.margin_p_corrected < below.margin_p


def test_only_an_error_on_test_rows_has_a_corrected_interval_also_if_all_differences_are_equal():
    wide = pd.DataFrame({"a": [3.0, 4.0, 5.0], "b": [1.0, 2.0, 3.0]})
    assert difference("a − b", wide, "a", "b", 0.25)[2:6] == (2, 2, 2, 2)
    assert [math.isnan(end) for end in difference("a − b", wide, "a", "b")[2:6]] == [False, False, True, True]


def test_intervals_are_students_and_those_of_ratios_are_of_the_logarithm():
    values = pd.Series([1.0, 2.0, 3.0])
    half = 4.302652729911275 / math.sqrt(3)  # t(0.975, 2) · s / √n with s = 1
    assert mean("a", values)[1:4] == pytest.approx((2, 2 - half, 2 + half))
    assert geometric_mean("a", np.exp(values)) == mean("a", values).exp()
    wide = pd.DataFrame({"a": np.exp(values), "b": np.exp([0.0, 0.0, 0.0])})
    assert ratio("a/b", wide, "a", "b")[1:4] == pytest.approx(mean("a", values).exp()[1:4])
    assert difference("a − b", np.log(wide), "a", "b")[1:4] == pytest.approx(mean("a", values)[1:4])
