"""What a person sees of a sweep: a live view while it trains, and before it, what it would take."""

import sys
import threading
from collections import Counter
from collections.abc import Sequence
from io import BytesIO


class Watch:
    """A live view of all jobs of a sweep, whichever process trains them, from what they note in the study.

    On a terminal only. Enter it before the first job starts.
    """

    def __init__(self, jobs: Sequence):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.jobs = jobs
        console = Console(file=sys.stderr)
        self.shown = console.is_terminal and bool(jobs)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self.over = threading.Event()

    def __enter__(self):
        if self.shown:
            self.task = self.bar.add_task("", total=sum(job.work for job in self.jobs))
            self.bar.start()
            self.thread = threading.Thread(target=self._follow, daemon=True)
            self.thread.start()
        return self

    def __exit__(self, *exception):
        self.over.set()
        if self.shown:
            self.thread.join()
            self.bar.stop()

    def _follow(self):
        while not self.over.wait(0.2):
            counts, done = tally(self.jobs)
            words = [f"{counts[state]} {state}" for state in ("running", "done", "failed", "waiting") if counts[state]]
            self.bar.update(self.task, description=f"{len(self.jobs)} runs: {', '.join(words)}", completed=done)


def tally(jobs: Sequence) -> tuple[Counter, int]:
    """Return how many jobs are running, done, failed and waiting, and the epochs of replicas that are behind them."""
    marks = {job.store.folder: job.store.marks() for job in jobs}
    counts, epochs = Counter(), 0
    for job in jobs:
        state, _, done = marks[job.store.folder].get(job.run, "waiting 0").partition(" ")
        if state == "ended":
            state, done = ("failed" if job.store.failure(job.run) else "done"), job.work
        counts[state] += 1
        epochs += int(done or 0)
    return counts, epochs


def plan(jobs: Sequence) -> str:
    """Return what a sweep would train, how long that takes in one process and how much it writes.

    Time and bytes are those of the most similar recorded run, in proportion to what differs.
    """
    conditions, replicas = len(jobs), sum(len(job.settings.replicas) for job in jobs)
    missing = sum(len(job.missing) for job in jobs)
    lines = [
        f"{conditions} conditions, {replicas} replicas: {replicas - missing} are there already, {missing} to train",
    ]
    records = _records({job.store.folder: job.store for job in jobs}.values())
    if missing and not records:
        lines.append("time and disk: unknown, no run is recorded yet in this study")
    elif missing:
        seconds = size = 0.0
        for job in jobs:
            load = _load(job.settings) * len(job.missing) * job.settings.epochs
            record = min(records, key=lambda record: _distance(record, job.settings))
            seconds += record["seconds"] * load
            size += record["bytes"] * len(job.missing) * (job.settings.epochs + 1) * (len(job.settings.net.hidden) + 2)
        lines.append(f"time: about {_duration(seconds)} in one process, judged by {len(records)} recorded runs")
        lines.append(f"disk: about {2 * size / 1e6:,.1f} MB, of which half is the study's own copy of the tables")
    return "\n".join(lines)


def _load(settings):
    """Return the multiplications of an epoch of one replica, a row's fixed cost counted as 2000 more."""
    return len(settings.data.inputs) * (settings.weights + 2000)


def _records(stores):
    """Return of each recorded run its configuration, seconds per unit of `_load`, and bytes per row and layer."""
    import yaml

    from experiments import tables
    from experiments.config.errors import ConfigError
    from experiments.config.settings import from_record

    records = []
    for store in stores:
        for files in filter(None, map(store.files, store.runs())):
            try:
                settings = from_record(yaml.safe_load(files["config.yaml"]))
            except ConfigError:
                continue
            timing = tables.read(BytesIO(files["timing.csv"]))
            epochs = (timing["replicas"] * timing["epochs"]).sum()
            rows = len(settings.replicas) * (settings.epochs + 1) * (len(settings.net.hidden) + 2)
            seconds = timing["total"].sum() / epochs / _load(settings)
            size = sum(len(content) for name, content in files.items() if name.endswith(".csv"))
            records.append({"settings": settings, "seconds": seconds, "bytes": size / rows})
    return records


def _distance(record, settings):
    """Return how unlike a recorded run is: what costs most first."""
    other = record["settings"]
    return [
        other.data.name != settings.data.name,
        other.net.hidden != settings.net.hidden,
        other.activation != settings.activation,
        other.optimizer != settings.optimizer,
        other.batch_size != settings.batch_size,
        other.output != settings.output,
    ]


def _duration(seconds):
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"
