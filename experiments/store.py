"""The only writer of studies: atomic files, locks, what is finished, collecting.

    results/<study>/runs/<run>/    one condition: its tables, configuration and environment, `status.json` last
    results/<study>/*.csv          the study's tables: all finished replicas of all runs

A run counts as finished, replica by replica, only as far as `status.json` vouches for it: its checksums match
the files. Anything else is trained again.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from experiments import tables
from experiments.config import SCHEMA_VERSION, ConfigError, Settings, nearest

RESULTS = Path("results")
STUDY_TABLES = ("history", "layers", "replicas")


class StudyTables(NamedTuple):
    """The tables of a study as pandas frames; results/README.md explains their columns."""

    history: "pandas.DataFrame"  # noqa: F821 (pandas is imported where it is used)
    layers: "pandas.DataFrame"  # noqa: F821
    replicas: "pandas.DataFrame"  # noqa: F821
    confusion: "pandas.DataFrame | None" = None  # noqa: F821
    timing: "pandas.DataFrame | None" = None  # noqa: F821
    boundary: "dict[str, dict[str, numpy.ndarray]] | None" = None  # noqa: F821 (by run, the arrays of boundary.npz)
    baselines: "pandas.DataFrame | None" = None  # noqa: F821


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step: a reader, or a crash, sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def studies(results: Path = RESULTS) -> list[str]:
    """Return the names of the studies that have tables, the one written last at the end."""
    found = Path(results).glob("*/replicas.csv")
    return [path.parent.name for path in sorted(found, key=lambda path: (path.stat().st_mtime, path.parent.name))]


def load_tables(study: str, results: Path = RESULTS) -> StudyTables:
    """Return the tables of a study.

    Raises
    ------
    ConfigError
        If there is no such study.
    """
    known = studies(results)
    if study not in known:
        raise ConfigError(f"no study {study!r} in {results}/: {nearest(study, known) if known else 'it is empty'}")
    return StudyTables(*(tables.read(Path(results) / study / f"{name}.csv") for name in STUDY_TABLES))


def load_all_tables(study: str, results: Path = RESULTS) -> StudyTables:
    """Return the tables of a study with those that only its runs hold: confusion, timing and boundary.

    Raises
    ------
    ConfigError
        If there is no such study.
    """
    import numpy as np

    found = load_tables(study, results)
    folders = {run: Path(results) / study / "runs" / run for run in found.replicas["run"].unique()}
    joined = {}
    for name in ("confusion", "timing"):
        texts = [path.read_bytes() for folder in folders.values() if (path := folder / f"{name}.csv").exists()]
        bodies = (text.partition(b"\n")[2] for text in texts)
        joined[name] = tables.read(BytesIO(texts[0].partition(b"\n")[0] + b"\n" + b"".join(bodies))) if texts else None
    boundary = {}
    for run, folder in folders.items():
        if (folder / "boundary.npz").exists():
            with np.load(folder / "boundary.npz") as arrays:
                boundary[run] = dict(arrays)
    return found._replace(**joined, boundary=boundary)


def load_records(study: str, results: Path = RESULTS) -> dict[str, dict]:
    """Return what each run's folder says of it: its `config`, its `environment`, and `failure` where it failed."""
    import yaml

    records = {}
    for folder in sorted((Path(results) / study / "runs").glob("*")):
        record = records[folder.name] = {}
        for key, name, parse in (
            ("config", "config.yaml", yaml.safe_load),
            ("environment", "environment.json", json.loads),
            ("failure", "failure.txt", str),
        ):
            if (folder / name).exists():
                record[key] = parse((folder / name).read_text(encoding="utf-8", errors="replace"))
    return records


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

    def check_writable(self) -> None:
        """Raise a ConfigError if nothing can be written here, leaving no trace."""
        existing = self.folder
        while not existing.exists() and existing != existing.parent:
            existing = existing.parent
        try:
            with tempfile.TemporaryFile(dir=existing):
                pass
        except OSError as error:
            raise ConfigError(f"results cannot be written to {self.folder}: {error.strerror}: {existing}") from error

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
        content = self._verified(run)
        if content is None:
            return set()
        replicas = tables.from_csv(content["replicas.csv"])
        return set(zip(replicas["lr"].astype(float), replicas["seed"].astype(int), strict=True))

    def _verified(self, run):
        """Return the content of a run's files by name, or None where its status does not vouch for them."""
        folder = self.run_folder(run)
        try:
            status = json.loads((folder / "status.json").read_bytes())
            content = {name: (folder / name).read_bytes() for name in status["files"]}
            intact = all(_fingerprint(name, content[name]) == status["files"][name] for name in content)
            return content if intact and status["schema"] == SCHEMA_VERSION else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, settings: Settings, new: tables.RunTables, environment: dict) -> None:
        """Add freshly trained replicas to their run's files; the caller holds the run's lock."""
        import numpy as np
        import yaml

        old = self._verified(settings.run) or {}
        content = {}
        for name, frame in new.frames.items():
            frame = tables.to_text(frame)
            if f"{name}.csv" in old:
                frame = tables.merge(name, tables.from_csv(old[f"{name}.csv"]), frame)
            content[f"{name}.csv"] = tables.to_csv(frame)
        if new.boundary is not None:
            arrays = dict(new.boundary)
            if "boundary.npz" in old:
                with np.load(BytesIO(old["boundary.npz"])) as before:
                    arrays = _merge_boundary(before, arrays)
            buffer = BytesIO()
            np.savez_compressed(buffer, **arrays)
            content["boundary.npz"] = buffer.getvalue()
        keys = tables.from_csv(content["replicas.csv"])
        config = {
            **settings.condition,
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
        for name, value in [*content.items(), ("status.json", _json(status))]:
            write_bytes(folder / name, value)
        (folder / "failure.txt").unlink(missing_ok=True)

    def record_failure(self, run: str, text: str) -> None:
        """Keep the traceback of a run that could not be trained; what it had finished before stays."""
        write_bytes(self.run_folder(run) / "failure.txt", text.encode())

    def collect(self) -> None:
        """Rewrite the study's tables from all of its intact runs."""
        with self.lock("study"):
            content = {name: [] for name in STUDY_TABLES}
            for folder in sorted((self.folder / "runs").glob("*")):
                files = self._verified(folder.name)
                for name in STUDY_TABLES if files else ():
                    content[name].append(files[f"{name}.csv"])
            if not content["replicas"]:
                return
            for name in ("history", "layers"):
                header = content[name][0].partition(b"\n")[0]
                bodies = (csv.partition(b"\n")[2] for csv in content[name])
                write_bytes(self.folder / f"{name}.csv", b"".join([header, b"\n", *bodies]))
            write_bytes(self.folder / "replicas.csv", tables.to_csv(_with_selected(content["replicas"])))


def _with_selected(csvs):
    """Join the replicas of all runs, settings that only some have included, and mark each run's best rate.

    The best is the rate with the lowest mean final validation loss; one with a diverged replica ranks last.
    """
    import pandas as pd

    frames = [tables.from_csv(csv) for csv in csvs]
    columns = list(dict.fromkeys(column for frame in frames for column in frame))
    outcome = [column for column in columns if column in tables.OUTCOME]
    settings = [column for column in columns if column not in (*tables.IDENTITY, *outcome)]
    joined = pd.concat(frames, ignore_index=True)[[*tables.IDENTITY, *sorted(settings), *outcome]].fillna("")
    loss = joined["final_validation_loss"].astype(float).where(joined["status"] == "done", float("inf"))
    rank = loss.groupby([joined["run"], joined["lr"]]).mean().reset_index(name="loss")
    rank["rate"] = rank["lr"].astype(float)
    best = rank.sort_values(["run", "loss", "rate"]).groupby("run")["lr"].first()
    joined["selected"] = (joined["run"].map(best) == joined["lr"]).map(str)
    return joined


def _merge_boundary(old, new):
    import numpy as np

    both = {name: np.concatenate([old[name], new[name]]) for name in new}
    # Of a replica that is in both, the later entry is the fresh one.
    last = {(rate, seed): index for index, (rate, seed) in enumerate(zip(both["lr"], both["seed"], strict=True))}
    order = [last[key] for key in sorted(last)]
    return {name: values[order] for name, values in both.items()}


def _fingerprint(name, content):
    fingerprint = {"sha256": hashlib.sha256(content).hexdigest()}
    return {"rows": content.count(b"\n") - 1, **fingerprint} if name.endswith(".csv") else fingerprint


def _json(value):
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
