"""The workers of a sweep: processes that train parts of runs, or one thread of this process.

Workers never import the user's `__main__`. They write checkpoints and nothing else. They ignore Ctrl-C, which the
driver answers for them, and they exit when the driver is gone.
"""

import gc
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import joblib
import numpy as np

from experiments.config.settings import Settings
from experiments.data.table import Data
from experiments.store.files import is_locked, locked
from experiments.store.runs import RunFolder
from experiments.training.run import Part, TrainedPart, train_part

STOP = 0
"""The number of the board's line that tells all workers to stop."""

MAPPED_BYTES = 1 << 26
"""The driver maps data of this size too, once they are in a file, instead of keeping a copy of its own."""

FOLDER = ".activation-lab-workers-"
"""Temporary folders are named so, and no folder of a user."""

IGNORED = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR2") if hasattr(signal, name))
"""The signals that only the driver answers. Slurm sends the last one to all processes before its time limit."""

ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}
"""The environment in which a BLAS library starts no threads."""


class Board:
    """A few numbers that the driver and its workers share: a file that all of them map into their memory.

    Line 0 says whether to stop. Each part has a line of its own: the process that trains it, and the epochs of its
    replicas that are trained.

    Parameters
    ----------
    path
        The file; without one the numbers are shared by the threads of this process.
    lines
        The number of lines of a new board.
    """

    def __init__(self, path: Path | None, lines: int = 0):
        if path is None:
            self.numbers = np.zeros((lines, 2), np.int64)
            return
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
    """What a worker needs to train a part; data and board lie in files that all workers share."""

    settings: Settings  # without its data
    data: Path
    part: Part
    folder: Path  # of the run
    keep_last: bool
    board: Path
    line: int


class PartError(Exception):
    """An error of a part as two texts, its last line and its traceback: not every error can be sent as it is."""


@contextmanager
def needed(path: Path) -> Iterator[None]:
    """Let an error of the disk say that a file was being written into this temporary folder."""
    try:
        yield
    except OSError as error:
        text = f"{error.strerror or error} (workers=1 needs no temporary file)"
        raise OSError(error.errno, text, str(path)) from error


def share_all(datasets: Iterable[Data], folder: Path) -> dict[Data, Path]:
    """Write a file for each data set, which all workers map into their memory; return their paths.

    Data sets of equal numbers may differ in what they say of them, such as `image`: their digest names no file.
    """
    paths = {data: folder / f"data-{index}" for index, data in enumerate(dict.fromkeys(datasets))}
    for data, path in paths.items():
        _share(data, path)
    return paths


def _share(data: Data, path: Path) -> None:
    joblib.dump((data, data.targets is data.inputs), path)
    if data.inputs.nbytes > MAPPED_BYTES:
        mapped = read_data(path)
        for name in ("inputs", "targets", "groups"):
            object.__setattr__(data, name, getattr(mapped, name))  # the same numbers


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
    """Train a part in a process of its own, as `train_task` does."""
    return train_task(task, _open_board(task.board))


def train_task(task: Task, board: Board, data: Data | None = None) -> TrainedPart | None:
    """Train a part; None if it was stopped before its last epoch.

    Parameters
    ----------
    task, board
        The part, and where its progress is noted.
    data
        The data, if they need not be read from their file.

    Raises
    ------
    PartError
        For every error.
    """
    if board.stopped:
        return None
    board.begin(task.line)
    try:
        return train_part(
            replace(task.settings, data=data or read_data(task.data)),
            task.part,
            lambda epochs: board.add(task.line, epochs),
            keep=RunFolder(task.folder).keep_checkpoint,
            keep_last=task.keep_last,
            stopped=lambda: board.stopped,
        )
    except (Exception, SystemExit) as error:
        raise PartError(f"{type(error).__name__}: {error}", traceback.format_exc()) from None


class Pool(Protocol):
    """What trains parts, as many at the same time as it has workers."""

    workers: int

    def submit(self, task: Callable[..., Any], /, *arguments: Any) -> "Future[Any]":
        """Begin with a task as soon as a worker is free."""

    def shutdown(self, *, kill_workers: bool = False) -> None:
        """End what it trains."""


class Thread:
    """One worker, a thread of this process."""

    workers = 1

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1)

    def submit(self, task: Callable[..., Any], /, *arguments: Any) -> "Future[Any]":
        """Begin with a task as soon as the tasks before it have ended."""
        return self._executor.submit(task, *arguments)

    def shutdown(self, *, kill_workers: bool = False) -> None:
        """End the thread. It cannot be killed: it ends after the epoch that it trains."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class Processes:
    """Workers that are processes of this pool alone: joblib's own pool belongs to the user's code.

    Raises
    ------
    OSError, ImportError, NotImplementedError
        If this machine or its limits allow no further process.
    """

    def __init__(self, workers: int):
        from joblib.externals.loky.process_executor import ProcessPoolExecutor

        self.workers = workers
        self._executor = ProcessPoolExecutor(
            workers, initializer=_begin_worker, initargs=(os.getpid(),), env=ONE_THREAD
        )
        try:
            with _without_signals():
                self._executor.submit(os.getpid)  # all start, while the driver prepares what they are to do
        except BaseException:
            self._kill()
            raise

    def submit(self, task: Callable[..., Any], /, *arguments: Any) -> "Future[Any]":
        """Begin with a task as soon as a worker is free."""
        try:
            future: Future[Any] = self._executor.submit(task, *arguments)
        except BrokenProcessPool as error:
            future = Future()
            future.set_exception(error)
        return future

    def shutdown(self, *, kill_workers: bool = False) -> None:
        """Let the workers exit, or kill them."""
        if kill_workers:
            self._kill()
        self._executor.shutdown(wait=kill_workers)

    def _kill(self) -> None:
        """Kill the workers. Loky itself does not if a task has been cancelled: its thread fails before."""
        from joblib.externals.loky.backend.utils import kill_process_tree

        for process in list(self._executor._processes.values()):
            kill_process_tree(process)


@contextmanager
def _without_signals() -> Iterator[None]:
    """Let processes that start inside the `with` block never hear of these signals, not even while they start."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # its start lets the signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker(driver: int) -> None:
    """Prepare a worker's process."""
    from joblib.externals.loky import process_executor

    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    process_executor._USE_PSUTIL = False  # else a worker that maps large data looks like one that leaks memory
    gc.freeze()  # loky collects garbage after each task: it need not look through all modules

    def watch() -> None:
        if sys.platform == "win32":  # where the number of a parent that has ended stays
            parent = multiprocessing.parent_process()
            assert parent is not None
            parent.join()
        else:
            while os.getppid() == driver:
                time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def is_worker() -> bool:
    """Return whether this process is itself a worker: of a pool, of joblib, of Ray or of ours."""
    from joblib.externals.loky import process_executor

    return bool(
        multiprocessing.current_process().daemon or process_executor._CURRENT_DEPTH or "RAY_RAYLET_PID" in os.environ
    )


def make_pool(workers: int) -> Pool:
    """Return a pool of processes, or for a single worker a thread of this process."""
    if workers > 1:
        try:
            return Processes(workers)
        except (OSError, ImportError, NotImplementedError) as error:
            print(f"no worker can start ({error}): this process trains alone", file=sys.stderr)
    return Thread()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder for the board and the data of a sweep. Those of sweeps that were killed are removed."""
    for path in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        with suppress(OSError):
            is_new = path.stat().st_mtime > time.time() - 60  # its lock may not be held yet
            if not is_new and (path / "lock").is_file() and not is_locked(path / "lock"):
                shutil.rmtree(path, ignore_errors=True)
    # A system may keep files that are mapped. They are removed by a later sweep then.
    with tempfile.TemporaryDirectory(prefix=FOLDER, ignore_cleanup_errors=True) as name, locked(Path(name, "lock")):
        yield Path(name)
