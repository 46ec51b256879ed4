"""Activations whose whole shape is learned: hinges of a unit, a rational function or a spline of a layer.

Formulas and accuracy are those of `nets.activations`; a learned parameter counts as exact. These classes start from
fixed values, so replicas of one seed start alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from numpy.typing import DTypeLike

import nets.formula  # noqa: F401  # it is registered first: figures give colours in the order of the registry
from nets.activations import Activation, Buffers, _positive
from nets.hyperparameters import Number, Whole

_LEAK = 0.01  # the slope on the left of the leaky ReLU with which a rational function and a spline start


@dataclass(frozen=True)
class APL(Activation, name="apl"):
    """Adaptive piecewise linear unit (Agostinelli et al. 2015): h = max(z, 0) + Σ_s a_s max(b_s - z, 0).

    h' = [z > 0] - Σ_s a_s [z < b_s]; dh/da_s = max(b_s - z, 0), dh/db_s = a_s [z < b_s]. Each unit learns its a_s and
    b_s, s = 1 … hinges. Before training h is ReLU: all a_s are 0, and the b_s are evenly spaced within ±1. In the
    authors' code both are random.
    """

    hinges: Annotated[int, Whole(1, 10)] = 2

    saturates = "left"
    kinks = (0.0,)

    @property
    def expression(self) -> str:
        """One term for each hinge, such as a1*max(b1 - x, 0)."""
        return " + ".join(["max(x, 0)", *(f"a{s}*max(b{s} - x, 0)" for s in self._numbers)])

    @property
    def _numbers(self) -> range:
        return range(1, self.hinges + 1)

    def init(self, replicas: int, units: int, dtype: DTypeLike) -> dict[str, np.ndarray]:
        shape, count = (replicas, 1, units), self.hinges
        slopes = {f"a{s}": np.zeros(shape, dtype) for s in self._numbers}
        return slopes | {f"b{s}": np.full(shape, (2 * s - count - 1) / count, dtype) for s in self._numbers}

    def buffers(self, shape: tuple[int, ...], dtype: DTypeLike) -> Buffers:
        return tuple(np.empty(shape, dtype) for _ in range(2 + 2 * self.hinges))

    @np.errstate(over="ignore", invalid="ignore")  # a product may overflow, and inf - inf is NaN
    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers, **learned: np.ndarray) -> None:
        x, term, *rest = work
        z.clip(-np.finfo(z.dtype).max, np.inf, out=x)  # 0 · inf is NaN
        _positive(z, h)
        for s, reach in zip(self._numbers, rest, strict=False):
            np.subtract(learned[f"b{s}"], x, out=reach)
            np.multiply(_positive(reach, reach), learned[f"a{s}"], out=term)
            h += term

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers, **learned: np.ndarray) -> np.ndarray:
        d = work[0]
        np.greater(z, 0, out=d)
        for by_b in self._by_b(work, learned):
            d -= by_b
        return d

    def parameter_derivatives(
        self, z: np.ndarray, h: np.ndarray, work: Buffers, **learned: np.ndarray
    ) -> dict[str, np.ndarray]:
        by_a, by_b = work[2 : 2 + self.hinges], self._by_b(work, learned)
        return {f"a{s}": by_a[s - 1] for s in self._numbers} | {f"b{s}": by_b[s - 1] for s in self._numbers}

    def _by_b(self, work: Buffers, learned: dict[str, np.ndarray]) -> Buffers:
        """Return a_s [z < b_s] for each hinge, in work arrays."""
        reaches, results = work[2 : 2 + self.hinges], work[2 + self.hinges :]
        for s, reach, result in zip(self._numbers, reaches, results, strict=True):
            np.greater(reach, 0, out=result)
            result *= learned[f"a{s}"]
        return results


def _polynomial(x: np.ndarray, coefficients: Sequence[np.ndarray], out: np.ndarray | None = None) -> np.ndarray:
    """Return the polynomial in x with these coefficients, those of the highest power first."""
    first, *others = coefficients
    out = np.multiply(x, first, out=out)
    for coefficient in others[:-1]:
        out += coefficient
        out *= x
    out += others[-1]
    return out


# The even rational function of |z| ≤ 3 that is nearest to |z| by least squares, of degrees 4 and 4: the coefficients of
# 1, z² and z⁴ above the line, then below it. Its largest error there is 0.068, at 0.
_ABOVE = 0.06767222483335328, 3.3424893318630904, 1.8848023272706573
_BELOW = 1.0, 3.9841388428476954, 0.30220402980521943


def _start() -> dict[str, float]:
    """Return the coefficients of leaky ReLU: z (1 + leak)/2 + |z| (1 - leak)/2 with the rational |z|."""
    odd, even = (1 + _LEAK) / 2, (1 - _LEAK) / 2
    a = {f"a{2 * i}": even * value for i, value in enumerate(_ABOVE)}
    a |= {f"a{2 * i + 1}": odd * value for i, value in enumerate(_BELOW)}
    return dict(sorted(a.items())) | {"b1": 0.0, "b2": _BELOW[1], "b3": 0.0, "b4": _BELOW[2]}


@dataclass(frozen=True)
class Rational(Activation, name="rational"):
    """Padé activation unit (Molina et al. 2020; degrees 3 and 2: Boullé et al. 2020): h = P(z) / Q(z).

    P(z) = Σ_j a_j z^j, j = 0 … 5; Q(z) = 1 + |S(z)|, S(z) = Σ_k b_k z^k, k = 1 … 4: Q has no zero.
    h' = (P' - h sgn(S) S') / Q; dh/da_j = z^j / Q, dh/db_k = -h sgn(S) z^k / Q. sgn(0) = 0, so h' has the mean of both
    sides where S changes its sign. Within rounding errors of such a z, it may have the value of either side.

    Each layer learns its a_j and b_k. Before training h is close to leaky ReLU (slope 0.01): within 0.034 for |z| ≤ 3.
    Far from 0 its slope tends to a_5 / |b_4| on both sides, which is 0.505 before training.
    """

    expression = (
        "(a0 + x*(a1 + x*(a2 + x*(a3 + x*(a4 + x*a5)))))/(1 + abs(x*(b1 + x*(b2 + x*(b3 + x*b4)))))"  # Horner's scheme
    )
    _work = "ffffbffffffffff"

    def init(self, replicas: int, units: int, dtype: DTypeLike) -> dict[str, np.ndarray]:
        return {name: np.full((replicas, 1, 1), value, dtype) for name, value in _start().items()}

    # Where z^5 might overflow, h is computed in w = 1/z: P / z^5 = Σ a_j w^(5-j), and Q / z^4 = |S / z^4| + w^4.

    @np.errstate(all="ignore")  # what overflows is computed anew
    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers, **learned: np.ndarray) -> None:
        q, sign, size, _, far, *_ = work
        b4, b3, b2, b1 = (learned[f"b{k}"] for k in (4, 3, 2, 1))
        _polynomial(z, (b4, b3, b2, b1), out=q)
        np.sign(q, out=sign)
        sign *= np.sign(z, out=size)  # of a z so small that S underflows, too
        q *= z
        np.abs(q, out=q)
        q += 1
        _polynomial(z, [learned[f"a{j}"] for j in range(5, -1, -1)], out=h)
        h /= q
        np.greater(np.abs(z, out=size), _LIMITS[z.dtype], out=far)
        if far.any():
            x, _, p, s, scaled_q, _, _ = _far(z, far, learned)
            sign[far] = np.sign(s)
            h[far] = x * (p / scaled_q)

    @np.errstate(all="ignore")
    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers, **learned: np.ndarray) -> np.ndarray:
        q, sign, part, d, far, *_ = work
        _polynomial(z, [k * learned[f"b{k}"] for k in (4, 3, 2, 1)], out=part)
        part *= sign
        part *= h
        _polynomial(z, [j * learned[f"a{j}"] for j in (5, 4, 3, 2, 1)], out=d)
        d -= part
        d /= q
        if far.any():
            _, w, p, s, scaled_q, a, b = _far(z, far, learned)
            p_prime = _polynomial(w, [j * a[j] for j in (1, 2, 3, 4, 5)])
            s_prime = _polynomial(w, [k * b[k] for k in (1, 2, 3, 4)])
            d[far] = (p_prime - p / scaled_q * np.sign(s) * s_prime) / scaled_q
        return d

    @np.errstate(all="ignore")
    def parameter_derivatives(
        self, z: np.ndarray, h: np.ndarray, work: Buffers, **learned: np.ndarray
    ) -> dict[str, np.ndarray]:
        q, sign, factor, _, far, *rest = work
        by_a, by_b = rest[:6], rest[6:]
        np.reciprocal(q, out=by_a[0])
        for before, result in pairwise(by_a):
            np.multiply(before, z, out=result)
        if far.any():
            x, w, _, _, scaled_q, _, _ = _far(z, far, learned)
            for j, result in enumerate(by_a):
                result[far] = x / scaled_q if j == 5 else w ** (4 - j) / scaled_q
        np.multiply(h, sign, out=factor)
        np.negative(factor, out=factor)
        for power, result in zip(by_a[1:], by_b, strict=False):
            np.multiply(factor, power, out=result)
        return {f"a{j}": result for j, result in enumerate(by_a)} | {f"b{k}": by_b[k - 1] for k in (1, 2, 3, 4)}


# A z up to these may be raised to the fifth power.
_LIMITS = {np.dtype(np.float32): 1e6, np.dtype(np.float64): 1e50}


def _far(z: np.ndarray, far: np.ndarray, learned: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    """Return z, w = 1/z, P / z^5, S / z^4, Q / z^4, and all a_j and b_k (from index 1 on), at the points of a mask."""
    x = z[far]
    w = 1 / x
    a, b = (
        np.stack([np.broadcast_to(learned[f"{letter}{i}"], z.shape)[far] for i in numbers])
        for letter, numbers in (("a", range(6)), ("b", (1, 1, 2, 3, 4)))
    )
    p, s = _polynomial(w, list(a)), _polynomial(w, list(b[1:]))
    return x, w, p, s, np.abs(s) + w**4, a, b


@dataclass(frozen=True)
class Spline(Activation, name="spline"):
    """Linear spline (Bohra et al. 2020): h = (1 - f) v_i + f v_(i+1), linear between knots and beyond the last ones.

    The knots are t_i = (i - knots) spacing, i = 0 … 2 knots; f = (z - t_i) / spacing for t_i < z ≤ t_(i+1), and beyond
    the outermost knots for the outermost i. h' = (v_(i+1) - v_i) / spacing; dh/dv_i = 1 - f, dh/dv_(i+1) = f, and
    dh/dv_j = 0 for the others. Each layer learns its v_i. Before training h is leaky ReLU (slope 0.01).

    If `spacing` is no power of 2, the knots are rounded. An infinite z gives NaN where the slope is 0.
    """

    knots: Annotated[int, Whole(1, 16)] = 4
    spacing: Annotated[float, Number("[1e-3, 1e3]")] = 1.0

    kinks = (0.0,)

    @property
    def expression(self) -> str:
        """A sum over the knots: v_i times the broken line that is 1 at its knot and 0 at the others."""
        last, terms = 2 * self.knots, []
        for i in range(last + 1):
            up, down = f"x/spacing + {self.knots - i + 1}", f"{i - self.knots + 1} - x/spacing"
            up, down = up if i == 1 else f"max({up}, 0)", down if i == last - 1 else f"max({down}, 0)"
            terms.append(f"v{i}*" + (down if i == 0 else up if i == last else f"min({up}, {down})"))
        return " + ".join(terms)

    def init(self, replicas: int, units: int, dtype: DTypeLike) -> dict[str, np.ndarray]:
        knots = [(i - self.knots) * self.spacing for i in range(2 * self.knots + 1)]
        return {f"v{i}": np.full((replicas, 1, 1), max(t, _LEAK * t), dtype) for i, t in enumerate(knots)}

    def buffers(self, shape: tuple[int, ...], dtype: DTypeLike) -> Buffers:
        floats = (np.empty(shape, dtype) for _ in range(4 + 2 * self.knots + 1))
        return np.empty(shape, np.intp), *floats

    @np.errstate(over="ignore", invalid="ignore")  # of NaN to an index, and 0 · inf
    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers, **learned: np.ndarray) -> None:
        index, y, slope, nearest, distance, *_ = work
        values = np.concatenate([learned[f"v{i}"] for i in range(2 * self.knots + 1)], axis=2)
        np.divide(z, self.spacing, out=y)
        # From the nearest knot no digit is lost: f itself would round to 1 next to a knot.
        np.rint(y, out=nearest)
        nearest.clip(-self.knots, self.knots, out=nearest)
        np.multiply(nearest, self.spacing, out=distance)
        np.subtract(z, distance, out=distance)
        nearest += self.knots
        _take(values, nearest, index, h)
        np.greater(distance, 0, out=slope)
        slope += nearest
        slope -= 1
        slope.clip(0, 2 * self.knots - 1, out=slope)
        _take(np.diff(values, axis=2) / self.spacing, slope, index, slope)
        distance *= slope
        h += distance

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers, **learned: np.ndarray) -> np.ndarray:
        return work[2]

    def parameter_derivatives(
        self, z: np.ndarray, h: np.ndarray, work: Buffers, **learned: np.ndarray
    ) -> dict[str, np.ndarray]:
        _, y, _, _, down, *ups = work
        last = 2 * self.knots
        for i, up in enumerate(ups):
            np.subtract(y, i - self.knots - 1, out=up)
            np.subtract(i - self.knots + 1, y, out=down)
            if i != 1:
                _positive(up, up)
            if i != last - 1:
                _positive(down, down)
            if i == 0:
                np.copyto(up, down)
            elif i != last:
                np.minimum(up, down, out=up)
        return {f"v{i}": result for i, result in enumerate(ups)}


def _take(table: np.ndarray, positions: np.ndarray, index: np.ndarray, out: np.ndarray) -> None:
    """Write the entries of each replica's table (R, 1, n) at these positions; both may be the same array."""
    np.copyto(index, positions, casting="unsafe")
    index += np.arange(len(table))[:, None, None] * table.shape[2]
    table.reshape(-1).take(index, out=out, mode="clip")
