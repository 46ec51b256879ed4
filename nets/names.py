"""The allowed name that was meant by an unknown one."""

import difflib
from collections.abc import Iterable


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return `did you mean …?` or nothing, and the allowed names, for the end of a message."""
    allowed = list(allowed)
    folded = {each.casefold(): each for each in reversed(allowed)}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    hint = f"did you mean {folded[close[0]]!r}? " if close else ""
    return f"{hint}Allowed: {', '.join(allowed)}"
