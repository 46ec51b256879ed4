"""Files that are replaced in one step, their checksums, locks, and archives of arrays."""

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
from filelock import FileLock, Timeout

from experiments.tables import number_of_rows

RESULTS = Path("results")

BLOCK = 1 << 20
"""Bytes that are copied at once."""

LEFTOVERS = ".*.*.*"
"""Pattern of the temporary files that a crash leaves in a folder."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error of the disk name this file: an error of a write names none."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to be written that takes the place of `path` in one step, at the end, or not at all.

    A reader, or a crash at any moment, sees the old content or the new, never a part.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with naming(path), os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step, as `replacing` does."""
    with replacing(path) as file:
        file.write(content)


@contextmanager
def locked(path: Path, timeout: float = -1) -> Iterator[None]:
    """Hold the lock of this file; other processes that want it wait.

    If it is not free within `timeout` seconds, `filelock.Timeout` is raised; -1 waits without end.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path, timeout=timeout):
        yield


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock of this file."""
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a study that can only be read
        return False


def arrays(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file by name; ValueError if it is none."""
    try:
        with np.load(BytesIO(content), allow_pickle=False) as file:
            return dict(file)
    except (OSError, EOFError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"no .npz archive of arrays: {error}") from error


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(name: str, content: bytes) -> dict[str, str | int]:
    """Return what status.json states of a file: its SHA-256, and the number of rows of a table."""
    sha256 = hashlib.sha256(content).hexdigest()
    return {"rows": number_of_rows(content), "sha256": sha256} if name.endswith(".csv") else {"sha256": sha256}


def copy(source: IO[bytes], target: IO[bytes], length: int) -> None:
    """Copy this number of bytes; EOFError if the source has fewer."""
    while length:
        content = source.read(min(length, BLOCK))
        if not content:
            raise EOFError(f"{source.name} ends early")
        target.write(content)
        length -= len(content)


def to_json(value: object) -> bytes:
    """Return a plain value as indented JSON."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
