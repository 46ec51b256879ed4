"""How a data set is divided into parts for each seed, and scaled for a stack of replicas."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import DTypeLike

from experiments.data.table import Data, _read_only
from experiments.streams import stream

PROBE_ROWS = 256


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of each part for S seeds, in a random order that is each seed's own.

    Attributes
    ----------
    train, validation, test : ndarray
        (S, rows of the part) int64, disjoint within a seed and together all rows.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def probe(self) -> np.ndarray:
        """The first 256 training rows of each seed, or all if there are fewer: where layers are looked at."""
        return self.train[:, :PROBE_ROWS]


def split(data: Data, seeds: Sequence[int], *, entropy: int, test: float, validation: float) -> Split:
    """Divide the rows for each seed, stratified by class in a classification.

    For every seed the test part has ⌈test · n⌉ rows and the validation part ⌊validation · rest⌋ of the rest. Data
    with groups are divided by whole groups, n being their number, without stratifying: see `alike`.

    Parameters
    ----------
    data : Data
    seeds : sequence of int
        A seed's rows come from its stream "split" alone, whichever other seeds there are.
    entropy : int
        Root of the streams.
    test : float
        Share of all rows, between 0 and 1.
    validation : float
        Share of the rows that are not test rows, between 0 and 1.

    Raises
    ------
    ValueError
        If a share is not between 0 and 1, a part would be empty or have fewer rows than there are classes,
        or a class has too few rows; with groups, if a class has no training rows or the seeds are not alike.
    """
    from sklearn.model_selection import train_test_split

    if data.groups is not None:
        parts = [_divide_groups(data, seed, entropy, test, validation) for seed in seeds]
        return Split(*(_read_only(np.stack(rows)) for rows in zip(*parts, strict=True)))
    n = len(data.inputs)
    _, n_validation, n_test = part_sizes(data, test, validation)
    labels = data.targets if data.task == "classification" else None
    parts = []
    for seed in seeds:
        # scikit-learn draws from the older RandomState, which accepts the stream's bit generator.
        random_state = np.random.RandomState(stream(entropy, "split", seed).bit_generator)
        rest, test_rows = train_test_split(
            np.arange(n), train_size=n - n_test, test_size=n_test, random_state=random_state, stratify=labels
        )
        train_rows, validation_rows = train_test_split(
            rest,
            train_size=len(rest) - n_validation,
            test_size=n_validation,
            random_state=random_state,
            stratify=None if labels is None else labels[rest],
        )
        parts.append((train_rows, validation_rows, test_rows))
    return Split(*(_read_only(np.stack(rows)) for rows in zip(*parts, strict=True)))


def alike(
    data: Data, seeds: Sequence[int], *, entropy: int, test: float, validation: float
) -> dict[tuple[int, int, int], tuple[int, ...]]:
    """Return the seeds by the numbers of their training, validation and test rows; only groups make these differ.

    Raises
    ------
    ValueError
        As in `split`.
    """
    if data.groups is None:
        return {part_sizes(data, test, validation): tuple(seeds)}
    found = {}
    for seed in seeds:
        parts = _divide_groups(data, seed, entropy, test, validation)
        found.setdefault(tuple(map(len, parts)), []).append(seed)
    return {sizes: tuple(members) for sizes, members in found.items()}


def _divide_groups(data, seed, entropy, test, validation):
    """Return the training, validation and test rows of a seed, each group's in one of them, in random order."""
    names, group = np.unique(data.groups, return_inverse=True)
    n_train, n_validation, n_test = sizes = _shares(len(names), test, validation)
    if not all(sizes):
        raise ValueError(
            f"{data.name}: split.test={test} and split.validation={validation} of {len(names)} groups leave "
            f"{n_train} for training, {n_validation} for validation and {n_test} for the test: each needs one"
        )
    generator = stream(entropy, "split", seed)
    order, rows = generator.permutation(len(names)), generator.permutation(len(group))
    place = np.empty(len(names), np.intp)
    place[order] = np.repeat(np.arange(3), sizes)
    parts = tuple(rows[place[group[rows]] == part] for part in range(3))
    if data.task == "classification":
        lacking = set(range(len(data.classes))) - set(data.targets[parts[0]].tolist())
        if lacking:
            raise ValueError(
                f"{data.name}: with seed {seed}, class {data.classes[min(lacking)]!r} is in no group of the training "
                f"part: its groups are too few"
            )
    return parts


def _shares(n: int, test: float, validation: float) -> tuple[int, int, int]:
    """Return how many of n are for training, validation and test."""
    for name, share in (("test", test), ("validation", validation)):
        if not 0 < share < 1:
            raise ValueError(f"split.{name}={share} must be greater than 0 and less than 1")
    # Shares are taken as the decimals that were written: the float 0.07 · 100 is above 7, and its ceiling 8.
    n_test = math.ceil(Fraction(str(test)) * n)
    n_validation = math.floor(Fraction(str(validation)) * (n - n_test))
    return n - n_test - n_validation, n_validation, n_test


def part_sizes(data: Data, test: float, validation: float) -> tuple[int, int, int]:
    """Return the numbers of training, validation and test rows of every seed, where no groups make them differ.

    Raises
    ------
    ValueError
        As in `split`.
    """
    n = len(data.inputs)
    n_train, n_validation, n_test = _shares(n, test, validation)
    n_rest = n - n_test
    shares = f"split.test={test} and split.validation={validation}"
    for part, rows in (("training", n_train), ("validation", n_validation), ("test", n_test)):
        if rows < max(1, len(data.classes)):
            few = f"{rows} rows for {len(data.classes)} classes" if data.classes else f"{rows} rows"
            raise ValueError(f"{data.name}: {shares} of {n} rows leave the {part} part {few}")
    if data.task == "classification":
        # A class's share of a part is rounded up or down, by the seed: even if the test part and then the
        # validation part round up, a row must be left to train on.
        counts = np.bincount(data.targets)
        fewest = counts * n_rest // n * n_train // n_rest
        if not fewest.all():
            label = fewest.argmin()
            raise ValueError(
                f"{data.name}: class {data.classes[label]!r} has {counts[label]} of {n} rows, too few to be "
                f"stratified with {shares}"
            )
    return n_train, n_validation, n_test


@dataclass(frozen=True, eq=False)
class Prepared:
    """A data set divided and scaled for a stack of S seeds.

    Attributes
    ----------
    inputs : ndarray
        (S, n, d), each seed with its own scaling, or (1, n, d) for images, which share one.
    targets : ndarray
        Labels (n,) int64, standardised regression targets (S, n, t), or `inputs` itself.
    split : Split
    input_mean, input_scale : ndarray
        (S, d) or (1, d) float64, as `inputs`: raw inputs are inputs · input_scale + input_mean.
    target_mean, target_scale : ndarray or None
        (S, t) float64: in its units, a regression target is targets · target_scale + target_mean.
    """

    inputs: np.ndarray
    targets: np.ndarray
    split: Split
    input_mean: np.ndarray
    input_scale: np.ndarray
    target_mean: np.ndarray | None = None
    target_scale: np.ndarray | None = None


def prepare(
    data: Data, seeds: Sequence[int], *, entropy: int, test: float, validation: float, dtype: DTypeLike
) -> Prepared:
    """Divide a data set for each seed and scale it by what is known from that seed's training part.

    Pixels are divided by the data set's maximum. Other inputs, and regression targets, are standardised with
    the training part's mean and standard deviation, in float64 and one seed at a time, so that a seed's
    numbers do not depend on its stack; then they are rounded to `dtype`. Other parameters as in `split`.

    Raises
    ------
    ValueError
        As in `split`.
    """
    parts = split(data, seeds, entropy=entropy, test=test, validation=validation)
    if data.image:
        columns = (1, data.inputs.shape[1])
        mean, scale = np.zeros(columns), np.full(columns, data.inputs.max())
        inputs = _read_only((data.inputs / scale).astype(dtype)[np.newaxis])
    else:
        inputs, mean, scale = _standardize(data.inputs, parts.train, dtype)
    if data.task == "classification":
        return Prepared(inputs, data.targets, parts, mean, scale)
    if data.targets is data.inputs:
        return Prepared(inputs, inputs, parts, mean, scale, mean, scale)
    targets, target_mean, target_scale = _standardize(data.targets, parts.train, dtype)
    return Prepared(inputs, targets, parts, mean, scale, target_mean, target_scale)


def _standardize(values: np.ndarray, train: np.ndarray, dtype: DTypeLike) -> tuple[np.ndarray, ...]:
    """Return the columns (S, n, d) standardised by training rows, and the means and scales (S, d) used.

    Copies of 0.1 have a computed deviation of 1e-17, not 0. So a column counts as constant, its scale 1, if
    its variance v over m rows may be all rounding: v ≤ m ε v + (m ε mean)², the bound for the two-pass
    algorithm (Chan, Golub and LeVeque 1983), as in scikit-learn's StandardScaler.
    """
    shape = (len(train), values.shape[1])
    scaled = np.empty((len(train), *values.shape), dtype)
    means, scales = np.empty(shape), np.empty(shape)
    for s, rows in enumerate(train):
        part = values[rows]
        mean, variance = part.mean(axis=0), part.var(axis=0)
        rounding = len(part) * np.finfo(np.float64).eps
        constant = variance <= rounding * variance + (rounding * mean) ** 2
        means[s], scales[s] = mean, np.where(constant, 1, np.sqrt(variance))
        scaled[s] = (values - means[s]) / scales[s]
    return _read_only(scaled), _read_only(means), _read_only(scales)
