"""The only writer of studies: atomic files, locks, what is finished, collecting.

    python -m experiments.store status|verify|prune|collect study=NAME [format=parquet]

    results/<study>/runs/<run>/    one condition: its tables, configuration and environment, `status.json` last
    results/<study>/*.csv          the study's tables: all finished replicas of all runs

A run counts as finished, replica by replica, only as far as `status.json` vouches for it: its checksums match
the files. Anything else is trained again.
"""

import csv
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from experiments import tables
from experiments.config.errors import ConfigError
from experiments.config.settings import SCHEMA_VERSION, Settings
from experiments.store.files import RESULTS, _copy, _digest, _fingerprint, _json, arrays, replacing, write_bytes
from experiments.store.reading import STUDY_TABLES

if TYPE_CHECKING:
    pass


LONG_TABLES = ("history", "layers")


FILES = {*(f"{name}.csv" for name in (*STUDY_TABLES, "confusion", "timing")), "config.yaml", "environment.json"}
"""What each run has, besides status.json."""


class Store:
    """One study's folder.

    Parameters
    ----------
    study
        Its name.
    results
        The folder of all studies.
    """

    def __init__(self, study: str, results: Path = RESULTS):
        self.folder = Path(results) / study

    def check_writable(self, run: str) -> None:
        """Raise a ConfigError if a run cannot be written here, leaving no trace."""
        for folder in (self.folder, self.folder / ".locks", self.run_folder(run)):
            existing = folder
            while not (existing.exists() or existing.is_symlink()):
                existing = existing.parent
            try:
                with tempfile.TemporaryFile(dir=existing):
                    pass
            except OSError as error:
                raise ConfigError(f"results cannot be written to {folder}: {error.strerror}: {existing}") from error

    def run_folder(self, run: str) -> Path:
        """Return the folder of a run."""
        return self.folder / "runs" / run

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the study's lock of this name: a run's while it is trained, `study` while its tables are merged."""
        from filelock import FileLock

        locks = self.folder / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / f"{name}.lock"):
            yield

    def finished(self, run: str) -> set[tuple[float, int]]:
        """Return the (learning rate, seed) of the replicas whose rows are stored and intact."""
        files = self.files(run)
        if files is None:
            return set()
        # Not as a frame, which would take a hundred times as long.
        rows = csv.DictReader(StringIO(files["replicas.csv"].decode(), newline=""))
        return {(float(row["lr"]), int(row["seed"])) for row in rows}

    def missing(self, settings: Settings) -> tuple[tuple[float, int], ...]:
        """Return the (learning rate, seed) of the replicas that have to be trained: all of them, if that is forced."""
        finished = set() if settings.force else self.finished(settings.run)
        if settings.save:
            finished -= self.without_network(settings.run)
        return tuple(replica for replica in settings.replicas if replica not in finished)

    def without_network(self, run: str) -> set[tuple[float, int]]:
        """Return the finished replicas whose network was not kept; one that diverged has none to keep."""
        files = self.files(run)
        if files is None:
            return set()
        replicas = tables.from_csv(files["replicas.csv"])
        done = replicas[replicas["status"] == "done"]
        kept = _replicas(arrays(files["network.npz"])) if "network.npz" in files else []
        return set(zip(done["lr"].astype(float), done["seed"].astype(int), strict=True)) - set(kept)

    def files(self, run: str) -> dict[str, bytes] | None:
        """Return the content of a run's files by name, or None where its status does not vouch for them."""
        return self._inspect(run)[0]

    def _inspect(self, run):
        """Return the content of a run's files by name, or None; what that makes the run; and why."""
        folder = self.run_folder(run)
        try:
            status = json.loads((folder / "status.json").read_bytes())
            if status["schema"] != SCHEMA_VERSION:
                return None, "outdated", f"schema {status['schema']}, now {SCHEMA_VERSION}"
            if not status["files"].keys() >= FILES:
                return None, "corrupt", "status.json vouches for too few files"
            files = {name: (folder / name).read_bytes() for name in status["files"]}
            for name, content in files.items():
                if _fingerprint(name, content) != status["files"][name]:
                    return None, "corrupt", f"{name} is not what status.json vouches for"
            return files, "done", ""
        except FileNotFoundError as error:
            missing = Path(error.filename).name
            return None, "half-made" if missing == "status.json" else "corrupt", f"no {missing}"
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return None, "corrupt", f"status.json: {error}"

    def save(self, settings: Settings, new: tables.RunTables, environment: dict) -> None:
        """Add freshly trained replicas to their run's files; the caller holds the run's lock."""
        import numpy as np
        import yaml

        old = self.files(settings.run) or {}
        content = {}
        for name, frame in new.frames.items():
            frame = tables.to_text(frame)
            if f"{name}.csv" in old:
                frame = tables.merge(name, tables.from_csv(old[f"{name}.csv"]), frame)
            content[f"{name}.csv"] = tables.to_csv(frame)
        fresh = {(float(rate), int(seed)) for rate, seed in new.frames["replicas"][["lr", "seed"]].to_numpy()}
        for name, found in (("boundary.npz", new.boundary), ("network.npz", new.network)):
            if name in old:
                found = _merge_arrays(arrays(old[name]), found, fresh)
            if found is not None:
                buffer = BytesIO()
                np.savez_compressed(buffer, **found)
                content[name] = buffer.getvalue()
        keys = tables.from_csv(content["replicas.csv"])
        config = {
            **settings.record,
            "seeds": sorted({int(seed) for seed in keys["seed"]}),
            "lr": sorted({float(rate) for rate in keys["lr"]}),
        }
        content["config.yaml"] = yaml.safe_dump(config, sort_keys=False, allow_unicode=True).encode()
        content["environment.json"] = _json(environment)
        status = {
            "schema": SCHEMA_VERSION,
            "run": settings.run,
            "replicas": len(keys),
            "files": {name: _fingerprint(name, value) for name, value in content.items()},
        }
        folder = self.run_folder(settings.run)
        for left in folder.glob(".*.*.*"):  # half-written when a crash came; the lock is ours
            left.unlink(missing_ok=True)
        for name, value in [*content.items(), ("status.json", _json(status))]:
            write_bytes(folder / name, value)
        self.clear_failure(settings.run)
        shutil.rmtree(folder / ".checkpoints", ignore_errors=True)

    def record_failure(self, run: str, text: str, environment: dict) -> None:
        """Keep the traceback of a run that could not be trained; what it had finished before stays."""
        write_bytes(self.run_folder(run) / "failure.json", _json(environment))
        write_bytes(self.run_folder(run) / "failure.txt", text.encode())

    def clear_failure(self, run: str) -> None:
        """Forget that a run failed."""
        for name in ("failure.txt", "failure.json"):
            (self.run_folder(run) / name).unlink(missing_ok=True)

    def failure(self, run: str) -> str | None:
        """Return the last line of a failed run's traceback."""
        try:
            lines = (self.run_folder(run) / "failure.txt").read_text().strip().splitlines()
        except OSError:
            return None
        return lines[-1] if lines else "failure.txt is empty"

    def keep_checkpoint(self, run: str, arrays: dict) -> None:
        """Write where a part of a run's replicas is; it takes the place of the part's last checkpoint."""
        import numpy as np

        buffer = BytesIO()
        np.savez(buffer, schema=SCHEMA_VERSION, **arrays)
        name = f"{float(arrays['lr'][0])!r}-{arrays['seed'][0]}-{len(arrays['lr'])}.npz"
        write_bytes(self.run_folder(run) / ".checkpoints" / name, buffer.getvalue())

    def checkpoints(self, run: str) -> list[dict]:
        """Return the arrays of a run's checkpoints; one that is damaged is as good as none."""
        found = []
        for path in sorted((self.run_folder(run) / ".checkpoints").glob("*.npz")):
            with suppress(OSError, ValueError, KeyError):
                content = arrays(path.read_bytes())
                if content.pop("schema") == SCHEMA_VERSION:
                    found.append(content)
        return found

    def mark(self, run: str, text: str) -> None:
        """Note how far a job is, for those who watch: `running <replica-epochs>` or `ended`."""
        with suppress(OSError):
            self._marks.mkdir(parents=True, exist_ok=True)
            (self._marks / run).write_text(text)

    def marks(self) -> dict[str, str]:
        """Return what jobs noted, by run."""
        found = {}
        for path in self._marks.glob("*"):
            with suppress(OSError):
                found[path.name] = path.read_text()
        return found

    def clear_marks(self, runs: Sequence[str]) -> None:
        """Forget what jobs noted of these runs."""
        for run in runs:
            with suppress(OSError):
                (self._marks / run).unlink(missing_ok=True)
        with suppress(OSError):
            self._marks.rmdir()

    @property
    def _marks(self):
        return self.folder / ".progress"

    def state(self, run: str) -> tuple[str, str]:
        """Return what a run's folder is worth, and why.

        "done"; "failed": the traceback's last line says why; "half-made": no status yet; "outdated": another schema;
        "corrupt": a file is not what the status vouches for.
        """
        files, state, why = self._inspect(run)
        if files is not None:
            replicas = tables.from_csv(files["replicas.csv"])
            diverged = int((replicas["status"] == "diverged").sum())
            why = f"{len(replicas)} replicas" + (f", {diverged} diverged" if diverged else "")
        failure = self.failure(run)
        if failure is not None:
            return "failed", failure + (f" ({why} from before)" if files is not None else "")
        epochs = [int(arrays["epoch"]) for arrays in self.checkpoints(run)] if state == "half-made" else []
        return state, f"to go on from epoch {min(epochs)}" if epochs else why

    def runs(self) -> list[str]:
        """Return the names of the runs that have a folder, sorted."""
        return sorted(path.name for path in (self.folder / "runs").glob("*") if path.is_dir())

    def collect(self) -> None:
        """Bring the study's tables up to date with its intact runs.

        What is in them already is copied from the old tables, if these are still what was written, and only runs
        whose status is new are read: the cost is that of the new runs and of copying one file, the memory that of
        one run.
        """
        with self.lock("study"):
            index = self._read_index()
            statuses = {}
            for run in self.runs():
                with suppress(OSError):
                    statuses[run] = _digest(self.run_folder(run) / "status.json")
            known = {run: entry for run, entry in index["runs"].items() if statuses.get(run) == entry["status"]}
            fresh = [run for run in statuses if run not in known]
            if not fresh and known.keys() == index["runs"].keys():
                return
            self._rewrite(index, known, fresh, statuses)

    def _read_index(self):
        """Return what the study's tables hold of each run; nothing, if they are not what was written."""
        try:
            index = json.loads((self.folder / ".index.json").read_bytes())
            for name in STUDY_TABLES:
                if _digest(self.folder / f"{name}.csv") != index["sha256"][name]:
                    return {"runs": {}, "header": {}}
            return index
        except (OSError, ValueError, KeyError, TypeError):
            return {"runs": {}, "header": {}}

    def _rewrite(self, index, known, fresh, statuses):
        """Write the study's tables from the old ones, as far as runs are known, and from the folders of fresh runs."""
        headers = {name: {} for name in LONG_TABLES}
        intact, rows = [], {}
        for run in fresh:
            content = self.files(run)
            if content is not None:
                intact.append(run)
                header, _, body = content["replicas.csv"].partition(b"\n")
                rows.setdefault(header, []).append(body)
                for name in LONG_TABLES:
                    header = content[f"{name}.csv"].partition(b"\n")[0].decode()
                    headers[name] |= dict.fromkeys(header.split(","))
        for name in LONG_TABLES:
            columns = dict.fromkeys(index["header"].get(name, "").split(",") if known else []) | headers[name]
            own = getattr(tables, name.upper())
            headers[name] = ",".join([*own, *sorted(set(columns) - set(own))])
        if known and any(headers[name] != index["header"].get(name) for name in LONG_TABLES):
            # A column is new: the old rows have to be written anew as well.
            return self._rewrite({"runs": {}, "header": {}}, {}, sorted([*known, *fresh]), statuses)
        runs = sorted([*known, *intact])
        if not runs:
            for name in (".index.json", *(f"{name}.csv" for name in STUDY_TABLES)):
                (self.folder / name).unlink(missing_ok=True)
            return None
        old = tables.from_csv((self.folder / "replicas.csv").read_bytes()) if known else None
        replicas = [old[old["run"].isin(known)].drop(columns="selected")] if known else []
        # Read together, those with the same columns: a frame for each of thousands of runs costs more than all else.
        replicas += [tables.from_csv(header + b"\n" + b"".join(bodies)) for header, bodies in rows.items()]
        entries = {run: {"status": statuses[run]} for run in runs}
        for name in LONG_TABLES:
            with ExitStack() as stack:
                source = stack.enter_context((self.folder / f"{name}.csv").open("rb")) if known else None
                file = stack.enter_context(replacing(self.folder / f"{name}.csv"))
                file.write(headers[name].encode() + b"\n")
                places = _places(index, name)
                for run in runs:
                    if run in known:
                        start, length = places[run]
                        source.seek(start)
                        _copy(source, file, length)
                    else:
                        # Read once more rather than kept: the memory is that of one run.
                        body = _body((self.run_folder(run) / f"{name}.csv").read_bytes(), headers[name])
                        length = len(body)
                        file.write(body)
                    entries[run][name] = length
        write_bytes(self.folder / "replicas.csv", tables.to_csv(_with_selected(replicas)))
        sums = {name: _digest(self.folder / f"{name}.csv") for name in STUDY_TABLES}
        write_bytes(self.folder / ".index.json", _json({"sha256": sums, "header": headers, "runs": entries}))
        return None

    def collect_parquet(self) -> Path:
        """Write the study's tables as Parquet files, partitioned by dataset and activation, one file a run.

        `parquet/<table>/dataset=…/activation=…/<run>-<checksum>.parquet`: what is there already is not written again.
        """
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise ConfigError("Parquet files need pyarrow: pip install '.[parquet]'") from None
        self.collect()
        target = self.folder / "parquet"
        wanted = set()
        for run in self.runs():
            content = self.files(run)
            for name in LONG_TABLES if content else ():
                frame = tables.read(BytesIO(content[f"{name}.csv"]))
                if frame.empty:
                    continue
                dataset, activation = frame[["dataset", "activation"]].iloc[0]
                digest = hashlib.sha256(content[f"{name}.csv"]).hexdigest()[:16]
                part = target / name / f"dataset={dataset}" / f"activation={activation}" / f"{run}-{digest}.parquet"
                wanted.add(part)
                if not part.exists():
                    write_bytes(part, _parquet(frame.drop(columns=["dataset", "activation"])))
        replicas = self.folder / "replicas.csv"
        if replicas.exists():
            wanted.add(target / "replicas.parquet")
            write_bytes(target / "replicas.parquet", _parquet(tables.read(replicas)))
        for path in target.rglob("*.parquet"):
            if path not in wanted:
                path.unlink()
        return target

    def verify(self) -> list[str]:
        """Return what is wrong with a study, one line each: checksums, row counts and column types of every file."""
        problems = []
        replicas = 0
        for run in self.runs():
            state, why = self.state(run)
            if state != "done":
                problems.append(f"{run}: {state}: {why}")
                continue
            for name, content in self.files(run).items():
                if name.endswith(".csv"):
                    problems += [f"{run}: {name}: {fault}" for fault in _faults(content)]
            replicas += len(self.finished(run))
        index = self._read_index()
        remedy = f"run: python -m experiments.store collect study={self.folder.name}"
        if replicas and not index["runs"]:
            problems.append(f"the study's tables are not what was written; {remedy}")
        elif replicas:
            rows = len(tables.read(self.folder / "replicas.csv"))
            if rows != replicas:
                problems.append(f"replicas.csv has {rows} rows, the runs have {replicas}; {remedy}")
        return problems

    def prune(self) -> list[Path]:
        """Remove what nothing will use again, and return it: damaged and outdated runs, and files left by a crash."""
        removed = []
        for run in self.runs():
            with self.lock(run):
                if self.state(run)[0] in ("corrupt", "outdated", "half-made") and not self.checkpoints(run):
                    shutil.rmtree(self.run_folder(run))
                    removed.append(self.run_folder(run))
        left = [
            path for place in (".", "runs/*", "runs/*/.checkpoints") for path in self.folder.glob(f"{place}/.*.*.*")
        ]
        for path in left:
            path.unlink(missing_ok=True)
            removed.append(path)
        self.collect()
        return removed


def _places(index, name):
    """Return where a long table holds each run: start and length in bytes."""
    places, start = {}, len(index["header"].get(name, "")) + 1
    for run, entry in sorted(index["runs"].items()):
        places[run] = start, entry[name]
        start += entry[name]
    return places


def _body(content, header):
    """Return the rows of a CSV in the order of columns of `header`, columns that it lacks left empty."""
    own, _, body = content.partition(b"\n")
    if own.decode() == header:
        return body
    frame = tables.from_csv(content).reindex(columns=header.split(","), fill_value="")
    return tables.to_csv(frame).partition(b"\n")[2]


def _parquet(frame):
    buffer = BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _faults(content):
    """Return what is wrong with the cells of a CSV: rows of another length, words where numbers belong."""
    rows = csv.reader(content.decode().splitlines())
    header = next(rows)
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            return [f"line {number} has {len(row)} cells, the header {len(header)}"]
    frame = tables.from_csv(content)
    faults = []
    for column in frame:
        if column in tables.NUMBERS:
            try:
                frame.loc[frame[column] != "", column].astype(float)
            except ValueError as error:
                faults.append(f"column {column}: {error}")
    return faults


def _with_selected(frames):
    """Join the replicas of all runs, settings that only some have included, and mark each run's best rate.

    The rule is that of `tables.selected`.
    """
    import pandas as pd

    columns = list(dict.fromkeys(column for frame in frames for column in frame))
    outcome = [column for column in columns if column in tables.OUTCOME]
    settings = [column for column in columns if column not in (*tables.IDENTITY, *outcome)]
    joined = pd.concat(frames, ignore_index=True)[[*tables.IDENTITY, *sorted(settings), *outcome]].fillna("")
    # A setting that no run has any more is left by one that was removed.
    joined = joined.drop(columns=[column for column in settings if (joined[column] == "").all()])
    keys = {"lr": joined["lr"].astype(float), "seed": joined["seed"].astype(int)}
    order = joined[["run"]].assign(**keys).sort_values(["run", "lr", "seed"]).index
    joined = joined.loc[order].reset_index(drop=True)
    joined["selected"] = tables.selected(joined).map(str)
    return joined


def _replicas(values):
    return list(zip(values["lr"].tolist(), values["seed"].tolist(), strict=True))


def _merge_arrays(old, new, fresh):
    """Return arrays with a row per replica, of `old` but for fresh replicas and of `new`; a scalar is the newer's."""
    import numpy as np

    kept = [place for place, replica in enumerate(_replicas(old)) if replica not in fresh]
    both = {name: values[kept] if values.ndim else values for name, values in old.items()}
    if new is not None and len(new["lr"]):
        # Where no replica finished, an array has not the shape of the others.
        both = {name: np.concatenate([both[name], new[name]]) if kept and new[name].ndim else new[name] for name in new}
    order = sorted(range(len(both["lr"])), key=_replicas(both).__getitem__)
    return {name: values[order] if values.ndim else values for name, values in both.items()}
