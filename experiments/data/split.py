"""Divides a data set into training, validation and test part for each seed, and scales it for a stack of replicas."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import numpy as np
from numpy.typing import DTypeLike

from experiments.data.choices import override
from experiments.data.imputing import empty, fill, spans
from experiments.data.scaling import scaled, statistics
from experiments.data.table import Data, read_only
from experiments.streams import stream

PROBE_ROWS = 256
"""Number of training rows on which layers are examined."""

SCALES = ("input_mean", "input_scale", "target_mean", "target_scale", "input_fill")
"""The arrays of `Prepared` by which a kept network turns raw inputs into its own, and its scores into values."""

Parts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""The training, validation and test rows of one seed."""


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of each part for S seeds; each seed has a random order of its own.

    Attributes
    ----------
    train, validation, test : ndarray
        (S, rows of the part) int64. A seed's parts are disjoint, and together they are all rows.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def probe(self) -> np.ndarray:
        """The first 256 training rows of each seed, or all if there are fewer; layers are examined on them."""
        return self.train[:, :PROBE_ROWS]


def split(data: Data, seeds: Sequence[int], *, entropy: int, test: float, validation: float) -> Split:
    """Divide the rows for each seed; a classification is stratified by class.

    The test part of a seed has ⌈test · n⌉ of n rows. The validation part has ⌊validation · rest⌋ of the rest. Data with
    groups are divided by whole groups and are not stratified; n is then the number of groups. The parts of two seeds
    may then have different numbers of rows: `seeds_by_part_sizes` gives the seeds that fit into one call.

    Parameters
    ----------
    data : Data
    seeds : sequence of int
        A seed's rows come from its own stream "split". They do not depend on the other seeds.
    entropy : int
        Root of the streams.
    test : float
        Share of all rows, between 0 and 1.
    validation : float
        Share of the rows that are not test rows, between 0 and 1.

    Raises
    ------
    ValueError
        If a share is not between 0 and 1, if a part would be empty or have fewer rows than there are classes, or if a
        class has too few rows. With groups: if a class has no training rows, or if the seeds' parts differ in size.
    """
    if data.groups is not None:
        parts = [_divide_groups(data, data.groups, seed, entropy, test, validation) for seed in seeds]
        return _stacked(parts)
    n = len(data.inputs)
    _, n_validation, n_test = part_sizes(data, test, validation)
    labels = data.targets if data.task == "classification" else None
    parts = []
    for seed in seeds:
        # The older RandomState accepts the stream's bit generator.
        generator = np.random.RandomState(stream(entropy, "split", seed).bit_generator)
        rest, test_rows = _divide(np.arange(n), n_test, labels, generator)
        train_rows, validation_rows = _divide(rest, n_validation, labels, generator)
        parts.append((train_rows, validation_rows, test_rows))
    return _stacked(parts)


def _divide(
    rows: np.ndarray, n_second: int, labels: np.ndarray | None, generator: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Divide rows into two parts in random order; `n_second` rows are in the second one, stratified by their labels.

    The rows are those of scikit-learn's `train_test_split`, bit for bit. Its import takes a second.
    """
    n_first = len(rows) - n_second
    if labels is None:
        order = generator.permutation(len(rows))
        return rows[order[n_second:]], rows[order[:n_second]]
    counts = np.bincount(labels[rows])
    members = np.split(np.argsort(labels[rows], kind="stable"), np.cumsum(counts)[:-1])
    first_counts = stratified(counts, n_first, generator)
    second_counts = stratified(counts - first_counts, n_second, generator)
    first, second = [], []
    for indices, in_first, in_second in zip(members, first_counts, second_counts, strict=True):
        shuffled = indices[generator.permutation(len(indices))]
        first.append(shuffled[:in_first])
        second.append(shuffled[in_first : in_first + in_second])
    return (
        rows[generator.permutation(np.concatenate(first))],
        rows[generator.permutation(np.concatenate(second))],
    )


def stratified(counts: np.ndarray, n: int, generator: np.random.RandomState) -> np.ndarray:
    """Return how many of each class's rows are among n of all rows. Equal remainders are rounded up at random."""
    exact = counts / counts.sum() * n
    floors = np.floor(exact)
    missing = int(n - floors.sum())
    remainders = exact - floors
    for remainder in np.unique(remainders)[::-1]:
        if not missing:
            break
        (equal,) = np.nonzero(remainders == remainder)
        equal = generator.choice(equal, min(len(equal), missing), replace=False)
        floors[equal] += 1
        missing -= len(equal)
    return np.asarray(floors, int)


def _stacked(parts: Sequence[Parts]) -> Split:
    train, validation, test = (read_only(np.stack(rows)) for rows in zip(*parts, strict=True))
    return Split(train, validation, test)


def seeds_by_part_sizes(
    data: Data, seeds: Sequence[int], *, entropy: int, test: float, validation: float
) -> dict[tuple[int, int, int], tuple[int, ...]]:
    """Return the seeds by the numbers of their training, validation and test rows; these differ only with groups.

    Raises
    ------
    ValueError
        As in `prepare`.
    """
    seeds_of: dict[tuple[int, int, int], tuple[int, ...]] = {}
    if data.groups is None:
        seeds_of[part_sizes(data, test, validation)] = tuple(seeds)
    else:
        for seed in seeds:
            train_rows, validation_rows, test_rows = _divide_groups(data, data.groups, seed, entropy, test, validation)
            sizes = len(train_rows), len(validation_rows), len(test_rows)
            seeds_of[sizes] = (*seeds_of.get(sizes, ()), seed)
    if data.imputes:
        absent = max(np.isnan(data.inputs[:, features.start]).sum() for _, features in spans(data.columns))
        scarce = [members for sizes, members in seeds_of.items() if absent >= sizes[0]]
        for seed in chain.from_iterable(scarce):
            (rows,) = split(data, [seed], entropy=entropy, test=test, validation=validation).train
            _fill(data, rows, seed)
    return seeds_of


def _divide_groups(data: Data, groups: np.ndarray, seed: int, entropy: int, test: float, validation: float) -> Parts:
    """Return the training, validation and test rows of a seed in random order; no group is in two of them."""
    names, group = np.unique(groups, return_inverse=True)
    n_train, n_validation, n_test = sizes = _counts(len(names), test, validation)
    if not all(sizes):
        raise ValueError(
            f"{data.name}: split.test={test} and split.validation={validation} of {len(names)} groups leave "
            f"{n_train} for training, {n_validation} for validation and {n_test} for the test: each needs one"
        )
    generator = stream(entropy, "split", seed)
    order, rows = generator.permutation(len(names)), generator.permutation(len(group))
    part_of_group = np.empty(len(names), np.intp)
    part_of_group[order] = np.repeat(np.arange(3), sizes)
    train_rows, validation_rows, test_rows = (rows[part_of_group[group[rows]] == part] for part in range(3))
    if data.task == "classification":
        absent = set(range(len(data.classes))) - set(data.targets[train_rows].tolist())
        if absent:
            raise ValueError(
                f"{data.name}: with seed {seed}, class {data.classes[min(absent)]!r} is in no group of the training "
                f"part: its groups are too few"
            )
    return train_rows, validation_rows, test_rows


def _counts(n: int, test: float, validation: float) -> tuple[int, int, int]:
    """Return how many of n rows or groups are for training, validation and test."""
    for name, share in (("test", test), ("validation", validation)):
        if not 0 < share < 1:
            raise ValueError(f"split.{name}={share} must be greater than 0 and less than 1")
    # A share is the decimal that the user wrote: in floats, 0.07 · 100 is above 7 and its ceiling is 8.
    n_test = math.ceil(Fraction(str(test)) * n)
    n_validation = math.floor(Fraction(str(validation)) * (n - n_test))
    return n - n_test - n_validation, n_validation, n_test


def part_sizes(data: Data, test: float, validation: float) -> tuple[int, int, int]:
    """Return the numbers of training, validation and test rows, which are the same for every seed without groups.

    Raises
    ------
    ValueError
        As in `split`.
    """
    n = len(data.inputs)
    n_train, n_validation, n_test = _counts(n, test, validation)
    n_rest = n - n_test
    shares = f"split.test={test} and split.validation={validation}"
    for part, rows in (("training", n_train), ("validation", n_validation), ("test", n_test)):
        if rows < max(1, len(data.classes)):
            few = f"{rows} rows for {len(data.classes)} classes" if data.classes else f"{rows} rows"
            raise ValueError(f"{data.name}: {shares} of {n} rows leave the {part} part {few}")
    if data.task == "classification":
        # The seed decides whether a class's share of a part is rounded up or down. If the shares of test and
        # validation part are both rounded up, a training row must still be left.
        counts = np.bincount(data.targets)
        fewest = counts * n_rest // n * n_train // n_rest
        if not fewest.all():
            label = fewest.argmin()
            may_be_number = data.columns and data.classes_are_numbers
            number = ". If the target is a number or a count, add dataset.task=regression" if may_be_number else ""
            raise ValueError(
                f"{data.name}: class {data.classes[label]!r} has {counts[label]} of {n} rows, too few to be "
                f"stratified with {shares}: leave its rows out, or join it with another class{number}"
            )
    return n_train, n_validation, n_test


@dataclass(frozen=True, eq=False)
class Prepared:
    """A data set divided and scaled for a stack of S seeds.

    Attributes
    ----------
    inputs : ndarray
        (S, n, d), or (1, n, d) for images, whose scale is the same for every seed.
    targets : ndarray
        Labels (n,) int64, regression targets (S, n, t), or `inputs` itself for an autoencoder.
    split : Split
    input_mean, input_scale : ndarray
        (S, d) or (1, d) float64, as `inputs`: raw inputs are inputs · input_scale + input_mean.
    target_mean, target_scale : ndarray or None
        (S, t) float64: regression targets in their own unit are targets · target_scale + target_mean.
    error_scale : ndarray or None
        (S, t) float64: the unit of the errors of several targets, by which their differences are divided. None where
        the targets have it already, because they are standardised.
    input_fill : ndarray or None
        (S, d) float64: what stands for NaN in the raw inputs. None for data that do not impute.
    """

    inputs: np.ndarray
    targets: np.ndarray
    split: Split
    input_mean: np.ndarray
    input_scale: np.ndarray
    target_mean: np.ndarray | None = None
    target_scale: np.ndarray | None = None
    input_fill: np.ndarray | None = None
    error_scale: np.ndarray | None = None


def prepare(
    data: Data,
    seeds: Sequence[int],
    *,
    entropy: int,
    test: float,
    validation: float,
    dtype: DTypeLike,
    scaling: str = "standard",
    parts: Split | None = None,
    when_read: bool = False,
) -> Prepared:
    """Divide a data set for each seed and scale it by the statistics of that seed's training part.

    Pixels are divided by the data set's maximum. Other inputs and regression targets are standardised with the mean
    and standard deviation of the training part. A missing number is its median before that, a missing category the
    most frequent one. This is computed in float64 for one seed at a time, so that a seed's numbers do not depend on its
    stack. The result is rounded to `dtype`. With `scaling` "none", regression targets stay as they are. `parts` is what
    `split` returns, if that is known. `when_read` allows that large inputs are scaled only when they are read. The
    other parameters are those of `split`.

    Raises
    ------
    ValueError
        As in `split`, or if a column has no value in the training part of a seed.
    """
    parts = parts or split(data, seeds, entropy=entropy, test=test, validation=validation)
    filling = None
    if data.imputes:
        filled = [_fill(data, rows, seed) for rows, seed in zip(parts.train, seeds, strict=True)]
        filling = read_only(np.stack(filled))
    if data.image:
        columns = (1, data.inputs.shape[1])
        mean, scale = np.zeros(columns), np.full(columns, data.inputs.max())
    else:
        mean, scale = statistics(data.inputs, parts.train, filling)
    inputs = scaled(data.inputs, mean, scale, dtype, filling, when_read)
    if data.task == "classification":
        return Prepared(inputs, data.targets, parts, mean, scale, input_fill=filling)
    if data.targets is data.inputs:
        return Prepared(inputs, inputs, parts, mean, scale, mean, scale, filling)
    target_mean, target_scale = statistics(data.targets, parts.train)
    error_scale = None
    if scaling == "none":
        error_scale = target_scale if data.targets.shape[1] > 1 else None
        target_mean, target_scale = read_only(np.zeros_like(target_mean)), read_only(np.ones_like(target_scale))
    targets = scaled(data.targets, target_mean, target_scale, dtype)
    return Prepared(inputs, targets, parts, mean, scale, target_mean, target_scale, filling, error_scale)


def _fill(data: Data, rows: np.ndarray, seed: int) -> np.ndarray:
    """Return what stands for NaN in each input (d,), by the training rows of a seed; refuse columns without a value."""
    fillings = []
    for column, features in spans(data.columns):  # a copy of one column after the other
        values = data.inputs[:, features][rows]
        if empty(values, [column]):
            words = override("drop", empty(data.inputs[rows], data.columns))
            raise ValueError(
                f"{data.name}: column {column.name!r} has no value in the training part of seed {seed}: "
                f"leave it out by {words}, or choose other seeds"
            )
        fillings.append(fill(values, [column]))
    return np.concatenate(fillings)
