"""A data set in memory: inputs, targets and their names, checked and read-only."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

TASKS = ("classification", "regression")


Column = tuple[str, tuple[str, ...] | None]
"""A column of a table: its name and, of one that is one-hot, its categories."""


@dataclass(frozen=True, eq=False)
class Data:
    """A data set as it was loaded: unscaled, not divided, its arrays copied and made read-only.

    Attributes
    ----------
    name : str
    task : str
        "classification" or "regression".
    inputs : ndarray
        (n, d) float64.
    targets : ndarray
        Labels (n,) int64 in 0..K-1, each of them present, or regression targets (n, t) float64, for which
        one column may be given as (n,). The inputs themselves, the same array, make an autoencoder's task.
    classes : tuple of str
        Name of each label, by default the label itself; empty for regression.
    features : tuple of str
        Name of each input column, by default x1, x2, ….
    image : bool
        Whether the inputs are pixels, to be divided by their maximum instead of standardised.
    columns : tuple of Column
        Of a table, how its columns become the inputs.
    groups : ndarray or None
        (n,) int64: rows of one group always belong to one part.
    left_out : int
        Of a table, how many more rows it has, with missing values.
    sha256 : str
        Digest of the task and the arrays' shapes and bytes (little-endian), and of a table's names.

    Raises
    ------
    ValueError
        If a value is NaN or infinite, or the arrays, labels and names do not fit together.
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
    sha256: str = field(init=False)

    def __post_init__(self):
        """Check the fields and settle their types and defaults."""
        if self.task not in TASKS:
            raise ValueError(f"{self.name}: task {self.task!r} must be one of {', '.join(TASKS)}")
        itself = self.targets is self.inputs
        inputs, targets = np.array(self.inputs, np.float64, order="C"), np.asarray(self.targets)
        if inputs.ndim != 2 or not inputs.size:
            raise ValueError(f"{self.name}: inputs must be rows of numbers, their shape is {inputs.shape}")
        n, d = inputs.shape
        if targets.shape[:1] != (n,) or targets.ndim > 2:
            raise ValueError(f"{self.name}: targets of shape {targets.shape} do not fit {n} rows of inputs")
        features = tuple(map(str, self.features)) or tuple(f"x{j + 1}" for j in range(d))
        if len(features) != d:
            raise ValueError(f"{self.name}: {len(features)} feature names for {d} input columns")
        _refuse_non_finite(self.name, "inputs", inputs, features)
        if self.task == "classification":
            targets, classes = _labels(self.name, targets, tuple(map(str, self.classes)))
        elif itself:
            targets, classes = inputs, ()
        else:
            targets, classes = np.array(targets, np.float64, order="C").reshape(n, -1), ()
            _refuse_non_finite(self.name, "targets", targets, [f"y{j + 1}" for j in range(targets.shape[1])])
        groups = None if self.groups is None else np.array(self.groups, np.int64)
        if groups is not None and groups.shape != (n,):
            raise ValueError(f"{self.name}: groups of shape {groups.shape} do not fit {n} rows of inputs")
        names = [self.columns, classes] if self.columns else []
        digest = hashlib.sha256(json.dumps([self.task, inputs.shape, targets.shape, *names]).encode())
        for array in (inputs, targets) if groups is None else (inputs, targets, groups):
            digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
        settled = {
            "inputs": _read_only(inputs),
            "targets": _read_only(targets),
            "classes": classes,
            "features": features,
            "groups": groups if groups is None else _read_only(groups),
            "sha256": digest.hexdigest(),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)


def _labels(name: str, targets: np.ndarray, classes: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the labels as int64 and the name of each, having checked that they are 0..K-1 without a gap."""
    if targets.ndim != 1 or targets.dtype.kind not in "biu":
        raise ValueError(f"{name}: labels must be integers of shape (n,), not {targets.dtype} {targets.shape}")
    present = np.unique(targets)
    if len(present) < 2 or not np.array_equal(present, np.arange(len(classes) or len(present))):
        found = ", ".join(map(str, present[:10])) + (", …" if len(present) > 10 else "")
        count = f"K = {len(classes)}" if classes else "K at least 2"
        raise ValueError(f"{name}: labels must be all of 0..K-1 with {count}, found {found}")
    return targets.astype(np.int64), classes or tuple(map(str, present.astype(np.int64)))


def _refuse_non_finite(name: str, what: str, values: np.ndarray, columns: Sequence[str]) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        named = [columns[j] for j in np.flatnonzero(bad.any(axis=0))]
        more = f" and {len(named) - 5} more" if len(named) > 5 else ""
        raise ValueError(
            f"{name}: {bad.sum()} of {bad.size} values of the {what} are NaN or infinite, in the columns "
            f"{', '.join(named[:5])}{more}"
        )


def _read_only(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


@lru_cache(maxsize=32)
def autoencoding(data: Data) -> Data:
    """Return the regression whose targets are the inputs, scaled as they are."""
    return replace(data, task="regression", targets=data.inputs, classes=())
