"""Parts of a study that get a figure each, because their losses or their pairings can be compared."""

from experiments.analysis.units import metric_of
from experiments.figures.registry import Missing, dataset_names, dataset_overrides
from experiments.figures.selection import split
from experiments.store.reading import StudyTables
from experiments.tables import CROSSINGS


def comparable(tables: StudyTables) -> dict[str, StudyTables]:
    """Return the parts of a study whose losses can be compared: one data set and one pairing each.

    A pairing with a single condition is left to `mse_vs_ce`, unless the data set has no other pairing.

    Raises
    ------
    Missing
        If that leaves nothing.
    """
    conditions = tables.replicas.drop_duplicates("run").groupby(["dataset", "output"]).size()
    only = conditions.groupby("dataset").transform("size") == 1
    keys = conditions[(conditions > 1) | only].index.to_frame(index=False)
    if keys.empty:
        raise Missing("each pairing has only one condition", "activation=relu,tanh")
    return split(tables, keys)


def several_pairings(tables: StudyTables) -> dict[str, StudyTables]:
    """Return the part of a study on each data set that has several pairings.

    Raises
    ------
    Missing
        If no data set has several pairings.
    """
    several = tables.replicas.groupby("dataset")["output"].nunique() > 1
    if not several.any():
        metric = metric_of(tables.replicas)
        if metric == CROSSINGS:
            raise Missing(f"only one pairing has the metric {metric}")  # no other can have it
        is_class = tables.replicas["task"] == "classification"
        if not is_class.any():
            raise Missing("each data set has only one pairing", "output=linear_mse,linear_mae,gaussian_nll")
        chosen = [] if is_class.all() else dataset_overrides(dataset_names(tables)[is_class])
        raise Missing("each data set has only one pairing", " ".join(["output=softmax_ce,softmax_mse", *chosen]))
    return split(tables, several[several].index.to_frame(index=False))
