"""The table activation × initializer of studies that cross them."""

import pandas as pd

from experiments.analysis.comparison import ranked
from experiments.analysis.labels import labels


def initializer_table(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return the mean test error by activation and initializer at the selected rates.

    It separates the effect of an activation from that of its default initializer. Only conditions that the study has
    with several initializers are included; the table is empty if there are none.

    Returns
    -------
    DataFrame
        A row per condition: dataset, output, task, `condition` (its label without the initializer), initializer, `mean`
        error, `n` finished seeds, `diverged`, and `best`: whether it is the best initializer of this condition.
    """
    columns = ["dataset", "output", "task", "condition", "initializer", "mean", "n", "diverged", "best"]
    if "init.name" not in replicas:
        return pd.DataFrame(columns=columns)
    selected = replicas[replicas["selected"]]
    table = ranked(selected)
    conditions = selected.drop_duplicates("run").set_index("run")
    for column in ("output", "task"):
        table[column] = table["run"].map(conditions[column])
    table["initializer"] = table["run"].map(conditions["init.name"])
    table["condition"] = table["run"].map(labels(selected, omit=("dataset", "output", "init.name")))
    key = ["dataset", "output", "condition"]
    table = table[table.groupby(key)["initializer"].transform("nunique") > 1].reset_index(drop=True)
    least_lost = table["diverged_share"] == table.groupby(key)["diverged_share"].transform("min")
    table["candidate"] = table["mean"].where(least_lost).round(12)  # NaN if none finished
    table["best"] = table["candidate"] == table.groupby(key)["candidate"].transform("min")
    return table.sort_values([*key, "initializer"], ignore_index=True)[columns]
