"""The baselines: scikit-learn's models on the project's own splits, errors in the project's units."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from experiments.analysis.baselines import COLUMNS, errors, models, of_study
from experiments.data.sets import load
from experiments.data.split import prepare
from tests.experiments.data.examples import imputing

SPLIT = {"test": 0.2, "validation": 0.15}


def test_a_classification_is_judged_on_the_seeds_own_test_part():
    data = load("wine")
    table = errors(data, [3, 5], 0, SPLIT).set_index(["baseline", "seed"])["test_error"]
    assert sorted(table.index.levels[0]) == [
        "5 nearest neighbours",
        "MLP by L-BFGS",
        "linear SVM",
        "majority class",
        "softmax regression",
    ]
    prepared = prepare(data, [5], entropy=0, dtype="float64", **SPLIT)
    train, test = prepared.split.train[0], prepared.split.test[0]
    model = KNeighborsClassifier().fit(prepared.inputs[0, train], data.targets[train])
    expected = np.mean(model.predict(prepared.inputs[0, test]) != data.targets[test])
    assert table["5 nearest neighbours", 5] == pytest.approx(expected)


def test_a_regression_is_judged_in_the_targets_unit():
    data = load("diabetes")
    table = errors(data, [0], 0, SPLIT).set_index("baseline")["test_error"]
    prepared = prepare(data, [0], entropy=0, dtype="float64", **SPLIT)
    train, test = prepared.split.train[0], prepared.split.test[0]
    model = LinearRegression().fit(data.inputs[train], data.targets[train])  # scaling changes nothing here
    residual = model.predict(data.inputs[test]) - data.targets[test]
    assert table["least squares"] == pytest.approx(np.sqrt(np.mean(residual**2)))


def test_several_targets_have_one_error():
    table = errors(load("linnerud"), [0], 0, SPLIT)
    assert len(table) == 5
    assert table["test_error"].between(0.3, 3).all()


def test_a_seeds_error_does_not_depend_on_the_others():
    data = load("iris")
    both, one = errors(data, [0, 1], 0, SPLIT), errors(data, [1], 0, SPLIT)
    assert both[both["seed"] == 1].reset_index(drop=True).equals(one)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_models_see_missing_values_filled_as_the_networks_do(task):
    data = imputing(task)
    table = errors(data, [0, 1], 0, SPLIT).set_index(["baseline", "seed"])["test_error"]
    assert table.notna().all()
    prepared = prepare(data, [1], entropy=0, dtype="float64", **SPLIT)
    filled = np.where(np.isnan(data.inputs), prepared.input_fill[0], data.inputs)
    train, test = prepared.split.train[0], prepared.split.test[0]
    scaler = StandardScaler().fit(filled[train])
    model = KNeighborsClassifier() if task == "classification" else KNeighborsRegressor()
    targets = data.targets.reshape(len(filled), -1)[:, 0]
    predicted = model.fit(scaler.transform(filled[train]), targets[train]).predict(scaler.transform(filled[test]))
    wrong = predicted != targets[test] if task == "classification" else (predicted - targets[test]) ** 2
    error = wrong.mean() if task == "classification" else np.sqrt(wrong.mean())
    assert table["5 nearest neighbours", 1] == pytest.approx(error)


def test_the_trivial_models_are_the_majority_class_and_the_mean():
    wine, diabetes = load("wine"), load("diabetes")
    table = errors(wine, [0], 0, SPLIT).set_index("baseline")["test_error"]
    prepared = prepare(wine, [0], entropy=0, dtype="float64", **SPLIT)
    train, test = prepared.split.train[0], prepared.split.test[0]
    majority = np.bincount(wine.targets[train]).argmax()
    assert table["majority class"] == pytest.approx(np.mean(wine.targets[test] != majority))
    table = errors(diabetes, [0], 0, SPLIT).set_index("baseline")["test_error"]
    prepared = prepare(diabetes, [0], entropy=0, dtype="float64", **SPLIT)
    train, test = prepared.split.train[0], prepared.split.test[0]
    residual = diabetes.targets[test] - diabetes.targets[train].mean()
    assert table["mean"] == pytest.approx(np.sqrt(np.mean(residual**2)))


def test_a_regressions_baselines_are_bit_reproducible():
    data = load("diabetes")
    seeds = list(range(6))
    first = errors(data, seeds, 0, SPLIT)
    for _ in range(3):
        pd.testing.assert_frame_equal(errors(data, seeds, 0, SPLIT), first, check_exact=True)


def facts(*seeds, dataset="iris", **columns):
    """Return the records and the replicas of a study with one run."""
    config = {"dataset": {"name": dataset}, "split": SPLIT, "entropy": 0, "task": "auto"}
    rows = {"run": "a", "dataset": dataset, "task": "classification", "seed": list(seeds)} | columns
    return {"a": {"config": config, "environment": {"dataset_sha256": "0"}}}, pd.DataFrame(rows)


def test_a_stored_table_is_read_and_completed(tmp_path):
    path = tmp_path / "study" / "baselines.csv"
    path.parent.mkdir()
    whole, missing = of_study("study", *facts(0, 1), tmp_path)
    assert list(whole) == COLUMNS
    assert len(whole) == 2 * len(models("classification"))
    assert not missing
    content = path.read_bytes()
    stored = pd.read_csv(path, dtype=str)
    # A table of an earlier version has no trivial model.
    stored[stored["baseline"] != "majority class"].to_csv(path, index=False, lineterminator="\n")
    pd.testing.assert_frame_equal(of_study("study", *facts(0, 1), tmp_path)[0], whole, check_dtype=False)
    assert path.read_bytes() == content


def test_baselines_have_the_name_of_the_task_and_no_tuning_seeds(tmp_path):
    (tmp_path / "study").mkdir()
    of_study("study", *facts(0), tmp_path)
    records, replicas = facts(0, 7, purpose=["report", "tuning"])
    table, _ = of_study("study", records, replicas.assign(dataset="iris, split.test=0.2"), tmp_path)
    assert table["dataset"].unique().tolist() == ["iris, split.test=0.2"]
    assert table["seed"].unique().tolist() == [0]


def test_of_several_scalings_each_model_has_the_better_one(tmp_path):
    (tmp_path / "study").mkdir()
    records, replicas = facts(0, dataset="digits")
    config = records["a"]["config"]
    raw = config | {"dataset": {"name": "digits", "pixels": False}}
    both = {"a": records["a"], "b": {"config": raw, "environment": {"dataset_sha256": "0"}}}
    rows = pd.concat([replicas, replicas.assign(run="b")])
    table, missing = of_study("study", both, rows, tmp_path)
    assert not missing
    stored = pd.read_csv(tmp_path / "study" / "baselines.csv")
    best = stored.groupby(["baseline", "key"])["test_error"].mean().groupby("baseline").min()
    pd.testing.assert_series_equal(table.groupby("baseline")["test_error"].mean(), best, check_dtype=False)
