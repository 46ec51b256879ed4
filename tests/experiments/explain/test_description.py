"""A formula is described with its true range, mean, slopes and kinks."""

import re

import numpy as np
import pytest

from experiments.explain.description import describe
from nets.activations import ACTIVATIONS, SELU, HardTanh, ReLU, SiLU
from nets.formula import Formula
from nets.theory import gain


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (
            "tanh(x)",
            {
                "range": "-1 to 1",
                "saturates": "on both sides",
                "zero-centred": "yes; mean",
                "symmetry": "odd",
                "kinks": "none",
            },
        ),
        ("relu(x)", {"range": "0 to ∞", "saturates": "on the left", "kinks": "f′ jumps at x = 0"}),
        ("sigmoid(x)", {"range": "0 to 1", "zero-centred": "no; mean of f(z) over z ~ N(0, 1): 0.5"}),
        ("x**3", {"range": "−∞ to ∞", "saturates": "nowhere"}),
        ("min(max(-1,x),1)", {"kinks": "f′ jumps at x = -1, 1"}),
        ("x*sigmoid(x)", {"range": "-0.2785 (at -1.278) to ∞"}),
        ("max(x,0)", {"gain": "1.414 = 1/√E[f(z)²]: init=variance_preserving takes weights of variance 2/fan_in"}),
        ("exp(x*x/3)", {"gain": "none: E[f(z)²] of formula for z ~ N(0, 1) is infinite, or too heavy in its tails"}),
        (
            "tanh(x)",
            {
                "critical": "init=critical takes weights of variance 1.701/fan_in and biases of variance 0.04; "
                "q* = 0.5121, V′(q*) = 0.5426"
            },
        ),
        ("max(x,0)", {"critical": "init=critical takes weights of variance 2/fan_in and biases of variance 0; q* = 1"}),
        ("log(1+exp(x))", {"critical": "none: no weights make formula critical for biases of variance 0.04"}),
    ],
)
def test_descriptions(expression, expected):
    described = describe(Formula(expression=expression))
    for key, text in expected.items():
        assert described[key].startswith(text), described[key]


def test_an_unstable_critical_point_is_named():
    assert describe(Formula())["critical"].endswith("V′(q*) = 1.087, an unstable fixed point")
    assert "unstable" not in describe(Formula(expression="max(x, 0)"))["critical"]


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


def test_a_mean_that_does_not_exist_is_no_number():
    for expression in ("exp(x*x/1.5)", "x*exp(x*x/2)"):
        assert describe(Formula(expression=expression))["zero-centred"].endswith("since E[f(z)²] is infinite")
    assert describe(Formula(expression="exp(x*x/6)"))["zero-centred"].endswith(": 1.225")


def test_jumps_and_kinks_are_named_and_the_searched_interval_is_stated():
    described = describe(Formula(expression="max(x, 0) + step(x-3)"))
    assert described["kinks"] == "f′ jumps at x = 0 (sought within |x| ≤ 50)"
    assert described["jumps"] == "f jumps at x = 3 (sought within |x| ≤ 50)"
    assert describe(Formula(expression="min(x, 60)"))["kinks"] == "none (sought within |x| ≤ 50)"
    assert describe(HardTanh())["kinks"] == "f′ jumps at x = -1, 1"


def test_a_kink_that_the_activation_names_is_known_however_far_it_is():
    described = describe(Far())
    assert described["kinks"] == "f′ jumps at x = 70"
    assert described["symmetry"] == "no"
    assert describe(Formula(expression="min(x, 60)"))["symmetry"] == "no"
    assert describe(Formula(expression="exp(x*x/3)"))["symmetry"] == "even"


class Far(ReLU, name="far"):
    """max(x - 70, 0)."""

    kinks = (70.0,)

    def forward(self, z, h, work):
        np.maximum(z - 70, 0, out=h)

    def derivative(self, z, h, work):
        return (z > 70).astype(z.dtype)


del ACTIVATIONS["far"]


@pytest.mark.parametrize("expression", ["max(x0-x1, 0)", "x0*sigmoid(x1)"])
def test_two_pieces_have_a_gain(expression):
    formula = Formula(expression=expression)
    described = describe(formula)
    assert described["pieces"] == "2 pre-activations per unit"
    assert float(described["gain"].split()[0]) == pytest.approx(gain(formula), rel=1e-3)


def test_a_formula_and_an_activation_are_described_by_the_same_lines():
    formula, activation = describe(Formula(expression="x*sigmoid(x)")), describe(SiLU())
    assert list(formula) == list(activation)
    for label in ("limits", "Lipschitz", "monotone", "symmetry", "saturates", "zero-centred", "gain", "critical"):
        assert formula[label] == activation[label]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("x*0.001", "−∞ to ∞"),
        ("tanh(x)*0.001", "-0.001 to 0.001"),
        ("max(x,0)", "0 to ∞"),
        ("exp(-x*x)", "0 to 1 (at 0)"),
        ("30*tanh(x/30)", "-30 to 30"),
        ("x/(1+abs(x))", "-1 to 1"),
        ("1e-6*1e-6*tanh(x)", "-1e-12 to 1e-12"),
        ("tanh(x/1e6/1e6)", "-1 to 1"),
        ("sin(x/100)", "-1 (at -785.4) to 1 (at -471.2)"),
        ("sin(x*1.5)", "-1 (at -5.236) to 1 (at 5.236)"),
        ("cos(x)*x/(1+abs(x))", "-1 to 1"),
        ("x*sin(x)", "−∞ to ∞"),
        ("log(1+x*x)", "0 (at 0) to ∞"),
        ("exp(-(x-200)*(x-200)/50)*3", "0 to 3 (at 200)"),
        ("exp(x*x/3)", "1 (at 0) to ∞"),
        ("0*x+1", "always 1"),
        ("x/(0-1e6-x)", "−∞ (at a pole near -1e+06) to ∞ (at a pole near -1e+06)"),
        ("1/(20-x)", "−∞ (at a pole near 20) to ∞ (at a pole near 20)"),
        ("exp(-x*x)-1/(x-100)", "−∞ (at a pole near 100) to ∞ (at a pole near 100)"),
        ("1/((x-20.0003)*(x-20.0003))", "0 to ∞ (at a pole near 20)"),
        ("1+3*exp(-(x-200)*(x-200)/50)", "1 to 4 (at 200)"),
        ("1+3*exp(-(x-200)*(x-200)/50)-2*sigmoid(-x)", "-1 to 4 (at 200)"),
        # Far out, rounding errors or an overflow spoil these.
        ("(x+1)-x", "always 1"),
        ("sqrt(x*x+1)-x", "0 to ∞"),
        ("x/sqrt(1+x*x)", "-1 to 1"),
        ("exp(x)/(1+exp(x))", "0 to 1"),
        # Too slow for a verdict.
        ("log(1+log(1+x*x))", "0 (at 0) to at least 6.566 (at -1.34e+154, still growing)"),
        ("0-log(1+log(1+x*x))", "at most -6.566 (at -1.34e+154, still falling) to 0 (at 0)"),
        ("100*exp(-x*x)+log(1+log(1+x*x))", "1.196 (at -2.821) to 100 (at 0) within |x| ≤ 1.34e+154"),
    ],
)
def test_the_range_says_where_it_is_attained(expression, said):
    assert describe(Formula(expression=expression))["range"] == said


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_value_is_out_of_the_range(name):
    activation = ACTIVATIONS[name]()
    if activation.pieces > 1 or activation.init(1, 1, float) or not activation.expression:
        return
    constants = {field: str(value) for field, value in vars(type(activation)).items() if isinstance(value, float)}
    expression = re.sub("[a-z_]+", lambda word: constants.get(word[0], word[0]), activation.expression)
    low, high = re.fullmatch(
        r"(\S+)(?: \(.*?\))? to (\S+)(?: \(.*?\))?", describe(Formula("mine", expression))["range"]
    ).groups()
    values = activation(np.concatenate([-np.geomspace(1e-3, 1e300, 5000), np.geomspace(1e-3, 1e300, 5000)]))
    assert low == "−∞" or values.min() >= float(low) - 1e-4
    assert high == "∞" or values.max() <= float(high) + 1e-4
    assert (low == "−∞") == (values.min() < -1e6)
    assert (high == "∞") == (values.max() > 1e6)
