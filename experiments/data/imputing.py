"""Missing values among the inputs: which inputs may be NaN, and what a training part fills them with."""

from collections.abc import Iterable, Iterator

import numpy as np

from experiments.data.columns import Categories, Column, Dates, Numbers


def spans(columns: Iterable[Column]) -> Iterator[tuple[Column, slice]]:
    """Yield each column with the slice of its features among the inputs."""
    start = 0
    for column in columns:
        stop = start + len(column.features)
        yield column, slice(start, stop)
        start = stop


def fillable(columns: Iterable[Column]) -> np.ndarray:
    """Return whether each input (d,) may be NaN."""
    return np.array([allowed for column in columns for allowed in column.fillable], bool)


def indicators(columns: Iterable[Column]) -> dict[int, int]:
    """Return a dict from the index of an indicator to the index of the input that it tells about."""
    return {part.stop - 1: part.start for column, part in spans(columns) if _has_indicator(column)}


def _has_indicator(column: Column) -> bool:
    return not isinstance(column, Categories) and column.indicator


def check_missing(inputs: np.ndarray, columns: Iterable[Column]) -> None:
    """Refuse inputs (n, d) whose features of one column disagree on whether its cell is missing.

    Raises
    ------
    ValueError
        With the first column and row at fault.
    """
    for column, part in spans(columns):
        if not any(column.fillable) or len(column.features) == 1:
            continue
        absent = np.isnan(inputs[:, part])[:, np.array(column.fillable)]
        wrong = absent.any(axis=1) != absent.all(axis=1)
        words = f"either all inputs of column {column.name!r} are NaN, or none"
        if _has_indicator(column) and not wrong.any():
            wrong = inputs[:, part.stop - 1] != absent[:, 0]
            words = f"{column.features[-1]!r} must be 1 where {column.features[0]!r} is NaN, and 0 elsewhere"
        if wrong.any():
            raise ValueError(f"row {wrong.argmax() + 1} of the inputs: {words}")


def empty(inputs: np.ndarray, columns: Iterable[Column]) -> list[str]:
    """Return the names of the columns without any value in these rows (m, d)."""
    return [column.name for column, part in spans(columns) if np.isnan(inputs[:, part.start]).all()]


def fill(inputs: np.ndarray, columns: Iterable[Column]) -> np.ndarray:
    """Return what stands for NaN in each input (d,), from the rows of a training part (m, d); no column is `empty`.

    For a number it is the median, for a category or a weekday the most frequent one, the first of several.
    """
    filled: np.ndarray = np.nanmedian(inputs, axis=0)
    for column, part in spans(columns):
        if not isinstance(column, Numbers):
            one_hot = slice(part.start + isinstance(column, Dates), part.stop - _has_indicator(column))
            most_frequent = np.nansum(inputs[:, one_hot], axis=0).argmax()
            filled[one_hot] = np.arange(one_hot.stop - one_hot.start) == most_frequent
    return filled
