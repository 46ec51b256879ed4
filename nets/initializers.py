"""Initializers draw a layer's weight matrix from fan-in, fan-out, a gain and a generator. Biases start at zero."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import sqrt
from typing import Annotated, ClassVar, Protocol

import numpy as np

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


@dataclass(frozen=True)
class Normal(Initializer, name="normal", draw=_normal):
    """W ~ N(0, gain² · std²), whatever the layer's shape."""

    std: Annotated[float, Number("(0, 1e30]")] = 0.01

    def variance(self, fan_in: int, fan_out: int) -> float:
        return self.std**2
