"""How the learning rates were chosen, and what stands above the answer."""

from experiments.report.choosing import alarms, choice
from tests.experiments.report.examples import study


def test_it_says_on_which_seeds_a_rate_was_chosen():
    one, several = study().replicas, study(rates=(0.1, 0.3)).replicas
    assert choice(one, "error") == "Each condition was trained at one learning rate, so none was chosen."
    assert "lowest mean final validation error" in choice(several, "error")
    assert "over the reported seeds" in choice(several, "error")
    assert "validation loss" in choice(several, "loss")
    tuned = several.assign(purpose=several["seed"].map(lambda seed: "tuning" if seed > 1 else "report"))
    assert choice(tuned, "error").endswith("The mean is over tuning seeds, which are not reported.")
    some = tuned.assign(purpose=tuned["purpose"].where(tuned["activation"] == "relu", "report"))
    assert choice(some, "error").endswith(
        "For 2 of these 6 the mean is over tuning seeds, which are not reported. For the rest it is over the reported "
        "seeds. A seed's validation rows are not in its test part."
    )


def test_only_conditions_with_several_rates_have_a_chosen_one():
    replicas = study(rates=(0.1, 0.3)).replicas
    single = replicas[(replicas["activation"] == "relu") | (replicas["lr"] == 0.1)]
    assert choice(single, "error").startswith(
        "In 2 of 6 conditions the learning rate has the lowest mean final validation error. The others were trained at "
        "one learning rate. The mean is over the reported seeds."
    )
    tuned = single.assign(purpose=single["seed"].map(lambda seed: "tuning" if seed > 1 else "report"))
    assert choice(tuned, "error").endswith("The mean is over tuning seeds, which are not reported.")
    equal = replicas.assign(lr=replicas["lr"].replace(0.3, 0.1 + 1e-17))
    assert choice(equal, "error").endswith("so none was chosen.")


def test_an_unfinished_study_and_untrained_networks_are_alarms():
    replicas = study().replicas
    assert alarms(replicas, {}, {}) == []
    (unfinished,) = alarms(replicas, {"digits-relu": "failed", "digits-elu": "waiting"}, {})
    assert unfinished == (
        "This study is unfinished, so its answer may change. 2 runs of a sweep did not finish: digits-relu (failed) "
        "and digits-elu (waiting)."
    )
    (untrained,) = alarms(replicas.assign(epochs=(replicas["activation"] != "relu") * 5), {}, {})
    assert untrained == "2 of 6 conditions have epochs=0, so they show random weights and have no rank."
    expressions = replicas["activation"].map({"elu": "step(x)"})
    (flat,) = alarms(replicas.assign(**{"activation.expression": expressions}), {}, {})
    assert flat.endswith("have no rank: their hidden layers cannot learn, since the derivative of elu is 0.")


def test_a_condition_without_a_reported_seed_at_the_chosen_rate_is_not_dropped_in_silence():
    replicas = study().replicas
    replicas.loc[replicas["run"] == "run-0", "selected"] = False
    (left,) = alarms(replicas, {}, {})
    assert left == "1 of 6 conditions is left out: it has no reported seed at the chosen rate."


def test_rates_without_tuning_seeds_had_no_part_in_the_choice():
    several = study(rates=(0.1, 0.3)).replicas
    purpose = several["seed"].map(lambda seed: "tuning" if seed > 1 else "report")
    tuned = several.assign(purpose=purpose)
    tuned = tuned[(tuned["purpose"] == "report") | (tuned["lr"] == 0.1) | (tuned["activation"] != "relu")]
    assert choice(tuned, "error").endswith(
        "2 conditions were also trained at 0.3, without tuning seeds, so these rates had no part in the choice."
    )
