"""Sweeps: train what the studies lack, survive what fails, and report at the end.

What a sweep did is read from the study, not from what jobs return. So a worker process that is killed costs its own job
and nothing else.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from experiments.analysis.wording import counted, verb
from experiments.config.commands import command_line
from experiments.config.errors import ConfigError, disk_line
from experiments.data.table import Data
from experiments.store.collecting import collect
from experiments.store.study import Study
from experiments.sweep.jobs import Job, disjoint
from experiments.sweep.planning import earlier_runs, larger_budgets
from experiments.sweep.progress import live_view
from experiments.sweep.scheduling import train_all
from experiments.sweep.summary import summary

Train = Callable[[Sequence[Job]], Mapping[Path, str]]
"""Trains jobs into their studies, and returns why runs were given up, by their folder."""


def run_sweep(jobs: Sequence[Job], train: Train = train_all) -> int:
    """Train what the jobs lack; print the table of each study and what failed; return the exit code, 0 or 1.

    Parameters
    ----------
    jobs
        All jobs of the sweep, each run once.
    train
        Trains those that lack something; by default workers of this machine.

    Raises
    ------
    ConfigError
        If a run cannot be written; nothing was trained then.
    """
    for job in jobs:
        job.study.check_writable(job.run)
    studies = {job.study.folder: job.study for job in jobs}
    pending = [job for job in jobs if job.missing]
    for note in _notes(jobs):
        print(note)
    if pending:
        print(_work(pending), flush=True)  # into a pipe too, while the workers train
    try:
        with ExitStack() as held:
            for study in {job.study.folder: job.study for job in pending}.values():
                held.enter_context(study.sweeping())
            for study in studies.values():
                study.marks.clear(job.run for job in jobs if job.study.folder == study.folder)
            for job in jobs:
                if not job.missing:
                    job.folder.clear_failure()
            for job in pending:
                job.study.marks.write(job.run, "waiting")
            with live_view(pending):
                given_up = train(pending)
            codes = [
                _finish(study, [job for job in jobs if job.study.folder == folder], given_up)
                for folder, study in studies.items()
            ]
        return max(codes)
    except KeyboardInterrupt:
        for study in studies.values():
            collect(study)
        raise
    except OSError as error:
        print(f"{command_line('run').split()[-1]}: {disk_line(error)}; finished runs are stored", file=sys.stderr)
        return 1
    finally:
        for study in studies.values():
            runs = {job.run for job in jobs if job.study.folder == study.folder}
            study.marks.clear(run for run, mark in study.marks.read().items() if run in runs and mark.state == "done")


def readings(jobs: Sequence[Job]) -> Iterator[str]:
    """Yield sentences that say how each file was understood."""
    for data in {job.settings.data.sha256: job.settings.data for job in jobs}.values():
        if data.columns:
            yield _reading(data)
            yield from (f"{data.name}: {note}" for note in data.notes)


def _notes(jobs: Sequence[Job]) -> Iterator[str]:
    """Yield what a user may not expect: how a file was understood, and which replicas are retrained."""
    yield from readings(jobs)
    yield from earlier_runs(jobs)
    yield from larger_budgets(jobs)
    drawn = [(job.settings.init, job.settings.activation) for job in jobs if job.settings.net.hidden]
    yield from filter(None, (init.note(activation) for init, activation in dict.fromkeys(drawn)))
    repeated = len({(job.folder.path, replica) for job in jobs for replica in job.repeated})
    if repeated:
        noun = verb(repeated, "finished replica is", "finished replicas are")
        yield f"{repeated} {noun} retrained: {verb(repeated, 'its network was', 'their networks were')} not kept"


def _work(jobs: Sequence[Job]) -> str:
    """Return the sentence that says what is trained."""
    jobs = disjoint(jobs)
    runs = counted(len({job.folder.path for job in jobs}), "run")
    work = "train" if any(job.settings.epochs for job in jobs) else "evaluate"
    names = ", ".join(sorted({job.study.name for job in jobs}))
    return f"study {names}: {runs}, {counted(sum(job.replicas for job in jobs), 'replica')} to {work}"


def _reading(data: Data) -> str:
    """Return the sentence that says how a table was understood."""
    from experiments.data.cells import PLAIN, listed  # here: they import pandas
    from experiments.data.columns import Categories, Dates

    left_out = f" ({data.left_out} more {verb(data.left_out, 'has', 'have')} missing values)" if data.left_out else ""
    shape = f"{len(data.inputs)} rows{left_out}, {counted(len(data.features), 'input')}"
    other = "classification" if data.task == "regression" else "regression"
    is_open = not data.classes or all(map(PLAIN.fits, data.classes))
    choice = f" (dataset.task={other} decides otherwise)" if is_open else ""
    targets = f"classes {listed(data.classes, 20)}" if data.classes else "a number to predict"
    one_hot = [f"{column.name} {len(column.categories)}" for column in data.columns if isinstance(column, Categories)]
    dates = [column.name for column in data.columns if isinstance(column, Dates)]
    kinds = [f"; {kind}: {listed(names, 20)}" for kind, names in (("one-hot", one_hot), ("dates", dates)) if names]
    return f"{data.name}: {data.task}, {targets}; {shape}{choice}{''.join(kinds)}"


def _finish(study: Study, jobs: Sequence[Job], given_up: Mapping[Path, str]) -> int:
    """Collect the study, print the table of this sweep's jobs and their failures; return the exit code."""
    from rich.console import Console

    trained = "trained" if any(job.settings.epochs for job in jobs) else "evaluated without training"
    kept, remaining, refused = list[Job](), list[Job](), dict[str, str]()
    for job in jobs:
        try:
            remaining.append(job.remaining())
            kept.append(job)
        except ConfigError as refusal:
            refused[job.run] = str(refusal)
    jobs = kept
    unfinished: Counter[str] = Counter()
    for job in disjoint(remaining):
        unfinished[job.run] += job.replicas
    collect(study)
    for job in jobs:
        name = job.settings.formula.name
        if name and job.settings.activation.name == "formula" and not unfinished[job.run]:
            job.folder.name_formula(name)
    stored = [job.run for job in jobs if not unfinished[job.run]]
    if stored:
        console = Console(width=None if sys.stdout.isatty() else 80)
        for part in filter(None, summary(study, stored)):
            console.print(part, markup=False, highlight=False)
    before = {(job.run, replica) for job in jobs for replica in job.finished}
    stored_now = {(job.run, replica) for job in remaining for replica in job.finished.intersection(job.planned)}
    new, old = len(stored_now - before), len(stored_now & before)
    counts = f"{counted(new, 'replica')} {trained}, {old} {verb(old, 'was', 'were')} there already"
    print(f"{counts}; tables in {study.folder}/")
    if stored:
        print(f"{command_line('report')} study={study.name} compares seed by seed, also with simple models")
    if stored and any(job.settings.save for job in jobs):
        print(f"{command_line('predict')} study={study.name} ROWS.csv > predictions.csv predicts new rows")
    reasons = {
        job.run: _failure(job, unfinished[job.run], given_up.get(job.folder.path)) for job in jobs if job.missing
    }
    failed = refused | {run: reason for run, reason in reasons.items() if reason}
    for run, reason in failed.items():
        print(f"failed: {run}: {reason}", file=sys.stderr)
    return int(bool(failed))


def _failure(job: Job, unfinished: int, given_up: str | None) -> str | None:
    """Return why a job failed; None if it did not."""
    failure = job.folder.failure()
    if unfinished and given_up:
        return given_up
    if failure:
        return f"{failure} (traceback in {job.folder.path / 'failure.txt'})"
    return f"{unfinished} replicas are not stored" if unfinished else None
