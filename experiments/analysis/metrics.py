"""Sentences on metrics: where they disagree with the ranking, where they are infinite, and bad calibration."""

import math

import numpy as np
import pandas as pd

from experiments.analysis.calibration import calibration_errors
from experiments.analysis.comparison import ranked, scores_by_seed
from experiments.analysis.paired import t_test
from experiments.analysis.statistics import ALPHA, holm, summarise
from experiments.analysis.units import ERROR, RECORDED, TEST, metric_of, unit_of, unit_of_row
from experiments.analysis.wording import enumeration, in_sentence
from experiments.tables import KEY, rounded
from experiments.training.metrics import LEAST_ROWS

RIVALS = {
    "classification": (ERROR, "balanced_error", "nll", "brier", "auc", "f1"),
    "regression": (ERROR, "mae", "nll"),
}
"""By task, the metrics that may name another winner.

Calibration alone makes no network better, a recall is that of one class, and R² orders networks as the RMSE does.
"""

MISCALIBRATED = 0.05
"""A network is called badly calibrated only if its mean calibration error is at least this large."""


def disagreements(board: pd.DataFrame, selected: pd.DataFrame) -> list[str]:
    """Return a sentence for each data set on which other metrics name other winners than the ranking.

    A metric does so if its best condition is told apart from the ranking's first one: by the paired t test of this
    metric. Holm's family is all other conditions in all metrics of the data set, since the best of them is chosen.

    Parameters
    ----------
    board
        `Findings.board` with the column `name`.
    selected
        The replicas at the selected rates.
    """
    names, firsts, result = board.set_index("run")["name"], _firsts(board), []
    tests = {}
    for task, rows in selected[selected["dataset"].isin(firsts["dataset"])].groupby("task"):
        metrics = [metric for metric in RIVALS[str(task)] if metric != metric_of(selected)]
        tests[task] = pd.concat([_tests(rows, firsts["run"], metric) for metric in metrics], ignore_index=True)
    for _, first in firsts.iterrows():
        metric_names = {metric: unit_of(first["task"], metric).name for metric in RIVALS[first["task"]]}
        table = tests[first["task"]]
        table = table[table["dataset"] == first["dataset"]]
        told = table[table["best"] & (holm(table["p"]) < ALPHA) & (table["difference"] < 0)]
        if told.empty:
            continue
        winners = [
            f"{names[run]} ranks first by {enumeration(part['metric'].map(metric_names))}"
            for run, part in told.groupby("run", sort=False)
        ]
        result.append(
            f"On {in_sentence(first['dataset'])} metrics disagree: {first['name']} ranks first by "
            f"{unit_of_row(first).name}, but {enumeration(winners)} (paired t on these splits, Holm for all conditions "
            f"and metrics, 5 %)."
        )
    return result


def _firsts(board: pd.DataFrame) -> pd.DataFrame:
    """Return the row of the board that ranks first on each data set, if there is one."""
    return board[board["rank"].notna() & (board["n"] > 0)].drop_duplicates("dataset")


def _tests(rows: pd.DataFrame, firsts: pd.Series, metric: str) -> pd.DataFrame:
    """Return the paired t test of each other condition with the first one of its data set, in another metric.

    The columns are dataset, run, metric, difference, p, and `best`: whether the condition is the best in this metric.
    There are no rows for a data set whose first condition lacks the metric.
    """
    columns = ["dataset", "run", "metric", "difference", "p", "best"]
    column, tests = _column(metric, rows), []
    if column in rows:
        values = unit_of(rows["task"].iloc[0], metric).of(rows[column])
        blank = values.isna() & (rows["status"] == "done")
        rows = rows.assign(final_test_error=values)[~rows["run"].isin(rows.loc[blank, "run"])]
        ranks = pd.Series(dtype=float) if rows.empty else ranked(rows).set_index("run")["rank"]
        for dataset, part in rows.groupby("dataset"):
            scores = {run: errors.to_numpy(float) for run, errors in scores_by_seed(part).items()}
            for first in scores.keys() & {*firsts}:
                for run in sorted(scores.keys() - {first}):
                    both = np.stack([scores[run], scores[first]], axis=1)
                    test = t_test(both[np.isfinite(both).all(axis=1)], math.nan, math.nan)
                    tests.append((dataset, run, metric, test.difference, test.p, ranks[run] == 1))
    return pd.DataFrame(tests, columns=columns).astype({"difference": float, "p": float, "best": bool})


def _column(metric: str, replicas: pd.DataFrame) -> str:
    """Return the column of a metric of the test part; that of the error may have been moved."""
    return RECORDED if metric == ERROR and RECORDED in replicas else f"{TEST}{metric}"


def calibrations(board: pd.DataFrame, selected: pd.DataFrame, reliability: pd.DataFrame | None) -> list[str]:
    """Return a sentence for each data set whose first condition is badly calibrated.

    Its mean calibration error in bins of equal width is at least `MISCALIBRATED`, and the 95 % interval of this mean
    lies above what chance gives calibrated networks on average.

    Parameters
    ----------
    board, selected
        As for `disagreements`.
    reliability
        The table `reliability`; without it there is no sentence.
    """
    if reliability is None:
        return []
    firsts, result = _firsts(board), []
    table = reliability[reliability["run"].isin(firsts["run"])]
    errors = calibration_errors(table.assign(lr=table["lr"].map(rounded)))
    errors = errors[errors["rows"] >= LEAST_ROWS]
    done = selected.loc[selected["status"] == "done", KEY]
    errors = errors.merge(done.assign(lr=done["lr"].map(rounded)), on=KEY)
    for _, first in firsts.iterrows():
        networks = errors[errors["run"] == first["run"]]
        if len(networks) < 3:
            continue
        mean, chance = summarise(networks, "run", "ece").iloc[0], networks["chance"].mean()
        if mean["mean"] >= MISCALIBRATED and mean["low"] > chance:
            ends = f"{100 * mean['low']:.1f} to {100 * mean['high']:.1f}"
            result.append(
                f"On {in_sentence(first['dataset'])} {first['name']}, which ranks first, is badly calibrated. Its "
                f"confidences differ from the shares of correct predictions by {100 * mean['mean']:.1f} points "
                f"(ece_width, 95 % interval {ends} points). Chance alone gives a calibrated network {100 * chance:.1f} "
                f"points on average."
            )
    return result


def infinities(board: pd.DataFrame, selected: pd.DataFrame) -> list[str]:
    """Return a sentence for each data set on which networks that finished have an infinite metric."""
    rows = selected[(selected["status"] == "done") & np.isinf(selected["final_test_error"].astype(float))]
    if metric_of(selected) == ERROR or rows.empty:
        return []
    result = []
    for dataset, part in board[board["run"].isin(rows["run"])].groupby("dataset", sort=False):
        counts = [f"{row.name} {(rows['run'] == row.run).sum()} of {row.n + row.diverged}" for row in part.itertuples()]
        what = "class" if part["task"].iloc[0] == "classification" else "target"
        result.append(
            f"On {in_sentence(str(dataset))} some networks give the {what} of a test row the probability 0, so their "
            f"{unit_of_row(part.iloc[0]).word} is infinite and ranks last: {enumeration(counts)}."
        )
    return result
