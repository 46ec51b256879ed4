"""What a claim consists of, and the modules of `literature` by the number of their claim.

This file imports no library, so that the command can refuse an unknown number at once.
"""

import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from experiments.claims.studies import Protocol
    from experiments.claims.verdicts import Verdict

PACKAGE = "experiments.claims.literature"


@dataclass(frozen=True)
class Claim:
    """A sentence of the literature, with all that decides whether it holds here.

    A module of `literature` defines one as `CLAIM`. The module's name has the claim's number.

    Attributes
    ----------
    text, source, threshold : str
        What is claimed, who claims it, and when it counts as reproduced.
    effect : str
        The size of the effect that the source itself has, and where it stands; or that the source has no such number.
    measure : callable
        Trains what the claim needs by the protocol given; returns the small table by which the claim is judged.
    judge : callable
        Returns the verdict that follows from this table.
    drawings : mapping
        Functions that draw this table. The key follows the claim's number in the name of the figure's file.
    presets : tuple of str
        The presets of conf/experiment/ that it trains.
    explanation : str
        The likely reason for any verdict other than "reproduced"; it is printed with such a verdict.
    """

    text: str
    source: str
    threshold: str
    effect: str
    measure: "Callable[[Protocol], pd.DataFrame]"
    judge: "Callable[[pd.DataFrame], Verdict]"
    drawings: "Mapping[str, Callable[[pd.DataFrame], Figure]]"
    presets: tuple[str, ...] = ()
    explanation: str = ""


def find_modules(folder: Path) -> dict[int, str]:
    """Return the names of a folder's modules `claim_NUMBER_TOPIC` by number, sorted.

    Raises
    ------
    ValueError
        If a module has another name, or two modules have the same number.
    """
    modules: dict[int, str] = {}
    for name in sorted(module.name for module in pkgutil.iter_modules([str(folder)])):
        match = re.fullmatch(r"claim_(\d+)_\w+", name)
        if not match:
            raise ValueError(f"{name}: the module of a claim is named claim_NUMBER_TOPIC")
        number = int(match[1])
        if number in modules:
            raise ValueError(f"{modules[number]} and {name} have the same number")
        modules[number] = name
    return dict(sorted(modules.items()))


MODULES = find_modules(Path(__file__).parent / "literature")


def load_claim(number: int) -> Claim:
    """Import the module of a claim and return the claim."""
    claim: Claim = import_module(f"{PACKAGE}.{MODULES[number]}").CLAIM
    return claim
