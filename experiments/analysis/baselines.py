"""Baselines of a study: the test errors of scikit-learn's models on the same splits.

They have no hidden layers, except `PERCEPTRON`, and include the trivial model, which ignores the inputs.
"""

import hashlib
import json
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from experiments.analysis.simple import PERCEPTRON, TRIVIAL
from experiments.data.sets import load
from experiments.data.split import Prepared, prepare, seeds_by_part_sizes
from experiments.data.table import Data
from experiments.store.files import RESULTS, write_bytes
from experiments.tables import reported

COLUMNS = ["dataset", "baseline", "seed", "test_error", "key"]
"""Of results/<study>/baselines.csv; `dataset` is the name of the task.

`key` is a digest of the data, their split and scikit-learn's version.
"""


MODELS = 5
"""The number of models of each task."""


def models(task: str) -> dict[str, Callable[[], Any]]:
    """Return a factory for each model of a task, by name.

    Only limits on iterations differ from scikit-learn's, and the solver of `PERCEPTRON`.
    """
    # A second of imports that a report without new seeds does not need.
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.svm import LinearSVC, LinearSVR

    if task == "classification":
        return {
            "5 nearest neighbours": KNeighborsClassifier,
            "linear SVM": lambda: LinearSVC(dual=False),
            "softmax regression": lambda: LogisticRegression(max_iter=1000),
            PERCEPTRON: lambda: MLPClassifier(solver="lbfgs", max_iter=1000, random_state=0),
            TRIVIAL[task]: DummyClassifier,
        }
    return {
        "5 nearest neighbours": KNeighborsRegressor,
        "linear SVM": lambda: MultiOutputRegressor(LinearSVR(max_iter=100_000, random_state=0)),
        "least squares": LinearRegression,
        PERCEPTRON: lambda: MLPRegressor(solver="lbfgs", max_iter=1000, random_state=0),
        TRIVIAL[task]: DummyRegressor,
    }


def errors(data: Data, seeds: list[int], entropy: int, split: dict[str, Any]) -> pd.DataFrame:
    """Return the test error of each model on each seed's split, in the unit of `final_test_error`: share or RMSE."""
    from sklearn.exceptions import ConvergenceWarning, DataConversionWarning

    factories = models(data.task)
    keys, arguments = [], []
    for members in seeds_by_part_sizes(data, seeds, entropy=entropy, **split).values():
        prepared = prepare(data, members, entropy=entropy, dtype="float64", **split)
        for index, seed in enumerate(members):
            for name, factory in factories.items():
                keys.append((data.name, name, seed))
                arguments.append((data, prepared, index, factory))
    # LinearSVR draws from a generator that all threads share: in one thread its result is always the same.
    workers = joblib.cpu_count() if data.task == "classification" else 1
    with threadpool_limits(1, "blas"), warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
        # The error of a model that has not converged is a baseline too.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", DataConversionWarning)  # of a single target in a column
        values = list(pool.map(lambda job: _test_error(*job), arguments))
    rows = [(*key, value) for key, value in zip(keys, values, strict=True)]
    return pd.DataFrame(rows, columns=COLUMNS[:-1])


def _test_error(data: Data, prepared: Prepared, index: int, factory: Callable[[], Any]) -> float:
    """Return the test error of a new model, trained on the split of the seed with this index."""
    classes = data.task == "classification"
    inputs = prepared.inputs[index if len(prepared.inputs) > 1 else 0]
    targets = prepared.targets if classes else prepared.targets[index]
    train, test = prepared.split.train[index], prepared.split.test[index]
    predicted = factory().fit(inputs[train], targets[train]).predict(inputs[test])
    if classes:
        return float(np.mean(predicted != targets[test]))
    rmse = np.sqrt(np.mean((predicted.reshape(len(test), -1) - targets[test]) ** 2))
    if targets.shape[1] > 1 or prepared.target_scale is None:
        return float(rmse)
    return float(rmse * prepared.target_scale[index, 0])


@dataclass
class _Splits:
    """The splits of one task in a study: its name, what kind it is, the settings of data and split, the seeds."""

    dataset: str
    task: str
    settings: dict[str, Any]
    seeds: set[int] = field(default_factory=set)


def of_study(
    study: str, records: dict[str, dict[str, Any]], replicas: pd.DataFrame, results: Path = RESULTS
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the baselines on all splits of a study; what its baselines.csv has already is not retrained.

    Parameters
    ----------
    study
        Its name.
    records
        The facts of each run: its `config` and its `environment`.
    replicas
        The study's table of that name, after `name_tasks`.
    results
        The folder of all studies.

    Returns
    -------
    table : DataFrame
        `COLUMNS`, one row for each model and seed.
    missing : dict of str to str
        By data set, the reason why its baselines are missing.
    """
    path = Path(results) / study / "baselines.csv"
    stored = _read(path)
    tables, missing = [stored.iloc[:0]], {}
    for key, splits in _splits_by_key(records, reported(replicas)).items():
        rows = stored[stored["key"] == key]
        seeds = sorted(int(seed) for seed in splits.seeds - _complete(rows))
        if seeds:
            try:
                data = load(**splits.settings["dataset"])
                new = errors(data, seeds, splits.settings["entropy"], splits.settings["split"])
                rows = pd.concat([rows[~rows["seed"].isin(seeds)], new.assign(key=key)])
            except (ValueError, TypeError, KeyError, OSError) as error:
                missing[splits.dataset] = f"the data cannot be loaded any more: {error}"
        tables.append(rows.assign(dataset=splits.dataset))
    table = pd.concat([table for table in tables if len(table)] or tables, ignore_index=True)
    # The types are those of a stored table, so that the digest of the next report's table is the same.
    table = table.astype({"baseline": str, "seed": int, "test_error": float, "key": str})
    table = table.sort_values(["dataset", "key", "baseline", "seed"], ignore_index=True)
    if len(table) and not table.equals(stored):
        write_bytes(path, table.to_csv(index=False, lineterminator="\n").encode())
    return _one_scaling(table), missing


def best_stored(
    study: str, records: dict[str, dict[str, Any]], replicas: pd.DataFrame, results: Path = RESULTS
) -> pd.DataFrame:
    """Return the rows of each data set's best simple model, as far as baselines.csv has all of its splits.

    The best one has the lowest mean error. The arguments are those of `of_study`. Nothing is trained.
    """
    stored = _read(Path(results) / study / "baselines.csv")
    known = stored[~stored["baseline"].isin([PERCEPTRON, *TRIVIAL.values()])]
    tables, incomplete = [known.iloc[:0]], set()
    for key, splits in (_splits_by_key(records, reported(replicas)) if len(known) else {}).items():
        if not splits.seeds <= _complete(stored[stored["key"] == key]):
            incomplete.add(splits.dataset)
        rows = known[(known["key"] == key) & known["seed"].isin(splits.seeds)]
        tables.append(rows.assign(dataset=splits.dataset))
    table = _one_scaling(pd.concat(tables, ignore_index=True))
    means = table[~table["dataset"].isin(incomplete)].groupby(["dataset", "baseline"])["test_error"].mean()
    best = means.sort_values(kind="stable").reset_index().drop_duplicates("dataset")
    return table.merge(best[["dataset", "baseline"]])


def _read(path: Path) -> pd.DataFrame:
    """Return the stored baselines; without a file, or with a damaged one, there are none."""
    if path.exists():
        words = {"dataset": str, "key": str}  # a data set may be called "null", and a key be all digits
        with suppress(ValueError, KeyError):
            stored = pd.read_csv(path, dtype=words, keep_default_na=False)[COLUMNS]
            return stored.astype({"seed": int, "test_error": float})
    return pd.DataFrame(columns=COLUMNS)


def _complete(rows: pd.DataFrame) -> set[int]:
    """Return the seeds that have all models: a table of an earlier version lacks some."""
    sizes = rows["seed"].value_counts()
    return set(sizes.index[sizes == MODELS])


def _one_scaling(table: pd.DataFrame) -> pd.DataFrame:
    """Return baselines with one row for each task, model and seed.

    The inputs of a task may be scaled in several ways, each with its own `key`. Each model has the scaling with the
    lower mean error.
    """
    means = table.groupby(["dataset", "baseline", "key"])["test_error"].transform("mean").astype(float)
    best = table.assign(mean=means).sort_values(["mean", "key"], kind="stable")
    best = best.drop_duplicates(["dataset", "baseline", "seed"]).drop(columns="mean")
    return best.sort_values(["dataset", "baseline", "seed"], ignore_index=True)


def _splits_by_key(records: dict[str, dict[str, Any]], replicas: pd.DataFrame) -> dict[str, _Splits]:
    """Return the splits of a study by `key`; autoencoders have no baseline."""
    result: dict[str, _Splits] = {}
    for run, part in replicas.groupby("run"):
        config = records.get(run, {}).get("config")
        if config is None or config.get("task") == "autoencode":
            continue
        digest = records[run].get("environment", {}).get("dataset_sha256")
        settings = {name: config[name] for name in ("dataset", "split", "entropy")}
        text = json.dumps([settings, digest, version("scikit-learn")], sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        result.setdefault(key, _Splits(part["dataset"].iloc[0], part["task"].iloc[0], settings)).seeds.update(
            part["seed"]
        )
    return result
