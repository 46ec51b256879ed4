"""A run's folder: its files are read and checked at once, and replaced one by one with `status.json` last.

    results/<study>/runs/<run>/    one condition: its tables, configuration and environment, `status.json` last

A replica is finished only if it is in the tables and `status.json` states the checksums of all files. Any other
replica is retrained.
"""

import csv
import json
import shutil
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml

from experiments import tables
from experiments.config.errors import ConfigError
from experiments.config.settings import SCHEMA_VERSION, Settings
from experiments.config.together import listing
from experiments.store.files import LEFTOVERS, arrays, fingerprint, is_locked, locked, to_json, write_bytes
from experiments.store.reading import FORMULA_NAME, run_replicas, tuning_seeds
from experiments.tables import Replica
from nets import NUMERICS

if TYPE_CHECKING:
    import pandas as pd

FILES = {f"{name}.csv" for name in tables.ORDER if name not in tables.LATER} | {"config.yaml", "environment.json"}
"""The files that each run has, besides status.json."""

UNFINISHED = {"waiting": "waits to be trained", "failed": "failed"}
"""By state of a progress mark, what it says of the run. A run that is marked as running may have been killed."""


@dataclass(frozen=True)
class StoredRun:
    """One read of a run's folder.

    Attributes
    ----------
    state
        "done"; "incomplete": there is no status.json; "outdated": the run has another schema; "damaged": a file is not
        the one that status.json describes.
    reason
        Why the state is not "done".
    files
        Content by name; empty if the state is not "done".
    """

    state: str
    reason: str = ""
    files: dict[str, bytes] = field(default_factory=dict, repr=False)

    @cached_property
    def outcomes(self) -> dict[Replica, str]:
        """The status of each finished replica: "done" or "diverged"."""
        return outcomes(self.files) if self.files else {}

    @cached_property
    def without_network(self) -> set[Replica]:
        """The finished replicas whose network was not kept; a diverged replica has none to keep."""
        done = {replica for replica, status in self.outcomes.items() if status == "done"}
        kept = _replicas(arrays(self.files["network.npz"])) if "network.npz" in self.files else []
        return done - set(kept)

    @cached_property
    def tuning_seeds(self) -> frozenset[int]:
        """The seeds whose replicas choose the learning rate and are not reported."""
        return frozenset(tuning_seeds(self.files))

    @cached_property
    def chosen_rate(self) -> float:
        """The learning rate that the run's finished replicas choose."""
        return float(tables.chosen_rates(run_replicas(self.files)).iloc[0])

    def refusal(self, settings: Settings) -> str | None:
        """Return why the settings are refused, or None.

        They are if they report a seed that has tuned this run, or tune with a seed that is reported.
        """
        reported = {seed for _, seed in self.outcomes} - self.tuning_seeds
        tuning = {seed for _, seed in settings.tuning}
        for key, seeds, purpose in (
            ("seeds", sorted(self.tuning_seeds.intersection(settings.seeds)), "tuning seeds"),
            ("tune.seeds", sorted(reported & tuning), "reported seeds"),
        ):
            if seeds:
                return (
                    f"{key}: {listing(seeds)} already among the {purpose} of the run {settings.run}: "
                    "allowed are other seeds, or another study"
                )
        return None

    def finished(self, settings: Settings) -> set[Replica]:
        """Return the replicas that need no training: none, if that is forced.

        A reported replica whose network is to be kept needs it. The networks of tuning replicas are never kept.
        """
        if settings.force:
            return set()
        incomplete = self.without_network if settings.save else set()
        return {replica for replica in self.outcomes if replica not in incomplete or replica[1] in self.tuning_seeds}

    def planned(self, settings: Settings, finished: AbstractSet[Replica]) -> list[Replica]:
        """Return the replicas that the settings ask for; those to report are known when the tuning is finished."""
        if not finished >= set(settings.tuning):
            return settings.tuning
        if not settings.tuning:
            return settings.replicas
        return [*settings.tuning, *((self.chosen_rate, seed) for seed in sorted(settings.seeds))]

    def missing(self, settings: Settings, fresh: AbstractSet[Replica] = frozenset()) -> tuple[Replica, ...]:
        """Return the replicas that have to be trained next: those that tune, then those to report.

        Parameters
        ----------
        settings
            What is asked for.
        fresh
            The replicas that the caller has just trained and stored; they count as finished.
        """
        finished = self.finished(settings) | fresh
        return tuple(replica for replica in self.planned(settings, finished) if replica not in finished)


def outcomes(files: Mapping[str, bytes]) -> dict[Replica, str]:
    """Return the status of each replica in the files of a run."""
    # A data frame would take a hundred times as long.
    rows = csv.DictReader(StringIO(files["replicas.csv"].decode(), newline=""))
    return {(float(row["lr"]), int(row["seed"])): row["status"] for row in rows}


class RunFolder:
    """The folder of one run, inside its study's folder `runs`."""

    def __init__(self, path: Path):
        self.path = path
        self.name = path.name

    def lock(self, timeout: float = -1) -> AbstractContextManager[None]:
        """Hold the lock of the run, as long as it is trained or changed; `timeout` as for `locked`."""
        return locked(self._lock_file, timeout)

    def is_locked(self) -> bool:
        """Return whether a process holds the lock of the run."""
        return is_locked(self._lock_file)

    @property
    def _lock_file(self) -> Path:
        return self.path.parents[1] / ".locks" / f"{self.name}.lock"

    def read(self) -> StoredRun:
        """Read all files and compare them with the checksums in status.json."""
        try:
            status = json.loads((self.path / "status.json").read_bytes())
            if status["schema"] != SCHEMA_VERSION:
                return StoredRun("outdated", f"schema {status['schema']}, now {SCHEMA_VERSION}")
            if not status["files"].keys() >= FILES:
                return StoredRun("damaged", "status.json lists too few files")
            files = {name: (self.path / name).read_bytes() for name in status["files"]}
        except FileNotFoundError as error:
            name = Path(error.filename).name
            return StoredRun("incomplete" if name == "status.json" else "damaged", f"no {name}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return StoredRun("damaged", f"status.json: {error}")
        for name, content in files.items():
            if fingerprint(name, content) != status["files"][name]:
                return StoredRun("damaged", f"{name} is not the file that status.json describes")
        return StoredRun("done", files=files)

    def intact_files(self) -> dict[str, bytes]:
        """Return the content of the run's files by name.

        Raises
        ------
        ConfigError
            If there is no such folder, a file is missing, or a file is not the one that status.json describes.
        """
        if not self.path.is_dir():
            raise ConfigError(f"there is no folder {self.path}: allowed is a run's, results/STUDY/runs/RUN")
        files = self.read().files
        if not files:
            raise ConfigError(f"{self.path} holds no run whose files are as they were written")
        return files

    def state(self, stored: StoredRun | None = None) -> tuple[str, str]:
        """Return the state of the run and a few words on it.

        The state is that of `StoredRun`, or "failed", with the last line of the traceback.

        Parameters
        ----------
        stored
            A read of this folder, if there is one already.
        """
        stored = self.read() if stored is None else stored
        state, words = stored.state, stored.reason
        if state == "done":
            diverged = list(stored.outcomes.values()).count("diverged")
            words = f"{len(stored.outcomes)} replicas" + (f", {diverged} diverged" if diverged else "")
        failure = self.failure()
        if failure is not None:
            return "failed", failure + (f" ({words} from before)" if state == "done" else "")
        epochs = [int(checkpoint["epoch"]) for checkpoint in self.checkpoints()] if state == "incomplete" else []
        if epochs:
            first, last = min(epochs), max(epochs)
            words = f"parts of it continue from epoch{'' if first == last else f's {first} to'} {last}"
        return state, words

    def save(self, settings: Settings, new: tables.RunTables, environment: dict[str, object]) -> None:
        """Add freshly trained replicas to the run's files; the caller holds the run's lock."""
        stored = self.read()
        content = _merged(stored.files, new)
        keys = tables.from_csv(content["replicas.csv"])
        config = {
            **settings.record,
            "seeds": sorted({int(seed) for seed in keys["seed"]}),
            "lr": sorted({float(rate) for rate in keys["lr"]}),
        }
        content["config.yaml"] = _yaml(config)
        content["environment.json"] = to_json(environment)
        fresh = set(new.frames["replicas"]["seed"].tolist())
        tuning = stored.tuning_seeds.union(seed for _, seed in settings.tuning if seed in fresh)
        if tuning:
            content["tuning.json"] = to_json({"seeds": sorted(tuning)})
        self.replace(content)
        self.clear_failure()
        self.clear_checkpoints()

    def replace(self, content: Mapping[str, bytes]) -> None:
        """Write the files of the run, `status.json` last; the caller holds the run's lock."""
        status = {
            "schema": SCHEMA_VERSION,
            "run": self.name,
            "replicas": tables.number_of_rows(content["replicas.csv"]),
            "files": {name: fingerprint(name, value) for name, value in content.items()},
        }
        for path in self.path.glob(LEFTOVERS):  # no other process is writing them: the lock is ours
            path.unlink(missing_ok=True)
        for name, value in [*content.items(), ("status.json", to_json(status))]:
            write_bytes(self.path / name, value)

    def name_formula(self, name: str) -> None:
        """Store what tables and figures call the formula of this run; no result depends on it."""
        write_bytes(self.path / FORMULA_NAME, name.encode())

    def record_failure(self, text: str, environment: dict[str, object]) -> None:
        """Store the traceback of a failed training; replicas that were finished before stay."""
        write_bytes(self.path / "failure.json", to_json(environment))
        write_bytes(self.path / "failure.txt", text.encode())

    def clear_failure(self) -> None:
        """Remove the record of a failure."""
        for name in ("failure.txt", "failure.json"):
            (self.path / name).unlink(missing_ok=True)

    def unfinished(self, mark: str | None) -> str | None:
        """Return why the run is not finished, as the end of a sentence about it; None if it is finished.

        Parameters
        ----------
        mark
            The state of the run's progress mark, if it has one.
        """
        failure = self.failure()
        if failure is not None:
            return f"failed: {failure}"
        if mark == "running":
            return "is being trained" if self.is_locked() else "was interrupted"
        if mark in UNFINISHED:
            return UNFINISHED[mark]
        if self.path.is_dir() and not (self.path / "status.json").exists():
            return "was interrupted"
        return "is tuned, but not reported" if self._is_only_tuned() else None

    def _is_only_tuned(self) -> bool:
        """Return whether all replicas of the run are tuning replicas."""
        if not (self.path / "tuning.json").exists():
            return False
        stored = self.read()
        return bool(stored.files) and stored.tuning_seeds.issuperset(seed for _, seed in stored.outcomes)

    def failure(self) -> str | None:
        """Return the last line of the traceback if the run failed."""
        try:
            lines = (self.path / "failure.txt").read_text("utf-8", errors="replace").strip().splitlines()
        except OSError:
            return None
        return lines[-1] if lines else "failure.txt is empty"

    def keep_checkpoint(self, checkpoint: Mapping[str, np.ndarray]) -> None:
        """Store a checkpoint of some of the run's replicas; it replaces the last one of the same replicas."""
        buffer = BytesIO()
        versions = {"schema": np.array(SCHEMA_VERSION), "numerics": np.array(NUMERICS)}
        np.savez(buffer, allow_pickle=False, **versions, **checkpoint)
        rate, seed = float(checkpoint["lr"][0]), checkpoint["seed"][0]
        name = f"{rate!r}-{seed}-{len(checkpoint['lr'])}.npz"
        write_bytes(self.path / ".checkpoints" / name, buffer.getvalue())

    def clear_checkpoints(self) -> None:
        """Remove the run's checkpoints."""
        shutil.rmtree(self.path / ".checkpoints", ignore_errors=True)

    def checkpoints(self) -> list[dict[str, np.ndarray]]:
        """Return the arrays of the run's checkpoints; damaged ones and those of another arithmetic are left out."""
        checkpoints = []
        for path in sorted((self.path / ".checkpoints").glob("*.npz")):
            with suppress(OSError, ValueError, KeyError):
                content = arrays(path.read_bytes())
                versions = int(content.pop("schema")), int(content.pop("numerics"))
                if versions == (SCHEMA_VERSION, NUMERICS):
                    checkpoints.append(content)
        return checkpoints


def joined_files(one: StoredRun, other: StoredRun) -> dict[str, bytes]:
    """Return the files of a run with the replicas of two reads of it; what it was made with is that of the first.

    Raises
    ------
    ValueError
        If a replica has other numbers in the other read, or a seed that tunes in one is reported in the other.
    """
    read = [
        {name: tables.from_csv(run.files[name]) for name in run.files if name.endswith(".csv")} for run in (one, other)
    ]
    _check_same(*(frames["replicas.csv"] for frames in read))
    tuning = one.tuning_seeds | other.tuning_seeds
    for run in (one, other):
        both = sorted({seed for _, seed in run.outcomes} & (tuning - run.tuning_seeds))
        if both:
            raise ValueError(f"seed {both[0]} is a tuning seed in one of them and reported in the other")
    content = {}
    for name in dict.fromkeys([*read[0], *read[1]]):
        frames = [frames[name] for frames in read if name in frames]
        # A replica of both keeps the rows with more columns: earlier versions recorded less.
        old, new = frames[-1], frames[0]
        if len(old.columns) > len(new.columns):
            old, new = new, old
        text = tables.merge(name.removesuffix(".csv"), old, new).fillna("") if len(frames) > 1 else new
        content[name] = tables.to_csv(text.drop_duplicates() if name == "timing.csv" else text)
    for name in ("boundary.npz", "network.npz"):
        archives = [arrays(run.files[name]) for run in (one, other) if name in run.files]
        if archives:
            content[name] = _archive(_merged_arrays(archives[-1], archives[0], set(_replicas(archives[0]))))
    replicas = tables.from_csv(content["replicas.csv"])
    seeds, rates = ({*map(kind, replicas[key])} for key, kind in (("seed", int), ("lr", float)))
    content["config.yaml"] = _yaml(
        yaml.safe_load(one.files["config.yaml"]) | {"seeds": sorted(seeds), "lr": sorted(rates)}
    )
    content["environment.json"] = one.files["environment.json"]
    if tuning:
        content["tuning.json"] = to_json({"seeds": sorted(tuning)})
    return content


def _check_same(one: "pd.DataFrame", other: "pd.DataFrame") -> None:
    """Refuse two tables of replicas (text cells) of which a row has other cells, in the columns that both have."""
    columns = [column for column in one if column in other]
    known = {(row["lr"], row["seed"]): row for row in one[columns].to_dict("records")}
    for row in other[columns].to_dict("records"):
        same = known.get((row["lr"], row["seed"]), row)
        if same != row:
            column = next(column for column in columns if same[column] != row[column])
            raise ValueError(
                f"with lr {row['lr']} and seed {row['seed']}, {column} is {same[column]} and {row[column]}"
            )


def _yaml(config: Mapping[str, object]) -> bytes:
    text: str = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
    return text.encode()


def _archive(values: Mapping[str, np.ndarray]) -> bytes:
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **values)
    return buffer.getvalue()


def _merged(old: dict[str, bytes], new: tables.RunTables) -> dict[str, bytes]:
    """Return the tables and archives of a run by file name, with its new replicas added to the old ones."""
    content = {}
    for name, frame in new.frames.items():
        text = tables.to_text(frame)
        if f"{name}.csv" in old:
            text = tables.merge(name, tables.from_csv(old[f"{name}.csv"]), text)
        content[f"{name}.csv"] = tables.to_csv(text)
    fresh = {(float(rate), int(seed)) for rate, seed in new.frames["replicas"][["lr", "seed"]].to_numpy()}
    for name, values in (("boundary.npz", new.boundary), ("network.npz", new.network)):
        if name in old:
            values = _merged_arrays(arrays(old[name]), values, fresh)
        if values is not None:
            content[name] = _archive(values)
    return content


def _merged_arrays(
    old: dict[str, np.ndarray], new: dict[str, np.ndarray] | None, fresh: set[Replica]
) -> dict[str, np.ndarray]:
    """Return arrays with a row for each replica: those of `new`, and those of `old` that are not fresh.

    An array that has no axis of replicas, such as `about`, is taken from `new` if that has replicas.
    """
    rows = [row for row, replica in enumerate(_replicas(old)) if replica not in fresh]
    merged = {name: values[rows] if values.ndim else values for name, values in old.items()}
    if new is not None and len(new["lr"]):
        # Where no replica finished, an array does not have the shape of the others.
        merged = {
            name: np.concatenate([merged[name], values]) if rows and values.ndim else values
            for name, values in new.items()
        }
    order = sorted(range(len(merged["lr"])), key=_replicas(merged).__getitem__)
    return {name: values[order] if values.ndim else values for name, values in merged.items()}


def _replicas(values: Mapping[str, np.ndarray]) -> list[Replica]:
    return list(zip(values["lr"].tolist(), values["seed"].tolist(), strict=True))
