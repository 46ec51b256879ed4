"""Inputs scaled for each seed: at once, or row by row where that would take too much memory."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from experiments.data.table import read_only

DENSE_BYTES = 1 << 28
"""Scaled inputs of this size are kept. Larger ones are scaled whenever they are read, which takes time at each step."""

BLOCK_BYTES = 1 << 24
"""Bytes that are scaled, or whose statistics are taken, at the same time."""


@dataclass(frozen=True, eq=False)
class ScaledWhenRead:
    """Stands for the array of all scaled rows where rows are read: the numbers are bit for bit the same.

    Attributes
    ----------
    values
        (n, d) float64: the raw rows, which all seeds and processes share.
    mean, scale
        (S, d): what is subtracted for each seed, and by what the difference is divided.
    filling
        (S, d): what stands for NaN; None if there is none.
    dtype
        The type to which the results are rounded.
    flat
        Whether the shape is (S n, d) instead of (S, n, d).
    """

    values: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    filling: np.ndarray | None
    dtype: DTypeLike
    flat: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        (n, d), seeds = self.values.shape, len(self.mean)
        return (seeds * n, d) if self.flat else (seeds, n, d)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def reshape(self, *shape: int) -> "ScaledWhenRead":
        """Return the rows of all seeds below each other; there is no other shape."""
        return replace(self, flat=True)

    def take(self, rows: np.ndarray, axis: int = 0, out: np.ndarray | None = None, mode: str = "raise") -> np.ndarray:
        """Return rows (R, m, d) of the flat array by their indices (R, m); those of one replica have one seed."""
        n = len(self.values)
        return self._scaled(self.values.take(rows % n, 0), rows[:, 0] // n, out)

    def __getitem__(self, index: tuple[slice, slice]) -> np.ndarray:
        """Return the same rows for each seed: `[:, rows]` of (S, n, d)."""
        seeds = np.arange(len(self.mean))[index[0]]
        return self._scaled(np.stack([self.values[index[1]]] * len(seeds)), seeds)

    def _scaled(self, rows: np.ndarray, seeds: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return rows (R, m, d), which are overwritten, scaled for the seeds (R,)."""
        if self.filling is not None:
            np.copyto(rows, self.filling[seeds, None], where=np.isnan(rows))
        rows -= self.mean[seeds, None]
        out = np.empty(rows.shape, self.dtype) if out is None else out
        np.divide(rows, self.scale[seeds, None], out=out, casting="same_kind")
        return out


def scaled(
    values: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    dtype: DTypeLike,
    filling: np.ndarray | None = None,
    when_read: bool = False,
) -> Any:
    """Return (values − mean) / scale for each seed (S, n, d), computed in float64 and rounded to `dtype`.

    Parameters
    ----------
    values
        (n, d) float64.
    mean, scale, filling
        As for `ScaledWhenRead`.
    dtype
        The type of the result.
    when_read
        Whether a large result may be a `ScaledWhenRead`.
    """
    lazy = ScaledWhenRead(values, mean, scale, filling, dtype)
    result = np.dtype(dtype).itemsize * len(mean) * values.size
    if when_read and result > DENSE_BYTES:
        return lazy
    array = np.empty(lazy.shape, dtype)
    step = max(1, BLOCK_BYTES // max(1, len(mean) * values.shape[1] * 8))
    for start in range(0, len(values), step):
        rows = slice(start, start + step)
        array[:, rows] = lazy[:, rows]
    return read_only(array)


def statistics(
    values: np.ndarray, train: np.ndarray, filling: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation (S, d) of columns in their training rows; `filling` stands for NaN.

    The computed deviation of a constant column may be 1e-17 instead of 0. So a column counts as constant, with scale 1,
    if its variance v over m rows can be rounding error: v ≤ m ε v + (m ε mean)². This is the bound of the two-pass
    algorithm (Chan, Golub and LeVeque 1983); scikit-learn's StandardScaler uses it too.
    """
    d = values.shape[1]
    means, scales = np.empty((2, len(train), d))
    # A sum over a single column is rounded otherwise than over one of several: no block has a single one.
    blocks = max(1, d // max(2, BLOCK_BYTES // (8 * train.shape[1])))
    for s, rows in enumerate(train):
        for block in np.array_split(range(d), blocks):
            columns = slice(block[0], block[-1] + 1)
            part = values[:, columns][rows]
            if filling is not None:
                part = np.where(np.isnan(part), filling[s, columns], part)
            mean, variance = part.mean(axis=0), part.var(axis=0)
            rounding = len(part) * np.finfo(np.float64).eps
            constant = variance <= rounding * variance + (rounding * mean) ** 2
            means[s, columns], scales[s, columns] = mean, np.where(constant, 1, np.sqrt(variance))
    return read_only(means), read_only(scales)
