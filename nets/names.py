"""The allowed name that is nearest to an unknown one."""

import difflib
from collections.abc import Iterable


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return the end of a message: the allowed names, after `did you mean …?` if one of them is near."""
    allowed = list(allowed)
    folded = {option.casefold(): option for option in reversed(allowed)}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    hint = f"did you mean {folded[close[0]]!r}? " if close else ""
    return f"{hint}Allowed: {', '.join(allowed)}"
