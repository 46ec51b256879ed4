"""What a sweep would train, and how much time and disk it would take."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import median
from typing import NamedTuple

import joblib
import numpy as np
import yaml
from threadpoolctl import threadpool_limits

from experiments import tables
from experiments.analysis.wording import counted, verb
from experiments.config.errors import ConfigError
from experiments.config.settings import Settings, from_record
from experiments.store.earlier import earlier_reading
from experiments.store.reading import LOADER
from experiments.sweep.environment import processor
from experiments.sweep.jobs import Job, disjoint
from experiments.tables import rounded

EPOCH_ROWS = 500
"""For what is done once in an epoch, such as diagnostics: it takes as long as the training on this many rows."""

NETWORK_WEIGHTS = 4000
"""For what is done once in a layer: it takes as long as the products with this many weights."""

NEWEST = 50
"""The recorded runs of a data set that are looked at: the newest ones."""

PROBE = 1
"""Seconds for which steps are trained, where no run is recorded. The evaluation takes less."""

ROW_BYTES = 250
"""Bytes of a row of `history` or `layers`, where no run is recorded."""


class RecordedRun(NamedTuple):
    """What a stored run cost."""

    settings: Settings
    seconds: float  # by unit of `epoch_cost`
    bytes: float  # of its tables, by unit of `table_rows`


def plan(jobs: Sequence[Job], workers: int | None) -> Iterator[str]:
    """Yield lines: what a sweep would train, and then how long that takes and how much it writes.

    Time and bytes are those of the most similar recorded runs of this machine, in proportion to what differs. If no
    run is recorded, a few steps of the longest job are trained, and nothing of them is kept.

    Parameters
    ----------
    jobs
        All jobs of the sweep.
    workers
        The number of processes that would train; None if it is not known.
    """
    replicas = len({(job.folder.path, replica) for job in jobs for replica in _wanted(job)})
    jobs = disjoint(jobs)
    missing = sum(job.replicas for job in jobs)
    work = f"{missing} to train"
    if any(job.settings.tuning for job in jobs):
        tuning = sum(len(set(job.missing).intersection(job.settings.tuning)) for job in jobs)
        work = f"{tuning} to tune, {missing - tuning} to report"
    conditions = counted(len({job.folder.path for job in jobs}), "condition")
    there = replicas - missing
    trained = [_resumed(job) for job in jobs]
    continued = sum(map(len, trained))
    if continued:
        continues = verb(continued, "continues from its checkpoint", "continue from checkpoints")
        work += f", of which {continued} {continues}"
    yield f"{conditions}, {counted(replicas, 'replica')}: {there} {verb(there, 'is', 'are')} there already, {work}"
    yield from earlier_runs(jobs)
    yield from larger_budgets(jobs)
    if missing:
        work_left = [(job, job.work - sum(epochs)) for job, epochs in zip(jobs, trained, strict=True) if job.missing]
        yield from _estimates(work_left, workers)


def _estimates(work_left: Sequence[tuple[Job, int]], workers: int | None) -> list[str]:
    """Return the lines that say how long jobs with so many epochs of replicas take, and how much they write."""
    jobs = [job for job, _ in work_left]
    runs = recorded_runs(jobs)
    source = f"estimated from {counted(len(runs), 'recorded run')}"
    if not runs:
        longest = max(jobs, key=lambda job: job.work * epoch_cost(job.settings))
        runs = [RecordedRun(longest.settings, probe(longest), ROW_BYTES)]
        source = f"estimated from a few steps of {longest.run}"
    seconds = size = 0.0
    unrecorded = set()
    for job, work in work_left:
        similar = _most_similar(runs, job.settings)
        if similar[0].settings.data.name != job.settings.data.name:
            unrecorded.add(job.settings.data.name)
        seconds += median(run.seconds for run in similar) * epoch_cost(job.settings) * work
        size += median(run.bytes for run in similar) * table_rows(job.settings) * job.replicas
    cores = joblib.cpu_count()
    by = f"with {counted(workers, 'worker')}" if workers else "for one worker"
    if workers and workers > cores:
        by += f" on {counted(cores, 'core')}"
    line = f"time: {duration(seconds / min(workers or 1, cores))} {by}, {source}"
    if unrecorded:
        line += f"; none of them is of {', '.join(sorted(unrecorded))}, so the time is rough"
    megabytes = 2 * size / 1e6
    disk = f"about {megabytes:,.1f} MB" if megabytes >= 0.05 else "less than 0.1 MB"
    return [line, f"disk: {disk}, of which half is the study's own copy of the tables"]


def _resumed(job: Job) -> list[int]:
    """Return the epochs that an interrupted sweep has trained of each missing replica that has a checkpoint."""
    from experiments.training.checkpoint import Checkpoint, latest
    from experiments.training.recorder import layer_columns

    if job.settings.force:
        return []
    checkpoints = map(Checkpoint.from_arrays, job.folder.checkpoints())
    starts = latest(checkpoints, len(layer_columns(job.settings)))
    return [starts[replica][0].epoch for replica in job.missing if replica in starts]


def probe(job: Job) -> float:
    """Return the processor's seconds of an epoch of a job's networks by unit of `epoch_cost`; nothing is written.

    Steps are trained for `PROBE` seconds. What follows an epoch is done once, and so is an epoch of pre-training, whose
    time is spread over the epochs. It is 0 if there are no epochs.
    """
    from experiments.training.diagnostics import layer_statistics, sharpness
    from experiments.training.evaluation import evaluate
    from experiments.training.pretraining import pretrain
    from experiments.training.run import divide
    from experiments.training.stack import Stack

    settings = job.settings
    if not settings.epochs:
        return 0.0
    pretraining_epochs = settings.pretrain.epochs
    settings = replace(settings, pretrain=replace(settings.pretrain, epochs=min(1, pretraining_epochs)))
    replicas = divide(settings, job.missing)[0].replicas
    settings = settings.at(replicas[0][0])
    stack = Stack(settings, replicas)
    steps = (None for epoch in count(1) for _ in stack.train_steps(epoch))
    with threadpool_limits(1, "blas"), np.errstate(all="ignore"):
        begin = time.thread_time()
        pretrain(stack)
        pretraining = (time.thread_time() - begin) * pretraining_epochs
        next(steps)  # the first one also makes the buffers
        end, trained = time.monotonic() + PROBE, 0
        begin = time.thread_time()
        while time.monotonic() < end or not trained:
            next(steps)
            trained += 1
        training = time.thread_time() - begin
        begin = time.thread_time()
        evaluate(stack, settings.metrics.every_epoch)
        work = stack.gather(stack.prepared.split.probe[stack.seed_index])
        if settings.diagnostics.layers:
            layer_statistics(stack.network, settings.output, work, stack.network.parameters.copy())
        if settings.diagnostics.sharpness:
            sharpness(stack.network, settings.output, work)
        evaluation = time.thread_time() - begin
        if settings.evaluate == "last":
            evaluation /= settings.epochs
    steps_of_epoch = int(stack.prepared.split.train.shape[1]) // settings.batch_size
    epoch = training / trained * steps_of_epoch + evaluation + pretraining / settings.epochs
    return epoch / len(stack.replicas) / epoch_cost(settings)


def _wanted(job: Job) -> Iterable[tuple[float | None, int]]:
    """Return the replicas that a job asks for; those that follow the tuning have no learning rate yet."""
    reported = ((None, seed) for seed in job.settings.seeds)
    return (*job.settings.tuning, *reported) if job.settings.tuning else job.planned


def earlier_runs(jobs: Iterable[Job]) -> list[str]:
    """Return a sentence for each file of which a study has runs that were read differently, and now lacks a run."""
    studies = {(job.settings.path, job.settings.data.name, job.study.folder): job.study for job in jobs if job.missing}
    lines = []
    for (path, name, _), study in studies.items():
        runs_by_reading: dict[str, list[str]] = {}
        for run in study.runs() if path else ():
            reading = earlier_reading(run.path) if run.name.startswith(f"{name}-") else None
            if reading:
                runs_by_reading.setdefault(reading, []).append(run.name)
        for reading, runs in runs_by_reading.items():
            stay = counted(len(runs), "earlier run") + verb(len(runs), " stays: ", " stay, such as ")
            lines.append(f"{name}: {stay}{runs[0]}, which was {reading}")
    return lines


def larger_budgets(jobs: Iterable[Job]) -> list[str]:
    """Return a sentence if runs have more trials, or learning rates, than were asked for: the best of all is reported.

    A run keeps what it has tried, and all of it chooses.
    """
    asked, stored, runs, noun = set[int](), set[int](), set[Path](), "learning rates"
    for job in jobs:
        seeds = {seed for _, seed in job.settings.tuning}
        rates = {rounded(rate) for rate in job.settings.rates}
        tried = {rounded(rate) for rate, seed in job.finished if seed in seeds}
        if not tried <= rates:
            runs.add(job.folder.path)
            noun = "trials" if job.settings.tune.trials else noun
            asked.add(len(rates))
            stored.add(len(tried | rates))
    if not runs:
        return []
    numbers = " to ".join(str(number) for number in sorted({min(stored), max(stored)}))
    few = "/".join(map(str, sorted(asked)))
    have = f"{counted(len(runs), 'run')} {verb(len(runs), 'has', 'have')} {numbers} {noun}, and not only the {few}"
    return [f"{have} asked for: the best of all of them is reported; another study=NAME reports the best of {few}"]


def epoch_cost(settings: Settings) -> int:
    """Return the cost of an epoch of one replica: for each row, a multiplication for each weight, and some more."""
    return (len(settings.data.inputs) + EPOCH_ROWS) * (settings.weights + NETWORK_WEIGHTS)


def table_rows(settings: Settings) -> int:
    """Return the rows of `history` and `layers` of one replica."""
    epochs = settings.epochs + 1 if settings.evaluate == "every" else 1
    return epochs * (len(settings.net.hidden) + 2)


def recorded_runs(jobs: Sequence[Job]) -> list[RecordedRun]:
    """Return what runs of this machine cost, in all studies beside those of the jobs.

    These are the newest ones of each data set, first those of the data sets of the jobs.
    """
    runs: list[RecordedRun] = []
    for results in {job.study.folder.parent for job in jobs}:
        newest: dict[str, list[tuple[float, Path]]] = {}
        for status in results.glob("*/runs/*/status.json"):
            newest.setdefault(status.parent.name.rsplit("-", 3)[0], []).append((-status.stat().st_mtime, status.parent))
        known = {job.settings.data.name for job in jobs} & newest.keys() or newest.keys()
        for name in sorted(known):
            runs += filter(None, (_recorded_run(folder) for _, folder in sorted(newest[name])[:NEWEST]))
    return runs


def _recorded_run(folder: Path) -> RecordedRun | None:
    """Return what a run cost; None if another machine or threads trained it, it may have stopped, or is unreadable."""
    try:
        if json.loads((folder / "environment.json").read_bytes())["processor"] != processor():
            return None
        timing = tables.read(folder / "timing.csv")
        replicas = json.loads((folder / "status.json").read_bytes())["replicas"]
        settings = from_record(yaml.load((folder / "config.yaml").read_bytes(), LOADER))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError, ConfigError):
        return None
    if settings.early_stopping.on:  # the epochs that were trained are not known
        return None
    timing = timing[timing["threads"] == 1]
    epochs = (timing["replicas"] * timing["epochs"]).sum()
    if not epochs:
        return None
    size = sum(path.stat().st_size for path in folder.glob("*.csv"))
    return RecordedRun(
        settings, timing["total"].sum() / epochs / epoch_cost(settings), size / replicas / table_rows(settings)
    )


def _most_similar(runs: Sequence[RecordedRun], settings: Settings) -> list[RecordedRun]:
    """Return the recorded runs that differ least; the setting that costs most counts first."""

    def differences(run: RecordedRun) -> list[bool]:
        return [
            run.settings.data.name != settings.data.name,
            run.settings.diagnostics != settings.diagnostics,
            run.settings.metrics != settings.metrics,
            run.settings.evaluate != settings.evaluate,
            run.settings.pretrain != settings.pretrain,
            run.settings.net.hidden != settings.net.hidden,
            run.settings.activation != settings.activation,
            run.settings.optimizer != settings.optimizer,
            run.settings.batch_size != settings.batch_size,
            run.settings.output != settings.output,
        ]

    least = min(map(differences, runs))
    return [run for run in runs if differences(run) == least]


def duration(seconds: float) -> str:
    """Return a time in a unit that suits its length: "about 3.2 minutes", "less than a second"."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"about {seconds / length:.1f} {unit}"
    return f"about {counted(round(seconds), 'second')}" if seconds >= 0.5 else "less than a second"
