"""Prints the catalogue of activations as a table, and one of its functions on a page."""

import sys
import time
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.config.catalogue import Entry, entries, option_of
from experiments.config.choices import CATALOGUE
from experiments.config.errors import ConfigError
from experiments.explain.description import NONE, interval, number, typeset
from experiments.explain.printing import print_description
from experiments.explain.trace import show
from nets import theory
from nets.activations import Activation
from nets.formula import Formula
from nets.names import guess
from nets.properties import Properties, properties


def matching(words: Sequence[str]) -> list[Entry]:
    """Return the entries in whose name, aliases, family, year or paper all words occur; `catalogue/serf` is `serf`.

    Raises
    ------
    ConfigError
        If there is none.
    """
    folded = [word.casefold().removeprefix(f"{CATALOGUE}/") for word in words]
    found = [entry for entry in entries().values() if all(word in _text(entry) for word in folded)]
    if not found:
        families = ", ".join(dict.fromkeys(entry.family for entry in entries().values()))
        raise ConfigError(
            f"no activation matches {' '.join(words)!r}: allowed are a name, a year, a family ({families})"
        )
    return found


def named(name: str) -> Entry:
    """Return the entry of this name, alias or option.

    Raises
    ------
    ConfigError
        If there is none.
    """
    stem = name.rpartition("/")[2].casefold().replace("-", "_")
    option = option_of(stem)
    if option is None:
        near = guess(stem, [name for entry in entries().values() for name in entry.names])
        message = f"unknown activation {name!r}" + (f": did you mean {near}?" if near else "")
        raise ConfigError(message, [f"activation={near}"] if near else ["activations"])
    return next(entry for entry in entries().values() if entry.option == option)


def print_table(found: Iterable[Entry], with_cost: bool) -> None:
    """Print a row for each entry; with its cost if that is asked for."""
    columns = ["name", "f(x)", "year", "family", "range", "smooth", "monotone", "saturates", "Lipschitz", "gain"]
    table = Table(*columns, *(["ms/million"] if with_cost else []))
    for entry in found:
        cost = [f"{milliseconds(entry.activation):.2f}"] if with_cost else []
        table.add_row(*(Text(text, overflow="fold") for text in [*_row(entry), *cost]))
    # A pipe has no width; 80 columns would fold every formula.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(table)
    print("gain: 1/√E[f(z)²] over z ~ N(0, 1). Learned parameters have their initial values.")
    if with_cost:
        print("ms/million: roughly, value and slope of a million float32 numbers on this machine, measured now.")


def print_page(entry: Entry) -> None:
    """Print what is known of one function, what is computed of it, and some of its values."""
    activation = entry.activation
    print(f"{entry.name}: activation={entry.option}\nf(x) = {activation.expression}")
    print_description(activation, _about(entry))


def milliseconds(activation: Activation, count: int = 1 << 16) -> float:
    """Return the time of a million values with their slopes in float32, roughly: the least of several trials.

    It is a number of this machine now, for the table alone. Timings that are compared come from the benchmark.
    """
    z = np.random.default_rng(0).normal(size=(1, count // 128, 128 * activation.pieces)).astype(np.float32)
    h = np.empty((1, count // 128, 128), np.float32)
    work, learned = activation.buffers(z.shape, z.dtype), activation.init(1, 128, z.dtype)
    trials = []
    for _ in range(15):
        start = time.perf_counter()
        activation.forward(z, h, work, **learned)
        activation.derivative(z, h, work, **learned)
        trials.append(time.perf_counter() - start)
    return min(trials) * 1e3 * 1e6 / count


def _text(entry: Entry) -> str:
    return " ".join([*entry.names, entry.family, str(entry.year), entry.paper]).casefold()


@cache
def _properties(activation: Activation) -> Properties | None:
    return properties(activation) if activation.pieces == 1 else None


def _row(entry: Entry) -> list[str]:
    facts = _properties(entry.activation)
    shown = [entry.name, entry.activation.expression, str(entry.year or NONE), entry.family]
    if facts is None:
        return [*shown, *[NONE] * 5, _gain(entry.activation)]
    sides = facts.saturates if facts.saturates != "neither" else "no"
    return [
        *shown,
        interval(facts.low, facts.high),
        "yes" if facts.smooth else _breaks(facts),
        facts.monotone,
        sides,
        number(facts.lipschitz),
        _gain(entry.activation),
    ]


def _about(entry: Entry) -> list[tuple[str, str]]:
    lines = [("paper", entry.paper), ("family", entry.family)]
    for alias in entry.aliases:
        what = (
            f"{alias.name} is {alias.expression}, {_relation(alias.expression, entry.activation)}"
            if alias.expression
            else f"{alias.name}: its other name"
        )
        lines.append(("alias", "; ".join(filter(None, [what, alias.paper]))))
    if entry.note:
        lines.append(("note", entry.note))
    learned = entry.activation.init(1, 1, np.float64)
    if learned:
        initial = ", ".join(f"{name} = {typeset(show(value.ravel()[0]))}" for name, value in learned.items())
        per = getattr(entry.activation, "per", "layer")
        lines.append(("learned", f"initial values {initial}; one value per {per}"))
    if not entry.trains:
        lines.append(("trains", "no: f′ is 0 wherever it exists"))
    return lines


def _relation(expression: str, activation: Activation) -> str:
    x = np.linspace(-5, 5, 101)
    is_same = np.allclose(Formula("alias", expression)(x), activation(x), rtol=1e-9, atol=1e-12)
    return "the same function" if is_same else "a scaling of it"


def _breaks(facts: Properties) -> str:
    kind, points = ("jump", facts.jumps) if facts.jumps else ("kink", facts.kinks)
    return f"{kind}{'s' * (len(points) > 1)} {', '.join(map(number, points))}"


def _gain(activation: Activation) -> str:
    try:
        return number(theory.gain(activation))
    except theory.TheoryError:
        return NONE
