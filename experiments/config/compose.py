"""From a command line's words to settings: Hydra composes, and a sweep becomes jobs."""

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from typing import Any

from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Glob, Override
from hydra.core.singleton import Singleton
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from experiments.config.choices import CONF, REGISTRIES, options, required
from experiments.config.commands import command_line
from experiments.config.errors import ConfigError, both, in_one_line
from experiments.config.flags import options_and_words
from experiments.config.hydra_schema import register_schema
from experiments.config.messages import refusal
from experiments.config.plugins import check_packages
from experiments.config.settings import Settings, resolve
from experiments.config.together import listing
from experiments.config.values import EXAMPLES, PLACEHOLDERS, grammar, parts
from experiments.config.words import as_typed, hydra_words
from experiments.data.sets import FETCHED
from experiments.tables import rounded

TARGET = f"dataset.target={EXAMPLES['target']}"
DATA_KEYS = ("dataset", "batch_size", "class_weight", "output")
"""The beginnings of the keys whose values must fit the data."""
_HYDRA = threading.Lock()
"""Hydra's state is global: one thread composes at a time."""


def plain_values(config: DictConfig) -> dict[str, Any]:
    """Return a composed configuration as nested plain values, without Hydra's own node."""
    values = OmegaConf.to_container(config, resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items() if key != "hydra"}


def expand(loader: ConfigLoader, master: DictConfig, words: Sequence[str]) -> list[tuple[Settings, list[str]]]:
    """Return the distinct jobs of a sweep: the settings of each and the overrides that compose them.

    Parameters
    ----------
    loader, master
        Hydra's configuration loader, and what it composed of Hydra's own settings.
    words
        The `hydra_words` of the command line. Those of a preset are put before them; several presets are expanded
        one after the other, each with its own sweep.

    Raises
    ------
    ConfigError
        For the first job that is refused, and for an override that matches nothing.
    """
    jobs: dict[tuple[Any, ...], tuple[Settings, list[str]]] = {}
    composer = Composer(loader, master)
    for preset, alone in _by_preset(loader, words):
        parsed = _parsed(loader, [*_swept_by(loader, master, preset), *alone])
        lines = list(itertools.chain(*BasicSweeper.split_arguments(parsed, None)))
        # All jobs are composed before the data are read: a wrong name is refused beside what a table lacks.
        for line, values in [(line, composer.values(line)) for line in lines]:
            settings = resolve(values)
            rates = tuple(map(rounded, settings.rates))
            key = (settings.study, settings.run, rates, settings.seeds, settings.tune, settings.save)
            jobs.setdefault(key, (settings, line))
    _check_tuning([settings for settings, _ in jobs.values()])
    return list(jobs.values())


class Composer:
    """Composes the jobs of a sweep.

    Hydra takes a tenth of a second for a job. So it composes the first job and, for each further option, a job that
    differs from it in this option alone. The nodes of the options, and other settings, are put into copies.

    Parameters
    ----------
    loader, master
        As for `expand`.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig):
        assert isinstance(loader, ConfigLoaderImpl)
        self.loader, self.master = loader, master
        self.overrides: dict[str, tuple[Override, bool]] = {}  # by word, and whether it chooses an option
        self.composed: dict[tuple[str, ...], DictConfig] = {}  # without Hydra's own node, by the words that choose

    def values(self, line: list[str]) -> dict[str, Any]:
        """Return what the words of a job compose, as plain values.

        Raises
        ------
        Exception
            Hydra's own, if it refuses a word.
        """
        try:
            # A value may refer to Hydra's own node, such as ${hydra.job.name}.
            if not any("${" in word and "hydra" in word for word in line):
                return self._values(line)
        except Exception:
            pass  # Hydra says what is wrong
        return plain_values(self.loader.load_sweep_config(self.master, line))

    def _values(self, line: list[str]) -> dict[str, Any]:
        choosing = tuple(word for word in line if self._override(word)[1])
        config = self._assembled(choosing) or deepcopy(self._composed(choosing))
        setting = [self._override(word)[0] for word in line if word not in choosing]
        ConfigLoaderImpl._apply_overrides_to_config(setting, config)
        return plain_values(config)

    def _composed(self, choosing: tuple[str, ...]) -> DictConfig:
        """Return what Hydra composes of the words that choose options."""
        if choosing not in self.composed:
            config = self.loader.load_sweep_config(self.master, list(choosing))
            with open_dict(config):
                del config["hydra"]
            self.composed[choosing] = config
        return self.composed[choosing]

    def _assembled(self, choosing: tuple[str, ...]) -> DictConfig | None:
        """Return the first composition with the nodes of the options in which these words differ from it.

        It is None if they differ in fewer than two, or if an option changes more than its own node.
        """
        first = next(iter(self.composed), ())
        keys = [[self._override(word)[0].key_or_group for word in words] for words in (first, choosing)]
        changed = [index for index, words in enumerate(zip(first, choosing, strict=False)) if len({*words}) > 1]
        if keys[0] != keys[1] or len(changed) < 2 or len({*keys[0]}) < len(keys[0]):
            return None
        result = deepcopy(self.composed[first])
        before = OmegaConf.to_container(result, resolve=False)
        assert isinstance(before, dict)
        with open_dict(result):
            for index in changed:
                key = keys[0][index]
                other = self._composed((*first[:index], choosing[index], *first[index + 1 :]))
                after = OmegaConf.to_container(other, resolve=False)
                if not isinstance(after, dict) or after | {key: None} != before | {key: None}:
                    return None
                result[key] = other._get_node(key)
        return result

    def _override(self, word: str) -> tuple[Override, bool]:
        if word not in self.overrides:
            override = grammar().parse_override(word)
            # As Hydra decides it.
            is_group = self.loader.repository.group_exists(override.key_or_group)
            self.overrides[word] = override, is_group and not isinstance(override.value(), dict)
        return self.overrides[word]


def _by_preset(loader: ConfigLoader, words: Sequence[str]) -> Iterator[tuple[str | None, list[str]]]:
    """Yield each preset that the words name, or None, with the words that name no other preset."""
    index = next((index for index, word in enumerate(words) if parts(word)[1] == "experiment"), None)
    if index is None:
        yield None, list(words)
        return
    (override,) = _parsed(loader, [words[index]])
    names = override.sweep_string_iterator() if override.is_sweep_override() else [override.value()]
    for name in dict.fromkeys(map(str, names)):
        yield name, [*words[:index], f"+experiment={name}", *words[index + 1 :]]


def _swept_by(loader: ConfigLoader, master: DictConfig, preset: str | None) -> list[str]:
    """Return what a preset sweeps, as words."""
    config = master if preset is None else loader.load_sweep_config(master, [f"+experiment={preset}"])
    words = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    try:
        return [as_typed(word) for word in words]
    except ConfigError as error:
        raise ConfigError(f"conf/experiment/{preset}.yaml, hydra.sweeper.params: {error}") from error


def _parsed(loader: ConfigLoader, words: Sequence[str]) -> list[Override]:
    """Return the words as Hydra's overrides; refuse a sweep that matches nothing."""
    parsed = grammar().parse_overrides(list(words))
    for override in parsed:
        override.config_loader = loader
        _check_sweep(override)
    return parsed


def _check_tuning(jobs: Iterable[Settings]) -> None:
    """Refuse a sweep over learning rates with tuning seeds: no job would have several rates to choose from.

    Presets of one study may differ: a seed that tunes a run in one of them is not reported in another.
    """
    grids_by_run: dict[tuple[str, str], set[frozenset[float]]] = {}
    seeds_by_run: dict[tuple[str, str], tuple[set[int], set[int]]] = {}
    for settings in jobs:
        run = settings.study, settings.run
        tuning, reported = seeds_by_run.setdefault(run, (set(), set()))
        tuning.update(seed for _, seed in settings.tuning)
        reported.update(settings.seeds)
        if tuning & reported:
            common = listing(sorted(tuning & reported))
            raise ConfigError(f"tune.seeds: {common} also in seeds of another job of the run {settings.run}")
        if settings.tune.seeds:
            grids_by_run.setdefault(run, set()).add(frozenset(map(rounded, settings.rates)))
    for grids in grids_by_run.values():
        if len(grids) > 1:
            rates = ",".join(f"{rate:g}" for rate in sorted(frozenset().union(*grids)))
            raise ConfigError(f"tune.seeds needs the learning rates as one list: optimizer.lr=[{rates}]")


def _check_sweep(override: Override) -> None:
    """Exclude from a glob the options that need a setting or a network; refuse a sweep that matches nothing."""
    choice, value = override.key_or_group, override.value()
    needy = [name for name in options(choice) if choice in REGISTRIES and (required(choice, name) or name in FETCHED)]
    if isinstance(value, Glob):
        value.exclude += needy
    if override.is_sweep_override() and not list(override.sweep_string_iterator()):
        allowed = ", ".join(name for name in options(choice) if name not in needy)
        raise ConfigError(f"{override.input_line} matches nothing" + (f". Allowed: {allowed}" if allowed else ""))


def sweep(overrides: Sequence[str]) -> list[tuple[Settings, list[str]]]:
    """Return the jobs of a command line, as `expand` does, and leave Hydra's global state as it was.

    Raises
    ------
    ConfigError
        With one line for whatever is wrong with it.
    """
    check_packages()
    try:
        return _sweep(overrides)
    except Exception as error:
        raise ConfigError(error_line(error, overrides)) from None  # Hydra's traceback would hide the line


def _sweep(overrides: Sequence[str]) -> list[tuple[Settings, list[str]]]:
    words = hydra_words(overrides)
    with _HYDRA:
        register_schema()
        state = Singleton.get_state()
        try:
            with initialize_config_dir(str(CONF), version_base="1.3"):
                loader = GlobalHydra.instance().config_loader()
                return expand(loader, loader.load_configuration("config", [], RunMode.MULTIRUN), words)
        finally:
            Singleton.set_state(state)


def error_line(error: Exception, words: Sequence[str] = (), flags: Sequence[str] = ()) -> str:
    """Return one line for an error. It ends with a command only if that command would not be refused.

    Parameters
    ----------
    error
        Of Hydra's or of ours; for an unforeseen one the line begins with the error's class.
    words, flags
        The words of the command line that set something, and the others.
    """
    first = last = refusal(error, words)
    options, _ = options_and_words(first.instead or [])
    for _ in range(len(words) + 3):  # what was meant may contain the next fault
        if last.instead is None:
            return both(first, last)
        _, meant = options_and_words(last.instead)
        further = _refusal_of(meant)
        if further is None and TARGET in meant:  # the words are right, so the file can tell what its columns are
            reading = _refusal_of([word.replace(TARGET, "dataset.target=''") for word in meant])
            _, allowed, columns = str(reading).partition("dataset.target: allowed: ")
            if reading and not allowed:
                return both(first, reading)
            first = ConfigError(f"{first}; {EXAMPLES['target']} is one of {columns}" if columns else str(first))
        if further is None:
            return in_one_line(ConfigError(str(first), meant), command_line("run"), [*flags, *options])
        if further.add:  # what is added to the words must be said
            first = ConfigError(both(first, further))
        last = further
    return str(first)


def _refusal_of(words: Sequence[str]) -> ConfigError | None:
    """Return the refusal of a command line. While a word such as COLUMN stands for a value, the data are not read."""
    try:
        if PLACEHOLDERS.isdisjoint(parts(word)[2] for word in words):
            _sweep(words)
        else:
            hydra_words(words)
            _sweep([word for word in words if not parts(word)[1].startswith(DATA_KEYS)])
    except Exception as error:
        return refusal(error, words)
    return None
