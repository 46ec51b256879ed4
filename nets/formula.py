"""An activation from a user's formula: its derivative by backpropagation, both compiled to NumPy calls.

The formula becomes a computational graph, and so does its derivative. A term that both contain is computed once. A work
array is reused as soon as its value is no longer needed.
"""

import ast
import contextlib
import keyword
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from numbers import Real
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from nets import graph
from nets.activations import ACTIVATIONS, Activation, Buffers
from nets.expressions import FUNCTIONS, HUGE, ExpressionError, build, parse
from nets.graph import GATES, Node, backpropagate
from nets.hyperparameters import OneOf, check

FLAT = 0.005
"""A slope below this counts as saturated. It is smaller than the most common slope of a leaky unit, 0.01."""

_FAR, _NEAR = 50.0, 10.0  # no NaN within ±_FAR, nothing infinite within ±_NEAR
# Functions that came later may be the names of parameters, as in formulas that are older than they.
_LATER = {"atan", "asinh", "logsigmoid", "step", "sign", "where"}
_TAKEN = {"x", "weight", "bias", "scale", "learned", *FUNCTIONS} - _LATER

Points = dict[str, np.ndarray]
"""The values of x, or of x0 and x1, by name."""


class TiedStartError(ValueError):
    """The refusal of an initial value with which two arguments of max, min, abs or relu are equal for every x.

    Attributes
    ----------
    reason
        What is tied, without the advice.
    parameters
        Initial values that are allowed; empty if none was found nearby.
    """

    def __init__(self, formula: "Formula", reason: str, parameters: dict[str, float]) -> None:
        self.reason, self.parameters = reason, parameters
        values = ", ".join(f"{name}: {value!r}" for name, value in parameters.items())
        advice = f"allowed is 'formula.parameters={{{values}}}'" if parameters else "choose other initial values"
        super().__init__(f"formula.expression={formula.expression!r}: {reason}; {advice}")


@dataclass(frozen=True)
class Formula(Activation, name="formula"):
    """A formula in x, such as x*sigmoid(1.702*x): h = f(z), h' = f'(z) by backpropagation.

    A formula in x0 and x1, such as x0*sigmoid(x1), has two pieces. Each of its `parameters` is learned. They may be
    given as {"beta": 1.0}, and are kept as the text "beta=1.0". An infinite z may give NaN.

    Attributes
    ----------
    name
        The name for tables and figures.
    per
        Whether a parameter has one value per "layer" or per "unit".
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
    per: Annotated[str, OneOf("layer", "unit")] = field(default="layer", kw_only=True)

    def __post_init__(self) -> None:
        check(self, "activation")
        if self.name in set(ACTIVATIONS) - {"formula"} or not re.fullmatch("[a-z][a-z0-9_]{0,39}", str(self.name)):
            raise ValueError(f"activation.name={self.name!r}: allowed is a new name of a-z, 0-9 and _")
        text = ", ".join(f"{name}={value!r}" for name, value in _parameters(self.parameters).items())
        object.__setattr__(self, "parameters", text)
        if not text:
            object.__setattr__(self, "per", "layer")  # what learns nothing is one condition
        object.__setattr__(self, "pieces", len(self._leaves))
        try:
            _check_finite(self)
            _check_derivatives(self)
        except ExpressionError as error:
            raise ValueError(f"formula.expression={self.expression!r}: {error}") from None
        if self.saturates == "both":
            object.__setattr__(self, "initializer", "glorot_uniform")

    @property
    def initial(self) -> dict[str, float]:
        """The first values of the learned parameters by name."""
        return dict(self._initial)

    @cached_property
    def _initial(self) -> dict[str, float]:
        return _parameters(self.parameters)

    @cached_property
    def _leaves(self) -> tuple[str, ...]:
        """The names of the pre-activations."""
        words = set(re.findall(r"[A-Za-z_]\w*", str(self.expression)))
        pair = {"x0", "x1"}
        return ("x0", "x1") if words & pair and not pair & set(self._initial) else ("x",)

    @cached_property
    def _sign_changes(self) -> np.ndarray:
        return _sign_changes(self)

    @cached_property
    def kinks(self) -> tuple[float, ...]:
        """The points where a gate changes its branch and h' jumps, at the initial parameters; none with two pieces."""
        x, prime = self._sign_changes, self.prime
        if not x.size:
            return ()
        with np.errstate(invalid="ignore"):  # where h' is infinite on both sides, no jump is seen
            near, far = (np.abs(prime(x + step) - prime(x - step)) for step in (1e-7, 1e-6))
            # Where h' only bends, the difference shrinks with the step. Where h' jumps, the difference stays.
            jumps = near > np.maximum(far / 2, 1e-9 * np.maximum(1, np.abs(prime(x))))
        return tuple((x[jumps] + 0.0).tolist())

    @cached_property
    def jumps(self) -> tuple[float, ...]:
        """The points where h itself jumps, at the initial parameters; none with two pieces."""
        x = self._sign_changes
        if not x.size:
            return ()
        with np.errstate(invalid="ignore"):  # where h is infinite on both sides, no jump is seen
            near, far = (np.abs(self(x + step) - self(x - step)) for step in (1e-7, 1e-6))
        return tuple((x[near > np.maximum(far / 2, 1e-9 * np.maximum(1, np.abs(self(x))))] + 0.0).tolist())

    def differences(self, z: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the difference of the two values that each routing gate compares, at the pieces z.

        Where none changes its sign, h has neither kinks nor jumps.
        """
        return _differences(self, dict(zip(self._leaves, z, strict=True)))

    @cached_property
    def trains(self) -> bool:
        """Whether h' is not 0 everywhere; the layers below a unit with h' = 0 learn nothing."""
        exact = _everything(self, _points(self._leaves))
        return any(bool(exact[name].any()) for name in self._leaves)

    @cached_property
    def saturates(self) -> str:
        """The sides on which |h'| is below `FLAT` everywhere from 30 to 50, at the initial parameters."""
        if self.pieces > 1:
            return "neither"
        left, right = (np.abs(self.prime(sign * np.linspace(30, _FAR, 41))).max() < FLAT for sign in (-1, 1))
        return "both" if left and right else "left" if left else "right" if right else "neither"

    @cached_property
    def _program(self) -> "_Program":
        leaves = {name: Node(value, name) for name, value in (dict.fromkeys(self._leaves, 0.5) | self._initial).items()}
        y, _ = build(self._tree(), leaves)
        return _Program(y, list(leaves.values()), self.pieces)

    def _tree(self) -> ast.expr:
        if self.pieces > 1 and re.search(r"\bx\b", self.expression):
            raise ExpressionError("it has x beside x0 and x1: allowed is x alone, or x0 and x1")
        return parse(self.expression, [*self._leaves, *self._initial])

    def init(self, replicas: int, units: int, dtype: DTypeLike) -> dict[str, np.ndarray]:
        shape = (replicas, 1, units if self.per == "unit" else 1)
        return {name: np.full(shape, value, dtype) for name, value in self._initial.items()}

    def buffers(self, shape: tuple[int, ...], dtype: DTypeLike) -> Buffers:
        units = shape[-1] // self.pieces
        wide, narrow = (*shape[:-1], units), (*shape[:-2], 1, units if self.per == "unit" else 1)
        work = tuple(np.empty(wide if is_wide else narrow, dtype) for is_wide in self._program.wide)
        return work if self.pieces == 1 else (*work, np.empty(shape, dtype))

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


# A mask is an array of z's dtype whose numbers have all bits set or none. With random signs, operations on bits are ten
# times faster than NumPy's `where`.


def _bits(a: Any, like: np.ndarray) -> np.ndarray:
    """Return a view of the bits of an array or number of the same dtype as `like`."""
    return np.asarray(a, like.dtype).view(f"i{like.itemsize}")


def _fill_sign(out: np.ndarray) -> None:
    """Turn numbers into the mask of those whose sign bit is set."""
    bits = _bits(out, out)
    np.right_shift(bits, 8 * out.itemsize - 1, out=bits)


def _positive(a: np.ndarray, out: np.ndarray) -> None:
    """Write the mask of a > 0."""
    np.subtract(0.0, a, out=out)
    _fill_sign(out)


def _isnan(a: np.ndarray, out: np.ndarray) -> None:
    """Write the mask of the NaNs: as whole numbers, the bits of |NaN| are above those of inf."""
    np.abs(a, out=out)
    bits = _bits(out, out)
    np.subtract(_bits(np.inf, out), bits, out=bits)
    _fill_sign(out)


def _select(mask: np.ndarray, a: Any, b: Any, out: np.ndarray) -> None:
    """Write a where the mask is set, else b; `out` may be a, but neither the mask nor b."""
    mask, target = _bits(mask, out), _bits(out, out)
    if isinstance(b, float) and b == 0:
        np.bitwise_and(_bits(a, out), mask, out=target)
        return
    b = _bits(b, out)
    np.bitwise_xor(_bits(a, out), b, out=target)
    np.bitwise_and(target, mask, out=target)
    np.bitwise_xor(target, b, out=target)


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
    "positive": _positive,
    "isnan": _isnan,
    "select": _select,
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

    def __init__(self, y: Node, leaves: list[Node], pieces: int) -> None:
        self._pieces, self._names = pieces, [leaf.name for leaf in leaves]
        self._code: list[_Instruction] = []
        self._known: dict[_Instruction, int] = {}
        values = {leaf: self._append(_Instruction("leaf", constant=leaf.name)) for leaf in leaves}
        backward = backpropagate(y, leaves)
        h = self._lower(y, values)
        for leaf in leaves[:pieces]:
            if not _keeps_nan(y, leaf):
                h = self._emit("select", self._emit("isnan", values[leaf]), values[leaf], h)
        results = {"h": [h], "x": [self._lower(backward.total[leaf], values) for leaf in leaves[:pieces]]}
        for leaf in leaves[pieces:]:
            results[leaf.name] = [self._lower(backward.total[leaf], values)]
        self._allocate(results)

    def run(
        self, result: str, z: np.ndarray, h: np.ndarray, work: Buffers, learned: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """Compute h, or after it the derivative by a leaf, into h or a work array, and return that array."""
        constants = (_LIMITS[z.dtype] if value == _LIMIT else value for value in self._constants)
        parameters = (learned[name] for name in self._names[self._pieces :])
        if self._pieces == 1:
            registers: list[Any] = [z, h, *parameters, *constants, *work]
        else:
            registers = [*_halves(z), h, *parameters, *constants, *work[:-1], *_halves(work[-1])]
        with np.errstate(all="ignore"):
            for function, sources, target in self._calls[result]:
                function(*[registers[source] for source in sources], out=registers[target])
        output: np.ndarray = work[-1] if result == "x" and self._pieces > 1 else registers[target]
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

    def _of_logsigmoid(self, a: _Operand) -> int:
        return self._emit("negate", self._emit("softplus", self._emit("negate", a[0])))

    def _of_step(self, a: _Operand) -> int:
        return self._emit("select", self._emit("positive", a[0]), 1.0, 0.0)

    def _of_where(self, c: _Operand, a: _Operand, b: _Operand) -> int:
        if c[1] is not None:
            return a[0] if c[1] > 0 else b[0]
        return self._emit("select", self._emit("positive", c[0]), a[0], b[0])

    def _of_select(self, mask: _Operand, a: _Operand, b: _Operand) -> int | None:
        return a[0] if a[0] == b[0] else None

    def _of_scale(self, u: _Operand, f: _Operand) -> int:
        """Scale each branch by itself, so that the factor of the branch not taken is left out with it.

        In a formula only x and the parameters are used twice. So no upstream gradient is a sum of selected ones.
        """
        name, arguments, _ = self._code[u[0]]
        if name == "select":
            mask, *branches = arguments
            return self._emit("select", mask, *(self._emit("scale", branch, f[0]) for branch in branches))
        if name == "negate":
            return self._emit("negate", self._emit("scale", arguments[0], f[0]))
        return u[0] if u[1] == 0 else self._emit("multiply", u[0], f[0])

    def _of_both_selected(self, name: str, a: int, b: int) -> int | None:
        """Return a sum or difference of two values that one mask selects, branch by branch; else None."""
        (first, left, _), (second, right, _) = self._code[a], self._code[b]
        if first != "select" or second != "select" or left[0] != right[0]:
            return None
        branches = (self._emit(name, *pair) for pair in zip(left[1:], right[1:], strict=True))
        return self._emit("select", left[0], *branches)

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
        return self._of_both_selected("add", a[0], b[0])

    def _of_subtract(self, a: _Operand, b: _Operand) -> int | None:
        inner, negative = self._unsigned(b[0])
        if negative:
            return self._emit("add", a[0], inner)
        if b[1] == 0:
            return a[0]
        if a[1] == 0:
            return self._emit("negate", b[0])
        name, arguments, _ = self._code[b[0]]
        if a[1] == 1 and name == "at_least":
            return self._emit("less", *arguments)
        return self._of_both_selected("subtract", a[0], b[0])

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

    def _allocate(self, results: dict[str, list[int]]) -> None:
        """Give every value a register: z, h, the parameters, the numbers, then the work arrays."""
        code, pieces = self._code, self._pieces
        inputs = {index for index, step in enumerate(code) if step.name in ("leaf", "number")}
        forward = self._needed(results["h"], inputs)
        computed = inputs | set(forward)
        backward = {name: self._needed(values, computed) for name, values in results.items() if name != "h"}
        is_wide = [index < pieces for index in range(len(code))]
        for index in sorted(set(range(len(code))) - inputs):
            is_wide[index] = any(is_wide[argument] for argument in code[index].arguments)
        self._constants = [step.constant for step in code if step.name == "number"]
        registers = {index: index for index in range(pieces)}
        registers |= {index: register for register, index in enumerate(sorted(inputs - set(registers)), pieces + 1)}
        self.wide: list[bool] = []

        def fresh(wide: bool) -> int:
            self.wide.append(wide)
            return len(inputs) + len(self.wide)

        def calls(
            sequence: list[int], targets: list[tuple[int, int]], kept: set[int], free: dict[bool, list[int]]
        ) -> list[tuple[Callable[..., Any], list[int], int]]:
            last_use = {argument: index for index in sequence for argument in code[index].arguments}
            final = dict(reversed(targets))
            result = []
            for index in sequence:
                name, arguments, _ = code[index]
                sources = [registers[argument] for argument in arguments]
                unused = [
                    argument
                    for argument in set(arguments) & set(sequence) - kept - set(final)
                    if last_use[argument] == index
                ]
                # What `_select` writes may overwrite its second argument only.
                late = [argument for argument in unused if name == "select" and argument in arguments[::2]]
                for argument in unused:
                    if argument not in late:
                        free[is_wide[argument]].append(registers[argument])
                if index in final and is_wide[index]:
                    registers[index] = final[index]
                else:
                    pool = free[is_wide[index]]
                    registers[index] = pool.pop() if pool else fresh(is_wide[index])
                for argument in late:
                    free[is_wide[argument]].append(registers[argument])
                result.append((_UFUNCS[name], sources, registers[index]))
            for value, target in targets:
                if value not in sequence or registers[value] != target:
                    result.append((_UFUNCS["copy"], [registers[value]], target))
            return result

        kept = {argument for sequence in backward.values() for index in sequence for argument in code[index].arguments}
        kept |= {value for values in results.values() for value in values}
        spare: dict[bool, list[int]] = {True: [], False: []}
        self._calls = {"h": calls(forward, [(results["h"][0], pieces)], kept, spare)}
        # With several pieces the derivatives are the parts of one array, which comes last.
        of_pieces = range(-pieces, 0) if pieces > 1 else [fresh(True)]
        targets = {"x": list(zip(results["x"], of_pieces, strict=True))}
        targets |= {name: [(results[name][0], fresh(True))] for name in backward if name != "x"}
        for name, sequence in backward.items():
            free = {wide: list(pool) for wide, pool in spare.items()}
            self._calls[name] = calls(sequence, targets[name], set(), free)

    def _needed(self, values: list[int], computed: set[int]) -> list[int]:
        """Return the instructions that values need besides those computed before, in order."""
        needed: set[int] = set()
        stack = list(values)
        while stack:
            index = stack.pop()
            if index not in computed and index not in needed:
                needed.add(index)
                stack.extend(self._code[index].arguments)
        return sorted(needed)


def _halves(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the views of an array that hold piece 0 and piece 1 of all units."""
    units = z.shape[-1] // 2
    return z[..., :units], z[..., units:]


def _keeps_nan(y: Node, leaf: Node) -> bool:
    """Return whether y is NaN wherever the leaf is, although a comparison with NaN is false."""
    keeps: dict[Node, bool] = {}
    selects = False
    for node in graph.history(y):
        inputs = [keeps[source] for source in node.inputs]
        if node.gate is graph.where:
            keeps[node] = inputs[1] and inputs[2]
        else:
            keeps[node] = node is leaf or (node.gate is not graph.step and any(inputs))
        selects = selects or node.gate is graph.where or node.gate is graph.step
    return keeps[y] or not selects


# --- checks before training starts -------------------------------------------------------------------------------


def _values(formula: Formula, points: Points) -> tuple[Node, dict[Node, str]]:
    """Return the graph of a formula at some points, and the piece of the formula that each node stands for."""
    leaves = points | formula._initial
    return build(formula._tree(), {name: Node(value, name) for name, value in leaves.items()})


def _compared(node: Node) -> tuple[Node, ...]:
    """Return the two values whose order decides what a gate does, the second one left out if it is 0; or nothing."""
    if node.gate is graph.where:
        return node.inputs[:1]
    routes = node.gate and (node.gate.effect == "routes" or node.gate is graph.step or node.gate is graph.sign)
    return node.inputs if routes else ()


def _differences(formula: Formula, points: Points) -> list[np.ndarray]:
    """Return at some points the difference of the two values that each routing gate compares."""
    y, _ = _values(formula, points)
    zero, shape = np.zeros(()), next(iter(points.values())).shape
    pairs = [[*(source.value for source in _compared(node)), zero][:2] for node in graph.history(y) if _compared(node)]
    with np.errstate(all="ignore"):
        return [np.broadcast_to(a - b, shape) for a, b in pairs]


def _sign_changes(formula: Formula) -> np.ndarray:
    """Return the points within ±50 where an argument of a routing gate changes its sign; none with two pieces."""
    if formula.pieces > 1:
        return np.empty(0)
    x = np.linspace(-_FAR, _FAR, 4001)
    zeros: list[float] = []
    for gate, signs in enumerate(map(np.sign, _differences(formula, {"x": x}))):
        zeros += x[signs == 0].tolist()
        left = np.flatnonzero(signs[:-1] * signs[1:] < 0)
        low, high = x[left], x[left + 1]
        for _ in range(50 if left.size else 0):
            middle = (low + high) / 2
            before = np.sign(_differences(formula, {"x": middle})[gate]) == signs[left]
            low, high = np.where(before, middle, low), np.where(before, high, middle)
        zeros += high.tolist()
    return np.unique(np.round(zeros, 9))


@cache
def _points(leaves: tuple[str, ...]) -> Points:
    """Return the points of the checks: ascending x, or a grid of x0 and x1."""
    count, inner = (20_001, 2001) if len(leaves) == 1 else (201, 41)
    axis = np.unique(np.concatenate([np.linspace(-_FAR, _FAR, count), np.linspace(-1, 1, inner)]))
    return dict(zip(leaves, np.meshgrid(*[axis] * len(leaves), indexing="ij"), strict=True))


def _location(points: Points, bad: np.ndarray) -> str:
    """Return the first of the bad points, as text."""
    first = tuple(np.argwhere(bad)[0])
    return ", ".join(f"{name} = {values[first]:g}" for name, values in points.items())


def _taken(y: Node, shape: tuple[int, ...]) -> dict[Node, np.ndarray]:
    """Return by node where its value reaches y: a branch of `where` does so only where it is taken."""
    order = graph.history(y)
    if not any(node.gate is graph.where for node in order):
        return dict.fromkeys(order, np.ones((), bool))
    taken = {node: np.zeros(shape, bool) for node in order} | {y: np.ones(shape, bool)}
    for node in reversed(order):
        branches = [taken[node]] * len(node.inputs)
        if node.gate is graph.where:
            first = node.inputs[0].value > 0
            branches[1:] = taken[node] & first, taken[node] & ~first
        for source, branch in zip(node.inputs, branches, strict=True):
            taken[source] = taken[source] | branch
    return taken


def _check_finite(formula: Formula) -> None:
    """Refuse a formula that is NaN or infinite where a network may take it; the same for each of its derivatives."""
    points = _points(formula._leaves)
    near = np.logical_and.reduce([np.abs(values) <= _NEAR for values in points.values()])
    y, pieces = _values(formula, points)
    taken = _taken(y, near.shape)
    for node in graph.history(y):
        values = np.broadcast_to(node.value, near.shape)
        bad = np.isnan(values) if node is not y else np.isnan(values) | (np.isinf(values) & near)
        bad = bad & taken[node]
        if bad.any():
            raise ExpressionError(f"{pieces[node]!r} is {values[bad][0]:g} at {_location(points, bad)}")
        divisor = _divisor(node)
        if divisor is not None:
            _check_pole(points, near & taken[node], np.broadcast_to(divisor.value, near.shape), pieces[node])
    if any(node.gate is graph.where for node in taken):
        _check_boundaries(formula)
    flat = {name: values.ravel() for name, values in points.items()}
    for dtype in (np.float64, np.float32):
        for result, values in _everything(formula, flat, dtype).items():
            bad = np.isnan(values) | (np.isinf(values) & near.ravel())
            if bad.any():
                quantity = "it" if result == "h" else f"its derivative by {result}"
                fault = f"{quantity} is {values[bad][0]:g} at {_location(flat, bad)} in {np.dtype(dtype)}"
                first = {name: float(x[bad][0]) for name, x in flat.items()}
                reason = _why_nan(formula, first) if np.isnan(values[bad][0]) else ""
                raise ExpressionError(f"{fault}: {reason}" if reason else fault)


def _check_pole(points: Points, near: np.ndarray, divisor: np.ndarray, piece: str) -> None:
    """Refuse a divisor that changes its sign between two neighbours on the grid of which one is near."""
    signs = np.sign(divisor)
    for axis in range(signs.ndim):
        sign, is_near = np.moveaxis(signs, axis, 0), np.moveaxis(near, axis, 0)
        crosses = (sign[:-1] * sign[1:] < 0) & (is_near[:-1] | is_near[1:])
        if crosses.any():
            before = {name: np.moveaxis(values, axis, 0)[:-1] for name, values in points.items()}
            raise ExpressionError(f"{piece!r} has a pole near {_location(before, crosses)}")


def _check_boundaries(formula: Formula) -> None:
    """Refuse a branch of `where` that has a pole where it begins: no divisor changes its sign there."""
    x = formula._sign_changes
    near, far = (np.abs(formula(np.stack([x - by, x + by]))).max(axis=0) for by in (1e-8, 1e-2))
    poles = x[near > 1e3 * np.maximum(1, far)]
    if poles.size:
        raise ExpressionError(f"it has a pole near x = {poles[0]:g}")


def _why_nan(formula: Formula, point: Mapping[str, float]) -> str:
    """Return why a formula that is finite at a point has a derivative that is NaN there; "" if the graph is silent."""
    leaves = {name: Node(value, name) for name, value in {**point, **formula._initial}.items()}
    y, pieces = build(formula._tree(), leaves)
    return graph.why_nan(y, backpropagate(y, leaves.values()), lambda node: node.name or pieces[node])


def _divisor(node: Node) -> Node | None:
    """Return what a gate divides by, or None."""
    name = node.gate.name if node.gate else None
    if name == "divide":
        return node.inputs[1]
    return node.inputs[0] if name == "power" and (node.inputs[1].value < 0).all() else None


def _everything(
    formula: Formula, points: Points, dtype: DTypeLike = np.float64, **learned: np.ndarray
) -> dict[str, np.ndarray]:
    """Return h and the derivative by each piece and by each parameter at some points."""
    z = np.stack([values.ravel() for values in points.values()], axis=-1).astype(dtype)[None]
    h, work = np.empty((*z.shape[:-1], 1), dtype), formula.buffers(z.shape, dtype)
    learned = formula.init(1, 1, dtype) | learned
    formula.forward(z, h, work, **learned)
    slopes = {"h": h} | formula.parameter_derivatives(z, h, work, **learned)
    derivative = formula.derivative(z, h, work, **learned)
    slopes |= {name: derivative[..., piece] for piece, name in enumerate(points)}
    return {name: slope.ravel() for name, slope in slopes.items()}


def _away_from_ties(formula: Formula, points: Points) -> Points:
    """Return the points in whose neighbourhood no routing gate changes its branch."""
    if formula.pieces == 1:
        x, changes = points["x"], formula._sign_changes
        return {"x": x[np.abs(x[:, None] - changes).min(axis=1) > 0.01]} if changes.size else points
    signs = [
        np.sign(_differences(formula, points | {name: points[name] + by}))
        for name in points
        for by in (-0.01, 0.0, 0.01)
    ]
    kept = (np.array(signs) == signs[0]).all(axis=(0, 1))
    return {name: values[kept] for name, values in points.items()}


def _check_derivatives(formula: Formula) -> None:
    """Refuse a formula whose derivatives are not what differences of its values say, away from kinks and jumps."""
    random = np.random.default_rng(0)
    points = _away_from_ties(formula, {name: random.uniform(-6, 6, 64) for name in formula._leaves})
    exact = _everything(formula, points)
    for name in (*points, *formula._initial):

        def moved(by: float, name: str = name) -> np.ndarray:
            if name in points:
                return _everything(formula, points | {name: points[name] + by})["h"]
            return _everything(formula, points, **{name: formula.init(1, 1, np.float64)[name] + by})["h"]

        # Several steps are tried, since a formula may bend on any scale.
        error = np.full(exact["h"].shape, np.inf)
        for step in (1e-3, 1e-4, 1e-5):
            with np.errstate(all="ignore"):  # a parameter that moves may meet a pole
                slope = (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step)
                scale = np.maximum(1, np.abs(exact["h"])) + np.abs(slope)
                error = np.fmin(error, np.abs(slope - exact[name]) / scale)
        if error.size and not error.max() < 1e-6:
            worst = np.arange(error.size) == error.argmax()
            _check_ties(formula, name, {leaf: float(values[worst][0]) for leaf, values in points.items()})
            location, slope = _location(points, worst), exact[name][worst][0]
            raise ExpressionError(f"its derivative by {name} at {location} is not {slope:g} by differences")


def _check_ties(formula: Formula, name: str, point: Mapping[str, float]) -> None:
    """Refuse an initial value with which two arguments of a routing gate are equal, at a point without a kink."""
    leaves = {leaf: Node(value, leaf) for leaf, value in {**point, **formula._initial}.items()}
    y, pieces = build(formula._tree(), leaves)
    for node in graph.history(y) if name in formula._initial else []:
        compared = _compared(node)
        if not any(leaves[name] in graph.history(source) for source in compared):
            continue
        first, second = [*(float(source.value) for source in compared), 0.0][:2]
        if abs(first - second) <= 1e-12 * max(1, abs(first)):
            start = f"{name}={formula._initial[name]:g}"
            always = "for every x" if formula.pieces == 1 else "for all x0 and x1"
            reason = f"{pieces[node]!r} is a tie {always} while {start}, so it has no derivative by {name} there"
            raise TiedStartError(formula, reason, _start_nearby(formula, name))


def _start_nearby(formula: Formula, name: str) -> dict[str, float]:
    """Return allowed initial values of the parameters, with another one of `name`; empty if none is nearby."""
    value = formula._initial[name]
    for candidate in (0.9 * value, 1.1 * value) if value else (0.1, -0.1):
        parameters = formula._initial | {name: round(candidate, 6)}
        with contextlib.suppress(ValueError):
            Formula(formula.name, formula.expression, parameters, per=formula.per)
            return parameters
    return {}
