"""The task of a benchmark, and the base class of the contestants that do it.

All contestants start from the same weights. They take complete batches of a fresh permutation in every epoch. At the
end of every epoch they evaluate cost and error of the training and the test part.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from experiments.config.choices import REGISTRIES, hyperparameters
from experiments.config.settings import Settings, defaults, resolve
from experiments.data.split import prepare
from experiments.streams import stream
from nets.network import Network

RATES = {"sgd": 0.05, "adam": 0.001}
"""Learning rates by optimizer."""

BATCH = 32


@dataclass(frozen=True)
class Arrays:
    """Inputs (n, d) and labels (n,); rows of the parts (R, n of the part); weights (R, in, out). All biases are 0."""

    inputs: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    test: np.ndarray
    weights: list[np.ndarray]

    def batches(self, generator: np.random.Generator, replica: int | slice = slice(None)) -> np.ndarray:
        """Return the rows of one epoch's batches: (R, steps, batch), or (steps, batch) of one replica."""
        rows = generator.permuted(self.train[replica], axis=-1)
        return rows[..., : rows.shape[-1] // BATCH * BATCH].reshape(*rows.shape[:-1], -1, BATCH)


@dataclass(frozen=True)
class Task:
    """One network shape, trained from `seeds` seeds in float32 with batches of 32 rows.

    Each epoch leaves out the training rows beyond a multiple of the batch; they are other rows every time.
    """

    hidden: tuple[int, ...]
    activation: str = "relu"
    optimizer: str = "sgd"
    epochs: int = 20
    seeds: int = 10
    dataset: dict[str, Any] = field(default_factory=lambda: {"name": "digits"})
    diagnostics: bool = False

    @property
    def rate(self) -> float:
        """Learning rate."""
        return RATES[self.optimizer]

    def settings(self, threads: int | str = 1) -> Settings:
        """Return the task as the program's settings; all other values are those of conf/config.yaml."""
        config = defaults()
        config["net"]["hidden"] = list(self.hidden)
        config["diagnostics"]["layers"] = self.diagnostics
        config |= {
            "dataset": _node("dataset", **self.dataset, batch_size=BATCH, lr=self.rate),
            "activation": _node("activation", self.activation),
            "optimizer": _node("optimizer", self.optimizer, lr=self.rate),
            "schedule": _node("schedule", "constant"),
            "output": {"name": "auto"},
            "init": {"name": "auto"},
            "epochs": self.epochs,
            "batch_size": BATCH,
            "seeds": self.seeds,
            "threads": threads,
        }
        return resolve(config)

    @cached_property
    def arrays(self) -> Arrays:
        """The arrays from which the program itself starts; the other contestants are given them."""
        settings = self.settings()
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
        weights = [layer.weight.copy() for layer in network.layers]
        return Arrays(prepared.inputs[0], data.targets, prepared.split.train, prepared.split.test, weights)

    @property
    def steps(self) -> int:
        """Number of minibatch steps of one replica."""
        batches: int = self.arrays.train.shape[1] // BATCH
        return self.epochs * batches


def _node(choice: str, name: str, **values: Any) -> dict[str, Any]:
    """Return the configuration of an option with its defaults."""
    options = hyperparameters(REGISTRIES[choice][name])
    return {"name": name} | {key: default for key, (_, default) in options.items()} | values


class Contestant(ABC):
    """A way to train a task; only `train` is timed.

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
        """Return whether it can do a task."""
        return True

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
}
