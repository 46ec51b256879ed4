"""From a command line's words to settings: Hydra composes, a sweep becomes jobs, and an error becomes one line."""

import itertools
import math
import threading
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

from hydra import initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override
from hydra.core.singleton import Singleton
from hydra.errors import HydraException, MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException, ValidationError

from experiments.config.choices import CONF, REGISTRIES, options, required
from experiments.config.errors import ConfigError
from experiments.config.hydra_schema import register_schema
from experiments.config.rules import MOST
from experiments.config.schema import nearest_key
from experiments.config.settings import Settings, resolve
from experiments.tables import rounded
from nets.names import nearest

_HYDRA = threading.Lock()
"""Hydra's state is global: one thread composes at a time."""


def plain(config: DictConfig) -> dict[str, Any]:
    """Return a composed configuration as nested plain values, without Hydra's own node."""
    values = OmegaConf.to_container(config, resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items() if key != "hydra"}


def check_overrides(overrides: Iterable[str]) -> None:
    """Refuse overrides that could run code, and settings of Hydra that would bypass the study.

    Raises
    ------
    ConfigError
        For such an override, and for one that leaves a choice empty.
    """
    for override in overrides:
        key, _, value = override.lstrip("+~").partition("=")
        if "_target_" in override:
            raise ConfigError("_target_ in an override: a configuration names options, never code")
        if key.startswith("hydra"):
            launcher = key == "hydra/launcher" or key.startswith("hydra.launcher.")
            if not launcher or "${" in value:
                raise ConfigError(
                    f"{override}: of Hydra's own settings only the launcher's may be set, to plain values"
                )
        choice = key.removesuffix(".name")
        if choice != key and choice in REGISTRIES:
            raise ConfigError(f"{override}: the option itself is chosen with {choice}={value}")
        if key in REGISTRIES and value in ("null", ""):
            raise ConfigError(f"{override}: {nearest('', options(key))}")


def expand(loader: ConfigLoader, master: DictConfig, overrides: Sequence[str]) -> list[tuple[Settings, list[str]]]:
    """Return the distinct jobs of a sweep: the settings of each and the overrides that compose them.

    Parameters
    ----------
    loader, master
        Hydra's configuration loader, and what it composed of all overrides together.
    overrides
        The overrides of the command line; those of a preset are put before them.

    Raises
    ------
    ConfigError
        For the first job that is refused, and for an override that matches nothing.
    """
    preset = [f"{key}={value}" for key, value in (master.hydra.sweeper.params or {}).items()]
    parser = OverridesParser.create(config_loader=loader)
    parser.functions.functions["range"] = exact_range
    parsed = parser.parse_overrides([*preset, *overrides])
    for override in parsed:
        _check_sweep(override)
    jobs: dict[tuple[Any, ...], tuple[Settings, list[str]]] = {}
    for line in itertools.chain(*BasicSweeper.split_arguments(parsed, None)):
        settings = resolve(plain(loader.load_sweep_config(master, line)))
        rates = tuple(map(rounded, settings.rates))
        key = (settings.study, settings.run, rates, settings.seeds, settings.tune, settings.save)
        jobs.setdefault(key, (settings, line))
    _check_tuning([settings for settings, _ in jobs.values()])
    return list(jobs.values())


def _check_tuning(jobs: Iterable[Settings]) -> None:
    """Refuse a sweep over learning rates with tuning seeds: no job would have several rates to choose from."""
    grids_by_run: dict[tuple[str, str], set[frozenset[float]]] = {}
    for settings in jobs:
        if settings.tune.seeds:
            grid = frozenset(map(rounded, settings.rates))
            grids_by_run.setdefault((settings.study, settings.run), set()).add(grid)
    for grids in grids_by_run.values():
        if len(grids) > 1:
            rates = ",".join(f"{rate:g}" for rate in sorted(frozenset().union(*grids)))
            raise ConfigError(f"tune.seeds needs the learning rates as one list: optimizer.lr=[{rates}]")


def exact_range(start: float, stop: float | None = None, step: float = 1) -> ChoiceSweep:
    """Return the values of `range(start,stop,step)` without `stop`; Hydra's own adds binary fractions.

    Three times 0.1 is 0.3 here, as a person means it: the shortest decimals of the numbers are added exactly. Whole
    numbers give whole numbers.

    Raises
    ------
    ValueError
        If a number is not finite, the step is 0, or there are too many values.
    """
    first, last = (0, start) if stop is None else (start, stop)
    if not all(map(math.isfinite, (first, last, step))) or step == 0:
        raise ValueError("allowed are finite numbers, and a step that is not 0")
    begin, end, width = (Decimal(str(number)) for number in (first, last, step))
    count = math.ceil((end - begin) / width)
    if count > MOST:
        raise ValueError(f"allowed are up to {MOST} values")
    kind = int if all(isinstance(number, int) for number in (first, last, step)) else float
    return ChoiceSweep(list=[kind(begin + i * width) for i in range(count)])


def _check_sweep(override: Override) -> None:
    """Exclude from a glob the options that need a setting from the user; refuse a sweep that matches nothing."""
    choice, value = override.key_or_group, override.value()
    if choice in REGISTRIES and isinstance(value, Glob):
        value.exclude += [option for option in options(choice) if required(choice, option)]
    if override.is_sweep_override() and not list(override.sweep_string_iterator()):
        allowed = ", ".join(options(choice))
        raise ConfigError(f"{override.input_line} matches nothing" + (f". Allowed: {allowed}" if allowed else ""))


def sweep(overrides: Sequence[str]) -> list[tuple[Settings, list[str]]]:
    """Return the jobs of a command line, as `expand` does, and leave Hydra's global state as it was.

    Raises
    ------
    ConfigError
        With one line for whatever is wrong with it.
    """
    check_overrides(overrides)
    with _HYDRA:
        return _sweep(overrides)


def _sweep(overrides: Sequence[str]) -> list[tuple[Settings, list[str]]]:
    state = Singleton.get_state()
    try:
        register_schema()
        with initialize_config_dir(str(CONF), version_base="1.3"):
            loader = GlobalHydra.instance().config_loader()
            return expand(loader, loader.load_configuration("config", list(overrides), RunMode.MULTIRUN), overrides)
    except Exception as error:
        raise ConfigError(one_line(error)) from error
    finally:
        Singleton.set_state(state)


def one_line(error: Exception) -> str:
    """Return one line for an error of Hydra's or of ours; for an unforeseen error it begins with the error's class."""
    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"unknown {group}={name}: {nearest(name, error.options)}"
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if isinstance(cause, ConfigKeyError | ConfigAttributeError) and is_dataclass(cause.object_type):
        allowed = [item.name for item in fields(cause.object_type)]
        return f"unknown key {cause.full_key!r}: {nearest_key(str(cause.full_key), allowed)}"
    if isinstance(cause, ValidationError) and cause.full_key:
        return f"{cause.full_key}: {str(cause).splitlines()[0]}"
    foreseen = isinstance(error, ConfigError | HydraException | OmegaConfBaseException)
    text = " ".join(line.strip() for line in str(cause).splitlines() if line.strip())
    return text if foreseen else f"{type(error).__name__}: {text}"
