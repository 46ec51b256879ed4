"""Explains a computational graph, a formula or an activation, and draws it.

    python -m experiments.explain graph 'EXPRESSION' NAME=VALUE …      values and gradients of every node
    python -m experiments.explain example NAME [NAME=VALUE …]          a worked example of backpropagation
    python -m experiments.explain formula 'EXPRESSION' [NAME=VALUE …]  an activation f(x), with learned parameters
    python -m experiments.explain activations [WORD …] [--cost]        the catalogue: names, years, families with WORD
    python -m experiments.explain activation=NAME                      one page: paper, aliases, properties, values

A VALUE is a number, a vector [1,2] or a matrix [[1,2],[3,4]]; @ is the matrix product.
--save FILE.svg or FILE.png draws: values are green above the edges, gradients are red below them. For activations it
is a sheet of curves. --cost measures milliseconds per million values.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from experiments.config.arguments import exit_code
from experiments.config.catalogue import Entry, option_of
from experiments.config.commands import command_line
from experiments.config.errors import ConfigError, in_one_line
from experiments.explain.activations import matching, named, print_page, print_table
from experiments.explain.arguments import parse_values, take_save
from experiments.explain.examples import EXAMPLES
from experiments.explain.printing import print_formula, print_steps, print_tensor
from experiments.explain.trace import Step, show, trace
from nets.expressions import ExpressionError, parse
from nets.formula import Formula, TiedStartError

COMMANDS = ("graph", "example", "formula", "activations")
COST = "--cost"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 2 for a bad argument."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return exit_code("explain", lambda: _answer(arguments))


def _answer(arguments: list[str]) -> int:
    if not arguments or {"-h", "--help"} & set(arguments):
        print(__doc__)
        print("Examples:", *(f"  {name:<18}{example.topic}" for name, example in EXAMPLES.items()), sep="\n")
        return 0
    try:
        _run(arguments)
    except ConfigError as error:
        print(f"explain: {' '.join(in_one_line(error, command_line('explain')).split())}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        print(f"explain: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _run(arguments: list[str]) -> None:
    with_cost = arguments[0] == "activations" and COST in arguments
    if with_cost:
        arguments.remove(COST)
    file = take_save(arguments)
    command, *rest = arguments or [""]
    if command == "activations":
        _list_activations(rest, with_cost, file)
        return
    if command.startswith("activation="):
        _explain_activation(command.partition("=")[2], rest, file)
        return
    if command not in COMMANDS:
        kind = "example" if command in EXAMPLES else "formula" if re.search(r"\bx\b", command) else None
        allowed = f"unknown command {command!r}: allowed are {', '.join(COMMANDS)}, activation=NAME"
        meant = [kind, command, *rest] if kind else [f"activation={command}"] if option_of(command) else None
        raise ConfigError(allowed, meant)
    if not rest:
        raise ConfigError(f"{command} needs {'a name' if command == 'example' else 'an expression'}")
    subject, *values = rest
    explain = {"graph": _explain_graph, "example": _explain_example, "formula": _explain_formula}[command]
    explain(subject, values, file)


def _explain_graph(expression: str, arguments: Sequence[str], file: Path | None) -> None:
    values = parse_values(arguments)
    _check_values(expression, arguments, values)
    steps = _traced(expression, values)
    print(f"f = {expression}")
    print_steps(steps)
    if file:
        _save(file, steps, expression)


def _explain_example(name: str, arguments: Sequence[str], file: Path | None) -> None:
    if name not in EXAMPLES:
        raise ConfigError(f"unknown example {name!r}: allowed are {', '.join(EXAMPLES)}")
    example = EXAMPLES[name]
    values = parse_values([*example.values, *arguments])
    if name == "tensor_derivative":
        _check_product(values)
    steps = _traced(example.expression, values)
    print(f"{example.topic}\n\nf = {example.expression}")
    print_steps(steps)
    if name == "tensor_derivative":
        print_tensor(values)
    if file:
        _save(file, steps, example.expression)


def _explain_formula(expression: str, arguments: Sequence[str], file: Path | None) -> None:
    values = parse_values(arguments)
    for name, value in values.items():
        if value.ndim:
            raise ConfigError(f"{name}={show(value)}: a parameter of a formula is one number")
    parameters = {name: float(value) for name, value in values.items()}
    try:
        formula = Formula(expression=expression, parameters=parameters)
    except TiedStartError as error:
        words = [expression, *(f"{name}={value:g}" for name, value in error.parameters.items())]
        if error.parameters:
            raise ConfigError(error.reason, ["formula", *words]) from None
        raise ConfigError(f"{error.reason}; choose other initial values") from None
    if file and formula.pieces > 1:
        words = ["formula", expression, *arguments]
        raise ConfigError(f"{expression!r} takes two pre-activations, and --save draws a function of one", words)
    print_formula(formula, parameters)
    if file:
        _save(file, formula, expression)


def _list_activations(words: Sequence[str], with_cost: bool, file: Path | None) -> None:
    found = matching(words)
    print_table(found, with_cost)
    if file:
        _save_sheet(file, found, " ".join(["Activations", *words]))


def _explain_activation(name: str, rest: Sequence[str], file: Path | None) -> None:
    if rest:
        raise ConfigError(f"{rest[0]!r}: activation=NAME stands alone", [f"activation={name}"])
    entry = named(name)
    print_page(entry)
    if file:
        _save_sheet(file, [entry], entry.name)


def _save_sheet(file: Path, entries: Sequence[Entry], title: str) -> None:
    """Draw the curves of activations into a file."""
    from experiments.explain.drawings import draw_sheet  # as in `_save`
    from experiments.figures.style import render

    _write(file, render(draw_sheet(entries), file.suffix[1:], title))


def _check_values(expression: str, arguments: Sequence[str], values: Mapping[str, np.ndarray]) -> None:
    """Refuse an expression of which a name has no value."""
    try:
        parse(expression, values, matrices=True)
    except ExpressionError as error:
        names = re.findall(r"(?<![\w.])[A-Za-z]\w*(?!\w*\s*[(.])", expression)
        missing = [name for name in dict.fromkeys(names) if name not in values]
        given = {**values, **dict.fromkeys(missing, np.ones(()))}
        with suppress(ExpressionError):
            parse(expression, given, matrices=True)
            verb = "has" if len(missing) == 1 else "have"
            added = [f"{name}=1" for name in missing]
            message = f"{expression!r}: {', '.join(missing)} {verb} no value"
            raise ConfigError(message, ["graph", expression, *arguments, *added]) from error


def _traced(expression: str, values: Mapping[str, np.ndarray]) -> list[Step]:
    try:
        return trace(expression, values)
    except ExpressionError as error:
        raise ConfigError(f"{expression!r}: {error}") from None


def _check_product(values: Mapping[str, np.ndarray]) -> None:
    """Refuse shapes for which Wx − z is no vector."""
    W, x, z = (values[name].shape for name in "Wxz")
    if not (len(W) == 2 and x == W[1:] and z == W[:1]):
        raise ConfigError(f"W {W}, x {x}, z {z}: allowed are a matrix W (h, m) and vectors x (m,) and z (h,)")


def _save(file: Path, subject: Sequence[Step] | Formula, title: str) -> None:
    """Draw a traced graph or a formula into a file."""
    from experiments.explain.drawings import draw_formula, draw_graph  # Matplotlib delays a command that draws nothing
    from experiments.figures.style import render

    figure = draw_formula(subject) if isinstance(subject, Formula) else draw_graph(subject)
    _write(file, render(figure, file.suffix[1:], title))


def _write(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    print(f"wrote {file}")


if __name__ == "__main__":
    sys.exit(main())
