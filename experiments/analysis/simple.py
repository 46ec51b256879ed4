"""Networks beside simple models: whether the best network has a lower error than models without hidden layers."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from experiments.analysis.comparison import part_ratio, scores_by_seed
from experiments.analysis.statistics import ALPHA, compare
from experiments.analysis.units import ERROR, metric_of, unit_of

TRIVIAL = {"classification": "majority class", "regression": "mean"}
"""By task, the name of the model that ignores the inputs."""

PERCEPTRON = "MLP by L-BFGS"
"""The name of the only baseline with a hidden layer: 100 ReLU units, trained on all rows at a time."""

POINTS = 0.5
"""The default margin of a classification, in points of error."""

SHARE = 0.02
"""The default margin of a regression, as a share of the RMSE of the mean."""


def margins(
    replicas: pd.DataFrame, baselines: pd.DataFrame | None = None, margin: float | None = None
) -> dict[str, float]:
    """Return by data set the largest difference that does not matter, in the table's unit; NaN if it is unknown.

    Parameters
    ----------
    replicas
        The study's table.
    baselines
        The errors of simple models. Without them a regression has no default.
    margin
        The margin of all data sets, in points of error or in the target's unit, instead of the default. Another metric
        than the error has no default; its margin is in the unit of the metric.
    """
    result, metric = {}, metric_of(replicas)
    for dataset, task in replicas.drop_duplicates("dataset").set_index("dataset")["task"].items():
        if margin is not None:
            value = margin / unit_of(task, metric).scale
        elif metric != ERROR:
            value = np.nan
        elif task == "classification":
            value = POINTS / unit_of(task).scale
        else:
            value = SHARE * _trivial_error(baselines, str(dataset), task)
        result[str(dataset)] = value
    return result


def _trivial_error(baselines: pd.DataFrame | None, dataset: str, task: str) -> float:
    if baselines is None:
        return np.nan
    rows = baselines[(baselines["dataset"] == dataset) & (baselines["baseline"] == TRIVIAL[task])]
    return float(rows["test_error"].mean())


def against_simple_models(
    board: pd.DataFrame, selected: pd.DataFrame, baselines: pd.DataFrame | None, margins: Mapping[str, float]
) -> pd.DataFrame:
    """Compare each data set's best network with every simple model on the same splits. These have no hidden layers.

    Parameters
    ----------
    board
        `Findings.board`.
    selected
        The replicas at the selected rates.
    baselines
        The errors of simple models.
    margins
        By data set, the largest difference that does not matter.

    Returns
    -------
    DataFrame
        The columns of `compare`, in which `run` is the network and `reference` the model, after `dataset` and
        `trivial`, whether the model ignores the inputs. `error` is the model's mean over the pairs and `network` that
        of the network. The winner of network and model was chosen by its test error among `choices` of its kind.
        `margin` is that of the data set. There are only models with at least one pair.
    """
    tables = [pd.DataFrame(columns=["dataset", "trivial", "error", "network", "n", "difference"])]
    for dataset, part in board[board["rank"].notna() & (board["n"] > 0)].groupby("dataset", sort=False):
        best = part.iloc[0]
        models = pd.DataFrame(columns=["dataset", "baseline"]) if baselines is None else baselines
        models = models[(models["dataset"] == dataset) & (models["baseline"] != PERCEPTRON)]
        if models.empty:
            continue
        network = scores_by_seed(selected[selected["run"] == best["run"]])
        scores = network.join(models.pivot(index="seed", columns="baseline", values="test_error"))
        pairs = [(best["run"], name) for name in scores if name != best["run"]]
        table = compare(scores, pairs, part_ratio(selected[selected["run"] == best["run"]]), margins[str(dataset)])
        finished = scores[np.isfinite(scores[best["run"]])]
        table["error"] = [finished.loc[finished[name].notna(), name].mean() for _, name in pairs]
        table["network"] = [finished.loc[finished[name].notna(), best["run"]].mean() for _, name in pairs]
        table["difference"] = table["difference"].fillna(table["network"] - table["error"])  # one pair has no test
        trivial = table["reference"] == TRIVIAL[best["task"]]
        table["choices"] = np.where(table["difference"] < 0, len(part), (~trivial).sum())
        tables.append(table[table["n"] > 0].assign(dataset=dataset, trivial=trivial, margin=margins[str(dataset)]))
    return pd.concat([table for table in tables if len(table)] or tables, ignore_index=True)


def beats_trivial(row: pd.Series, margin: float) -> bool:
    """Return whether a network is told from the trivial model, by a row of `against_simple_models`.

    The corrected test decides, since a network that has learned something has learned it for new data too. Fewer than
    three seeds have no useful test: then the difference must be larger than the margin.
    """
    if row["n"] < 3 or np.isnan(row["p"]):
        return bool(row["difference"] < -np.nan_to_num(margin))
    p = row["p"] if np.isnan(row["p_corrected"]) else row["p_corrected"]
    return bool(p < ALPHA and row["difference"] < 0)
