"""Reads a user's table from a file or from OpenML, and names the place of a fault; it never runs what a file holds."""

import csv
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.data.frames import check_names, from_frame
from experiments.data.table import Data
from nets.names import nearest


def from_file(path: str, **choices: Any) -> Data:
    """Return the data of a file, named after it; `choices` are those of `from_frame`.

    Raises
    ------
    ValueError
        If the file or a choice is not allowed; the message is one line that names the place.
    """
    file, prefix = Path(path), f"dataset.path={path}"
    try:
        ending = file.suffix.lower()
        if ending not in READERS:
            raise ValueError(f"unknown ending {file.suffix!r}: {nearest(ending, READERS)}")
        if not file.exists() and not file.is_symlink():
            siblings = [str(other) for other in sorted(file.parent.glob("*")) if other.suffix.lower() in READERS]
            raise ValueError(f"there is no such file: {nearest(path, siblings) if siblings else 'its folder has none'}")
        if file.is_dir():
            raise ValueError("is a folder: allowed is a file")
        content = file.read_bytes()
        frame = READERS[ending](content)
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", file.stem).strip("._-")[:60] or "data"
        return from_frame(name, frame, **choices, file_sha256=hashlib.sha256(content).hexdigest())
    except OSError as error:
        raise ValueError(f"{prefix}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{prefix}: {error}") from None


def from_openml(id: int, target: str, **choices: Any) -> Data:
    """Return a data set of OpenML, from scikit-learn's cache if it was fetched before.

    Parameters
    ----------
    id
        OpenML's number of the data set.
    target
        Column to predict; "" means the target that OpenML states.
    choices
        As in `from_frame`.

    Raises
    ------
    ValueError
        If the data set cannot be fetched, and as in `from_frame`.
    """
    from sklearn.datasets import fetch_openml  # here: its import would delay every refusal of a file

    try:
        bunch = fetch_openml(data_id=id, as_frame=True, parser="pandas")
    except (OSError, ValueError, TypeError) as error:  # its parser raises TypeError for classes called True and False
        reason = str(error).splitlines()[0]
        raise ValueError(f"dataset.id={id}: cannot be fetched from OpenML: {reason}") from None
    try:
        if not target and len(bunch.target_names) != 1:
            raise ValueError(f"it has no target of its own: choose one with dataset.target: {', '.join(bunch.frame)}")
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", bunch.details["name"])
        return from_frame(name, bunch.frame, target=target or bunch.target_names[0], **choices)
    except ValueError as error:
        raise ValueError(f"dataset.id={id}: {error}") from None


def _read_csv(content: bytes) -> pd.DataFrame:
    text = _decoded(content)
    # pandas would fill up rows that are too short, and take the first column of rows that are too long for an index.
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(filter(None, rows), [])
        if not any(header):
            raise ValueError("is empty: allowed is a line of column names, then rows")
        if len(header) == 1 and re.search(r"[;\t|]", header[0]):
            raise ValueError(
                f"its header is one cell, {header[0]!r}: allowed are commas between cells, points in numbers"
            )
        check_names(header)
        count = 0
        for row in rows:
            count += bool(row)
            if row and len(row) != len(header):
                raise ValueError(f"line {rows.line_num} has {len(row)} cells, the header has {len(header)}")
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num}: {error}") from None
    if not count:
        raise ValueError("has a header and no rows")
    return pd.read_csv(io.StringIO(text, newline=""), low_memory=False)


def _decoded(content: bytes) -> str:
    """Return the text of a file in UTF-8."""
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise ValueError(f"line {line} has a NUL byte: allowed is text in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"line {line} is not UTF-8 (byte {content[error.start]:#x}): allowed is UTF-8") from None


def _read_parquet(content: bytes) -> pd.DataFrame:
    try:
        return pd.read_parquet(io.BytesIO(content)).reset_index(drop=True)
    except ImportError:
        raise ValueError("Parquet files need pyarrow: pip install '.[parquet]'") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"is no Parquet file: {str(error).splitlines()[0]}") from None


def _read_npz(content: bytes) -> pd.DataFrame:
    """Return a column for each array (n,), and columns NAME1, NAME2, … for each array (n, k)."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: _array(archive, name) for name in archive.files}
    except (OSError, EOFError, KeyError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error):
        raise ValueError("is no .npz archive of arrays") from None
    if not arrays:
        raise ValueError("holds no arrays")
    if len({len(array) for array in arrays.values()}) > 1:
        lengths = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
        raise ValueError(f"its arrays have different lengths: {lengths}")
    columns: list[tuple[str, np.ndarray]] = []
    for name, array in arrays.items():
        if array.ndim == 2 and array.shape[1]:
            columns += [(f"{name}{number}", column) for number, column in enumerate(array.T, 1)]
        else:
            columns.append((name, array))
    check_names(name for name, _ in columns)
    return pd.DataFrame(dict(columns))


def _array(archive: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    """Return an array of one or two dimensions."""
    try:
        array: np.ndarray = archive[name]
    except ValueError:
        raise ValueError(
            f"array {name!r} has Python objects, which are never unpickled: allowed are numbers, true and false, text"
        ) from None
    if array.ndim not in (1, 2):
        raise ValueError(f"array {name!r} has shape {array.shape}: allowed are (rows,) and (rows, columns)")
    return array


READERS: dict[str, Callable[[bytes], pd.DataFrame]] = {".csv": _read_csv, ".parquet": _read_parquet, ".npz": _read_npz}
"""What reads a file's content, by the file's ending."""
