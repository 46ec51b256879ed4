"""The course of training by epoch: its table, and the epoch at which the training loss first falls to a level."""

import numpy as np
import pandas as pd

from experiments.store.reading import StudyTables
from experiments.tables import KEY

LEVEL = 0.1
"""Training cross-entropy in nats at which a network counts as having learned."""


def course(tables: StudyTables, replicas: pd.DataFrame) -> pd.DataFrame:
    """Return activation, init, grid, lr, seed, epoch, train_loss, test_error of some replicas.

    A replica that diverged has rows for all epochs too, with NaN in those that it did not reach.
    """
    names = ["activation", "init", "grid", "lr", "seed"]
    rows = tables.history.merge(replicas[[*KEY, "init", "grid"]])[[*names, "epoch", "train_loss", "test_error"]]
    grid = rows[names].drop_duplicates().merge(rows[["epoch"]].drop_duplicates(), how="cross")
    return grid.merge(rows, how="left").sort_values([*names, "epoch"], ignore_index=True)


def crossing(losses: pd.Series, level: float = LEVEL) -> float:
    """Return the epoch at which a loss first falls to a level, log-linear between epochs.

    A loss that does not fall that low is censored: its last epoch is returned.

    Parameters
    ----------
    losses
        The index is the epoch. The loss is NaN in epochs that a diverged replica did not reach.
    level
        A loss.
    """
    losses = losses.sort_index()
    reached = np.flatnonzero(losses <= level)
    if not len(reached):
        return float(losses.index[-1])
    first = reached[0]
    if first == 0:
        return float(losses.index[0])
    before, after = losses.iloc[first - 1], losses.iloc[first]
    share = np.log(before / level) / np.log(before / after)
    start, end = losses.index[first - 1], losses.index[first]
    return float(start + share * (end - start))


def crossings(table: pd.DataFrame, level: float = LEVEL) -> pd.DataFrame:
    """Return `crossing` of train_loss: a row for each seed, a column for each activation."""
    losses = table.pivot(index="epoch", columns=["activation", "seed"], values="train_loss")
    return losses.apply(crossing, level=level).unstack("activation")


def unreached(table: pd.DataFrame, level: float = LEVEL) -> pd.Series:
    """Return how many replicas of each activation do not reach a level of train_loss."""
    reached = table.groupby(["activation", "seed"])["train_loss"].min() <= level
    return (~reached).groupby("activation").sum()
