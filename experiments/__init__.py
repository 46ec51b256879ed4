"""Comparisons of activations and of output/cost pairings: configuration, data, training, tables, figures."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from experiments.networks import TrainedNetworks
    from experiments.store.reading import StudyTables

# What they need is imported when they are called: importing the package costs nothing.


def run_study(*overrides: str) -> "StudyTables":
    """Run what `python run.py -m` would with these arguments, in this process, and return the study's tables.

    Raises
    ------
    ConfigError
        With one line for whatever is wrong with an argument: nothing was trained then.
    RuntimeError
        If a run failed; what was finished is stored.
    """
    from experiments.config.compose import sweep
    from experiments.config.errors import ConfigError
    from experiments.store.reading import load_all_tables
    from experiments.sweep.jobs import Job
    from experiments.sweep.runner import run_sweep

    for each in overrides:
        if not isinstance(each, str) or each.startswith("-"):
            raise ConfigError(f"{each}: allowed are words KEY=VALUE such as 'epochs=20'; each may be a sweep")
    launcher = next((each for each in overrides if each.lstrip("+~").startswith("hydra")), None)
    if launcher is not None:
        raise ConfigError(f"{launcher}: only the command line has launchers")
    jobs = [Job.of(*each) for each in sweep(overrides)]
    studies = sorted({job.settings.study for job in jobs})
    if len(studies) > 1 or any(job.settings.plan for job in jobs):
        raise ConfigError("one study at a time, and no plan: those are the command line's")
    if run_sweep(jobs):
        raise RuntimeError(f"a run of study {studies[0]!r} failed: its traceback is in {jobs[0].study.folder}/runs/")
    return load_all_tables(studies[0])


def load(path: "str | Path") -> "TrainedNetworks":
    """Return the networks that a run kept with `save=true`, from its folder.

    Raises
    ------
    ConfigError
        If it kept none.
    """
    from experiments import networks

    return networks.load(path)
