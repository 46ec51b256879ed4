"""The configuration: its typed schema, its validation, and the identity of a run.

A composed configuration becomes `Settings`, or a `ConfigError` whose message is one line. Names are looked up
in the registries; nothing here runs code that a configuration names.
"""

import inspect
from collections.abc import Iterable
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import dataclass, field, fields, make_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from omegaconf import OmegaConf

from experiments.data.sets import DATASETS
from nets.activations import ACTIVATIONS
from nets.formula import Formula
from nets.initializers import INITIALIZERS
from nets.names import nearest
from nets.optimizers import OPTIMIZERS, SCHEDULES
from nets.outputs import OUTPUTS

SCHEMA_VERSION = 1


# Within this package where it is installed, beside it in a checkout.
CONF = next(path for path in (Path(__file__).parents[1] / "conf", Path(__file__).parents[2] / "conf") if path.is_dir())


DTYPES = ("float32", "float64")


TASKS = ("auto", "autoencode")


CLASS_WEIGHTS = ("none", "balanced")


DEEPEST, WIDEST = 50, 100_000


MOST = 1_000_000
"""Epochs, rows of a batch, and seeds of a sweep."""


REGISTRIES = {
    "activation": ACTIVATIONS,
    "output": OUTPUTS,
    "dataset": DATASETS,
    "init": INITIALIZERS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
}


# What `auto` may stand for is known only with the data set and the activation.
AUTO = ("output", "init")


# Settings that belong to a choice's node but not to the object that it names.
EXTRAS: dict[str, dict[str, type]] = {"optimizer": {"lr": Any}, "dataset": {"batch_size": int, "lr": float}}


def nearest_key(key: str, allowed: Iterable[str]) -> str:
    """Return what `nearest` does for a key, or the dotted key that ends with its name: `optimizer.lr` for `lr`."""
    inner = {item.name: outer for outer, schema in NESTED.items() for item in fields(schema)}
    inner |= {name: outer for outer, names in EXTRAS.items() for name in names if name != "batch_size"} | {
        "lr": "optimizer"
    }
    if "." not in key and key in inner:
        return f"did you mean '{inner[key]}.{key}'? Allowed: {', '.join(allowed)}"
    return nearest(key.rpartition(".")[2], allowed)


@dataclass
class NetSchema:
    """Shape of the network."""

    hidden: Any = "???"
    output_bias: float = "???"


@dataclass
class SplitSchema:
    """Shares of the parts: of all rows, and of what is left."""

    test: float = "???"
    validation: float = "???"


@dataclass
class PretrainSchema:
    """Denoising autoencoders, by which hidden layers may be trained before the labels are seen."""

    epochs: int = "???"
    lr: float = "???"
    noise: float = "???"


@dataclass
class DiagnosticsSchema:
    """What is looked at inside the network at the end of every epoch."""

    layers: bool = "???"
    sharpness: bool = "???"


@dataclass
class CheckpointSchema:
    """How often a long run writes down where it is."""

    every: int = "???"


@dataclass
class FormulaSchema:
    """What `activation=formula` computes; no other activation reads it, so it is in no other's identity."""

    expression: str = "???"
    parameters: Any = "???"


@dataclass
class Schema:
    """Every key of a configuration; the values are in conf/config.yaml and the files of the chosen options."""

    study: str = "???"
    activation: Any = "???"
    output: Any = "???"
    dataset: Any = "???"
    task: str = "???"
    init: Any = "???"
    optimizer: Any = "???"
    schedule: Any = "???"
    net: NetSchema = field(default_factory=NetSchema)
    epochs: int = "???"
    batch_size: int = "???"
    seeds: Any = "???"
    dtype: str = "???"
    entropy: int = "???"
    activation_l1: float = "???"
    class_weight: str = "???"
    split: SplitSchema = field(default_factory=SplitSchema)
    pretrain: PretrainSchema = field(default_factory=PretrainSchema)
    diagnostics: DiagnosticsSchema = field(default_factory=DiagnosticsSchema)
    checkpoint: CheckpointSchema = field(default_factory=CheckpointSchema)
    formula: FormulaSchema = field(default_factory=FormulaSchema)
    threads: Any = "???"
    save: bool = "???"
    force: bool = "???"
    plan: bool = "???"


NESTED = {
    "net": NetSchema,
    "split": SplitSchema,
    "pretrain": PretrainSchema,
    "diagnostics": DiagnosticsSchema,
    "checkpoint": CheckpointSchema,
    "formula": FormulaSchema,
}


def _parameters(variant) -> dict[str, tuple[type, Any]]:
    """Return type and default of each hyperparameter of a registered class or function."""
    hints = get_type_hints(variant)
    if inspect.isclass(variant):
        defaults = {item.name: item.default for item in fields(variant) if item.name != "name"}
    else:
        defaults = {name: item.default for name, item in inspect.signature(variant).parameters.items()}
    plain = (bool, int, float, str)
    return {name: (hints[name] if hints[name] in plain else Any, value) for name, value in defaults.items()}


def allowed_keys(choice: str, name: str) -> list[str]:
    """Return the keys that the node of a choice may have, such as those of `optimizer` when it is adam."""
    if name == "auto" and choice in AUTO:
        return ["name"]
    return ["name", *EXTRAS.get(choice, {}), *_parameters(REGISTRIES[choice].get(name, Formula))]


def describe(choice: str, option: str) -> list[str]:
    """Return `key=default`, or `key=…`, for each hyperparameter of an option that is named as what it configures."""
    registry = REGISTRIES[choice]
    if option not in registry:
        return []
    needed = required(choice, option)
    values = {key: "…" if key in needed else value for key, (_, value) in _parameters(registry[option]).items()}
    return [f"{key}={list(value) if isinstance(value, tuple) else value}" for key, value in values.items()]


def required(choice: str, option: str) -> list[str]:
    """Return the settings without which an option means nothing, such as a file's path."""
    variant = REGISTRIES[choice].get(option)
    values = _parameters(variant) if variant else {}
    return [key for key, (_, value) in values.items() if value in (NO_DEFAULT, inspect.Parameter.empty)]


def register_schema(store) -> None:
    """Put the schema of the whole and of each option into Hydra's ConfigStore, under `schema/`.

    Hydra turns a frozen dataclass into a read-only node, so each option gets a mutable twin with its `name`.
    """
    whole = OmegaConf.structured(Schema)
    OmegaConf.set_struct(whole.formula, False)  # or no name could be added to its parameters
    store.store(group="schema", name="config", node=whole)
    for choice, registry in REGISTRIES.items():
        for name, variant in registry.items():
            columns = [("name", str, name)]
            columns += [(key, hint, "???") for key, hint in EXTRAS.get(choice, {}).items()]
            for key, (hint, value) in _parameters(variant).items():
                default = "???" if value in (NO_DEFAULT, inspect.Parameter.empty) else value
                if isinstance(default, tuple):
                    default = field(default_factory=lambda value=value: list(value))
                columns.append((key, hint, default))
            node = make_dataclass(f"{choice}_{name}", columns)
            store.store(group=f"schema/{choice}", name=name, node=node)
