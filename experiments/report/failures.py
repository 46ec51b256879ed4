"""Replicas that diverged and runs that failed."""

from dataclasses import dataclass

import pandas as pd

from experiments.analysis.labels import labels
from experiments.report.formatting import number
from experiments.report.provenance import Records


@dataclass(frozen=True)
class Diverged:
    """A condition at a learning rate: how many replicas diverged, and with which seeds in which epochs."""

    name: str
    dataset: str
    rate: str
    share: str
    seeds: str


@dataclass(frozen=True)
class Failed:
    """A run that could not be trained: the last line of the traceback, and the whole traceback."""

    run: str
    error: str
    traceback: str


def diverged(replicas: pd.DataFrame) -> list[Diverged]:
    """Return the diverged replicas of a study, by condition and learning rate."""
    names = labels(replicas, omit=("dataset",))
    replicas = replicas if "purpose" in replicas else replicas.assign(purpose="report")
    key = ["run", "lr", "purpose"]
    sizes = replicas.groupby(key).size()
    result = []
    for (run, rate, purpose), part in replicas[replicas["status"] == "diverged"].groupby(key):
        epochs = zip(part["seed"], part["diverged_epoch"], strict=True)
        seeds = ", ".join(f"{seed} (epoch {epoch})" for seed, epoch in epochs)
        share = f"{len(part)} of {sizes[run, rate, purpose]}" + (" tuning seeds" if purpose == "tuning" else "")
        result.append(Diverged(names[run], part["dataset"].iloc[0], number(rate), share, seeds))
    return result


def failed(records: Records) -> list[Failed]:
    """Return the failed runs of a study."""
    return [
        Failed(run, (record["failure"].strip().splitlines() or ["no reason was written"])[-1], record["failure"])
        for run, record in records.items()
        if "failure" in record
    ]
