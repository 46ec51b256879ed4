"""The declarations as Hydra's schema: a misspelt key or a wrong type is refused when Hydra composes."""

from collections.abc import Mapping
from dataclasses import MISSING, field, is_dataclass, make_dataclass
from functools import partial
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from experiments.config.choices import ABOUT, AUTO, CATALOGUE, EXTRAS, REGISTRIES, hyperparameters
from experiments.config.plugins import PACKAGES
from experiments.config.schema import Configuration, declared
from experiments.data.packages import TABLES
from nets.formula import Formula

PLAIN = (bool, int, float, str)
"""Types that Hydra checks and converts. Values of other types are checked by their rules."""

WITHOUT_FILE: dict[str, tuple[Any, Any]] = {"batch_size": (int, 32), "lr": (float, 0.05)}
"""Type and default of what a data set's file says, for a data set that has no file."""


def register_schema() -> None:
    """Put the schema of the whole and of each option into Hydra's ConfigStore, under `schema/`, unless it is there.

    Hydra turns a frozen dataclass into a read-only node, so each declaration gets a mutable twin.
    """
    store = ConfigStore.instance()
    if "schema" in store.repo:
        return
    whole = OmegaConf.structured(_twin(Configuration.__name__, _columns(Configuration)))
    for open_node in (whole.formula, whole.tune):  # else no name can be added to its parameters, or its space
        OmegaConf.set_struct(open_node, False)
    store.store(group="schema", name="config", node=whole)
    for choice, registry in REGISTRIES.items():
        extras = {key: (hint, MISSING) for key, hint in EXTRAS.get(choice, {}).items()}
        about = {ABOUT: (dict, None)} if choice == "activation" else {}
        for name, variant in registry.items():
            settings = {"name": (str, name), **extras, **hyperparameters(variant), **about}
            store.store(group=f"schema/{choice}", name=name, node=_twin(f"{choice}_{name}", settings))
            if variant in PACKAGES:  # it has no file
                settings |= WITHOUT_FILE if choice == "dataset" else {}
                store.store(group=choice, name=name, node=_twin(f"{choice}_{name}", settings))
    for name, tables in TABLES.items():
        settings = {"name": (str, name), **WITHOUT_FILE}
        settings |= hyperparameters(REGISTRIES["dataset"][name])
        for table in tables:
            node = _twin(f"dataset_{name}", {**settings, "table": (str, table)})
            store.store(group=f"dataset/{name}", name=table, node=node)
    entry = _twin("activation_catalogue", {"name": (str, MISSING), **hyperparameters(Formula), ABOUT: (dict, MISSING)})
    store.store(group="schema/activation", name=CATALOGUE, node=entry)
    for choice in AUTO:
        store.store(group=f"schema/{choice}", name="auto", node=_twin(f"{choice}_auto", {"name": (str, "auto")}))


def _columns(declaration: type) -> dict[str, tuple[Any, Any]]:
    return {key: (hint, MISSING) for key, (hint, _) in declared(declaration).items()}


def _twin(name: str, columns: Mapping[str, tuple[Any, Any]]) -> type:
    """Return a mutable dataclass with these types and defaults."""
    twin: list[tuple[str, Any, Any]] = []
    for key, (hint, default) in columns.items():
        if is_dataclass(hint) and isinstance(hint, type) and key not in REGISTRIES:
            group = _twin(hint.__name__, _columns(hint))
            twin.append((key, group, field(default_factory=group)))
        else:
            value = "???" if default is MISSING else default
            if isinstance(value, tuple):
                value = field(default_factory=partial(list, value))
            twin.append((key, hint if hint in PLAIN else Any, value))
    return make_dataclass(name, twin)
