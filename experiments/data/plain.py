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
    TOTALS,
    Suspicion,
    are_times,
    dates,
    has_units,
    markers,
    refuse,
    suspicion,
    too_large,
)


def plain(
    frame: pd.DataFrame, choices: Choices, source: Source
) -> tuple[pd.DataFrame, tuple[str, ...], dict[str, str]]:
    """Return the table with plain columns, what a user may not expect of them, and the order of the texts of dates.

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
    refuse(reading.suspicions, choices, set(frame) - {choices.target, choices.groups})
    if changed:
        frame = frame.copy(deep=False)
        for name, column in changed.items():
            frame[name] = column.set_axis(frame.index)
    return frame, (*reading.notes, *_padded(frame, choices, source)), reading.orders


def _padded(frame: pd.DataFrame, choices: Choices, source: Source) -> tuple[str, ...]:
    """Return a note about the columns of numbers that have zeros before them."""
    padded = [name for name in source.padded if name in frame and name not in (choices.target, choices.groups)]
    if not padded or source.texts is None:
        return ()
    codes = [name for name in padded if Texts.of(source.texts(name, True), choices.na).levels]
    override = choices.override("categories", codes)
    advice = f": add {override} if they are codes" if codes else ""
    return (f"zeros before the numbers of {listed(padded)} are left out{advice}",)


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


NUMBERS = (int, float, np.integer, np.floating, Decimal)
"""Types of the numbers that a column of objects may hold."""

BLANKS = "blanks around the texts of {} are left out"
UNITS = "numbers with a sign or a unit are categories in {}"
TIMES = "times are categories in {}"
MIXED = "numbers beside texts are categories in {}"
ZEROS = "zeros before the numbers of {} tell them apart, so they are kept"


class Reading:
    """Reads the columns of a table one by one, and collects what is suspicious and what is to be said."""

    def __init__(self, choices: Choices, source: Source) -> None:
        self.choices = choices
        self.source = source
        self.suspicions: list[Suspicion] = []
        self.orders: dict[str, str] = {}
        self._columns: dict[str, list[str]] = {}
        self._markers: dict[str, list[str]] = {}
        self._totals: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user may not expect."""
        notes = [sentence.format(listed(columns)) for sentence, columns in self._columns.items()]
        if self._markers:
            cells = "; ".join(f"{text!r} in {listed(columns)}" for text, columns in list(self._markers.items())[:5])
            override = self.choices.override("na", list(self._markers))
            notes.append(f"texts that may mean missing cells are categories: {cells}: add {override} if they do")
        return (*notes, *self._totals)

    def _note(self, sentence: str, column: str) -> None:
        self._columns.setdefault(sentence, []).append(column)

    def plain(self, column: pd.Series) -> pd.Series:
        """Return a plain column; the column itself where it is suspicious."""
        name, choices, kind = str(column.name), self.choices, _kind(column)
        named = name in (*choices.categories, choices.groups)
        is_class = name == choices.target and choices.task == "classification"
        if kind == "dates" and not (named or is_class):
            if choices.dates == "numeric":
                return pd.to_datetime(column.map(_local) if types.is_object_dtype(column) else column).dt.tz_localize(
                    None
                )
            self.suspicions.append(dates(column))
            return column
        if kind == "strange":
            raise choices.leave_out([name], _strange(column))
        if kind == "numbers of a file" and name not in choices.categories:
            return self._written(column)
        texts = Texts.of(column, choices.na)
        if texts.blanks:
            self._note(BLANKS, name)
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
        suspect = suspicion(texts, self.source)
        if suspect is None:
            if has_units(texts) and not is_target:
                self._note(UNITS, texts.name)
            if are_times(texts) and not is_target:
                self._note(TIMES, texts.name)
            if sum(map(numbers.fits, texts.distinct)) > 1:
                self._note(MIXED, texts.name)
            return self._categories(texts)
        if suspect.moments is not None and choices.dates == "numeric" and not is_target:
            self.orders[texts.name] = suspect.order
            return suspect.moments
        self.suspicions.append(suspect)
        return column

    def _numbers(self, texts: Texts, whole: bool) -> pd.Series:
        """Return the numbers that all the texts are; as classes, whole numbers that float64 rounds stay texts."""
        numbers, choices = self.source.format, self.choices
        if whole and max(abs(numbers.whole(text)) for text in texts.distinct) > EXACT:
            if texts.name == choices.target and len(texts.distinct) <= MOST_CLASSES:
                return texts.categorical()
            raise too_large(texts.name, choices, texts.levels)
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
            self._note(ZEROS, name)
            return texts.categorical()
        return texts.categorical() if name == self.choices.groups else self._numbers(texts, True)

    def _categories(self, texts: Texts) -> pd.Series:
        for text, count in markers(texts):
            self._markers.setdefault(text, []).append(f"{texts.name} {count}")
        last = texts.distinct[texts.codes[-1]] if len(texts.codes) and texts.codes[-1] >= 0 else ""
        if last.casefold() in TOTALS and texts.counts[texts.codes[-1]] == 1:
            row = len(texts.codes) - 1
            where = self.source.place([row])
            self._totals.append(
                f"{last!r} in column {texts.name} {where} may be a row of sums: it is read as an example"
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
    held = set(map(type, column.dropna()))
    if held <= {bool, np.bool_}:
        return "categories"
    if all(issubclass(kind, NUMBERS) and kind is not bool for kind in held):
        return "numbers"
    if held <= {datetime.date, datetime.datetime, pd.Timestamp}:
        return "dates"
    return "texts" if all(issubclass(kind, (str, np.bool_, *NUMBERS)) for kind in held) else "strange"


def _strange(column: pd.Series) -> str:
    kind: object = column.dtype
    if types.is_object_dtype(column):
        known = (str, np.bool_, *NUMBERS)
        kind = next(type(value).__name__ for value in column.dropna() if not isinstance(value, known))
    return f"column {column.name!r} holds {kind}, which is no number, no text and not true or false"


def _local(moment: object) -> object:
    """Return a moment as its local time."""
    return moment.replace(tzinfo=None) if isinstance(moment, datetime.datetime) else moment
