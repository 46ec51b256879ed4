"""Trials: the points of a space are the same ones for ever, and what cannot be a space is refused in one line."""

import numpy as np
import pytest
import yaml

from experiments.config.compose import sweep
from experiments.config.errors import ConfigError
from experiments.config.settings import from_record
from experiments.config.trials import points, read_space
from experiments.config.words import hydra_words
from experiments.tables import rounded

RATES = "tune.space={optimizer.lr: 'log(1e-4, 1)'}"
MORE = (
    "tune.space={optimizer.lr: 'log(1e-4, 1)', net.dropout: 'uniform(0, 0.5)', batch_size: 'log(8, 32)', "
    "activation.slope: 'log(0.001, 0.5)'}"
)
LEAKY = "activation=leaky_relu"
TUNED = ("dataset=wine", "tune.trials=8", "tune.seeds=2")


def test_the_rates_are_pinned():
    """Another version of the sequence would train other rates in a study that is extended."""
    rates = list(points(read_space({"optimizer.lr": "log(1e-4, 1)"}), 0))
    assert rates[:3] == [0.659776567215, 0.00374641164861, 0.000367782186862]
    assert len(rates) == 1024
    assert all(1e-4 <= rate == rounded(rate) <= 1 for rate in rates)


def test_the_points_fill_the_space_evenly():
    shares = (np.log(list(points(read_space({"optimizer.lr": "log(1e-4, 1)"}), 0))) - np.log(1e-4)) / -np.log(1e-4)
    for count in (8, 16, 32):
        assert np.bincount((shares[:count] * count).astype(int)).tolist() == [1] * count


def test_the_rates_do_not_depend_on_the_other_keys_nor_on_their_order():
    alone = list(points(read_space({"optimizer.lr": "log(1e-4, 1)"}), 0))
    space = {"net.dropout": "uniform(0, 1)", "optimizer.lr": "log(1e-4, 1)"}
    assert list(points(read_space(space), 0)) == alone
    assert read_space(space) == read_space(dict(reversed(space.items())))
    assert list(points(read_space({"optimizer.lr": "log(1e-4, 1)"}), 1)) != alone


def test_trials_of_rates_alone_are_a_list_of_rates(settings):
    trials = settings(*TUNED, RATES)
    rates = f"optimizer.lr=[{','.join(map(repr, trials.rates))}]"
    listed = settings("dataset=wine", "tune.seeds=2", rates)
    assert len(trials.rates) == 8
    assert trials.run == listed.run == settings("dataset=wine").run
    assert (trials.replicas, trials.tuning) == (listed.replicas, listed.tuning)
    assert "tune" not in trials.condition


def test_more_trials_begin_with_the_same(settings):
    few, many = settings(*TUNED, LEAKY, MORE), settings(*TUNED, LEAKY, MORE, "tune.trials=13")
    assert many.rates[:8] == few.rates
    assert few.run == many.run


def test_a_trial_decides_the_other_keys(settings):
    base = settings(*TUNED, LEAKY, MORE)
    at = [base.at(rate) for rate in base.rates]
    assert len({one.net.dropout for one in at}) == 8
    assert all(0 <= one.net.dropout <= 0.5 and type(one.batch_size) is int and 8 <= one.batch_size <= 32 for one in at)
    assert all(0.001 <= one.activation.slope <= 0.5 for one in at)
    assert base.condition["tune"] == {
        "space": {
            "optimizer.lr": "log(0.0001, 1.0)",
            "activation.slope": "log(0.001, 0.5)",
            "batch_size": "log(8.0, 32.0)",
            "net.dropout": "uniform(0.0, 0.5)",
        }
    }
    assert "batch_size" not in base.condition
    assert "dropout" not in base.condition["net"]
    with pytest.raises(ConfigError, match="is no trial"):
        base.at(0.123)


def test_the_values_beside_a_space_are_no_part_of_the_condition(settings):
    words = ("batch_size=7", "net.dropout=0.3", "activation.slope=0.5")
    assert settings(*TUNED, LEAKY, MORE, *words).run == settings(*TUNED, LEAKY, MORE).run


@pytest.mark.parametrize(
    "words",
    [
        (LEAKY, MORE),
        ("optimizer=momentum", "tune.space={optimizer.lr: 'log(1e-4, 1)', optimizer.momentum: 'uniform(0, 0.9)'}"),
        ("tune.space={optimizer.lr: 'log(1e-4, 1)', activation_l1: 'log(1e-6, 1e-2)', init.gain: 'uniform(0.5, 2)'}",),
        (
            "activation=formula",
            "formula.expression='x*sigmoid(beta*x)'",
            "formula.parameters={beta: 1.0}",
            "tune.space={optimizer.lr: 'log(1e-4, 1)', activation.parameters.beta: 'uniform(0.5, 2)'}",
        ),
    ],
    ids=["recipe", "optimizer", "initializer", "formula"],
)
def test_a_record_gives_the_same_trials_again(words, settings):
    original = settings(*TUNED, *words)
    rates = list(original.rates)
    record = yaml.safe_load(yaml.safe_dump({**original.record, "seeds": [0], "lr": rates}, sort_keys=False))
    again = from_record(record)
    assert again.run == original.run
    assert [again.at(rate).condition for rate in rates] == [original.at(rate).condition for rate in rates]
    assert again.at(rates[1]).activation == original.at(rates[1]).activation


def test_a_learned_parameter_starts_where_the_trial_says(settings):
    formula = ("activation=formula", "formula.expression='x*sigmoid(beta*x)'", "formula.parameters={beta: 1.0}")
    space = "tune.space={optimizer.lr: 'log(1e-4, 1)', activation.parameters.beta: 'uniform(0.5, 2)'}"
    base = settings(*TUNED, *formula, space)
    starts = [base.at(rate).activation.initial["beta"] for rate in base.rates]
    assert len(set(starts)) == 8
    assert all(0.5 <= start <= 2 for start in starts)


def of(*ranges):
    return f"tune.space={{optimizer.lr: 'log(1e-4, 1)', {', '.join(ranges)}}}"


def test_a_range_that_is_given_twice_is_refused():
    with pytest.raises(ConfigError, match=r"optimizer\.lr is given twice: allowed is one range for each key$"):
        sweep(["tune.trials=4", "tune.seeds=2", "tune.space={optimizer.lr: log(1e-4, 1), optimizer.lr: log(0.1, 1)}"])


REFUSALS = [
    ((RATES, "tune.trials=0"), "tune.space needs a number of trials"),
    (("tune.trials=4",), "tune.trials=4 needs a space"),
    ((RATES, "tune.seeds=0"), "tune.trials=8 needs tuning seeds"),
    ((RATES, "tune.trials=1025"), "tune.trials=1025: allowed is a whole number from 0 to 1024"),
    ((RATES, "optimizer.lr=[0.1,0.2]"), r"optimizer.lr=\[0.1,0.2\] does not go with tune.trials=8"),
    (("tune.space={net.dropout: 'uniform(0, 0.5)'}",), "tune.space has no optimizer.lr"),
    (("tune.space={lr: 'log(1e-4, 1)'}",), "unknown key 'lr': did you mean 'optimizer.lr'"),
    (("tune.space={optimizer.lr: 'log(1, 1e-4)'}",), r"lower bound must be below .* allowed is log\(1e-4, 1\)"),
    (("tune.space={optimizer.lr: 'log(0, 1)'}",), "the bounds of log must be above 0"),
    (("tune.space={optimizer.lr: 'log(1, 1)'}",), "the lower bound must be below the upper bound$"),
    (("tune.space={optimizer.lr: 'log(nan, 1)'}",), "the bounds must be finite numbers$"),
    (("tune.space={optimizer.lr: 'log(1e-40, 1)'}",), "has the bound 1e-40: allowed is a number from 1e-30 to 1e30$"),
    (("tune.space={optimizer.lr: 'log(a, 1)'}",), "the bounds must be numbers"),
    (("tune.space={optimizer.lr: 'lgo(1e-4, 1)'}",), "unknown function 'lgo': did you mean 'log'"),
    (("tune.space={optimizer.lr: 0.1}",), r"optimizer.lr: 0.1: allowed is log\(LOW, HIGH\) or uniform"),
    (("tune.space={optimizer.lr: 'log(0.1, 0.1000000000001)'}",), "the bounds are too close"),
    ((of("net.drop: 'uniform(0, 0.5)'"),), "unknown key 'net.drop': did you mean 'net.dropout'"),
    ((of("net.dropout: 'uniform(0, 1)'"),), r"net.dropout: uniform\(0.0, 1.0\) has the bound 1.0: allowed is"),
    ((of("batch_size: 'uniform(1, 500)'"),), "tune.space: batch_size=500 is more than the"),
    ((of("batch_size: 'uniform(1.5, 8)'"),), "has the bound 1.5: allowed is a whole number"),
    ((of("net.dropout: 'uniform(0, 0.5)'"), "net.hidden=[]"), "tune.space: net.dropout=0.5 needs hidden layers"),
    (
        (of("activation.slope: 'uniform(0, 1)'"),),
        "relu has no activation.slope: train leaky_relu and hard_sigmoid in sweeps of their own",
    ),
    ((of("activation.pieces: 'uniform(2, 3)'"), "activation=maxout"), "it changes the size of the network"),
    ((of("activation.approximate: 'uniform(2, 3)'"), "activation=gelu"), "it is no number"),
    ((of("epochs: 'uniform(2, 3)'"),), "unknown key 'epochs'"),
]


@pytest.mark.parametrize(("words", "message"), REFUSALS, ids=[message[:40] for _, message in REFUSALS])
def test_refusals_are_one_line(words, message, settings):
    with pytest.raises(ConfigError, match=message) as refused:
        settings(*TUNED, *words)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "typed",
    [
        "{optimizer.lr: log(1e-4, 1)}",
        "{optimizer.lr:log(1e-4,1),net.dropout:uniform(0,.5)}",
        "{optimizer.lr: 'log(1, 2)'}",
    ],
)
def test_functions_need_no_quotes_of_their_own(typed):
    (word,) = hydra_words([f"tune.space={typed}"])
    assert word.count('"') + word.count("'") == 2 * typed.count("(")


@pytest.mark.parametrize(
    ("words", "message", "instead"),
    [
        (["tune.trials=4,16"], "allowed is one number", ["tune.trials=16"]),
        (["tune.trials=4", "optimizer.lr=0.1"], "optimizer.lr=0.1 has no effect", ["tune.trials=4"]),
        (
            ["net.dropout=0.1", "tune.space={optimizer.lr: log(0.1, 1), net.dropout: uniform(0, 1)}"],
            "net.dropout=0.1 has no effect",
            ["tune.space={optimizer.lr: log(0.1, 1), net.dropout: uniform(0, 1)}"],
        ),
        (["tune.space=[optimizer.lr]"], "allowed is a mapping", None),
    ],
)
def test_words_that_mean_something_else_are_refused(words, message, instead):
    with pytest.raises(ConfigError, match=message) as refused:
        hydra_words(words)
    assert refused.value.instead == instead
