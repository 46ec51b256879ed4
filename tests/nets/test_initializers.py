"""Initializers: each one's distribution, the draws that a family shares, orthogonality, pieces, refusals."""

import math
import re

import numpy as np
import pytest
from scipy.stats import kstest, norm, uniform

from nets import theory
from nets.activations import ACTIVATIONS, GLU, SELU, Maxout, ReLU, SiLU, Softplus, Tanh
from nets.formula import Formula
from nets.initializers import (
    INITIALIZERS,
    Critical,
    Factors,
    HeNormal,
    LecunNormal,
    Normal,
    Orthogonal,
    VariancePreserving,
)
from nets.network import Network


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
    "variance_preserving": normal(lambda m, n: 1 / m),  # in the first layer
    "critical": normal(lambda m, n: 1 / m),
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


@each_initializer
@pytest.mark.parametrize(("fan_in", "fan_out"), [(300, 300), (500, 100), (100, 500)])
def test_the_mean_square_of_weights(initializer, fan_in, fan_out):
    scaled = type(initializer)(gain=1.5)
    measured = np.square(draw(scaled, fan_in, fan_out)).mean()
    assert measured == pytest.approx(scaled.mean_square(fan_in, fan_out), rel=0.03)


# --- initializers that depend on the activation


def initialized(initializer, activation, inputs=400, hidden=(500, 600), dtype="float64", replicas=2):
    network = Network(inputs, hidden, 300, activation, replicas, dtype)
    network.initialize(initializer, lambda replica, layer: np.random.default_rng([replica, layer]))
    return network


def by_fan_in(network):
    """Return fan-in times the measured variance of the weights, by layer."""
    return [layer.weight.shape[1] * np.square(layer.weight).mean() for layer in network.layers]


@each_initializer
def test_only_those_of_the_theory_depend_on_the_layer(initializer):
    constant = initializer.factors(Tanh()) == Factors()
    assert constant == (initializer.name not in ("critical", "variance_preserving"))
    for layer in initialized(initializer, Tanh(), 4, (5, 6)).layers[:-1]:
        assert (layer.bias != 0).all() == (initializer.name == "critical")


@pytest.mark.parametrize("activation", [Tanh(), ReLU(), SELU(), GLU(), Maxout(), Formula("square", "x*x")])
def test_variance_preserving_weights(activation):
    factor = theory.gain(activation) ** 2
    network = initialized(VariancePreserving(), activation)
    assert by_fan_in(network) == pytest.approx([1, factor, factor], rel=0.02)
    assert all((layer.bias == 0).all() for layer in network.layers)


@pytest.mark.parametrize("initializer", [VariancePreserving(), Critical(), Critical(bias_variance=1)])
def test_of_relu_they_are_those_of_he_and_in_the_first_layer_those_of_lecun(initializer):
    layers, he, lecun = (initialized(draws, ReLU()).layers for draws in (initializer, HeNormal(), LecunNormal()))
    for layer, expected in zip(layers, (lecun[0], he[1], he[2]), strict=True):
        np.testing.assert_allclose(layer.weight, expected.weight, rtol=1e-12)
        assert (layer.bias == 0).all()


def test_of_selu_variance_preserving_weights_are_those_of_lecun():
    layers, lecun = (initialized(draws, SELU()).layers for draws in (VariancePreserving(), LecunNormal()))
    for layer, expected in zip(layers, lecun, strict=True):
        np.testing.assert_allclose(layer.weight, expected.weight, rtol=1e-9)


@pytest.mark.parametrize("variance", [0.04, 0.1])
def test_critical_weights_and_biases(variance):
    weights, biases, length, _ = theory.critical(Tanh(), variance)
    network = initialized(Critical(bias_variance=variance), Tanh(), replicas=4)
    output = 1 / theory.moments(Tanh(), length).square
    assert by_fan_in(network) == pytest.approx([length - biases, weights, output], rel=0.02)
    drawn = np.concatenate([layer.bias.ravel() for layer in network.layers[:-1]])
    assert kstest(drawn, norm(0, math.sqrt(variance)).cdf).pvalue > 0.01
    assert (network.layers[-1].bias == 0).all()


def test_biases_are_drawn_after_the_weights_of_their_layer_and_change_no_other_draw():
    critical, lecun = (initialized(draws, Tanh()).layers for draws in (Critical(), LecunNormal()))
    scales = [math.sqrt(factor) for factor in Critical().factors(Tanh())[:3]]
    for layer, plain, scale in zip(critical, lecun, scales, strict=True):
        np.testing.assert_allclose(layer.weight, scale * plain.weight, rtol=1e-12)
    assert len({float(bias) for layer in critical[:-1] for bias in layer.bias.ravel()}) == 2 * (500 + 600)


def test_a_replica_does_not_depend_on_its_neighbours():
    stack = initialized(Critical(), Tanh(), 5, (6, 7), "float32", replicas=3)
    alone = Network(5, (6, 7), 300, Tanh(), 1, "float32")
    alone.initialize(Critical(), lambda replica, layer: np.random.default_rng([2, layer]))
    np.testing.assert_array_equal(stack.parameters[2], alone.parameters[0])


def test_standardised_inputs_give_the_fixed_point_in_every_layer_and_scores_of_variance_1():
    """In float32, as a run draws it."""
    network = initialized(Critical(), Tanh(), 1000, (1000, 1000, 1000), "float32", 3)
    signal = np.random.default_rng(0).standard_normal((3, 200, 1000))
    length = theory.critical(Tanh(), 0.04).length
    for layer in network.layers[:-1]:
        z = signal @ layer.weight + layer.bias
        assert np.square(z).mean() == pytest.approx(length, rel=0.05)
        signal = np.tanh(z)
    assert np.square(signal @ network.layers[-1].weight).mean() == pytest.approx(1, rel=0.1)


def test_a_gain_moves_the_weights_off_the_critical_point_and_leaves_the_biases():
    near, far = (initialized(Critical(gain=gain), Tanh()).layers for gain in (1, 2))
    for one, other in zip(near, far, strict=True):
        np.testing.assert_allclose(other.weight, 2 * one.weight, rtol=1e-12)
        np.testing.assert_array_equal(other.bias, one.bias)


@pytest.mark.parametrize("initializer", [VariancePreserving(), Critical()])
@pytest.mark.parametrize("activation", [Softplus(), Maxout(pieces=3)])
def test_a_linear_model_has_scores_of_variance_1_whatever_its_activation_is(initializer, activation):
    assert by_fan_in(initialized(initializer, activation, hidden=())) == pytest.approx([1], rel=0.02)


@pytest.mark.parametrize("name", ["critical", "variance_preserving"])
@pytest.mark.parametrize("activation", [variant() for variant in ACTIVATIONS.values()], ids=lambda a: a.name)
def test_every_activation_has_its_weights_or_a_refusal_of_one_line(name, activation):
    refused = {"critical": ("softplus", "maxout", "glu"), "variance_preserving": ()}[name]
    if activation.name not in refused:
        assert all(0 < factor < 1e4 for factor in INITIALIZERS[name]().factors(activation)[:3])
        return
    with pytest.raises(ValueError, match=f"^init={name}: .*{activation.name}[^\n]*$"):
        INITIALIZERS[name]().factors(activation)


def test_notes_on_what_a_user_may_not_expect():
    assert Critical().note(Tanh()) == VariancePreserving().note(Tanh()) == HeNormal().note(Tanh()) == ""
    unstable = Critical().note(SiLU())
    assert "unstable, V'(q*) = 1.10 at q* = 0.69:" in unstable
    assert (
        Critical().note(ReLU()).endswith("relu is critical without biases only, so init.bias_variance=0.04 is not used")
    )
    assert Critical(bias_variance=0).note(ReLU()) == ""


@pytest.mark.parametrize("variance", [-1, math.inf, math.nan, True, "2"])
def test_a_variance_of_biases_that_is_no_number_from_0_up_is_refused(variance):
    message = f"init.bias_variance={variance!r} of critical: allowed is a number in [0, 1e30]"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Critical(bias_variance=variance)
