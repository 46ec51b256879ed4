"""The field of a study: its treatments compared with one reference over data sets."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.analysis.comparison import copies, part_ratio, ranking_seeds, scored, treatments
from experiments.analysis.normalised import Scale
from experiments.analysis.over_datasets import Field, OverDatasets, field_over_datasets
from experiments.analysis.references import references
from experiments.analysis.simple import POINTS, SHARE, TRIVIAL
from experiments.analysis.units import ERROR, metric_of, unit_of

LEAST = 3
"""With so many data sets, a study has a comparison over data sets."""


class Compared(NamedTuple):
    """What `field_over_datasets` compares: a table over data sets, the reference, the margin, and the scale."""

    table: pd.DataFrame
    reference: str
    margin: float
    scale: Scale


def comparable(
    selected: pd.DataFrame, over: OverDatasets, baselines: pd.DataFrame | None = None, margin: float | None = None
) -> Compared | None:
    """Return the treatments that every data set of a study has, with the errors over the seeds that are ranked.

    The reference is the treatment of most data sets' main condition. Errors in the unit of a target are divided by the
    reference's mean error on the data set, and the margin of an error is then 2 % of that.

    Parameters
    ----------
    selected, over
        The replicas at their selected rates, and `treatments_over_datasets` of them.
    baselines
        The errors of simple models, for the normalised scores.
    margin
        The largest difference that does not matter, in points of error or in the unit of another metric.

    Returns
    -------
    Compared or None
        None with fewer than three data sets or two treatments, or where the errors have no common unit.
    """
    tasks, metric = selected["task"].unique(), metric_of(selected)
    if over.datasets < LEAST or len(over.ranks) < 2 or len({unit_of(task, metric) for task in tasks}) > 1:
        return None
    names, rows = treatments(selected), []
    for _, part in selected[~selected["dataset"].isin(copies(selected))].groupby("dataset"):
        kept = part[part["run"].map(names).isin(over.ranks.index) & part["seed"].isin(ranking_seeds(part))]
        rows.append(kept.assign(test_to_train=part_ratio(part)))
    table = scored(pd.concat(rows))
    table = table.assign(treatment=table["run"].map(names), error=table["score"])
    columns = ["dataset", "seed", "treatment", "error", "test_to_train"]
    if baselines is not None and len(baselines):
        simple = baselines[baselines["baseline"].isin(TRIVIAL.values())]
        table["trivial"] = table["dataset"].map(simple.groupby("dataset")["test_error"].mean())
        columns.append("trivial")
    table, reference, unit = table[columns], _reference(selected, names, over), unit_of(tasks[0], metric)
    if unit.label != "target units":
        default = POINTS if metric == ERROR else math.nan
        scale = Scale(unit.scale, "points" if unit.is_share else unit.label or f"units of {unit.the}")
        return Compared(table, reference, (default if margin is None else margin) / unit.scale, scale)
    finite = table[(table["treatment"] == reference) & np.isfinite(table["error"])]
    own = table["dataset"].map(finite.groupby("dataset")["error"].mean())
    table = table.assign(**{name: table[name] / own for name in {"error", "trivial"} & {*columns}})
    scale = Scale(100, f"% of the {unit.name} of {reference}")
    return Compared(table, reference, SHARE if metric == ERROR else math.nan, scale)


def _reference(selected: pd.DataFrame, names: pd.Series, over: OverDatasets) -> str:
    """Return the treatment of most data sets' main condition, among those that every data set has."""
    compared = references(selected)
    main = pd.Series([names[run] for run in selected["run"].unique() if run not in compared], dtype=object)
    main = main[main.isin(over.ranks.index)]
    return str(main.mode().iloc[0] if len(main) else over.ranks.index[0])


def field(
    selected: pd.DataFrame,
    over: OverDatasets,
    baselines: pd.DataFrame | None = None,
    margin: float | None = None,
    rate: str = "",
) -> Field | None:
    """Return `field_over_datasets` of what is `comparable`, with the same parameters; None if nothing is."""
    compared = comparable(selected, over, baselines, margin)
    if compared is None:
        return None
    return field_over_datasets(compared.table, compared.reference, over, compared.margin, compared.scale, rate)
