"""What happens inside the layers: statistics from one forward and backward pass on the probe.

All are float64 and per replica; a replica's numbers do not depend on its stack.
"""

import numpy as np

from experiments.tables import LAYER_COLUMNS
from nets.derivatives import top_eigenvalue
from nets.network import Network, Work
from nets.outputs import Output

FLAT = 0.005
"""A slope below this counts as saturated: below the commonest leak, 0.01."""


def layer_statistics(
    network: Network, output: Output, work: Work, before: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of `layers` (R, N, 10) and the norm of the whole gradient (R,).

    Parameters
    ----------
    network, output
        Their mean cost on the probe is what is differentiated.
    work
        Buffers that hold the probe's inputs and targets; the rest is overwritten.
    before
        The parameters (R, P) one epoch ago, or None: then `update_ratio` is NaN.
    """
    rows = work.inputs.shape[1]
    scores = network.forward(work)
    statistics = np.full((network.replicas, len(network.layers), len(LAYER_COLUMNS)), np.nan)
    for index in range(len(network.hidden)):
        statistics[:, index, 4:] = _activation_statistics(network, index, work)
    output.gradient(scores, work.targets, work.delta)
    network.backward(work)
    weights_before = [None] * len(network.layers) if before is None else network.weights(before)
    for index, (layer, gradient) in enumerate(zip(network.layers, network.gradients, strict=True)):
        delta = work.delta if index == len(network.hidden) else work.pre[index]
        statistics[:, index, 0] = norm(gradient.weight) / rows
        statistics[:, index, 1] = norm(delta) / np.sqrt(delta[0].size)
        statistics[:, index, 2] = norm(layer.weight)
        if before is not None:
            change = layer.weight.astype(np.float64) - weights_before[index]
            statistics[:, index, 3] = norm(change) / norm(weights_before[index])
    return statistics, norm(network.gradient) / rows


def sharpness(network: Network, output: Output, work: Work) -> np.ndarray:
    """Return the largest eigenvalue (R,) of the Hessian of the probe's mean cost by all parameters, in float64.

    `work` holds the probe's inputs and targets. Power iteration takes up to 100 Hessian-vector products, each from two
    gradients, so this costs far more than an epoch of training.
    """
    rows = work.inputs.shape[1]
    double = Network(network.inputs, network.hidden, network.outputs, network.activation, network.replicas, "float64")
    buffers = Work(double, rows)
    buffers.inputs[:], buffers.targets[:] = work.inputs, work.targets

    def gradient_at(parameters):
        double.parameters[:] = parameters
        output.gradient(double.forward(buffers), buffers.targets, buffers.delta)
        double.backward(buffers)
        return double.gradient / rows

    return top_eigenvalue(gradient_at, network.parameters)


def norm(stack: np.ndarray) -> np.ndarray:
    """Return the Euclidean norm (R,) of each replica's entries."""
    flat = stack.reshape(len(stack), 1, -1).astype(np.float64, copy=False)
    return np.sqrt(np.matmul(flat, flat.swapaxes(1, 2)))[:, 0, 0]


def _activation_statistics(network, index, work):
    pre, post, buffers = work.pre[index], work.post[index], work.activation[index]
    replicas, rows, units = post.shape
    activation = post.astype(np.float64)
    unit_mean = np.matmul(np.full((1, rows), 1 / rows), activation)[:, 0]
    mean = unit_mean.mean(axis=1)
    activation -= mean[:, None, None]
    learned = network.layers[index].learned
    derivative = network.activation.derivative(pre, post, buffers, **learned)
    by_piece = derivative.reshape(replicas, rows, -1, units)
    flat = (np.abs(by_piece) < FLAT).all(axis=2)
    return np.stack(
        [
            mean,
            np.median(unit_mean, axis=1),
            norm(activation) / np.sqrt(rows * units),
            _share(post == 0),
            _share(flat),
            _share(flat.all(axis=1)),
        ],
        axis=1,
    )


def _share(holds):
    """Return in each replica the share of entries that are true; without an axis, counting is far faster."""
    return np.array([np.count_nonzero(one) / one.size for one in holds])
