"""The stacked multilayer perceptron: R networks of one shape, trained side by side by the same NumPy calls.

Every array is (R, batch, units) and a weight matrix (R, fan_in, fan_out): a row is an example, so a layer is
z = x W + b, h = f(z). The column convention of most textbooks, z = W x + b with W of (fan_out, fan_in), is its
transpose. f acts on hidden layers only; the network's result is the raw scores z of its last layer.

A hidden layer may have a norm, dropout and a residual connection. Then it is x ↦ [x +] dropout(f(norm(x W))). Whatever
the layer has, the pre-activation is what f receives, and the activation h is what f returns.
"""

from collections.abc import Callable, Mapping, Sequence
from math import ceil, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from nets.activations import Activation
from nets.dropout import Dropout
from nets.initializers import Factors, Initializer
from nets.names import nearest
from nets.norms import NORMS, SHARE, Normed, Running
from nets.products import product


class Layer(NamedTuple):
    """One layer's share of the flat arrays, as views: its parameters, or the gradient with respect to them."""

    weight: np.ndarray  # (R, fan_in, pieces · units)
    bias: np.ndarray  # (R, 1, pieces · units), added after the norm if there is one
    learned: dict[str, np.ndarray]  # the activation's own parameters, (R, 1, units) or (R, 1, 1)
    scale: np.ndarray | None = None  # the norm's γ, shaped like the bias


class Recipe(NamedTuple):
    """What hidden layers have besides their activation.

    Attributes
    ----------
    norm
        "none", or a key of `NORMS`.
    dropout, input_dropout
        The probabilities that a hidden unit and an input are dropped in training; 0 for no dropout.
    residual
        Whether a hidden layer adds its input to its result, if the layer before it has as many units. The inputs of the
        network are not added.
    """

    norm: str = "none"
    dropout: float = 0.0
    input_dropout: float = 0.0
    residual: bool = False


PLAIN = Recipe()


class Work:
    """The buffers of a network's forward and backward pass over `rows` examples, owned by the caller.

    The caller fills `inputs`, and `targets`, which the network does not use. `Network.forward` writes the
    pre-activation and the activation of hidden layer l into `pre[l]` and `post[l]`, what the layer passes on into
    `signals[l + 1]`, and the last z into `scores`. The caller writes dcost/dscores into `delta`. `Network.backward`
    then replaces each pre-activation in `pre` by dcost/dpre. Buffers belong to one network, and `Network.keep` makes
    them invalid.

    Parameters
    ----------
    training
        Whether batch statistics and dropout are used. With dropout the caller fills the `masks` before each pass.
    targets
        Columns of the targets; by default as many as there are scores.
    """

    def __init__(self, network: "Network", rows: int, training: bool = False, targets: int | None = None):
        def empty(columns: int) -> np.ndarray:
            return np.empty((network.replicas, rows, columns), network.dtype)

        activation, hidden, recipe = network.activation, network.hidden, network.recipe
        drops = [training and bool(p) for p in (recipe.input_dropout, *(recipe.dropout for _ in hidden))]
        widths = (network.inputs, *hidden)
        self.training = training
        self.inputs = empty(network.inputs)
        self.pre = [empty(activation.pieces * units) for units in hidden]
        self.products = [empty(activation.pieces * units) for units in hidden] if network.norm else self.pre
        pairs = zip(self.products, self.pre, network.layers, network.gradients, network.running, strict=False)
        self.normed = [
            Normed(z, y, layer.scale, layer.bias, gradient.scale, gradient.bias, running)
            for z, y, layer, gradient, running in pairs
            if layer.scale is not None and gradient.scale is not None
        ]
        self.inverse: list[np.ndarray] = [np.empty(0)] * len(self.normed)  # what the norms return
        self.post = [empty(units) for units in hidden]
        self.activation = [activation.buffers(pre.shape, network.dtype) for pre in self.pre]
        self.masks = [empty(width) if drop else None for width, drop in zip(widths, drops, strict=True)]
        # The random words of a step, 16 bits for each entry of a mask.
        count = sum(mask[0].size for mask in self.masks if mask is not None)
        self.words = np.empty((network.replicas, ceil(count / 4)), "<u8")
        self.signals = [
            empty(width) if drop or skip else signal
            for width, drop, skip, signal in zip(
                widths, drops, (False, *network.skips), (self.inputs, *self.post), strict=True
            )
        ]
        self.scores = empty(network.outputs)
        self.targets = empty(network.outputs if targets is None else targets)
        self.delta = empty(network.outputs)
        # dcost/dsignal of a layer. A residual connection needs that of the layer above too: two buffers take turns.
        turns = 2 if any(network.skips) else 1
        spare = [empty(max(hidden, default=0)).reshape(-1) for _ in range(turns + any(network.skips))]
        self.upstream = [spare[i % turns][: post.size].reshape(post.shape) for i, post in enumerate(self.post)]
        # dcost/dh, which may overwrite dcost/dsignal where there is no residual connection.
        self.inner = [
            spare[-1][: post.size].reshape(post.shape) if skip else upstream
            for post, upstream, skip in zip(self.post, self.upstream, network.skips, strict=True)
        ]
        self.ones = np.ones((1, rows), network.dtype)
        self.parameters = network.parameters
        # The operands and the result of np.matmul, layer by layer: z = x W, dcost/dW = xᵀ δ, dcost/dx = δ Wᵀ.
        results, deltas = [*self.products, self.scores], [*self.products, self.delta]
        weights = [layer.weight for layer in network.layers]
        gradients = [gradient.weight for gradient in network.gradients]
        self.forward = list(map(product, self.signals, weights, results))
        self.outer = list(map(product, [signal.mT for signal in self.signals], deltas, gradients))
        self.backward = list(map(product, deltas[1:], [weight.mT for weight in weights[1:]], self.upstream))
        self._first = weights[0], results[0], deltas[0], gradients[0]

    def read(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        """Use these arrays in place of `inputs` and `targets`, without a copy: replicas may share their memory.

        This is not for training.
        """
        self.inputs = self.signals[0] = inputs
        self.targets = targets
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
    recipe
        What hidden layers have besides.

    Attributes
    ----------
    parameters, gradient
        (R, P): all weights first (`decayed` columns), then biases, scales of the norms, and what the activation learns.
    layers, gradients
        The same memory, layer by layer, as views.
    statistics
        (R, S): the running means and variances of a batch norm, which are no parameters. S is 0 without it.
    running
        The same memory, by hidden layer, as views; None for a norm without running statistics.
    norm
        The norm of hidden layers, if they have one.
    skips
        Whether each hidden layer has a residual connection.

    Raises
    ------
    ValueError
        If the hidden layers cannot have the recipe.
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        activation: Activation,
        replicas: int,
        dtype: DTypeLike = "float32",
        recipe: Recipe = PLAIN,
    ):
        _check(recipe, hidden, activation.pieces)
        self.inputs, self.hidden, self.outputs = inputs, tuple(hidden), outputs
        self.activation, self.replicas, self.dtype, self.recipe = activation, replicas, np.dtype(dtype), recipe
        self.norm = NORMS[recipe.norm]() if recipe.norm in NORMS else None
        self.skips = skips(self.hidden) if recipe.residual else (False,) * len(self.hidden)
        self._drop = Dropout.of(activation.dropout, recipe.dropout) if recipe.dropout else None
        self._drop_input = Dropout.of("standard", recipe.input_dropout) if recipe.input_dropout else None
        fan_in = (inputs, *self.hidden)
        columns = (*(activation.pieces * units for units in self.hidden), outputs)
        initial: list[dict[str, np.ndarray]] = [activation.init(replicas, units, self.dtype) for units in self.hidden]
        initial.append({})
        shapes = {("weight", i): shape for i, shape in enumerate(zip(fan_in, columns, strict=True))}
        shapes |= {("bias", i): (1, width) for i, width in enumerate(columns)}
        if self.norm:
            shapes |= {("scale", i): (1, activation.pieces * units) for i, units in enumerate(self.hidden)}
        shapes |= {(name, i): value.shape[1:] for i, learned in enumerate(initial) for name, value in learned.items()}
        self._shapes = shapes
        self.decayed = sum(rows * width for rows, width in zip(fan_in, columns, strict=True))
        self._allocate(replicas)
        for layer, learned in zip(self.layers, initial, strict=True):
            for name, value in learned.items():
                layer.learned[name][:] = value
            if layer.scale is not None:
                layer.scale[:] = 1
        for running in filter(None, self.running):
            running.variance[:] = 1

    def _allocate(self, replicas: int) -> None:
        self.replicas = replicas
        count = sum(rows * columns for rows, columns in self._shapes.values())
        self.parameters = np.zeros((replicas, count), self.dtype)
        self.gradient = np.zeros_like(self.parameters)
        columns = sum(self.activation.pieces * units for units in self.hidden) if self.norm and self.norm.runs else 0
        self.statistics = np.zeros((replicas, 2 * columns), self.dtype)
        self._set_views()

    def _set_views(self) -> None:
        self.layers, self.gradients = self._views(self.parameters), self._views(self.gradient)
        self.running: list[Running | None] = [None] * len(self.hidden)
        start = 0
        for index, units in enumerate(self.hidden if self.statistics.shape[1] else ()):
            width = self.activation.pieces * units
            mean, variance = (self.statistics[:, None, first : first + width] for first in (start, start + width))
            self.running[index] = Running(mean, variance)
            start += 2 * width

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the gradient and the views: those of a copy must share the memory of its own arrays."""
        views = ("gradient", "gradients", "layers", "running")
        return {name: value for name, value in vars(self).items() if name not in views}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.gradient = np.zeros_like(self.parameters)
        self._set_views()

    def _views(self, flat: np.ndarray) -> list[Layer]:
        """Return each layer's views of a flat array."""
        views: list[dict[str, np.ndarray]] = [{} for _ in range(len(self.hidden) + 1)]
        start = 0
        for (name, index), (rows, columns) in self._shapes.items():
            views[index][name] = flat[:, start : start + rows * columns].reshape(len(flat), rows, columns)
            start += rows * columns
        return [
            Layer(layer.pop("weight"), layer.pop("bias"), scale=layer.pop("scale", None), learned=layer)
            for layer in views
        ]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that training changes, by name: `parameters`, and `statistics` if there are any."""
        return {"parameters": self.parameters} | ({"statistics": self.statistics} if self.statistics.shape[1] else {})

    def weights(self, parameters: np.ndarray) -> list[np.ndarray]:
        """Return the weight matrices (R, fan_in, columns) within a flat array shaped like `parameters`."""
        return [layer.weight for layer in self._views(parameters)]

    def initialize(self, initializer: Initializer, generator: Callable[[int, int], np.random.Generator]) -> None:
        """Draw replica r's layer l (from 0) from `generator(r, l)`: its weights, then its biases if they are random.

        Other biases do not change.

        Raises
        ------
        ValueError
            If the initializer is not defined for the activation.
        """
        factors = initializer.factors(self.activation) if self.hidden else Factors()
        for index, layer in enumerate(self.layers):
            hidden = index < len(self.hidden)
            pieces = self.activation.pieces if hidden else 1
            units = self.hidden[index] if hidden else self.outputs
            scale = sqrt((factors.hidden if index else factors.first) if hidden else factors.output)
            for replica, (weight, bias) in enumerate(zip(layer.weight, layer.bias, strict=True)):
                random = generator(replica, index)
                weight[:] = scale * initializer(random, len(weight), units, pieces)
                if hidden and factors.biases:
                    bias[:] = sqrt(factors.biases) * random.standard_normal(bias.shape)

    def keep(self, replicas: np.ndarray) -> None:
        """Continue with these replicas only (indices). Buffers that were made before become invalid."""
        parameters, statistics = self.parameters[replicas], self.statistics[replicas]
        self._allocate(len(parameters))
        self.parameters[:], self.statistics[:] = parameters, statistics

    @property
    def drops(self) -> bool:
        """Whether units are dropped in training."""
        return self.recipe.dropout > 0 or self.recipe.input_dropout > 0

    def draw_masks(self, generators: Mapping[int, np.random.Generator], seeds: Sequence[int], work: Work) -> None:
        """Fill the masks of `work` for a step of training, if there is dropout.

        Parameters
        ----------
        generators
            The generator of each seed. The inputs' mask is drawn first, then those of the hidden layers in their order.
        seeds
            The seed of each replica. Replicas of one seed have the same masks.
        """
        if not work.words.size:
            return
        first: dict[int, np.ndarray] = {}
        for seed, words in zip(seeds, work.words, strict=True):
            if seed not in first:
                first[seed] = generators[seed].bit_generator.random_raw(words.size)
            words[:] = first[seed]
        bits, start = work.words.view("<u2"), 0
        for drop, mask in zip((self._drop_input, *[self._drop] * len(self.hidden)), work.masks, strict=True):
            if drop and mask is not None:
                end = start + mask[0].size
                drop.fill(mask, bits[:, start:end].reshape(mask.shape))
                start = end

    def forward(self, work: Work, share: float = SHARE) -> np.ndarray:
        """Return `work.scores`, the scores z (R, rows, outputs) of `work.inputs` (R, rows, features).

        In training, `share` is the share of this batch in the running statistics of a batch norm. 1 replaces them.

        Raises
        ------
        ValueError
            If the buffers belong to another network.
        """
        if work.parameters is not self.parameters:
            raise ValueError("work holds the buffers of another network, or was made before `keep`: make a new one")
        if self._drop_input and work.masks[0] is not None:
            self._drop_input.apply(work.inputs, work.masks[0], work.signals[0])
        hidden = zip(self.layers, work.forward, work.pre, work.post, work.activation, strict=False)
        for index, (layer, operands, pre, post, buffers) in enumerate(hidden):
            np.matmul(*operands)
            if self.norm:
                work.inverse[index] = self.norm.forward(work.normed[index], work.training * share)
            else:
                pre += layer.bias
            self.activation.forward(pre, post, buffers, **layer.learned)
            signal, mask = work.signals[index + 1], work.masks[index + 1]
            if self._drop and mask is not None:
                self._drop.apply(post, mask, signal)
                post = signal
            if self.skips[index]:
                np.add(post, work.signals[index], out=signal)
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
            self._through_affine(index, delta, work)
            if not index:
                return
            np.matmul(*work.backward[index - 1])
            upstream = work.upstream[index - 1]
            if index < len(self.hidden) and self.skips[index]:
                upstream += work.upstream[index]
            mask, inner = work.masks[index], work.inner[index - 1]
            if mask is not None:
                upstream = np.multiply(upstream, mask, out=inner)
            if activation_l1 is not None:
                upstream = np.add(upstream, activation_l1 * np.sign(work.post[index - 1]), out=inner)
            delta = self._through_activation(index - 1, upstream, work)

    def _through_affine(self, index: int, delta: np.ndarray, work: Work) -> None:
        """Write a layer's gradients of bias, scale and weight, from dcost/dscores or dcost/dpre.

        Behind a norm, dcost/dz is written over the layer's products.
        """
        np.matmul(work.ones, delta, out=self.gradients[index].bias)
        if self.norm and index < len(self.hidden):
            self.norm.backward(work.normed[index], work.inverse[index], work.training)
        np.matmul(*work.outer[index])

    def _through_activation(self, index: int, upstream: np.ndarray, work: Work) -> np.ndarray:
        """Return dcost/dpre of a hidden layer from dcost/dh. It is written over the layer's pre-activation."""
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

        W = W₁W₂…W_N and b = b_N + b_{N−1}W_N + …, in this module's row convention. With residual connections W_l + 1
        stands for W_l.

        Raises
        ------
        ValueError
            If a hidden layer is not linear, or has a norm.
        """
        if self.norm:
            raise ValueError(f"a network with {self.norm.name} norm is not an affine map: only norm none collapses")
        if self.hidden and self.activation.name != "linear":
            raise ValueError(f"a network of {self.activation} is not an affine map; only linear hidden layers collapse")
        weight, bias = self.layers[0].weight, self.layers[0].bias
        for index, layer in enumerate(self.layers[1:], start=1):
            skip = index < len(self.hidden) and self.skips[index]
            own = layer.weight + np.eye(layer.weight.shape[1], dtype=self.dtype) if skip else layer.weight
            weight, bias = weight @ own, bias @ own + layer.bias
        return weight, bias


def _check(recipe: Recipe, hidden: Sequence[int], pieces: int) -> None:
    """Refuse a recipe that these hidden layers cannot have."""
    if recipe.norm not in ("none", *NORMS):
        raise ValueError(f"norm={recipe.norm!r}: {nearest(recipe.norm, ('none', *NORMS))}")
    for name in ("dropout", "input_dropout"):
        if not 0 <= getattr(recipe, name) < 1:
            raise ValueError(f"{name}={getattr(recipe, name)!r}: allowed is a number in [0, 1)")
    if recipe.residual and not any(skips(hidden)):
        raise ValueError(f"residual=True: no two hidden layers of {list(hidden)} follow each other with equal widths")
    if not hidden and recipe.norm != "none":
        raise ValueError(f"norm={recipe.norm!r} needs hidden layers")
    if recipe.norm == "layer" and pieces * min(hidden) == 1:
        raise ValueError("norm='layer' needs 2 units or more in each hidden layer: the variance of 1 unit is 0")
    if not hidden and recipe.dropout:
        raise ValueError(f"dropout={recipe.dropout} needs hidden layers")


def skips(hidden: Sequence[int]) -> tuple[bool, ...]:
    """Return whether each hidden layer can have a residual connection: the layer before it has as many units."""
    return tuple(index > 0 and units == hidden[index - 1] for index, units in enumerate(hidden))
