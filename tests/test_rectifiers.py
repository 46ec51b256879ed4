"""The guide to rectifiers: each number of its table follows from results/reference/headline.csv."""

import re
from itertools import product

import pandas as pd
import pytest
from scipy.stats import t

from experiments.analysis.statistics import compare
from tests.programs import ROOT

GUIDE = (ROOT / "docs/rectifiers.md").read_text()
ERRORS = pd.read_csv(ROOT / "results/reference/headline.csv")
TEST_TO_TRAIN = 0.2 / (0.8 * 0.85)
NAMES = {"leaky_relu": "leaky ReLU", "elu": "ELU", "shifted_relu": "shifted ReLU"}
PAIRS = list(product(("digits", "mnist5k"), NAMES))


def difference(run, dataset, activation):
    """Return the comparison with ReLU of one run, in points."""
    errors = ERRORS[(ERRORS["run"] == run) & (ERRORS["dataset"] == dataset)]
    scores = 100 * errors.pivot(index="seed", columns="activation", values="test_error")
    return compare(scores, [(activation, "relu")], TEST_TO_TRAIN).iloc[0]


@pytest.mark.parametrize(("dataset", "activation"), PAIRS)
def test_each_row_of_the_headline_follows_from_its_errors(dataset, activation):
    first, fresh = (difference(run, dataset, activation) for run in ("first", "fresh"))
    assert (first["n"], fresh["n"]) == (50, 50)
    numbers = ("difference", "low", "high", "corrected_low", "corrected_high")
    texts = [f"{first[name]:+.2f}".replace("-", "−") for name in numbers]
    row = f"| {NAMES[activation]} | {dataset} | {texts[0]} | {texts[1]} to {texts[2]} | {texts[3]} to {texts[4]} | "
    row += f"{fresh['difference']:+.2f}".replace("-", "−") + " |"
    assert row in GUIDE


def test_the_headline_names_the_differences_that_fresh_seeds_do_not_confirm():
    missed = []
    for dataset, activation in PAIRS:
        first, fresh = (difference(run, dataset, activation) for run in ("first", "fresh"))
        squares = sum(row["std"] ** 2 / row["n"] for row in (first, fresh))
        off, allowed = abs(first["difference"] - fresh["difference"]), t.ppf(0.975, 49) * squares**0.5
        if off > allowed:
            missed.append((activation, dataset))
            assert f"|fresh − first| is {off:.2f}, and twice its standard error is {allowed:.2f}" in GUIDE
    assert missed == [("leaky_relu", "mnist5k")]


def test_the_headline_names_the_best_simple_model():
    means = 100 * ERRORS[ERRORS["run"] == "first"].groupby(["dataset", "activation"])["test_error"].mean()
    shown = re.search(r"- A simple model may be better\..*?\n\n", GUIDE, re.DOTALL).group()
    for dataset in ("digits", "mnist5k"):
        for name in ("5 nearest neighbours", "relu"):
            assert f"{means[dataset, name]:.2f} %" in shown
