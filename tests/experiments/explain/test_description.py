"""A formula is described with its true range, mean, slopes and kinks."""

import numpy as np
import pytest

from experiments.explain.description import describe
from nets.activations import SELU
from nets.formula import Formula


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("tanh(x)", {"range": "-1 to 1", "saturates": "on both sides", "zero-centred": "yes, odd", "kinks": "none"}),
        ("relu(x)", {"range": "0 to ∞", "saturates": "on the left", "kinks": "f′ jumps at x = 0"}),
        ("sigmoid(x)", {"range": "0 to 1", "zero-centred": "no; mean of f(z) over z ~ N(0, 1): 0.5"}),
        ("x**3", {"range": "−∞ to ∞", "saturates": "nowhere"}),
        ("min(max(-1,x),1)", {"kinks": "f′ jumps at x = -1, 1"}),
        ("x*sigmoid(x)", {"range": "-0.2785 (at -1.278) to ∞"}),
    ],
)
def test_descriptions(expression, expected):
    described = describe(Formula(expression=expression))
    for key, text in expected.items():
        assert described[key].startswith(text), described[key]


def test_the_mean_of_a_formula_is_right():
    selu = "1.0507009873554805*(relu(x)+1.6732632423543772*expm1(min(0,x)))"
    mean = float(describe(Formula(expression=selu))["zero-centred"].rpartition(" ")[2])
    assert abs(mean) < 0.02  # SELU's fixed point; the kink costs the quadrature two digits
    z = np.random.default_rng(0).normal(size=400_000)
    assert abs(mean - SELU()(z).mean()) < 0.02


@pytest.mark.parametrize(
    ("expression", "mean"), [("max(x,0)", "0.3989"), ("abs(x)", "0.7979"), ("exp(-abs(x))", "0.5232")]
)
def test_the_mean_is_right_at_kinks_too(expression, mean):
    assert mean in describe(Formula(expression=expression))["zero-centred"]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("x*0.001", "-0.05 (at -50, still changing) to 0.05 (at 50, still changing)"),
        ("tanh(x)*0.001", "-0.001 to 0.001"),
        ("max(x,0)", "0 to ∞"),
        ("exp(-x*x)", "0 to 1 (at 0)"),
    ],
)
def test_the_range_says_where_it_is_attained(expression, said):
    assert describe(Formula(expression=expression))["range"] == said
