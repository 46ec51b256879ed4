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


class Norm(ABC):
    """A norm of z (R, rows, columns); the columns are all pieces of all units.

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
    def forward(
        self,
        z: np.ndarray,
        scale: np.ndarray,
        bias: np.ndarray,
        y: np.ndarray,
        running: Running | None,
        share: float,
    ) -> np.ndarray:
        """Write γ x̂ + β to y, and return 1/√(v + ε).

        Parameters
        ----------
        z
            The products. They are overwritten by what `backward` needs.
        scale, bias
            γ and β (R, 1, columns).
        y
            Receives the pre-activations, shaped like z.
        running
            The running statistics, for a norm that `runs`.
        share
            In training, the share of this batch in the running statistics. 0 means that these stand for the batch's.
        """

    @abstractmethod
    def backward(
        self,
        delta: np.ndarray,
        z: np.ndarray,
        inverse: np.ndarray,
        scale: np.ndarray,
        delta_sum: np.ndarray,
        gradient: np.ndarray,
        *,
        training: bool,
    ) -> None:
        """Write ∂cost/∂z over what `forward` left in z, and ∂cost/∂γ into `gradient`.

        Parameters
        ----------
        delta
            ∂cost/∂y, shaped like z. It does not change.
        z, inverse
            What `forward` left in z, and what it returned.
        scale
            γ (R, 1, columns).
        delta_sum
            The sum of `delta` over the rows, (R, 1, columns).
        gradient
            Receives the gradient with respect to γ, (R, 1, columns).
        training
            Whether `forward` used the statistics of the batch.
        """


class BatchNorm(Norm, name="batch"):
    """μ and v are those of each column over the rows of the batch, or the running ones except in training.

    A batch of n rows counts in the running variance as Σ(z − μ)²/(n − 1), as in PyTorch.

    References
    ----------
    Ioffe and Szegedy (2015), "Batch normalization".
    """

    runs = True

    def forward(
        self,
        z: np.ndarray,
        scale: np.ndarray,
        bias: np.ndarray,
        y: np.ndarray,
        running: Running | None,
        share: float,
    ) -> np.ndarray:
        assert running is not None
        mean, variance = running
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
        np.multiply(z, scale * inverse, out=y)
        y += bias
        return inverse

    def backward(
        self,
        delta: np.ndarray,
        z: np.ndarray,
        inverse: np.ndarray,
        scale: np.ndarray,
        delta_sum: np.ndarray,
        gradient: np.ndarray,
        *,
        training: bool,
    ) -> None:
        np.multiply(_sum_of_rows(delta * z), inverse, out=gradient)
        if training:
            rows = z.shape[1]
            z *= gradient * inverse / -rows
            z += delta
            z -= delta_sum / rows
            z *= scale * inverse
        else:
            np.multiply(delta, scale * inverse, out=z)


class LayerNorm(Norm, name="layer"):
    """μ and v are those of each row over its columns, in training and after it.

    References
    ----------
    Ba, Kiros and Hinton (2016), "Layer normalization".
    """

    def forward(
        self,
        z: np.ndarray,
        scale: np.ndarray,
        bias: np.ndarray,
        y: np.ndarray,
        running: Running | None,
        share: float,
    ) -> np.ndarray:
        ones = np.ones((z.shape[2], 1), z.dtype)
        z -= _mean_of_columns(z, ones)
        inverse = _inverse_root(_mean_of_columns(np.multiply(z, z, out=y), ones))
        z *= inverse
        np.multiply(z, scale, out=y)
        y += bias
        return inverse

    def backward(
        self,
        delta: np.ndarray,
        z: np.ndarray,
        inverse: np.ndarray,
        scale: np.ndarray,
        delta_sum: np.ndarray,
        gradient: np.ndarray,
        *,
        training: bool,
    ) -> None:
        product = delta * z
        gradient[:] = _sum_of_rows(product)
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
