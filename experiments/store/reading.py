"""The tables of a study, read as pandas frames."""

import json
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from experiments import tables
from experiments.config.errors import ConfigError
from experiments.store.files import RESULTS, arrays
from nets.names import nearest

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


STUDY_TABLES = ("history", "layers", "replicas")


class StudyTables(NamedTuple):
    """The tables of a study as pandas frames; results/README.md explains their columns."""

    history: "pd.DataFrame"
    layers: "pd.DataFrame"
    replicas: "pd.DataFrame"
    confusion: "pd.DataFrame | None" = None
    timing: "pd.DataFrame | None" = None
    boundary: "dict[str, dict[str, np.ndarray]] | None" = None  # by run, the arrays of boundary.npz
    baselines: "pd.DataFrame | None" = None
    sources: "dict[str, dict] | None" = None  # by run, what loads its data set


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
    try:
        return StudyTables(*(tables.read(Path(results) / study / f"{name}.csv") for name in STUDY_TABLES))
    except (OSError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise ConfigError(
            f"the tables of study {study!r} cannot be read ({why}); "
            f"run: python -m experiments.store collect study={study}"
        ) from error


def load_all_tables(study: str, results: Path = RESULTS) -> StudyTables:
    """Return the tables of a study with what only its runs hold: confusion, timing, boundary and sources.

    Raises
    ------
    ConfigError
        If there is no such study.
    """
    import yaml

    found = load_tables(study, results)
    folders = {run: Path(results) / study / "runs" / run for run in found.replicas["run"].unique()}
    joined = {}
    for name in ("confusion", "timing"):
        texts = [path.read_bytes() for folder in folders.values() if (path := folder / f"{name}.csv").exists()]
        bodies = (text.partition(b"\n")[2] for text in texts)
        joined[name] = tables.read(BytesIO(texts[0].partition(b"\n")[0] + b"\n" + b"".join(bodies))) if texts else None
    boundary, sources = {}, {}
    for run, folder in folders.items():
        if (folder / "config.yaml").exists():
            sources[run] = yaml.safe_load((folder / "config.yaml").read_text())["dataset"]
        if (folder / "boundary.npz").exists():
            boundary[run] = arrays((folder / "boundary.npz").read_bytes())
    return found._replace(**joined, boundary=boundary, sources=sources)


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
