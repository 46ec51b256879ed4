"""How the learning rates of a study were chosen, and what a reader must know before its answer."""

from collections.abc import Mapping

import pandas as pd

from experiments.analysis.comparison import equal_rates, untrained
from experiments.analysis.wording import counted, enumeration, verb
from experiments.tables import deciding

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
    several = equal_rates(replicas).groupby("run")["lr"].nunique() > 1
    runs, count = several.index[several], int(several.sum())
    if not count:
        return "Each condition was trained at one learning rate, so none was chosen."
    where = "each condition" if count == len(several) else f"{count} of {len(several)} conditions"
    rule = f"In {where} {SELECTIONS[select]}"
    if count < len(several):
        rule += f" {verb(len(several) - count, 'The other was', 'The others were')} trained at one learning rate."
    tuned = _tuned(replicas[replicas["run"].isin(runs)])
    reported = "is over the reported seeds. A seed's validation rows are not in its test part."
    if not tuned:
        return f"{rule} The mean {reported}"
    if tuned == count:
        return f"{rule} The mean is over tuning seeds, which are not reported."
    return (
        f"{rule} For {tuned} of these {count} the mean is over tuning seeds, which are not reported. For the rest it "
        f"{reported}"
    )


def _tuned(replicas: pd.DataFrame) -> int:
    """Return how many runs have tuning seeds, which choose their rates."""
    tuning = deciding(replicas)
    return tuning.loc[tuning["purpose"] == "tuning", "run"].nunique() if "purpose" in tuning else 0


def alarms(replicas: pd.DataFrame, unfinished: Mapping[str, str]) -> list[str]:
    """Return sentences that stand above everything else."""
    result = []
    if unfinished:
        runs = [f"{run} ({reason})" for run, reason in unfinished.items()]
        result.append(
            f"This study is unfinished, so its answer may change. {counted(len(runs), 'run')} of a sweep did not "
            f"finish: {enumeration(runs)}."
        )
    conditions = replicas.drop_duplicates("run")
    left = len(conditions) - replicas.loc[replicas["selected"], "run"].nunique()
    if left:
        verbs = verb(left, "is left out: it has", "are left out: they have")
        whole = counted(len(conditions), "condition")
        result.append(f"{left} of {whole} {verbs} no reported seed at the chosen rate.")
    count = int(untrained(conditions).sum())
    if count:
        have = verb(count, "has epochs=0, so it shows", "have epochs=0, so they show")
        ranks = verb(count, "has", "have")
        result.append(f"{count} of {len(conditions)} conditions {have} random weights and {ranks} no rank.")
    return result
