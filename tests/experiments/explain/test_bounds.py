"""The range that is printed encloses the values of a formula, and is reached; only a pole is called a pole."""

import random
import re

import numpy as np
import pytest

from experiments.explain.bounds import bounds
from experiments.explain.intervals import Interval, enclosure
from nets.expressions import build, parse
from nets.formula import Formula
from nets.graph import Node, history
from tests.experiments.explain.test_warnings import expression

TOLERANCE = 1e-3
"""Four digits are printed."""

PEAKS = [
    "exp(-({k}*(x-{c}))**2)",
    "1/({e}+(x-{c})**2)",
    "tanh({k}*(x-{c}))*sigmoid({k}*({c}-x))",
    "max(1-abs({k}*(x-{c})),0)",
]
BACKGROUNDS = ["{p}", "{p}+tanh(x)", "3*sigmoid(x)-{p}", "{p}*sin(x)", "x/(1+abs(x))*{p}", "{p}+0.5/(1+x*x)"]
BOUNDED = [(shape, background) for shape in PEAKS for background in BACKGROUNDS]
POLES = ["1/(x-{c})**2", "1/(x-{c})", "-log(abs(x-{c}))", "1e-12/abs(x-{c})", "abs(x-{c})**-0.5", "1/(x*x-{c}*{c})"]


def limits(text):
    """Return the two bounds of a printed range as numbers."""
    parts = re.fullmatch(r"(?:always )?(.*?)(?: to (.*))?", re.sub(r" \(.*?\)| within .*?(?= to|$)", "", text)).groups()
    numbers = [float(part.replace("−∞", "-inf").replace("∞", "inf").split()[-1]) for part in parts if part]
    return numbers[0], numbers[-1]


def dense(formula, centres=()):
    """Return values at points that are dense around every peak and valley of every operation, and around `centres`."""
    x = np.unique(
        np.concatenate([np.linspace(-50, 50, 20_001), np.geomspace(50, 1e5, 4000), -np.geomspace(50, 1e5, 4000)])
    )
    leaves = {"x": Node(x)}
    y, _ = build(parse(formula.expression, leaves), leaves)
    near = list(centres)
    for node in history(y):
        if node.gate and node.shape == x.shape:
            with np.errstate(invalid="ignore"):
                turns = np.flatnonzero(np.diff(np.sign(np.diff(node.value))))[:40]
            near += x[turns + 1].tolist()
    spread = np.concatenate([-np.geomspace(1e-12, 1, 200), [0], np.geomspace(1e-12, 1, 200)])
    points = np.unique(np.concatenate([x, (np.array(near)[:, None] + spread).ravel()]))
    h = formula(points)
    return h[np.isfinite(h)]


def assert_encloses(text, values):
    low, high = limits(text)
    slack = TOLERANCE * max(1e-9, abs(values.min()), abs(values.max()))
    assert low <= values.min() + slack, text
    assert high >= values.max() - slack, text


@pytest.mark.parametrize(("shape", "background"), BOUNDED)
def test_a_narrow_peak_has_its_height_and_is_no_pole(shape, background):
    choose = random.Random(f"{shape}{background}")
    centre = round(choose.choice([-1, 1]) * 10 ** choose.uniform(-1, 3.5), 5)
    width = choose.choice([10, 1e3, 1e5])
    peak = shape.format(k=width, c=centre, e=1 / width**2)
    formula = Formula(expression=background.format(p=peak))
    text = bounds(formula)
    values = dense(formula, [centre])
    assert "∞" not in text
    assert_encloses(text, values)
    low, high = limits(text)
    reach = TOLERANCE * max(abs(low), abs(high))
    assert values.min() <= low + reach, text
    assert values.max() >= high - reach, text


@pytest.mark.parametrize("pole", POLES)
@pytest.mark.parametrize("background", ["{p}", "{p}+5*tanh(x)"])
def test_a_pole_is_found_wherever_it_is(pole, background):
    choose = random.Random(f"{pole}{background}")
    centre = round(choose.choice([-1, 1]) * 10 ** choose.uniform(1.1, 3.5), 4)
    text = bounds(Formula(expression=background.format(p=pole.format(c=centre).replace("--", "+"))))
    assert text.endswith("∞") or re.search(rf"∞ \(at a pole near -?{abs(centre):.4g}\)$", text), (
        pole,
        centre,
        text,
    )


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("exp(-(x-2000.3)**2)", "0 to 1 (at 2000)"),
        ("exp(-(1e4*(x-0.30037))**2)", "0 to 1 (at 0.3004)"),
        ("1/(1e-12+x*x)", "0 to 1e+12 (at 0)"),
        ("1/(1e-40+(x-20.0003)**2)", "0 to 1e+40 (at 20)"),
        ("1/(1e-9+abs(x-20.0003))", "0 to 1e+09 (at 20)"),
        ("sin(x-20.0003)/(x-20.0003)", "-0.2172 (at 15.51) to 1 (at 20)"),
        ("1/(x-3010.3)**2+5*exp(-x*x)", "0 to ∞ (at a pole near 3010)"),
        ("1/((x+1e6)-1e6-20.3)", "−∞ (at a pole near 20.3) to ∞ (at a pole near 20.3)"),
        ("log(abs(x-77.77777))", "−∞ (at a pole near 77.78) to ∞"),
    ],
)
def test_a_pole_and_a_high_peak_are_told_apart(expression, expected):
    assert bounds(Formula(expression=expression)) == expected


@pytest.mark.parametrize("seed", range(3))
def test_the_range_of_random_formulas_encloses_their_values(seed):
    choose, accepted = random.Random(seed), 0
    while accepted < 8:
        try:
            formula = Formula(expression=expression(choose, choose.randint(1, 4), ["x"]))
        except ValueError:
            continue
        accepted += 1
        assert_encloses(bounds(formula), dense(formula))


@pytest.mark.parametrize("seed", range(4))
def test_an_enclosure_encloses(seed):
    choose, accepted = random.Random(100 + seed), 0
    random_numbers = np.random.default_rng(seed)
    while accepted < 15:
        try:
            formula = Formula(expression=expression(choose, choose.randint(1, 4), ["x"]))
        except ValueError:
            continue
        accepted += 1
        low = random_numbers.uniform(-9, 9, 50)
        high = low + 10.0 ** random_numbers.uniform(-12, 0, 50)
        bounded = enclosure(formula, Interval(low, high))
        h = formula(low + (high - low) * np.linspace(0, 1, 41)[:, None])
        slack = 1e-9 * np.abs(h).max(axis=0)
        assert (bounded.low <= h.min(axis=0) + slack).all(), formula.expression
        assert (bounded.high >= h.max(axis=0) - slack).all(), formula.expression
