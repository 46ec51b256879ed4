"""The batches of a task."""

import numpy as np

from experiments.benchmark.task import Task


def test_batches_are_whole_and_their_rows_distinct():
    arrays = Task((4,)).arrays
    batches = arrays.batches(np.random.default_rng(0))
    assert batches.shape == (10, 38, 32)
    for rows, train in zip(batches, arrays.train, strict=True):
        assert len(set(rows.ravel())) == rows.size
        assert set(rows.ravel()) <= set(train)
