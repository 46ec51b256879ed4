"""Tests of experiments.comparison: what is compared with what, in which order, and what is said of it."""

import numpy as np
import pandas as pd
import pytest

from experiments.analysis.answer import at_the_edge, between, findings
from experiments.analysis.comparison import all_pairs, groups, part_ratio, ranked, rankings, references


def study(*conditions, seeds=4, noise=0.002):
    """Return replicas of conditions given as keywords: `error` of the first seed, `lr`, settings by their column."""
    generator = np.random.default_rng(0)
    rows = []
    for condition in conditions:
        names = {"dataset": "digits", "activation": "relu", "output": "softmax_ce"} | condition
        error, lost, lr = names.pop("error", 0.05), names.pop("lost", 0), names.pop("lr", 0.1)
        selected = names.pop("selected", True)
        settings = {"init.name": "he_normal", "split.test": 0.2, "split.validation": 0.15}
        settings |= {key: value for key, value in names.items() if "." in key}
        identity = {key: value for key, value in names.items() if "." not in key}
        run = "-".join(str(value) for value in [*identity.values(), *settings.values()])
        for seed in range(seeds):
            diverged = seed < lost
            rows.append(
                {"run": run, **identity, "lr": lr, "seed": seed, **settings, "task": "classification", "parameters": 10}
                | {"status": "diverged" if diverged else "done", "selected": selected}
                | {"final_test_error": 0.9 if diverged else error + noise * generator.normal() + 0.01 * (seed % 2)}
            )
    return pd.DataFrame(rows)


def test_every_condition_is_compared_with_the_baseline_under_the_same_settings():
    replicas = study(*({"activation": a, "output": o} for a in ("relu", "elu") for o in ("softmax_ce", "softmax_mse")))
    names = {
        (run.split("-")[1], run.split("-")[2]): tuple(reference.split("-")[1:3])
        for run, reference in references(replicas).items()
    }
    assert names == {
        ("elu", "softmax_ce"): ("relu", "softmax_ce"),
        ("elu", "softmax_mse"): ("relu", "softmax_mse"),
        ("relu", "softmax_mse"): ("relu", "softmax_ce"),
    }


def test_of_two_initialisers_the_reference_has_the_same():
    replicas = study(
        *({"activation": a, "init.name": i} for a in ("relu", "tanh") for i in ("he_normal", "glorot_uniform"))
    )
    found = {run: reference.split("-")[3] for run, reference in references(replicas).items() if "tanh" in run}
    assert {run.split("-")[3]: initialiser for run, initialiser in found.items()} == {
        "he_normal": "he_normal",
        "glorot_uniform": "glorot_uniform",
    }


def test_without_the_baseline_the_first_registered_activation_is_it():
    replicas = study({"activation": "elu"}, {"activation": "tanh"}, {"activation": "unheard_of"})
    assert {reference.split("-")[1] for reference in references(replicas).values()} == {"tanh"}
    assert {reference.split("-")[1] for reference in references(replicas, "elu").values()} == {"elu"}


def test_a_condition_that_lost_replicas_ranks_after_all_that_did_not():
    replicas = study({"error": 0.02, "lost": 1}, {"activation": "elu", "error": 0.5}, {"activation": "tanh", "lost": 4})
    table = ranked(replicas).set_index("run")
    assert [run.split("-")[1] for run in table.index] == ["elu", "relu", "tanh"]
    assert table["diverged_share"].tolist() == [0, 0.25, 1]
    assert table["n"].tolist() == [4, 3, 0]  # a diverged replica's finite error is no result


def test_equal_means_share_a_rank():
    replicas = study({"error": 0.1}, {"activation": "elu", "error": 0.1}, {"activation": "tanh", "error": 0.2}, noise=0)
    assert ranked(replicas)["rank"].tolist() == [1.5, 1.5, 3]


def test_findings_say_who_is_better_and_that_it_is_conditional():
    result = findings(
        study({"error": 0.1}, {"activation": "elu", "error": 0.05}, {"activation": "tanh", "error": 0.1}, seeds=8)
    )
    verdicts = result.board.set_index("activation")["verdict"].to_dict()
    assert verdicts == {"elu": "better", "relu": "reference", "tanh": "not told apart"}
    first, second, third = result.sentences
    assert first.startswith("Lowest mean test error at the only rate: elu on digits, 5.")
    assert "1 is better (elu); 1 cannot be told apart" in second
    assert "conditional on this dataset" in second
    assert "none of the 24 networks diverged" in third
    assert "One dataset: nothing is said about any other" in third
    half = result.board.set_index("activation").loc["elu", ["difference_low", "difference_high"]]
    wide = result.board.set_index("activation").loc["elu", ["corrected_low", "corrected_high"]]
    ratio = (1 / 8 + part_ratio(study({}))) ** 0.5 / (1 / 8) ** 0.5
    assert np.ptp(wide) / np.ptp(half) == pytest.approx(ratio)
    assert part_ratio(study({})) == pytest.approx(0.2 / (0.8 * 0.85))


def test_what_diverged_is_said():
    result = findings(study({}, {"activation": "elu", "lost": 1}, {"activation": "tanh", "lost": 4}))
    verdicts = result.board.set_index("activation")["verdict"].to_dict()
    assert verdicts["tanh"] == "diverged"
    assert verdicts["elu"].endswith("where both finished")
    assert "5 of the 12 networks diverged" in result.sentences[2]


def test_one_condition_is_compared_with_nothing():
    result = findings(study({}, seeds=1))
    assert result.board["verdict"].tolist() == ["reference"]
    assert result.pairs == {}
    assert "nothing is compared" in result.sentences[1]


def test_conditions_that_share_the_lowest_mean_are_all_named():
    replicas = study({}, {"activation": "elu"}, {"activation": "tanh", "error": 0.2}, noise=0)
    assert ": elu and relu on digits, 5.50 %." in findings(replicas).sentences[0]


def test_a_rate_without_another_was_chosen_by_nobody():
    assert "at the only rate:" in findings(study({})).sentences[0]
    assert "at the rate that validation chose:" in findings(study({}, {"lr": 0.3, "selected": False})).sentences[0]


def test_a_regressions_error_is_called_rmse_in_plain_digits():
    replicas = study({"error": 23456.0}).assign(task="regression")
    assert "relu on digits, RMSE 23456 (4 seeds, 95 % interval 23456 to" in findings(replicas).sentences[0]


def test_what_cannot_be_tested_is_not_called_not_told_apart():
    replicas = study({"lost": 3}, {"activation": "elu"}, {"activation": "tanh", "lost": 4})
    assert "2 cannot be tested" in findings(replicas).sentences[1]
    assert "told apart" not in findings(replicas).sentences[1]
    third = findings(study({}, {"activation": "elu"}, {"activation": "tanh", "lost": 4}, noise=0)).sentences[1]
    assert "1 cannot be told apart; 1 cannot be tested" in third


def test_all_pairs_are_one_family_to_each_pairing_of_a_dataset():
    replicas = study(*({"activation": a, "dataset": d} for a in ("relu", "elu", "tanh") for d in ("digits", "wine")))
    pairs = all_pairs(replicas)
    assert {name: len(table) for name, table in pairs.items()} == {"digits, softmax_ce": 3, "wine, softmax_ce": 3}
    alone = study({"output": "softmax_ce"}, {"output": "softmax_mse"})
    assert [name for name, _ in groups(alone)] == ["digits"]


def test_the_leaderboards_family_is_its_dataset():
    conditions = [(a, d) for d in ("digits", "wine") for a in ("relu", "elu", "tanh", "silu")]
    replicas = study(*({"activation": a, "dataset": d, "error": 0.05 + 0.01 * len(a)} for a, d in conditions))
    whole = findings(replicas).board.set_index("run")["p_holm"]
    for _, part in replicas.groupby("dataset"):
        alone = findings(part).board.set_index("run")["p_holm"]
        assert (alone.dropna() < 1).any()
        pd.testing.assert_series_equal(whole[alone.index], alone)


def test_rankings_at_tuned_and_common_rates_and_at_a_common_initialiser():
    rates = [(0.1, True), (0.3, False)]
    replicas = study(
        *(
            {"activation": a, "init.name": i, "lr": lr, "selected": selected}
            for a, i in [("relu", "he_normal"), ("tanh", "glorot_uniform"), ("tanh", "he_normal")]
            for lr, selected in rates
        )
    )
    sizes = rankings(replicas).groupby(["rate", "initialiser"]).size().to_dict()
    assert sizes == {(rate, i): 2 for rate in ("tuned", "0.1", "0.3") for i in ("own", "he_normal")}


def test_a_rate_that_not_all_have_is_not_common():
    replicas = study({"lr": 0.1}, {"activation": "elu", "lr": 0.3})
    assert rankings(replicas)["rate"].unique().tolist() == ["tuned"]


def test_over_datasets_only_what_every_dataset_has_is_ranked():
    conditions = [(d, a) for d in ("iris", "wine", "digits", "moons") for a in ("relu", "elu", "tanh")]
    replicas = study(
        *({"dataset": d, "activation": a} for d, a in conditions), {"dataset": "iris", "activation": "silu"}
    )
    across = findings(replicas).across
    assert across.datasets == 4
    assert set(across.ranks.index) == {"relu", "elu", "tanh"}


def test_between_two_studies_the_same_condition_is_compared_and_the_change_named():
    here = study({"optimizer.name": "sgd"}, {"activation": "elu", "optimizer.name": "sgd"})
    there = study({"optimizer.name": "adam", "error": 0.2}, {"activation": "tanh", "optimizer.name": "adam"})
    (row,) = between(here, there).itertuples()
    assert (row.label, row.changed) == ("relu", "optimizer.name: adam → sgd")
    assert row.difference < -0.1
    assert between(here, study({"dataset": "wine"})).empty


def test_a_chosen_rate_at_an_end_of_its_grid_is_named():
    rates = [{"lr": rate, "selected": False} for rate in (0.01, 0.1, 1.0)]
    inner = [each | {"activation": "elu", "selected": each["lr"] == 0.1} for each in rates]
    outer = [each | {"selected": each["lr"] == 1.0} for each in rates]
    replicas = study(*inner, *outer)
    sentence = at_the_edge(findings(replicas).board, replicas)
    assert sentence.startswith("For 1 of 2 conditions")
    assert sentence.endswith(": relu on digits (1).")
    replicas = study(*inner, {})  # a single rate has no ends
    assert at_the_edge(findings(replicas).board, replicas) == ""
