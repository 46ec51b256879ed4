"""How the learning rates of a study were chosen, and what a reader must know before its answer."""

from collections.abc import Mapping

import pandas as pd

from experiments.analysis.comparison import untrained
from experiments.analysis.wording import counted

SELECTIONS = {
    "error": "the learning rate has the lowest mean final validation error.",
    "loss": "the learning rate has the lowest mean final validation loss, which is not the default rule.",
    "best_epoch_error": (
        "the learning rate has the lowest mean validation error at the epoch with the lowest validation loss, and all "
        "test errors are those at this epoch. It is not the default rule."
    ),
}
"""What each rule of `experiments.tables.SELECT` means."""


def choice(replicas: pd.DataFrame, select: str) -> str:
    """Return how the learning rates of a study were chosen."""
    several = replicas.groupby("run")["lr"].nunique() > 1
    if not several.any():
        return "Each condition was trained at one learning rate, so none was chosen."
    tuned = set(replicas.loc[replicas["purpose"] == "tuning", "run"]) if "purpose" in replicas else set()
    rule = f"In each condition {SELECTIONS[select]}"
    if not tuned:
        return f"{rule} The mean is over the reported seeds, on validation rows that test nothing in the same seed."
    runs = several.index
    whose = "every condition" if tuned >= set(runs) else f"{len(tuned)} of {len(runs)} conditions"
    return f"{rule} For {whose} the mean is over tuning seeds, which are not reported."


def alarms(replicas: pd.DataFrame, unfinished: Mapping[str, str]) -> list[str]:
    """Return sentences that stand above everything else."""
    result = []
    if unfinished:
        result.append(f"This study is unfinished: {counted(len(unfinished), 'run')} of a sweep did not finish.")
    conditions = replicas.drop_duplicates("run")
    left = len(conditions) - replicas.loc[replicas["selected"], "run"].nunique()
    if left:
        whole = counted(len(conditions), "condition")
        result.append(
            f"Left out: {left} of {whole} without a reported seed at the learning rate that this rule chooses."
        )
    count = int(untrained(conditions).sum())
    if count:
        result.append(f"Untrained: {count} of {len(conditions)} conditions have epochs=0, so they show random weights.")
    return result
