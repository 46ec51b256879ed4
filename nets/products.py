"""Stacked matrix products, cut into blocks that OpenBLAS multiplies as they lie.

Before it multiplies, OpenBLAS packs copies of its operands, which for a minibatch takes up to half the time. Its
AVX-512 kernels spare small products that; larger ones are cut here into small ones. With other kernels blocks only
cost time (Haswell's: a tenth), and nothing is cut.
"""

from functools import lru_cache

import numpy as np

LARGEST = 1_000_000
"""Multiplications of a product that is spared."""
LARGEST_OUT, SHORTEST_SUM = 1200, 32
"""Of A Bᵀ, further: how many numbers the result may have at most, how many terms a sum at least."""
NARROWEST = 8
"""Columns of a block."""


def product(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return views of left (R, m, k), right (R, k, n) and out (R, m, n) for `np.matmul` to write left @ right.

    To be made once; `np.matmul(*views)` multiplies what the arrays hold then.
    """
    _, rows, terms = left.shape
    columns = right.shape[2]
    most = LARGEST // max(1, rows * terms)
    if right.strides[1] < right.strides[2]:
        most = min(most, LARGEST_OUT // max(1, rows)) if terms >= SHORTEST_SUM else columns
    if most >= columns or not _spares_small_products():
        return left, right, out
    width = next((width for width in range(most, NARROWEST - 1, -1) if columns % width == 0), None)
    if width is None:
        return left, right, out
    return left[:, None], _blocks(right, width), _blocks(out, width)


def _blocks(matrices, width):
    """View matrices (R, m, n) as (R, n / width, m, width)."""
    replicas, rows, columns = matrices.shape
    return matrices.reshape(replicas, rows, columns // width, width).swapaxes(1, 2)


@lru_cache
def _spares_small_products():
    from threadpoolctl import threadpool_info

    return any(library.get("architecture") == "SkylakeX" for library in threadpool_info())
