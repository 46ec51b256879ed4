"""Spreads the missing replicas of all jobs of a sweep over the workers, and stores each run when it is complete.

This process is the only writer of runs and of progress marks. It opens runs one after the other, the longest first, and
divides them so that all workers end at the same time.
"""

import multiprocessing
import sys
import time
import traceback
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any

import joblib
from filelock import Timeout

from experiments.config.settings import Settings
from experiments.data.split import split
from experiments.sweep.jobs import Job
from experiments.sweep.planning import epoch_cost
from experiments.sweep.workers import Board, Pool, SharedData, Task, is_worker, make_pool, run_task, temporary_folder
from experiments.tables import Replica
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


_split = lru_cache(maxsize=64)(split)
"""The driver divides the rows: the library that does it is slow to import, and most parts share their seeds."""


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
        A temporary folder.
    pool
        The workers; by default those of this machine.

    Attributes
    ----------
    given_up
        The folders of runs with a part whose worker was killed again and again.
    """

    def __init__(self, jobs: Sequence[Job], workers: int, folder: Path, pool: Pool | None = None):
        self.workers = workers
        self.pool = pool or make_pool(workers)
        self.data = SharedData(folder)
        # A run has at most as many parts as replicas. Parts that are resumed apart have lines of their own.
        self.board = Board(folder / "board", 1 + 3 * sum(job.replicas for job in jobs))
        self.lines = iter(range(1, len(self.board.numbers)))
        self.waiting = deque(sorted(jobs, key=lambda job: (-cost(job.settings, job.replicas), str(job.folder.path))))
        self.busy: deque[Job] = deque()  # other sweeps train them
        self.cost = sum(cost(job.settings, job.replicas) for job in jobs)  # of what is not submitted
        self.phases: set[Phase] = set()  # whose runs are locked
        self.pieces: dict[Future[TrainedPart | None], Piece] = {}
        self.suspects: deque[Piece] = deque()  # a worker was killed while it trained one of them
        self.attempts: Counter[int] = Counter()
        self.given_up: set[Path] = set()
        self.marked = 0.0

    def run(self) -> None:
        """Train all jobs. An interrupt stops the workers, which keep checkpoints, and is raised again."""
        try:
            while True:
                self._submit_next()
                if not self.pieces:
                    return
                done, _ = wait(self.pieces, SECONDS, FIRST_COMPLETED)
                self._take(done)
                if time.monotonic() > self.marked + SECONDS:
                    self._mark()
        except BaseException:
            self._stop()
            raise
        finally:
            for phase in tuple(self.phases):
                self._close(phase)
            if self.workers == 1:
                self.pool.shutdown()

    def _stop(self) -> None:
        """Stop the workers after the epoch that they are training; store the runs that are complete."""
        self.board.stop()
        self._mark()
        try:
            wait(self.pieces)
        except KeyboardInterrupt:  # a second one
            if self.workers > 1:
                self.pool.shutdown(kill_workers=True)
            raise
        self._take({future for future in self.pieces if not future.exception()})

    # --- what is trained next

    def _submit_next(self) -> None:
        """Submit parts until every worker has one, and some are waiting."""
        if self.suspects:
            # Each alone: if a worker is killed again, it is clear by which part.
            if not self.pieces:
                self._submit(self.suspects.popleft())
            return
        while len(self.pieces) < 2 * self.workers:
            if self.waiting:
                self._open(self.waiting.popleft(), timeout=0)
            elif self.busy and not self.pieces:
                self._open(self.busy.popleft(), timeout=-1)
            else:
                return

    def _open(self, job: Job, timeout: float) -> None:
        """Take the lock of a run and submit what it still lacks; put the job off if the run is busy."""
        lock = job.folder.lock(timeout)
        try:
            lock.__enter__()
        except Timeout:
            self.busy.append(job)
            return
        phase = Phase(job, lock, time.perf_counter(), job.settings, ())
        self.phases.add(phase)
        try:
            stored = job.folder.read()  # another sweep may have trained some since this one was planned
            if stored.refusal(job.settings):  # the end of the sweep asks again, and says why
                self._close(phase)
                return
            job.folder.clear_failure()
            self._begin(phase, stored.missing(job.settings))
        except JOB_ERRORS as error:
            self._fail(phase, error)

    def _begin(self, phase: Phase, missing: tuple[Replica, ...]) -> None:
        """Divide the missing replicas of a run and submit their parts; close the run if nothing is missing."""
        job = phase.job
        if not missing:
            job.study.marks.write(job.run, "done")
            self._close(phase)
            return
        tunes = not set(job.settings.tuning).isdisjoint(missing)
        phase.settings = replace(job.settings, save=job.settings.save and not tunes)
        phase.replicas, phase.trained, phase.lines = missing, [], []
        whole = cost(job.settings, len(missing))
        least = min(len(missing), ceil(whole * self.workers / max(self.cost, whole)))
        self.cost -= whole
        resume = [] if job.settings.force else job.folder.checkpoints()
        parts = divide(job.settings, missing, resume, least)
        phase.outstanding = len(parts)
        for part in parts:
            self._submit(Piece(phase, part, self._line(phase), len(parts) > 1))

    def _close(self, phase: Phase) -> None:
        """Free the run."""
        self.phases.remove(phase)
        phase.lock.__exit__(None, None, None)

    def _line(self, phase: Phase) -> int:
        line = next(self.lines)
        phase.lines.append(line)
        return line

    def _submit(self, piece: Piece) -> None:
        phase = piece.phase
        settings, seeds = phase.settings, seeds_of(piece.part.replicas)
        task = Task(
            replace(settings, data=None),  # type: ignore[arg-type]
            self.data.path(settings.data),
            piece.part._replace(split=_split(settings.data, seeds, **settings.division)),
            phase.job.folder.path.absolute(),
            piece.keep_last,
            self.board.path,
            piece.line,
        )
        self.pieces[self.pool.submit(run_task, task)] = piece

    # --- what was trained

    def _take(self, done: set[Future[Any]]) -> None:
        """Take the results of parts, and store each run whose last part is among them."""
        broken, interrupts = [], []
        for future in done:
            piece = self.pieces.pop(future)
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                broken.append(piece)
                continue
            if isinstance(error, KeyboardInterrupt):
                interrupts.append(error)
                continue
            phase = piece.phase
            phase.outstanding -= 1
            if error is not None:
                phase.error = phase.error or error
            elif trained := future.result():  # nothing comes from a part that was stopped
                phase.trained.append(trained)
            self._close_if_complete(phase)
        if interrupts:
            raise interrupts[0]
        if broken:
            self._after_a_kill(broken)

    def _close_if_complete(self, phase: Phase) -> None:
        if phase.outstanding or (self.board.stopped and len(phase.trained) < len(phase.lines)):
            return
        try:
            if phase.error:
                raise phase.error
            if phase.job.folder.path not in self.given_up:
                self._store(phase)
        except JOB_ERRORS as error:
            self._fail(phase, error)
        else:
            if phase.job.folder.path in self.given_up:
                phase.job.study.marks.write(phase.job.run, "failed")
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
        status = f"{type(error).__name__}: {error}"
        text = "".join(traceback.format_exception(error))
        try:
            job.folder.record_failure(text, describe(job.settings, job.overrides, phase.begin, status))
        except OSError as unwritten:  # for example on a full disk
            print(f"failed: {job.run}: {status} (not recorded: {unwritten.strerror})", file=sys.stderr)
        self._close(phase)

    def _after_a_kill(self, broken: list[Piece]) -> None:
        """Submit the parts that the broken pool had again, each from its last checkpoint; give up some of them."""
        broken += self.pieces.values()
        self.pieces.clear()
        self.pool = make_pool(self.workers)
        # A part that was begun was killed, or ran beside the one that was: the whole pool breaks.
        begun = [piece for piece in broken if self.board.begun(piece.line)]
        self.attempts.update(piece.line for piece in begun)
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
        for phase in self.phases:
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
    with temporary_folder() as folder:
        scheduler = Scheduler(jobs, number_of_workers(jobs, pool), Path(folder), pool)
        scheduler.run()
    return dict.fromkeys(scheduler.given_up, f"its worker process was killed {ATTEMPTS} times")


def number_of_workers(jobs: Sequence[Job], pool: Pool | None = None) -> int:
    """Return how many workers pay: one if the work is shorter than the start of others, or inside another worker.

    The workers of a cluster have started already.
    """
    if multiprocessing.current_process().daemon or is_worker():
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
