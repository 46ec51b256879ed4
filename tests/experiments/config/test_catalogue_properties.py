"""What is computed of every function of the catalogue, against its values at other points and what the graph knows."""

import itertools
import math
from functools import cache

import numpy as np
import pytest
from scipy.integrate import quad

from experiments.config.catalogue import entries
from nets.properties import discontinuities, properties

ONE_PIECE = {name: entry.activation for name, entry in entries().items() if entry.activation.pieces == 1}
each_function = pytest.mark.parametrize("name", ONE_PIECE)


@cache
def computed(name):
    return properties(ONE_PIECE[name])


@cache
def samples(name):
    """Return 4000 points that no grid contains, with h and h'."""
    random = np.random.default_rng(1)
    x = np.concatenate([random.uniform(-8, 8, 2000), random.choice([-1, 1], 2000) * 10 ** random.uniform(-3, 4, 2000)])
    x.sort()
    with np.errstate(all="ignore"):
        return x, ONE_PIECE[name](x), ONE_PIECE[name].prime(x)


@each_function
def test_the_range_holds_all_values_and_is_reached(name):
    facts, (_, h, _) = computed(name), samples(name)
    tie = 1e-6 * max(1.0, *(abs(end) for end in (facts.low, facts.high) if math.isfinite(end)), 0.0)
    assert (h >= facts.low - tie).all()
    assert (h <= facts.high + tie).all()
    spread = min(facts.high - facts.low, 10)
    assert h.min() < (facts.low + 0.05 * spread if math.isfinite(facts.low) else -3)
    assert h.max() > (facts.high - 0.05 * spread if math.isfinite(facts.high) else 3)


@each_function
def test_no_slope_is_above_the_lipschitz_constant(name):
    facts, (x, h, slope) = computed(name), samples(name)
    assert (np.abs(slope) <= facts.lipschitz * (1 + 1e-6) + 1e-6).all()
    if math.isfinite(facts.lipschitz):
        assert np.abs(slope).max() > 0.95 * facts.lipschitz
        assert (np.abs(np.diff(h)) <= facts.lipschitz * np.diff(x) * (1 + 1e-6) + 1e-6).all()


@each_function
def test_a_monotone_function_never_turns_and_others_do(name):
    facts, (_, h, _) = computed(name), samples(name)
    steps = np.diff(h[np.isfinite(h)])
    tie = 1e-9 * np.abs(h[np.isfinite(h)][:-1]) + 1e-9
    assert (steps >= -tie).all() == (facts.monotone == "increasing")
    assert (steps <= tie).all() == (facts.monotone == "decreasing")


@each_function
def test_the_graph_knows_the_same_kinks_jumps_and_saturation(name):
    """An activation states them itself: by its class, or from the gates of its formula."""
    facts, activation = computed(name), ONE_PIECE[name]
    jumps = discontinuities(activation)
    kinks = [x for x in discontinuities(activation.prime) if not any(abs(x - jump) < 1e-6 for jump in jumps)]
    assert facts.jumps == pytest.approx(jumps, abs=1e-7)
    assert facts.kinks == pytest.approx(kinks, abs=1e-7)
    assert facts.saturates == activation.saturates


@each_function
def test_the_limits_are_what_it_tends_to(name):
    activation = ONE_PIECE[name]
    for side, limit in zip((-1, 1), computed(name).limits, strict=True):
        with np.errstate(all="ignore"):
            far, farther = activation(side * np.array([5e3, 1e4]))
        if math.isinf(limit):
            assert abs(farther) > 5
            assert farther * limit > 0
        elif math.isnan(limit):
            tail = activation(side * np.linspace(9e3, 1e4, 5001))
            assert len(set(np.sign(np.diff(tail)))) > 1
        else:
            assert abs(farther - limit) < 1e-3
            assert abs(farther - limit) <= abs(far - limit) + 1e-6


@each_function
def test_the_symmetry_is_exact_and_the_mean_is_that_of_another_quadrature(name):
    facts, activation = computed(name), ONE_PIECE[name]
    x, h, _ = samples(name)
    with np.errstate(all="ignore"):
        mirrored = activation(-x)
    tie = 1e-9 * np.abs(h) + 1e-12
    assert (np.abs(mirrored + h) <= tie).all() == (facts.symmetry == "odd")
    assert (np.abs(mirrored - h) <= tie).all() == (facts.symmetry == "even")
    breaks = [*facts.kinks, *facts.jumps, *range(-11, 12)]
    ends = sorted({-12.0, 12.0, *(float(point) for point in breaks if abs(point) < 12)})
    for power, moment in ((1, facts.mean), (2, facts.second_moment)):

        def density(z, power=power):
            return float(activation(z)) ** power * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

        inner = [(left, right) for left, right in itertools.pairwise(ends) if abs(left + right) < 14]
        total = math.fsum(quad(density, left, right, epsabs=1e-10)[0] for left, right in inner)
        assert moment == pytest.approx(total, rel=1e-6, abs=1e-6)


@each_function
def test_where_branches_join_without_a_kink_the_slope_is_that_of_both(name):
    """Two gates that switch at one point could count twice there: max(x, 0) + min(x, 0) has slope 2 at 0."""
    activation = ONE_PIECE[name]
    for point in getattr(activation, "_sign_changes", ()):
        if point in activation.jumps:
            continue
        before, slope, after = activation.prime(np.array([point - 1e-7, point, point + 1e-7]))
        tie = 1e-5 * max(1.0, abs(before), abs(after))
        assert min(before, after) - tie <= slope <= max(before, after) + tie


# From papers: the range of SiLU, Mish and GELU, and constants that come out of a formula on paper.
PUBLISHED = {
    "silu": {"low": -0.278465, "lipschitz": 1.0998393},
    "mish": {"low": -0.308840},
    "gelu": {"low": -0.169971, "lipschitz": 1.128904},
    "selu": {"low": -1.758099, "lipschitz": 1.758099, "mean": 0.0, "second_moment": 1.0},
    "serlu": {"mean": 0.0, "second_moment": 1.0, "low": -1.07862 * 2.90427 / math.e},
    "star_relu": {"mean": 0.0, "second_moment": 1.0, "lipschitz": math.inf},
    "relu": {"mean": 1 / math.sqrt(2 * math.pi), "second_moment": 0.5},
    "gaussian": {"mean": 1 / math.sqrt(3), "lipschitz": math.sqrt(2 / math.e)},
    "exponential": {"mean": math.exp(0.5), "second_moment": math.exp(2), "high": math.inf},
    "sine": {"low": -1, "high": 1, "second_moment": (1 - math.exp(-2)) / 2},
    "erf": {"lipschitz": 2 / math.sqrt(math.pi), "second_moment": 2 / math.pi * math.asin(2 / 3)},
    "arctan": {"high": math.pi / 2},
    "hard_swish": {"low": -0.375, "lipschitz": 1.5},
    "snake": {"lipschitz": 2.0},
    "cube": {"second_moment": 15.0},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_closed_forms(name):
    for key, value in PUBLISHED[name].items():
        assert getattr(computed(name), key) == pytest.approx(value, rel=1e-4, abs=1e-5), key
