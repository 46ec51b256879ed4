"""Small tables and data sets for the tests of this room."""

import numpy as np
import pandas as pd

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
