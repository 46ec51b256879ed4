"""Norms standardise the products z = x W of a hidden layer, before its activation: y = γ x̂ + β, x̂ = (z − μ) / √(v + ε).

γ is learned. The layer's bias is β, because a bias on z would be redundant. v is the biased variance Σ(z − μ)²/n of n
numbers, and ε is 1e-5. No replica's numbers depend on the other replicas.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np

NORMS: dict[str, type["Norm"]] = {}

EPSILON = 1e-5
SHARE = 0.1
"""The share of a batch in the running statistics."""


class Running(NamedTuple):
    """The running statistics of a layer, as views (R, 1, columns) of the network's `statistics`."""

    mean: np.ndarray
    variance: np.ndarray


class Normed(NamedTuple):
    """The arrays of a layer with a norm.

    Attributes
    ----------
    z, y
        (R, rows, columns); the columns are the units, or all pieces of all units. Before `Norm.backward`, y holds
        ∂cost/∂y.
    scale, bias
        γ and β (R, 1, columns).
    scale_gradient, bias_gradient
        The gradients with respect to them. That of β is the sum of ∂cost/∂y over the rows.
    running
        The running statistics, for a norm that has some.
    """

    z: np.ndarray
    y: np.ndarray
    scale: np.ndarray
    bias: np.ndarray
    scale_gradient: np.ndarray
    bias_gradient: np.ndarray
    running: Running | None


class Norm(ABC):
    """A norm of z (R, rows, columns).

    Attributes
    ----------
    runs
        Whether running statistics stand for those of a batch, except in training.
    """

    name: ClassVar[str]
    runs: ClassVar[bool] = False

    def __init_subclass__(cls, *, name: str) -> None:
        cls.name = name
        NORMS[name] = cls

    @abstractmethod
    def forward(self, layer: Normed, share: float) -> np.ndarray:
        """Write γ x̂ + β to y, and what `backward` needs over z; return 1/√(v + ε).

        In training, `share` is the share of this batch in the running statistics. 0 means that these stand for the
        batch's.
        """

    @abstractmethod
    def backward(self, layer: Normed, inverse: np.ndarray, training: bool) -> None:
        """Write ∂cost/∂z over z, and ∂cost/∂γ into its gradient; `inverse` is what `forward` returned.

        The gradient of β and ∂cost/∂y are there already, and do not change.
        """


class BatchNorm(Norm, name="batch"):
    """μ and v are those of each column over the rows of the batch, or the running ones except in training.

    A batch of n rows counts in the running variance as Σ(z − μ)²/(n − 1), as in PyTorch.

    References
    ----------
    Ioffe and Szegedy (2015), "Batch normalization".
    """

    runs = True

    def forward(self, layer: Normed, share: float) -> np.ndarray:
        assert layer.running is not None
        z, y, (mean, variance) = layer.z, layer.y, layer.running
        if share:
            rows = z.shape[1]
            batch_mean = _sum_of_rows(z) / rows
            z -= batch_mean
            squares = _sum_of_rows(np.multiply(z, z, out=y))
            mean *= 1 - share
            mean += share * batch_mean
            variance *= 1 - share
            variance += share / (rows - 1) * squares
            inverse = _inverse_root(squares / rows)
        else:
            z -= mean
            inverse = _inverse_root(variance)
        np.multiply(z, layer.scale * inverse, out=y)
        y += layer.bias
        return inverse

    def backward(self, layer: Normed, inverse: np.ndarray, training: bool) -> None:
        z, delta = layer.z, layer.y
        np.multiply(_sum_of_rows(delta * z), inverse, out=layer.scale_gradient)
        if training:
            rows = z.shape[1]
            z *= layer.scale_gradient * inverse / -rows
            z += delta
            z -= layer.bias_gradient / rows
            z *= layer.scale * inverse
        else:
            np.multiply(delta, layer.scale * inverse, out=z)


class LayerNorm(Norm, name="layer"):
    """μ and v are those of each row over its columns, in training and after it.

    References
    ----------
    Ba, Kiros and Hinton (2016), "Layer normalization".
    """

    def forward(self, layer: Normed, share: float) -> np.ndarray:
        z, y = layer.z, layer.y
        ones = np.ones((z.shape[2], 1), z.dtype)
        z -= _mean_of_columns(z, ones)
        inverse = _inverse_root(_mean_of_columns(np.multiply(z, z, out=y), ones))
        z *= inverse
        np.multiply(z, layer.scale, out=y)
        y += layer.bias
        return inverse

    def backward(self, layer: Normed, inverse: np.ndarray, training: bool) -> None:
        z, delta, scale = layer.z, layer.y, layer.scale
        product = delta * z
        layer.scale_gradient[:] = _sum_of_rows(product)
        z *= -_mean_of_columns(product, scale.mT)
        z += np.multiply(delta, scale, out=product)
        z -= _mean_of_columns(delta, scale.mT)
        z *= inverse


def _inverse_root(variance: np.ndarray) -> np.ndarray:
    inverse: np.ndarray = 1 / np.sqrt(variance + EPSILON)
    return inverse


# A matrix product is a faster sum than one along an axis.


def _sum_of_rows(z: np.ndarray) -> np.ndarray:
    """Return the sums (R, 1, columns)."""
    sums: np.ndarray = np.matmul(np.ones((1, z.shape[1]), z.dtype), z)
    return sums


def _mean_of_columns(z: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the means (R, rows, 1) of z times weights (columns, 1) or (R, columns, 1)."""
    means: np.ndarray = np.matmul(z, weights)
    means /= z.shape[2]
    return means
