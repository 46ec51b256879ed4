"""The figures of a study: each is one function, tables in, `Figure` out; writing one registers it in `FIGURES`.

A new figure is a function decorated with `figure` in any module of this package; the report finds it.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.figures import style
from experiments.store import StudyTables

Parts = Callable[[StudyTables], dict[str, StudyTables]]
Draw = Callable[[StudyTables], Figure]


class Missing(Exception):
    """A study lacks what a figure shows: one line that ends with the command that would add it."""


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
        return result


FIGURES: dict[str, Drawable] = {}


def whole(tables: StudyTables) -> dict[str, StudyTables]:
    """Return the study as its own only part."""
    return {"": tables}


def split(tables: StudyTables, keys: pd.DataFrame) -> dict[str, StudyTables]:
    """Return the part of a study that agrees with each row of `keys`, named by the columns that differ there."""
    telling = [column for column in keys if keys[column].nunique() > 1]
    parts = {}
    for _, row in keys.iterrows():
        agrees = (tables.replicas[list(keys)] == row).all(axis=1)
        runs = tables.replicas.loc[agrees, "run"].unique()
        parts["-".join(row[telling])] = StudyTables(*(frame[frame["run"].isin(runs)] for frame in tables))
    return parts


def figure(name: str, *, title: str, needs: tuple[str, ...] = (), parts: Parts = whole) -> Callable[[Draw], Draw]:
    """Register a function as a figure, to be drawn in the common style.

    Parameters
    ----------
    name, title, parts
        As in `Drawable`.
    needs : tuple of str
        Columns it cannot do without, as "history.test_error"; a part with no finite value in one is `Missing`.

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
            for need in needs:
                table, column = need.split(".")
                if not np.isfinite(getattr(tables, table)[column].astype(float)).any():
                    raise Missing(f"no {column} in the study's {table}; run: python run.py diagnostics.layers=true")
            with matplotlib.rc_context(style.RC):
                return function(tables)

        FIGURES[name] = Drawable(name, title, parts, styled)
        return styled

    return register


for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
