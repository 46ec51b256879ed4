"""Caps the rows of a data set: a subset that is the same for every seed and activation, stratified by class."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from experiments.data.split import stratified
from experiments.data.table import Data
from experiments.streams import stream

FEWEST = 10
"""A class keeps so many rows, or all that it has, so that it can be divided into three parts."""


@lru_cache(maxsize=64)
def capped(data: Data, rows: int) -> Data:
    """Return a data set with at most so many rows, in their order; the same object if it has no more.

    The rows come from the stream "rows" of entropy 0. They do not depend on a study's entropy or seeds. A class has its
    share of them, but keeps `FEWEST` rows, or all if it has fewer. With groups, each row stays in its group.

    Parameters
    ----------
    data : Data
    rows : int
        The most rows; 0 keeps all.

    Raises
    ------
    ValueError
        If `rows` is negative, or less than the number of classes.
    """
    if rows < 0:
        raise ValueError(f"dataset.rows={rows}: allowed is 0, which keeps all rows, or the most rows of a data set")
    n = len(data.inputs)
    if not 0 < rows < n:
        return data
    if rows < len(data.classes):
        raise ValueError(
            f"dataset.rows={rows} is less than the {len(data.classes)} classes of {data.name}: each needs rows, so "
            f"allowed is {len(data.classes)} and more, or 0, which keeps all {n}"
        )
    # The older RandomState accepts the stream's bit generator, as in `split`.
    generator = np.random.RandomState(stream(0, "rows", 0).bit_generator)
    if data.task == "classification":
        members = [np.flatnonzero(data.targets == label) for label in range(len(data.classes))]
        counts = _counts(np.array(list(map(len, members))), rows, generator)
        drawn = [generator.permutation(of)[:count] for of, count in zip(members, counts, strict=True)]
        kept = np.sort(np.concatenate(drawn))
    else:
        kept = np.sort(generator.permutation(n)[:rows])
    note = f"{rows} of {n} rows are used, the same for every seed"
    return replace(
        data,
        inputs=data.inputs[kept],
        targets=data.targets[kept],
        groups=None if data.groups is None else data.groups[kept],
        notes=(*data.notes, note),
    )


def _counts(counts: np.ndarray, rows: int, generator: np.random.RandomState) -> np.ndarray:
    """Return how many of each class's rows are kept: its share, but not fewer than it needs."""
    least = np.minimum(counts, min(FEWEST, rows // len(counts)))
    raised = np.zeros(len(counts), bool)
    while True:
        kept: np.ndarray = least.copy()
        kept[~raised] = stratified(counts[~raised], rows - least[raised].sum(), generator)
        scarce = kept < least
        if not scarce.any():
            return kept
        raised |= scarce
