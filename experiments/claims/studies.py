"""Trains the presets that claims need, by the same runner as run.py."""

import json
import sys
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import pandas as pd

from experiments import run_study
from experiments.claims.tables import marked
from experiments.config.compose import sweep
from experiments.config.errors import ConfigError
from experiments.config.settings import Settings
from experiments.store.files import RESULTS
from experiments.store.reading import StudyTables
from experiments.sweep.environment import checkout, processor
from experiments.tables import KEY

SEEDS = tuple(range(300, 310))
QUICK_SEEDS = (300, 301, 302)


class Protocol(NamedTuple):
    """What all claims have in common: their seeds, and the rule by which learning rates are selected."""

    seeds: tuple[int, ...]
    select: str = "error"


def command_line(preset: str, protocol: Protocol, *overrides: str) -> tuple[str, ...]:
    """Return the arguments with which run.py trains a preset."""
    return (f"+experiment={preset}", f"seeds={list(protocol.seeds)}".replace(" ", ""), *overrides)


@cache
def train(preset: str, protocol: Protocol, *overrides: str) -> StudyTables:
    """Train what a preset's study lacks; return history, layers, reliability, `marked` replicas of this protocol alone.

    Raises
    ------
    ConfigError
        If tuning seeds choose the learning rates, but by another rule than that of the protocol.
    RuntimeError
        If a run failed.
    """
    sys.stdout.flush()
    arguments = command_line(preset, protocol, *overrides)
    jobs = [settings for settings, _ in sweep(arguments)]
    if protocol.select != "error" and any(settings.tuning for settings in jobs):
        raise ConfigError(
            f"the tuning seeds of {preset} choose its learning rates by the validation error, and no other rate is "
            f"trained on the reported seeds: leave out select={protocol.select}"
        )
    tables = run_study(*arguments)
    keys = requested(jobs)
    chosen = marked(tables.replicas.merge(keys), protocol.select)
    bins = None if tables.reliability is None else tables.reliability.merge(keys)
    return StudyTables(tables.history.merge(keys), tables.layers.merge(keys), chosen, reliability=bins)


def requested(jobs: Iterable[Settings]) -> pd.DataFrame:
    """Return run, lr and seed of the replicas that these settings ask for, the tuning replicas included."""
    replicas = [(job.run, *replica) for job in jobs for replica in (*job.tuning, *job.replicas)]
    return pd.DataFrame(replicas, columns=KEY)


def train_all(presets: Iterable[str], protocol: Protocol) -> StudyTables:
    """Train several presets as `train` does and return their tables as one."""
    return concatenate(train(preset, protocol) for preset in presets)


def concatenate(parts: Iterable[StudyTables]) -> StudyTables:
    """Return history, layers, replicas and reliability of several studies as one."""
    parts = list(parts)
    bins = [part.reliability for part in parts if part.reliability is not None]
    return StudyTables(
        history=pd.concat([part.history for part in parts], ignore_index=True),
        layers=pd.concat([part.layers for part in parts], ignore_index=True),
        replicas=pd.concat([part.replicas for part in parts], ignore_index=True),
        reliability=pd.concat(bins, ignore_index=True) if bins else None,
    )


def origin(presets: Iterable[str], protocol: Protocol) -> dict[str, list[str]]:
    """Return the processors and commits of the runs of some presets, or of this process if there are none."""
    jobs = [settings for preset in presets for settings, _ in sweep(command_line(preset, protocol))]
    folders = [RESULTS / settings.study / "runs" / settings.run for settings in jobs]
    records: list[dict[str, Any]] = [json.loads((folder / "environment.json").read_text("utf-8")) for folder in folders]
    records = records or [{"processor": processor(), "git": checkout()}]
    return {
        "processors": sorted({record["processor"] for record in records}),
        "commits": sorted({_commit(record["git"]) for record in records}),
    }


def _commit(git: dict[str, Any] | None) -> str:
    """Return a commit in words."""
    if git is None:
        return "no checkout"
    return f"{git['commit'][:12]}{' with local changes' if git['dirty'] else ''}"
