"""No formula makes the explain command warn: random expressions of the whole grammar, with warnings as errors."""

import contextlib
import random
import warnings

import numpy as np
import pytest

from experiments.explain.__main__ import main
from experiments.explain.drawings import draw_formula
from experiments.explain.printing import print_formula
from nets.expressions import FUNCTIONS
from nets.formula import Formula

NUMBERS = ["0", "1", "2", "-1", "0.5", "1.702", "1e6", "1e-6", "10"]
OVERFLOWING = ["exp(x*x/3)", "x*exp(x*x/3)", "x**3*exp(abs(x))**4", "exp(exp(x/5))", "exp(x*x/3)+max(x-48,0)"]
"""Formulas that are infinite somewhere beyond |x| = 10, where a network may not take them."""


def expression(choose, depth, leaves):
    if depth == 0 or choose.random() < 0.12:
        return choose.choice([*leaves * 4, *NUMBERS])
    a, b = expression(choose, depth - 1, leaves), expression(choose, depth - 1, leaves)
    name, gate = choose.choice(list(FUNCTIONS.items()))
    third = expression(choose, depth - 1, leaves) if len(gate.local) == 3 else ""
    call = f"{name}({','.join([a, b, third][: len(gate.local)])})"
    operation = f"({a}{choose.choice('+-*/')}{b})"
    power = f"({a})**{choose.choice(['2', '3', '0.5', '-1', leaves[-1]])}"
    return choose.choice([call, call, operation, operation, operation, power, f"-({a})"])


def values(formula):
    z = np.array([-np.inf, -1e300, -1e3, 0, 1e3, 1e300, np.inf, np.nan])
    with np.errstate(over="ignore"):
        narrow = z.astype(np.float32)
    return formula(z), formula.prime(z), formula(narrow), formula.prime(narrow)


@pytest.mark.parametrize("seed", range(3))
def test_random_formulas_do_not_warn(seed, capsys):
    choose, accepted = random.Random(seed), 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(150):
            parameters = {"a": choose.choice([0, 1, -1, 0.5, 3, 1e6, -1e-6])} if choose.random() < 0.5 else {}
            text = expression(choose, choose.randint(1, 4), ["x", *parameters])
            with contextlib.suppress(ValueError):  # a refusal is an answer
                formula = Formula(expression=text, parameters=parameters)
                accepted += 1
                print_formula(formula, parameters)
                values(formula)
    assert accepted > 20
    assert "nan" not in capsys.readouterr().out


@pytest.mark.parametrize("text", OVERFLOWING)
def test_formulas_that_overflow_do_not_warn(text, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        formula = Formula(expression=text)
        print_formula(formula, {})
        draw_formula(formula)
        values(formula)
    assert "∞" in capsys.readouterr().out


def test_a_refused_formula_does_not_warn(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(["formula", "exp(maximum(max(x,x)*exp(x),(1.702+x)*x))"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("seed", range(3))
def test_random_graphs_do_not_warn(seed, capsys):
    choose = random.Random(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(60):
            text = expression(choose, choose.randint(1, 4), ["x", "y"])
            given = [
                f"{name}={choose.choice([0, 1, -2, 0.5, 800, -800, 1e200, 1e308])}" for name in "xy" if name in text
            ]
            assert main(["graph", text, *given]) in (0, 2)
    assert "Traceback" not in capsys.readouterr().err
