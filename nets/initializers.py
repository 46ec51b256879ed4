"""Initializers draw a layer's weight matrix from fan-in, fan-out, a gain and a generator. Most leave biases at zero."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import sqrt
from typing import Annotated, ClassVar, NamedTuple, Protocol

import numpy as np

from nets import theory
from nets.activations import Activation
from nets.hyperparameters import Number, check

INITIALIZERS: dict[str, type["Initializer"]] = {}


class _Draw(Protocol):
    """A function that draws a matrix of this shape, before it is scaled."""

    def __call__(self, generator: np.random.Generator, shape: tuple[int, int], /) -> np.ndarray: ...


def _normal(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return generator.standard_normal(shape)


def _uniform(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw from U[−√3, √3], which has variance 1."""
    return generator.uniform(-sqrt(3), sqrt(3), shape)


def _orthogonal(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw orthonormal columns, or rows if these are fewer, uniformly from all such matrices (Mezzadri 2007)."""
    draw = generator.standard_normal((max(shape), min(shape)))
    q, r = np.linalg.qr(draw)
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    return q if shape[0] >= shape[1] else q.T


class Factors(NamedTuple):
    """What an initializer does differently in the layers of a network.

    Attributes
    ----------
    first, hidden, output
        By how much the weights' variance in the first, the other hidden and the output layer exceeds `variance`.
    biases
        The variance of the hidden layers' biases.
    """

    first: float = 1.0
    hidden: float = 1.0
    output: float = 1.0
    biases: float = 0.0


@dataclass(frozen=True)
class Initializer(ABC):
    """A way to draw a weight matrix: W = gain · √variance(fan_in, fan_out) · (a standard draw).

    Initializers of one family make the same standard draw from the same generator; only the scale differs.

    Raises
    ------
    ValueError
        If a hyperparameter is out of its range.
    """

    gain: Annotated[float, Number("(0, 1e30]")] = 1.0

    name: ClassVar[str]
    _draw: ClassVar[_Draw]

    def __init_subclass__(cls, *, name: str, draw: _Draw) -> None:
        cls.name, cls._draw = name, staticmethod(draw)
        INITIALIZERS[name] = cls

    def __post_init__(self) -> None:
        check(self, "init")

    @abstractmethod
    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return a weight's variance for a gain of 1."""

    def mean_square(self, fan_in: int, fan_out: int) -> float:
        """Return E[w²] of a weight, with the gain."""
        return self.gain**2 * self.variance(fan_in, fan_out)

    def factors(self, activation: Activation) -> Factors:
        """Return what differs between the layers of a network with this activation.

        Raises
        ------
        ValueError
            If the initializer is not defined for the activation.
        """
        return Factors()

    def note(self, activation: Activation) -> str:
        """Return what a user may not expect of the initializer with this activation; "" if there is nothing."""
        return ""

    def __call__(self, generator: np.random.Generator, fan_in: int, fan_out: int, pieces: int = 1) -> np.ndarray:
        """Draw a float64 matrix (fan_in, pieces · fan_out): one piece after the other, each like a plain layer."""
        scale = self.gain * sqrt(self.variance(fan_in, fan_out))
        return scale * np.hstack([self._draw(generator, (fan_in, fan_out)) for _ in range(pieces)])


@dataclass(frozen=True)
class HeNormal(Initializer, name="he_normal", draw=_normal):
    """W ~ N(0, gain² · 2/fan_in) (He et al. 2015)."""

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2 / fan_in


@dataclass(frozen=True)
class HeUniform(HeNormal, name="he_uniform", draw=_uniform):
    """W ~ U[±gain · √(6/fan_in)] (He et al. 2015)."""


@dataclass(frozen=True)
class GlorotNormal(Initializer, name="glorot_normal", draw=_normal):
    """W ~ N(0, gain² · 2/(fan_in + fan_out)) (Glorot & Bengio 2010)."""

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2 / (fan_in + fan_out)


@dataclass(frozen=True)
class GlorotUniform(GlorotNormal, name="glorot_uniform", draw=_uniform):
    """W ~ U[±gain · √(6/(fan_in + fan_out))] (Glorot & Bengio 2010)."""


@dataclass(frozen=True)
class LecunNormal(Initializer, name="lecun_normal", draw=_normal):
    """W ~ N(0, gain²/fan_in) (LeCun et al. 1998)."""

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 1 / fan_in


@dataclass(frozen=True)
class LecunUniform(LecunNormal, name="lecun_uniform", draw=_uniform):
    """W ~ U[±gain · √(3/fan_in)] (LeCun et al. 1998)."""


@dataclass(frozen=True)
class Standard(Initializer, name="standard", draw=_uniform):
    """W ~ U[±gain/√fan_in], the older heuristic that Glorot & Bengio (2010) compare against."""

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 1 / (3 * fan_in)


@dataclass(frozen=True)
class Orthogonal(Initializer, name="orthogonal", draw=_orthogonal):
    """Orthonormal columns or rows, times gain (Saxe et al. 2014)."""

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 1.0

    def mean_square(self, fan_in: int, fan_out: int) -> float:
        return self.gain**2 / max(fan_in, fan_out)


@dataclass(frozen=True)
class Normal(Initializer, name="normal", draw=_normal):
    """W ~ N(0, gain² · std²), whatever the layer's shape."""

    std: Annotated[float, Number("(0, 1e30]")] = 0.01

    def variance(self, fan_in: int, fan_out: int) -> float:
        return self.std**2


@dataclass(frozen=True)
class VariancePreserving(Initializer, name="variance_preserving", draw=_normal):
    """W ~ N(0, gain²/(fan_in E[f(z)²])), z ~ N(0, 1); the first layer has N(0, gain²/fan_in).

    With standardised inputs the pre-activations of all layers and the scores have variance 1. For ReLU the hidden
    layers are those of He et al. (2015), for SELU those of LeCun et al. (1998).
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 1 / fan_in

    def factors(self, activation: Activation) -> Factors:
        try:
            factor = _rounded(theory.gain(activation) ** 2)
        except theory.TheoryError as error:
            raise ValueError(f"init={self.name}: {error}; init=auto is defined there") from None
        return Factors(hidden=factor, output=factor)


@dataclass(frozen=True)
class Critical(Initializer, name="critical", draw=_normal):
    """W ~ N(0, gain² σ_w²/fan_in), b ~ N(0, bias_variance): σ_w² is critical (Schoenholz et al. 2017).

    At a critical point, lengths have the fixed point q*, and gradients neither vanish nor explode (`nets.theory`). The
    first layer gives standardised inputs the length q*. The output layer has no activation, so the theory says nothing
    of it: its weights give scores of variance 1, and its biases are not drawn. Of activations like ReLU, with
    f(az) = a f(z) for a > 0, only zero biases are critical, and these are taken.
    """

    bias_variance: Annotated[float, Number("[0, 1e30]")] = 0.04

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 1 / fan_in

    def point(self, activation: Activation) -> theory.Critical:
        """Return the critical point of an activation with these biases; ValueError if there is none."""
        try:
            return theory.critical(activation, float(self.bias_variance))
        except theory.TheoryError as error:
            raise ValueError(f"init={self.name}: {error}; init=auto is defined there") from None

    def factors(self, activation: Activation) -> Factors:
        weights, biases, length, _ = self.point(activation)
        signal = length - biases  # of the first layer, without its biases
        return Factors(*map(_rounded, (signal, weights, weights / signal, biases)))

    def note(self, activation: Activation) -> str:
        _, biases, length, growth = self.point(activation)
        if growth > theory.UNSTABLE:
            return (
                f"init={self.name}: the critical point of {activation.name} is unstable, V'(q*) = {growth:.2f} at "
                f"q* = {length:.2g}: the lengths of deep networks move away from it"
            )
        if biases != self.bias_variance:
            reason = f"{activation.name} is critical without biases only"
            return f"init={self.name}: {reason}, so init.bias_variance={self.bias_variance:g} is not used"
        return ""


def _rounded(number: float) -> float:
    """Return a number with 10 digits, without those that depend on a machine's exp."""
    return float(f"{number:.10g}")
