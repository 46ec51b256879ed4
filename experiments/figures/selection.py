"""Selection of rows in all tables of a study at once: by replica, by learning rate, by data set or other columns."""

from typing import Any

import pandas as pd

from experiments.analysis.comparison import with_grids
from experiments.analysis.units import RECORDED, TEST
from experiments.analysis.wording import rate_text
from experiments.store.reading import StudyTables
from experiments.tables import KEY


def select(tables: StudyTables, replicas: pd.DataFrame) -> StudyTables:
    """Return the part of a study that belongs to these replicas."""
    return tables._replace(**{name: _select_rows(table, replicas) for name, table in tables._asdict().items()})


def _select_rows(table: Any, replicas: pd.DataFrame) -> Any:
    """Return the rows of one table, or the runs of a dictionary, that belong to these replicas."""
    runs = replicas["run"].unique()
    if isinstance(table, dict):
        return {run: facts for run, facts in table.items() if run in runs}
    if table is None or table.empty:
        return table
    if set(KEY) <= set(table):
        return table[pd.MultiIndex.from_frame(table[KEY]).isin(pd.MultiIndex.from_frame(replicas[KEY]))]
    if "run" in table:
        return table[table["run"].isin(runs)]
    return table[table["dataset"].isin(replicas["dataset"].unique())]


def at_selected_rate(tables: StudyTables) -> StudyTables:
    """Return the tables of each condition at its selected learning rate."""
    selected = tables.replicas["selected"]
    return tables if selected.all() else select(tables, tables.replicas[selected])


def with_recorded_errors(tables: StudyTables) -> StudyTables:
    """Return the tables of a study with its errors, where conditions are ranked by another metric."""
    replicas = tables.replicas
    if RECORDED not in replicas:
        return tables
    before = RECORDED.removesuffix(f"{TEST}error")
    kept = [name for name in replicas if name.startswith(before)]
    errors = {name.removeprefix(before): replicas[name] for name in kept}
    return tables._replace(replicas=replicas.drop(columns=["metric", *kept]).assign(**errors))


def split(tables: StudyTables, keys: pd.DataFrame) -> dict[str, StudyTables]:
    """Return one part of a study for each row of `keys`: the replicas with the row's values.

    The name of a part joins the row's values in those columns that differ between the rows.
    """
    differing = [column for column in keys if keys[column].nunique() > 1]
    parts = {}
    for _, key in keys.iterrows():
        matches = (tables.replicas[list(keys)] == key).all(axis=1)
        parts["-".join(key[differing])] = select(tables, tables.replicas[matches])
    return parts


def by_dataset(tables: StudyTables) -> dict[str, StudyTables]:
    """Return the part of a study on each data set, by name; the name is empty if there is only one."""
    return split(tables, tables.replicas[["dataset"]].drop_duplicates())


def rate_notes(replicas: pd.DataFrame) -> dict[str, str]:
    """Return by run the selected rate in words, with the rates that were tried; runs with one rate have no words.

    An example is "rate 0.3 of 0.03 to 0.3, highest".
    """
    rates = replicas.loc[replicas["selected"], ["run", "lr"]].drop_duplicates("run")
    result = {}
    for row in with_grids(rates, replicas).itertuples():
        if len(row.grid) > 1:
            edge = f", {row.edge}" if row.edge else ""
            rate, low, high = map(rate_text, (row.lr, row.grid[0], row.grid[-1]))
            result[row.run] = ", ".join(filter(None, [f"rate {rate} of {low} to {high}{edge}", row.trial]))
    return result
