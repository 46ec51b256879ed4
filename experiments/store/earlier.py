"""Runs whose file is read differently today: they stay, and every listing names them."""

import hashlib
import json
from pathlib import Path

import yaml

from experiments.config.errors import ConfigError
from experiments.config.settings import recorded_data
from experiments.store.reading import LOADER

BY_RULES = "read by earlier rules"
FROM_CONTENT = "read from another content of the file"
BY_EITHER = f"{BY_RULES} or from another content of the file"


def earlier_reading(run: Path) -> str | None:
    """Return how a run was read whose file gives other data today, as the end of "it was …"; otherwise None.

    A run of an earlier version does not record the digest of its file, so both reasons are possible. Nothing is
    known of a file that is no longer there.

    Parameters
    ----------
    run
        The run's folder.
    """
    try:
        text = (run / "config.yaml").read_text(encoding="utf-8")
        if "\n  path: " not in text:  # to parse the records of thousands of runs takes seconds
            return None
        record = yaml.load(text, LOADER)
        file = Path(record["dataset"]["path"])
        recorded = json.loads((run / "environment.json").read_bytes()).get("file_sha256")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return None
    try:
        recorded_data(record)
        return None
    except ConfigError:
        try:
            today = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError:
            return None
    return BY_EITHER if recorded is None else BY_RULES if recorded == today else FROM_CONTENT
