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
    assert "For every condition the mean is over tuning seeds, which are not reported." in choice(tuned, "error")
    some = tuned.assign(purpose=tuned["purpose"].where(tuned["activation"] == "relu", "report"))
    assert "For 2 of 6 conditions the mean is over tuning seeds" in choice(some, "error")


def test_an_unfinished_study_and_untrained_networks_are_alarms():
    replicas = study().replicas
    assert alarms(replicas, {}) == []
    (unfinished,) = alarms(replicas, {"digits-relu": "failed", "digits-elu": "waiting"})
    assert unfinished == "This study is unfinished: 2 runs of a sweep did not finish."
    (untrained,) = alarms(replicas.assign(epochs=(replicas["activation"] != "relu") * 5), {})
    assert untrained.startswith("Untrained: 2 of 6 conditions have epochs=0")


def test_a_condition_without_a_reported_seed_at_the_chosen_rate_is_not_dropped_in_silence():
    replicas = study().replicas
    replicas.loc[replicas["run"] == "run-0", "selected"] = False
    (left,) = alarms(replicas, {})
    assert left.startswith("Left out: 1 of 6 conditions")
