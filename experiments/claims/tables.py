"""From the tables of a study to the small tables by which claims are judged.

The replicas are those of the claim's seeds alone.
"""

import numpy as np
import pandas as pd

from experiments.store.reading import StudyTables
from experiments.tables import KEY, selected


def tuned(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return the replicas of each condition at its selected learning rate.

    Only the replicas given select it. The column `selected` of a study's table rests on all seeds of the study.
    """
    return replicas[selected(replicas)]


def final_errors(replicas: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return `columns`, seed and test_error, the final one, inf where a replica diverged."""
    error = replicas["final_test_error"].where(replicas["status"] == "done", np.inf)
    return replicas[[*columns, "seed"]].assign(test_error=error)


def layers_before(tables: StudyTables) -> pd.DataFrame:
    """Return the rows of hidden layers before training."""
    rows = _hidden(tables)
    return rows[rows["epoch"] == 0]


def layers_after(tables: StudyTables) -> pd.DataFrame:
    """Return the rows of hidden layers at the last epoch of each replica."""
    rows = _hidden(tables)
    return rows[rows["epoch"] == rows.groupby(KEY)["epoch"].transform("max")]


def layers_during(tables: StudyTables) -> pd.DataFrame:
    """Return the rows of hidden layers at every epoch, without those before training."""
    rows = _hidden(tables)
    return rows[rows["epoch"] > 0]


def _hidden(tables: StudyTables) -> pd.DataFrame:
    """Return the rows of hidden layers: the output layer has no activations."""
    return tables.layers[tables.layers["activation_mean"].notna()]
