"""The graph: every gate against mpmath and differences, broadcasting, converging paths, depth, the whole network."""

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays, mutually_broadcastable_shapes
from mpmath import mp, mpf
from scipy.special import gammaln

import nets.graph as g
from nets.activations import ACTIVATIONS, ELU, GELU, LeakyReLU, Maxout, PReLU
from nets.derivatives import check_gradient, gradient
from nets.graph import GATES, Node, backpropagate, history
from nets.network import Network, Recipe, Work
from nets.norms import EPSILON
from nets.outputs import OUTPUTS, SoftmaxCE

R = np.random.default_rng(0)
TALL, WIDE = R.normal(size=(3, 2)), R.normal(size=(2, 4))
STACK = R.normal(size=(5, 3, 2))
POSITIVE = [0.3, 1.0, 2.5, 700.0]
ANY = [-40.0, -3.0, -0.4, 0.7, 2.0, 40.0]
PAIRS = [(-2.0, 3.0), (0.5, 0.25), (4.0, -1.5)]
STEPS = {"at_least", "is_zero", "step", "sign"}

# By gate: the exact function in mpmath and points, one tuple of arguments each.
ELEMENTWISE = {
    "add": (lambda a, b: a + b, PAIRS),
    "subtract": (lambda a, b: a - b, PAIRS),
    "multiply": (lambda a, b: a * b, PAIRS),
    "divide": (lambda a, b: a / b, [*PAIRS, (1e150, 1e-50), (1e100, 1e180)]),
    "negate": (lambda a: -a, ANY),
    "power": (lambda a, b: a**b, [(0.5, 3.0), (2.0, -1.5), (7.0, 0.5), (1e-3, 2.0)]),
    "exp": (mp.exp, ANY),
    "expm1": (mp.expm1, [*ANY, 1e-12]),
    "log": (mp.log, POSITIVE),
    "log1p": (mp.log1p, [*POSITIVE, -0.9, 1e-12]),
    "sqrt": (mp.sqrt, POSITIVE),
    "sin": (mp.sin, ANY),
    "cos": (mp.cos, ANY),
    "atan": (mp.atan, [*ANY, 1e8, 1e-12]),
    "asinh": (mp.asinh, [*ANY, 1e8, 1e-12]),
    "erf": (mp.erf, [-6.0, -3.0, -0.4, 0.7, 2.0, 6.0]),
    "sigmoid": (lambda a: 1 / (1 + mp.exp(-a)), [*ANY, -700.0, 700.0]),
    "softplus": (lambda a: mp.log1p(mp.exp(a)), [*ANY, -700.0, 700.0]),
    "logsigmoid": (lambda a: -mp.log1p(mp.exp(-a)), [*ANY, -700.0, 700.0]),
    "tanh": (mp.tanh, [*ANY, 300.0, -5.0]),
    "maximum": (max, PAIRS),
    "minimum": (min, PAIRS),
    "relu": (lambda a: max(a, mpf(0)), ANY),
    "abs": (abs, ANY),
    "step": (lambda a: mpf(a > 0), [*ANY, 0.0]),
    "at_least": (lambda a, b: mpf(a >= b), PAIRS),
    "is_zero": (lambda a: mpf(a == 0), ANY),
    "sign": (lambda a: mp.sign(a), ANY),
}

# By gate: functions of one array, to be checked against differences.
LINEAR = {
    "matmul": [
        (lambda x: x @ WIDE, TALL),
        (lambda x: TALL @ x, WIDE),
        (lambda x: TALL @ x, WIDE[:, 0]),
        (lambda x: x @ TALL, np.array([1.0, -2.0, 0.5])),
        (lambda x: x @ TALL[:, 0], np.array([1.0, -2.0, 0.5])),
        (lambda x: x @ WIDE[:, 0], TALL),
        (lambda x: x @ WIDE, R.normal(size=(5, 3, 2))),
        (lambda x: STACK @ x, WIDE),
        (lambda x: STACK @ x, WIDE[:, 0]),
        (lambda x: STACK @ x, R.normal(size=(1, 2, 4))),
    ],
    "sum": [
        (lambda x: g.sum(x), TALL),
        (lambda x: g.sum(x, axis=0), TALL),
        (lambda x: g.sum(x, axis=-1, keepdims=True), TALL),
        (lambda x: g.sum(x, axis=(0, 2)), R.normal(size=(2, 3, 4))),
    ],
    "mean": [
        (lambda x: g.mean(x), TALL),
        (lambda x: g.mean(x, axis=1), TALL),
        (lambda x: g.mean(x, axis=(0, -1), keepdims=True), R.normal(size=(2, 3, 4))),
    ],
    "where": [
        (lambda x: g.where(TALL, x, 2 * x), TALL[:, :1]),
        (lambda x: g.where(x, x * x, g.sin(x)), TALL),
        (lambda x: g.where(TALL[:, 0], 1.0, x), np.array(0.5)),
        (lambda x: g.where(STACK, x @ WIDE[:, :2], x), R.normal(size=(3, 2))),
    ],
    "scale": [
        (lambda x: g.scale(x, TALL), TALL[:, :1]),
        (lambda x: g.scale(x, x), TALL),
        (lambda x: g.scale(TALL, x), np.array(0.5)),
    ],
    "transpose": [
        (lambda x: g.transpose(x), TALL),
        (lambda x: g.transpose(x), TALL[0]),
        (lambda x: g.transpose(x), R.normal(size=(2, 3, 4))),
    ],
    "reshape": [(lambda x: g.reshape(x, shape=(2, 3)), TALL), (lambda x: g.reshape(x, shape=(6, 1)), TALL)],
    "broadcast": [
        (lambda x: g.broadcast(x, shape=(4, 3, 2)), TALL),
        (lambda x: g.broadcast(x, shape=(3, 5)), TALL[:, :1]),
        (lambda x: g.broadcast(x, shape=(2, 2)), np.array(1.5)),
    ],
}


def points(name):
    function, given = ELEMENTWISE[name]
    return function, [each if isinstance(each, tuple) else (each,) for each in given]


# --- gates


@pytest.mark.parametrize("gate", GATES.values(), ids=lambda gate: gate.name)
def test_every_gate_has_a_case_and_says_what_it_does(gate):
    assert gate.name in (ELEMENTWISE if gate.elementwise else LINEAR)
    assert gate.effect in ("distributes", "switches", "routes", "scales", "sums", "rearranges", "stops")
    assert (gate.name in STEPS) == (gate.effect == "stops") == all(rule is None for rule in gate.local)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_values_are_exact(name):
    function, given = points(name)
    with mp.workprec(300):
        for arguments in given:
            exact = function(*map(mpf, arguments))
            assert abs(GATES[name](*arguments).value - exact) <= 8e-16 * abs(exact), arguments


@pytest.mark.parametrize("name", [name for name in ELEMENTWISE if name not in STEPS])
def test_local_gradients_are_exact_in_the_tails_too(name):
    function, given = points(name)
    with mp.workprec(2000):
        for arguments in given:
            leaves = [Node(value) for value in arguments]
            total = backpropagate(GATES[name](*leaves), leaves).total
            for index, leaf in enumerate(leaves):
                exact = mp.diff(
                    function, tuple(map(mpf, arguments)), tuple(int(i == index) for i in range(len(leaves)))
                )
                # log and a power amplify the rounding of what they are given
                assert abs(total[leaf].value - exact) <= 3e-14 * abs(exact) + mpf(10) ** -305, (arguments, index)


@pytest.mark.parametrize("name", [name for name in ELEMENTWISE if name not in STEPS])
def test_second_derivatives(name):
    """By differentiating the gradient graph, against mpmath."""
    function, given = points(name)
    with mp.workprec(2000):
        for arguments in given:
            if max(map(abs, arguments)) > 100:
                continue
            leaves = [Node(value) for value in arguments]
            first = backpropagate(GATES[name](*leaves), leaves).total
            for i, j in itertools.product(range(len(leaves)), repeat=2):
                second = backpropagate(first[leaves[i]], leaves).total[leaves[j]].value
                order = tuple((i == k) + (j == k) for k in range(len(leaves)))
                exact = mp.diff(function, tuple(map(mpf, arguments)), order)
                assert abs(second - exact) <= 1e-13 * abs(exact) + 1e-15, (arguments, i, j)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_steps_stop_the_gradient(name):
    for arguments in points(name)[1]:
        leaves = [Node(value) for value in arguments]
        assert all(backpropagate(GATES[name](*leaves), leaves).total[leaf].value == 0 for leaf in leaves)


@pytest.mark.parametrize(("name", "index"), [(name, i) for name in LINEAR for i in range(len(LINEAR[name]))])
@pytest.mark.parametrize("by", ["differences", "complex"])
def test_linear_gates(name, index, by):
    function, x = LINEAR[name][index]
    np.testing.assert_allclose(gradient(function, x), gradient(function, x, by), rtol=1e-9, atol=1e-9)
    node = function(Node(x))
    assert name in {each.gate.name for each in history(node) if each.gate}


def test_a_tie_goes_to_the_first_argument():
    x, y = Node(2.0), Node(2.0)
    for gate in (g.maximum, g.minimum):
        total = backpropagate(gate(x, y), [x, y]).total
        assert (total[x].value, total[y].value) == (1, 0)
    zero = Node(0.0)
    slopes = [
        backpropagate(y, [zero]).total[zero].value for y in (g.maximum(zero, 0), g.maximum(0, zero), g.relu(zero))
    ]
    assert slopes == [1, 0, 0]
    assert backpropagate(g.absolute(zero), [zero]).total[zero].value == 0


def test_powers_of_zero():
    zero, two, one, none = Node(0.0), Node(2.0), Node(1.0), Node(0.0)
    slopes = {exponent: backpropagate(zero**exponent, [zero, exponent]).total for exponent in (two, one, none)}
    assert [slopes[each][zero].value for each in (two, one, none)] == [0, 1, 0]
    assert [slopes[each][each].value for each in (two, one)] == [0, 0]


def test_nothing_warns_out_of_range():
    x = Node([-1.0, 0.0, 1e308])
    for gate in (g.log, g.sqrt, g.exp, g.log1p, lambda a: 1 / a, lambda a: a * a * a):
        backpropagate(g.sum(gate(x)), [x])


# --- the pass


def test_where_paths_converge_gradients_add():
    x = Node(3.0)
    backward = backpropagate(x * x + g.exp(x) * x + x, [x])
    assert math.isclose(backward.total[x].value, 2 * 3 + math.exp(3) * 4 + 1, rel_tol=1e-15)
    parts = [part.value for (node, index), part in backward.sent.items() if node.inputs[index] is x]
    assert len(parts) == 5
    assert math.isclose(sum(parts), backward.total[x].value, rel_tol=1e-15)


@given(data=st.data(), shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=1))
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("name", [name for name in ELEMENTWISE if len(GATES[name].local) == 2 and name not in STEPS])
def test_broadcasting_is_undone(name, data, shapes):
    """Each entry's gradient is the sum over its copies, which are spelled out here."""
    elements = st.floats(0.5, 3)
    a, b = (data.draw(arrays(float, shape, elements=elements)) for shape in shapes.input_shapes)
    upstream = data.draw(arrays(float, shapes.result_shape, elements=elements))
    leaves = [Node(a), Node(b)]
    total = backpropagate(GATES[name](*leaves), leaves, upstream).total
    copies = [Node(np.broadcast_to(each, shapes.result_shape).copy()) for each in (a, b)]
    apart = backpropagate(GATES[name](*copies), copies, upstream).total
    for leaf, copy in zip(leaves, copies, strict=True):
        assert total[leaf].shape == leaf.shape
        expected = np.zeros(leaf.shape)
        where = np.broadcast_to(np.arange(leaf.value.size).reshape(leaf.shape), shapes.result_shape)
        np.add.at(expected.reshape(-1), where.ravel(), apart[copy].value.ravel())
        np.testing.assert_allclose(total[leaf].value, expected, rtol=1e-12, atol=1e-12)


@given(arrays(float, (3,), elements=st.floats(-2, 2)), st.floats(-3, 3), st.floats(-3, 3))
def test_differentiation_is_linear(x, a, b):
    first, second = (lambda x: g.sum(g.tanh(x) * x)), (lambda x: g.sum(g.exp(x)))
    both = gradient(lambda x: a * first(x) + b * second(x), x)
    np.testing.assert_allclose(both, a * gradient(first, x) + b * gradient(second, x), rtol=1e-12, atol=1e-12)


def test_passes_do_not_disturb_each_other():
    x = Node([1.0, 2.0])
    y = g.sum(g.sin(x) * x)
    once = backpropagate(y, [x]).total[x].value.copy()
    inner = backpropagate(y, [x]).total[x]
    backpropagate(g.sum(inner * inner), [x])
    np.testing.assert_array_equal(backpropagate(y, [x]).total[x].value, once)
    np.testing.assert_array_equal(inner.value, once)


def test_the_pass_goes_only_where_a_leaf_is():
    x, w = Node(2.0, "x"), Node(3.0, "w")
    hidden = g.exp(w)
    backward = backpropagate(x * hidden, [x])
    assert hidden not in backward.total
    assert backpropagate(x * hidden, [w, Node([1.0, 2.0])]).total[hidden].value == 2
    unrelated = Node([1.0, 2.0])
    np.testing.assert_array_equal(backpropagate(x * hidden, [unrelated]).total[unrelated].value, [0, 0])


def test_a_chain_of_ten_thousand_and_its_second_derivative():
    x = Node(0.5)
    y = x
    for _ in range(10_000):
        y = 1.0001 * y
    first = backpropagate(y * y, [x]).total[x]
    exact = 1.0001**20_000
    assert math.isclose(first.value, exact, rel_tol=1e-9)
    assert math.isclose(backpropagate(first, [x]).total[x].value, 2 * exact, rel_tol=1e-9)
    assert len(history(y)) == 2 * 10_000 + 1
    del first, y


def test_time_is_linear_in_the_nodes():
    def seconds(length):
        best = math.inf
        for _ in range(3):
            x = Node(0.5)
            start, y = time.perf_counter(), x
            for _ in range(length):
                y = g.sin(y) + x
            backpropagate(y, [x])
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds(2000) < 3 * 4 * seconds(500)


def test_doubling_paths_are_walked_once():
    x = Node(1.0)
    y = x
    for _ in range(200):  # 2^200 paths
        y = (y + y) * 0.5
    assert backpropagate(y, [x]).total[x].value == 1


def test_arrays_and_numbers_meet_nodes_from_either_side():
    x, array = Node([1.0, 2.0]), np.array([3.0, 4.0])
    for result, expected in (
        (array + x, [4, 6]),
        (array - x, [2, 2]),
        (2 * x, [2, 4]),
        (array / x, [3, 2]),
        (2**x, [2, 4]),
        (array @ x, 11),
        (x - array, [-2, -2]),
        (-x.T, [-1, -2]),
    ):
        assert isinstance(result, Node)
        np.testing.assert_array_equal(result.value, expected)
    assert repr(Node(2.0, "w")) == "<w 2.0>"
    assert repr(g.exp(0.0)) == "<exp 1.0>"


def test_a_wrong_gate_is_caught():
    """The same check that passes for every gate fails for one that is off by a thousandth."""
    wrong = g.Gate("wrong", np.tanh, (lambda y, a: 1.001 * (1 - y * y),), "scales")
    del GATES["wrong"]
    for gate, caught in ((wrong, True), (g.tanh, False)):

        def total(x, gate=gate):
            return g.sum(gate(x))

        error = check_gradient(total, lambda x, total=total: gradient(total, x), np.array([0.3, -1.2, 0.8]))
        assert (error > 2e-4) == caught
        assert (error < 1e-9) != caught


# --- the whole network: every activation × pairing, written once more in the graph


def piece(z, pieces, index):
    """Return the columns of one piece, as a product with a matrix of zeros and ones."""
    units = z.shape[-1] // pieces
    return z @ np.eye(z.shape[-1])[:, index * units : (index + 1) * units]


def largest(parts):
    result = parts[0]
    for part in parts[1:]:
        result = g.maximum(result, part)
    return result


def gelu(a, z):
    if a.approximate == "none":
        return z * 0.5 * (1 + g.erf(z * math.sqrt(0.5)))
    return z * g.sigmoid(2 * math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))


GRAPH_OF_ACTIVATION = {
    "linear": lambda a, z: z,
    "sigmoid": lambda a, z: g.sigmoid(z),
    "tanh": lambda a, z: g.tanh(z),
    "relu": lambda a, z: g.relu(z),
    "softplus": lambda a, z: g.softplus(z),
    "leaky_relu": lambda a, z: g.maximum(z, a.slope * z),
    "prelu": lambda a, z, slope: g.relu(z) - slope * g.relu(-z),
    "elu": lambda a, z: g.relu(z) + a.alpha * g.expm1(-g.relu(-z)),
    "shifted_relu": lambda a, z: g.maximum(-1, z),
    "maxout": lambda a, z: largest([piece(z, a.pieces, j) for j in range(a.pieces)]),
    "selu": lambda a, z: a.scale * (g.relu(z) + a.alpha * g.expm1(-g.relu(-z))),
    "celu": lambda a, z: g.relu(z) + a.alpha * g.expm1(-g.relu(-z) / a.alpha),
    "gelu": gelu,
    "silu": lambda a, z: z * g.sigmoid(z),
    "mish": lambda a, z: z * g.tanh(g.softplus(z)),
    "softsign": lambda a, z: z / (1 + g.absolute(z)),
    "hard_tanh": lambda a, z: g.minimum(g.maximum(z, -1), 1),
    "hard_sigmoid": lambda a, z: g.minimum(g.maximum(a.slope * z + a.offset, 0), 1),
    "hard_swish": lambda a, z: z * g.minimum(g.maximum(z / 6 + 0.5, 0), 1),
    "relu_squared": lambda a, z: g.relu(z) ** 2,
    "glu": lambda a, z: piece(z, 2, 0) * g.sigmoid(piece(z, 2, 1)),
    "formula": lambda a, z: z * g.sigmoid(1.702 * z),
}


def softmax(z):
    e = g.exp(z)
    return e / g.sum(e, axis=-1, keepdims=True)


def half_square(residual):
    return 0.5 * g.sum(residual**2, axis=-1)


def hinge(z, y):
    if z.shape[-1] == 1:
        return g.sum(g.relu(1 - z * y), axis=-1)
    columns = [z @ np.eye(z.shape[-1])[:, [j]] for j in range(z.shape[-1])]
    others = [largest([c for j, c in enumerate(columns) if j != own]) for own in range(z.shape[-1])]
    margin = columns[0] * y[..., :1] * 0
    for own, (column, rival) in enumerate(zip(columns, others, strict=True)):
        margin = margin + y[..., own : own + 1] * (column - rival)
    return g.sum(g.relu(1 - margin), axis=-1)


def focal(z, y):
    p = softmax(z)
    true = g.sum(p * y, axis=-1)
    return -((1 - true) ** 2) * g.log(true)


def gaussian(z, y):
    count = y.shape[-1]
    mean, log_variance = z @ np.eye(2 * count)[:, 0::2], z @ np.eye(2 * count)[:, 1::2]
    return g.sum(0.5 * (math.log(2 * math.pi) + log_variance + (mean - y) ** 2 * g.exp(-log_variance)), axis=-1)


def pinball(z, y, levels=(0.05, 0.5, 0.95)):
    residual = np.repeat(y, len(levels), axis=-1) - z
    level = np.tile(levels, y.shape[-1])
    return g.sum(g.maximum(level * residual, (level - 1) * residual), axis=-1)


def huber(z, y):
    distance = g.absolute(z - y)
    near = g.minimum(distance, 1)
    return g.sum(near * (distance - 0.5 * near), axis=-1)


GRAPH_OF_OUTPUT = {
    "softmax_ce": lambda z, y: g.log(g.sum(g.exp(z), axis=-1)) - g.sum(y * z, axis=-1),
    "softmax_mse": lambda z, y: half_square(softmax(z) - y),
    "softmax_focal": focal,
    "sigmoid_ce": lambda z, y: g.sum(g.softplus(z) - y * z, axis=-1),
    "sigmoid_mse": lambda z, y: half_square(g.sigmoid(z) - y),
    "linear_mse": lambda z, y: half_square(z - y),
    "linear_mae": lambda z, y: g.sum(g.absolute(z - y), axis=-1),
    "linear_huber": huber,
    "exp_poisson": lambda z, y: g.sum(g.exp(z) - y * z + gammaln(y + 1), axis=-1),
    "gaussian_nll": gaussian,
    "quantile": pinball,
    "linear_hinge": hinge,
    "clipped_mse": lambda z, y: half_square(g.minimum(g.maximum(z, 0), 1) - y),
}

VARIANTS = [variant() for variant in ACTIVATIONS.values()]
VARIANTS += [PReLU(per="layer"), Maxout(pieces=3), ELU(alpha=0.5), GELU(approximate="tanh"), LeakyReLU(slope=0)]


def test_the_registries_are_covered():
    assert set(GRAPH_OF_ACTIVATION) == set(ACTIVATIONS)
    assert set(GRAPH_OF_OUTPUT) == set(OUTPUTS)


@pytest.mark.parametrize("output", [output() for output in OUTPUTS.values()], ids=repr)
@pytest.mark.parametrize("activation", VARIANTS, ids=repr)
def test_the_whole_network_equals_the_graph(activation, output):
    for size in (2, 3):
        random, task = np.random.default_rng(size), output.tasks[0]
        network = Network(3, (4, 5), output.units(task, size), activation, 2, "float64")
        network.parameters[:] = random.normal(size=network.parameters.shape) * 0.7
        work = Work(network, 6, targets=output.target_columns(task, size))
        work.inputs[:] = random.normal(size=work.inputs.shape)
        labels = random.integers(size, size=12)
        if task == "regression":
            work.targets[:] = random.poisson(3, work.targets.shape)
        else:
            work.targets[:] = output.encode(labels, size, float).reshape(work.targets.shape)

        leaves = {}
        signal = Node(work.inputs)
        for index, layer in enumerate(network.layers):
            weight, bias = leaves[index, "weight"], leaves[index, "bias"] = Node(layer.weight), Node(layer.bias)
            signal = signal @ weight + bias
            if index < 2:
                learned = {name: Node(value) for name, value in layer.learned.items()}
                leaves |= {(index, name): node for name, node in learned.items()}
                signal = GRAPH_OF_ACTIVATION[activation.name](activation, signal, **learned)
        cost = GRAPH_OF_OUTPUT[output.name](signal, work.targets)
        total = backpropagate(cost, leaves.values()).total

        scores = network.forward(work)
        np.testing.assert_allclose(scores, signal.value, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(output.cost(scores, work.targets), cost.value, rtol=1e-10, atol=1e-12)
        output.gradient(scores, work.targets, work.delta)
        network.backward(work)
        for (index, name), leaf in leaves.items():
            layer = network.gradients[index]
            ours = layer.learned[name] if name in layer.learned else getattr(layer, name)
            scale = np.abs(total[leaf].value).max()
            assert np.abs(ours - total[leaf].value).max() <= 1e-10 * scale, (index, name)


# --- the recipe: norms, dropout and residual connections, written once more in the graph


def mean(z, axis):
    return g.sum(z, axis=axis, keepdims=True) / z.shape[axis]


def standardised(norm, z, running):
    """Return x̂; `running` are the statistics that stand for those of a batch, if any do."""
    if norm == "batch" and running:
        return (z - running.mean) / g.sqrt(Node(running.variance + EPSILON))
    axis = {"batch": -2, "layer": -1}[norm]
    centred = z - mean(z, axis)
    return centred / g.sqrt(mean(centred**2, axis) + EPSILON)


def dropped(activation, h, mask, p):
    """Return h with its mask: a dropped unit of SELU becomes its limit, then all are scaled and shifted."""
    kept = (mask > 0).astype(float)
    if activation.dropout == "standard":
        return h * kept / (1 - p)
    limit = -activation.scale * activation.alpha
    factor = ((1 - p) * (1 + p * limit**2)) ** -0.5
    return factor * (h * kept + limit * (1 - kept)) - factor * limit * p


RECIPES = {
    "none": Recipe("none", 0.25, 0.25, True),
    "batch": Recipe("batch", 0.25, 0.0, True),
    "layer": Recipe("layer", 0.25, 0.25, True),
    "batch without dropout": Recipe("batch", 0.0, 0.0, False),
    "layer without dropout": Recipe("layer", 0.0, 0.25, False),
    "residual": Recipe(residual=True),
}


def with_recipe(activation, recipe, training, seed=0):
    """Return networks in the middle of a training, and filled buffers; masks have a place for each mode."""
    random = np.random.default_rng(seed)
    network = Network(3, (4, 4, 4, 5), 3, activation, 2, "float64", recipe)
    network.parameters[:] = random.normal(size=network.parameters.shape) * 0.4
    network.statistics[:] = random.uniform(0.2, 2, network.statistics.shape)
    work = Work(network, 6, training)
    work.inputs[:] = random.normal(size=work.inputs.shape)
    work.targets[:] = np.eye(3)[random.integers(3, size=(2, 6))]
    network.draw_masks({seed: np.random.default_rng(seed) for seed in (4, 5)}, (4, 5), work)
    return network, work


def in_the_graph(network, work, l1):
    """Return the scores, the cost and the leaves of the networks, written in the graph."""
    recipe, activation, leaves, penalty = network.recipe, network.activation, {}, Node(0.0)
    signal = Node(work.inputs) if work.masks[0] is None else Node(work.inputs * work.masks[0])
    for index, layer in enumerate(network.layers):
        weight, bias = leaves[index, "weight"], leaves[index, "bias"] = Node(layer.weight), Node(layer.bias)
        z = signal @ weight
        if index == len(network.hidden):
            break
        if layer.scale is not None:
            scale = leaves[index, "scale"] = Node(layer.scale)
            z = scale * standardised(recipe.norm, z, None if work.training else network.running[index])
        learned = {name: Node(value) for name, value in layer.learned.items()}
        leaves |= {(index, name): node for name, node in learned.items()}
        h = GRAPH_OF_ACTIVATION[activation.name](activation, z + bias, **learned)
        penalty = penalty + g.sum(l1 * g.absolute(h))
        mask = work.masks[index + 1]
        passed = h if mask is None else dropped(activation, h, mask, recipe.dropout)
        skip = recipe.residual and index > 0 and network.hidden[index] == network.hidden[index - 1]
        signal = passed + signal if skip else passed
    scores = z + bias
    cost = GRAPH_OF_OUTPUT["softmax_ce"](scores, work.targets)
    return scores, g.sum(cost) + penalty, leaves


@pytest.mark.parametrize("training", [True, False], ids=["training", "prediction"])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("activation", VARIANTS, ids=repr)
def test_networks_with_a_recipe_equal_the_graph(activation, recipe, training):
    network, work = with_recipe(activation, recipe, training)
    assert any(mask is not None for mask in work.masks) == (training and max(recipe[1:3]) > 0)
    statistics, l1, output = network.statistics.copy(), np.array([[[0.3]], [[0.0]]]), SoftmaxCE()
    scores, cost, leaves = in_the_graph(network, work, l1)
    total = backpropagate(cost, leaves.values()).total
    np.testing.assert_allclose(network.forward(work), scores.value, rtol=1e-10, atol=1e-10)
    output.gradient(work.scores, work.targets, work.delta)
    network.backward(work, l1)
    for (index, name), leaf in leaves.items():
        layer = network.gradients[index]
        ours = layer.learned[name] if name in layer.learned else getattr(layer, name)
        scale = max(1e-3, np.abs(total[leaf].value).max())
        assert np.abs(ours - total[leaf].value).max() <= 1e-10 * scale, (index, name)
    changed = recipe.norm == "batch" and training
    assert (network.statistics != statistics).any() == changed


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_a_scale_wrong_by_a_thousandth_is_caught(norm):
    network, work = with_recipe(ACTIVATIONS["tanh"](), RECIPES[norm], training=True)
    _, cost, leaves = in_the_graph(network, work, np.zeros((2, 1, 1)))
    total = backpropagate(cost, leaves.values()).total
    network.layers[0].scale[:] *= 1.001
    SoftmaxCE().gradient(network.forward(work), work.targets, work.delta)
    network.backward(work)
    exact = total[leaves[1, "weight"]].value
    assert np.abs(network.gradients[1].weight - exact).max() > 1e-5 * np.abs(exact).max()
