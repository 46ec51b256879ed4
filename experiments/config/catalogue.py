"""The catalogue of activations: the built-in classes, and the entries of conf/activation/catalogue/.

Each is one file of conf/activation/: `about` names a paper, a year, a family and aliases. What can be computed of a
function is not written down: `nets.properties` computes it.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from experiments.config.choices import ABOUT, CATALOGUE, build, catalogue, keyword_only, options, read_conf
from nets.activations import ACTIVATIONS, Activation
from nets.formula import Formula

FAMILIES = ("sigmoid", "rectifier", "gated", "periodic", "bump", "shrinkage", "step", "pieces", "other")
"""What an entry's family may be: docs/catalogue.md says what each one means."""


@dataclass(frozen=True)
class Alias:
    """Another name of a function, or a published function that is equal to it up to scaling of input and output.

    Attributes
    ----------
    expression
        The published formula; "" if only the name differs.
    paper
        Where it is published; "" if this is a name in a library.
    """

    name: str
    expression: str = ""
    paper: str = ""


@dataclass(frozen=True)
class Entry:
    """One function of the catalogue.

    Attributes
    ----------
    option
        What chooses it: `activation=OPTION`.
    node
        What Hydra composes for it.
    family, year
        One of `FAMILIES`; 0 if no year is known.
    paper
        Authors (year), title. Of a class whose file has none, the first line of its docstring.
    """

    name: str
    option: str
    node: Mapping[str, Any]
    family: str = "other"
    year: int = 0
    paper: str = ""
    aliases: tuple[Alias, ...] = ()
    note: str = ""

    @cached_property
    def names(self) -> frozenset[str]:
        """The name and the aliases."""
        return frozenset({self.name, *(alias.name for alias in self.aliases)})

    @property
    def trains(self) -> bool:
        """Whether a network can learn through it: its derivative is not 0 wherever it exists."""
        return self.activation.trains

    @cached_property
    def activation(self) -> Activation:
        """The activation with its default hyperparameters."""
        activation: Activation = build("activation", self.node)
        return activation


@cache
def entries() -> dict[str, Entry]:
    """Return all functions by name: the built-in classes in the order of the registry, then the others by name.

    A class has precedence over a file of the same name: a user may add a class that the catalogue knows already.
    """
    built_in = [name for name in ACTIVATIONS if name in options("activation") and name != "formula"]
    others = [f"{CATALOGUE}/{name}" for name in catalogue() if name not in ACTIVATIONS]
    return {entry.name: entry for entry in map(_entry, [*built_in, *others])}


def option_of(name: str) -> str | None:
    """Return the option that computes a function of this name or alias, or None."""
    return next((entry.option for entry in entries().values() if name in entry.names), None)


def _entry(option: str) -> Entry:
    """Return the entry that a file describes; without `about`, a class is told by its docstring's first line."""
    node = {key: value for key, value in read_conf(f"activation/{option}").items() if key != "defaults"}
    about = node.pop(ABOUT, {})
    aliases = tuple(Alias(name, **facts) for name, facts in about.pop("aliases", {}).items())
    if "expression" in node:
        node = {"parameters": {}} | keyword_only(Formula) | node
    else:
        node = {"name": option} | node
        about = {"paper": (inspect.getdoc(ACTIVATIONS[option]) or "").partition("\n")[0]} | about
    return Entry(node["name"], option, node, **about, aliases=aliases)
