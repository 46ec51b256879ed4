"""Spreads the missing replicas of all jobs of a sweep over the workers, and trains again what a killed worker had."""

import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib

from experiments.analysis.wording import counted
from experiments.sweep.jobs import Job
from experiments.sweep.runs import Piece, Runs, cost
from experiments.sweep.workers import (
    Board,
    Pool,
    Task,
    is_worker,
    make_pool,
    needed,
    read_data,
    run_task,
    share_all,
    temporary_folder,
    train_task,
)
from experiments.training.run import TrainedPart

ATTEMPTS = 2
"""When its worker has been killed this many times, a part is trained alone, or given up if it was alone."""

SECONDS_PER_COST = 7.5e-11
"""Seconds of one worker for one unit of `cost`: 6 to 8.4e-11 for 4 to 128 units, with rows of iris and of digits.

Ten replicas were trained side by side. Three take up to twice as long for each one, if they are narrow.
"""

START = 1.5
"""Seconds of work from which on several workers pay their start, which takes half a second of each."""

SECONDS = 0.5
"""Between two progress marks of a run."""


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
    """

    def __init__(self, jobs: Sequence[Job], workers: int, folder: Path | None, pool: Pool | None = None):
        self.folder = folder
        self.board_path = (folder or Path()) / "board"
        # A run has at most as many parts as replicas.
        lines = 1 + sum(len(job.planned) + len(job.reported_later) for job in jobs)
        with needed(self.board_path.parent):
            self.board = Board(folder and self.board_path, lines)
            self.data_paths = share_all((job.settings.data for job in jobs), folder) if folder else {}
        self.pool = pool or make_pool(workers)
        self.workers = min(workers, self.pool.workers)
        self.runs = Runs(jobs, self.workers, self.board)
        self.pieces: dict[Future[TrainedPart | None], Piece] = {}
        self.suspects: deque[Piece] = deque()  # `ATTEMPTS` times a worker was killed while they were in training
        self.failed_starts = 0
        self.marked = 0.0

    def run(self) -> None:
        """Train all jobs. An interrupt stops the workers, which keep checkpoints, and is raised again."""
        kill_workers = True
        try:
            self._submit_next()
            # The end of the sweep needs pandas. Its import takes time, and the workers train now.
            import experiments.analysis.statistics  # noqa: F401

            while self.pieces or self.suspects or self.runs.waiting:
                if self.pieces:
                    done, _ = wait(self.pieces, SECONDS, FIRST_COMPLETED)
                    self._take(done)
                elif not self.suspects:  # other sweeps train what waits
                    time.sleep(SECONDS)
                if time.monotonic() > self.marked + SECONDS:
                    self._mark()
                self._submit_next()
            kill_workers = False
        except BaseException:
            self._stop()
            raise
        finally:
            self.pool.shutdown(kill_workers=kill_workers)
            self.runs.close()

    def _mark(self) -> None:
        self.marked = time.monotonic()
        self.runs.mark()

    def _stop(self) -> None:
        """Stop the workers after the epoch that they are training; store the runs that are complete."""
        self.board.stop()
        self._mark()
        wait(self.pieces)
        self._take({future for future in self.pieces if not future.exception()})

    def _submit_next(self) -> None:
        """Submit parts until every worker has one, and some are waiting."""
        if self.suspects:
            # Each alone: if a worker is killed again, it is clear by which part.
            if not self.pieces:
                self._submit([self.suspects.popleft()])
            return
        for _ in range(len(self.runs.waiting)):
            if len(self.pieces) >= 2 * self.workers:
                break
            self._submit(self.runs.open_next())

    def _submit(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            phase, data = piece.phase, piece.phase.settings.data
            task = Task(
                replace(phase.settings, data=None),  # type: ignore[arg-type]
                self.data_paths.get(data, Path()),
                piece.part,
                phase.job.folder.path.absolute(),
                piece.keep_last,
                self.board_path,
                piece.line,
            )
            arguments = (run_task, task) if self.folder else (train_task, task, self.board, data)
            self.pieces[self.pool.submit(*arguments)] = piece

    def _take(self, done: set[Future[Any]]) -> None:
        """Take the results of parts, and store each run whose last part is among them."""
        broken = []
        if any(isinstance(future.exception(), BrokenProcessPool) for future in done):
            done, _ = wait(self.pieces)  # the whole pool breaks, but some parts may have been trained before
        for future in [future for future in self.pieces if future in done]:  # in the order of their submission
            piece, error = self.pieces.pop(future), future.exception()
            if isinstance(error, BrokenProcessPool):
                broken.append(piece)
            else:
                self._submit(self.runs.end(piece.phase, error, None if error else future.result()))
        if broken:
            self._after_a_kill(broken)

    def _after_a_kill(self, broken: list[Piece]) -> None:
        """Submit the parts that the broken pool had again, each from its last checkpoint; give up some of them."""
        broken += self.pieces.values()
        self.pieces.clear()
        # A part that was begun was killed, or ran beside the one that was: the whole pool breaks.
        begun = [piece for piece in broken if self.board.begun(piece.line)]
        self.failed_starts += not begun
        self.pool = make_pool(self.workers if self.failed_starts < ATTEMPTS else 1)
        self.workers = self.pool.workers
        for piece in broken:
            self.board.clear(piece.line)
            piece.kills += piece in begun
            if piece not in begun or piece.kills < ATTEMPTS:
                self.runs.resume(piece)
                self._submit([piece])
            elif len(begun) > 1:
                self.runs.resume(piece)
                self.suspects.append(piece)
            else:
                self.runs.give_up(piece)


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
    workers, cores = number_of_workers(jobs, pool), joblib.cpu_count()
    if not pool and workers > cores:
        shared = f"{workers} workers share {counted(cores, 'core')}"
        print(f"{shared}: that is no faster than workers={cores}", file=sys.stderr)
    try:
        with temporary_folder() if workers > 1 or pool else nullcontext() as folder:
            scheduler = Scheduler(jobs, workers, folder, pool)
            scheduler.run()
    finally:
        read_data.cache_clear()  # else this process maps files that are removed
    return {path: f"its worker process was killed {kills} times" for path, kills in scheduler.runs.given_up.items()}


def number_of_workers(jobs: Sequence[Job], pool: Pool | None = None) -> int:
    """Return how many workers pay: one if the work is shorter than the start of others, or inside another worker.

    The workers of a cluster have started already.
    """
    if is_worker():
        return 1
    wanted = {job.settings.workers for job in jobs}  # several, if presets differ
    replicas = sum(job.replicas for job in jobs)
    if "auto" not in wanted:
        return min(max(map(int, wanted)), replicas)
    if pool:
        return min(pool.workers, replicas)
    seconds = SECONDS_PER_COST * sum(cost(job.settings, job.replicas) for job in jobs)
    return min(joblib.cpu_count(), replicas) if seconds > START else 1
