"""A step of gradient descent against the formula, with weights of rows and a penalty; what is kept."""

import numpy as np
import pytest

from nets.activations import ELU, ReLU
from nets.descent import Descent
from nets.initializers import Normal
from nets.network import Network, Recipe, Work
from nets.optimizers import OPTIMIZERS, SGD, Adam
from nets.outputs import LinearMSE, SoftmaxCE

REPLICAS, ROWS, INPUTS, UNITS = 2, 5, 3, 4


def descent(optimizer):
    """Return networks in training, and a filled batch."""
    network = Network(INPUTS, (UNITS,), 1, ReLU(), REPLICAS, "float64")
    random = np.random.default_rng(0)
    network.parameters[:] = random.normal(size=network.parameters.shape)
    work = Work(network, ROWS)
    work.inputs[:], work.targets[:] = random.normal(size=work.inputs.shape), random.normal(size=work.targets.shape)
    return Descent(network, LinearMSE(), optimizer, optimizer.state(network.parameters)), work


def expected_gradient(network, work, weights, penalty):
    """Return the gradient of the weighted mean cost and of the penalty, by a plain loop over replicas and rows."""
    result = np.zeros_like(network.parameters)
    for replica in range(REPLICAS):
        (w1, b1), (w2, b2) = ((layer.weight[replica], layer.bias[replica, 0]) for layer in network.layers)
        total = [np.zeros_like(array) for array in (w1, w2, b1, b2)]
        for x, y, weight in zip(work.inputs[replica], work.targets[replica], weights[replica], strict=True):
            z = x @ w1 + b1
            h = np.maximum(z, 0)
            delta = weight * (h @ w2 + b2 - y) / ROWS
            back = (w2 @ delta + penalty / ROWS) * (z > 0)
            for array, gradient in zip(total, (np.outer(x, back), np.outer(h, delta), back, delta), strict=True):
                array += gradient
        result[replica] = np.concatenate([array.ravel() for array in total])
    return result


@pytest.mark.parametrize("penalty", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_step_of_sgd_is_the_rate_times_the_gradient(weighted, penalty):
    descended, work = descent(SGD())
    network, rate = descended.network, np.array([[0.1], [0.02]])
    weights = np.random.default_rng(1).uniform(0.5, 2, (REPLICAS, ROWS, 1)) if weighted else np.ones((2, ROWS, 1))
    start = network.parameters.copy()
    expected = start - rate * expected_gradient(network, work, weights, penalty)
    scale = (SGD().gradient_factor(rate) / ROWS)[:, :, None]
    descended.step(work, rate, scale, weights if weighted else None, scale * penalty if penalty else None)
    np.testing.assert_allclose(network.parameters, expected, rtol=1e-12)
    assert descended.steps == 1


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_replicas_that_are_kept_descend_as_before(name):
    optimizer = OPTIMIZERS[name]()
    rate = np.full((2, 1), 0.01)

    def step(descended, work, rate):
        descended.step(work, rate, (optimizer.gradient_factor(rate) / ROWS)[:, :, None])

    whole, work = descent(optimizer)
    part, _ = descent(optimizer)
    step(whole, work, rate)
    step(part, filled(Work(part.network, ROWS), work), rate)
    part.keep(np.array([1]))
    step(whole, work, rate)
    step(part, filled(Work(part.network, ROWS), work, [1]), rate[1:])
    np.testing.assert_array_equal(part.network.parameters, whole.network.parameters[1:])
    assert part.steps == whole.steps == 2
    for slot, values in part.state.items():
        np.testing.assert_array_equal(values, whole.state[slot][1:])


def filled(work, other, replicas=slice(None)):
    """Return buffers with the inputs and targets of other replicas' buffers."""
    work.inputs[:], work.targets[:] = other.inputs[replicas], other.targets[replicas]
    return work


def test_the_count_of_steps_corrects_the_bias_of_adam():
    """The first step of Adam has the size of the rate, whatever the gradient."""
    descended, work = descent(Adam())
    rate, start = np.full((2, 1), 0.01), descended.network.parameters.copy()
    descended.step(work, rate, np.full((2, 1, 1), 1 / ROWS))
    moved = np.abs(descended.network.parameters - start)
    np.testing.assert_allclose(moved[moved > 0], 0.01, rtol=1e-4)


# --- clipped gradients


def clipped(gradient, limit):
    """Return each replica's gradient as `clip_grad_norm_` of PyTorch leaves it."""
    norm = np.linalg.norm(gradient.astype(np.float64), axis=1, keepdims=True)
    return gradient * np.minimum(1, limit / (norm + 1e-6))


@pytest.mark.parametrize("limit", [1e-3, 0.5, 1e9])
@pytest.mark.parametrize("rates", [[0.1, 0.02], [1.0, 1e-4]])
def test_a_clipped_step_of_sgd_is_the_rate_times_the_clipped_gradient(rates, limit):
    """The norm is over all parameters of a replica, and of the gradient of the mean cost, whatever the rate."""
    descended, work = descent(SGD(clip_norm=limit))
    network, rate = descended.network, np.array(rates)[:, None]
    start = network.parameters.copy()
    gradient = expected_gradient(network, work, np.ones((2, ROWS, 1)), 0.0)
    assert (np.linalg.norm(gradient, axis=1) > 0.5).all()
    descended.step(work, rate, (SGD().gradient_factor(rate) / ROWS)[:, :, None])
    np.testing.assert_allclose(network.parameters, start - rate * clipped(gradient, limit), rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_takes_the_clipped_gradient(name):
    """A limit above all norms changes no bit. Below them, the step is that of the clipped gradient without a limit."""
    rate = np.array([[0.1], [0.02]])
    results = {}
    for limit in (np.inf, 1e9, 0.5):
        optimizer = OPTIMIZERS[name](clip_norm=limit)
        descended, work = descent(optimizer)
        start = descended.network.parameters.copy()
        gradient = expected_gradient(descended.network, work, np.ones((2, ROWS, 1)), 0.0)
        descended.step(work, rate, (optimizer.gradient_factor(rate) / ROWS)[:, :, None])
        results[limit] = descended.network.parameters.copy()
        taken = clipped(gradient, limit) * optimizer.gradient_factor(rate)
        optimizer.step(start, taken, optimizer.state(start), rate, descended.network.decayed, 1)
        np.testing.assert_allclose(results[limit], start, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(results[np.inf], results[1e9])


def test_a_gradient_whose_square_is_beyond_float32_is_clipped_too():
    network = Network(INPUTS, (UNITS,), 1, ReLU(), REPLICAS, "float32")
    network.parameters[:] = np.random.default_rng(0).normal(size=network.parameters.shape)
    work, optimizer = Work(network, ROWS, training=True), SGD(clip_norm=1.0)
    work.inputs[:] = np.random.default_rng(1).normal(size=work.inputs.shape)
    work.targets[0], work.targets[1] = 1e30, 1.0
    descended, start = Descent(network, LinearMSE(), optimizer, {}), network.parameters.copy()
    rate = np.array([[0.01], [0.02]], np.float32)
    with np.errstate(over="ignore"):
        descended.step(work, rate, (rate / ROWS)[:, :, None])
    moved = np.linalg.norm((network.parameters - start).astype(np.float64), axis=1)
    assert moved[0] == pytest.approx(0.01, rel=1e-3)
    assert 0 < moved[1] <= 0.02 * 1.001


def test_a_gradient_of_zeros_stays():
    descended, work = descent(SGD(clip_norm=1.0))
    network, rate = descended.network, np.full((2, 1), 0.1)
    work.targets[:] = network.forward(work)
    start = network.parameters.copy()
    descended.step(work, rate, (rate / ROWS)[:, :, None])
    np.testing.assert_array_equal(network.parameters, start)


def test_what_is_not_finite_does_not_reach_another_replica():
    results = []
    for target in (1.0, np.nan, np.inf):
        descended, work = descent(SGD(clip_norm=0.5))
        work.targets[0] = target
        with np.errstate(all="ignore"):
            descended.step(work, np.full((2, 1), 0.1), np.full((2, 1, 1), 0.1 / ROWS))
        results.append(descended.network.parameters[1].copy())
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


@pytest.mark.parametrize("limit", [0, -1.0, np.nan, "1", True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_limit_that_is_no_number_above_0_is_refused(name, limit):
    with pytest.raises(ValueError, match=rf"^optimizer.clip_norm={limit!r} of {name}: allowed is a number above 0$"):
        OPTIMIZERS[name](clip_norm=limit)


# --- smoothed labels, norms and dropout


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_step_takes_the_gradient_at_the_smoothed_targets(smoothing):
    network = Network(INPUTS, (), 3, ReLU(), 1, "float64")
    network.parameters[:] = np.random.default_rng(0).normal(size=network.parameters.shape)
    work, rate = Work(network, ROWS, training=True), np.full((1, 1), 0.1)
    work.inputs[:] = np.random.default_rng(1).normal(size=work.inputs.shape)
    targets = np.eye(3)[[0, 1, 2, 0, 1]][None]
    work.targets[:] = targets
    scores = network.forward(work).copy()
    p = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    delta = p - ((1 - smoothing) * targets + smoothing / 3)
    expected = network.layers[0].weight - 0.1 / ROWS * work.inputs.mT @ delta
    Descent(network, SoftmaxCE(label_smoothing=smoothing), SGD(), {}).step(work, rate, np.full((1, 1, 1), 0.1 / ROWS))
    np.testing.assert_allclose(network.layers[0].weight, expected, rtol=1e-12)
    np.testing.assert_array_equal(work.targets, targets)


def test_the_first_step_sets_the_statistics_and_later_ones_enter_with_a_tenth():
    network = Network(INPUTS, (UNITS,), 1, ReLU(), REPLICAS, "float64", Recipe("batch"))
    network.initialize(Normal(std=1), lambda replica, layer: np.random.default_rng([replica, layer]))
    descended, work = Descent(network, LinearMSE(), SGD(), {}), Work(network, ROWS, training=True)
    mean, variance = 0.0, 1.0
    for step in range(3):
        random = np.random.default_rng(step)
        work.inputs[:], work.targets[:] = random.normal(size=work.inputs.shape), random.normal(size=work.targets.shape)
        z, share = work.inputs @ network.layers[0].weight, 0.1 if step else 1.0
        mean = (1 - share) * mean + share * z.mean(axis=1, keepdims=True)
        variance = (1 - share) * variance + share * z.var(axis=1, ddof=1, keepdims=True)
        descended.step(work, np.full((2, 1), 0.1), np.full((2, 1, 1), 0.1 / ROWS))
        np.testing.assert_allclose(network.running[0].mean, mean, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(network.running[0].variance, variance, rtol=1e-12)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_only_weights_decay(norm, name):
    """Without a gradient every scale, shift and bias stays, and every weight shrinks."""
    network = Network(INPUTS, (UNITS,), 1, ReLU(), 1, "float64", Recipe(norm))
    network.parameters[:] = np.random.default_rng(0).uniform(1, 2, network.parameters.shape)
    before, optimizer = network.parameters.copy(), OPTIMIZERS[name](weight_decay=0.5)
    state, rate = optimizer.state(network.parameters), np.full((1, 1), 0.1)
    optimizer.step(network.parameters, np.zeros_like(before), state, rate, network.decayed, 1)
    np.testing.assert_array_equal(network.parameters[:, network.decayed :], before[:, network.decayed :])
    np.testing.assert_allclose(network.parameters[:, : network.decayed], 0.95 * before[:, : network.decayed])


@pytest.mark.parametrize("recipe", [Recipe("batch", 0.5, 0.25, True), Recipe("layer", 0.5, 0.25, True)], ids=str)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_replicas_with_a_recipe_that_are_kept_descend_as_before(name, recipe):
    """Also where their gradients are clipped."""
    optimizer, rate = OPTIMIZERS[name](clip_norm=0.5), np.array([[0.01], [0.1], [0.03]])

    def started():
        network = Network(INPUTS, (UNITS, UNITS), 1, ELU(), 3, "float32", recipe)
        network.parameters[:] = np.random.default_rng(0).normal(size=network.parameters.shape)
        return Descent(network, LinearMSE(), optimizer, optimizer.state(network.parameters))

    def step(descended, kept, count):
        work, random = Work(descended.network, ROWS, training=True), np.random.default_rng(count)
        work.inputs[:] = random.normal(size=(3, ROWS, INPUTS))[kept]
        work.targets[:] = random.normal(size=(3, ROWS, 1))[kept]
        generators = {seed: np.random.default_rng([seed, count]) for seed in kept}
        descended.network.draw_masks(generators, kept, work)
        descended.step(work, rate[kept].astype("f"), (optimizer.gradient_factor(rate[kept]) / ROWS)[:, :, None])

    whole, part = started(), started()
    for count in range(4):
        if count == 2:
            part.keep(np.array([2, 0]))
        step(whole, [0, 1, 2], count)
        step(part, [0, 1, 2] if count < 2 else [2, 0], count)
    np.testing.assert_array_equal(part.network.parameters, whole.network.parameters[[2, 0]])
    np.testing.assert_array_equal(part.network.statistics, whole.network.statistics[[2, 0]])
