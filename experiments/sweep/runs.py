"""The runs of a sweep: which one is opened next, in which parts it is trained, and how it is stored.

This process is the only writer of runs and of progress marks. It opens runs one after the other, the longest first, and
divides them so that all workers end at the same time.
"""

import sys
import time
import traceback
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from filelock import Timeout

from experiments.config.settings import Settings
from experiments.data.split import Split, split
from experiments.sweep.jobs import Job
from experiments.sweep.planning import epoch_cost
from experiments.sweep.workers import Board, PartError
from experiments.tables import PARTS, Replica
from experiments.training.run import Part, TrainedPart, divide, gathered
from experiments.training.stack import seeds_of

JOB_ERRORS = (Exception, SystemExit)
"""Errors that end a run. The sweep continues."""


ROWS = 1 << 23
"""How many row numbers are kept of all that were divided: 64 MB."""


@dataclass(eq=False)
class Phase:
    """The replicas of a run that are in training: those that tune, or those to report."""

    job: Job
    lock: AbstractContextManager[None]
    begin: float
    settings: Settings
    replicas: tuple[Replica, ...]
    fresh: frozenset[Replica] = frozenset()  # that an earlier phase of this sweep has trained
    lines: list[int] = field(default_factory=list)  # of its parts on the board
    trained: list[TrainedPart] = field(default_factory=list)
    outstanding: int = 0  # parts
    error: BaseException | None = None  # the first of a part
    given_up: bool = False


@dataclass(eq=False)
class Piece:
    """A part of a phase with its line on the board."""

    phase: Phase
    part: Part
    line: int
    keep_last: bool
    kills: int = 0  # workers that were killed while they trained it


class Runs:
    """The runs that jobs add to: those that wait, and those that are locked and in training.

    Parameters
    ----------
    jobs
        What to train.
    workers
        For how many workers a run is divided.
    board
        Where the progress of parts is noted.

    Attributes
    ----------
    waiting
        The jobs whose runs are not opened yet.
    given_up
        How often a part's worker was killed before it was given up, by the folder of its run.
    """

    def __init__(self, jobs: Sequence[Job], workers: int, board: Board):
        self.workers, self.board = workers, board
        self.waiting = deque(sorted(jobs, key=lambda job: (-cost(job.settings, job.replicas), str(job.folder.path))))
        self.costs: Counter[Path] = Counter()  # of what is not divided yet, by run
        for job in jobs:
            self.costs[job.folder.path] += cost(job.settings, job.replicas)
        self.cost = self.costs.total()
        self.free_lines = deque(range(1, len(board.numbers)))
        self.phases: dict[Path, Phase] = {}  # by run, which is locked
        self.given_up: dict[Path, int] = {}
        self.rows: dict[tuple[Any, ...], Split] = {}  # how they are divided, by data, division and seed

    def open_next(self) -> list[Piece]:
        """Take the lock of the next run and return its parts; a run that is busy is tried again after all others."""
        job = self.waiting.popleft()
        path, lock = job.folder.path, job.folder.lock(timeout=0)
        if path in self.phases:
            self.waiting.append(job)
            return []
        try:
            lock.__enter__()
        except Timeout:
            self.waiting.append(job)
            return []
        phase = self.phases[path] = Phase(job, lock, time.perf_counter(), job.settings, ())
        try:
            stored = job.folder.read()  # another sweep may have trained some since this one was planned
            if stored.refusal(job.settings):  # the end of the sweep asks again, and says why
                job.study.marks.clear([job.run])
                self._close(phase)
                return []
            job.folder.clear_failure()
            return self._begin(phase, stored.missing(job.settings))
        except JOB_ERRORS as error:
            self._fail(phase, error)
            return []

    def _begin(self, phase: Phase, missing: tuple[Replica, ...]) -> list[Piece]:
        """Divide the missing replicas of a run and return their parts; close the run if nothing is missing."""
        job = phase.job
        if not missing:
            job.study.marks.write(job.run, "done")
            self._close(phase)
            return []
        tunes = not set(job.settings.tuning).isdisjoint(missing)
        phase.settings = replace(job.settings, save=job.settings.save and not tunes)
        phase.replicas, phase.trained = missing, []
        if job.settings.force:
            job.folder.clear_checkpoints()
        divided = divide(job.settings, missing, job.folder.checkpoints(), self._least(job, missing))
        parts = [self._with_split(phase.settings, part) for part in divided]
        self._free_lines(phase)
        phase.lines = [self.free_lines.popleft() for _ in parts]
        phase.outstanding = len(parts)
        return [Piece(phase, part, line, len(parts) > 1) for part, line in zip(parts, phase.lines, strict=True)]

    def _least(self, job: Job, missing: Sequence[Replica]) -> int:
        """Return in how many parts a run is divided at least, so that all workers end at the same time."""
        whole = cost(job.settings, len(missing))
        others = max(0, self.cost - self.costs[job.folder.path])  # jobs of one run follow each other
        self.costs[job.folder.path] -= whole
        self.cost -= whole
        return min(len(missing), ceil(whole * self.workers / (others + whole)))

    def end(self, phase: Phase, error: BaseException | None = None, trained: TrainedPart | None = None) -> list[Piece]:
        """Note how a part has ended. After the last one store the run, and return the parts that follow the tuning."""
        phase.outstanding -= 1
        phase.error = phase.error or error
        if trained:  # nothing comes from a part that was stopped
            phase.trained.append(trained)
        if phase.outstanding or (self.board.stopped and len(phase.trained) < len(phase.lines)):
            return []
        job = phase.job
        try:
            if phase.error:
                raise phase.error
            if not phase.given_up:
                return self._store(phase)
        except JOB_ERRORS as failure:
            self._fail(phase, failure)
            return []
        job.study.marks.write(job.run, "failed")
        self._close(phase)
        return []

    def give_up(self, piece: Piece) -> None:
        """Note that a part of a run is given up."""
        piece.phase.given_up = True
        self.given_up[piece.phase.job.folder.path] = piece.kills
        self.end(piece.phase)

    def resume(self, piece: Piece) -> None:
        """Let a part begin at its last checkpoint."""
        settings = piece.phase.settings
        (part,) = divide(settings, piece.part.replicas, piece.phase.job.folder.checkpoints())
        piece.part = self._with_split(settings, part)

    def _store(self, phase: Phase) -> list[Piece]:
        """Store the replicas of a phase, and begin with those that follow."""
        from experiments.sweep.environment import describe

        job = phase.job
        machines = (part.machine for part in phase.trained)
        environment = describe(job.settings, job.overrides, phase.begin, "done", filter(None, machines))
        job.folder.save(phase.settings, gathered(phase.settings, phase.trained), environment)
        phase.fresh |= set(phase.replicas)
        missing = job.folder.read().missing(job.settings, phase.fresh) if job.settings.tuning else ()
        return [] if missing and self.board.stopped else self._begin(phase, missing)

    def _fail(self, phase: Phase, error: BaseException) -> None:
        """Record the error of a run."""
        from experiments.sweep.environment import describe

        job = phase.job
        job.study.marks.write(job.run, "failed")
        if isinstance(error, PartError):
            status, text = error.args
        else:
            status, text = f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))
        try:
            job.folder.record_failure(text, describe(job.settings, job.overrides, phase.begin, status))
        except OSError as unwritten:  # for example on a full disk
            print(f"failed: {job.run}: {status} (not recorded: {unwritten.strerror})", file=sys.stderr)
        self._close(phase)

    def _with_split(self, settings: Settings, part: Part) -> Part:
        """Return a part with the rows of its seeds, which many parts share: they are divided once."""
        splits = [self._split(settings, seed) for seed in seeds_of(part.replicas)]
        return part._replace(split=Split(*(np.concatenate([getattr(one, name) for one in splits]) for name in PARTS)))

    def _split(self, settings: Settings, seed: int) -> Split:
        key = (settings.data, *settings.division.values(), seed)
        if key not in self.rows:
            if len(self.rows) * len(settings.data.inputs) > ROWS:
                self.rows.clear()
            self.rows[key] = split(settings.data, [seed], **settings.division)
        return self.rows[key]

    def mark(self) -> None:
        """Mark how far the runs are that workers have begun with."""
        for phase in self.phases.values():
            if any(map(self.board.begun, phase.lines)):
                tuned = len(phase.fresh) * phase.settings.epochs
                epochs = tuned + sum(map(self.board.epochs, phase.lines))
                phase.job.study.marks.write(phase.job.run, "running", epochs)

    def close(self) -> None:
        """Free all runs."""
        for phase in tuple(self.phases.values()):
            self._close(phase)

    def _close(self, phase: Phase) -> None:
        del self.phases[phase.job.folder.path]
        self._free_lines(phase)
        phase.lock.__exit__(None, None, None)

    def _free_lines(self, phase: Phase) -> None:
        for line in phase.lines:
            self.board.clear(line)
        self.free_lines.extend(phase.lines)
        phase.lines = []


def cost(settings: Settings, replicas: int) -> int:
    """Return a number in proportion to the time that this many replicas take."""
    return replicas * max(1, settings.epochs) * epoch_cost(settings)
