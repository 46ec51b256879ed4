"""Settings: a checked configuration, from which a run is trained and by which it is identified."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from experiments.config.errors import ConfigError
from experiments.config.schema import (
    AUTO,
    CLASS_WEIGHTS,
    DEEPEST,
    DTYPES,
    EXTRAS,
    MOST,
    NESTED,
    REGISTRIES,
    SCHEMA_VERSION,
    TASKS,
    WIDEST,
    Schema,
    allowed_keys,
    nearest_key,
    required,
)
from experiments.data.sets import load
from experiments.data.split import seeds_by_part_sizes
from experiments.data.table import Data, autoencoding
from nets.activations import Activation
from nets.formula import Formula
from nets.initializers import Initializer
from nets.names import nearest
from nets.optimizers import Optimizer, Schedule
from nets.outputs import OUTPUTS, Output, auto


@dataclass(frozen=True)
class Settings:
    """One condition with its replicas, every value checked and every `auto` resolved.

    Attributes
    ----------
    condition
        Plain, nested values of all that the numbers of a replica depend on, but its seed and learning rate.
    seeds, rates
        A replica for each pair of them.
    path
        Where the data lie, if they are a file's: no part of the condition, which has their digest.
    """

    study: str
    activation: Activation
    output: Output
    init: Initializer
    optimizer: Optimizer
    schedule: Schedule
    data: Data = field(repr=False)
    hidden: tuple[int, ...]
    output_bias: float
    epochs: int
    batch_size: int
    dtype: str
    entropy: int
    activation_l1: float
    pretrain: dict[str, float]
    class_weight: str
    split: dict[str, float]
    diagnostics: dict[str, bool]
    seeds: tuple[int, ...]
    rates: tuple[float, ...]
    checkpoint_every: int
    threads: int | str
    save: bool
    force: bool
    plan: bool
    path: str | None
    condition: dict[str, Any] = field(repr=False)

    @cached_property
    def run(self) -> str:
        """Name of the condition's folder: `<dataset>-<activation>-<output>-<hash>`."""
        text = json.dumps({"schema": SCHEMA_VERSION, **self.condition}, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        return f"{self.data.name}-{self.activation.name}-{self.output.name}-{digest}"

    @property
    def outputs(self) -> int:
        """Number of scores: the columns of the output layer."""
        if self.data.task == "regression":
            return self.data.targets.shape[1]
        return self.output.units(self.data.task, len(self.data.classes))

    @property
    def weights(self) -> int:
        """Number of weights of one network, biases and learned slopes not counted."""
        fan_in = (self.data.inputs.shape[1], *self.hidden)
        columns = (*(self.activation.pieces * units for units in self.hidden), self.outputs)
        return sum(rows * width for rows, width in zip(fan_in, columns, strict=True))

    @property
    def replicas(self) -> list[tuple[float, int]]:
        """All (learning rate, seed) of this run, in the order of the tables."""
        return [(rate, seed) for rate in sorted(self.rates) for seed in sorted(self.seeds)]

    @property
    def record(self) -> dict[str, Any]:
        """The condition with the place of its data, from which they are loaded again."""
        place = {} if self.path is None else {"path": self.path}
        return self.condition | {"dataset": self.condition["dataset"] | place}

    @property
    def columns(self) -> dict[str, Any]:
        """The condition as flat columns, dotted; what the tables already name (data set, …) is left out."""
        flat = {}
        for key, value in self.condition.items():
            for inner, setting in value.items() if isinstance(value, dict) else [("", value)]:
                if not (key == "task" or (inner == "name" and key in ("dataset", "activation", "output"))):
                    setting = json.dumps(setting) if isinstance(setting, list) else setting
                    flat[f"{key}.{inner}" if inner else key] = setting
        return flat


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
    except ValueError as error:
        raise ConfigError(str(error)) from error


def from_record(record: Mapping[str, Any]) -> Settings:
    """Return the settings of a recorded run, from what its config.yaml holds.

    Raises
    ------
    ConfigError
        If it is the record of another version, or its data are not there any more.
    """
    condition = {key: value for key, value in record.items() if key not in ("seeds", "lr")}
    try:
        dataset = {key: value for key, value in record["dataset"].items() if key != "sha256"}
        config = condition | {
            "study": "reproduction",
            "dataset": dataset | {"batch_size": record["batch_size"], "lr": record["lr"][0]},
            "optimizer": record["optimizer"] | {"lr": record["lr"]},
            "seeds": record["seeds"],
            "pretrain": record.get("pretrain", {"epochs": 0, "lr": 1.0, "noise": 0.0}),
            "checkpoint": {"every": 0},
            "formula": {"expression": "x", "parameters": {}},  # a formula's activation carries its own
            "threads": "auto",
            "save": False,
            "force": False,
            "plan": False,
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"the record of another version: {error}") from error
    settings = resolve(config)
    try:
        load(**record["dataset"])
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return settings


def _resolve(config):
    activation = config.get("activation")
    if isinstance(activation, dict) and "expression" in activation:
        config = config | {"activation": {"parameters": {}} | activation}
    _check_keys(config)
    study = config["study"]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", study):
        raise ConfigError(
            f"study={study!r}: allowed are up to 100 of a-z A-Z 0-9 _ - . beginning with a letter or digit"
        )
    hidden = config["net"]["hidden"]
    if not isinstance(hidden, list) or any(type(units) is not int or not 1 <= units <= WIDEST for units in hidden):
        allowed = f"a list of widths from 1 to {WIDEST}, such as [128,128], or []"
        raise ConfigError(f"net.hidden={hidden}: allowed is {allowed}")
    if len(hidden) > DEEPEST:
        raise ConfigError(f"net.hidden has {len(hidden)} layers: allowed are up to {DEEPEST}")
    output_bias = config["net"]["output_bias"]
    if not -MOST <= output_bias <= MOST:
        raise ConfigError(f"net.output_bias={output_bias}: allowed is a number from {-MOST} to {MOST}")
    for key, least in (("epochs", 0), ("batch_size", 1)):
        if not least <= config[key] <= MOST:
            raise ConfigError(f"{key}={config[key]}: allowed is a whole number from {least} to {MOST}")
    if config["entropy"] < 0:
        raise ConfigError(f"entropy={config['entropy']}: allowed is a whole number from 0 up")
    if config["dtype"] not in DTYPES:
        raise ConfigError(f"dtype={config['dtype']!r}: {nearest(config['dtype'], DTYPES)}")
    if config["task"] not in TASKS:
        raise ConfigError(f"task={config['task']!r}: {nearest(config['task'], TASKS)}")
    if config["class_weight"] not in CLASS_WEIGHTS:
        raise ConfigError(f"class_weight={config['class_weight']!r}: {nearest(config['class_weight'], CLASS_WEIGHTS)}")
    if not 0 <= config["activation_l1"] < math.inf:
        raise ConfigError(f"activation_l1={config['activation_l1']}: allowed is a number from 0 up")
    pretrain = dict(config["pretrain"])
    for key, allowed, right in (
        ("epochs", f"a whole number from 0 to {MOST}", 0 <= pretrain["epochs"] <= MOST),
        ("lr", "a number from 1e-30 to 1e30", 1e-30 <= pretrain["lr"] <= 1e30),
        ("noise", "a number from 0 up to, not with, 1", 0 <= pretrain["noise"] < 1),
    ):
        if not right:
            raise ConfigError(f"pretrain.{key}={pretrain[key]}: allowed is {allowed}")
    if config["checkpoint"]["every"] < 0:
        raise ConfigError(f"checkpoint.every={config['checkpoint']['every']}: allowed is a whole number from 0 up")
    threads = config["threads"]
    if threads != "auto" and (type(threads) is not int or threads < 1):
        raise ConfigError(f"threads={threads!r}: allowed is auto or a whole number from 1 up")

    dataset = {key: value for key, value in config["dataset"].items() if key not in EXTRAS["dataset"]}
    for key in required("dataset", dataset["name"]):
        if dataset[key] == "???":
            raise ConfigError(f"dataset={dataset['name']} needs dataset.{key}=…")
    data = load(**dataset)
    if config["task"] == "autoencode":
        data = autoencoding(data)
    split = {key: float(value) for key, value in config["split"].items()}
    seeds = _seeds(config["seeds"])
    n_train = min(seeds_by_part_sizes(data, seeds, entropy=config["entropy"], **split))[0]
    if config["batch_size"] > n_train:
        raise ConfigError(
            f"batch_size={config['batch_size']} is more than the {n_train} training rows of {data.name}: "
            f"allowed is 1 to {n_train}"
        )
    if config["class_weight"] != "none" and data.task == "regression":
        raise ConfigError(f"class_weight={config['class_weight']} needs classes, but {data.name} is a regression")
    activation = build("activation", config["activation"])
    if pretrain["epochs"] and activation.pieces > 1:
        raise ConfigError(f"pretrain.epochs={pretrain['epochs']}: {activation.name} has pieces, only 0 is allowed")
    output = build("output", _auto(config["output"], auto(data.task, len(data.classes))))
    if data.task not in output.tasks:
        fitting = [name for name, variant in OUTPUTS.items() if data.task in variant.tasks]
        raise ConfigError(
            f"output={output.name} needs classes, but {_regression(config)}: allowed there: {', '.join(fitting)}"
        )
    init = build("init", _auto(config["init"], activation.initializer))
    node = {key: value for key, value in config["optimizer"].items() if key != "lr"}
    optimizer = build("optimizer", node)
    schedule = build("schedule", config["schedule"])

    path = dataset.pop("path", None)
    if path is not None:
        dataset["sha256"] = data.sha256[:12]
    if "task" in dataset:
        dataset["task"] = data.task
    condition = {
        "dataset": dataset,
        "task": config["task"],
        "activation": _plain(activation),
        "output": _plain(output),
        "net": {"hidden": hidden, "output_bias": output_bias},
        "init": _plain(init),
        "optimizer": _plain(optimizer),
        "schedule": _plain(schedule),
        "epochs": config["epochs"],
        "batch_size": config["batch_size"],
        "activation_l1": config["activation_l1"],
        "class_weight": config["class_weight"],
        "split": split,
        "dtype": config["dtype"],
        "entropy": config["entropy"],
        "diagnostics": dict(config["diagnostics"]),
    }
    if pretrain["epochs"]:  # or nothing depends on it
        condition["pretrain"] = pretrain
    return Settings(
        study=study,
        activation=activation,
        output=output,
        init=init,
        optimizer=optimizer,
        schedule=schedule,
        data=data,
        hidden=tuple(hidden),
        output_bias=output_bias,
        epochs=config["epochs"],
        batch_size=config["batch_size"],
        dtype=config["dtype"],
        entropy=config["entropy"],
        activation_l1=config["activation_l1"],
        pretrain=pretrain,
        class_weight=config["class_weight"],
        split=split,
        diagnostics=dict(config["diagnostics"]),
        seeds=seeds,
        rates=_rates(config["optimizer"]["lr"]),
        checkpoint_every=config["checkpoint"]["every"],
        threads=threads,
        save=config["save"],
        force=config["force"],
        plan=config["plan"],
        path=path,
        condition=condition,
    )


def _check_keys(config):
    """Refuse keys that no schema has (`+epochz=3` gets past Hydra's own check) and keys that were deleted."""
    allowed = {item.name: None for item in fields(Schema)}
    for key, inner in NESTED.items():
        allowed[key] = [item.name for item in fields(inner)]
    for key in config:
        if key not in allowed:
            raise ConfigError(f"unknown key {key!r}: {nearest_key(key, allowed)}")
    for key in allowed:
        if key not in config:
            raise ConfigError(f"the key {key!r} is missing")
    for choice, registry in REGISTRIES.items():
        node = config[choice]
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
        allowed[choice] = allowed_keys(choice, node["name"])
    for key, inner in allowed.items():
        for name in config[key] if inner is not None else ():
            if name not in inner:
                raise ConfigError(f"unknown key '{key}.{name}': {nearest(name, inner)}")
        for name in inner or ():
            if name not in config[key]:
                raise ConfigError(f"the key '{key}.{name}' is missing")


def _regression(config):
    if config["task"] == "autoencode":
        return "task=autoencode has numbers for targets"
    return f"dataset={config['dataset']['name']} is a regression"


def _auto(node, name):
    return {"name": name} if node["name"] == "auto" else node


def build(choice: str, node: Mapping[str, Any]):
    """Return the object that a choice's node describes; ValueError for a value that is not allowed."""
    arguments = {key: tuple(value) if isinstance(value, list) else value for key, value in node.items()}
    if choice == "activation" and "expression" in node:  # a formula's name is the user's
        return Formula(**arguments)
    return REGISTRIES[choice][arguments.pop("name")](**arguments)


def _plain(variant):
    """Return an object's name and hyperparameters as JSON would hold them."""
    values = {item.name: getattr(variant, item.name) for item in fields(variant)}
    return {"name": variant.name} | {
        key: list(value) if isinstance(value, tuple) else value for key, value in values.items()
    }


def _seeds(value):
    if type(value) is int and 1 <= value <= MOST:
        return tuple(range(value))
    if isinstance(value, list) and value and all(type(seed) is int and 0 <= seed < 2**32 for seed in value):
        repeated = sorted({seed for seed in value if value.count(seed) > 1})
        if repeated:
            raise ConfigError(f"seeds={value}: {repeated[0]} is repeated; each seed is one replica")
        return tuple(value)
    allowed = f"a number from 1 to {MOST} (that many seeds) or a list such as [0,1,2], each from 0 to {2**32 - 1}"
    raise ConfigError(f"seeds={value!r}: allowed is {allowed}")


def _rates(value):
    rates = value if isinstance(value, list) else [value]
    for rate in rates:
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 1e-30 <= rate <= 1e30:
            raise ConfigError(
                f"optimizer.lr={value!r}: allowed is a number from 1e-30 to 1e30 or a list such as [0.03,0.1]"
            )
    rates = tuple(float(rate) for rate in rates)
    if not rates or len(set(rates)) < len(rates):
        raise ConfigError(f"optimizer.lr={value!r}: a list has at least one rate, and each of them once")
    return rates
