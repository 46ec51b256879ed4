"""Claim 20: the test error of plain networks rises with depth, and residual connections remove this degradation."""

import math

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.registry import Claim
from experiments.claims.several import (
    RULE,
    Statement,
    by_dataset,
    draw_statements,
    errors_by_dataset,
    judge_statements,
    lower,
    measures,
    notes,
)
from experiments.claims.studies import Protocol, train
from experiments.claims.tables import final_errors, tuned, with_net
from experiments.claims.verdicts import Verdict

PRESET = "he_2016_residual_depth"
SHALLOW, DEEP = 20, 44
MARGIN = 1.0
"""Points of test error by which a deeper residual network may be worse."""


def measure(protocol: Protocol) -> pd.DataFrame:
    """Train and return `errors_by_depth`."""
    return errors_by_depth(train(PRESET, protocol).replicas)


def errors_by_depth(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return dataset, kind, depth, seed, test_error and train_error at tuned rates, and the facts of each row."""
    rows = with_net(tuned(replicas))
    rows = rows.assign(
        kind=rows["residual"].map({False: "plain", True: "residual"}),
        train_error=rows["final_train_error"].where(rows["status"] == "done", math.inf),
    )
    return final_errors(rows, "dataset", "kind", "depth", "train_error")


def statements(table: pd.DataFrame) -> dict[str, Statement]:
    """Return the three statements of the claim."""
    errors, ratio = errors_by_dataset(table, "kind", "depth"), table["test_to_train"].iloc[0]
    (plain, deep_plain), (residual, deep_residual) = (
        [f"{kind}, {depth}" for depth in (SHALLOW, DEEP)] for kind in ("plain", "residual")
    )
    by_depth = f"{DEEP} − {SHALLOW} layers"
    return {
        "plain networks become worse": lower(errors, ratio, f"plain, {SHALLOW} − {DEEP} layers", plain, deep_plain),
        "deep residual networks are better than deep plain ones": lower(
            errors, ratio, f"residual − plain, {DEEP} layers", deep_residual, deep_plain
        ),
        "residual networks do not become worse by a point": lower(
            errors, ratio, f"residual, {by_depth}", deep_residual, residual, MARGIN
        ),
    }


def training_errors(table: pd.DataFrame) -> dict[str, Statement]:
    """Return how the training errors change with depth: the degradation is no overfitting if they rise too."""
    errors = {dataset: 100 * wide for dataset, wide in by_dataset(table, "train_error", "kind", "depth").items()}
    return {
        kind: lower(
            errors, math.nan, f"training error, {kind}, {DEEP} − {SHALLOW}", f"{kind}, {DEEP}", f"{kind}, {SHALLOW}"
        )
        for kind in ("plain", "residual")
    }


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the three statements; the changes of the training error stand beside them."""
    others = measures(*training_errors(table).values())
    remark = notes(table, "test_error", "dataset", "kind", "depth")
    return judge_statements(statements(table), lambda held: held[0] and held[1], others, remark)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the differences that decide, and the changes of the training error."""
    return draw_statements(statements(table) | training_errors(table), "difference of errors (points)")


CLAIM = Claim(
    text="deeper plain networks are worse, and residual connections remove this degradation",
    source="He et al. 2016, figs. 1 and 6, tables 2 and 6",
    threshold="digits, mnist5k and breast_cancer, 64 ReLUs and batch norm in each of 20 or 44 hidden layers; test "
    "errors: (1) plain 20 − 44 layers < 0, (2) residual − plain with 44 layers < 0, (3) residual 44 − 20 layers < 1 "
    f"point (the margin); {RULE}; all three: reproduced; (1) and (2): partial",
    effect="ImageNet, 34 − 18 layers: plain +0.60 points, residual −2.85 (table 2); CIFAR-10, residual 44 − 20 layers: "
    "−1.58 (table 6)",
    presets=(PRESET,),
    measure=measure,
    judge=judge,
    drawings={"": draw},
    explanation="The mean differences of residual networks are below a point on all data sets, but the intervals of "
    "ten seeds reach above it.",
)
