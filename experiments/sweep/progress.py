"""The live view of a sweep while it trains, whichever processes train it."""

import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from experiments.sweep.jobs import Job, disjoint


@contextmanager
def live_view(jobs: Sequence[Job]) -> Iterator[None]:
    """Show the progress of jobs that run inside the `with` block, from their marks; on a terminal only."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    jobs = disjoint(jobs)
    console = Console(file=sys.stderr)
    if not (console.is_terminal and jobs):
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
    ended = threading.Event()

    def follow() -> None:
        while not ended.wait(0.2):
            counts, epochs = tally(jobs)
            words = [f"{counts[state]} {state}" for state in ("running", "done", "failed", "waiting") if counts[state]]
            bar.update(task, description=f"{len(jobs)} runs: {', '.join(words)}", completed=epochs)

    thread = threading.Thread(target=follow, daemon=True)
    with bar:
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def tally(jobs: Sequence[Job]) -> tuple[Counter[str], int]:
    """Return how many jobs are running, done, failed and waiting, and how many epochs of replicas are trained."""
    studies = {job.study.folder: job.study for job in jobs}
    marks = {folder: study.marks.read() for folder, study in studies.items()}
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
