"""Errors in one line: of Hydra's, what a user can do about it; at the end the command that works."""

import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from hydra.errors import HydraException, MissingConfigException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException, ValidationError

from experiments.config.choices import REGISTRIES
from experiments.config.errors import ConfigError, in_one_line
from experiments.config.flags import divided
from experiments.config.keys import allowed_values, having
from experiments.config.lines import lacking
from experiments.config.schema import nearest_key
from experiments.config.values import parts
from experiments.config.words import checked
from nets.names import nearest

RAY = "hydra/launcher=ray and ray_cluster need the launcher of the extra `ray`: pip install '.[ray]'"


def answer(error: Exception, words: Sequence[str] = (), flags: Sequence[str] = ()) -> str:
    """Return one line for an error, with the command that works if there is one.

    Parameters
    ----------
    error
        Of Hydra's or of ours; for an unforeseen one the line begins with the error's class.
    words, flags
        The words of the command line that set something, and the others.
    """
    refusal = explained(error, words)
    if refusal is None:
        return f"{type(error).__name__}: {_first_line(error)}"
    if refusal.instead is None:
        return str(refusal)
    dashed, instead = divided(refusal.instead)
    for _ in range(len(words) + 3):  # what was meant may contain the next fault
        try:
            checked(instead)
        except ConfigError as further:
            instead = further.instead or instead
        else:
            break
    return in_one_line(ConfigError(str(refusal), instead), "python run.py", [*flags, *dashed])


def explained(error: Exception, words: Sequence[str] = ()) -> ConfigError | None:
    """Return the refusal that says in a user's words what an error means; None for an unforeseen error."""
    if isinstance(error, ConfigError):
        return error
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _unknown_option(error, str(error.missing_cfg_file))
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if isinstance(cause, ConfigKeyError | ConfigAttributeError) and is_dataclass(cause.object_type):
        return _unknown_key(str(cause.full_key), cause.object_type, words)
    if isinstance(cause, ValidationError) and cause.full_key:
        return _wrong_type(cause.full_key, cause, words)
    if not isinstance(error, HydraException | OmegaConfBaseException):
        return None
    several = re.match("Ambiguous value for argument '(.*)'", str(error))
    if several:
        first = [re.sub(",.*", "", word) if word == several[1] else word for word in words]
        return ConfigError(f"{several[1]}: --cfg shows one configuration, so allowed is one value", first)
    key = getattr(cause, "full_key", None)
    return ConfigError(f"{key}: {_first_line(cause)}" if key else _first_line(cause))


def _first_line(error: BaseException) -> str:
    """Return an error's first line; the others tell of Hydra's insides."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _unknown_option(error: MissingConfigException, file: str) -> ConfigError:
    group = next((choice for choice in (*REGISTRIES, "experiment") if file.startswith(f"{choice}/")), None)
    group = group or file.rpartition("/")[0]
    if not group:
        return ConfigError(f"there is no configuration {file!r} in conf/")
    name = file.removeprefix(f"{group}/")
    if group == "hydra/launcher" and name in ("ray", "ray_cluster"):
        return ConfigError(RAY)
    return ConfigError(f"unknown {group}={name}: {nearest(name, error.options or [])}")


def _unknown_key(key: str, declaration: Any, words: Sequence[str]) -> ConfigError:
    """Return the refusal of a key that the chosen option does not have; others may have it."""
    allowed = [item.name for item in fields(declaration) if item.name != "_target_"]
    choice, _, name = key.partition(".")
    others = having(choice, name) if choice in REGISTRIES else []
    if not others:
        return ConfigError(f"unknown key {key!r}: {nearest_key(key, allowed)}")
    return lacking(key, declaration.__name__.removeprefix(f"{choice}_"), words)


def _wrong_type(key: str, error: ValidationError, words: Sequence[str]) -> ConfigError:
    """Return the refusal of a value that has another type than its setting."""
    typed = [word for word in words if parts(word)[1] == key]
    raw = parts(typed[-1])[2] if typed else None
    rule, hint = allowed_values(key)
    kinds = {bool: "true or false", int: "a whole number", float: "a number"}
    allowed = rule.words if rule else kinds.get(hint)
    for name, words_of in (("Integer", "a whole number"), ("Float", "a number"), ("bool", "true or false")):
        allowed = allowed or (words_of if name in str(error) else None)
    if raw is None or allowed is None:
        return ConfigError(f"{key}: {_first_line(error)}")
    number = _number(raw)
    meant = None
    value = int(number) if number is not None and hint is int else number
    if value is not None and value == number and (rule.accepts(value) if rule else hint is int):
        meant = [f"{key}={number:g}" if word == typed[-1] else word for word in words]
    return ConfigError(f"{key}={raw}: allowed is {allowed}", meant)


def _number(raw: str) -> float | None:
    """Return the number that a text may mean: 1e2 is whole, 20% is 0.2; None for anything else."""
    try:
        return float(raw.removesuffix("%")) / (100 if raw.endswith("%") else 1)
    except ValueError:
        return None
