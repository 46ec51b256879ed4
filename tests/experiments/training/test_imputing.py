"""Data with missing values are trained like any others: alone, in a stack, resumed, pre-trained, reconstructed."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.data.columns import Numbers
from experiments.data.split import prepare
from experiments.data.table import Data, autoencoding
from experiments.tables import to_csv, to_text
from experiments.training.evaluation import grid
from experiments.training.run import train
from tests.experiments.data.examples import imputing

SMALL = ("dataset=breast_cancer", "net.hidden=[5]", "epochs=3", "seeds=3", "batch_size=8", "save=true", "workers=1")
SETTINGS = {
    "plain": [],
    "class weights": ["class_weight=balanced"],
    "pre-training": ["pretrain.epochs=2"],
    "sharpness": ["diagnostics.sharpness=true"],
}


@pytest.fixture
def holed(settings):
    """Return a function that gives the settings of data with missing values."""

    def condition(*overrides, task="classification"):
        data = imputing("regression" if task == "regression" else "classification")
        dataset = "dataset=diabetes" if task == "regression" else "dataset=breast_cancer"
        one = settings(*SMALL, *overrides, dataset, *(["task=autoencode"] if task == "autoencode" else []))
        return replace(one, data=autoencoding(data) if task == "autoencode" else data)

    return condition


def texts(result):
    return {name: to_csv(to_text(frame)) for name, frame in result.frames.items() if name != "timing"}


@pytest.mark.parametrize(
    ("task", "name"),
    [("classification", name) for name in SETTINGS]
    + [(task, name) for task in ("regression", "autoencode") for name in SETTINGS if name != "class weights"],
)
def test_a_replica_alone_is_bit_identical_to_that_in_a_stack(holed, name, task):
    condition = holed(*SETTINGS[name], task=task)
    whole = train(condition, condition.replicas)
    history = whole.frames["history"]
    assert np.isfinite(history["test_loss"].astype(float)).all()
    for index, replica in enumerate(condition.replicas):
        alone = train(condition, [replica])
        assert alone.frames["history"].equals(history[history["seed"] == replica[1]].reset_index(drop=True))
        for key in ("parameters", "input_fill", "input_mean"):
            assert alone.network[key][0].tobytes() == whole.network[key][index].tobytes()


def test_resumed_training_is_that_without_a_break(holed):
    condition = holed("checkpoint.every=1", "optimizer=adam")
    kept = []
    whole = train(
        condition, condition.replicas, keep=lambda arrays: kept.append({k: v.copy() for k, v in arrays.items()})
    )
    assert len(kept) > 1
    for arrays in kept:
        assert texts(train(condition, condition.replicas, resume=[arrays])) == texts(whole)


def test_the_fill_is_kept_for_data_that_impute_and_for_no_others(holed, settings):
    condition = holed()
    prepared = prepare(condition.data, condition.seeds, dtype="float32", **condition.division)
    network = train(condition, condition.replicas).network
    assert network["input_fill"].tobytes() == prepared.input_fill.tobytes()
    clean = settings(*SMALL)
    assert set(network) - set(train(clean, clean.replicas).network) == {"input_fill"}


def test_a_map_of_decisions_spans_the_values_that_are_there(settings):
    inputs = np.random.default_rng(0).normal(size=(80, 2))
    labels = (inputs[:, 0] > 0).astype(int)
    inputs[::5, 0], inputs[3::7, 1] = np.nan, np.nan
    kinds = (Numbers("a", imputes=True), Numbers("b", imputes=True))
    condition = replace(settings(*SMALL), data=Data("two", "classification", inputs, labels, columns=kinds))
    x, y = grid(condition.data.inputs)
    low, high = np.nanmin(inputs, axis=0), np.nanmax(inputs, axis=0)
    np.testing.assert_allclose([x[0], y[0]], low - (high - low) / 10)
    np.testing.assert_allclose([x[-1], y[-1]], high + (high - low) / 10)
    decision = train(condition, condition.replicas).boundary["decision"]
    assert decision.shape == (3, 100, 100)
    assert {*np.unique(decision)} == {0, 1}
