"""Early stopping: where a history ends, what is final, which network is kept, and that neighbours do not matter."""

import numpy as np
import pandas as pd
import pytest

from experiments import tables
from experiments.tables import LOSS_COLUMNS, STOPPED_EPOCH
from experiments.training import run as training
from experiments.training.run import divide, gathered, train, train_part

COMMON = ("dataset=iris", "batch_size=30", "net.hidden=[6,6]", "epochs=14", "seeds=3", "save=true")
CASES = {
    "some stop": ("early_stopping.patience=2", "optimizer.lr=[0.03,3]"),
    "patience 1": ("early_stopping.patience=1", "optimizer.lr=[0.03,1,3]"),
    "batch norm and dropout": (
        "early_stopping.patience=2",
        "optimizer.lr=[0.03,3]",
        "net.norm=batch",
        "net.dropout=0.25",
        "optimizer=momentum",
    ),
    "one diverges": ("early_stopping.patience=2", "optimizer.lr=[0.03,1,1e30]", "output=linear_mse", "net.norm=layer"),
    "a regression": ("early_stopping.patience=1", "optimizer.lr=[0.001,0.2]", "dataset=diabetes", "batch_size=64"),
    "two features": ("early_stopping.patience=1", "optimizer.lr=[0.5,8]", "dataset=moons", "dataset.samples=90"),
}
each_case = pytest.mark.parametrize("overrides", CASES.values(), ids=CASES)


def without(overrides):
    return [word for word in overrides if not word.startswith("early_stopping")]


def of(frame, lr, seed):
    return frame[(frame["lr"] == lr) & (frame["seed"] == seed)].reset_index(drop=True)


def expected_end(losses, patience, epochs):
    """Return the best epoch, and the epoch of the stop if there is one, by a plain loop over all epochs."""
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best >= patience:
            return best, epoch if epoch < epochs else None
    return best, None


@each_case
def test_a_stopped_replica_is_its_best_epoch(settings, overrides):
    """Every number is that of a training without early stopping, up to the stop, or until the best epoch."""
    condition, plain = settings(*COMMON, *overrides), settings(*COMMON, *without(overrides))
    result, full = (train(one, one.replicas) for one in (condition, plain))
    replicas, ends = result.frames["replicas"], []
    assert STOPPED_EPOCH not in full.frames["replicas"]
    kept = list(zip(result.network["lr"], result.network["seed"], strict=True))
    for lr, seed in condition.replicas:
        row = of(replicas, lr, seed).iloc[0]
        history, reference = (of(one.frames["history"], lr, seed) for one in (result, full))
        best, stop = expected_end(
            reference["validation_loss"].astype(float), condition.early_stopping.patience, condition.epochs
        )
        if row["status"] == "diverged":
            assert row[STOPPED_EPOCH] is None
            assert len(history) == len(reference) == row["diverged_epoch"] + 1
            assert [row[f"final_{name}"] for name in LOSS_COLUMNS] == pytest.approx(
                reference.iloc[-1][[*LOSS_COLUMNS]].tolist(), nan_ok=True
            )
            assert (lr, seed) not in kept
            continue
        ends.append(stop)
        assert (row["best_epoch"], row[STOPPED_EPOCH]) == (best, stop)
        pd.testing.assert_frame_equal(history.drop(columns="run"), reference[: len(history)].drop(columns="run"))
        assert len(history) == (condition.epochs if stop is None else stop) + 1
        assert of(result.frames["layers"], lr, seed)["epoch"].max() == history["epoch"].max()
        for name in LOSS_COLUMNS:
            assert row[f"final_{name}"] == row[f"best_{name}"] == reference[name][best]
        # The training without early stopping that ends with the best epoch.
        short = train(settings(*COMMON, *without(overrides), f"epochs={best}"), [(lr, seed)])
        position = kept.index((lr, seed))
        for name, values in short.network.items():
            if name != "about":
                np.testing.assert_array_equal(result.network[name][position], values[0])
        counts = [of(one.frames["confusion"], lr, seed).drop(columns="run") for one in (result, short)]
        pd.testing.assert_frame_equal(*counts)
        if short.boundary:
            place = list(zip(result.boundary["lr"], result.boundary["seed"], strict=True)).index((lr, seed))
            np.testing.assert_array_equal(result.boundary["decision"][place], short.boundary["decision"][0])
    assert any(stop is not None for stop in ends)  # or nothing is tested
    assert any(stop is None for stop in ends) or "patience=1" in overrides[0]


def everything(result):
    content = {name: tables.to_csv(tables.to_text(frame)) for name, frame in result.frames.items() if name != "timing"}
    for arrays in (result.boundary, result.network):
        content |= {key: values.tobytes() for key, values in (arrays or {}).items()}
    return content


@each_case
def test_a_replica_alone_stops_as_in_a_stack(settings, overrides, monkeypatch):
    condition = settings(*COMMON, *overrides)
    expected = everything(train(condition, condition.replicas))
    alone = [train_part(condition, part) for part in divide(condition, condition.replicas[::-1], least=9)]
    assert everything(gathered(condition, alone)) == expected
    monkeypatch.setattr(training, "CHUNK_BYTES", 1)
    assert everything(train(condition, condition.replicas)) == expected


@each_case
def test_a_training_with_stops_is_resumed_after_any_epoch(settings, overrides):
    condition = settings(*COMMON, *overrides, "checkpoint.every=1")
    kept, counts = [], []
    expected = everything(
        train(
            condition,
            condition.replicas,
            counts.append,
            keep=lambda arrays: kept.append({name: values.copy() for name, values in arrays.items()}),
        )
    )
    replicas = len(condition.replicas)
    assert sum(counts) == replicas * condition.epochs
    for arrays in kept[::2] + kept[-1:]:
        counts.clear()
        assert everything(train(condition, condition.replicas, counts.append, resume=[arrays])) == expected
        assert sum(counts) == replicas * condition.epochs


def test_all_may_stop(settings):
    condition = settings(*COMMON, "early_stopping.patience=1", "optimizer.lr=1e-30", "epochs=9")
    counts, kept = [], []
    result = train(condition, condition.replicas, counts.append, keep=kept.append)
    replicas = result.frames["replicas"]
    assert replicas[["status", "best_epoch", STOPPED_EPOCH]].to_numpy().tolist() == [["done", 0, 1]] * 3
    assert sum(counts) == 3 * 9
    assert result.frames["history"]["epoch"].tolist() == [0, 1] * 3
    assert len(result.network["parameters"]) == 3
    assert result.frames["confusion"]["count"].sum() == 3 * 30


def test_none_may_stop(settings):
    """Then the table has the column still, and the best epoch need not be the last."""
    condition = settings(*COMMON, "early_stopping.patience=99", "optimizer.lr=[0.03,3]")
    plain = settings(*COMMON, "optimizer.lr=[0.03,3]")
    result, full = (train(one, one.replicas).frames for one in (condition, plain))
    replicas = result["replicas"]
    assert replicas[STOPPED_EPOCH].isna().all()
    assert (replicas["best_epoch"] < condition.epochs).any()
    for name in LOSS_COLUMNS:
        assert replicas[f"final_{name}"].tolist() == replicas[f"best_{name}"].tolist()
        assert replicas[f"best_{name}"].tolist() == full["replicas"][f"best_{name}"].tolist()
    assert result["history"].drop(columns="run").equals(full["history"].drop(columns="run"))


def test_without_an_epoch_nothing_stops(settings):
    condition = settings(*COMMON, "early_stopping.patience=1", "epochs=0", "net.norm=batch")
    plain = settings(*COMMON, "epochs=0", "net.norm=batch")
    result, full = (train(one, one.replicas) for one in (condition, plain))
    assert result.frames["replicas"][STOPPED_EPOCH].isna().all()
    for name in ("parameters", "statistics"):
        np.testing.assert_array_equal(result.network[name], full.network[name])
    for name in ("history", "confusion"):
        assert result.frames[name].drop(columns="run").equals(full.frames[name].drop(columns="run"))


def test_the_same_loss_again_is_no_improvement(settings):
    """A network that no longer changes stops after as many epochs as its patience."""
    for patience in (1, 3):
        condition = settings(*COMMON, f"early_stopping.patience={patience}", "optimizer.lr=1e-30", "epochs=5")
        assert train(condition, condition.replicas).frames["replicas"][STOPPED_EPOCH].tolist() == [patience] * 3


def test_what_waits_until_the_last_epoch_has_not_stopped(settings):
    condition = settings(*COMMON, "early_stopping.patience=3", "optimizer.lr=1e-30", "epochs=3")
    assert train(condition, condition.replicas).frames["replicas"][STOPPED_EPOCH].isna().all()


def test_a_network_that_starts_out_of_range_has_diverged_and_not_stopped(settings):
    condition = settings(*COMMON, "early_stopping.patience=1", "init=he_normal", "init.gain=1e30", "output=linear_mse")
    result = train(condition, condition.replicas)
    assert result.frames["replicas"]["status"].tolist() == ["diverged"] * 3
    assert result.frames["replicas"][STOPPED_EPOCH].isna().all()
    assert result.network is None
