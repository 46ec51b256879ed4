"""Jobs and sweeps: train what a study lacks, store it, survive what fails, and at the end say what came out.

A job trains the missing replicas of one condition. It never raises for an error of its own: the error is a record
in the run's folder, and the sweep goes on. What a sweep did is read from the study, not from what jobs return, so a
worker that was killed costs its job and nothing else.
"""

import json
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from experiments.config.errors import ConfigError
from experiments.config.settings import Settings, from_record
from experiments.store.runs import Store
from experiments.sweep.summary import _summary

if TYPE_CHECKING:
    from experiments.tables import RunTables


ATTEMPTS = 2
"""How often a job is started whose worker process is killed."""


@dataclass(frozen=True)
class Job:
    """A condition with what a study lacks of it.

    Attributes
    ----------
    settings, store
        What to train, and where it belongs.
    overrides
        The command line that composes the settings.
    missing
        (learning rate, seed) of the replicas to train.
    """

    settings: Settings
    store: Store
    overrides: tuple[str, ...]
    missing: tuple[tuple[float, int], ...]

    @classmethod
    def of(cls, settings: Settings, overrides: Sequence[str] = ()) -> "Job":
        """Look up what the study has."""
        store = Store(settings.study)
        return cls(settings, store, tuple(overrides), store.missing(settings))

    def lines(self) -> list[tuple[str, ...]]:
        """Return command lines that together train just what is missing: one for the rates that lack the same seeds."""
        seeds, rates = {}, {}
        for rate, seed in self.missing:
            seeds.setdefault(rate, []).append(seed)
        for rate, lacking in seeds.items():
            rates.setdefault(tuple(lacking), []).append(rate)
        return [
            (*self.overrides, f"optimizer.lr={rates}".replace(" ", ""), f"seeds={list(seeds)}".replace(" ", ""))
            for seeds, rates in rates.items()
        ]

    @property
    def run(self) -> str:
        """Name of the run."""
        return self.settings.run

    @property
    def work(self) -> int:
        """Epochs of all replicas to train."""
        return len(self.missing) * self.settings.epochs


class Trained(NamedTuple):
    """What a job returns from a worker that does not share the disk, to be stored by the driver."""

    run: str
    tables: "RunTables | None"
    environment: dict
    failure: str | None = None


def run_job(settings: Settings, store: Store, overrides: Sequence[str] = (), remote: bool = False) -> Trained | None:
    """Train the missing replicas of a condition and store them; an error is recorded, not raised.

    Parameters
    ----------
    settings, store, overrides
        As in `Job`.
    remote
        Whether to return what was trained instead: nothing is read or written here, all replicas are trained.
    """
    # What is not needed to find out that nothing is missing is imported here: a repeated sweep stays fast.
    from experiments.sweep.environment import describe

    begin = time.perf_counter()

    def environment(status):
        return describe(settings, overrides, time.perf_counter() - begin, status)

    try:
        if remote:
            return Trained(settings.run, _train(settings, settings.replicas), environment("done"))
        _train_missing(settings, store, environment)
    except (Exception, SystemExit) as error:
        status, text = f"{type(error).__name__}: {error}", traceback.format_exc()
        if remote:
            return Trained(settings.run, None, environment(status), text)
        try:
            store.record_failure(settings.run, text, environment(status))
        except OSError as unwritten:  # a full disk, say: then the message is all there is
            print(f"failed: {settings.run}: {status} (not recorded: {unwritten.strerror})", file=sys.stderr)
    return None


def _train_missing(settings, store, environment):
    run = settings.run
    with store.lock(run):
        # Another sweep may have trained some since this one was planned.
        missing = store.missing(settings)
        if not missing:
            return
        resume = [] if settings.force else store.checkpoints(run)
        store.clear_failure(run)
        try:
            tables = _train(
                settings,
                missing,
                on_epoch=_Marker(store, run),
                resume=resume,
                keep=lambda arrays: store.keep_checkpoint(run, arrays),
            )
            store.save(settings, tables, environment("done"))
        finally:
            store.mark(run, "ended")


def _train(settings, replicas, **options):
    from experiments.training.run import train

    return train(settings, replicas, **options)


class _Marker:
    """Notes a job's progress, twice a second at most; called from any thread."""

    def __init__(self, store, run):
        self.store, self.run, self.done, self.last = store, run, 0, 0.0
        self.lock = threading.Lock()
        self(0)

    def __call__(self, count):
        with self.lock:
            self.done += count
            now = time.monotonic()
            if now - self.last > 0.5:
                self.last = now
                self.store.mark(self.run, f"running {self.done}")


def run_here(jobs: Sequence[Job]) -> list[Trained | None]:
    """Run jobs one after the other in this process."""
    return [run_job(job.settings, job.store, job.overrides) for job in jobs]


def run_sweep(jobs: Sequence[Job], launch: Callable[[list[Job]], Sequence[object]] = run_here) -> int:
    """Train what the jobs lack; print the table of each study and what failed; return the exit code, 0 or 1.

    Parameters
    ----------
    jobs
        All jobs of the sweep, each run once.
    launch
        Runs jobs and returns what they returned.

    Raises
    ------
    ConfigError
        If a run cannot be written; nothing was trained then.
    """
    from experiments.sweep.progress import Watch

    for job in jobs:
        job.store.check_writable(job.run)
    for note in _notes(jobs):
        print(note)
    stores = {job.store.folder: job.store for job in jobs}.values()
    pending = [job for job in jobs if job.missing]
    _forget(jobs)
    try:
        with Watch(pending):
            given_up = _launch_all(pending, launch)
        own = [[job for job in jobs if job.store.folder == store.folder] for store in stores]
        return max([_finish(*each, given_up) for each in zip(own, stores, strict=True)])
    except KeyboardInterrupt:
        for store in stores:
            store.collect()
        raise
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        print(f"run.py: {error.strerror}{where}; what was finished is stored", file=sys.stderr)
        return 1
    finally:
        _forget(jobs)


def _notes(jobs):
    """Return what a user may not expect: what a table was taken for, and what is trained once more."""
    for data in {job.settings.data.sha256: job.settings.data for job in jobs}.values():
        if data.columns:
            without = f" ({data.left_out} more have missing values)" if data.left_out else ""
            shape = f"{len(data.inputs)} rows{without}, {len(data.features)} inputs"
            one_hot = ", ".join(f"{column} {len(kinds)}" for column, kinds in data.columns if kinds)
            what = f"classes {', '.join(data.classes)}" if data.classes else "a number to predict"
            yield f"{data.name}: {data.task}, {what}; {shape} (dataset.task=… decides otherwise)" + (
                f"; one-hot: {one_hot}" if one_hot else ""
            )
    again = [job.store.without_network(job.run) for job in jobs if job.settings.save and not job.settings.force]
    count = sum(map(len, again))
    if count:
        yield f"{count} finished replicas are trained again: their networks were not kept"


def _forget(jobs):
    for job in jobs:
        job.store.clear_marks([job.run])


def _launch_all(pending, launch):
    """Launch the jobs, those left by a broken pool of processes again; return the runs that were given up."""
    attempts, given_up = Counter(), set()
    while pending:
        try:
            for result in launch(pending):
                _land(result, pending)
            return given_up
        except BrokenProcessPool:
            marks = {job.run: job.store.marks().get(job.run, "") for job in pending}
            # Who is marked as running was killed, or was beside the one that was: all of a broken pool are.
            attempts.update(run for run, mark in marks.items() if mark.startswith("running"))
            given_up |= {run for run in marks if attempts[run] >= ATTEMPTS}
            pending = [job for job in pending if job.run not in given_up and marks[job.run] != "ended"]
            _forget(pending)
    return given_up


def _land(result, jobs):
    """Store what a job returned as data."""
    if not isinstance(result, Trained):
        return
    job = next(job for job in jobs if job.run == result.run)
    with job.store.lock(job.run):
        if result.failure is None:
            job.store.save(job.settings, result.tables, result.environment)
        else:
            job.store.record_failure(job.run, result.failure, result.environment)


def _lacks(job):
    """Return the number of a job's replicas that are not stored, after it ran."""
    return len(set(job.missing) & set(job.store.missing(replace(job.settings, force=False))))


def _finish(jobs, store, given_up):
    """Collect the study, print this sweep's table and its failures; return the exit code."""
    from rich.console import Console

    left = {job.run: _lacks(job) for job in jobs}
    store.collect()
    console = Console(width=None if sys.stdout.isatty() else 120)
    stored = [job.run for job in jobs if not left[job.run]]
    if stored:
        console.print(_summary(store, stored))
    trained = sum(len(job.missing) - left[job.run] for job in jobs)
    reused = sum(len(job.settings.replicas) - len(job.missing) for job in jobs)
    console.print(f"{trained} replicas trained, {reused} were there already; tables in {store.folder}/", markup=False)
    failed = [job for job in jobs if left[job.run] or (job.missing and store.failure(job.run))]
    for job in failed:
        if job.run in given_up:
            why = f"its worker process was killed {ATTEMPTS} times"
        elif store.failure(job.run):
            why = f"{store.failure(job.run)} (traceback in {store.run_folder(job.run) / 'failure.txt'})"
        else:
            why = f"{left[job.run]} replicas are not stored"
        print(f"failed: {job.run}: {why}", file=sys.stderr)
    return int(bool(failed))


def reproduce(folder: Path) -> int:
    """Train a recorded run again, in memory, and say whether its tables are the same bit for bit.

    Returns
    -------
    int
        0 if all are, 1 if one differs.

    Raises
    ------
    ConfigError
        If the folder holds no run of this version.
    """
    import yaml

    from experiments import tables
    from experiments.sweep.environment import describe

    folder = folder.resolve()
    files = Store(folder.parents[1].name, folder.parents[2]).files(folder.name)
    if files is None:
        raise ConfigError(f"{folder} holds no run whose files are as they were written")
    settings = from_record(yaml.safe_load(files["config.yaml"]))
    if settings.run != folder.name:
        raise ConfigError(f"{folder}: its config.yaml is that of {settings.run}: another version's, or renamed")
    begin = time.perf_counter()
    fresh = _train(settings, settings.replicas)
    then, now = json.loads(files["environment.json"]), describe(settings, [], time.perf_counter() - begin, "done")
    for key in ("git", "python", "packages", "processor", "blas", "dataset_sha256"):
        if then.get(key) != now[key]:
            print(f"then {key}: {then.get(key)}\nnow  {key}: {now[key]}")
    differing = 0
    for name in ("history", "layers", "replicas", "confusion"):
        old, new = files[f"{name}.csv"], tables.to_csv(tables.to_text(fresh.frames[name]))
        if new == old:
            print(f"identical  {name}.csv, {len(fresh.frames[name])} rows")
            continue
        differing += 1
        pairs = enumerate(zip_longest(old.splitlines(), new.splitlines(), fillvalue=b"nothing"), 1)
        line, (before, after) = next((line, pair) for line, pair in pairs if pair[0] != pair[1])
        print(f"differs    {name}.csv, first in line {line}:\n  then {before.decode()}\n  now  {after.decode()}")
    return int(differing > 0)
