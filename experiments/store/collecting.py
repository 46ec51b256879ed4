"""The tables of a study, brought up to date from its runs, as CSV or as Parquet.

The rows of a run that has not changed are copied from the old tables, if these are still as they were written. Only new
runs are read. So the time is that of the new runs and of copying one file, and the memory is that of one run.
"""

import json
import shutil
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from experiments import tables
from experiments.config.errors import ConfigError
from experiments.store.files import checksum, copy, replacing, to_json, write_bytes
from experiments.store.reading import LONG_TABLES, STUDY_TABLES, rows_of_parquet, task_id, tuning_seeds
from experiments.store.study import Study

if TYPE_CHECKING:
    import pandas as pd

PARQUET_HINT = "Parquet files are faster: pip install '.[parquet]'"

PARQUET_FROM = 2_000_000_000
"""Bytes of the long tables of all runs from which on they are collected into Parquet files."""

LAYOUT = {"selected": list(tables.SELECT["error"]), "columns": list(tables.STUDY)}
"""How `replicas.csv` is made from the runs: tables that were made in another way are written anew."""


class Span(NamedTuple):
    """Where a table holds the rows of a run, in bytes."""

    start: int
    length: int


class Entry(NamedTuple):
    """A run in the tables of its study."""

    status: str  # checksum of its status.json
    spans: dict[str, Span]  # by long table


@dataclass(frozen=True)
class Index:
    """What the tables of a study hold, stored beside them in `.index.json`.

    Attributes
    ----------
    headers
        First line of each long table.
    entries
        The runs by name, sorted as in the tables.
    parquet
        Whether the long tables are Parquet files. Then there are no headers and no spans.
    """

    headers: dict[str, str] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    parquet: bool = False

    @property
    def long_tables(self) -> list[str]:
        """The long tables that are CSV files."""
        return [] if self.parquet else list(LONG_TABLES)

    @property
    def layout(self) -> dict[str, Any]:
        """How these tables are made today."""
        return LAYOUT | ({"parquet": True} if self.parquet else {})

    @classmethod
    def read(cls, folder: Path) -> "Index":
        """Return the index of a study's folder; it is empty if a table is not as it was written, or not as today."""
        try:
            stored = json.loads((folder / ".index.json").read_bytes())
            entries = {run: Entry(entry["status"], {}) for run, entry in sorted(stored["runs"].items())}
            index = cls(stored["header"], entries, "parquet" in stored["layout"])
            if stored["layout"] != index.layout or any(
                checksum(folder / f"{name}.csv") != stored["sha256"][name] for name in [*index.long_tables, "replicas"]
            ):
                return cls()
            for name in index.long_tables:
                start = len(stored["header"][name].encode()) + 1
                for run, entry in entries.items():
                    entry.spans[name] = Span(start, stored["runs"][run][name])
                    start += stored["runs"][run][name]
            return index
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def write(self, folder: Path) -> None:
        """Store the index beside the tables that it describes."""
        runs = {
            run: {"status": entry.status, **{name: span.length for name, span in entry.spans.items()}}
            for run, entry in self.entries.items()
        }
        sums = {name: checksum(folder / f"{name}.csv") for name in [*self.long_tables, "replicas"]}
        index = {"layout": self.layout, "sha256": sums, "header": self.headers, "runs": runs}
        write_bytes(folder / ".index.json", to_json(index))


def collect(study: Study) -> None:
    """Bring the study's tables up to date with its intact runs.

    If the long tables are large and pyarrow is installed, they become Parquet files instead of CSV files.
    """
    with study.lock():
        parquet = long_bytes(study) >= PARQUET_FROM and find_spec("pyarrow") is not None
        index = Index.read(study.folder)
        if index.parquet != parquet:
            index = Index(parquet=parquet)
        statuses = {}
        for run in study.runs():
            with suppress(OSError):
                statuses[run.name] = checksum(run.path / "status.json")
        current = {run: entry for run, entry in index.entries.items() if statuses.get(run) == entry.status}
        if current.keys() != statuses.keys() or current.keys() != index.entries.keys():
            _rewrite(study, Index(index.headers, current, parquet), statuses)


def long_bytes(study: Study) -> int:
    """Return the bytes of the long tables of all runs."""
    paths = (path for name in LONG_TABLES for path in study.folder.glob(f"runs/*/{name}.csv"))
    return sum(path.stat().st_size for path in paths)


def parquet_rows(study: Study) -> dict[str, int]:
    """Return the number of rows of each long table's Parquet files."""
    folder = study.folder / "parquet"
    return {name: sum(map(rows_of_parquet, folder.glob(f"{name}/*/*/*.parquet"))) for name in LONG_TABLES}


def damaged_copies(study: Study) -> list[Path]:
    """Return the Parquet files that cannot be read, in the study's folder; none are known without pyarrow."""
    copies = sorted((study.folder / "parquet").rglob("*.parquet")) if find_spec("pyarrow") else []
    return [path.relative_to(study.folder) for path in copies if rows_of_parquet(path) < 0]


def is_large_csv(study: Study) -> bool:
    """Return whether Parquet files would be better, but pyarrow is not installed."""
    return find_spec("pyarrow") is None and long_bytes(study) >= PARQUET_FROM


def _rewrite(study: Study, index: Index, statuses: dict[str, str]) -> None:
    """Write the study's tables.

    Parameters
    ----------
    study
        The study, whose lock is held.
    index
        The runs whose rows are copied from the old tables.
    statuses
        Checksum of each run's status.json; a run that is not in the index is read.
    """
    fresh = _read_fresh(study, [run for run in statuses if run not in index.entries])
    headers = {name: _header(name, index, fresh.columns[name]) for name in index.long_tables}
    if index.entries and headers != index.headers:
        # A column is new, so the old rows are written anew as well.
        return _rewrite(study, Index(parquet=index.parquet), statuses)
    runs = sorted([*index.entries, *fresh.tasks])
    if not runs:
        for name in (".index.json", *(f"{name}.csv" for name in STUDY_TABLES)):
            (study.folder / name).unlink(missing_ok=True)
        shutil.rmtree(study.folder / "parquet", ignore_errors=True)
        return None
    frames = []
    if index.entries:
        old = tables.from_csv((study.folder / "replicas.csv").read_bytes())
        frames = [old[old["run"].isin(index.entries)].drop(columns="selected")]
    frames += fresh.frames()
    entries = {run: Entry(statuses[run], {}) for run in runs}
    if index.parquet:
        # A reader takes the rows of the runs in replicas.csv: from the CSV files until all Parquet files are there.
        others = _write_rows(study, runs)
        for name in LONG_TABLES:
            (study.folder / f"{name}.csv").unlink(missing_ok=True)
    for name in index.long_tables:
        for run, span in _write_long(study, name, headers[name], runs, index).items():
            entries[run].spans[name] = span
    write_bytes(study.folder / "replicas.csv", tables.to_csv(joined_replicas(frames)))
    if index.parquet:
        _remove_others(study, others)
    Index(headers, entries, index.parquet).write(study.folder)
    return None


class _Fresh(NamedTuple):
    """What is kept in memory of the runs that are read."""

    tasks: dict[str, str]  # by intact run
    tuning: set[tuple[str, str]]  # run and seed
    replicas: dict[bytes, list[bytes]]  # rows of replicas.csv by header
    columns: dict[str, set[str]]  # of all runs, by long table

    def frames(self) -> "list[pd.DataFrame]":
        """Return the rows of all runs, with the columns that only the study's table has."""
        frames = []
        # Rows with the same columns are parsed together: a frame for each of thousands of runs takes far longer.
        for header, rows in self.replicas.items():
            frame = tables.from_csv(header + b"\n" + b"".join(rows))
            seeds = zip(frame["run"], frame["seed"], strict=True)
            frame["task_id"] = frame["run"].map(self.tasks)
            frame["purpose"] = ["tuning" if seed in self.tuning else "report" for seed in seeds]
            frames.append(frame)
        return frames


def _read_fresh(study: Study, runs: list[str]) -> _Fresh:
    fresh = _Fresh({}, set(), {}, {name: set() for name in LONG_TABLES})
    for run in runs:
        files = study.run(run).read().files
        if not files:
            continue
        fresh.tasks[run] = task_id(files)
        fresh.tuning.update((run, str(seed)) for seed in tuning_seeds(files))
        header = tables.header_line(files["replicas.csv"])
        fresh.replicas.setdefault(header, []).append(files["replicas.csv"][len(header) + 1 :])
        for name, columns in fresh.columns.items():
            columns.update(tables.columns_of(tables.header_line(files[f"{name}.csv"]).decode()))
    return fresh


def _header(name: str, index: Index, columns: set[str]) -> str:
    """Return the first line of a long table: its usual columns, then the others, sorted by name."""
    import pandas as pd

    if index.entries:
        columns = columns | set(tables.columns_of(index.headers[name]))
    order = [*LONG_TABLES[name], *sorted(columns - set(LONG_TABLES[name]))]
    return tables.to_csv(pd.DataFrame(columns=order)).decode().removesuffix("\n")


def _write_long(study: Study, name: str, header: str, runs: list[str], index: Index) -> dict[str, Span]:
    """Write a long table, copying the runs that are in the index; return where it holds each run."""
    path = study.folder / f"{name}.csv"
    spans = {}
    with ExitStack() as stack:
        source: IO[bytes] = stack.enter_context(path.open("rb")) if index.entries else BytesIO()
        file = stack.enter_context(replacing(path))
        file.write(header.encode() + b"\n")
        for run in runs:
            start = file.tell()
            if run in index.entries:
                span = index.entries[run].spans[name]
                source.seek(span.start)
                copy(source, file, span.length)
            else:
                # The file is read again instead of kept, so that the memory is that of one run.
                file.write(_rows((study.run(run).path / path.name).read_bytes(), header))
            spans[run] = Span(start, file.tell() - start)
    return spans


def _rows(csv: bytes, header: str) -> bytes:
    """Return the rows of a CSV with the columns of `header`; columns that it lacks are empty."""
    if tables.header_line(csv).decode() != header:
        csv = tables.to_csv(tables.from_csv(csv).reindex(columns=tables.columns_of(header), fill_value=""))
    return csv[len(tables.header_line(csv)) + 1 :]


def joined_replicas(frames: "list[pd.DataFrame]") -> "pd.DataFrame":
    """Join the replicas of all runs into one table and mark each run's selected learning rate.

    A setting or a metric that only some runs have is a column that is empty for the others. All cells are text.
    """
    import pandas as pd

    columns = list(dict.fromkeys(column for frame in frames for column in frame))
    metrics = tables.sorted_metrics(columns)
    trials = sorted(column for column in columns if column.startswith(tables.TRIAL))
    results = (*tables.OUTCOME, tables.STOPPED_EPOCH, *trials, *metrics, *tables.STUDY)
    outcome = [column for column in results if column in columns]
    settings = [column for column in columns if column not in (*tables.IDENTITY, *outcome)]
    joined = pd.concat(frames, ignore_index=True)[[*tables.IDENTITY, *sorted(settings), *outcome]].fillna("")
    # A setting without a value in any run comes from a run that was removed, and so may a metric.
    joined = joined.drop(columns=[column for column in (*settings, *trials, *metrics) if (joined[column] == "").all()])
    keys = {"lr": joined["lr"].astype(float), "seed": joined["seed"].astype(int)}
    order = joined[["run"]].assign(**keys).sort_values(tables.KEY).index
    joined = joined.loc[order].reset_index(drop=True)
    joined["selected"] = tables.selected(joined).map(str)
    return joined


def collect_parquet(study: Study) -> Path:
    """Write the study's tables as Parquet files, partitioned by data set and activation; return their folder.

    Damaged files are written anew. The files are `parquet/<table>/dataset=…/activation=…/<run>-<checksum>.parquet`.
    """
    if find_spec("pyarrow") is None:
        raise ConfigError("Parquet files need pyarrow: pip install '.[parquet]'")
    collect(study)
    with study.lock():
        _remove_others(study, _write_rows(study, list(Index.read(study.folder).entries)))
    return study.folder / "parquet"


def _write_rows(study: Study, runs: list[str]) -> list[Path]:
    """Write the rows of these runs as Parquet files, unless they are there; return the files of other content."""
    folder = study.folder / "parquet"
    others: list[Path] = []
    for name in LONG_TABLES:
        existing = {path.name: path for path in folder.glob(f"{name}/*/*/*.parquet")}
        for run in runs:
            source = study.run(run).path
            facts = json.loads((source / "status.json").read_bytes())["files"][f"{name}.csv"]
            file = f"{run}-{facts['sha256'][:16]}.parquet"
            if not facts["rows"] or (file in existing and rows_of_parquet(existing[file]) == facts["rows"]):
                existing.pop(file, None)
                continue
            frame = tables.read(source / f"{name}.csv")
            dataset, activation = frame[["dataset", "activation"]].iloc[0]
            path = folder / name / f"dataset={dataset}" / f"activation={activation}" / file
            write_bytes(path, _parquet(frame.drop(columns=["dataset", "activation"])))
            existing.pop(file, None)
        others.extend(existing.values())
    return others


def _remove_others(study: Study, others: list[Path]) -> None:
    """Remove Parquet files that are not those of the study's runs, and write its replicas as one, if they changed."""
    for path in others:
        path.unlink()
    source, parquet = study.folder / "replicas.csv", study.folder / "parquet" / "replicas.parquet"
    if not source.exists():
        return
    if rows_of_parquet(parquet) < 0 or parquet.stat().st_mtime_ns <= source.stat().st_mtime_ns:
        write_bytes(parquet, _parquet(tables.read(source)))


def _parquet(frame: "pd.DataFrame") -> bytes:
    buffer = BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()
