"""What an estimator computes on rows that are dense or sparse: an epoch, scores, a mean cost, norms of gradients.

Of a sparse X only the rows in use are made dense, so the numbers are those of the dense X, bit for bit.
"""

from typing import Any

import numpy as np

from nets.descent import Descent
from nets.network import Network, Work
from nets.outputs import Output

ROWS = 256
"""Rows of one forward pass, and the largest number of rows whose gradients are measured."""
GRADIENT_NORMS = np.dtype([("epoch", int), ("layer", int), ("weight_gradient_norm", float), ("delta_norm", float)])


def train_epoch(
    descent: Descent,
    X: Any,
    targets: np.ndarray,
    weight: np.ndarray,
    order: np.ndarray,
    batch: int,
    rate: float,
    dropout: np.random.Generator,
) -> None:
    """Use the rows once in this order, except those of a last incomplete batch: a step by few rows does harm.

    `dropout` draws the masks, if the network has any.
    """
    network = descent.network
    rates = np.full((1, 1), rate, network.dtype)
    scale = weight * descent.optimizer.gradient_factor(rates)[0, 0] / batch
    work = Work(network, batch, training=True, targets=targets.shape[1])
    for start in range(0, len(order) - batch + 1, batch):
        rows = order[start : start + batch]
        _take(X, rows, work.inputs[0])
        _take(targets, rows, work.targets[0])
        network.draw_masks({0: dropout}, [0], work)
        descent.step(work, rates, scale[rows, None])


def scores(network: Network, X: Any) -> np.ndarray:
    """Return the scores (1, n, units)."""
    count = X.shape[0]
    rows = min(ROWS, count)
    values = np.empty((1, count, network.outputs), network.dtype)
    work = Work(network, rows)
    # The last rows overlap those before them, so one set of buffers is enough.
    # OpenBLAS may flag an invalid operation on numbers that it does not use, in products with one column.
    with np.errstate(invalid="ignore"):
        for start in (*range(0, count - rows, rows), count - rows):
            _take(X, np.arange(start, start + rows), work.inputs[0])
            values[:, start : start + rows] = network.forward(work)
    return values


def mean_cost(output: Output, scores: np.ndarray, targets: np.ndarray, weight: np.ndarray) -> float:
    """Return the weighted mean cost of scores (1, n, units)."""
    return float(np.average(output.cost(scores, targets[None])[0], weights=weight))


def gradient_norms(
    network: Network, output: Output, X: Any, targets: np.ndarray, weight: np.ndarray, order: np.ndarray, epoch: int
) -> np.ndarray:
    """Return each layer's ‖∂L/∂W‖ and the root mean square of ∂cost/∂z, over the first rows of this order."""
    rows = order[:ROWS]
    work = Work(network, len(rows), targets=targets.shape[1])
    _take(X, rows, work.inputs[0])
    _take(targets, rows, work.targets[0])
    output.gradient(network.forward(work), work.targets, work.delta)
    work.delta *= weight[rows, None]
    network.backward(work)
    deltas = [*work.pre, work.delta]
    norms = [
        (epoch, layer, np.linalg.norm(gradient.weight) / len(rows), np.sqrt(np.mean(delta * delta)))
        for layer, (gradient, delta) in enumerate(zip(network.gradients, deltas, strict=True), start=1)
    ]
    return np.array(norms, GRADIENT_NORMS)


def _take(X: Any, rows: np.ndarray, out: np.ndarray) -> None:
    """Write these rows to `out`."""
    if hasattr(X, "toarray"):
        X[rows].toarray(out=out)
    else:
        # mode="clip" lets take write straight into `out`; no index is out of range.
        np.take(X, rows, axis=0, out=out, mode="clip")
