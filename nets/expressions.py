"""A user's expression: text that is checked against a whitelist, then built into a computational graph.

Allowed are numbers, the names that the caller knows, + - * / **, a unary minus and calls of `FUNCTIONS`; for
matrices also @ and `MATRIX_FUNCTIONS`. Python's parser reads the text, and nothing of it is ever run.
"""

import ast
import warnings
from collections.abc import Iterable, Mapping

from nets import graph
from nets.graph import Gate, Node
from nets.names import nearest

LONGEST, LARGEST = 200, 60
"""Characters of an expression, and its numbers, names, operations and calls together."""
HUGE = 1e6
"""Largest number that may be written."""

FUNCTIONS: dict[str, Gate] = {
    gate.name: gate
    for gate in (
        *(graph.exp, graph.expm1, graph.log, graph.log1p, graph.sqrt, graph.tanh, graph.sigmoid, graph.softplus),
        *(graph.relu, graph.absolute, graph.maximum, graph.minimum, graph.erf, graph.sin, graph.cos),
    )
} | {"max": graph.maximum, "min": graph.minimum}
MATRIX_FUNCTIONS: dict[str, Gate] = {gate.name: gate for gate in (graph.sum, graph.mean, graph.transpose)}

_OPERATORS: dict[type[ast.operator], Gate] = {
    ast.Add: graph.add,
    ast.Sub: graph.subtract,
    ast.Mult: graph.multiply,
    ast.Div: graph.divide,
    ast.Pow: graph.power,
    ast.MatMult: graph.matmul,
}

_REFUSED = {
    ast.Attribute: "an attribute",
    ast.Subscript: "a subscript",
    ast.Lambda: "a lambda",
    ast.NamedExpr: "an assignment",
    ast.IfExp: "a condition",
    ast.Compare: "a comparison",
    ast.BoolOp: "a logical operation",
    ast.JoinedStr: "a string",
    ast.Starred: "an unpacking",
    **dict.fromkeys((ast.List, ast.Tuple, ast.Set, ast.Dict), "a collection"),
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), "a comprehension"),
    **dict.fromkeys((ast.Await, ast.Yield, ast.YieldFrom), "a statement of a coroutine"),
}


class ExpressionError(ValueError):
    """An expression that is refused: one line that quotes the offending piece."""


def parse(text: str, names: Iterable[str], matrices: bool = False) -> ast.expr:
    """Return the checked syntax tree of an expression in the given names.

    Raises
    ------
    ExpressionError
        For whatever is not on the whitelist, and for a name that does not occur.
    """
    if not isinstance(text, str):
        raise ExpressionError(f"{_short(repr(text))} is no text")
    if len(text) > LONGEST:
        raise ExpressionError(f"{len(text)} characters, allowed are {LONGEST}: cut {_short(text[LONGEST:])!r}")
    for character in text:
        if not (character.isascii() and character.isprintable()):
            raise ExpressionError(f"{character!r} is not allowed, only printable ASCII is")
    if not text.strip():
        raise ExpressionError("the expression is empty")
    if "#" in text:
        raise ExpressionError(f"{_short(text[text.index('#') :])!r} is a comment")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python would advise on what is refused below
            tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        start = max((error.offset or 1) - 1, 0)
        piece = text.strip()[start:] or text.strip()
        raise ExpressionError(f"no arithmetic expression at {_short(piece)!r}") from None
    except (ValueError, MemoryError, RecursionError):
        raise ExpressionError(f"{_short(text)!r} cannot be read") from None
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.expr)]
    functions = FUNCTIONS | (MATRIX_FUNCTIONS if matrices else {})
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    names = list(names)
    for node in nodes:
        problem = _problem(node, names, functions, matrices, id(node) in called)
        if problem:
            piece = ast.get_source_segment(text.strip(), node) or ast.unparse(node)
            raise ExpressionError(f"{_short(piece)!r} {problem}")
    occurring = {node.id for node in nodes if isinstance(node, ast.Name)}
    for name in names:
        if name not in occurring:
            raise ExpressionError(f"has no {name} in it: {name} must occur")
    if len(nodes) - len(called) > LARGEST:
        raise ExpressionError(
            f"{len(nodes) - len(called)} numbers, names, operations and calls, allowed are {LARGEST}: "
            f"shorten {_short(text.strip())!r}"
        )
    return tree


def build(tree: ast.expr, values: Mapping[str, Node]) -> tuple[Node, dict[Node, str]]:
    """Return the node of a tree from `parse`, and the piece of the expression that each new node stands for."""
    pieces = {}

    def made(tree):
        if isinstance(tree, ast.Name):
            return values[tree.id]
        try:
            node = applied(tree)
        except ExpressionError:
            raise
        except ValueError:
            inputs = tree.args if isinstance(tree, ast.Call) else ast.iter_child_nodes(tree)
            parts = [each for each in inputs if isinstance(each, ast.expr)][-2:]
            shapes = " and ".join(f"{ast.unparse(each)} {made(each).shape}" for each in parts)
            raise ExpressionError(f"{_short(ast.unparse(tree))!r} does not fit the shapes of {shapes}") from None
        pieces[node] = ast.unparse(tree)
        return node

    def applied(tree):
        if isinstance(tree, ast.Constant):
            return Node(float(tree.value))
        if isinstance(tree, ast.UnaryOp):
            inner = made(tree.operand)
            return Node(-inner.value) if isinstance(tree.operand, ast.Constant) else graph.negate(inner)
        if isinstance(tree, ast.BinOp):
            return _OPERATORS[type(tree.op)](made(tree.left), made(tree.right))
        return (FUNCTIONS | MATRIX_FUNCTIONS)[tree.func.id](*map(made, tree.args))

    return made(tree), pieces


def _problem(node, names, functions, matrices, is_called):
    """Return what is wrong with a syntax node itself, or nothing."""
    if isinstance(node, ast.Constant):
        return _problem_of_number(node.value)
    if isinstance(node, ast.Name):
        if is_called:
            return None  # judged with its call
        if node.id in functions:
            return f"is a function: write {node.id}(…)"
        return None if node.id in names else f"is unknown: {nearest(node.id, names)}"
    if isinstance(node, ast.Call):
        return _problem_of_call(node, functions)
    if isinstance(node, ast.UnaryOp):
        return None if isinstance(node.op, ast.USub) else "has a sign that is not allowed, only - is"
    if isinstance(node, ast.BinOp):
        return _problem_of_operation(node, matrices)
    return f"is {_REFUSED.get(type(node), 'no arithmetic')}: allowed are numbers, names, + - * / ** and functions"


def _problem_of_number(value):
    if isinstance(value, bool) or not isinstance(value, int | float):
        kinds = {str: "a string", bytes: "a string", complex: "an imaginary number"}
        return f"is {kinds.get(type(value), 'no number')}: allowed are numbers, names, + - * / ** and functions"
    return None if abs(value) <= HUGE else f"is too large: allowed are numbers up to {HUGE:g}"


def _problem_of_call(node, functions):
    if not isinstance(node.func, ast.Name):
        return "is a call of what has no name"
    name = node.func.id
    if name not in functions:
        if name in MATRIX_FUNCTIONS:
            return "has not the shape of its argument: an activation is elementwise"
        return f"is unknown: {nearest(name, functions)}"
    count = len(functions[name].local)
    if node.keywords or len(node.args) != count or any(isinstance(each, ast.Starred) for each in node.args):
        return f"is wrong: {name} takes {count} argument{'s' if count > 1 else ''}"
    return None


def _problem_of_operation(node, matrices):
    if isinstance(node.op, ast.BitXor):
        return "is no operation: a power is written **"
    if isinstance(node.op, ast.MatMult) and not matrices:
        return "has not the shape of x: an activation is elementwise"
    if type(node.op) not in _OPERATORS:
        return "is no operation: allowed are + - * / **"
    if isinstance(node.op, ast.Pow):
        inner = [each for each in ast.walk(node.right) if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Pow)]
        if inner or (isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Pow)):
            return "is a tower of powers"
    return None


def _short(text):
    return text if len(text) <= 40 else f"{text[:39]}…"
