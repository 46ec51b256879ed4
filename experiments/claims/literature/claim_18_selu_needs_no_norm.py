"""Claim 18: SELU with alpha-dropout has a lower test error than ReLU with batch norm, with layer norm and with none."""

import pandas as pd
from matplotlib.figure import Figure

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

PRESETS = ("klambauer_2017_fnn", "klambauer_2017_fnn_digits")
NORMS = {"none": "without a norm", "batch": "with batch norm", "layer": "with layer norm"}


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return dataset, activation, norm, seed, test_error at tuned rates, and the facts of each row."""
    return final_errors(with_net(tuned(train_all(PRESETS, protocol).replicas)), "dataset", "activation", "norm")


def statements(table: pd.DataFrame, activation: str = "relu", name: str = "ReLU") -> dict[str, Statement]:
    """Return what the claim says of each norm: SELU without a norm has the lower test error."""
    errors, ratio = errors_by_dataset(table, "activation", "norm"), table["test_to_train"].iloc[0]
    return {
        f"better than {name} {text}": lower(
            errors, ratio, f"SELU − {name} {text}", "selu, none", f"{activation}, {norm}"
        )
        for norm, text in NORMS.items()
        if (activation, norm) != ("selu", "none")
    }


def judge(table: pd.DataFrame) -> Verdict:
    """Judge SELU against ReLU with each norm; SELU against SELU with a norm stands beside it."""
    others = measures(*statements(table, "selu", "SELU").values())
    remark = notes(table, "test_error", "dataset", "activation", "norm")
    return judge_statements(statements(table), lambda held: sum(held) >= 2, others, remark)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the differences to ReLU with each norm, and to SELU with a norm."""
    return draw_statements(statements(table) | statements(table, "selu", "SELU"), "difference of test errors (points)")


CLAIM = Claim(
    text="SELU networks with alpha-dropout outperform ReLU networks with batch, layer and no norm",
    source="Klambauer et al. 2017, abstract",
    threshold="wine, breast_cancer and digits, standardised, 8×256, dropout 0.05 for all; test error SELU − ReLU < 0, "
    f"(1) with no norm, (2) batch norm, (3) layer norm; {RULE}; all three: reproduced; two of three: partial",
    effect="no number for these data sets; significantly better over 121 UCI tasks",
    presets=PRESETS,
    measure=measure,
    judge=judge,
    drawings={"": draw},
    explanation="The intervals of ten seeds are wider than most differences. The paper tunes depth, width and dropout "
    "for each method, on 121 data sets.",
)
