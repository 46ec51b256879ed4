"""The registry of a study's figures: each figure is one function, tables in, `Figure` out.

A new figure is a function decorated with `figure` in any module of this package. The report finds it.
"""

import functools
import importlib
import pkgutil
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.analysis.units import ERROR, metric_of, unit_of_row
from experiments.config.choices import required
from experiments.config.commands import command_line
from experiments.config.plugins import add_options, check_packages
from experiments.data.packages import OPTIONS
from experiments.data.sets import DATASETS
from experiments.figures import style
from experiments.figures.selection import at_selected_rate, select, with_recorded_errors
from experiments.store.reading import StudyTables
from experiments.tables import ACTIVATION_COLUMNS

Parts = Callable[[StudyTables], dict[str, StudyTables]]
Draw = Callable[[StudyTables], Figure]
Drawing = TypeVar("Drawing")

NO_TABLES = StudyTables(pd.DataFrame(), pd.DataFrame(), pd.DataFrame())
"""The tables of a demonstration."""


class Missing(Exception):
    """A study lacks what a figure shows.

    Attributes
    ----------
    add : str
        The overrides of a run that adds what is missing; empty if no run can.
    """

    def __init__(self, reason: str, add: str = ""):
        super().__init__(reason)
        self.add = add

    def line(self, study: str, datasets: Iterable[str], words: Sequence[str] = ()) -> str:
        """Return the reason, with the command that adds to a study what is missing.

        Parameters
        ----------
        study, datasets
            The name of the study, and the names of its data sets.
        words
            The overrides that trained the study, if they are known. Those that `add` does not replace are kept.
        """
        if not self.add:
            return str(self)
        from experiments.config.values import parts  # it imports Hydra, which a process that only draws does not need

        added = shlex.split(self.add)
        keys = {parts(word)[1] for word in added}
        kept = list(words) or dataset_overrides(datasets)
        if "experiment" in keys:  # a preset sweeps what belongs to it
            kept = [word for word in kept if _begins(word, {"dataset", "seeds", "epochs"})]
        replaced = {*keys, "study", *(["formula"] if "activation" in keys else [])}
        replaced |= {"optimizer.lr"} if "tune.trials" in keys else set()
        kept = [word for word in kept if not _begins(word, replaced)]
        if not any(_begins(word, {"dataset"}) for word in (*kept, *added)) and not words:
            return str(self)
        return f"{self}; run: {command_line('run')} -m {shlex.join([*added, *kept, f'study={study}'])}"


def _begins(word: str, keys: AbstractSet[str]) -> bool:
    """Return whether a word sets one of these keys, or a part of one."""
    from experiments.config.values import parts

    key = parts(word)[1]
    return key in keys or key.partition(".")[0] in keys


def dataset_names(tables: StudyTables) -> pd.Series:
    """Return the name of the data set of each replica, which its task's name begins with."""
    sources = tables.sources or {}
    known = {run: "_".join(filter(None, [source["name"], source.get("table")])) for run, source in sources.items()}
    runs, tasks = tables.replicas["run"], tables.replicas["dataset"]
    names = [known.get(run, task) for run, task in zip(runs, tasks, strict=True)]
    return pd.Series(names, tables.replicas.index, dtype=object)


def dataset_overrides(datasets: Iterable[str]) -> list[str]:
    """Return the override that chooses these data sets; none for a file, which only the user knows."""
    of_packages = {f"{package}_{table}": option for option, (package, table) in OPTIONS.items()}
    names = [of_packages.get(name, name) for name in sorted(set(datasets))]
    known = [name for name in names if name in OPTIONS or (name in DATASETS and not required("dataset", name))]
    return [f"dataset={','.join(known)}"] if known else []


@dataclass(frozen=True)
class Drawable:
    """A registered figure.

    Attributes
    ----------
    name : str
        The name of the figure and of its files.
    title : str
        What the figure shows, in a few words. In it, and in the first line of the function's docstring, `{measure}` is
        what the figure ranks by.
    parts : callable
        Splits a study into parts, by name. Each part gets a figure.
    function : callable
        Draws one part.
    demonstration : bool
        Whether it shows a fixed experiment, not the study.
    baselines : bool
        Whether it shows the study's baselines.
    metrics : bool
        Whether it shows the metric by which conditions are ranked. The others show errors.
    standalone : bool
        Whether it needs no trained network: activations are enough.
    """

    name: str
    title: str
    parts: Parts
    function: Draw
    demonstration: bool
    baselines: bool
    metrics: bool
    standalone: bool

    @property
    def caption(self) -> str:
        """The first line of the function's docstring, which says what the function draws, without "Draw"."""
        line = (self.function.__doc__ or "").strip().partition("\n")[0]
        caption = line.removeprefix("Draw").lstrip(", ")
        return caption[:1].upper() + caption[1:]

    def worded(self, text: str, tables: StudyTables) -> str:
        """Return a text on the figure with "error" for `{measure}`, or the metric by which the figure ranks."""
        by_error = not self.metrics or metric_of(tables.replicas) == ERROR
        return text.replace("{measure}", ERROR if by_error else unit_of_row(tables.replicas.iloc[0]).word)

    def stems(self, parts: Iterable[str]) -> dict[str, str]:
        """Return the file stem of each part of a study.

        The stem is the figure's name. It ends with the part's name if the study has several parts.
        """
        result: dict[str, str] = {}
        for part in parts:
            stem = f"{self.name}-{_file_name(part)}" if part else self.name
            result[part] = f"{stem}-{len(result)}" if stem in result.values() else stem
        return result

    def draw_part(self, content: StudyTables) -> Figure | Missing:
        """Draw one part of a study, or return the reason why there is no figure."""
        try:
            return self.function(content)
        except Missing as reason:
            return reason


def once(name: str, drawn: dict[str, Drawing]) -> dict[str, Drawing]:
    """Return the parts of a figure by stem; if all parts lack the same, this reason once, by the figure's name."""
    reasons = {str(part) for part in drawn.values() if isinstance(part, Missing)}
    if len(reasons) == 1 and all(isinstance(part, Missing) for part in drawn.values()):
        return {name: next(iter(drawn.values()))}
    return drawn


def _file_name(part: str) -> str:
    """Return the name of a part as a portable part of a file's name: a task's name has spaces and commas."""
    return re.sub(r"[^\w.]+", "-", part).strip("-.")[:100]


FIGURES: dict[str, Drawable] = {}


def whole(tables: StudyTables) -> dict[str, StudyTables]:
    """Return the study as a single part without a name."""
    return {"": tables}


def figure(
    name: str,
    *,
    title: str,
    needs: tuple[str, ...] = (),
    parts: Parts = whole,
    every_rate: bool = False,
    every_epoch: bool = False,
    metrics: bool = False,
    demonstration: bool = False,
    baselines: bool = False,
    standalone: bool = False,
) -> Callable[[Draw], Draw]:
    """Register a function as a figure. It is drawn in the common style.

    Parameters
    ----------
    name, title, parts, demonstration, baselines, metrics, standalone
        As in `Drawable`. A function that does not show the baselines is not given them.
    needs : tuple of str
        Required columns, as "history.test_error". A part is `Missing` if such a column has no finite value.
    every_rate : bool
        Whether the function is given all learning rates, not only the selected rate of each condition.
    every_epoch : bool
        Whether it shows earlier epochs than the last. Then it is not given the conditions with `evaluate=last`.

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
            tables = tables if baselines else tables._replace(baselines=None)
            tables = tables if every_rate or demonstration else at_selected_rate(tables)
            tables = tables if metrics or demonstration else with_recorded_errors(tables)
            tables = with_every_epoch(tables) if every_epoch else tables
            for need in needs:
                _require(tables, *need.split("."))
            with matplotlib.rc_context(style.RC):
                return function(tables)

        FIGURES[name] = Drawable(name, title, parts, styled, demonstration, baselines, metrics, standalone)
        return styled

    return register


def with_every_epoch(tables: StudyTables) -> StudyTables:
    """Return the tables of the conditions that were evaluated after every epoch.

    Raises
    ------
    Missing
        If there are none.
    """
    replicas = tables.replicas
    if "evaluate" not in replicas:
        return tables
    kept = replicas[replicas["evaluate"] != "last"]
    if kept.empty:
        raise Missing("only the last epoch was evaluated", "evaluate=every")
    return select(tables, kept)


def _require(tables: StudyTables, name: str, column: str) -> None:
    """Raise `Missing` if a column of a table has no finite value."""
    table = getattr(tables, name)
    if table is None or not np.isfinite(table[column].astype(float)).any():
        if name == "layers" and len(table) and column in ACTIVATION_COLUMNS:
            raise Missing("no network has a hidden layer", "'net.hidden=[128,128]'")
        option = "diagnostics.layers=true" if name in ("history", "layers") else "force=true"
        raise Missing(f"no {column} in the study's {name}", option)


def all_figures() -> dict[str, Drawable]:
    """Return `FIGURES` after importing every module with figures, of this package and of others."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        importlib.import_module(f"{__package__}.{module.name}")
    add_options("figure", lambda name: FIGURES[name].function if name in FIGURES else None)
    check_packages()
    return FIGURES
