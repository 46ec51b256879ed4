"""Every formula of the catalogue against mpmath at 400 bits, values and all derivatives.

There are two bounds, for |z| ≤ 1e4: 8 eps times the largest intermediate value of the compiled program, and 8 eps times
the largest of 1, |z| and the exact result. The second one holds where an exponential is large that cancels out.
"""

import ast
from functools import cache

import numpy as np
import pytest
from mpmath import mp, mpf

import nets.formula
from experiments.config.catalogue import entries
from nets.formula import Formula
from tests.experiments.exact import BITS, Dual, exact

FORMULAS = {name: entry for name, entry in entries().items() if "expression" in entry.node}
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


class Recorder:
    """Notes the largest finite value that any instruction of a program has yielded, at each point."""

    def __init__(self):
        self.largest = None  # while the formula is checked

    def __call__(self, function):
        def recording(*arguments, out):
            function(*arguments, out=out)
            if self.largest is None:
                return
            size = np.abs(out).astype(np.float64)  # a mask may be NaN
            self.largest = np.maximum(self.largest, np.where(np.isfinite(size), size, 0))

        return recording


def points(activation, dtype, count):
    """Return pre-activations (1, points, pieces) up to ±1e4, none of them within rounding of a kink or jump."""
    random = np.random.default_rng(0)
    shape = (count, activation.pieces)
    size = 10.0 ** random.uniform(-6, 4, shape) * random.choice([-1, 1], shape)
    z = np.concatenate(
        [size, random.uniform(-12, 12, (2 * count, activation.pieces)), np.zeros((1, activation.pieces))]
    )
    if activation.pieces == 1:
        corners = np.array([x for x in (*activation.kinks, *activation.jumps) if x], dtype=np.float64)
        z = np.concatenate([z, [[-1e4], [1e4]], 1.001 * corners[:, None], 0.999 * corners[:, None]])
        z = z[(np.abs(z - corners) > 1e-6 * np.abs(corners)).all(axis=1)]
    return z.astype(dtype)[None]


def computed(activation, z):
    """Return h and the derivative by each piece and parameter, each with the largest intermediate value."""
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        ufuncs = {name: recorder(function) for name, function in nets.formula._UFUNCS.items()}
        patch.setattr(nets.formula, "_UFUNCS", ufuncs)
        activation = Formula(activation.name, activation.expression, activation.parameters, per=activation.per)
    learned = activation.init(1, 1, z.dtype)
    work, h = activation.buffers(z.shape, z.dtype), np.empty((*z.shape[:-1], 1), z.dtype)
    recorder.largest = np.abs(z).max(axis=-1, keepdims=True).astype(np.float64)
    activation.forward(z, h, work, **learned)
    results = {"h": h[0, :, 0].copy()}
    derivative = activation.derivative(z, h, work, **learned)
    names = ("x",) if activation.pieces == 1 else ("x0", "x1")
    results |= {name: derivative[0, :, piece].copy() for piece, name in enumerate(names)}
    for name, slope in activation.parameter_derivatives(z, h, work, **learned).items():
        results[name] = np.broadcast_to(slope, h.shape)[0, :, 0].copy()
    return results, np.broadcast_to(recorder.largest, h.shape)[0, :, 0]


@cache
def tree(expression):
    return ast.parse(expression, mode="eval")


def violations(activation, expression, dtype, count):
    """Return what is out of its bound, as texts."""
    z = points(activation, dtype, count)
    results, largest = computed(activation, z)
    info = np.finfo(dtype)
    learned = {name: value.item() for name, value in activation.init(1, 1, dtype).items()}
    pieces = ["x"] if activation.pieces == 1 else ["x0", "x1"]
    faults = []
    with mp.workprec(BITS):
        for row, numbers in enumerate(z[0].tolist()):
            values = dict(zip(pieces, numbers, strict=True)) | learned
            size = max(1, *map(abs, numbers))
            for name in (*pieces, *learned):
                number = exact(tree(expression), {key: Dual(value, key == name) for key, value in values.items()})
                for quantity, right in (
                    {name: number.slope} | ({"h": number.value} if name == pieces[0] else {})
                ).items():
                    value = results[quantity][row].item()
                    scale = min(mpf(float(largest[row])), max(size, abs(right)))
                    bound = 8 * mpf(float(info.eps)) * scale + 2 * float(info.tiny)
                    too_large = abs(right) + bound > float(info.max) and abs(value) == np.inf and value * right > 0
                    if not too_large and not (np.isfinite(value) and abs(mpf(value) - right) <= bound):
                        faults.append(
                            f"{quantity} at {numbers}: {value} for {mp.nstr(right, 20)} ± {mp.nstr(bound, 3)}"
                        )
    return faults


@each_dtype
@pytest.mark.parametrize("name", FORMULAS)
def test_values_and_derivatives(name, dtype):
    assert not violations(FORMULAS[name].activation, FORMULAS[name].activation.expression, dtype, 20)


@pytest.mark.slow
@each_dtype
@pytest.mark.parametrize("name", FORMULAS)
def test_values_and_derivatives_at_many_points(name, dtype):
    assert not violations(FORMULAS[name].activation, FORMULAS[name].activation.expression, dtype, 400)


def test_an_error_of_a_millionth_is_seen():
    activation = FORMULAS["serf"].activation
    assert violations(activation, "x*erf(1.000001*softplus(x))", np.float64, 5)
    assert violations(activation, "x*erf(softplus(x)) + 1e-13", np.float64, 5)


@pytest.mark.parametrize(
    ("name", "error", "dtype"),
    [
        ("log_arctan_exp", "100*step(x - 41)", np.float64),
        ("colu", "10*step(-42 - x)", np.float64),
        ("tanhexp", "20*step(x - 21)", np.float64),
        ("erfact", "20*step(x - 30)", np.float64),
        ("golu", "20*step(-21 - x)", np.float32),
    ],
)
def test_an_error_in_a_tail_is_seen(name, error, dtype):
    """These formulas have exp(min(x, 20)) or so: their largest intermediate value lets errors of hundreds pass."""
    activation = FORMULAS[name].activation
    wrong = Formula("wrong", f"{activation.expression} + {error}", activation.parameters)
    assert violations(wrong, activation.expression, dtype, 20)


@each_dtype
def test_the_left_tail_of_colu_has_its_digits(dtype):
    """Both bounds allow any number as small as 1e-16; a clipped exponential gave -1e-17 and the wrong slope."""
    activation = FORMULAS["colu"].activation
    for x in (-30.0, -50.0, -80.0):
        number = exact(tree("x/(1 - x*exp(-x - exp(x)))"), {"x": Dual(x, 1)})
        z = np.array([x], dtype)
        assert activation(z).item() == pytest.approx(float(number.value), rel=1e-5, abs=0)
        assert activation.prime(z).item() == pytest.approx(float(number.slope), rel=1e-5, abs=0)
