"""Formulas: the whitelist against hostile text, and a formula as an activation like any other."""

import contextlib
import pickle
import re
import shutil
import time
import tracemalloc
import warnings

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

import nets.activations as a
import nets.graph as g
from experiments.config.errors import ConfigError
from experiments.config.settings import from_record, resolve
from nets.derivatives import gradient
from nets.expressions import FUNCTIONS, MATRIX_FUNCTIONS, ExpressionError, build, parse
from nets.formula import Formula, TiedStartError
from nets.graph import Node
from nets.network import Network, Work
from nets.outputs import SoftmaxCE
from tests.conftest import CONF

# Formula, and what the message must quote or say.
HOSTILE = {
    "x.real": "'x.real' is an attribute",
    "(1).__class__": "'(1).__class__' is an attribute",
    "x.__class__.__mro__": "is an attribute",
    "exp.__globals__": "'exp.__globals__' is an attribute",
    "__import__('os').system('id')": "calls something other than a named function",
    "__import__('os')*x": "\"__import__('os')\" is unknown",
    "__builtins__*x": "'__builtins__' is unknown",
    "eval(x)": "'eval(x)' is unknown: allowed: exp, expm1",
    "exec(x)": "'exec(x)' is unknown: allowed:",
    "open(x)": "'open(x)' is unknown",
    "getattr(x,x)": "'getattr(x,x)' is unknown",
    "tahn(x)": "'tahn(x)' is unknown: did you mean 'tanh'?",
    "x*bete": "'bete' is unknown: allowed: x",
    "np.tanh(x)": "'np.tanh(x)' calls something other than a named function: write tanh(…)",
    "'x'*3": "\"'x'\" is a string",
    "x*'abc'": "\"'abc'\" is a string",
    "b'x'+x": "\"b'x'\" is a string",
    "f'{x}'": "\"f'{x}'\" is a string",
    "'\\d'*x": "is a string",
    "[x for x in x]": "'[x for x in x]' is a comprehension",
    "{x for x in x}": "is a comprehension",
    "{x:x for x in x}": "is a comprehension",
    "(x for x in x)": "is a comprehension",
    "sum(x for _ in x)": "is unknown|is a comprehension|elementwise",
    "lambda x: x": "'lambda x: x' is a lambda",
    "(lambda: x)()": "calls something other than a named function",
    "(y:=x)": "'(y:=x)'|'y:=x'",
    "y:=x": "no arithmetic expression",
    "x[0]": "'x[0]' is a subscript",
    "x[::-1]": "'x[::-1]' is a subscript",
    "[x]": "'[x]' is a collection",
    "(x,x)": "'(x,x)' is a collection",
    "{x}": "'{x}' is a collection",
    "{1:x}": "'{1:x}' is a collection",
    "max(*x)": "is wrong: maximum takes 2 arguments|'max(*x)'",
    "max(x)": "'max(x)' is wrong: max takes 2 arguments",
    "exp(x,x)": "'exp(x,x)' is wrong: exp takes 1 argument",
    "exp(a=x)": "'exp(a=x)' is wrong: exp takes 1 argument",
    "exp()": "'exp()' is wrong",
    "exp(**x)": "'exp(**x)' is wrong",
    "exp*x": "'exp' is a function: write exp(…)",
    "x if x else x": "'x if x else x' is a condition",
    "x>0": "'x>0' is a comparison",
    "x and x": "'x and x' is a logical operation",
    "not x": "'not x' has a sign",
    "~x": "'~x' has a sign",
    "+x": "'+x' has a sign",
    "x//2": "'x//2' is no operation",
    "x%2": "'x%2' is no operation",
    "x<<2": "'x<<2' is no operation",
    "x|x": "'x|x' is no operation",
    "x^2": "'x^2' is no operation: a power is written **",
    "x@x": "'x@x' does not have the shape of x",
    "sum(x)": "'sum(x)' does not have the shape of its argument",
    "mean(x)*x": "'mean(x)' does not have the shape",
    "x**x**x": "'x**x**x' is a tower of powers",
    "9**9**9**9*x": "'9**9**9**9' is a tower of powers",
    "(x**9)**9": "'(x**9)**9' is a tower of powers",
    "x**(2*x**2)": "is a tower of powers",
    "x+1e7": "'1e7' is too large",
    "x*" + "9" * 150: "is too large",
    "x+1e999": "'1e999' is too large",
    "x*2j": "'2j' is an imaginary number",
    "x*True": "'True' is no number",
    "x+None": "'None' is no number",
    "x*...": "'...' is no number",
    "await x": "is a statement of a coroutine|no arithmetic",
    "yield x": "no arithmetic|coroutine",
    "import os": "no arithmetic expression at 'import os'",
    "x=1": "no arithmetic expression at",
    "x;x": "no arithmetic expression at ';x'",
    "x\nx": "'\\n' is not allowed",
    "x\x00": "'\\x00' is not allowed",
    "𝐱": "'𝐱' is not allowed",
    "х": "'х' is not allowed",  # Cyrillic
    "x²": "'²' is not allowed",
    "x # comment": "'# comment' is a comment",
    "x*": "no arithmetic expression at '*', character 2: a value is missing after it",
    "(x+)*2": "at '+)*2', character 3: a value is missing after it",
    "(x": "no arithmetic expression at '(x', character 1: this parenthesis is not closed",
    "tanh(x*exp(x)": "at '(x*exp(x)', character 5: this parenthesis is not closed",
    "x)": "no arithmetic expression at ')', character 2: this parenthesis closes none",
    "x x": "no arithmetic expression at 'x', character 3",
    "tanh x": "at 'tanh x', character 1: the argument of a function stands in parentheses",
    "2x": "at '2x', character 1: a product is written with *",
    "2(x)": "'2(x)' calls a number: a product is written with *",
    "max(x,,0)": "at ',0)', character 7: a value is missing beside this comma",
    "x,": "'x,' is a collection: a comma stands only between the arguments of a function",
    "1if x else 2": "is a condition",
    "": "the expression is empty",
    "   ": "the expression is empty",
    "(" * 100 + "x" + ")" * 99: "no arithmetic|cannot be read",
    "-" * 100 + "x": "101 numbers, names, operations and calls, allowed are 60",
    "+".join(["x"] * 31): "61 numbers, names, operations and calls, allowed are 60",
    "x" + " " * 200: "201 characters, allowed are 200",
    "x+" * 100 + "x": "201 characters",
    "2": "has no x in it",
    "exp(2)*3": "has no x in it",
    "log(x)": "'log(x)' is nan at x = -50",
    "sqrt(x)+1": "'sqrt(x)' is nan at x = -50",
    "x**0.5": "'x ** 0.5' is nan at x = -50",
    "1/x": "'1 / x' is inf at x = 0",
    "x+1/(x-3)": "is inf at x = 3",
    "exp(exp(x))": "is inf at x =",
    "sin(exp(exp(x)))": "'sin(exp(exp(x)))' is nan at x =",
    "sqrt(abs(x))": "its derivative by x is",
    "sqrt(x*x)": "its derivative by x is nan at x = 0",
    "(x/0)*0": "is nan at x",
    "exp(9*x)*exp(-9*x)*x": "it is nan at x = -50 in float32",
    "where(x,x)": "'where(x,x)' is wrong: where takes 3 arguments",
    "where*x": "'where' is a function: write where(…)",
    "where(x>0,x,0)": "'x>0' is a comparison",
    "where(x,log(x-1),0)": "'log(x - 1)' is nan at x = 0.001",
    "where(x,0,log(x))": "'log(x)' is nan at x = -50",
    "where(x,1/(x-3),0)": "is inf at x = 3",
    "where(x,1/(x-3.3337),0)": "has a pole near x = 3.33",
    "where(x,1/x,0)": "it has a pole near x = 0",
    "where(x-0.30033,x/(x-0.30033),x)": "has a pole near x = 0.3",
    "where(x-1,x,sqrt(1-x))": "its derivative by x is -inf at x = 1",
    "x0*x": "it has x beside x0 and x1: allowed is x alone, or x0 and x1",
    "x0*x1+x": "it has x beside x0 and x1",
    "x0*2": "has no x1 in it",
    "x1": "has no x0 in it",
    "x0*x1*x2": "'x2' is unknown: allowed: x0, x1",
    "x0*log(x1)": "'log(x1)' is nan at x0 = -50, x1 = -50",
    "x0/x1": "is -inf at x0 = -10, x1 = 0",
    "x0/(x1-1.2345)": "has a pole near x0 = -10, x1 = 1",
    "exp(x0*x0)*x1": "is nan at x0 = -50, x1 = 0",
    "sqrt(x0*x0+x1*x1)": "its derivative by x",
}


@pytest.mark.parametrize(("expression", "message"), HOSTILE.items(), ids=[repr(each)[:40] for each in HOSTILE])
def test_hostile_formulas_are_refused_in_one_line(expression, message):
    with pytest.raises(ValueError, match=r"^formula\.expression=") as caught:
        Formula(expression=expression)
    text = str(caught.value)
    assert "\n" not in text
    assert any(each in text for each in message.split("|")), text


def test_there_are_enough_of_them():
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize("expression", [None, 3, ["x"], {"x": 1}, b"x"])
def test_what_is_no_text_is_refused(expression):
    with pytest.raises(ValueError, match="is no text"):
        Formula(expression=expression)


@given(st.text(st.sampled_from("x exp(tanh)*+-/.0129_['\"]{}:=,;#\\lambda"), max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_parsed_or_refused(text):
    with contextlib.suppress(ExpressionError):
        assert build(parse(text, ["x"]), {"x": Node(0.3)})[0].shape == ()


def test_limits_are_inclusive():
    parse("x" + " " * 199, ["x"])
    parse("-" + "+".join(["x"] * 30), ["x"])
    parse("x*1e6", ["x"])


@pytest.mark.parametrize("name", [*FUNCTIONS, *MATRIX_FUNCTIONS])
def test_every_function_is_its_gate(name):
    gate = (FUNCTIONS | MATRIX_FUNCTIONS)[name]
    values = dict([("x", Node([0.3, 0.7])), ("y", Node([0.5, 0.1])), ("z", Node([2.0, 3.0]))][: len(gate.local)])
    node, _ = build(parse(f"{name}({', '.join(values)})", values, matrices=True), values)
    assert node.gate is gate
    assert node.inputs == tuple(values.values())


# --- as an activation

TWINS = {
    "x": a.Linear(),
    "sigmoid(x)": a.Sigmoid(),
    "1/(1+exp(-x))": a.Sigmoid(),
    "tanh(x)": a.Tanh(),
    "relu(x)": a.ReLU(),
    "max(0,x)": a.ReLU(),
    "max(x,0)": a.ReLU(at_zero=1),
    "softplus(x)": a.Softplus(),
    "log1p(exp(x))": a.Softplus(),
    "max(0.01*x,x)": a.LeakyReLU(),
    "max(0,x)+min(0,expm1(x))": a.ELU(),
    "max(0,x)+min(0,0.3*expm1(x))": a.ELU(alpha=0.3),
    "max(-1,x)": a.ShiftedReLU(),
    "1.0507009873554805*(relu(x)+1.6732632423543772*expm1(min(0,x)))": a.SELU(),
    "relu(x)+2*expm1(min(x,0)/2)": a.CELU(alpha=2),
    "x/2*(1+erf(x*0.7071067811865476))": a.GELU(),
    "x*sigmoid(1.5957691216057308*(x+0.044715*x**3))": a.GELU(approximate="tanh"),
    "x*sigmoid(x)": a.SiLU(),
    "x*tanh(softplus(x))": a.Mish(),
    "x/(1+abs(x))": a.Softsign(),
    "min(max(-1,x),1)": a.HardTanh(),
    "min(max(0,x/6+0.5),1)": a.HardSigmoid(),
    "x*min(max(0,x/6+0.5),1)": a.HardSwish(),
    "relu(x)**2": a.ReLUSquared(),
    "where(x,x,0)": a.ReLU(),
    "where(x,x,0.01*x)": a.LeakyReLU(),
    "where(x,x,expm1(x))": a.ELU(),
    "where(x,x,0.3*expm1(x))": a.ELU(alpha=0.3),
    "where(x,x/(1+x),x/(1-x))": a.Softsign(),
    "where(x+3,where(x-3,x,x*(x+3)/6),0)": a.HardSwish(),
    "-logsigmoid(-x)": a.Softplus(),
    "x*step(x)": a.ReLU(),
    "x/(1+x*sign(x))": a.Softsign(),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("expression", TWINS)
def test_a_formula_equals_its_built_in_twin(expression, dtype):
    formula, twin = Formula(expression=expression), TWINS[expression]
    z = np.random.default_rng(0).uniform(-20, 20, 2001).astype(dtype)
    eps = np.finfo(dtype).eps
    for ours, theirs in ((formula(z), twin(z)), (formula.prime(z), twin.prime(z).astype(dtype))):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=40 * eps * max(1, np.abs(theirs).max()))
    np.testing.assert_allclose(formula.kinks, twin.kinks, atol=1e-8)
    assert formula.saturates == twin.saturates
    # Of these the built-in one has a reason of its own.
    assert formula.initializer == twin.initializer or isinstance(twin, a.Linear | a.SELU | a.ReLUSquared)


FUNCTIONS_OF_ONE = [name for name, gate in FUNCTIONS.items() if len(gate.local) == 1]


CONDITIONS = ["x", "x-0.3", "abs(x)-1", "x*x-2", "sin(x)", "0", "1"]


def expressions():
    """Return a strategy of formulas that are finite: every function, nested, of tame arguments."""
    leaf = st.sampled_from(["x", "0.5", "beta", "2", "-1.25", "x", "x"])
    return (
        st.recursive(
            leaf,
            lambda inner: st.one_of(
                st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
                st.tuples(inner, inner).map(lambda t: f"({t[0]}/(2+abs({t[1]})))"),
                st.tuples(st.sampled_from(["max", "min"]), inner, inner).map(lambda t: f"{t[0]}({t[1]},{t[2]})"),
                st.tuples(
                    st.sampled_from(["tanh", "sigmoid", "softplus", "relu", "sin", "cos", "erf", "abs", "atan"]), inner
                ).map(lambda t: f"{t[0]}({t[1]})"),
                st.tuples(st.sampled_from(["asinh", "logsigmoid"]), inner).map(lambda t: f"{t[0]}({t[1]})"),
                st.sampled_from(["step(x-0.25)", "sign(x+1)*x", "where(1,x,exp(x))", "where(x,2,-beta)"]),
                st.tuples(st.sampled_from(CONDITIONS), inner, inner).map(lambda t: f"where({t[0]},{t[1]},{t[2]})"),
                # The logarithm or root is NaN in the branch that is not taken.
                inner.map(lambda e: f"where(x+0.5,log(x+1)*({e}),{e})"),
                inner.map(lambda e: f"where(1-x,{e},sqrt(x-0.5)+({e}))"),
                inner.map(lambda e: f"exp(-abs({e}))"),
                inner.map(lambda e: f"expm1(min({e},1))"),
                inner.map(lambda e: f"log(1+abs({e}))"),
                inner.map(lambda e: f"log1p(relu({e}))"),
                inner.map(lambda e: f"sqrt(1+({e})*({e}))"),
                inner.map(lambda e: f"(1+abs({e}))**beta"),
                inner.map(lambda e: f"tanh({e})**3"),
                inner.map(lambda e: f"-({e})"),
            ),
            max_leaves=7,
        )
        .map(lambda e: f"{e}+x*beta")
        .filter(fits)
    )  # both names are in each


def fits(expression):
    """Return whether an expression is short enough."""
    with contextlib.suppress(ExpressionError):
        return bool(parse(expression, ["x", "beta"]))


@given(expressions())
@settings(max_examples=80, deadline=None)
def test_what_is_compiled_equals_the_graph(expression):
    formula = Formula(expression=expression, parameters={"beta": 0.75})
    z = np.random.default_rng(0).normal(size=(2, 9, 3)) * 2
    beta = np.array([0.75, -0.4]).reshape(2, 1, 1)
    tree = parse(expression, ["x", "beta"])
    leaves = {"x": Node(z), "beta": Node(np.broadcast_to(beta, z.shape).copy())}
    y, _ = build(tree, leaves)
    total = g.backpropagate(y, leaves.values()).total
    h, work = np.empty_like(z), formula.buffers(z.shape, z.dtype)
    before = z.copy()
    formula.forward(z, h, work, beta=beta)
    for _ in range(2):  # in any order, and again
        slope = formula.derivative(z, h, work, beta=beta)
        np.testing.assert_allclose(slope, total[leaves["x"]].value, rtol=1e-9, atol=1e-9)
        by_beta = formula.parameter_derivatives(z, h, work, beta=beta)["beta"]
        np.testing.assert_allclose(by_beta, total[leaves["beta"]].value, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(slope, total[leaves["x"]].value, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(h, y.value, rtol=1e-10, atol=1e-10)
    assert slope.shape == by_beta.shape == h.shape == z.shape
    np.testing.assert_array_equal(z, before)


VARIANTS = [
    Formula(),
    Formula(expression="x"),
    Formula(expression="beta*x", parameters={"beta": 1.5}),
    Formula(expression="x*sigmoid(beta*x)", parameters={"beta": 1.0}),
    Formula(expression="max(x,0)+min(0,a*expm1(b*x))", parameters={"a": 1, "b": 0.5}),
    Formula(expression="(1+abs(x))**p*sin(x)+cos(2*x)*erf(x)", parameters={"p": 0.3}),
    Formula(expression="log1p(abs(x))*tanh(x)/sqrt(1+x**2)-softplus(x)"),
    Formula(expression="where(x,b*x,b*a*sin(x/a))", parameters={"a": 1, "b": 0.5}, per="unit"),
    Formula(expression="a*where(x+1,log(x+2),where(x+3,x+1,2*sqrt(1-x)-6))*b", parameters={"a": 1, "b": 0.5}),
    Formula(expression="x*sigmoid(beta*x)", parameters={"beta": 1.0}, per="unit"),
    Formula(expression="x0*x1*sigmoid(x1)"),
    Formula(expression="x0*relu(x1)+a*x1", parameters={"a": 0.5}),
    Formula(expression="where(x1,a*x0+x1**3,a*x0-x1*x1*sin(b*x1))", parameters={"a": 0.5, "b": 2}, per="unit"),
    Formula(expression="x0+x1"),
]


@given(
    formula=st.sampled_from(VARIANTS),
    dtype=st.sampled_from(["float32", "float64"]),
    hidden=st.lists(st.sampled_from([1, 2, 3, 8, 13, 33, 64]), min_size=1, max_size=2),
    rows=st.integers(1, 40),
    seeds=st.lists(st.integers(0, 20), min_size=2, max_size=6, unique=True),
    position=st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_a_replica_is_bit_identical_alone_and_in_any_stack(formula, dtype, hidden, rows, seeds, position):
    def stepped(seeds):
        network = Network(4, hidden, 3, formula, len(seeds), dtype)
        work, output = Work(network, rows), SoftmaxCE()
        for index, seed in enumerate(seeds):
            random = np.random.default_rng(seed)
            network.parameters[index] += random.normal(size=network.parameters.shape[1]) / 3
            work.inputs[index] = random.normal(size=(rows, 4))
            work.targets[index] = output.encode(random.integers(3, size=rows), 3, dtype)
        output.gradient(network.forward(work), work.targets, work.delta)
        network.backward(work)
        return [row.tobytes() for row in np.hstack([network.gradient, work.scores.reshape(len(seeds), -1)])]

    position %= len(seeds)
    assert stepped(seeds)[position] == stepped([seeds[position]])[0]


@pytest.mark.parametrize("formula", VARIANTS, ids=repr)
def test_a_network_of_formulas_has_the_right_gradient(formula):
    network = Network(3, [4, 3], 3, formula, 2, "float64")
    random = np.random.default_rng(0)
    network.parameters += random.normal(size=network.parameters.shape) / 2
    work, output = Work(network, 7), SoftmaxCE()
    work.inputs[:] = random.normal(size=work.inputs.shape)
    work.targets[:] = output.encode(random.integers(3, size=14), 3, float).reshape(work.targets.shape)
    output.gradient(network.forward(work), work.targets, work.delta)
    network.backward(work)
    ours, start = network.gradient.copy(), network.parameters.copy()

    def cost(parameters):
        network.parameters[:] = parameters
        return output.cost(network.forward(work), work.targets).sum()

    np.testing.assert_allclose(ours, gradient(cost, start, "differences"), rtol=1e-6, atol=1e-8)


def test_learned_parameters_are_one_per_layer_and_kept_as_text():
    formula = Formula(expression="a*x*sigmoid(beta*x)", parameters={"beta": 1, "a": "0.5"})
    assert formula.parameters == "a=0.5, beta=1.0"
    assert Formula(expression=formula.expression, parameters=formula.parameters) == formula
    assert {name: value.tolist() for name, value in formula.init(2, 5, "float32").items()} == {
        "a": [[[0.5]], [[0.5]]],
        "beta": [[[1.0]], [[1.0]]],
    }
    assert hash(formula) == hash(pickle.loads(pickle.dumps(formula)))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(formula))([1.0, 2.0]), formula([1.0, 2.0]))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"x": 1}, "'x' cannot be the name"),
        ({"exp": 1}, "'exp' cannot be the name"),
        ({"weight": 1}, "'weight' cannot be the name"),
        ({"_a": 1}, "'_a' cannot be the name"),
        ({"if": 1}, "'if' cannot be the name"),
        ({"a b": 1}, "'a b' cannot be the name"),
        ({1: 1}, "'1' cannot be the name"),
        ({"beta": "much"}, "beta='much': allowed is one number"),
        ({"beta": None}, "beta=None: allowed is"),
        ({"beta": True}, "beta=True: allowed is"),
        ({"beta": [1.0]}, "allowed is one number"),
        ({"beta": np.inf}, "beta=inf: allowed is"),
        ({"beta": np.nan}, "beta=nan: allowed is"),
        ({"beta": 1.0, "gamma": 1.0}, "has no gamma in it"),
        ({}, "'beta' is unknown"),
        ([1], "allowed is a mapping"),
        ("beta", "beta='': allowed is"),
        ("beta=1,beta=2", "beta='2': allowed is"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Formula(expression="x*sigmoid(beta*x)", parameters=parameters)


@pytest.mark.parametrize("name", ["relu", "../x", "", "Upper", "a-b", "1a", "x" * 41, 3])
def test_bad_names_are_refused(name):
    with pytest.raises(ValueError, match=r"activation\.name="):
        Formula(name=name)


def test_a_derivative_wrong_by_a_thousandth_is_refused(monkeypatch):
    honest = Formula.derivative
    monkeypatch.setattr(Formula, "derivative", lambda self, *a, **k: 1.001 * honest(self, *a, **k))
    with pytest.raises(ValueError, match=r"its derivative by x at x = .* is not .* by differences"):
        Formula()


def test_parameters_per_unit():
    formula = Formula(expression="a*x", parameters={"a": 0.5}, per="unit")
    start = formula.init(2, 5, "float32")["a"]
    assert (start.shape, start.dtype, set(start.ravel())) == ((2, 1, 5), np.float32, {0.5})
    z, learned = np.ones((2, 3, 5)), np.arange(10.0).reshape(2, 1, 5)
    h, work = np.empty_like(z), formula.buffers(z.shape, z.dtype)
    formula.forward(z, h, work, a=learned)
    np.testing.assert_array_equal(h, np.broadcast_to(learned, z.shape))
    assert formula != Formula(expression="a*x", parameters={"a": 0.5})
    with pytest.raises(ValueError, match=r"activation\.per='row' of formula: allowed is layer or unit"):
        Formula(per="row")


def test_a_later_function_may_be_the_name_of_a_parameter():
    """Formulas that are older than these functions stay valid."""
    names = ("asinh", "atan", "logsigmoid", "sign", "step", "where", "x0", "x1")
    formula = Formula(expression="*".join(("x", *names)), parameters=dict.fromkeys(names, 2.0))
    assert formula.pieces == 1
    assert formula(3.0) == 3 * 2**8


TWO_PIECES = {
    "x0*sigmoid(x1)": lambda a, b: a / (1 + np.exp(-b)),
    "x0*x1": lambda a, b: a * b,
    "x0*relu(x1)": lambda a, b: a * np.maximum(b, 0),
    "x0*x1*sigmoid(x1)": lambda a, b: a * b / (1 + np.exp(-b)),
    "max(x0,x1)": np.maximum,
    "where(x0,x1,2)": lambda a, b: np.where(a > 0, b, 2),
    "x1-x0": lambda a, b: b - a,
    "x0+x1*x1": lambda a, b: a + b * b,
    "tanh(x0+sin(cos(x1)))": lambda a, b: np.tanh(a + np.sin(np.cos(b))),
}


@pytest.mark.parametrize("expression", TWO_PIECES)
def test_two_pieces(expression):
    formula, exact = Formula(expression=expression), TWO_PIECES[expression]
    z = np.random.default_rng(0).normal(size=(2, 7, 6))
    a, b = z[..., :3], z[..., 3:]
    np.testing.assert_allclose(formula(z), exact(a, b), rtol=1e-13)
    step = 1e-6
    by_a, by_b = exact(a + step, b) - exact(a - step, b), exact(a, b + step) - exact(a, b - step)
    np.testing.assert_allclose(formula.prime(z), np.concatenate([by_a, by_b], axis=-1) / 2 / step, atol=1e-8)
    assert (formula.pieces, formula.kinks, formula.jumps, formula.saturates) == (2, (), (), "neither")
    assert formula.trains


def test_glu_as_a_formula_is_glu():
    z = np.random.default_rng(0).normal(size=(4, 6)) * 5
    ours, theirs = Formula(expression="x0*sigmoid(x1)"), a.GLU()
    np.testing.assert_allclose(ours(z), theirs(z), rtol=1e-14)
    np.testing.assert_allclose(ours.prime(z), theirs.prime(z), rtol=1e-13)
    assert ours.initializer == theirs.initializer


# What a formula is at points left and right of its boundary, and its slope there.
BRANCHES = {
    "where(x,log(x+1),sqrt(1-x))": ([-3, 0, 1], [2, 1, np.log(2)], [-0.25, -0.5, 0.5]),
    "where(x,sqrt(x),0)+where(x-1,2*sqrt(x),1)": ([-1, 0, 1, 4], [1, 1, 2, 6], [0, 0, 0.5, 0.75]),
    "where(x,2*sqrt(x),3)-where(x-1,1,sqrt(2-x))": ([-2, 1, 4], [1, 1, 3], [0.25, 1.5, 0.5]),
    "where(x,where(x-1,sqrt(x),x),exp(x/(1-x)))": ([-1, 0.5, 4], [np.exp(-0.5), 0.5, 2], [np.exp(-0.5) / 4, 1, 0.25]),
    "sqrt(where(x-2,x-1,1))": ([-4, 1, 5], [1, 1, 2], [0, 0, 0.25]),
    "where(x,x*x*x,-x)**2": ([-2, 1, 2], [4, 1, 64], [-4, 6, 192]),
    "where(-x,tanh(x),x)": ([-1, 0, 2], [np.tanh(-1), 0, 2], [1 - np.tanh(1) ** 2, 1, 1]),
    "where(abs(x)-0.5,x,0)": ([-1, -0.5, 0.25, 0.5, 1], [-1, 0, 0, 0, 1], [1, 0, 0, 0, 1]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("expression", BRANCHES)
def test_a_branch_that_is_not_taken_leaves_no_trace(expression, dtype):
    z, h, slope = (np.array(values, dtype) for values in BRANCHES[expression])
    formula = Formula(expression=expression)
    np.testing.assert_allclose(formula(z), h, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(formula.prime(z), slope, rtol=1e-6, atol=1e-7)
    x = Node(z.astype(np.float64), "x")
    y, _ = build(parse(expression, ["x"]), {"x": x})
    np.testing.assert_allclose(y.value, h, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(g.backpropagate(y, [x]).total[x].value, slope, rtol=1e-6, atol=1e-7)


def test_second_derivatives_pass_branches_too():
    x = Node([-2.0, 0.0, 0.5], "x")
    y, _ = build(parse("where(x,x*sqrt(x),-log(1-x))", ["x"]), {"x": x})
    first = g.backpropagate(y, [x]).total[x]
    second = g.backpropagate(first, [x]).total[x]
    np.testing.assert_allclose(first.value, [1 / 3, 1, 1.5 * 0.5**0.5])
    np.testing.assert_allclose(second.value, [1 / 9, 1, 0.75 / 0.5**0.5])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "expression", ["where(x,x,0)", "where(abs(x)-1,2,x*x)", "step(x)", "x*step(x)", "step(x)+where(x,1,2)", "sign(x)"]
)
def test_a_nan_is_no_branch(expression, dtype):
    for nan in (np.nan, -np.nan):
        z = np.array([nan, 0.5, nan, -3], dtype)
        np.testing.assert_array_equal(np.isnan(Formula(expression=expression)(z)), np.isnan(z))
    for z in ([[np.nan, 1.0]], [[1.0, np.nan]]):
        assert np.isnan(Formula(expression="where(x0,1,where(x1,2,3))")(z)).all()


def test_jumps_are_tolerated_and_named():
    def facts(expression):
        formula = Formula(expression=expression)
        return formula.kinks, formula.jumps

    assert facts("step(x)") == ((), (0.0,))
    assert facts("sign(x-1)+step(x+2)/9") == ((), (-2.0, 1.0))
    assert facts("where(abs(x)-0.5,x,0)") == ((-0.5, 0.5), (-0.5, 0.5))
    assert facts("sign(x)*max(abs(x)-0.5,0)") == ((-0.5, 0.5), ())
    assert facts("where(x-2,x+1e-5,x)") == ((), (2.0,))
    assert facts("where(x,x*x,0)") == ((), ())
    assert facts("1e6*relu(x)") == ((0.0,), ())
    assert facts("relu(x)") == ((0.0,), ())
    assert facts("tanh(x)") == ((), ())
    assert Formula(expression="3*step(x)").prime(0.0) == 0


def test_what_cannot_learn_says_so():
    for expression in ("step(x)", "sign(x)+2", "step(x0)+x1-x1", "where(sin(x),1,0)", "0*x"):
        assert not Formula(expression=expression).trains
    assert all(formula.trains for formula in VARIANTS)
    assert Formula(expression="max(min(x,41),40)").trains


def test_a_condition_that_starts_as_a_tie_is_refused_with_a_start_that_is_allowed():
    with pytest.raises(TiedStartError, match="is a tie for every x while a=0") as caught:
        Formula(expression="where(a*x,x,2*x)+a*x", parameters={"a": 0.0})
    Formula(expression="where(a*x,x,2*x)+a*x", parameters=caught.value.parameters)


def test_kinks_are_tolerated_and_named():
    assert Formula(expression="max(x,0)+abs(x-2)/3+min(0,x+1.5)").kinks == (-1.5, 0.0, 2.0)
    assert Formula(expression="relu(x)**2").kinks == ()
    assert Formula(expression="1e6*relu(x)**2").kinks == ()
    assert Formula(expression="0.1*relu(x)+0.2*relu(x)-0.3*relu(x)").kinks == ()
    assert Formula(expression="0.00001*abs(x)").kinks == (0.0,)
    assert Formula(expression="relu(relu(x))").kinks == (0.0,)
    assert Formula(expression="abs(x**2-2)").kinks == pytest.approx((-(2**0.5), 2**0.5))
    assert Formula(expression="x*sigmoid(-x)").saturates == "right"


@pytest.mark.parametrize(
    "expression", ["x*sigmoid(beta*x)+exp(-x*x)", "where(x,x,beta*expm1(x))", "x0*x1*sigmoid(beta*x1)"]
)
def test_passes_allocate_nothing(expression):
    formula = Formula(expression=expression, parameters={"beta": 1.0})
    z = np.zeros((10, 64, 128), np.float32)
    units = 128 // formula.pieces
    h, work = np.empty((10, 64, units), z.dtype), formula.buffers(z.shape, z.dtype)
    learned = formula.init(10, units, z.dtype)
    tracemalloc.start()
    for _ in range(3):
        formula.forward(z, h, work, **learned)
        formula.parameter_derivatives(z, h, work, **learned)
        formula.derivative(z, h, work, **learned)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < z.nbytes / 4


def test_a_formula_of_silu_is_nearly_as_fast():
    z = np.random.default_rng(0).normal(size=(10, 32, 128)).astype(np.float32)
    h = np.empty_like(z)

    def seconds(activation):
        work, best = activation.buffers(z.shape, z.dtype), np.inf
        for _ in range(15):
            start = time.perf_counter()
            for _ in range(5):
                activation.forward(z, h, work)
                activation.derivative(z, h, work)
            best = min(best, time.perf_counter() - start)
        return best

    formula = Formula(expression="x*sigmoid(x)")
    assert min(seconds(formula) / seconds(a.SiLU()) for _ in range(3)) < 2.5


def test_huge_values_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for formula in VARIANTS:
            formula.prime(np.array([-np.inf, -1e30, 1e30, np.inf, np.nan, 0], np.float32))


# --- by configuration


def test_only_activation_formula_reads_the_node(settings):
    other = 'formula.expression="tanh(x)"'
    assert settings("activation=relu").run == settings("activation=relu", other).run
    assert settings("activation=formula").run != settings("activation=formula", other).run
    assert settings("activation=formula", other).activation == Formula(expression="tanh(x)")


def test_learned_parameters_by_configuration(settings):
    swish = ["activation=formula", 'formula.expression="x*sigmoid(beta*x)"']
    first = settings(*swish, "formula.parameters={beta: 1.0}")
    assert first.activation.init(1, 1, float)["beta"] == 1
    assert first.run == settings(*swish, "+formula.parameters.beta=1").run
    assert first.run != settings(*swish, "formula.parameters={beta: 2.0}").run
    assert first.columns["activation.parameters"] == "beta=1.0"
    assert "per" not in first.condition["activation"]
    per_unit = settings(*swish, "formula.parameters={beta: 1.0}", "activation.per=unit")
    assert per_unit.condition["activation"]["per"] == "unit"
    assert per_unit.activation.init(1, 3, float)["beta"].shape == (1, 1, 3)
    assert first.run != per_unit.run
    for one in (first, per_unit):
        record = one.record | {"seeds": [0], "lr": list(one.rates), "batch_size": one.batch_size}
        assert from_record(record).activation == one.activation
    with pytest.raises(ConfigError, match="'beta' is unknown"):
        settings(*swish)
    with pytest.raises(ConfigError, match=r"unknown key 'formula\.expresion': did you mean 'formula\.expression'"):
        settings("+formula.expresion=x")


@pytest.fixture
def from_yaml(settings, tmp_path):
    """Return a function from the text of conf/activation/mine.yaml to the settings with `activation=mine`."""
    settings()  # registers the schema
    shutil.copytree(CONF, tmp_path / "conf")

    def make(text):
        (tmp_path / "conf/activation/mine.yaml").write_text(text)
        with initialize_config_dir(str(tmp_path / "conf"), version_base="1.3"):
            config = compose("config", ["activation=mine"])
        return resolve(OmegaConf.to_container(config, resolve=True))

    return make


@pytest.mark.parametrize("schema", ["", "defaults: [/schema/activation/formula@_here_]\n"])
@pytest.mark.parametrize(
    "formula", ["expression: x*sigmoid(1.702*x)", "expression: x*sigmoid(beta*x)\nparameters: {beta: 1.702}"]
)
def test_a_yaml_with_an_expression_is_a_named_activation(from_yaml, schema, formula):
    resolved = from_yaml(f"{schema}name: my_swish\n{formula}\n")
    assert resolved.run.startswith("digits-my_swish-")
    assert resolved.activation.name == "my_swish"
    assert np.allclose(resolved.activation(2.0), 2 / (1 + np.exp(-3.404)))
    assert "my_swish" not in a.ACTIVATIONS


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("expression: x*x", "has no name: its file needs a line such as `name: mine`"),
        ("name: relu\nexpression: x*x", "activation.name='relu' is built in: an expression needs a name of its own"),
        ("name: mine\nexpression: x*y", "'y' is unknown: allowed: x"),
        ("name: mine\nexpression: x*x\nslope: 2", "unknown key 'activation.slope'"),
    ],
)
def test_a_yaml_that_is_not_an_activation_is_refused(from_yaml, text, refusal):
    with pytest.raises(ConfigError, match=re.escape(refusal)):
        from_yaml(text)


@pytest.mark.parametrize(
    ("expression", "refusal"),
    [
        ("sqrt((x-3.33)**2-1e-4)", "is nan at x = 3.32"),
        ("log((x-3.33)**2-1e-4)", "is nan at x = 3.32"),
        ("1/(x-1.2345)", "has a pole near x = 1.23"),
        ("x/(x-3.337)", "has a pole near x = 3.335"),
        ("(x-1.2345)**-1", "has a pole near x = 1.23"),
    ],
)
def test_what_goes_wrong_between_whole_numbers_is_refused(expression, refusal):
    with pytest.raises(ValueError, match=re.escape(refusal)):
        Formula(expression=expression)


def test_a_formula_that_learns_nothing_is_the_same_per_unit():
    assert Formula(per="unit") == Formula()
