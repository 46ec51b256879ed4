"""What scikit-learn's models without hidden layers reach on the splits of a study: lines to read its errors by."""

import hashlib
import json
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from experiments.data.sets import load
from experiments.data.split import prepare, seeds_by_part_sizes
from experiments.data.table import Data
from experiments.store.files import RESULTS, write_bytes

COLUMNS = ["dataset", "baseline", "seed", "test_error", "key"]
"""Of results/<study>/baselines.csv; `key` is a digest of the data, its division and scikit-learn's version."""


def models(task: str) -> dict[str, Callable]:
    """Return by name what makes each model of a task, with scikit-learn's own settings but for their patience."""
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.svm import LinearSVC, LinearSVR

    if task == "classification":
        return {
            "5 nearest neighbours": KNeighborsClassifier,
            "linear SVM": lambda: LinearSVC(dual=False),
            "softmax regression": lambda: LogisticRegression(max_iter=1000),
        }
    return {
        "5 nearest neighbours": KNeighborsRegressor,
        "linear SVM": lambda: MultiOutputRegressor(LinearSVR(max_iter=100_000, random_state=0)),
        "least squares": LinearRegression,
    }


def errors(data: Data, seeds: list[int], entropy: int, split: dict[str, float]) -> pd.DataFrame:
    """Return the test error of each model on each seed's split, as `final_test_error` has it: share or RMSE."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    def test_error(prepared, place, model):
        inputs = prepared.inputs[place if len(prepared.inputs) > 1 else 0]
        targets = prepared.targets if data.task == "classification" else prepared.targets[place]
        train, test = prepared.split.train[place], prepared.split.test[place]
        predicted = model().fit(inputs[train], targets[train]).predict(inputs[test])
        if data.task == "classification":
            return float(np.mean(predicted != targets[test]))
        error = np.sqrt(np.mean((predicted.reshape(len(test), -1) - targets[test]) ** 2))
        return float(error * (prepared.target_scale[place, 0] if targets.shape[1] == 1 else 1))

    jobs = []
    for members in seeds_by_part_sizes(data, seeds, entropy=entropy, **split).values():
        prepared = prepare(data, members, entropy=entropy, dtype="float64", **split)
        jobs += [
            (seed, name, (prepared, place, model))
            for place, seed in enumerate(members)
            for name, model in models(data.task).items()
        ]
    with threadpool_limits(1, "blas"), warnings.catch_warnings(), ThreadPoolExecutor(joblib.cpu_count()) as pool:
        # A model that is cut short is as good a line; what it reached is what is drawn.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = list(pool.map(lambda job: test_error(*job[2]), jobs))
    rows = [(data.name, name, seed, error) for (seed, name, _), error in zip(jobs, found, strict=True)]
    return pd.DataFrame(rows, columns=COLUMNS[:-1])


def of_study(
    study: str, records: dict[str, dict], replicas: pd.DataFrame, results: Path = RESULTS
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the baselines on all splits of a study; what is in its baselines.csv is not computed again.

    Returns
    -------
    table : DataFrame
        `COLUMNS`, one row for each model and seed.
    missing : dict of str to str
        By data set, why there is none.
    """
    import sklearn

    path = Path(results) / study / "baselines.csv"
    stored = pd.DataFrame(columns=COLUMNS)
    if path.exists():  # a data set may be called "null", and a key be all digits
        kinds = {"dataset": str, "key": str}
        stored = pd.read_csv(path, dtype=kinds, keep_default_na=False)
    wanted: dict[str, tuple[str, dict, set[int]]] = {}
    for run, part in replicas.groupby("run"):
        config = records.get(run, {}).get("config")
        if config is None or config.get("task") == "autoencode":
            continue
        digest = records[run].get("environment", {}).get("dataset_sha256")
        what = {name: config[name] for name in ("dataset", "split", "entropy")}
        text = json.dumps([what, digest, sklearn.__version__], sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        wanted.setdefault(key, (part["dataset"].iloc[0], what, set()))[2].update(part["seed"])
    tables, missing = [stored[stored["key"].isin(wanted)]], {}
    for key, (name, what, seeds) in wanted.items():
        new = sorted(int(seed) for seed in seeds - set(stored.loc[stored["key"] == key, "seed"]))
        try:
            data = load(**what["dataset"]) if new else None
        except (ValueError, TypeError, KeyError, OSError) as error:
            missing[name] = f"the data cannot be loaded any more: {error}"
            continue
        if new:
            tables.append(errors(data, new, what["entropy"], what["split"]).assign(key=key))
    table = pd.concat([table for table in tables if len(table)] or tables, ignore_index=True)
    table = table.sort_values(["dataset", "key", "baseline", "seed"], ignore_index=True)
    if len(table) > len(stored):
        write_bytes(path, table.to_csv(index=False, lineterminator="\n").encode())
    return table, missing
