"""A user's expression: text that is checked against a whitelist, then built into a computational graph.

Allowed are numbers, the caller's names, + - * / **, a unary minus and calls of `FUNCTIONS`; for matrices also @ and
`MATRIX_FUNCTIONS`. Python's parser reads the text, and no part of it is ever run.
"""

import ast
import re
import warnings
from collections.abc import Collection, Iterable, Mapping

from nets import graph
from nets.graph import Gate, Node
from nets.names import nearest

LONGEST, LARGEST = 200, 60
"""The most characters of an expression, and the most numbers, names, operations and calls in it."""
HUGE = 1e6
"""The largest number that an expression may contain."""

FUNCTIONS: dict[str, Gate] = {
    gate.name: gate
    for gate in (
        *(graph.exp, graph.expm1, graph.log, graph.log1p, graph.sqrt, graph.tanh, graph.sigmoid, graph.softplus),
        *(graph.relu, graph.absolute, graph.maximum, graph.minimum, graph.erf, graph.sin, graph.cos),
        *(graph.atan, graph.asinh, graph.logsigmoid, graph.step, graph.sign, graph.where),
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

_REFUSED: dict[type[ast.AST], str] = {
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
    """The refusal of an expression, in one line that quotes the piece at fault."""


def parse(text: str, names: Iterable[str], matrices: bool = False) -> ast.expr:
    """Return the checked syntax tree of an expression in the given names.

    Raises
    ------
    ExpressionError
        For anything that is not on the whitelist, and for a name that does not occur.
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
            warnings.simplefilter("ignore")  # Python warns about text that is refused below anyway
            tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        start, reason = _fault(text.strip(), max((error.offset or 1) - 1, 0))
        piece = text.strip()[start:] or text.strip()
        raise ExpressionError(
            f"no arithmetic expression at {_short(piece)!r}, character {start + 1}{reason and f': {reason}'}"
        ) from None
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


def _fault(text: str, reported: int) -> tuple[int, str]:
    """Return where a text stops to be an expression, and why; by default where Python's parser reports it."""
    is_open: list[int] = []
    for index, character in enumerate(text):
        if character == "(":
            is_open.append(index)
        elif character == ")":
            if not is_open:
                return index, "this parenthesis closes none"
            is_open.pop()
    if is_open:
        return is_open[-1], "this parenthesis is not closed"
    for pattern, reason in (
        (r"[-+*/]+\s*$", "a value is missing after it"),
        (r"[-+*/]+\s*(?=[,)])", "a value is missing after it"),
        (r"(?<=,)\s*,|(?<=\()\s*,|,\s*(?=\))", "a value is missing beside this comma"),
        (rf"\b({'|'.join(FUNCTIONS)})\s+(?=[\w.])", "the argument of a function stands in parentheses"),
        (r"(?<![\w.])[\d.]+(?=[A-Za-z_])", "a product is written with *"),
    ):
        found = re.search(pattern, text)
        if found:
            return found.start(), reason
    return min(reported, len(text) - 1), ""


def build(tree: ast.expr, values: Mapping[str, Node]) -> tuple[Node, dict[Node, str]]:
    """Return the node of a tree from `parse`, and for each new node the piece of the expression that it stands for."""
    pieces: dict[Node, str] = {}

    def node_of(tree: ast.expr) -> Node:
        if isinstance(tree, ast.Name):
            return values[tree.id]
        try:
            node = computed(tree)
        except ExpressionError:
            raise
        except ValueError:
            operands = tree.args if isinstance(tree, ast.Call) else ast.iter_child_nodes(tree)
            parts = [operand for operand in operands if isinstance(operand, ast.expr)]
            shapes = " and ".join(f"{ast.unparse(part)} {node_of(part).shape}" for part in parts)
            raise ExpressionError(f"{_short(ast.unparse(tree))!r} does not fit the shapes of {shapes}") from None
        pieces[node] = ast.unparse(tree)
        return node

    def computed(tree: ast.expr) -> Node:
        match tree:
            case ast.Constant(value=int() | float() as number):
                return Node(float(number))
            case ast.UnaryOp(operand=ast.Constant() as operand):
                return Node(-node_of(operand).value)
            case ast.UnaryOp(operand=operand):
                return graph.negate(node_of(operand))
            case ast.BinOp(left=left, op=operator, right=right):
                return _OPERATORS[type(operator)](node_of(left), node_of(right))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return (FUNCTIONS | MATRIX_FUNCTIONS)[name](*map(node_of, arguments))
        raise TypeError(f"{ast.unparse(tree)!r} does not come from `parse`")

    return node_of(tree), pieces


def _problem(
    node: ast.expr, names: Collection[str], functions: Mapping[str, Gate], matrices: bool, is_called: bool
) -> str | None:
    """Return what is wrong with a syntax node itself, or None."""
    if isinstance(node, ast.Constant):
        return _problem_of_number(node.value)
    if isinstance(node, ast.Name):
        if is_called:
            return None  # checked with its call
        if node.id in names:
            return None
        if node.id in functions:
            return f"is a function: write {node.id}(…)"
        return f"is unknown: {nearest(node.id, names)}"
    if isinstance(node, ast.Call):
        return _problem_of_call(node, functions)
    if isinstance(node, ast.UnaryOp):
        return None if isinstance(node.op, ast.USub) else "has a sign that is not allowed, only - is"
    if isinstance(node, ast.BinOp):
        return _problem_of_operation(node, matrices)
    if isinstance(node, ast.Tuple):
        return "is a collection: a comma stands only between the arguments of a function"
    return f"is {_REFUSED.get(type(node), 'no arithmetic')}: allowed are numbers, names, + - * / ** and functions"


def _problem_of_number(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        kinds = {str: "a string", bytes: "a string", complex: "an imaginary number"}
        return f"is {kinds.get(type(value), 'no number')}: allowed are numbers, names, + - * / ** and functions"
    return None if abs(value) <= HUGE else f"is too large: allowed are numbers up to {HUGE:g}"


def _problem_of_call(node: ast.Call, functions: Mapping[str, Gate]) -> str | None:
    if isinstance(node.func, ast.Constant):
        return "calls a number: a product is written with *"
    if not isinstance(node.func, ast.Name):
        known = isinstance(node.func, ast.Attribute) and node.func.attr in functions and f": write {node.func.attr}(…)"
        return f"calls something other than a named function{known or ''}"
    name = node.func.id
    if name not in functions:
        if name in MATRIX_FUNCTIONS:
            return "does not have the shape of its argument: an activation is elementwise"
        return f"is unknown: {nearest(name, functions)}"
    count = len(functions[name].local)
    if node.keywords or len(node.args) != count or any(isinstance(argument, ast.Starred) for argument in node.args):
        return f"is wrong: {name} takes {count} argument{'s' if count > 1 else ''}"
    return None


def _problem_of_operation(node: ast.BinOp, matrices: bool) -> str | None:
    if isinstance(node.op, ast.BitXor):
        return "is no operation: a power is written **"
    if isinstance(node.op, ast.MatMult) and not matrices:
        return "does not have the shape of x: an activation is elementwise"
    if type(node.op) not in _OPERATORS:
        return "is no operation: allowed are + - * / **"
    if _is_power(node) and (_is_power(node.left) or any(map(_is_power, ast.walk(node.right)))):
        return "is a tower of powers"
    return None


def _is_power(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
