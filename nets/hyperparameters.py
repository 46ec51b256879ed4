"""The allowed values of a field, declared beside it: `momentum: Annotated[float, Number("[0, 1)")] = 0.9`."""

from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from numbers import Real
from typing import Any, Protocol, get_type_hints, runtime_checkable


@runtime_checkable
class Rule(Protocol):
    """What a field's values have to be.

    Attributes
    ----------
    words
        The rule for a message: "a number in [0, 1)".
    """

    words: str

    def accepts(self, value: Any) -> bool:
        """Return whether the value is allowed."""
        ...


class Number:
    """The real numbers of an interval such as "[0, 1)"; `inf` as an end means no limit."""

    def __init__(self, interval: str):
        self.low, self.high = map(float, interval[1:-1].split(","))
        self.open_low, self.open_high = interval[0] == "(", interval[-1] == ")"
        self.words = f"a number in {interval}"
        if self.high == float("inf"):
            low = interval[1:-1].split(",")[0]
            self.words = f"a number above {low}" if self.open_low else f"a number from {low} up"

    def accepts(self, value: Any) -> bool:
        """Return whether the value is a number of the interval; true and false are none."""
        if isinstance(value, bool) or not isinstance(value, Real) or not self.low <= value <= self.high:
            return False
        return not (self.open_low and value == self.low) and not (self.open_high and value == self.high)


class Whole:
    """The whole numbers from `low` to `high`, or up."""

    def __init__(self, low: int, high: int | None = None):
        self.low, self.high = low, high
        self.words = f"a whole number from {low} " + ("up" if high is None else f"to {high}")

    def accepts(self, value: Any) -> bool:
        """Return whether the value is a whole number of the range."""
        return type(value) is int and value >= self.low and (self.high is None or value <= self.high)


class OneOf:
    """One of several texts."""

    def __init__(self, *texts: str):
        self.texts = texts
        self.words = " or ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]

    def accepts(self, value: Any) -> bool:
        """Return whether the value is one of the texts."""
        return isinstance(value, str) and value in self.texts


@cache
def rules(variant: type) -> dict[str, Rule]:
    """Return the rule of each field of a dataclass that declares one."""
    hints = get_type_hints(variant, include_extras=True)
    found = {}
    for item in fields(variant):
        for extra in getattr(hints[item.name], "__metadata__", ()):
            if isinstance(extra, Rule):
                found[item.name] = extra
    return found


def violations(instance: Any) -> Iterator[tuple[str, Any, Rule]]:
    """Yield name, value and rule of each field of a dataclass whose value its rule does not accept."""
    for name, rule in rules(type(instance)).items():
        value = getattr(instance, name)
        if not rule.accepts(value):
            yield name, value, rule
