"""How a study was made: its configuration, its environments, and the commands that train it again."""

import json
import math
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.analysis.recipe import value_where_off
from experiments.config.choices import CATALOGUE, catalogue
from experiments.config.commands import command_line
from experiments.config.values import plain_or_quoted
from experiments.config.words import COUNTS
from experiments.store.reading import recorded_words

Records = dict[str, dict[str, Any]]
"""By run, its record, as `experiments.store.reading.load_records` returns it."""

OF_ONE_RUN = (
    *("status", "finished", "seconds", "command", "overrides", "configuration"),
    *("dataset_sha256", "file_sha256", "entropy"),
)
"""Keys of an environment that may differ between runs of one environment."""


@dataclass(frozen=True)
class Configuration:
    """Settings: the value of each that all runs share, and the values of each that differs."""

    common: dict[str, str]
    differing: dict[str, list[str]]


@dataclass(frozen=True)
class Environment:
    """An environment: the number of its runs, when the first and the last finished, and its facts."""

    runs: int
    span: str
    facts: dict[str, str]


@dataclass(frozen=True)
class Command:
    """A condition of the leaderboard and the command that trains it again."""

    run: str
    name: str
    dataset: str
    output: str
    command: str


def configuration(records: Records, tuning: Mapping[str, Collection[int]] | None = None) -> Configuration:
    """Return the settings of a study's runs; `tuning` has the seeds that only choose the rate, by run.

    A setting that only some runs have is off in the others.
    """
    stored = {run: record["config"] for run, record in records.items() if "config" in record}
    configs = [_flat(_with_tuning_seeds(config, (tuning or {}).get(run, ()))) for run, config in stored.items()]
    keys = dict.fromkeys(key for config in configs for key in config)
    values = {key: list(dict.fromkeys(_value(config, key) for config in configs)) for key in keys}
    common, differing = {}, {}
    for key, distinct in values.items():
        texts = [text for text in distinct if text is not None]
        if len(distinct) == 1:
            common[key] = texts[0]
        else:
            differing[key] = texts
    return Configuration(common, differing)


def tuning_seeds(replicas: pd.DataFrame) -> dict[str, set[int]]:
    """Return by run the seeds that only choose its learning rate, from the table `replicas`."""
    if "purpose" not in replicas:
        return {}
    tuning = replicas[replicas["purpose"] == "tuning"]
    return {str(run): set(seeds) for run, seeds in tuning.groupby("run")["seed"]}


def _with_tuning_seeds(config: dict[str, Any], tuning: Collection[int]) -> dict[str, Any]:
    """Return a configuration in which tuning seeds have a key of their own."""
    if not tuning:
        return config
    seeds = [seed for seed in config["seeds"] if seed not in tuning]
    return config | {"seeds": seeds, "tune": {**config.get("tune", {}), "seeds": sorted(int(seed) for seed in tuning)}}


def _value(config: Mapping[str, str], key: str) -> str | None:
    """Return a setting of a flat configuration as text, or what it is where it is off; None if it does not apply."""
    if key in config:
        return config[key]
    off = value_where_off(key, config)
    return None if off is None else "inf" if off == math.inf else _text(off)


def _flat(config: dict[str, Any]) -> dict[str, str]:
    """Return a nested configuration as texts by dotted keys."""
    result = {}
    for group, value in config.items():
        for name, setting in value.items() if isinstance(value, dict) else [("", value)]:
            result[group if name in ("", "name") else f"{group}.{name}"] = _text(setting)
    return result


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def environments(records: Records) -> list[Environment]:
    """Return the distinct environments of a study's runs."""
    facts: dict[str, dict[str, Any]] = {}
    times: dict[str, list[str]] = {}
    for record in records.values():
        if "environment" in record:
            shared = {key: value for key, value in record["environment"].items() if key not in OF_ONE_RUN}
            identity = json.dumps(shared, sort_keys=True)
            facts.setdefault(identity, shared)
            times.setdefault(identity, []).append(str(record["environment"].get("finished", "")))
    return [
        Environment(
            runs=len(times[identity]),
            span=f"{min(times[identity])} to {max(times[identity])}",
            facts={key: _text(value) for key, value in shared.items()},
        )
        for identity, shared in facts.items()
    ]


def commands(board: pd.DataFrame, records: Records, replicas: pd.DataFrame, select: str) -> list[Command]:
    """Return the command of each row of the leaderboard whose configuration is stored."""
    rows = dict(list(replicas.groupby("run")))
    return [
        Command(row.run, row.label, row.dataset, row.output, command(records[row.run]["config"], rows[row.run], select))
        for row in board.itertuples()
        if "config" in records.get(row.run, {})
    ]


def command(config: dict[str, Any], replicas: pd.DataFrame, select: str = "error") -> str:
    """Return the command line that trains a stored configuration again, with every setting.

    Parameters
    ----------
    config
        The configuration.
    replicas
        The run's rows of the study's table. The command trains those that are selected, after the tuning rows that
        chose their rate.
    select
        The rule that chose it. A sweep knows only "error", so it does not tune again by another one.
    """
    reported = replicas[replicas["selected"]]
    tunes = "purpose" in replicas and select == "error"
    tuning = replicas[replicas["purpose"] == "tuning"] if tunes else replicas[:0]
    rates = [float(rate) for rate in sorted(set(reported["lr"] if tuning.empty else tuning["lr"]))]
    seeds = sorted(int(seed) for seed in set(reported["seed"]))
    arguments = ["study=again"]
    for group, value in config.items():
        if group in ("seeds", "lr"):
            continue
        if not isinstance(value, dict):
            arguments.append(f"{group}={_override(value)}")
            continue
        if "name" in value:
            entry = group == "activation" and "expression" in value and value["name"] in catalogue()
            arguments.append(f"{group}={CATALOGUE + '/' if entry else ''}{value['name']}")
        settings = {name: setting for name, setting in value.items() if name not in ("name", "sha256", "package")}
        arguments += [f"{group}.{name}={_override(setting)}" for name, setting in settings.items()]
    arguments.append(f"optimizer.lr={_override(rates if len(rates) > 1 else rates[0])}")
    if len(tuning):
        arguments.append(f"tune.seeds={_override(sorted(int(seed) for seed in set(tuning['seed'])))}")
    arguments.append(f"seeds={_override(seeds)}")
    return f"{command_line('run')} {shlex.join(arguments)}"


def study_words(folder: Path, only: Collection[str] | None = None) -> list[str]:
    """Return the overrides that trained the runs of a study; those of its first run if other runs have other keys.

    `only` has the names of the runs that count, by default all.
    """
    files = sorted(folder.glob("runs/*/environment.json"))
    files = [file for file in files if only is None or file.parent.name in only]
    runs = [recorded_words(file.read_bytes(), folder.name) for file in files]
    values_by_key: dict[str, list[str]] = {}
    same_keys = len({frozenset(word.partition("=")[0] for word in words) for words in runs}) == 1
    for key, _, value in (word.partition("=") for words in (runs if same_keys else runs[:1]) for word in words):
        values = values_by_key.setdefault(key, [])
        if value not in values:
            values[:] = [value] if key in COUNTS else [*values, value]
    return [f"{key}={','.join(values)}" for key, values in values_by_key.items()]


def _override(value: Any) -> str:
    """Return a value as Hydra's command line reads it."""
    if isinstance(value, str):
        return plain_or_quoted(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_override(setting)}" for key, setting in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_override, value)) + "]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
