"""`evaluate=last`: the final numbers are those of `evaluate=every`, and divergence is noticed in time."""

import numpy as np
import pandas as pd
import pytest

from experiments.tables import KEY
from experiments.training import run as training
from experiments.training.run import train

SMALL = ("dataset=wine", "net.hidden=[8,8]", "epochs=4", "seeds=2")
CASES = {
    "plain": (),
    "untrained": ("epochs=0",),
    "regression": ("dataset=diabetes", "optimizer.lr=[0.001,0.01]"),
    "metrics and networks": ("save=true", "net.norm=batch", "net.dropout=0.2"),
    "pre-training": ("pretrain.epochs=2", "optimizer=adam"),
    "sharpness": ("diagnostics.sharpness=true", "net.hidden=[4]"),
    "two features": ("dataset=moons",),
    "no diagnostics": ("diagnostics.layers=false",),
    "divergence": ("optimizer.lr=[0.02,1e30]", "activation=linear"),
}


def both(settings, *words):
    return [
        train(each, each.replicas)
        for each in (settings(*SMALL, *words, f"evaluate={value}") for value in ("every", "last"))
    ]


def last_rows(frame):
    return frame[frame["epoch"] == frame.groupby(["lr", "seed"])["epoch"].transform("max")]


@pytest.mark.parametrize("words", CASES.values(), ids=CASES)
def test_final_numbers_are_those_of_every_epoch(settings, words):
    every, last = both(settings, *words)
    final = [column for column in every.frames["replicas"] if column.startswith("final_")]
    columns = ["lr", "seed", "status", "diverged_epoch", "parameters", *final]
    pd.testing.assert_frame_equal(every.frames["replicas"][columns], last.frames["replicas"][columns])
    done = every.frames["replicas"].query("status == 'done'")[["lr", "seed"]]
    for name in ("history", "layers"):
        expected, table = (last_rows(tables.frames[name]).merge(done).drop(columns="run") for tables in (every, last))
        pd.testing.assert_frame_equal(expected, table)
    for name in ("confusion", "reliability"):
        expected, table = (tables.frames[name].drop(columns="run") for tables in (every, last))
        pd.testing.assert_frame_equal(expected, table)
    for arrays, others in ((every.boundary, last.boundary), (every.network, last.network)):
        for name in arrays or ():
            if name != "about":
                np.testing.assert_array_equal(arrays[name], others[name])


def test_history_has_the_last_epoch_alone(settings):
    _, last = both(settings)
    assert last.frames["history"]["epoch"].tolist() == [4, 4]
    assert last.frames["layers"]["epoch"].unique().tolist() == [4]
    replicas = last.frames["replicas"]
    assert replicas["best_epoch"].tolist() == [4, 4]
    assert (replicas["best_validation_loss"] == replicas["final_validation_loss"]).all()
    assert (replicas["evaluate"] == "last").all()


def test_only_the_last_epoch_is_evaluated(settings, monkeypatch):
    counts = []
    evaluate = training.evaluate
    monkeypatch.setattr(training, "evaluate", lambda *args: counts.append(1) or evaluate(*args))
    words = settings(*SMALL, "evaluate=last")
    train(words, words.replicas)
    assert len(counts) == 1


def test_a_diverged_replica_has_one_row_without_diagnostics_and_no_layers(settings):
    _, last = both(settings, *CASES["divergence"], "diagnostics.sharpness=true")
    (status,) = set(last.frames["replicas"].query("lr > 1")["status"])
    history = last.frames["history"].query("lr > 1")
    assert status == "diverged"
    assert history["epoch"].tolist() == [1, 1]
    assert not np.isfinite(history["train_loss"].astype(float)).any()
    assert history[["gradient_norm", "sharpness"]].isna().all(axis=None)
    assert last.frames["layers"].query("lr > 1").empty


def test_an_infinite_parameter_with_finite_losses_is_no_divergence(settings):
    """A unit whose bias is -inf is a dead ReLU: with `evaluate=every` the replica goes on, so here it does too."""
    words = settings(*SMALL, "evaluate=last")
    chunk = training.Chunk(words, training.divide(words, words.replicas)[0])
    chunk.stack.network.layers[0].bias[0, 0, 0] = -np.inf
    with np.errstate(all="ignore"):
        assert chunk._record_overflow(1).tolist() == [True, True]
        chunk.stack.network.layers[1].bias[1, 0, 0] = np.nan
        assert chunk._record_overflow(1).tolist() == [True, False]


def test_neighbours_change_nothing(settings):
    words = settings(*SMALL, *CASES["divergence"], "evaluate=last")
    whole = train(words, words.replicas).frames["replicas"].set_index(["lr", "seed"])
    for replica in words.replicas:
        alone = train(words, [replica]).frames["replicas"].set_index(["lr", "seed"])
        pd.testing.assert_frame_equal(alone, whole.loc[[replica]])


def test_a_resumed_run_is_bit_identical(settings):
    words = settings(*SMALL, *CASES["divergence"], "evaluate=last", "checkpoint.every=2")
    kept = []
    whole = train(words, words.replicas, keep=kept.append)
    assert kept
    resumed = train(words, words.replicas, resume=kept[:1])
    for name in ("history", "layers", "replicas"):
        key = [column for column in (*KEY, "epoch", "layer") if column in whole.frames[name]]
        first, second = (tables.frames[name].sort_values(key, ignore_index=True) for tables in (whole, resumed))
        pd.testing.assert_frame_equal(first, second)


def test_off_changes_no_name(settings):
    assert "evaluate" not in settings(*SMALL).condition
    assert settings(*SMALL, "evaluate=last").run != settings(*SMALL).run


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("early_stopping.patience=3", "early_stopping.patience=3 needs evaluate=every"),
        ("metrics.every_epoch=true", "metrics.every_epoch=true needs evaluate=every"),
        ("evaluate=lasst", "evaluate='lasst': did you mean 'last'"),
    ],
)
def test_refusals(settings, word, message):
    with pytest.raises(ValueError, match=message):
        settings(*SMALL, "evaluate=last", word)
