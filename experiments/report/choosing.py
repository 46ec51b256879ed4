"""How the learning rates of a study were chosen, and what a reader must know before its answer."""

from collections.abc import Mapping

import pandas as pd

from experiments.analysis.comparison import cannot_learn, equal_rates
from experiments.analysis.units import ERROR, unit_of_row
from experiments.analysis.wording import counted, enumeration, verb
from experiments.tables import SELECT_WORDS, deciding


def selection(select: str, measure: str = ERROR) -> str:
    """Return what a rule of `experiments.tables.SELECT` means; `measure` is the word for what is ranked by."""
    words = f"the lowest mean final validation {measure}" if measure != ERROR else SELECT_WORDS[select]
    text = f"the learning rate has {words}."
    if select == "best_epoch_error":
        text += " Each test error is that of the same epoch."
    return text if select == "error" else f"{text} This is not the default rule."


def choice(replicas: pd.DataFrame, select: str) -> str:
    """Return how the learning rates of a study were chosen."""
    unused = _unused(replicas)
    return f"{_choice(replicas, select)} {unused}" if unused else _choice(replicas, select)


def _unused(replicas: pd.DataFrame) -> str:
    """Return a sentence on the learning rates of reported networks that had no part in the choice, or no text."""
    equal = equal_rates(replicas)
    pairs = equal[["run", "lr"]].apply(tuple, axis=1)
    left = equal[~pairs.isin(pairs[deciding(equal).index])]
    if left.empty:
        return ""
    runs = left["run"].nunique()
    rates = enumeration(f"{rate:g}" for rate in sorted(left["lr"].unique()))
    return (
        f"{counted(runs, 'condition')} {verb(runs, 'was', 'were')} also trained at {rates}, without tuning seeds, so "
        f"these rates had no part in the choice."
    )


def _choice(replicas: pd.DataFrame, select: str) -> str:
    """Return the rule by which learning rates were chosen, and on which seeds."""
    several = deciding(equal_rates(replicas)).groupby("run")["lr"].nunique() > 1
    runs, count = several.index[several], int(several.sum())
    if not count:
        return "Each condition was trained at one learning rate, so none was chosen."
    where = "each condition" if count == len(several) else f"{count} of {len(several)} conditions"
    rule = f"In {where} {selection(select, unit_of_row(replicas.iloc[0]).word)}"
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


def alarms(replicas: pd.DataFrame, unfinished: Mapping[str, str], earlier_readings: Mapping[str, str]) -> list[str]:
    """Return sentences that stand above everything else."""
    result = []
    if unfinished:
        runs = [f"{run} ({reason})" for run, reason in unfinished.items()]
        result.append(
            f"This study is unfinished, so its answer may change. {counted(len(runs), 'run')} of a sweep did not "
            f"finish: {enumeration(runs)}."
        )
    conditions = replicas.drop_duplicates("run")
    readings = conditions["run"].map(earlier_readings)
    for (dataset, reading), part in conditions.groupby(["dataset", readings]):
        conditions_were = f"{counted(len(part), 'condition')} {verb(len(part), 'was', 'were')}"
        result.append(f"{dataset}: {conditions_were} {reading}. Today the file gives other data, or is refused.")
    left = len(conditions) - replicas.loc[replicas["selected"], "run"].nunique()
    if left:
        verbs = verb(left, "is left out: it has", "are left out: they have")
        whole = counted(len(conditions), "condition")
        result.append(f"{left} of {whole} {verbs} no reported seed at the chosen rate.")
    count = int((conditions["epochs"] == 0).sum()) if "epochs" in conditions else 0
    if count:
        have = verb(count, "has epochs=0, so it shows", "have epochs=0, so they show")
        ranks = verb(count, "has", "have")
        result.append(f"{count} of {len(conditions)} conditions {have} random weights and {ranks} no rank.")
    flat = conditions[cannot_learn(conditions)]
    if len(flat):
        verbs = verb(len(flat), "has no rank: its", "have no rank: their")
        result.append(
            f"{len(flat)} of {counted(len(conditions), 'condition')} {verbs} hidden layers cannot learn, since the "
            f"derivative of {enumeration(sorted(flat['activation'].unique()))} is 0."
        )
    return result
