"""Own data: a table from a file or from OpenML becomes `Data`; types and task are inferred, faults are named.

A column of numbers is a feature. A column of text, of true and false or of categories is one-hot: a feature
`column=category` for each of its categories, in the order of their text. Nothing that a file holds is run.
"""

import csv
import io
import json
import re
import shlex
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api import types

from experiments.data.table import TASKS, Column, Data
from nets.names import nearest

MISSING = ("refuse", "drop")


MOST_CATEGORIES = 100
"""A column of more different texts is no category but an identifier or prose."""


MOST_CLASSES = 20
"""A target of more different whole numbers is a quantity."""


EXACT = 2**53
"""Up to here float64 holds every whole number."""


def from_file(path: str, **choices) -> Data:
    """Return the data of a file, named after it; `choices` as in `from_frame`.

    Raises
    ------
    ValueError
        With a line that says where the file is at fault and what is allowed.
    """
    file, where = Path(path), f"dataset.path={path}"
    try:
        if file.suffix.lower() not in READERS:
            raise ValueError(f"unknown ending {file.suffix!r}: {nearest(file.suffix.lower(), READERS)}")
        if not file.exists() and not file.is_symlink():
            beside = [str(each) for each in sorted(file.parent.glob("*")) if each.suffix.lower() in READERS]
            raise ValueError(f"there is no such file: {nearest(path, beside) if beside else 'its folder has none'}")
        if file.is_dir():
            raise ValueError("is a folder: allowed is a file")
        frame = READERS[file.suffix.lower()](file.read_bytes())
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", file.stem).strip("._-")[:60] or "data"
        return from_frame(name, frame, **choices)
    except OSError as error:
        raise ValueError(f"{where}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def from_openml(id: int, target: str, **choices) -> Data:
    """Return a data set of OpenML's, from scikit-learn's cache if it was fetched before; `choices` as in `from_frame`.

    Raises
    ------
    ValueError
        If it cannot be fetched, or as `from_frame`.
    """
    from sklearn.datasets import fetch_openml

    try:
        bunch = fetch_openml(data_id=id, as_frame=True, parser="pandas")
    except (OSError, ValueError, TypeError) as error:  # TypeError: classes called True and False, in its own parser
        why = str(error).splitlines()[0]
        raise ValueError(f"dataset.id={id}: cannot be fetched from OpenML: {why}") from None
    try:
        if not target and len(bunch.target_names) != 1:
            raise ValueError(f"it has no target of its own: choose one with dataset.target: {', '.join(bunch.frame)}")
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", bunch.details["name"])
        return from_frame(name, bunch.frame, target=target or bunch.target_names[0], **choices)
    except ValueError as error:
        raise ValueError(f"dataset.id={id}: {error}") from None


def _read_csv(content):
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise ValueError(f"line {line} has a NUL byte: allowed is text in UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"line {line} is not UTF-8 (byte {content[error.start]:#x}): allowed is UTF-8") from None
    # pandas would fill up short rows, and take the first column of too long ones for names.
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(filter(None, rows), [])
        if not any(header):
            raise ValueError("is empty: allowed is a line of column names, then rows")
        if len(header) == 1 and re.search(r"[;\t|]", header[0]):
            raise ValueError(
                f"its header is one cell, {header[0]!r}: allowed are commas between cells, points in numbers"
            )
        _check_names(header)
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


def _read_parquet(content):
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise ValueError("Parquet files need pyarrow: pip install '.[parquet]'") from None
    try:
        return pd.read_parquet(io.BytesIO(content)).reset_index(drop=True)
    except (OSError, ValueError) as error:
        raise ValueError(f"is no Parquet file: {str(error).splitlines()[0]}") from None


def _read_npz(content):
    """Return a column for each array (n,), and columns NAME1, NAME2, … for each array (n, k)."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: _array(archive, name) for name in archive.files}
    except (OSError, EOFError, KeyError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error):
        raise ValueError("is no .npz archive of arrays") from None
    if not arrays:
        raise ValueError("holds no arrays")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"its arrays have different lengths: {told}")
    columns = []
    for name, array in arrays.items():
        wide = [(f"{name}{place + 1}", array[:, place]) for place in range(array.shape[1])] if array.ndim == 2 else []
        columns += wide or [(name, array)]
    _check_names([name for name, _ in columns])
    return pd.DataFrame(dict(columns))


def _array(archive, name):
    try:
        array = archive[name]
    except ValueError:
        raise ValueError(
            f"array {name!r} has Python objects, which are never unpickled: allowed are numbers, true and false, text"
        ) from None
    if array.ndim not in (1, 2):
        raise ValueError(f"array {name!r} has shape {array.shape}: allowed are (rows,) and (rows, columns)")
    return array


READERS = {".csv": _read_csv, ".parquet": _read_parquet, ".npz": _read_npz}


def from_frame(
    name: str,
    frame: pd.DataFrame,
    *,
    target: str,
    task: str = "auto",
    missing: str = "refuse",
    groups: str = "",
    drop: Sequence[str] = (),
) -> Data:
    """Return the data of a table.

    Parameters
    ----------
    name
        Of the data set.
    frame
        One row for each example.
    target
        Column to predict.
    task
        "classification", "regression" or "auto": classification where the target is text, true or false, or at most
        20 different whole numbers; else regression.
    missing
        What becomes of missing values: "refuse" names their columns, "drop" leaves their rows out.
    groups
        Column whose equal values belong to one part of the split; no feature.
    drop
        Columns to leave out.

    Raises
    ------
    ValueError
        With one line for whatever of that does not fit.
    """
    if isinstance(drop, str):
        raise ValueError(f"dataset.drop={drop!r}: allowed is a list such as [{drop}]")
    drop = [str(column) for column in drop]
    for key, value, allowed in (("task", task, ("auto", *TASKS)), ("missing", missing, MISSING)):
        if value not in allowed:
            raise ValueError(f"dataset.{key}={value!r}: {nearest(str(value), allowed)}")
    frame = frame.set_axis([str(column) for column in frame], axis=1)
    _check_names(frame.columns)
    for key, names in (("target", [target]), ("groups", [groups] if groups else []), ("drop", drop)):
        for column in names:
            if column not in frame:
                raise ValueError(f"dataset.{key}: there is no column {column!r}: {nearest(str(column), frame)}")
    for key, column in (("target", target), ("groups", groups)):
        if column in drop:
            raise ValueError(f"dataset.{key}: column {column!r} is also in dataset.drop")
    if groups == target:
        raise ValueError(f"dataset.groups: column {groups!r} is the target")
    frame = frame.drop(columns=drop)
    _check_types(frame)
    rows = len(frame)
    frame = _without_missing(frame, missing)
    features = frame.drop(columns=[column for column in (target, groups) if column])
    if not len(features.columns):
        raise ValueError("no column is left for the inputs")
    columns = tuple((column, _categories(features[column])) for column in features)
    constant = [column for column in features if features[column].nunique() == 1]
    if constant:
        raise ValueError(f"{_these(constant)} the same in every row: {_leave_out(constant)}")
    targets, classes, task = _targets(frame[target], task)
    names = [column if kinds is None else f"{column}={kind}" for column, kinds in columns for kind in kinds or [""]]
    _check_names(names)
    return Data(
        name,
        task,
        encode(features, columns),
        targets,
        classes,
        names,
        columns=columns,
        left_out=rows - len(frame),
        groups=np.unique(frame[groups].astype(str), return_inverse=True)[1] if groups else None,
    )


def encode(frame: pd.DataFrame, columns: Sequence[Column]) -> np.ndarray:
    """Return the inputs (n, d) float64 of a table that has these columns, perhaps among others.

    Raises
    ------
    ValueError
        If a column or a category is unknown, or a column of numbers holds anything else.
    """
    parts = []
    for column, categories in columns:
        if column not in frame:
            raise ValueError(f"there is no column {column!r}: {nearest(column, map(str, frame))}")
        if categories is None:
            try:
                parts.append(frame[column].to_numpy(np.float64)[:, None])
            except (ValueError, TypeError) as error:
                raise ValueError(f"column {column!r} has to hold numbers: {error}") from None
            continue
        text = frame[column].astype(str).to_numpy(object)
        one_hot = text[:, None] == np.array(categories, object)
        unknown = text[~one_hot.any(axis=1)]
        if len(unknown):
            raise ValueError(f"column {column!r} has the unknown category {unknown[0]!r}: {nearest('', categories)}")
        parts.append(one_hot.astype(np.float64))
    return np.concatenate(parts, axis=1)


def _check_names(names):
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"the column name {repeated[0]!r} is there {Counter(names)[repeated[0]]} times")
    if "" in names:
        raise ValueError(
            f"column {list(names).index('') + 1} has no name: each needs one (an index that pandas wrote? index=False)"
        )


def _without_missing(frame, missing):
    empty = frame.columns[frame.isna().all()].tolist()
    if empty:
        raise ValueError(f"{_these(empty)} empty: {_leave_out(empty)}")
    lacking = frame.isna()
    if lacking.any(axis=None) and missing == "refuse":
        told = ", ".join(f"{column} {count}" for column, count in lacking.sum().items() if count)
        rest = f"{(~lacking.any(axis=1)).sum()} of {len(frame)} rows then stay"
        raise ValueError(
            f"values are missing, by column: {told}: leave out their rows by dataset.missing=drop ({rest}), "
            f"or columns by dataset.drop"
        )
    frame = frame[~lacking.any(axis=1)]
    if frame.empty:
        raise ValueError("no row is without a missing value")
    numbers = frame.select_dtypes("number")
    infinite = numbers.columns[np.isinf(numbers.to_numpy(np.float64)).any(axis=0)].tolist()
    if infinite:
        raise ValueError(f"values are infinite, in the columns {', '.join(infinite)}: {_leave_out(infinite)}")
    return frame


def _these(columns):
    return f"the column {columns[0]!r} is" if len(columns) == 1 else f"the columns {', '.join(columns)} are"


def _leave_out(columns):
    # As it can be typed: Hydra wants quotes around all but plain words, and the shell around those.
    plain = all(re.fullmatch(r"[A-Za-z_]\w*", column, re.ASCII) for column in columns)
    names = columns if plain else [json.dumps(column, ensure_ascii=False) for column in columns]
    override = f"dataset.drop=[{','.join(names)}]"
    return f"leave out columns by {override if plain else shlex.quote(override)}"


def _check_types(frame):
    """Refuse columns that are neither numbers nor text."""
    for name, column in frame.items():
        kind = None
        if types.is_complex_dtype(column) or column.dtype.kind in "mM":
            kind = column.dtype
        elif types.is_object_dtype(column):
            strange = (value for value in column.dropna() if not isinstance(value, str | bool | np.bool_ | int))
            kind = next((type(value).__name__ for value in strange), None)
        if kind is not None:
            allowed = "allowed are numbers, true and false, text"
            raise ValueError(f"column {name!r} holds {kind}: {allowed}; {_leave_out([name])}")


def _categories(column):
    """Return the categories of a column, None if it has numbers.

    Raises
    ------
    ValueError
        For numbers that float64 cannot hold, too many categories, and texts that identify their rows.
    """
    name = column.name
    if not types.is_bool_dtype(column) and types.is_numeric_dtype(column):
        if types.is_integer_dtype(column) and max(abs(int(column.min())), abs(int(column.max()))) > EXACT:
            raise _too_large(name)
        return None
    text = sorted(column.astype(str).unique())
    if all(re.fullmatch(r"\s*[+-]?\d+\s*", each) for each in text) and max(abs(int(each)) for each in text) > EXACT:
        raise _too_large(name)
    if len(text) == len(column):
        raise ValueError(f"column {name!r} has another text in every row: {_leave_out([name])}")
    if len(text) > MOST_CATEGORIES:
        raise ValueError(
            f"column {name!r} has {len(text)} different texts, of categories {MOST_CATEGORIES} are allowed: "
            f"{_leave_out([name])}"
        )
    return tuple(text)


def _too_large(name):
    return ValueError(f"column {name!r} has whole numbers beyond 2^53, which float64 rounds: {_leave_out([name])}")


def _targets(column, task):
    """Return the labels or values, the names of the classes, and the task."""
    name = column.name
    if types.is_numeric_dtype(column) and not types.is_bool_dtype(column):
        values = column.to_numpy(np.float64)
        distinct = np.unique(values)
        whole = bool((distinct == np.round(distinct)).all())
        if task == "auto":
            task = "classification" if whole and len(distinct) <= MOST_CLASSES else "regression"
        if len(distinct) == 1:
            raise ValueError(f"the target {name!r} is the same in every row: {distinct[0]:g}")
        if task == "regression":
            _categories(column)  # refuses what float64 cannot hold
            return values, (), task
        classes = tuple(str(int(value)) if whole else repr(float(value)) for value in distinct)
        return np.searchsorted(distinct, values), classes, task
    if task == "regression":
        raise ValueError(f"dataset.task=regression: the target {name!r} has no numbers: Allowed: classification")
    text = column.astype(str).to_numpy(object)
    classes, labels = np.unique(text, return_inverse=True)
    if len(classes) == 1:
        raise ValueError(f"the target {name!r} is the same in every row: {classes[0]!r}")
    return labels, tuple(classes), "classification"
