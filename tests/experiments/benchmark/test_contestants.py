"""All contestants learn equally well from the same start. No test looks at a time."""

import numpy as np
import pytest

from experiments.benchmark.contestants import CONTESTANTS
from experiments.benchmark.task import Task
from nets.network import Network

TASKS = Task((16, 16), "maxout", "adam", epochs=6, seeds=2), Task((16,), "tanh", epochs=6, seeds=2)

LEARNERS = [
    pytest.param(contestant, task, id=f"{name}-{task.activation}")
    for name, contestant in CONTESTANTS.items()
    for task in TASKS
    if name != "floor" and contestant.takes(task)
]


@pytest.mark.parametrize(("contestant", "task"), LEARNERS)
def test_contestants_learn_equally_well(contestant, task):
    pytest.importorskip(contestant.needs)
    first = contestant(task)
    error = first.train()
    assert abs(error - CONTESTANTS["ours"](task).train()) < 0.05
    assert abs(first.train() - error) < 1e-6  # from the initial weights again


@pytest.mark.parametrize("names", [("sklearn", "torch"), ("torch-vmap", "jax")], ids=" and ".join)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_contestants_that_draw_the_same_batches_make_the_same_steps(names, optimizer):
    """So early that other weights, batches or a rate that is off would show."""
    for name in names:
        pytest.importorskip(CONTESTANTS[name].needs)
    task = Task((16, 8), "tanh", optimizer, epochs=2, seeds=3)
    one, other = (CONTESTANTS[name](task).train() for name in names)
    assert one > 0.1
    assert abs(one - other) <= 2 / task.arrays.test.size


def test_the_floor_has_every_product_of_a_step_and_of_the_evaluation(monkeypatch):
    task = Task((16, 8), "maxout", epochs=3, seeds=2)
    floor = CONTESTANTS["floor"](task)
    settings = task.settings()
    network = Network(64, settings.net.hidden, 10, settings.activation, 2)
    multiplications = []
    monkeypatch.setattr(np, "matmul", lambda a, b, out: multiplications.append(a[0].size * b.shape[2]))
    floor.train()
    first, *others = (layer.weight[0].size for layer in network.layers)
    step = 32 * (2 * first + 3 * sum(others))  # nobody asks for the gradient of the inputs
    evaluation = (1222 + 360) * (first + sum(others))
    assert sum(multiplications) == 3 * (38 * step + evaluation)
