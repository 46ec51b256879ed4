"""Training step by step as scikit-learn's multilayer perceptrons do it, in float64 and from the same weights.

Their `loss_curve_` is, per epoch, the mean of the batches' costs, each taken before its step: here it is recomputed
from `Network`, an output pairing and an optimizer. Two replicas, of other weights and rates, train in one stack.
"""

import warnings
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_linnerud
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from nets.activations import Linear, ReLU, Sigmoid, Tanh
from nets.network import Network, Work
from nets.optimizers import SGD, Adam, Momentum, Nesterov
from nets.outputs import LinearMSE, SigmoidCE, SoftmaxCE

EPOCHS, HIDDEN = 4, (9, 7)
ACTIVATIONS = {"relu": ReLU(), "tanh": Tanh(), "logistic": Sigmoid(), "identity": Linear()}
# Our optimizer, their settings, two rates. Adam's epsilon stands elsewhere in their formula: it must be negligible.
OPTIMIZERS = {
    "sgd": (SGD(), {"solver": "sgd", "momentum": 0}, (0.1, 0.02)),
    "momentum": (Momentum(), {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False}, (0.03, 0.005)),
    "nesterov": (Nesterov(), {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": True}, (0.03, 0.005)),
    "adam": (Adam(epsilon=1e-15), {"solver": "adam", "epsilon": 1e-15}, (0.01, 0.001)),
}


class Task(NamedTuple):
    """A data set whose rows are a whole number of batches."""

    estimator: type
    output: object
    inputs: np.ndarray
    labels: np.ndarray  # what the estimator is fitted to
    targets: np.ndarray  # (n, units)
    batch: int


def classification(output, bunch, rows, batch):
    order = np.random.default_rng(0).permutation(len(bunch.target))[:rows]
    labels = bunch.target[order]
    targets = output.encode(labels, len(bunch.target_names), float)
    return Task(MLPClassifier, output, scale(bunch.data)[order], labels, targets, batch)


def regression(bunch, rows, batch):
    targets = scale(bunch.target.reshape(len(bunch.data), -1))[:rows]
    labels = targets[:, 0] if targets.shape[1] == 1 else targets
    return Task(MLPRegressor, LinearMSE(), scale(bunch.data)[:rows], labels, targets, batch)


TASKS = {
    "iris-3-classes": classification(SoftmaxCE(), load_iris(), 150, 30),
    "breast-cancer-binary": classification(SigmoidCE(), load_breast_cancer(), 560, 80),
    "diabetes-1-target": regression(load_diabetes(), 440, 55),
    "linnerud-3-targets": regression(load_linnerud(), 20, 5),
}


def ours(network, task, optimizer, rates):
    """Train the network and return the mean cost of each epoch's batches before their steps, (EPOCHS, R)."""
    work = Work(network, task.batch)
    rate = np.array(rates)[:, None]
    factor = optimizer.gradient_factor(rate)[:, :, None] / task.batch
    state = optimizer.state(network.parameters)
    batches = [slice(start, start + task.batch) for start in range(0, len(task.inputs), task.batch)] * EPOCHS
    costs = []
    for step, batch in enumerate(batches, start=1):
        work.inputs[:], work.targets[:] = task.inputs[batch], task.targets[batch]
        scores = network.forward(work)
        costs.append(task.output.cost(scores, work.targets).mean(axis=1))
        task.output.gradient(scores, work.targets, work.delta)
        work.delta *= factor
        network.backward(work)
        optimizer.step(network.parameters, network.gradient, state, rate, network.decayed, step)
    return np.reshape(costs, (EPOCHS, -1, network.replicas)).mean(axis=1)


def theirs(layers, replica, task, activation, settings, rate):
    """Return the estimator trained from one replica's layers, with its loss curve."""
    estimator = task.estimator(
        hidden_layer_sizes=HIDDEN,
        activation=activation,
        learning_rate_init=rate,
        batch_size=task.batch,
        shuffle=False,
        warm_start=True,
        max_iter=1,
        n_iter_no_change=EPOCHS + 1,
        random_state=0,
        **{"alpha": 0, **settings},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # after so few epochs
        estimator.fit(task.inputs, task.labels)  # allocates the weights; a warm start goes on from ours
        for weight, bias, layer in zip(estimator.coefs_, estimator.intercepts_, layers, strict=True):
            weight[:], bias[:] = layer.weight[replica], layer.bias[replica, 0]
        estimator.set_params(max_iter=EPOCHS).fit(task.inputs, task.labels)
    return estimator, estimator.loss_curve_[1:]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("task", TASKS)
def test_training_reproduces_loss_curve_and_weights(task, activation, optimizer):
    task, (optimizer, settings, rates) = TASKS[task], OPTIMIZERS[optimizer]
    units = task.targets.shape[1]
    network = Network(task.inputs.shape[1], HIDDEN, units, ACTIVATIONS[activation], len(rates), "float64")
    network.parameters[:] = np.random.default_rng(0).normal(scale=0.4, size=network.parameters.shape)
    references = [theirs(network.layers, r, task, activation, settings, rate) for r, rate in enumerate(rates)]
    curves = ours(network, task, optimizer, rates)
    # The estimator's squared error is a mean over the targets, in its curve though not in its gradient.
    divisor = units if task.estimator is MLPRegressor else 1
    for replica, (estimator, curve) in enumerate(references):
        assert max(curve) > 1.01 * min(curve)
        np.testing.assert_allclose(curves[:, replica] / divisor, curve, rtol=1e-9)
        for layer, weight, bias in zip(network.layers, estimator.coefs_, estimator.intercepts_, strict=True):
            np.testing.assert_allclose(layer.weight[replica], weight, rtol=1e-8, atol=1e-9)
            np.testing.assert_allclose(layer.bias[replica, 0], bias, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_is_their_penalty_divided_by_the_rows_of_a_batch(name):
    task, (optimizer, settings, rates) = TASKS["iris-3-classes"], OPTIMIZERS[name]
    network = Network(task.inputs.shape[1], HIDDEN, task.targets.shape[1], Tanh(), len(rates), "float64")
    network.parameters[:] = np.random.default_rng(0).normal(scale=0.4, size=network.parameters.shape)
    penalized = {**settings, "alpha": 1.5}
    references = [theirs(network.layers, r, task, "tanh", penalized, rate)[0] for r, rate in enumerate(rates)]
    ours(network, task, replace(optimizer, weight_decay=1.5 / task.batch), rates)
    for replica, estimator in enumerate(references):
        for layer, weight, bias in zip(network.layers, estimator.coefs_, estimator.intercepts_, strict=True):
            np.testing.assert_allclose(layer.weight[replica], weight, rtol=1e-8, atol=1e-9)
            np.testing.assert_allclose(layer.bias[replica, 0], bias, rtol=1e-8, atol=1e-9)
