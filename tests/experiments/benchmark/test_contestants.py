"""All contestants learn equally well from the same start. No test looks at a time."""

import joblib
import numpy as np
import pytest

from experiments.benchmark.contestants import CONTESTANTS
from experiments.benchmark.task import Task
from nets.network import Network

TASKS = (
    Task((16, 16), "maxout", "adam", epochs=6, seeds=2),
    Task((16,), "tanh", epochs=6, seeds=2),
    Task((16,), "silu", epochs=6, seeds=1, rates=(0.01, 0.1)),
)

LEARNERS = [
    pytest.param(contestant, task, id=f"{name}-{task.activation}")
    for name, contestant in CONTESTANTS.items()
    for task in TASKS
    if name != "floor" and not contestant.all_cores and contestant.takes(task)
]
ALL_CORES = [contestant for contestant in CONTESTANTS.values() if contestant.all_cores]


@pytest.mark.parametrize(("contestant", "task"), LEARNERS)
def test_contestants_learn_equally_well(contestant, task):
    pytest.importorskip(contestant.needs)
    first = contestant(task)
    error = first.train()
    assert abs(error - CONTESTANTS["ours"](task).train()) < 0.05
    assert abs(first.train() - error) < 1e-6  # from the initial weights again


@pytest.mark.parametrize("contestant", ALL_CORES, ids=lambda contestant: contestant.label)
def test_more_cores_train_the_same_networks(contestant, monkeypatch):
    pytest.importorskip(contestant.needs)
    if contestant.label.endswith("threads"):
        monkeypatch.setattr(joblib, "cpu_count", lambda: 1)  # PyTorch's threads wait for each other on a busy machine
    task = Task((16,), "tanh", epochs=4, seeds=4, workers=2)
    alone = next(one for one in contestant.__mro__[1:] if one in CONTESTANTS.values())
    expected = alone.train_all([alone(task)]).test_error
    with joblib.parallel_config("threading"):  # a worker that imports PyTorch takes seconds to start
        outcome = contestant.train_all([contestant(task)])
    # Two stacks of vmap draw other batches than one does.
    assert abs(outcome.test_error - expected) <= (0.05 if contestant.label == "PyTorch vmap, processes" else 2e-3)
    assert (outcome.busy is not None) == (contestant.label == "ours, all cores")


@pytest.mark.parametrize("names", [("sklearn", "torch"), ("torch-vmap", "jax")], ids=" and ".join)
@pytest.mark.parametrize(("optimizer", "rates"), [("sgd", ()), ("adam", ()), ("sgd", (0.05, 0.1))])
def test_contestants_that_draw_the_same_batches_make_the_same_steps(names, optimizer, rates):
    """So early that other weights, batches or a rate that is off would show."""
    for name in names:
        pytest.importorskip(CONTESTANTS[name].needs)
    task = Task((16, 8), "tanh", optimizer, epochs=2, seeds=3, rates=rates)
    one, other = (CONTESTANTS[name](task).train() for name in names)
    assert one > 0.1
    assert abs(one - other) <= 2 / task.arrays.test.size


def test_the_floor_has_every_product_of_a_step_and_of_the_evaluation(monkeypatch):
    task = Task((16, 8), "maxout", epochs=3, seeds=2)
    floor = CONTESTANTS["floor"](task)
    settings = task.settings
    network = Network(64, settings.net.hidden, 10, settings.activation, 2)
    multiplications = []
    monkeypatch.setattr(np, "matmul", lambda a, b, out: multiplications.append(a[0].size * b.shape[2]))
    floor.train()
    first, *others = (layer.weight[0].size for layer in network.layers)
    step = 32 * (2 * first + 3 * sum(others))  # nobody asks for the gradient of the inputs
    evaluation = (1222 + 360) * (first + sum(others))
    assert sum(multiplications) == 3 * (38 * step + evaluation)
