"""Reads the arguments of `experiments.explain`."""

import json
import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from experiments.config.errors import ConfigError


def parse_values(arguments: Iterable[str]) -> dict[str, np.ndarray]:
    """Return the values of NAME=VALUE arguments; a later value of a name replaces an earlier one.

    Raises
    ------
    ConfigError
        If an argument has another form, or a value is not finite or has more than two axes or 1000 numbers.
    """
    values = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
            raise ConfigError(f"{argument!r}: allowed is NAME=VALUE, such as w0=2 or W=[[1,2],[3,4]]")
        value = _parsed(text)
        if value is None or value.ndim > 2 or not 0 < value.size <= 1000 or not np.isfinite(value).all():
            raise ConfigError(f"{argument!r}: allowed is a number, a vector [1,2] or a matrix [[1,2],[3,4]]")
        values[name] = value
    return values


def _parsed(text: str) -> np.ndarray | None:
    """Return the array of a JSON text or of a number that Python reads; None for anything else."""
    try:
        return np.array(json.loads(text), np.float64)
    except (ValueError, TypeError, RecursionError):
        try:
            return np.array(float(text))
        except ValueError:
            return None


def take_save(arguments: list[str]) -> Path | None:
    """Remove --save FILE from the arguments; return its path, or None if the option is absent.

    Raises
    ------
    ConfigError
        If the file has another ending than .svg or .png or cannot be written, or for another option.
    """
    for index, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option == "--save":
            path = value if equals else "".join(arguments[index + 1 : index + 2])
            del arguments[index : index + (1 if equals else 2)]
            if Path(path).suffix not in (".svg", ".png"):
                raise ConfigError(f"--save {path or 'without a file'}: allowed is a file that ends in .svg or .png")
            _check_writable(Path(path))
            return Path(path)
        if argument.startswith("--"):
            allowed = "--save FILE.svg or FILE.png; write an expression that begins with -- in parentheses"
            raise ConfigError(f"unknown option {argument}: allowed is {allowed}")
    return None


def _check_writable(file: Path) -> None:
    """Refuse a file that cannot be written, before anything is computed or printed."""
    folder = file.absolute().parent
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        advice = "" if folder.exists() else f"; run: mkdir -p {shlex.quote(str(file.parent))}"
        raise ConfigError(f"--save {file}: the folder {folder} {what}{advice}")
    if file.is_dir() or not os.access(file if file.exists() else folder, os.W_OK):
        raise ConfigError(f"--save {file}: {'it is a folder' if file.is_dir() else 'it cannot be written there'}")
