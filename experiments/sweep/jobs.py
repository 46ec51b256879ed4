"""A job trains the replicas of one condition that its study does not have yet, and stores them.

A job never raises for an error of its own. The error is recorded in the run's folder, and the sweep continues. A job
that is refused leaves the run as it is.
"""

import time
import traceback
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from experiments.config.errors import ConfigError
from experiments.config.settings import Settings
from experiments.store.runs import RunFolder, StoredRun
from experiments.store.study import Study
from experiments.tables import Replica, RunTables

# What trains and describes a run is imported when there is something to train: a repeated sweep stays fast.


@dataclass(frozen=True)
class Job:
    """A condition with the replicas that its study does not have yet.

    Attributes
    ----------
    settings, study
        What to train, and where it belongs.
    overrides
        The words of the command line that compose the settings.
    planned
        (learning rate, seed) of the replicas that are asked for. As long as a tuning replica is missing, the tuning
        replicas alone.
    finished
        The run's replicas that need no training.
    reported_later
        The seeds that are trained, at most, when the missing tuning replicas have chosen their learning rate.
    repeated
        Those of the missing ones that are finished, but without the network that is to be kept now.
    """

    settings: Settings
    study: Study
    overrides: tuple[str, ...]
    planned: tuple[Replica, ...]
    finished: frozenset[Replica]
    reported_later: frozenset[int]
    repeated: frozenset[Replica]

    @classmethod
    def of(cls, settings: Settings, overrides: Sequence[str] = ()) -> "Job":
        """Return the job of these settings, after a look at what their study has.

        Raises
        ------
        ConfigError
            If a seed that is to be reported has tuned the run, or the other way round.
        """
        stored = Study(settings.study).run(settings.run).read()
        refusal = stored.refusal(settings)
        if refusal:
            raise ConfigError(refusal)
        return cls._of(settings, tuple(overrides), stored)

    @classmethod
    def _of(
        cls,
        settings: Settings,
        overrides: tuple[str, ...],
        stored: StoredRun,
        fresh: AbstractSet[Replica] = frozenset(),
    ) -> "Job":
        """Return the job of these settings; replicas that are `fresh` count as finished even if training is forced."""
        finished = frozenset(stored.finished(settings) | fresh)
        reported_later: frozenset[int] = frozenset()
        if not finished >= set(settings.tuning):
            reported_later = frozenset(
                seed for seed in settings.seeds if any((rate, seed) not in finished for rate in settings.rates)
            )
        planned = tuple(stored.planned(settings, finished))
        repeated: frozenset[Replica] = frozenset()
        if settings.save and not settings.force:
            repeated = frozenset(stored.without_network & set(planned) - finished)
        return cls(settings, Study(settings.study), overrides, planned, finished, reported_later, repeated)

    @property
    def run(self) -> str:
        """Name of the run."""
        return self.settings.run

    @property
    def folder(self) -> RunFolder:
        """Folder of the run."""
        return self.study.run(self.run)

    @property
    def missing(self) -> tuple[Replica, ...]:
        """The replicas to train next: the tuning replicas, or the reported ones if no tuning replica is missing."""
        return tuple(replica for replica in self.planned if replica not in self.finished)

    @property
    def replicas(self) -> int:
        """Number of replicas to train, those included that follow the tuning."""
        return len(self.missing) + len(self.reported_later)

    @property
    def work(self) -> int:
        """Epochs of all replicas to train."""
        return self.replicas * self.settings.epochs

    def command_lines(self) -> list[tuple[str, ...]]:
        """Return command lines that train the missing replicas; rates that lack the same seeds share one."""
        tuning = ["tune.seeds=0"] if self.settings.tuning else []
        if _tunes(self.settings, self.missing) and self.settings.save:
            tuning.append("save=false")
        seeds_by_rate: dict[float, list[int]] = {}
        for rate, seed in self.missing:
            seeds_by_rate.setdefault(rate, []).append(seed)
        rates_by_seeds: dict[tuple[int, ...], list[float]] = {}
        for rate, seeds in seeds_by_rate.items():
            rates_by_seeds.setdefault(tuple(seeds), []).append(rate)
        return [
            (
                *self.overrides,
                f"optimizer.lr={rates}".replace(" ", ""),
                f"seeds={list(seeds)}".replace(" ", ""),
                *tuning,
            )
            for seeds, rates in rates_by_seeds.items()
        ]

    def refusal(self) -> str | None:
        """Return why this job must not add to its run, or None: another sweep may have used its seeds meanwhile."""
        return self.folder.read().refusal(self.settings)

    def remaining(self) -> "Job":
        """Return the job of what is still missing after this one."""
        if not self.missing:
            return self
        return Job._of(replace(self.settings, force=False), self.overrides, self.folder.read())

    def following(self) -> "Job":
        """Return the job of the reported replicas. The tuning replicas must be stored."""
        return Job._of(self.settings, self.overrides, self.folder.read(), set(self.missing))

    def save(self, trained: "Trained") -> None:
        """Store what a worker returned: the tables of its replicas, or its error."""
        with self.folder.lock():
            if trained.tables is None:
                self.folder.record_failure(trained.failure, trained.environment)
            elif self.refusal() is None:
                self.folder.save(self.settings, trained.tables, trained.environment)
        self.study.marks.write(self.run, "failed" if trained.tables is None else "done")


def disjoint(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs, each without the replicas of the jobs before it: what a sweep trains, counted once."""
    counted: dict[Path, tuple[set[Replica], set[int]]] = {}
    alone = []
    for job in jobs:
        replicas, later = counted.setdefault(job.folder.path, (set(), set()))
        planned = tuple(replica for replica in job.planned if replica not in replicas)
        alone.append(replace(job, planned=planned, reported_later=job.reported_later - later))
        replicas.update(planned)
        later.update(job.reported_later)
    return alone


class Trained(NamedTuple):
    """What a worker that does not share the disk returns: it is stored where the sweep was started."""

    study: str
    run: str
    tables: RunTables | None
    environment: dict[str, object]
    failure: str = ""  # the traceback

    def belongs_to(self, job: Job) -> bool:
        """Return whether the job lacks these replicas. One sweep may have several jobs of the same run."""
        if self.tables is None:
            return (self.study, self.run) == (job.settings.study, job.run)
        keys = self.tables.frames["replicas"][["lr", "seed"]].itertuples(index=False, name=None)
        return (self.study, self.run) == (job.settings.study, job.run) and set(keys) <= set(job.missing)


def _tunes(settings: Settings, missing: Sequence[Replica]) -> bool:
    """Return whether these missing replicas are tuning replicas; then all of them are."""
    return not set(settings.tuning).isdisjoint(missing)


def train_remotely(settings: Settings, overrides: Sequence[str] = ()) -> Trained:
    """Train all replicas of a condition on a machine without the study's disk: nothing is read or written."""
    from experiments.sweep.environment import describe
    from experiments.training.run import train

    begin = time.perf_counter()
    try:
        tables = train(settings, settings.replicas)
        return Trained(settings.study, settings.run, tables, describe(settings, overrides, begin, "done"))
    except (Exception, SystemExit) as error:
        environment = describe(settings, overrides, begin, f"{type(error).__name__}: {error}")
        return Trained(settings.study, settings.run, None, environment, traceback.format_exc())
