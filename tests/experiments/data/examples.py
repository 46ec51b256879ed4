"""Small tables and data sets for the tests of this room."""

import numpy as np
import pandas as pd

from experiments.data.columns import Categories, Dates, Numbers, encode
from experiments.data.table import Data

SHARES = {"entropy": 0, "test": 0.2, "validation": 0.15}

OWN = ("dataset=csv", "dataset.target=y", "net.hidden=[4]", "epochs=2", "seeds=2", "batch_size=8")


def columns(values, *, labels=None) -> Data:
    """Return a small data set around the given inputs, a regression unless there are labels."""
    values = np.asarray(values, float)
    if labels is None:
        return Data("made_up", "regression", values, np.arange(len(values), dtype=float))
    return Data("made_up", "classification", values, labels)


def table(rows=60, seed=0):
    """Return a table with a column of each kind; the class y is all but decided by a."""
    generator = np.random.default_rng(seed)
    a = generator.normal(size=rows)
    return pd.DataFrame(
        {
            "a": a,
            "n": generator.integers(0, 50, rows),
            "flag": generator.random(rows) < 0.5,
            "colour": generator.choice(["red", "blue", "green"], rows),
            "y": np.where(a > 0, "yes", "no"),
        }
    )


def grouped():
    return table(200, 0).assign(patient=np.random.default_rng(0).integers(0, 23, 200))


HOLED = (
    Numbers("a", imputes=True),
    Numbers("n", imputes=True, indicator=True),
    Categories("colour", ("blue", "green", "red"), imputes=True),
    Categories("shape", ("round", "square", "(missing)"), imputes=True),
    Dates("when", "2026-01-01", imputes=True, indicator=True),
)
"""The columns of `holed`."""


def holed(rows=90, seed=0, share=0.2):
    """Return a table in which this share of the cells is missing, without its column y."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "a": generator.normal(size=rows),
            "n": generator.integers(0, 50, rows).astype(float),
            "colour": generator.choice(["red", "blue", "green"], rows),
            "shape": generator.choice(["round", "square"], rows),
            "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(generator.integers(0, 1000, rows), unit="h"),
        }
    )
    return frame.mask(generator.random(frame.shape) < share)


def imputing(task="classification", **shape) -> Data:
    """Return data that impute, a regression or a classification of two classes, one in three rows being of the second.

    All but every third target follow from the column a.
    """
    frame = holed(**shape)
    inputs = encode(frame, HOLED)
    values = np.where(np.arange(len(frame)) % 3, frame["a"].fillna(0), 1)
    features = tuple(feature for column in HOLED for feature in column.features)
    if task == "regression":
        return Data("holed", task, inputs, values, features=features, columns=HOLED)
    return Data("holed", task, inputs, (values > 0.4).astype(int), ("no", "yes"), features, columns=HOLED)
