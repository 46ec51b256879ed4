"""The KEY=VALUE arguments of a command."""

from collections.abc import Iterable

from experiments.config.errors import ConfigError
from nets.names import nearest


def key_values(arguments: Iterable[str], allowed: Iterable[str]) -> dict[str, str]:
    """Return the values of a command's KEY=VALUE arguments.

    Raises
    ------
    ConfigError
        For another key, or an argument without a value.
    """
    values = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key not in allowed or not equals:
            raise ConfigError(f"unknown argument {argument!r}: {nearest(key, allowed)} (as KEY=VALUE)")
        values[key] = value
    return values
