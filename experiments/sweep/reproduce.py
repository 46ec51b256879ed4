"""Retrains a recorded run in memory and compares the result with the run's tables."""

import json
import time
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from experiments import tables
from experiments.analysis.wording import counted
from experiments.config.errors import ConfigError
from experiments.config.settings import Settings, from_record
from experiments.store.runs import RunFolder, outcomes
from experiments.sweep.environment import describe
from experiments.training.run import train

if TYPE_CHECKING:
    import pandas as pd

ENVIRONMENT = ("numerics", "git", "python", "packages", "processor", "blas", "dataset_sha256")
"""The facts of the environment that may change a number."""

COMPARED = ("history", "layers", "replicas", "confusion", "reliability")


def reproduce(path: Path) -> int:
    """Retrain the run of a folder in memory, and print whether its tables are bit-identical.

    Returns
    -------
    int
        0 if all are, 1 if one differs.

    Raises
    ------
    ConfigError
        If the folder has no intact run of this version.
    """
    path = path.resolve()
    files = RunFolder(path).intact_files()
    settings = _recorded_settings(path, files)
    replicas = sorted(outcomes(files))
    work = f"{counted(len(replicas), 'replica')}, {counted(settings.epochs, 'epoch')}"
    print(f"retraining {settings.run}: {work}", flush=True)
    begin = time.perf_counter()
    fresh = train(settings, replicas).frames
    then, now = {"numerics": 1} | json.loads(files["environment.json"]), describe(settings, [], begin, "done")
    for fact in ENVIRONMENT:
        if then.get(fact) != now[fact]:
            print(f"then {fact}: {then.get(fact)}\nnow  {fact}: {now[fact]}")
    identical = True
    for name in COMPARED:
        if name in tables.LATER and f"{name}.csv" not in files:
            continue
        old, text = files[f"{name}.csv"], tables.to_text(fresh[name])
        known = _without_unknown(name, text, tables.from_csv(old))
        new = tables.to_csv(known)
        if new == old:
            what = "metrics" if name == "replicas" else "rows"
            rest = "" if known.equals(text) else f", without the {what} that an earlier version did not record"
            print(f"identical  {name}.csv, {len(known)} rows{rest}")
        else:
            identical = False
            print(f"differs    {name}.csv, {_first_difference(old, new)}")
    return int(not identical)


def _recorded_settings(path: Path, files: dict[str, bytes]) -> Settings:
    settings = from_record(yaml.safe_load(files["config.yaml"]))
    if settings.run != path.name:
        raise ConfigError(
            f"{path}: its config.yaml belongs to {settings.run}: another version wrote it, or it was renamed"
        )
    return settings


def _without_unknown(name: str, new: "pd.DataFrame", old: "pd.DataFrame") -> "pd.DataFrame":
    """Return a fresh table (text cells) as it was recorded: earlier versions knew no metrics and fewer tables."""
    if name in tables.LATER:
        recorded = set(zip(old["lr"], old["seed"], strict=True))
        # An empty list in brackets alone would select no column.
        return new.loc[[replica in recorded for replica in zip(new["lr"], new["seed"], strict=True)]]
    if name != "replicas":
        return new
    metrics = tables.sorted_metrics(list(new))
    known = [column for column in metrics if column in old]
    new = new.drop(columns=[column for column in metrics if column not in known])
    if len(new) == len(old):
        new.loc[(old[known] == "").all(axis=1), known] = ""
    return new


def _first_difference(old: bytes, new: bytes) -> str:
    pairs = enumerate(zip_longest(old.splitlines(), new.splitlines(), fillvalue=b"nothing"), 1)
    line, before, after = next((line, *pair) for line, pair in pairs if pair[0] != pair[1])
    return f"first in line {line}:\n  then {before.decode()}\n  now  {after.decode()}"
