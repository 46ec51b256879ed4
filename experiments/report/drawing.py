"""Draws the figures of a study that changed since its last report, in one process per core."""

import gc
import pickle
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from experiments.analysis.wording import counted
from experiments.figures.registry import NO_TABLES, Drawable, Missing, Parts, all_figures, dataset_names, once
from experiments.figures.style import UNDATED, render
from experiments.report.caching import digest, digest_of_tables, program
from experiments.report.shelf import Drawn, Shelf
from experiments.store.files import naming
from experiments.store.reading import StudyTables
from experiments.store.study import Study
from experiments.sweep.workers import Pool

FIGURES = all_figures()

MANY = 12
"""A figure with more pictures than this, one for each data set, is drawn only on request: a page must stay readable."""

KEPT = ("leaderboard", "learning_rate_sensitivity")
"""The figures that a page has of any number of data sets."""


class OnRequest(Missing):
    """A figure has too many pictures for a page."""

    def __init__(self, name: str, count: int):
        super().__init__(f"its pictures of {counted(count, 'data set')} are drawn only on request")
        self.name = name

    def line(self, study: str, datasets: Iterable[str], words: Sequence[str] = ()) -> str:
        """Return the reason, with the command that draws the pictures."""
        command = ["python", "-m", "experiments.report", f"study={study}", f"figures={self.name}"]
        return f"{self}; run: {shlex.join(command)}"


@dataclass(frozen=True)
class Picture:
    """A drawn figure, as the page shows it.

    Attributes
    ----------
    figure
        The name of the registered figure. One figure may have several pictures, such as one for each data set.
    stem
        The name of the picture's files, without their kind.
    title
        The figure's title.
    caption
        What the picture shows.
    svg
        The content of the SVG file.
    demonstration
        Whether it shows a fixed experiment, not the study.
    """

    figure: str
    stem: str
    title: str
    caption: str
    svg: str
    demonstration: bool = False


@dataclass(frozen=True)
class Drawings:
    """Drawn pictures, the reason for each missing one by its stem, the files that were written, and `Shown.notes`."""

    pictures: list[Picture] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    written: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Task(NamedTuple):
    """A picture that is to be drawn: a part of a figure."""

    figure: str
    part: str
    stem: str
    key: str
    kinds: tuple[str, ...]
    tables: Path | None  # a file with the tables of the study; a demonstration reads none


class _Splits:
    """A study's parts, which are split only once for all figures that have the same parts."""

    def __init__(self, tables: StudyTables):
        self.tables = tables
        self._parts: dict[Parts, dict[str, StudyTables] | Missing] = {}
        self._digests: dict[tuple[Parts, str], str] = {}

    def parts(self, drawable: Drawable) -> dict[str, StudyTables] | Missing:
        """Return the parts of a figure by name, or the reason why the study has none."""
        if drawable.parts not in self._parts:
            try:
                self._parts[drawable.parts] = drawable.parts(self.tables)
            except Missing as reason:
                self._parts[drawable.parts] = reason
        return self._parts[drawable.parts]

    def digest(self, drawable: Drawable, part: str, content: StudyTables) -> str:
        """Return the digest of a part's tables."""
        key = drawable.parts, part
        if key not in self._digests:
            self._digests[key] = digest_of_tables(content)
        return self._digests[key]


@lru_cache(maxsize=2)
def _stored_splits(path: Path) -> _Splits:
    return _Splits(pickle.loads(path.read_bytes()))


@contextmanager
def _one_collection() -> Iterator[None]:
    """Look for unreachable objects once, at the end, and only among new ones.

    Python would look many times while Matplotlib makes its hundred thousands of objects.
    """
    was_enabled, were_frozen = gc.isenabled(), gc.get_freeze_count()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        if not were_frozen:
            gc.unfreeze()
        if was_enabled:
            gc.enable()


@_one_collection()
def _draw(task: Task, splits: _Splits | None = None) -> Drawn | Missing:
    """Draw a picture, in any process; without `splits` the tables are read from their file."""
    drawable = FIGURES[task.figure]
    content = NO_TABLES
    if task.tables is not None:
        parts = (splits or _stored_splits(task.tables)).parts(drawable)
        assert not isinstance(parts, Missing)
        content = parts[task.part]
    figure = drawable.draw_part(content)
    if isinstance(figure, Missing):
        return figure
    title = drawable.worded(drawable.title, content)
    return Drawn(str(figure.get_label()), {kind: render(figure, kind, title) for kind in task.kinds})


class Drawer:
    """Draws the figures of a report that an earlier report has not drawn from the same tables.

    Parameters
    ----------
    folder
        The folder of the report's figures.
    cache
        The folder of the demonstrations, which are the same in all studies.
    kinds
        The kinds of files, "svg" among them.
    pool
        What draws beside this process, if anything does.
    temporary
        A folder for the tables, which the processes of the pool read.
    figures
        The names of the figures. Without them it is all, but for those of more than `MANY` pictures.
    """

    def __init__(
        self,
        folder: Path,
        cache: Path,
        kinds: tuple[str, ...],
        pool: Pool | None,
        temporary: Path,
        figures: Sequence[str] = (),
    ):
        self.kinds, self.pool, self.temporary = kinds, pool, temporary
        self.figures = {name: FIGURES[name] for name in figures or FIGURES}
        self._for_page = not figures
        self._shelf, self._demonstrations = Shelf(folder), Shelf(cache)
        self._splits: dict[Path | None, _Splits] = {}
        self._drawn: dict[str, dict[str, Drawn | Missing | None]] = {}  # by figure and stem; None: not drawn yet
        self._tasks: dict[Task, Future[Drawn | Missing] | None] = {}

    @property
    def progress(self) -> tuple[int, int]:
        """How many pictures are drawn, and how many must be."""
        waiting = sum(self._is_waiting(task) for task in self._tasks)
        ready = sum(future is not None and future.done() for future in self._tasks.values())
        return max(ready, len(self._tasks) - waiting), len(self._tasks)

    def begin_demonstrations(self) -> None:
        """Begin with the figures that show no study."""
        for name, drawable in self.figures.items():
            if drawable.demonstration:
                self._begin(Task(name, "", name, digest([program(), name]), self.kinds, None))

    def begin(self, tables: StudyTables, margin: float | None, baselines: bool) -> None:
        """Begin with the figures of a study: with those that show its baselines, or with the others.

        `margin` is that of `experiments.analysis.answer.findings`.
        """
        if margin is not None:
            tables = tables._replace(replicas=tables.replicas.assign(margin=margin))
        path = self.temporary / f"tables-{baselines}"
        splits = self._splits[path] = _Splits(tables)
        if self.pool is not None:
            # Another sweep may change the stored tables at any time, so further processes do not read those.
            with naming(path):
                path.write_bytes(pickle.dumps(tables, pickle.HIGHEST_PROTOCOL))
        for name, drawable in self.figures.items():
            if drawable.demonstration or drawable.baselines != baselines:
                continue
            parts = splits.parts(drawable)
            if isinstance(parts, Missing):
                self._drawn[name] = {name: parts}
                continue
            if self._for_page and len(parts) > MANY and name not in KEPT:
                self._drawn[name] = {name: OnRequest(name, len(parts))}
                continue
            stems = drawable.stems(parts)
            for part, content in parts.items():
                key = digest([program(), name, splits.digest(drawable, part, content)])
                self._begin(Task(name, part, stems[part], key, self.kinds, path))

    def _begin(self, task: Task) -> None:
        """Take a picture from the shelf, or begin to draw it."""
        self._drawn.setdefault(task.figure, {})[task.stem] = None  # its place among the parts, drawn in any order
        shelves = [self._shelf, self._demonstrations][: 1 + (task.tables is None)]
        drawings = (shelf.get(task.stem, task.key, task.kinds) for shelf in shelves)
        stored = next((drawn for drawn in drawings if drawn is not None), None)
        if stored is None:
            self._tasks[task] = self.pool.submit(_draw, task) if self.pool else None
        else:
            self._store(task, stored)

    def _is_waiting(self, task: Task) -> bool:
        return self._drawn[task.figure][task.stem] is None

    def _store(self, task: Task, drawn: Drawn | Missing) -> None:
        self._drawn[task.figure][task.stem] = drawn
        if isinstance(drawn, Missing):  # the user may bring back a file that it lacks, so the next report tries again
            return
        self._shelf.put(task.stem, task.key, drawn)
        if task.tables is None:
            with suppress(OSError):  # a report needs no cache
                self._demonstrations.put(task.stem, task.key, drawn)

    def help(self, show: Callable[[int, int], None]) -> None:
        """Draw what no process has begun with, the last picture first; `show` is called with `progress` after each."""
        for task, future in reversed(self._tasks.items()):
            if self._is_waiting(task) and (future is None or future.cancel()):
                self._store(task, _draw(task, self._splits.get(task.tables)))
                show(*self.progress)

    def finish(self, show: Callable[[int, int], None]) -> None:
        """Draw all that is left, as `help` does, and wait for what other processes draw."""
        self.help(show)
        for task, future in self._tasks.items():
            if future is not None and not future.cancelled():
                try:
                    drawn = future.result()
                except BrokenProcessPool:  # the machine may be out of memory
                    drawn = _draw(task, self._splits.get(task.tables))
                self._store(task, drawn)
                show(*self.progress)

    def save(self) -> None:
        """Note from what each picture was drawn."""
        if self._tasks:
            self._shelf.save()
            with suppress(OSError):
                self._demonstrations.save()

    def drawings(self, study: Study, tables: StudyTables) -> Drawings:
        """Return all pictures of a study, and the reasons for those that are missing."""
        from experiments.report.provenance import study_words  # it imports Hydra, as in the registry

        drawings, datasets, words = Drawings(), dataset_names(tables), study_words(study.folder)
        for name, drawable in self.figures.items():
            for stem, drawn in once(name, self._drawn[name]).items():
                if isinstance(drawn, Missing):
                    drawings.missing[stem] = drawn.line(study.name, datasets, words)
                    continue
                assert drawn is not None  # `finish` has drawn all
                drawings.written.extend(self._shelf.folder / f"{stem}.{kind}" for kind in self.kinds)
                title, shows = (drawable.worded(text, tables) for text in (drawable.title, drawable.caption))
                caption = " ".join(filter(None, [shows, drawn.label]))
                svg = drawn.files["svg"].decode()
                drawings.pictures.append(Picture(name, stem, title, caption, svg, drawable.demonstration))
        return drawings

    def remove_others(self, written: Iterable[Path]) -> None:
        """Remove the files that the tables of a study or the kinds no longer allow: those that are not `written`."""
        folder = self._shelf.folder
        for name in self.figures:
            if isinstance(self._drawn[name].get(name), OnRequest):
                continue  # somebody asked for these files
            for kind in UNDATED:
                for path in {folder / f"{name}.{kind}", *folder.glob(f"{name}-*.{kind}")} - set(written):
                    path.unlink(missing_ok=True)
