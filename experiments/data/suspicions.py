"""Refuses columns of text that look like numbers or dates, and says which options read them."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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
from experiments.data.choices import MOST_CATEGORIES, MOST_CLASSES, Choices, pasted
from experiments.data.columns import OFFSET
from experiments.data.options import NAMES
from experiments.data.refusals import Refusal
from experiments.data.source import Source

MARKERS = frozenset(
    {
        *("?", "??", "-", "--", "---", "—", "–", ".", "..", "...", "*", "**", "/", "\\", "\\n", "''", '""', "(null)"),
        *("na", "n/a", "n.a", "n.a.", "n/d", "nd", "n.d.", "nil", "nan", "null", "none", "unk", "unknown", "missing"),
        *("#div/0!", "#value!", "#ref!", "#name?", "#num!", "#n/a!", "undefined", "tbd"),
        *("not available", "not applicable", "not known", "no data"),
    }
)
"""Texts, in lowercase, that often mean a missing cell."""

TRUTHS = frozenset({"0", "1", "true", "false", "t", "f", "yes", "no", "y", "n"})
"""Words for true and false, in lowercase."""

TOTALS = frozenset({"total", "totals", "sum", "grand total", "average", "mean"})
"""Words, in lowercase, for a row that sums up the others."""

SENTINELS = (-9, -99, -999, -9999, -99999, -999999, 99, 999, 9999, 99999, 999999)
"""Numbers that often mean a missing cell where all others are far away."""

NUMERIC_DATES = {"dates": "numeric"}

DAY_OR_MONTH = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d+)", re.ASCII)
"""The start of a date whose year comes last."""

SHORT_YEAR = re.compile(r"\d{1,2}[/. -](?:\d{1,2}|[a-z]+)[/. -]\d{2,3}(?!\d)", re.ASCII | re.IGNORECASE)
"""The start of a date whose year has less than four digits."""

FEW = 10
"""A column with at most so many different texts that have a unit is a column of categories."""

ORDINALS = {"st", "nd", "rd", "th"}

MAGNITUDES = {"k", "K", "m", "M", "B", "bn", "G", "T"}


@dataclass(frozen=True)
class Suspicion:
    """A column that looks like numbers or dates, but cannot be read so as it is written.

    Attributes
    ----------
    column : str
    reason : str
        What it looks like, and the cells at fault.
    fixes : dict
        Options that together read it as numbers or dates.
    na : tuple of str
        Texts that are to be declared missing.
    advice : str
        What to do where no override helps.
    levels : int
        Number of its categories; 0 if it has too many different texts for categories.
    moments : Series or None
        The dates of a column of texts that are all dates.
    order : str
        Whether the day or the month comes first in these texts, as in `Dates`.
    """

    column: str
    reason: str
    levels: int
    fixes: Mapping[str, str] = field(default_factory=dict)
    na: tuple[str, ...] = ()
    advice: str = ""
    moments: pd.Series | None = None
    order: str = ""

    @property
    def remedy(self) -> tuple[object, ...]:
        """What reads the column."""
        return tuple(self.fixes.items()), bool(self.na), self.advice


def refuse(suspicions: Sequence[Suspicion], choices: Choices, inputs: Collection[str]) -> None:
    """Refuse the first suspicious column, and with it those that the same options read.

    Parameters
    ----------
    suspicions
    choices
    inputs
        Names of the columns that are neither target nor groups.

    Raises
    ------
    ValueError
        With the cells at fault, their lines and what to do.
    """
    if not suspicions:
        return
    first = min(suspicions, key=lambda one: one.column == choices.target)  # options help an input more often
    is_target = first.column == choices.target
    same = [other for other in suspicions if other.remedy == first.remedy]
    same = [other for other in same if (other.column == choices.target) == is_target]
    columns = [other.column for other in same]
    na = list(dict.fromkeys(text for other in same for text in other.na))
    options: dict[str, Any] = (choices.extended("na", na) if na else {}) | dict(first.fixes)
    if is_target and first.fixes == NUMERIC_DATES:
        options = {}
    ways = [f"add {pasted(options)} to {'read it' if first.fixes else 'read them as missing'}"] if options else []
    ways += [first.advice] if first.advice else []
    if is_target:
        ways += ["add dataset.task=classification to read classes"] if first.levels else []
        ways = ways or ["choose another target"]
        options = options or ({"task": "classification"} if 0 < first.levels <= MOST_CLASSES else {})
    else:
        categories = [other.column for other in same if other.levels]
        few = len(categories) == len(same) and first.levels <= FEW
        if categories:
            subject = f" of {listed(categories)}" if len(categories) < len(same) else ""
            way = f"add {choices.override('categories', categories)} to read categories{subject}"
            ways.insert(len(ways) if options or first.levels > FEW else 0, way)
        if not options and few:
            options = choices.extended("categories", categories)
        if not set(inputs) <= set(columns):
            ways.append(f"add {choices.override('drop', columns)} to leave {'them' if columns[1:] else 'it'} out")
            options = options or choices.extended("drop", columns)
        ways = ways or ["write numbers alone in the file"]
    more = f" (the same in {listed(columns[1:])})" if columns[1:] else ""
    raise Refusal(f"{first.reason}{more}: {', or '.join(ways)}", **options)


def too_large(name: str, choices: Choices, levels: int) -> ValueError:
    """Return the refusal of whole numbers that float64 would merge."""
    if name == choices.target:
        return ValueError(
            f"the target {name!r} has whole numbers beyond 2^53, which float64 rounds, and more than {MOST_CLASSES} of "
            f"them are different: write at most 15 digits in the file"
        )
    ways = f", or add {choices.override('categories', [name])} to read categories" if levels else ""
    return choices.leave_out([name], f"column {name!r} has whole numbers beyond 2^53, which float64 rounds", ways)


def suspicion(texts: Texts, source: Source) -> Suspicion | None:
    """Return why a column of text may be numbers or dates; None if it is a column of categories.

    Cells that may be missing do not count.
    """
    known = [text for text in texts.distinct if text.casefold() not in MARKERS]

    def most(fits: Callable[[str], object]) -> bool:
        return texts.share(fits, known) > 0.5

    if most(source.format.fits):
        return _nearly_numbers(texts, source)
    if {text.casefold() for text in known} <= TRUTHS and set(known) & {"0", "1"}:
        reason = f"column {texts.name!r} has numbers and words for true and false: {shown(texts.cells(known))}"
        return Suspicion(texts.name, reason, texts.levels, advice="write them in one way in the file")
    if most(DATE.fullmatch):
        return _dates(texts, source)
    what, advice = next((words for pattern, words in FOREIGN.items() if most(pattern.fullmatch)), ("", ""))
    if not what and most(TIME.fullmatch) and len(texts.distinct) > FEW:
        what, advice = "times", "write them as numbers, such as minutes, in the file"
    if what:
        reason = f"column {texts.name!r} has {what}, such as {known[0]!r}"
        return Suspicion(texts.name, reason, texts.levels, advice=advice)
    return _decorated_numbers(texts, known, source)


def markers(texts: Texts) -> list[tuple[str, int]]:
    """Return the texts that may mean a missing cell, with their counts."""
    return texts.cells([text for text in texts.distinct if text.casefold() in MARKERS])


def are_times(texts: Texts) -> bool:
    """Return whether all texts are times of day."""
    return bool(texts.distinct) and all(map(TIME.fullmatch, texts.distinct))


def has_units(texts: Texts) -> bool:
    """Return whether all texts are numbers, and some have a sign or a unit."""
    parts = [decorated(text) for text in texts.distinct]
    return all(parts) and any(part.signs or part.unit for part in parts if part)


def _nearly_numbers(texts: Texts, source: Source) -> Suspicion:
    usual = source.format
    wrong = [text for text in texts.distinct if not usual.fits(text)]
    if not wrong:
        reason = f"column {texts.name!r} has numbers that are stored as text, such as {texts.distinct[0]!r}"
        return Suspicion(texts.name, reason, texts.levels, advice="store them as numbers in the file")
    cells = texts.cells(wrong)
    absent = tuple(text for text, _ in markers(texts))
    rest = [text for text in wrong if text not in absent]
    fixes, advice = _ways(rest, [text for text in texts.distinct if usual.fits(text)], source)
    if rest and not fixes:
        rows = texts.rows(rest)
        is_end = len(rows) == 1 and rows[0] in (0, len(texts.codes) - 1)
        line = source.place(rows).removeprefix("in ")
        advice = f"take {line} out of the file if it is no row" if is_end else advice or "write numbers in the file"
        absent = ()
    count = sum(count for _, count in cells)
    are = "is no number" if count == 1 else "are no numbers"
    reason = (
        f"column {texts.name!r} has numbers, but {count} of {texts.size} cells {are}: "
        f"{shown(cells)} {source.place(texts.rows(wrong))}"
    )
    return Suspicion(texts.name, reason, texts.levels, fixes, absent, advice)


def _decorated_numbers(texts: Texts, known: Sequence[str], source: Source) -> Suspicion | None:
    """Return the suspicion of a column most of whose cells are numbers in decoration."""
    usual = source.format
    numbers = [text for text in texts.distinct if usual.fits(text)]
    odd = {text: number for text in texts.distinct if not usual.fits(text) and (number := _in_decoration(text, usual))}
    if not odd or texts.share({*odd, *numbers}.__contains__, known) <= 0.5:
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
    return Suspicion(texts.name, reason, texts.levels, fixes, absent if fixes else (), advice)


def _in_decoration(text: str, usual: Format) -> Decorated | None:
    """Return the number in a text if it is written in a known way."""
    number = decorated(text)
    return number if number and number_format([number.core], usual) else None


def _ways(odd: Sequence[str], numbers: Sequence[str], source: Source) -> tuple[dict[str, str], str]:
    """Return the options that read texts as numbers beside others that are numbers already, and other advice."""
    usual = source.format
    parts = [number for text in odd if (number := decorated(text))]
    if not odd or len(parts) < len(odd):
        return {}, ""
    cores = [number.core for number in parts]
    way = number_format([*cores, *numbers], usual)
    fixes = _options(way, usual) if way else {}
    signs = sorted({sign for number in parts for sign in (*number.signs, number.unit) if sign})
    if source.texts is None:
        return {}, "store them as numbers in the file"
    if not signs:
        return fixes, _second_way(cores, way, numbers)
    further = f" and add {pasted(fixes)}" if fixes else ""
    if set(signs) & {"()", "-", "−", "–"}:
        return {}, f"write numbers below zero as -5 in the file{further} to read numbers"
    return {}, f"remove {' and '.join(map(repr, signs[:3]))} from the file{further} to read numbers"


def _second_way(cores: Sequence[str], way: Format | None, numbers: Sequence[str]) -> str:
    """Return advice where a comma may be before the thousands or before the fraction."""
    fraction = Format(",")
    if way != Format(".", ",") or not all(map(fraction.fits, [*cores, *numbers])):
        return ""
    return f"add dataset.decimal=comma if {cores[0]} is {fraction.value(cores[0]):g}"


def _options(way: Format, usual: Format) -> dict[str, str]:
    """Return the options that make a way of writing numbers the usual one."""
    return {
        key: NAMES[getattr(way, key)]
        for key in ("decimal", "thousands")
        if getattr(way, key) not in ("", getattr(usual, key))
    }


def _dates(texts: Texts, source: Source) -> Suspicion:
    wrong = [text for text in texts.distinct if not DATE.fullmatch(text)]
    days = [text for text in texts.distinct if DATE.fullmatch(text)]
    cells = texts.cells(wrong)
    absent = tuple(text for text, _ in markers(texts))
    values, fault, examples = _moments(days)
    reason = f"column {texts.name!r} has dates, such as {days[0]!r}"
    if fault:
        rows = texts.rows(examples)
        reason = f"column {texts.name!r} has dates{fault} {examples[0]!r} {source.place(rows)}"
    elif wrong:
        reason = f"{reason}, but some cells are no dates: {shown(cells)} {source.place(texts.rows(wrong))}"
    if fault or len(wrong) > len(absent):
        advice = "write all of them as 2026-01-31 in the file"
        return Suspicion(texts.name, reason, texts.levels, advice=advice)
    moments = None if wrong else pd.Series(values.reindex(texts.codes).to_numpy(), name=texts.name)
    return Suspicion(texts.name, reason, texts.levels, NUMERIC_DATES, absent, "", moments, _order(days))


def dates(column: pd.Series) -> Suspicion:
    """Return the suspicion of a column of dates."""
    known = column.dropna()
    levels = 0 if known.is_unique or known.nunique() > MOST_CATEGORIES else known.nunique()
    example = f", such as {str(known.iloc[0])!r}" if len(known) else ""
    return Suspicion(str(column.name), f"column {column.name!r} has dates{example}", levels, NUMERIC_DATES)


def _order(days: Sequence[str]) -> str:
    """Return whether the day or the month comes first in all texts; empty if they do not tell."""
    parts = [DAY_OR_MONTH.match(text) for text in days]
    first, second = (any(int(part[group]) > 12 for part in parts if part) for group in (1, 2))
    return "" if first == second or not all(parts) else "day" if first else "month"


def _moments(days: Sequence[str]) -> tuple[pd.Series, str, list[str]]:
    """Return the moments that texts are; and a fault in words with the texts at fault, if they cannot be read."""
    parts = [DAY_OR_MONTH.match(text) for text in days]
    options: dict[str, object] = {"format": "ISO8601"}
    values = pd.Series(pd.NaT, range(len(days)))
    short = [text for text in days if SHORT_YEAR.match(text)]
    if short:
        return values, " that have two digits for the year, such as", short[:1]
    if any(parts):
        order = _order(days)
        if not order:
            return values, " that do not tell the day from the month, such as", list(days[:1])
        options = {"format": "mixed", "dayfirst": order == "day"}
    elif not all(re.match(r"\d{4}-\d\d-|\d{8}T", text) for text in days):
        options = {"format": "mixed"}
    local = pd.Series(days, dtype="str").str.replace(OFFSET, r"\1", regex=True)
    values = pd.to_datetime(local, errors="coerce", **options)
    failed = [text for text, absent in zip(days, values.isna().tolist(), strict=True) if absent]
    return values, ", but there is no" if failed else "", failed[:1]


def may_be_counts(name: str, targets: np.ndarray, classes: Sequence[str] = ()) -> tuple[str, ...]:
    """Return a note if the targets (n,) look like counts: whole numbers from nearly 0 up, most of them small.

    The targets are those of a regression, or labels of `classes` that are numbers.

    "Most are small" means a skewness above 1. The smallest is below 10: amounts such as prices begin above that.
    """
    if classes:
        targets = np.array(classes, np.float64)[targets]
    low, high = targets.min(), targets.max()
    if not 0 <= low < 10 or (targets != np.round(targets)).any() or len(np.unique(targets)) < 3:
        return ()
    standard = (targets - targets.mean()) / targets.std()
    if (standard**3).mean() <= 1:
        return ()
    words = f"whole numbers from {low:.0f} to {high:.0f}, most of them small"
    if classes:
        poisson = "dataset.task=regression with output=exp_poisson and optimizer=adam"
        return (f"target {name!r} has {words}, which were read as classes: {poisson} takes them as counts",)
    return (f"target {name!r} has {words}: output=exp_poisson with optimizer=adam takes them as counts",)


def doubtful_numbers(inputs: pd.DataFrame, target: pd.Series, choices: Choices) -> tuple[str, ...]:
    """Return notes about numbers that may mean missing cells or dates, such as -999 and 20260131."""
    numbers = inputs.select_dtypes("number")
    values = numbers.to_numpy(np.float64, na_value=np.nan)
    cells: dict[int, dict[str, int]] = {}
    days = []
    ends = np.column_stack([np.nanmin(values, axis=0), np.nanmax(values, axis=0)])
    for index in np.flatnonzero(np.isin(ends, SENTINELS).any(axis=1)):
        column = values[:, index]
        others = column[~np.isin(column, SENTINELS) & ~np.isnan(column)]
        for end in ends[index][np.isin(ends[index], SENTINELS)]:
            # A sentinel is as far from the others as they are wide, at least.
            if len(others) and np.abs(others - end).min() > max(np.ptp(others), abs(end) / 2):
                count = int((column == end).sum())
                cells.setdefault(int(end), {})[str(numbers.columns[index])] = count
    for index in np.flatnonzero((ends[:, 0] >= 19000101) & (ends[:, 1] <= 21001231)):
        month, day = values[:, index] // 100 % 100, values[:, index] % 100
        if ((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (day == np.round(day))).all():
            days.append(str(numbers.columns[index]))
    notes = []
    both = pd.concat([numbers, target], axis=1).select_dtypes("number")
    for number, counts in cells.items():
        columns = listed([f"{name} {count}" for name, count in counts.items()])
        others = [str(name) for name in both.columns[(both == number).any()] if name not in counts]
        advice = f"add {choices.override('na', [str(number)])} if they do"
        if others:
            advice = f"leave them empty in the file if they do, because {listed(others)} has {number}, too"
        notes.append(f"numbers that may mean missing cells: {number} in {columns}: {advice}")
    if days:
        notes.append(f"numbers that may be dates are read as numbers in {listed(days)}: write them as 2026-01-31")
    return tuple(notes)
