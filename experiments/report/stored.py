"""A study's stored tables as a report shows them: named by task, at the learning rates that a rule chooses."""

from pathlib import Path

from experiments.analysis.labels import name_tasks
from experiments.config.errors import ConfigError
from experiments.store.reading import StudyTables, load_all_tables
from experiments.tables import selected


def shown_tables(study: str, results: Path, select: str) -> StudyTables:
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

    Raises
    ------
    ConfigError
        If there is no such study, or nothing in it is reported at a chosen rate.
    """
    tables = name_tasks(load_all_tables(study, results))
    replicas = tables.replicas.assign(selected=selected(tables.replicas, select), select=select)
    if select == "best_epoch_error":
        replicas = replicas.assign(final_test_error=replicas["best_test_error"])
    if not replicas["selected"].any():
        raise ConfigError(
            f"study {study!r} has no network with a reported seed at the rate that select={select} chooses"
        )
    return tables._replace(replicas=replicas)
