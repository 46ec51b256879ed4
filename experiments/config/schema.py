"""Every setting, declared once: its key, type, allowed values, and whether the condition contains it.

From these classes come Hydra's schema, the checks with their messages, the condition of a run, the columns of the table
`replicas`, and the settings of `--help`. Defaults stand in conf/config.yaml. To add a setting, add its field here and
its default there. A setting that can be off is marked with `Off`: then no earlier run changes its name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_type_hints

from experiments.config.choices import REGISTRIES
from experiments.config.rules import LARGEST_BUDGET, MOST, FormulaName, Name, Seeds, TuningSeeds, Widths, Workers
from experiments.config.trials import Space
from nets.activations import Activation
from nets.hyperparameters import Number, OneOf, Whole
from nets.initializers import Initializer
from nets.names import guess, nearest
from nets.network import Recipe
from nets.norms import NORMS
from nets.optimizers import Optimizer, Schedule
from nets.outputs import Output


@dataclass(frozen=True)
class Off:
    """Marks a setting that the condition contains only if its value differs from this one."""

    value: Any


@dataclass(frozen=True)
class Unhashed:
    """Marks a setting that no result depends on: no condition contains it, and records are read with this value."""

    value: Any


@dataclass(frozen=True)
class Net:
    """Shape of the network."""

    hidden: Annotated[tuple[int, ...], Widths()]
    output_bias: Annotated[float, Number(f"[-{MOST}, {MOST}]")]
    norm: Annotated[str, OneOf("none", *NORMS), Off("none")]
    dropout: Annotated[float, Number("[0, 1)"), Off(0.0)]
    input_dropout: Annotated[float, Number("[0, 1)"), Off(0.0)]
    residual: Annotated[bool, Off(False)]

    @property
    def recipe(self) -> Recipe:
        """What the hidden layers have besides their activation."""
        return Recipe(self.norm, self.dropout, self.input_dropout, self.residual)


@dataclass(frozen=True)
class Split:
    """Shares of the parts: `test` of all rows, `validation` of the other rows."""

    test: Annotated[float, Number("(0, 1)")]
    validation: Annotated[float, Number("(0, 1)")]


@dataclass(frozen=True)
class Diagnostics:
    """What is measured inside the network after every epoch."""

    layers: bool
    sharpness: bool
    sides: Annotated[bool, Off(False)]


@dataclass(frozen=True)
class Pretrain:
    """Pre-training of the hidden layers as denoising autoencoders."""

    epochs: Annotated[int, Whole(0, MOST)]
    lr: Annotated[float, Number("[1e-30, 1e30]")]
    noise: Annotated[float, Number("[0, 1)")]

    @property
    def on(self) -> bool:
        """Whether there is pre-training. The condition contains these settings only then."""
        return self.epochs > 0


@dataclass(frozen=True)
class EarlyStopping:
    """When a replica stops before the last epoch. Then the parameters of its best epoch are kept."""

    patience: Annotated[int, Whole(0, MOST)]

    @property
    def on(self) -> bool:
        """Whether a replica can stop early. The condition contains these settings only then."""
        return self.patience > 0


@dataclass(frozen=True)
class Metrics:
    """How often metrics are computed. At the end of the training they always are."""

    every_epoch: bool

    @property
    def on(self) -> bool:
        """Whether they are computed more often. The condition contains these settings only then."""
        return self.every_epoch


@dataclass(frozen=True)
class Tune:
    """The seeds that choose the learning rate and are not reported; the trials that they choose from.

    Attributes
    ----------
    trials
        How many points of the space are tried; 0 if the learning rates are those of a list.
    """

    seeds: Annotated[tuple[int, ...], TuningSeeds()]
    trials: Annotated[int, Whole(0, LARGEST_BUDGET)]
    space: Space


@dataclass(frozen=True)
class Checkpoint:
    """How often a long run writes a checkpoint."""

    every: Annotated[int, Whole(0)]


@dataclass(frozen=True)
class FormulaSource:
    """What `activation=formula` computes; the activation contains it, so the condition needs no copy.

    The name is for tables and figures only: the same formula of another name is the same condition.
    """

    name: Annotated[str, FormulaName()]
    expression: str
    parameters: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """All settings, in the order of the condition. A choice is the object that it names, a data set its node."""

    dataset: Mapping[str, Any] = field(repr=False)
    task: Annotated[str, OneOf("auto", "autoencode")]
    activation: Activation
    output: Output
    net: Net
    init: Initializer
    optimizer: Optimizer
    schedule: Schedule
    epochs: Annotated[int, Whole(0, MOST)]
    batch_size: Annotated[int, Whole(1, MOST)]
    activation_l1: Annotated[float, Number("[0, inf)")]
    class_weight: Annotated[str, OneOf("none", "balanced")]
    split: Split
    dtype: Annotated[str, OneOf("float32", "float64")]
    entropy: Annotated[int, Whole(0)]
    diagnostics: Diagnostics
    pretrain: Annotated[Pretrain, Off({"epochs": 0, "lr": 1.0, "noise": 0.0})]
    early_stopping: Annotated[EarlyStopping, Off({"patience": 0})]
    metrics: Annotated[Metrics, Off({"every_epoch": False})]
    evaluate: Annotated[str, OneOf("every", "last"), Off("every")]
    study: Annotated[str, Name(), Unhashed("reproduction")]
    seeds: Annotated[tuple[int, ...], Seeds(), Unhashed(1)]
    tune: Annotated[Tune, Unhashed({"seeds": 0, "trials": 0, "space": {}})]
    checkpoint: Annotated[Checkpoint, Unhashed({"every": 0})]
    formula: Annotated[FormulaSource, Unhashed({"name": "", "expression": "x", "parameters": {}})] = field(repr=False)
    workers: Annotated[int | str, Workers(), Unhashed("auto")]
    save: Annotated[bool, Unhashed(False)]
    force: Annotated[bool, Unhashed(False)]
    plan: Annotated[bool, Unhashed(False)]


@cache
def declared(declaration: type) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """Return by key the type of each setting of a declaration, and its marks and rules."""
    settings = {}
    for key, hint in get_type_hints(declaration, include_extras=True).items():
        marks = getattr(hint, "__metadata__", ())
        settings[key] = (get_args(hint)[0] if marks else hint, marks)
    return {item.name: settings[item.name] for item in fields(declaration)}


@cache
def groups() -> dict[str, type]:
    """Return by key the settings that are groups of settings, such as `net`."""
    hints = {key: hint for key, (hint, _) in declared(Configuration).items() if key not in REGISTRIES}
    return {key: hint for key, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)}


def nearest_key(key: str, allowed: Iterable[str]) -> str:
    """Return the hint of `nearest` for a key; for a key that stands in a group, the dotted key: `optimizer.lr`."""
    inner = {name: group for group, hint in groups().items() for name in declared(hint)}
    inner |= {"lr": "optimizer"}
    if "." not in key and key in inner:
        return f"did you mean '{inner[key]}.{key}'? Allowed: {', '.join(allowed)}"
    group, _, name = key.rpartition(".")
    near = guess(name, allowed)
    return f"did you mean '{group}.{near}'? Allowed: {', '.join(allowed)}" if group and near else nearest(name, allowed)
