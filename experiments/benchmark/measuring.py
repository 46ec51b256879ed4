"""Contestants as processes, and the comparisons that are made of their times."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from experiments.benchmark.contestants import CONTESTANTS, Task

ROOT = Path(__file__).parents[2]


WORKLOADS = {
    "small": Task((32, 32)),
    "default": Task((128, 128)),
    "wide": Task((512, 512)),
    "deep": Task((128,) * 8),
    "adam": Task((128, 128), optimizer="adam"),
    "tanh": Task((128, 128), "tanh"),
    "elu": Task((128, 128), "elu"),
    "gelu": Task((128, 128), "gelu"),
    "maxout": Task((128, 128), "maxout"),
}


OTHERS = ("sweep", "diagnostics", "startup", "runs", "memory")
"""Further comparisons: methods of `Benchmark`."""


TRIVIAL = ("dataset=iris", "net.hidden=[4]", "epochs=1", "seeds=1", "study=trivial")


# The same configuration composed as often, and nothing done with it.
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
    """A contestant or a program under test failed; its own message is on stderr."""


@dataclass
class Row:
    """One contestant's figures: a value per repetition, the first call's, and what it learnt."""

    values: list[float]
    cold: float | None = None
    test_error: float | None = None

    @property
    def median(self) -> float:
        """Median over the repetitions."""
        return median(self.values)


@dataclass
class Result:
    """A comparison: rows by label, one of them (`reference`) the measure of the others."""

    title: str
    unit: str
    rows: dict[str, Row]
    reference: str | None = None
    notes: list[str] = field(default_factory=list)


def environment(cores: int) -> dict[str, str]:
    """Return this process's environment with so many threads allowed and the native BLAS kernels."""
    kept = {key: value for key, value in os.environ.items() if key not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    return kept | {f"{library}_NUM_THREADS": str(cores) for library in ("OPENBLAS", "OMP", "MKL")}


def all_cores() -> list[int]:
    """Return the cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count()))


class Server:
    """A contestant in a process of its own, pinned to its cores, that works only when asked."""

    def __init__(self, name: str):
        cores = all_cores()
        if not CONTESTANTS[name].all_cores:
            cores = cores[-1:]
        self.label = CONTESTANTS[name].label
        self.process = subprocess.Popen(
            [sys.executable, "-m", "experiments.benchmark.contestants", name, *map(str, cores)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(len(cores)),
        )

    def prepare(self, task: Task) -> dict:
        """Have the contestant construct itself for a task; return its `steps` and its `version`."""
        return self._ask(task=asdict(task))

    def train(self) -> dict:
        """Have it train once; return its `seconds` and its `test_error`."""
        return self._ask(train=True)

    def _ask(self, **request):
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
            return json.loads(self.process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            raise BenchmarkError(f"{self.label} failed") from None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@dataclass
class Benchmark:
    """How to measure, and what was found out about the contestants on the way.

    Attributes
    ----------
    versions, missing
        By label: what it ran on; for a peer that is not installed, the module.
    """

    repeats: int
    epochs: int
    versions: dict[str, str] = field(init=False, default_factory=dict)
    missing: dict[str, str] = field(init=False, default_factory=dict)

    def contestants(self, *tasks: Task) -> list[str]:
        """Return who can do all these tasks, and note who is not installed."""
        names = []
        for name, contestant in CONTESTANTS.items():
            if find_spec(contestant.needs) is None:
                self.missing[contestant.label] = contestant.needs
            elif all(map(contestant.takes, tasks)):
                names.append(name)
        return names

    def workload(self, task: Task) -> Result:
        """Time one task for all contestants, in turns."""
        task = replace(task, epochs=self.epochs)
        rows = {}
        with ExitStack() as stack:
            servers = [stack.enter_context(Server(name)) for name in self.contestants(task)]
            for server in servers:
                answer = server.prepare(task)
                steps = answer["steps"]
                self.versions[server.label] = answer["version"]
                cold = server.train()
                rows[server.label] = Row([], _micro(cold, steps, task), cold["test_error"])
            for _ in range(self.repeats):
                for server in servers:
                    rows[server.label].values.append(_micro(server.train(), steps, task))
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
                        seconds += server.train()["seconds"]
                rows[server.label].values.append(seconds)
        title = f"sweep of relu, tanh, elu: 10 seeds × {self.epochs} epochs each, compilation included"
        return Result(title, "s", rows, CONTESTANTS["ours"].label)

    def diagnostics(self) -> Result:
        """Time the default workload with and without a look at every layer after every epoch."""
        default = WORKLOADS["default"]
        rows = self._ours({"diagnostics off": default, "diagnostics on": replace(default, diagnostics=True)})
        return Result("diagnostics of every layer, every epoch; default workload", "s", rows, "diagnostics off")

    def startup(self) -> Result:
        """Time `python run.py --help` beside the import of Hydra alone."""
        commands = {"import hydra": ("-c", "import hydra"), "run.py --help": (str(ROOT / "run.py"), "--help")}
        return Result("start-up", "s", self._in_turns(commands), "import hydra")

    def runs(self, count: int = 100) -> Result:
        """Time a sweep of trivial runs beside Hydra's own cost of composing as many."""
        overrides = ("-m", *TRIVIAL, f"entropy=range({count})")
        commands = {"Hydra alone": ("-c", BARE_HYDRA, *overrides), "ours": (str(ROOT / "run.py"), *overrides)}
        rows = self._in_turns(commands)
        more = rows["ours"].median - rows["Hydra alone"].median
        notes = [f"ours beyond Hydra's own: {more:.1f} s, {1e3 * more / count:.0f} ms a run"]
        return Result(f"sweep of {count} trivial runs", "s", rows, "Hydra alone", notes)

    def memory(self) -> Result:
        """Take the peak memory of the default job."""
        peaks = [run(str(ROOT / "run.py"), f"epochs={self.epochs}")[1] for _ in range(self.repeats)]
        return Result("peak memory of the default job", "MB", {"run.py": Row(peaks)})

    def _ours(self, tasks: Mapping[str, Task]) -> dict[str, Row]:
        """Time tasks in turns, in one process that has done each once before."""
        rows = {label: Row([]) for label in tasks}
        with Server("ours") as server:
            for repetition in range(self.repeats + 1):
                for label, task in tasks.items():
                    server.prepare(replace(task, epochs=self.epochs))
                    seconds = server.train()["seconds"]
                    if repetition:
                        rows[label].values.append(seconds)
        return rows

    def _in_turns(self, commands):
        rows = {label: Row([]) for label in commands}
        for _ in range(self.repeats):
            for label, command in commands.items():
                rows[label].values.append(run(*command)[0])
        return rows

    # --- scaling

    def scaling(self) -> list[Result]:
        """Time ours against each size that matters, with a straight line through the times."""

        def rows_of(samples):
            features = {"samples": samples, "features": 64, "classes": 10}
            return Task((128, 128), dataset={"name": "gaussian_quantiles", **features})

        series = {
            "replicas": {n: Task((128, 128), seeds=n) for n in (1, 3, 10, 30, 100)},
            "rows": {n: rows_of(n) for n in (1000, 2000, 4000, 8000)},
            "weights": {
                sum(a * b for a, b in ((64, width), (width, width), (width, 10))): Task((width, width))
                for width in (64, 128, 256, 512)
            },
            "hidden layers": {n: Task((128,) * n) for n in (1, 2, 4, 8, 16)},
        }
        results = []
        for name, tasks in series.items():
            rows = self._ours({str(size): task for size, task in tasks.items()})
            title = f"scaling with {name}, {self.epochs} epochs"
            results.append(Result(title, "s", rows, notes=[_line(name.rstrip("s"), rows)]))
        runs = {n: self.runs(n) for n in (1, 10, 100)}
        for label in ("ours", "Hydra alone"):
            rows = {str(n): result.rows[label] for n, result in runs.items()}
            title = f"trivial runs in a sweep: {label}"
            results.append(Result(title, "s", rows, notes=[_line("run", rows)]))
        return results


def _micro(answer, steps, task):
    return 1e6 * answer["seconds"] / (steps * task.seeds)


def _line(what, rows):
    """Return the straight line, best in relative terms, through the medians of rows that are named by their size."""
    import numpy as np

    sizes, seconds = np.array([(float(size), row.median) for size, row in rows.items()]).T
    slope, start = np.polyfit(sizes, seconds, 1, w=1 / seconds)
    off = np.abs((start + slope * sizes) / seconds - 1).max()
    return f"{start:.3g} s + {slope:.3g} s per {what}; no point is further than {off:.0%} from this line"


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
