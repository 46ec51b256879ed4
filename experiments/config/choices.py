"""The choices of a configuration: which options each has, and which hyperparameters an option has.

A choice is a group of conf/ whose option is a registered class or function, such as `activation=elu`. Options are
looked up in the registries by name; a configuration never names code.
"""

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import yaml

import nets.learned  # noqa: F401  # its classes are registered
from experiments.config.plugins import PACKAGES, add_options, without_package
from experiments.config.rules import Rates
from experiments.data.sets import DATASETS
from nets.activations import ACTIVATIONS
from nets.formula import Formula
from nets.initializers import INITIALIZERS
from nets.optimizers import OPTIMIZERS, SCHEDULES
from nets.outputs import OUTPUTS

# An installed package contains conf/; in a checkout conf/ stands beside the package.
CONF = next(path for path in (Path(__file__).parents[1] / "conf", Path(__file__).parents[2] / "conf") if path.is_dir())

REGISTRIES: dict[str, Mapping[str, Any]] = {
    "activation": ACTIVATIONS,
    "output": OUTPUTS,
    "dataset": DATASETS,
    "init": INITIALIZERS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
}
CATALOGUE = "catalogue"
"""The folder of conf/activation/ whose files are further activations, `activation=catalogue/serf`."""
ABOUT = "about"
"""The key of an activation's file that says where its function comes from. No condition contains it."""
AUTO = ("output", "init")
"""Choices with the option `auto`, which stands for what suits the data set or the activation."""
EXTRAS: dict[str, dict[str, Any]] = {
    "optimizer": {"lr": Annotated[Any, Rates()]},
    "dataset": {"batch_size": int, "lr": float},
}
"""Settings that belong to a choice's node but not to the object that the option names."""


def options(group: str) -> list[str]:
    """Return the names of a configuration group's options: its files, and what other packages add."""
    added = [name for name, variant in REGISTRIES.get(group, {}).items() if variant in PACKAGES]
    return sorted([*added, *(path.stem for path in (CONF / group).glob("*.yaml"))])


def catalogue() -> list[str]:
    """Return the names of the catalogue's entries."""
    return options(f"activation/{CATALOGUE}")


def read_conf(file: str) -> dict[str, Any]:
    """Return what a file of conf/ contains; nothing for an option of another package, which needs no file."""
    group, _, name = file.partition("/")
    if REGISTRIES.get(group, {}).get(name) in PACKAGES:
        return {}
    return dict(yaml.safe_load((CONF / f"{file}.yaml").read_text("utf-8")))


@cache
def default_options() -> dict[str, str]:
    """Return the option of each choice that conf/config.yaml names."""
    return {
        key: name for item in read_conf("config")["defaults"] if isinstance(item, dict) for key, name in item.items()
    }


def hyperparameters(variant: Any) -> dict[str, tuple[Any, Any]]:
    """Return type and default of each hyperparameter of a registered class or function; MISSING without a default."""
    hints = get_type_hints(variant)
    if is_dataclass(variant):
        defaults: dict[str, Any] = {item.name: item.default for item in fields(variant) if item.name != "name"}
    else:
        parameters = inspect.signature(variant).parameters
        defaults = {
            name: MISSING if item.default is inspect.Parameter.empty else item.default
            for name, item in parameters.items()
        }
    return {name: (hints[name], default) for name, default in defaults.items()}


def required(choice: str, option: str) -> list[str]:
    """Return the settings without which an option cannot be used, such as a file's path."""
    variant = REGISTRIES[choice].get(option)
    return [name for name, (_, default) in hyperparameters(variant).items() if default is MISSING] if variant else []


def optional(choice: str, option: str) -> dict[str, Any]:
    """Return the defaults of the settings that a condition contains only if they differ from them.

    They are the keyword-only parameters of a registered class or function.
    """
    return keyword_only(REGISTRIES[choice][option])


def keyword_only(variant: Any) -> dict[str, Any]:
    """Return the defaults of the keyword-only parameters of a registered class or function."""
    parameters = inspect.signature(variant).parameters
    return {name: item.default for name, item in parameters.items() if item.kind is item.KEYWORD_ONLY}


def annotations(choice: str, option: str) -> dict[str, tuple[Any, ...]]:
    """Return what the types of an option's settings are marked with, such as `OfFile`."""
    hints = get_type_hints(REGISTRIES[choice][option], include_extras=True)
    return {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}


def allowed_keys(choice: str, option: str) -> list[str]:
    """Return the keys that the node of a choice may have, such as those of `optimizer` when it is adam."""
    if option == "auto" and choice in AUTO:
        return ["name"]
    return ["name", *EXTRAS.get(choice, {}), *hyperparameters(REGISTRIES[choice].get(option, Formula))]


def build(choice: str, node: Mapping[str, Any]) -> Any:
    """Return the object that a choice's node describes.

    Raises
    ------
    ValueError
        If a hyperparameter has a value that is not allowed.
    """
    arguments: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in node.items()}
    if choice == "activation" and "expression" in node:  # the user names a formula
        return Formula(**arguments)
    variant = REGISTRIES[choice].get(arguments["name"])
    arguments = without_package(arguments, variant)
    return REGISTRIES[choice][arguments.pop("name")](**arguments)


def _with_defaults(choice: str, name: str) -> Any:
    """Return what is registered, or None; ValueError for a class that a file of conf/ would have to complete."""
    variant = REGISTRIES[choice].get(name)
    if isinstance(variant, type) and required(choice, name):
        raise ValueError(f"{required(choice, name)[0]} has no default")
    return variant


for _choice in ("activation", "dataset", "output"):
    add_options(_choice, partial(_with_defaults, _choice))
