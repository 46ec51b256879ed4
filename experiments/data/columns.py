"""The kinds of a table's columns: the features that each becomes, and how a missing cell of it is encoded.

A kind is learned from one file. Then it encodes the same column of any table, or refuses it. A column that imputes
encodes a missing cell as NaN; the scaling of a network fills it by the training part.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nets.names import nearest

if TYPE_CHECKING:
    import pandas as pd

MISSING = "(missing)"
"""The category of a missing cell, and the name of the feature that is 1 where a number is missing."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Numbers:
    """A column of numbers, which is a feature.

    Attributes
    ----------
    name : str
    imputes : bool
        Whether a missing cell is allowed.
    indicator : bool
        Whether a second feature is 1 where the number is missing.
    """

    name: str
    imputes: bool = False
    indicator: bool = False

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return (self.name, f"{self.name}={MISSING}") if self.indicator else (self.name,)

    @property
    def record(self) -> Any:
        """Plain values, from which `from_records` makes this kind again."""
        further = {"missing": "indicator" if self.indicator else "impute"} if self.imputes else None
        return [self.name, further]

    def encode(self, column: "pd.Series") -> np.ndarray:
        """Return the features (n, k) of a column.

        Raises
        ------
        ValueError
            If the column holds no numbers, or a missing cell that is not allowed.
        """
        from pandas.api import types

        if types.is_bool_dtype(column) or not (types.is_numeric_dtype(column) or types.is_object_dtype(column)):
            raise ValueError(f"column {self.name!r} must hold numbers, not {column.dtype}")
        try:
            values = column.to_numpy(np.float64, na_value=np.nan)
        except (ValueError, TypeError) as error:
            raise ValueError(f"column {self.name!r} must hold numbers: {error}") from None
        absent = np.isnan(values)
        if not self.imputes:
            _refuse_missing(self.name, absent)
        return np.stack([values, absent], axis=1) if self.indicator else values[:, None]


@dataclass(frozen=True)
class Categories:
    """A column that is one-hot: a feature for each category.

    Attributes
    ----------
    name : str
    categories : tuple of str
        In the order of the features. `MISSING` among them stands for a missing cell.
    imputes : bool
        Whether a missing cell without a category of its own is allowed.
    """

    name: str
    categories: tuple[str, ...]
    imputes: bool = False

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(f"{self.name}={category}" for category in self.categories)

    @property
    def record(self) -> Any:
        """Plain values, from which `from_records` makes this kind again."""
        further: Any = list(self.categories)
        return [self.name, {"categories": further, "missing": "impute"} if self.imputes else further]

    def encode(self, column: "pd.Series") -> np.ndarray:
        """Return the features (n, k) of a column.

        Raises
        ------
        ValueError
            If a category is unknown, or a cell is missing that is not allowed.
        """
        import pandas as pd

        absent = column.isna().to_numpy()
        has_category = MISSING in self.categories
        if not (self.imputes or has_category):
            _refuse_missing(self.name, absent)
        values = texts(column)
        index = pd.Index(self.categories).get_indexer(values)
        if has_category:
            index[absent] = self.categories.index(MISSING)
        unknown = np.flatnonzero((index < 0) & ~absent)
        if len(unknown):
            raise ValueError(
                f"column {self.name!r} has the unknown category {values.iloc[unknown[0]]!r}: "
                f"{nearest('', self.categories)}"
            )
        one_hot = np.zeros((len(column), len(self.categories)))
        one_hot[np.arange(len(column)), index] = 1
        if not has_category:
            one_hot[absent] = np.nan
        return one_hot


@dataclass(frozen=True)
class Dates:
    """A column of dates and times: days since the first day, and a feature for each weekday.

    Attributes
    ----------
    name : str
    first : str
        The first day of the file, as 2026-01-31.
    imputes : bool
        Whether a missing cell is allowed.
    """

    name: str
    first: str
    imputes: bool = False

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return (f"{self.name} (days)", *(f"{self.name}={day}" for day in WEEKDAYS))

    @property
    def record(self) -> Any:
        """Plain values, from which `from_records` makes this kind again."""
        return [self.name, {"first": self.first} | ({"missing": "impute"} if self.imputes else {})]

    def encode(self, column: "pd.Series") -> np.ndarray:
        """Return the features (n, 8) of a column of dates, or of their texts.

        Raises
        ------
        ValueError
            If the column holds no dates, or a missing cell that is not allowed.
        """
        import pandas as pd

        try:
            moments = pd.to_datetime(column, format="ISO8601") if column.dtype.kind != "M" else column
        except (ValueError, TypeError):
            raise ValueError(f"column {self.name!r} must hold dates such as 2026-01-31, not {column.dtype}") from None
        absent = moments.isna().to_numpy()
        if not self.imputes:
            _refuse_missing(self.name, absent)
        days = (moments - pd.Timestamp(self.first)) / pd.Timedelta(days=1)
        weekdays = (moments.dt.day_of_week.to_numpy()[:, None] == np.arange(len(WEEKDAYS))).astype(np.float64)
        weekdays[absent] = np.nan
        return np.column_stack([days.to_numpy(np.float64), weekdays])


Column = Numbers | Categories | Dates


def from_records(records: Iterable[Any]) -> tuple[Column, ...]:
    """Return the columns whose `record` these plain values are."""
    columns: list[Column] = []
    for name, content in records:
        further = content if isinstance(content, dict) else {}
        imputes = "missing" in further
        if "first" in further:
            columns.append(Dates(name, further["first"], imputes))
        elif "categories" in further or isinstance(content, list | tuple):
            columns.append(Categories(name, tuple(further.get("categories", content)), imputes))
        else:
            columns.append(Numbers(name, imputes, further.get("missing") == "indicator"))
    return tuple(columns)


def texts(column: "pd.Series") -> "pd.Series":
    """Return the cells of a column as texts without blanks around them; a missing cell is no such text."""
    return column.astype(str).str.strip()


def encode(frame: "pd.DataFrame", columns: Sequence[Column]) -> np.ndarray:
    """Return the inputs (n, d) float64 of a table that has these columns; the table may have further columns.

    Raises
    ------
    ValueError
        If a column is absent, and as in the `encode` of its kind.
    """
    inputs = np.empty((len(frame), sum(len(column.features) for column in columns)))
    start = 0
    for column in columns:
        if column.name not in frame:
            raise ValueError(f"there is no column {column.name!r}: {nearest(column.name, map(str, frame))}")
        features = column.encode(frame[column.name])
        inputs[:, start : start + features.shape[1]] = features
        start += features.shape[1]
    return inputs


def _refuse_missing(name: str, absent: np.ndarray) -> None:
    if absent.any():
        raise ValueError(
            f"column {name!r} has {absent.sum()} missing values, the first in row {absent.argmax() + 1}: "
            f"a network that fills them is trained with dataset.missing=impute"
        )
