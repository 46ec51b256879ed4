"""Runs contestants as processes, and compares their times."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Self

from experiments.benchmark.contestants import CONTESTANTS
from experiments.benchmark.task import SWEEP, WORKLOADS, Task

ROOT = Path(__file__).parents[2]


class BenchmarkError(Exception):
    """The failure of a contestant or a measured program, whose own message is on stderr."""


@dataclass
class Row:
    """The measurements of one contestant: a value per repetition, the value of the first call, and the test error."""

    values: list[float]
    cold: float | None = None
    test_error: float | None = None

    @property
    def median(self) -> float:
        """Median over the repetitions."""
        return median(self.values)


@dataclass
class Result:
    """A comparison: rows by label; the other rows are divided by the row `reference`."""

    title: str
    unit: str
    rows: dict[str, Row]
    reference: str | None = None
    notes: list[str] = field(default_factory=list)


def environment(cores: int) -> dict[str, str]:
    """Return this process's environment for this number of cores: one thread on one core, else as each library likes.

    The BLAS kernels are the native ones. Python stores what it compiles: otherwise every process compiles all sources.
    """
    threads = [f"{library}_NUM_THREADS" for library in ("OPENBLAS", "OMP", "MKL")]
    chosen = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE", *threads)
    native = {key: value for key, value in os.environ.items() if key not in chosen}
    return native | (dict.fromkeys(threads, "1") if cores == 1 else {})


def all_cores() -> list[int]:
    """Return the cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


class Preparation(NamedTuple):
    """What a contestant reports about its tasks: the steps of all networks, and the library that it runs on."""

    steps: int
    version: str


class Training(NamedTuple):
    """What a contestant reports about a training."""

    seconds: float
    test_error: float | None
    busy: float | None = None  # seconds of work of ours with workers

    def microseconds(self, steps: int) -> float:
        """Return the time of a step of one network in µs, given the steps of all networks."""
        return 1e6 * self.seconds / steps


class Server:
    """A contestant in a process of its own, pinned to its cores; it works only when it is asked."""

    def __init__(self, name: str) -> None:
        cores = all_cores()
        if not CONTESTANTS[name].all_cores:
            cores = cores[-1:]
        self.label = CONTESTANTS[name].label
        self.process = subprocess.Popen(
            [sys.executable, "-m", "experiments.benchmark.server", name, *map(str, cores)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(len(cores)),
        )
        assert self.process.stdin, "a pipe"
        assert self.process.stdout, "a pipe"
        self.requests, self.answers = self.process.stdin, self.process.stdout

    def prepare(self, *tasks: Task) -> Preparation:
        """Let the contestant construct itself for each task."""
        return Preparation(**self._ask(tasks=[asdict(task) for task in tasks]))

    def train(self) -> Training:
        """Let the contestant train its tasks once."""
        return Training(**self._ask(train=True))

    def _ask(self, **request: Any) -> dict[str, Any]:
        try:
            print(json.dumps(request), file=self.requests, flush=True)
            answer: dict[str, Any] = json.loads(self.answers.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            raise BenchmarkError(f"{self.label} failed") from None
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.requests.close()
        self.answers.close()
        self.process.wait()


@dataclass
class Benchmark:
    """Measures workloads, and records the contestants' versions meanwhile.

    Attributes
    ----------
    repeats
        Timed repetitions.
    epochs
        Epochs of each training; None: 20, or 50 for the main job.
    versions
        By label, the library that a contestant ran on.
    missing
        By label of a peer that is not installed, the module that it needs.
    """

    repeats: int
    epochs: int | None = None
    versions: dict[str, str] = field(init=False, default_factory=dict)
    missing: dict[str, str] = field(init=False, default_factory=dict)

    def tasks(self, *tasks: Task, epochs: int = 20, workers: int = 1) -> list[Task]:
        """Return tasks with as many epochs as the user wants, or else so many."""
        return [replace(task, epochs=self.epochs or epochs, workers=workers) for task in tasks]

    def contestants(self, tasks: Sequence[Task], *, all_cores: bool = False) -> list[str]:
        """Return the contestants that can do all these tasks, and record those that are not installed."""
        names = []
        for name, contestant in CONTESTANTS.items():
            if contestant.all_cores != all_cores:
                continue
            if find_spec(contestant.needs) is None:
                self.missing[contestant.label] = contestant.needs
            elif all(map(contestant.takes, tasks)):
                names.append(name)
        return names

    def workload(self, task: Task) -> Result:
        """Time one task for all contestants with one core, which take turns."""
        (task,) = self.tasks(task)
        return self._compete(task, self.contestants([task]), "ours")

    def cores(self) -> dict[str, Result]:
        """Time three workloads for all contestants with all cores, and for ours with one core too."""
        results = {}
        for name in ("default", "small", "wide"):
            (task,) = self.tasks(WORKLOADS[name], workers=len(all_cores()))
            names = ["ours", *self.contestants([task], all_cores=True)]
            results[f"{name}, all cores"] = self._compete(task, names, "ours-workers")
        return results

    def _compete(self, task: Task, names: Sequence[str], reference: str) -> Result:
        rows = {}
        with ExitStack() as stack:
            servers = [stack.enter_context(Server(name)) for name in names]
            for server in servers:
                steps, self.versions[server.label] = server.prepare(task)
                cold = server.train()
                rows[server.label] = Row([], cold.microseconds(steps), cold.test_error)
            for _ in range(self.repeats):
                for server in servers:
                    rows[server.label].values.append(server.train().microseconds(steps))
        shape = "×".join(map(str, (len(task.hidden), task.hidden[0])))
        title = f"{shape}, {task.activation}, {task.optimizer}: {task.replicas} networks × {task.steps} steps"
        return Result(title, "µs per step of a network, evaluation included", rows, CONTESTANTS[reference].label)

    def sweep(self) -> dict[str, Result]:
        """Time a sweep in a new process, compilation and the start of workers included, on one core and on all."""
        results = {}
        for cores, reference in ((1, "ours"), (len(all_cores()), "ours-workers")):
            tasks = self.tasks(*SWEEP, workers=cores)
            names = self.contestants(tasks, all_cores=reference == "ours-workers")
            names = [name for name in names if name != "floor"]
            rows = {CONTESTANTS[name].label: Row([]) for name in names}
            for _ in range(self.repeats):
                for name in names:
                    with Server(name) as server:
                        _, self.versions[server.label] = server.prepare(*tasks)
                        trained = server.train()
                    rows[server.label].values.append(trained.seconds)
                    rows[server.label].test_error = trained.test_error
            first, *_ = tasks
            title = (
                f"sweep of {len(tasks)} activations × {first.seeds} seeds × {len(first.rates)} learning rates × "
                f"{first.epochs} epochs in a new process, compilation included"
            )
            name = "sweep, all cores" if reference == "ours-workers" else "sweep, 1 core"
            results[name] = Result(title, "s", rows, CONTESTANTS[reference].label)
        return results

    def ours(self, tasks: Mapping[str, Task]) -> dict[str, Row]:
        """Time tasks in turns, in one process of ours that has done each of them once before."""
        rows = {label: Row([]) for label in tasks}
        with Server("ours") as server:
            for repetition in range(self.repeats + 1):
                for label, task in tasks.items():
                    server.prepare(*self.tasks(task))
                    seconds = server.train().seconds
                    if repetition:
                        rows[label].values.append(seconds)
        return rows


def run(*arguments: str, folder: str | Path | None = None) -> tuple[float, float]:
    """Run Python in a folder, by default in an empty one; return its seconds and its peak memory in MB."""
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryFile("w+") as output:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder or empty,
            env=environment(len(all_cores())) | {"PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=output,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.stderr.write(output.read())
            raise BenchmarkError(f"python {shlex.join(arguments)} failed")
    return seconds, usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def in_turns(repeats: int, measurements: Mapping[str, Callable[[], float]]) -> dict[str, Row]:
    """Take measurements in turns."""
    rows: dict[str, Row] = {label: Row([]) for label in measurements}
    for _ in range(repeats):
        for label, measure in measurements.items():
            rows[label].values.append(measure())
    return rows
