"""A contestant has its core and its kernels, and its times are per step and replica."""

import os

import pytest

from experiments.benchmark import measuring
from experiments.benchmark.contestants import CONTESTANTS
from experiments.benchmark.measuring import Server, Training
from experiments.benchmark.task import Task


def test_a_contestant_has_one_core_the_native_kernels_and_stored_bytecode(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    environment = measuring.environment(1)
    assert not {"OPENBLAS_CORETYPE", "PYTHONDONTWRITEBYTECODE"}.intersection(environment)
    assert environment["OPENBLAS_NUM_THREADS"] == environment["OMP_NUM_THREADS"] == "1"
    assert "OMP_NUM_THREADS" not in measuring.environment(2)  # a library divides the cores by itself
    if hasattr(os, "sched_getaffinity"):
        with Server("floor") as server:
            server.prepare(Task((4,)))
            assert len(os.sched_getaffinity(server.process.pid)) == 1


def test_times_are_per_step_of_a_network():
    assert Training(seconds=2.0, test_error=None).microseconds(steps=1000) == 2000


def test_a_sweep_has_a_result_for_one_core_and_one_for_all(monkeypatch):
    monkeypatch.setattr(measuring, "CONTESTANTS", {name: CONTESTANTS[name] for name in ("ours", "ours-workers")})
    monkeypatch.setattr(measuring, "SWEEP", [Task((4,), name, seeds=2, rates=(0.02, 0.1)) for name in ("relu", "elu")])
    one, every = measuring.Benchmark(repeats=1, epochs=1).sweep().values()
    assert "2 activations × 2 seeds × 2 learning rates × 1 epochs" in one.title
    assert list(one.rows) == ["ours, 1 core"]
    assert list(every.rows) == ["ours, all cores"]
    assert one.rows["ours, 1 core"].test_error == pytest.approx(every.rows["ours, all cores"].test_error)
