"""Whole studies: lists them, renames, merges and deletes them. What is in use is refused.

A crash at any moment loses nothing, and the same command goes on: a folder is moved in one step, and a run leaves its
old study only after it is complete in the other one.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from filelock import Timeout

from experiments import tables
from experiments.config.errors import ConfigError
from experiments.config.rules import Name
from experiments.store.collecting import collect
from experiments.store.files import RESULTS, is_locked, locked
from experiments.store.reading import STARTED, STUDY_TABLES
from experiments.store.runs import RunFolder, joined_files
from experiments.store.study import Study

REMOVED = RESULTS / ".cache" / "deleted"
"""Where a study that is deleted waits for the removal of its files."""

DERIVED = (".index.json", *(f"{name}.csv" for name in STUDY_TABLES), "baselines.csv")
"""The files of a study that follow from its runs."""

FOLDERS = ("parquet", "report", "tensorboard", ".progress", ".locks")
"""The folders of a study, besides its runs, whose content follows from its runs or informs of a sweep."""


class Facts(NamedTuple):
    """What a list says of a study."""

    name: str
    conditions: int
    replicas: int
    size: int
    state: str


def names() -> list[str]:
    """Return the names of all studies, also of those of which nothing is finished."""
    return sorted({path.parent.name for name in STARTED for path in RESULTS.glob(f"*/{name}")})


def facts(study: Study) -> Facts:
    """Return what a list says of a study: its conditions, finished replicas, bytes and state."""
    runs = study.runs()
    collected = study.folder / "replicas.csv"
    replicas = tables.number_of_rows(collected.read_bytes()) if collected.exists() else 0
    size = sum(path.stat().st_size for path in study.folder.rglob("*") if path.is_file())
    unfinished = study.unfinished()
    state = "in use" if _in_use(study) else f"{len(unfinished)} unfinished" if unfinished else "finished"
    if _interrupted(study):
        state = f"half merged into {', '.join(_interrupted(study))}"
    return Facts(study.name, len(runs), replicas, size, state)


def rename(study: Study, name: str) -> Study:
    """Rename a study, in one step.

    Raises
    ------
    ConfigError
        If the name is not allowed or taken, or the study is in use.
    """
    new = Study(name)
    if not Name().accepts(name):
        raise ConfigError(f"{name!r}: allowed is {Name.words}")
    _check_no_merge(study)
    with _held(study):
        if new.folder.exists() and name not in names():
            raise ConfigError(f"{new.folder}/ exists and is no study; allowed is another name")
        if new.folder.exists():
            raise ConfigError(
                f"{new.folder}/ exists. Merging adds the runs of {study.name} to it.", ["merge", study.name, name]
            )
        os.rename(study.folder, new.folder)
    return new


def delete(study: Study) -> None:
    """Delete a study; it disappears in one step."""
    _check_no_merge(study)
    with _held(study):
        waiting = REMOVED / study.name
        shutil.rmtree(REMOVED, ignore_errors=True)  # what a crash left
        waiting.parent.mkdir(parents=True, exist_ok=True)
        os.rename(study.folder, waiting)
    shutil.rmtree(REMOVED)


def merge(source: Study, target: Study) -> list[Path]:
    """Move the runs of a study into another one, and return what else was in its folder, which stays there.

    A run that both have becomes one, with the replicas of both.

    Raises
    ------
    ConfigError
        If both have a run of which a part is not finished, or differ in a replica's numbers or in what a seed is for.
        Then nothing is changed. Or if one of them is in use.
    """
    if source.folder.resolve() == target.folder.resolve():
        raise ConfigError(f"{source.name} and {target.name} are one study: allowed are two")
    _check_no_merge(source, target)
    _check_no_merge(target)
    staged, replaced = (source.folder / f".{word}-{target.name}" for word in ("staged", "replaced"))
    with _held(source), _held(target):
        for path in staged.glob("*"):  # of a crash
            if not target.run(path.name).path.exists():
                os.rename(path, target.run(path.name).path)
        _remove(staged, replaced)
        common = {run.name for run in source.runs()} & {run.name for run in target.runs()}
        joined = {name: _joined(source.run(name), target.run(name)) for name in sorted(common)}
        for path in (target.folder / "runs", staged, replaced):
            path.mkdir(parents=True, exist_ok=True)
        for run in source.runs():
            to = target.run(run.name).path
            if run.name in joined:
                stage = RunFolder(staged / run.name)
                stage.replace(joined[run.name])
                # An exported network may no longer be the best one; the user's own files stay.
                for path in [*to.iterdir(), *run.path.iterdir()]:
                    if path.is_file() and path.stem != "network" and not (stage.path / path.name).exists():
                        shutil.copy2(path, stage.path)
                os.rename(to, replaced / run.name)
                os.rename(stage.path, to)
                os.rename(run.path, replaced / f"{run.name}.joined")
            else:
                os.rename(run.path, to)
        for path in (source.folder / ".progress").glob("*"):
            if not (target.marks.folder / path.name).exists():
                target.marks.folder.mkdir(exist_ok=True)
                os.replace(path, target.marks.folder / path.name)
        _remove(staged, replaced)
    collect(target)
    with suppress(OSError):
        (source.folder / "runs").rmdir()
    for name in DERIVED:
        (source.folder / name).unlink(missing_ok=True)
    _remove(*(source.folder / name for name in FOLDERS))
    others = sorted(source.folder.iterdir())
    if not others:
        source.folder.rmdir()
    return others


def _check_no_merge(study: Study, target: Study | None = None) -> None:
    """Refuse a study whose merge into another one than `target` was interrupted: it holds runs of both.

    Raises
    ------
    ConfigError
        With the command that completes the merge.
    """
    for name in _interrupted(study):
        if target is None or name != target.name:
            command = ["merge", study.name, name]
            raise ConfigError(
                f"merging {study.name} into {name} was interrupted, and has to be completed first.", command
            )


def _interrupted(study: Study) -> list[str]:
    """Return the studies into which an interrupted command began to merge this one."""
    return [path.name.removeprefix(".staged-") for path in sorted(study.folder.glob(".staged-*"))]


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _joined(one: RunFolder, other: RunFolder) -> dict[str, bytes]:
    """Return the files of a run with the replicas of both of its folders; the second is the one that stays."""
    read = one.read(), other.read()
    for run, stored in zip((one, other), read, strict=True):
        if stored.state != "done" or run.failure() is not None or run.checkpoints():
            raise ConfigError(f"{run.path} is not finished; the sweep that began it continues it")
    try:
        return joined_files(read[1], read[0])
    except ValueError as error:
        raise ConfigError(f"{one.path} and {other.path} do not fit together: {error}; nothing was changed") from error


def _locks(study: Study) -> list[Path]:
    folder = study.folder / ".locks"
    always = {folder / "study.lock", folder / "report.lock", *(folder / f"{run.name}.lock" for run in study.runs())}
    return sorted(always | set(folder.glob("*.lock")))


@contextmanager
def _held(study: Study) -> Iterator[None]:
    """Hold all locks of a study, which nothing may use at the same time."""
    with ExitStack() as stack:
        try:
            for path in _locks(study):
                stack.enter_context(locked(path, timeout=0))
        except Timeout:
            what = "a run is trained, or its tables or report are written"
            raise ConfigError(f"study {study.name!r} is in use: {what}; try again when that has ended") from None
        yield


def _in_use(study: Study) -> bool:
    return any(map(is_locked, _locks(study)))
