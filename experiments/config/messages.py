"""Hydra's errors in a user's words: what is wrong, and what is allowed."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from hydra.errors import HydraException, MissingConfigException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException, ValidationError

from experiments.config.choices import ABOUT, CONF, REGISTRIES, options
from experiments.config.errors import ConfigError
from experiments.config.keys import PARAMETERS, allowed_values, options_with
from experiments.config.lines import refusal_of_setting
from experiments.config.schema import nearest_key
from experiments.config.values import parts, pieces_of
from experiments.data.packages import OPTIONS, TABLES
from nets.names import guess, nearest

SLURM = "hydra/launcher=slurm and submitit_local need Hydra's Submitit launcher: pip install '.[slurm]'"


def refusal(error: Exception, words: Sequence[str] = ()) -> ConfigError:
    """Return what an error means, in a user's words; for an unforeseen one its class and its first line."""
    if isinstance(error, ConfigError) and error.add and words:
        replaced = {parts(word)[1] for word in error.add}
        return ConfigError(
            str(error), [*(word for word in words if parts(word)[1] not in replaced), *error.add], error.add
        )
    if isinstance(error, ConfigError):
        return error
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _unknown_option(error, str(error.missing_cfg_file), words)
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if isinstance(cause, ConfigKeyError | ConfigAttributeError) and is_dataclass(cause.object_type):
        return _unknown_key(str(cause.full_key), cause.object_type, words)
    if isinstance(cause, ConfigKeyError | ConfigAttributeError) and str(cause.full_key).startswith(PARAMETERS):
        return _unknown_parameter(str(cause.full_key), cause.parent_node)
    if isinstance(cause, ValidationError) and cause.full_key:
        return _wrong_type(cause.full_key, cause, words)
    if not isinstance(error, HydraException | OmegaConfBaseException):
        return ConfigError(f"{type(error).__name__}: {_first_line(error)}")
    several = re.match("Ambiguous value for argument '(.*)'", str(error))
    if several:
        first = [re.sub(",.*", "", word) if word == several[1] else word for word in words]
        return ConfigError(f"{several[1]}: --cfg shows one configuration, so allowed is one value", first)
    key = getattr(cause, "full_key", None)
    return ConfigError(f"{key}: {_first_line(cause)}" if key else _first_line(cause))


def _first_line(error: BaseException) -> str:
    """Return an error's first line; the others tell of Hydra's insides."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _unknown_option(error: MissingConfigException, file: str, words: Sequence[str]) -> ConfigError:
    group = next((choice for choice in (*REGISTRIES, "experiment") if file.startswith(f"{choice}/")), None)
    group = group or file.rpartition("/")[0]
    if not group:
        return ConfigError(f"there is no configuration {file!r} in conf/")
    name = file.removeprefix(f"{group}/")
    if group == "hydra/launcher" and name in ("submitit_slurm", "submitit_local"):
        return ConfigError(SLURM)
    if name in REGISTRIES.get(group, ()):
        line, path = f"defaults: [/schema/{group}/{name}@_here_]", CONF / group / f"{name}.yaml"
        lacking = f"{group}={name} is registered, but its file is missing"
        return ConfigError(f"{lacking}; run: echo {shlex.quote(line)} > {shlex.quote(str(path))}")
    likely, allowed = _data_sets(name, error.options or []) if group == "dataset" else (name, error.options or [])
    near = guess(likely, allowed)
    preset = _preset(name) if group == "dataset" and not near else None
    if preset:
        rest = [word for word in words if parts(word)[1:] != (group, name)]
        meant = [*rest, f"+experiment={preset}"] if len(rest) < len(words) else None
        return ConfigError(f"unknown {group}={name}: did you mean +experiment={preset}?", meant)
    meant = [_with_piece(word, name, near) if parts(word)[1] == group else word for word in words] if near else None
    return ConfigError(f"unknown {group}={name}: {nearest(likely, allowed)}", meant)


def _with_piece(word: str, old: str, new: str) -> str:
    """Return a word with another name for one of the options that it sweeps."""
    sign, key, raw = parts(word)
    return f"{sign}{key}={','.join(new if piece == old else piece for piece in pieces_of(raw))}"


def _data_sets(name: str, allowed: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the likely name of a data set, and what is allowed: for a table of a package too, such as keel_vowel."""
    package, _, table = re.sub(rf"^({'|'.join(TABLES)})[_.-]", r"\1/", name).rpartition("/")
    if package in TABLES:
        return f"{package}/{table}", [f"{package}/{other}" for other in TABLES[package]]
    likely = table if guess(table, allowed) else guess(table, [other for _, other in OPTIONS.values()])
    meant = [option for option, (_, other) in OPTIONS.items() if other == likely]
    return meant[0] if meant else name, [*allowed, *meant[:1]]


def _preset(name: str) -> str | None:
    """Return the preset that is likely meant by what names no data set: a suite of them."""
    return guess(name, [preset for preset in options("experiment") if preset.startswith("suite")])


def _unknown_key(key: str, declaration: Any, words: Sequence[str]) -> ConfigError:
    """Return the refusal of a key that the chosen option does not have; others may have it."""
    allowed = [item.name for item in fields(declaration) if item.name not in ("_target_", ABOUT)]
    choice, _, name = key.partition(".")
    others = options_with(choice, name) if choice in REGISTRIES else []
    if not others:
        near = guess(name, allowed)
        meant = [word.replace(key, f"{choice}.{near}", 1) if parts(word)[1] == key else word for word in words]
        return ConfigError(f"unknown key {key!r}: {nearest_key(key, allowed)}", meant if near else None)
    return refusal_of_setting(key, declaration.__name__.removeprefix(f"{choice}_"), words)


def _unknown_parameter(key: str, parameters: Any) -> ConfigError:
    """Return the refusal of a learned parameter that the chosen formula does not have."""
    allowed = f"allowed: {', '.join(map(str, parameters))}" if parameters else "this activation learns none"
    return ConfigError(f"unknown learned parameter {key!r}: {allowed}")


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
    meant = None
    if rule and hint is int and re.fullmatch(r"\d+(\.\d*)?([eE]\d)?", raw) and rule.accepts(int(float(raw))):
        meant = [f"{key}={float(raw):g}" if word == typed[-1] else word for word in words]
    return ConfigError(f"{key}={raw}: allowed is {allowed}", meant)
