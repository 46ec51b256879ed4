"""Times ours with all workers and with one: what the cores gain, what remains serial, and how busy each core is."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np

from experiments.benchmark.measuring import Benchmark, Result, Row, Server, Training, all_cores, in_turns, run
from experiments.benchmark.task import SWEEP, Task
from experiments.benchmark.waiting import MAIN_JOB, RUN, TRIVIAL

PROJECTED = 16
"""The number of cores for which the time is projected."""

BARS = " ▁▂▃▄▅▆▇█"

INTERVAL = 0.1
"""Seconds between two samples of the cores. The kernel counts in hundredths of a second."""

COLUMNS = 100
"""The largest width of a drawn timeline."""


def _main_job(*hidden: int) -> list[Task]:
    return [Task(hidden, activation, diagnostics=True) for activation in ("relu", "elu", "tanh")]


STUDIES = {
    "main job": ("2×128, 3 activations", _main_job(128, 128), 50),
    "main job, small": ("2×32, 3 activations", _main_job(32, 32), 50),
    "sweep, workers": ("2×128, 6 activations and 3 learning rates", SWEEP, 20),
}
"""By name of the result: the title, the tasks and their epochs."""


def workers(benchmark: Benchmark) -> dict[str, Result]:
    """Time whole sweeps inside a process that has imported everything, with all workers and with one in turns."""
    return {name: _inside(benchmark, *study) for name, study in STUDIES.items()}


def _inside(benchmark: Benchmark, title: str, tasks: Sequence[Task], epochs: int) -> Result:
    count = len(all_cores())
    rows = {_label(number): Row([]) for number in sorted({1, count})}
    trainings: list[Training] = []
    with Server("ours-workers") as server:
        for repetition in range(benchmark.repeats + 1):
            for number in sorted({1, count}, reverse=True):
                tasks = benchmark.tasks(*tasks, epochs=epochs, workers=number)
                server.prepare(*tasks)
                trained = server.train()
                row = rows[_label(number)]
                if repetition:
                    row.values.append(trained.seconds)
                elif number == count:
                    row.cold = trained.seconds
                if number == count:
                    trainings.append(trained)
    cold, *warm = trainings
    label = f"{PROJECTED} workers: projection, not measured"
    rows[label] = Row([projected(one, count, PROJECTED) for one in warm])
    shares = [serial_share(one, count) for one in warm]
    notes = [
        f"serial share: {median(shares):.1%}, and {serial_share(cold, count):.1%} when the workers start. It is the "
        "part of the time in which a core trains nothing.",
        f"The projection is Amdahl's law: the serial seconds remain, and {PROJECTED} cores share the others.",
    ]
    title = f"{title}, {sum(task.replicas for task in tasks)} networks × {tasks[0].epochs} epochs, inside the run"
    return Result(title, "s", rows, _label(count), notes)


def _label(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"


def serial_share(training: Training, workers: int) -> float:
    """Return the share of the time in which a core trains nothing: 1 - busy / (workers · time)."""
    assert training.busy is not None, "ours with workers"
    return 1 - training.busy / (workers * training.seconds)


def projected(training: Training, workers: int, cores: int) -> float:
    """Return the seconds on another number of cores by Amdahl's law: the serial part of the time stays as it is."""
    serial = serial_share(training, workers)
    return training.seconds * (serial + (1 - serial) * workers / cores)


def shell(benchmark: Benchmark) -> dict[str, Result]:
    """Time whole commands, from the start of Python, as the program divides them by itself and with one worker."""
    small, epochs = "net.hidden=[32,32]", f"epochs={benchmark.epochs or 50}"
    studies = {
        "main job": (*MAIN_JOB, epochs),
        "main job, small": (*MAIN_JOB, epochs, small),
        "short study": (*MAIN_JOB, "epochs=5", small),
        "tiniest study": (*RUN, *TRIVIAL),
    }
    results = {}
    for name, command in studies.items():
        repeats = benchmark.repeats * (4 if "study" in name else 1)
        measurements = {
            f"workers={number}": lambda words=(*command, f"workers={number}"): run(*words)[0] for number in (1, "auto")
        }
        rows = in_turns(repeats, measurements)
        results[f"{name}, shell"] = Result(f"{name} from the shell, Python's start included", "s", rows, "workers=auto")
    return results


def timeline(benchmark: Benchmark) -> dict[str, Result]:
    """Sample how busy each core is while the main job runs from the shell; Linux only."""
    title = "how busy each core is while the main job runs from the shell"
    if not Path("/proc/stat").exists():
        return {"timeline": Result(title, "%", {}, notes=["not measured: only Linux counts the time of each core"])}
    with _sampled() as samples:
        seconds, _ = run(*MAIN_JOB, f"epochs={benchmark.epochs or 50}")
    rows, notes = {}, []
    for core, shares in zip(all_cores(), busy_shares(np.array(samples)).T, strict=True):
        rows[f"core {core}"] = Row([100 * share for share in shares.tolist()])
        notes.append(f"core {core}  {sparkline(shares)}")
    width = len(notes[0]) - len(f"core {core}  ")
    notes.append(f"{'':{len(f'core {core}')}}  0{f'{seconds:.1f} s':>{width - 1}}")
    return {"timeline": Result(title, "%", rows, notes=notes)}


@contextmanager
def _sampled() -> Iterator[list[np.ndarray]]:
    """Sample the ticks of each core during the `with` block: (all, idle)."""
    samples, ended = [_ticks()], threading.Event()

    def sample() -> None:
        while not ended.wait(INTERVAL - time.monotonic() % INTERVAL):
            samples.append(_ticks())

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()
        samples.append(_ticks())


def _ticks() -> np.ndarray:
    """Return the ticks of each core since the machine's start: (all, idle)."""
    lines = (line.split() for line in Path("/proc/stat").read_text("utf-8").splitlines())
    ticks = {line[0]: np.array(line[1:9], float) for line in lines if line and line[0].startswith("cpu")}
    return np.array([(ticks[f"cpu{core}"].sum(), ticks[f"cpu{core}"][3:5].sum()) for core in all_cores()])


def busy_shares(samples: np.ndarray) -> np.ndarray:
    """Return the busy share of each core between samples (time, core, (all, idle)) of ticks."""
    all_ticks, idle = np.moveaxis(np.diff(samples, axis=0), -1, 0)
    return np.asarray(1 - np.divide(idle, all_ticks, out=np.ones_like(idle), where=all_ticks > 0))


def sparkline(shares: np.ndarray) -> str:
    """Return shares from 0 to 1 as bars of text, the mean of several where they are many."""
    parts = np.array_split(shares, min(len(shares), COLUMNS))
    return "".join(BARS[round(float(part.mean()) * (len(BARS) - 1))] for part in parts)
