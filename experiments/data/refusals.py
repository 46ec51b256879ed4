"""The refusal of a table: all reasons at once, and the options that read it."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class Refusal(ValueError):
    """A table that is not read as it is.

    Parameters
    ----------
    reasons
        What is wrong, and what can be done; a line for each.
    options
        Values of options by which the table is read, or the next reason is found. Empty if only a person can tell.
    """

    def __init__(self, *reasons: str, **options: Any):
        super().__init__(*reasons)
        self.reasons = tuple(" ".join(reason.splitlines()) for reason in reasons)  # names may have line breaks
        self.options = options
        self.place = ""

    def __str__(self) -> str:
        if len(self.reasons) == 1:
            return self.place + self.reasons[0]
        return "\n  ".join([f"{self.place}the table is refused for {len(self.reasons)} reasons:", *self.reasons])

    def at(self, place: str) -> "Refusal":
        """Return this refusal with the place of the table, which its message begins with."""
        self.place = f"{place}: "
        return self


def read_or_refuse(read: Callable[..., T], values: Mapping[str, Any]) -> T:
    """Return what `read` makes of a table; if it refuses, find all reasons: read with the options that each proposes.

    Raises
    ------
    Refusal
        With all reasons, and options that read the table. There are none if the last reason proposes none.
    ValueError
        If the first reason is none of the table's.
    """
    try:
        return read(**values)
    except Refusal as first:
        reasons, options = list(first.reasons), dict(first.options)
    proposed = bool(options)
    while proposed:
        try:
            read(**{**values, **options})
            break
        except Refusal as further:
            proposed = bool(further.options) and not {*further.reasons} <= {*reasons}
            reasons += [reason for reason in further.reasons if reason not in reasons]
            options |= further.options
        except ValueError as further:
            proposed = False
            reasons.append(str(further))
    raise Refusal(*reasons, **options if proposed else {})
