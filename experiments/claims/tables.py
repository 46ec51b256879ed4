"""From the tables of a study to the small tables by which claims are judged.

The replicas are those of the claim's seeds alone.
"""

import numpy as np
import pandas as pd

from experiments.analysis.comparison import part_ratio
from experiments.data.sets import load
from experiments.store.reading import StudyTables
from experiments.tables import KEY, deciding, selected

FACTS = ["lr", "grid", "test_to_train"]
"""What each row of a claim's table says of its condition: its rate, the rates tried, test over training rows."""


def marked(replicas: pd.DataFrame, select: str) -> pd.DataFrame:
    """Return replicas with what their judgement needs.

    Only the replicas given select a rate: the column `selected` of a study's table rests on all seeds of the study.

    Parameters
    ----------
    replicas
        The replicas of a claim's seeds, at all rates.
    select
        The rule by which a rate is selected, a key of `experiments.tables.SELECT`.

    Returns
    -------
    DataFrame
        The replicas with `selected`, `grid` (the rates that took part in the choice, as text), `init`, `test_to_train`,
        and `test_error`: the final one, or that of the epoch with the best validation loss if the rule selects by it.
    """
    grids = deciding(replicas).groupby("run")["lr"].agg(grid_text)
    error = "best_test_error" if select == "best_epoch_error" else "final_test_error"
    return replicas.assign(
        selected=selected(replicas, select),
        grid=replicas["run"].map(grids),
        init=replicas["init.name"],
        test_to_train=part_ratio(replicas),
        test_error=replicas[error],
    )


def grid_text(rates: pd.Series) -> str:
    """Return distinct numbers as text, sorted and separated by spaces."""
    return " ".join(f"{rate:g}" for rate in sorted(rates.unique()))


def tuned(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return the `marked` replicas of each condition at its selected learning rate."""
    return replicas[replicas["selected"]]


def final_errors(replicas: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return `columns`, `FACTS`, seed and test_error of `marked` replicas, inf where one diverged."""
    error = replicas["test_error"].where(replicas["status"] == "done", np.inf)
    return replicas[[*columns, *FACTS, "seed"]].assign(test_error=error)


def tuned_errors(tables: StudyTables, *columns: str) -> pd.DataFrame:
    """Return `final_errors` at tuned rates."""
    return final_errors(tuned(tables.replicas), *columns)


def errors_and_dead_units(tables: StudyTables, *columns: str) -> pd.DataFrame:
    """Return `tuned_errors` and dead.

    `dead` is the share of units that are dead in the end, its mean over hidden layers.
    """
    dead = layers_after(tables).groupby(KEY)["dead_fraction"].mean().rename("dead").reset_index()
    errors = tuned_errors(tables, *columns, "run")
    return errors.merge(dead, on=KEY).drop(columns="run")


def relative_errors(replicas: pd.DataFrame, names: pd.Series) -> pd.Series:
    """Return the test_error of `marked` replicas in % of the targets' standard deviation of the data sets `names`.

    The error of a diverged replica is inf.
    """
    units = names.map({name: load(name).targets.std() for name in names.unique()})
    return (100 * replicas["test_error"] / units).where(replicas["status"] == "done", np.inf)


def with_net(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return replicas with norm, dropout, residual and depth, the number of hidden layers.

    The table of a study has a column of a setting that can be off only if it is on somewhere, and then empty cells.
    """
    settings = replicas.reindex(columns=["net.norm", "net.dropout", "net.residual"])
    return replicas.assign(
        norm=settings["net.norm"].fillna("none"),
        dropout=settings["net.dropout"].astype(float).fillna(0.0),
        residual=settings["net.residual"].astype(str).str.lower() == "true",
        depth=replicas["net.hidden"].str.count(",") + 1,
    )


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
