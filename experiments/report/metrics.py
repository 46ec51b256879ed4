"""Ranking by a metric: its values take the place of the errors, so that everything that reads these shows it."""

import shlex
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.analysis.labels import labels
from experiments.analysis.units import (
    ERROR,
    METRICS,
    NAMES,
    RECORDED,
    TEST,
    VALIDATION,
    Unit,
    check_metric,
    task_metrics,
    unit_of,
)
from experiments.analysis.wording import counted, enumeration, in_sentence, verb
from experiments.config.commands import command_line
from experiments.config.errors import ConfigError
from experiments.figures.registry import Missing, dataset_names
from experiments.figures.selection import select as select_rows
from experiments.report.provenance import study_words
from experiments.store.reading import StudyTables
from experiments.tables import LOSS_COLUMNS, MEASURED, RECALL, deciding, reported, rounded
from experiments.training.metrics import LEAST_ROWS
from nets.outputs import OUTPUTS

CURVES = (
    "Curves show errors and losses: the metrics are those with which the networks end. Figures that do not rank "
    "conditions show errors, too."
)
"""What stands above the curves of a report that ranks by a metric."""


def by_metric(tables: StudyTables, metric: str, study: str, folder: Path) -> tuple[StudyTables, list[str]]:
    """Return a study's tables with a metric in place of the errors, and sentences on what it leaves out.

    The columns `final_test_error` and `final_validation_error` have the metric such that lower is better. The column
    `metric` has its name. `RECORDED`, and its like of the validation part, have the stored errors. Conditions and seeds
    without the metric are left out.

    Parameters
    ----------
    tables
        The tables after `name_tasks`.
    metric
        The name of the metric.
    study, folder
        The name and the folder of the study, for messages.

    Raises
    ------
    ConfigError
        If the study has not got this metric.
    """
    replicas = tables.replicas
    _check_task(tables, metric, study, folder)
    task_units = {task: unit_of(str(task), metric) for task in replicas["task"].unique()}
    values = {f"{part}error": _values(replicas, f"{part}{metric}", task_units) for part in (VALIDATION, TEST)}
    recorded = {RECORDED.replace(TEST, part): replicas[f"{part}error"] for part in (VALIDATION, TEST)}
    shown = replicas.assign(**values, metric=metric).assign(**recorded)
    blank = _blank(shown)
    kept = (shown["status"] != "done") | (blank == "")
    without = set(shown["run"]) - set(shown.loc[(shown["status"] == "done") & kept, "run"])
    without &= set(shown.loc[~kept, "run"])  # where all replicas diverged, nothing is blank
    left = shown["run"].isin(without)
    notes = _left_out(replicas, blank[~kept], left[~kept], metric)
    shown = shown[kept & ~left]
    if shown.empty:
        raise ConfigError(f"metric={metric}: {' '.join(notes)}")
    unit = next(iter(task_units.values()))
    first = (
        f"This report ranks by {unit.the} on test rows (metric={metric}); lower is better. Where a condition has "
        f"several learning rates, the same metric on validation rows chose. Simple models are left out: only their "
        f"errors are known."
    )
    of_counts = [name for name in shown["output"].unique() if name in OUTPUTS and OUTPUTS[name].scaling == "none"]
    if metric == "coverage" and of_counts:
        notes.append(
            f"An interval of counts covers more than 90 % by construction, since counts come in steps. So part of the "
            f"distance of {enumeration(of_counts)} is no fault of the networks."
        )
    return select_rows(tables._replace(replicas=shown), shown), [first, *notes]


def _check_task(tables: StudyTables, metric: str, study: str, folder: Path) -> None:
    """Raise `ConfigError` if a study, or one of its tasks, cannot have a metric."""
    replicas = tables.replicas
    tasks = replicas.drop_duplicates("task").set_index("task")["dataset"]
    metrics = {str(task): task_metrics(str(task), replicas.columns) for task in tasks.index}
    check_metric(metric, [name for names in metrics.values() for name in names if name.startswith(RECALL)])
    if not any(metrics.values()):
        lack = Missing(f"study {study!r} has no metrics: an earlier version made it", "force=true")
        if (replicas["status"] == "diverged").all():
            lack = Missing(f"study {study!r} has no metrics: every replica diverged", "optimizer.lr=0.001")
        raise ConfigError(f"metric={metric}: {lack.line(study, dataset_names(tables), study_words(folder))}")
    lacking = [task for task in metrics if not _has(task, metric)]
    if not lacking:
        return
    common = [name for name in NAMES if all(name == ERROR or name in names for names in metrics.values())]
    if len(metrics) == 1:
        common = [ERROR, *metrics[lacking[0]]]
        raise ConfigError(f"metric={metric}: a {lacking[0]} has none; study {study!r} has: {', '.join(common)}")
    reason = (
        f"metric={metric}: a {lacking[0]} has none, and study {study!r} has one ({tasks[lacking[0]]}); "
        f"all of its tasks have: {', '.join(common)}"
    )
    having = next((task for task in metrics if metric in metrics[task]), None)
    runs = set(replicas.loc[replicas["task"] == having, "run"])
    words = [word for word in (study_words(folder, runs) if having else []) if not word.startswith("study=")]
    if not words:
        raise ConfigError(reason)
    command = f"{command_line('run')} -m {shlex.join([*words, f'study={study}_{having}'])}"
    raise ConfigError(f"{reason}. A {having} needs a study of its own; run: {command}")


def _has(task: str, metric: str) -> bool:
    return metric in METRICS[task] or (metric.startswith(RECALL) and task == "classification")


def _values(replicas: pd.DataFrame, column: str, task_units: Mapping[str, Unit]) -> pd.Series:
    """Return the stored values of a metric such that lower is better; NaN where the study has not got them."""
    stored = replicas[column] if column in replicas else pd.Series(np.nan, replicas.index)
    parts = [task_units[str(task)].of(stored[rows.index]) for task, rows in replicas.groupby("task")]
    return pd.concat(parts).reindex(replicas.index)


def _blank(shown: pd.DataFrame) -> pd.Series:
    """Return for each replica the part on which it lacks a value that counts, "test" or "validation", or no text.

    Validation counts where it chooses one of several rates, and the test part where a replica is reported.
    """
    choosing = deciding(shown)
    several = choosing["lr"].map(rounded).groupby(choosing["run"]).transform("nunique") > 1
    chooses = shown.index.isin(several.index[several])
    lacks = {part: shown[f"final_{part}_error"].isna() for part in MEASURED}
    is_reported = shown.index.isin(reported(shown).index)
    parts = np.select([lacks["test"] & is_reported, lacks["validation"] & chooses], ["test", "validation"], "")
    return pd.Series(parts, shown.index)


def _left_out(replicas: pd.DataFrame, parts: pd.Series, whole: pd.Series, metric: str) -> list[str]:
    """Return the sentences on conditions and on single replicas without a metric.

    `parts` has the part on which each of these replicas lacks it, and `whole` says whether the condition is left out.
    """
    rows = replicas.loc[parts.index]
    reasons = [_reason(row, part, metric) for (_, row), part in zip(rows.iterrows(), parts, strict=True)]
    rows = rows.assign(reason=reasons, whole=whole)
    return [*_conditions_left_out(replicas, rows[rows["whole"]]), *_seeds_left_out(rows[~rows["whole"]])]


def _conditions_left_out(replicas: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """Return the sentence that counts the conditions that are left out, and the reasons."""
    if rows.empty:
        return []
    names = labels(replicas, omit=("dataset",)).map(in_sentence)
    if replicas["dataset"].nunique() > 1:
        names = names + " on " + replicas.drop_duplicates("run").set_index("run")["dataset"].map(in_sentence)
    rows = rows.drop_duplicates(["run", "reason"])
    left = f"{rows['run'].nunique()} of {counted(replicas['run'].nunique(), 'condition')}"
    left += f" {verb(rows['run'].nunique(), 'is', 'are')} left out"
    because = {
        _because(part): f"{enumeration(names[run] for run in part['run'].unique())}."
        for _, part in rows.groupby("reason", sort=False)
    }
    if len(because) == 1:
        ((reason, which),) = because.items()
        return [f"{left}, since {reason}: {which}"]
    return [" ".join([f"{left}.", *(f"{reason[0].upper()}{reason[1:]}: {which}" for reason, which in because.items())])]


def _seeds_left_out(rows: pd.DataFrame) -> list[str]:
    """Return a sentence for each reason for which single networks of conditions are left out."""
    result = []
    for _, part in rows.groupby("reason", sort=False):
        seeds = [str(seed) for seed in sorted(part["seed"].unique())]
        of_seeds = f"the {verb(len(seeds), 'seed', 'seeds')} {enumeration(seeds)}"
        runs = counted(part["run"].nunique(), "condition")
        result.append(f"The networks of {runs} with {of_seeds} are left out, since {_because(part)}.")
    return result


def _because(rows: pd.DataFrame) -> str:
    """Return the reason that rows share as a clause. A reason without a subject is one of their outputs."""
    reason = str(rows["reason"].iloc[0])
    if not reason.startswith(LACK):
        return reason
    outputs = list(rows["output"].unique())
    gives = verb(len(outputs), "gives", "give")
    return f"the {verb(len(outputs), 'output', 'outputs')} {enumeration(outputs)} {gives} {reason}"


LACK = "no "
"""How the reason begins that an output does not give what a metric needs."""


def _reason(replica: pd.Series, part: str, metric: str) -> str:
    """Return why a replica lacks a metric on a part."""
    others = [name for name in replica.index if name.startswith(f"final_{part}_") and name not in LOSS_NAMES]
    if replica[others].isna().all():
        return "an earlier version recorded no metrics (force=true adds them)"
    unit = unit_of(str(replica["task"]), metric)
    if unit.needs and (replica["task"] == "regression" or pd.isna(replica.get(f"final_{part}_nll", np.nan))):
        return f"{LACK}{unit.needs}"
    if metric.startswith("ece"):
        return f"the {part} part has fewer than {LEAST_ROWS} rows"
    if metric == "r2":
        return f"the {part} part has one row"
    if unit.needs_every_class:
        return f"the {part} part lacks {'this' if metric.startswith(RECALL) else 'a'} class"
    return f"the {part} part does not define it"


LOSS_NAMES = {f"final_{column}" for column in LOSS_COLUMNS}
