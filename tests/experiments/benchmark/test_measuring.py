"""A contestant has its core and its kernels, and its times are per step and replica."""

import os

from experiments.benchmark import measuring
from experiments.benchmark.measuring import Server, Training
from experiments.benchmark.task import Task


def test_a_contestant_has_one_core_and_the_native_kernels(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    environment = measuring.environment(1)
    assert "OPENBLAS_CORETYPE" not in environment
    assert environment["OPENBLAS_NUM_THREADS"] == environment["OMP_NUM_THREADS"] == "1"
    if hasattr(os, "sched_getaffinity"):
        with Server("floor") as server:
            server.prepare(Task((4,)))
            assert len(os.sched_getaffinity(server.process.pid)) == 1


def test_times_are_per_step_and_replica():
    assert Training(seconds=2.0, test_error=None).microseconds(steps=100, replicas=10) == 2000
