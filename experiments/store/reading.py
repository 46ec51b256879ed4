"""The tables of a study, read as pandas frames."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import yaml

from experiments import tables
from experiments.config.errors import ConfigError
from experiments.store.files import RESULTS, arrays
from nets.names import nearest

if TYPE_CHECKING:
    import pandas as pd

ELSEWHERE = "results are looked for where a command is run, so cd to the folder in which run.py was run"
LONG_TABLES = {"history": tables.HISTORY, "layers": tables.LAYERS}
"""The tables of a study that have many rows for each replica, with the columns that they always have."""
STUDY_TABLES = (*LONG_TABLES, "replicas")
FORMULA_NAME = "name.txt"
"""The file of a run that has what tables and figures call its formula."""
STARTED = ("runs", ".progress")
"""The folders of a study: it has one of them as soon as a sweep has begun."""


def tuning_seeds(files: Mapping[str, bytes]) -> set[int]:
    """Return the seeds of a run that only choose its learning rate, from the content of its files by name."""
    return set(json.loads(files["tuning.json"])["seeds"]) if "tuning.json" in files else set()


def run_replicas(files: Mapping[str, bytes]) -> "pd.DataFrame":
    """Return the table `replicas` of a run with the column `purpose`, from the content of its files by name."""
    replicas = tables.read(BytesIO(files["replicas.csv"]))
    is_tuning = replicas["seed"].isin(tuning_seeds(files))
    return replicas.assign(purpose=np.where(is_tuning, "tuning", "report"))


def task_id(files: Mapping[str, bytes]) -> str:
    """Return the digest of what a run is trained and tested on: only runs that have the same one can be compared.

    These are the data, their target, the task, the division into parts and the root entropy; for an autoencoder also
    the scaling of the inputs, which are its targets. A run of an earlier
    version does not record the digest of its data: the settings of its data set take its place. The text begins with
    "a" for an autoencoder, else with "t".

    Parameters
    ----------
    files
        The content of the run's files by name.
    """
    config = yaml.load(files["config.yaml"], LOADER)
    dataset = config["dataset"]
    settings = {key: value for key, value in dataset.items() if key != "path"}
    data = json.loads(files["environment.json"]).get("dataset_sha256", settings)
    task = config.get("task", "auto")
    facts = [data, dataset.get("target"), (task, dataset.get("task")), config.get("split"), config.get("entropy")]
    if task == "autoencode":  # its errors have the unit of the scaled inputs
        facts.append(dataset.get("pixels"))
    # The letter also keeps it a text: a digest may be all digits, or look like 1e5.
    return ("a" if task == "autoencode" else "t") + hashlib.sha256(
        json.dumps(facts, sort_keys=True).encode()
    ).hexdigest()[:10]


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader of PyYAML that is written in C takes a tenth of the time; not every build has it."""


def _from_yaml(text: str) -> Any:
    return yaml.load(text, LOADER)


def named(frame: "pd.DataFrame", study: Path) -> "pd.DataFrame":
    """Return a table of a study, whose folder this is, with the names of its formulas as activations."""
    names = {path.parent.name: path.read_text(encoding="utf-8") for path in study.glob(f"runs/*/{FORMULA_NAME}")}
    return frame.assign(activation=frame["run"].map(names).fillna(frame["activation"])) if names else frame


def run_record(folder: Path) -> dict[str, Any]:
    """Return the record of a run: its condition with the path and layout of its data, seeds and learning rates."""
    record: dict[str, Any] = _from_yaml((folder / "config.yaml").read_text(encoding="utf-8"))
    return record


def recorded_words(environment: bytes, study: str) -> list[str]:
    """Return the overrides that trained a run, from its environment.json, with the study that it is in today."""
    words: list[str] = json.loads(environment)["overrides"]
    if study != "default" and not any(word.startswith("study=") for word in words):
        words = [*words, f"study={study}"]
    return [f"study={study}" if word.startswith("study=") else word for word in words]


class StudyTables(NamedTuple):
    """The tables of a study as pandas frames; results/README.md explains their columns."""

    history: "pd.DataFrame"
    layers: "pd.DataFrame"
    replicas: "pd.DataFrame"
    confusion: "pd.DataFrame | None" = None
    timing: "pd.DataFrame | None" = None
    boundary: dict[str, dict[str, np.ndarray]] | None = None  # by run, the arrays of boundary.npz
    baselines: "pd.DataFrame | None" = None
    sources: dict[str, dict[str, Any]] | None = None  # by run, the arguments that load its data set
    reliability: "pd.DataFrame | None" = None


def studies(results: Path = RESULTS) -> list[str]:
    """Return the names of the studies that have tables, the one written last at the end."""
    paths = Path(results).glob("*/replicas.csv")
    return [path.parent.name for path in sorted(paths, key=lambda path: (path.stat().st_mtime, path.parent.name))]


def check_study(study: str, results: Path = RESULTS) -> None:
    """Raise a ConfigError if there is no such study."""
    known = studies(results)
    if study not in known:
        if study in {path.parent.name for name in STARTED for path in Path(results).glob(f"*/{name}")}:
            status = f"python -m experiments.store status study={study}"
            raise ConfigError(
                f"study {study!r} has no finished run yet; the command that began it continues it; run: {status}"
            )
        if not known:
            raise ConfigError(f"no study {study!r} in {Path(results).resolve()}/: it is empty; {ELSEWHERE}")
        raise ConfigError(f"no study {study!r} in {results}/: {nearest(study, known)}")


def load_tables(study: str, results: Path = RESULTS) -> StudyTables:
    """Return the tables of a study.

    Raises
    ------
    ConfigError
        If there is no such study.
    """
    check_study(study, results)
    try:
        folder = Path(results) / study
        replicas = tables.read(folder / "replicas.csv")
        history, layers = (_read(folder, name, set(replicas["run"])) for name in LONG_TABLES)
        return StudyTables(*(named(table, folder) for table in (history, layers, replicas)))
    except (OSError, ValueError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"the tables of study {study!r} cannot be read ({reason}); "
            f"run: python -m experiments.store collect study={study}"
        ) from error


def _read(folder: Path, name: str, runs: set[str]) -> "pd.DataFrame":
    """Return a long table of a study: its CSV file, or its Parquet files if there is none."""
    csv = folder / f"{name}.csv"
    is_parquet = not csv.exists() and (folder / "parquet").is_dir()
    return read_parquet(folder / "parquet" / name, runs) if is_parquet else tables.read(csv)


def read_parquet(folder: Path, runs: set[str]) -> "pd.DataFrame":
    """Return the rows of these runs in a table's Parquet files, as the CSV of the table would give them.

    Raises
    ------
    ValueError
        If a run has several files, or if its history has none: the study is being collected, or that was interrupted.
    """
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet

    files = [(path.name.rpartition("-")[0], path) for path in folder.glob("*/*/*.parquet")]
    files = sorted((run, path) for run, path in files if run in runs)
    count = len(dict(files))
    # A run without diagnostics has no row in `layers`, and a table without a row has no file.
    if count < len(files) or (folder.name == "history" and count < len(runs)):
        raise ValueError("the Parquet files are not those of the runs in replicas.csv")
    parts = []
    for _, path in files:
        part = parquet.ParquetFile(path).read()
        for position, parent in ((1, path.parents[1]), (2, path.parents[0])):
            key, _, value = parent.name.partition("=")
            part = part.add_column(position, key, pa.repeat(value, len(part)))
        parts.append(part)
    parts = parts or [pa.table({column: [] for column in LONG_TABLES[folder.name]})]
    return pa.concat_tables(parts, promote_options="permissive").to_pandas()


def rows_of_parquet(path: Path) -> int:
    """Return the number of rows of a Parquet file; -1 if it is damaged."""
    from pyarrow import ArrowException, parquet

    try:
        return int(parquet.read_metadata(path).num_rows)
    except (OSError, ArrowException):
        return -1


def load_all_tables(study: str, results: Path = RESULTS) -> StudyTables:
    """Return the tables of a study, with those that only its runs have, such as confusion and timing.

    Raises
    ------
    ConfigError
        If there is no such study.
    """
    loaded = load_tables(study, results)
    study_folder = Path(results) / study
    folders = [study_folder / "runs" / run for run in loaded.replicas["run"].unique()]
    sources = {}
    for folder in _with_file(folders, "config.yaml"):
        sources[folder.name] = run_record(folder)["dataset"]
    return loaded._replace(
        confusion=_joined(study_folder, folders, "confusion.csv"),
        timing=_joined(study_folder, folders, "timing.csv"),
        boundary={
            folder.name: arrays((folder / "boundary.npz").read_bytes())
            for folder in _with_file(folders, "boundary.npz")
        },
        sources=sources,
        reliability=_joined(study_folder, folders, "reliability.csv"),
    )


def _with_file(folders: Iterable[Path], name: str) -> list[Path]:
    return [folder for folder in folders if (folder / name).exists()]


def _joined(study: Path, folders: Iterable[Path], name: str) -> "pd.DataFrame | None":
    """Return a table of all runs that have it, whose columns are the same, or None."""
    contents = [(folder / name).read_bytes().partition(b"\n") for folder in _with_file(folders, name)]
    if not contents:
        return None
    header = contents[0][0]
    return named(tables.read(BytesIO(header + b"\n" + b"".join(rows for _, _, rows in contents))), study)


RECORDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "config": ("config.yaml", _from_yaml),
    "environment": ("environment.json", json.loads),
    "failure": ("failure.txt", str),
}
"""By key of a run's record, its file and what parses it."""


def load_records(study: str, results: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """Return the record of each run: its `config`, its `environment`, and `failure` if it failed."""
    records: dict[str, dict[str, Any]] = {}
    for folder in sorted((Path(results) / study / "runs").glob("*")):
        record = records[folder.name] = {}
        for key, (name, parse) in RECORDS.items():
            if (folder / name).exists():
                record[key] = parse((folder / name).read_text(encoding="utf-8", errors="replace"))
    return records
