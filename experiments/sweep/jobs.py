"""A job: the replicas of one condition that its study does not have yet."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from experiments.config.errors import ConfigError
from experiments.config.settings import Settings
from experiments.store.runs import RunFolder
from experiments.store.study import Study
from experiments.tables import Replica


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
    def of(cls, settings: Settings, overrides: Sequence[str] = (), study: Study | None = None) -> "Job":
        """Return the job of these settings, after a look at what their study has; by default it is in `results/`.

        Raises
        ------
        ConfigError
            If a seed that is to be reported has tuned the run, or the other way round.
        """
        study = study or Study(settings.study)
        stored = study.run(settings.run).read()
        refusal = stored.refusal(settings)
        if refusal:
            raise ConfigError(refusal)
        finished = frozenset(stored.finished(settings))
        reported_later: frozenset[int] = frozenset()
        if not finished >= set(settings.tuning):
            reported_later = frozenset(
                seed for seed in settings.seeds if any((rate, seed) not in finished for rate in settings.rates)
            )
        planned = tuple(stored.planned(settings, finished))
        repeated: frozenset[Replica] = frozenset()
        if settings.save and not settings.force:
            repeated = frozenset(stored.without_network & set(planned) - finished)
        return cls(settings, study, tuple(overrides), planned, finished, reported_later, repeated)

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

    def remaining(self) -> "Job":
        """Return the job of what is still missing after this one.

        Raises
        ------
        ConfigError
            As `of`: another sweep may have used its seeds meanwhile.
        """
        return Job.of(replace(self.settings, force=False), self.overrides, self.study) if self.missing else self


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
