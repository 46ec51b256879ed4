"""The activation that is evaluated: the words that configure it, and the known function that is nearest to it."""

import hashlib
import re
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from experiments.config.catalogue import Entry, entries, option_of
from experiments.config.commands import command_line
from experiments.config.compose import sweep
from experiments.config.errors import ConfigError
from nets.activations import Activation
from nets.expressions import ExpressionError, parse
from nets.names import guess

SAME = 1e-12
"""Functions of a smaller distance are the same one."""

_PIECE = re.compile(r"\b(?:x|x0|x1)\b")

_Z = np.linspace(-6, 6, 481)
_WEIGHT = np.exp(-(_Z**2) / 4)  # the root of the standard normal density, but for a factor
_SCALES = np.geomspace(1 / 8, 8, 49)


class Nearest(NamedTuple):
    """The known function g that is nearest to f: f(z) ≈ a · g(b · z).

    Attributes
    ----------
    name
        Its name in the catalogue.
    distance
        √(E[(f(z) − a g(bz))²] / E[f(z)²]) over z ~ N(0, 1), the least of all a and b.
    output, scale
        a and b.
    """

    name: str
    distance: float
    output: float
    scale: float


class Newcomer(NamedTuple):
    """An activation that is evaluated.

    Attributes
    ----------
    name
        What the page calls it: its name in the catalogue, or its expression.
    stem
        A name for its study's folder.
    words
        The words of run.py that configure it.
    activation
        The function.
    same_as
        The known activation that is trained in its place, since it is the same function; else "".
    """

    name: str
    stem: str
    words: list[str]
    activation: Activation
    same_as: str


def newcomer(text: str, parameters: str = "") -> Newcomer:
    """Return the activation of this name, alias or expression.

    Raises
    ------
    ConfigError
        If the formula language refuses the expression, or a name has parameters.
    """
    stem = text.rpartition("/")[2].casefold().replace("-", "_")
    option = option_of(stem)
    if option is not None:
        if parameters:
            raise ConfigError(f"parameters={parameters}: {text} is a name; only an expression has parameters", [text])
        entry = next(entry for entry in entries().values() if entry.option == option)
        return Newcomer(entry.name, entry.name, [f"activation={option}"], entry.activation, "")
    near = guess(stem, [name for entry in entries().values() for name in entry.names])
    if len(text) == 1 and text.isalpha() and text != "x":
        raise ConfigError(f"unknown activation {text!r}: an expression is a function of x, in quotes", ["x*tanh(x)"])
    if text.isidentifier() and not (text.startswith("x") and len(text) <= 2):
        hint = f"did you mean {near}?" if near else f"{command_line('explain')} activations lists them"
        raise ConfigError(f"unknown activation {text!r}: {hint}", [near] if near else None)
    if {"'", '"'}.intersection(text):
        raise ConfigError(f"{text!r}: an expression has no quotes in it")
    named = sorted(set(re.findall(r"(?<![\w.])[A-Za-z_]\w*(?!\w*\s*\()", text)) - {"x", "x0", "x1", "e", "pi"})
    if len(named) == 1 and _is_expression(text, named) and not _PIECE.search(text):
        instead = re.sub(rf"(?<![\w.]){named[0]}(?!\w)", "x", text)
        raise ConfigError(f"{text!r}: the variable of an expression is x, not {named[0]}", [instead])
    if named and not parameters and _is_expression(text, named):
        values = ",".join(f"{name}:1.0" for name in named)
        raise ConfigError(f"{text!r} has parameters, which need initial values", [text, f"parameters={{{values}}}"])
    configured = ["activation=formula", f'formula.expression="{text}"']
    configured += [f"formula.parameters={parameters}"] if parameters else []
    try:
        ((settings, _),) = sweep([*configured, "dataset=breast_cancer"])
    except ConfigError as error:
        raise ConfigError(str(error).removeprefix("formula.expression=")) from None
    activation = settings.activation
    known = same(activation)
    if known:
        return Newcomer(known.name, known.name, [f"activation={known.option}"], known.activation, known.name)
    digest = hashlib.sha256(f"{text} {parameters}".encode()).hexdigest()[:8]
    return Newcomer(text, f"formula-{digest}", configured, activation, "")


def _is_expression(text: str, parameters: list[str]) -> bool:
    """Return whether a text is an expression with these parameters, but for their values."""
    try:
        parse(text, [*dict.fromkeys(_PIECE.findall(text)), *parameters])
    except ExpressionError:
        return False
    return True


def same(activation: Activation) -> Entry | None:
    """Return the known activation without learned parameters that is the same function, or None."""
    if activation.init(1, 1, np.float64):
        return None
    points = np.random.default_rng(0).normal(0, 3, (2000, activation.pieces))
    values = _values(activation, points)
    for entry in entries().values():
        known = entry.activation
        if known.pieces == activation.pieces and not known.init(1, 1, np.float64):
            difference = np.abs(_values(known, points) - values)
            if (difference <= SAME * np.maximum(1, np.abs(values))).all():
                return entry
    return None


def nearest_function(activation: Activation) -> Nearest | None:
    """Return the nearest function of the catalogue, of which the activation itself is no part.

    Learned parameters have their initial values. An activation of several pieces has none.
    """
    if activation.pieces > 1:
        return None
    f = _values(activation, _Z) * _WEIGHT
    norm = float(np.sqrt(f @ f))
    if not (np.isfinite(norm) and norm > 0):
        return None
    rough = []
    for name, entry in entries().items():
        if entry.activation.pieces == 1 and name != activation.name:
            scales = [(_fit(f, norm, entry.activation, scale)[0], scale) for scale in (1.0, *_SCALES, *-_SCALES)]
            distance, scale = min(scales, key=lambda pair: round(pair[0], 9))
            rough.append((distance, name, scale))
    found = []
    for _, name, scale in sorted(rough)[:12]:
        known, low, high = entries()[name].activation, *sorted((scale / 1.09, scale * 1.09))
        best = minimize_scalar(_distance, args=(f, norm, known), bounds=(low, high), method="bounded")
        for b in (float(best.x), float(scale)):
            distance, output = _fit(f, norm, known, b)
            found.append(Nearest(name, distance, output, b))

    def order(near: Nearest) -> tuple[float, bool, float]:
        learns = bool(entries()[near.name].activation.init(1, 1, np.float64))
        return round(near.distance, 5), learns, abs(np.log(abs(near.scale)))

    return min(found, key=order, default=None)


def _distance(scale: float, f: np.ndarray, norm: float, known: Activation) -> float:
    return _fit(f, norm, known, scale)[0]


def _fit(f: np.ndarray, norm: float, known: Activation, scale: float) -> tuple[float, float]:
    """Return the distance of a scaled function, and a."""
    g = _values(known, scale * _Z) * _WEIGHT
    square = float(g @ g)
    if not (np.isfinite(square) and square > 0):
        return np.inf, 0.0
    output = float(f @ g) / square
    return float(np.linalg.norm(f - output * g)) / norm, output


def _values(activation: Activation, points: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        values: np.ndarray = np.asarray(activation(points), float)
    return values.reshape(len(points))
