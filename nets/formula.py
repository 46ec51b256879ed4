"""An activation from a user's formula: its derivative by backpropagation, both compiled to NumPy calls.

The formula becomes a computational graph, so does its derivative; what they compute in common is computed once, and
each value gets a work array that is used again as soon as nobody needs it.
"""

import keyword
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

import numpy as np

from nets import graph
from nets.activations import ACTIVATIONS, Activation
from nets.expressions import FUNCTIONS, HUGE, ExpressionError, build, parse
from nets.graph import GATES, Node, backpropagate

FLAT = 0.005
"""A slope below this, at both ends of a side, counts as saturated."""

_FAR, _NEAR = 50.0, 10.0  # no NaN within ±_FAR, nothing infinite within ±_NEAR
_TAKEN = {"x", "weight", "bias", "learned", *FUNCTIONS}


@dataclass(frozen=True)
class Formula(Activation, name="formula"):
    """A formula in x, such as x*sigmoid(1.702*x): h = f(z), h' = f'(z) by backpropagation.

    Each of its `parameters` is learned, one value per layer. Given as {"beta": 1.0}, they are kept as the text
    "beta=1.0". An infinite z may give NaN.

    Attributes
    ----------
    name
        What to call it in tables and figures.
    kinks
        Found by bisection where the argument of a gate that routes changes its sign, at the initial parameters.
    saturates
        Judged by |f'| from 30 to 50 on each side, at the initial parameters.
    initializer
        Glorot's where both sides saturate, else He's, as of most built-in activations.

    Raises
    ------
    ValueError
        With a line that quotes the offending piece: for what is not on the whitelist of `nets.expressions`, for a
        formula that is NaN for some |x| ≤ 50 or infinite for some |x| ≤ 10, at the initial parameters, and for one
        whose derivative is not what differences say.
    """

    name: str = "formula"
    expression: str = "x*sigmoid(1.702*x)"
    parameters: str | Mapping[str, float] = ""

    def __post_init__(self):
        if self.name in set(ACTIVATIONS) - {"formula"} or not re.fullmatch("[a-z][a-z0-9_]{0,39}", str(self.name)):
            raise ValueError(f"activation.name={self.name!r}: allowed is a new name of a-z, 0-9 and _")
        initial = _parameters(self.parameters)
        self._set(parameters=", ".join(f"{name}={value!r}" for name, value in initial.items()))
        try:
            tree = parse(self.expression, ["x", *initial])
            leaves = {name: Node(value, name) for name, value in {"x": 0.5, **initial}.items()}
            y, _ = build(tree, leaves)
            self._set(_initial=initial, _program=_Program(y, list(leaves.values())))
            zeros, kinks = _kinks(tree, initial, self.prime)
            self._set(kinks=kinks)
            _check_finite(self, tree)
            _check_derivatives(self, zeros)
        except ExpressionError as error:
            raise ValueError(f"formula.expression={self.expression!r}: {error}") from None
        left, right = (np.abs(self.prime(sign * np.linspace(30, _FAR, 41))).max() < FLAT for sign in (-1, 1))
        self._set(saturates="both" if left and right else "left" if left else "right" if right else "neither")
        self._set(initializer="glorot_uniform" if left and right else "he_normal")

    def _set(self, **values):
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def init(self, replicas, units, dtype):
        return {name: np.full((replicas, 1, 1), value, dtype) for name, value in self._initial.items()}

    def buffers(self, shape, dtype):
        narrow = (*shape[:-2], 1, 1)
        return tuple(np.empty(shape if wide else narrow, dtype) for wide in self._program.wide)

    def forward(self, z, h, work, /, **parameters):
        self._program.run("h", z, h, work, parameters)

    def derivative(self, z, h, work, /, **parameters):
        return self._program.run("x", z, h, work, parameters)

    def parameter_derivatives(self, z, h, work, /, **parameters):
        return {name: self._program.run(name, z, h, work, parameters) for name in self._initial}


def _parameters(given):
    """Return name and initial value of each learned parameter, by name, from a mapping or from "a=1.0, b=2.0"."""
    if isinstance(given, str):
        pairs = [part.partition("=")[::2] for part in given.split(",") if part.strip()]
    elif isinstance(given, Mapping):
        pairs = given.items()
    else:
        raise ValueError(f"formula.parameters={given!r}: allowed is a mapping such as {{beta: 1.0}}")
    result = {}
    for name, value in sorted((str(name).strip(), value) for name, value in pairs):
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_]{0,19}", name) or keyword.iskeyword(name) or name in _TAKEN:
            raise ValueError(f"formula.parameters: {name!r} cannot be the name of a parameter")
        try:
            number = float(value) if isinstance(value, Real | str) and not isinstance(value, bool) else math.nan
        except ValueError:
            number = math.nan
        if not abs(number) <= HUGE or name in result:
            raise ValueError(f"formula.parameters: {name}={value!r}: allowed is one number up to {HUGE:g}")
        result[name] = number
    return result


# --- compiling ---------------------------------------------------------------------------------------------------

# Of a gate without a rule below its forward is a ufunc; the other names are what the rules simplify to.
_UFUNCS = {name: gate.forward for name, gate in GATES.items()} | {
    "square": np.square,
    "reciprocal": np.reciprocal,
    "less": np.less,
    "equal": np.equal,
    "copy": np.positive,
}
_COMMUTES = {"add", "multiply", "maximum", "minimum"}
# exp of it is in range, and the reciprocal of that too; what it stands for depends on the dtype.
_LIMIT = "limit"
_LIMITS = {np.dtype(np.float32): 87.0, np.dtype(np.float64): 708.0}


class _Program:
    """NumPy calls for y, its derivative by x and by each parameter, in work arrays.

    While it is compiled, a value is the index of the instruction that yields it, such as (name, value, value).

    Attributes
    ----------
    wide
        For each work array, whether it is shaped like z or has one entry per replica.
    """

    def __init__(self, y: Node, leaves: list[Node]):
        self._names = [leaf.name for leaf in leaves]
        self._code: list[tuple] = []
        self._known: dict[tuple, int] = {}
        values = {leaf: self._instruction("leaf", leaf.name) for leaf in leaves}
        backward = backpropagate(y, leaves)
        results = {"h": self._lower(y, values)}
        for leaf in leaves:
            results[leaf.name] = self._lower(backward.total[leaf], values)
        self._allocate(results)

    def run(self, result, z, h, work, parameters):
        """Compute h, or after it the derivative by a leaf, into a work array, which is returned."""
        constants = (_LIMITS[z.dtype] if value == _LIMIT else value for value in self._constants)
        registers = [z, h, *(parameters[name] for name in self._names[1:]), *constants, *work]
        with np.errstate(all="ignore"):
            for function, sources, target in self._calls[result]:
                function(*[registers[source] for source in sources], out=registers[target])
        return registers[target]

    # Lowering: from nodes to instructions, the same one never twice.

    def _instruction(self, *key):
        if key not in self._known:
            self._known[key] = len(self._code)
            self._code.append(key)
        return self._known[key]

    def _number(self, value):
        """Return the number that a value is, or None."""
        name, *rest = self._code[value]
        return rest[0] if name == "number" and rest[0] != _LIMIT else None

    def _lower(self, y, values):
        for node in graph.history(y):
            if node in values:
                continue
            if node.gate is None:
                values[node] = self._instruction("number", float(node.value))
            elif node.gate is graph.broadcast:  # of the 1 that backpropagation starts with, to its own shape
                values[node] = values[node.inputs[0]]
            else:
                values[node] = self._emit(node.gate.name, *(values[each] for each in node.inputs))
        return values[y]

    def _emit(self, name, *arguments):
        """Return the value of a gate, simplified where that costs no accuracy; floats are numbers."""
        arguments = [each if isinstance(each, int) else self._instruction("number", each) for each in arguments]
        numbers = [self._number(each) for each in arguments]
        if name in GATES and None not in numbers:
            return self._instruction("number", float(GATES[name](*numbers).value))
        rule = getattr(self, f"_of_{name}", None)
        simple = rule(*zip(arguments, numbers, strict=True)) if rule else None
        if simple is not None:
            return simple
        return self._instruction(name, *(sorted(arguments) if name in _COMMUTES else arguments))

    # One rule for each gate that has one, from (value, number or None) of its inputs to a simpler value or None.

    def _of_relu(self, a):
        return self._emit("maximum", a[0], 0.0)

    def _of_is_zero(self, a):
        return self._emit("equal", a[0], 0.0)

    def _of_sigmoid(self, a):
        """As in `nets.activations`, neither sigma(b) nor sigma(-b) is 1 - …."""
        positive, mirrored = self._unsigned(a[0])
        e = self._exponential(positive)
        rest = self._emit("reciprocal", self._emit("add", e, 1.0))
        return rest if mirrored else self._emit("multiply", e, rest)

    def _of_softplus(self, a):
        return self._emit("maximum", self._emit("log1p", self._exponential(a[0])), a[0])

    def _exponential(self, a):
        return self._emit("exp", self._emit("minimum", a, self._instruction("number", _LIMIT)))

    def _unsigned(self, a):
        """Return b and whether a is -b."""
        return (self._code[a][1], True) if self._code[a][0] == "negate" else (a, False)

    def _of_add(self, a, b):
        for (value, number), (other, _) in ((a, b), (b, a)):
            if number == 0:
                return other
            inner, negative = self._unsigned(value)
            if negative:
                return self._emit("subtract", other, inner)
        return None

    def _of_subtract(self, a, b):
        inner, negative = self._unsigned(b[0])
        if negative:
            return self._emit("add", a[0], inner)
        if b[1] == 0:
            return a[0]
        if a[1] == 0:
            return self._emit("negate", b[0])
        name, *arguments = self._code[b[0]]
        return self._emit("less", *arguments) if a[1] == 1 and name == "at_least" else None

    def _of_multiply(self, a, b):
        (value, number), (other, _) = (a, b) if a[1] is not None else (b, a)
        if number == 1:
            return other
        if number is not None and number < 0:
            return self._emit("negate", self._emit("multiply", -number, other))
        name, *arguments = self._code[other]
        if number is not None and name == "multiply" and self._number(arguments[0]) is not None:
            return self._emit("multiply", number * self._number(arguments[0]), arguments[1])
        if value == other:
            return self._emit("square", value)
        (left, first), (right, second) = self._unsigned(value), self._unsigned(other)
        if first or second:
            product = self._emit("multiply", left, right)
            return product if first == second else self._emit("negate", product)
        return None

    def _of_divide(self, a, b):
        if b[1] and math.isfinite(1 / b[1]):
            return self._emit("multiply", 1 / b[1], a[0])
        inner, negative = self._unsigned(a[0])
        if negative:
            return self._emit("negate", self._emit("divide", inner, b[0]))
        return self._emit("reciprocal", b[0]) if a[1] == 1 else None

    def _of_negate(self, a):
        inner, negative = self._unsigned(a[0])
        return inner if negative else None

    def _of_power(self, a, b):
        if b[1] == 0:
            return self._instruction("number", 1.0)
        if b[1] == 1:
            return a[0]
        if b[1] == 3:
            return self._emit("multiply", a[0], self._emit("square", a[0]))
        easy = {2.0: "square", 0.5: "sqrt", -1.0: "reciprocal"}
        return self._emit(easy[b[1]], a[0]) if b[1] in easy else None

    # Allocation: what only h needs is overwritten as soon as it can be; what a derivative needs stays.

    def _allocate(self, results):
        """Give every value a register: z, h, the parameters, the numbers, then the work arrays."""
        code = self._code
        given = {index for index, (name, *_) in enumerate(code) if name in ("leaf", "number")}
        forward = self._needed(results["h"], given)
        backward = {name: self._needed(results[name], given | set(forward)) for name in self._names}
        is_wide = [key == ("leaf", "x") for key in code]
        for index in sorted(set(range(len(code))) - given):
            is_wide[index] = any(is_wide[each] for each in code[index][1:])
        self._constants = [key[1] for key in code if key[0] == "number"]
        places = {0: 0} | {index: register for register, index in enumerate(sorted(given - {0}), start=2)}
        self.wide: list[bool] = []

        def fresh(wide):
            self.wide.append(wide)
            return len(given) + len(self.wide)

        def calls(sequence, final, target, kept, free):
            last_use = {each: index for index in sequence for each in code[index][1:]}
            result = []
            for index in sequence:
                sources = [places[each] for each in code[index][1:]]
                for each in set(code[index][1:]) & set(sequence) - kept:
                    if last_use[each] == index:
                        free[is_wide[each]].append(places[each])
                if index == final and is_wide[index]:
                    places[index] = target
                else:
                    pool = free[is_wide[index]]
                    places[index] = pool.pop() if pool else fresh(is_wide[index])
                result.append((_UFUNCS[code[index][0]], sources, places[index]))
            if not sequence or places[final] != target:
                result.append((_UFUNCS["copy"], [places[final]], target))
            return result

        kept = {each for sequence in backward.values() for index in sequence for each in code[index][1:]}
        spare = {True: [], False: []}
        self._calls = {"h": calls(forward, results["h"], 1, kept | set(results.values()), spare)}
        own = {name: fresh(True) for name in self._names}
        for name, sequence in backward.items():
            free = {wide: list(pool) for wide, pool in spare.items()}
            self._calls[name] = calls(sequence, results[name], own[name], set(), free)

    def _needed(self, value, done):
        """Return the instructions that a value needs beside those done, in order."""
        needed, stack = set(), [value]
        while stack:
            each = stack.pop()
            if each not in done and each not in needed:
                needed.add(each)
                stack.extend(self._code[each][1:])
        return sorted(needed)


# --- checks before training starts -------------------------------------------------------------------------------


def _values(tree, initial, x):
    """Return the graph of a formula at the points x, and the piece of it that each node stands for."""
    return build(tree, {"x": Node(x)} | {name: Node(value) for name, value in initial.items()})


def _kinks(tree, initial, prime):
    """Return where a gate's argument changes its sign, and where of these the derivative jumps."""

    def arguments(x):
        y, _ = _values(tree, initial, x)
        routing = [node for node in graph.history(y) if node.gate and node.gate.does == "routes"]
        pairs = [[*(each.value for each in node.inputs), 0.0][:2] for node in routing]  # relu and abs compare with 0
        with np.errstate(all="ignore"):
            return [np.broadcast_to(a - b, x.shape) for a, b in pairs]

    x = np.linspace(-_FAR, _FAR, 4001)
    zeros = []
    for which, signs in enumerate(map(np.sign, arguments(x))):
        zeros += x[signs == 0].tolist()
        left = np.flatnonzero(signs[:-1] * signs[1:] < 0)
        low, high = x[left], x[left + 1]
        for _ in range(50 if left.size else 0):
            middle = (low + high) / 2
            before = np.sign(arguments(middle)[which]) == signs[left]
            low, high = np.where(before, middle, low), np.where(before, high, middle)
        zeros += high.tolist()
    zeros = np.unique(np.round(zeros, 9))
    near, far = (np.abs(prime(zeros + step) - prime(zeros - step)) for step in (1e-7, 1e-6))
    # Where the derivative only bends, less is left of the difference the smaller the step; a jump stays.
    jumps = near > np.maximum(far / 2, 1e-9 * np.maximum(1, np.abs(prime(zeros))))
    return zeros, tuple((zeros[jumps] + 0.0).tolist())


def _check_finite(formula, tree):
    """Refuse a formula that is NaN or infinite where a network is apt to go; so for each of its derivatives."""
    x = np.unique(np.concatenate([np.linspace(-_FAR, _FAR, 20_001), np.linspace(-1, 1, 2001)]))
    near = np.abs(x) <= _NEAR
    y, pieces = _values(tree, formula._initial, x)
    for node in graph.history(y):
        values = np.broadcast_to(node.value, x.shape)
        bad = np.isnan(values) if node is not y else np.isnan(values) | (np.isinf(values) & near)
        if bad.any():
            raise ExpressionError(f"{pieces[node]!r} is {values[bad][0]:g} at x = {x[bad][0]:g}")
        divisor = _divisor(node)
        if divisor is not None:
            signs = np.sign(np.broadcast_to(divisor.value, x.shape))
            crosses = (signs[:-1] * signs[1:] < 0) & near[:-1]
            if crosses.any():
                raise ExpressionError(f"{pieces[node]!r} has a pole near x = {x[:-1][crosses][0]:g}")
    for dtype in (np.float64, np.float32):
        for result, values in _everything(formula, x.astype(dtype)).items():
            bad = np.isnan(values) | (np.isinf(values) & near)
            if bad.any():
                what = "it" if result == "h" else f"its derivative by {result}"
                raise ExpressionError(f"{what} is {values[bad][0]:g} at x = {x[bad][0]:g} in {np.dtype(dtype)}")


def _divisor(node):
    """Return what a gate divides by, or None."""
    name = node.gate.name if node.gate else None
    if name == "divide":
        return node.inputs[1]
    return node.inputs[0] if name == "power" and (node.inputs[1].value < 0).all() else None


def _everything(formula, x, **parameters):
    """Return h and the derivative by x and by each parameter at the points x."""
    z = x[None, :, None]
    h, work = np.empty_like(z), formula.buffers(z.shape, z.dtype)
    parameters = formula.init(1, 1, z.dtype) | parameters
    formula.forward(z, h, work, **parameters)
    slopes = formula.parameter_derivatives(z, h, work, **parameters)
    slopes |= {"x": formula.derivative(z, h, work, **parameters)}
    return {"h": h.ravel()} | {name: slope.ravel() for name, slope in slopes.items()}


def _check_derivatives(formula, zeros):
    """Refuse a formula whose derivatives are not what differences of its own values say, away from kinks."""
    x = np.random.default_rng(0).uniform(-6, 6, 64)
    if zeros.size:
        x = x[np.abs(x[:, None] - zeros).min(axis=1) > 0.01]
    exact = _everything(formula, x)
    for name in ("x", *formula._initial):

        def moved(by, name=name):
            if name == "x":
                return _everything(formula, x + by)["h"]
            return _everything(formula, x, **{name: formula.init(1, 1, x.dtype)[name] + by})["h"]

        # Of several steps, since a formula may bend on any scale.
        off = np.full(x.shape, np.inf)
        for step in (1e-3, 1e-4, 1e-5):
            slope = (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step)
            scale = np.maximum(1, np.abs(exact["h"])) + np.abs(slope)
            off = np.fmin(off, np.abs(slope - exact[name]) / scale)
        if off.size and not off.max() < 1e-6:
            at = off.argmax()
            raise ExpressionError(
                f"its derivative by {name} at x = {x[at]:g} is not {exact[name][at]:g} by differences"
            )
