"""The error of a configuration or argument that is refused."""

import shlex
from collections.abc import Sequence


class ConfigError(ValueError):
    """A configuration that is refused before anything is trained or written.

    Parameters
    ----------
    message
        One line that says what was wrong and what is allowed.
    instead
        The words of the command line with the one at fault replaced by what was meant.
    """

    def __init__(self, message: str, instead: Sequence[str] | None = None):
        super().__init__(message)
        self.instead = None if instead is None else list(instead)


def in_one_line(refusal: ConfigError, program: str, before: Sequence[str] = ()) -> str:
    """Return what a refusal says and, if it knows better words, the command that works, as a POSIX shell reads it.

    Parameters
    ----------
    refusal, program
        The error, and the start of the command line.
    before
        Words that stand before those of the refusal.
    """
    message = str(refusal)
    if refusal.instead is None:
        return message
    joint = " Run:" if message.endswith(("?", ".")) else "; run:"
    return f"{message}{joint} {shlex.join([*program.split(), *before, *refusal.instead])}"
