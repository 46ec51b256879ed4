"""Unsupervised pre-training: each hidden layer in turn is the encoder of a denoising autoencoder.

Some inputs x of the layer are masked: x̃. The encoder is h = f(x̃ W + b), the reconstruction of x is g(h V + c), and
the cost is ½ Σ (g − x)². g is softplus if x is never negative, as the activation of a rectifier, and linear otherwise.
V starts as Wᵀ.

References
----------
Vincent et al. (2010), "Stacked denoising autoencoders", JMLR 11. Glorot, Bordes and Bengio (2011), "Deep sparse
rectifier neural networks", section 3.2 (softplus with a quadratic cost).
"""

import numpy as np

from experiments.streams import stream
from experiments.training.stack import Stack
from nets.activations import ACTIVATIONS, Activation
from nets.network import Network, Work


def pretrain(stack: Stack) -> None:
    """Train the hidden layers one after the other as denoising autoencoders, for the epochs of the settings."""
    settings = stack.settings
    epochs = settings.pretrain.epochs
    if not epochs:
        return
    rate = np.array(settings.pretrain.lr / settings.batch_size, stack.network.dtype)
    for index in range(len(settings.net.hidden)):
        positive = nonnegative(settings.activation) if index else settings.data.image
        denoiser = Denoiser(stack.network, index, settings.batch_size, positive)
        for epoch in range(1, epochs + 1):
            masks = {
                seed: stream(settings.entropy, "noise", int(seed), index * epochs + epoch) for seed in set(stack.seed)
            }
            for rows in stack.batches(epoch):
                work = stack.gather(rows)
                if index:
                    stack.network.forward(work)
                signal = work.signals[index]
                draws = {seed: generator.random(signal.shape[1:]) for seed, generator in masks.items()}
                kept = np.stack([draws[seed] for seed in stack.seed]) >= settings.pretrain.noise
                denoiser.step(signal, kept, rate)
        denoiser.hand_over()


def nonnegative(activation: Activation) -> bool:
    """Return whether no value of an activation is below 0, at 10,001 points from -50 to 50."""
    return bool((activation(np.linspace(-50, 50, 10_001)[:, None]) >= 0).all())


class Denoiser:
    """The denoising autoencoders of one hidden layer (index from 0) of a stack of networks, trained side by side."""

    def __init__(self, network: Network, index: int, batch: int, positive: bool):
        layer = network.layers[index]
        _, inputs, units = layer.weight.shape
        self.coder = Network(inputs, (units,), inputs, network.activation, network.replicas, network.dtype)
        encoder, decoder = self.coder.layers
        self.copies = [(encoder.weight, layer.weight), (encoder.bias, layer.bias)]  # the encoder's, the network's
        self.copies += [(encoder.learned[name], value) for name, value in layer.learned.items()]
        for copy, original in self.copies:
            copy[:] = original
        decoder.weight[:] = layer.weight.swapaxes(1, 2)
        self.work = Work(self.coder, batch)
        self.output = ACTIVATIONS["softplus" if positive else "linear"]()
        self.buffers = self.output.buffers(self.work.scores.shape, network.dtype)
        self.reconstruction = np.empty_like(self.work.scores)

    def step(self, signal: np.ndarray, kept: np.ndarray, rate: np.ndarray) -> None:
        """Take one step of gradient descent on a batch.

        Parameters
        ----------
        signal
            The layer's inputs (R, rows, inputs), which are to be reconstructed.
        kept
            Whether an input is not masked, shaped like the signal.
        rate
            The learning rate divided by the number of rows, an array without axes.
        """
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
        """Copy the encoder into the network's layer."""
        for copy, original in self.copies:
            original[:] = copy
