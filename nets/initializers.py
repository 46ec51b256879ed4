"""Weight draws: what fan-in, fan-out, a gain and a generator make of one layer's matrix. Biases start at zero."""

from dataclasses import dataclass
from math import sqrt
from numbers import Real
from typing import ClassVar

import numpy as np

INITIALIZERS: dict[str, type["Initializer"]] = {}


def _normal(generator, shape):
    return generator.standard_normal(shape)


def _uniform(generator, shape):
    """Draw from U[−√3, √3], which has variance 1."""
    return generator.uniform(-sqrt(3), sqrt(3), shape)


def _orthogonal(generator, shape):
    """Draw orthonormal columns (or rows, where these are fewer), uniform over all of them (Mezzadri 2007)."""
    draw = generator.standard_normal((max(shape), min(shape)))
    q, r = np.linalg.qr(draw)
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    return q if shape[0] >= shape[1] else q.T


@dataclass(frozen=True)
class Initializer:
    """A way to draw a weight matrix: W = gain · √variance(fan_in, fan_out) · (a standard draw).

    Initializers of one family of draws start from the same directions, scaled differently.

    Raises
    ------
    ValueError
        If a field is not a number above 0, up to 1e30.
    """

    gain: float = 1.0

    name: ClassVar[str]

    def __init_subclass__(cls, *, name, draw):
        cls.name, cls.draw = name, staticmethod(draw)
        INITIALIZERS[name] = cls

    def __post_init__(self):
        for field, value in vars(self).items():
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value <= 1e30:
                raise ValueError(f"init.{field}={value!r} of {self.name}: allowed is a number above 0, up to 1e30")

    def __call__(self, generator: np.random.Generator, fan_in: int, fan_out: int, pieces: int = 1) -> np.ndarray:
        """Draw a float64 matrix (fan_in, pieces · fan_out): one piece after the other, each as a plain layer."""
        scale = self.gain * sqrt(self.variance(fan_in, fan_out))
        return scale * np.hstack([self.draw(generator, (fan_in, fan_out)) for _ in range(pieces)])


@dataclass(frozen=True)
class HeNormal(Initializer, name="he_normal", draw=_normal):
    """W ~ N(0, gain² · 2/fan_in) (He et al. 2015)."""

    def variance(self, fan_in, fan_out):
        return 2 / fan_in


@dataclass(frozen=True)
class HeUniform(HeNormal, name="he_uniform", draw=_uniform):
    """W ~ U[±gain · √(6/fan_in)] (He et al. 2015)."""


@dataclass(frozen=True)
class GlorotNormal(Initializer, name="glorot_normal", draw=_normal):
    """W ~ N(0, gain² · 2/(fan_in + fan_out)) (Glorot & Bengio 2010)."""

    def variance(self, fan_in, fan_out):
        return 2 / (fan_in + fan_out)


@dataclass(frozen=True)
class GlorotUniform(GlorotNormal, name="glorot_uniform", draw=_uniform):
    """W ~ U[±gain · √(6/(fan_in + fan_out))] (Glorot & Bengio 2010)."""


@dataclass(frozen=True)
class LecunNormal(Initializer, name="lecun_normal", draw=_normal):
    """W ~ N(0, gain²/fan_in) (LeCun et al. 1998)."""

    def variance(self, fan_in, fan_out):
        return 1 / fan_in


@dataclass(frozen=True)
class LecunUniform(LecunNormal, name="lecun_uniform", draw=_uniform):
    """W ~ U[±gain · √(3/fan_in)] (LeCun et al. 1998)."""


@dataclass(frozen=True)
class Standard(Initializer, name="standard", draw=_uniform):
    """W ~ U[±gain/√fan_in], the older heuristic that Glorot & Bengio (2010) compare against."""

    def variance(self, fan_in, fan_out):
        return 1 / (3 * fan_in)


@dataclass(frozen=True)
class Orthogonal(Initializer, name="orthogonal", draw=_orthogonal):
    """Orthonormal columns or rows, times gain (Saxe et al. 2014)."""

    def variance(self, fan_in, fan_out):
        return 1.0


@dataclass(frozen=True)
class Normal(Initializer, name="normal", draw=_normal):
    """W ~ N(0, gain² · std²), whatever the layer's shape."""

    std: float = 0.01

    def variance(self, fan_in, fan_out):
        return self.std**2
