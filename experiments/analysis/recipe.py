"""The settings that a condition has only where they are on, such as a norm or dropout."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from experiments.config.choices import REGISTRIES, keyword_only
from experiments.config.schema import Configuration, Off, declared, groups


@cache
def off_values() -> Mapping[str, Any]:
    """Return by dotted key the value of each setting of network and training where it is off.

    The tables have an empty cell there. Pre-training is not among these settings: it is off as a whole, and its studies
    are older than the others.
    """
    result: dict[str, Any] = {}
    for choice in REGISTRIES.keys() - {"dataset"}:
        for option in REGISTRIES[choice].values():
            result |= {f"{choice}.{key}": value for key, value in keyword_only(option).items()}
    for group in groups().keys() - {"pretrain"}:
        whole = _off(declared(Configuration)[group][1]) or {}
        parts = {key: _off(marks) for key, (_, marks) in declared(groups()[group]).items()}
        result |= {f"{group}.{key}": value for key, value in (parts | whole).items() if value is not None}
    return result


def value_where_off(key: str, options: Mapping[str, Any]) -> Any:
    """Return the value of a setting that a condition lacks; None if the condition cannot have it.

    `options` has the name of the option of each choice, such as `{"output": "softmax_ce"}`.
    """
    choice, _, name = key.partition(".")
    if choice not in REGISTRIES:
        return off_values().get(key)
    option = REGISTRIES[choice].get(options.get(choice, ""))
    return keyword_only(option).get(name) if option is not None and choice != "dataset" else None


def _off(marks: tuple[Any, ...]) -> Any:
    """Return the value with which a setting is off, from the marks of its declaration; None if it cannot be off."""
    return next((mark.value for mark in marks if isinstance(mark, Off)), None)
