"""The allowed values of a field, declared beside it: `momentum: Annotated[float, Number("[0, 1)")] = 0.9`."""

from collections.abc import Iterator
from numbers import Real
from typing import Any, Protocol, get_type_hints, runtime_checkable


@runtime_checkable
class Rule(Protocol):
    """The allowed values of a field.

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

    def __init__(self, interval: str) -> None:
        low, high = interval[1:-1].split(",")
        self.low, self.high = float(low), float(high)
        self.open_low, self.open_high = interval[0] == "(", interval[-1] == ")"
        self.words = f"a number in {interval}"
        if self.high == float("inf"):
            self.words = f"a number above {low}" if self.open_low else f"a number from {low} up"

    def accepts(self, value: Any) -> bool:
        """Return whether the value is a number of the interval; true and false are not numbers."""
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if not is_number:
            return False
        above = self.low < value if self.open_low else self.low <= value
        below = value < self.high if self.open_high else value <= self.high
        return bool(above and below)


class ZeroOr(Number):
    """0 and the real numbers of an interval."""

    def __init__(self, interval: str) -> None:
        super().__init__(interval)
        self.words = f"0 or {self.words}"

    def accepts(self, value: Any) -> bool:
        """Return whether the value is 0 or a number of the interval."""
        return super().accepts(value) or Number("[0, 0]").accepts(value)


class Whole:
    """The whole numbers from `low` to `high`; without `high` there is no limit."""

    def __init__(self, low: int, high: int | None = None) -> None:
        self.low, self.high = low, high
        self.words = f"a whole number from {low} " + ("up" if high is None else f"to {high}")

    def accepts(self, value: Any) -> bool:
        """Return whether the value is a whole number of the range."""
        return type(value) is int and value >= self.low and (self.high is None or value <= self.high)


class OneOf:
    """One of several texts."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        *others, last = texts
        self.words = f"{', '.join(others)} or {last}" if others else last

    def accepts(self, value: Any) -> bool:
        """Return whether the value is one of the texts."""
        return isinstance(value, str) and value in self.texts


def rules(variant: Any) -> dict[str, Rule]:
    """Return the rule of each field of a dataclass, or of each parameter of a function, that declares one."""
    return {
        name: rule
        for name, hint in get_type_hints(variant, include_extras=True).items()
        for rule in getattr(hint, "__metadata__", ())
        if isinstance(rule, Rule)
    }


def violations(instance: Any) -> Iterator[tuple[str, Any, Rule]]:
    """Yield name, value and rule of each field of a dataclass whose value its rule does not accept."""
    for name, rule in rules(type(instance)).items():
        value = getattr(instance, name)
        if not rule.accepts(value):
            yield name, value, rule


def check(instance: Any, choice: str) -> None:
    """Refuse hyperparameters that their rules do not accept.

    Parameters
    ----------
    instance
        A dataclass with a `name`.
    choice
        The configuration's word for it, such as "optimizer".

    Raises
    ------
    ValueError
        Such as "optimizer.momentum=1.0 of momentum: allowed is a number in [0, 1)".
    """
    for name, value, rule in violations(instance):
        written = list(value) if isinstance(value, tuple) else value  # as in a configuration
        raise ValueError(f"{choice}.{name}={written!r} of {instance.name}: allowed is {rule.words}")
