"""What a budget of trials is expected to give: the best of n trials on validation data, and its test error."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from experiments.analysis.comparison import equal_rates
from experiments.tables import SELECT, deciding, rounded

VALIDATION, TEST = SELECT["error"][0], "final_test_error"


def expected_best(validation: Sequence[float], test: Sequence[float]) -> pd.DataFrame:
    """Return the expected result of choosing the best of n trials, which are drawn from all N without replacement.

    The k-th best of N is the best of n with the probability C(N − k, n − 1) / C(N, n). So the expectation is exact:
    no trial is drawn. Trials with the same validation error are chosen equally often.

    Parameters
    ----------
    validation, test
        The errors (N,) of each trial on validation data, which choose, and on test data. A diverged trial may have inf.

    Returns
    -------
    DataFrame
        One row for each n from 1 to N: `n`, and the expected `validation` and `test` error of the chosen trial; inf
        if a trial with inf may be chosen.

    Raises
    ------
    ValueError
        If there are no trials, another number of test errors, or a NaN.

    References
    ----------
    Dodge et al. (2019), "Show your work: improved reporting of experimental results". They draw with replacement.
    """
    errors, tests = np.asarray(validation, np.float64), np.asarray(test, np.float64)
    if errors.ndim != 1 or not len(errors) or errors.shape != tests.shape:
        raise ValueError("validation and test must be equally many numbers, at least one")
    if np.isnan([errors, tests]).any():
        raise ValueError("an error is NaN: a diverged trial has inf")
    count = len(errors)
    _, tied = np.unique(errors, return_inverse=True)
    mean_test = (np.bincount(tied, tests) / np.bincount(tied))[tied]
    order = errors.argsort(kind="stable")
    n, rank = np.arange(1, count + 1)[:, None], np.arange(1, count)
    # C(N − k − 1, n − 1) / C(N − k, n − 1) = (N − k − n + 1) / (N − k)
    ratios = np.maximum(count - rank - n + 1, 0) / (count - rank)
    weights = np.cumprod(np.hstack([n / count, ratios]), axis=1)
    columns = {
        name: np.where(weights > 0, weights * np.where(weights > 0, values[order], 0), 0).sum(axis=1)
        for name, values in (("validation", errors), ("test", mean_test))
    }
    return pd.DataFrame({"n": n[:, 0], **columns})


def trials(replicas: pd.DataFrame, ceiling: float) -> pd.DataFrame:
    """Return the mean errors of each trial of each run with tuning seeds: `run`, `lr`, `validation` and `test`.

    The means are those over the tuning seeds that all trials of the run have; if there are none, over all of each.

    Parameters
    ----------
    replicas
        The table `replicas`.
    ceiling
        The error of a trial with a diverged replica, such as 1 for a classification, or inf.
    """
    if "purpose" not in replicas:
        return pd.DataFrame(columns=["run", "lr", "validation", "test"])
    rows = deciding(equal_rates(replicas))
    rows = rows[rows["purpose"] == "tuning"]
    rows = rows.assign(lr=rows["lr"].map(rounded), lost=rows["status"] != "done")
    wanted = rows.groupby("run")["lr"].transform("nunique")
    shared = rows.groupby(["run", "seed"])["lr"].transform("nunique") == wanted
    rows = rows[shared | ~shared.groupby(rows["run"]).transform("any")]
    by_trial = rows.groupby(["run", "lr"])
    lost = by_trial["lost"].any()
    means = by_trial[[VALIDATION, TEST]].mean().set_axis(["validation", "test"], axis=1)
    # Means that are equal in exact arithmetic may differ in their last digits.
    means = means.where(~lost, ceiling).map(rounded)
    return means.reset_index()


def expected_by_run(of_trials: pd.DataFrame) -> pd.DataFrame:
    """Return `expected_best` of each run of `trials` that has several, with the column `run`."""
    parts = [
        expected_best(rows["validation"].to_numpy(), rows["test"].to_numpy()).assign(run=run)
        for run, rows in of_trials.groupby("run", sort=False)
        if len(rows) > 1
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["n", "validation", "test", "run"])
