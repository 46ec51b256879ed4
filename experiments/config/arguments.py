"""The KEY=VALUE arguments of a command, and its exit code."""

import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper

from experiments.config.commands import command_line
from experiments.config.errors import ConfigError, disk_line, in_one_line
from experiments.config.plugins import check_packages
from nets.names import guess, nearest


def key_values(arguments: Sequence[str], allowed: Sequence[str], before: Sequence[str] = ()) -> dict[str, str]:
    """Return the values of a command's KEY=VALUE arguments.

    Parameters
    ----------
    arguments, allowed
        The arguments, and the allowed keys; a value without a key seems to be meant for the first one.
    before
        The words of the command line before these arguments.

    Raises
    ------
    ConfigError
        For another key, an argument without a value, and a key that is given twice.
    """
    values: dict[str, str] = {}
    for index, argument in enumerate(arguments):
        key, _, value = argument.partition("=")
        if key not in allowed:
            rest, meant = [*arguments[index + 1 :]], _meant(argument, arguments[index + 1 :], allowed)
            instead = meant and _accepted([*arguments[:index], meant[0], *rest[meant[1] :]], allowed, before)
            hint = (
                nearest(key, allowed)
                if "=" in argument or argument.startswith("-")
                else f"allowed: {', '.join(allowed)}"
            )
            raise ConfigError(f"unknown argument {argument!r}: {hint} (as KEY=VALUE)", instead)
        if not value:
            rest = [word for word in arguments[index + 1 :] if word != "="]
            value = rest[0].lstrip("=") if rest and "=" not in rest[0][1:] else ""
            instead = _accepted([*arguments[:index], f"{key}={value}", *rest[1:]], allowed, before) if value else None
            raise ConfigError(f"{key} has no value: allowed is {key}=VALUE", instead)
        if key in values:
            raise ConfigError(f"{key} is given twice: allowed is one {key}=VALUE")
        values[key] = value
    return values


def _accepted(arguments: Sequence[str], allowed: Sequence[str], before: Sequence[str]) -> list[str] | None:
    """Return the words of a command with these arguments, or those that its refusal offers; None if it offers none."""
    try:
        key_values(arguments, allowed, before)
    except ConfigError as further:  # what was meant may contain the next fault
        return further.instead
    return [*before, *arguments]


def _meant(argument: str, rest: Sequence[str], allowed: Sequence[str]) -> tuple[str, int] | None:
    """Return the argument that was meant by a wrong one, and how many of the next ones are part of it."""
    name, equals, value = argument.lstrip("-").partition("=")
    dashed = argument.startswith("-")
    near = name if name in allowed else guess(name, allowed) if dashed or equals else None
    if near and (equals or not dashed):
        return (f"{near}={value}", 0) if value else None
    if dashed:
        return (f"{near}={rest[0]}", 1) if near and rest and "=" not in rest[0] else None
    first = "run" if "run" in allowed and "/runs/" in argument else allowed[0]
    return (f"{first}={argument}", 0) if not equals else None


def exit_code(command: str, run: Callable[[], int]) -> int:
    """Run a command and return its exit code.

    The code is 2 for a bad argument, 1 for an error of the disk, and 130 for Ctrl-C, each with one line; and 141 as in
    `while_read`.
    """
    return while_read(lambda: _exit_code(command, run))


def _exit_code(command: str, run: Callable[[], int]) -> int:
    try:
        prepare_streams()
        check_cores()
        check_packages()
        return run()
    except ConfigError as error:
        print(f"{command}: {in_one_line(error, command_line(command))}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"{command}: {disk_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{command}: interrupted", file=sys.stderr)
        return 130


def while_read(run: Callable[[], int]) -> int:
    """Run a command whose output may go to a pipe; 141, without a word, if the reader leaves early, as `head` does.

    A shell shows this code of other programs too: 128 + SIGPIPE. The signal itself would also end whoever writes to a
    worker that has been killed.
    """
    try:
        try:
            return run()
        finally:
            sys.stdout.flush()  # Python's own flush at its end could not be caught
    except BrokenPipeError:
        for stream in (sys.stdout, sys.stderr):  # what they still hold leads nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 141


def show_help(text: str | None, asked: bool = True) -> int:
    """Print a command's help and return its exit code: 2 if nobody has asked for help."""

    def run() -> int:
        print(text)
        return 0 if asked else 2

    return while_read(run)


def prepare_streams() -> None:
    """Let closed standard streams lead nowhere, as libraries flush them; "?" stands for a letter that they lack."""
    for number, name in enumerate(("stdout", "stderr"), 1):
        stream = getattr(sys, name)
        if stream is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            os.set_inheritable(number, True)  # workers need it too
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def check_cores() -> None:
    """Raise `ConfigError` if joblib's variable for the number of cores holds none."""
    cores = os.environ.get("LOKY_MAX_CPU_COUNT", "1")
    try:
        int(cores)
    except ValueError:
        allowed = "allowed is a whole number of cores; run: unset LOKY_MAX_CPU_COUNT"
        raise ConfigError(f"the environment has LOKY_MAX_CPU_COUNT={cores}: {allowed}") from None
