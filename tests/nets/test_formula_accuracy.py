"""Formulas at 400 bits: value and derivative in both dtypes, against the exact graph."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from mpmath import mp, mpf

from nets import graph
from nets.expressions import FUNCTIONS, build, parse
from nets.formula import Formula
from nets.graph import Node, backpropagate
from tests.nets.test_formula import VARIANTS, expressions

EXACT = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "negate": lambda a: -a,
    "power": lambda a, b: a**b,
    "exp": mp.exp,
    "expm1": mp.expm1,
    "log": mp.log,
    "log1p": mp.log1p,
    "sqrt": mp.sqrt,
    "sin": mp.sin,
    "cos": mp.cos,
    "atan": mp.atan,
    "asinh": mp.asinh,
    "erf": mp.erf,
    "tanh": mp.tanh,
    "sigmoid": lambda a: 1 / (1 + mp.exp(-a)),
    "softplus": lambda a: mp.log1p(mp.exp(a)),
    "logsigmoid": lambda a: -mp.log1p(mp.exp(-a)),
    "relu": lambda a: max(a, mpf(0)),
    "abs": abs,
    "maximum": max,
    "minimum": min,
    "at_least": lambda a, b: mpf(a >= b),
    "is_zero": lambda a: mpf(a == 0),
    "step": lambda a: mpf(a > 0),
    "sign": mp.sign,
    "broadcast": lambda a: a,
}

FORMULAS = [
    "x*sigmoid(1.702*x)",
    "where(x,x,expm1(x))",
    "where(x,x,0.01*x)",
    "x*tanh(softplus(x))",
    "x*erf(softplus(x))",
    "x*tanh(exp(min(x,20)))",
    "x*exp(-exp(-x))",
    "x*log1p(sigmoid(x))",
    "x*tanh(log1p(sigmoid(x)))",
    "x*log1p(tanh(sigmoid(x)))",
    "where(x,x*sigmoid(x),expm1(x)*sigmoid(x))",
    "where(x,0.8*x*x+0.5*x,0.5*x+0.8*(expm1(min(x,0))-x))",
    "where(x,x,x/sqrt(1+x*x))",
    "x/sqrt(1+x**2)",
    "(sqrt(x**2+1)-1)/2+x",
    "where(x-1,1+0.2*(x-1),where(x+1,x,0.1*x-0.9))",
    "where(x,log1p(x),-log1p(-x))",
    "where(x,x/(1+x),x/(1-x))",
    "where(abs(x)-0.5,x,0)",
    "sign(x)*log1p(abs(x))",
    "x-tanh(x)",
    "x+sin(x)**2",
    "x*cos(x)",
    "x*atan(x)",
    "asinh(x)",
    "logsigmoid(x)",
    "softplus(x)**2",
    "exp(-x*x)",
    "x**3",
    "sigmoid(x)**1.5",
    "0.5*x*(1+tanh(0.7978845608*(x+0.044715*x**3)))",
    "step(x)*x+where(x+2,1,-1)",
    "x0*x1*sigmoid(x1)",
    "x0*x1*(1+erf(x1*0.7071067811865476))/2",
    "x0*relu(x1)",
]


def exact(y, leaves):
    """Return the exact value of a node, and the largest one that it is computed from."""
    known = dict(leaves)

    def value(node):
        if node not in known:
            inputs = node.inputs
            if node.gate is None:
                known[node] = mpf(float(node.value))
            elif node.gate is graph.where:
                known[node] = value(inputs[1] if value(inputs[0]) > 0 else inputs[2])
            elif node.gate is graph.scale:
                known[node] = value(inputs[0]) and value(inputs[0]) * value(inputs[1])
            else:
                known[node] = EXACT[node.gate.name](*map(value, inputs))
        return known[node]

    return value(y), max(map(abs, (value(y), *known.values())))


def worst(formula, points, dtype):
    """Return the largest error of h and of its derivatives, in eps of the largest intermediate value."""
    names = [*formula._leaves, *formula.init(1, 1, dtype)]
    start = {name: value.item() for name, value in formula.init(1, 1, dtype).items()}
    leaves = {name: Node(start.get(name, 0.5), name) for name in names}
    y, _ = build(parse(formula.expression, names), leaves)
    total = backpropagate(y, leaves.values()).total
    z = points.astype(dtype)
    h, work, learned = np.empty((1, len(z), 1), dtype), formula.buffers((1, *z.shape), dtype), formula.init(1, 1, dtype)
    formula.forward(z[None], h, work, **learned)
    ours = {"h": h[0, :, 0].copy()}
    by_parameter = formula.parameter_derivatives(z[None], h, work, **learned)
    ours |= {name: value[0, :, 0].copy() for name, value in by_parameter.items()}
    derivative = formula.derivative(z[None], h, work, **learned)[0]
    ours |= {name: derivative[:, piece] for piece, name in enumerate(formula._leaves)}
    largest = mpf(0)
    with mp.workprec(400):
        for row, arguments in enumerate(z):
            values = dict(zip(formula._leaves, map(float, arguments), strict=True)) | start
            for name, results in ours.items():
                node = y if name == "h" else total[leaves[name]]
                value, size = exact(node, {leaves[leaf]: mpf(number) for leaf, number in values.items()})
                if size < np.finfo(dtype).max:
                    bound = size * float(np.finfo(dtype).eps) + float(np.finfo(dtype).tiny)
                    largest = max(largest, abs(mpf(float(results[row])) - value) / bound)
    return float(largest)


def points(pieces, count):
    """Return points (4 count, pieces) on several scales within ±1e4."""
    random = np.random.default_rng(0)
    scaled = [random.normal(size=(count, pieces)) * scale for scale in (1e-4, 1, 10)]
    return np.concatenate([*scaled, random.uniform(-1e4, 1e4, (count, pieces))])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "formula", [*VARIANTS, *(Formula(expression=text) for text in FORMULAS)], ids=lambda formula: formula.expression
)
def test_a_formula_is_exact_to_8_eps_of_its_largest_intermediate(formula, dtype):
    assert worst(formula, points(formula.pieces, 12), dtype) <= 8


@given(expressions())
@settings(max_examples=25, deadline=None)
def test_any_formula_is_exact_to_8_eps_of_its_largest_intermediate(expression):
    formula = Formula(expression=expression, parameters={"beta": 0.75})
    for dtype in (np.float32, np.float64):
        assert worst(formula, points(1, 4), dtype) <= 8


def test_every_function_is_among_them():
    texts = " ".join([*FORMULAS, *(formula.expression for formula in VARIANTS)])
    aliases = {"maximum": "max", "minimum": "min"}
    for name in FUNCTIONS:
        assert re.search(rf"\b({name}|{aliases.get(name, name)})\(", texts), name


def test_an_error_of_a_thousandth_is_seen(monkeypatch):
    formula = Formula(expression="where(x,x,expm1(x))")
    honest = Formula.derivative
    monkeypatch.setattr(Formula, "derivative", lambda self, *a, **k: 1.001 * honest(self, *a, **k))
    assert worst(formula, points(1, 2), np.float32) > 1000
