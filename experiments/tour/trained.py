"""The networks of the tour: ordinary runs of the study `tour`, kept after several numbers of epochs."""

import io
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from experiments.config.compose import sweep
from experiments.config.settings import Settings
from experiments.data.table import Data
from experiments.networks import TrainedNetwork, load
from experiments.store.reading import StudyTables, load_tables
from experiments.store.study import Study
from experiments.sweep.jobs import Job
from experiments.sweep.runner import run_sweep
from experiments.tables import KEY
from nets.network import Work

STUDY = "tour"
COURSE = "epochs=0,1,2,4,8,16,32"
"""A network is trained for each of these numbers. All of them are one network at several times: none of its random
numbers depends on how long it will be trained."""

WIDE = ("dataset=digits", "net.hidden=[64,64]")
MOONS = ("dataset=moons", "optimizer.lr=0.2", f"{COURSE},64", "seeds=1", "save=true")
SATURABLE = (*WIDE, COURSE, "optimizer.lr=0.03", "seeds=1", "save=true")

GROUPS: dict[str, tuple[str, ...]] = {
    "logistic": (*MOONS, "activation=linear", "net.hidden=[]"),
    "moons": (*MOONS, "activation=linear,relu", "net.hidden=[16,16]"),
    "large": (*SATURABLE, "activation=sigmoid,tanh,relu", "init=normal", "init.std=1.0"),
    "glorot": (*SATURABLE, "activation=sigmoid,tanh", "init=glorot_uniform"),
    "depth": (
        *("dataset=digits", "activation=sigmoid,tanh,relu", "init=glorot_uniform", "epochs=20", "seeds=3"),
        *("optimizer.lr=0.1", "net.hidden=[32],[32,32],[32,32,32,32],[32,32,32,32,32,32,32,32]"),
    ),
    "dying": (*WIDE, "activation=relu,leaky_relu", "optimizer.lr=[0.03,0.1,0.3,1.0]", COURSE, "seeds=3", "save=true"),
    "lus": (*WIDE, "activation=relu,leaky_relu,elu,shifted_relu", "epochs=30", "seeds=5"),
    "stall": (
        *("dataset=breast_cancer", "activation=tanh", "net.hidden=[16]", "net.output_bias=-4.0"),
        *("output=sigmoid_ce,sigmoid_mse", "epochs=40", "optimizer.lr=0.1", "seeds=5"),
    ),
}
"""By name of a group of networks, the words with which run.py trains it."""


@dataclass(frozen=True)
class Group:
    """Networks that one station or several show, with the tables of their study."""

    jobs: tuple[Settings, ...]
    tables: StudyTables

    @property
    def data(self) -> Data:
        """The data set."""
        return self.jobs[0].data

    @property
    def epochs(self) -> list[int]:
        """The numbers of epochs after which networks were kept."""
        return sorted({job.epochs for job in self.jobs})

    @property
    def history(self) -> pd.DataFrame:
        """The table `history` of the longest trainings, with the number of hidden layers as `depth`."""
        return self._of_longest(self.tables.history)

    @property
    def layers(self) -> pd.DataFrame:
        """The table `layers` of the longest trainings, with the number of hidden layers as `depth`."""
        return self._of_longest(self.tables.layers)

    def _of_longest(self, table: pd.DataFrame) -> pd.DataFrame:
        longest = [job for job in self.jobs if job.epochs == self.epochs[-1]]
        rows = [(job.run, *replica, len(job.net.hidden)) for job in longest for replica in job.replicas]
        return table.merge(pd.DataFrame(rows, columns=[*KEY, "depth"]))

    def networks(self, activation: str) -> dict[tuple[int, float, int], TrainedNetwork]:
        """Return the networks of an activation, by epoch, learning rate and seed."""
        return {
            (job.epochs, member.lr, member.seed): member
            for job in self.jobs
            if job.activation.name == activation
            for member in load(Study(STUDY).run(job.run).path)
            if (member.lr, member.seed) in job.replicas
        }

    def course(self, activation: str) -> list[TrainedNetwork]:
        """Return the networks of an activation that has one learning rate and one seed, in the order of `epochs`."""
        return [member for _, member in sorted(self.networks(activation).items(), key=lambda item: item[0])]


class Tour:
    """All networks of the tour, by name of their group; `missing` counts those that are not trained yet."""

    def __init__(self) -> None:
        self._jobs = {
            name: [Job.of(settings, overrides) for settings, overrides in sweep((*words, f"study={STUDY}"))]
            for name, words in GROUPS.items()
        }
        self.missing = sum(job.replicas for jobs in self._jobs.values() for job in jobs)

    def train(self) -> bool:
        """Train what is missing and return whether nothing failed. The long table of all runs is not shown."""
        with redirect_stdout(io.StringIO()):
            return not run_sweep([job for jobs in self._jobs.values() for job in jobs])

    @cached_property
    def groups(self) -> dict[str, Group]:
        """The groups of trained networks."""
        tables = load_tables(STUDY)
        return {name: Group(tuple(job.settings for job in jobs), tables) for name, jobs in self._jobs.items()}


def forward(member: TrainedNetwork, inputs: np.ndarray) -> Work:
    """Return the buffers of a network after a forward pass of unscaled inputs (n, d)."""
    work = Work(member.network, len(inputs))
    work.inputs[0] = (inputs - member.scales["input_mean"]) / member.scales["input_scale"]
    member.network.forward(work)
    return work


def slopes(member: TrainedNetwork, work: Work, layer: int) -> np.ndarray:
    """Return f′(z) (n, units) of a hidden layer after a forward pass."""
    activation, learned = member.network.activation, member.network.layers[layer].learned
    derivative = activation.derivative(work.pre[layer], work.post[layer], work.activation[layer], **learned)
    rows: np.ndarray = np.broadcast_to(derivative, work.post[layer].shape)[0]
    return rows


def rows_of(table: pd.DataFrame, activation: str, **chosen: object) -> pd.DataFrame:
    """Return the rows of an activation, and of other values of columns."""
    for column, value in {"activation": activation, **chosen}.items():
        table = table[table[column] == value]
    return table
