"""Comparisons of activations and of output/cost pairings: the functions for users.

Importing this package imports no library: each function imports what it needs when it is called.
"""

import sys
from typing import TYPE_CHECKING

from experiments.config.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from experiments.figures.demand import Picture
    from experiments.networks import TrainedNetworks
    from experiments.store.reading import StudyTables

__all__ = ["ConfigError", "figure", "load", "run_study"]


def run_study(*overrides: str) -> "StudyTables":
    """Run what `python run.py -m` would run with these arguments, in this process; return the study's tables.

    Raises
    ------
    ConfigError
        If an argument is wrong. The message is one line, and nothing was trained.
    RuntimeError
        If a run failed. Finished runs are stored.
    """
    from experiments.config.compose import sweep
    from experiments.config.words import earlier_names
    from experiments.store.reading import load_all_tables
    from experiments.sweep.jobs import Job
    from experiments.sweep.runner import run_sweep

    for override in overrides:
        if not isinstance(override, str) or override.startswith("-"):
            raise ConfigError(f"{override}: allowed are words KEY=VALUE such as 'epochs=20'; each may be a sweep")
        if override.lstrip("+~").startswith("hydra"):
            raise ConfigError(f"{override}: only the command line has launchers")
    jobs = [Job.of(settings, words) for settings, words in sweep(overrides)]
    for note in earlier_names(overrides):
        print(note, file=sys.stderr)
    studies = sorted({job.settings.study for job in jobs})
    if len(studies) > 1:
        raise ConfigError(f"run_study runs one study, these words name {', '.join(studies)}: add 'study=NAME' for all")
    if any(job.settings.plan for job in jobs):
        raise ConfigError("run_study makes no plan; the command line can")
    if run_sweep(jobs):
        raise RuntimeError(f"a run of study {studies[0]!r} failed: its traceback is in {jobs[0].study.folder}/runs/")
    return load_all_tables(studies[0])


def load(path: "str | Path") -> "TrainedNetworks":
    """Return the networks that a run kept with `save=true`, from its folder.

    Raises
    ------
    ConfigError
        If the run kept none.
    """
    from experiments import networks

    return networks.load(path)


def figure(
    name: str,
    tables: "StudyTables | None" = None,
    *,
    activations: "Sequence[str]" = (),
    part: str = "",
    size: str = "",
    font: str = "",
    theme: str = "light",
    title: str = "",
) -> "Picture":
    """Return one figure of a study's tables as Matplotlib's `Figure`, which a notebook shows.

    Parameters
    ----------
    name
        The name of the figure. `python -m experiments.figure` lists them.
    tables
        What `run_study` returns. Demonstrations and `activation_curves` need none.
    activations
        The activations that are shown. The default is all of the study.
    part
        Which of several pictures, such as the name of a data set.
    size
        "column", "page", "slide" or WIDTHxHEIGHT, such as "16x9cm". The default is the figure's own size.
    font
        A font family of this machine.
    theme
        "light" or "dark".
    title
        The title above the figure, instead of its own.

    Raises
    ------
    ConfigError
        If an argument is wrong, or if the tables lack what the figure shows. The message is one line.
    """
    from experiments.figures import demand

    return demand.figure(name, tables, activations, demand.Manner(size, font, theme, title), part)
