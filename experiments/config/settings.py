"""Settings: a checked configuration, from which a run is trained and by which it is identified.

A composed configuration becomes `Settings`, or a `ConfigError` whose message is one line.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from typing import Any

from experiments.config.choices import (
    ABOUT,
    AUTO,
    EXTRAS,
    REGISTRIES,
    allowed_keys,
    annotations,
    build,
    keyword_only,
    optional,
    read_conf,
    required,
)
from experiments.config.errors import ConfigError
from experiments.config.plugins import PACKAGES, of_package, without_package
from experiments.config.rules import LARGEST_SEED, Rates
from experiments.config.schema import Configuration, Off, Tune, Unhashed, declared, groups, nearest_key
from experiments.config.together import check_together
from experiments.config.trials import RATE, Point, points, read_space
from experiments.config.tunable import check_range, rule_of_tunable
from experiments.data.choices import overrides
from experiments.data.options import OfFile, in_condition
from experiments.data.refusals import Refusal
from experiments.data.sets import DATASETS, ROWS, check_digest, load
from experiments.data.table import Data, autoencoding
from experiments.tables import Replica, rounded
from nets.formula import Formula
from nets.hyperparameters import OneOf, Rule, rules
from nets.names import nearest
from nets.outputs import auto

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Settings(Configuration):
    """One condition with its replicas: every value is checked, every `auto` is resolved.

    Attributes
    ----------
    data
        The data set that `dataset` names.
    rates
        The learning rates; a replica for each pair of a learning rate and a seed. With tuning seeds, only the chosen
        rate has the other seeds.
    path
        Where the file of the data set lies. The condition contains the digest of the data instead.
    layout
        How the file is written, as far as that is not the usual way. The digest stands for it, too.
    trials
        Where more than the learning rate is tuned, the values of each trial by key, by its learning rate.
    """

    data: Data = field(repr=False)
    rates: tuple[float, ...]
    path: str | None
    layout: Mapping[str, str]
    trials: Mapping[float, Point] = field(default_factory=dict, repr=False)

    @cached_property
    def condition(self) -> dict[str, Any]:
        """Nested plain values of all that a replica's numbers depend on, except its seed and learning rate.

        What a trial decides has no value here; the space that is tried stands for it.
        """
        content = _condition(self, Configuration)
        if not self.trials:
            return content
        for key in self.varied:
            group, _, name = key.rpartition(".")
            (content if not group else content.get(group, {})).pop(name, None)
        return content | {"tune": {"space": self.tune.space.texts}}

    @property
    def varied(self) -> tuple[str, ...]:
        """The keys whose values a trial has besides its learning rate."""
        return self.tune.space.varied

    def at(self, rate: float) -> "Settings":
        """Return the settings with which the replicas of this learning rate are trained: those of its trial.

        Raises
        ------
        ConfigError
            If no trial has this rate.
        """
        if not self.trials:
            return self
        if rounded(rate) not in self.trials:
            raise ConfigError(f"optimizer.lr={rate!r} is no trial of tune.space: allowed is tune.trials=N")
        settings = self
        for key, value in self.trials[rounded(rate)].items():
            settings = _with(settings, key, value)
        return settings

    @cached_property
    def run(self) -> str:
        """Name of the run's folder: `<dataset>-<activation>-<output>-<hash of the condition>`."""
        text = json.dumps({"schema": SCHEMA_VERSION, **self.condition}, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        return f"{self.data.name}-{self.activation.name}-{self.output.name}-{digest}"

    @property
    def outputs(self) -> int:
        """Number of scores: the columns of the output layer."""
        return self.output.units(self.data.task, len(self.data.classes) or int(self.data.targets.shape[1]))

    @property
    def weights(self) -> int:
        """Number of weights of one network, without biases and learned slopes."""
        fan_in = (self.data.inputs.shape[1], *self.net.hidden)
        columns = (*(self.activation.pieces * units for units in self.net.hidden), self.outputs)
        return sum(rows * width for rows, width in zip(fan_in, columns, strict=True))

    @property
    def replicas(self) -> list[Replica]:
        """All pairs of a learning rate and a reported seed, in the order of the tables."""
        return [(rate, seed) for rate in sorted(self.rates) for seed in sorted(self.seeds)]

    @property
    def tuning(self) -> list[Replica]:
        """The replicas that choose the learning rate and are not reported; none where there is one rate."""
        return [(rate, seed) for rate in sorted(self.rates) for seed in self.tune.seeds if len(self.rates) > 1]

    @property
    def division(self) -> dict[str, Any]:
        """How the rows are divided for a seed, as the functions of `experiments.data.split` take it."""
        return {"entropy": self.entropy, **asdict(self.split)}

    @property
    def record(self) -> dict[str, Any]:
        """The condition with the path and layout of its data, from which `from_record` makes the settings again."""
        path = {} if self.path is None else {"path": self.path}
        return self.condition | {"dataset": self.condition["dataset"] | path | self.layout}

    @property
    def columns(self) -> dict[str, Any]:
        """The condition as flat columns with dotted names, without what the tables name already."""
        flat = {}
        for key, value in self.condition.items():
            for inner, setting in value.items() if isinstance(value, dict) else [("", value)]:
                if not (key == "task" or (inner == "name" and key in ("dataset", "activation", "output"))):
                    setting = json.dumps(setting) if isinstance(setting, list | dict) else setting
                    flat[f"{key}.{inner}" if inner else key] = setting
        return flat


def _condition(values: Any, declaration: type) -> dict[str, Any]:
    """Return the settings of a declaration that results depend on, in the order of the declaration."""
    content = {}
    for key, (_, marks) in declared(declaration).items():
        value = getattr(values, key)
        off = any(isinstance(mark, Off) and mark.value == value for mark in marks) or not getattr(value, "on", True)
        if not off and not any(isinstance(mark, Unhashed) for mark in marks):
            content[key] = _condition(value, type(value)) if key in groups() else _plain(value)
    return content


def _plain(value: Any) -> Any:
    """Return a value as JSON would hold it: an option as its name and hyperparameters, a tuple as a list."""
    if is_dataclass(value):
        option: Any = value
        content = {item.name: getattr(option, item.name) for item in fields(option)}
        off = keyword_only(type(option))
        return {"name": option.name, **of_package(type(option))} | {
            name: _plain(setting) for name, setting in content.items() if name not in off or setting != off[name]
        }
    return list(value) if isinstance(value, tuple) else value


def _with(settings: Settings, key: str, value: float) -> Settings:
    """Return settings with another value of one key."""
    group, _, name = key.rpartition(".")
    changes: dict[str, Any] = {name: value}
    if not group:
        return replace(settings, **changes)
    if group == "activation.parameters":
        formula = settings.activation
        assert isinstance(formula, Formula)
        return replace(settings, activation=replace(formula, parameters=formula.initial | {name: value}))
    changes = {group: replace(getattr(settings, group), **changes)}
    return replace(settings, **changes)


def resolve(config: Mapping[str, Any]) -> Settings:
    """Check a composed configuration and build what it names.

    Raises
    ------
    ConfigError
        With one line that names the key, its value and what is allowed.
    """
    try:
        return _resolve(config)
    except ConfigError:
        raise
    except Refusal as error:
        raise ConfigError(str(error), add=overrides(error.options)) from error
    except ValueError as error:
        raise ConfigError(str(error)) from error


def from_record(record: Mapping[str, Any]) -> Settings:
    """Return the settings of a recorded run, from what its config.yaml holds.

    Raises
    ------
    ConfigError
        If another version wrote the record, or its data are no longer there.
    """
    try:
        record = _with_first_trial(record)
        dataset = optional("dataset", record["dataset"]["name"]) | _recorded_dataset(record)
        dataset = {key: _plain(value) for key, value in dataset.items()}
        config = _completed(record, Configuration)
        config["seeds"] = record["seeds"]
        config["dataset"] = dataset | {"batch_size": record["batch_size"], "lr": record["lr"][0]}
        config["optimizer"] = config["optimizer"] | {"lr": record["lr"]}
        config["tune"] = {"seeds": 0, "trials": 0, "space": record.get("tune", {}).get("space", {})}
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ConfigError(f"the record of another version: {error}") from error
    settings = resolve(config)
    recorded_data(record)
    return settings


def _with_first_trial(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a record with the values of its first trial, where it has none because the trials decide them."""
    space = read_space(record.get("tune", {}).get("space", {}))
    if not space.varied:
        return record
    filled = dict(record)
    for key, value in next(iter(points(space, record["entropy"]).values())).items():
        group, _, name = key.rpartition(".")
        if group in filled:
            filled[group] = {**filled[group], name: value}
        elif not group:
            filled[name] = value
    return filled


def recorded_data(record: Mapping[str, Any]) -> Data:
    """Return the data of a recorded run.

    Raises
    ------
    ConfigError
        If they are refused, or are not those that were recorded.
    """
    try:
        data = load(**_recorded_dataset(record))
        if record.get("task") == "autoencode":
            data = autoencoding(data)
        check_digest(data, record["dataset"].get("sha256", ""))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return data


def _recorded_dataset(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data set's node of a record, without the digest of its data.

    The record of an autoencoder has its own task, a regression. It does not use the target, which may be a class.
    """
    dataset = {key: value for key, value in record["dataset"].items() if key != "sha256"}
    return dataset | ({"task": "auto"} if record.get("task") == "autoencode" and "task" in dataset else {})


def _completed(record: Mapping[str, Any], declaration: type) -> dict[str, Any]:
    """Return the settings of a record with those that a condition leaves out, at the value that has no effect."""
    config = {key: value for key, value in record.items() if not (declaration is Configuration and key == "lr")}
    for key, (hint, marks) in declared(declaration).items():
        for mark in marks:
            if isinstance(mark, Unhashed) or (isinstance(mark, Off) and key not in record):
                config[key] = mark.value
        if declaration is Configuration and key in REGISTRIES and key != "dataset" and key in record:
            variant = REGISTRIES[key].get(record[key]["name"], Formula)
            config[key] = keyword_only(variant) | without_package(record[key], variant)
        if declaration is Configuration and key in groups() and key in record and isinstance(record[key], dict):
            config[key] = _completed(record[key], hint)
    return config


def defaults() -> dict[str, Any]:
    """Return the defaults of conf/config.yaml, without its choices."""
    return {key: value for key, value in read_conf("config").items() if key not in ("defaults", "hydra")}


def _resolve(config: Mapping[str, Any]) -> Settings:
    activation = config.get("activation")
    if isinstance(activation, dict):
        node = {key: value for key, value in activation.items() if key != ABOUT}  # no result depends on a citation
        formula = {"parameters": {}} | keyword_only(Formula) if "expression" in node else {}
        config = {**config, "activation": formula | node}
    _check_keys(config)
    values = _parse(Configuration, config)
    if isinstance(values["seeds"], int):
        values["seeds"] = tuple(range(values["seeds"]))
    tuning = values["tune"].seeds
    if isinstance(tuning, int):
        tuning = range(LARGEST_SEED + 1 - tuning, LARGEST_SEED + 1)
    values["tune"] = Tune(tuple(sorted(tuning)), values["tune"].trials, read_space(values["tune"].space))
    values["rates"] = _rates(config["optimizer"]["lr"], values["tune"], values["entropy"])
    values["activation"] = build("activation", config["activation"])
    values["optimizer"] = build("optimizer", {key: value for key, value in config["optimizer"].items() if key != "lr"})
    values["schedule"] = build("schedule", config["schedule"])
    values |= _dataset(config)  # after what is cheap to refuse
    data: Data = values["data"]
    values["output"] = build("output", _unless_auto(config["output"], auto(data.task, len(data.classes))))
    values["init"] = build("init", _unless_auto(config["init"], values["activation"].initializer))
    settings = Settings(**values)
    settings = _with_trials(settings) if settings.varied else settings
    check_together(settings, settings.data, settings.division)
    return settings


def _rates(rates: Any, tune: Tune, entropy: int) -> tuple[float, ...]:
    """Return the learning rates: those of a list, or of the trials."""
    check("optimizer.lr", rates, Rates())
    listed = _distinct(map(float, rates if isinstance(rates, list) else [rates]))
    if not tune.trials and not tune.space:
        return listed
    if not tune.space:
        raise ConfigError(f"tune.trials={tune.trials} needs a space", add=[f"tune.space={{{RATE}: log(1e-4, 1)}}"])
    check_range(tune.space[0], Rates())
    trials = points(tune.space, entropy)
    if not tune.trials:  # the trials of a stored run are known by their learning rates
        if not {*map(rounded, listed)} <= trials.keys():
            raise ConfigError("tune.space needs a number of trials", add=["tune.trials=16"])
        return listed
    if isinstance(rates, list):
        shown = str(rates).replace(" ", "")
        raise ConfigError(
            f"optimizer.lr={shown} does not go with tune.trials={tune.trials}, which draws learning rates"
        )
    if not tune.seeds:
        raise ConfigError(
            f"tune.trials={tune.trials} needs tuning seeds: the reported seeds choose nothing", add=["tune.seeds=2"]
        )
    return tuple(trials)[: tune.trials]


def _with_trials(settings: Settings) -> Settings:
    """Return settings with their trials, after a check of all keys; what the trials decide is as in the first one.

    So the condition does not depend on the values beside which a space was given.
    """
    for item in settings.tune.space[1:]:
        check_range(item, rule_of_tunable(settings, item.key))
    trials = points(settings.tune.space, settings.entropy)
    settings = replace(settings, trials=trials)
    corners = [[getattr(item, end) for item in settings.tune.space[1:]] for end in ("low", "high")]
    for values in corners:
        corner = settings
        for key, value in zip(settings.varied, values, strict=True):
            corner = _with(corner, key, int(value) if key == "batch_size" else value)
        try:
            check_together(corner, corner.data, corner.division)
        except ConfigError as error:
            raise ConfigError(f"tune.space: {error}") from error
    return settings.at(next(iter(trials)))


def _distinct(rates: Iterable[float]) -> tuple[float, ...]:
    """Return learning rates without those that are equal to an earlier one: 0.1 + 0.2 is 0.3."""
    distinct: dict[float, float] = {}
    for rate in rates:
        distinct.setdefault(rounded(rate), rate)
    return tuple(distinct.values())


def _check_keys(config: Mapping[str, Any]) -> None:
    """Refuse keys that no declaration has (`+epochz=3` passes Hydra's own check) and keys that were deleted."""
    allowed: dict[str, list[str] | None] = dict.fromkeys(declared(Configuration))
    allowed |= {group: list(declared(hint)) for group, hint in groups().items()}
    _check_names(config, allowed)
    for choice in REGISTRIES:
        allowed[choice] = _choice_keys(choice, config[choice])
    for key, names in allowed.items():
        if names is not None:
            _check_names(config[key], names, f"{key}.")


def _check_names(node: Mapping[str, Any], allowed: Collection[str], prefix: str = "") -> None:
    for name in node:
        if name not in allowed:
            raise ConfigError(f"unknown key '{prefix}{name}': {nearest_key(f'{prefix}{name}', allowed)}")
    for name in allowed:
        if name not in node:
            raise ConfigError(f"the key '{prefix}{name}' is missing")


def _choice_keys(choice: str, node: Any) -> list[str]:
    """Return the keys that a choice's node may have; refuse a node that names no option."""
    registry = REGISTRIES[choice]
    if not isinstance(node, dict):
        raise ConfigError(f"{choice}={node!r}: allowed is the name of one of conf/{choice}/'s files")
    if "name" not in node:
        raise ConfigError(f"{choice}={node!r} has no name: its file needs a line such as `name: mine`")
    names = [*registry, *(["auto"] if choice in AUTO else [])]
    formula = choice == "activation" and "expression" in node
    if formula and node["name"] in names and registry[node["name"]] is not Formula:
        raise ConfigError(f"activation.name={node['name']!r} is built in: an expression needs a name of its own")
    if node["name"] not in names and not formula:
        raise ConfigError(f"unknown {choice}.name={node['name']!r}: {nearest(str(node['name']), names)}")
    return allowed_keys(choice, node["name"])


def _parse(declaration: type, node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the checked values of a node: groups as objects, lists as tuples. Choices are left as they are."""
    values: dict[str, Any] = {}
    allowed = rules(declaration)
    for key, (hint, _) in declared(declaration).items():
        value = node[key]
        if declaration is Configuration and key in groups():
            values[key] = hint(**_parse(hint, value, f"{key}."))
            continue
        check(f"{prefix}{key}", value, allowed.get(key))
        values[key] = float(value) if hint is float else tuple(value) if isinstance(value, list) else value
    return values


def check(key: str, value: Any, rule: Rule | None) -> None:
    """Refuse a value that a setting's rule does not accept.

    Raises
    ------
    ConfigError
        With the key, the value and what is allowed.
    """
    if rule is None or rule.accepts(value):
        return
    if isinstance(rule, OneOf) and isinstance(value, str):
        raise ConfigError(f"{key}={value!r}: {nearest(value, rule.texts)}")
    typed = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
    raise ConfigError(f"{key}={typed}: allowed is {rule.words}")


def _dataset(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that follow from the data set's node: `dataset`, `data`, `path` and `layout`."""
    node = {key: value for key, value in config["dataset"].items() if key not in EXTRAS["dataset"]}
    for key in required("dataset", node["name"]):
        if node[key] == "???":
            raise ConfigError(f"dataset={node['name']} needs dataset.{key}=…")
    data = load(**node)
    if data is load(**node | {ROWS: 0}):
        node[ROWS] = 0  # the cap has no effect, so the condition is that without it
    if config["task"] == "autoencode":
        data = autoencoding(data)
    path = node.pop("path", None)
    if path is not None or DATASETS[node["name"]] in PACKAGES:
        node["sha256"] = data.sha256[:12]
    if "task" in node:
        node["task"] = data.task
    marks = annotations("dataset", node["name"])
    layout: dict[str, str] = {}
    for key, default in optional("dataset", node["name"]).items():
        value = in_condition(node.pop(key), marks[key])
        if value != in_condition(default, marks[key]):
            of_file = any(isinstance(mark, OfFile) for mark in marks[key])
            (layout if of_file else node)[key] = value
    return {"dataset": node, "data": data, "path": path, "layout": layout}


def _unless_auto(node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return {"name": name} if node["name"] == "auto" else node
