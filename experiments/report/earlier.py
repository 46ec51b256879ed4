"""Whether the report of an earlier command is still that of its study: then nothing is read and nothing is drawn."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments.data.sets import file_state
from experiments.report.caching import digest, program
from experiments.store.earlier import record_with_file
from experiments.store.files import checksum, to_json, write_bytes
from experiments.store.reading import FORMULA_NAME, RECORDS, STUDY_TABLES
from experiments.store.study import Study

RUN_FILES = (
    "confusion.csv",
    "reliability.csv",
    "timing.csv",
    "boundary.npz",
    FORMULA_NAME,
    *(name for name, _ in RECORDS.values()),
)
"""What a report reads of a run; all else is in the study's tables."""

NOTE = "report/.report.json"


class Report(NamedTuple):
    """A written report.

    Attributes
    ----------
    answer
        The answer of the study, in one paragraph.
    missing
        By figure, what the study lacks and the command that adds it.
    files
        The paths of all files: those of the report, then the baselines of the study.
    notes
        What a reader must know of a metric by which it ranks, if that is not the error.
    """

    answer: str
    missing: dict[str, str]
    files: list[Path]
    notes: Sequence[str] = ()


def key(studies: list[Study], arguments: Mapping[str, object]) -> str:
    """Return the digest of everything that a report is made from: this program, the arguments and the studies."""
    return digest([program(), dict(arguments), [_facts(study) for study in studies]])


def _facts(study: Study) -> list[Any]:
    """Return the digests of the files of a study that a report reads, and what it says of unfinished runs.

    Behind the decisions of a run the report draws the rows of its data set, so the file of the user counts too.
    """
    paths = [study.folder / f"{name}.csv" for name in STUDY_TABLES]
    paths += [run.path / name for run in study.runs() for name in RUN_FILES]
    sums = {str(path.relative_to(study.folder)): checksum(path) for path in paths if path.exists()}
    records = [record_with_file(run.path) for run in study.runs() if (run.path / "boundary.npz").exists()]
    drawn = [file_state(record["dataset"]["path"]) for record in records if record]
    return [study.name, sums, drawn, study.unfinished(), study.earlier_readings()]


def stored_report(study: Study, key: str) -> Report | None:
    """Return the report of a study, if it was made from the same and all of its files are as they were written."""
    try:
        stored = json.loads((study.folder / NOTE).read_bytes())
        files = {study.folder / name: sha256 for name, sha256 in stored["files"].items()}
        if stored["key"] == key and all(checksum(path) == sha256 for path, sha256 in files.items()):
            return Report(str(stored["answer"]), dict(stored["missing"]), list(files), list(stored["notes"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def store_report(study: Study, key: str, report: Report) -> None:
    """Note of what a report was made, with the checksums of its files."""
    sums = {path.relative_to(study.folder).as_posix(): checksum(path) for path in report.files}
    content = {
        "key": key,
        "answer": report.answer,
        "missing": report.missing,
        "files": sums,
        "notes": list(report.notes),
    }
    write_bytes(study.folder / NOTE, to_json(content))
