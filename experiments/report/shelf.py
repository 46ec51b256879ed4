"""A folder with drawn figures, each kept with the digest of what it was drawn from."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from experiments.store.files import checksum, locked, to_json, write_bytes


class Drawn(NamedTuple):
    """A figure as files.

    Attributes
    ----------
    label
        What its caption adds to that of all figures of its name.
    files
        The content of its file by kind.
    """

    label: str
    files: Mapping[str, bytes]


class Shelf:
    """A folder with drawn figures, and the key of each: the digest of everything that the figure is made from.

    A file that is not as it was written counts as missing, and so does a damaged list of keys.

    Parameters
    ----------
    folder
        The folder of the figures.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._path = folder / ".drawn.json"
        self._entries = self._read()
        self._new: dict[str, Any] = {}

    def _read(self) -> dict[str, Any]:
        try:
            stored = dict(json.loads(self._path.read_bytes()))
            return {stem: dict(entry) for stem, entry in stored.items()}
        except (OSError, ValueError, TypeError):
            return {}

    def get(self, stem: str, key: str, kinds: Iterable[str]) -> Drawn | None:
        """Return the figure of this stem, if the key is the same and all kinds are there."""
        try:
            entry = self._entries[stem]
            if entry["key"] != key:
                return None
            files = {kind: (self.folder / f"{stem}.{kind}").read_bytes() for kind in kinds}
            intact = all(hashlib.sha256(content).hexdigest() == entry["files"][kind] for kind, content in files.items())
            return Drawn(str(entry["label"]), files) if intact else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, stem: str, key: str, drawn: Drawn) -> None:
        """Write the files of a figure that are not there yet, and note its key."""
        old = self._entries.get(stem, {})
        sums = dict(old.get("files", {})) if old.get("key") == key else {}
        for kind, content in drawn.files.items():
            path = self.folder / f"{stem}.{kind}"
            sums[kind] = hashlib.sha256(content).hexdigest()
            if not path.exists() or checksum(path) != sums[kind]:
                write_bytes(path, content)
        self._entries[stem] = self._new[stem] = {"key": key, "label": drawn.label, "files": sums}

    def save(self) -> None:
        """Write the new keys; those that another report has written in the meantime stay."""
        with locked(self.folder / ".drawn.lock"):
            write_bytes(self._path, to_json(self._read() | self._new))
