"""Formulas at 400 bits: value and derivatives by dual numbers in mpmath, apart from the project's own graph."""

import ast

import mpmath as mp

BITS = 400


class Dual:
    """A number with its derivative by one name."""

    def __init__(self, value, slope=0):
        self.value, self.slope = mp.mpf(value), mp.mpf(slope)


def _erf(a):
    return mp.sign(a) if abs(a) > 50 else mp.erf(a)  # equal to 400 bits, and mpmath takes long to find that out


def _sigmoid(a):
    return 1 / (1 + mp.exp(-a)) if a >= 0 else mp.exp(a) / (1 + mp.exp(a))


def _softplus(a):
    return max(a, 0) + mp.log1p(mp.exp(-abs(a)))


def _tanh(a):
    return mp.sign(a) if abs(a) > 500 else mp.tanh(a)


def _exp(a):
    return mp.exp(a) if a < 1e15 else mp.inf  # a tower of exponentials has no place in any number


def _expm1(a):
    return mp.expm1(a) if abs(a) < 1e15 else (mp.inf if a > 0 else mp.mpf(-1))


SMOOTH = {
    "exp": (_exp, _exp),
    "expm1": (_expm1, _exp),
    "log": (mp.log, lambda a: 1 / a),
    "log1p": (mp.log1p, lambda a: 1 / (1 + a)),
    "sqrt": (mp.sqrt, lambda a: 1 / (2 * mp.sqrt(a))),
    "tanh": (_tanh, lambda a: 4 * _sigmoid(2 * a) * _sigmoid(-2 * a)),
    "sigmoid": (_sigmoid, lambda a: _sigmoid(a) * _sigmoid(-a)),
    "softplus": (_softplus, _sigmoid),
    "logsigmoid": (lambda a: -_softplus(-a), lambda a: _sigmoid(-a)),
    "erf": (_erf, lambda a: 2 / mp.sqrt(mp.pi) * mp.exp(-a * a)),
    "sin": (mp.sin, mp.cos),
    "cos": (mp.cos, lambda a: -mp.sin(a)),
    "atan": (mp.atan, lambda a: 1 / (1 + a * a)),
    "asinh": (mp.asinh, lambda a: 1 / mp.sqrt(1 + a * a)),
}


def exact(tree, values):
    """Return the Dual of a syntax tree; values are Duals by name."""
    match tree:
        case ast.Expression(body=body):
            return exact(body, values)
        case ast.Constant(value=number):
            return Dual(repr(number))
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(operand=operand):
            a = exact(operand, values)
            return Dual(-a.value, -a.slope)
        case ast.BinOp(left=left, op=operator, right=right):
            return _operation(operator, exact(left, values), exact(right, values))
        case ast.Call(func=ast.Name(id="where"), args=[condition, left, right]):
            return exact(left if exact(condition, values).value > 0 else right, values)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _call(name, [exact(argument, values) for argument in arguments])
    raise TypeError(ast.dump(tree))


def _operation(operator, a, b):
    match operator:
        case ast.Add():
            return Dual(a.value + b.value, a.slope + b.slope)
        case ast.Sub():
            return Dual(a.value - b.value, a.slope - b.slope)
        case ast.Mult():
            return Dual(a.value * b.value, a.slope * b.value + a.value * b.slope)
        case ast.Div():
            quotient = a.value / b.value
            return Dual(quotient, (a.slope - quotient * b.slope) / b.value)
        case ast.Pow():
            assert b.slope == 0
            slope = b.value * a.value ** (b.value - 1) * a.slope if a.slope else 0
            return Dual(a.value**b.value, slope)
    raise TypeError(operator)


def _call(name, arguments):
    a = arguments[0]
    if name in SMOOTH:
        function, slope = SMOOTH[name]
        return Dual(function(a.value), slope(a.value) * a.slope if a.slope else 0)
    if name in ("max", "min"):
        b = arguments[1]
        takes_first = a.value >= b.value if name == "max" else a.value <= b.value
        return a if takes_first else b
    if name == "abs":
        return Dual(abs(a.value), a.slope * mp.sign(a.value))
    if name == "relu":
        return a if a.value > 0 else Dual(0)
    if name == "sign":
        return Dual(mp.sign(a.value))
    if name == "step":
        return Dual(1 if a.value > 0 else 0)
    raise KeyError(name)
