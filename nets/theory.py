"""How signals and gradients spread through wide random networks, computed from the activation alone.

In a wide layer with weights of variance σ_w²/fan_in and biases of variance σ_b², pre-activations are normal with mean
0. Their variance q, the length, and the correlation c of two inputs then follow two maps from layer to layer:

    V(q) = σ_w² E[f(z)²] + σ_b²                      with z ~ N(0, q)
    C(c) = (σ_w² E[f(u) f(v)] + σ_b²) / q*           with u, v ~ N(0, q*) of correlation c

q* = V(q*) is the fixed point of the lengths. χ₁ = σ_w² E[f'(z)²] at q* is the slope of C at c = 1, and the factor by
which the squared gradient grows from a layer to the one below it. The sources are Poole et al. (2016), "Exponential
expressivity in deep neural networks through transient chaos", Schoenholz et al. (2017), "Deep information
propagation", and Hayou et al. (2019), "On the impact of the activation function on deep neural networks training".

Expectations are integrals that are split at the kinks of f. Learned parameters of f have their initial values.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache, partial
from math import exp, inf, isfinite, log, pi, sqrt
from typing import NamedTuple

import numpy as np

from nets.activations import Activation

_SMALLEST = 1e-12  # a smaller variance is taken as this one
_CORE, _FAR = 8, 38  # standard deviations: always integrated, and where the normal density underflows
_LONGEST = 1e12  # up to which q* of a critical point is sought
FAINTEST = 1e-200
"""A smaller E[f'(z)²] has lost its digits. It is that of a dead zone, far wider than the standard deviation of z."""
_SCALES = (0.0, 0.01, 0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # of z: where an activation may bend, besides its kinks


UNSTABLE = 1 + 1e-9
"""Above it V'(q*) is above 1 by more than a rounding error."""


class TheoryError(ValueError):
    """The reason why a quantity of the theory does not exist, in one line."""


class Moments(NamedTuple):
    """Expectations over pre-activations z ~ N(0, q), independent for each piece of the activation.

    Attributes
    ----------
    mean
        E[f(z)].
    square
        E[f(z)²].
    slope
        E[f'(z)²]; of several pieces, the sum over their derivatives.
    growth
        dE[f(z)²]/dq.
    """

    mean: float
    square: float
    slope: float
    growth: float


class Critical(NamedTuple):
    """The weights and biases for which χ₁ = 1 and V(q*) = q*.

    Attributes
    ----------
    weight_variance, bias_variance
        σ_w² and σ_b².
    length
        q*.
    growth
        V'(q*). Lengths beside q* move away from it if this is above 1.
    """

    weight_variance: float
    bias_variance: float
    length: float
    growth: float


@lru_cache(maxsize=4096)
def moments(activation: Activation, q: float) -> Moments:
    """Return the expectations of an activation for z ~ N(0, q).

    They are accurate to about 1e-10 of their size, and of two pieces to 1e-9.

    Raises
    ------
    TheoryError
        If one is infinite, or too heavy in its tails, or the activation has more than two pieces.
    """
    q = max(q, _SMALLEST)
    scale = sqrt(q)
    if activation.pieces > 2:
        raise TheoryError(f"{activation.name} has {activation.pieces} pieces: the theory is for one or two")
    if activation.pieces == 2:
        return _moments_of_two(activation, q)
    jumps = bool(activation.jumps)

    def parts(t: np.ndarray) -> np.ndarray:
        root = _root_of_density(t)  # f times this is in range where f² is not
        f, prime = activation(scale * t) * root, activation.prime(scale * t) * root
        # A function with jumps has the derivative of the density in place of its own.
        growth = f * f * (t * t - 1) / (2 * q) if jumps else f * prime * t / scale
        return np.stack([f * root, f * f, prime * prime, growth])

    edges = {point / scale for point in _features(activation) if abs(point) < _FAR * scale}
    return Moments(*_integral(parts, edges, f"E[f(z)²] of {activation.name} for z ~ N(0, {q:g})")[0].tolist())


def gain(activation: Activation) -> float:
    """Return 1/√E[f(z)²] for z ~ N(0, 1).

    Weights of variance gain²/fan_in then keep the variance of pre-activations at 1: √2 for ReLU (He et al. 2015), 1 for
    SELU (Klambauer et al. 2017).

    Raises
    ------
    TheoryError
        If E[f(z)²] is 0 or not finite.
    """
    square = moments(activation, 1.0).square
    if not square > 0:
        raise TheoryError(f"E[f(z)²] of {activation.name} is 0 for z ~ N(0, 1)")
    return 1 / sqrt(square)


def length_map(activation: Activation, q: float, weight_variance: float, bias_variance: float) -> float:
    """Return V(q), the variance of the next layer's pre-activations."""
    return weight_variance * moments(activation, q).square + bias_variance


def covariance(activation: Activation, q: float, c: float) -> tuple[float, float]:
    """Return E[f(u) f(v)] and E[f'(u) f'(v)] for u, v ~ N(0, q) of correlation c in [-1, 1].

    q times the second is the derivative of the first with respect to c, unless f jumps: f' says nothing of jumps.

    Raises
    ------
    TheoryError
        If an integral does not converge, or the activation has several pieces.
    """
    if activation.pieces > 1:
        raise TheoryError(f"{activation.name} has {activation.pieces} pieces: the correlation map is for one")
    if not abs(c) <= 1 + 1e-9:
        raise TheoryError(f"c={c:g}: a correlation is in [-1, 1]")
    return _covariance(activation, max(q, _SMALLEST), min(1.0, max(-1.0, c)))


def correlation_map(activation: Activation, q: float, c: float, weight_variance: float, bias_variance: float) -> float:
    """Return the correlation in the next layer of two inputs whose pre-activations have variance q and correlation c.

    At q = q* this is C(c).
    """
    numerator = weight_variance * covariance(activation, q, c)[0] + bias_variance
    return numerator / length_map(activation, q, weight_variance, bias_variance)


def fixed_point(activation: Activation, weight_variance: float, bias_variance: float) -> float:
    """Return q* of the length map, the next fixed point that lengths from 1 on move to.

    It is 0 if they shrink without end, and infinite if they grow without end.
    """

    def excess(log_q: float) -> float:
        try:
            return length_map(activation, exp(log_q), weight_variance, bias_variance) / exp(log_q) - 1
        except TheoryError:
            return inf

    start = excess(0.0)
    if abs(start) < 1e-12:
        return 1.0
    step = 0.25 if start > 0 else -0.25
    for index in range(108):  # to q = 2e-12 or 5e11
        low, high = index * step, (index + 1) * step
        if (excess(high) > 0) != (start > 0):
            return exp(_root(excess, low, high))
    return inf if start > 0 else 0.0


def _refuse_jumps(activation: Activation) -> None:
    if activation.jumps:
        raise TheoryError(f"{activation.name} jumps, so χ₁ is infinite for all weights")


def chi(activation: Activation, q: float, weight_variance: float) -> float:
    """Return σ_w² E[f'(z)²] for z ~ N(0, q), which is χ₁ at q = q*.

    It is infinite for an activation that jumps: two inputs, however close, then lie on both sides of a jump.
    """
    if activation.jumps:
        return inf
    return weight_variance * moments(activation, q).slope


def fixed_correlation(activation: Activation, q: float, weight_variance: float, bias_variance: float) -> float:
    """Return c*, the correlation in [0, 1] that pairs of inputs move to, for the fixed point q.

    It is 1 if χ₁ ≤ 1. Otherwise it is the only other fixed point, since C is convex.
    """
    if chi(activation, q, weight_variance) <= 1 + 1e-9:
        return 1.0

    def excess(c: float) -> float:
        return correlation_map(activation, q, c, weight_variance, bias_variance) - c

    return 0.0 if excess(0.0) <= 1e-12 else _root(excess, 0.0, 1 - 1e-7)


class Depths(NamedTuple):
    """In how many layers a deviation from the fixed point falls to 1/e; infinite at a transition.

    Attributes
    ----------
    length
        ξ_q = -1/log V'(q*).
    correlation
        ξ_c = -1/log C'(c*).
    """

    length: float
    correlation: float


def depth_scales(activation: Activation, weight_variance: float, bias_variance: float) -> Depths:
    """Return ξ_q and ξ_c of a network (Schoenholz et al. 2017).

    Raises
    ------
    TheoryError
        If the activation jumps, so that χ₁ is infinite, or lengths have no finite fixed point.
    """
    _refuse_jumps(activation)
    q = fixed_point(activation, weight_variance, bias_variance)
    if not isfinite(q):
        raise TheoryError(f"lengths grow without end for {activation.name} with σ_w² = {weight_variance:g}")
    c = fixed_correlation(activation, q, weight_variance, bias_variance)
    slope = chi(activation, q, weight_variance) if c == 1 else weight_variance * covariance(activation, q, c)[1]
    return Depths(_depth(weight_variance * moments(activation, q).growth), _depth(slope))


def _depth(factor: float) -> float:
    """Return -1/log of the factor by which a deviation changes in a layer."""
    factor = abs(factor)
    return 0.0 if factor == 0 else inf if factor >= 1 - 1e-9 else -1 / log(factor)


def critical_at(activation: Activation, q: float) -> tuple[float, float]:
    """Return the (σ_w², σ_b²) for which χ₁ = 1 and q is a fixed point; σ_b² < 0 means that there are none.

    Raises
    ------
    TheoryError
        If the activation jumps, an expectation is not finite, or f' is 0 everywhere.
    """
    _refuse_jumps(activation)
    values = moments(activation, q)
    if not values.slope > 0:
        raise TheoryError(f"f' of {activation.name} is 0 for z ~ N(0, {q:g})")
    return 1 / values.slope, q - values.square / values.slope


@lru_cache(maxsize=256)
def critical(activation: Activation, bias_variance: float) -> Critical:
    """Return the critical weights for these biases: the solution with the smallest q*, a stable one if there is any.

    If f(az) = a f(z) for a > 0, as for ReLU, every length is a fixed point, and only without biases. Then the result
    has σ_b² = 0 and q* = 1. Otherwise q* is sought from σ_b², below which there is none, or from 1e-12, up to 1e12 or
    1e12 σ_b². Where f has a dead zone, the search begins where E[f'(z)²] is above 1e-200.

    Raises
    ------
    TheoryError
        If no solution has such a q* (that of tanh without biases is 0), the activation jumps or has several pieces, or
        an expectation is infinite.
    """
    name, biases = activation.name, f"biases of variance {bias_variance:g}"
    if activation.pieces > 1:
        raise TheoryError(f"{name} has {activation.pieces} pieces: a critical point is defined for one")
    _refuse_jumps(activation)
    if _is_homogeneous(activation):
        return Critical(critical_at(activation, 1.0)[0], 0.0, 1.0, 1.0)

    def excess(log_q: float) -> float:
        return (bias_variance - critical_at(activation, exp(log_q))[1]) / exp(log_q)

    lowest, highest = log(max(bias_variance, _SMALLEST)), log(_LONGEST * max(bias_variance, 1.0))
    grid = np.arange(log(_SMALLEST), highest, 0.5)
    unstable: Critical | None = None
    previous: tuple[float, float] | None = None
    searched: list[float] = []
    for log_q in [lowest, *grid[grid > lowest].tolist(), highest]:
        try:
            if moments(activation, exp(log_q)).slope < FAINTEST:
                continue
            value = excess(log_q)
        except TheoryError:
            if not searched:
                raise
            break  # the tails are too heavy from here on
        searched.append(exp(log_q))
        if abs(value) < 1e-12 + 1e-15 * exp(-log_q / 2):
            continue  # a rounding error has no sign; where f(0) = 0 is a difference, z = √q has fewer digits
        if previous is not None and (value > 0) != (previous[1] > 0):
            q = exp(_root(excess, previous[0], log_q))
            values = moments(activation, q)
            point = Critical(1 / values.slope, bias_variance, q, values.growth / values.slope)
            if point.growth <= 1:
                return point
            unstable = unstable or point
        previous = log_q, value
    if unstable is not None:
        return unstable
    if not searched:
        raise TheoryError(
            f"E[f'(z)²] of {name} is 0, or too small for a number, for z ~ N(0, q) up to q = {exp(highest):.3g}"
        )
    if bias_variance == 0 and searched[0] <= 2 * _SMALLEST:
        weights, smallest = critical_at(activation, _SMALLEST)
        if abs(smallest) < 1e-6 * _SMALLEST:
            raise TheoryError(f"{name} is critical only at q* = 0 for {biases}, with σ_w² = {weights:g}")
    raise TheoryError(
        f"no weights make {name} critical for {biases}: no q* from {searched[0]:.3g} to {searched[-1]:.3g}"
    )


def _is_homogeneous(activation: Activation) -> bool:
    """Return whether every length is a fixed point at χ₁ = 1, as for f(az) = a f(z); a scale of f shows at some q."""
    with suppress(TheoryError):
        return all(abs(critical_at(activation, q)[1]) < 1e-9 * q for q in (1e-12, 1e-6, 0.01, 1.0, 100.0, 1e6, 1e12))
    return False


# --- integrals ---------------------------------------------------------------------------------------------------


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function changes its sign between two points, by false position and bisection in turns."""
    at_low, at_high = function(low), function(high)
    for step in range(120):
        if abs(high - low) <= 1e-14 * max(1, abs(low)) or at_low == 0:
            return low
        middle = (low + high) / 2
        if step % 3 and isfinite(at_low) and isfinite(at_high) and at_low != at_high:
            middle = low - at_low * (high - low) / (at_high - at_low)
        value = function(middle)
        if abs(value) < 1e-15:
            return middle
        if (value > 0) == (at_low > 0):
            low, at_low = middle, value
        else:
            high, at_high = middle, value
    return (low + high) / 2


def _features(activation: Activation) -> list[float]:
    """Return where an integral over z is split: at kinks and jumps, and where an activation may bend."""
    bends = {sign * scale for scale in _SCALES for sign in (-1, 1)}
    return sorted(bends | {*activation.kinks, *activation.jumps})


def _root_of_density(t: np.ndarray) -> np.ndarray:
    root: np.ndarray = np.exp(-t * t / 4) / (2 * pi) ** 0.25
    return root


_legendre = lru_cache(np.polynomial.legendre.leggauss)


def _nodes(low: np.ndarray, high: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes and weights (…, points) of Gauss and Legendre between two ends (…)."""
    x, w = _legendre(points)
    half = (high - low)[..., None] / 2
    return (low + high)[..., None] / 2 + half * x, half * w


def _panels(function: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the integrals (k, n) of a function (k, …) over n intervals, with 10 nodes each."""
    x, w = _nodes(low, high, 10)
    with np.errstate(all="ignore"):
        values = function(x.ravel())
        integrals: np.ndarray = (values.reshape(len(values), *x.shape) * w).sum(axis=-1)
    return integrals


def _integral(
    function: Callable[[np.ndarray], np.ndarray],
    edges: Iterable[float],
    name: str,
    far: int = _FAR,
    accuracy: float = 1e-12,
) -> tuple[np.ndarray, tuple[float, float]]:
    """Return the integral (k,) of a function (k, …) of t, and the ends between which it is not negligible.

    The function contains the normal density. Intervals are halved until halving changes nothing. A singularity that
    cannot be integrated leaves an error that no halving removes.
    """
    cuts = np.unique([*range(-far, far + 1), *edges])
    low, high = cuts[:-1], cuts[1:]
    whole = _panels(function, low, high)
    core = (low >= -_CORE) & (high <= _CORE)
    total = np.abs(whole[:, core]).sum(axis=1)
    if not np.isfinite(total).all():
        raise TheoryError(f"{name} is infinite, or too heavy in its tails")
    first, last = np.flatnonzero(core)[[0, -1]].tolist()
    first = _end(whole[:, first::-1], total, name, first, -1)
    last = _end(whole[:, last:], total, name, last, 1)
    low, high, whole = low[first : last + 1], high[first : last + 1], whole[:, first : last + 1]
    ends = float(low[0]), float(high[-1])
    total = np.abs(whole).sum(axis=1)
    result, lost = np.zeros(len(whole)), np.zeros(len(whole))
    for _ in range(60):
        middle = (low + high) / 2
        left, right = _panels(function, low, middle), _panels(function, middle, high)
        error = np.abs(left + right - whole)
        if not np.isfinite(error).all():
            break
        # The first look may miss a steep part.
        total = np.maximum(total, np.abs(result) + np.abs(left + right).sum(axis=1))
        # Of a formula that cancels, rounding errors never get small: what is left must be small in sum.
        negligible = (error <= accuracy / 100 * total[:, None] + 1e-300).all(axis=0)
        done = negligible | (high - low < 1e-14 * np.maximum(1, np.abs(low)))
        if (error.sum(axis=1) <= accuracy * total).all() or (done.size - done.sum() > 4096):
            done[:] = True
        result += (left + right)[:, done].sum(axis=1)
        lost += error[:, done].sum(axis=1)
        if done.all():
            if (lost > 1e-8 * total + 1e-300).any():
                break
            return result, ends
        open_ = ~done
        low, high = np.concatenate([low[open_], middle[open_]]), np.concatenate([middle[open_], high[open_]])
        whole = np.concatenate([left[:, open_], right[:, open_]], axis=1)
    raise TheoryError(f"{name} is infinite or does not converge")


def _end(whole: np.ndarray, total: np.ndarray, name: str, index: int, step: int) -> int:
    """Return the index of the last interval outwards that counts; then two in a row are negligible.

    Beside an integral that is 0 so far nothing is negligible, for f may have a dead zone there.
    """
    total = total.copy()
    negligible = 0
    for count in range(1, whole.shape[1]):
        part = np.abs(whole[:, count])
        if not np.isfinite(part).all():
            break
        negligible = negligible + 1 if (part <= 1e-16 * total + 1e-300).all() else 0
        if negligible >= 2 and (total > 0).all():
            return index + step * count
        total += part
    if negligible >= 2:
        return index + step * (int(whole.shape[1]) - 1)
    raise TheoryError(f"{name} is infinite, or too heavy in its tails")


def _plane(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray],
    outer: np.ndarray,
    inner: Callable[[np.ndarray], np.ndarray],
    name: str,
    negligible: float = 1e-300,
) -> np.ndarray:
    """Return the integral (k,) of a function (k, …) of two coordinates.

    Parameters
    ----------
    function
        It contains the density.
    outer
        Where the integral over the first coordinate is split, sorted.
    inner
        Where that over the second one is split, sorted (n, m), at n values of the first.
    negligible
        What rounding errors leave of an integral that is 0.
    """
    previous: np.ndarray | None = None
    for points in (8, 12, 20, 32, 48):
        x, w = (values.ravel() for values in _nodes(outer[:-1], outer[1:], points))
        cuts = inner(x)
        y, v = _nodes(cuts[:, :-1], cuts[:, 1:], points)
        result = np.zeros(0)
        for rows in np.array_split(np.arange(len(x)), max(1, y.size // 200_000)):
            with np.errstate(all="ignore"):
                values = function(np.broadcast_to(x[rows, None, None], y[rows].shape), y[rows])
                part = np.einsum("kabc,abc,a->k", values, v[rows], w[rows])
            result = part if not result.size else result + part
        if not np.isfinite(result).all():
            break
        if previous is not None and (np.abs(result - previous) <= 1e-9 * np.abs(result).max() + negligible).all():
            return result
        previous = result
    raise TheoryError(f"{name} does not converge")


@lru_cache(maxsize=4096)
def _covariance(activation: Activation, q: float, c: float) -> tuple[float, float]:
    """Integrate over s = (u + v) / |u + v| and d = (u - v) / |u - v|, which are independent and standard normal."""
    scale = sqrt(q)
    along, across = sqrt((1 + c) / 2), sqrt((1 - c) / 2)
    name = f"E[f(u) f(v)] of {activation.name} for q = {q:g}"
    features = np.array(_features(activation)) / scale
    sharp = np.array([*activation.kinks, *activation.jumps, 0.0]) / scale

    def square(t: np.ndarray) -> np.ndarray:
        values: np.ndarray = (activation(scale * t) * _root_of_density(t))[None] ** 2
        return values

    (largest,), ends = _integral(square, features[np.abs(features) < _FAR], name)
    far = max(map(abs, ends))

    def parts(d: np.ndarray, s: np.ndarray) -> np.ndarray:
        root = _root_of_density(s) * _root_of_density(d)
        u, v = scale * (along * s + across * d), scale * (along * s - across * d)
        f, prime = (function(u) * root * (function(v) * root) for function in (activation, activation.prime))
        return np.stack([f, prime])

    regular = np.arange(-far, far + 1)

    def inner(d: np.ndarray) -> np.ndarray:
        if along == 0:
            return np.broadcast_to(regular, (len(d), len(regular)))
        lines = np.concatenate([(features - across * d[:, None]), (features + across * d[:, None])], axis=1) / along
        cuts = np.concatenate([lines, np.broadcast_to(regular, (len(d), len(regular)))], axis=1)
        return np.sort(np.clip(cuts, -far, far), axis=1)

    # For which d two lines of kinks or jumps cross.
    crossings = np.abs(np.subtract.outer(sharp, sharp)).ravel() / (2 * across) if across else np.zeros(1)
    bends = features / across if across and along == 0 else np.zeros(1)
    outer = np.unique(np.clip([*range(int(far) + 1), *crossings, *np.abs(bends)], 0, far))
    f, prime = (2 * _plane(parts, outer, inner, name, 1e-13 * largest)).tolist()
    return f, prime


def _moments_of_two(activation: Activation, q: float) -> Moments:
    """Integrate over b on lines of equal a, split where a branch changes, then over a, where intervals are halved.

    A branch of a formula changes along any curve, such as the oblique line of max(x0 - x1, 0).
    """
    scale, name = sqrt(q), f"E[f(z)²] of {activation.name} for z ~ N(0, {q:g})"

    def parts(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        root = _root_of_density(a) * _root_of_density(b)
        z = scale * np.stack([a, b], axis=-1).reshape(-1, 2)
        f = activation(z).reshape(a.shape) * root
        by_a, by_b = np.moveaxis(activation.prime(z).reshape(*a.shape, 2).astype(float), -1, 0) * root
        # A function with jumps has the derivative of the density in place of its own.
        return np.stack([f * root, f * f, by_a**2 + by_b**2, f * f * (a * a + b * b - 2) / (2 * q)])

    far = _reach(parts, name)
    features = np.array(_features(activation)) / scale
    features = features[np.abs(features) < far]
    cuts = np.unique([*range(-far, far + 1), *features])

    def lines(a: np.ndarray, points: int) -> np.ndarray:
        ends = _cuts_of_lines(activation, scale, a, cuts)
        b, w = _nodes(ends[:, :-1], ends[:, 1:], points)
        result = np.zeros((4, len(a)))
        for rows in np.array_split(np.arange(len(a)), max(1, b.size // 200_000)):
            values = parts(np.broadcast_to(a[rows, None, None], b[rows].shape), b[rows]) * w[rows]
            total = values.sum(axis=(2, 3))
            # Halving intervals of a would never make a rounding error smaller.
            result[:, rows] = np.where(np.abs(total) < 1e-13 * np.abs(values).sum(axis=(2, 3)), 0, total)
        return result

    previous: np.ndarray | None = None
    for points in (8, 12, 20, 32, 48):
        result, _ = _integral(partial(lines, points=points), features, name, far, 1e-10)
        if previous is not None and (np.abs(result - previous) <= 1e-9 * np.abs(result).max()).all():
            return Moments(*result.tolist())
        previous = result
    raise TheoryError(f"{name} does not converge")


def _reach(parts: Callable[[np.ndarray, np.ndarray], np.ndarray], name: str) -> int:
    """Return up to which |a| and |b| functions (k, …) of a and b are not negligible; TheoryError if that is too far."""
    axis = np.arange(-_FAR, _FAR + 1.0)
    a, b = np.meshgrid(axis, axis)
    with np.errstate(all="ignore"):
        size = np.abs(parts(a, b))
        counts = ~(size <= 1e-20 * size.max(axis=(1, 2), keepdims=True)).all(axis=0)
    far = int(np.maximum(np.abs(a), np.abs(b))[counts].max(initial=_CORE))
    if far >= _FAR - 2:
        raise TheoryError(f"{name} is infinite, or too heavy in its tails")
    return far + 2


def _cuts_of_lines(activation: Activation, scale: float, a: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Return where integrals over b are split at n values of a, sorted (n, m): at cuts, ties and changes of branch."""
    rows = [np.broadcast_to(cuts, (len(a), len(cuts))), a[:, None], -a[:, None]]
    differences: Callable[..., list[np.ndarray]] = getattr(activation, "differences", lambda _: [])
    for gate, sample in enumerate(differences(_pair(scale, a[:, None], cuts))):
        row, column = np.nonzero(np.diff(np.sign(sample), axis=1))
        low, high, before = cuts[column], cuts[column + 1], np.sign(sample[row, column])
        for _ in range(50 if row.size else 0):
            middle = (low + high) / 2
            unchanged = np.sign(differences(_pair(scale, a[row], middle))[gate]) == before
            low, high = np.where(unchanged, middle, low), np.where(unchanged, high, middle)
        count = np.bincount(row, minlength=len(a))
        found = np.full((len(a), count.max(initial=0)), cuts[-1])
        found[row, np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)] = high
        rows.append(found)
    return np.sort(np.clip(np.concatenate(rows, axis=1), cuts[0], cuts[-1]), axis=1)


def _pair(scale: float, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.broadcast_arrays(scale * a, scale * b)
    return first, second
