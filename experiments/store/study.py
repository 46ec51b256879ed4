"""A study's folder: its runs, its locks and its progress marks.

results/<study>/runs/<run>/    one condition
results/<study>/*.csv          the study's tables: all finished replicas of all runs
"""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import uuid4

from experiments.config.errors import ConfigError
from experiments.store.earlier import earlier_reading
from experiments.store.files import RESULTS, locked
from experiments.store.marks import ProgressMarks
from experiments.store.runs import RunFolder


class Study:
    """One study's folder.

    Parameters
    ----------
    name
        Name of the study.
    results
        The folder of all studies.
    """

    def __init__(self, name: str, results: Path = RESULTS):
        self.name = name
        self.folder = Path(results) / name
        self.marks = ProgressMarks(self.folder / ".progress")

    def run(self, name: str) -> RunFolder:
        """Return the folder of a run, which may not exist yet."""
        return RunFolder(self.folder / "runs" / name)

    def runs(self) -> list[RunFolder]:
        """Return the folders of all runs, sorted by name."""
        return [RunFolder(path) for path in sorted((self.folder / "runs").glob("*")) if path.is_dir()]

    def unfinished(self) -> dict[str, str]:
        """Return the unfinished runs of all sweeps: by name, the reason.

        A run without a progress mark is judged by its files, as in studies of earlier versions.
        """
        marks = self.marks.read()
        names = sorted({run.name for run in self.runs()} | marks.keys())
        reasons = {name: self.run(name).unfinished(marks[name].state if name in marks else None) for name in names}
        return {name: reason for name, reason in reasons.items() if reason is not None}

    def earlier_readings(self) -> dict[str, str]:
        """Return the runs whose file gives other data today: by name, how each was read."""
        readings = {run.name: earlier_reading(run.path) for run in self.runs()}
        return {name: reading for name, reading in readings.items() if reading is not None}

    def lock(self) -> AbstractContextManager[None]:
        """Hold the lock of the study's tables."""
        return locked(self.folder / ".locks" / "study.lock")

    @contextmanager
    def sweeping(self) -> Iterator[None]:
        """Hold a lock of one's own while a sweep trains: between two runs, too, the study must stay where it is."""
        path = self.folder / ".locks" / f"sweep-{uuid4().hex}.lock"
        with locked(path):
            try:
                yield
            finally:
                path.unlink(missing_ok=True)

    def check_writable(self, run: str) -> None:
        """Raise a ConfigError if a run cannot be written here. Nothing is left behind."""
        for folder in (self.folder, self.folder / ".locks", self.run(run).path):
            existing = folder
            while not (existing.exists() or existing.is_symlink()):
                existing = existing.parent
            try:
                with tempfile.TemporaryFile(dir=existing):
                    pass
            except OSError as error:
                raise ConfigError(f"results cannot be written to {folder}: {error.strerror}: {existing}") from error
