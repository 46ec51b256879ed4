"""What a sweep would train, and how much time and disk it would take."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import NamedTuple

import yaml

from experiments import tables
from experiments.analysis.wording import counted, verb
from experiments.config.errors import ConfigError
from experiments.config.settings import Settings, from_record
from experiments.store.earlier import earlier_reading
from experiments.store.runs import outcomes
from experiments.store.study import Study
from experiments.sweep.jobs import Job, disjoint

EPOCH_ROWS = 2000
"""Without them, a data set of few rows would make the epochs of a large one seem ten times as long as they are."""


class RecordedRun(NamedTuple):
    """What a stored run cost."""

    settings: Settings
    seconds: float  # by unit of `epoch_cost`
    bytes: float  # of its tables, by unit of `table_rows`


def plan(jobs: Sequence[Job]) -> str:
    """Return what a sweep would train, how long that takes in one process and how much it writes.

    Time and bytes are those of the most similar recorded run, in proportion to what differs.
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
    lines = [f"{conditions}, {counted(replicas, 'replica')}: {there} {verb(there, 'is', 'are')} there already, {work}"]
    lines += earlier_runs(jobs)
    runs = recorded_runs({job.study.folder: job.study for job in jobs}.values()) if missing else []
    if missing and not runs:
        lines.append("time and disk: unknown, because this study has no recorded run yet")
    elif missing:
        seconds = size = 0.0
        unrecorded = set()
        for job in jobs:
            run = _most_similar(runs, job.settings)
            if job.missing and run.settings.data.name != job.settings.data.name:
                unrecorded.add(job.settings.data.name)
            seconds += run.seconds * epoch_cost(job.settings) * job.work
            size += run.bytes * table_rows(job.settings) * job.replicas
        lines.append(
            f"time: about {_duration(seconds)} in one process, estimated from {counted(len(runs), 'recorded run')}"
        )
        if unrecorded:
            lines[-1] += f"; none of them is of {', '.join(sorted(unrecorded))}, so the time is rough"
        lines.append(f"disk: about {2 * size / 1e6:,.1f} MB, of which half is the study's own copy of the tables")
    return "\n".join(lines)


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


def epoch_cost(settings: Settings) -> int:
    """Return the cost of an epoch of one replica: for each row, a multiplication for each weight, and 2000 more.

    What is done once in an epoch, such as diagnostics, counts as `EPOCH_ROWS` rows.
    """
    return (len(settings.data.inputs) + EPOCH_ROWS) * (settings.weights + 2000)


def table_rows(settings: Settings) -> int:
    """Return the rows of `history` and `layers` of one replica."""
    return (settings.epochs + 1) * (len(settings.net.hidden) + 2)


def recorded_runs(studies: Iterable[Study]) -> list[RecordedRun]:
    """Return the intact runs of these studies with what they cost."""
    runs = []
    for study in studies:
        for folder in study.runs():
            files = folder.read().files
            try:
                settings = from_record(yaml.safe_load(files["config.yaml"])) if files else None
            except ConfigError:
                continue
            if settings is not None:
                runs.append(_recorded_run(settings, files))
    return runs


def _recorded_run(settings: Settings, files: dict[str, bytes]) -> RecordedRun:
    timing = tables.read(BytesIO(files["timing.csv"]))
    epochs = (timing["replicas"] * timing["epochs"]).sum()
    size = sum(len(content) for name, content in files.items() if name.endswith(".csv"))
    return RecordedRun(
        settings,
        timing["total"].sum() / epochs / epoch_cost(settings),
        size / len(outcomes(files)) / table_rows(settings),
    )


def _most_similar(runs: Iterable[RecordedRun], settings: Settings) -> RecordedRun:
    """Return the recorded run that differs least; the setting that costs most counts first."""

    def differences(run: RecordedRun) -> list[bool]:
        return [
            run.settings.data.name != settings.data.name,
            run.settings.net.hidden != settings.net.hidden,
            run.settings.activation != settings.activation,
            run.settings.optimizer != settings.optimizer,
            run.settings.batch_size != settings.batch_size,
            run.settings.output != settings.output,
        ]

    return min(runs, key=differences)


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"
