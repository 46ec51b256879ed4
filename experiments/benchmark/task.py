"""The task of a benchmark, and the base class of the contestants that do it.

All contestants start from the same weights. They take complete batches of a fresh permutation in every epoch. At the
end of every epoch they evaluate cost and error of the training and the test part.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from experiments.config.choices import REGISTRIES, hyperparameters
from experiments.config.settings import Settings, defaults, resolve
from experiments.data.split import prepare
from experiments.streams import stream
from nets.network import Network

RATES = {"sgd": 0.05, "adam": 0.001}
"""Learning rates by optimizer, for tasks that name none."""

BATCH = 32


@dataclass(frozen=True)
class Arrays:
    """What R replicas start from. All biases are 0.

    Inputs (n, d) and labels (n,); rows of the parts (R, n of the part); weights (R, in, out); learning rates (R,).
    """

    inputs: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    test: np.ndarray
    weights: list[np.ndarray]
    rates: np.ndarray

    def batches(self, generator: np.random.Generator, replica: int | slice = slice(None)) -> np.ndarray:
        """Return the rows of one epoch's batches: (R, steps, batch), or (steps, batch) of one replica."""
        rows = generator.permuted(self.train[replica], axis=-1)
        return rows[..., : rows.shape[-1] // BATCH * BATCH].reshape(*rows.shape[:-1], -1, BATCH)


@dataclass(frozen=True)
class Task:
    """One network shape, trained with each seed and learning rate in float32 with batches of 32 rows.

    `net` has further settings of the network, such as its norm.

    Each epoch leaves out the training rows beyond a multiple of the batch; they are other rows every time.
    """

    hidden: tuple[int, ...]
    activation: str = "relu"
    optimizer: str = "sgd"
    epochs: int = 20
    seeds: int = 10
    rates: tuple[float, ...] = ()
    dataset: dict[str, Any] = field(default_factory=lambda: {"name": "digits"})
    diagnostics: bool = False
    workers: int | str = 1
    net: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        """The task as the program's settings; all other values are those of conf/config.yaml."""
        config = defaults()
        rates = list(self.rates) or [RATES[self.optimizer]]
        config["net"] |= {"hidden": list(self.hidden), **self.net}
        config["diagnostics"]["layers"] = self.diagnostics
        config |= {
            "dataset": _node("dataset", **self.dataset, batch_size=BATCH, lr=rates[0]),
            "activation": _node("activation", self.activation),
            "optimizer": _node("optimizer", self.optimizer, lr=rates),
            "schedule": _node("schedule", "constant"),
            "output": {"name": "auto"},
            "init": {"name": "auto"},
            "epochs": self.epochs,
            "batch_size": BATCH,
            "seeds": self.seeds,
            "workers": self.workers,
        }
        return resolve(config)

    @property
    def replicas(self) -> int:
        """Number of networks."""
        return len(self.settings.replicas)

    @cached_property
    def arrays(self) -> Arrays:
        """The arrays from which the program itself starts; the other contestants are given them."""
        settings = self.settings
        data = settings.data
        prepared = prepare(data, settings.seeds, dtype=settings.dtype, **settings.division)
        network = Network(
            data.inputs.shape[1],
            settings.net.hidden,
            len(data.classes),
            settings.activation,
            self.seeds,
            settings.dtype,
        )
        network.initialize(settings.init, lambda seed, layer: stream(settings.entropy, "init", seed, layer))
        seeds = [settings.seeds.index(seed) for _, seed in settings.replicas]
        weights = [layer.weight[seeds] for layer in network.layers]
        rates = np.array([rate for rate, _ in settings.replicas], settings.dtype)
        split = prepared.split
        return Arrays(prepared.inputs[0], data.targets, split.train[seeds], split.test[seeds], weights, rates)

    @property
    def steps(self) -> int:
        """Number of minibatch steps of one replica."""
        batches: int = self.arrays.train.shape[1] // BATCH
        return self.epochs * batches


def _node(choice: str, name: str, **values: Any) -> dict[str, Any]:
    """Return the configuration of an option with its defaults."""
    options = hyperparameters(REGISTRIES[choice][name])
    return {"name": name} | {key: default for key, (_, default) in options.items()} | values


class Outcome(NamedTuple):
    """What a contestant trained: its mean test error, if it learns, and the seconds of work of ours with workers."""

    test_error: float | None
    busy: float | None = None


class Contestant(ABC):
    """A way to train a task; only the training is timed.

    Attributes
    ----------
    label
        Its name in tables and figures.
    needs
        The module without which it cannot compete.
    all_cores
        Whether it may use all cores instead of one.
    """

    label: ClassVar[str]
    needs: ClassVar[str] = "numpy"
    all_cores: ClassVar[bool] = False

    def __init__(self, task: Task) -> None:
        self.task = task

    @staticmethod
    def takes(task: Task) -> bool:
        """Return whether it can do a task: plain networks, unless a contestant can do more."""
        return not task.net

    @classmethod
    def train_all(cls, contestants: Sequence[Self]) -> Outcome:
        """Train several tasks, each from its initial weights."""
        errors = [error for contestant in contestants if (error := contestant.train()) is not None]
        return Outcome(float(np.mean(errors)) if errors else None)

    @abstractmethod
    def train(self) -> float | None:
        """Train from the initial weights and return the mean test error after the last epoch, if it learns."""


WORKLOADS = {
    "small": Task((32, 32)),
    "default": Task((128, 128)),
    "wide": Task((512, 512)),
    "deep": Task((128,) * 8),
    "adam": Task((128, 128), optimizer="adam"),
    "tanh": Task((128, 128), "tanh"),
    "elu": Task((128, 128), "elu"),
    "gelu": Task((128, 128), "gelu"),
    "maxout": Task((128, 128), "maxout"),
    "batchnorm": Task((128, 128), net={"norm": "batch"}),
    "layernorm": Task((128, 128), net={"norm": "layer"}),
    "dropout": Task((128, 128), net={"dropout": 0.5}),
    "residual": Task((128, 128), net={"residual": True}),
}

SWEEP = [
    Task((128, 128), activation, rates=(0.02, 0.05, 0.1))
    for activation in ("relu", "tanh", "elu", "gelu", "silu", "maxout")
]
"""A sweep of 180 networks."""
