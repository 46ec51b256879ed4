"""Writes reference_values.csv: values and slopes of PyTorch, JAX and Keras at 40 points, in float32 and float64.

    python tests/conformance/make_reference_values.py torch         where PyTorch is installed
    python tests/conformance/make_reference_values.py jax keras     where JAX and Keras are

The rows of other libraries are kept. A row is one quantity of one function; its last columns are named by their points.
"""

import csv
import os
import sys
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("reference_values.csv")
HEAD = ["library", "version", "name", "dtype", "quantity"]
# Tails, kinks of one function or another (6, 3, 1, 0.5), tiny numbers, and both zeros.
SIZES = [1e4, 100, 50, 30, 20.5, 12, 8, 6, 5.7, 4, 3, 2, 1, 0.5, 0.25, 0.1, 1e-3, 1e-6, 1e-30, 0.0]
POINTS = [*(-size for size in SIZES), *reversed(SIZES)]

TORCH = {
    "hard_shrink": "Hardshrink", "soft_shrink": "Softshrink", "tanh_shrink": "Tanhshrink", "log_sigmoid": "LogSigmoid",
    "relu6": "ReLU6", "elu": "ELU", "celu": "CELU", "selu": "SELU", "gelu": "GELU", "silu": "SiLU", "mish": "Mish",
    "softplus": "Softplus", "softsign": "Softsign", "hard_tanh": "Hardtanh", "hard_sigmoid": "Hardsigmoid",
    "hard_swish": "Hardswish", "sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "ReLU", "leaky_relu": "LeakyReLU",
    "linear": "Identity", "rrelu": "RReLU",
}  # fmt: skip
JAX = {
    "squareplus": "squareplus", "smelu": "sparse_plus", "log_sigmoid": "log_sigmoid", "relu6": "relu6", "elu": "elu",
    "celu": "celu", "selu": "selu", "silu": "silu", "mish": "mish", "softplus": "softplus", "softsign": "soft_sign",
    "hard_tanh": "hard_tanh", "hard_sigmoid": "hard_sigmoid", "hard_swish": "hard_silu", "sigmoid": "sigmoid",
    "tanh": "tanh", "relu": "relu", "leaky_relu": "leaky_relu",
}  # fmt: skip
KERAS = {
    **JAX, "hard_shrink": "hard_shrink", "soft_shrink": "soft_shrink", "tanh_shrink": "tanh_shrink", "linear": "linear",
    "exponential": "exponential", "gelu": "gelu", "softsign": "softsign",
}  # fmt: skip


def of_torch(z):
    """Yield name, values and slopes of PyTorch's functions at some points."""
    import torch

    functions = {name: getattr(torch.nn, attribute)().eval() for name, attribute in TORCH.items()}
    functions |= {"thresholded_relu": torch.nn.Threshold(1.0, 0.0), "erf": torch.erf, "exponential": torch.exp}
    functions |= {"arctan": torch.atan, "sine": torch.sin, "cosine": torch.cos, "absolute": torch.abs}
    for name, function in functions.items():
        x = torch.tensor(z, requires_grad=True)
        h = function(x)
        h.sum().backward()
        yield name, h.detach().numpy(), x.grad.numpy()


def _of_jax(functions, z):
    import jax

    x = jax.numpy.asarray(z)
    for name, function in functions.items():
        slopes = jax.vmap(jax.grad(lambda one, function=function: function(one[None])[0]))(x)
        yield name, np.asarray(function(x)), np.asarray(slopes)


def of_jax(z):
    """Yield the same of JAX's functions."""
    import jax

    functions = {name: getattr(jax.nn, attribute) for name, attribute in JAX.items()}
    functions |= {"gelu": lambda x: jax.nn.gelu(x, approximate=False), "exponential": jax.numpy.exp}
    functions |= {"erf": jax.scipy.special.erf, "arctan": jax.numpy.arctan, "absolute": jax.numpy.abs}
    return _of_jax(functions | {"sine": jax.numpy.sin, "cosine": jax.numpy.cos}, z)


def of_keras(z):
    """Yield the same of Keras' functions, which compute with JAX."""
    import keras

    functions = {name: getattr(keras.activations, attribute) for name, attribute in KERAS.items()}
    return _of_jax(functions | {"thresholded_relu": lambda x: keras.activations.threshold(x, 1.0, 0.0)}, z)


def main(libraries):
    """Replace the rows of these libraries."""
    os.environ["KERAS_BACKEND"] = "jax"
    rows = []
    if FILE.exists():
        with FILE.open(newline="") as file:
            rows = [row for row in list(csv.reader(file))[1:] if row[0] not in libraries]
    for library in libraries:
        module = __import__(library)
        if library != "torch":
            __import__("jax").config.update("jax_enable_x64", True)
        for dtype in ("float32", "float64"):
            z = np.array(POINTS, dtype)
            for name, values, slopes in {"torch": of_torch, "jax": of_jax, "keras": of_keras}[library](z):
                for quantity, numbers in (("value", values), ("slope", slopes)):
                    version = module.__version__.partition("+")[0]
                    rows.append([library, version, name, dtype, quantity, *map(str, numbers)])
    with FILE.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([[*HEAD, *map(repr, POINTS)], *sorted(rows)])


if __name__ == "__main__":
    main(sys.argv[1:])
