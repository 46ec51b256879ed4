"""A study's stored tables as a report shows them: named by task, at the learning rates that a rule chooses."""

from pathlib import Path
from typing import NamedTuple

from experiments.analysis.labels import name_tasks
from experiments.analysis.units import ERROR
from experiments.config.errors import ConfigError
from experiments.report.metrics import by_metric
from experiments.store.reading import StudyTables, load_all_tables
from experiments.tables import selected


class Shown(NamedTuple):
    """The tables of a study, and what a reader must know of the metric that they show if it is not the error."""

    tables: StudyTables
    notes: list[str]


def shown_tables(study: str, results: Path, select: str, metric: str = ERROR) -> Shown:
    """Return the tables of a study; nothing of the choice is stored.

    Parameters
    ----------
    study
        Its name.
    results
        The folder of all studies.
    select
        The rule that chooses a learning rate, a key of `experiments.tables.SELECT`. With `best_epoch_error` the column
        `final_test_error` holds the error at the best epoch. A further column `select` has the rule.
    metric
        By what conditions are ranked, and with which `error` chooses a learning rate: as in `by_metric`.

    Raises
    ------
    ConfigError
        If there is no such study, if it has not got the metric, or if nothing in it is reported at a chosen rate.
    """
    notes: list[str] = []
    tables = name_tasks(load_all_tables(study, results))
    if metric != ERROR:
        tables, notes = by_metric(tables, metric, study, Path(results) / study)
    replicas = tables.replicas.assign(selected=selected(tables.replicas, select), select=select)
    if select == "best_epoch_error":
        replicas = replicas.assign(final_test_error=replicas["best_test_error"])
    if not replicas["selected"].any():
        raise ConfigError(
            f"study {study!r} has no network with a reported seed at the rate that select={select} chooses"
        )
    return Shown(tables._replace(replicas=replicas), notes)
