"""Tests of experiments.statistics: the interval against hand and SciPy, the names of conditions."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from experiments.statistics import describe, labels, settings, summarise


def test_summarise_by_hand():
    frame = pd.DataFrame({"group": ["a", "a", "a", "b", "b"], "value": [1.0, 2.0, 3.0, 5.0, 9.0]})
    table = summarise(frame, "group", "value").set_index("group")
    assert list(table.columns) == ["n", "mean", "low", "high", "std", "diverged", "diverged_share"]
    # t(2 degrees of freedom, 97.5 %) = 4.302653, t(1) = 12.706205; half-widths 4.302653/√3 and 12.706205·√8/√2
    np.testing.assert_allclose(table.loc["a"], [3, 2, -0.484138, 4.484138, 1, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(table.loc["b"], [2, 7, -18.412409, 32.412409, 8**0.5, 0, 0], rtol=1e-6)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_summarise_agrees_with_scipy(level):
    generator = np.random.default_rng(1)
    frame = pd.DataFrame({"a": np.arange(60) % 3, "b": np.arange(60) % 2, "value": generator.normal(size=60)})
    for row in summarise(frame, ["a", "b"], "value", level=level).itertuples():
        values = frame.loc[(frame["a"] == row.a) & (frame["b"] == row.b), "value"]
        low, high = stats.t.interval(level, len(values) - 1, values.mean(), stats.sem(values))
        np.testing.assert_allclose([row.mean, row.low, row.high], [values.mean(), low, high])


def test_diverged_values_are_counted_and_not_averaged():
    frame = pd.DataFrame({"group": ["a"] * 4 + ["b"], "value": [1.0, 3.0, np.inf, np.nan, -np.inf]})
    a, b = summarise(frame, "group", "value").itertuples()
    assert (a.n, a.mean, a.diverged, a.diverged_share) == (2, 2.0, 2, 0.5)
    assert (b.n, b.diverged, b.diverged_share) == (0, 1, 1.0)
    assert np.isnan([b.mean, b.low, b.high, b.std]).all()


def test_one_value_has_no_interval():
    (row,) = summarise(pd.DataFrame({"group": ["a"], "value": [2.0]}), "group", "value").itertuples()
    assert (row.n, row.mean) == (1, 2.0)
    assert np.isnan([row.low, row.high, row.std]).all()


def test_groups_without_a_value_in_a_key_are_kept():
    frame = pd.DataFrame({"alpha": [np.nan, np.nan, 1.0], "value": [1.0, 3.0, 5.0]})
    assert summarise(frame, "alpha", "value")["n"].tolist() == [1, 2]


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_is_a_probability(level):
    with pytest.raises(ValueError, match=f"level={level}"):
        summarise(pd.DataFrame({"group": ["a"], "value": [2.0]}), "group", "value", level=level)


def replicas(*conditions):
    """Return a table of replicas, two seeds for each condition; what is not given has a default."""
    default = {"dataset": "digits", "activation": "relu", "output": "softmax_ce"}
    rows = []
    for number, condition in enumerate(conditions):
        for seed in (0, 1):
            names = {name: condition.get(name, value) for name, value in default.items()}
            others = {name: value for name, value in condition.items() if name not in default}
            rows.append({"run": f"run-{number}"} | names | {"lr": 0.1, "seed": seed} | others)
    return pd.DataFrame(rows).assign(task="classification", status="done")


def named(*conditions):
    return labels(replicas(*conditions)).tolist()


def test_the_activation_is_enough_where_it_tells_conditions_apart():
    table = labels(replicas({"activation": "relu"}, {"activation": "elu", "activation.alpha": 1.0}))
    assert table.to_dict() == {"run-0": "relu", "run-1": "elu"}


def test_hyperparameters_are_named_only_for_an_activation_that_has_several():
    assert named(
        {"activation": "elu", "activation.alpha": 0.2},
        {"activation": "elu", "activation.alpha": 1.0},
        {"activation": "celu", "activation.alpha": 2.0},
        {"activation": "relu"},
    ) == ["elu, alpha=0.2", "elu, alpha=1", "celu", "relu"]


def test_a_setting_that_differs_is_named_on_every_condition_that_has_it():
    hidden = ["[32, 32]", "[32, 32, 32, 32]", "[64, 32, 32, 32]"]
    assert named(*({"net.hidden": widths} for widths in hidden)) == [
        "relu, net.hidden=[32, 32]",
        "relu, net.hidden=[32]×4",
        "relu, net.hidden=[64, 32, 32, 32]",
    ]


def test_confounded_settings_are_both_named():
    assert named(
        {"activation": "relu", "optimizer.name": "adam", "epochs": 50},
        {"activation": "tanh", "optimizer.name": "sgd", "epochs": 20},
    ) == ["relu, adam, epochs=50", "tanh, sgd, epochs=20"]


def test_what_a_choice_brings_along_is_not_named():
    assert named(
        {"dataset": "digits", "batch_size": 32, "output": "softmax_ce"},
        {"dataset": "diabetes", "batch_size": 16, "output": "linear_mse"},
    ) == ["relu, digits", "relu, diabetes"]
    assert named(
        {"optimizer.name": "sgd", "optimizer.momentum": np.nan},
        {"optimizer.name": "momentum", "optimizer.momentum": 0.9},
    ) == ["relu, sgd", "relu, momentum"]
    assert named(
        {"activation": "relu", "init.name": "he_normal"}, {"activation": "tanh", "init.name": "glorot_uniform"}
    ) == ["relu", "tanh"]


def test_pairings_and_initialisers_are_named_where_one_activation_has_several():
    assert named({"output": "softmax_ce"}, {"output": "softmax_mse"}) == ["relu, softmax_ce", "relu, softmax_mse"]
    assert named(
        {"init.name": "he_normal"}, {"init.name": "orthogonal"}, {"activation": "tanh", "init.name": "he_normal"}
    ) == ["relu, he_normal", "relu, orthogonal", "tanh"]


def test_labels_are_unique_even_where_no_column_tells_conditions_apart():
    assert named({}, {}) == ["relu, 0", "relu, 1"]


def test_labels_leave_out_the_columns_beside_them():
    conditions = replicas({"output": "softmax_ce"}, {"output": "softmax_mse"}, {"output": "softmax_mse"})
    assert labels(conditions, apart=["output"]).tolist() == ["relu", "relu, 1", "relu, 2"]


def test_labels_of_a_full_sweep_are_unique():
    sweep = [
        {
            "activation": activation,
            "output": output,
            "dataset": dataset,
            "net.hidden": hidden,
            "activation.alpha": alpha,
        }
        for activation, alpha in [("relu", np.nan), ("elu", 0.5), ("elu", 1.0)]
        for output in ("softmax_ce", "sigmoid_mse")
        for dataset in ("digits", "wine")
        for hidden in ("[]", "[32]")
    ]
    names = labels(replicas(*sweep))
    assert names.is_unique
    assert names["run-0"] == "relu, softmax_ce, digits, net.hidden=[]"


def test_settings_hold_the_values_behind_the_labels():
    table = settings(replicas({"epochs": 5}, {"epochs": 50}))
    assert table.to_dict("list") == {"activation": ["relu", "relu"], "epochs": [5, 50]}


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("activation.pieces", 3.0, "pieces=3"),
        ("dataset.noise", 0.1, "noise=0.1"),
        ("optimizer.weight_decay", 1e-05, "optimizer.weight_decay=1e-05"),
        ("schedule.name", "cosine", "cosine"),
        ("dtype", "float64", "dtype=float64"),
        ("diagnostics.layers", True, "diagnostics.layers=True"),
    ],
)
def test_describe(column, value, text):
    assert describe(column, value) == text
