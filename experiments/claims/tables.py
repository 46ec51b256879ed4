"""From the tables of a study to the small table that a claim is judged by; the replicas are those of its seeds."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from experiments.store.reading import StudyTables
from experiments.tables import selected

KEY = ["run", "lr", "seed"]
TABLES: dict[int, Callable[[StudyTables], pd.DataFrame]] = {}
COMMON = 0.01
"""The learning rate at which claims 7 and 8 compare all activations."""


def fractions(top: float) -> list[float]:
    """Return {1, 1/3, 1/10, 1/30} times a rate, to three digits."""
    return [float(f"{top * fraction:.3g}") for fraction in (1, 1 / 3, 1 / 10, 1 / 30)]


def table(*numbers: int):
    """Register the decorated function as what makes the table of these claims."""

    def register(function):
        TABLES.update(dict.fromkeys(numbers, function))
        return function

    return register


def tuned(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return the replicas of each condition at its selected learning rate.

    So does `selected` in a study's table, over all of the study's seeds; here these replicas alone choose.
    """
    return replicas[selected(replicas)]


def _errors(replicas, *columns):
    """Return test errors, inf where a replica diverged, after these columns."""
    error = replicas["final_test_error"].where(replicas["status"] == "done", np.inf)
    return replicas[[*columns, "seed"]].assign(test_error=error)


def _hidden(tables, epoch=None):
    """Return the rows of hidden layers: of one epoch, or of each replica's last."""
    rows = tables.layers[tables.layers["activation_mean"].notna()]
    return rows[rows["epoch"] == (rows.groupby(KEY)["epoch"].transform("max") if epoch is None else epoch)]


def _course(tables, replicas):
    """Return training loss and test error of these replicas by epoch, NaN in the epochs after one diverged."""
    names = ["activation", "lr", "seed", "epoch"]
    rows = tables.history.merge(replicas[KEY])[[*names, "train_loss", "test_error"]]
    every = rows[names[:-1]].drop_duplicates().merge(rows[["epoch"]].drop_duplicates(), how="cross")
    return every.merge(rows, how="left").sort_values(names, ignore_index=True)


@table(4)
def by_output(tables: StudyTables) -> pd.DataFrame:
    """Return output, seed, test_error at tuned rates."""
    return _errors(tuned(tables.replicas), "output", "lr")


@table(10)
def by_activation(tables: StudyTables) -> pd.DataFrame:
    """Return activation, seed, test_error at tuned rates, without an L1 penalty."""
    return _errors(tuned(tables.replicas[tables.replicas["activation_l1"] == 0]), "activation", "lr")


@table(14)
def with_dead(tables: StudyTables) -> pd.DataFrame:
    """Return activation, seed, test_error and the mean share of dead units in the end, at tuned rates."""
    replicas = tuned(tables.replicas)
    dead = _hidden(tables).groupby(KEY)["dead_fraction"].mean().rename("dead").reset_index()
    return _errors(replicas, "activation", "run", "lr").merge(dead, on=KEY).drop(columns="run")


@table(5)
def delta_by_layer(tables: StudyTables) -> pd.DataFrame:
    """Return seed, layer, delta_norm of the hidden layers before training."""
    return _hidden(tables, 0)[["seed", "layer", "delta_norm"]]


@table(6)
def variances(tables: StudyTables) -> pd.DataFrame:
    """Return init, seed, layer, and the mean squares of δ and of ∂L/∂W before training.

    The first hidden layer's matrix has another shape than those between hidden layers, so it has no gradient here.
    """
    rows = _hidden(tables, 0).merge(tables.replicas[[*KEY, "init.name", "net.hidden"]], on=KEY)
    entries = rows["net.hidden"].map(lambda text: int(text.strip("[]").split(",")[0]) ** 2)
    gradient = (rows["weight_gradient_norm"] ** 2 / entries).where(rows["layer"] > 1)
    table = rows[["init.name", "seed", "layer"]].rename(columns={"init.name": "init"})
    return table.assign(delta_variance=rows["delta_norm"] ** 2, gradient_variance=gradient)


@table(7)
def medians(tables: StudyTables) -> pd.DataFrame:
    """Return activation, seed, epoch (from 1), and the mean over layers of activation_median, at the common rate."""
    rows = tables.layers[tables.layers["activation_mean"].notna() & (tables.layers["lr"] == COMMON)]
    rows = rows[(rows["epoch"] > 0) & rows["activation"].isin(["relu", "leaky_relu", "elu"])]
    return rows.groupby(["activation", "seed", "epoch"])["activation_median"].mean().rename("median").reset_index()


@table(8)
def courses(tables: StudyTables) -> pd.DataFrame:
    """Return courses at the common rate, with shifted ReLU, and tuned ones: rate, activation, lr, seed, epoch, …."""
    replicas = tables.replicas
    several = replicas[replicas["activation"].isin(["relu", "leaky_relu", "elu"])]
    chosen = {f"{COMMON:g}": replicas[replicas["lr"] == COMMON], "tuned": tuned(several)}
    parts = [_course(tables, rows).assign(rate=rate) for rate, rows in chosen.items()]
    return pd.concat(parts, ignore_index=True)


@table(15)
def tuned_courses(tables: StudyTables) -> pd.DataFrame:
    """Return activation, lr, seed, epoch, train_loss, test_error at tuned rates."""
    return _course(tables, tuned(tables.replicas))


@table(9)
def reconstruction(tables: StudyTables) -> pd.DataFrame:
    """Return activation, lr, seed, test_loss, inf where a replica diverged."""
    replicas = tables.replicas
    loss = replicas["final_test_loss"].where(replicas["status"] == "done", np.inf)
    return replicas[["activation", "lr", "seed"]].assign(test_loss=loss)


@table(11)
def zeros(tables: StudyTables) -> pd.DataFrame:
    """Return activation, l1, seed, moment and the share of exact zeros, its mean over hidden layers, at tuned rates."""
    replicas = tuned(tables.replicas)
    parts = []
    for moment, rows in (("before", _hidden(tables, 0)), ("trained", _hidden(tables))):
        share = rows.groupby(KEY)["zero_fraction"].mean().rename("zeros").reset_index()
        part = replicas[[*KEY, "activation", "activation_l1"]].merge(share, on=KEY).assign(moment=moment)
        parts.append(part.rename(columns={"activation_l1": "l1"}))
    return pd.concat(parts, ignore_index=True)[["activation", "l1", "lr", "seed", "moment", "zeros"]]


@table(13)
def moments(tables: StudyTables) -> pd.DataFrame:
    """Return pixels, activation, seed, layer, mean and variance of h before training."""
    rows = _hidden(tables, 0).merge(tables.replicas[[*KEY, "dataset.pixels"]], on=KEY)
    names = {"dataset.pixels": "pixels", "activation_mean": "mean"}
    rows = rows.rename(columns=names).assign(variance=rows["activation_std"] ** 2)
    return rows[["pixels", "activation", "seed", "layer", "mean", "variance"]]
