"""The data sets that scikit-learn fetches once and keeps in its own cache."""

import contextlib
import sys
import warnings
from collections.abc import Callable
from typing import Any

from experiments.data.table import Data

FILES = {
    "california_housing": "cal_housing_py3.pkz",
    "covtype": "covertype/samples_py3 and covertype/targets_py3",
    "olivetti_faces": "olivetti_py3.pkz",
}
"""The files of scikit-learn's cache by the data set; it needs no network where they are."""


def california_housing() -> Data:
    """Return the houses' prices, in 100,000 dollars.

    Raises
    ------
    ValueError
        If they are not in the cache and cannot be fetched.
    """
    from sklearn.datasets import fetch_california_housing

    bunch = _fetch("california_housing", fetch_california_housing)
    return Data("california_housing", "regression", bunch.data, bunch.target, features=bunch.feature_names)


def covtype() -> Data:
    """Return the forests, whose seven types are the classes.

    Raises
    ------
    ValueError
        As in `california_housing`.
    """
    from sklearn.datasets import fetch_covtype

    bunch = _fetch("covtype", fetch_covtype)
    classes = tuple(str(number) for number in range(1, 8))
    return Data("covtype", "classification", bunch.data, bunch.target - 1, classes, bunch.feature_names)


def olivetti_faces() -> Data:
    """Return the photographs, whose 40 persons are the classes.

    Raises
    ------
    ValueError
        As in `california_housing`.
    """
    from sklearn.datasets import fetch_olivetti_faces

    bunch = _fetch("olivetti_faces", fetch_olivetti_faces)
    features = tuple(f"pixel_{row}_{column}" for row in range(64) for column in range(64))
    return Data("olivetti_faces", "classification", bunch.data, bunch.target, features=features, image=True)


def _fetch(name: str, function: Callable[[], Any]) -> Any:
    """Return what scikit-learn fetches, or has in its cache."""
    try:
        # scikit-learn warns before it tries again, and prints where a file goes.
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            return function()
    except OSError as error:
        from sklearn.datasets import get_data_home

        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"dataset={name} needs a network once: scikit-learn cannot fetch it ({reason}). Or put {FILES[name]} of "
            f"another machine's scikit_learn_data into {get_data_home()}"
        ) from None
