"""Refuses columns of text that look like numbers or dates, and says which options read them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.data.cells import (
    DATE,
    FOREIGN,
    TIME,
    Decorated,
    Format,
    Texts,
    decorated,
    listed,
    number_format,
    shown,
)
from experiments.data.choices import MOST_CLASSES, Choices
from experiments.data.columns import OFFSET
from experiments.data.options import NAMES
from experiments.data.source import Source

MARKERS = frozenset(
    {
        *("?", "??", "-", "--", "---", "—", "–", ".", "..", "...", "*", "**", "/", "\\", "\\n", "''", '""', "(null)"),
        *("na", "n/a", "n.a", "n.a.", "n/d", "nd", "n.d.", "nil", "nan", "null", "none", "unk", "unknown", "missing"),
        *("#div/0!", "#value!", "#ref!", "#name?", "#num!", "#n/a!", "undefined", "tbd"),
        *("not available", "not applicable", "not known", "no data"),
    }
)
"""Texts, in small letters, that often mean a missing cell."""

TRUTHS = frozenset({"0", "1", "true", "false", "t", "f", "yes", "no", "y", "n"})
"""Words for true and false, in small letters."""

TOTALS = frozenset({"total", "totals", "sum", "grand total", "average", "mean"})
"""Words, in small letters, for a row that sums up the others."""

SENTINELS = (-9, -99, -999, -9999, -99999, -999999, 99, 999, 9999, 99999, 999999)
"""Numbers that often mean a missing cell where all others are far away."""

NUMERIC_DATES = "dataset.dates=numeric"

FEW = 10
"""A column with at most so many different texts that have a unit is a column of categories."""

ORDINALS = {"st", "nd", "rd", "th"}

MAGNITUDES = {"k", "K", "m", "M", "B", "bn", "G", "T"}


@dataclass(frozen=True)
class Suspicion:
    """A column that looks like numbers or dates, but is none as it stands.

    Attributes
    ----------
    column : str
    reason : str
        What it looks like, and the cells at fault.
    fixes : tuple of str
        Overrides that together read it as numbers or dates.
    na : tuple of str
        Texts that are to be declared missing.
    advice : str
        What to do where no override helps.
    """

    column: str
    reason: str
    fixes: tuple[str, ...] = ()
    na: tuple[str, ...] = ()
    advice: str = ""

    @property
    def remedy(self) -> tuple[object, ...]:
        """What reads the column."""
        return self.fixes, bool(self.na), self.advice


def refuse(suspicions: Sequence[Suspicion], choices: Choices) -> None:
    """Refuse the first suspicious column, and with it those that the same overrides read.

    Raises
    ------
    ValueError
        With the cells at fault, their lines and what to do.
    """
    if not suspicions:
        return
    first = suspicions[0]
    is_target = first.column == choices.target
    same = [other for other in suspicions if other.remedy == first.remedy]
    names = [other.column for other in same if other.column != choices.target]
    na = list(dict.fromkeys(text for other in same for text in other.na))
    fixes = [fix for fix in first.fixes if not (is_target and fix == NUMERIC_DATES)]
    overrides = [*([choices.override("na", na)] if na else []), *fixes]
    ways = [f"add {' '.join(overrides)} to {'read it' if fixes else 'read them as missing'}"] if overrides else []
    ways += [first.advice] if first.advice else []
    if is_target:
        ways.append("add dataset.task=classification to read classes")
    else:
        ways.append(f"add {choices.override('categories', names)} to read categories")
        ways.append(f"add {choices.override('drop', names)} to leave it out")
    others = [other.column for other in same[1:]]
    more = f" (the same in {listed(others)})" if others else ""
    raise ValueError(f"{first.reason}{more}: {', or '.join(ways)}")


def too_large(name: str, choices: Choices) -> ValueError:
    """Return the refusal of whole numbers that float64 would merge."""
    if name == choices.target:
        return ValueError(
            f"the target {name!r} has whole numbers beyond 2^53, which float64 rounds, and more than {MOST_CLASSES} of "
            f"them are different"
        )
    return ValueError(
        f"column {name!r} has whole numbers beyond 2^53, which float64 rounds: {choices.leave_out([name])}, or add "
        f"{choices.override('categories', [name])} to read categories"
    )


def suspicion(texts: Texts, source: Source) -> Suspicion | None:
    """Return why a column of text may be numbers or dates; None if it is a column of categories."""
    if texts.share(source.format.fits) > 0.5:
        return _nearly_numbers(texts, source)
    if {text.casefold() for text in texts.distinct} <= TRUTHS and set(texts.distinct) & {"0", "1"}:
        reason = f"column {texts.name!r} has numbers and words for true and false: {shown(texts.cells(texts.distinct))}"
        return Suspicion(texts.name, reason, advice="write them in one way")
    if texts.share(DATE.fullmatch) > 0.5:
        return _dates(texts, source)
    for pattern, (what, advice) in FOREIGN.items():
        if texts.share(pattern.fullmatch) > 0.5:
            return Suspicion(
                texts.name, f"column {texts.name!r} has {what}, such as {texts.distinct[0]!r}", advice=advice
            )
    if texts.share(TIME.fullmatch) > 0.5 and len(texts.distinct) > FEW:
        reason = f"column {texts.name!r} has times, such as {texts.distinct[0]!r}"
        return Suspicion(texts.name, reason, advice="write them as numbers, such as minutes")
    return _decorated_numbers(texts, source)


def markers(texts: Texts) -> list[tuple[str, int]]:
    """Return the texts that may mean a missing cell, with their counts."""
    return texts.cells([text for text in texts.distinct if text.casefold() in MARKERS])


def has_units(texts: Texts) -> bool:
    """Return whether all texts are numbers, and some have a sign or a unit."""
    parts = [decorated(text) for text in texts.distinct]
    return all(parts) and any(part.signs or part.unit for part in parts if part)


def _nearly_numbers(texts: Texts, source: Source) -> Suspicion:
    usual = source.format
    wrong = [text for text in texts.distinct if not usual.fits(text)]
    if not wrong:
        reason = f"column {texts.name!r} has numbers that are stored as text, such as {texts.distinct[0]!r}"
        return Suspicion(texts.name, reason, advice="store them as numbers")
    cells = texts.cells(wrong)
    absent = tuple(text for text, _ in cells if text.casefold() in MARKERS or not re.search(r"\d", text))
    rest = [text for text in wrong if text not in absent]
    fixes, advice = _ways(rest, [text for text in texts.distinct if usual.fits(text)], source)
    count = sum(count for _, count in cells)
    reason = (
        f"column {texts.name!r} has numbers, but {count} of {texts.size} cells {'is' if count == 1 else 'are'} none: "
        f"{shown(cells)} {source.place(texts.rows(wrong))}"
    )
    return Suspicion(texts.name, reason, fixes, absent, advice)


def _decorated_numbers(texts: Texts, source: Source) -> Suspicion | None:
    """Return the suspicion of a column most of whose cells are numbers in decoration."""
    usual = source.format
    numbers = [text for text in texts.distinct if usual.fits(text)]
    odd = {text: number for text in texts.distinct if not usual.fits(text) and (number := _in_decoration(text, usual))}
    if not odd or texts.share({*odd, *numbers}.__contains__) <= 0.5:
        return None
    units = {number.unit for number in odd.values() if number.unit}
    signs = {sign for number in odd.values() for sign in number.signs}
    if (len(units) > 1 and not units <= MAGNITUDES) or units & ORDINALS:
        return None
    only_comparison = bool(signs) and all(sign[0] in "<>≤≥~≈" for sign in signs)
    if (units or only_comparison) and len(texts.distinct) <= FEW and not numbers:
        return None
    absent = tuple(text for text, _ in markers(texts))
    fixes, advice = _ways(list(odd), numbers, source)
    cells = texts.cells(list(odd))
    reason = f"column {texts.name!r} looks like numbers: {shown(cells, 3)} {source.place(texts.rows(list(odd)))}"
    return Suspicion(texts.name, reason, fixes, absent if fixes else (), advice)


def _in_decoration(text: str, usual: Format) -> Decorated | None:
    """Return the number in a text if it is written in a known way."""
    number = decorated(text)
    return number if number and number_format([number.core], usual) else None


def _ways(odd: Sequence[str], numbers: Sequence[str], source: Source) -> tuple[tuple[str, ...], str]:
    """Return the overrides that read texts as numbers beside others that are numbers already, and other advice."""
    usual = source.format
    parts = [number for text in odd if (number := decorated(text))]
    if not odd or len(parts) < len(odd):
        return (), ""
    cores = [number.core for number in parts]
    way = number_format([*cores, *numbers], usual)
    fixes = _overrides(way, usual) if way else ()
    signs = sorted({sign for number in parts for sign in (*number.signs, number.unit) if sign})
    if source.texts is None:
        return (), "store them as numbers"
    if not signs:
        return fixes, _second_way(cores, way, numbers)
    further = f" and add {' '.join(fixes)}" if fixes else ""
    if set(signs) & {"()", "-", "−", "–"}:
        return (), f"write numbers below zero as -5 in the file{further} to read numbers"
    return (), f"remove {' and '.join(map(repr, signs[:3]))} from the file{further} to read numbers"


def _second_way(cores: Sequence[str], way: Format | None, numbers: Sequence[str]) -> str:
    """Return advice where a comma may be before the thousands or before the fraction."""
    fraction = Format(",")
    if way != Format(".", ",") or not all(map(fraction.fits, [*cores, *numbers])):
        return ""
    return f"add dataset.decimal=comma if {cores[0]} is {fraction.value(cores[0]):g}"


def _overrides(way: Format, usual: Format) -> tuple[str, ...]:
    """Return the overrides that make a way of writing numbers the usual one."""
    return tuple(
        f"dataset.{key}={NAMES[getattr(way, key)]}"
        for key in ("decimal", "thousands")
        if getattr(way, key) not in ("", getattr(usual, key))
    )


def _dates(texts: Texts, source: Source) -> Suspicion:
    wrong = [text for text in texts.distinct if not DATE.fullmatch(text)]
    if not wrong:
        return dates(texts.name, texts.distinct[0])
    cells = texts.cells(wrong)
    absent = tuple(text for text, _ in markers(texts))
    reason = (
        f"column {texts.name!r} has dates, but some cells are none: {shown(cells)} {source.place(texts.rows(wrong))}"
    )
    return Suspicion(texts.name, reason, (NUMERIC_DATES,) if absent else (), absent)


def dates(name: str, example: str) -> Suspicion:
    """Return the suspicion of a column of dates."""
    return Suspicion(name, f"column {name!r} has dates, such as {example!r}", (NUMERIC_DATES,))


def moments(texts: Texts, source: Source) -> pd.Series:
    """Return the dates of a column of texts.

    Raises
    ------
    ValueError
        If the order of day and month is not sure, or there is no such day.
    """
    parts = [re.match(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d+)", text, re.ASCII) for text in texts.distinct]
    options: dict[str, object] = {"format": "ISO8601"}
    if any(parts):
        numbers = [[int(part[place]) for part in parts if part] for place in (1, 2)]
        day_first, month_first = (max(column) > 12 for column in numbers)
        why = "have two digits for the year" if any(part and len(part[3]) < 4 for part in parts) else ""
        why = why or ("do not tell the day from the month" if day_first == month_first or not all(parts) else "")
        if why:
            raise ValueError(
                f"column {texts.name!r} has dates that {why}, such as {texts.distinct[0]!r} "
                f"{source.place(texts.rows(texts.distinct[:1])[:1])}: write them as 2026-01-31"
            )
        options = {"format": "mixed", "dayfirst": day_first}
    elif not all(re.match(r"\d{4}-\d\d-|\d{8}T", text) for text in texts.distinct):
        options = {"format": "mixed"}
    local = pd.Series(texts.distinct, dtype="str").str.replace(OFFSET, r"\1", regex=True)
    values = pd.to_datetime(local, errors="coerce", **options)
    failed = values.isna().to_numpy()
    if failed.any():
        text = texts.distinct[int(failed.argmax())]
        raise ValueError(
            f"column {texts.name!r} has dates, but there is no {text!r} {source.place(texts.rows([text]))}: "
            f"write dates as 2026-01-31"
        )
    return pd.Series(values.reindex(texts.codes).to_numpy(), name=texts.name)


def doubtful_numbers(inputs: pd.DataFrame, choices: Choices) -> tuple[str, ...]:
    """Return notes about numbers that may mean missing cells or dates, such as -999 and 20260131."""
    numbers = inputs.select_dtypes("number")
    values = numbers.to_numpy(np.float64, na_value=np.nan)
    cells: dict[str, list[str]] = {}
    days = []
    ends = np.column_stack([np.nanmin(values, axis=0), np.nanmax(values, axis=0)])
    for place in np.flatnonzero(np.isin(ends, SENTINELS).any(axis=1)):
        column = values[:, place]
        for end in ends[place][np.isin(ends[place], SENTINELS)]:
            others = column[column != end]
            if len(others) and (np.nanmin(others) > end / 3 if end < 0 else np.nanmax(others) < end / 3):
                count = int((column == end).sum())
                cells.setdefault(f"{end:.0f}", []).append(f"{numbers.columns[place]} {count}")
    for place in np.flatnonzero((ends[:, 0] >= 19000101) & (ends[:, 1] <= 21001231)):
        month, day = values[:, place] // 100 % 100, values[:, place] % 100
        if ((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (day == np.round(day))).all():
            days.append(str(numbers.columns[place]))
    notes = []
    if cells:
        found = "; ".join(f"{text} in {listed(columns)}" for text, columns in cells.items())
        notes.append(
            f"numbers that may mean missing cells: {found}: add {choices.override('na', list(cells))} if they do"
        )
    if days:
        notes.append(f"numbers that may be dates are read as numbers in {listed(days)}: write them as 2026-01-31")
    return tuple(notes)
