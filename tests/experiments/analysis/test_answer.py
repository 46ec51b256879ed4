"""The answer of a study: its sentences and their numbers."""

from experiments.analysis.answer import edge_sentence, findings


def test_findings_say_who_is_better_and_that_it_is_conditional(study):
    result = findings(
        study({"error": 0.1}, {"activation": "elu", "error": 0.05}, {"activation": "tanh", "error": 0.1}, seeds=8)
    )
    first, second, third = result.sentences
    assert first.startswith("Lowest mean test error at the only rate: elu on digits, 5.")
    assert "1 is better (elu); 1 cannot be told apart" in second
    assert "conditional on this data set" in second
    assert "none of the 24 networks diverged" in third
    assert "One data set says nothing about any other" in third


def test_on_several_data_sets_each_has_its_best_and_its_condition(study):
    first, second, _ = findings(
        study(*({"dataset": d, "activation": a} for d in ("digits", "wine") for a in ("relu", "elu")))
    ).sentences
    assert " on digits, " in first
    assert " on wine, " in first
    assert second.endswith("(paired t, Holm within a data set, 5 %), each conditional on its data set.")


def test_the_answer_counts_what_diverged(study):
    result = findings(study({}, {"activation": "elu", "lost": 1}, {"activation": "tanh", "lost": 4}))
    assert "5 of the 12 networks diverged" in result.sentences[2]


def test_where_every_replica_diverged_no_condition_is_the_best(study):
    assert "on digits every replica diverged" in findings(study({"lost": 4})).sentences[0]


def test_one_condition_is_compared_with_nothing(study):
    result = findings(study({}, seeds=1))
    assert result.board["verdict"].tolist() == ["reference"]
    assert result.pairs == {}
    assert "nothing is compared" in result.sentences[1]


def test_conditions_that_share_the_lowest_mean_are_all_named(study):
    replicas = study({}, {"activation": "elu"}, {"activation": "tanh", "error": 0.2}, noise=0)
    assert ": elu and relu on digits, 5.50 %." in findings(replicas).sentences[0]


def test_of_many_names_the_last_are_counted(study):
    names = ("celu", "elu", "gelu", "relu", "silu", "tanh")
    sentence = findings(study(*({"activation": name} for name in names), noise=0)).sentences[0]
    assert ": celu, elu, gelu, relu and 2 more on digits, 5.50 %." in sentence


def test_a_rate_without_another_was_chosen_by_nobody(study):
    assert "at the only rate:" in findings(study({})).sentences[0]
    assert "at the rate that validation chose:" in findings(study({}, {"lr": 0.3, "selected": False})).sentences[0]


def test_a_regressions_error_is_called_rmse_in_plain_digits(study):
    replicas = study({"error": 23456.0}).assign(task="regression")
    assert "relu on digits, RMSE 23456 (4 seeds, 95 % interval 23456 to" in findings(replicas).sentences[0]


def test_what_cannot_be_tested_is_not_called_not_told_apart(study):
    replicas = study({"lost": 3}, {"activation": "elu"}, {"activation": "tanh", "lost": 4})
    assert "2 cannot be tested" in findings(replicas).sentences[1]
    assert "told apart" not in findings(replicas).sentences[1]
    third = findings(study({}, {"activation": "elu"}, {"activation": "tanh", "lost": 4}, noise=0)).sentences[1]
    assert "1 cannot be told apart; 1 cannot be tested" in third


def test_a_chosen_rate_at_an_end_of_its_grid_is_named(study):
    rates = [{"lr": rate, "selected": False} for rate in (0.01, 0.1, 1.0)]
    inner = [rate | {"activation": "elu", "selected": rate["lr"] == 0.1} for rate in rates]
    outer = [rate | {"selected": rate["lr"] == 1.0} for rate in rates]
    replicas = study(*inner, *outer)
    sentence = edge_sentence(findings(replicas).board, replicas)
    assert sentence.startswith("For 1 of 2 conditions")
    assert sentence.endswith(": relu on digits (1).")
    replicas = study(*inner, {})  # a single rate has no ends
    assert edge_sentence(findings(replicas).board, replicas) == ""
