"""Missing values among the inputs: which inputs may be NaN, and what a training part fills them with."""

from collections.abc import Iterable, Iterator

import numpy as np

from experiments.data.columns import Column, Dates, Numbers


def spans(columns: Iterable[Column]) -> Iterator[tuple[Column, slice]]:
    """Yield each column with the place of its features among the inputs."""
    start = 0
    for column in columns:
        stop = start + len(column.features)
        yield column, slice(start, stop)
        start = stop


def fillable(columns: Iterable[Column]) -> np.ndarray:
    """Return whether each input (d,) may be NaN."""
    return np.array([allowed for column in columns for allowed in column.fillable], bool)


def indicators(columns: Iterable[Column]) -> dict[int, int]:
    """Return the index of the number that each indicator among the inputs belongs to, by the indicator's index."""
    places = [place for column, place in spans(columns) if isinstance(column, Numbers) and column.indicator]
    return {place.start + 1: place.start for place in places}


def check_missing(inputs: np.ndarray, columns: Iterable[Column]) -> None:
    """Refuse inputs (n, d) whose features of one column disagree on whether its cell is missing.

    Raises
    ------
    ValueError
        With the first column and row at fault.
    """
    for column, place in spans(columns):
        if not any(column.fillable) or len(column.features) == 1:
            continue
        absent = np.isnan(inputs[:, place])
        if isinstance(column, Numbers):
            wrong = inputs[:, place.stop - 1] != absent[:, 0]
            words = f"{column.features[1]!r} must be 1 where {column.name!r} is NaN, and 0 elsewhere"
        else:
            wrong = absent.any(axis=1) != absent.all(axis=1)
            words = f"either all inputs of column {column.name!r} are NaN, or none"
        if wrong.any():
            raise ValueError(f"row {wrong.argmax() + 1} of the inputs: {words}")


def empty(inputs: np.ndarray, columns: Iterable[Column]) -> list[str]:
    """Return the names of the columns without any value in these rows (m, d)."""
    return [column.name for column, place in spans(columns) if np.isnan(inputs[:, place.start]).all()]


def fill(inputs: np.ndarray, columns: Iterable[Column]) -> np.ndarray:
    """Return what stands for NaN in each input (d,), from the rows of a training part (m, d); no column is `empty`.

    For a number it is the median, for a category or a weekday the most frequent one, the first of several.
    """
    filled: np.ndarray = np.nanmedian(inputs, axis=0)
    for column, place in spans(columns):
        if not isinstance(column, Numbers):
            one_hot = slice(place.start + isinstance(column, Dates), place.stop)
            most_frequent = np.nansum(inputs[:, one_hot], axis=0).argmax()
            filled[one_hot] = np.arange(one_hot.stop - one_hot.start) == most_frequent
    return filled
