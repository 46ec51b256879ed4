"""Spreads the missing replicas of all jobs of a sweep over the workers, and stores each run when it is complete.

This process is the only writer of runs and of progress marks. It opens runs one after the other, the longest first, and
divides them so that all workers end at the same time.
"""

import sys
import time
import traceback
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from filelock import Timeout

from experiments.config.settings import Settings
from experiments.data.split import Split, split
from experiments.data.table import Data
from experiments.sweep.jobs import Job
from experiments.sweep.planning import epoch_cost
from experiments.sweep.workers import (
    Board,
    PartError,
    Pool,
    Task,
    is_worker,
    make_pool,
    needed,
    run_task,
    share,
    temporary_folder,
    train_task,
)
from experiments.tables import PARTS, Replica
from experiments.training.run import Part, TrainedPart, divide, gathered
from experiments.training.stack import seeds_of

ATTEMPTS = 2
"""A part is given up when its worker has been killed this many times."""

JOB_ERRORS = (Exception, SystemExit)
"""Errors that end a run. The sweep continues."""

SECONDS_PER_COST = 1e-10
"""Seconds of one worker for one unit of `cost`, roughly."""

START = 2
"""Seconds of work from which on several workers pay their start."""

SECONDS = 0.5
"""Between two progress marks of a run."""


@lru_cache(maxsize=32)
def _rows(data: Data, seed: int, **division: Any) -> Split:
    """Return how the rows are divided for a seed. The driver does that: the library for it is slow to import."""
    return split(data, [seed], **division)


def _split(settings: Settings, seeds: Sequence[int]) -> Split:
    """Return how the rows are divided for these seeds."""
    splits = [_rows(settings.data, seed, **settings.division) for seed in seeds]
    return Split(*(np.concatenate([getattr(one, part) for one in splits]) for part in PARTS))


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


@dataclass(eq=False)
class Piece:
    """A part of a phase with its line on the board."""

    phase: Phase
    part: Part
    line: int
    keep_last: bool


class Scheduler:
    """Trains jobs on a number of workers.

    Parameters
    ----------
    jobs
        What to train.
    workers
        The number of workers.
    folder
        A temporary folder, for workers that are processes.
    pool
        The workers; by default those of this machine.

    Attributes
    ----------
    given_up
        The folders of runs with a part whose worker was killed again and again.
    """

    def __init__(self, jobs: Sequence[Job], workers: int, folder: Path | None, pool: Pool | None = None):
        self.folder = folder
        self.waiting = deque(sorted(jobs, key=lambda job: (-cost(job.settings, job.replicas), str(job.folder.path))))
        # A run has at most as many parts as replicas.
        lines = 1 + sum(len(job.planned) + len(job.reported_later) for job in jobs)
        self.lines = deque(range(1, lines))  # that are free
        self.board_path = (folder or Path()) / "board"
        with needed(self.board_path):
            self.board = Board(folder and self.board_path, lines)
        for data in {job.settings.data.sha256: job.settings.data for job in jobs if folder}.values():
            with needed(self._data_path(data)):
                share(data, self._data_path(data))
        self.pool = pool or make_pool(workers)
        self.workers = min(workers, self.pool.workers)
        self.costs: Counter[Path] = Counter()  # of what is not submitted, by run
        for job in jobs:
            self.costs[job.folder.path] += cost(job.settings, job.replicas)
        self.cost = self.costs.total()
        self.phases: dict[Path, Phase] = {}  # by run, which is locked
        self.pieces: dict[Future[TrainedPart | None], Piece] = {}
        self.suspects: deque[Piece] = deque()  # a worker was killed while it trained one of them
        self.attempts: Counter[int] = Counter()
        self.failed_starts = 0
        self.given_up: set[Path] = set()
        self.marked = 0.0

    def run(self) -> None:
        """Train all jobs. An interrupt stops the workers, which keep checkpoints, and is raised again."""
        kill_workers = True
        try:
            while True:
                self._submit_next()
                if self.pieces:
                    done, _ = wait(self.pieces, SECONDS, FIRST_COMPLETED)
                    self._take(done)
                elif self.waiting:  # other sweeps train them
                    time.sleep(SECONDS)
                else:
                    break
                if time.monotonic() > self.marked + SECONDS:
                    self._mark()
            kill_workers = False
        except BaseException:
            self._stop()
            raise
        finally:
            self.pool.shutdown(kill_workers=kill_workers)
            for phase in tuple(self.phases.values()):
                self._close(phase)

    def _data_path(self, data: Data) -> Path:
        return (self.folder or Path()) / data.sha256

    def _stop(self) -> None:
        """Stop the workers after the epoch that they are training; store the runs that are complete."""
        self.board.stop()
        self._mark()
        wait(self.pieces)
        self._take({future for future in self.pieces if not future.exception()})

    # --- what is trained next

    def _submit_next(self) -> None:
        """Submit parts until every worker has one, and some are waiting."""
        if self.suspects:
            # Each alone: if a worker is killed again, it is clear by which part.
            if not self.pieces:
                self._submit(self.suspects.popleft())
            return
        busy = []
        while self.waiting and len(self.pieces) < 2 * self.workers:
            job = self.waiting.popleft()
            if not self._open(job):
                busy.append(job)
        self.waiting.extend(busy)

    def _open(self, job: Job) -> bool:
        """Take the lock of a run and submit what it still lacks; return whether the run was free."""
        path = job.folder.path
        if path in self.phases:
            return False
        lock = job.folder.lock(timeout=0)
        try:
            lock.__enter__()
        except Timeout:
            return False
        phase = self.phases[path] = Phase(job, lock, time.perf_counter(), job.settings, ())
        try:
            stored = job.folder.read()  # another sweep may have trained some since this one was planned
            if stored.refusal(job.settings):  # the end of the sweep asks again, and says why
                self._close(phase)
                return True
            job.folder.clear_failure()
            self._begin(phase, stored.missing(job.settings))
        except JOB_ERRORS as error:
            self._fail(phase, error)
        return True

    def _begin(self, phase: Phase, missing: tuple[Replica, ...]) -> None:
        """Divide the missing replicas of a run and submit their parts; close the run if nothing is missing."""
        job = phase.job
        if not missing:
            job.study.marks.write(job.run, "done")
            self._close(phase)
            return
        tunes = not set(job.settings.tuning).isdisjoint(missing)
        phase.settings = replace(job.settings, save=job.settings.save and not tunes)
        phase.replicas, phase.trained = missing, []
        resume = [] if job.settings.force else job.folder.checkpoints()
        parts = divide(job.settings, missing, resume, self._least(job, missing))
        self._free_lines(phase)
        phase.lines = [self.lines.popleft() for _ in parts]
        phase.outstanding = len(parts)
        for part, line in zip(parts, phase.lines, strict=True):
            self._submit(Piece(phase, part, line, len(parts) > 1))

    def _least(self, job: Job, missing: Sequence[Replica]) -> int:
        """Return in how many parts a run is divided at least, so that all workers end at the same time."""
        whole = cost(job.settings, len(missing))
        others = max(0, self.cost - self.costs[job.folder.path])  # jobs of one run follow each other
        self.costs[job.folder.path] -= whole
        self.cost -= whole
        return min(len(missing), ceil(whole * self.workers / (others + whole)))

    def _close(self, phase: Phase) -> None:
        """Free the run."""
        del self.phases[phase.job.folder.path]
        self._free_lines(phase)
        phase.lock.__exit__(None, None, None)

    def _free_lines(self, phase: Phase) -> None:
        for line in phase.lines:
            self.board.clear(line)
            del self.attempts[line]
        self.lines.extend(phase.lines)
        phase.lines = []

    def _submit(self, piece: Piece) -> None:
        phase, data = piece.phase, piece.phase.settings.data
        task = Task(
            replace(phase.settings, data=None),  # type: ignore[arg-type]
            self._data_path(data),
            piece.part._replace(split=_split(phase.settings, seeds_of(piece.part.replicas))),
            phase.job.folder.path.absolute(),
            piece.keep_last,
            self.board_path,
            piece.line,
        )
        arguments = (run_task, task) if self.folder else (train_task, task, self.board, data)
        self.pieces[self.pool.submit(*arguments)] = piece

    # --- what was trained

    def _take(self, done: set[Future[Any]]) -> None:
        """Take the results of parts, and store each run whose last part is among them."""
        broken = []
        if any(isinstance(future.exception(), BrokenProcessPool) for future in done):
            done, _ = wait(self.pieces)  # the whole pool breaks, but some parts may have been trained before
        for future in done:
            piece = self.pieces.pop(future)
            error, phase = future.exception(), piece.phase
            if isinstance(error, BrokenProcessPool):
                broken.append(piece)
                continue
            phase.outstanding -= 1
            if error is not None:
                phase.error = phase.error or error
            elif trained := future.result():  # nothing comes from a part that was stopped
                phase.trained.append(trained)
            self._close_if_complete(phase)
        if broken:
            self._after_a_kill(broken)

    def _close_if_complete(self, phase: Phase) -> None:
        if phase.outstanding or (self.board.stopped and len(phase.trained) < len(phase.lines)):
            return
        job = phase.job
        try:
            if phase.error:
                raise phase.error
            if job.folder.path not in self.given_up:
                self._store(phase)
                return
        except JOB_ERRORS as error:
            self._fail(phase, error)
            return
        job.study.marks.write(job.run, "failed")
        self._close(phase)

    def _store(self, phase: Phase) -> None:
        """Store the replicas of a phase, and begin with those that follow."""
        from experiments.sweep.environment import describe

        job = phase.job
        machines = (part.machine for part in phase.trained)
        environment = describe(job.settings, job.overrides, phase.begin, "done", filter(None, machines))
        job.folder.save(phase.settings, gathered(phase.settings, phase.trained), environment)
        phase.fresh |= set(phase.replicas)
        missing = job.folder.read().missing(job.settings, phase.fresh) if job.settings.tuning else ()
        if not (missing and self.board.stopped):
            self._begin(phase, missing)

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

    def _after_a_kill(self, broken: list[Piece]) -> None:
        """Submit the parts that the broken pool had again, each from its last checkpoint; give up some of them."""
        broken += self.pieces.values()
        self.pieces.clear()
        # A part that was begun was killed, or ran beside the one that was: the whole pool breaks.
        begun = [piece for piece in broken if self.board.begun(piece.line)]
        self.attempts.update(piece.line for piece in begun)
        self.failed_starts += not begun
        self.pool = make_pool(self.workers if self.failed_starts < ATTEMPTS else 1)
        self.workers = self.pool.workers
        for piece in broken:
            self.board.clear(piece.line)
            phase = piece.phase
            if self.attempts[piece.line] >= ATTEMPTS:
                self.given_up.add(phase.job.folder.path)
                phase.outstanding -= 1
                self._close_if_complete(phase)
                continue
            (piece.part,) = divide(phase.settings, piece.part.replicas, phase.job.folder.checkpoints())
            if piece in begun:
                self.suspects.append(piece)
            else:
                self._submit(piece)

    def _mark(self) -> None:
        """Mark how far the runs are that workers have begun with."""
        self.marked = time.monotonic()
        for phase in self.phases.values():
            if any(map(self.board.begun, phase.lines)):
                epochs = sum(map(self.board.epochs, phase.lines))
                phase.job.study.marks.write(phase.job.run, "running", epochs)


def train_all(jobs: Sequence[Job], pool: Pool | None = None) -> dict[Path, str]:
    """Train the jobs; return why runs were given up, by their folder.

    Parameters
    ----------
    jobs
        What to train.
    pool
        The workers of a cluster; by default those of this machine that pay.
    """
    if not jobs:
        return {}
    workers = number_of_workers(jobs, pool)
    with temporary_folder() if workers > 1 or pool else nullcontext() as folder:
        scheduler = Scheduler(jobs, workers, folder, pool)
        scheduler.run()
    return dict.fromkeys(scheduler.given_up, f"its worker process was killed {ATTEMPTS} times")


def number_of_workers(jobs: Sequence[Job], pool: Pool | None = None) -> int:
    """Return how many workers pay: one if the work is shorter than the start of others, or inside another worker.

    The workers of a cluster have started already.
    """
    if is_worker():
        return 1
    wanted = jobs[0].settings.workers
    replicas = sum(job.replicas for job in jobs)
    if wanted != "auto":
        return min(int(wanted), replicas)
    if pool:
        return min(pool.workers, replicas)
    seconds = SECONDS_PER_COST * sum(cost(job.settings, job.replicas) for job in jobs)
    return min(joblib.cpu_count(), replicas) if seconds > START else 1


def cost(settings: Settings, replicas: int) -> int:
    """Return a number in proportion to the time that this many replicas take."""
    return replicas * max(1, settings.epochs) * epoch_cost(settings)
