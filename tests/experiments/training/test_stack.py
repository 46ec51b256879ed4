"""A stack by itself: its batches, its steps, what it drops; the weights of classes."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from experiments.training.stack import Stack, balanced

SMALL = ("dataset=wine", "net.hidden=[6]", "batch_size=16", "seeds=3", "epochs=2", "dtype=float64")


def test_an_epoch_takes_each_training_row_at_most_once(settings):
    condition = settings(*SMALL)
    stack = Stack(condition, condition.replicas)
    batches = list(stack.batches(1))
    assert [rows.shape for rows in batches] == [(3, 16)] * 7  # of 121 rows
    for rows, train in zip(np.concatenate(batches, axis=1), stack.prepared.split.train, strict=True):
        assert len(set(rows)) == 112
        assert set(rows) <= set(train)


def test_threads_make_stacks_at_once(settings):
    condition = settings(*SMALL)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            stacks = list(threads.map(lambda seed: Stack(condition, [(0.1, seed % 7)]), range(200)))
    finally:
        sys.setswitchinterval(interval)
    alone = Stack(condition, [(0.1, 199 % 7)])
    np.testing.assert_array_equal(stacks[-1].prepared.inputs, alone.prepared.inputs)


def test_an_epoch_is_its_steps(settings):
    condition = settings(*SMALL, "optimizer=adam", "class_weight=balanced", "activation_l1=0.01")
    by_epoch, by_step = (Stack(condition, condition.replicas) for _ in range(2))
    for epoch in (1, 2):
        by_epoch.train_epoch(epoch)
        taken = [by_step.descent.steps for _ in by_step.train_steps(epoch)]
        assert taken == list(range(7 * epoch - 6, 7 * epoch + 1))
    assert by_epoch.descent.steps == 14
    np.testing.assert_array_equal(by_epoch.network.parameters, by_step.network.parameters)


def test_what_is_dropped_does_not_change_the_others(settings):
    condition = settings(*SMALL, "optimizer=momentum")
    whole, part = (Stack(condition, condition.replicas) for _ in range(2))
    whole.train_epoch(1)
    part.train_epoch(1)
    part.drop_all_but(np.array([0, 2]))
    assert part.active.tolist() == [0, 2]
    whole.train_epoch(2)
    part.train_epoch(2)
    np.testing.assert_array_equal(part.network.parameters, whole.network.parameters[[0, 2]])
    rows = part.for_all(part.network.parameters)
    assert rows.shape == whole.network.parameters.shape
    assert np.isnan(rows).all(axis=1).tolist() == [False, True, False]
    assert part.trained().keys() == {0, 2}


@pytest.mark.parametrize(
    "data",
    [
        "wine",
        "digits",
        "diabetes",
        "digits task=autoencode",
        "diabetes output=exp_poisson",
        "diabetes output=quantile",
        "digits task=autoencode output=gaussian_nll",
    ],
)
def test_rows_that_are_read_are_those_that_are_gathered(settings, data):
    condition = settings(*f"dataset={data} net.hidden=[6] seeds=2 optimizer.lr=[0.1,0.2]".split())
    stack = Stack(condition, condition.replicas)
    for kept in ([0, 1, 2, 3], [1, 3]):
        stack.drop_all_but(np.array(kept)[: len(stack.active)])
        gathered = stack.gather(np.broadcast_to(np.arange(20, 60), (len(stack.active), 40)))
        read = stack.read(slice(20, 60))
        np.testing.assert_array_equal(read.inputs, gathered.inputs)
        np.testing.assert_array_equal(read.targets, gathered.targets)


def test_outputs_that_scale_targets_otherwise_do_not_share_them(settings):
    """Prepared data are kept for the next condition, but not across scalings."""
    scaled, counts, again = (
        Stack(condition, condition.replicas)
        for name in ("linear_mse", "exp_poisson", "quantile")
        for condition in [settings("dataset=diabetes", f"output={name}", "seeds=2")]
    )
    assert (counts.targets == np.tile(scaled.settings.data.targets, (2, 1))).all()
    np.testing.assert_array_equal(scaled.targets, again.targets)
    assert abs(scaled.targets.mean()) < 0.1


@pytest.mark.parametrize("counts", [[60, 30, 10], [[5, 5], [1, 9]]])
def test_balanced_weights_give_all_classes_the_same_share_and_a_row_1_on_average(counts):
    counts = np.array(counts)
    weights = balanced(counts)
    np.testing.assert_allclose((weights * counts).sum(axis=-1), counts.sum(axis=-1), rtol=1e-15)
    np.testing.assert_allclose(np.ptp(weights * counts, axis=-1), 0, atol=1e-12)
    assert (balanced(np.array([7, 7, 7])) == 1).all()
