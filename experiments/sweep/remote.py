"""Ray: the machines of a cluster train parts of runs.

They share no disk. They return what they have trained, and this process stores it run by run.
"""

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

from experiments.analysis.wording import counted
from experiments.config.errors import ConfigError
from experiments.data.table import Data
from experiments.sweep.jobs import Job
from experiments.sweep.scheduling import ATTEMPTS, SECONDS, train_all
from experiments.sweep.workers import Board, Task, read_data
from experiments.training.run import TrainedPart, train_part


def connect(options: Mapping[str, Any]) -> "RayPool":
    """Connect to a cluster, or start Ray on this machine; return its workers.

    Parameters
    ----------
    options
        The arguments of `ray.init`.

    Raises
    ------
    ConfigError
        If Ray is not installed, or no cluster answers.
    """
    if find_spec("ray") is None:
        raise ConfigError("hydra/launcher=ray and ray_cluster need Ray: pip install '.[ray]'")
    import ray

    address = str(options.get("address"))
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        _check_answers(address)  # Ray itself would try for minutes
        ray.init(**options)
    except OSError:
        advice = "start one with `ray start --head`, or give its hydra.launcher.ray.init.address=HOST:PORT"
        raise ConfigError(f"hydra.launcher.ray.init.address={address}: no Ray cluster answers; {advice}") from None
    except (RuntimeError, TypeError, ValueError) as error:
        line = str(error).partition("\n")[0]
        raise ConfigError(f"hydra.launcher.ray.init: {line}") from None
    signal.signal(signal.SIGTERM, terminate)  # Ray has replaced it
    workers = max(1, int(ray.cluster_resources().get("CPU", 1)))
    machines = sum(node["Alive"] for node in ray.nodes())
    print(f"Ray: {counted(workers, 'worker')} on {counted(machines, 'machine')}", file=sys.stderr)
    return RayPool(workers)


def _check_answers(address: str) -> None:
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=5).close()


class RayPool:
    """The workers of a Ray cluster. A part whose worker dies is submitted again by Ray, `ATTEMPTS` times in all.

    A thread of this process carries the board to the cluster and back: it asks how far the parts are, and cancels them
    if they are to stop.

    Attributes
    ----------
    workers
        How many parts are trained at the same time.
    """

    def __init__(self, workers: int):
        import ray

        self.workers = workers
        self.data: dict[Path, Any] = {}
        self.parts: dict[Future[TrainedPart], Any] = {}  # Ray's references
        self.numbers = count()  # of parts
        self.lines: dict[int, int] = {}  # on the board, by part; when a part has ended, another one has its line
        self.progress = ray.remote(num_cpus=0)(Progress).remote()
        self.task = ray.remote(max_retries=ATTEMPTS - 1)(run_far_task)
        self.board: Board | None = None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._carry, daemon=True)
        self.thread.start()

    def train(self, jobs: Sequence[Job]) -> Mapping[Path, str]:
        """Train the jobs, as `train_all` does, and leave the cluster."""
        import ray

        try:
            return train_all(jobs, self)
        finally:
            self.ended.set()
            self.thread.join()
            ray.shutdown()

    def submit(self, _: Callable[..., Any], /, *arguments: Any) -> Future[TrainedPart]:
        """Begin with a part as soon as a worker is free."""
        import ray

        (task,) = arguments
        self.board = self.board or Board(task.board)
        if task.data not in self.data:
            self.data[task.data] = ray.put(read_data(task.data))
        number = next(self.numbers)
        self.lines[number] = task.line
        part = self.task.remote(task._replace(line=number), self.data[task.data], self.progress)
        future: Future[TrainedPart] = Future()
        self.parts[future] = part
        part.future().add_done_callback(lambda done: self._take(done, future, number))
        return future

    def shutdown(self, *, kill_workers: bool = False) -> None:
        """End all parts."""
        import ray

        for part in tuple(self.parts.values()):
            ray.cancel(part, force=kill_workers)

    def _take(self, done: Future[TrainedPart], future: Future[TrainedPart], number: int) -> None:
        del self.parts[future], self.lines[number]
        error = done.exception()
        if error:
            future.set_exception(_original(error))
        else:
            future.set_result(done.result())

    def _carry(self) -> None:
        import ray

        while not self.ended.wait(SECONDS):
            if self.board is None:
                continue
            if self.board.stopped:
                self.shutdown()
                return
            with suppress(Exception):  # without progress the parts are trained, and can be stopped
                self._note(ray.get(self.progress.read.remote()))

    def _note(self, epochs_by_part: Mapping[int, int]) -> None:
        """Note on the board how far parts are; a part that has ended has no line there any more."""
        assert self.board is not None
        for number, epochs in epochs_by_part.items():
            line = self.lines.get(number)
            if line is None:
                continue
            if not self.board.begun(line):
                self.board.begin(line)
            self.board.add(line, epochs - self.board.epochs(line))


class Progress:
    """The epochs that the workers of a cluster have trained of each part, by its number: an actor of Ray."""

    def __init__(self) -> None:
        self.epochs: dict[int, int] = {}

    def note(self, part: int, epochs: int) -> None:
        """Note the epochs of a part's replicas that are trained."""
        self.epochs[part] = epochs

    def read(self) -> dict[int, int]:
        """Return the epochs of all parts of which something was noted since the last call."""
        epochs, self.epochs = self.epochs, {}
        return epochs


def run_far_task(task: Task, data: Data, progress: Any) -> TrainedPart | None:
    """Train a part on a machine of the cluster. It writes nothing; `progress` hears from it twice a second."""
    from experiments.sweep.environment import machine

    trained, told = 0, time.monotonic()

    def note(epochs: int) -> None:
        nonlocal trained, told
        trained += epochs
        if time.monotonic() > told + SECONDS:
            told = time.monotonic()
            progress.note.remote(task.line, trained)

    progress.note.remote(task.line, 0)
    part = train_part(replace(task.settings, data=data), task.part, note)
    progress.note.remote(task.line, trained)
    return part and part._replace(machine=machine())


def _original(error: BaseException) -> BaseException:
    """Return the error of a part as it was raised where it was trained, or one line for an error of Ray's."""
    from ray.exceptions import RayTaskError, WorkerCrashedError

    if isinstance(error, RayTaskError):
        cause: BaseException = error.cause
        cause.__cause__ = RuntimeError(str(error))  # the traceback of the other machine
        return cause
    if isinstance(error, WorkerCrashedError):
        return RuntimeError(f"its worker process was killed {ATTEMPTS} times")
    return RuntimeError(f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
