"""What a sweep shows while it trains, whichever processes train it: a bar on a terminal, else lines."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from experiments.analysis.wording import counted
from experiments.store.marks import Mark
from experiments.sweep.jobs import Job, disjoint
from experiments.sweep.planning import duration


@contextmanager
def live_view(jobs: Sequence[Job]) -> Iterator[None]:
    """Show the progress of jobs that run inside the `with` block, from their marks."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    jobs = disjoint(jobs)
    console = Console(file=sys.stderr)
    if not jobs:
        yield
        return
    if not console.is_terminal:
        lines = Lines(jobs)
        with _repeated(lines.print_share, 10), _repeated(lines.print_new, 1):
            yield
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task("", total=sum(job.work for job in jobs))

    def update() -> None:
        counts, epochs = tally(jobs)
        words = [f"{counts[state]} {state}" for state in ("running", "done", "failed", "waiting") if counts[state]]
        bar.update(task, description=f"{counted(len(jobs), 'run')}: {', '.join(words)}", completed=epochs)

    with bar, _repeated(update, 0.2):
        yield


@contextmanager
def _repeated(show: Callable[[], None], seconds: float) -> Iterator[None]:
    """Call a function again and again inside the `with` block, and once at its end; first after some seconds."""
    ended = threading.Event()

    def follow() -> None:
        while not ended.wait(seconds):
            show()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        show()


class Lines:
    """The lines of a sweep without a terminal: one for each run that has ended, and now and then how much is trained.

    Parameters
    ----------
    jobs
        All jobs of the sweep.
    """

    def __init__(self, jobs: Sequence[Job]):
        self.jobs = jobs
        self.open = {job.folder.path: job for job in jobs}  # those whose run has no line yet
        self.runs = len(self.open)
        self.first: tuple[float, int] | None = None  # the time and the epochs when the share was printed first

    def print_new(self) -> None:
        """Print a line for each run that has ended since the last call."""
        marks = _marks(self.open.values())
        for path, job in list(self.open.items()):
            mark = marks[job.study.folder].get(job.run)
            if mark and mark.state in ("done", "failed"):
                del self.open[path]
                _print(f"{mark.state}: {job.run} ({self.runs - len(self.open)} of {self.runs})")

    def print_share(self) -> None:
        """Print how much is trained, and about how long the rest takes; nothing once all is."""
        counts, epochs = tally(self.jobs)
        if not counts["waiting"] + counts["running"]:
            return
        now, work = time.monotonic(), sum(job.work for job in self.jobs)
        # Not the time since the start: a run that continues from a checkpoint has epochs at once.
        began, before = self.first = self.first or (now, epochs)
        left = f", {duration((now - began) * (work - epochs) / (epochs - before))} left" if epochs > before else ""
        _print(f"{100 * epochs / max(work, 1):.0f} % of the epochs are trained{left}")


def _print(line: str) -> None:
    with suppress(OSError):  # of a pipe whose reader has gone: the end of the sweep meets it too
        print(line, flush=True)


def tally(jobs: Sequence[Job]) -> tuple[Counter[str], int]:
    """Return how many jobs are running, done, failed and waiting, and how many epochs of replicas are trained."""
    marks = _marks(jobs)
    counts: Counter[str] = Counter()
    epochs = 0
    for job in jobs:
        mark = marks[job.study.folder].get(job.run)
        if mark is None:
            counts["waiting"] += 1
            continue
        counts[mark.state] += 1
        epochs += mark.epochs if mark.state in ("waiting", "running") else job.work
    return counts, epochs


def _marks(jobs: Iterable[Job]) -> dict[Path, dict[str, Mark]]:
    """Return the marks of the jobs' studies, by folder and run."""
    studies = {job.study.folder: job.study for job in jobs}
    return {folder: study.marks.read() for folder, study in studies.items()}
