"""Trains the presets that claims need, by the same runner as run.py."""

import sys
from collections.abc import Iterable
from functools import cache

import pandas as pd

from experiments import run_study
from experiments.config.compose import sweep
from experiments.store.reading import StudyTables
from experiments.tables import KEY

SEEDS = tuple(range(300, 310))
QUICK_SEEDS = (300, 301, 302)


def command_line(preset: str, seeds: tuple[int, ...], *overrides: str) -> tuple[str, ...]:
    """Return the arguments with which run.py trains a preset."""
    return (f"+experiment={preset}", f"seeds={list(seeds)}".replace(" ", ""), *overrides)


@cache
def train(preset: str, seeds: tuple[int, ...], *overrides: str) -> StudyTables:
    """Train what a preset's study lacks; return history, layers and replicas of this preset and these seeds alone.

    Raises
    ------
    RuntimeError
        If a run failed.
    """
    sys.stdout.flush()
    arguments = command_line(preset, seeds, *overrides)
    tables = run_study(*arguments)
    jobs = [settings for settings, _ in sweep(arguments)]
    replicas = pd.DataFrame([(job.run, rate, seed) for job in jobs for rate, seed in job.replicas], columns=KEY)
    return StudyTables(tables.history.merge(replicas), tables.layers.merge(replicas), tables.replicas.merge(replicas))


def train_all(presets: Iterable[str], seeds: tuple[int, ...]) -> StudyTables:
    """Train several presets as `train` does and return their tables as one."""
    return concatenate(train(preset, seeds) for preset in presets)


def concatenate(parts: Iterable[StudyTables]) -> StudyTables:
    """Return history, layers and replicas of several studies as one."""
    parts = list(parts)
    return StudyTables(
        history=pd.concat([part.history for part in parts], ignore_index=True),
        layers=pd.concat([part.layers for part in parts], ignore_index=True),
        replicas=pd.concat([part.replicas for part in parts], ignore_index=True),
    )
