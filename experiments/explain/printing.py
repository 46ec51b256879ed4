"""Prints what `experiments.explain` finds: the steps of a graph, the derivative tensor of a product, a formula."""

import sys
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from experiments.explain.description import describe, typeset
from experiments.explain.trace import Step, show
from nets.activations import Activation
from nets.derivatives import gradient, product_tensor
from nets.formula import Formula
from nets.graph import Node, backpropagate, why_nan

COLUMNS: dict[str, JustifyMethod] = {
    "node": "left",
    "operation": "left",
    "value": "right",
    "upstream": "right",
    "to": "left",
    "local": "right",
    "gradient": "right",
    "gate": "left",
}
"""The columns of the table of steps, and the side on which their texts are aligned."""


def print_steps(steps: Sequence[Step]) -> None:
    """Print a traced graph: a row for each node, and one for each further input to which it sends a gradient."""
    table = Table()
    for column, side in COLUMNS.items():
        table.add_column(column, justify=side)
    labels = {step.node: step.label for step in steps}
    for step in steps:
        if step.operation != "constant":  # the operations show the values of constants
            for row in _rows(step, labels):
                table.add_row(*map(Text, row))
    # A pipe has no width; 80 columns would truncate the numbers.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(table)
    for step in steps:
        if not np.isfinite(step.node.value).all():
            print(f"{step.label} = {step.operation} is not finite: later values and all gradients are meaningless.")
            break
    else:
        _print_nan(steps, labels)
    result = steps[-1].node
    if result.shape:
        print(f"f has shape {result.shape}: the gradients are those of the sum of its entries.")


def _print_nan(steps: Sequence[Step], labels: Mapping[Node, str]) -> None:
    """Print why the gradient of a variable is NaN, if one is although all values are finite."""
    variables = [step.node for step in steps if step.node.name]
    result = steps[-1].node
    backward = backpropagate(result, variables)
    faulty = [node.name for node in variables if np.isnan(backward.total[node].value).any()]
    if faulty:
        operations = {step.node: step.operation if step.node.gate else step.label for step in steps}
        reason = why_nan(result, backward, operations.__getitem__)
        names = " and ".join(f"∂{labels[result]}/∂{name}" for name in faulty)
        print(f"{names} is NaN, although {labels[result]} is finite: {reason}.")


def _rows(step: Step, labels: Mapping[Node, str]) -> list[list[str]]:
    """Return the rows of a step, a text for each column."""
    total = "" if step.upstream is None else show(step.upstream)
    node = [step.label, step.operation, show(step.node.value)]
    if not step.node.gate:
        return [[*node, "", "", "", total, step.effect]]
    if not step.sent:
        return [[*node, total, "", "", "", step.effect]]
    rows = []
    for number, sent in enumerate(step.sent):
        head, effect = (["", "", "", ""], "") if number else ([*node, total], step.effect)
        rows.append([*head, labels[step.node.inputs[sent.position]], sent.local, show(sent.gradient), effect])
    return rows


def print_tensor(values: Mapping[str, np.ndarray]) -> None:
    """Print ∂(Wx)/∂W of the values W and x, and that its product with ∂ℓ/∂c is an outer product."""
    W, x, z = (values[name] for name in "Wxz")
    tensor = gradient(lambda weight: weight @ x, W)
    upstream = 2 * (W @ x - z)
    same = np.array_equal(tensor, product_tensor(W, x))
    print(f"\nc = Wx; ∂c/∂W has shape {' × '.join(map(str, tensor.shape))}: row i of slice i is xᵀ, all else is 0.")
    for i in range(tensor.shape[2]):
        print(f"∂c{i + 1}/∂W =\n{show(tensor[:, :, i])}")
    print(f"by the graph and by its definition, the tensor is {'the same' if same else 'NOT THE SAME'}.")
    print(f"∂ℓ/∂c = 2(c − z) = {show(upstream)}")
    print(f"∂ℓ/∂W = Σᵢ ∂cᵢ/∂W (∂ℓ/∂c)ᵢ =\n{show(tensor @ upstream)}")
    print(f"(∂ℓ/∂c) xᵀ =\n{show(np.outer(upstream, x))}")


def print_formula(formula: Formula, parameters: Mapping[str, float]) -> None:
    """Print a formula, its learned parameters, its description and some of its values."""
    print(f"f(x) = {formula.expression}")
    print_description(
        formula, [("learned", f"{name}, {typeset(show(value))} before training") for name, value in parameters.items()]
    )


def print_description(activation: Activation, about: Iterable[tuple[str, str]]) -> None:
    """Print lines about an activation, then its description, and some of its values if it has one piece."""
    described = [(label, typeset(text)) for label, text in describe(activation).items()]
    for label, text in [*about, *described]:
        print(f"{label:<17}{text}")
    if activation.pieces > 1:
        return
    table = Table("x", "f(x)", "f′(x)")
    for x in (-10.0, -5.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 5.0, 10.0):
        table.add_row(*(typeset(show(value)) for value in (x, activation(x), activation.prime(x))))
    Console(width=80).print(table)
