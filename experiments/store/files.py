"""Files that are replaced in one step, their checksums, and archives of arrays."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


RESULTS = Path("results")


@contextmanager
def replacing(path: Path) -> Iterator["tempfile._TemporaryFileWrapper"]:
    """Open a file to be written that takes the place of `path` in one step, at the end, or not at all.

    A reader, or a crash at any moment, sees the old content or the new, never a part.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
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


def arrays(content: bytes) -> "dict[str, np.ndarray]":
    """Return the arrays of an .npz file by name; ValueError if it is none."""
    import zipfile
    import zlib

    import numpy as np

    try:
        with np.load(BytesIO(content), allow_pickle=False) as file:
            return dict(file)
    except (OSError, EOFError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"no .npz archive of arrays: {error}") from error


def _digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(source, target, length, block=1 << 20):
    while length:
        content = source.read(min(length, block))
        if not content:
            raise EOFError(f"{source.name} ends early")
        target.write(content)
        length -= len(content)


def _fingerprint(name, content):
    fingerprint = {"sha256": hashlib.sha256(content).hexdigest()}
    return {"rows": content.count(b"\n") - 1, **fingerprint} if name.endswith(".csv") else fingerprint


def _json(value):
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
