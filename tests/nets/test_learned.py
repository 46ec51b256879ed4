"""Activations whose shape is learned: values and every derivative at learned parameters, what they start as, stacks."""

import math

import numpy as np
import pytest
from mpmath import mp, mpf
from threadpoolctl import threadpool_limits

from nets.activations import ACTIVATIONS, LeakyReLU, PReLU, ReLU
from nets.initializers import HeNormal
from nets.learned import APL, Rational, Spline
from nets.network import Network, Work
from nets.outputs import SoftmaxCE
from tests.nets.test_activations import assert_accurate, grid

ALL = [APL(), APL(hinges=1), APL(hinges=5), Rational(), Spline(), Spline(knots=1, spacing=0.25), Spline(knots=7)]
DTYPES = [np.float32, np.float64]

each = pytest.mark.parametrize("activation", ALL, ids=repr)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def learned(activation, units, dtype, seed=0, replicas=1):
    """Return parameters that training might reach."""
    random = np.random.default_rng(seed)
    start = activation.init(replicas, units, dtype)
    return {name: (value + random.normal(0, 0.3, value.shape)).astype(dtype) for name, value in start.items()}


def evaluated(activation, z, parameters):
    """Return h, dh/dz and the derivative by each parameter at z (rows,), which one unit takes."""
    stack = z[None, :, None]
    h, work = np.empty_like(stack), activation.buffers(stack.shape, z.dtype)
    activation.forward(stack, h, work, **parameters)
    by = activation.parameter_derivatives(stack, h, work, **parameters)
    by = {name: values.ravel().copy() for name, values in by.items()}
    return h.ravel(), activation.derivative(stack, h, work, **parameters).ravel(), by


# --- the documented formulas in mpmath: the terms of h, of h', and of the derivative by each parameter


def apl(activation, z, p):
    numbers = range(1, activation.hinges + 1)
    hinge = {s: max(p[f"b{s}"] - z, 0) for s in numbers}
    below = {s: mpf(z < p[f"b{s}"]) for s in numbers}
    h = [max(z, 0), *(p[f"a{s}"] * hinge[s] for s in numbers)]
    prime = [mpf(z > 0), *(-p[f"a{s}"] * below[s] for s in numbers)]
    by = {f"a{s}": [hinge[s]] for s in numbers} | {f"b{s}": [p[f"a{s}"] * below[s]] for s in numbers}
    return h, prime, by


def rational(activation, z, p):
    parts = [p[f"b{k}"] * z**k for k in range(1, 5)]
    s, q = sum(parts), 1 + abs(sum(parts))
    h = [p[f"a{j}"] * z**j / q for j in range(6)]
    # What rounding Q may cost: h times the terms of Q / Q.
    spread = [sum(h) * part / q for part in parts]
    h = [*h, *spread, *(-part for part in spread)]
    prime = [j * p[f"a{j}"] * z ** (j - 1) / q for j in range(1, 6)]
    prime += [-v * mp.sign(s) * k * p[f"b{k}"] * z ** (k - 1) / q for k in range(1, 5) for v in h]
    by = {f"a{j}": [z**j / q, *(z**j / q * e for part in parts for e in (part / q, -part / q))] for j in range(6)}
    by |= {f"b{k}": [-v * mp.sign(s) * z**k / q for v in h] for k in range(1, 5)}
    return h, prime, by


def spline(activation, z, p):
    last, spacing = 2 * activation.knots, mpf(activation.spacing)
    i = min(max(int(mp.ceil(z / spacing)) - 1 + activation.knots, 0), last - 1)
    f = z / spacing - (i - activation.knots)
    low, high = p[f"v{i}"], p[f"v{i + 1}"]
    by = {f"v{j}": [mpf(0)] for j in range(last + 1)} | {f"v{i}": [mpf(1), -f], f"v{i + 1}": [f]}
    return [(1 - f) * low, f * high], [high / spacing, -low / spacing], by


FORMULAS = {APL: apl, Rational: rational, Spline: spline}


def away_from_roots(z, parameters):
    """Return the z that are not within rounding errors of a z at which S(z) changes its sign."""
    if "b4" not in parameters:
        return z
    b = [parameters[f"b{k}"].item() for k in (4, 3, 2, 1)]
    roots = np.array([0, *(root.real for root in np.roots(b) if abs(root.imag) < 1e-9)])
    near = np.abs(z[:, None] - roots) < 20 * np.finfo(z.dtype).eps * np.abs(roots)
    return z[~near.any(axis=1)]


@each_dtype
@each
@pytest.mark.parametrize("seed", [0, 1])
def test_values_and_derivatives_at_learned_parameters_keep_the_contract(activation, dtype, seed):
    parameters = learned(activation, 1, dtype, seed)
    z = away_from_roots(grid(dtype)[seed::10], parameters)
    exact = {name: mpf(value.item()) for name, value in parameters.items()}

    def terms(x):
        return FORMULAS[type(activation)](activation, x, exact)

    h, prime, by = evaluated(activation, z, parameters)
    assert_accurate(h, z[:, None].tolist(), lambda x: terms(x)[0])
    assert_accurate(prime, z[:, None].tolist(), lambda x: terms(x)[1])
    near = np.abs(z) < 1e5  # farther out, a share of a knot is a difference of large numbers
    for name in list(by)[seed::2]:
        assert_accurate(by[name][near], z[near][:, None].tolist(), lambda x, name=name: terms(x)[2][name])


@each
def test_every_derivative_is_a_difference(activation):
    parameters = learned(activation, 1, float, seed=5)
    z = np.random.default_rng(1).uniform(-6, 6, 300)
    _, prime, by = evaluated(activation, z, parameters)
    step = 1e-6

    def slope(z_step=0.0, **moves):
        moved = [parameters | {name: parameters[name] + sign * by for name, by in moves.items()} for sign in (1, -1)]
        above, below = (evaluated(activation, z + s * z_step, p)[0] for s, p in zip((1, -1), moved, strict=True))
        return (above - below) / (2 * step)

    checks = {"z": (prime, slope(step))} | {name: (values, slope(**{name: step})) for name, values in by.items()}
    for name, (ours, expected) in checks.items():
        off = np.abs(ours - expected) / (1 + np.abs(expected))
        assert np.median(off) < 1e-8, name
        assert (off > 1e-6).sum() <= 1, name  # a kink may lie within a step


@each_dtype
@each
def test_a_learned_stack_has_the_bits_of_its_replicas_alone(activation, dtype):
    units, replicas = 5, 4
    z = np.random.default_rng(1).normal(0, 4, (replicas, 7, units)).astype(dtype)
    z[2, 3, 1] = 1e8  # far out for a rational function in float32
    parameters = learned(activation, units, dtype, replicas=replicas)

    def everything(z, parameters):
        h, work = np.empty_like(z), activation.buffers(z.shape, dtype)
        activation.forward(z, h, work, **parameters)
        by = {k: v.copy() for k, v in activation.parameter_derivatives(z, h, work, **parameters).items()}
        return [h, activation.derivative(z, h, work, **parameters), *by.values()]

    together = everything(z, parameters)
    for r in range(replicas):
        alone = everything(z[r : r + 1].copy(), {name: value[r : r + 1] for name, value in parameters.items()})
        for ours, expected in zip(together, alone, strict=True):
            np.testing.assert_array_equal(ours[r], expected[0])


@each
def test_a_network_learns_them_in_a_stack_as_alone(activation):
    """After ten steps parameters have moved, and each replica has the bits that it has alone."""
    random = np.random.default_rng(0)
    inputs, targets = random.normal(size=(3, 12, 3)), np.eye(2)[random.integers(2, size=(3, 12))]

    def trained(replicas):
        network = Network(3, (6, 4), 2, activation, len(replicas))
        network.initialize(HeNormal(), lambda r, layer: np.random.default_rng([replicas[r], layer]))
        work = Work(network, 12)
        work.inputs[:], work.targets[:] = inputs[replicas], targets[replicas]
        for _ in range(10):
            SoftmaxCE().gradient(network.forward(work), work.targets, work.delta)
            network.backward(work)
            network.parameters -= np.float32(1e-3) * network.gradient
        return network

    with threadpool_limits(1, "blas"):
        stack = trained([0, 1, 2])
        for replica in range(3):
            np.testing.assert_array_equal(trained([replica]).parameters[0], stack.parameters[replica])
    start = activation.init(3, 6, np.float32)
    moved = [name for name, value in stack.layers[0].learned.items() if (value != start[name]).any()]
    assert len(moved) > len(start) / 4  # a knot that no z is near does not move


# --- what they start as


def test_apl_starts_as_relu():
    z = np.linspace(-5, 5, 101)
    for hinges in range(1, 11):
        np.testing.assert_array_equal(APL(hinges)(z), ReLU()(z))
    assert [value.item() for value in APL().init(1, 1, float).values()] == [0, 0, -0.5, 0.5]
    assert APL(1).init(1, 1, float)["b1"] == 0


def test_a_spline_starts_as_leaky_relu():
    z = np.linspace(-20, 20, 401)
    for variant in (Spline(), Spline(knots=1), Spline(knots=16, spacing=0.3)):
        np.testing.assert_allclose(variant(z), LeakyReLU()(z), rtol=1e-14, atol=1e-16)


def test_a_rational_function_starts_next_to_leaky_relu():
    z = np.linspace(-3, 3, 6001)
    off = np.abs(Rational()(z) - LeakyReLU()(z))
    assert off.max() < 0.034
    assert np.sqrt(np.mean(off**2)) < 0.006
    z, step = z.reshape(1, -1, 1), 1e-3
    start = Rational().init(1, 1, float)

    def square_error(parameters):
        h, work = np.empty_like(z), Rational().buffers(z.shape, float)
        Rational().forward(z, h, work, **parameters)
        return np.sum((h[0, :, 0] - LeakyReLU()(z[0, :, 0])) ** 2)

    # The fit is that of the least squares: no coefficient can be moved to advantage.
    for name in start:
        for sign in (-1, 1):
            assert square_error(start | {name: start[name] + sign * step}) > square_error(start)


@pytest.mark.parametrize(("activation", "units"), [(APL(), 7), (Rational(), 1), (Spline(), 1)], ids=repr)
def test_parameters_belong_to_a_unit_or_to_a_layer(activation, units):
    for value in activation.init(3, 7, np.float32).values():
        assert value.shape == (3, 1, units)
        assert value.dtype == np.float32


def test_apl_with_one_hinge_at_zero_is_prelu():
    z = np.linspace(-4, 4, 81)
    h, prime, by = evaluated(APL(1), z, {"a1": np.full((1, 1, 1), -0.25), "b1": np.zeros((1, 1, 1))})
    np.testing.assert_array_equal(h, PReLU()(z))
    np.testing.assert_array_equal(prime[z != 0], PReLU().prime(z)[z != 0])
    np.testing.assert_array_equal(by["a1"], -np.minimum(z, 0))


def test_a_rational_function_has_no_pole_and_no_overflow():
    z = grid(np.float32)
    for seed in range(20):
        parameters = learned(Rational(), 1, np.float32, seed)
        for values in evaluated(Rational(), z, parameters)[:2]:
            assert not np.isnan(values).any()
        parameters |= {f"b{k}": np.zeros((1, 1, 1), np.float32) for k in (1, 2, 3, 4)}
        h, *_ = evaluated(Rational(), np.array([3e7], np.float32), parameters)
        assert math.isfinite(h[0])  # a polynomial of degree 5 is in range there


def test_they_come_last_so_that_older_activations_keep_their_colours():
    assert list(ACTIVATIONS)[-4:] == ["formula", "apl", "rational", "spline"]


def test_values_next_to_a_knot_keep_their_digits():
    """The share of a knot would round to 1 there."""
    parameters = {name: np.full((1, 1, 1), value) for name, value in (("v0", 1.0), ("v1", 0.0), ("v2", 5.0))}
    h, prime, _ = evaluated(Spline(knots=1), np.array([-1e-20, 0, 1e-20]), parameters)
    assert h.tolist() == [1e-20, 0, 5e-20]
    assert prime.tolist() == [-1, -1, 5]
