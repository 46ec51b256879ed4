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
from nets.network import PLAIN, Network, Recipe, Work, skips
from nets.norms import NORMS
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

RECIPES = {
    "plain": PLAIN,
    "batch norm": Recipe("batch"),
    "layer norm": Recipe("layer"),
    "dropout": Recipe(dropout=0.5, input_dropout=0.25),
    "residual": Recipe(residual=True),
    "all with batch norm": Recipe("batch", 0.25, 0.125, True),
    "all with layer norm": Recipe("layer", 0.25, 0.125, True),
}

each_activation = pytest.mark.parametrize("activation", ALL, ids=repr)
each_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
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
        if layer.scale is not None:
            layer.scale[:] = random.uniform(0.5, 1.5, layer.scale.shape)
        for values in layer.learned.values():
            values += random.uniform(-0.15, 0.25, values.shape)
    network.statistics[:] = random.uniform(0.2, 2, network.statistics.shape)
    return network


def targets_of(output, random, shape):
    """Return targets of a regression; those that are not scaled are counts."""
    return random.poisson(3, size=shape) if output.scaling == "none" else random.normal(size=shape)


def work_for(network, output, task, size, seed=0):
    """Return buffers with random inputs and targets for each replica."""
    random = np.random.default_rng(seed)
    work = Work(network, 20, targets=output.target_columns(task, size))
    work.inputs[:] = random.normal(size=work.inputs.shape)
    if task == "regression":
        work.targets[:] = targets_of(output, random, work.targets.shape)
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
    l1 = np.array(l1).reshape(2, 1, 1)
    for seed in itertools.count():
        network = randomised(Network(3, hidden, output.units(task, size), activation, 2, "float64"), seed)
        work = work_for(network, output, task, size, seed=seed)
        if away_from_kinks(network, work):
            exact = differences(network, work, output, l1)
            if np.abs(exact).max() > 1e-3:  # a clipped score has no gradient
                break
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


def trained(activation, output, size, optimizer, hidden, dtype, rows, seeds, recipe=PLAIN, steps=3):
    """Return, replica by replica, every bit after a few steps with gradients, rates, data and masks of its own."""
    task = output.tasks[0]
    network = Network(5, hidden, output.units(task, size), activation, len(seeds), dtype, recipe)
    network.initialize(
        INITIALIZERS[activation.initializer](), lambda replica, layer: np.random.default_rng([seeds[replica], layer])
    )
    state = optimizer.state(network.parameters)
    work = Work(network, rows, training=True, targets=output.target_columns(task, size))
    prediction = Work(network, rows)
    generators = {seed: np.random.default_rng(seed) for seed in seeds}
    for index, seed in enumerate(seeds):
        random = np.random.default_rng(seed)
        work.inputs[index] = random.normal(size=(rows, 5))
        if task == "regression":
            work.targets[index] = targets_of(output, random, (rows, size))
        else:
            work.targets[index] = output.encode(random.integers(size, size=rows), size, dtype)
    rate = np.array([[0.01 * (1 + seed)] for seed in seeds], dtype)
    l1 = np.full((len(seeds), 1, 1), 1e-3, dtype)
    with np.errstate(all="ignore"):
        for step in range(1, steps + 1):
            network.draw_masks(generators, seeds, work)
            output.gradient(network.forward(work, 1.0 if step == 1 else 0.1), work.targets, work.delta)
            work.delta *= rate[:, :, None] / rows
            network.backward(work, l1)
            gradient = network.gradient.copy()
            optimizer.step(network.parameters, network.gradient, state, rate, network.decayed, step)
        prediction.inputs[:] = work.inputs
        scores = network.forward(prediction)
        masks = [mask for mask in work.masks if mask is not None]
        everything = [network.parameters, network.statistics, gradient, *masks, *work.signals, *state.values(), scores]
        everything += [output.cost(scores, work.targets), *prediction.post]
    # Which of the many NaNs stands for a number that is none is nobody's promise.
    everything = [np.where(np.isnan(array), np.nan, array) for array in everything]
    return [b"".join(array[index].tobytes() for array in everything) for index in range(len(seeds))]


@given(
    activation=st.sampled_from(ALL),
    output=st.sampled_from([output() for output in OUTPUTS.values()]),
    size=st.sampled_from([2, 3, 10]),
    optimizer=st.sampled_from([optimizer(weight_decay=0.1) for optimizer in OPTIMIZERS.values()]),
    hidden=st.lists(st.sampled_from([1, 2, 3, 5, 8, 13, 16, 31, 33, 64, 100, 130]), max_size=3)
    | st.sampled_from([[7, 7], [33, 33, 33], [128, 128]]),
    dtype=st.sampled_from(["float32", "float64"]),
    rows=st.integers(1, 70) | st.just(256),
    seeds=st.lists(st.integers(0, 20), min_size=1, max_size=6, unique=True),
    position=st.integers(0, 5),
    recipe=st.builds(
        Recipe,
        norm=st.sampled_from(["none", *NORMS]),
        dropout=st.sampled_from([0.0, 0.3]),
        input_dropout=st.sampled_from([0.0, 0.2]),
        residual=st.booleans(),
    ),
)
@settings(max_examples=300, deadline=None)
def test_a_replica_is_bit_identical_alone_and_in_any_stack(seeds, position, **condition):
    position %= len(seeds)
    condition["rows"] += condition["recipe"].norm == "batch"  # which needs 2
    if not any(skips(condition["hidden"])):
        condition["recipe"] = condition["recipe"]._replace(residual=False)
    if not condition["hidden"]:
        condition["recipe"] = Recipe(input_dropout=condition["recipe"].input_dropout)
    if condition["recipe"].norm == "layer":  # which needs 2 columns
        condition["hidden"] = [units + 1 for units in condition["hidden"]]
    assert trained(**condition, seeds=seeds)[position] == trained(**condition, seeds=[seeds[position]])[0]


# --- layout, initialisation, keeping some replicas


@each_activation
@pytest.mark.parametrize("norm", ["none", *NORMS])
def test_layers_are_views_of_the_flat_array_weights_first(activation, norm):
    network = Network(3, [4, 5], 2, activation, 2, recipe=Recipe(norm))
    assert [layer.scale is None for layer in network.layers] == [norm == "none", norm == "none", True]
    for flat, layers in ((network.parameters, network.layers), (network.gradient, network.gradients)):
        flat[:] = np.arange(flat.size).reshape(flat.shape)
        weights = [layer.weight for layer in layers]
        scales = [layer.scale for layer in layers if layer.scale is not None]
        rest = [layer.bias for layer in layers] + scales + [a for layer in layers for a in layer.learned.values()]
        assert all(np.shares_memory(array, flat) for array in weights + rest)
        columns = [np.concatenate([array[1].ravel() for array in arrays]) for arrays in (weights, weights + rest)]
        np.testing.assert_array_equal(columns[0], flat[1, : network.decayed])
        np.testing.assert_array_equal(columns[1], flat[1])
    k = activation.pieces
    assert [layer.weight.shape for layer in network.layers] == [(2, 3, 4 * k), (2, 4, 5 * k), (2, 5, 2)]
    assert [layer.bias.shape for layer in network.layers] == [(2, 1, 4 * k), (2, 1, 5 * k), (2, 1, 2)]


@each_activation
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
@pytest.mark.parametrize("norm", ["none", *NORMS])
def test_a_copys_layers_are_views_of_its_own_arrays(activation, copied, norm):
    network = randomised(Network(3, [4, 5], 2, activation, 2, recipe=Recipe(norm, dropout=0.5)))
    other = copied(network)
    assert (other.activation, other.recipe) == (activation, network.recipe)
    np.testing.assert_array_equal(other.statistics, network.statistics)
    assert not np.shares_memory(other.statistics, network.statistics)
    for running in filter(None, other.running):
        assert all(np.shares_memory(values, other.statistics) for values in running)
    works = [work_for(each, SoftmaxCE(), "classification", 2) for each in (network, other)]
    np.testing.assert_array_equal(*(each.forward(work) for each, work in zip((network, other), works, strict=True)))
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
@pytest.mark.parametrize("norm", ["none", *NORMS])
def test_keep_goes_on_with_these_replicas(activation, kept, norm):
    network = randomised(Network(3, [4, 5], 2, activation, 4, recipe=Recipe(norm)))
    work = work_for(network, SoftmaxCE(), "classification", 2)
    scores, parameters = network.forward(work).copy(), network.parameters.copy()
    network.keep(np.array(kept, int))
    assert network.replicas == len(kept)
    assert network.arrays().keys() == {"parameters"} | ({"statistics"} if norm == "batch" else set())
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


@pytest.mark.parametrize("hidden", [(7, 7), (5, 5, 2, 2, 2, 7), (4,) * 20], ids=str)
def test_a_linear_network_with_residual_connections_collapses(hidden):
    """Dropout is not there in prediction."""
    network = randomised(Network(3, hidden, 4, Linear(), 2, "float64", Recipe(dropout=0.5, residual=True)))
    network.parameters *= 0.5
    work = work_for(network, LinearMSE(), "regression", 4)
    weight, bias = network.collapse()
    np.testing.assert_allclose(work.inputs @ weight + bias, network.forward(work), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_a_network_with_a_norm_does_not_collapse(norm):
    message = f"^a network with {norm} norm is not an affine map: only norm none collapses$"
    with pytest.raises(ValueError, match=message):
        Network(3, [4], 2, Linear(), 1, recipe=Recipe(norm)).collapse()


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


# --- norms, dropout and residual connections


def deviation(network, work, output, l1, generators):
    """Return the deviation from differences, relative to the largest entry. The masks are fixed."""
    statistics = network.statistics.copy()
    network.draw_masks(generators, range(network.replicas), work)
    exact = differences(network, work, output, l1)
    network.statistics[:] = statistics
    return np.abs(backpropagated(network, work, output, l1) - exact).max() / np.abs(exact).max()


@each_recipe
@pytest.mark.parametrize("training", [True, False], ids=["training", "prediction"])
@pytest.mark.parametrize("activation", [Sigmoid(), PReLU()], ids=repr)
def test_gradient_of_a_recipe_equals_central_differences(activation, recipe, training):
    output = SoftmaxCE()
    for seed in itertools.count():
        network = randomised(Network(3, (7, 7, 6), 3, activation, 2, "float64", recipe), seed)
        filled = work_for(network, output, "classification", 3, seed)
        work = Work(network, 20, training)
        work.inputs[:], work.targets[:] = filled.inputs, filled.targets
        generators = {replica: np.random.default_rng(replica) for replica in range(2)}
        network.draw_masks(generators, range(2), work)
        if away_from_kinks(network, work):
            break
    generators = {replica: np.random.default_rng(replica) for replica in range(2)}
    assert deviation(network, work, output, np.array([0.0, 0.7]).reshape(2, 1, 1), generators) < 1e-6


def test_a_recipe_that_is_off_changes_no_bit():
    networks = [randomised(Network(3, (4, 4), 3, ELU(), 2, recipe=recipe)) for recipe in (PLAIN, Recipe(dropout=0.5))]
    works = [work_for(network, SoftmaxCE(), "classification", 3) for network in networks]
    results = [backpropagated(*each, SoftmaxCE()) for each in zip(networks, works, strict=True)]
    np.testing.assert_array_equal(*results)


def test_a_norm_has_a_scale_for_every_piece_and_starts_as_the_identity():
    network = Network(3, (4, 5), 2, Maxout(pieces=3), 2, recipe=Recipe("batch"))
    assert [layer.scale.shape for layer in network.layers[:-1]] == [(2, 1, 12), (2, 1, 15)]
    assert all((layer.scale == 1).all() and not layer.bias.any() for layer in network.layers[:-1])
    assert network.layers[-1].scale is None
    assert network.statistics.shape == (2, 2 * (12 + 15))
    for running, width in zip(network.running, (12, 15), strict=True):
        assert running.mean.shape == running.variance.shape == (2, 1, width)
        assert (running.variance == 1).all()
        assert not running.mean.any()
    assert Network(3, (4, 5), 2, ReLU(), 2, recipe=Recipe("layer")).statistics.size == 0


def test_prediction_uses_the_running_statistics_and_leaves_them():
    network = randomised(Network(3, (4,), 2, Tanh(), 2, "float64", Recipe("batch", dropout=0.5)))
    work = work_for(network, SoftmaxCE(), "classification", 2)
    before = network.statistics.copy()
    scores = network.forward(work).copy()
    np.testing.assert_array_equal(network.statistics, before)
    layer, last, running = *network.layers, network.running[0]
    z = (work.inputs @ layer.weight - running.mean) / np.sqrt(running.variance + 1e-5)
    expected = np.tanh(z * layer.scale + layer.bias) @ last.weight + last.bias
    np.testing.assert_allclose(scores, expected, rtol=1e-12)
    # A row does not know the rows beside it.
    one = Work(network, 1)
    one.inputs[:] = work.inputs[:, 3:4]
    np.testing.assert_allclose(network.forward(one), scores[:, 3:4], rtol=1e-12)


@each_recipe
def test_keep_in_the_middle_of_a_training_changes_no_bit(recipe):
    """With statistics and masks; the replicas that are kept change their order too."""

    def step(network, seeds, count):
        generators = {seed: np.random.default_rng([seed, count]) for seed in seeds}
        work = Work(network, 12, training=True)
        for index, seed in enumerate(seeds):
            random = np.random.default_rng([7, seed, count])
            work.inputs[index] = random.normal(size=(12, 5))
            work.targets[index] = np.eye(3)[random.integers(3, size=12)]
        network.draw_masks(generators, seeds, work)
        SoftmaxCE().gradient(network.forward(work, 0.1 if count else 1.0), work.targets, work.delta)
        network.backward(work)
        network.parameters -= 0.01 * network.gradient

    whole, part = (Network(5, (8, 8), 3, ELU(), 4, "float32", recipe) for _ in range(2))
    seeds = [3, 1, 4, 5]
    for network in (whole, part):
        network.initialize(HeNormal(), lambda replica, layer: np.random.default_rng([seeds[replica], layer]))
        for count in range(3):
            step(network, seeds, count)
    part.keep(np.array([2, 0]))
    for count in range(3, 6):
        step(whole, seeds, count)
        step(part, [4, 3], count)
    np.testing.assert_array_equal(part.parameters, whole.parameters[[2, 0]])
    np.testing.assert_array_equal(part.statistics, whole.statistics[[2, 0]])


def test_masks_are_those_of_the_seed_whatever_the_activation():
    """Units are dropped, not pieces; the inputs' mask is drawn first, and where it is the same size, it is the same."""

    def masks(activation, seeds, hidden=(6, 6), **recipe):
        network = Network(5, hidden, 3, activation, len(seeds), "float32", Recipe(**recipe))
        work = Work(network, 9, training=True)
        network.draw_masks({seed: np.random.default_rng(seed) for seed in set(seeds)}, seeds, work)
        return work.masks

    recipe = {"dropout": 0.5, "input_dropout": 0.25}
    base = masks(ReLU(), [3, 1, 3], **recipe)
    assert [mask.shape for mask in base] == [(3, 9, 5), (3, 9, 6), (3, 9, 6)]
    for activation in (Tanh(), Maxout(pieces=3), PReLU()):
        for mask, other in zip(base, masks(activation, [3, 1, 3], **recipe), strict=True):
            np.testing.assert_array_equal(mask, other)
    for kept, alpha in zip(base, masks(ACTIVATIONS["selu"](), [3, 1, 3], **recipe), strict=True):
        np.testing.assert_array_equal(kept > 0, alpha > 0)
    for mask, alone, again in zip(base, masks(ReLU(), [1], **recipe), masks(ReLU(), [1, 8], **recipe), strict=True):
        np.testing.assert_array_equal(mask[0], mask[2])
        assert (mask[0] != mask[1]).any()
        np.testing.assert_array_equal(mask[1], alone[0])
        np.testing.assert_array_equal(mask[1], again[0])
    assert masks(ReLU(), [1], dropout=0.5)[0] is None
    assert masks(ReLU(), [1], input_dropout=0.5)[1:] == [None, None]
    assert masks(ReLU(), [1]) == [None, None, None]


def test_replicas_of_one_seed_draw_their_masks_once():
    network = Network(5, (6,), 3, ReLU(), 2, recipe=Recipe(dropout=0.5))
    work, generator = Work(network, 9, training=True), np.random.default_rng(0)
    drawn = []
    for _ in range(2):
        network.draw_masks({4: generator}, [4, 4], work)
        drawn.append(work.masks[1][0].copy())
    assert (drawn[0] != drawn[1]).any()  # the generator goes on
    generator = np.random.default_rng(0)
    for expected in drawn:
        network.draw_masks({4: generator}, [4, 4], work)
        np.testing.assert_array_equal(work.masks[1][1], expected)


def test_residual_connections_join_layers_of_equal_width():
    assert skips([]) == ()
    assert skips([5, 5, 3, 3, 3, 5]) == (False, True, False, True, True, False)
    network = randomised(Network(4, (4, 4, 3), 2, Tanh(), 1, "float64", Recipe(residual=True)))
    work = work_for(network, SoftmaxCE(), "classification", 2)
    scores = network.forward(work)
    first, second, third, last = (lambda x, layer=layer: x @ layer.weight + layer.bias for layer in network.layers)
    h = np.tanh(first(work.inputs))
    h = h + np.tanh(second(h))
    np.testing.assert_allclose(scores, last(np.tanh(third(h))), rtol=1e-12)
    np.testing.assert_allclose(work.post[1], np.tanh(second(work.post[0])), rtol=1e-12)  # what the activation returns


@pytest.mark.parametrize("hidden", [(), (4,), (4, 5), (3, 4, 3)], ids=str)
def test_a_residual_connection_without_a_place_is_refused(hidden):
    message = f"residual=True: no two hidden layers of {list(hidden)} follow each other with equal widths"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Network(4, hidden, 2, ReLU(), 1, recipe=Recipe(residual=True))


@pytest.mark.parametrize("recipe", [{"dropout": 1.0}, {"dropout": -0.1}, {"input_dropout": 1.5}], ids=repr)
def test_a_probability_out_of_range_is_refused(recipe):
    ((name, value),) = recipe.items()
    with pytest.raises(ValueError, match=rf"^{name}={value}: allowed is a number in \[0, 1\)$"):
        Network(4, (4,), 2, ReLU(), 1, recipe=Recipe(**recipe))


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match=r"^norm='bach': did you mean 'batch'\? Allowed: none, batch, layer$"):
        Network(4, (4,), 2, ReLU(), 1, recipe=Recipe("bach"))


def test_a_layer_norm_over_one_unit_is_refused():
    with pytest.raises(ValueError, match=r"^norm=.layer. needs 2 units or more in each hidden layer"):
        Network(3, (4, 1), 2, ACTIVATIONS["relu"](), 1, recipe=Recipe("layer"))
    Network(3, (4, 1), 2, ACTIVATIONS["maxout"](), 1, recipe=Recipe("layer"))  # over its pieces
