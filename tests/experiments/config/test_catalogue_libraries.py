"""The catalogue against the same functions of PyTorch, JAX and Keras: values and gradients; deviations have names.

JAX and Keras are no dependencies: without them, their tests are skipped. Their stored values are compared in
tests/conformance/test_reference_values.py.
"""

import numpy as np
import pytest

from experiments.config.catalogue import entries
from tests.conformance.make_reference_values import JAX, KERAS, TORCH

DTYPES = ["float32", "float64"]
KINKS = {-3, -1, -0.5, 0, 0.5, 1, 3, 6}
"""Where a derivative is a convention: 0 or 1 at a kink."""
# What differs by more than rounding errors, by library, name here and dtype (value or slope): found by these tests.
DEVIATIONS = {
    ("torch", "softplus", "float64"): "beyond 20 it is x itself, which is 2e-9 too small there",
    ("torch", "hard_sigmoid", "float64"): "the gradient has 1/6 in float32",
    ("keras", "leaky_relu", "float32"): "the slope is 0.2 by default",
    ("keras", "leaky_relu", "float64"): "the slope is 0.2 by default",
    ("keras", "tanh", "float64"): "the values have the digits of float32",
}


def points(dtype):
    far = np.geomspace(1e-6, 1e4, 60)
    z = np.concatenate([np.linspace(-12, 12, 241), far, -far])
    return z[[round(x, 9) not in KINKS for x in z.tolist()]].astype(dtype)


def deviations(name, z, h, slope):
    """Return the quantities that differ by more than 16 eps of the largest term, or of 1."""
    activation, eps = entries()[name].activation, float(np.finfo(z.dtype).eps)
    found = []
    with np.errstate(all="ignore"):
        for quantity, theirs, ours in (("value", h, activation(z)), ("slope", slope, activation.prime(z))):
            largest = np.maximum(np.maximum(np.abs(z), np.abs(ours)), 1.0)
            same = (theirs == ours) | (np.abs(theirs.astype(float) - ours) <= 16 * eps * largest)
            if not same.all():
                found.append(f"{quantity} at {z[~same][0]:g}: {theirs[~same][0]} and {ours[~same][0]}")
    return found


def check(library, name, z, h, slope):
    found = deviations(name, z, h, slope)
    assert bool(found) == ((library, name, z.dtype.name) in DEVIATIONS), found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TORCH)
def test_pytorch(name, dtype):
    torch = pytest.importorskip("torch")
    z = points(dtype)
    x = torch.tensor(z, requires_grad=True)
    h = getattr(torch.nn, TORCH[name])().eval()(x)
    h.sum().backward()
    check("torch", name, z, h.detach().numpy(), x.grad.numpy())


@pytest.mark.parametrize("dtype", DTYPES)
def test_pytorch_with_two_pieces(dtype):
    torch = pytest.importorskip("torch")
    z = np.random.default_rng(0).uniform(-5, 5, (50, 2)).astype(dtype)
    value, gate = torch.tensor(z[:, :1]), torch.tensor(z[:, 1:])
    units = {
        "swiglu": torch.nn.SiLU(),
        "geglu": torch.nn.GELU(),
        "reglu": torch.nn.ReLU(),
        "bilinear": torch.nn.Identity(),
    }
    for name, function in {**units, "glu": torch.nn.Sigmoid()}.items():
        theirs = (value * function(gate)).numpy()
        eps = 16 * 25 * float(np.finfo(dtype).eps)
        np.testing.assert_allclose(entries()[name].activation(z), theirs, rtol=0, atol=eps, err_msg=name)


def gradients(jax, function, z):
    x = jax.numpy.asarray(z)
    return np.asarray(function(x)), np.asarray(jax.vmap(jax.grad(lambda one: function(one[None])[0]))(x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", JAX)
def test_jax(name, dtype):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        check("jax", name, points(dtype), *gradients(jax, getattr(jax.nn, JAX[name]), points(dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", KERAS)
def test_keras(name, dtype, monkeypatch):
    jax = pytest.importorskip("jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    with jax.enable_x64(True):
        check("keras", name, points(dtype), *gradients(jax, getattr(keras.activations, KERAS[name]), points(dtype)))
