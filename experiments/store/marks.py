"""Progress marks: small files that say how far the jobs of a sweep are.

A sweep writes a mark for each of its jobs before the first one starts, and removes those of finished jobs at the end.
What an interrupted or killed sweep has not finished keeps its mark, until the job is finished or the study is pruned.
"""

import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Mark(NamedTuple):
    """What a job noted last."""

    state: str  # "waiting", "running", "done" or "failed"
    epochs: int  # that are trained, summed over the job's replicas


class ProgressMarks:
    """The folder of a study's progress marks, a file for each run.

    Marks only inform: an error of the disk is ignored.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, run: str, state: str, epochs: int = 0) -> None:
        """Note the state of a job and the epochs of replicas that it has trained."""
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            # In one step, else a reader finds an empty mark. It need not survive a crash: nothing waits for the disk.
            temporary = self.folder / f".mark.{threading.get_native_id()}.new"
            temporary.write_text(f"{state} {epochs}", "utf-8")
            os.replace(temporary, self.folder / run)

    def read(self) -> dict[str, Mark]:
        """Return the marks by run."""
        marks = {}
        for path in self.folder.glob("[!.]*"):
            with suppress(OSError, ValueError):
                state, epochs = path.read_text("utf-8").split()
                marks[path.name] = Mark(state, int(epochs))
        return marks

    def clear(self, runs: Iterable[str]) -> None:
        """Remove the marks of these runs."""
        for run in runs:
            with suppress(OSError):
                (self.folder / run).unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()
