"""An activation from a user's formula: its derivative by backpropagation, both compiled to NumPy calls.

The formula becomes a computational graph, and so does its derivative. A term that both contain is computed once. A work
array is reused as soon as its value is no longer needed.
"""

import ast
import contextlib
import keyword
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from nets import graph
from nets.activations import ACTIVATIONS, Activation, Buffers
from nets.expressions import FUNCTIONS, HUGE, ExpressionError, build, parse
from nets.graph import GATES, Node, backpropagate

FLAT = 0.005
"""A slope below this counts as saturated. It is smaller than the most common slope of a leaky unit, 0.01."""

_FAR, _NEAR = 50.0, 10.0  # no NaN within ±_FAR, nothing infinite within ±_NEAR
_TAKEN = {"x", "weight", "bias", "learned", *FUNCTIONS}


class TiedStartError(ValueError):
    """The refusal of a parameter that starts where two arguments of max, min, abs or relu are equal for every x.

    Attributes
    ----------
    reason
        What is tied, without the advice.
    parameters
        First values that are allowed; empty if none was found nearby.
    """

    def __init__(self, formula: "Formula", reason: str, parameters: dict[str, float]) -> None:
        self.reason, self.parameters = reason, parameters
        values = ", ".join(f"{name}: {value!r}" for name, value in parameters.items())
        advice = f"start with 'formula.parameters={{{values}}}'" if parameters else "start elsewhere"
        super().__init__(f"formula.expression={formula.expression!r}: {reason}; {advice}")


@dataclass(frozen=True)
class Formula(Activation, name="formula"):
    """A formula in x, such as x*sigmoid(1.702*x): h = f(z), h' = f'(z) by backpropagation.

    Each of its `parameters` is learned, one value per layer. They may be given as {"beta": 1.0}, and are kept as the
    text "beta=1.0". An infinite z may give NaN.

    Attributes
    ----------
    name
        The name for tables and figures.
    initializer
        Glorot's if both sides saturate, else He's, as for most built-in activations.

    Raises
    ------
    ValueError
        For anything that is not on the whitelist of `nets.expressions`; the message quotes it. For a formula that,
        with the initial parameters, is NaN for some |x| ≤ 50, infinite for some |x| ≤ 10, or has a derivative that
        differences do not confirm.
    """

    name: str = "formula"
    expression: str = "x*sigmoid(1.702*x)"
    parameters: str | Mapping[str, float] = ""

    def __post_init__(self) -> None:
        if self.name in set(ACTIVATIONS) - {"formula"} or not re.fullmatch("[a-z][a-z0-9_]{0,39}", str(self.name)):
            raise ValueError(f"activation.name={self.name!r}: allowed is a new name of a-z, 0-9 and _")
        text = ", ".join(f"{name}={value!r}" for name, value in _parameters(self.parameters).items())
        object.__setattr__(self, "parameters", text)
        try:
            _check_finite(self)
            _check_derivatives(self)
        except ExpressionError as error:
            raise ValueError(f"formula.expression={self.expression!r}: {error}") from None
        if self.saturates == "both":
            object.__setattr__(self, "initializer", "glorot_uniform")

    @cached_property
    def _initial(self) -> dict[str, float]:
        return _parameters(self.parameters)

    @cached_property
    def _sign_changes(self) -> np.ndarray:
        return _sign_changes(self._tree(), self._initial)

    @cached_property
    def kinks(self) -> tuple[float, ...]:
        """The points where a routing gate changes its branch and h' jumps, at the initial parameters."""
        x, prime = self._sign_changes, self.prime
        with np.errstate(invalid="ignore"):  # where h' is infinite on both sides, no jump is seen
            near, far = (np.abs(prime(x + step) - prime(x - step)) for step in (1e-7, 1e-6))
            # Where h' only bends, the difference shrinks with the step. Where h' jumps, the difference stays.
            jumps = near > np.maximum(far / 2, 1e-9 * np.maximum(1, np.abs(prime(x))))
        return tuple((x[jumps] + 0.0).tolist())

    @cached_property
    def saturates(self) -> str:
        """The sides on which |h'| is below `FLAT` everywhere from 30 to 50, at the initial parameters."""
        left, right = (np.abs(self.prime(sign * np.linspace(30, _FAR, 41))).max() < FLAT for sign in (-1, 1))
        return "both" if left and right else "left" if left else "right" if right else "neither"

    @cached_property
    def _program(self) -> "_Program":
        leaves = {name: Node(value, name) for name, value in {"x": 0.5, **self._initial}.items()}
        y, _ = build(self._tree(), leaves)
        return _Program(y, list(leaves.values()))

    def _tree(self) -> ast.expr:
        return parse(self.expression, ["x", *self._initial])

    def init(self, replicas: int, units: int, dtype: DTypeLike) -> dict[str, np.ndarray]:
        return {name: np.full((replicas, 1, 1), value, dtype) for name, value in self._initial.items()}

    def buffers(self, shape: tuple[int, ...], dtype: DTypeLike) -> Buffers:
        narrow = (*shape[:-2], 1, 1)
        return tuple(np.empty(shape if wide else narrow, dtype) for wide in self._program.wide)

    def forward(self, z: np.ndarray, h: np.ndarray, work: Buffers, /, **learned: np.ndarray) -> None:
        self._program.run("h", z, h, work, learned)

    def derivative(self, z: np.ndarray, h: np.ndarray, work: Buffers, /, **learned: np.ndarray) -> np.ndarray:
        return self._program.run("x", z, h, work, learned)

    def parameter_derivatives(
        self, z: np.ndarray, h: np.ndarray, work: Buffers, /, **learned: np.ndarray
    ) -> dict[str, np.ndarray]:
        return {name: self._program.run(name, z, h, work, learned) for name in self._initial}


def _parameters(declared: str | Mapping[str, float]) -> dict[str, float]:
    """Return the initial value of each learned parameter, sorted by name, from a mapping or from "a=1.0, b=2.0"."""
    pairs: list[tuple[Any, Any]]
    if isinstance(declared, str):
        parts = [part.partition("=") for part in declared.split(",") if part.strip()]
        pairs = [(name, value) for name, _, value in parts]
    elif isinstance(declared, Mapping):
        pairs = list(declared.items())
    else:
        raise ValueError(f"formula.parameters={declared!r}: allowed is a mapping such as {{beta: 1.0}}")
    result: dict[str, float] = {}
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


def _maximum(a: Any, b: Any, out: np.ndarray) -> None:
    """Write max(a, b); if one of them is a number, NumPy's clip is three times faster than its maximum."""
    if isinstance(a, float):
        a, b = b, a
    if isinstance(b, float):
        a.clip(b, np.inf, out=out)
    else:
        np.maximum(a, b, out=out)


def _minimum(a: Any, b: Any, out: np.ndarray) -> None:
    """Write min(a, b), as in `_maximum`."""
    if isinstance(a, float):
        a, b = b, a
    if isinstance(b, float):
        a.clip(-np.inf, b, out=out)
    else:
        np.minimum(a, b, out=out)


# The function of each instruction. The rules of `_Program` simplify some gates to the names below. The `forward` of
# every other gate is a ufunc.
_UFUNCS: dict[str, Callable[..., Any]] = {name: gate.forward for name, gate in GATES.items()} | {
    "square": np.square,
    "reciprocal": np.reciprocal,
    "less": np.less,
    "equal": np.equal,
    "copy": np.positive,
    "maximum": _maximum,
    "minimum": _minimum,
}
_COMMUTES = {"add", "multiply", "maximum", "minimum"}
# The number below which exp and its reciprocal are in range; it depends on the dtype.
_LIMIT = "limit"
_LIMITS = {np.dtype(np.float32): 87.0, np.dtype(np.float64): 708.0}


class _Instruction(NamedTuple):
    """One step of a program: a gate's name and the values that it takes.

    A "leaf" or a "number" takes none and has a constant: the leaf's name, the number, or `_LIMIT`.
    """

    name: str
    arguments: tuple[int, ...] = ()
    constant: float | str | None = None


_Operand = tuple[int, float | None]  # a value, and the number that it is or None


class _Program:
    """NumPy calls for y, its derivative by x and by each parameter, in work arrays.

    While the program is compiled, a value is the index of the instruction that yields it.

    Attributes
    ----------
    wide
        For each work array, whether it is shaped like z or has one entry per replica.
    """

    def __init__(self, y: Node, leaves: list[Node]) -> None:
        self._names = [leaf.name for leaf in leaves]
        self._code: list[_Instruction] = []
        self._known: dict[_Instruction, int] = {}
        values = {leaf: self._append(_Instruction("leaf", constant=leaf.name)) for leaf in leaves}
        backward = backpropagate(y, leaves)
        results = {"h": self._lower(y, values)}
        for leaf in leaves:
            results[leaf.name] = self._lower(backward.total[leaf], values)
        self._allocate(results)

    def run(
        self, result: str, z: np.ndarray, h: np.ndarray, work: Buffers, learned: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """Compute h, or after it the derivative by a leaf, into h or a work array, and return that array."""
        constants = (_LIMITS[z.dtype] if value == _LIMIT else value for value in self._constants)
        registers: list[Any] = [z, h, *(learned[name] for name in self._names[1:]), *constants, *work]
        with np.errstate(all="ignore"):
            for function, sources, target in self._calls[result]:
                function(*[registers[source] for source in sources], out=registers[target])
        output: np.ndarray = registers[target]
        return output

    # Lowering: nodes become instructions, and equal instructions become one.

    def _append(self, instruction: _Instruction) -> int:
        if instruction not in self._known:
            self._known[instruction] = len(self._code)
            self._code.append(instruction)
        return self._known[instruction]

    def _constant(self, constant: float | str) -> int:
        return self._append(_Instruction("number", constant=constant))

    def _number(self, value: int) -> float | None:
        """Return the number that a value is, or None."""
        name, _, constant = self._code[value]
        return constant if name == "number" and isinstance(constant, float) else None

    def _lower(self, y: Node, values: dict[Node, int]) -> int:
        for node in graph.history(y):
            if node in values:
                continue
            if node.gate is None:
                values[node] = self._constant(float(node.value))
            elif node.gate is graph.broadcast:  # of the 1 that backpropagation starts with, to its own shape
                values[node] = values[node.inputs[0]]
            else:
                values[node] = self._emit(node.gate.name, *(values[source] for source in node.inputs))
        return values[y]

    def _emit(self, name: str, *arguments: int | float) -> int:
        """Return the value of a gate, simplified if that costs no accuracy; an int is a value, a float a number."""
        operands = [item if isinstance(item, int) else self._constant(item) for item in arguments]
        numbers = [self._number(operand) for operand in operands]
        known = [number for number in numbers if number is not None]
        if name in GATES and len(known) == len(numbers):
            return self._constant(float(GATES[name](*known).value))
        rule: Callable[..., int | None] | None = getattr(self, f"_of_{name}", None)
        simple = rule(*zip(operands, numbers, strict=True)) if rule else None
        if simple is not None:
            return simple
        return self._append(_Instruction(name, tuple(sorted(operands) if name in _COMMUTES else operands)))

    # `_of_NAME` is the rule of the gate NAME: from its operands to a simpler value, or to None.

    def _of_relu(self, a: _Operand) -> int:
        return self._emit("maximum", a[0], 0.0)

    def _of_is_zero(self, a: _Operand) -> int:
        return self._emit("equal", a[0], 0.0)

    def _of_sigmoid(self, a: _Operand) -> int:
        """Compute neither sigma(b) nor sigma(-b) as 1 - …, so that both keep their tails."""
        positive, mirrored = self._unsigned(a[0])
        e = self._exponential(positive)
        rest = self._emit("reciprocal", self._emit("add", e, 1.0))
        return rest if mirrored else self._emit("multiply", e, rest)

    def _of_softplus(self, a: _Operand) -> int:
        return self._emit("maximum", self._emit("log1p", self._exponential(a[0])), a[0])

    def _exponential(self, a: int) -> int:
        return self._emit("exp", self._emit("minimum", a, self._constant(_LIMIT)))

    def _unsigned(self, a: int) -> tuple[int, bool]:
        """Return b and whether a is -b."""
        name, arguments, _ = self._code[a]
        return (arguments[0], True) if name == "negate" else (a, False)

    def _of_add(self, a: _Operand, b: _Operand) -> int | None:
        for (value, number), (other, _) in ((a, b), (b, a)):
            if number == 0:
                return other
            inner, negative = self._unsigned(value)
            if negative:
                return self._emit("subtract", other, inner)
        return None

    def _of_subtract(self, a: _Operand, b: _Operand) -> int | None:
        inner, negative = self._unsigned(b[0])
        if negative:
            return self._emit("add", a[0], inner)
        if b[1] == 0:
            return a[0]
        if a[1] == 0:
            return self._emit("negate", b[0])
        name, arguments, _ = self._code[b[0]]
        return self._emit("less", *arguments) if a[1] == 1 and name == "at_least" else None

    def _of_multiply(self, a: _Operand, b: _Operand) -> int | None:
        (value, number), (other, _) = (a, b) if a[1] is not None else (b, a)
        if number == 1:
            return other
        if number is not None and number < 0:
            return self._emit("negate", self._emit("multiply", -number, other))
        name, arguments, _ = self._code[other]
        inner = self._number(arguments[0]) if name == "multiply" else None
        if number is not None and inner is not None:
            return self._emit("multiply", number * inner, arguments[1])
        if value == other:
            return self._emit("square", value)
        (left, first), (right, second) = self._unsigned(value), self._unsigned(other)
        if first or second:
            product = self._emit("multiply", left, right)
            return product if first == second else self._emit("negate", product)
        return None

    def _of_divide(self, a: _Operand, b: _Operand) -> int | None:
        if b[1] and math.isfinite(1 / b[1]):
            return self._emit("multiply", 1 / b[1], a[0])
        inner, negative = self._unsigned(a[0])
        if negative:
            return self._emit("negate", self._emit("divide", inner, b[0]))
        return self._emit("reciprocal", b[0]) if a[1] == 1 else None

    def _of_negate(self, a: _Operand) -> int | None:
        inner, negative = self._unsigned(a[0])
        return inner if negative else None

    def _of_power(self, a: _Operand, b: _Operand) -> int | None:
        if b[1] == 0:
            return self._constant(1.0)
        if b[1] == 1:
            return a[0]
        if b[1] == 3:
            return self._emit("multiply", a[0], self._emit("square", a[0]))
        easy = {2.0: "square", 0.5: "sqrt", -1.0: "reciprocal"}
        return self._emit(easy[b[1]], a[0]) if b[1] in easy else None

    # Allocation: a value that only h needs is overwritten as soon as possible; a value that a derivative needs stays.

    def _allocate(self, results: dict[str, int]) -> None:
        """Give every value a register: z, h, the parameters, the numbers, then the work arrays."""
        code = self._code
        inputs = {index for index, step in enumerate(code) if step.name in ("leaf", "number")}
        forward = self._needed(results["h"], inputs)
        backward = {name: self._needed(results[name], inputs | set(forward)) for name in self._names}
        is_wide = [step == _Instruction("leaf", constant="x") for step in code]
        for index in sorted(set(range(len(code))) - inputs):
            is_wide[index] = any(is_wide[argument] for argument in code[index].arguments)
        self._constants = [step.constant for step in code if step.name == "number"]
        registers = {0: 0} | {index: register for register, index in enumerate(sorted(inputs - {0}), start=2)}
        self.wide: list[bool] = []

        def fresh(wide: bool) -> int:
            self.wide.append(wide)
            return len(inputs) + len(self.wide)

        def calls(
            sequence: list[int], final: int, target: int, kept: set[int], free: dict[bool, list[int]]
        ) -> list[tuple[Callable[..., Any], list[int], int]]:
            last_use = {argument: index for index in sequence for argument in code[index].arguments}
            result = []
            for index in sequence:
                name, arguments, _ = code[index]
                sources = [registers[argument] for argument in arguments]
                for argument in set(arguments) & set(sequence) - kept:
                    if last_use[argument] == index:
                        free[is_wide[argument]].append(registers[argument])
                if index == final and is_wide[index]:
                    registers[index] = target
                else:
                    pool = free[is_wide[index]]
                    registers[index] = pool.pop() if pool else fresh(is_wide[index])
                result.append((_UFUNCS[name], sources, registers[index]))
            if not sequence or registers[final] != target:
                result.append((_UFUNCS["copy"], [registers[final]], target))
            return result

        kept = {argument for sequence in backward.values() for index in sequence for argument in code[index].arguments}
        spare: dict[bool, list[int]] = {True: [], False: []}
        self._calls = {"h": calls(forward, results["h"], 1, kept | set(results.values()), spare)}
        targets = {name: fresh(True) for name in self._names}
        for name, sequence in backward.items():
            free = {wide: list(pool) for wide, pool in spare.items()}
            self._calls[name] = calls(sequence, results[name], targets[name], set(), free)

    def _needed(self, value: int, computed: set[int]) -> list[int]:
        """Return the instructions that a value needs besides those computed before, in order."""
        needed: set[int] = set()
        stack = [value]
        while stack:
            index = stack.pop()
            if index not in computed and index not in needed:
                needed.add(index)
                stack.extend(self._code[index].arguments)
        return sorted(needed)


# --- checks before training starts -------------------------------------------------------------------------------


def _values(tree: ast.expr, initial: Mapping[str, float], x: np.ndarray) -> tuple[Node, dict[Node, str]]:
    """Return the graph of a formula at the points x, and the piece of the formula that each node stands for."""
    return build(tree, {"x": Node(x)} | {name: Node(value) for name, value in initial.items()})


def _sign_changes(tree: ast.expr, initial: Mapping[str, float]) -> np.ndarray:
    """Return the points within ±50 where an argument of a routing gate changes its sign."""

    def arguments(x: np.ndarray) -> list[np.ndarray]:
        y, _ = _values(tree, initial, x)
        routing = [node for node in graph.history(y) if node.gate and node.gate.effect == "routes"]
        zero = np.zeros(())  # relu and abs compare with 0
        pairs = [[*(source.value for source in node.inputs), zero][:2] for node in routing]
        with np.errstate(all="ignore"):
            return [np.broadcast_to(a - b, x.shape) for a, b in pairs]

    x = np.linspace(-_FAR, _FAR, 4001)
    zeros: list[float] = []
    for gate, signs in enumerate(map(np.sign, arguments(x))):
        zeros += x[signs == 0].tolist()
        left = np.flatnonzero(signs[:-1] * signs[1:] < 0)
        low, high = x[left], x[left + 1]
        for _ in range(50 if left.size else 0):
            middle = (low + high) / 2
            before = np.sign(arguments(middle)[gate]) == signs[left]
            low, high = np.where(before, middle, low), np.where(before, high, middle)
        zeros += high.tolist()
    return np.unique(np.round(zeros, 9))


def _check_finite(formula: Formula) -> None:
    """Refuse a formula that is NaN or infinite where a network may take it; the same for each of its derivatives."""
    x = np.unique(np.concatenate([np.linspace(-_FAR, _FAR, 20_001), np.linspace(-1, 1, 2001)]))
    near = np.abs(x) <= _NEAR
    y, pieces = _values(formula._tree(), formula._initial, x)
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
                quantity = "it" if result == "h" else f"its derivative by {result}"
                fault = f"{quantity} is {values[bad][0]:g} at x = {x[bad][0]:g} in {np.dtype(dtype)}"
                reason = _why_nan(formula, float(x[bad][0])) if np.isnan(values[bad][0]) else ""
                raise ExpressionError(f"{fault}: {reason}" if reason else fault)


def _why_nan(formula: Formula, x: float) -> str:
    """Return why a formula that is finite at x has a derivative that is NaN there; "" if the graph does not show it."""
    leaves = {name: Node(value, name) for name, value in {"x": x, **formula._initial}.items()}
    y, pieces = build(formula._tree(), leaves)
    return graph.why_nan(y, backpropagate(y, leaves.values()), lambda node: node.name or pieces[node])


def _divisor(node: Node) -> Node | None:
    """Return what a gate divides by, or None."""
    name = node.gate.name if node.gate else None
    if name == "divide":
        return node.inputs[1]
    return node.inputs[0] if name == "power" and (node.inputs[1].value < 0).all() else None


def _everything(formula: Formula, x: np.ndarray, **learned: np.ndarray) -> dict[str, np.ndarray]:
    """Return h and the derivative by x and by each parameter at the points x."""
    z = x[None, :, None]
    h, work = np.empty_like(z), formula.buffers(z.shape, z.dtype)
    learned = formula.init(1, 1, z.dtype) | learned
    formula.forward(z, h, work, **learned)
    slopes = formula.parameter_derivatives(z, h, work, **learned)
    slopes |= {"x": formula.derivative(z, h, work, **learned)}
    return {"h": h.ravel()} | {name: slope.ravel() for name, slope in slopes.items()}


def _check_derivatives(formula: Formula) -> None:
    """Refuse a formula whose derivatives are not what differences of its values say, away from kinks."""
    x = np.random.default_rng(0).uniform(-6, 6, 64)
    if formula._sign_changes.size:
        x = x[np.abs(x[:, None] - formula._sign_changes).min(axis=1) > 0.01]
    exact = _everything(formula, x)
    for name in ("x", *formula._initial):

        def moved(by: float, name: str = name) -> np.ndarray:
            if name == "x":
                return _everything(formula, x + by)["h"]
            return _everything(formula, x, **{name: formula.init(1, 1, x.dtype)[name] + by})["h"]

        # Several steps are tried, since a formula may bend on any scale.
        error = np.full(x.shape, np.inf)
        for step in (1e-3, 1e-4, 1e-5):
            with np.errstate(all="ignore"):  # a parameter that moves may meet a pole
                slope = (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step)
                scale = np.maximum(1, np.abs(exact["h"])) + np.abs(slope)
                error = np.fmin(error, np.abs(slope - exact[name]) / scale)
        if error.size and not error.max() < 1e-6:
            worst = error.argmax()
            _check_ties(formula, name, float(x[worst]))
            raise ExpressionError(
                f"its derivative by {name} at x = {x[worst]:g} is not {exact[name][worst]:g} by differences"
            )


def _check_ties(formula: Formula, name: str, x: float) -> None:
    """Refuse a parameter that starts where two arguments of a routing gate are equal, at a point x without a kink."""
    leaves = {leaf: Node(value, leaf) for leaf, value in {"x": x, **formula._initial}.items()}
    y, pieces = build(formula._tree(), leaves)
    for node in graph.history(y) if name in formula._initial else []:
        if node.gate is None or node.gate.effect != "routes" or leaves[name] not in graph.history(node):
            continue
        first, second = [*(float(source.value) for source in node.inputs), 0.0][:2]
        if abs(first - second) <= 1e-12 * max(1, abs(first)):
            start = f"{name}={formula._initial[name]:g}"
            reason = f"{pieces[node]!r} is a tie for every x while {start}, so it has no derivative by {name} there"
            raise TiedStartError(formula, reason, _start_nearby(formula, name))


def _start_nearby(formula: Formula, name: str) -> dict[str, float]:
    """Return first values of the parameters that are allowed, with another one of `name`; empty if none is nearby."""
    value = formula._initial[name]
    for candidate in (0.9 * value, 1.1 * value) if value else (0.1, -0.1):
        parameters = formula._initial | {name: round(candidate, 6)}
        with contextlib.suppress(ValueError):
            Formula(formula.name, formula.expression, parameters)
            return parameters
    return {}
