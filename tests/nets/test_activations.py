"""Activations: values and derivatives against mpmath and differences, and every promise of the registry's classes."""

import math
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mpmath import cosh, erf, exp, expm1, log1p, mp, mpf, pi, sqrt, tanh

from nets.activations import (
    ACTIVATIONS,
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    Activation,
    HardSigmoid,
    HardSwish,
    HardTanh,
    LeakyReLU,
    Linear,
    Maxout,
    Mish,
    PReLU,
    ReLU,
    ReLUSquared,
    ShiftedReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Tanh,
)
from nets.initializers import INITIALIZERS

INF = math.inf
DTYPES = [np.float32, np.float64]


# --- Independent formulas. Each returns the terms of the documented formula: their sum is the exact result, the
# --- largest is what the accuracy contract measures against.


def sigma(x):
    return 1 / (1 + exp(-x))


def rectify(x):
    return [max(x, 0)]


def elu(x, alpha=1, scale=1):
    return [scale * x] if x > 0 else [scale * alpha * expm1(x)]


def elu_prime(x, alpha=1, scale=1):
    return [mpf(scale)] if x > 0 else [scale * alpha * expm1(x), mpf(scale) * alpha]


def celu(alpha):
    return (
        lambda x: [x] if x > 0 else [alpha * expm1(x / alpha)],
        lambda x: [mpf(1)] if x > 0 else [expm1(x / alpha), mpf(1)],
    )


def leaky(slope):
    return lambda x: [x if x > 0 else slope * x], lambda x: [mpf(1 if x > 0 else slope)]


def gelu(x):
    return [x / 2, x / 2 * erf(x / sqrt(2))]


def gelu_prime(x):
    return [mpf(1) / 2, erf(x / sqrt(2)) / 2, x * exp(-x * x / 2) / sqrt(2 * pi)]


def gelu_tanh_u(x):
    return sqrt(2 / pi) * (x + mpf("0.044715") * x**3)


def gelu_tanh(x):
    return [x / 2, x / 2 * tanh(gelu_tanh_u(x))]


def gelu_tanh_prime(x):
    u, u_prime = gelu_tanh_u(x), sqrt(2 / pi) * (1 + 3 * mpf("0.044715") * x * x)
    return [mpf(1) / 2, tanh(u) / 2, x / 2 * u_prime / cosh(u) ** 2]


def mish(x):
    return [x * tanh(log1p(exp(x)))]


def mish_prime(x):
    softplus = log1p(exp(x))
    return [tanh(softplus), x * sigma(x) / cosh(softplus) ** 2]


def hard_sigmoid(width, offset):
    return (
        lambda x: [min(max(x / width + offset, 0), 1) - offset, mpf(offset)],
        lambda x: [1 / mpf(width) if 0 < x / width + offset < 1 else mpf(0)],
    )


def hard_swish(x):
    return [x * x / 6, x / 2] if abs(x) < 3 else rectify(x)


def hard_swish_prime(x):
    return [x / 3, mpf(1) / 2] if abs(x) < 3 else [mpf(x > 0)]


with mp.workprec(400):
    SELU_ALPHA, SELU_SCALE = mpf("1.6732632423543772848170429916717"), mpf("1.0507009873554804934193349852946")

# Activation: value, derivative, (value, derivative) at -inf and at +inf.
EXACT = {
    Linear(): (lambda x: [x], lambda x: [mpf(1)], (-INF, 1), (INF, 1)),
    Sigmoid(): (lambda x: [sigma(x)], lambda x: [sigma(x), -(sigma(x) ** 2)], (0, 0), (1, 0)),
    Tanh(): (lambda x: [tanh(x)], lambda x: [mpf(1), -(tanh(x) ** 2)], (-1, 0), (1, 0)),
    ReLU(): (rectify, lambda x: [mpf(x > 0)], (0, 0), (INF, 1)),
    ReLU(at_zero=0.3): (rectify, lambda x: [mpf(x > 0) if x else mpf(0.3)], (0, 0), (INF, 1)),
    Softplus(): (lambda x: [log1p(exp(x))], lambda x: [sigma(x)], (0, 0), (INF, 1)),
    LeakyReLU(): (*leaky(0.01), (-INF, 0.01), (INF, 1)),
    LeakyReLU(slope=0): (*leaky(0), (0, 0), (INF, 1)),
    LeakyReLU(slope=0.999): (*leaky(0.999), (-INF, 0.999), (INF, 1)),
    PReLU(): (*leaky(0.25), (-INF, 0.25), (INF, 1)),
    PReLU(per="layer"): (*leaky(0.25), (-INF, 0.25), (INF, 1)),
    ELU(): (elu, elu_prime, (-1, 0), (INF, 1)),
    ELU(alpha=0.3): (lambda x: elu(x, 0.3), lambda x: elu_prime(x, 0.3), (-0.3, 0), (INF, 1)),
    ELU(alpha=1e6): (lambda x: elu(x, 1e6), lambda x: elu_prime(x, 1e6), (-1e6, 0), (INF, 1)),
    ShiftedReLU(): (lambda x: [max(x, -1)], lambda x: [mpf(x > -1)], (-1, 0), (INF, 1)),
    SELU(): (
        lambda x: elu(x, SELU_ALPHA, SELU_SCALE),
        lambda x: elu_prime(x, SELU_ALPHA, SELU_SCALE),
        (-SELU_ALPHA * SELU_SCALE, 0),
        (INF, SELU_SCALE),
    ),
    CELU(): (*celu(1), (-1, 0), (INF, 1)),
    CELU(alpha=1e-6): (*celu(1e-6), (-1e-6, 0), (INF, 1)),
    CELU(alpha=1e6): (*celu(1e6), (-1e6, 0), (INF, 1)),
    GELU(): (gelu, gelu_prime, (0, 0), (INF, 1)),
    GELU(approximate="tanh"): (gelu_tanh, gelu_tanh_prime, (0, 0), (INF, 1)),
    SiLU(): (lambda x: [x * sigma(x)], lambda x: [sigma(x), x * sigma(x) * sigma(-x)], (0, 0), (INF, 1)),
    Mish(): (mish, mish_prime, (0, 0), (INF, 1)),
    Softsign(): (lambda x: [x / (1 + abs(x))], lambda x: [1 / (1 + abs(x)) ** 2], (-1, 0), (1, 0)),
    HardTanh(): (lambda x: [min(max(x, -1), 1)], lambda x: [mpf(abs(x) < 1)], (-1, 0), (1, 0)),
    HardSigmoid(): (*hard_sigmoid(6, 0.5), (0, 0), (1, 0)),
    HardSigmoid(slope=0.2, offset=0): (*hard_sigmoid(5, 0), (0, 0), (1, 0)),
    HardSwish(): (hard_swish, hard_swish_prime, (0, 0), (INF, 1)),
    ReLUSquared(): (lambda x: [max(x, 0) ** 2], lambda x: [2 * max(x, 0)], (0, 0), (INF, INF)),
}
DEFAULTS = [variant() for variant in ACTIVATIONS.values()]
VARIANTS = list(dict.fromkeys([*DEFAULTS, *EXACT, Maxout(pieces=3)]))
ELEMENTWISE = [activation for activation in DEFAULTS if activation.pieces == 1]


def grid(dtype):
    """Return points of both signs from the smallest number to the largest, denser where something happens."""
    info = np.finfo(dtype)
    rng = np.random.default_rng(0)
    largest = float(info.max)
    corners = np.array([0, info.tiny, 0.5, 1, 3, 5, 8, 22, 40, math.sqrt(largest), largest / 2, largest], dtype)
    magnitudes = [
        corners,
        np.nextafter(corners, dtype(0)),
        np.nextafter(corners[:-1], dtype(INF)),
        np.ldexp(rng.uniform(1, 2, 300), rng.integers(info.minexp - info.nmant, info.maxexp, 300)),
        rng.uniform(0, 10, 300),
        rng.uniform(10, 60, 100),
        rng.uniform(0.9, 1.1, 100) * -np.log(info.tiny),  # exp reaches the ends of its range
    ]
    magnitudes = np.concatenate(magnitudes).astype(dtype)
    return np.concatenate([-magnitudes, magnitudes])


def assert_accurate(computed, points, terms):
    """Assert the module's accuracy contract: `terms(*point)` are mpmath terms with the exact result as their sum."""
    info = np.finfo(computed.dtype)
    with mp.workprec(400):
        for value, point in zip(computed.tolist(), points, strict=True):
            summands = terms(*map(mpf, point))
            exact = sum(summands)
            bound = 8 * float(info.eps) * max(map(abs, [exact, *summands])) + 2 * float(info.tiny)
            if math.isinf(value):
                assert exact * value > 0, f"at {point}: {value} for {mp.nstr(exact, 20)}"
                assert abs(exact) + bound > float(info.max), f"at {point}: {value} for {mp.nstr(exact, 20)}"
            else:
                assert abs(value - exact) <= bound, f"at {point}: {value} for {mp.nstr(exact, 20)} ± {mp.nstr(bound, 3)}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", EXACT, ids=repr)
def test_contract(activation, dtype):
    value, derivative, *_ = EXACT[activation]
    z = grid(dtype)
    h, prime = activation(z), activation.prime(z)
    assert h.dtype == prime.dtype == dtype
    assert_accurate(h, zip(z.tolist()), value)
    assert_accurate(prime, zip(z.tolist()), derivative)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", EXACT, ids=repr)
def test_limits(activation, dtype):
    *_, below, above = EXACT[activation]
    z = np.array([-INF, INF], dtype)
    info = np.finfo(dtype)
    for computed, limits in zip((activation(z), activation.prime(z)), zip(below, above), strict=True):
        limits = np.array(limits, float)
        np.testing.assert_allclose(computed, limits, rtol=8 * info.eps, atol=2 * info.tiny)


def gated(dtype):
    """Return pairs (a, b) for GLU, all combinations of about 60 numbers."""
    points = grid(dtype)
    points = np.unique(np.concatenate([points[:: points.size // 40], np.array([90, 100, 170, 800, 1400], dtype)]))
    points = np.concatenate([-points, points])
    return np.stack(np.meshgrid(points, points), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_glu_contract(dtype):
    z = gated(dtype)
    prime = GLU().prime(z)
    assert_accurate(GLU()(z)[:, 0], z.tolist(), lambda a, b: [a * sigma(b)])
    assert_accurate(prime[:, 0], z.tolist(), lambda a, b: [sigma(b)])
    assert_accurate(prime[:, 1], z.tolist(), lambda a, b: [a * sigma(b), -a * sigma(b) ** 2])


