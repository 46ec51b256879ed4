"""Reads a user's table from a file or from OpenML, and names the place of a fault; it never runs what a file holds."""

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.data.cells import EXACT, listed
from experiments.data.choices import Choices
from experiments.data.delimited import read
from experiments.data.frames import check_names, from_frame
from experiments.data.layout import Layout
from experiments.data.refusals import Refusal, read_or_refuse
from experiments.data.source import Source
from experiments.data.table import Data
from nets.names import nearest

TEXT = (".csv", ".tsv", ".txt", ".data")

ENDINGS = (*TEXT, ".parquet", ".npz")

ADVICE = {
    "save the sheet as CSV in your spreadsheet program": (".xlsx", ".xls", ".xlsm", ".ods", ".numbers"),
    "unpack the file": (".gz", ".zip", ".bz2", ".xz", ".7z", ".zst"),
}
"""What makes a file readable, by its ending."""


def from_file(path: str, **values: Any) -> Data:
    """Return the data of a file, named after it.

    Parameters
    ----------
    path
    values
        Those of `Choices`, and for a text file those of `Layout`.

    Raises
    ------
    ValueError
        If the file or a value is not allowed; the message is one line that names the place.
    """
    file, prefix = Path(path), f"dataset.path={path}"
    try:
        _, choices = _parted(values)
        ending = file.suffix.lower()
        if ending not in ENDINGS:
            advice = next((text for text, endings in ADVICE.items() if ending in endings), nearest(ending, ENDINGS))
            raise ValueError(f"unknown ending {file.suffix!r}: {advice}")
        if not file.exists() and not file.is_symlink():
            siblings = [str(other) for other in sorted(file.parent.glob("*")) if other.suffix.lower() in ENDINGS]
            others = nearest(path, siblings) if siblings else f"{file.parent.resolve()}/ has no {', '.join(ENDINGS)}"
            raise ValueError(f"there is no such file: {others}")
        if file.is_dir():
            raise ValueError("is a folder: allowed is a file")
        Choices(**choices)
        content = file.read_bytes()
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", file.stem).strip("._-")[:60] or "data"
        sha256 = hashlib.sha256(content).hexdigest()

        def read(**values: Any) -> Data:
            layout, choices = _parted(values)
            frame, source = read_content(ending, content, layout, Choices(**choices))
            return from_frame(name, frame, source=replace(source, sha256=sha256), **choices)

        return read_or_refuse(read, values)
    except OSError as error:
        raise ValueError(f"{prefix}: cannot be read: {error.strerror}") from None
    except Refusal as error:
        raise error.at(prefix) from None
    except ValueError as error:
        raise ValueError(f"{prefix}: {_one_line(error)}") from None


def _parted(values: Mapping[str, Any]) -> tuple[Layout, dict[str, Any]]:
    """Return how a file is written, and the values of `Choices`."""
    names = {item.name for item in fields(Layout)}
    layout = Layout(**{key: value for key, value in values.items() if key in names})
    return layout, {key: value for key, value in values.items() if key not in names}


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
        choices["target"] = target or bunch.target_names[0]
        return read_or_refuse(partial(from_frame, name, bunch.frame), choices)
    except Refusal as error:
        raise error.at(f"dataset.id={id}") from None
    except ValueError as error:
        raise ValueError(f"dataset.id={id}: {_one_line(error)}") from None


def _one_line(error: ValueError) -> str:
    """Return a message without the line breaks that names in it may have."""
    return " ".join(str(error).splitlines())


def read_content(ending: str, content: bytes, layout: Layout, choices: Choices) -> tuple[pd.DataFrame, Source]:
    """Return the table of a file, and what is known of its source."""
    if ending in TEXT:
        return read(content, layout, na=choices.na, texts=choices.categories)
    for item in fields(Layout):
        if getattr(layout, item.name) != item.default:
            raise ValueError(f"dataset.{item.name}={getattr(layout, item.name)} is for text files only, such as .csv")
    if ending == ".npz":
        return _read_npz(content), Source()
    frame, restored = _read_parquet(content)
    levels = [name for name in frame.index.names if name is not None]
    wanted = {choices.target, choices.groups, choices.index, *choices.drop, *choices.categories}
    kept = [name for name in levels if str(name) in wanted]
    left_out = [str(name) for name in levels if name not in kept]
    notes = [f"the index {', '.join(left_out)} is left out"] if left_out else []
    if restored:
        notes.append(f"the file declares categories in {listed(restored)}: they are not read as numbers or dates")
    return frame.reset_index(kept).reset_index(drop=True), Source(notes=tuple(notes))


def _read_parquet(content: bytes) -> tuple[pd.DataFrame, list[str]]:
    """Return the table, and the names of its columns of numbers that are categories."""
    try:
        import pyarrow  # type: ignore[import-untyped]
        from pyarrow import lib, parquet
    except ImportError:
        raise ValueError("Parquet files need pyarrow: pip install '.[parquet]'") from None
    try:
        table = parquet.read_table(io.BytesIO(content), use_threads=False)
        frame = table.to_pandas(use_threads=False)
    except (OSError, ValueError, lib.ArrowException) as error:
        raise ValueError(f"is no Parquet file: {str(error).splitlines()[0]}") from None
    for name in table.column_names:
        cells = table[name]
        # pandas makes floats of whole numbers if a cell is missing; float64 would merge large ones.
        is_whole = cells.null_count > 0 and cells.type in (pyarrow.int64(), pyarrow.uint64()) and name in frame
        if is_whole and frame[name].abs().max() >= EXACT:
            frame[name] = pd.array(cells.to_pylist(), "Int64" if cells.type == pyarrow.int64() else "UInt64")
    stored = (table.schema.pandas_metadata or {}).get("columns", [])
    # Parquet itself has no categories of numbers.
    restored = [about["name"] for about in stored if about["pandas_type"] == "categorical" and about["name"] in frame]
    restored = [name for name in restored if not isinstance(frame[name].dtype, pd.CategoricalDtype)]
    return frame.astype(dict.fromkeys(restored, "category")), restored


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
