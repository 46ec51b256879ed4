"""Claim 19: in networks of 25 layers Mish has a lower test error than ReLU and Swish."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.drawings import label
from experiments.claims.registry import Claim
from experiments.claims.several import (
    RULE,
    Statement,
    draw_statements,
    errors_by_dataset,
    judge_statements,
    lower,
    measures,
    notes,
)
from experiments.claims.studies import Protocol, train_all
from experiments.claims.tables import final_errors, tuned, with_net
from experiments.claims.verdicts import Verdict

PRESETS = ("misra_2019_depth", "misra_2019_depth_digits", "misra_2019_depth_breast_cancer")
SHALLOW, DEEP = 15, 25
OTHERS = ("relu", "silu")


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return dataset, activation, depth, seed, test_error at tuned rates, and the facts of each row."""
    return final_errors(with_net(tuned(train_all(PRESETS, protocol).replicas)), "dataset", "activation", "depth")


def statements(table: pd.DataFrame, depth: int = DEEP) -> dict[str, Statement]:
    """Return what the claim says at a depth: Mish's test error is lower than ReLU's, and than Swish's."""
    errors, ratio = errors_by_dataset(table, "activation", "depth"), table["test_to_train"].iloc[0]
    return {
        f"with {depth} layers better than {label(other)}": lower(
            errors, ratio, f"Mish − {label(other)}, {depth} layers", f"mish, {depth}", f"{other}, {depth}"
        )
        for other in OTHERS
    }


def losses_by_depth(table: pd.DataFrame) -> dict[str, Statement]:
    """Return what the further layers cost each activation."""
    errors, ratio = errors_by_dataset(table, "activation", "depth"), table["test_to_train"].iloc[0]
    text = f"{DEEP} − {SHALLOW} layers"
    return {
        name: lower(errors, ratio, f"{label(name)}, {text}", f"{name}, {DEEP}", f"{name}, {SHALLOW}")
        for name in ("mish", *OTHERS)
    }


def judge(table: pd.DataFrame) -> Verdict:
    """Judge Mish against ReLU and Swish with 25 layers; 15 layers, and the cost of depth, stand beside it."""
    others = measures(*statements(table, SHALLOW).values(), *losses_by_depth(table).values())
    remark = notes(table, "test_error", "dataset", "activation", "depth")
    return judge_statements(statements(table), any, others, remark)


def draw(table: pd.DataFrame) -> Figure:
    """Draw Mish against the others at both depths, and what the further layers cost each activation."""
    rows = statements(table) | statements(table, SHALLOW) | losses_by_depth(table)
    return draw_statements(rows, "difference of test errors (points)")


CLAIM = Claim(
    text="Mish stays accurate at depths where ReLU and Swish fail",
    source="Misra 2019",
    threshold="mnist5k, digits and breast_cancer, 500 units, batch norm, dropout 0.25, 25 hidden layers; test errors: "
    f"(1) Mish − ReLU < 0, (2) Mish − Swish < 0; {RULE}; both: reproduced; one of two: partial",
    effect="a figure without this number, on MNIST",
    presets=PRESETS,
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
