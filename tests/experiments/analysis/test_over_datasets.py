"""Treatments over data sets, against published examples, calculations by hand, brute force and other packages."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from experiments.analysis.normalised import Scale, interquartile_means, normalised
from experiments.analysis.over_datasets import (
    differences,
    field_over_datasets,
    over_datasets,
    verdict_over_datasets,
    wilcoxon,
    wins,
)
from experiments.analysis.pooled import random_effects, signed_rank
from experiments.analysis.statistics import holm

RATIO = 0.2 / (0.8 * 0.85)
VALUES = json.loads(Path(__file__).with_name("over_datasets_values.json").read_text())


def table(errors, ratio=RATIO):
    """Return a table over data sets from {treatment: data sets × seeds}."""
    return pd.DataFrame(
        [
            (f"set{index:02d}", seed, name, value, ratio)
            for name, rows in errors.items()
            for index, row in enumerate(rows)
            for seed, value in enumerate(row)
        ],
        columns=["dataset", "seed", "treatment", "error", "test_to_train"],
    )


def made_up(gain=0.0, datasets=30, seeds=10, spread=0.004, key=0):
    """Return errors of two treatments; the newcomer's are lower by `gain` on average over data sets."""
    generator = np.random.default_rng(key)
    base, rows = generator.uniform(0.05, 0.3, (datasets, 1)), generator.integers(100, 900, (datasets, 1))
    split = base + generator.normal(0, 0.02, (datasets, seeds))
    shift = gain + generator.normal(0, spread, (datasets, 1))
    errors = {name: split + generator.normal(0, 0.008, split.shape) for name in ("relu", "new")}
    errors["new"] = errors["new"] - shift
    return {name: np.round(rows * values.clip(0, 1)) / rows for name, values in errors.items()}


# Demšar (2006), table 6: C4.5, with m, with cf, with both, on 14 datasets, as areas under the curve
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_over_datasets_is_demsars_example():
    result = over_datasets(pd.DataFrame(-DEMSAR, columns=["C4.5", "m", "cf", "both"]))
    np.testing.assert_allclose(result.ranks[["C4.5", "m", "cf", "both"]], [3.143, 2.000, 2.893, 1.964], atol=6e-4)
    assert result.critical_difference == pytest.approx(1.25, abs=0.005)
    np.testing.assert_allclose(result.p, stats.friedmanchisquare(*DEMSAR.T).pvalue)
    gap = abs(result.ranks["C4.5"] - result.ranks["both"])
    q = gap / (4 * 5 / (6 * 14)) ** 0.5 * 2**0.5
    np.testing.assert_allclose(result.pairs.loc["C4.5", "both"], stats.studentized_range.sf(q, 4, np.inf), rtol=1e-3)
    assert "differ (Friedman" in result.sentence
    assert result.sentence.endswith("a pair differs if its mean ranks are at least 1.3 apart (Nemenyi, 5 %).")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 5), "One data set says nothing about any other."),
        ((4, 2), "needs at least three treatments on all 4 data sets; there are 2."),
        ((4, 1), "needs at least three treatments on all 4 data sets; there is 1."),
        ((2, 3), "2 data sets are too few to compare 3 treatments"),
        ((3, 3), "cannot be told apart (Friedman, p = 0.37; with so few data sets this p is rough)."),
    ],
)
def test_too_few_data_sets_give_a_plain_sentence(shape, words):
    result = over_datasets(pd.DataFrame(np.random.default_rng(0).normal(size=shape)))
    assert words in result.sentence
    assert len(result.ranks) == shape[1]


def test_treatments_that_tie_everywhere_have_p_1():
    assert over_datasets(pd.DataFrame(np.ones((5, 3)))).p == 1


def test_wilcoxon_is_scipys_and_gives_the_sign():
    generator = np.random.default_rng(3)
    for _ in range(20):
        gaps = generator.normal(0.3, 1, 12)
        expected = stats.wilcoxon(gaps, method="exact")
        result = wilcoxon(gaps)
        assert result.p == pytest.approx(expected.pvalue)
        signed = np.sign(gaps) @ stats.rankdata(abs(gaps))
        assert result.sign == np.sign(signed)
    assert wilcoxon(np.array([0.0, 0.0])) == (1, 1, 0)
    assert wilcoxon(np.array([-np.inf, *[-1.0] * 5])) == (2 / 2**6, 2 / 2**6, -1)


def test_a_difference_is_the_paired_one_and_a_diverged_replica_is_the_worst():
    errors = {"relu": [[0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [0.1, np.inf, 0.3], [np.inf] * 3]}
    errors["new"] = [[0.2, 0.2, 0.5], [0.1, np.inf, 0.3], [0.1, 0.2, 0.3], [np.inf] * 3]
    result = differences(table(errors), "relu", 0.01)
    assert result["dataset"].tolist() == ["set00", "set01", "set02", "set03"]
    np.testing.assert_allclose(result["difference"], [0.1, np.inf, -np.inf, 0])
    assert result["n"].tolist() == [3, 2, 2, 0]
    np.testing.assert_allclose(result.loc[0, "variance"], 0.01 * (1 / 3 + RATIO))
    assert result.loc[1, ["better", "equivalent", "worse"]].tolist() == [0, 0, 1]
    assert result.loc[2, ["better", "equivalent", "worse"]].tolist() == [1, 0, 0]


def test_a_difference_needs_a_shared_seed():
    frame = table({"relu": [[0.1, 0.2]], "new": [[0.1, 0.2]]})
    frame.loc[frame["treatment"] == "new", "seed"] += 5
    assert differences(frame, "relu").empty
    with pytest.raises(ValueError, match="no data set has a seed on which both new and relu were trained"):
        verdict_over_datasets(frame, "new", "relu", 0.005)


def test_holm_is_within_a_data_set():
    generator = np.random.default_rng(4)
    frame = table({name: generator.normal(0.2, 0.02, (3, 8)) for name in ("relu", "a", "b", "c")})
    result = differences(frame, "relu")
    for _, part in result.groupby("dataset"):
        np.testing.assert_allclose(part["p_corrected_holm"], holm(part["p_corrected"]))


def test_wins_are_those_of_the_corrected_test_pair_by_pair():
    generator = np.random.default_rng(5)
    center = np.array([0.1, 0.13, 0.16, 0.5])
    errors = {
        name: np.round(400 * generator.normal(mean, 0.012, (6, 9))) / 400
        for name, mean in zip("abcd", center, strict=True)
    }
    errors["c"][2, 3] = errors["d"][4] = np.inf
    frame = table(errors)
    expected = pd.DataFrame(0, list("abcd"), list("abcd"))
    for index in range(6):
        pairs, p, mean = [("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")], [], []
        for one, other in pairs:
            gaps = errors[one][index] - errors[other][index]
            gaps = gaps[np.isfinite(errors[one][index]) & np.isfinite(errors[other][index])]
            mean.append(gaps.mean() if len(gaps) else np.nan)
            error = gaps.std(ddof=1) * np.sqrt(1 / len(gaps) + RATIO) if len(gaps) else np.nan
            p.append(2 * stats.t.sf(abs(mean[-1]) / error, len(gaps) - 1) if len(gaps) else 1)
        for (one, other), adjusted, gap in zip(pairs, holm(pd.Series(p)), mean, strict=True):
            if index == 4 and other == "d":
                expected.loc[one, other] += 1
            elif adjusted < 0.05:
                winner, loser = (one, other) if gap < 0 else (other, one)
                expected.loc[winner, loser] += (index, winner) != (2, "c")  # it lost a replica
    assert expected.to_numpy().sum() > 10
    pd.testing.assert_frame_equal(wins(frame), expected)


def test_a_treatment_that_lost_more_replicas_does_not_win():
    errors = {"relu": [[0.3, 0.31, 0.29, 0.3, 0.3]], "new": [[0.1, 0.12, 0.1, 0.1, np.inf]]}
    assert wins(table(errors)).to_numpy().sum() == 0
    errors["new"][0][4] = 0.11
    assert wins(table(errors)).loc["new", "relu"] == 1


def test_normalised_scores_do_not_depend_on_the_other_treatments():
    frame = table({"relu": [[0.1, 0.6]], "new": [[np.inf, 0.25]]})
    assert normalised(frame)[0].tolist() == [0.9, 0.4, 0, 0.75]
    scores, words = normalised(frame.assign(trivial=0.5))
    assert scores.tolist() == [0.8, 0, 0, 0.5]
    assert words == "1 − error / error of the model that ignores the inputs"
    assert normalised(frame, Scale(1, "nats"))[0] is None


def test_interquartile_means_are_scipys_with_plausible_intervals():
    frame = table(made_up(seeds=8))
    scores = interquartile_means(frame)
    for name, part in frame.groupby("treatment"):
        assert scores.table.loc[name, "iqm"] == pytest.approx(stats.trim_mean(1 - part["error"], 0.25))
    assert (scores.table["datasets_low"] < scores.table["seeds_low"]).all()
    assert (scores.table["seeds_low"] < scores.table["iqm"]).all()
    assert (scores.table["datasets_high"] > scores.table["seeds_high"]).all()
    values = frame[frame["treatment"] == "new"].pivot(index="dataset", columns="seed", values="error").to_numpy()
    generator = np.random.default_rng(0)
    drawn = [
        stats.trim_mean(1 - generator.permuted(values, axis=1)[range(30), :][generator.integers(0, 30, 30)], 0.25, None)
        for _ in range(2000)
    ]
    low, high = scores.table.loc["new", ["datasets_low", "datasets_high"]]
    np.testing.assert_allclose([low, high], np.quantile(drawn, [0.025, 0.975]), atol=0.004)


def test_interquartile_means_take_data_sets_with_fewer_seeds():
    frame = table(made_up(datasets=6, seeds=4))
    frame = frame[(frame["dataset"] != "set02") | (frame["seed"] < 2)]
    scores = interquartile_means(frame, resamples=200)
    kept = 1 - frame.loc[frame["treatment"] == "new", "error"]
    assert scores.table.loc["new", "iqm"] == pytest.approx(stats.trim_mean(kept, 0.25))
    constant = interquartile_means(frame.assign(error=0.25), resamples=50)
    assert constant.seeds.to_numpy() == pytest.approx(0.75)


def test_a_field_is_compared_with_its_reference_by_wilcoxon_and_holm():
    errors = made_up(0.02) | {"worse": made_up(-0.05)["new"], "same": made_up(key=1)["relu"] * 0 + made_up()["relu"]}
    frame = table(errors)
    ranks = over_datasets(frame.groupby(["dataset", "treatment"])["error"].mean().unstack())
    field = field_over_datasets(frame, "relu", ranks, 0.005, rate="at the only rate")
    rows = field.table.set_index("treatment")
    assert rows["verdict"].to_dict() == {
        "new": "better",
        "worse": "worse",
        "same": "not told apart",
        "relu": "reference",
    }
    p = [wilcoxon(part["difference"].to_numpy()).p for _, part in field.pairs.groupby("treatment")]
    np.testing.assert_allclose(rows.loc[["new", "same", "worse"], "p_holm"], holm(pd.Series(p)))
    assert rows["rank"].is_monotonic_increasing
    assert rows.loc["same", ["lower", "higher", "equal"]].tolist() == [0, 0, 30]
    assert rows.loc["new", "wins"] == field.wins.loc["new", "relu"]
    assert field.sentences[:3] == [
        "Over these 30 data sets, at the only rate, new is better than relu.",
        "worse is worse than relu.",
        "same is not told apart from relu.",
    ]
    assert field.sentences[3].endswith("over data sets, with Holm for 3 comparisons, at 5 %.")
    assert field.sentences[5].startswith("Its mean difference from relu is −")


def test_too_few_data_sets_say_so():
    frame = table(made_up(0.02, datasets=4))
    ranks = over_datasets(frame.groupby(["dataset", "treatment"])["error"].mean().unstack())
    assert "So few data sets could not show a difference." in field_over_datasets(frame, "relu", ranks).sentences
    verdict = verdict_over_datasets(frame, "new", "relu", 0.005)
    assert verdict.word == "too few data sets"
    assert "new cannot be told from relu: the test needs at least six" in verdict.sentences[0]


@pytest.mark.parametrize(
    ("gain", "spread", "word"), [(0.02, 0.004, "better"), (-0.02, 0.004, "worse"), (0, 0.001, "equivalent")]
)
def test_a_verdict_finds_what_was_put_in(gain, spread, word):
    frame = table(made_up(gain, spread=spread))
    verdict = verdict_over_datasets(frame, "new", "relu", 0.005 if gain else 0.01, rate="at the only rate")
    assert verdict.word == word
    assert verdict.mean.low < -gain < verdict.mean.high
    assert verdict.lower + verdict.higher + verdict.equal == verdict.datasets == 30
    one, two, three = verdict.sentences
    assert one.startswith("Over these 30 data sets, at the only rate, new is ")
    assert two.startswith("The mean difference is ")
    assert three.endswith("(Bayesian signed-rank test over these data sets).")
    best = {"better": "better", "worse": "worse", "equivalent": "equivalent"}[word]
    assert getattr(verdict.posterior, best) == max(verdict.posterior)


def test_a_verdict_counts_diverged_replicas():
    errors = made_up(0.02)
    errors["new"][:20, 0] = np.inf
    verdict = verdict_over_datasets(table(errors), "new", "relu", 0.005)
    assert verdict.word == "worse"
    assert verdict.mean.datasets == 10
    assert "(20 of new and 0 of relu diverged)" in verdict.sentences[0]
    assert verdict.sentences[1].startswith("The mean difference over the 10 data sets where neither diverged more is")


def test_a_scale_names_the_unit():
    generator = np.random.default_rng(6)
    errors = {"relu": generator.normal(1, 0.01, (12, 5)), "new": generator.normal(0.9, 0.01, (12, 5))}
    scale = Scale(100, "% of the error of relu")
    verdict = verdict_over_datasets(table(errors), "new", "relu", 0.02, scale)
    assert "% of the error of relu, 95 % interval −" in verdict.sentences[1]
    assert "better by more than 2 % of the error of relu with probability" in verdict.sentences[2]
    assert np.isnan(verdict.iqm)


RESAMPLES = 500


def test_halves_of_one_activation_differ_no_more_often_than_stated():
    # Random halves of one activation's 40 seeds on 30 data sets.
    generator = np.random.default_rng(8)
    base, rows = generator.uniform(0.01, 0.4, (30, 1)), generator.integers(40, 1000, (30, 1))
    seeds = np.round(rows * (base + generator.normal(0, 0.08 * base**0.5, (30, 40))).clip(0, 1)) / rows
    stated = {"better": 0.025, "worse": 0.025, "mean beyond its interval": 0.05, "posterior above 97.5 %": 0.025}
    wrong = dict.fromkeys(stated, 0)
    for _ in range(RESAMPLES):
        arms = np.split(generator.permuted(seeds, axis=1), 2, axis=1)
        gaps = arms[0] - arms[1]
        mean = gaps.mean(axis=1).round(12)
        test, effect = wilcoxon(mean), random_effects(mean, gaps.var(axis=1, ddof=1) * (1 / 20 + RATIO))
        found = (test.sign < 0, test.sign > 0)
        claims = [test.p < 0.05 and sign for sign in found]
        claims += [not effect.low <= 0 <= effect.high, signed_rank(mean, 0.0, samples=1000).better > 0.975]
        for name, claim in zip(stated, claims, strict=True):
            wrong[name] += claim
    for name, rate in stated.items():
        print(f"{name}: {100 * wrong[name] / RESAMPLES:.1f} % of {RESAMPLES} halves, stated {100 * rate} %")
        assert wrong[name] <= stats.binom.ppf(0.999, RESAMPLES, rate)


def test_the_whole_verdict_is_calibrated_on_a_few_halves():
    words = [verdict_over_datasets(table(made_up(key=key, spread=0)), "new", "relu", 0.005).word for key in range(10)]
    assert sum(word in ("better", "worse") for word in words) <= stats.binom.ppf(0.999, 10, 0.05)


def test_an_arm_made_worse_is_found_worse():
    found = [
        verdict_over_datasets(table(made_up(-0.005, key=key)), "new", "relu", 0.005).word == "worse" for key in range(8)
    ]
    assert np.mean(found) >= 0.75


def test_all_sign_patterns_of_six_data_sets_have_their_exact_p():
    ranks = np.arange(1, 7)
    sums = np.array([np.dot(signs, ranks) for signs in product([-1, 1], repeat=6)])
    for signs in product([-1, 1], repeat=6):
        observed = np.dot(signs, ranks)
        assert wilcoxon(np.array(signs) * ranks * 0.01).p == pytest.approx(np.mean(abs(sums) >= abs(observed)))


def test_mean_ranks_friedman_and_the_critical_difference_are_those_of_autorank():
    known = VALUES["autorank"]
    over = over_datasets(pd.DataFrame(known["errors"]))
    np.testing.assert_allclose(over.ranks.sort_index(), known["ranks"], rtol=1e-12)
    assert over.p == pytest.approx(known["p"], rel=1e-9)
    # autorank takes the quantile from a table with three decimals.
    assert over.critical_difference == pytest.approx(known["critical_difference"], rel=3e-4)
