"""A step of gradient descent against the formula, with weights of rows and a penalty; what is kept."""

import numpy as np
import pytest

from nets.activations import ReLU
from nets.descent import Descent
from nets.network import Network, Work
from nets.optimizers import OPTIMIZERS, SGD, Adam
from nets.outputs import LinearMSE

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
