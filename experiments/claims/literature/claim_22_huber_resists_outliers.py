"""Claim 22: Huber's cost has a lower error than least squares under outliers, and not without them."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.registry import Claim
from experiments.claims.several import RULE, Statement, by_dataset, draw_statements, judge_statements, lower, notes
from experiments.claims.studies import Protocol, train_all
from experiments.claims.tables import FACTS, marked, relative_errors, tuned
from experiments.claims.verdicts import Verdict

CLEAN = ("huber_1964", "huber_1964_huber")
CONTAMINATED = ("huber_1964_outliers", "huber_1964_outliers_huber")
SUFFIX = "_outliers"
MARGIN = 2.0
"""The largest difference that does not matter, in % of the standard deviation of the targets without outliers."""


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return dataset, outliers, output, seed, error at tuned rates, and the facts of each row.

    The error is the mean absolute error with outliers, and the RMSE without, in % of the standard deviation of the
    targets without outliers; inf if the network diverged. The same error on validation rows chose the rate.
    """
    contaminated = train_all(CONTAMINATED, protocol).replicas
    absolute = contaminated.assign(
        final_validation_error=contaminated["final_validation_mae"], final_test_error=contaminated["final_test_mae"]
    )
    rows = pd.concat([tuned(train_all(CLEAN, protocol).replicas), tuned(marked(absolute, protocol.select))])
    names = rows["dataset"].str.removesuffix(SUFFIX)
    outliers = rows["dataset"].str.endswith(SUFFIX)
    rows = rows.assign(outliers=outliers, dataset=names, error=relative_errors(rows, names))
    return rows[["dataset", "outliers", "output", *FACTS, "seed", "error"]]


def statements(table: pd.DataFrame) -> dict[str, Statement]:
    """Return what the claim says with outliers, and without."""
    ratio = table["test_to_train"].iloc[0]
    clean, contaminated = (by_dataset(table[table["outliers"] == kind], "error", "output") for kind in (False, True))
    huber, squares = "linear_huber", "linear_mse"
    return {
        "with outliers Huber is better": lower(contaminated, ratio, "Huber − squares, outliers", huber, squares),
        "without outliers it is not": lower(clean, ratio, "squares − Huber, clean", squares, huber, MARGIN),
    }


def judge(table: pd.DataFrame) -> Verdict:
    """Judge Huber's cost against least squares with outliers and without."""
    return judge_statements(
        statements(table), lambda held: held[0], remark=notes(table, "error", "dataset", "outliers", "output")
    )


def draw(table: pd.DataFrame) -> Figure:
    """Draw the differences with outliers and without."""
    return draw_statements(
        statements(table), "difference of test errors\n(% of the targets' std);\nnegative: as claimed"
    )


CLAIM = Claim(
    text="Huber's cost has a lower error than least squares under outliers, and not without them",
    source="Huber 1964",
    threshold="diabetes, autompg and friedman1, 2×64 ReLU, SGD, with Gaussian noise of 10 standard deviations on a "
    "tenth of the targets and without; in % of the clean targets' standard deviation: (1) with outliers, mean absolute "
    "test error Huber − squares < 0; (2) without, test RMSE squares − Huber < 2 (the margin); "
    f"{RULE}; both: reproduced; (1) alone: partial",
    effect="no number for regressions; asymptotic variances of a location",
    presets=(*CLEAN, *CONTAMINATED),
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
