"""The figures of a study: each is one function, tables in, `Figure` out; writing one registers it in `FIGURES`.

A new figure is a function decorated with `figure` in any module of this package; the report finds it.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.data.sets import DATASETS
from experiments.figures import style
from experiments.store.reading import StudyTables

Parts = Callable[[StudyTables], dict[str, StudyTables]]


Draw = Callable[[StudyTables], Figure]


class Missing(Exception):
    """A study lacks what a figure shows: the reason, and the overrides of a run that adds it, none if none can."""

    def __init__(self, reason: str, add: str = ""):
        super().__init__(reason)
        self.add = add

    def line(self, study: str, datasets: Iterable[str]) -> str:
        """Return the reason with the command that adds to a study, on its data sets unless others are needed."""
        if not self.add:
            return str(self)
        where = "" if "dataset=" in self.add else f" {on(datasets)}"
        return f"{self}; run: python run.py -m {self.add}{where} study={study}"


def on(datasets: Iterable[str]) -> str:
    """Return the overrides that choose these data sets; a user's own one has a path that only the user knows."""
    known = ",".join(sorted(set(datasets) & DATASETS.keys()))
    return f"dataset={known}" if known else "dataset=csv dataset.path=… dataset.target=…"


@dataclass(frozen=True)
class Drawable:
    """A registered figure.

    Attributes
    ----------
    name : str
        Its name, and its files'.
    title : str
        What it shows, in a few words.
    parts : callable
        Splits a study into the parts that get a figure each, by name.
    function : callable
        Draws one part.
    """

    name: str
    title: str
    parts: Parts
    function: Draw

    def draw(self, tables: StudyTables) -> dict[str, Figure | Missing]:
        """Draw each part of a study: by file stem its figure, or the reason why there is none.

        The stem is the figure's name, followed by the part's where the study has several.
        """
        result = {}
        try:
            parts = self.parts(tables)
        except Missing as reason:
            return {self.name: reason}
        for part, content in parts.items():
            stem = f"{self.name}-{part}" if part else self.name
            try:
                result[stem] = self.function(content)
            except Missing as reason:
                result[stem] = reason
        reasons = {str(reason) for reason in result.values() if isinstance(reason, Missing)}
        if len(reasons) == 1 and all(isinstance(drawn, Missing) for drawn in result.values()):
            return {self.name: next(iter(result.values()))}
        return result


FIGURES: dict[str, Drawable] = {}


def whole(tables: StudyTables) -> dict[str, StudyTables]:
    """Return the study as its own only part."""
    return {"": tables}


def select(tables: StudyTables, replicas: pd.DataFrame) -> StudyTables:
    """Return the part of a study that belongs to these replicas: their conditions at their learning rates."""
    rates = pd.MultiIndex.from_frame(replicas[["run", "lr"]].drop_duplicates())
    within = {name: replicas[name].unique() for name in ("run", "dataset")}

    def part(content):
        if isinstance(content, dict):
            return {run: arrays for run, arrays in content.items() if run in within["run"]}
        if content is None or not len(content):
            return content
        if "lr" in content:
            return content[pd.MultiIndex.from_frame(content[["run", "lr"]]).isin(rates)]
        name = "run" if "run" in content else "dataset"
        return content[content[name].isin(within[name])]

    return StudyTables(*map(part, tables))


def at_selected_rate(tables: StudyTables) -> StudyTables:
    """Return the tables of each condition at its selected learning rate."""
    return select(tables, tables.replicas[tables.replicas["selected"]])


def split(tables: StudyTables, keys: pd.DataFrame) -> dict[str, StudyTables]:
    """Return the part of a study that agrees with each row of `keys`, named by the columns that differ there."""
    telling = [column for column in keys if keys[column].nunique() > 1]
    return {
        "-".join(row[telling]): select(tables, tables.replicas[(tables.replicas[list(keys)] == row).all(axis=1)])
        for _, row in keys.iterrows()
    }


def by_dataset(tables: StudyTables) -> dict[str, StudyTables]:
    """Return the part of a study on each dataset."""
    return split(tables, tables.replicas[["dataset"]].drop_duplicates())


def comparable(tables: StudyTables) -> dict[str, StudyTables]:
    """Return the parts of a study whose losses can be compared: one dataset and one pairing each.

    A pairing with a single condition is left to `mse_vs_ce`, unless the dataset has no other.

    Raises
    ------
    Missing
        If that leaves nothing.
    """
    conditions = tables.replicas.drop_duplicates("run").groupby(["dataset", "output"]).size()
    alone = conditions.groupby("dataset").transform("size") == 1
    keys = conditions[(conditions > 1) | alone].index.to_frame(index=False)
    if keys.empty:
        raise Missing("one condition to each output", "activation=relu,tanh")
    return split(tables, keys)


def figure(
    name: str, *, title: str, needs: tuple[str, ...] = (), parts: Parts = whole, every_rate: bool = False
) -> Callable[[Draw], Draw]:
    """Register a function as a figure, to be drawn in the common style.

    Parameters
    ----------
    name, title, parts
        As in `Drawable`.
    needs : tuple of str
        Columns it cannot do without, as "history.test_error"; a part with no finite value in one is `Missing`.
    every_rate : bool
        Whether the function is given all learning rates, not only each condition's selected one.

    Raises
    ------
    ValueError
        If another figure has the name.
    """
    if name in FIGURES:
        raise ValueError(f"figure name {name!r} is taken by {FIGURES[name].function.__module__}")

    def register(function: Draw) -> Draw:
        @functools.wraps(function)
        def styled(tables: StudyTables) -> Figure:
            tables = tables if every_rate else at_selected_rate(tables)
            for need in needs:
                name, column = need.split(".")
                table = getattr(tables, name)
                if table is None or not np.isfinite(table[column].astype(float)).any():
                    option = "diagnostics.layers=true" if name in ("history", "layers") else "force=true"
                    raise Missing(f"no {column} in the study's {name}", option)
            with matplotlib.rc_context(style.RC):
                return function(tables)

        FIGURES[name] = Drawable(name, title, parts, styled)
        return styled

    return register


def all_figures() -> dict[str, Drawable]:
    """Return `FIGURES` after importing every module of this package: each registers its own."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        importlib.import_module(f"{__package__}.{module.name}")
    return FIGURES
