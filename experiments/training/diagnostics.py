"""What happens inside the layers: statistics from one forward and backward pass on the probe.

All statistics are float64, one number for each replica. A replica's numbers do not depend on its stack.
"""

import numpy as np

from experiments.tables import LAYER_COLUMNS, SIDES, UPDATE_RATIO
from nets.activations import Activation
from nets.derivatives import top_eigenvalue
from nets.formula import FLAT
from nets.network import Network, Work
from nets.outputs import Output


def learned_columns(activation: Activation) -> tuple[str, ...]:
    """Return the columns of `layers` for what an activation learns, such as prelu.slope; none if it learns nothing.

    A parameter of each unit has three: its mean over the units, and the smallest and the largest.
    """
    columns = []
    for name, value in activation.init(1, 2, np.float64).items():
        ends = ("", ".min", ".max") if value.shape[2] > 1 else ("",)
        columns += [f"{activation.name}.{name}{end}" for end in ends]
    return tuple(columns)


def layer_statistics(
    network: Network, output: Output, work: Work, before: np.ndarray | None, sides: bool = False
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the columns of `layers` by name, (R, N) each, and the norm (R,) of the whole gradient.

    Parameters
    ----------
    network, output
        The gradients are those of their mean cost on the probe.
    work
        Buffers with the probe's inputs and targets. All other buffers are overwritten.
    before
        The parameters (R, P) one epoch ago. If it is None, `update_ratio` is NaN.
    sides
        Whether the columns `SIDES` are among them.
    """
    rows = work.inputs.shape[1]
    scores = network.forward(work)
    names = (*LAYER_COLUMNS, *(SIDES if sides else ()), *learned_columns(network.activation))
    statistics = {name: np.full((network.replicas, len(network.layers)), np.nan) for name in names}
    for index in range(len(network.hidden)):
        for name, values in _activation_statistics(network, index, work, sides).items():
            statistics[name][:, index] = values
        for name, values in _learned_statistics(network, index).items():
            if name in statistics:
                statistics[name][:, index] = values
    output.gradient(scores, work.targets, work.delta)
    network.backward(work)
    for index, (layer, gradient) in enumerate(zip(network.layers, network.gradients, strict=True)):
        delta = work.delta if index == len(network.hidden) else work.pre[index]
        statistics["weight_gradient_norm"][:, index] = norm(gradient.weight) / rows
        statistics["delta_norm"][:, index] = norm(delta) / np.sqrt(delta[0].size)
        statistics["weight_norm"][:, index] = norm(layer.weight)
    if before is not None:
        for index, (layer, weight) in enumerate(zip(network.layers, network.weights(before), strict=True)):
            statistics[UPDATE_RATIO][:, index] = norm(layer.weight.astype(np.float64) - weight) / norm(weight)
    return statistics, norm(network.gradient) / rows


def sharpness(network: Network, output: Output, work: Work) -> np.ndarray:
    """Return the largest eigenvalue (R,) of the Hessian of the probe's mean cost by all parameters, in float64.

    `work` holds the probe's inputs and targets. Power iteration takes up to 100 Hessian-vector products, each from two
    gradients. So this costs far more than an epoch of training.
    """
    rows = work.inputs.shape[1]
    shape = network.inputs, network.hidden, network.outputs
    double = Network(*shape, network.activation, network.replicas, "float64", network.recipe)
    buffers = Work(double, rows, targets=work.targets.shape[2])
    buffers.inputs[:], buffers.targets[:] = work.inputs, work.targets

    def gradient_at(parameters: np.ndarray) -> np.ndarray:
        double.parameters[:] = parameters
        output.gradient(double.forward(buffers), buffers.targets, buffers.delta)
        double.backward(buffers)
        gradient: np.ndarray = double.gradient / rows
        return gradient

    return top_eigenvalue(gradient_at, network.parameters)


def norm(stack: np.ndarray) -> np.ndarray:
    """Return the Euclidean norm (R,) of each replica's entries."""
    flat = stack.reshape(len(stack), 1, -1).astype(np.float64, copy=False)
    norms: np.ndarray = np.sqrt(np.matmul(flat, flat.swapaxes(1, 2)))
    return norms[:, 0, 0]


def _activation_statistics(network: Network, index: int, work: Work, sides: bool) -> dict[str, np.ndarray]:
    """Return the statistics (R,) of a hidden layer's activations, by the names of `ACTIVATION_COLUMNS` and `SIDES`."""
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
    statistics = _sides(flat, post, pre.reshape(by_piece.shape).mean(axis=2)) if sides else {}
    return statistics | {
        "activation_mean": mean,
        "activation_median": np.median(unit_mean, axis=1),
        "activation_std": norm(activation) / np.sqrt(rows * units),
        "zero_fraction": _share(post == 0),
        "saturated_fraction": _share(flat),
        "dead_fraction": _share(flat.all(axis=1)),
    }


def _sides(flat: np.ndarray, post: np.ndarray, z: np.ndarray) -> dict[str, np.ndarray]:
    """Return the shares (R,) of flat (row, unit) pairs: off (h = 0), saturated at negative z, and at other z."""
    off = flat & (post == 0)
    left = flat & ~off & (z < 0)
    return dict(zip(SIDES, map(_share, (off, left, flat & ~off & ~left)), strict=True))


def _learned_statistics(network: Network, index: int) -> dict[str, np.ndarray]:
    """Return mean, smallest and largest (R,) of each parameter that a hidden layer's activation learns."""
    statistics: dict[str, np.ndarray] = {}
    for name, values in network.layers[index].learned.items():
        column, by_unit = f"{network.activation.name}.{name}", values[:, 0].astype(np.float64)
        ends = {f"{column}.min": by_unit.min(axis=1), f"{column}.max": by_unit.max(axis=1)}
        statistics |= {column: by_unit.mean(axis=1)} | ends
    return statistics


def _share(holds: np.ndarray) -> np.ndarray:
    """Return the share of true entries in each replica. To count without an axis is far faster."""
    return np.array([np.count_nonzero(entries) / entries.size for entries in holds])
