"""Initializers: each one's distribution, the draws that a family shares, orthogonality, pieces, refusals."""

import math
import re

import numpy as np
import pytest
from scipy.stats import kstest, norm, uniform

from nets.initializers import INITIALIZERS, Normal, Orthogonal


def normal(variance):
    return lambda m, n: norm(0, math.sqrt(variance(m, n)))


def symmetric(bound):
    return lambda m, n: uniform(-bound(m, n), 2 * bound(m, n))


# One weight's distribution for fan-in m, fan-out n and gain 1, as the papers write it.
NORMAL = {
    "he_normal": normal(lambda m, n: 2 / m),
    "glorot_normal": normal(lambda m, n: 2 / (m + n)),
    "lecun_normal": normal(lambda m, n: 1 / m),
    "normal": normal(lambda m, n: 0.01**2),
}
UNIFORM = {
    "he_uniform": symmetric(lambda m, n: math.sqrt(6 / m)),
    "glorot_uniform": symmetric(lambda m, n: math.sqrt(6 / (m + n))),
    "lecun_uniform": symmetric(lambda m, n: math.sqrt(3 / m)),
    "standard": symmetric(lambda m, n: 1 / math.sqrt(m)),
}

each_initializer = pytest.mark.parametrize(
    "initializer", [pytest.param(i(), id=name) for name, i in INITIALIZERS.items()]
)


def draw(initializer, fan_in=30, fan_out=20, pieces=1, seed=0):
    return initializer(np.random.default_rng(seed), fan_in, fan_out, pieces)


@pytest.mark.parametrize("name", [name for name in INITIALIZERS if name != "orthogonal"])
@pytest.mark.parametrize(("fan_in", "fan_out", "pieces"), [(600, 400, 1), (300, 800, 1), (400, 200, 3)])
@pytest.mark.parametrize("gain", [1, 2.5])
def test_weights_have_the_documented_distribution(name, fan_in, fan_out, pieces, gain):
    weights = draw(INITIALIZERS[name](gain=gain), fan_in, fan_out, pieces) / gain
    documented = (NORMAL | UNIFORM)[name](fan_in, fan_out)
    # Of 240,000 draws a distance above 0.004 has p < 0.001; a scale off by 2 % gives 0.005.
    assert kstest(weights.ravel(), documented.cdf).statistic < 0.004
    low, high = documented.support()
    assert low <= weights.min() < weights.max() <= high


@pytest.mark.parametrize("family", [NORMAL, UNIFORM], ids=["normal", "uniform"])
def test_one_stream_gives_a_family_the_same_directions(family):
    directions = [draw(INITIALIZERS[name]()) / scaled(30, 20).std() for name, scaled in family.items()]
    for other in directions[1:]:
        np.testing.assert_allclose(other, directions[0], rtol=1e-13)


@each_initializer
def test_draws_are_float64_from_the_generator_alone(initializer):
    weights = draw(initializer)
    assert weights.dtype == np.float64
    np.testing.assert_array_equal(weights, draw(initializer))
    assert (weights != draw(initializer, seed=1)).all()


@each_initializer
def test_a_piece_is_drawn_as_a_plain_layer(initializer):
    weights = draw(initializer, 30, 20, pieces=3)
    assert weights.shape == (30, 60)
    generator = np.random.default_rng(0)
    for piece in np.hsplit(weights, 3):
        np.testing.assert_array_equal(piece, initializer(generator, 30, 20))


@each_initializer
def test_gain_is_a_factor(initializer):
    np.testing.assert_allclose(draw(type(initializer)(gain=3)), 3 * draw(initializer), rtol=1e-14)


def test_the_std_of_normal_is_a_setting():
    np.testing.assert_allclose(draw(Normal(std=0.2)), 20 * draw(Normal()), rtol=1e-14)


@pytest.mark.parametrize(("fan_in", "fan_out"), [(7, 7), (9, 4), (4, 9), (1, 5), (5, 1), (1, 1)])
def test_orthogonal_has_orthonormal_columns_or_rows(fan_in, fan_out):
    q = draw(Orthogonal(), fan_in, fan_out)
    assert q.shape == (fan_in, fan_out)
    if fan_in >= fan_out:
        np.testing.assert_allclose(q.T @ q, np.eye(fan_out), atol=1e-14)
    if fan_in <= fan_out:
        np.testing.assert_allclose(q @ q.T, np.eye(fan_in), atol=1e-14)


def test_orthogonal_prefers_no_direction():
    """The sign that a QR factorisation gives its diagonal would otherwise decide the sign of the first column."""
    generator = np.random.default_rng(0)
    corners = [Orthogonal()(generator, 3, 3)[0, 0] for _ in range(2000)]
    # Uniform over the rotations and reflections of space, an entry is uniform on [-1, 1].
    assert kstest(corners, uniform(-1, 2).cdf).pvalue > 0.01


@each_initializer
@pytest.mark.parametrize("gain", [0, -1, math.inf, math.nan, True, "2", None])
def test_a_gain_that_is_no_number_above_0_is_refused(initializer, gain):
    message = f"init.gain={gain!r} of {initializer.name}: allowed is a number in (0, 1e30]"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        type(initializer)(gain=gain)


def test_a_std_of_0_is_refused():
    with pytest.raises(ValueError, match=r"^init\.std=0 of normal: allowed is a number in \(0, 1e30\]$"):
        Normal(std=0)
