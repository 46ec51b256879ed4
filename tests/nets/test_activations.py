"""Activations: values and derivatives against mpmath and differences, and every promise of the registry's classes."""

import math
from dataclasses import FrozenInstanceError, fields, replace

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
from nets.learned import APL, Rational, Spline

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


def gaussian(x):
    """Return erf(x/√2); beyond ±50 it is ±1 to 400 bits, which mpmath takes long to find out."""
    return erf(min(max(x, -50), 50) / sqrt(2))


def gelu(x):
    return [x / 2, x / 2 * gaussian(x)]


def gelu_prime(x):
    return [mpf(1) / 2, gaussian(x) / 2, x * exp(-x * x / 2) / sqrt(2 * pi)]


def gelu_tanh_u(x):
    x = min(max(x, -50), 50)  # beyond, tanh(u) is ±1 to 400 bits
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


def rational(z):
    """Return the terms of P(z) / Q(z) before training."""
    p = {name: mpf(value.item()) for name, value in Rational().init(1, 1, float).items()}
    q = 1 + abs(sum(p[f"b{k}"] * z**k for k in range(1, 5)))
    return [p[f"a{j}"] * z**j / q for j in range(6)]


def rational_prime(z):
    p = {name: mpf(value.item()) for name, value in Rational().init(1, 1, float).items()}
    s = sum(p[f"b{k}"] * z**k for k in range(1, 5))
    by_s = [-h * mp.sign(s) * k * p[f"b{k}"] * z ** (k - 1) / (1 + abs(s)) for k in range(1, 5) for h in rational(z)]
    return [j * p[f"a{j}"] * z ** (j - 1) / (1 + abs(s)) for j in range(1, 6)] + by_s


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
    APL(): (rectify, lambda x: [mpf(x > 0)], (0, 0), (INF, 1)),
    APL(hinges=5): (rectify, lambda x: [mpf(x > 0)], (0, 0), (INF, 1)),
    Rational(): (rational, rational_prime, (-INF, 0.505), (INF, 0.505)),
    Spline(): (*leaky(0.01), (-INF, 0.01), (INF, 1)),
    Spline(knots=2, spacing=4): (*leaky(0.01), (-INF, 0.01), (INF, 1)),
    ReLUSquared(): (lambda x: [max(x, 0) ** 2], lambda x: [2 * max(x, 0)], (0, 0), (INF, INF)),
}
# A formula of the user's is no function of ours: tests/nets/test_formula.py says what it promises.
DEFAULTS = [variant() for name, variant in ACTIVATIONS.items() if name != "formula"]
VARIANTS = list(dict.fromkeys([*DEFAULTS, *EXACT, Maxout(pieces=3)]))
ELEMENTWISE = [activation for activation in VARIANTS if activation.pieces == 1]


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
                off = f"at {point}: {value} for {mp.nstr(exact, 20)} ± {mp.nstr(bound, 3)}"
                assert abs(value - exact) <= bound, off


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", EXACT, ids=repr)
def test_contract(activation, dtype):
    value, derivative, *_ = EXACT[activation]
    z = grid(dtype)
    h, prime = activation(z), activation.prime(z)
    assert h.dtype == prime.dtype == dtype
    assert_accurate(h, z[:, None].tolist(), value)
    assert_accurate(prime, z[:, None].tolist(), derivative)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", EXACT, ids=repr)
def test_limits(activation, dtype):
    *_, below, above = EXACT[activation]
    z = np.array([-INF, INF], dtype)
    info = np.finfo(dtype)
    for computed, *limits in zip((activation(z), activation.prime(z)), below, above, strict=True):
        limits = np.array(limits, float)
        np.testing.assert_allclose(computed, limits, rtol=8 * info.eps, atol=2 * info.tiny)


def gated(dtype):
    """Return pairs (a, b) for GLU, all combinations of about 50 numbers."""
    points = grid(dtype)
    points = np.unique(np.concatenate([points[:: points.size // 25], np.array([90, 100, 170, 800, 1400], dtype)]))
    points = np.concatenate([-points, points])
    return np.stack(np.meshgrid(points, points), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_glu_contract(dtype):
    z = gated(dtype)
    prime = GLU().prime(z)
    assert_accurate(GLU()(z)[:, 0], z.tolist(), lambda a, b: [a * sigma(b)])
    assert_accurate(prime[:, 0], z.tolist(), lambda a, b: [sigma(b)])
    assert_accurate(prime[:, 1], z.tolist(), lambda a, b: [a * sigma(b), -a * sigma(b) ** 2])


# --- maxout, which picks and adds nothing


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pieces", [2, 3, 5])
def test_maxout_is_the_largest_piece_and_routes_to_it(pieces, dtype):
    # Small whole numbers tie often.
    z = np.random.default_rng(pieces).integers(-2, 3, (200, pieces * 4)).astype(dtype)
    by_piece = z.reshape(200, pieces, 4)
    first_largest = by_piece.argmax(axis=1)[:, None] == np.arange(pieces)[:, None]
    np.testing.assert_array_equal(Maxout(pieces)(z), by_piece.max(axis=1))
    np.testing.assert_array_equal(Maxout(pieces).prime(z).reshape(by_piece.shape), first_largest)


def test_maxout_with_a_piece_of_zeros_is_relu():
    z = np.linspace(-3, 3, 61)
    z = z[z != 0]  # at 0 the pieces tie: the first, the zeros, takes the gradient, as ReLU's at_zero = 0 says
    both = np.stack([np.zeros_like(z), z], axis=1)
    np.testing.assert_array_equal(Maxout()(both)[:, 0], ReLU()(z))
    np.testing.assert_array_equal(Maxout().prime(both)[:, 1], ReLU().prime(z))
    assert Maxout().prime(np.zeros(2)).tolist() == [1, 0]


# --- what holds for every activation


@pytest.mark.parametrize("activation", DEFAULTS, ids=repr)
def test_every_registered_activation_has_an_independent_formula(activation):
    assert type(activation) in {type(known) for known in [*EXACT, Maxout(), GLU()]}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", VARIANTS, ids=repr)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_finite_input_gives_a_number_or_an_infinity(activation, dtype, data):
    elements = st.floats(width=np.finfo(dtype).bits, allow_nan=False)
    z = data.draw(arrays(dtype, (3, 2 * activation.pieces), elements=elements))
    assert not np.isnan(activation(z)).any()
    assert not np.isnan(activation.prime(z)).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", VARIANTS, ids=repr)
def test_not_a_number_stays_one(activation, dtype):
    z = np.full(activation.pieces, np.nan, dtype)
    assert np.isnan(activation(z)).all()
    assert np.isnan(activation.prime(z)).all()


def evaluated(activation, z):
    """Return h and the raw derivative of z (rows, columns)."""
    stack = z[None]
    h = np.empty((1, len(z), z.shape[1] // activation.pieces), z.dtype)
    work, learned = activation.buffers(stack.shape, z.dtype), activation.init(1, h.shape[-1], z.dtype)
    activation.forward(stack, h, work, **learned)
    return h[0], activation.derivative(stack, h, work, **learned)[0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", VARIANTS, ids=repr)
def test_nan_is_as_the_module_says(activation, dtype):
    random = np.random.default_rng(0)
    z = random.normal(size=(200, 2 * activation.pieces)).astype(dtype) * 4
    nan = random.uniform(size=z.shape) < 0.1
    holed = np.where(nan, dtype(np.nan), z)
    affected = nan.reshape(len(z), activation.pieces, -1).any(axis=1)  # a unit that has a NaN in any of its pieces
    h, raw = evaluated(activation, holed)
    for values in (h, activation(holed)):
        np.testing.assert_array_equal(np.isnan(values), affected)
        np.testing.assert_array_equal(values[~affected], activation(z)[~affected])
    prime = activation.prime(holed)
    assert np.isnan(prime[nan]).all()
    unaffected = ~np.tile(affected, activation.pieces)
    np.testing.assert_array_equal(prime[unaffected], activation.prime(z)[unaffected])
    assert not np.isnan(raw[unaffected]).any()
    for piece in range(activation.pieces):
        columns = slice(2 * piece, 2 * piece + 2)
        moved = z.copy()
        moved[:, columns] += dtype(1e-3)
        changes = np.mean(evaluated(activation, z)[1][:, columns] != evaluated(activation, moved)[1][:, columns])
        if changes > 0.1:  # h' is not piecewise constant in this piece
            assert np.isnan(raw[:, columns][nan[:, columns]]).all()


@pytest.mark.parametrize("activation", ELEMENTWISE, ids=repr)
def test_the_derivative_is_the_slope_away_from_kinks(activation):
    z = np.linspace(-6, 6, 241) + 0.013
    step = 1e-6
    for kink in activation.kinks:
        z = z[np.abs(z - kink) > 2 * step]
    slope = (activation(z + step) - activation(z - step)) / (2 * step)
    scale = np.abs(activation(z)).max() + 1
    np.testing.assert_allclose(activation.prime(z), slope, rtol=1e-7, atol=1e-9 * scale)


# This CELU's bend is narrower than any grid.
@pytest.mark.parametrize("activation", [each for each in ELEMENTWISE if each != CELU(alpha=1e-6)], ids=repr)
def test_the_derivative_jumps_at_the_kinks_and_nowhere_else(activation):
    step = 1e-7
    for kink in activation.kinks:
        left, right = activation.prime(np.array([kink - step, kink + step]))
        assert abs(right - left) > 1e-4
    z = np.linspace(-6, 6, 240_001)
    steepest = np.abs(np.diff(activation.prime(z)))
    at_kink = np.zeros(z.size - 1, bool)
    for kink in activation.kinks:
        at_kink |= (z[:-1] <= kink + 1e-12) & (z[1:] >= kink - 1e-12)
    scale = np.abs(activation.prime(z)).max()
    assert (steepest[~at_kink] < 1e-3 * scale).all()


@pytest.mark.parametrize(
    ("activation", "z", "slope"),
    [
        (ReLU(), 0.0, 0),
        (ReLU(at_zero=0.5), 0.0, 0.5),
        (ReLU(at_zero=1), -0.0, 1),
        (LeakyReLU(), 0.0, 0.01),
        (PReLU(), 0.0, 0.25),
        (ELU(alpha=0.3), 0.0, 0.3),
        (SELU(), 0.0, SELU.scale * SELU.alpha),
        (ShiftedReLU(), -1.0, 0),
        (HardTanh(), 1.0, 0),
        (HardTanh(), -1.0, 0),
        (HardSigmoid(), -3.0, 0),
        (HardSigmoid(), 3.0, 0),
        (HardSwish(), -3.0, 0),
        (HardSwish(), 3.0, 1),
        (APL(), 0.0, 0),
        (Spline(), 0.0, 0.01),
    ],
    ids=repr,
)
def test_the_slope_at_a_kink(activation, z, slope):
    assert activation.prime(np.float64(z)) == slope


@pytest.mark.parametrize("activation", ELEMENTWISE, ids=repr)
def test_saturation_is_as_stated(activation):
    flat = np.abs(activation.prime(np.array([-1e8, 1e8]))) < 1e-5
    stated = {"both": [True, True], "left": [True, False], "neither": [False, False]}[activation.saturates]
    assert flat.tolist() == stated


@pytest.mark.parametrize("activation", VARIANTS, ids=repr)
def test_its_initializer_exists(activation):
    assert activation.initializer in INITIALIZERS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", VARIANTS, ids=repr)
def test_the_derivative_may_be_taken_twice_and_leaves_z_and_h_alone(activation, dtype):
    units = 5
    z = np.random.default_rng(0).normal(0, 3, (2, 4, activation.pieces * units)).astype(dtype)
    h, work = np.empty((2, 4, units), dtype), activation.buffers(z.shape, dtype)
    parameters = activation.init(2, units, dtype)
    given_z = z.copy()
    activation.forward(z, h, work, **parameters)
    given_h = h.copy()
    once = activation.derivative(z, h, work, **parameters).copy()
    twice = activation.derivative(z, h, work, **parameters)
    np.testing.assert_array_equal(once, twice)
    np.testing.assert_array_equal(z, given_z)
    np.testing.assert_array_equal(h, given_h)
    assert any(np.shares_memory(twice, buffer) for buffer in work)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", VARIANTS, ids=repr)
@pytest.mark.parametrize("units", [1, 3, 17])
def test_a_stack_has_the_bits_of_its_replicas_alone(activation, dtype, units):
    z = np.random.default_rng(1).normal(0, 4, (5, 7, activation.pieces * units)).astype(dtype)
    for member in range(5):
        np.testing.assert_array_equal(activation(z)[member], activation(z[member]))
        np.testing.assert_array_equal(activation.prime(z)[member], activation.prime(z[member]))


def test_prelu_learns_the_sum_of_its_negative_inputs():
    z = np.array([[[-2.0, 3.0], [0.0, -1.0]]])
    h, activation = np.empty_like(z), PReLU()
    work, learned = activation.buffers(z.shape, z.dtype), {"slope": np.array([[[0.5, -2.0]]])}
    activation.forward(z, h, work, **learned)
    assert h.tolist() == [[[-1, 3], [0, 2]]]
    assert activation.derivative(z, h, work, **learned).tolist() == [[[0.5, 1], [0.5, -2]]]
    assert activation.parameter_derivatives(z, h, work, **learned)["slope"].tolist() == [[[-2, 0], [0, -1]]]


@pytest.mark.parametrize(("per", "shape"), [("unit", (3, 1, 4)), ("layer", (3, 1, 1))])
def test_prelu_has_a_slope_per_unit_or_layer(per, shape):
    slope = PReLU(per=per).init(3, 4, np.float32)["slope"]
    assert slope.shape == shape
    assert slope.dtype == np.float32
    assert (slope == 0.25).all()


# --- calls, hyperparameters and the registry


@pytest.mark.parametrize(
    ("variant", "hyperparameters"),
    [
        (ReLU, {"at_zero": -0.1}),
        (ReLU, {"at_zero": 1.1}),
        (LeakyReLU, {"slope": 1}),
        (LeakyReLU, {"slope": -0.1}),
        (LeakyReLU, {"slope": 1e-31}),
        (LeakyReLU, {"slope": math.nan}),
        (PReLU, {"per": "weight"}),
        (ELU, {"alpha": 0}),
        (ELU, {"alpha": -1}),
        (ELU, {"alpha": INF}),
        (ELU, {"alpha": True}),
        (ELU, {"alpha": "1"}),
        (CELU, {"alpha": 0}),
        (Maxout, {"pieces": 1}),
        (Maxout, {"pieces": 2.0}),
        (Maxout, {"pieces": 101}),
        (GELU, {"approximate": "erf"}),
        (HardSigmoid, {"slope": 0}),
        (HardSigmoid, {"offset": 1.5}),
        (APL, {"hinges": 0}),
        (APL, {"hinges": 2.0}),
        (Spline, {"knots": 17}),
        (Spline, {"spacing": 0}),
    ],
    ids=repr,
)
def test_a_hyperparameter_out_of_range_is_named_with_its_value(variant, hyperparameters):
    ((field, value),) = hyperparameters.items()
    with pytest.raises(ValueError, match="allowed is") as refusal:
        variant(**hyperparameters)
    assert f"activation.{field}={value!r} of {variant.name}" in str(refusal.value)


@pytest.mark.parametrize("activation", VARIANTS, ids=repr)
def test_an_activation_is_a_frozen_value(activation):
    assert activation == replace(activation)
    assert hash(activation) == hash(replace(activation))
    for field in fields(activation):
        with pytest.raises(FrozenInstanceError):
            setattr(activation, field.name, 0)


def test_equal_hyperparameters_are_one_value():
    """Whole numbers and -0.0 would otherwise make other conditions, which are trained again."""
    assert repr(ELU(alpha=2)) == repr(ELU(alpha=np.float32(2))) == "ELU(alpha=2.0)"
    assert repr(LeakyReLU(slope=-0.0)) == repr(LeakyReLU(slope=0)) == "LeakyReLU(slope=0.0)"
    assert repr(Maxout(pieces=3)) == "Maxout(pieces=3)"


def test_numbers_lists_and_integers_are_inputs_too():
    assert ReLU()(-2) == 0
    assert ReLU()([-1, 2]).tolist() == [0, 2]
    assert ReLU()(np.zeros((0, 3))).shape == (0, 3)
    assert Maxout()(np.zeros((4, 6))).shape == (4, 3)


def test_a_wrong_number_of_columns_is_refused():
    with pytest.raises(ValueError, match="multiple of 3"):
        Maxout(pieces=3)(np.zeros((2, 4)))


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="'relu' exists already"):
        type("Twice", (ReLU,), {}, name="relu")


def test_tanh_is_a_sigmoid_of_twice_the_input():
    z = np.linspace(-5, 5, 101)
    np.testing.assert_allclose(Tanh()(z), 2 * Sigmoid()(2 * z) - 1, atol=4e-16)


def test_sigmoid_and_softplus_hold_at_the_ends_where_short_forms_do_not():
    assert ELU(alpha=0.2)(3.0) == 3  # max(alpha (exp(z) - 1), z) would be 3.8
    assert Sigmoid().prime(0.0) == 0.25
    assert Softplus()(1000.0) == 1000
    assert Softplus()(-700.0) > 0
