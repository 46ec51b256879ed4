"""The explain command: the lecture's numbers, refusals in one line, and drawings in which nothing overlaps."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.text import Text

from experiments.explain.__main__ import EXAMPLES, _values, describe, main, show
from experiments.explain.drawings import draw_formula, draw_graph
from experiments.explain.trace import SYMBOLS, trace
from nets.activations import SELU
from nets.derivatives import gradient
from nets.formula import Formula
from nets.graph import GATES


def traced(expression, *given):
    return {step.label: step for step in trace(expression, _values(given))}


def run(capsys, *arguments, code=0):
    assert main(arguments) == code
    captured = capsys.readouterr()
    return captured.err if code else captured.out


# --- the lecture's examples


def test_the_classic_neuron():
    _, expression, given = EXAMPLES["sigmoid_neuron"]
    assert given == ["w0=2", "x0=-1", "w1=-3", "x1=-2", "w2=-3"]
    steps = traced(expression, *given)
    assert f"{steps['f'].node.value:.4f}" == "0.7311"
    slopes = {name: f"{steps[name].upstream:.4f}" for name in ("w2", "w0", "x0", "w1", "x1")}

    assert slopes == {"w2": "0.1966", "w0": "-0.1966", "x0": "0.3932", "w1": "-0.3932", "x1": "-0.5898"}


def test_a_step_of_the_neuron_is_upstream_times_local():
    _, expression, given = EXAMPLES["sigmoid_neuron"]
    for step in traced(expression, *given).values():
        for _, local, part in step.back:
            np.testing.assert_allclose(step.upstream * float(local), part, rtol=1e-3)


def test_the_relu_layer_has_no_half():
    _, expression, given = EXAMPLES["relu_layer"]
    values, steps = _values(given), traced(expression, *given)
    a = values["W"] @ values["x"] + values["b"]
    residual = np.maximum(a, 0) - values["z"]
    delta = 2 * residual * (a > 0)
    assert (a > 0).any()
    assert (a <= 0).any()
    assert steps["f"].node.value == (residual**2).sum()
    np.testing.assert_allclose(steps["W"].upstream, np.outer(delta, values["x"]))
    np.testing.assert_allclose(steps["x"].upstream, values["W"].T @ delta)
    np.testing.assert_allclose(steps["b"].upstream, delta)


def test_softplus_by_small_steps():
    steps = traced("log(1+exp(x))", "x=1")
    np.testing.assert_allclose(steps["x"].upstream, np.exp(1) / (1 + np.exp(1)))


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
        assert all(word in out for word in step.does.split(", "))
    values = _values(given)
    for name_of_leaf in values:

        def function(x, name_of_leaf=name_of_leaf):
            last = trace(expression, values | {name_of_leaf: x})[-1]
            return last.node

        expected = gradient(function, values[name_of_leaf], "differences")
        np.testing.assert_allclose(steps[name_of_leaf].upstream, expected, rtol=1e-7, atol=1e-8)


def test_gates_say_what_they_do(capsys):
    steps = traced("max(x*y, x+y)", "x=2", "y=3")
    assert steps["x"].does == "sums 2 paths"
    assert [steps[name].does for name in ("a", "b", "f")] == ["switches", "distributes", "routes"]
    assert [local for _, local, _ in steps["f"].back] == ["1", "0"]
    assert "sums 2 paths" in run(capsys, "graph", "max(x*y, x+y)", "x=2", "y=3")


def test_vectors_and_matrices(capsys):
    out = run(capsys, "graph", "tanh(W@x)", "W=[[1,2],[3,4]]", "x=[0.1,-0.2]")
    assert "· xᵀ" in out
    assert "Wᵀ ·" in out
    assert "f has shape (2,): the gradients are those of the sum of its entries." in out
    for expression in ("sum(transpose(W)@x)", "mean(W*W)*x", "x@W@x", "sum(W*x)"):
        run(capsys, "graph", expression, "W=[[1,2],[3,4]]", "x=[0.1,-0.2]")


def test_names_do_not_clash():
    assert set(traced("a*b+f*(c+1)", "a=1", "b=2", "f=3", "c=4")) == {"a", "b", "f", "c", "d", "e", "1", "g", "result"}
    assert len(traced("+".join(["x*x"] * 14), "x=2")) == 28
    assert list(traced("x", "x=3")) == ["x"]


# --- formulas


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


# --- refusals

BAD = [
    ((), 0, None),
    (("draw",), 2, "unknown command 'draw': allowed are graph, example, formula"),
    (("graph",), 2, "graph needs an expression"),
    (("example",), 2, "example needs a name"),
    (("example", "sigmoid"), 2, "unknown example 'sigmoid': allowed are add_mul"),
    (("graph", "x*y", "x=1"), 2, "'y' is unknown: Allowed: x"),
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
    (("graph", "x", "x=1", "--save=/nowhere/at/all.svg"), 2, "/nowhere/at/all.svg"),
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


# --- drawings


def boxes(figure):
    """Return the extents of all texts in pixels, by what they are."""
    renderer = figure.canvas.get_renderer()
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    return [(text, text.get_window_extent(renderer)) for text in texts]


CONVERGING = ("x*sigmoid(x)+max(x,y)*x", ["x=1", "y=2"])
LARGE = (
    "mean((tanh(A@B)*x+exp(-x**2/2))**2)-sum(x)/max(y,2)",
    ["A=[[1,2],[3,4],[5,6]]", "B=[[1,0,0.1234],[0,1,-0.777]]", "x=[1,2,3]", "y=2"],
)
DRAWN = {name: example[1:] for name, example in EXAMPLES.items()} | {"converging": CONVERGING, "large": LARGE}


@pytest.mark.parametrize("name", DRAWN)
def test_in_a_drawing_no_text_overlaps_another_and_none_is_cut(name):
    expression, given = DRAWN[name]
    figure = draw_graph(trace(expression, _values(given)))
    width, height = figure.canvas.get_width_height()
    found = boxes(figure)
    for text, box in found:
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text
    for (first, a), (second, b) in itertools.combinations(found, 2):
        inside = min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
        assert not inside, (first.get_text(), second.get_text())


@pytest.mark.parametrize("name", DRAWN)
def test_in_a_drawing_no_edge_runs_through_a_number(name):
    expression, given = DRAWN[name]
    figure = draw_graph(trace(expression, _values(given)))
    ax = figure.axes[0]
    numbers = [(text, box) for text, box in boxes(figure) if text.get_gid() in ("value", "gradient")]
    segments = [line.get_xydata() for line in ax.get_lines()]
    segments += [np.array([note.xyann, note.xy]) for note in ax.texts if hasattr(note, "xyann")]
    assert len(segments) > len(numbers) / 2
    for start, end in segments:
        way = ax.transData.transform(start + np.linspace(0, 1, 200)[:, None] * (end - start))
        for text, box in numbers:
            inside = (way > box.min + 1).all(axis=1) & (way < box.max - 1).all(axis=1)
            assert not inside.any(), text.get_text()


@pytest.mark.parametrize("name", DRAWN)
def test_values_stand_above_the_edges_and_gradients_below(name):
    expression, given = DRAWN[name]
    steps = trace(expression, _values(given))
    figure = draw_graph(steps)
    texts = {
        kind: [t for t in figure.findobj(Text) if t.get_gid() == kind and t.get_text()]
        for kind in ("value", "gradient")
    }
    values = sorted(show(step.node.value) for step in steps if step.operation != "constant")
    assert sorted(text.get_text() for text in texts["value"]) == values
    gradients = [text.get_text().removeprefix("Σ").strip() for text in texts["gradient"]]
    for step in steps:
        if step.upstream is not None:
            assert show(step.upstream) in gradients
    gates = [text.get_text() for text in figure.findobj(Text) if text.get_gid() == "gate" and text.get_text()]
    assert sorted(gates) == sorted(step.node.gate.does for step in steps if step.back)


def test_paths_that_converge_show_their_shares():
    figure = draw_graph(trace(CONVERGING[0], _values(CONVERGING[1])))
    gradients = [text.get_text() for text in figure.findobj(Text) if text.get_gid() == "gradient"]
    assert "Σ 2.928" in gradients
    assert {"0.1966", "0.7311", "2", "0"} <= set(gradients)


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


def test_the_curves_of_a_formula_are_drawn():
    formula = Formula(expression="max(x,0)+min(0,0.5*expm1(x))")
    ax = draw_formula(formula).axes[0]
    lines = {line.get_gid(): line for line in ax.get_lines()}
    x, y = lines["curve"].get_data()
    np.testing.assert_array_equal(y, formula(x))
    x, slope = lines["slope"].get_data()
    np.testing.assert_array_equal(slope[np.isfinite(slope)], formula.prime(x)[np.isfinite(slope)])
    assert np.isnan(slope).sum() == 1
    assert lines["kinks"].get_xdata().tolist() == [0]


def test_symbols_are_of_gates():
    assert set(SYMBOLS) <= set(GATES)


@pytest.mark.parametrize("expression", ["sum(x*y)", "exp(x+y)", "tanh(x*y)+1"])
def test_shapes_that_do_not_fit_inside_a_function_are_one_line(expression, capsys):
    assert main(["graph", expression, "x=[1,2]", "y=[1,2,3]"]) == 2
    printed = capsys.readouterr().err
    assert "does not fit the shapes of" in printed
    assert printed.count("\n") == 1


def test_the_result_has_a_name_whatever_the_variables_are_called(capsys):
    assert main(["graph", "a+result*f", "f=1", "a=2", "result=3"]) == 0


@pytest.mark.parametrize(
    ("expression", "mean"), [("max(x,0)", "0.3989"), ("abs(x)", "0.7979"), ("exp(-abs(x))", "0.5232")]
)
def test_the_mean_is_right_at_kinks_too(expression, mean):
    assert mean in describe(Formula(expression=expression))["zero-centred"]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("x*0.001", "-0.05 (at -50, and on) to 0.05 (at 50, and on)"),
        ("tanh(x)*0.001", "-0.001 to 0.001"),
        ("max(x,0)", "0 to ∞"),
        ("exp(-x*x)", "0 to 1 (at 0)"),
    ],
)
def test_the_range_says_where_it_is_attained(expression, said):
    assert describe(Formula(expression=expression))["range"] == said
