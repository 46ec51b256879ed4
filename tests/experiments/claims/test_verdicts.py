"""Measures with their intervals, and when nearly all seeds agree."""

import math

import numpy as np
import pandas as pd
import pytest

from experiments.claims.verdicts import FAILED, PARTIAL, REPRODUCED, Measure, difference, geometric_mean, mean

from experiments.claims.verdicts import nearly_all, ratio, word  # isort: skip


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


def test_intervals_are_students_and_those_of_ratios_are_of_the_logarithm():
    values = pd.Series([1.0, 2.0, 3.0])
    half = 4.302652729911275 / math.sqrt(3)  # t(0.975, 2) · s / √n with s = 1
    assert mean("a", values)[1:] == pytest.approx((2, 2 - half, 2 + half))
    assert geometric_mean("a", np.exp(values)) == mean("a", values).exp()
    wide = pd.DataFrame({"a": np.exp(values), "b": np.exp([0.0, 0.0, 0.0])})
    assert ratio("a/b", wide, "a", "b")[1:] == pytest.approx(mean("a", values).exp()[1:])
    assert difference("a − b", np.log(wide), "a", "b")[1:] == pytest.approx(mean("a", values)[1:])
