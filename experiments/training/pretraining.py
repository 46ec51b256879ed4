"""Unsupervised pre-training: each hidden layer in turn is the encoder of a denoising autoencoder.

Some of the layer's inputs are masked, h = f(x̃ W + b), and x is to be reconstructed as g(h V + c), at the cost
½ Σ (g − x)²: with g = softplus where x cannot be negative, as a rectifier's never is, else linear. V starts as Wᵀ.

References
----------
Vincent et al. (2010), "Stacked denoising autoencoders", JMLR 11. Glorot, Bordes and Bengio (2011), "Deep sparse
rectifier neural networks", section 3.2 (softplus with a quadratic cost).
"""

import numpy as np

from nets.activations import ACTIVATIONS, Activation
from nets.network import Network, Work


def nonnegative(activation: Activation) -> bool:
    """Return whether no value of an activation is below 0, as far as 10,001 points from -50 to 50 show."""
    return bool((activation(np.linspace(-50, 50, 10_001)[:, None]) >= 0).all())


class Denoiser:
    """The denoising autoencoders of one hidden layer (index from 0) of a stack of networks, trained side by side."""

    def __init__(self, network: Network, index: int, batch: int, positive: bool):
        self.layer = layer = network.layers[index]
        _, inputs, units = layer.weight.shape
        self.coder = Network(inputs, (units,), inputs, network.activation, network.replicas, network.dtype)
        encoder, decoder = self.coder.layers
        self.encoder = [(encoder.weight, layer.weight), (encoder.bias, layer.bias)]
        self.encoder += [(encoder.learned[name], value) for name, value in layer.learned.items()]
        for own, given in self.encoder:
            own[:] = given
        decoder.weight[:] = layer.weight.swapaxes(1, 2)
        self.work = Work(self.coder, batch)
        self.output = ACTIVATIONS["softplus" if positive else "linear"]()
        self.buffers = self.output.buffers(self.work.scores.shape, network.dtype)
        self.reconstruction = np.empty_like(self.work.scores)

    def step(self, signal: np.ndarray, kept: np.ndarray, rate: np.ndarray) -> None:
        """Take one step of gradient descent on a batch (R, rows, inputs), of which `kept` (bool) is not masked."""
        work = self.work
        np.multiply(signal, kept, out=work.inputs)
        z = self.coder.forward(work)
        self.output.forward(z, self.reconstruction, self.buffers)
        np.subtract(self.reconstruction, signal, out=work.delta)
        work.delta *= self.output.derivative(z, self.reconstruction, self.buffers)
        work.delta *= rate
        self.coder.backward(work)
        self.coder.parameters -= self.coder.gradient

    def hand_over(self) -> None:
        """Make the encoder the network's layer."""
        for own, given in self.encoder:
            given[:] = own
