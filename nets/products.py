"""Stacked matrix products, divided into blocks that OpenBLAS multiplies without packing.

OpenBLAS packs copies of its operands before it multiplies them, which for a minibatch takes up to half the time. Its
AVX-512 kernels do not pack small products, so larger products are divided into small ones here. With other kernels
blocks only cost time (a tenth with Haswell's), so products stay whole.
"""

from functools import lru_cache

import numpy as np
from threadpoolctl import threadpool_info

LARGEST = 1_000_000
"""The most multiplications of a product that is not packed."""
LARGEST_OUT, SHORTEST_SUM = 1200, 32
"""Further limits for A Bᵀ: the most numbers of the result, and the fewest terms of a sum."""
NARROWEST = 8
"""The fewest columns of a block."""


def product(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return views of left (R, m, k), right (R, k, n) and out (R, m, n) for `np.matmul` to write left @ right.

    The views are made once. Each `np.matmul(*views)` multiplies the current values of the arrays.
    """
    _, rows, terms = left.shape
    columns = right.shape[2]
    most = LARGEST // max(1, rows * terms)
    if right.strides[1] < right.strides[2]:
        most = min(most, LARGEST_OUT // max(1, rows)) if terms >= SHORTEST_SUM else columns
    if most >= columns or not multiplies_without_packing():
        return left, right, out
    width = next((width for width in range(most, NARROWEST - 1, -1) if columns % width == 0), None)
    if width is None:
        return left, right, out
    return left[:, None], _blocks(right, width), _blocks(out, width)


def _blocks(matrices: np.ndarray, width: int) -> np.ndarray:
    """View matrices (R, m, n) as (R, n / width, m, width)."""
    replicas, rows, columns = matrices.shape
    return matrices.reshape(replicas, rows, columns // width, width).swapaxes(1, 2)


@lru_cache
def multiplies_without_packing() -> bool:
    """Return whether OpenBLAS uses its AVX-512 kernels."""
    return any(library.get("architecture") == "SkylakeX" for library in threadpool_info())
