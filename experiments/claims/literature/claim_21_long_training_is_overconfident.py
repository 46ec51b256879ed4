"""Claim 21: networks that are trained long are over-confident, and label smoothing mends part of it."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.registry import Claim
from experiments.claims.several import RULE, Statement, by_dataset, draw_statements, judge_statements, lower, notes
from experiments.claims.studies import Protocol, train_all
from experiments.claims.tables import FACTS, tuned
from experiments.claims.verdicts import Verdict
from experiments.store.reading import StudyTables
from experiments.tables import KEY

PRESETS = ("guo_2017", "guo_2017_breast_cancer")
PLAIN, SMOOTHED = 0.0, 0.1


def measure(protocol: Protocol) -> pd.DataFrame:
    """Train and return `calibrations`."""
    return calibrations(train_all(PRESETS, protocol))


def calibrations(tables: StudyTables) -> pd.DataFrame:
    """Return the calibration on test rows of each network at its tuned rate, in %, and the facts of each row.

    The columns are dataset, smoothing, seed; `gap`, the accuracy minus the mean confidence after the last epoch;
    `ece_best` and `ece`, the expected calibration errors with bins of equal width after the epoch with the lowest
    validation loss and after the last one; and test_error, a share. All are inf if the network diverged.
    """
    rows = tuned(tables.replicas)
    best = tables.history.rename(columns={"epoch": "best_epoch", "test_ece_width": "ece_best"})
    rows = rows.merge(best[[*KEY, "best_epoch", "ece_best"]], on=[*KEY, "best_epoch"], how="left")
    assert tables.reliability is not None
    bins = tables.reliability[tables.reliability["count"] > 0]
    gaps = (bins["count"] * (bins["accuracy"] - bins["confidence"])).groupby([bins[name] for name in KEY]).sum()
    counts = bins.groupby(KEY)["count"].sum()
    rows = rows.merge((gaps / counts).rename("gap").reset_index(), on=KEY, how="left")
    rows = rows.assign(
        smoothing=rows["output.label_smoothing"].astype(float).fillna(PLAIN), ece=rows["final_test_ece_width"]
    )
    measured = ["gap", "ece_best", "ece"]
    done = rows["status"] == "done"
    rows[measured] = (100 * rows[measured]).where(done, np.inf)
    rows["test_error"] = rows["test_error"].where(done, np.inf)
    return rows[["dataset", "smoothing", *FACTS, "seed", *measured, "test_error"]]


def statements(table: pd.DataFrame) -> dict[str, Statement]:
    """Return what the claim says of networks without smoothing, and what of those with it.

    The corrected interval is derived for means over test rows. An expected calibration error is none.
    """
    plain = table[table["smoothing"] == PLAIN]
    ratio = table["test_to_train"].iloc[0]
    gaps = plain.assign(zero=0.0).melt(["dataset", "seed"], ["gap", "zero"], "what")
    errors = plain.melt(["dataset", "seed"], ["ece_best", "ece"], "what")
    smoothing = by_dataset(table, "ece", "smoothing")
    return {
        "trained long, networks are over-confident": lower(
            by_dataset(gaps, "value", "what"), ratio, "accuracy − confidence", "gap", "zero"
        ),
        "long training makes the calibration worse": lower(
            by_dataset(errors, "value", "what"), np.nan, "ECE, best epoch − last", "ece_best", "ece"
        ),
        "label smoothing makes it better": lower(smoothing, np.nan, "ECE, smoothed − plain", f"{SMOOTHED}", f"{PLAIN}"),
    }


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the three statements."""
    remark = notes(table, "test_error", "dataset", "smoothing")
    return judge_statements(statements(table), lambda held: sum(held) >= 2, remark=remark)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the gaps and the differences of the calibration errors."""
    return draw_statements(statements(table), "difference (points);\nnegative: as claimed")


CLAIM = Claim(
    text="networks that are trained long are over-confident, and label smoothing mends part of it",
    source="Guo et al. 2017; Müller, Kornblith & Hinton 2019",
    threshold="digits, mnist5k and breast_cancer, 2×128 ReLU, 200 epochs of SGD; on test rows, ECE with 15 bins of "
    "equal width: (1) accuracy − mean confidence after the last epoch < 0, (2) ECE of the epoch with the lowest "
    "validation loss − ECE of the last < 0, (3) ECE with label smoothing 0.1 − without, after the last epoch < 0; "
    f"{RULE}; all three: reproduced; two of three: partial",
    effect="no number for these data sets",
    presets=PRESETS,
    measure=measure,
    judge=judge,
    drawings={"": draw},
    explanation="Smoothing of 0.1 asks for a confidence of 0.91 among ten classes, and of 0.95 among two. On test rows "
    "the mean confidence is lower still: 0.87 on digits, 0.82 on mnist5k and 0.90 on breast_cancer, where the accuracy "
    "is 0.99, 0.95 and 0.96. So smoothing makes these networks under-confident, by more than they were over-confident.",
)
