"""A data set in memory: inputs, targets and their names, checked and read-only."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from experiments.data.columns import Column
from experiments.data.imputing import check_missing, fillable

TASKS = ("classification", "regression")


@dataclass(frozen=True, eq=False)
class Data:
    """A data set before it is divided and scaled; its arrays are copies, and read-only.

    Attributes
    ----------
    name : str
    task : str
        "classification" or "regression".
    inputs : ndarray
        (n, d) float64. NaN stands for a missing cell where a column imputes.
    targets : ndarray
        A classification has labels (n,) int64 in 0..K-1, each of them present. A regression has values (n, t)
        float64; a single column may be given as (n,). If the same array is also the inputs, the task is that of an
        autoencoder.
    classes : tuple of str
        Name of each label, by default the label itself; empty for a regression.
    features : tuple of str
        Name of each input column, by default x1, x2, ….
    image : bool
        Whether the inputs are pixels, which are divided by their maximum instead of standardised.
    columns : tuple of Column
        The columns of the table that the inputs were encoded from; empty if there was no table.
    groups : ndarray or None
        (n,) int64: all rows of a group belong to the same part.
    left_out : int
        Number of the table's rows that were dropped because a value was missing.
    notes : tuple of str
        Sentences about what a reader of the table may not expect.
    file_sha256 : str
        Digest of the bytes of the file that the table was read from; empty if there was no file.
    sha256 : str
        Digest of the task, the arrays' shapes and their bytes (little-endian), and of a table's names.

    Raises
    ------
    ValueError
        If a value is infinite, or NaN where no column imputes, or if the arrays, labels and names do not fit together.
    """

    name: str
    task: str
    inputs: np.ndarray = field(repr=False)
    targets: np.ndarray = field(repr=False)
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = field(default=(), repr=False)
    image: bool = False
    columns: tuple[Column, ...] = field(default=(), repr=False)
    groups: np.ndarray | None = field(default=None, repr=False)
    left_out: int = field(default=0, repr=False)
    notes: tuple[str, ...] = field(default=(), repr=False)
    file_sha256: str = field(default="", repr=False)
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        """Check the fields, convert their types and fill in their defaults."""
        if self.task not in TASKS:
            raise ValueError(f"{self.name}: task {self.task!r} must be one of {', '.join(TASKS)}")
        is_autoencoder = self.targets is self.inputs
        inputs, targets = _own(self.inputs), np.asarray(self.targets)
        if inputs.ndim != 2 or not inputs.size:
            raise ValueError(f"{self.name}: inputs must be rows of numbers, their shape is {inputs.shape}")
        n, d = inputs.shape
        if targets.shape[:1] != (n,) or targets.ndim > 2:
            raise ValueError(f"{self.name}: targets of shape {targets.shape} do not fit {n} rows of inputs")
        features = tuple(map(str, self.features)) or tuple(f"x{j + 1}" for j in range(d))
        if len(features) != d:
            raise ValueError(f"{self.name}: {len(features)} feature names for {d} input columns")
        if self.columns and sum(len(column.features) for column in self.columns) != d:
            raise ValueError(f"{self.name}: the columns do not have {d} features")
        _refuse_non_finite(self.name, "inputs", inputs, features, self.imputes and fillable(self.columns))
        if self.imputes:
            check_missing(inputs, self.columns)
            # The digest must not depend on the sign and payload of a NaN.
            inputs = np.where(np.isnan(inputs), np.nan, inputs)
        if self.task == "classification":
            targets, classes = _labels(self.name, targets, tuple(map(str, self.classes)))
        elif is_autoencoder:
            targets, classes = inputs, ()
        else:
            targets, classes = np.array(targets, np.float64, order="C").reshape(n, -1), ()
            _refuse_non_finite(self.name, "targets", targets, [f"y{j + 1}" for j in range(targets.shape[1])])
        groups = None if self.groups is None else np.array(self.groups, np.int64)
        if groups is not None and groups.shape != (n,):
            raise ValueError(f"{self.name}: groups of shape {groups.shape} do not fit {n} rows of inputs")
        names = [[column.record for column in self.columns], classes] if self.columns else []
        digest = hashlib.sha256(json.dumps([self.task, inputs.shape, targets.shape, *names]).encode())
        for array in (inputs, targets) if groups is None else (inputs, targets, groups):
            digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).reshape(-1).data)
        values: dict[str, Any] = {
            "inputs": read_only(inputs),
            "targets": read_only(targets),
            "classes": classes,
            "features": features,
            "groups": groups if groups is None else read_only(groups),
            "sha256": digest.hexdigest(),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def imputes(self) -> bool:
        """Whether inputs may be NaN, which the scaling fills by the training part."""
        return any(any(column.fillable) for column in self.columns)

    @property
    def classes_are_numbers(self) -> bool:
        """Whether the name of every class is a number; False without classes."""
        return bool(self.classes) and all(map(_is_number, self.classes))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _labels(name: str, targets: np.ndarray, classes: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the labels as int64 and the name of each; refuse labels that are not 0..K-1 without a gap."""
    if targets.ndim != 1 or targets.dtype.kind not in "biu":
        raise ValueError(f"{name}: labels must be integers of shape (n,), not {targets.dtype} {targets.shape}")
    present = np.unique(targets)
    if len(present) < 2 or not np.array_equal(present, np.arange(len(classes) or len(present))):
        labels = ", ".join(map(str, present[:10])) + (", …" if len(present) > 10 else "")
        count = f"K = {len(classes)}" if classes else "K at least 2"
        raise ValueError(f"{name}: labels must be all of 0..K-1 with {count}, found {labels}")
    return targets.astype(np.int64), classes or tuple(map(str, present.astype(np.int64)))


def _refuse_non_finite(
    name: str, what: str, values: np.ndarray, columns: Sequence[str], fillable: np.ndarray | bool = False
) -> None:
    with np.errstate(all="ignore"):
        if np.isfinite(values.sum()):  # no NaN and no infinity is lost in a sum
            return
    bad = ~np.isfinite(values)
    if np.any(fillable):
        bad &= ~(np.isnan(values) & fillable)
    if bad.any():
        names = [columns[j] for j in np.flatnonzero(bad.any(axis=0)).tolist()]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise ValueError(
            f"{name}: {bad.sum()} of {bad.size} values of the {what} are NaN or infinite, in the columns "
            f"{', '.join(names[:5])}{more}"
        )


def _own(values: np.ndarray) -> np.ndarray:
    """Return values as a copy in float64, or as they are if nobody can change them."""
    if isinstance(values, np.ndarray) and values.dtype == np.float64:
        flags = values.flags
        if flags.c_contiguous and flags.owndata and not flags.writeable:
            return values
    return np.array(values, np.float64, order="C")


def read_only(array: np.ndarray) -> np.ndarray:
    """Return the same array, which can no longer be written to."""
    array.setflags(write=False)
    return array


@lru_cache(maxsize=32)
def autoencoding(data: Data) -> Data:
    """Return the regression that reconstructs a data set's inputs; targets and inputs share one scale."""
    return replace(data, task="regression", targets=data.inputs, classes=())
