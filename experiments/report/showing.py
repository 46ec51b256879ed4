"""What a person sees while a report is written: a bar on a terminal; and the processes that help."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

import joblib

from experiments.sweep.workers import Pool, Processes, is_worker

Result = TypeVar("Result")
MOST = 8
"""The largest number of processes: more of them take longer to start than they save."""


@contextmanager
def helpers() -> Iterator[Pool | None]:
    """Return a pool with a process for each further core, if there is one; all have begun to import what draws."""
    count = min(joblib.cpu_count() - 1, MOST)
    if count < 1 or is_worker():
        yield None
        return
    try:
        pool = Processes(count)
    except (OSError, ImportError, NotImplementedError):  # no process can start: this one draws alone
        yield None
        return
    try:
        for _ in range(count):
            pool.submit(_import_figures)
        yield pool
    except BaseException:
        pool.shutdown(kill_workers=True)
        raise
    pool.shutdown()


def later(pool: Pool | None, function: Callable[..., Result], *arguments: object) -> Callable[[], Result]:
    """Begin with a call in another process, if there is one; return what waits for its result."""
    if pool is None:
        return lambda: function(*arguments)
    future = pool.submit(function, *arguments)

    def result() -> Result:
        try:
            value: Result = future.result()
            return value
        except BrokenProcessPool:
            return function(*arguments)

    return result


def _import_figures() -> None:
    from experiments.report import drawing  # noqa: F401


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None]]:
    """Return what shows how many figures are drawn and how many must be: a bar on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield lambda drawn, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("figures", total=None)
        yield lambda drawn, total: bar.update(task, completed=drawn, total=total)
