"""The error of a configuration or argument that is refused."""

import re
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
    add
        Words that make the command line right, where the words of this line are not known.
    """

    def __init__(self, message: str, instead: Sequence[str] | None = None, add: Sequence[str] = ()):
        super().__init__(message)
        self.instead = None if instead is None else list(instead)
        self.add = list(add)


def in_one_line(refusal: ConfigError, program: str, before: Sequence[str] = ()) -> str:
    """Return what a refusal says and, if it knows better words, the command that works, as a POSIX shell reads it.

    Parameters
    ----------
    refusal, program
        The error, and the start of the command line.
    before
        Words that stand before those of the refusal.
    """
    if refusal.instead is None:
        return str(refusal)
    return _joined(str(refusal), f"run: {shlex.join([*program.split(), *before, *refusal.instead])}")


def disk_line(error: OSError) -> str:
    """Return what an error of the disk says, with the file if the error names one."""
    return ": ".join(map(str, filter(None, [error.strerror or error, error.filename])))


def both(first: ConfigError, second: ConfigError) -> str:
    """Return what two refusals say: that of a command line, and that of the words which were meant."""
    return str(first) if first is second else _joined(str(first), str(second))


def _joined(sentence: str, further: str) -> str:
    if "\n" in sentence + further:
        return f"{sentence}\n{further}"
    if not sentence.endswith(("?", ".")):
        return f"{sentence}; {further}"
    return f"{sentence} {re.sub('^[a-z]+:? ', lambda begin: begin[0].capitalize(), further)}"
