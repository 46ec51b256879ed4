"""The learning curves that the page's script draws, as JSON takes them."""

import math
from collections.abc import Iterable
from typing import TypedDict

import numpy as np
import pandas as pd

from experiments.analysis.labels import labels
from experiments.analysis.units import UNITS
from experiments.figures.curves import FEWEST, means
from experiments.figures.selection import at_selected_rate, rate_notes
from experiments.figures.style import DASHES, looks
from experiments.report.formatting import measure
from experiments.store.reading import StudyTables

ERRORS = {"test_error": "test", "validation_error": "validation", "train_error": "training"}
"""By column of the history, the part of the data on which it is the error."""

QUANTITIES = {"train_loss": "training loss", "gradient_norm": "gradient norm ‖∂L/∂θ‖₂"}
"""The other columns of the history that are drawn, with their names."""


class Curve(TypedDict):
    """By epoch, the mean over seeds and half the width of its 95 % interval; what is not finite is None."""

    mean: list[float | None]
    half: list[float | None]


class Line(TypedDict):
    """A condition: its name, its colour and dash as in the figures, and by column of the history its curve."""

    name: str
    color: str
    dash: str
    curves: dict[str, Curve]


class Chart(TypedDict):
    """A data set: by column of the history the name of the quantity with its unit, and the lines.

    `ceilings` has the largest possible value of the quantities that have one. Intervals end there, and at 0.
    """

    dataset: str
    quantities: dict[str, str]
    ceilings: dict[str, float]
    lines: list[Line]


def charts(tables: StudyTables) -> list[Chart]:
    """Return the chart of each data set, with each condition at its selected learning rate."""
    selected = at_selected_rate(tables)
    replicas = selected.replicas
    conditions = replicas.drop_duplicates("run").set_index("run")
    curves = _curves(selected.history, replicas, conditions["task"])
    names, rates = labels(replicas, omit=("dataset",)), rate_notes(tables.replicas)
    result: list[Chart] = []
    for dataset, part in conditions.groupby("dataset", sort=True):
        errors = measure(part["task"])
        quantities = {column: f"{name} {errors}" for column, name in ERRORS.items()} | QUANTITIES
        appearance = looks(replicas[replicas["dataset"] == dataset])
        lines: list[Line] = [
            {
                "name": ", ".join([names[run], *filter(None, [rates.get(run)])]),
                "color": look.color,
                "dash": _dash(look.dash),
                "curves": curves.get(run, {}),
            }
            for run, look in appearance.items()
        ]
        ceiling = max(UNITS[task].ceiling for task in part["task"])
        ceilings = dict.fromkeys(ERRORS, ceiling) if math.isfinite(ceiling) else {}
        result.append({"dataset": dataset, "quantities": quantities, "ceilings": ceilings, "lines": lines})
    return result


def _curves(history: pd.DataFrame, replicas: pd.DataFrame, tasks: pd.Series) -> dict[str, dict[str, Curve]]:
    """Return the curves of each run by column. A column without any finite value has no curve."""
    result: dict[str, dict[str, Curve]] = {}
    for column in (*ERRORS, *QUANTITIES):
        if not np.isfinite(history[column].astype(float)).any():
            continue
        for run, rows in means(history, replicas, column).groupby("run"):
            scale = UNITS[tasks[run]].scale if column in ERRORS else 1
            mean, half = rows["mean"] * scale, (rows["high"] - rows["mean"]).where(rows["n"] >= FEWEST) * scale
            result.setdefault(run, {})[column] = {"mean": _short(mean), "half": _short(half)}
    return result


def _dash(dash: int) -> str:
    """Return a dash as SVG writes it."""
    return " ".join(str(3 * length) for length in DASHES[dash % len(DASHES)])


def _short(values: Iterable[float]) -> list[float | None]:
    """Return numbers with four digits, None for what is not finite."""
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in values]
