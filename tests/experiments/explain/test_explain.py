"""The explain command prints every value and gradient, refuses bad arguments in one line, and writes drawings."""

import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from experiments.explain.__main__ import main
from experiments.explain.arguments import parse_values
from experiments.explain.examples import EXAMPLES
from experiments.explain.trace import show, trace
from nets.derivatives import gradient


def traced(expression, *given):
    return {step.label: step for step in trace(expression, parse_values(given))}


def run(capsys, *arguments, code=0):
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert not (code and captured.out)
    return captured.err if code else captured.out


def test_the_tensor_derivative(capsys):
    out = run(capsys, "example", "tensor_derivative")
    assert "∂c/∂W has shape 2 × 3 × 2" in out
    assert "∂c1/∂W =\n[1, 2, -1]\n[0, 0, 0]\n" in out
    assert "the tensor is the same." in out
    contraction, product = re.findall(r"(?:∂ℓ/∂c\)ᵢ|xᵀ) =\n(\[.*\]\n\[.*\])", out)
    assert contraction == product


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_print_every_value_and_gradient(name, capsys):
    what, expression, given = EXAMPLES[name]
    out = run(capsys, "example", name)
    assert what in out
    steps = traced(expression, *given)
    for step in steps.values():
        assert all(line in out for line in show(step.node.value).split("\n"))
        if step.upstream is not None:
            assert all(line in out for line in show(step.upstream).split("\n"))
        assert all(word in out for word in step.effect.split(", "))
    values = parse_values(given)
    for name_of_leaf in values:

        def function(x, name_of_leaf=name_of_leaf):
            last = trace(expression, values | {name_of_leaf: x})[-1]
            return last.node

        expected = gradient(function, values[name_of_leaf], "differences")
        np.testing.assert_allclose(steps[name_of_leaf].upstream, expected, rtol=1e-7, atol=1e-8)


def test_gates_say_what_they_do(capsys):
    steps = traced("max(x*y, x+y)", "x=2", "y=3")
    assert steps["x"].effect == "sums 2 paths"
    assert [steps[name].effect for name in ("a", "b", "f")] == ["switches", "distributes", "routes"]
    assert [local for _, local, _ in steps["f"].sent] == ["1", "0"]
    assert "sums 2 paths" in run(capsys, "graph", "max(x*y, x+y)", "x=2", "y=3")


def test_vectors_and_matrices(capsys):
    out = run(capsys, "graph", "tanh(W@x)", "W=[[1,2],[3,4]]", "x=[0.1,-0.2]")
    assert "· xᵀ" in out
    assert "Wᵀ ·" in out
    assert "f has shape (2,): the gradients are those of the sum of its entries." in out
    for expression in ("sum(transpose(W)@x)", "mean(W*W)*x", "x@W@x", "sum(W*x)"):
        run(capsys, "graph", expression, "W=[[1,2],[3,4]]", "x=[0.1,-0.2]")


def test_two_pieces_are_described_and_not_drawn(capsys, tmp_path):
    assert main(["formula", "x0*sigmoid(b*x1)", "b=2"]) == 0
    assert "pieces           2 pre-activations per unit\ngain             1.694 = " in capsys.readouterr().out
    assert main(["formula", "x0*sigmoid(b*x1)", "b=2", "--save", str(tmp_path / "pair.png")]) == 2
    captured = capsys.readouterr()
    assert captured.err == (
        "explain: 'x0*sigmoid(b*x1)' takes two pre-activations, and --save draws a function of one; "
        "run: python -m experiments.explain formula 'x0*sigmoid(b*x1)' b=2\n"
    )
    assert not captured.out
    assert not list(tmp_path.iterdir())


def test_a_formula_is_described(capsys):
    out = run(capsys, "formula", "x*sigmoid(beta*x)", "beta=1.702")
    for text in (
        "f(x) = x*sigmoid(beta*x)",
        "beta, 1.702",
        "to ∞",
        "on the left",
        "zero-centred     no",
        "kinks",
        "none",
    ):
        assert text in out


BAD = [
    ((), 0, None),
    (("draw",), 2, "unknown command 'draw': allowed are graph, example, formula"),
    (("graph",), 2, "graph needs an expression"),
    (("example",), 2, "example needs a name"),
    (("example", "sigmoid"), 2, "unknown example 'sigmoid': allowed are add_mul"),
    (("graph", "x*y", "x=1"), 2, "'x*y': y has no value; run: python -m experiments.explain graph 'x*y' x=1 y=1"),
    (("graph", "x.T", "x=1"), 2, "'x.T' is an attribute"),
    (("graph", "__import__('os')", "x=1"), 2, "is unknown"),
    (("graph", "x", "x"), 2, "'x': allowed is NAME=VALUE"),
    (("graph", "x", "x="), 2, "'x=': allowed is a number"),
    (("graph", "x", "x=one"), 2, "'x=one': allowed is a number"),
    (("graph", "x", "x=nan"), 2, "'x=nan': allowed is a number"),
    (("graph", "x", "x=[]"), 2, "'x=[]': allowed is a number"),
    (("graph", "x", "x=[[1,2],[3]]"), 2, "allowed is a number"),
    (("graph", "x", "x=[[[1]]]"), 2, "allowed is a number"),
    (("graph", "x", 'x="1"', "y={}"), 2, "'y={}'"),
    (("graph", "x", "x=" + "[" * 2000), 2, "allowed is a number"),
    (("graph", "x", "x.y=1"), 2, "allowed is NAME=VALUE"),
    (("graph", "W@x", "W=[[1,2],[3,4]]", "x=[1,2,3]"), 2, "'W @ x' does not fit the shapes of W (2, 2) and x (3,)"),
    (("graph", "x+y", "x=[1,2]", "y=[1,2,3]"), 2, "'x + y' does not fit the shapes of x (2,) and y (3,)"),
    (("graph", "x", "x=1", "--save", "x.pdf"), 2, "--save x.pdf: allowed is a file that ends in .svg or .png"),
    (("graph", "x", "x=1", "--save"), 2, "allowed is a file"),
    (("graph", "x", "x=1", "--draw"), 2, "unknown option --draw"),
    (("graph", "x", "x=1", "--save=/nowhere/at all/x.svg"), 2, "does not exist; run: mkdir -p '/nowhere/at all'"),
    (("graph", "x", "x=1", "--save=/dev/null/x.svg"), 2, "the folder /dev/null is no folder"),
    (("formula", "max(x, a*x)", "a=1"), 2, "a tie for every x while a=1, so it has no derivative by a"),
    (("formula", "max(x, a*x)", "a=1"), 2, "; run: python -m experiments.explain formula 'max(x, a*x)' a=0.9\n"),
    (("formula", "x**a", "a=2"), 2, "x ** a has no derivative by a at x = -50, a = 2: a negative number has powers"),
    (("formula", "sqrt(abs(x))"), 2, "its derivative by x is nan at x = 0 in float64: abs(x) multiplies the upstream"),
    (("graph", "x", "x=1", "y=2"), 2, "'x': has no y in it"),
    (("example", "add_mul", "q=2"), 2, "has no q in it"),
    *(
        (("example", "tensor_derivative", given), 2, f"{said}: allowed are a matrix W (h, m) and vectors x (m,) and z")
        for given, said in [
            ("z=1", "W (2, 3), x (3,), z ()"),
            ("x=[[1],[2],[3]]", "W (2, 3), x (3, 1), z (2,)"),
            ("W=[1,2,3]", "W (3,), x (3,), z (2,)"),
        ]
    ),
    (("formula", "log(x)"), 2, "'log(x)' is nan at x = -50"),
    (("formula", "b*x", "b=[1,2]"), 2, "a parameter of a formula is one number"),
    (("formula", "x@x"), 2, "does not have the shape of x"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), BAD, ids=[" ".join(each[0])[:40] for each in BAD])
def test_bad_arguments_are_one_line(arguments, code, message, capsys):
    text = run(capsys, *arguments, code=code)
    if code:
        assert text.startswith("explain: ")
        assert text.count("\n") == 1
        assert message in text


def test_as_a_command(tmp_path):
    command = [sys.executable, "-W", "error", "-m", "experiments.explain"]
    root = Path(__file__).parents[3]
    bad = subprocess.run([*command, "graph", "x[0]", "x=1"], cwd=root, capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert (
        bad.stderr == "explain: 'x[0]': 'x[0]' is a subscript: allowed are numbers, names, + - * / ** and functions\n"
    )
    good = subprocess.run(
        [*command, "example", "add_mul", "z=5", f"--save={tmp_path / 'graph.svg'}"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (good.returncode, good.stderr) == (0, "")
    assert "15" in good.stdout
    assert (tmp_path / "graph.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize("arguments", [("--help",), ("example", "tensor_derivative"), ("formula", "tanh(x)")])
def test_a_reader_who_has_seen_enough_gets_no_complaint(arguments):
    command = [sys.executable, "-u", "-m", "experiments.explain", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=pipe, stderr=pipe) as process:
        process.stdout.close()
        assert process.stderr.read() == b""


def test_what_is_not_finite_is_named(capsys):
    assert "f = log(x) is not finite" in run(capsys, "graph", "log(x)", "x=-1")
    assert "a = 1 ÷ x is not finite" in run(capsys, "graph", "exp(1/x)", "x=0")
    assert "not finite" not in run(capsys, "graph", "log(x)", "x=1")


@pytest.mark.parametrize(
    ("expression", "given", "said"),
    [
        (
            "x**y",
            ("x=-2", "y=3"),
            "∂f/∂y is NaN, although f is finite: x ** y has no derivative by y at x = -2, y = 3: a",
        ),
        (
            "sum(x**y)",
            ("x=[1,-2]", "y=2"),
            "∂f/∂y is NaN, although f is finite: x ** y has no derivative by y at x = -2",
        ),
        (
            "sqrt(abs(x))",
            ("x=0",),
            "∂f/∂x is NaN, although f is finite: abs(x) multiplies the upstream gradient inf by 0.",
        ),
        (
            "x*sqrt(y)",
            ("x=0", "y=0"),
            "∂f/∂y is NaN, although f is finite: sqrt(y) multiplies the upstream gradient 0 by",
        ),
        (
            "sqrt(x)-sqrt(x)",
            ("x=0",),
            "∂f/∂x is NaN, although f is finite: infinite gradients of opposite sign meet at x.",
        ),
        ("sqrt(2*x)-sqrt(2*x)", ("x=0",), "meet at x."),
        ("sum(w*y**b)", ("w=[1,-1]", "y=0", "b=[0.5,0.5]"), "y ** b sends infinite gradients of opposite sign to y."),
        ("sum(x@y)*sqrt(z)", ("x=[0,0]", "y=[1,1]", "z=0"), "∂f/∂z is NaN, although"),
    ],
)
def test_a_gradient_that_is_nan_gets_a_word(expression, given, said, capsys):
    assert said in run(capsys, "graph", expression, *given)


@pytest.mark.parametrize("arguments", [("example", "relu_layer"), ("formula", "max(x,0)+min(0,b*expm1(x))", "b=0.5")])
@pytest.mark.parametrize("kind", ["svg", "png"])
def test_drawings_are_written_and_the_same_each_time(arguments, kind, tmp_path, capsys):
    files = [tmp_path / f"{index}.{kind}" for index in range(2)]
    for file in files:
        assert f"wrote {file}" in run(capsys, *arguments, "--save", str(file))
    assert files[0].read_bytes() == files[1].read_bytes()
    if kind == "png":
        pixels = matplotlib.image.imread(files[0])
        assert pixels[:3].min() == pixels[-3:].min() == 1  # a white margin
        assert pixels.min() < 0.5


@pytest.mark.parametrize("expression", ["sum(x*y)", "exp(x+y)", "tanh(x*y)+1"])
def test_shapes_that_do_not_fit_inside_a_function_are_one_line(expression, capsys):
    assert main(["graph", expression, "x=[1,2]", "y=[1,2,3]"]) == 2
    printed = capsys.readouterr().err
    assert "does not fit the shapes of" in printed
    assert printed.count("\n") == 1


def test_the_result_has_a_name_whatever_the_variables_are_called():
    assert main(["graph", "a+result*f", "f=1", "a=2", "result=3"]) == 0
