"""The allowed name that is nearest to an unknown one."""

import difflib
from collections.abc import Iterable

MOST = 50
"""A message has at most so many names."""


def guess(name: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name that is near to another, or None."""
    folded = {option.casefold(): option for option in reversed(list(allowed))}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[close[0]] if close else None


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return what follows a colon in a message: the allowed names, after `did you mean …?` if one of them is near."""
    allowed = list(allowed)
    near = guess(name, allowed)
    hint = f"did you mean {near!r}? Allowed" if near else "allowed"
    more = f" and {len(allowed) - MOST} more" if len(allowed) > MOST else ""
    return f"{hint}: {', '.join(allowed[:MOST])}{more}"
