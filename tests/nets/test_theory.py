"""The theory of wide random networks: closed forms, published numbers, quadrature by other means, and simulation."""

import contextlib
import math
import re
import tracemalloc
from itertools import pairwise
from math import acos, asin, exp, pi, sqrt
from typing import NamedTuple

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

import nets.learned  # noqa: F401  # its classes are registered
from experiments.config.catalogue import entries
from nets import theory
from nets.activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    GLU,
    SELU,
    HardTanh,
    LeakyReLU,
    Linear,
    Maxout,
    PReLU,
    ReLU,
    ReLUSquared,
    SiLU,
    Softplus,
    Tanh,
)
from nets.formula import Formula
from nets.theory import TheoryError

ERF = Formula("erf_unit", "erf(x)")
SIGN = Formula("sign", "sign(x)")
PLAIN = [variant() for name, variant in ACTIVATIONS.items() if name != "formula" and variant().pieces == 1]
LENGTHS = (1e-6, 0.01, 0.5, 1.0, 7.0, 400.0)
CORRELATIONS = (-1.0, -0.7, 0.0, 0.3, 0.9, 0.999999, 1.0)

each_plain = pytest.mark.parametrize("activation", PLAIN, ids=lambda activation: activation.name)
each_length = pytest.mark.parametrize("q", LENGTHS)


def close(value, exact, tolerance=1e-10):
    np.testing.assert_allclose(value, exact, rtol=tolerance, atol=1e-13)


# --- closed forms


@each_length
@pytest.mark.parametrize("leak", [0.0, 0.01, 0.25, -0.5])
def test_moments_of_leaky_rectifiers(q, leak):
    square = (1 + leak**2) / 2
    for activation in [LeakyReLU(leak)] if leak > 0 else [ReLU()] if leak == 0 else []:
        close(theory.moments(activation, q), ((1 - leak) * sqrt(q / (2 * pi)), square * q, square, square))
    bent = Formula("bent", f"max(x, 0) + {leak} * min(x, 0)")
    close(theory.moments(bent, q), ((1 - leak) * sqrt(q / (2 * pi)), square * q, square, square))


@each_length
def test_moments_of_a_kink_away_from_zero(q):
    low, high = norm.cdf(-1 / sqrt(q)), norm.pdf(1 / sqrt(q))
    slope = 1 - 2 * low
    square = q * (slope - 2 / sqrt(q) * high) + 2 * low
    assert theory.moments(HardTanh(), q).square == pytest.approx(square, rel=1e-10)
    assert theory.moments(HardTanh(), q).slope == pytest.approx(slope, rel=1e-10)


@each_length
def test_moments_of_erf(q):
    mean, square, slope, _ = theory.moments(ERF, q)
    close(mean, 0)
    close(square, 2 / pi * asin(2 * q / (1 + 2 * q)))
    close(slope, 4 / pi / sqrt(1 + 4 * q))


@pytest.mark.parametrize("q", [0.01, 1.0, 10.0, 100.0])
def test_moments_of_an_exponential_whose_tail_is_heavy(q):
    mean, square, slope, growth = theory.moments(Formula("exponential", "exp(x)"), q)
    close((mean, square, slope, growth), (exp(q / 2), exp(2 * q), exp(2 * q), 2 * exp(2 * q)))


@each_length
def test_moments_of_polynomials(q):
    close(theory.moments(ReLUSquared(), q), (q / 2, 1.5 * q**2, 2 * q, 3 * q))
    mean, *others = theory.moments(Formula("cubic", "x**3"), q)
    assert abs(mean) < 1e-14 * q**1.5
    close(others, (15 * q**3, 27 * q**2, 45 * q**2))


def test_an_infinite_expectation_is_refused_in_one_line():
    bell = Formula("bell", "exp(x*x/5)")
    assert theory.moments(bell, 1.1).square == pytest.approx(1 / sqrt(1 - 4 / 5 * 1.1), rel=1e-9)
    line = "E[f(z)²] of bell for z ~ N(0, 1.3) is infinite, or too heavy in its tails"
    with pytest.raises(TheoryError, match=f"^{re.escape(line)}$"):
        theory.moments(bell, 1.3)
    with pytest.raises(TheoryError, match=r"^E\[f\(z\)²\] of steep for z ~ N\(0, 1\) is infinite"):
        theory.moments(Steep(), 1.0)


class Steep:
    """√|z - 1|, whose E[f'(z)²] is infinite, as an activation of the theory."""

    name, pieces, kinks, jumps = "steep", 1, (1.0,), ()

    def __call__(self, z):
        return np.sqrt(np.abs(z - 1))

    def prime(self, z):
        return np.sign(z - 1) / (2 * np.sqrt(np.abs(z - 1)))


@each_length
def test_moments_of_two_pieces(q):
    close(theory.moments(Maxout(), q), (sqrt(q / pi), q, 1, 1))
    gate = theory.moments(GLU(), q)
    sigmoid = theory.moments(ACTIVATIONS["sigmoid"](), q)
    close(gate.square, q * sigmoid.square)
    close(gate.slope, sigmoid.square + q * sigmoid.slope)
    close(gate.growth, sigmoid.square + q * sigmoid.growth)


@pytest.mark.parametrize("q", [0.3, 1.0, 30.0])
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("max(x0, x1)", lambda q: (q, 1)),
        ("max(x0-x1, 0)", lambda q: (q, 1)),
        ("max(x0-x1, 0)*x1", lambda q: (2 * q**2, 3 * q)),
        ("max(x0, 0)*x1", lambda q: (q**2 / 2, q)),
        ("step(x0-x1)*x1", lambda q: (q / 2, 0.5)),
        ("max(2*x0-x1-1, 0)", lambda q: (of_a_hinge(1, 5 * q)[0], 5 * of_a_hinge(1, 5 * q)[1])),
        ("where(x0-0.3*x1-0.2, x0, x0+x1)", lambda q: (of_a_sum(q), 1 + norm.cdf(0.2 / sqrt(1.09 * q)))),
        ("max(x0*x0+x1*x1-1, 0)", lambda q: (8 * q**2 * exp(-0.5 / q), 4 * (2 * q + 1) * exp(-0.5 / q))),
        ("exp(x1/2)*x0", lambda q: (q * exp(q / 2), exp(q / 2) * (1 + q / 4))),
    ],
)
def test_kinks_and_jumps_of_two_pieces_may_have_any_direction(expression, expected, q):
    values = theory.moments(Formula("pair", expression), q)
    assert values[1:3] == pytest.approx(expected(q), rel=1e-9)
    up, down = (expected(q + by)[0] for by in (1e-4 * q, -1e-4 * q))
    assert values.growth == pytest.approx((up - down) / (2e-4 * q), rel=1e-6)


def of_a_sum(q):
    """Return E[x0²] + E[x1² + 2 x0 x1; t < a], where t = x0 - 0.3 x1 and a = 0.2: its variance is v = 1.09 q."""
    v = 1.09 * q
    a = 0.2 / sqrt(v)
    below, second = norm.cdf(a), norm.cdf(a) - a * norm.pdf(a)  # E[1; t < a] and E[t²/v; t < a]
    x1_x1 = q * below + (0.3 * q) ** 2 / v * (second - below)
    x0_x1 = -0.3 * q * q / v * (second - below)
    return q + x1_x1 + 2 * x0_x1


def test_two_pieces_with_heavy_tails_are_integrated_to_their_end_or_refused():
    """At a variance of 30 most of E[f²] lies beyond 10 standard deviations."""
    assert theory.moments(Formula("pair", "x0*exp(x1)"), 30.0).square == pytest.approx(30 * exp(60), rel=1e-9)
    bell = Formula("bell", "x0+exp(x1*x1/5)")
    assert theory.moments(bell, 1.0).square == pytest.approx(1 + sqrt(5), rel=1e-9)
    with pytest.raises(
        TheoryError, match=r"^E\[f\(z\)²\] of bell for z ~ N\(0, 1\.3\) is infinite, or too heavy in its "
    ):
        theory.moments(bell, 1.3)


def test_of_three_pieces_there_is_no_theory():
    with pytest.raises(TheoryError, match=r"^maxout has 3 pieces: the theory is for one or two$"):
        theory.moments(Maxout(pieces=3), 1.0)


@pytest.mark.parametrize("q", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("c", CORRELATIONS)
def test_covariance_of_relu_is_the_arc_cosine_kernel(q, c):
    """Cho & Saul (2009)."""
    value, slope = theory.covariance(ReLU(), q, c)
    close(value, q / (2 * pi) * (sqrt(1 - c * c) + c * (pi - acos(c))))
    close(slope, (pi - acos(c)) / (2 * pi))


@pytest.mark.parametrize("q", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("c", CORRELATIONS)
def test_covariance_of_erf_is_the_arc_sine_kernel(q, c):
    """Williams (1997)."""
    value, slope = theory.covariance(ERF, q, c)
    close(value, 2 / pi * asin(2 * q * c / (1 + 2 * q)))
    close(slope, 4 / pi / sqrt((1 + 2 * q) ** 2 - 4 * (q * c) ** 2))


@pytest.mark.parametrize("q", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("c", CORRELATIONS)
def test_covariance_of_functions_that_jump(q, c):
    """Of signs it is the arc sine law, and of a step at 1 the normal distribution of the plane."""
    close(theory.covariance(SIGN, q, c), (2 / pi * asin(c), 0))
    both = multivariate_normal.cdf([-1, -1], cov=[[q, q * c], [q * c, q]], allow_singular=True, abseps=1e-12)
    assert theory.covariance(Jump(), q, c)[0] == pytest.approx(both, abs=1e-9)


@each_plain
@pytest.mark.parametrize("q", [0.3, 2.0])
def test_the_ends_of_the_correlation_map(activation, q):
    mean, square, slope, _ = theory.moments(activation, q)
    close(theory.covariance(activation, q, 1.0), (square, slope), 1e-9)
    close(theory.covariance(activation, q, 0.0)[0], mean**2, 1e-9)


# --- the same integrals by other means


@each_plain
@pytest.mark.parametrize("q", [0.2, 3.0])
def test_moments_by_another_quadrature(activation, q):
    points = sorted({0.0, *activation.kinks})

    def expectation(function):
        ends = [-12 * sqrt(q), *points, 12 * sqrt(q)]
        parts = [
            quad(lambda z: function(z) * norm.pdf(z, scale=sqrt(q)), a, b, epsabs=0, epsrel=1e-12, limit=400)[0]
            for a, b in pairwise(ends)
        ]
        return sum(parts)

    values = theory.moments(activation, q)
    assert values.square == pytest.approx(expectation(lambda z: float(activation(z)) ** 2), rel=1e-9)
    assert values.slope == pytest.approx(expectation(lambda z: float(activation.prime(z)) ** 2), rel=1e-9)
    step = 1e-4 * q
    up, down = (theory.moments(activation, q + by).square for by in (step, -step))
    assert values.growth == pytest.approx((up - down) / (2 * step), rel=1e-6)


def test_covariance_by_another_quadrature():
    q, c = 0.8, 0.6
    x, w = np.polynomial.hermite_e.hermegauss(80)
    u, v = sqrt(q) * x[:, None], sqrt(q) * (c * x[:, None] + sqrt(1 - c * c) * x)
    for values, function in zip(theory.covariance(SiLU(), q, c), (SiLU(), SiLU().prime), strict=True):
        assert values == pytest.approx((w[:, None] * w * function(u) * function(v)).sum() / (2 * pi), rel=1e-9)


class Jump:
    """A step of height 1 at 1, as an activation of the theory."""

    name, pieces, kinks, jumps = "jump", 1, (), (1.0,)

    def __call__(self, z):
        return (z > 1).astype(float)

    def prime(self, z):
        return np.zeros_like(z)


@pytest.mark.parametrize("q", [0.5, 4.0])
def test_the_growth_of_a_function_that_jumps(q):
    values = theory.moments(Jump(), q)
    assert values.square == pytest.approx(norm.sf(1 / sqrt(q)), rel=1e-10)
    assert values.growth == pytest.approx(norm.pdf(1 / sqrt(q)) / (2 * q**1.5), rel=1e-10)
    assert theory.chi(Jump(), q, 1.0) == math.inf


# --- fixed points and published numbers


def test_the_critical_point_of_tanh():
    """Schoenholz et al. (2017) give σ_w² = 1.76 for σ_b² = 0.05."""
    assert theory.critical(Tanh(), 0.04)[:3] == pytest.approx((1.7008, 0.04, 0.5121), abs=5e-5)
    assert theory.critical(Tanh(), 0.05).weight_variance == pytest.approx(1.761, abs=5e-4)


def test_the_critical_point_of_silu_is_unstable():
    point = theory.critical(SiLU(), 0.04)
    assert point == pytest.approx((2.8208, 0.04, 0.6895, 1.0987), abs=5e-5)


def test_selu_keeps_zero_mean_and_variance_one():
    """Klambauer et al. (2017); χ₁ is above 1 there."""
    mean, square, slope, _ = theory.moments(SELU(), 1.0)
    assert mean == pytest.approx(0, abs=1e-14)
    assert square == pytest.approx(1, abs=1e-14)
    assert slope == pytest.approx(1.0716, abs=5e-5)
    assert theory.fixed_point(SELU(), 1.0, 0.0) == pytest.approx(1)


@pytest.mark.parametrize(
    ("activation", "variance"), [(ReLU(), 2), (LeakyReLU(0.1), 2 / 1.01), (PReLU(), 2 / 1.0625), (Linear(), 1)]
)
def test_a_homogeneous_activation_is_critical_without_biases_only(activation, variance):
    for biases in (0.0, 0.04, 1.0):
        assert theory.critical(activation, biases) == pytest.approx((variance, 0, 1, 1))


@each_plain
def test_a_critical_point_is_a_fixed_point_at_which_chi_is_1(activation):
    if activation.name == "softplus":
        line = "no weights make softplus critical for biases of variance 0.04: no q* from 0.04 to 1e+12"
        with pytest.raises(TheoryError, match=f"^{re.escape(line)}$"):
            theory.critical(activation, 0.04)
        return
    weights, biases, q, growth = theory.critical(activation, 0.04)
    assert theory.length_map(activation, q, weights, biases) == pytest.approx(q, rel=1e-9)
    assert theory.chi(activation, q, weights) == pytest.approx(1, rel=1e-9)
    assert growth == pytest.approx(weights * theory.moments(activation, q).growth, rel=1e-9)
    assert theory.critical_at(activation, q) == pytest.approx((weights, biases), abs=1e-8)
    if growth < 1:
        assert theory.fixed_point(activation, weights, biases) == pytest.approx(q, rel=1e-8)
        assert theory.depth_scales(activation, weights, biases).correlation == math.inf


@each_plain
def test_a_stable_critical_point_has_vanishing_gradients_left_of_it_and_exploding_ones_right_of_it(activation):
    with contextlib.suppress(TheoryError):  # softplus has no such point
        weights, biases, _, growth = theory.critical(activation, 0.04)
        if growth < 1:
            for factor in (0.9, 0.99, 1.01, 1.1):
                q = theory.fixed_point(activation, factor * weights, biases)
                assert (theory.chi(activation, q, factor * weights) > 1) == (factor > 1)


def test_an_unstable_critical_point_separates_nothing():
    """On its left lengths fall to another fixed point or grow without end, and on its right they grow."""
    assert theory.critical(GELU(), 0.04).growth > 1
    ends = [theory.fixed_point(GELU(), factor * theory.critical(GELU(), 0.04)[0], 0.04) for factor in (0.8, 0.97, 1.03)]
    assert ends == [pytest.approx(0.089, abs=5e-4), math.inf, math.inf]


def test_what_cannot_be_critical_is_refused():
    with pytest.raises(TheoryError, match=r"^maxout has 2 pieces: a critical point is defined for one$"):
        theory.critical(Maxout(), 0.04)
    with pytest.raises(TheoryError, match=r"^jump jumps, so χ₁ is infinite for all weights$"):
        theory.critical(Jump(), 0.04)
    with pytest.raises(TheoryError, match=r"^no weights make relu_squared critical for biases of variance 0: no q\* "):
        theory.critical(ReLUSquared(), 0)


def of_a_hinge(point, q):
    """Return E[f(z)²] and E[f'(z)²] of max(z - point, 0), in closed form."""
    t = point / sqrt(q)
    return q * ((1 + t * t) * norm.sf(t) - t * norm.pdf(t)), norm.sf(t)


@pytest.mark.parametrize(("point", "q"), [(3, 1.0), (3, 0.03), (30, 1.45), (30, 2.0)])
def test_a_dead_zone_is_integrated_up_to_37_standard_deviations(point, q):
    _, square, slope, _ = theory.moments(Formula("hinge", f"max(x-{point}, 0)"), q)
    assert slope == pytest.approx(norm.sf(point / sqrt(q)), rel=1e-9)
    if point / sqrt(q) < 20:  # beyond, the closed form cancels
        assert (square, slope) == pytest.approx(of_a_hinge(point, q), rel=1e-6)


@pytest.mark.parametrize(
    ("activation", "biases"),
    [
        (entries()["soft_shrink"].activation, 0.04),
        (Formula("hinge", "max(x-3, 0)"), 0.04),
        (Formula("hinge", "max(x-3, 0)"), 100.0),
        (Formula("steep", "tanh(1000*x)"), 1e-8),  # q* is 3e-7
        (Formula("wide", "tanh(x/1e5)"), 0.04),  # q* is 1e6, and up to 1e4 the function is linear in its digits
        (SiLU(), 100.0),  # q* is 3e5
        (Tanh(), 1e6),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_critical_point_is_found_where_it_exists(activation, biases):
    weights, variance, q, _ = theory.critical(activation, biases)
    assert variance == biases
    assert theory.chi(activation, q, weights) == pytest.approx(1, rel=1e-9)
    assert theory.length_map(activation, q, weights, biases) == pytest.approx(q, rel=1e-9)


def test_the_critical_point_of_a_hinge_is_that_of_its_closed_form():
    hinge = Formula("hinge", "max(x-3, 0)")
    weights, _, q, _ = theory.critical(hinge, 1.0)
    square, slope = of_a_hinge(3, q)
    assert weights == pytest.approx(1 / slope, rel=1e-6)
    assert square / slope + 1.0 == pytest.approx(q, rel=1e-6)
    with pytest.raises(
        TheoryError, match=r"^no weights make hinge critical for biases of variance 0: no q\* from 0\.0"
    ):
        theory.critical(hinge, 0)
    with pytest.raises(
        TheoryError, match=r"^E\[f'\(z\)²\] of flat is 0, or too small for a number, for z ~ N\(0, q\) up "
    ):
        theory.critical(Formula("flat", "0*x+1"), 0.04)


@pytest.mark.parametrize("activation", [HardTanh(), Formula("wide", "tanh(x/1000)")], ids=lambda a: a.name)
def test_rounding_errors_are_no_critical_point(activation):
    """Near 0 both are linear up to rounding errors, whose sign changes at random."""
    with pytest.raises(TheoryError, match=f"^{activation.name} is critical only at "):
        theory.critical(activation, 0)


@pytest.mark.parametrize(("activation", "weights"), [(Tanh(), 1), (GELU(), 4), (ELU(), 1), (SELU(), 0.476772)])
def test_without_biases_the_critical_length_may_be_0(activation, weights):
    line = f"{activation.name} is critical only at q* = 0 for biases of variance 0, with σ_w² = {weights}"
    with pytest.raises(TheoryError, match=f"^{re.escape(line)}$"):
        theory.critical(activation, 0)
    assert theory.critical_at(activation, 1e-10) == pytest.approx((weights, 0), rel=1e-4, abs=1e-14)


@pytest.mark.parametrize("activation", [Jump(), Formula("leap", "x+sign(x)")], ids=lambda a: a.name)
def test_a_function_that_jumps_is_critical_nowhere(activation):
    with pytest.raises(TheoryError, match=rf"^{activation.name} jumps, so χ₁ is infinite for all weights$"):
        theory.critical_at(activation, 1.0)


def test_lengths_may_shrink_or_grow_without_end():
    assert theory.fixed_point(ReLU(), 1.9, 0.0) == 0
    assert theory.fixed_point(ReLU(), 2.1, 0.0) == math.inf
    assert theory.fixed_point(ReLU(), 1.9, 0.05) == pytest.approx(1.0)  # q = 0.95 q + 0.05
    assert theory.fixed_point(Tanh(), 0.9, 0.0) == 0
    with pytest.raises(TheoryError, match=r"^lengths grow without end for relu with σ_w² = 2\.1$"):
        theory.depth_scales(ReLU(), 2.1, 0.0)


def test_depth_scales():
    """Of a linear network both factors are σ_w², and of an odd activation without biases c* is 0."""
    close(theory.depth_scales(Linear(), 0.8, 0.1), (-1 / math.log(0.8), -1 / math.log(0.8)))
    q = theory.fixed_point(ERF, 3.0, 0.0)
    assert theory.fixed_correlation(ERF, q, 3.0, 0.0) == 0
    slope = 3.0 * 4 / pi / (1 + 2 * q)
    assert theory.depth_scales(ERF, 3.0, 0.0).correlation == pytest.approx(-1 / math.log(slope), rel=1e-9)
    assert theory.depth_scales(Tanh(), theory.critical(Tanh(), 0.04)[0], 0.04).correlation == math.inf


def test_a_function_that_jumps_has_no_depth_scales():
    """E[f'(u) f'(v)] is 0 for signs, which would mean that correlations arrive at once."""
    with pytest.raises(TheoryError, match=r"^sign jumps, so χ₁ is infinite for all weights$"):
        theory.depth_scales(SIGN, 1.0, 0.1)


def test_the_correlations_of_a_chaotic_network_move_to_the_fixed_one():
    q = theory.fixed_point(Tanh(), 3.0, 0.05)
    end = theory.fixed_correlation(Tanh(), q, 3.0, 0.05)
    assert 0 < end < 1
    for c in (0.0, end - 1e-4, end + 1e-4, 0.999):
        assert abs(theory.correlation_map(Tanh(), q, c, 3.0, 0.05) - end) < abs(c - end)


@pytest.mark.parametrize(
    ("activation", "gain"), [(ReLU(), sqrt(2)), (SELU(), 1), (Tanh(), 1.5925), (Linear(), 1), (Maxout(), 1)]
)
def test_gains(activation, gain):
    assert theory.gain(activation) == pytest.approx(gain, abs=5e-5)


@pytest.mark.parametrize("expression", ["sin(40*x)", "(1+exp(-x*x/1e6))-1.9999", "1/(1e-3+x*x)", "tanh(1e4*x)"])
def test_formulas_that_are_hard_to_integrate_take_little_time_and_memory(expression):
    """Rounding errors of the second one never get small."""
    tracemalloc.start()
    values = theory.moments(Formula("hard", expression), 1.0)
    assert tracemalloc.get_traced_memory()[1] < 5e7
    tracemalloc.stop()
    x = np.linspace(-9, 9, 2_000_001)
    assert values.square == pytest.approx((Formula("hard", expression)(x) ** 2 * norm.pdf(x)).sum() * 9e-6, rel=1e-6)


def test_a_function_without_a_second_moment_above_0_has_no_gain():
    with pytest.raises(TheoryError, match=r"^E\[f\(z\)²\] of nothing is 0 for z ~ N\(0, 1\)$"):
        theory.gain(Formula("nothing", "0*x"))


# --- simulation

WIDTH, DEPTH, NETWORKS, START = 1024, 30, 64, 0.5


class Setting(NamedTuple):
    """σ_w² and σ_b² of a simulated network, and the length that its first layer gives."""

    weights: float
    biases: float
    length: float


def setting(activation):
    """Return the critical setting, as `init=critical` draws it, if it is stable.

    Chance takes finite networks away from an unstable fixed point: there half of the weights' variance is simulated.
    Softplus has no critical point: half of gain² is simulated.
    """
    try:
        weights, biases, length, growth = theory.critical(activation, 0.04)
    except TheoryError:
        return Setting(theory.gain(activation) ** 2 / 2, 0.04, 1.0)
    return Setting(weights / 2 if growth > 1 else weights, biases, length)


def predicted(activation, weights, biases, length, depth):
    """Return the lengths, the covariances of two inputs, and the factors of δ², by layer."""
    q, covariance = length, (length - biases) * START + biases
    result = []
    for _ in range(depth):
        result.append((q, covariance, theory.chi(activation, q, weights)))
        covariance = weights * theory.covariance(activation, q, covariance / q)[0] + biases
        q = theory.length_map(activation, q, weights, biases)
    return np.transpose(result)


def simulated(activations, width, depth, networks, backward=True):
    """Return what `predicted` returns, measured in each of several networks: (activations, 3, networks, depth)."""
    settings = np.array([setting(activation) for activation in activations], np.float32)
    weights, biases, lengths = (settings[:, [column], None] for column in range(3))
    result = np.full((len(activations), 3, networks, depth), np.nan)
    for network in range(networks):
        generator = np.random.default_rng([network, width])
        pair = np.linalg.qr(generator.standard_normal((width, 2)))[0].T * sqrt(width)
        pair[1] = START * pair[0] + sqrt(1 - START**2) * pair[1]
        signals = np.stack([pair.astype(np.float32)] * len(activations))
        kept, slopes = [], []
        for layer in range(depth):
            matrix = generator.standard_normal((width, width), np.float32) / np.float32(sqrt(width))
            bias = generator.standard_normal(width, np.float32)
            z = (signals.reshape(-1, width) @ matrix).reshape(signals.shape)
            z = np.sqrt(weights if layer else lengths - biases) * z + np.sqrt(biases) * bias
            result[:, 0, network, layer] = np.mean(np.square(z, dtype=np.float64), axis=(1, 2))
            result[:, 1, network, layer] = np.mean(z[:, 0].astype(np.float64) * z[:, 1], axis=1)
            signals = np.stack([f(values) for f, values in zip(activations, z, strict=True)])
            if backward:
                kept.append(matrix)
                slopes.append(np.stack([f.prime(values[0]) for f, values in zip(activations, z, strict=True)]))
        if backward:
            signal = np.stack([generator.standard_normal(width, np.float32)] * len(activations))
            for layer in reversed(range(depth)):
                # The signal arrives at the layer's h from above: weights of variance σ_w², then f'.
                signal = (signal @ kept[layer].T) * np.sqrt(weights[:, 0]) * slopes[layer]
                result[:, 2, network, layer] = np.mean(np.square(signal, dtype=np.float64), axis=1)
                signal /= np.sqrt(result[:, 2, network, layer, None]).astype(np.float32)
    return result


def deviations(values, theories):
    """Return (3,) by how many standard errors the mean over networks is off, in the worst layer."""
    return (np.abs(values.mean(axis=1) - theories) / (values.std(axis=1, ddof=1) / sqrt(values.shape[1]))).max(axis=1)


@pytest.mark.slow
def test_simulated_networks_agree_with_the_theory_layer_by_layer():
    """Each layer's mean length is within 3 standard errors; covariances and gradients within 4."""
    activations = [*PLAIN, Formula("quick_gelu", "x*sigmoid(1.702*x)")]
    assert len(activations) >= 20
    measured = simulated(activations, WIDTH, DEPTH, NETWORKS)
    far = {}
    for activation, values in zip(activations, measured, strict=True):
        theories = predicted(activation, *setting(activation), DEPTH)
        far[activation.name] = deviations(values, theories)
        print(activation.name, setting(activation), far[activation.name].round(2))
        print("   ", np.abs(values.mean(axis=1) / theories - 1).max(axis=1).round(4))
    assert all(length < 3 and max(others) < 4 for length, *others in far.values()), far


@pytest.mark.slow
def test_wide_networks_agree_with_the_theory_within_three_percent():
    measured = simulated(PLAIN, 4096, 5, 64, backward=False).mean(axis=2)
    for activation, values in zip(PLAIN, measured, strict=True):
        theories = predicted(activation, *setting(activation), 5)
        relative = np.abs(values - theories)[:2] / theories[0]  # covariances by the length, as correlations
        print(activation.name, relative.max(axis=1).round(4))
        assert relative.max() < 0.03, activation.name


def test_small_networks_agree_with_the_theory_and_not_with_another():
    activations = [Tanh(), ReLU(), ELU(), GELU(), Softplus()]
    measured = simulated(activations, 256, 6, 40)
    for activation, values in zip(activations, measured, strict=True):
        weights, biases, length = setting(activation)
        assert deviations(values, predicted(activation, weights, biases, length, 6)).max() < 4
        assert deviations(values, predicted(activation, 1.1 * weights, biases, length, 6)).max() > 4
