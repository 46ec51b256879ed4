"""The answer of a study: its sentences and their numbers."""

import pandas as pd
import pytest

from experiments.analysis.answer import edge_sentence, findings
from experiments.analysis.simple import PERCEPTRON


def test_findings_say_who_is_better_and_that_it_is_conditional(study):
    result = findings(
        study({"error": 0.1}, {"activation": "elu", "error": 0.05}, {"activation": "tanh", "error": 0.1}, seeds=8)
    )
    first, second, third = result.sentences
    assert first.startswith("elu has the lowest mean test error at the only rate on digits: 5.")
    assert second == (
        "elu has a lower error than relu on these splits and for new data of this kind (paired and corrected t, Holm, "
        "5 %). The difference between tanh and relu is smaller than 0.5 points on these splits and for new data of "
        "this kind (two "
        "one-sided t tests, Holm, 5 %)."
    )
    assert third == "None of the 24 networks diverged. One data set says nothing about any other."


def test_on_several_data_sets_each_has_its_best_and_its_condition(study):
    first, second, _ = findings(
        study(*({"dataset": d, "activation": a} for d in ("digits", "wine") for a in ("relu", "elu")), noise=0.0002)
    ).sentences
    assert " mean test error at the only rate on digits: " in first
    assert " mean test error at the only rate on wine: " in first
    assert second.startswith(
        "The differences of elu on digits and elu on wine from relu are smaller than 0.5 points on these splits"
    )


def test_the_answer_counts_what_diverged(study):
    result = findings(study({}, {"activation": "elu", "lost": 1}, {"activation": "tanh", "lost": 4}))
    assert "5 of the 12 networks diverged" in result.sentences[2]
    assert findings(study({"lost": 4})).sentences[2].startswith("All 4 networks diverged.")


def test_the_answer_counts_what_diverged_at_all_rates(study):
    rates = [{"lr": 0.3, "selected": False, "lost": 4}, {"lr": 1.0, "selected": False, "lost": 2}]
    replicas = study({}, *rates, {"activation": "elu"}, *(rate | {"activation": "elu"} for rate in rates))
    third = findings(replicas).sentences[2]
    assert third.startswith("12 of the 24 networks diverged: 8 at 0.3 and 4 at 1.")


def test_where_every_replica_diverged_no_condition_is_the_best(study):
    lost = study({"lost": 4}).assign(best_epoch=0, best_validation_error=0.9, final_validation_error=float("nan"))
    result = findings(lost)
    assert "On digits every replica diverged." in result.sentences[0]
    assert result.warnings == []


def test_one_condition_is_compared_with_nothing(study):
    result = findings(study({}, seeds=1))
    assert result.board["verdict"].tolist() == ["reference"]
    assert result.pairs == {}
    assert "nothing is compared" in result.sentences[1]


def test_conditions_that_share_the_lowest_mean_are_all_named(study):
    replicas = study({}, {"activation": "elu"}, {"activation": "tanh", "error": 0.2}, noise=0)
    first = findings(replicas).sentences[0]
    assert first == "elu and relu have the lowest mean test error at the only rate on digits: 5.50 %."


def test_of_many_names_the_last_are_counted(study):
    names = ("celu", "elu", "gelu", "relu", "silu", "tanh")
    sentence = findings(study(*({"activation": name} for name in names), noise=0)).sentences[0]
    assert sentence.startswith(
        "celu, elu, gelu, relu and 2 more have the lowest mean test error at the only rate on digits"
    )


def test_a_rate_without_another_was_chosen_by_nobody(study):
    assert "at the only rate on digits is" in findings(study({})).sentences[0]
    assert (
        "at the rate that validation chose on digits is"
        in findings(study({}, {"lr": 0.3, "selected": False})).sentences[0]
    )


def test_a_regressions_error_is_called_rmse_in_plain_digits(study):
    replicas = study({"error": 23456.0}).assign(task="regression")
    assert "is RMSE 23456 (4 seeds, 95 % interval 23456 to" in findings(replicas).sentences[0]


def test_what_cannot_be_tested_is_not_called_not_told_apart(study):
    replicas = study({"lost": 3}, {"activation": "elu"}, {"activation": "tanh", "lost": 4})
    assert "elu and tanh cannot be tested against relu" in findings(replicas).sentences[1]
    assert "told apart" not in findings(replicas).sentences[1]
    second = findings(study({}, {"activation": "elu"}, {"activation": "tanh", "lost": 4}, noise=0.01)).sentences[1]
    assert "too few seeds to decide whether elu differs from relu" in second
    assert "tanh cannot be tested against relu" in second


def test_a_chosen_rate_at_an_end_of_its_grid_is_named(study):
    rates = [{"lr": rate, "selected": False} for rate in (0.01, 0.1, 1.0)]
    inner = [rate | {"activation": "elu", "selected": rate["lr"] == 0.1} for rate in rates]
    outer = [rate | {"selected": rate["lr"] == 1.0} for rate in rates]
    replicas = study(*inner, *outer)
    sentence = edge_sentence(findings(replicas).board)
    assert sentence.startswith("For 1 of 2 conditions")
    assert sentence.endswith(": relu on digits (1).")
    replicas = study(*inner, {})  # a single rate has no ends
    assert edge_sentence(findings(replicas).board) == ""


def models(dataset="digits", seeds=10, **errors):
    """Return baselines with these errors, which vary over seeds as those of the replicas do."""
    rows = [
        (dataset, name.replace("_", " "), seed, error + 0.01 * (seed % 2) * (name not in ("majority_class", "mean")))
        for name, error in errors.items()
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["dataset", "baseline", "seed", "test_error"])


def first_sentence(replicas, **errors):
    return findings(replicas, baselines=models(**errors)).sentences[0]


def test_a_simple_model_that_wins_is_named_first_with_its_test(study):
    text = first_sentence(study({}, {"activation": "elu", "error": 0.06}), softmax_regression=0.03, majority_class=0.9)
    assert text.startswith(
        "On digits softmax regression has the lowest mean test error of networks and simple models, 3.50 %; "
        "the best network, relu,"
    )
    assert "The difference is significant on these splits and for new data of this kind (paired t, p" in text


def test_a_simple_model_that_loses_stands_in_a_later_clause(study):
    text = first_sentence(study({}), softmax_regression=0.08, linear_SVM=0.09, majority_class=0.9)
    assert text.startswith("The mean test error of relu at the only rate on digits is 5.")
    assert "On digits the best simple model, softmax regression, has 8.50 %" in text
    assert "always predicting the majority class has 90.00 %" in text


def test_networks_that_are_no_better_than_the_majority_class_are_not_crowned(study):
    replicas = study({"error": 0.104}, {"activation": "elu", "error": 0.11}, seeds=5, noise=0.005)
    text = first_sentence(replicas, majority_class=0.1105, softmax_regression=0.112)
    assert text.startswith(
        "On digits no network is clearly better than always predicting the majority class, which has 11.05 %"
    )
    assert "5 seeds are too few to decide whether relu and this prediction differ" in text
    assert "Lowest" not in text
    worse = first_sentence(study({"error": 0.3}), majority_class=0.11)
    assert worse.startswith("On digits the network is not as good as always predicting the majority class")
    simple = first_sentence(replicas, majority_class=0.1105, softmax_regression=0.05)
    assert simple.startswith(
        "On digits softmax regression has the lowest mean test error of networks and simple models"
    )
    assert "No network is clearly better than always predicting the majority class" in simple
    both = first_sentence(study({"error": 0.3}), majority_class=0.11, softmax_regression=0.05)
    assert both.startswith(
        "On digits softmax regression has the lowest mean test error of networks and simple models, 5.50 %; "
        "the network, relu, has"
    )
    assert "The network is not as good as always predicting the majority class, which has 11.00 %." in both


def test_a_regression_is_held_against_the_mean_and_its_margin_is_a_share_of_it(study):
    replicas = study({"error": 50.0}, {"activation": "elu", "error": 50.1}, seeds=8, noise=0.1)
    result = findings(replicas.assign(task="regression"), baselines=models(mean=77.0, least_squares=55.0))
    assert "always predicting the mean has RMSE 77" in result.sentences[0]
    assert "The difference between elu and relu is smaller than RMSE 1.54" in result.sentences[1]


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_have_no_interval_and_one_seed_no_test(study, seeds):
    first, second, _ = findings(study({}, {"activation": "elu"}, seeds=seeds)).sentences
    assert f"({seeds} seed{'s' * (seeds > 1)}, too few for an interval)" in first
    assert (second == "One seed allows no test (run seeds=10).") == (seeds == 1)


def test_equal_errors_have_no_interval(study):
    replicas = study({}, noise=0).assign(final_test_error=0.05)
    result = findings(replicas)
    assert "(4 seeds with the same error, so no interval)" in result.sentences[0]
    assert result.board[["low", "high"]].isna().all(axis=None)


def test_an_interval_has_only_possible_errors(study):
    replicas = study({"error": 0.0}, {"activation": "elu", "error": 0.99}, seeds=3, noise=0).round(3)
    board = findings(replicas).board
    assert board["high"].max() == 1
    assert board["low"].min() == 0


def test_too_few_seeds_are_told_from_no_difference(study):
    few = findings(study({}, {"activation": "elu"}, seeds=3, noise=0.01)).sentences[1]
    assert few.startswith("There are too few seeds to decide whether elu differs from relu. About ")
    assert (
        "margin, 0.5 points, on these splits, with a probability of 80 % (a rough guess from 3 seeds; one paired t "
        "test at 5 %; run seeds=" in few
    )
    equal = findings(study({}, {"activation": "elu"}, seeds=10))
    assert "The difference between elu and relu is smaller than 0.5 points" in equal.sentences[1]
    assert equal.board["verdict"].tolist().count("equivalent") == 1
    wide = findings(study({}, {"activation": "elu"}, seeds=10, noise=0.02), margin=10)
    assert "The difference between elu and relu is smaller than 10 points" in wide.sentences[1]


def test_a_small_difference_is_called_small(study):
    second = findings(study({}, {"activation": "elu", "error": 0.0502}, seeds=10, noise=0.00005)).sentences[1]
    assert second.startswith("elu has a higher error than relu")
    assert second.endswith(
        "The difference between elu and relu is smaller than 0.5 points on these splits and for new data of this "
        "kind (two one-sided t "
        "tests, Holm, 5 %)."
    )
    noisy = study({}, {"activation": "elu", "error": 0.0525}, seeds=6, noise=0.0012)
    text = findings(noisy, margin=0.4).sentences[1]
    assert text.endswith(
        "The difference between elu and relu is smaller than 0.4 points on these splits (two one-sided t tests, "
        "Holm, 5 %); for new "
        "data of this kind this is not shown."
    )


def test_a_verdict_says_for_what_it_holds(study):
    replicas = study({}, {"activation": "elu", "error": 0.053}, {"activation": "tanh", "error": 0.09}, seeds=6)
    result = findings(replicas)
    assert result.board.set_index("activation")["scope"].to_dict() == {
        "relu": "",
        "elu": "on these splits",
        "tanh": "for new data of this kind",
    }
    assert "elu has a higher error than relu on these splits (paired t, Holm, 5 %); for new data" in result.sentences[1]


def test_references_with_one_label_are_not_listed(study):
    widths = ("[16]", "[32]", "[64]")
    replicas = study(
        *({"activation": a, "net.hidden": h, "error": 0.05 * len(a)} for a in ("relu", "elu") for h in widths)
    )
    second = findings(replicas).sentences[1]
    assert "have a lower error than relu with the same settings on these splits" in second
    assert "relu, relu" not in second


def test_it_is_clear_which_condition_has_which_reference(study):
    conditions = [
        {"net.norm": norm, "activation": a, "error": error}
        for (norm, a), error in {(None, "relu"): 0.3, (None, "elu"): 0.2, ("batch", "elu"): 0.1}.items()
    ]
    lower = findings(study(*conditions, {"net.norm": "batch", "error": 0.2})).sentences[1]
    assert "than relu with the same settings (relu (net.norm=batch) is compared with relu) on these splits" in lower
    wide = [{"net.norm": "layer", "error": 0.2}, {"net.norm": "layer", "activation": "tanh", "error": 0.1}]
    both = findings(study(*conditions, {"net.norm": "batch", "error": 0.2}, *wide)).sentences[1]
    assert "(relu (net.norm=batch) and relu (net.norm=layer) are compared with relu)" in both


def test_an_untrained_network_is_not_the_best(study):
    replicas = study({"error": 0.05}, {"activation": "elu", "error": 0.01})
    replicas.insert(6, "epochs", (replicas["activation"] == "relu") * 50)
    result = findings(replicas)
    assert result.sentences[0].startswith("relu (epochs=50) has the lowest mean test error at the only rate on digits")
    assert result.sentences[1] == "No two trained conditions are compared."
    assert result.board.set_index("activation")["verdict"]["elu"] == "not trained"
    assert "no hidden layer was trained" in findings(replicas.assign(epochs=0)).sentences[0]


def test_seeds_that_are_not_in_common_make_no_first_rank(study):
    replicas = study({}, {"activation": "elu"}, {"activation": "tanh", "error": 0.01}, seeds=6)
    replicas = replicas[(replicas["activation"] != "tanh") | (replicas["seed"] < 2)]
    result = findings(replicas)
    assert result.board.set_index("activation")["rank"].isna().to_dict() == {"relu": False, "elu": False, "tanh": True}
    assert "lowest" not in result.sentences[0]
    assert result.warnings == [
        "On digits the conditions have different seeds. Ranks and means use the seeds 0 to 5; tanh lacks some of them "
        "and has no rank."
    ]
    apart = replicas[replicas["seed"].between(0, 2) == (replicas["activation"] == "relu")]
    assert "share no seeds, so none is the best" in findings(apart[apart["activation"] != "tanh"]).sentences[0]


def test_a_different_initializer_is_a_warning(study):
    tanh = {"activation": "tanh", "init.name": "glorot_uniform"}
    (warning,) = findings(study({}, tanh, {"activation": "elu"})).warnings
    assert warning.startswith("tanh differs from its reference in the initializer too: tanh has glorot_uniform")
    assert "init=glorot_uniform,he_normal" in warning
    assert findings(study({}, {"activation": "tanh"})).warnings == []


def test_networks_that_predict_one_class_are_counted(study):
    replicas = study({}, {"activation": "elu"})
    rows = []
    for row in replicas.itertuples():
        learned = row.activation == "elu" or row.seed == 0
        counts = {("no", "no"): 90, ("yes", "no"): 10 * (not learned), ("yes", "yes"): 10 * learned}
        for (true, predicted), count in counts.items():
            rows.append((row.run, row.lr, row.seed, true, predicted, count))
    confusion = pd.DataFrame(rows, columns=["run", "lr", "seed", "true", "predicted", "count"])
    assert findings(replicas, confusion=confusion).warnings == [
        "On digits 3 of 8 networks predict one class for at least 95 % of the test rows (class no, which 90 % of the "
        "rows have): relu 3 of 4."
    ]


def test_tuning_rows_choose_and_are_not_reported(study):
    rates = [{"selected": False, "lr": rate, "error": 0.001} for rate in (0.1, 0.3)]
    tuning = study(*rates, seeds=3).assign(purpose="tuning")
    tuning["seed"] += 2**32 - 3
    result = findings(pd.concat([tuning, study({"lr": 0.3}, seeds=5).assign(purpose="report")], ignore_index=True))
    (row,) = result.board.itertuples()
    assert (row.n, row.grid, row.edge) == (5, [0.1, 0.3], "highest")
    assert row.mean > 0.04
    assert "None of the 11 networks diverged" in result.sentences[2]
    assert result.rankings["rate"].tolist() == ["tuned"]
    (warning,) = result.warnings
    assert "chosen on 3 tuning seeds" in warning


def test_rates_equal_to_12_digits_are_one(study):
    replicas = study({"lr": 0.3}, {"lr": 0.1 + 0.2, "selected": False}, {"activation": "elu", "lr": 0.3})
    result = findings(replicas)
    assert result.board["grid"].tolist() == [[0.3], [0.3]]
    assert result.rankings["rate"].unique().tolist() == ["0.3"]
    assert "at the only rate" in result.sentences[0]
    confusion = replicas[["run", "lr", "seed"]].assign(true="no", predicted="no", count=10)
    (warning,) = findings(replicas, confusion=confusion).warnings
    assert warning.startswith("On digits 8 of 8 networks predict one class")
    other = study({"lr": 0.1 + 0.2})
    confusion = other[["run", "lr", "seed"]].assign(true="no", predicted="no", count=10)
    assert "4 of 4 networks predict one class" in findings(other, confusion=confusion).warnings[0]


def test_the_choice_of_the_best_network_is_paid_for(study):
    names = ("celu", "elu", "gelu", "relu", "silu", "tanh")
    text = first_sentence(study(*({"activation": name} for name in names)), softmax_regression=0.08, linear_SVM=0.09)
    assert "(paired t, Bonferroni for the best of 6 networks, p " in text


def test_equal_errors_are_called_equal(study):
    first, second, _ = findings(
        study({"error": 0.1}, {"activation": "elu", "error": 0.1}, noise=0), baselines=models(majority_class=0.105)
    ).sentences
    assert second == "elu has the same error as relu on every split."
    assert "no network is clearly better than always predicting the majority class" in first


def test_a_constant_difference_is_a_verdict_of_the_signs(study):
    replicas = study({}, {"activation": "elu", "error": 0.06}, seeds=6, noise=0)
    result = findings(replicas, baselines=models(softmax_regression=0.07))
    assert "(signed ranks, Bonferroni for the best of 2 networks, p = 0.062)" in result.sentences[0]
    assert result.board.set_index("activation")["verdict"].to_dict() == {"relu": "reference", "elu": "worse"}
    assert (
        "on these splits (signed ranks, Holm, 5 %); for new data of this kind this is not shown" in result.sentences[1]
    )


def test_a_constant_difference_is_equivalent_on_these_splits_only(study):
    replicas = study({}, {"activation": "elu", "error": 0.051}, seeds=5, noise=0)
    result = findings(replicas)
    (elu,) = result.board[result.board["activation"] == "elu"].itertuples()
    assert (elu.verdict, elu.scope) == ("equivalent", "on these splits")
    assert result.sentences[1] == (
        "The difference between elu and relu is smaller than 0.5 points on these splits (two one-sided sign tests, "
        "Holm, 5 %); for new "
        "data of this kind this is not shown."
    )


def test_a_network_and_a_model_with_equal_errors_are_both_named(study):
    text = first_sentence(study({}, noise=0), softmax_regression=0.05, majority_class=0.9)
    assert text.endswith(
        "On digits the best simple model, softmax regression, has 5.50 %, and always predicting the majority class has "
        "90.00 %. relu and softmax regression have the same error on every split."
    )
    chance = first_sentence(study({}, noise=0).assign(final_test_error=0.5), majority_class=0.5)
    assert chance.endswith("relu and always predicting the majority class have the same error on every split.")


def test_on_many_data_sets_the_simple_models_are_tested_too(study):
    names = ("digits", "iris", "wine")
    replicas = study(*({"dataset": name} for name in names))
    baselines = pd.concat([models(name, softmax_regression=0.07 if name == "iris" else 0.0505) for name in names])
    first = findings(replicas, baselines=baselines).sentences[0]
    assert first.startswith("The mean test errors at the only rate are those of relu on digits, 5.")
    assert first.endswith(
        "The lowest errors without a network are 5.55 % on digits (softmax regression, not told apart); 7.50 % on iris "
        "(softmax regression); 5.55 % on wine (softmax regression). The others differ from the network on "
        "these splits (paired t, Bonferroni for the choice of the best, 5 %)."
    )


@pytest.mark.parametrize(
    ("noise", "verdict"),
    [(0.05, "None can be told from the network"), (0.002, "All of these differ from the network")],
)
def test_a_sentence_on_the_simple_models_that_differ_needs_some(study, noise, verdict):
    names = ("digits", "iris", "wine")
    baselines = pd.concat([models(name, softmax_regression=0.09) for name in names])
    text = findings(study(*({"dataset": name} for name in names), noise=noise, seeds=3), baselines=baselines).sentences[
        0
    ]
    assert f"{verdict} on these splits (paired t" in text


def test_a_network_that_finished_with_a_lower_error_is_named(study):
    lost = findings(study({"error": 0.3}, {"activation": "elu", "lost": 1}, seeds=5)).sentences[0]
    assert lost.startswith("relu ranks first at the only rate on digits, with a mean test error of 30.")
    assert "where it finished, but 1 of 5 replicas diverged." in lost
    replicas = study({}, {"activation": "elu"}, {"activation": "tanh", "error": 0.01})
    few = findings(replicas[(replicas["activation"] != "tanh") | (replicas["seed"] < 2)])
    assert "lowest" not in few.sentences[0]
    assert few.sentences[0].endswith("% on digits over 2 seeds, but it lacks seeds, so it has no rank.")


def test_a_condition_without_a_rank_that_finished_did_not_diverge(study):
    replicas = study({"lost": 4}, {"activation": "elu", "lost": 4}, {"activation": "tanh"})
    first = findings(replicas[(replicas["activation"] != "tanh") | (replicas["seed"] < 1)]).sentences[0]
    assert first == (
        "On digits every replica of elu and relu diverged, so none is the best. tanh finished on some seeds, but lacks "
        "others and has no rank."
    )


def test_two_seeds_with_the_same_difference_are_too_few(study):
    result = findings(study({}, {"activation": "elu", "error": 0.06}, seeds=2, noise=0))
    assert result.board.set_index("activation")["verdict"]["elu"] == "too few pairs"
    assert result.sentences[1] == (
        "There are too few seeds to decide whether elu differs from relu: two seeds with the same difference allow no "
        "test."
    )


def test_the_number_of_seeds_that_is_needed_has_its_scope(study):
    second = findings(study({}, {"activation": "elu"}, seeds=10, noise=0.02)).sentences[1]
    assert "a difference as small as the margin, 0.5 points, on these splits, with a probability of 80 % (" in second
    assert "Larger differences need fewer seeds." in second
    assert "run seeds=" not in second, "advice that the next sentence would take back"
    no_number = "For new data of this kind, no number of seeds can show so small a difference"
    assert second.endswith(f"{no_number}: it needs more rows.")
    replicas = study({}, {"activation": "elu"}, noise=0)
    replicas["final_test_error"] += (replicas["activation"] == "elu") * (0.004 - 0.008 * (replicas["seed"] % 2))
    reachable = findings(replicas).sentences[1]
    assert "too few seeds" in reachable
    assert "run seeds=" in reachable
    assert "no number" not in reachable


def test_three_seeds_are_too_few_to_tell_a_network_from_a_model(study):
    text = first_sentence(study({}, seeds=3, noise=0.02), softmax_regression=0.06)
    assert "3 seeds are too few to decide whether relu and softmax regression differ (paired t, p = " in text


def test_networks_that_predict_one_class_say_nothing_about_activations(study):
    replicas = study({}, {"activation": "elu"})
    confusion = replicas[["run", "lr", "seed"]].assign(true="no", predicted="no", count=10)
    sentence = "On digits 8 of 8 networks predict one class for nearly all test rows, so their comparison says nothing "
    assert findings(replicas, confusion=confusion).sentences[1].endswith(sentence + "about activations.")


def test_rates_that_had_no_part_in_the_choice_make_no_edge(study):
    tuning = study(*({"selected": False, "lr": rate} for rate in (0.1, 0.3, 0.5)), seeds=2).assign(purpose="tuning")
    tuning["seed"] += 100
    report = study({"lr": 0.5}, {"lr": 1.0, "selected": False}).assign(purpose="report")
    (row,) = findings(pd.concat([tuning, report], ignore_index=True)).board.itertuples()
    assert (row.grid, row.edge) == ([0.1, 0.3, 0.5], "highest")


def test_activations_without_hidden_layers_are_a_warning(study):
    hidden = {"net.hidden": "[]"}
    (warning,) = findings(study(hidden, hidden | {"activation": "elu"})).warnings
    assert warning.startswith("relu and elu have no hidden layer, so their activation has no effect.")
    assert findings(study({"net.hidden": "[8]"}, {"net.hidden": "[8]", "activation": "elu"})).warnings == []


def test_an_unstable_critical_point_is_a_warning(study):
    critical = {"init.name": "critical", "init.bias_variance": 0.04, "net.hidden": "[8, 8, 8]"}
    replicas = study(*(critical | {"activation": name} for name in ("gelu", "tanh", "silu")))
    assert findings(replicas).warnings == [
        "The critical point is unstable if V′(q*) is above 1, as for gelu (1.10) and silu (1.10): with depth, the "
        "lengths of pre-activations move away from q*."
    ]
    for changes in ({"init.name": "he_normal"}, {"net.norm": "batch"}, {"net.hidden": "[8]"}):
        conditions = (critical | {"activation": name} | changes for name in ("gelu", "tanh"))
        assert findings(study(*conditions)).warnings == []


def test_two_names_of_the_same_data_are_said_once(study):
    names = ("flowers", "flowers2", "wine")
    replicas = study(*({"dataset": d, "activation": a} for d in names for a in ("relu", "elu")))
    tasks = replicas["dataset"].map({"flowers": "a", "flowers2": "a", "wine": "b"})
    warnings = findings(replicas.assign(task_id=tasks)).warnings
    (warning,) = [sentence for sentence in warnings if "same data" in sentence]
    assert warning.startswith("flowers and flowers2 hold the same data, so they count as one data set")


def test_validation_errors_that_rose_during_training_are_named(study):
    replicas = study({}, {"activation": "elu"}, {"activation": "tanh"})
    best = replicas["activation"].map({"relu": 0.16, "elu": 0.18, "tanh": 0.15})
    rise = replicas["activation"].map({"relu": 0.03, "elu": 0.004, "tanh": 0.04})
    replicas = replicas.assign(best_epoch=5, best_validation_error=best, final_validation_error=best + rise)
    rise[replicas["activation"] == "tanh"] *= [1, -1, 1, -0.5]  # as likely chance
    replicas["final_validation_error"] = best + rise + 0.001 * (replicas["seed"] % 2)
    (warning,) = findings(replicas).warnings
    assert warning == (
        "On digits the mean validation error rose during training: relu from 16.00 % near epoch 5 to 19.05 % at the "
        "end. The errors here are those at the end; select=best_epoch_error shows those at the epoch with the lowest "
        "validation loss."
    )
    assert findings(replicas, margin=4).warnings == []
    assert findings(replicas.assign(select="best_epoch_error")).warnings == []


def test_networks_that_early_stopping_left_untrained_are_named(study):
    patience = {"early_stopping.patience": 3}
    replicas = study(patience, patience | {"activation": "elu"})
    replicas = replicas.assign(best_epoch=4, best_validation_error=0.1, final_validation_error=0.1)
    assert findings(replicas).warnings == []
    replicas.loc[(replicas["activation"] == "elu") & (replicas["seed"] < 2), "best_epoch"] = 0
    (warning,) = findings(replicas).warnings
    assert warning == (
        "On digits 2 of 8 networks with early stopping have their lowest validation loss at epoch 0, so they end with "
        "random weights: elu 2. A smaller learning rate or a larger early_stopping.patience may help."
    )


def test_a_perceptron_is_no_simple_model(study):
    replicas = study({}, {"activation": "elu", "error": 0.06})
    errors = {"majority_class": 0.9, "linear_SVM": 0.5}
    both = models(**errors, **{PERCEPTRON.replace(" ", "_"): 0.0})
    assert PERCEPTRON in set(both["baseline"])
    assert findings(replicas, baselines=both).sentences == findings(replicas, baselines=models(**errors)).sentences


def test_an_activation_through_which_nothing_learns_has_no_rank(study):
    replicas = study({"error": 0.05}, {"activation": "flat", "error": 0.01})
    replicas["activation.expression"] = replicas["activation"].map({"flat": "step(x)"})
    result = findings(replicas)
    assert result.sentences[0].startswith("relu has the lowest mean test error")
    assert result.board.set_index("activation")["rank"].isna()["flat"]
    assert result.board.set_index("activation")["verdict"]["flat"] == "not trained"


def tuned(activation, rates, **settings):
    """Return conditions of one activation at several rates, of which the first one is chosen."""
    return [{"activation": activation, "lr": rate, "selected": rate == rates[0]} | settings for rate in rates]


def test_unequal_budgets_are_a_warning(study):
    rates = [0.01, 0.1, 1.0]
    equal = [*tuned("relu", rates), *tuned("elu", rates)]
    assert not any("budget" in warning for warning in findings(study(*equal)).warnings)
    fewer = [{**condition, "dataset": name} for name in ("digits", "wine") for condition in tuned("tanh", rates[:2])]
    others = [{**condition, "dataset": "wine"} for condition in equal]
    (warning,) = [text for text in findings(study(*equal, *others, *fewer)).warnings if "budget" in text]
    assert warning.startswith("On digits and wine the conditions had unequal budgets. The lowest validation error ")
    assert "elu and relu from 3 learning rates (0.01 to 1)" in warning
    assert "tanh from 2 learning rates (0.01 to 0.1)" in warning
    tanh = study(*equal, *tuned("tanh", [0.02, 0.2, 2.0]))
    assert any("tanh from 3 learning rates (0.02 to 2)" in text for text in findings(tanh).warnings)


def test_a_space_of_further_keys_is_another_budget(study):
    rates = [0.01, 0.1, 1.0]
    replicas = study(*tuned("relu", rates), *tuned("elu", rates))
    replicas.loc[replicas["activation"] == "elu", "trial.net.dropout"] = 0.2
    (warning,) = [text for text in findings(replicas).warnings if "budget" in text]
    assert "elu from 3 learning rates (0.01 to 1) with net.dropout" in warning
