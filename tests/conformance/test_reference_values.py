"""The catalogue against stored numbers of PyTorch, JAX and Keras: no library is needed; deviations have names.

`make_reference_values.py` beside this file wrote them. The bound is 8 eps times the largest of 1, |x| and the value.
"""

import csv

import numpy as np
import pytest

from experiments.config.catalogue import entries
from tests.conformance.make_reference_values import FILE, HEAD, POINTS

with FILE.open(newline="") as file:
    TOP, *ROWS = csv.reader(file)
STORED = {tuple(row[:1] + row[2:5]): row[5:] for row in ROWS}
# Per library, name here, dtypes and quantity: the points (None: many), the largest difference, and why.
BOTH, DOUBLE = ("float32", "float64"), ("float64",)
DEVIATIONS = {
    ("torch", "softplus", DOUBLE, "value"): ((20.5, 30), 1.25e-9, "beyond 20 it is x itself"),
    ("torch", "softplus", DOUBLE, "slope"): ((20.5, 30), 1.25e-9, "beyond 20 it is 1"),
    ("torch", "hard_sigmoid", DOUBLE, "slope"): (
        (-2, -1, -0.5, -0.25, -0.1, -1e-3, -1e-6, -1e-30, 0, 1e-30, 1e-6, 1e-3, 0.1, 0.25, 0.5, 1, 2),
        4.97e-9,
        "it is 1/6 in float32",
    ),
    ("jax", "absolute", BOTH, "slope"): ((0,), 1.0, "1 at its kink, here 0"),
    ("jax", "hard_tanh", BOTH, "slope"): ((-1, 1), 1.0, "1 at its kinks, here that of the flat side"),
    ("keras", "hard_tanh", BOTH, "slope"): ((-1, 1), 1.0, "1 at its kinks, here that of the flat side"),
    ("jax", "leaky_relu", BOTH, "slope"): ((0,), 0.99, "1 at its kink, here 0.01"),
    ("keras", "leaky_relu", BOTH, "value"): (None, 1900.0, "its slope is 0.2 by default, here 0.01"),
    ("keras", "leaky_relu", BOTH, "slope"): (
        tuple(x for x in POINTS if x <= 0),
        0.99,
        "0.2 by default, 1 at its kink; here 0.01",
    ),
    ("keras", "tanh", DOUBLE, "value"): (None, 2.25e-7, "the digits of float32"),
    ("keras", "tanh", DOUBLE, "slope"): (None, 4.50e-7, "the digits of float32"),
}
NAMED = {(*key[:2], dtype, key[3]): deviation for key, deviation in DEVIATIONS.items() for dtype in key[2]}


def differences(key):
    """Return the points at which a library differs by more than the bound, with the difference."""
    _, name, dtype, quantity = key
    x, theirs = np.array(POINTS, dtype), np.array(STORED[key], np.float64)
    activation = entries()[name].activation
    with np.errstate(all="ignore"):
        ours = (activation(x) if quantity == "value" else activation.prime(x)).astype(np.float64)
        size = np.where(theirs == ours, 0, np.abs(theirs - ours))  # both may be inf
        bound = 8 * np.finfo(dtype).eps * np.maximum(1, np.maximum(np.abs(x.astype(np.float64)), np.abs(ours)))
    return {point: error for point, error, most in zip(POINTS, size, bound, strict=True) if not error <= most}


@pytest.mark.parametrize("key", STORED, ids="-".join)
def test_a_library_computes_the_same_or_its_deviation_is_known(key):
    found = differences(key)
    points, size, _ = NAMED.get(key, ((), 0.0, ""))
    assert points is None or set(found) == set(points)
    assert max(found.values(), default=0.0) == pytest.approx(size, rel=0.01)


def test_what_is_stored_is_what_the_script_writes():
    assert [*HEAD, *map(repr, POINTS)] == TOP
    assert len(POINTS) == 40
    libraries = {library: sum(key[0] == library for key in STORED) // 4 for library in ("torch", "jax", "keras")}
    assert libraries == {"torch": 29, "jax": 25, "keras": 25}
    assert set(NAMED) <= set(STORED)


def test_an_error_of_a_millionth_is_seen():
    key = ("torch", "silu", "float64", "value")
    cells = STORED[key]
    STORED[key] = [str(float(cell) * (1 + 1e-6)) for cell in cells]
    try:
        assert len(differences(key)) > 15
    finally:
        STORED[key] = cells
