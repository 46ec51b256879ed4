"""The workers of a sweep: processes that train parts of runs, or one thread of this process.

Workers never import the user's `__main__`. They write checkpoints and nothing else. They ignore Ctrl-C, which the
driver answers for them, and they exit when the driver is gone.
"""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import joblib
import numpy as np

from experiments.config.settings import Settings
from experiments.data.table import Data
from experiments.store.runs import RunFolder
from experiments.training.run import Part, TrainedPart, train_part

STOP = 0
"""The number of the board's line that tells all workers to stop."""


class Board:
    """A few numbers that the driver and its workers share: a file that all of them map into their memory.

    Line 0 says whether to stop. Each part has a line of its own: the process that trains it, and the epochs of its
    replicas that are trained.
    """

    def __init__(self, path: Path, lines: int = 0):
        self.path = path
        if lines:
            path.write_bytes(bytes(16 * lines))
        self.numbers = np.asarray(np.memmap(path, np.int64, "r+")).reshape(-1, 2)

    @property
    def stopped(self) -> bool:
        """Whether all workers are to stop."""
        return bool(self.numbers[STOP, 0])

    def stop(self) -> None:
        """Tell all workers to stop after the epoch that they are training."""
        self.numbers[STOP, 0] = 1

    def begin(self, line: int) -> None:
        """Note that this process trains a part."""
        self.numbers[line] = os.getpid(), 0

    def add(self, line: int, epochs: int) -> None:
        """Note further epochs of a part."""
        self.numbers[line, 1] += epochs

    def begun(self, line: int) -> bool:
        """Return whether a process has begun with a part."""
        return bool(self.numbers[line, 0])

    def epochs(self, line: int) -> int:
        """Return the epochs of a part's replicas that are trained."""
        return int(self.numbers[line, 1])

    def clear(self, line: int) -> None:
        """Forget what is noted of a part."""
        self.numbers[line] = 0


class Task(NamedTuple):
    """What a worker needs to train a part; the data lie in a file that all workers share."""

    settings: Settings  # without its data
    data: Path
    part: Part
    folder: Path  # of the run
    keep_last: bool
    board: Path
    line: int


class Pool(Protocol):
    """What trains parts, as many at the same time as it has workers."""

    workers: int

    def submit(self, task: Callable[..., Any], /, *arguments: Any) -> "Future[Any]":
        """Begin with a task as soon as a worker is free."""

    def shutdown(self, *, kill_workers: bool = False) -> None:
        """End what it trains."""


class SharedData:
    """A file for each data set of a sweep, which all workers map into their memory."""

    def __init__(self, folder: Path):
        self.folder = folder

    def path(self, data: Data) -> Path:
        """Return the file of a data set; it is written if it does not exist."""
        path = self.folder / data.sha256
        if not path.exists():
            joblib.dump((data, data.targets is data.inputs), path)
        return path


@lru_cache(maxsize=8)
def read_data(path: Path) -> Data:
    """Return the data of one of these files."""
    data, is_autoencoder = joblib.load(path, mmap_mode="r")
    for name in ("inputs", "targets", "groups"):
        values = getattr(data, name)
        if values is not None:
            # A plain view: operations on a memmap are slower.
            object.__setattr__(data, name, np.asarray(values))
    if is_autoencoder:
        object.__setattr__(data, "targets", data.inputs)
    assert isinstance(data, Data)
    return data


@lru_cache(maxsize=1)
def _open_board(path: Path) -> Board:
    return Board(path)


def run_task(task: Task) -> TrainedPart | None:
    """Train a part; None if it was stopped before its last epoch."""
    board = _open_board(task.board)
    if board.stopped:
        return None
    board.begin(task.line)
    return train_part(
        replace(task.settings, data=read_data(task.data)),
        task.part,
        lambda epochs: board.add(task.line, epochs),
        keep=RunFolder(task.folder).keep_checkpoint,
        keep_last=task.keep_last,
        stopped=lambda: board.stopped,
    )


def _begin_worker(driver: int) -> None:
    """Prepare a worker's process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def is_worker() -> bool:
    """Return whether this process is a worker of joblib or of ours."""
    from joblib.externals.loky import process_executor

    return bool(process_executor._CURRENT_DEPTH)


def make_pool(workers: int) -> Any:
    """Return a pool of processes, or for a single worker one thread of this process."""
    if workers == 1:
        return ThreadPoolExecutor(1)
    from joblib.externals.loky import get_reusable_executor

    pool = get_reusable_executor(workers, timeout=60, initializer=_begin_worker, initargs=(os.getpid(),))
    pool.submit(os.getpid)  # all workers start, while the driver prepares what they are to do
    return pool


def temporary_folder() -> "tempfile.TemporaryDirectory[str]":
    """Return a new folder for the board and the data of a sweep."""
    return tempfile.TemporaryDirectory(prefix="activation-lab-")
