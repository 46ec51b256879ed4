"""The stacked multilayer perceptron: R networks of one shape, trained side by side by the same NumPy calls.

Every array is (R, batch, units) and a weight matrix (R, fan_in, fan_out): a row is an example, so a layer is
z = x W + b, h = f(z). The column convention of most textbooks, z = W x + b with W of (fan_out, fan_in), is its
transpose. f acts on hidden layers only; the network's result is the raw scores z of its last layer.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from nets.activations import Activation
from nets.initializers import Initializer
from nets.products import product


class Layer(NamedTuple):
    """One layer's share of the flat arrays, as views: its parameters, or the gradient with respect to them."""

    weight: np.ndarray  # (R, fan_in, pieces · units)
    bias: np.ndarray  # (R, 1, pieces · units)
    learned: dict[str, np.ndarray]  # the activation's own parameters, (R, 1, units) or (R, 1, 1)


class Work:
    """The buffers of a network's forward and backward pass over `rows` examples, owned by the caller.

    The caller fills `inputs`, and `targets`, which the network does not use. `Network.forward` writes z and h of
    hidden layer l into `pre[l]` and `post[l]`, and the last z into `scores`. The caller writes dcost/dscores into
    `delta`. `Network.backward` then replaces each z in `pre` by dcost/dz. Buffers belong to one network, and
    `Network.keep` makes them invalid.
    """

    def __init__(self, network: "Network", rows: int):
        def empty(columns: int) -> np.ndarray:
            return np.empty((network.replicas, rows, columns), network.dtype)

        activation, hidden = network.activation, network.hidden
        self.inputs = empty(network.inputs)
        self.pre = [empty(activation.pieces * units) for units in hidden]
        self.post = [empty(units) for units in hidden]
        self.activation = [activation.buffers(pre.shape, network.dtype) for pre in self.pre]
        self.scores = empty(network.outputs)
        self.targets = empty(network.outputs)
        self.delta = empty(network.outputs)
        widest = empty(max(hidden, default=0)).reshape(-1)
        self.upstream = [widest[: post.size].reshape(post.shape) for post in self.post]
        self.ones = np.ones((1, rows), network.dtype)
        self.parameters = network.parameters
        # The operands and the result of np.matmul, layer by layer: z = h W, dcost/dW = hᵀ δ, dcost/dh = δ Wᵀ.
        signals, results, deltas = [self.inputs, *self.post], [*self.pre, self.scores], [*self.pre, self.delta]
        weights = [layer.weight for layer in network.layers]
        gradients = [gradient.weight for gradient in network.gradients]
        self.forward = list(map(product, signals, weights, results))
        self.outer = list(map(product, [signal.mT for signal in signals], deltas, gradients))
        self.backward = list(map(product, deltas[1:], [weight.mT for weight in weights[1:]], self.upstream))
        self._first = weights[0], results[0], deltas[0], gradients[0]

    def read(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        """Use these arrays in place of `inputs` and `targets`, without a copy: replicas may share their memory."""
        self.inputs, self.targets = inputs, targets
        weight, result, delta, gradient = self._first
        self.forward[0] = product(inputs, weight, result)
        self.outer[0] = product(inputs.mT, delta, gradient)


class Network:
    """R multilayer perceptrons of one shape.

    Parameters
    ----------
    inputs, hidden, outputs
        Features, units of each hidden layer (may be empty: a linear model) and scores.
    activation
        Applied to every hidden layer.
    replicas
        R.
    dtype
        Of parameters and all buffers.

    Attributes
    ----------
    parameters, gradient
        (R, P): all weights first (`decayed` columns), then biases, then what the activation learns.
    layers, gradients
        The same memory, layer by layer, as views.
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        activation: Activation,
        replicas: int,
        dtype: DTypeLike = "float32",
    ):
        self.inputs, self.hidden, self.outputs = inputs, tuple(hidden), outputs
        self.activation, self.replicas, self.dtype = activation, replicas, np.dtype(dtype)
        fan_in = (inputs, *self.hidden)
        columns = (*(activation.pieces * units for units in self.hidden), outputs)
        initial: list[dict[str, np.ndarray]] = [activation.init(replicas, units, self.dtype) for units in self.hidden]
        initial.append({})
        shapes = {("weight", i): shape for i, shape in enumerate(zip(fan_in, columns, strict=True))}
        shapes |= {("bias", i): (1, width) for i, width in enumerate(columns)}
        shapes |= {(name, i): value.shape[1:] for i, learned in enumerate(initial) for name, value in learned.items()}
        self._shapes = shapes
        self.decayed = sum(rows * width for rows, width in zip(fan_in, columns, strict=True))
        self._allocate(replicas)
        for layer, learned in zip(self.layers, initial, strict=True):
            for name, value in learned.items():
                layer.learned[name][:] = value

    def _allocate(self, replicas: int) -> None:
        self.replicas = replicas
        count = sum(rows * columns for rows, columns in self._shapes.values())
        self.parameters = np.zeros((replicas, count), self.dtype)
        self.gradient = np.zeros_like(self.parameters)
        self.layers, self.gradients = self._views(self.parameters), self._views(self.gradient)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the gradient and the views: those of a copy must share the memory of its own parameters."""
        return {name: value for name, value in vars(self).items() if name not in ("gradient", "gradients", "layers")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.gradient = np.zeros_like(self.parameters)
        self.layers, self.gradients = self._views(self.parameters), self._views(self.gradient)

    def _views(self, flat: np.ndarray) -> list[Layer]:
        """Return each layer's views of a flat array."""
        views: list[dict[str, np.ndarray]] = [{} for _ in range(len(self.hidden) + 1)]
        start = 0
        for (name, index), (rows, columns) in self._shapes.items():
            views[index][name] = flat[:, start : start + rows * columns].reshape(len(flat), rows, columns)
            start += rows * columns
        return [Layer(layer.pop("weight"), layer.pop("bias"), layer) for layer in views]

    def weights(self, parameters: np.ndarray) -> list[np.ndarray]:
        """Return the weight matrices (R, fan_in, columns) within a flat array shaped like `parameters`."""
        return [layer.weight for layer in self._views(parameters)]

    def initialize(self, initializer: Initializer, generator: Callable[[int, int], np.random.Generator]) -> None:
        """Draw every weight matrix, replica r's layer l (from 0) from `generator(r, l)`. Biases do not change."""
        for index, layer in enumerate(self.layers):
            hidden = index < len(self.hidden)
            pieces = self.activation.pieces if hidden else 1
            units = self.hidden[index] if hidden else self.outputs
            for replica, weight in enumerate(layer.weight):
                weight[:] = initializer(generator(replica, index), len(weight), units, pieces)

    def keep(self, replicas: np.ndarray) -> None:
        """Continue with these replicas only (indices). Buffers that were made before become invalid."""
        parameters = self.parameters[replicas]
        self._allocate(len(parameters))
        self.parameters[:] = parameters

    def forward(self, work: Work) -> np.ndarray:
        """Return `work.scores`, the scores z (R, rows, outputs) of `work.inputs` (R, rows, features).

        Raises
        ------
        ValueError
            If the buffers belong to another network.
        """
        if work.parameters is not self.parameters:
            raise ValueError("work holds the buffers of another network, or was made before `keep`: make a new one")
        hidden = zip(self.layers, work.forward, work.pre, work.post, work.activation, strict=False)
        for layer, operands, pre, post, buffers in hidden:
            np.matmul(*operands)
            pre += layer.bias
            self.activation.forward(pre, post, buffers, **layer.learned)
        np.matmul(*work.forward[-1])
        work.scores += self.layers[-1].bias
        return work.scores

    def backward(self, work: Work, activation_l1: np.ndarray | None = None) -> None:
        """Write into `gradient` the sum over rows of the gradient, from `work.delta` = dcost/dscores.

        A factor on `delta` (1/rows for the mean, the learning rate) is a factor on every gradient.
        `activation_l1` (R, 1, 1), scaled likewise, adds the gradient of that factor times Σ|h| over the hidden layers.
        """
        delta = work.delta
        for index in range(len(self.hidden), -1, -1):
            np.matmul(*work.outer[index])
            np.matmul(work.ones, delta, out=self.gradients[index].bias)
            if index:
                np.matmul(*work.backward[index - 1])
                upstream = work.upstream[index - 1]
                if activation_l1 is not None:
                    upstream += activation_l1 * np.sign(work.post[index - 1])
                delta = self._through_activation(index - 1, upstream, work)

    def _through_activation(self, index: int, upstream: np.ndarray, work: Work) -> np.ndarray:
        """Return dcost/dz of a hidden layer from dcost/dh. It is written over the layer's z."""
        pre, post, buffers = work.pre[index], work.post[index], work.activation[index]
        learned, gradients = self.layers[index].learned, self.gradients[index].learned
        if learned:
            local = self.activation.parameter_derivatives(pre, post, buffers, **learned)
            for name, gradient in gradients.items():
                by_unit = np.matmul(work.ones, upstream * local[name])
                gradient[:] = by_unit if gradient.shape == by_unit.shape else by_unit.sum(axis=2, keepdims=True)
        derivative = self.activation.derivative(pre, post, buffers, **learned)
        if self.activation.pieces == 1:
            np.multiply(upstream, derivative, out=pre)
        else:
            by_piece = (*upstream.shape[:2], self.activation.pieces, upstream.shape[2])
            np.multiply(upstream[:, :, None, :], derivative.reshape(by_piece), out=pre.reshape(by_piece))
        return pre

    def collapse(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the affine map that equals a linear network: W (R, inputs, outputs), b (R, 1, outputs).

        W = W₁W₂…W_N and b = b_N + b_{N−1}W_N + …, in this module's row convention.

        Raises
        ------
        ValueError
            If a hidden layer is not linear.
        """
        if self.hidden and self.activation.name != "linear":
            raise ValueError(f"a network of {self.activation} is not an affine map; only linear hidden layers collapse")
        weight, bias = self.layers[0].weight, self.layers[0].bias
        for layer in self.layers[1:]:
            weight, bias = weight @ layer.weight, bias @ layer.weight + layer.bias
        return weight, bias
