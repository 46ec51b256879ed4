"""Labels of conditions: only the settings that differ, and always unique."""

import numpy as np
import pandas as pd
import pytest

from experiments.analysis.labels import describe, differing_settings, labels, name_tasks, same_tasks, task_names
from experiments.store.reading import StudyTables


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


def label_list(*conditions):
    return labels(replicas(*conditions)).tolist()


def test_the_activation_is_enough_where_it_tells_conditions_apart():
    table = labels(replicas({"activation": "relu"}, {"activation": "elu", "activation.alpha": 1.0}))
    assert table.to_dict() == {"run-0": "relu", "run-1": "elu"}


def test_hyperparameters_are_named_only_for_an_activation_that_has_several():
    assert label_list(
        {"activation": "elu", "activation.alpha": 0.2},
        {"activation": "elu", "activation.alpha": 1.0},
        {"activation": "celu", "activation.alpha": 2.0},
        {"activation": "relu"},
    ) == ["elu, alpha=0.2", "elu, alpha=1", "celu", "relu"]


def test_a_setting_that_differs_is_named_on_every_condition_that_has_it():
    hidden = ["[32, 32]", "[32, 32, 32, 32]", "[64, 32, 32, 32]"]
    assert label_list(*({"net.hidden": widths} for widths in hidden)) == [
        "relu, net.hidden=[32, 32]",
        "relu, net.hidden=[32]×4",
        "relu, net.hidden=[64, 32, 32, 32]",
    ]


def test_confounded_settings_are_both_named():
    assert label_list(
        {"activation": "relu", "optimizer.name": "adam", "epochs": 50},
        {"activation": "tanh", "optimizer.name": "sgd", "epochs": 20},
    ) == ["relu, adam, epochs=50", "tanh, sgd, epochs=20"]


def test_what_a_choice_brings_along_is_not_named():
    assert label_list(
        {"dataset": "digits", "batch_size": 32, "output": "softmax_ce"},
        {"dataset": "diabetes", "batch_size": 16, "output": "linear_mse"},
    ) == ["relu, digits", "relu, diabetes"]
    assert label_list(
        {"optimizer.name": "sgd", "optimizer.momentum": np.nan},
        {"optimizer.name": "momentum", "optimizer.momentum": 0.9},
    ) == ["relu, sgd", "relu, momentum"]
    assert label_list(
        {"activation": "relu", "init.name": "he_normal"}, {"activation": "tanh", "init.name": "glorot_uniform"}
    ) == ["relu", "tanh"]


def test_outputs_and_initializers_are_named_where_one_activation_has_several():
    assert label_list({"output": "softmax_ce"}, {"output": "softmax_mse"}) == ["relu, softmax_ce", "relu, softmax_mse"]
    assert label_list(
        {"init.name": "he_normal"}, {"init.name": "orthogonal"}, {"activation": "tanh", "init.name": "he_normal"}
    ) == ["relu, he_normal", "relu, orthogonal", "tanh"]


def test_labels_are_unique_even_where_no_column_tells_conditions_apart():
    assert label_list({}, {}) == ["relu, 0", "relu, 1"]


def test_labels_leave_out_the_columns_beside_them():
    conditions = replicas({"output": "softmax_ce"}, {"output": "softmax_mse"}, {"output": "softmax_mse"})
    assert labels(conditions, omit=["output"]).tolist() == ["relu", "relu, 1", "relu, 2"]


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
    table = differing_settings(replicas({"epochs": 5}, {"epochs": 50}))
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


def tasks_of(*tasks, **columns):
    """Return the names of tasks: a condition for each, with its number as `task_id`."""
    frame = replicas(*({"task_id": f"{number}0123456789"} | task for number, task in enumerate(tasks)))
    frame = frame[[*(name for name in frame if name != "task_id"), "task_id"]]
    task = pd.Series({f"run-{number}": task.get("task", "classification") for number, task in enumerate(tasks)})
    frame["task"] = frame["run"].map(task)
    # A setting stands before the column `task`.
    return frame


def task_list(*tasks):
    return task_names(tasks_of(*tasks)).tolist()


def test_a_task_alone_has_the_name_of_its_data_set():
    assert task_list({}, {"dataset": "wine", "split.test": 0.3}) == ["digits", "wine"]
    assert task_list({"task_id": "a"}, {"task_id": "a", "activation": "elu"}) == ["digits", "digits"]
    assert task_names(replicas({}, {})).tolist() == ["digits", "digits"]  # a table of an earlier version


def test_a_task_with_two_names_keeps_both():
    copies = tasks_of(
        {"dataset": "flowers", "task_id": "a1"}, {"dataset": "copy", "task_id": "a1"}, {"dataset": "wine"}
    )
    assert task_names(copies).tolist() == ["flowers", "copy", "wine"]
    assert same_tasks(copies) == [["flowers", "copy"]]
    assert same_tasks(replicas({}, {})) == []  # a table of an earlier version


def test_a_task_is_named_by_what_differs():
    train = {"dataset": "train", "dataset.sha256": "abcdef123456", "dataset.target": "mpg", "task": "regression"}
    assert task_list(train, train | {"dataset.target": "weight", "dataset.sha256": "123456abcdef"}) == [
        "train, target=mpg",
        "train, target=weight",
    ]
    assert task_list(train, train | {"dataset.sha256": "123456abcdef"}) == [
        "train, sha256=abcdef",
        "train, sha256=123456",
    ]
    moons = {"dataset": "moons", "dataset.noise": 0.1, "split.test": 0.2, "entropy": 0}
    assert task_list(moons, moons | {"dataset.noise": 0.4}) == ["moons, noise=0.1", "moons, noise=0.4"]
    assert task_list(moons, moons | {"split.test": 0.3}) == ["moons, split.test=0.2", "moons, split.test=0.3"]
    assert task_list(moons, moons | {"entropy": 1}) == ["moons, entropy=0", "moons, entropy=1"]
    assert task_list(moons, moons | {"entropy": 1, "dataset.noise": 0.4}) == [
        "moons, noise=0.1, entropy=0",
        "moons, noise=0.4, entropy=1",
    ]


def test_a_users_file_is_told_from_the_built_in_set_of_its_name():
    iris = {"dataset": "iris"}
    file = iris | {"dataset.target": "species", "dataset.sha256": "abcdef123456", "dataset.missing": "refuse"}
    assert task_list(iris, file) == ["iris", "iris, target=species"]


def test_an_autoencoder_is_told_from_the_usual_task():
    autoencoder = {"task": "regression", "task_id": "a123456789"}
    assert task_list({}, autoencoder) == ["digits, task=classification", "digits, task=autoencode"]
    assert task_list({"task": "regression"}, autoencoder) == ["digits, task=regression", "digits, task=autoencode"]


def test_tasks_that_differ_in_no_setting_have_a_digest():
    assert task_list({}, {}) == ["digits, 001234", "digits, 101234"]


def test_tasks_are_renamed_in_every_table_and_not_again_in_labels():
    frame = tasks_of(
        {"dataset.noise": 0.1}, {"dataset.noise": 0.4}, {"dataset.noise": 0.4, "task_id": "1" + "0123456789"}
    )
    frame.loc[frame["run"] == "run-2", "activation"] = "elu"
    other = frame[["run", "dataset"]]
    tables = name_tasks(StudyTables(other, other, frame, confusion=other))
    names = ["digits, noise=0.1", "digits, noise=0.4", "digits, noise=0.4"]
    for table in (tables.history, tables.layers, tables.replicas, tables.confusion):
        assert table.drop_duplicates("run")["dataset"].tolist() == names
    assert labels(tables.replicas, omit=("dataset",)).tolist() == ["relu", "relu", "elu"]


def test_a_switch_of_the_recipe_is_written_as_it_is_typed():
    assert label_list({}, {"net.residual": True}) == ["relu", "relu, net.residual=true"]
    assert label_list({}, {"net.residual": "True"}) == ["relu", "relu, net.residual=true"]
    assert describe("dataset.pixels", True) == "pixels=True"  # labels of earlier studies stay
