"""Runs contestants as processes, and compares their times."""

import json
import os
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
from experiments.benchmark.task import WORKLOADS, Task

ROOT = Path(__file__).parents[2]

TRIVIAL = ("dataset=iris", "net.hidden=[4]", "epochs=1", "seeds=1", "study=trivial")
"""Overrides of a run whose training takes almost no time."""

# A program that lets Hydra compose the same configurations and does nothing with them.
BARE_HYDRA = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import hydra
from experiments.config.hydra_schema import register_schema
register_schema()
@hydra.main(config_path={str(ROOT / "conf")!r}, config_name="config", version_base="1.3")
def job(config):
    pass
job()
"""


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
    """Return this process's environment, but with this number of threads and the native BLAS kernels."""
    native = {key: value for key, value in os.environ.items() if key not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    return native | {f"{library}_NUM_THREADS": str(cores) for library in ("OPENBLAS", "OMP", "MKL")}


def all_cores() -> list[int]:
    """Return the cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


class Preparation(NamedTuple):
    """What a contestant reports about a task: its steps, and the library that it runs on."""

    steps: int
    version: str


class Training(NamedTuple):
    """What a contestant reports about a training."""

    seconds: float
    test_error: float | None

    def microseconds(self, steps: int, replicas: int) -> float:
        """Return the time per step and replica in µs."""
        return 1e6 * self.seconds / (steps * replicas)


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

    def prepare(self, task: Task) -> Preparation:
        """Let the contestant construct itself for a task."""
        return Preparation(**self._ask(task=asdict(task)))

    def train(self) -> Training:
        """Let the contestant train once."""
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
    """Measures comparisons, and records the contestants' versions meanwhile.

    Attributes
    ----------
    repeats, epochs
        Timed repetitions, and epochs of each training.
    versions
        By label, the library that a contestant ran on.
    missing
        By label of a peer that is not installed, the module that it needs.
    """

    repeats: int
    epochs: int
    versions: dict[str, str] = field(init=False, default_factory=dict)
    missing: dict[str, str] = field(init=False, default_factory=dict)

    def contestants(self, *tasks: Task) -> list[str]:
        """Return the contestants that can do all these tasks, and record those that are not installed."""
        names = []
        for name, contestant in CONTESTANTS.items():
            if find_spec(contestant.needs) is None:
                self.missing[contestant.label] = contestant.needs
            elif all(map(contestant.takes, tasks)):
                names.append(name)
        return names

    def workload(self, task: Task) -> Result:
        """Time one task for all contestants, which take turns."""
        task = replace(task, epochs=self.epochs)
        rows = {}
        with ExitStack() as stack:
            servers = [stack.enter_context(Server(name)) for name in self.contestants(task)]
            for server in servers:
                steps, self.versions[server.label] = server.prepare(task)
                cold = server.train()
                rows[server.label] = Row([], cold.microseconds(steps, task.seeds), cold.test_error)
            for _ in range(self.repeats):
                for server in servers:
                    rows[server.label].values.append(server.train().microseconds(steps, task.seeds))
        shape = "×".join(map(str, (len(task.hidden), task.hidden[0])))
        title = f"{shape}, {task.activation}, {task.optimizer}: {task.seeds} seeds × {steps} steps"
        return Result(title, "µs per step and replica, evaluation included", rows, CONTESTANTS["ours"].label)

    def sweep(self) -> Result:
        """Time a sweep over three activations in a new process, compilation included."""
        tasks = [replace(WORKLOADS[name], epochs=self.epochs) for name in ("default", "tanh", "elu")]
        names = [name for name in self.contestants(*tasks) if name != "floor"]
        rows = {CONTESTANTS[name].label: Row([]) for name in names}
        for _ in range(self.repeats):
            for name in names:
                with Server(name) as server:
                    seconds = 0.0
                    for task in tasks:
                        server.prepare(task)
                        seconds += server.train().seconds
                rows[server.label].values.append(seconds)
        title = f"sweep of relu, tanh, elu: 10 seeds × {self.epochs} epochs each, compilation included"
        return Result(title, "s", rows, CONTESTANTS["ours"].label)

    def diagnostics(self) -> Result:
        """Time the default workload with and without the diagnostics of every layer after every epoch."""
        default = WORKLOADS["default"]
        rows = self.ours({"diagnostics off": default, "diagnostics on": replace(default, diagnostics=True)})
        return Result("diagnostics of every layer, every epoch; default workload", "s", rows, "diagnostics off")

    def startup(self) -> Result:
        """Time `python run.py --help`, compared with the import of Hydra alone."""
        commands = {"import hydra": ("-c", "import hydra"), "run.py --help": (str(ROOT / "run.py"), "--help")}
        return Result("start-up", "s", self._in_turns(commands), "import hydra")

    def runs(self, count: int = 100) -> Result:
        """Time a sweep of trivial runs, compared with the time in which Hydra composes as many."""
        overrides = ("-m", *TRIVIAL, f"entropy=range({count})")
        commands = {"Hydra alone": ("-c", BARE_HYDRA, *overrides), "ours": (str(ROOT / "run.py"), *overrides)}
        rows = self._in_turns(commands)
        more = rows["ours"].median - rows["Hydra alone"].median
        notes = [f"ours minus Hydra alone: {more:.1f} s, {1e3 * more / count:.0f} ms per run"]
        return Result(f"sweep of {count} trivial runs", "s", rows, "Hydra alone", notes)

    def memory(self) -> Result:
        """Measure the peak memory of the default job."""
        peaks = [run(str(ROOT / "run.py"), f"epochs={self.epochs}")[1] for _ in range(self.repeats)]
        return Result("peak memory of the default job", "MB", {"run.py": Row(peaks)})

    def ours(self, tasks: Mapping[str, Task]) -> dict[str, Row]:
        """Time tasks in turns, in one process of ours that has done each of them once before."""
        rows = {label: Row([]) for label in tasks}
        with Server("ours") as server:
            for repetition in range(self.repeats + 1):
                for label, task in tasks.items():
                    server.prepare(replace(task, epochs=self.epochs))
                    seconds = server.train().seconds
                    if repetition:
                        rows[label].values.append(seconds)
        return rows

    def _in_turns(self, commands: Mapping[str, Sequence[str]]) -> dict[str, Row]:
        """Time Python commands in turns."""
        rows: dict[str, Row] = {label: Row([]) for label in commands}
        for _ in range(self.repeats):
            for label, command in commands.items():
                rows[label].values.append(run(*command)[0])
        return rows


OTHERS: dict[str, Callable[[Benchmark], Result]] = {
    "sweep": Benchmark.sweep,
    "diagnostics": Benchmark.diagnostics,
    "startup": Benchmark.startup,
    "runs": Benchmark.runs,
    "memory": Benchmark.memory,
}
"""The comparisons that are no workloads."""


def run(*arguments: str) -> tuple[float, float]:
    """Run Python in an empty folder; return its seconds and its peak memory in MB."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as output:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=folder, env=environment(len(all_cores())), stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.stderr.write(output.read())
            raise BenchmarkError(f"python {arguments[0]} failed")
    return seconds, usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
