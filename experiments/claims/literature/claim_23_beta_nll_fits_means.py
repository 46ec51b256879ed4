"""Claim 23: the β variant of the Gaussian negative log-likelihood has better means than the plain one."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.registry import Claim
from experiments.claims.several import (
    RULE,
    Statement,
    by_dataset,
    draw_statements,
    judge_statements,
    lower,
    measures,
    notes,
)
from experiments.claims.studies import Protocol, train_all
from experiments.claims.tables import FACTS, relative_errors, tuned
from experiments.claims.verdicts import Verdict

PRESETS = ("seitzer_2022",)


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return dataset, beta, seed, error and nll at tuned rates, and the facts of each row.

    The error is the test RMSE in % of the targets' standard deviation, and `nll` the negative log-likelihood of test
    rows; both are inf if the network diverged.
    """
    rows = tuned(train_all(PRESETS, protocol).replicas)
    rows = rows.assign(
        beta=rows["output.beta"].astype(float),
        error=relative_errors(rows, rows["dataset"]),
        nll=rows["final_test_nll"].where(rows["status"] == "done", np.inf),
    )
    return rows[["dataset", "beta", *FACTS, "seed", "error", "nll"]]


def statements(table: pd.DataFrame) -> dict[str, Statement]:
    """Return what the claim says: with β = 0.5 the RMSE is lower than with β = 0, the plain likelihood."""
    return {"the mean is better with β = 0.5": _errors(table, "0.5")}


def _errors(table: pd.DataFrame, beta: str) -> Statement:
    errors, ratio = by_dataset(table, "error", "beta"), table["test_to_train"].iloc[0]
    return lower(errors, ratio, f"RMSE, β = {beta} − plain", beta, "0.0")


def others(table: pd.DataFrame) -> dict[str, Statement]:
    """Return differences that decide nothing: the RMSE with β = 1."""
    return {"the mean is better with β = 1": _errors(table, "1.0")}


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the RMSE with β = 0.5; that with β = 1 and the likelihoods stand beside it."""
    likelihoods = by_dataset(table, "nll", "beta")
    beside = lower(likelihoods, table["test_to_train"].iloc[0], "NLL, β = 0.5 − plain", "0.5", "0.0", unit="nats")
    remark = notes(table, "error", "dataset", "beta")
    return judge_statements(statements(table), any, measures(*others(table).values(), beside), remark)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the differences of the RMSE."""
    text = "difference of test RMSEs\n(% of the targets' std);\nnegative: as claimed"
    return draw_statements(statements(table) | others(table), text)


CLAIM = Claim(
    text="training with the β negative log-likelihood gives better means than the plain Gaussian one",
    source="Seitzer et al. 2022, abstract and section 5",
    threshold="diabetes, autompg and friedman1, 50 ReLUs, Adam; test RMSE in % of the targets' standard deviation, "
    f"β = 0.5 − plain < 0; {RULE}; that: reproduced",
    effect="no number for these data sets",
    presets=PRESETS,
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
