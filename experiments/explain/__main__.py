"""Explains: traces a computational graph forward and back, or describes a formula; draws either.

    python -m experiments.explain graph 'EXPRESSION' NAME=VALUE …      W='[[1,2],[3,4]]' is a matrix, @ its product
    python -m experiments.explain example NAME                         one of the lecture's
    python -m experiments.explain formula 'EXPRESSION' [NAME=VALUE …]  as an activation of x, with learned parameters

--save FILE.svg or FILE.png draws: values in green above the edges, gradients in red below.
"""

import json
import math
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.explain.trace import show, trace
from nets.derivatives import gradient, product_tensor
from nets.expressions import ExpressionError
from nets.formula import Formula

EXAMPLES = {
    "add_mul": ("an add gate distributes, a multiply gate switches", "(x+y)*z", ["x=-2", "y=5", "z=-4"]),
    "sigmoid_neuron": (
        "a neuron, one small step at a time",
        "1/(1+exp(-(w0*x0+w1*x1+w2)))",
        ["w0=2", "x0=-1", "w1=-3", "x1=-2", "w2=-3"],
    ),
    "softplus": ("dy/dx = exp(x)/(1+exp(x))", "log(1+exp(x))", ["x=1"]),
    "sigmoid_wx": ("σ(wᵀx), by vectors", "1/(1+exp(-(w@x)))", ["w=[2,-3]", "x=[-1,-2]"]),
    "relu_layer": (
        "a layer h = ReLU(Wx + b) with the squared loss (h − z)², no ½",
        "sum((relu(W@x+b)-z)**2)",
        ["W=[[1,-2,0.5],[-1,1,2]]", "x=[1,2,-1]", "b=[5,0.5]", "z=[1,2]"],
    ),
    "tensor_derivative": (
        "∂(Wx)/∂W is an h × m × h tensor; contracted with ∂ℓ/∂c it is an outer product: never build it",
        "sum((W@x-z)**2)",
        ["W=[[1,-2,0.5],[-1,1,2]]", "x=[1,2,-1]", "z=[1,2]"],
    ),
}
"""By name: what it shows, the expression and the values."""


class Refused(ValueError):
    """A bad argument, in one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 2 for a bad argument."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or {"-h", "--help"} & set(arguments):
        print(__doc__)
        print("Examples:", *(f"  {name:<18}{what}" for name, (what, *_) in EXAMPLES.items()), sep="\n")
        return 0
    try:
        _run(arguments)
    except (ValueError, OSError) as error:
        print(f"explain: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _run(arguments):
    file = _saved(arguments)
    command, *rest = arguments or [""]
    if command not in ("graph", "example", "formula"):
        raise Refused(f"unknown command {command!r}: allowed are graph, example, formula")
    if not rest:
        raise Refused(f"{command} needs {'a name' if command == 'example' else 'an expression'}")
    subject, *given = rest
    if command == "formula":
        _explain_formula(subject, _values(given), file)
        return
    what, expression = "", subject
    if command == "example":
        if subject not in EXAMPLES:
            raise Refused(f"unknown example {subject!r}: allowed are {', '.join(EXAMPLES)}")
        what, expression, defaults = EXAMPLES[subject]
        given = [*defaults, *given]
    values = _values(given)
    try:
        steps = trace(expression, values)
    except ExpressionError as error:
        raise Refused(f"{expression!r}: {error}") from None
    tensor = command == "example" and subject == "tensor_derivative"
    if tensor:
        shapes = W, x, z = [values[name].shape for name in "Wxz"]
        if not (len(W) == 2 and x == W[1:] and z == W[:1]):
            given = ", ".join(f"{name} {shape}" for name, shape in zip("Wxz", shapes, strict=True))
            raise Refused(f"{given}: allowed are a matrix W (h, m) and vectors x (m,) and z (h,)")
    print(f"{what}\n\nf = {expression}" if what else f"f = {expression}")
    _print_steps(steps)
    if tensor:
        _print_tensor(values)
    if file:
        from experiments.explain.drawings import draw_graph

        _write(file, draw_graph(steps), expression)


def _saved(arguments):
    """Take --save FILE out of the arguments and return the path, if it is there."""
    for index, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option == "--save":
            path = value if equals else "".join(arguments[index + 1 : index + 2])
            del arguments[index : index + (1 if equals else 2)]
            if Path(path).suffix not in (".svg", ".png"):
                raise Refused(f"--save {path or 'without a file'}: allowed is a file that ends in .svg or .png")
            return Path(path)
        if argument.startswith("--"):
            allowed = "--save FILE.svg or FILE.png; an expression that begins so is written in parentheses"
            raise Refused(f"unknown option {argument}: allowed is {allowed}")
    return None


def _values(given):
    """Return the values of NAME=VALUE arguments, the last one of a name."""
    values = {}
    for argument in given:
        name, equals, text = argument.partition("=")
        if not equals or not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
            raise Refused(f"{argument!r}: allowed is NAME=VALUE, such as w0=2 or W=[[1,2],[3,4]]")
        try:
            value = np.array(json.loads(text), np.float64)
        except (ValueError, TypeError, RecursionError):
            try:
                value = np.array(float(text))
            except ValueError:
                value = None
        if value is None or value.ndim > 2 or not 0 < value.size <= 1000 or not np.isfinite(value).all():
            raise Refused(f"{argument!r}: allowed is a number, a vector [1,2] or a matrix [[1,2],[3,4]]")
        values[name] = value
    return values


def _print_steps(steps):
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for column in ("node", "operation", "value", "upstream", "to", "local", "gradient", "gate"):
        table.add_column(column, justify="right" if column in ("value", "upstream", "local", "gradient") else "left")
    labels = {step.node: step.label for step in steps}
    for step in steps:
        if step.operation == "constant":
            continue  # its value stands in the operations
        total = "" if step.upstream is None else show(step.upstream)
        cells = [step.label, step.operation, show(step.node.value)]
        if not step.node.gate:
            table.add_row(*map(Text, [*cells, "", "", "", total, step.does]))
        for first, (index, local, part) in enumerate(step.back):
            head = ["", "", "", ""] if first else [*cells, total]
            tail = [labels[step.node.inputs[index]], local, show(part), "" if first else step.does]
            table.add_row(*map(Text, head + tail))
        if step.node.gate and not step.back:
            table.add_row(*map(Text, [*cells, total, "", "", "", step.does]))
    # A pipe has no width; 80 columns would cut the numbers.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(table)
    for step in steps:
        if not np.isfinite(step.node.value).all():
            print(f"{step.label} = {step.operation} is not finite: what follows from it, and gradients, mean nothing.")
            break
    result = steps[-1].node
    if result.shape:
        print(f"f has shape {result.shape}: the gradients are those of the sum of its entries.")


def _print_tensor(values):
    tensor = gradient(lambda weight: weight @ values["x"], values["W"])
    upstream = 2 * (values["W"] @ values["x"] - values["z"])
    same = np.array_equal(tensor, product_tensor(values["W"], values["x"]))
    print(f"\nc = Wx; ∂c/∂W has shape {' × '.join(map(str, tensor.shape))}: row i of slice i is xᵀ, all else is 0.")
    for i in range(tensor.shape[2]):
        print(f"∂c{i + 1}/∂W =\n{show(tensor[:, :, i])}")
    print(f"by the graph and by its definition, the tensor is {'the same' if same else 'NOT THE SAME'}.")
    print(f"∂ℓ/∂c = 2(c − z) = {show(upstream)}")
    print(f"∂ℓ/∂W = Σᵢ ∂cᵢ/∂W (∂ℓ/∂c)ᵢ =\n{show(tensor @ upstream)}")
    print(f"(∂ℓ/∂c) xᵀ =\n{show(np.outer(upstream, values['x']))}")


def _explain_formula(expression, values, file):
    from rich.console import Console
    from rich.table import Table

    for name, value in values.items():
        if value.ndim:
            raise Refused(f"{name}={show(value)}: a parameter of a formula is one number")
    formula = Formula(expression=expression, parameters={name: float(value) for name, value in values.items()})
    print(f"f(x) = {expression}")
    for name, value in values.items():
        print(f"learned          {name}, {show(value)} before training")
    for label, text in describe(formula).items():
        print(f"{label:<17}{text}")
    table = Table("x", "f(x)", "f′(x)")
    for x in (-10.0, -5.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 5.0, 10.0):
        table.add_row(*map(show, (x, formula(x), formula.prime(x))))
    Console(width=80).print(table)
    if file:
        from experiments.explain.drawings import draw_formula

        _write(file, draw_formula(formula), expression)


def describe(formula: Formula) -> dict[str, str]:
    """Return range, saturation, zero-centredness and kinks of a formula at its initial parameters, in words."""
    x = np.linspace(-50, 50, 100_001)
    h, slope = formula(x), formula.prime(x)

    def end(index, sign):
        if index in (0, x.size - 1) and abs(slope[index]) > 0.005:
            return f"{'−' if sign < 0 else ''}∞"
        value = h[index] if abs(h[index]) > 1e-9 else 0.0
        if index in (0, x.size - 1) and abs(slope[index]) > 1e-7:
            return f"{show(value)} (at {show(x[index])}, and on)"
        alone = np.count_nonzero(np.abs(h - h[index]) <= 1e-12 * max(1, abs(value))) < 4
        return f"{show(value)} (at {show(x[index])})" if alone else show(value)

    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    mean = float(density @ h) * (x[1] - x[0])
    mean = mean if abs(mean) > 1e-9 else 0.0
    odd = np.abs(h + h[::-1]).max() <= 1e-9 * np.abs(h).max()
    sides = {"both": "on both sides", "left": "on the left", "right": "on the right", "neither": "nowhere"}
    kinks = ", ".join(map(show, formula.kinks))
    return {
        "range": f"{end(int(h.argmin()), -1)} to {end(int(h.argmax()), 1)}",
        "slope": f"{show(slope.min())} to {show(slope.max())} within |x| ≤ 50",
        "saturates": f"{sides[formula.saturates]} (|f′| < 0.005 where 30 ≤ |x| ≤ 50)",
        "zero-centred": f"{'yes, odd' if odd else 'no'}; mean of f(z) over z ~ N(0, 1): {show(mean)}",
        "kinks": f"f′ jumps at x = {kinks}" if kinks else "none",
        "initialiser": f"{formula.initializer} for init=auto",
    }


def _write(path, figure, title):
    from experiments.figures.style import render

    path.write_bytes(render(figure, path.suffix[1:], title))
    print(f"wrote {path}")


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever reads a pipe may have seen enough
    sys.exit(main())
