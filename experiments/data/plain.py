"""Makes plain columns of a table's columns: numbers, true and false, categories without blanks, dates without zones."""

import datetime
from collections.abc import Collection
from contextlib import suppress
from decimal import Decimal

import numpy as np
import pandas as pd
from pandas.api import types

from experiments.data.cells import EXACT, Texts, is_exact, listed
from experiments.data.choices import MOST_CLASSES, Choices
from experiments.data.source import Source
from experiments.data.suspicions import (
    NUMERIC_DATES,
    TOTALS,
    Suspicion,
    dates,
    has_units,
    markers,
    moments,
    refuse,
    suspicion,
    too_large,
)


def plain(frame: pd.DataFrame, choices: Choices, source: Source) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the table with plain columns, and what a user may not expect of them.

    Raises
    ------
    ValueError
        If a column's cells are of a type that is not allowed, or look like numbers or dates but cannot be read so.
    """
    reading = Reading(choices, source)
    frame = _without_markers(frame, choices.na)
    changed: dict[str, pd.Series] = {}
    large = _large(frame) if source.texts else set()
    for name, dtype in frame.dtypes.items():
        is_number = types.is_numeric_dtype(dtype) and dtype.kind != "c" and name not in choices.categories
        is_padded = name in source.padded and name in (choices.target, choices.groups)
        if is_number and name not in large and not is_padded:
            continue
        changed[str(name)] = reading.plain(frame[name])
    refuse(reading.suspicions, choices)
    if changed:
        frame = frame.copy(deep=False)
        for name, column in changed.items():
            frame[name] = column.set_axis(frame.index)
    padded = [name for name in source.padded if name in frame and name not in (choices.target, choices.groups)]
    notes = reading.notes
    if padded:
        override = choices.override("categories", padded)
        notes += (f"zeros before the numbers of {listed(padded)} are left out: add {override} if they are codes",)
    return frame, notes


def _large(frame: pd.DataFrame) -> set[str]:
    """Return the columns of floats beyond 2^53, which a missing cell may have made of whole numbers."""
    floats = frame.select_dtypes("floating")
    return set(floats.columns[(np.abs(floats.to_numpy(np.float64, na_value=np.nan)) >= EXACT).any(axis=0)])


def _without_markers(frame: pd.DataFrame, texts: Collection[str]) -> pd.DataFrame:
    """Return the table with missing cells in place of the numbers that the user declares missing."""
    values = []
    for text in texts:
        with suppress(ValueError):
            values.append(float(text))
    numbers = frame.select_dtypes("number")
    if not values or not len(numbers.columns):
        return frame
    hits = numbers.isin(values)
    frame = frame.copy(deep=False)
    for name in numbers.columns[hits.any()]:
        column = frame[name]
        if column.dtype.kind in "iu" and not is_exact(column):
            # pandas makes floats of whole numbers if a cell is missing; float64 would merge large ones.
            column = column.astype(f"{'UInt' if column.dtype.kind == 'u' else 'Int'}64")
        frame[name] = column.mask(hits[name])
    return frame


class Reading:
    """Reads the columns of a table one by one, and collects what is suspicious and what is to be said."""

    def __init__(self, choices: Choices, source: Source) -> None:
        self.choices = choices
        self.source = source
        self.suspicions: list[Suspicion] = []
        self._blanks: list[str] = []
        self._markers: dict[str, list[str]] = {}
        self._units: list[str] = []
        self._mixed: list[str] = []
        self._totals: list[str] = []
        self._zeros: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user may not expect."""
        notes = []
        if self._blanks:
            notes.append(f"blanks around the texts of {listed(self._blanks)} are left out")
        if self._markers:
            cells = "; ".join(f"{text!r} in {listed(places)}" for text, places in list(self._markers.items())[:5])
            override = self.choices.override("na", list(self._markers))
            notes.append(f"texts that may mean missing cells are categories: {cells}: add {override} if they do")
        if self._units:
            notes.append(f"numbers with a sign or a unit are categories in {listed(self._units)}")
        if self._mixed:
            notes.append(f"numbers beside texts are categories in {listed(self._mixed)}")
        if self._zeros:
            notes.append(f"zeros before the numbers of {listed(self._zeros)} tell them apart, so they are kept")
        notes += self._totals
        return tuple(notes)

    def plain(self, column: pd.Series) -> pd.Series:
        """Return a plain column; the column itself where it is suspicious."""
        name, choices, kind = str(column.name), self.choices, _kind(column)
        named = name in (*choices.categories, choices.groups)
        is_class = name == choices.target and choices.task == "classification"
        if kind == "dates" and not (named or is_class):
            if choices.dates == "numeric":
                return pd.to_datetime(column).dt.tz_localize(None)
            self.suspicions.append(dates(name, str(column.dropna().iloc[0]) if column.notna().any() else ""))
            return column
        if kind == "strange":
            raise ValueError(f"{_strange(column)}; {choices.leave_out([name])}")
        if kind == "numbers of a file" and name not in choices.categories:
            return self._written(column)
        texts = Texts.of(column, choices.na)
        if texts.blanks:
            self._blanks.append(name)
        if kind in ("categories", "dates") or named:
            return self._categories(texts)
        was_cleaned = (texts.codes < 0).sum() > column.isna().sum()
        return self._texts(texts, column, kind == "numbers" or bool(self.source.texts) or bool(was_cleaned))

    def _texts(self, texts: Texts, column: pd.Series, may_be_numbers: bool) -> pd.Series:
        choices, numbers = self.choices, self.source.format
        is_target = texts.name == choices.target
        if texts.distinct and all(map(numbers.fits, texts.distinct)):
            whole = all(map(numbers.is_whole, texts.distinct))
            if may_be_numbers:
                return self._numbers(texts, whole)
            if is_target and whole and len(texts.distinct) <= MOST_CLASSES:
                return self._categories(texts)
        if is_target and choices.task == "classification":
            return self._categories(texts)
        found = suspicion(texts, self.source)
        if found is None:
            if has_units(texts) and not is_target:
                self._units.append(texts.name)
            if sum(map(numbers.fits, texts.distinct)) > 1:
                self._mixed.append(texts.name)
            return self._categories(texts)
        if found.remedy == ((NUMERIC_DATES,), False, "") and choices.dates == "numeric":
            return moments(texts, self.source)
        self.suspicions.append(found)
        return column

    def _numbers(self, texts: Texts, whole: bool) -> pd.Series:
        """Return the numbers that all the texts are; as classes, whole numbers that float64 rounds stay texts."""
        numbers, choices = self.source.format, self.choices
        if whole and max(abs(numbers.whole(text)) for text in texts.distinct) > EXACT:
            if texts.name == choices.target and len(texts.distinct) <= MOST_CLASSES:
                return texts.categorical()
            raise too_large(texts.name, choices)
        if whole and (texts.codes >= 0).all():
            return texts.mapped(numbers.whole, np.int64, 0)
        return texts.mapped(numbers.value, np.float64, np.nan)

    def _written(self, column: pd.Series) -> pd.Series:
        """Return a column of numbers, read again from the text of the file if whole numbers were merged."""
        name = str(column.name)
        if self.source.texts is None:
            return column
        texts = Texts.of(self.source.texts(name, True), self.choices.na)
        if not all(map(self.source.format.is_whole, texts.distinct)):
            return column
        if name in self.source.padded:
            merged = len(texts.distinct) > column.nunique()
            is_class = name == self.choices.groups or len(texts.distinct) <= MOST_CLASSES
            if not (merged and is_class) or (name == self.choices.target and self.choices.task == "regression"):
                return column
            self._zeros.append(name)
            return texts.categorical()
        return texts.categorical() if name == self.choices.groups else self._numbers(texts, True)

    def _categories(self, texts: Texts) -> pd.Series:
        for text, count in markers(texts):
            self._markers.setdefault(text, []).append(f"{texts.name} {count}")
        last = texts.distinct[texts.codes[-1]] if len(texts.codes) and texts.codes[-1] >= 0 else ""
        if last.casefold() in TOTALS and texts.counts[texts.codes[-1]] == 1:
            row = len(texts.codes) - 1
            self._totals.append(
                f"{last!r} in column {texts.name} {self.source.place([row])} may be no row: it is read as one"
            )
        return texts.categorical()


def _kind(column: pd.Series) -> str:
    """Return the kind of a column before it is read."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype) or types.is_bool_dtype(dtype):
        return "categories"
    if dtype.kind == "M":
        return "dates"
    if dtype.kind in "mc" or isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
        return "strange"
    if types.is_numeric_dtype(dtype):
        return "numbers of a file"
    if not types.is_object_dtype(dtype):
        return "texts"
    found = set(map(type, column.dropna()))
    if found <= {bool, np.bool_}:
        return "categories"
    if found <= {int, float, Decimal}:
        return "numbers"
    if found <= {datetime.date, datetime.datetime, pd.Timestamp}:
        return "dates"
    return "texts" if found <= {str, bool, np.bool_, int} else "strange"


def _strange(column: pd.Series) -> str:
    kind: object = column.dtype
    if types.is_object_dtype(column):
        known = (str, bool, np.bool_, int)
        kind = next(type(value).__name__ for value in column.dropna() if not isinstance(value, known))
    return f"column {column.name!r} holds {kind}: allowed are numbers, true and false, text"
