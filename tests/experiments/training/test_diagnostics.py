"""Layer statistics against plain loops over replicas, examples and units, and on networks built to show each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from experiments.tables import ACTIVATION_COLUMNS, LAYER_COLUMNS, SIDES
from experiments.training.diagnostics import layer_statistics, learned_columns, sharpness
from nets.activations import ACTIVATIONS, GLU, LeakyReLU, Linear, Maxout, PReLU, ReLU, Sigmoid, Tanh
from nets.formula import Formula
from nets.learned import Spline
from nets.network import Network, Work
from nets.outputs import LinearHinge, LinearMSE, SigmoidCE, SoftmaxCE

ALL = [*(activation() for activation in ACTIVATIONS.values()), PReLU(per="layer"), Maxout(pieces=3)]
OUTPUTS = [SoftmaxCE(), SigmoidCE(), LinearHinge(), LinearMSE()]


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread():
    """Bit-identity is promised for one BLAS thread, as in training."""
    with threadpool_limits(1, "blas"):
        yield


def probe(activation, output=None, hidden=(6, 4), dtype="float64", rows=9, seeds=(0, 1, 2), inputs=3, classes=3):
    """Return a network and filled buffers, each replica's numbers from its own seed."""
    output = output or SoftmaxCE()
    network = Network(inputs, hidden, classes, activation, len(seeds), dtype)
    work = Work(network, rows)
    for replica, seed in enumerate(seeds):
        random = np.random.default_rng(seed)
        for layer in network.layers:
            layer.weight[replica] = 2 * random.normal(size=layer.weight.shape[1:])
            layer.bias[replica] = random.normal(size=layer.bias.shape[1:])
        work.inputs[replica] = random.normal(size=(rows, inputs))
        work.targets[replica] = output.encode(random.integers(classes, size=rows), classes, dtype)
    return network, work


def statistics(network, work, output=None, before=None):
    """Return the columns by name, each (R, N), and the gradient's norm."""
    columns, gradient_norm = layer_statistics(network, output or SoftmaxCE(), work, before)
    assert tuple(columns) == (*LAYER_COLUMNS, *learned_columns(network.activation))
    for values in columns.values():
        assert values.dtype == gradient_norm.dtype == np.float64
        assert values.shape == (network.replicas, len(network.layers))
    return columns, gradient_norm


def by_parameter(activation, z):
    """Return the derivative of h by each learned parameter at z (units · pieces,), before training."""
    if activation.name == "prelu":
        return {"slope": np.minimum(z, 0)}
    units = z.size // activation.pieces
    z, h, learned = z[None, None], np.empty((1, 1, units)), activation.init(1, units, float)
    work = activation.buffers(z.shape, float)
    activation.forward(z, h, work, **learned)
    derivatives = activation.parameter_derivatives(z, h, work, **learned)
    return {name: values[0, 0].copy() for name, values in derivatives.items()}


def plain(network, output, work, replica):
    """Return what `statistics` should for one replica: example by example, textbook columns, outer products."""
    f, depth = network.activation, len(network.hidden)
    weights = [layer.weight[replica].T for layer in network.layers]
    biases = [layer.bias[replica, 0] for layer in network.layers]
    gradients = [np.zeros_like(weight) for weight in weights]
    deltas, posts, slopes = ([[] for _ in weights] for _ in range(3))
    bias_gradients = [np.zeros_like(bias) for bias in biases]
    learned = [dict.fromkeys(layer.learned, 0.0) for layer in network.layers[:-1]]
    rows = work.inputs.shape[1]
    for x, y in zip(work.inputs[replica], work.targets[replica], strict=True):
        h, z = [x], []
        for layer in range(depth):
            z.append(weights[layer] @ h[-1] + biases[layer])
            h.append(f(z[-1]))
        scores = (weights[-1] @ h[-1] + biases[-1])[None, None]
        delta = np.empty_like(scores)
        output.gradient(scores, y[None, None], delta)
        delta = delta[0, 0]
        for layer in range(depth, -1, -1):
            gradients[layer] += np.outer(delta, h[layer]) / rows
            bias_gradients[layer] += delta / rows
            deltas[layer].append(delta)
            if layer:
                upstream = weights[layer].T @ delta
                slope = f.prime(z[layer - 1]).reshape(f.pieces, -1)
                delta = (upstream * slope).ravel()
                posts[layer - 1].append(h[layer])
                slopes[layer - 1].append(np.abs(slope).max(axis=0))
                for name, derivative in by_parameter(f, z[layer - 1]).items():
                    learned[layer - 1][name] += upstream * derivative / rows
    per_layer = {name for name, value in f.init(1, 2, float).items() if value.size == 1}
    learned = [g.sum() if name in per_layer else g for layer in learned for name, g in layer.items()]
    squares = [np.sum(gradient**2) for gradient in gradients + bias_gradients + learned]
    columns = {
        "weight_gradient_norm": [np.linalg.norm(gradient) for gradient in gradients],
        "delta_norm": [np.sqrt(np.mean(np.square(delta))) for delta in deltas],
        "weight_norm": [np.linalg.norm(weight) for weight in weights],
        "activation_mean": [np.mean(post) for post in posts[:-1]],
        "activation_median": [np.median(np.mean(post, axis=0)) for post in posts[:-1]],
        "activation_std": [np.std(post) for post in posts[:-1]],
        "zero_fraction": [np.mean(np.array(post) == 0) for post in posts[:-1]],
        "saturated_fraction": [np.mean(np.array(slope) < 0.005) for slope in slopes[:-1]],
        "dead_fraction": [np.mean(np.max(slope, axis=0) < 0.005) for slope in slopes[:-1]],
    }
    return columns, np.sqrt(sum(squares))


@pytest.mark.parametrize("activation", ALL, ids=repr)
@pytest.mark.parametrize("output", OUTPUTS, ids=repr)
def test_every_column_equals_its_textbook_formula(activation, output):
    network, work = probe(activation, output)
    columns, gradient_norm = statistics(network, work, output)
    for replica in range(network.replicas):
        expected, norm = plain(network, output, work, replica)
        for name, values in expected.items():
            np.testing.assert_allclose(columns[name][replica, : len(values)], values, rtol=1e-10, atol=1e-15)
        np.testing.assert_allclose(gradient_norm[replica], norm, rtol=1e-10)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (ReLU(), ()),
        (PReLU(), ("prelu.slope", "prelu.slope.min", "prelu.slope.max")),
        (PReLU(per="layer"), ("prelu.slope",)),
        (Formula("mine", "x*sigmoid(beta*x)+gamma", {"beta": 1.0, "gamma": 0.0}), ("mine.beta", "mine.gamma")),
        (Spline(knots=1), ("spline.v0", "spline.v1", "spline.v2")),
    ],
    ids=repr,
)
def test_the_columns_of_learned_parameters(activation, expected):
    assert learned_columns(activation) == expected
    network, work = probe(activation, hidden=(6, 1))
    for layer in network.layers:
        for values in layer.learned.values():
            values += np.random.default_rng(0).normal(size=values.shape)
    columns, _ = statistics(network, work)
    for column in expected:
        name, _, end = column.partition(".")[2].partition(".")
        reduce = {"": np.mean, "min": np.min, "max": np.max}[end]
        for index in range(2):
            values = network.layers[index].learned[name]
            np.testing.assert_allclose(columns[column][:, index], reduce(values, axis=(1, 2)), rtol=1e-15)
        assert np.isnan(columns[column][:, 2]).all()


@pytest.mark.parametrize("hidden", [(), (5,), (3, 2, 4)], ids=str)
def test_the_output_layer_has_no_activation(hidden):
    columns, _ = statistics(*probe(Tanh(), hidden=hidden))
    for name in ("weight_gradient_norm", "delta_norm", "weight_norm"):
        assert np.isfinite(columns[name]).all()
    for name in ACTIVATION_COLUMNS:
        assert np.isfinite(columns[name][:, :-1]).all()
        assert np.isnan(columns[name][:, -1]).all()


def test_before_the_first_epoch_there_is_no_update():
    assert np.isnan(statistics(*probe(Tanh()))[0]["update_ratio"]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_update_ratio_is_the_relative_change_of_the_weights(dtype):
    network, work = probe(Tanh(), dtype=dtype)
    before, expected = network.parameters.copy(), []
    for layer, weight, factor in zip(network.layers, network.weights(before), (1.3, 1.0, -0.1), strict=True):
        layer.weight[:] *= factor
        layer.bias[:] = 7
        new, old = (array.astype(np.float64).reshape(3, -1) for array in (layer.weight, weight))
        expected.append(np.linalg.norm(new - old, axis=1) / np.linalg.norm(old, axis=1))
    columns, _ = statistics(network, work, before=before)
    np.testing.assert_allclose(columns["update_ratio"], np.transpose(expected), rtol=1e-12)
    np.testing.assert_allclose(columns["update_ratio"], [[0.3, 0, 1.1]] * 3, rtol=1e-6)


def test_norms_do_not_underflow_in_float32():
    network, work = probe(Linear(), dtype="float32", hidden=())
    network.layers[0].weight[:] = 1e-30
    before = network.parameters.copy()
    network.layers[0].weight[:] *= 2
    columns, _ = statistics(network, work, before=before)
    np.testing.assert_allclose(columns["weight_norm"], 6e-30, rtol=1e-6)
    np.testing.assert_allclose(columns["update_ratio"], 1, rtol=1e-6)


# --- networks built to show one thing each; a weightless unit's z is its bias on every row


def constant(activation, biases, units):
    """Return the statistics of one hidden layer whose pre-activations are these on every probe row."""
    network, work = probe(activation, hidden=(units,), seeds=(0,))
    network.layers[0].weight[:] = 0
    network.layers[0].bias[:] = biases
    return {name: values[0, 0] for name, values in statistics(network, work)[0].items()}


def test_dead_relu_units_are_counted():
    columns = constant(ReLU(), [-1, 2, -100, 0, 3], 5)
    assert (columns["dead_fraction"], columns["saturated_fraction"], columns["zero_fraction"]) == (0.6, 0.6, 0.6)
    np.testing.assert_allclose([columns["activation_mean"], columns["activation_median"]], [1, 0])
    np.testing.assert_allclose(columns["activation_std"], np.std([0, 2, 0, 0, 3]))


def test_a_unit_that_is_off_on_some_rows_only_is_not_dead():
    network, work = probe(ReLU(), hidden=(2,), seeds=(0,), rows=4, inputs=1)
    network.layers[0].weight[:] = [[1, 1]]
    network.layers[0].bias[:] = [0, -10]
    work.inputs[0, :, 0] = [-1, -2, -3, 4]
    columns, _ = statistics(network, work)
    assert columns["saturated_fraction"][0, 0] == columns["zero_fraction"][0, 0] == 7 / 8
    assert columns["dead_fraction"][0, 0] == 1 / 2


def test_a_leak_of_a_hundredth_is_not_dead():
    columns = constant(LeakyReLU(slope=0.01), [-1, -2, -100], 3)
    assert (columns["dead_fraction"], columns["saturated_fraction"], columns["zero_fraction"]) == (0, 0, 0)


def test_a_saturated_sigmoid_is_flat_without_being_zero():
    # Its slope is 0.005 at ±5.288.
    columns = constant(Sigmoid(), [0, 5.28, 5.29, -6, -40], 5)
    assert (columns["dead_fraction"], columns["saturated_fraction"], columns["zero_fraction"]) == (0.6, 0.6, 0)


def sides(activation, biases):
    """Return the shares of units that are off, saturated at negative z and saturated at other z, and of flat ones."""
    network, work = probe(activation, hidden=(len(biases),), seeds=(0,))
    network.layers[0].weight[:] = 0
    network.layers[0].bias[:] = biases
    columns, _ = layer_statistics(network, SoftmaxCE(), work, None, sides=True)
    return [columns[name][0, 0] for name in (*SIDES, "saturated_fraction")]


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (ReLU(), [0.75, 0, 0]),
        (Sigmoid(), [0, 0.5, 0.25]),
        (Tanh(), [0, 0.5, 0.25]),
        (Linear(), [0, 0, 0]),
        (LeakyReLU(), [0, 0, 0]),
    ],
)
def test_a_flat_unit_is_off_or_saturated_on_one_side(activation, expected):
    *shares, flat = sides(activation, [-9.0, -8.0, 0.0, 9.0])
    assert shares == expected
    assert flat == sum(expected)


@pytest.mark.parametrize("activation", ALL, ids=lambda activation: activation.name)
def test_the_sides_add_up_to_the_flat_share_and_change_no_other_column(activation):
    network, work = probe(activation)
    plain, _ = layer_statistics(network, SoftmaxCE(), work, None)
    columns, _ = layer_statistics(network, SoftmaxCE(), work, None, sides=True)
    np.testing.assert_allclose(sum(columns.pop(name) for name in SIDES), columns["saturated_fraction"])
    assert columns.keys() == plain.keys()
    for name, values in columns.items():
        np.testing.assert_array_equal(values, plain[name])


def test_of_maxouts_pieces_the_steepest_counts():
    """The loser's derivative is 0 on every row, the winner's 1: no unit is flat."""
    columns = constant(Maxout(pieces=2), [1, 2, 3, -1, -2, -3], 3)
    assert (columns["dead_fraction"], columns["saturated_fraction"]) == (0, 0)
    np.testing.assert_allclose(columns["activation_mean"], 2)


def test_a_closed_gate_is_flat_unless_its_signal_is_strong():
    # dh/da = σ(b) and dh/db = a σ(b) σ(-b), units (a, b): open; closed; closed but moved by b.
    columns = constant(GLU(), [1, 1, 1000, 0, -10, -10], 3)
    assert (columns["dead_fraction"], columns["saturated_fraction"]) == (1 / 3, 1 / 3)


def test_a_learned_slope_decides_whether_a_unit_is_flat():
    network, work = probe(PReLU(), hidden=(4,), seeds=(0, 1))
    network.layers[0].weight[:] = 0
    network.layers[0].bias[:] = -1
    network.layers[0].learned["slope"][:] = [[[0.25, 0.004, -0.004, -0.1]], [[0, 0, 0, 0]]]
    columns, _ = statistics(network, work)
    np.testing.assert_array_equal(columns["dead_fraction"][:, 0], [0.5, 1])


def test_delta_is_per_example_and_the_gradient_a_mean():
    """A probe twice as long, of the same rows twice, changes nothing."""
    network, work = probe(Tanh())
    doubled = Work(network, 18)
    doubled.inputs[:] = np.concatenate([work.inputs] * 2, axis=1)
    doubled.targets[:] = np.concatenate([work.targets] * 2, axis=1)
    once, twice = statistics(network, work), statistics(network, doubled)
    for name in LAYER_COLUMNS:
        np.testing.assert_allclose(twice[0][name], once[0][name], rtol=1e-12)
    np.testing.assert_allclose(twice[1], once[1], rtol=1e-12)


def test_delta_of_a_linear_model_is_its_residual():
    network, work = probe(Linear(), LinearMSE(), hidden=())
    columns, _ = statistics(network, work, LinearMSE())
    residual = work.inputs @ network.layers[0].weight + network.layers[0].bias - work.targets
    np.testing.assert_allclose(columns["delta_norm"][:, 0], np.sqrt((residual**2).mean(axis=(1, 2))), rtol=1e-12)


@given(
    activation=st.sampled_from(ALL),
    hidden=st.lists(st.sampled_from([1, 2, 3, 7, 16, 33, 100]), max_size=3),
    dtype=st.sampled_from(["float32", "float64"]),
    rows=st.integers(1, 40) | st.just(256),
    seeds=st.lists(st.integers(0, 20), min_size=1, max_size=5, unique=True),
    position=st.integers(0, 4),
)
@settings(max_examples=100, deadline=None)
def test_statistics_do_not_depend_on_the_stack(seeds, position, **condition):
    position %= len(seeds)

    def bits(seeds, replica):
        network, work = probe(**condition, seeds=seeds)
        columns, gradient_norm = layer_statistics(network, SoftmaxCE(), work, network.parameters / 2)
        return b"".join(values[replica].tobytes() for values in (*columns.values(), gradient_norm))

    with np.errstate(all="ignore"):
        assert bits(seeds, position) == bits([seeds[position]], 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sharpness_of_least_squares_is_the_top_eigenvalue_of_the_inputs_second_moments(dtype):
    network, work = probe(Linear(), LinearMSE(), hidden=(), dtype=dtype)
    found = sharpness(network, LinearMSE(), work)
    for replica, inputs in enumerate(work.inputs.astype(float)):
        with_bias = np.hstack([inputs, np.ones((len(inputs), 1))])
        exact = np.linalg.eigvalsh(with_bias.T @ with_bias / len(inputs))[-1]
        assert found[replica] == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("activation", [Tanh(), PReLU(), Maxout()], ids=repr)
def test_sharpness_is_the_top_eigenvalue_of_the_hessian_by_differences(activation):
    network, work = probe(activation, hidden=(4,), seeds=(0, 1))
    start, size = network.parameters.copy(), network.parameters.shape[1]
    hessian = np.empty((2, size, size))
    for column in range(size):
        for sign in (1, -1):
            network.parameters[:] = start
            network.parameters[:, column] += sign * 1e-5
            SoftmaxCE().gradient(network.forward(work), work.targets, work.delta)
            network.backward(work)
            gradient = network.gradient / work.inputs.shape[1]
            hessian[:, column] = gradient if sign == 1 else (hessian[:, column] - gradient) / 2e-5
    network.parameters[:] = start
    exact = np.linalg.eigvalsh((hessian + hessian.mT) / 2)[:, -1]
    np.testing.assert_allclose(sharpness(network, SoftmaxCE(), work), exact, rtol=2e-2)


def test_sharpness_of_a_replica_does_not_depend_on_its_stack():
    network, work = probe(Tanh(), seeds=(0, 1, 2))
    alone, work_alone = probe(Tanh(), seeds=(1,))
    assert sharpness(network, SoftmaxCE(), work)[1] == sharpness(alone, SoftmaxCE(), work_alone)[0]
