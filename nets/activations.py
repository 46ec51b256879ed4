"""Activations of hidden layers: their values, their derivatives, and the work arrays that these need.

In the formulas z is a pre-activation, h is the activation and h' = dh/dz. sigma(z) = 1 / (1 + exp(-z)), and [c] is 1
where c is true and 0 elsewhere.

The error of h and h' is at most 8 eps max(|exact|, largest term of the formula) + 2 tiny, for every float32 or float64
z, infinite or not. A result that is out of range is ±inf, without a warning. A NaN in z gives a NaN in h and in what
`prime` returns. The method `derivative` may give a number there if h' is piecewise constant in that z.
"""

import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache, reduce
from math import pi, prod, sqrt
from typing import Annotated, Any

import numpy as np
from numpy.lib.introspect import opt_func_info
from numpy.typing import ArrayLike, DTypeLike

from nets.hyperparameters import Number, OneOf, Whole, ZeroOr, check, rules

ACTIVATIONS: dict[str, type["Activation"]] = {}

# Bounds for the argument of exp. With them exp cannot overflow, an infinite z is never multiplied by 0, and no result
# changes.
_LOW = -750.0  # exp(_LOW) = 0, in float64 too
_HIGH = 40.0  # exp(-_HIGH) · _HIGH < eps

Buffers = tuple[np.ndarray, ...]
"""The work arrays that `Activation.buffers` makes."""


@dataclass(frozen=True)
class Activation(ABC):
    """An activation; its fields are hyperparameters. A subclass enters `ACTIVATIONS` under the name it gives.

    A subclass sets `saturates`, `kinks` and `expression` as plain attributes, or as properties where they depend on a
    hyperparameter.

    Attributes
    ----------
    pieces
        Pre-activations per unit: piece j of all units is columns [j · units, (j + 1) · units) of z.
    initializer
        Name of the weight initializer that `init=auto` stands for.
    dropout
        What dropout does to h: "standard", or "alpha" if h is to keep mean 0 and variance 1.

    Raises
    ------
    ValueError
        If a hyperparameter is out of its range, or the name of a subclass is taken.
    """

    name = ""
    pieces = 1
    initializer = "he_normal"
    dropout = "standard"
    _work = "f"  # what `buffers` makes: "f" is an array of z's dtype, "b" one of bool

    @property
    def saturates(self) -> str:
        """The sides on which h' tends to 0: "both", "left", "right" or "neither"."""
        return "neither"

    @property
    def kinks(self) -> tuple[float, ...]:
        """The points where h' jumps; ties between pieces are not listed."""
        return ()

    @property
    def jumps(self) -> tuple[float, ...]:
        """The points where h itself jumps. There h' is 0, or that of the branch taken."""
        return ()

    @property
    def trains(self) -> bool:
        """Whether h' is other than 0 somewhere. If not, hidden layers learn nothing."""
        return True

    @property
    def expression(self) -> str:
        """The formula of h for the export, in the notation of `nets.expressions`; "" if there is none.

        Its names are x (with several pieces x0, x1, …), attributes and learned parameters.
        """
        return ""

    def __init_subclass__(cls, *, name: str, **kwargs: Any) -> None:
        """Register the subclass."""
        super().__init_subclass__(**kwargs)
        if name in ACTIVATIONS:
            raise ValueError(f"activation {name!r} exists already: {ACTIVATIONS[name].__qualname__}")
        cls.name = name
        ACTIVATIONS[name] = cls

    def __post_init__(self) -> None:
        check(self, "activation")
        for field, rule in rules(type(self)).items():
            if isinstance(rule, Number):
                object.__setattr__(self, field, float(getattr(self, field)) + 0.0)  # 1 is 1.0, and -0.0 is 0.0

    def init(self, replicas: int, units: int, dtype: DTypeLike) -> dict[str, np.ndarray]:
        """Return the learned parameters before training, each (replicas, 1, units) or (replicas, 1, 1)."""
        return {}

    def buffers(self, shape: tuple[int, ...], dtype: DTypeLike) -> Buffers:
        """Return the work arrays for a z of this shape and dtype."""
        return tuple(np.empty(shape, bool if kind == "b" else dtype) for kind in self._work)

    # With `*_: Any, **learned: Any` an override may name the parameters that it learns, or none.

    @abstractmethod
    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers, /, *_: Any, **learned: Any) -> None:
        """Write to h (replicas, batch, units) the activation of z (replicas, batch, pieces · units)."""

    @abstractmethod
    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers, /, *_: Any, **learned: Any) -> np.ndarray:
        """Return dh/dz shaped like z, in a work array, which is bool if every value is 0 or 1.

        The caller has called `forward` with the same arrays: this method may use what `forward` left there. It
        may be called several times.
        """

    def parameter_derivatives(
        self, z: np.ndarray, h: np.ndarray, work: Buffers, /, *_: Any, **learned: Any
    ) -> dict[str, np.ndarray]:
        """Return dh/dθ of each learned parameter θ, elementwise, shaped like h; otherwise as `derivative`."""
        return {}

    def __call__(self, z: ArrayLike) -> np.ndarray:
        """Return h for a number or an array (…, pieces · units); learned parameters are as in `init`."""
        return self._evaluate(z)[0]

    def prime(self, z: ArrayLike) -> np.ndarray:
        """Return h' shaped like z; otherwise as `__call__`."""
        return self._evaluate(z)[1]

    def _evaluate(self, z: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        z = np.asarray(z)
        if z.dtype not in (np.float32, np.float64):
            z = z.astype(np.float64)
        *rows, columns = z.shape or (1,)
        units, rest = divmod(columns, self.pieces)
        if rest:
            allowed = f"a multiple of {self.pieces} on the last axis"
            raise ValueError(f"z of shape {z.shape} for {self}: allowed is {allowed}")
        stack = z.reshape(1, prod(rows), columns)
        h = np.empty((1, prod(rows), units), z.dtype)
        work, parameters = self.buffers(stack.shape, z.dtype), self.init(1, units, z.dtype)
        self.forward(stack, h, work, **parameters)
        derivative = np.where(np.isnan(stack), stack, self.derivative(stack, h, work, **parameters))
        return h.reshape((*rows, units) if z.ndim else ()), derivative.reshape(z.shape)


def _by_piece(z: np.ndarray, pieces: int) -> list[np.ndarray]:
    """Return the views of z that hold piece 0, 1, … of all units."""
    units = z.shape[-1] // pieces
    return [z[..., piece * units : (piece + 1) * units] for piece in range(pieces)]


# If one operand is a number, NumPy's clip is three times faster than its maximum and minimum.


def _positive(z: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Write max(z, 0)."""
    return z.clip(0, np.inf, out=out)


def _negative(z: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Write min(z, 0)."""
    return z.clip(-np.inf, 0, out=out)


@lru_cache
def _expm1_is_vectorized() -> bool:
    """Return whether NumPy's expm1 computes many numbers at a time; elsewhere its tanh is seven times faster."""
    targets = opt_func_info(func_name="^expm1$", signature="float32").get("expm1", {}).values()
    # AVX-512 has two names; only the builds for Linux contain the fast code.
    return sys.platform == "linux" and any(target["current"] in ("AVX512_SKX", "X86_V4") for target in targets)


def _expm1(x: np.ndarray, out: np.ndarray, work: np.ndarray) -> None:
    """Write exp(x) - 1 for x ≤ 0."""
    if _expm1_is_vectorized():
        np.expm1(x, out=out)
        return
    # This is 2t / (1 - t) with t = tanh(x/2), which cancels nowhere.
    t = np.multiply(x, 0.5, out=out)
    np.tanh(t, out=t)
    np.subtract(1, t, out=work)
    t += t
    t /= work


def _sigmoids(x: np.ndarray, s: np.ndarray, r: np.ndarray) -> None:
    """Write s = sigma(x) and r = sigma(-x) for x ≤ 50; neither is computed as 1 - …, so both keep their tails."""
    np.exp(x, out=s)
    np.add(s, 1, out=r)
    np.reciprocal(r, out=r)
    s *= r


@dataclass(frozen=True)
class Linear(Activation, name="linear"):
    """Identity: h = z, h' = 1."""

    initializer = "glorot_uniform"
    expression = "x"
    _work = "b"

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        np.copyto(h, z)

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        d = work[0]
        d.fill(True)
        return d


@dataclass(frozen=True)
class Sigmoid(Activation, name="sigmoid"):
    """Logistic function: h = sigma(z), h' = h - h²."""

    initializer = "glorot_uniform"
    saturates = "both"
    expression = "sigmoid(x)"

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        z.clip(-np.inf, _HIGH, out=h)
        np.exp(h, out=h)
        h /= np.add(h, 1, out=work[0])

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        d = work[0]
        np.subtract(1, h, out=d)
        d *= h
        return d


@dataclass(frozen=True)
class Tanh(Activation, name="tanh"):
    """Hyperbolic tangent: h = tanh(z), h' = 1 - h².

    tanh(z) = 2 sigma(2z) - 1. The form 2 sigma(z) - 1, which is sometimes quoted, is tanh(z/2).
    """

    initializer = "glorot_uniform"
    saturates = "both"
    expression = "tanh(x)"

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        np.tanh(z, out=h)

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        d = work[0]
        np.square(h, out=d)
        np.subtract(1, d, out=d)
        return d


@dataclass(frozen=True)
class ReLU(Activation, name="relu"):
    """Rectified linear unit (Nair & Hinton 2010): h = max(z, 0), h' = [z > 0] + at_zero [z = 0].

    Any `at_zero` in [0, 1] is a subgradient.
    """

    at_zero: Annotated[float, Number("[0, 1]")] = 0.0

    saturates = "left"
    kinks = (0.0,)
    expression = "max(x, 0)"
    _work = "bf"

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        _positive(z, h)

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        positive, d = work
        np.greater(z, 0, out=positive)
        if self.at_zero == 0:
            return positive
        np.equal(z, 0, out=d)
        d *= self.at_zero
        d += positive
        return d


@dataclass(frozen=True)
class Softplus(Activation, name="softplus"):
    """Smooth rectifier (Dugas et al. 2000): h = log(1 + exp(z)), h' = sigma(z)."""

    saturates = "left"
    expression = "softplus(x)"
    _work = "fff"

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        e, u, rest = work
        z.clip(-np.inf, _HIGH, out=e)
        np.exp(e, out=e)
        np.add(e, 1, out=u)
        # log1p(e) = log u + (rounding error of u) / u: without AVX-512, NumPy's log1p computes one number at a time.
        np.subtract(u, 1, out=rest)
        np.subtract(e, rest, out=rest)
        rest /= u
        np.log(u, out=h)
        h += rest
        np.maximum(h, z, out=h)

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        e, u, d = work
        return np.divide(e, u, out=d)


@dataclass(frozen=True)
class LeakyReLU(Activation, name="leaky_relu"):
    """Rectifier with a leak (Maas et al. 2013): h = max(z, slope z), h' = 1 for z > 0, slope for z ≤ 0."""

    slope: Annotated[float, ZeroOr("[1e-30, 1)")] = 0.01  # below 1e-30, float32 would round it to 0

    kinks = (0.0,)
    expression = "max(x, slope*x)"

    @property
    def saturates(self) -> str:
        """Left, without a leak."""
        return "neither" if self.slope else "left"

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        if self.slope == 0:
            h.fill(0)  # 0 · z is NaN where z is infinite
        else:
            np.multiply(z, self.slope, out=h)
        np.maximum(h, z, out=h)

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        d = work[0]
        np.greater(z, 0, out=d)
        return d.clip(self.slope, 1, out=d)


@dataclass(frozen=True)
class PReLU(Activation, name="prelu"):
    """Rectifier with a learned leak (He et al. 2015): h = max(z, 0) + slope min(z, 0).

    h' = 1 for z > 0, slope for z ≤ 0; dh/dslope = min(z, 0). There is one slope `per` "unit" or "layer"; it is
    0.25 before training.
    """

    per: Annotated[str, OneOf("unit", "layer")] = "unit"

    kinks = (0.0,)
    expression = "max(x, 0) + slope*min(x, 0)"
    _work = "ffb"

    def init(self, replicas: int, units: int, dtype: DTypeLike) -> dict[str, np.ndarray]:
        return {"slope": np.full((replicas, 1, units if self.per == "unit" else 1), 0.25, dtype)}

    @np.errstate(over="ignore", invalid="ignore")  # slopes beyond ±1 may overflow; 0 · inf is NaN
    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers, slope: np.ndarray) -> None:
        negative_part, d, _ = work
        _negative(z, negative_part)
        np.multiply(negative_part, slope, out=h)
        h += _positive(z, d)

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers, slope: np.ndarray) -> np.ndarray:
        _, d, mask = work
        np.multiply(np.less_equal(z, 0, out=mask), slope, out=d)
        d += np.logical_not(mask, out=mask)
        return d

    def parameter_derivatives(
        self, z: np.ndarray, h: np.ndarray, work: Buffers, slope: np.ndarray
    ) -> dict[str, np.ndarray]:
        return {"slope": work[0]}


@dataclass(frozen=True)
class ELU(Activation, name="elu"):
    """Exponential linear unit (Clevert et al. 2016): h = z for z > 0, alpha (exp(z) - 1) for z ≤ 0.

    h' = 1 for z > 0, h + alpha for z ≤ 0. The short form max(alpha (exp(z) - 1), z) is another function:
    for every alpha the exponential is the larger one at large z.
    """

    alpha: Annotated[float, Number("(0, 1e6]")] = 1.0

    saturates = "left"
    expression = "max(x, 0) + alpha*expm1(min(x, 0))"
    _work = "ffb"

    @property
    def kinks(self) -> tuple[float, ...]:
        """Zero, unless alpha is 1."""
        return () if self.alpha == 1 else (0.0,)

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        e = work[0]
        _expm1(_negative(z, e), e, h)
        if self.alpha == 1:
            np.maximum(z, e, out=h)  # exp(z) - 1 ≥ z
        else:
            e *= self.alpha
            np.add(e, _positive(z, h), out=h)

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        e, d, mask = work
        np.add(e, self.alpha, out=d)
        if self.alpha != 1:
            d *= np.less_equal(z, 0, out=mask)
            d += np.logical_not(mask, out=mask)
        return d


@dataclass(frozen=True)
class ShiftedReLU(Activation, name="shifted_relu"):
    """Rectifier with its corner at (-1, -1) (Clevert et al. 2016): h = max(z, -1), h' = [z > -1].

    The paper calls it SReLU. Elsewhere, SReLU means the S-shaped rectifier of Jin et al. (2016).
    """

    saturates = "left"
    kinks = (-1.0,)
    expression = "max(x, -1)"
    _work = "b"

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        z.clip(-1, np.inf, out=h)

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        d = work[0]
        np.greater(z, -1, out=d)
        return d


@dataclass(frozen=True)
class Maxout(Activation, name="maxout"):
    """Largest of several affine pieces (Goodfellow et al. 2013): h = max z_j.

    dh/dz_j = [z_j is the first of the largest]. Two standard normal pieces give E[h²] = 1, which explains the
    initializer (Tseran & Montúfar 2023).
    """

    pieces: Annotated[int, Whole(2, 100)] = 2

    initializer = "lecun_normal"

    @property
    def expression(self) -> str:
        """Nested maxima, such as max(max(x0, x1), x2)."""
        return reduce("max({}, {})".format, [f"x{piece}" for piece in range(self.pieces)])

    def buffers(self, shape: tuple[int, ...], dtype: DTypeLike) -> Buffers:
        unit_shape = (*shape[:-1], shape[-1] // self.pieces)
        return np.empty(shape, bool), np.empty(unit_shape, bool), np.empty(unit_shape, bool)

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        first, *others = _by_piece(z, self.pieces)
        np.copyto(h, first)
        for piece in others:
            np.maximum(h, piece, out=h)

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        d, wins, untaken = work
        untaken.fill(True)
        *earlier, last = _by_piece(d, self.pieces)
        for piece, column in zip(_by_piece(z, self.pieces), earlier, strict=False):
            np.equal(piece, h, out=wins)
            wins &= untaken
            untaken ^= wins
            np.copyto(column, wins)
        np.copyto(last, untaken)
        return d


@dataclass(frozen=True)
class SELU(Activation, name="selu"):
    """Self-normalising ELU (Klambauer et al. 2017): mean 0 and variance 1 are a fixed point.

    h = scale z for z > 0, scale alpha (exp(z) - 1) for z ≤ 0; h' = scale and h + scale alpha.
    """

    initializer = "lecun_normal"
    dropout = "alpha"
    saturates = "left"
    kinks = (0.0,)
    scale = 1.0507009873554805
    alpha = 1.6732632423543772
    expression = "scale*(max(x, 0) + alpha*expm1(min(x, 0)))"
    _work = "ff"

    @np.errstate(over="ignore")
    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        d, _ = work
        _expm1(_negative(z, h), h, d)
        h *= self.scale * self.alpha
        _positive(z, d)
        d *= self.scale
        h += d

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        d, step = work
        _negative(h, d)
        d += self.scale * self.alpha
        np.greater(z, 0, out=step)
        step *= self.scale * (1 - self.alpha)
        d += step
        return d


@dataclass(frozen=True)
class CELU(Activation, name="celu"):
    """ELU without a kink (Barron 2017): h = z for z > 0, alpha (exp(z / alpha) - 1) for z ≤ 0.

    h' = 1 for z > 0, h / alpha + 1 for z ≤ 0.
    """

    alpha: Annotated[float, Number("[1e-6, 1e6]")] = 1.0

    saturates = "left"
    expression = "max(x, 0) + alpha*expm1(min(x, 0)/alpha)"
    _work = "ff"

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        e = work[0]
        z.clip(-_HIGH * self.alpha, 0, out=e)
        e *= 1 / self.alpha
        _expm1(e, e, h)
        np.multiply(e, self.alpha, out=h)
        np.maximum(z, h, out=h)  # alpha (exp(z / alpha) - 1) ≥ z

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        e, d = work
        return np.add(e, 1, out=d)


# atanh(erf(x/√2)) / x as a polynomial in x², highest power first: a weighted least-squares fit. With it, the largest
# error of Phi(x) is 2.9e-8. Beyond ±6 it is so large that its tanh is ±1.
_ATANH_ERF = (
    1.75627813e-9, -1.32266302e-7, 3.96477343e-6, -5.53063182e-5, -3.25947415e-5, 0.0363330844, 0.797884941,
)  # fmt: skip


def _normal(x: np.ndarray, phi: np.ndarray, square: np.ndarray) -> None:
    """Write phi = Phi(x), the standard normal distribution, and square = x²."""
    np.square(x, out=square)
    if x.dtype == np.float64:
        from scipy.special import ndtr  # takes a fifth of a second to import

        ndtr(x, out=phi)
        return
    # In float32, Phi(x) = 1/2 + 1/2 tanh(atanh(erf(x/√2))) is four times faster than ndtr.
    highest, *others = _ATANH_ERF
    np.multiply(square, highest, out=phi)
    for coefficient in others[:-1]:
        phi += coefficient
        phi *= square
    phi += others[-1]
    phi *= x
    np.tanh(phi, out=phi)
    phi *= 0.5
    phi += 0.5


_TWO_U = 2 * sqrt(2 / pi)  # 2u = _TWO_U (z + 0.044715 z³)


@dataclass(frozen=True)
class GELU(Activation, name="gelu"):
    """Gaussian error linear unit (Hendrycks & Gimpel 2016): h = z/2 + z/2 erf(z/√2).

    h' = 1/2 + 1/2 erf(z/√2) + z phi(z), phi the standard normal density. `approximate="tanh"` replaces
    erf(z/√2) by tanh(u), u = √(2/π) (z + 0.044715 z³): h' = 1/2 + 1/2 tanh(u) + z/2 (1 - tanh²(u)) u'.
    """

    approximate: Annotated[str, OneOf("none", "tanh")] = "none"

    saturates = "left"
    _work = "ffff"

    @property
    def expression(self) -> str:
        """One formula for each value of `approximate`."""
        if self.approximate == "none":
            return "x/2*(1 + erf(x/sqrt(2)))"
        return "x/2*(1 + tanh(sqrt(0.6366197723675814)*(x + 0.044715*x*x*x)))"  # sqrt(2/pi)

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        x, gate, rest, _ = work
        if self.approximate == "none":
            z.clip(-40, 40, out=x)
            _normal(x, gate, rest)
        else:  # 1/2 + 1/2 tanh(u) = sigma(2u), which is 0 at -22 and 1 at 8
            z.clip(-22, 8, out=x)
            np.square(x, out=h)
            h *= _TWO_U * 0.044715
            h += _TWO_U
            h *= x
            _sigmoids(h, gate, rest)
        np.maximum(z, x, out=h)
        h *= gate

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        x, gate, rest, d = work
        if self.approximate == "none":
            np.multiply(rest, -0.5, out=d)
            np.exp(d, out=d)
            d *= x
            d *= 1 / sqrt(2 * pi)
            d += gate
        else:
            np.square(x, out=d)
            d *= _TWO_U * 3 * 0.044715
            d += _TWO_U
            d *= x
            d *= rest
            d += 1
            d *= gate
        return d


@dataclass(frozen=True)
class SiLU(Activation, name="silu"):
    """Sigmoid linear unit, or swish (Elfwing et al. 2018): h = z sigma(z).

    h' = sigma(z) + z sigma(z) sigma(-z).
    """

    saturates = "left"
    expression = "x*sigmoid(x)"
    _work = "ffff"

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        x, gate, closed, _ = work
        z.clip(_LOW, _HIGH, out=x)
        _sigmoids(x, gate, closed)
        np.maximum(z, x, out=h)
        h *= gate

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        x, gate, closed, d = work
        np.multiply(x, closed, out=d)
        d += 1
        d *= gate
        return d


@dataclass(frozen=True)
class Mish(Activation, name="mish"):
    """Mish (Misra 2020): h = z t, h' = t + z (1 - t²) sigma(z), where t = tanh(log(1 + exp(z))).

    With w = exp(z) and m = w (w + 2) + 2: t = w (w + 2) / m and (1 - t²) sigma(z) = 4w (w + 1) / m².
    """

    saturates = "left"
    expression = "x*tanh(softplus(x))"
    _work = "fffff"

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        x, w, m, t, _ = work
        z.clip(_LOW, _HIGH / 2, out=x)
        np.exp(x, out=w)
        np.add(w, 2, out=t)
        t *= w
        np.add(t, 2, out=m)
        t /= m
        np.maximum(z, x, out=h)
        h *= t

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        x, w, m, t, d = work
        np.add(w, 1, out=d)
        d *= w
        d /= m
        d /= m
        d *= x
        d *= 4
        d += t
        return d


@dataclass(frozen=True)
class Softsign(Activation, name="softsign"):
    """Softsign (Bergstra et al. 2009): h = z / (1 + |z|), h' = 1 / (1 + |z|)²."""

    initializer = "glorot_uniform"
    saturates = "both"
    expression = "x/(1 + abs(x))"
    _work = "ff"

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        m, _ = work
        largest = np.finfo(z.dtype).max
        z.clip(-largest, largest, out=h)
        np.abs(h, out=m)
        m += 1
        h /= m

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        m, d = work
        np.reciprocal(m, out=d)
        return np.square(d, out=d)


@dataclass(frozen=True)
class HardTanh(Activation, name="hard_tanh"):
    """Tanh in three straight pieces (Collobert 2004): h = min(max(z, -1), 1), h' = [|z| < 1]."""

    initializer = "glorot_uniform"
    saturates = "both"
    kinks = (-1.0, 1.0)
    expression = "min(max(x, -1), 1)"
    _work = "fb"

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        z.clip(-1, 1, out=h)

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        size, inside = work
        np.less(np.abs(z, out=size), 1, out=inside)
        return inside


@dataclass(frozen=True)
class HardSigmoid(Activation, name="hard_sigmoid"):
    """Sigmoid in three straight pieces (Courbariaux et al. 2015): h = min(max(slope z + offset, 0), 1).

    h' = slope [0 < h < 1]. ONNX calls the hyperparameters alpha and beta.
    """

    slope: Annotated[float, Number("[1e-6, 1]")] = 1 / 6
    offset: Annotated[float, Number("[0, 1]")] = 0.5

    initializer = "glorot_uniform"
    saturates = "both"
    expression = "min(max(slope*x + offset, 0), 1)"
    _work = "fbb"

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where slope z + offset is 0 and where it is 1."""
        return -self.offset / self.slope, (1 - self.offset) / self.slope

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        np.multiply(z, self.slope, out=h)
        h += self.offset
        h.clip(0, 1, out=h)

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        d, inside, below = work
        low, high = self.kinks
        # The comparison is in float64: rounded to float32, a kink would move past its neighbours.
        np.greater(z, np.float64(low), out=inside)
        inside &= np.less(z, np.float64(high), out=below)
        return np.multiply(inside, self.slope, out=d, dtype=d.dtype)


@dataclass(frozen=True)
class HardSwish(Activation, name="hard_swish"):
    """Swish in three pieces (Howard et al. 2019): h = z c with c = min(max(z/6 + 1/2, 0), 1).

    h' = c + z/6 [|z| < 3].
    """

    saturates = "left"
    kinks = (-3.0, 3.0)
    expression = "x*min(max(x/6 + 0.5, 0), 1)"
    _work = "ffb"

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        c, _, _ = work
        z.clip(-3, np.inf, out=h)
        np.multiply(h, 1 / 6, out=c)
        c += 0.5
        c.clip(-np.inf, 1, out=c)
        h *= c

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        c, d, inside = work
        np.less(np.abs(z, out=d), 3, out=inside)
        np.subtract(c, 0.5, out=d)  # z/6 within ±3, and finite
        d *= inside
        d += c
        return d


@dataclass(frozen=True)
class ReLUSquared(Activation, name="relu_squared"):
    """Squared rectifier (So et al. 2021): h = max(z, 0)², h' = 2 max(z, 0).

    For a normal z, E[h²] = 3/2 E[z²]²: every layer squares the scale, so no weights keep it. The initializer
    therefore starts below the scale at which it would grow.
    """

    initializer = "glorot_uniform"
    saturates = "left"
    expression = "max(x, 0)**2"

    @np.errstate(over="ignore")
    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        _positive(z, h)
        np.square(h, out=h)

    @np.errstate(over="ignore")
    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        d = _positive(z, work[0])
        d *= 2
        return d


@dataclass(frozen=True)
class GLU(Activation, name="glu"):
    """Gated linear unit (Dauphin et al. 2017): h = a sigma(b), dh/da = sigma(b), dh/db = h - h sigma(b).

    a is piece 0 of z, and b is piece 1.
    """

    pieces = 2
    expression = "x0*sigmoid(x1)"

    def buffers(self, shape: tuple[int, ...], dtype: DTypeLike) -> Buffers:
        half = (*shape[:-1], shape[-1] // 2)
        return *(np.empty(half, dtype) for _ in range(3)), np.empty(shape, dtype)

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> None:
        a, b = _by_piece(z, 2)
        e, closed, part, _ = work
        # sigma(b) = e · part with e = exp(min(b, 0)/2): with a large a, h is in range where sigma(b) underflows.
        b.clip(2.05 * np.log(np.finfo(z.dtype).tiny), _HIGH, out=e)
        e *= 0.5
        np.exp(e, out=e)
        np.square(e, out=closed)
        closed += 1
        np.reciprocal(closed, out=closed)
        np.multiply(e, closed, out=part)
        part *= np.maximum(e, 1, out=h)
        np.minimum(e, 1, out=e)
        np.multiply(a, part, out=h)
        h *= e

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers) -> np.ndarray:
        e, closed, part, d = work
        by_a, by_b = _by_piece(d, 2)
        np.multiply(e, part, out=by_a)
        np.multiply(h, closed, out=by_b)
        return d
