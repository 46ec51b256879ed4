"""The kinds of a table's columns: the features that each becomes, and how a missing cell of it is encoded.

A kind is learned from one file. Then it encodes the same column of any table, or refuses it. A column that imputes
encodes a missing cell as NaN; the scaling of a network fills it by the training part.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from nets.names import nearest

if TYPE_CHECKING:
    import pandas as pd

MISSING = "(missing)"
"""The category of a missing cell, and the name of the feature that is 1 where a number is missing."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

CONTENTS = {
    "string": "text",
    "boolean": "true and false",
    "categorical": "categories",
    "date": "dates",
    "datetime": "dates",
    "datetime64": "dates",
    "timedelta": "durations",
    "timedelta64": "durations",
    "complex": "complex numbers",
    "mixed": "values of several types",
    "mixed-integer": "values of several types",
    "empty": "no values",
} | dict.fromkeys(("integer", "floating", "mixed-integer-float", "decimal"), "numbers")
"""What a column holds, by the type that pandas infers."""

OFFSET = r"(\d:\d.*?)\s*(?:Z|[+-]\d\d(?::?\d\d)?)$"
"""A time of day that ends with its offset from UTC."""


EXAMPLES = {"": "2026-01-31", "day": "31/01/2026", "month": "01/31/2026"}
"""A date in each order."""


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

    @property
    def fillable(self) -> tuple[bool, ...]:
        """Whether each feature may be NaN."""
        return (self.imputes, False) if self.indicator else (self.imputes,)

    def encode(self, column: "pd.Series", block: np.ndarray) -> None:
        """Write the features of a column into a block (n, k) of zeros.

        Raises
        ------
        ValueError
            If the column holds no numbers, or a missing cell that is not allowed.
        """
        absent = _absent(self.name, column, self.imputes, content(column), ("numbers",), "numbers")
        block[:, 0] = np.nan if absent.all() else column.to_numpy(np.float64, na_value=np.nan)
        if self.indicator:
            block[:, 1] = absent


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

    @property
    def fillable(self) -> tuple[bool, ...]:
        """Whether each feature may be NaN."""
        return (self.imputes and MISSING not in self.categories,) * len(self.categories)

    def encode(self, column: "pd.Series", block: np.ndarray) -> None:
        """Write the features of a column into a block (n, k) of zeros.

        Blanks around a text are ignored. A whole number is the same category as integer and as float: a missing cell
        turns pandas' integers to floats.

        Raises
        ------
        ValueError
            If a category is unknown, or a cell is missing that is not allowed.
        """
        import pandas as pd

        is_categorical = isinstance(column.dtype, pd.CategoricalDtype)
        held = content(column.cat.categories if is_categorical else column)
        has_category = MISSING in self.categories
        allowed = ("text", "true and false", "numbers", "values of several types")
        absent = _absent(self.name, column, self.imputes or has_category, held, allowed, "categories")
        if is_categorical:
            codes, cells = column.cat.codes.to_numpy(), column.cat.categories.astype(str)
        else:
            codes, cells = pd.factorize(column.astype(str))
        indices = self._indices(cells, held in ("numbers", "values of several types"))[codes]
        unknown = np.flatnonzero((indices < 0) & ~absent)
        if len(unknown):
            row, cell = unknown[0] + 1, cells[codes[unknown[0]]]
            raise ValueError(
                f"column {self.name!r} has the unknown category {cell!r} in row {row}: {nearest(cell, self.categories)}"
            )
        if has_category:
            indices[absent] = self.categories.index(MISSING)
        else:
            block[absent] = np.nan
        rows = np.flatnonzero(~absent | has_category)
        block[rows, indices[rows]] = 1

    def _indices(self, cells: Iterable[str], may_be_numbers: bool) -> np.ndarray:
        """Return the index of the category that each text names, or -1; then -1 for a missing cell."""
        exact = {category: index for index, category in enumerate(self.categories)}
        known = {category.strip(): index for category, index in exact.items()} | exact
        indices = []
        for cell in cells:
            texts = [cell, cell.strip()]
            number = _number(cell) if may_be_numbers else np.nan
            if number.is_integer():
                texts += [str(int(number)), str(number)]
            indices.append(next((known[text] for text in texts if text in known), -1))
        return np.array([*indices, -1])


@dataclass(frozen=True)
class Dates:
    """A column of dates and times: days since the first day, and a feature for each weekday.

    A day may have a fraction, the time of day. A time with an offset from UTC counts as its local time.

    Attributes
    ----------
    name : str
    first : str
        The first day of the file, as 2026-01-31.
    imputes : bool
        Whether a missing cell is allowed.
    indicator : bool
        Whether a last feature is 1 where the date is missing.
    order : str
        Whether "day" or "month" comes first in texts such as 31/01/2026; empty if such texts are refused.
    """

    name: str
    first: str
    imputes: bool = False
    indicator: bool = False
    order: str = ""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        days = (f"{self.name} (days)", *(f"{self.name}={day}" for day in WEEKDAYS))
        return (*days, f"{self.name}={MISSING}") if self.indicator else days

    @property
    def record(self) -> Any:
        """Plain values, from which `from_records` makes this kind again."""
        further = {"missing": "indicator" if self.indicator else "impute"} if self.imputes else {}
        return [self.name, {"first": self.first} | further | ({"order": self.order} if self.order else {})]

    @property
    def fillable(self) -> tuple[bool, ...]:
        """Whether each feature may be NaN."""
        return (self.imputes,) * (1 + len(WEEKDAYS)) + (False,) * self.indicator

    def encode(self, column: "pd.Series", block: np.ndarray) -> None:
        """Write the features of a column of dates, or of their texts, into a block (n, k).

        Raises
        ------
        ValueError
            If the column holds no dates, or a missing cell that is not allowed.
        """
        import pandas as pd

        example = f"dates such as {EXAMPLES[self.order]}"
        absent = _absent(self.name, column, self.imputes, content(column), ("dates", "text"), example)
        if isinstance(column.dtype, np.dtype | pd.DatetimeTZDtype) and column.dtype.kind == "M":
            moments = column.dt.tz_localize(None)
        else:
            texts = column.astype(str).str.strip().str.replace(OFFSET, r"\1", regex=True)
            texts = texts.str.replace(r"^(\d{4})/(\d\d?)/(\d\d?)", r"\1-\2-\3", regex=True)
            if self.order:
                iso = r"\3-\2-\1" if self.order == "day" else r"\3-\1-\2"
                texts = texts.str.replace(r"^(\d\d?)[/.-](\d\d?)[/.-](\d{4})", iso, regex=True)
            moments = pd.to_datetime(texts, format="ISO8601", errors="coerce")
            wrong = np.flatnonzero(moments.isna().to_numpy() & ~absent)
            if len(wrong):
                cell = str(column.iloc[wrong[0]])
                raise ValueError(f"column {self.name!r} must hold {example}, not {cell!r} as in row {wrong[0] + 1}")
        block[:, 0] = (moments - pd.Timestamp(self.first)) / pd.Timedelta(days=1)
        weekdays = block[:, 1 : 1 + len(WEEKDAYS)]
        weekdays[:] = moments.dt.day_of_week.to_numpy()[:, None] == np.arange(len(WEEKDAYS))
        weekdays[absent] = np.nan
        if self.indicator:
            block[:, -1] = absent


Column = Numbers | Categories | Dates


def from_records(records: Iterable[Any]) -> tuple[Column, ...]:
    """Return the columns whose `record` these plain values are."""
    columns: list[Column] = []
    for name, values in records:
        further = values if isinstance(values, dict) else {}
        imputes, indicator = "missing" in further, further.get("missing") == "indicator"
        if "first" in further:
            columns.append(Dates(name, further["first"], imputes, indicator, further.get("order", "")))
        elif "categories" in further or isinstance(values, list | tuple):
            columns.append(Categories(name, tuple(further.get("categories", values)), imputes))
        else:
            columns.append(Numbers(name, imputes, indicator))
    return tuple(columns)


def encode(frame: "pd.DataFrame", columns: Sequence[Column]) -> np.ndarray:
    """Return the inputs (n, d) float64, read-only, of a table that has these columns and may have further ones.

    Raises
    ------
    ValueError
        If a column is absent or repeated, and as in the `encode` of its kind.
    """
    positions = _positions(frame, [column.name for column in columns])
    dtypes = list(frame.dtypes)
    inputs = np.zeros((len(frame), sum(len(column.features) for column in columns)))
    start = 0

    def is_plain(pair: tuple[Column, int]) -> bool:
        column, position = pair
        return isinstance(column, Numbers) and not column.indicator and dtypes[position].kind in "iuf"

    # One call for many columns of numbers: a call for each would take seconds for a wide table.
    for plain, pairs in groupby(zip(columns, positions, strict=True), is_plain):
        kinds, indices = zip(*pairs, strict=True)
        if plain:
            inputs[:, start : start + len(kinds)] = _numbers(frame.iloc[:, list(indices)], kinds)
            start += len(kinds)
            continue
        for kind, index in zip(kinds, indices, strict=True):
            stop = start + len(kind.features)
            kind.encode(frame.iloc[:, index], inputs[:, start:stop])
            start = stop
    inputs.setflags(write=False)
    return inputs


def _numbers(frame: "pd.DataFrame", columns: Sequence[Column]) -> np.ndarray:
    """Return the features (n, k) of columns of numbers without indicators."""
    values: np.ndarray = frame.to_numpy(np.float64, na_value=np.nan)
    absent = np.isnan(values)
    for index in np.flatnonzero(absent.any(axis=0)).tolist():
        if not columns[index].imputes:
            _refuse_missing(columns[index].name, absent[:, index])
    return values


def _positions(frame: "pd.DataFrame", names: Sequence[str]) -> list[int]:
    """Return the positions of these columns in a table, whose names may have blanks around them."""
    labels = [str(label) for label in frame.columns]
    exact: dict[str, list[int]] = {}
    stripped: dict[str, list[int]] = {}
    for position, label in enumerate(labels):
        exact.setdefault(label, []).append(position)
        stripped.setdefault(label.strip(), []).append(position)
    positions = []
    for name in names:
        same = exact.get(name) or stripped.get(name)
        if not same:
            raise ValueError(f"there is no column {name!r}: {nearest(name, labels)}")
        if len(same) > 1:
            raise ValueError(f"the column name {name!r} occurs {len(same)} times")
        positions.append(same[0])
    return positions


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def content(values: "pd.Series | pd.Index | np.ndarray") -> str:
    """Return what a column or an array (n,) holds, in words."""
    from pandas.api import types

    inferred = str(types.infer_dtype(values, skipna=True))
    return CONTENTS.get(inferred, inferred)


def _absent(name: str, column: "pd.Series", imputes: bool, held: str, allowed: Sequence[str], words: str) -> np.ndarray:
    """Return where the cells (n,) of a column are missing; refuse missing cells and another content than allowed."""
    absent: np.ndarray = column.isna().to_numpy()
    if held not in allowed and not absent.all():
        raise ValueError(f"column {name!r} must hold {words}, not {held}")
    if not imputes:
        _refuse_missing(name, absent)
    return absent


def _refuse_missing(name: str, absent: np.ndarray) -> None:
    if absent.any():
        count = int(absent.sum())
        raise ValueError(
            f"column {name!r} has {count} missing value{'s' * (count > 1)}, the first in row {absent.argmax() + 1}: "
            f"a network that fills them is trained with dataset.missing=impute"
        )
