"""The stacked network: gradients against differences, bit-identity in any stack, memory layout, known identities."""

import copy
import itertools
import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from nets.activations import ACTIVATIONS, ELU, GELU, LeakyReLU, Linear, Maxout, PReLU, ReLU, Sigmoid, Tanh
from nets.initializers import INITIALIZERS, GlorotUniform, HeNormal
from nets.network import Network, Work
from nets.optimizers import OPTIMIZERS
from nets.outputs import OUTPUTS, LinearMSE, SoftmaxCE

ALL = [
    *(activation() for activation in ACTIVATIONS.values()),
    PReLU(per="layer"),
    Maxout(pieces=3),
    ReLU(at_zero=0.5),
    LeakyReLU(slope=0),
    ELU(alpha=0.5),
    GELU(approximate="tanh"),
]
TASKS = [
    pytest.param(output(), task, size, id=f"{name}-{size}")
    for name, output in OUTPUTS.items()
    for task, sizes in (("classification", (2, 3)), ("regression", (1, 2)))
    if task in output.tasks
    for size in sizes
]

each_activation = pytest.mark.parametrize("activation", ALL, ids=repr)
each_pairing = pytest.mark.parametrize(("output", "task", "size"), TASKS)


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread():
    """Bit-identity is promised for one BLAS thread, as in training."""
    with threadpool_limits(1, "blas"):
        yield


def randomised(network, seed=0):
    """Fill all parameters, biases and learned ones too, so that signals neither grow nor die."""
    random = np.random.default_rng(seed)
    for layer in network.layers:
        layer.weight[:] = random.normal(size=layer.weight.shape) / np.sqrt(layer.weight.shape[1])
        layer.bias[:] = random.normal(size=layer.bias.shape) / 2
        for values in layer.learned.values():
            values[:] = random.uniform(0.1, 0.5, values.shape)
    return network


def work_for(network, output, task, size, seed=0):
    """Return buffers with random inputs and targets for each replica."""
    random = np.random.default_rng(seed)
    work = Work(network, 20)
    work.inputs[:] = random.normal(size=work.inputs.shape)
    if task == "regression":
        work.targets[:] = random.normal(size=work.targets.shape)
    else:
        labels = random.integers(size, size=network.replicas * 20)
        work.targets[:] = output.encode(labels, size, network.dtype).reshape(work.targets.shape)
    return work


def away_from_kinks(network, work):
    network.forward(work)
    kinks = network.activation.kinks
    return all(np.abs(pre - kink).min() > 1e-3 for pre in work.pre for kink in kinks)


def cost(network, work, output, l1):
    """Return each replica's cost, summed over rows."""
    data = output.cost(network.forward(work), work.targets).sum(axis=1)
    return data + l1[:, 0, 0] * sum(np.abs(post).sum(axis=(1, 2)) for post in work.post)


def differences(network, work, output, l1):
    """Return the gradient of the cost by central differences, one parameter of all replicas at a time."""
    gradient, step = np.empty_like(network.parameters), 1e-5
    for column in range(gradient.shape[1]):
        middle = network.parameters[:, column].copy()
        network.parameters[:, column] = middle + step
        above = cost(network, work, output, l1)
        network.parameters[:, column] = middle - step
        gradient[:, column] = (above - cost(network, work, output, l1)) / (2 * step)
        network.parameters[:, column] = middle
    return gradient


def backpropagated(network, work, output, l1=None):
    output.gradient(network.forward(work), work.targets, work.delta)
    network.backward(work, l1)
    return network.gradient


def gradient_error(activation, output, task, size, hidden=(4, 3), l1=(0.0, 0.0)):
    """Return the largest deviation from differences, relative to the largest entry, of each kind of parameter."""
    for seed in itertools.count():
        network = randomised(Network(3, hidden, output.units(task, size), activation, 2, "float64"), seed)
        work = work_for(network, output, task, size, seed=seed)
        if away_from_kinks(network, work):
            break
    l1 = np.array(l1).reshape(2, 1, 1)
    exact = differences(network, work, output, l1)
    assert np.abs(exact).max() > 1e-3
    return np.abs(backpropagated(network, work, output, l1) - exact).max() / np.abs(exact).max()


# --- gradients


@each_activation
@each_pairing
def test_gradient_equals_central_differences(activation, output, task, size):
    assert gradient_error(activation, output, task, size) < 1e-7


@each_activation
def test_gradient_of_the_activation_penalty(activation):
    assert gradient_error(activation, SoftmaxCE(), "classification", 3, l1=(0.0, 0.7)) < 1e-7


@pytest.mark.parametrize("hidden", [(), (1,), (5, 2, 7, 1)], ids=str)
@pytest.mark.parametrize("activation", [Tanh(), PReLU(), Maxout(pieces=3)], ids=repr)
def test_gradient_of_any_depth_and_width(activation, hidden):
    assert gradient_error(activation, SoftmaxCE(), "classification", 3, hidden, l1=(0.1, 0.2)) < 1e-7


def test_a_gradient_wrong_by_a_thousandth_is_caught():
    class Wrong(Tanh, name="wrong"):
        def derivative(self, z, h, work):
            return 1.001 * super().derivative(z, h, work)

    del ACTIVATIONS["wrong"]
    assert gradient_error(Wrong(), SoftmaxCE(), "classification", 3) > 1e-4


def test_without_hidden_layers_it_is_softmax_regression():
    output = SoftmaxCE()
    network = randomised(Network(3, [], 4, ReLU(), 2, "float64"))
    work = work_for(network, output, "classification", 4)
    backpropagated(network, work, output)
    weight, bias = network.layers[0].weight, network.layers[0].bias
    for r in range(2):
        scores = work.inputs[r] @ weight[r] + bias[r]
        residual = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True) - work.targets[r]
        np.testing.assert_allclose(network.gradients[0].weight[r], work.inputs[r].T @ residual, rtol=1e-12)
        np.testing.assert_allclose(network.gradients[0].bias[r, 0], residual.sum(axis=0), rtol=1e-12, atol=1e-14)


@each_activation
def test_fifty_layers_run_and_have_the_right_gradient(activation):
    """One random direction in the space of all parameters instead of every axis."""
    output = SoftmaxCE()
    network = randomised(Network(4, [4] * 50, 3, activation, 1, "float64"))
    network.parameters *= 0.5  # or relu_squared grows without bound
    work = work_for(network, output, "classification", 3)
    gradient = backpropagated(network, work, output).copy()
    assert np.isfinite(gradient).all()
    direction = np.random.default_rng(0).normal(size=gradient.shape)
    direction /= np.linalg.norm(direction)
    middle, step, none = network.parameters.copy(), 1e-6, np.zeros((1, 1, 1))
    network.parameters[:] = middle + step * direction
    above = cost(network, work, output, none)
    network.parameters[:] = middle - step * direction
    below = cost(network, work, output, none)
    np.testing.assert_allclose((gradient * direction).sum(), (above - below)[0] / (2 * step), rtol=1e-3, atol=1e-7)


@each_activation
def test_a_factor_on_delta_is_a_factor_on_the_gradient(activation):
    """So the mean over the batch and the learning rate may be folded into it, per replica."""
    output = SoftmaxCE()
    network = randomised(Network(3, [4, 3], 3, activation, 2, "float64"))
    work = work_for(network, output, "classification", 3)
    whole = backpropagated(network, work, output, np.array([[[0.1]], [[0.2]]])).copy()
    factor = np.array([[[0.25]], [[2.0]]])
    output.gradient(network.forward(work), work.targets, work.delta)
    work.delta *= factor
    network.backward(work, factor * [[[0.1]], [[0.2]]])
    np.testing.assert_allclose(network.gradient, factor[:, 0] * whole, rtol=1e-12, atol=1e-15)


# --- a replica does not know its neighbours


def trained(activation, output, size, optimizer, hidden, dtype, rows, seeds, steps=3):
    """Return, replica by replica, every bit after a few steps with gradients, rates and data of its own."""
    network = Network(5, hidden, output.units("classification", size), activation, len(seeds), dtype)
    network.initialize(
        INITIALIZERS[activation.initializer](), lambda replica, layer: np.random.default_rng([seeds[replica], layer])
    )
    state = optimizer.state(network.parameters)
    work = Work(network, rows)
    for index, seed in enumerate(seeds):
        random = np.random.default_rng(seed)
        work.inputs[index] = random.normal(size=(rows, 5))
        work.targets[index] = output.encode(random.integers(size, size=rows), size, dtype)
    rate = np.array([[0.01 * (1 + seed)] for seed in seeds], dtype)
    l1 = np.full((len(seeds), 1, 1), 1e-3, dtype)
    with np.errstate(all="ignore"):
        for step in range(1, steps + 1):
            output.gradient(network.forward(work), work.targets, work.delta)
            work.delta *= rate[:, :, None] / rows
            network.backward(work, l1)
            optimizer.step(network.parameters, network.gradient, state, rate, network.decayed, step)
        scores = network.forward(work)
        everything = [network.parameters, *state.values(), scores, output.cost(scores, work.targets), *work.post]
    # Which of the many NaNs stands for a number that is none is nobody's promise.
    everything = [np.where(np.isnan(array), np.nan, array) for array in everything]
    return [b"".join(array[index].tobytes() for array in everything) for index in range(len(seeds))]


@given(
    activation=st.sampled_from(ALL),
    output=st.sampled_from([output() for output in OUTPUTS.values()]),
    size=st.sampled_from([2, 3, 10]),
    optimizer=st.sampled_from([optimizer(weight_decay=0.1) for optimizer in OPTIMIZERS.values()]),
    hidden=st.lists(st.sampled_from([1, 2, 3, 5, 8, 13, 16, 31, 33, 64, 100, 130]), max_size=3),
    dtype=st.sampled_from(["float32", "float64"]),
    rows=st.integers(1, 70) | st.just(256),
    seeds=st.lists(st.integers(0, 20), min_size=1, max_size=6, unique=True),
    position=st.integers(0, 5),
)
@settings(max_examples=300, deadline=None)
def test_a_replica_is_bit_identical_alone_and_in_any_stack(seeds, position, **condition):
    position %= len(seeds)
    assert trained(**condition, seeds=seeds)[position] == trained(**condition, seeds=[seeds[position]])[0]


# --- layout, initialisation, keeping some replicas


@each_activation
def test_layers_are_views_of_the_flat_array_weights_first(activation):
    network = Network(3, [4, 5], 2, activation, 2)
    for flat, layers in ((network.parameters, network.layers), (network.gradient, network.gradients)):
        flat[:] = np.arange(flat.size).reshape(flat.shape)
        weights = [layer.weight for layer in layers]
        rest = [array for layer in layers for array in (layer.bias, *layer.learned.values())]
        assert all(np.shares_memory(array, flat) for array in weights + rest)
        columns = [np.concatenate([array[1].ravel() for array in arrays]) for arrays in (weights, weights + rest)]
        np.testing.assert_array_equal(columns[0], flat[1, : network.decayed])
        np.testing.assert_array_equal(np.sort(columns[1]), flat[1])
    k = activation.pieces
    assert [layer.weight.shape for layer in network.layers] == [(2, 3, 4 * k), (2, 4, 5 * k), (2, 5, 2)]
    assert [layer.bias.shape for layer in network.layers] == [(2, 1, 4 * k), (2, 1, 5 * k), (2, 1, 2)]


@each_activation
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copys_layers_are_views_of_its_own_arrays(activation, copied):
    network = randomised(Network(3, [4, 5], 2, activation, 2))
    other = copied(network)
    assert other.activation == activation
    np.testing.assert_array_equal(other.parameters, network.parameters)
    assert not np.shares_memory(other.parameters, network.parameters)
    for flat, layers in ((other.parameters, other.layers), (other.gradient, other.gradients)):
        arrays = [array for layer in layers for array in (layer.weight, layer.bias, *layer.learned.values())]
        assert all(np.shares_memory(array, flat) for array in arrays)


def test_a_pickle_holds_the_parameters_once():
    network = Network(50, [100], 10, Tanh(), 1)
    assert len(pickle.dumps(network)) < 1.1 * network.parameters.nbytes


@pytest.mark.parametrize(("activation", "widths"), [(PReLU(), [4, 5]), (PReLU(per="layer"), [1, 1])], ids=repr)
def test_learned_parameters_start_as_the_activation_says(activation, widths):
    network = Network(3, [4, 5], 2, activation, 2)
    assert [layer.learned["slope"].shape for layer in network.layers[:-1]] == [(2, 1, width) for width in widths]
    assert network.layers[-1].learned == {}
    assert all((layer.learned["slope"] == 0.25).all() for layer in network.layers[:-1])


@pytest.mark.parametrize("activation", [ReLU(), Maxout(pieces=3), PReLU()], ids=repr)
def test_initialise_draws_each_matrix_from_its_own_generator(activation):
    initializer, shapes = HeNormal(), [(3, 4, activation.pieces), (4, 5, activation.pieces), (5, 2, 1)]
    network = Network(3, [4, 5], 2, activation, 3)
    before = network.parameters.copy()
    network.initialize(initializer, lambda replica, layer: np.random.default_rng([replica, layer]))
    for index, (layer, shape) in enumerate(zip(network.layers, shapes, strict=True)):
        for replica in range(3):
            expected = initializer(np.random.default_rng([replica, index]), *shape)
            np.testing.assert_array_equal(layer.weight[replica], expected.astype(np.float32))
    np.testing.assert_array_equal(network.parameters[:, network.decayed :], before[:, network.decayed :])
    assert not any(layer.bias.any() for layer in network.layers)


def test_weights_cuts_any_flat_array():
    network = randomised(Network(3, [4], 2, Tanh(), 2))
    copy = network.parameters.copy()
    network.parameters[:] = 0
    for weight, before in zip(network.weights(copy), network.layers, strict=True):
        assert weight.shape == before.weight.shape
        assert np.shares_memory(weight, copy)


@pytest.mark.parametrize("kept", [[2, 0], [1], [0, 1, 2, 3], []], ids=str)
@pytest.mark.parametrize("activation", [ReLU(), PReLU(), Maxout()], ids=repr)
def test_keep_goes_on_with_these_replicas(activation, kept):
    network = randomised(Network(3, [4, 5], 2, activation, 4))
    work = work_for(network, SoftmaxCE(), "classification", 2)
    scores, parameters = network.forward(work).copy(), network.parameters.copy()
    network.keep(np.array(kept, int))
    assert network.replicas == len(kept)
    np.testing.assert_array_equal(network.parameters, parameters[kept])
    assert network.gradient.shape == network.parameters.shape
    fewer = Work(network, 20)
    fewer.inputs[:] = work.inputs[kept]
    np.testing.assert_array_equal(network.forward(fewer), scores[kept])


@pytest.mark.parametrize("hidden", [[], [4, 5]], ids=str)
def test_replicas_may_read_the_same_rows(hidden):
    network = randomised(Network(3, hidden, 2, ReLU(), 4))
    work = work_for(network, SoftmaxCE(), "classification", 2)
    reading = Work(network, 20)
    results = []
    for buffers in (work, reading):
        shared, targets = (np.broadcast_to(values[:1], values.shape) for values in (work.inputs, work.targets))
        if buffers is work:
            work.inputs[:], work.targets[:] = shared.copy(), targets.copy()
        else:
            reading.read(shared, targets)
        SoftmaxCE().gradient(network.forward(buffers), buffers.targets, buffers.delta)
        network.backward(buffers)
        results.append((buffers.scores.copy(), network.gradient.copy()))
    for filled, read in zip(*results, strict=True):
        np.testing.assert_array_equal(read, filled)


# --- identities


def test_buffers_of_another_network_are_refused():
    network = Network(3, [4], 2, ReLU(), 2)
    work = Work(network, 5)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        with pytest.raises(ValueError, match="buffers of another network"):
            other.forward(work)
    network.forward(work)
    network.keep(np.arange(2))
    with pytest.raises(ValueError, match="made before `keep`"):
        network.forward(work)


def test_forward_is_the_textbooks_with_columns_for_rows():
    network = randomised(Network(3, [4, 5], 2, Sigmoid(), 2, "float64"))
    work = work_for(network, SoftmaxCE(), "classification", 2)
    scores = network.forward(work)
    for r, i in np.ndindex(2, 20):
        h = work.inputs[r, i]
        for layer in network.layers[:-1]:
            h = 1 / (1 + np.exp(-(layer.weight[r].T @ h + layer.bias[r, 0])))
        z = network.layers[-1].weight[r].T @ h + network.layers[-1].bias[r, 0]
        np.testing.assert_allclose(scores[r, i], z, rtol=1e-12)


@pytest.mark.parametrize("hidden", [(), (7,), (5, 2, 7), (4,) * 50], ids=len)
def test_a_linear_network_collapses_to_one_affine_map(hidden):
    network = Network(3, hidden, 4, Linear(), 2, "float64")
    network.initialize(GlorotUniform(), lambda replica, layer: np.random.default_rng([replica, layer]))
    for layer in network.layers:
        layer.bias[:] = np.random.default_rng(0).normal(size=layer.bias.shape)
    work = work_for(network, LinearMSE(), "regression", 4)
    weight, bias = network.collapse()
    assert (weight.shape, bias.shape) == ((2, 3, 4), (2, 1, 4))
    np.testing.assert_allclose(work.inputs @ weight + bias, network.forward(work), rtol=1e-10)


def test_without_hidden_layers_every_network_collapses():
    weight, bias = randomised(Network(3, [], 4, ReLU(), 2)).collapse()
    assert (weight.shape, bias.shape) == ((2, 3, 4), (2, 1, 4))


@pytest.mark.parametrize("activation", [a for a in ALL if a != Linear()], ids=repr)
def test_other_networks_do_not_collapse(activation):
    message = f"a network of {activation} is not an affine map; only linear hidden layers collapse"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Network(3, [4], 2, activation, 1).collapse()


def test_maxout_with_a_zero_piece_is_relu():
    output = SoftmaxCE()
    relu = randomised(Network(3, [4, 5], 3, ReLU(), 2, "float64"))
    maxout = Network(3, [4, 5], 3, Maxout(pieces=2), 2, "float64")
    works = []
    for network in (relu, maxout):
        for to, of in zip(network.layers, relu.layers, strict=True):
            # Of a hidden layer's two pieces the second stays zero.
            to.weight[:, :, : of.weight.shape[2]] = of.weight
            to.bias[:, :, : of.bias.shape[2]] = of.bias
        works.append(work_for(network, output, "classification", 3))
        backpropagated(network, works[-1], output)
    np.testing.assert_allclose(works[1].scores, works[0].scores, rtol=1e-12)
    for of_maxout, of_relu in zip(maxout.gradients, relu.gradients, strict=True):
        columns = of_relu.weight.shape[2]
        np.testing.assert_allclose(of_maxout.weight[:, :, :columns], of_relu.weight, rtol=1e-10, atol=1e-14)
