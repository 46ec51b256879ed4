"""Runs whose file is read differently today: they stay, and every listing names them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from experiments.config.errors import ConfigError
from experiments.config.settings import recorded_data
from experiments.store.reading import LOADER

BY_RULES = "read by earlier rules"
FROM_CONTENT = "read from another content of the file"
BY_EITHER = f"{BY_RULES} or from another content of the file"


def record_with_file(run: Path) -> dict[str, Any] | None:
    """Return the record of the condition of a run whose data come from a user's file; None if it is damaged."""
    try:
        text = (run / "config.yaml").read_text(encoding="utf-8")
        if "\n  path: " not in text:  # to parse the records of thousands of runs takes seconds
            return None
        record: dict[str, Any] = yaml.load(text, LOADER)
        return record if isinstance(record["dataset"]["path"], str) else None
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return None


def earlier_reading(run: Path) -> str | None:
    """Return how a run was read whose file gives other data today, as the end of "it was …"; otherwise None.

    A run of an earlier version does not record the digest of its file, so both reasons are possible. Nothing is
    known of a file that is no longer there.

    Parameters
    ----------
    run
        The run's folder.
    """
    record = record_with_file(run)
    if record is None:
        return None
    try:
        recorded = json.loads((run / "environment.json").read_bytes()).get("file_sha256")
    except (OSError, ValueError, AttributeError):
        return None
    try:
        recorded_data(record)
        return None
    except ConfigError:
        try:
            today = hashlib.sha256(Path(record["dataset"]["path"]).read_bytes()).hexdigest()
        except OSError:
            return None
    return BY_EITHER if recorded is None else BY_RULES if recorded == today else FROM_CONTENT
