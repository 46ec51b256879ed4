"""ONNX's backend node cases put to our functions: every case of one node whose operator is in `ADAPTERS`.

An adapter says how an operator is written with `nets`. It takes the node's inputs in order and its attributes by
name, so one that it does not know is an error and never ignored. `pytest tests/conformance -rP -k counted` prints
how many cases there are.
"""

import importlib
import math
import pkgutil
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from onnx.backend.test.case import node
from onnx.backend.test.loader import load_model_tests
from onnx.helper import get_node_attr_value
from sklearn.utils import check_random_state

from nets.activations import (
    CELU,
    ELU,
    GELU,
    SELU,
    HardSigmoid,
    HardSwish,
    LeakyReLU,
    Linear,
    Mish,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Tanh,
)
from nets.dropout import Dropout
from nets.network import Network, Recipe, Work
from nets.norms import BatchNorm, LayerNorm, Normed, Running
from nets.optimizers import Adam, Momentum, Nesterov
from nets.outputs import SoftmaxCE

# --- adapters


def prelu(x, slope):
    """Every slope has its own unit; what the slopes do not span is the batch."""
    assert slope.shape == x.shape[x.ndim - slope.ndim :]
    z = x.reshape(1, -1, slope.size)
    h = np.empty_like(z)
    PReLU().forward(z, h, PReLU().buffers(z.shape, z.dtype), slope=slope.reshape(1, 1, -1))
    return h.reshape(x.shape)


def swish(x, alpha):
    """SiLU is the swish of alpha 1."""
    assert alpha == 1
    return SiLU()(x)


def scores(x, axis):
    """Return x as (1, rows, units), its units along the given axis."""
    return np.moveaxis(x, axis, -1).reshape(1, -1, x.shape[axis])


def like(rows, x, axis):
    """Undo `scores`."""
    others = np.delete(x.shape, axis)
    return np.moveaxis(rows.reshape(*others, x.shape[axis]), -1, axis)


def softmax(x, axis=-1):
    return like(SoftmaxCE().predict(scores(x, axis)), x, axis)


def log_softmax(x, axis=-1):
    """Log p of class k is minus the cost of target k; replica k of a stack has that target throughout."""
    z = scores(x, axis)
    classes = z.shape[-1]
    stack = (classes, *z.shape[1:])
    targets = np.broadcast_to(np.eye(classes, dtype=x.dtype)[:, None], stack)
    return like(-SoftmaxCE().cost(np.broadcast_to(z, stack), targets).T, x, axis)


def softmax_cross_entropy(x, labels, weights=None, *, reduction, ignore_index=None):
    """Our costs are per example: classes' weights, ignored labels and the reduction are the caller's."""
    z, classes = scores(x, 1), x.shape[1]
    kept = np.ones(labels.size, bool) if ignore_index is None else labels.ravel() != ignore_index
    known = labels.ravel()[kept]
    weight, cost = np.zeros((2, labels.size), x.dtype)
    weight[kept] = 1 if weights is None else weights[known]
    cost[kept] = SoftmaxCE().cost(z[:, kept], SoftmaxCE().encode(known, classes, x.dtype)[None])[0]
    cost *= weight
    reduce = {"none": lambda: cost.reshape(labels.shape), "sum": cost.sum, "mean": lambda: cost.sum() / weight.sum()}
    return reduce[reduction](), log_softmax(x, axis=1)


def gemm(a, b, c=0.0, *, alpha=1.0, beta=1.0, transA=0, transB=0):
    """A network without hidden layers; where the examples have a bias each, each is a replica of its own."""
    a, b, c = a.T if transA else a, b.T if transB else b, np.atleast_2d(c)
    inputs = a[None] if len(c) == 1 else a[:, None]
    network = Network(a.shape[1], (), b.shape[1], Linear(), len(inputs), a.dtype)
    network.layers[0].weight[:] = alpha * b
    network.layers[0].bias[:] = beta * c[:, None]
    work = Work(network, inputs.shape[1])
    work.inputs[:] = inputs
    return network.forward(work).reshape(len(a), -1)


def flat(arrays):
    """Return (1, P): the parameters of one replica."""
    return np.concatenate([array.ravel() for array in arrays])[None]


def parts(array, arrays):
    """Undo `flat`."""
    ends = np.cumsum([each.size for each in arrays])[:-1]
    return [part.reshape(each.shape) for part, each in zip(np.split(array[0], ends), arrays, strict=True)]


def thirds(arrays, count):
    """Cut a list into `count` lists: X1, X2, …, G1, G2, … are one list each."""
    size, rest = divmod(len(arrays), count)
    assert rest == 0
    return [arrays[start : start + size] for start in range(0, len(arrays), size)]


def momentum(rate, steps, *arrays, alpha, beta, mode, norm_coefficient):
    """Our velocity is ONNX's times minus the rate; beta damps the gradient of later steps only, ours never."""
    assert steps == 0 or beta == 1
    xs, gs, vs = thirds(arrays, 3)
    optimizer = {"standard": Momentum, "nesterov": Nesterov}[mode](momentum=alpha, weight_decay=norm_coefficient)
    x, state = flat(xs), {"velocity": -rate * flat(vs)}
    optimizer.step(x, rate * flat(gs), state, np.reshape(rate, (1, 1)), decayed=x.size, count=int(steps) + 1)
    return *parts(x, xs), *parts(state["velocity"] / -rate, vs)


def adam(rate, steps, *arrays, alpha, beta, epsilon, norm_coefficient):
    """Our averages lack their factors 1 - beta. Step 0 of ONNX has no bias corrections: ours have faded by step ∞."""
    assert steps == 0
    xs, gs, vs, hs = thirds(arrays, 4)
    optimizer = Adam(beta1=alpha, beta2=beta, epsilon=epsilon, weight_decay=norm_coefficient)
    x, state = flat(xs), {"mean": flat(vs) / (1 - alpha), "square": flat(hs) / (1 - beta)}
    optimizer.step(x, flat(gs), state, np.reshape(rate, (1, 1)), decayed=x.size, count=math.inf)
    return *parts(x, xs), *parts(state["mean"] * (1 - alpha), vs), *parts(state["square"] * (1 - beta), hs)


def row(values):
    """Return (1, 1, columns)."""
    return values.reshape(1, 1, -1).astype(float)


def batch_norm(x, scale, bias, mean, variance, *, training_mode=0, momentum=0.9):
    """Every place of an image is a row. ONNX's running variance has the biased one of the batch, ours the unbiased."""
    z, share = scores(x, 1).astype(float), (1 - momentum) * training_mode
    count, y, running = z.shape[1], np.empty_like(z), Running(row(mean), row(variance))
    BatchNorm().forward(Normed(z, y, row(scale), row(bias), row(scale), row(bias), running), share)
    before = (1 - share) * variance
    return like(y, x, 1), running.mean.ravel(), before + (running.variance.ravel() - before) * (count - 1) / count


def layer_norm(x, scale, bias, *, axis=-1):
    """Return the mean and 1/√(v + ε) too: the mean is what x̂/√(v + ε) lacks to x."""
    columns = math.prod(x.shape[axis:])
    z = x.reshape(1, -1, columns).astype(float)
    y, before, shape = np.empty_like(z), z.copy(), (*x.shape[:axis], *(1 for _ in x.shape[axis:]))
    inverse = LayerNorm().forward(Normed(z, y, row(scale), row(bias), row(scale), row(bias), None), 0)
    return y.reshape(x.shape), (before - z / inverse)[:, :, 0].reshape(shape), inverse.reshape(shape)


def dropout(x, ratio=0.5, training=False, *, seed=0):
    """A mask of ONNX's random numbers, u ≥ ratio; only in training."""
    if not training or not ratio:
        return predicted_with_dropout(x, ratio), np.ones(x.shape, bool)
    bits = np.floor(check_random_state(int(seed)).uniform(0, 1, x.shape) * 65536).astype(np.uint16)
    mask, h, rule = np.empty_like(x), np.empty_like(x), Dropout.of("standard", float(ratio))
    rule.fill(mask, bits)
    rule.apply(x, mask, h)
    return h, mask > 0


def predicted_with_dropout(x, ratio):
    """Dropout changes nothing in prediction: two layers of linear units pass on what they receive."""
    z = scores(x, -1)
    units = z.shape[-1]
    network = Network(units, (units,), units, Linear(), 1, x.dtype, Recipe(dropout=float(ratio)))
    for layer in network.layers:
        layer.weight[:] = np.eye(units)
    work = Work(network, z.shape[1])
    work.inputs[:] = z
    return like(network.forward(work), x, -1)


ADAPTERS = {
    "Sigmoid": lambda x: Sigmoid()(x),
    "Tanh": lambda x: Tanh()(x),
    "Relu": lambda x: ReLU()(x),
    "LeakyRelu": lambda x, alpha=0.01: LeakyReLU(slope=alpha)(x),
    "PRelu": prelu,
    "Elu": lambda x, alpha=1.0: ELU(alpha=alpha)(x),
    "Selu": lambda x: SELU()(x),
    "Celu": lambda x, alpha=1.0: CELU(alpha=alpha)(x),
    "Softplus": lambda x: Softplus()(x),
    "Softsign": lambda x: Softsign()(x),
    "Gelu": lambda x, approximate="none": GELU(approximate=approximate)(x),
    "Mish": lambda x: Mish()(x),
    "Swish": swish,
    "HardSigmoid": lambda x, alpha=0.2, beta=0.5: HardSigmoid(slope=alpha, offset=beta)(x),
    "HardSwish": lambda x: HardSwish()(x),
    "Softmax": softmax,
    "LogSoftmax": log_softmax,
    "SoftmaxCrossEntropyLoss": softmax_cross_entropy,
    "Gemm": gemm,
    "Momentum": momentum,
    "Adam": adam,
    "BatchNormalization": batch_norm,
    "LayerNormalization": layer_norm,
    "Dropout": dropout,
}

NORMS = ("BatchNormalization", "LayerNormalization")

# What our functions do not offer, by case.
FIXED = "SELU's alpha and scale are the constants of its fixed point, not hyperparameters"
EPSILON = "the ε of norms is 1e-5, not a hyperparameter"
NOT_EXPRESSIBLE = {"test_selu": FIXED, "test_selu_example": FIXED}
NOT_EXPRESSIBLE |= dict.fromkeys(("test_batchnorm_epsilon", "test_batchnorm_epsilon_training_mode"), EPSILON)
NOT_EXPRESSIBLE |= {
    f"test_layer_normalization_3d_axis{axis}_epsilon": EPSILON
    for axis in ("0", "1", "2", "_negative_1", "_negative_2", "_negative_3")
}

# As many cases as onnx 1.23 has: a new one shows here, and is run already.
FOUND = {
    "Adam": 2,
    "BatchNormalization": 4,
    "Celu": 3,
    "Dropout": 12,
    "Elu": 3,
    "Gelu": 4,
    "Gemm": 11,
    "HardSigmoid": 3,
    "HardSwish": 1,
    "LayerNormalization": 19,
    "LeakyRelu": 3,
    "LogSoftmax": 7,
    "Mish": 1,
    "Momentum": 3,
    "PRelu": 2,
    "Relu": 1,
    "Selu": 3,
    "Sigmoid": 2,
    "Softmax": 7,
    "SoftmaxCrossEntropyLoss": 34,
    "Softplus": 2,
    "Softsign": 2,
    "Swish": 1,
    "Tanh": 2,
}


# --- cases


def operator(case):
    return case.model.graph.node[0].op_type


def of_our_operators(cases):
    """Return those cases of one node that are of an operator in `ADAPTERS`, by name."""
    return {case.name: case for case in cases if len(case.model.graph.node) == 1 and operator(case) in ADAPTERS}


def load():
    """Build the cases of the modules that mention one of our operators.

    The loader of all 1,884 cases takes six seconds, mostly for pooling in pure Python: too long for every
    collection. `test_every_case_is_counted` asks it whether any is missing here.
    """
    for module in pkgutil.iter_modules(node.__path__):
        source = Path(node.__path__[0], f"{module.name}.py")
        if not module.ispkg and any(f'"{name}"' in source.read_text(encoding="utf-8") for name in ADAPTERS):
            importlib.import_module(f"{node.__name__}.{module.name}")
    return of_our_operators(node._NodeTestCases)


CASES = load()
EXPRESSIBLE = [name for name in CASES if name not in NOT_EXPRESSIBLE]


def run(case):
    """Return pairs of our result and the expected one."""
    single = case.model.graph.node[0]
    attributes = {attribute.name: get_node_attr_value(single, attribute.name) for attribute in single.attribute}
    attributes = {name: value.decode() if isinstance(value, bytes) else value for name, value in attributes.items()}
    [(inputs, expected)] = case.data_sets
    results = ADAPTERS[single.op_type](*inputs, **attributes)
    results = results if isinstance(results, tuple) else (results,)
    expected = [array.astype(np.float32) if array.dtype == bool else array for array in expected]  # masks
    return list(zip(results[: len(expected)], expected, strict=True))


def tolerance(expected):
    """Return a thousandth of ONNX's own relative tolerance, 1e-3; in 16 bits that, or two ulps of a bfloat16."""
    return {"float32": 1e-6, "float16": 1e-3, "bfloat16": 2.0**-6}[expected.dtype.name]


def assert_equal(result, expected, case):
    assert result.shape == expected.shape
    result, exact = (array.astype(expected.dtype).astype(float) for array in (result, expected))
    # The y = γ x̂ + β of a norm is small where its terms cancel; ONNX has computed them in float32.
    atol = np.finfo(np.float32).eps * np.abs(exact).max() if operator(case) in NORMS else 0
    np.testing.assert_allclose(result, exact, rtol=tolerance(expected), atol=max(case.atol, atol))


@pytest.mark.parametrize("name", EXPRESSIBLE)
def test_case(name):
    for result, expected in run(CASES[name]):
        assert_equal(result, expected, CASES[name])


@pytest.mark.parametrize("name", NOT_EXPRESSIBLE)
def test_what_is_not_expressible_is_refused(name):
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        run(CASES[name])


@pytest.mark.parametrize("name", EXPRESSIBLE)
def test_a_result_wrong_by_four_tolerances_is_caught(name):
    for result, expected in run(CASES[name]):
        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            assert_equal(result * (1 + 4 * tolerance(expected)), expected, CASES[name])


def test_every_case_is_counted():
    with warnings.catch_warnings():
        # Others' cases overflow on purpose while they are built.
        warnings.simplefilter("ignore", RuntimeWarning)
        every = of_our_operators(load_model_tests(kind="node"))
    assert set(every) == set(CASES) == {*EXPRESSIBLE, *NOT_EXPRESSIBLE}
    found, passed = Counter(map(operator, every.values())), Counter(operator(CASES[name]) for name in EXPRESSIBLE)
    print(f"{'operator':24} found  run  not expressible")
    for name, count in sorted(found.items()):
        print(f"{name:24} {count:5} {passed[name]:4} {count - passed[name]:16}")
    print(f"{'all':24} {found.total():5} {passed.total():4} {found.total() - passed.total():16}")
    print(*(f"{name}: {reason}" for name, reason in NOT_EXPRESSIBLE.items()), sep="\n")
    assert found == FOUND
    assert passed + Counter(operator(CASES[name]) for name in NOT_EXPRESSIBLE) == found
