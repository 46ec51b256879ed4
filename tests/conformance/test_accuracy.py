"""Output units' values and PReLU's learned slopes against mpmath at 400 bits, from denormals to the largest scores.

The contract is that of activations, 8 eps |exact| + 2 tiny where the formula has one term. All other activations
and their derivatives are held to it in tests/nets/test_activations.py, costs and their gradients in test_outputs.py.
"""

import itertools

import numpy as np
import pytest
from mpmath import exp, fsum, mp, mpf

from nets.activations import PReLU
from nets.outputs import OUTPUTS

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def grid(dtype):
    """Return numbers of both signs whose differences are exact, or too small an error to matter in exp."""
    info = np.finfo(dtype)
    largest = 1e300 if dtype == np.float64 else 1e37
    around_tiny = [info.smallest_subnormal, 0.3 * info.tiny, info.tiny]
    points = np.array([*around_tiny, 2**-10, 0.375, 1, 17.5, 88, 700, largest], dtype)
    return np.concatenate([-points[::-1], [dtype(0)], points])


def assert_accurate(computed, exact):
    """Assert the contract for an array and its mpmath numbers."""
    info = np.finfo(computed.dtype)
    for value, number in zip(computed.ravel().tolist(), exact, strict=True):
        assert value == number or abs(value - number) <= 8 * float(info.eps) * abs(number) + 2 * float(info.tiny)


def softmax(z):
    return [1 / fsum(exp(other - each) for other in z) for each in z]


def sigmoid(z):
    return [1 / (1 + exp(-each)) for each in z]


def clipped(z):
    return [min(max(each, 0), 1) for each in z]


def exponential(z):
    return list(map(exp, z))


VALUES = {
    "softmax_ce": softmax,
    "softmax_mse": softmax,
    "sigmoid_ce": sigmoid,
    "sigmoid_mse": sigmoid,
    "linear_mse": list,
    "softmax_focal": softmax,
    "linear_mae": list,
    "linear_huber": list,
    "exp_poisson": exponential,
    "gaussian_nll": lambda z: z[0::2],
    "quantile": lambda z: z[1::3],
    "linear_hinge": list,
    "clipped_mse": clipped,
}


@each_dtype
@pytest.mark.parametrize("name", OUTPUTS)
def test_values_of_output_units(name, dtype):
    z = np.array(list(itertools.product(grid(dtype), repeat=3))[::23], dtype)
    if len(OUTPUTS[name]().roles) == 2:
        z = np.concatenate([z, z[:, :1]], axis=1)
    values = OUTPUTS[name]().predict(z[None])[0]
    assert values.dtype == dtype
    largest = float(np.finfo(dtype).max)
    with mp.workprec(400):
        for scores, row in zip(z.tolist(), values, strict=True):
            exact = VALUES[name]([mpf(score) for score in scores])
            assert_accurate(row, [value if value <= largest else mpf("inf") for value in exact])


@each_dtype
@pytest.mark.parametrize("slope", [-3.0, -0.1, 0.0, 1e-4, 1.7])
def test_prelu_of_a_learned_slope(slope, dtype):
    z, slope = grid(dtype)[None, :, None], np.full((1, 1, 1), slope, dtype)
    h, activation = np.empty_like(z), PReLU()
    work = activation.buffers(z.shape, dtype)
    activation.forward(z, h, work, slope=slope)
    by_slope = activation.parameter_derivatives(z, h, work, slope=slope)["slope"].copy()
    np.testing.assert_array_equal(by_slope, np.minimum(z, 0))
    np.testing.assert_array_equal(activation.derivative(z, h, work, slope=slope), np.where(z > 0, 1, slope))
    with mp.workprec(400):
        assert_accurate(h, [mpf(each) * (1 if each > 0 else mpf(slope.item())) for each in z.ravel().tolist()])
