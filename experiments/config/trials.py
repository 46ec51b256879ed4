"""Trials: points of a space of hyperparameters, the same ones for every activation and data set.

A trial is its learning rate: the values of the other keys follow from it. So a study with trials of learning rates
alone is a study with these rates as a list.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from experiments.config.errors import ConfigError
from experiments.config.rules import LARGEST_BUDGET
from experiments.streams import stream
from experiments.tables import rounded
from nets.names import nearest

RATE = "optimizer.lr"
FUNCTIONS = ("log", "uniform")
WHOLE = ("batch_size",)
"""The keys whose values are whole numbers."""
DIMENSIONS = 8
"""Columns that are always drawn, so that the learning rates do not depend on the other keys."""

Point = dict[str, float]
"""The values of a trial by key, without the learning rate."""


@dataclass(frozen=True)
class Range:
    """The values of one key between two bounds: equally likely (`uniform`), or so on a logarithmic scale (`log`)."""

    key: str
    function: str
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.function}({self.low!r}, {self.high!r})"

    def value(self, share: float) -> float:
        """Return the value below which this share of the values lies: to 12 digits, or a whole number."""
        value = self.low + share * (self.high - self.low)
        if self.function == "log":
            low, high = math.log(self.low), math.log(self.high)
            value = min(max(math.exp(low + share * (high - low)), self.low), self.high)
        return round(value) if self.key in WHOLE else rounded(value)


class Space(tuple[Range, ...]):
    """The ranges of what is tuned: that of the learning rate first, then by key; empty if nothing is."""

    __slots__ = ()

    @property
    def varied(self) -> tuple[str, ...]:
        """The keys whose values a trial has besides its learning rate."""
        return tuple(item.key for item in self[1:])

    @property
    def texts(self) -> dict[str, str]:
        """The ranges as texts by key, as a configuration has them."""
        return {item.key: str(item) for item in self}


def read_space(space: Any) -> Space:
    """Return the space that a configuration describes.

    Raises
    ------
    ConfigError
        If a range cannot be read, or the space has no learning rate.
    """
    if not isinstance(space, Mapping):
        raise ConfigError(f"tune.space={space!r}: allowed is a mapping such as {{{RATE}: log(1e-4, 1)}}")
    ranges = [_read_range(str(key), value) for key, value in space.items()]
    if ranges and RATE not in space:
        shown = ", ".join(f"{item.key}: {item}" for item in ranges if item.key != "lr")
        if "lr" in space:
            meant = ", ".join(filter(None, [f"{RATE}: {space['lr']}", shown]))
            raise ConfigError(f"tune.space: unknown key 'lr': did you mean {RATE!r}?", add=[f"tune.space={{{meant}}}"])
        raise ConfigError(
            f"tune.space has no {RATE}: a trial is known by its learning rate",
            add=[f"tune.space={{{RATE}: log(1e-4, 1), {shown}}}"],
        )
    if len(ranges) > DIMENSIONS:
        raise ConfigError(f"tune.space has {len(ranges)} keys: allowed are up to {DIMENSIONS}")
    return Space(sorted(ranges, key=lambda item: (item.key != RATE, item.key)))


def _read_range(key: str, value: Any) -> Range:
    match = re.fullmatch(r"\s*(\w+)\s*\(([^,()]*),([^,()]*)\)\s*", str(value))
    if not match:
        raise ConfigError(f"tune.space: {key}: {value}: allowed is log(LOW, HIGH) or uniform(LOW, HIGH)")
    function, *bounds = match.groups()
    if function not in FUNCTIONS:
        raise ConfigError(f"tune.space: {key}: unknown function {function!r}: {nearest(function, FUNCTIONS)}")
    try:
        low, high = map(float, bounds)
    except ValueError:
        raise ConfigError(f"tune.space: {key}: {value}: the bounds must be numbers, such as log(1e-4, 1)") from None
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ConfigError(f"tune.space: {key}: {value}: the bounds must be finite numbers")
    if low >= high:
        hint = f": allowed is {function}({bounds[1].strip()}, {bounds[0].strip()})" if low > high else ""
        raise ConfigError(f"tune.space: {key}: {value}: the lower bound must be below the upper bound{hint}")
    if function == "log" and low <= 0:
        other = "" if key == RATE else "; uniform begins at any number"
        raise ConfigError(f"tune.space: {key}: {value}: the bounds of log must be above 0, as in log(1e-4, 1){other}")
    return Range(key, function, low, high)


@cache
def points(space: Space, entropy: int) -> dict[float, Point]:
    """Return the trials of a space by learning rate, in their order: fewer trials are the first of them.

    They are the points of a scrambled Sobol sequence, which fill a space more evenly than independent draws.

    Raises
    ------
    ConfigError
        If two trials have the same learning rate, because its bounds are too close.

    References
    ----------
    Owen (1998), "Scrambling Sobol' and Niederreiter-Xing points". Bergstra and Bengio (2012), "Random search for
    hyper-parameter optimization": points need fewer trials than a grid, as few of the keys matter.
    """
    from scipy.stats import qmc  # here: it takes a second

    generator = stream(entropy, "trials", 0)
    shares = qmc.Sobol(DIMENSIONS, rng=generator).random_base2(int(math.log2(LARGEST_BUDGET)))
    columns = [[item.value(share) for share in column] for item, column in zip(space, shares.T, strict=False)]
    rates, *others = columns
    if len(set(rates)) < len(rates):
        raise ConfigError(f"tune.space: {RATE}: {space[0]}: the bounds are too close for different learning rates")
    keys = [item.key for item in space[1:]]
    return {rate: dict(zip(keys, values, strict=True)) for rate, *values in zip(rates, *others, strict=True)}
