"""The baselines: scikit-learn's models on the project's own splits, errors in the project's units."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier

from experiments.analysis.baselines import errors
from experiments.data.sets import load
from experiments.data.split import prepare

SPLIT = {"test": 0.2, "validation": 0.15}


def test_a_classification_is_judged_on_the_seeds_own_test_part():
    data = load("wine")
    table = errors(data, [3, 5], 0, SPLIT).set_index(["baseline", "seed"])["test_error"]
    assert sorted(table.index.levels[0]) == ["5 nearest neighbours", "linear SVM", "softmax regression"]
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
    assert len(table) == 3
    assert table["test_error"].between(0.3, 3).all()


def test_a_seeds_error_does_not_depend_on_the_others():
    data = load("iris")
    both, one = errors(data, [0, 1], 0, SPLIT), errors(data, [1], 0, SPLIT)
    assert both[both["seed"] == 1].reset_index(drop=True).equals(one)
