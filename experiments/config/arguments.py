"""The KEY=VALUE arguments of a command, and its exit code."""

import sys
from collections.abc import Callable, Iterable

from experiments.config.errors import ConfigError
from nets.names import nearest


def key_values(arguments: Iterable[str], allowed: Iterable[str]) -> dict[str, str]:
    """Return the values of a command's KEY=VALUE arguments.

    Raises
    ------
    ConfigError
        For another key, an argument without a value, and a key that is given twice.
    """
    allowed = list(allowed)
    values: dict[str, str] = {}
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key not in allowed:
            raise ConfigError(f"unknown argument {argument!r}: {nearest(key, allowed)} (as KEY=VALUE)")
        if not value:
            raise ConfigError(f"{key} has no value: allowed is {key}=VALUE")
        if key in values:
            raise ConfigError(f"{key} is given twice: allowed is one {key}=VALUE")
        values[key] = value
    return values


def exit_code(command: str, run: Callable[[], int]) -> int:
    """Run a command and return its exit code: 2 for a bad argument, 1 for an error of the disk, both in one line."""
    try:
        return run()
    except ConfigError as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{command}: {error.strerror}: {error.filename}", file=sys.stderr)
        return 1
