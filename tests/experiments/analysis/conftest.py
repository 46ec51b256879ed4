"""A study for the tests of its comparison and its answer."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def study():
    """Return the function `replicas_of`."""
    return replicas_of


def replicas_of(*conditions, seeds=4, noise=0.002):
    """Return replicas of conditions given as keywords: `error` of the first seed, `lr`, settings by their column."""
    generator = np.random.default_rng(0)
    rows = []
    for condition in conditions:
        names = {"dataset": "digits", "activation": "relu", "output": "softmax_ce"} | condition
        error, lost, lr = names.pop("error", 0.05), names.pop("lost", 0), names.pop("lr", 0.1)
        selected = names.pop("selected", True)
        settings = {"init.name": "he_normal", "split.test": 0.2, "split.validation": 0.15}
        settings |= {key: value for key, value in names.items() if "." in key}
        identity = {key: value for key, value in names.items() if "." not in key}
        run = "-".join(str(value) for value in [*identity.values(), *settings.values()])
        for seed in range(seeds):
            diverged = seed < lost
            rows.append(
                {"run": run, **identity, "lr": lr, "seed": seed, **settings, "task": "classification", "parameters": 10}
                | {"status": "diverged" if diverged else "done", "selected": selected}
                | {"final_test_error": 0.9 if diverged else error + noise * generator.normal() + 0.01 * (seed % 2)}
            )
    return pd.DataFrame(rows)
