"""Rows that are scaled when they are read: the numbers of rows that were scaled before, bit for bit."""

from copy import copy
from dataclasses import replace

import numpy as np
import pytest

from experiments.data import scaling
from experiments.data.scaling import ScaledWhenRead
from experiments.data.sets import load
from experiments.data.split import prepare
from experiments.training.run import train

SHARES = {"entropy": 0, "test": 0.2, "validation": 0.2}
SEEDS = (0, 3, 5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["digits", "wine", "diabetes"])
def test_rows_that_are_scaled_when_they_are_read_have_the_same_bits(name, dtype, monkeypatch):
    data = load(name)
    dense = prepare(data, SEEDS, **SHARES, dtype=dtype, when_read=True).inputs
    monkeypatch.setattr(scaling, "DENSE_BYTES", 0)
    lazy = prepare(data, SEEDS, **SHARES, dtype=dtype, when_read=True).inputs
    assert isinstance(lazy, ScaledWhenRead)
    assert (lazy.shape, lazy.ndim, len(lazy)) == (dense.shape, dense.ndim, len(dense))
    assert (lazy[:, 3:9] == dense[:, 3:9]).all()
    n, d = data.inputs.shape
    rows = np.array([[3, 1], [5, 5]]) + n * (len(dense) - 1) * np.array([[0], [1]])
    out = np.empty((2, 2, d), dtype)
    np.take(lazy.reshape(-1, d), rows, axis=0, out=out, mode="clip")
    assert (out == dense.reshape(-1, d)[rows]).all()


@pytest.mark.parametrize("columns", [1, 2, 7, 8])
def test_statistics_of_blocks_of_columns_are_those_of_all_columns(columns, monkeypatch):
    values = np.random.default_rng(0).normal(1e3, 1, (5000, columns)) ** 3
    train = np.random.default_rng(1).permutation(5000)[None, :3000]
    mean, scale = scaling.statistics(values, train)
    assert (mean[0] == values[train[0]].mean(axis=0)).all()
    assert (scale[0] == values[train[0]].std(axis=0)).all()
    monkeypatch.setattr(scaling, "BLOCK_BYTES", 8 * 3000 * 3)
    assert all(np.array_equal(*pair) for pair in zip(scaling.statistics(values, train), (mean, scale), strict=True))


@pytest.mark.parametrize(
    "words",
    [
        ("dataset=wine",),
        ("dataset=digits", "pretrain.epochs=1"),
        ("dataset=diabetes", "task=autoencode"),
        ("dataset=moons", "dataset.samples=60", "class_weight=balanced"),
    ],
)
def test_training_on_them_gives_the_same_tables(words, settings, monkeypatch):
    condition = settings(*words, "net.hidden=[4]", "epochs=2", "seeds=3", "optimizer.lr=[0.01,0.1]")
    dense = train(condition, condition.replicas)
    monkeypatch.setattr(scaling, "DENSE_BYTES", 0)
    read = []
    take = ScaledWhenRead.take
    monkeypatch.setattr(ScaledWhenRead, "take", lambda *given, **named: read.append(1) or take(*given, **named))
    lazy = train(replace(condition, data=copy(condition.data)), condition.replicas)  # not what is prepared already
    assert read
    for name, frame in dense.frames.items():
        if name != "timing":
            assert frame.equals(lazy.frames[name])
