"""What a budget of trials is expected to give: the best of n trials on validation data, and its test error."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from experiments.analysis.comparison import equal_rates
from experiments.tables import SELECT, deciding, rounded

VALIDATION, TEST = SELECT["error"][0], "final_test_error"
PARTS = ["validation", "test"]
BY_SEED = [f"{part}_by_seed" for part in PARTS]


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
    chosen = _choices(errors)
    columns = {"validation": _expected(chosen, errors), "test": _expected(chosen, tests)}
    return pd.DataFrame({"n": np.arange(1, len(errors) + 1), **columns})


def _choices(errors: np.ndarray) -> np.ndarray:
    """Return the probability (n − 1, trial) that the best of n trials is this one, as `expected_best` has it."""
    count = len(errors)
    order = errors.argsort(kind="stable")
    n, rank = np.arange(1, count + 1)[:, None], np.arange(1, count)
    # C(N − k − 1, n − 1) / C(N − k, n − 1) = (N − k − n + 1) / (N − k)
    ratios = np.maximum(count - rank - n + 1, 0) / (count - rank)
    by_rank = np.cumprod(np.hstack([n / count, ratios]), axis=1)
    _, tied = np.unique(errors, return_inverse=True)
    of_value = np.zeros((count, tied.max() + 1))
    np.add.at(of_value.T, tied[order], by_rank.T)
    return (of_value / np.bincount(tied))[:, tied]


def _expected(chosen: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return the expected errors (n − 1, …) from those of each trial; inf if a trial with inf may be chosen."""
    finite = np.isfinite(errors)
    return np.where((chosen > 0) @ ~finite, np.inf, chosen @ np.where(finite, errors, 0))


def _standard_errors(chosen: np.ndarray, by_seed: Sequence[tuple[float, ...]]) -> np.ndarray:
    """Return the standard errors (n − 1) over the seeds of what these probabilities expect.

    Each seed has an expectation with the same probabilities, so what is uncertain is the errors and not the choice.
    They are NaN where a trial may be chosen that has no error, or if trials have different numbers of seeds, or one.
    """
    seeds = {len(errors) for errors in by_seed}
    if seeds == {1} or len(seeds) > 1:
        return np.full(len(chosen), np.nan)
    with np.errstate(invalid="ignore"):
        spread = _expected(chosen, np.array(by_seed)).std(axis=1, ddof=1)
    return np.asarray(spread / np.sqrt(seeds.pop()))


def trials(replicas: pd.DataFrame, ceiling: float) -> pd.DataFrame:
    """Return the mean errors of each trial of each run with tuning seeds: `run`, `lr`, `validation` and `test`.

    The means are those over the tuning seeds that all trials of the run have; if there are none, over all of each.
    `validation_by_seed` and `test_by_seed` have the errors of which they are means.

    Parameters
    ----------
    replicas
        The table `replicas`.
    ceiling
        The error of a trial with a diverged replica, such as 1 for a classification, or inf.
    """
    if "purpose" not in replicas:
        return pd.DataFrame(columns=["run", "lr", *PARTS, *BY_SEED])
    rows = deciding(equal_rates(replicas))
    rows = rows[rows["purpose"] == "tuning"]
    rows = rows.assign(lr=rows["lr"].map(rounded), lost=rows["status"] != "done")
    wanted = rows.groupby("run")["lr"].transform("nunique")
    shared = rows.groupby(["run", "seed"])["lr"].transform("nunique") == wanted
    rows = rows[shared | ~shared.groupby(rows["run"]).transform("any")].sort_values("seed", kind="stable")
    lost = rows.groupby(["run", "lr"])["lost"].transform("any")
    rows[[VALIDATION, TEST]] = rows[[VALIDATION, TEST]].where(~lost, ceiling)
    by_trial = rows.groupby(["run", "lr"])[[VALIDATION, TEST]]
    # Means that are equal in exact arithmetic may differ in their last digits.
    means = by_trial.mean().map(rounded).set_axis(PARTS, axis=1)
    return means.join(by_trial.agg(tuple).set_axis(BY_SEED, axis=1)).reset_index()


def expected_by_run(of_trials: pd.DataFrame) -> pd.DataFrame:
    """Return `expected_best` of each run of `trials` that has several, with the column `run`.

    `validation_se` and `test_se` are the standard errors over the tuning seeds, of the same choice; NaN without one.
    """
    tables = []
    for run, rows in of_trials.groupby("run", sort=False):
        if len(rows) > 1:
            validation, test = (rows[part].to_numpy(np.float64) for part in PARTS)
            chosen = _choices(validation)
            errors = {f"{part}_se": _standard_errors(chosen, list(rows[f"{part}_by_seed"])) for part in PARTS}
            tables.append(expected_best(validation, test).assign(run=run, **errors))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["n", *PARTS, "run"])
