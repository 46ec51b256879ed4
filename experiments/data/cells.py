"""The different texts of a column's cells, and what they look like: numbers, numbers in decoration, dates."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from experiments.data.choices import MOST_CATEGORIES

EXACT = 2**53
"""float64 represents every whole number up to this one exactly."""

WHOLE = re.compile(r"[+-]?\d+", re.ASCII)

NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"

MONTH = r"(?:0?[1-9]|1[0-2])"

DATE = re.compile(
    r"(?:\d{4}-\d{1,2}-\d{1,2}|\d{4}/\d{1,2}/\d{1,2}|\d{1,2}[/.-]\d{1,2}[/.-]\d{4}"
    r"|\d{1,2}[/-]\d{1,2}[/-]\d{2}|\d{2}\.\d{2}\.\d{2}"
    rf"|\d{{1,2}}[ -](?:{NAMES})[a-z]*[ -]\d{{2,4}}|(?:{NAMES})[a-z]* \d{{1,2}},? \d{{4}}|\d{{8}}(?=T\d))"
    r"(?:[T ]*\d{1,2}:?\d{2}(?::?\d{2}(?:\.\d+)?)?(?: ?[ap]m)?)?(?:Z| ?[+-]\d{2}:?\d{2})?",
    re.ASCII | re.IGNORECASE,
)

FOREIGN = {
    re.compile(
        rf"\d{{4}}[-/]{MONTH}|{MONTH}[-/]\d{{4}}|(?:{NAMES})[a-z]*[ -]\d{{2,4}}|\d{{4}} ?Q[1-4]",
        re.ASCII | re.IGNORECASE,
    ): (
        "months",
        "write them as days in the file, such as 2026-01-01",
    ),
    re.compile(r"[+-]?0x[0-9a-f]+", re.IGNORECASE): (
        "hexadecimal numbers",
        "write them as decimal numbers in the file",
    ),
    re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)[dD][+-]?\d+", re.ASCII): (
        "exponents after D",
        "write them after e in the file, such as 1.5e3",
    ),
}
"""What other programs write, its name and what to do."""

TIME = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[ap]m)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Texts:
    """The different texts of a column, without blanks around them.

    Attributes
    ----------
    name : str
        Name of the column.
    distinct : tuple of str
    codes : ndarray
        (n,) the index of each cell's text, -1 where the cell is missing.
    blanks : bool
        Whether there were blanks around a text.
    """

    name: str
    distinct: tuple[str, ...]
    codes: np.ndarray
    blanks: bool = False

    @classmethod
    def of(cls, column: pd.Series, absent: Collection[str] = ()) -> "Texts":
        """Return the texts of a column; a cell that is empty or one of the `absent` is missing."""
        if isinstance(column.dtype, pd.CategoricalDtype):
            codes, values = column.cat.codes.to_numpy(), column.cat.categories
        else:
            codes, values = pd.factorize(column)
        raw = [whole(value) for value in values]
        stripped = [text.strip() for text in raw]
        index: dict[str, int] = {}
        for text in stripped:
            if text and text not in absent:
                index.setdefault(text, len(index))
        indices = np.array([*(index.get(text, -1) for text in stripped), -1])
        blanks = any(text != original and text for text, original in zip(stripped, raw, strict=True))
        return cls(str(column.name), tuple(index), indices[codes], blanks)

    @cached_property
    def counts(self) -> np.ndarray:
        """The number of cells of each text."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.distinct))

    @cached_property
    def _count_of(self) -> dict[str, int]:
        return dict(zip(self.distinct, self.counts.tolist(), strict=True))

    @property
    def size(self) -> int:
        """The number of cells that are not missing."""
        return int(self.counts.sum())

    @property
    def levels(self) -> int:
        """The number of categories; 0 if there are too many different texts for categories."""
        count = len(self.distinct)
        return count if count <= MOST_CATEGORIES and count < self.size else 0

    def share(self, fits: Callable[[str], object], known: Collection[str]) -> float:
        """Return the share of cells whose text fits among those whose text is known."""
        counts = self._count_of
        return sum(counts[text] for text in known if fits(text)) / max(1, sum(counts[text] for text in known))

    def cells(self, chosen: Collection[str]) -> list[tuple[str, int]]:
        """Return the chosen texts with their counts, the most frequent first."""
        pairs = [(text, count) for text, count in self._count_of.items() if text in chosen]
        return sorted(pairs, key=lambda pair: -pair[1])

    def rows(self, chosen: Collection[str]) -> np.ndarray:
        """Return the rows whose text is one of the chosen."""
        indices = [index for index, text in enumerate(self.distinct) if text in chosen]
        return np.flatnonzero(np.isin(self.codes, indices))

    def categorical(self) -> pd.Series:
        """Return the column as categories."""
        return pd.Series(pd.Categorical.from_codes(self.codes, self.distinct), name=self.name)

    def mapped(self, value: Callable[[str], object], dtype: type, absent: object) -> pd.Series:
        """Return the column with a value in place of each text."""
        return pd.Series(np.array([*map(value, self.distinct), absent], dtype)[self.codes], name=self.name)


def is_exact(column: pd.Series) -> bool:
    """Return whether float64 represents every whole number up to the largest of a column of whole numbers."""
    known = column.dropna()
    return known.empty or max(abs(int(known.min())), abs(int(known.max()))) <= EXACT


def whole(value: object) -> str:
    """Return a value's text; a whole number in floating point has the text of the whole number."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


@dataclass(frozen=True)
class Format:
    """How numbers are written.

    Attributes
    ----------
    decimal : str
        The character before the fraction.
    thousands : str
        The character between groups of three digits; "" for none.
    """

    decimal: str = "."
    thousands: str = ""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What a number looks like."""
        point, group = re.escape(self.decimal), re.escape(self.thousands)
        digits = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+|\d+)" if group else r"\d+"
        return re.compile(
            rf"[+-]?(?:(?:{digits}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?)", re.ASCII | re.IGNORECASE
        )

    def fits(self, text: str) -> bool:
        """Return whether a text is a number."""
        return self.pattern.fullmatch(_plain_blanks(text)) is not None

    def value(self, text: str) -> float:
        """Return the number that a text is."""
        return float(self._english(text))

    def is_whole(self, text: str) -> bool:
        """Return whether a text is a whole number without a fraction."""
        return WHOLE.fullmatch(self._english(text)) is not None

    def whole(self, text: str) -> int:
        """Return the whole number that a text is."""
        return int(self._english(text))

    def _english(self, text: str) -> str:
        text = _plain_blanks(text)
        return (text.replace(self.thousands, "") if self.thousands else text).replace(self.decimal, ".")


BLANKS = str.maketrans("\u00a0\u202f\u2009\u2019", "   '")
"""Other blanks and the typographic apostrophe, which stand between groups of digits, as those of a keyboard."""


def _plain_blanks(text: str) -> str:
    return text if text.isascii() else text.translate(BLANKS)


PLAIN = Format()
"""How numbers are written in English without groups of digits, as programs write them."""

FORMATS = tuple(
    Format(decimal, thousands)
    for decimal in ".,"
    for thousands in ("", ",", ".", " ", "'", "_")
    if thousands != decimal
)
"""The known ways to write numbers."""

SIGNS = r"[$€£¥₹₽₩₺₪฿¢]|\b(?:USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|SEK|NOK|DKK|PLN|CZK|BRL|ZAR|RUB|TRY)\b|R\$"

DECORATED = re.compile(
    rf"(?P<comparison>[<>≤≥~≈]=?)?\s*(?P<open>\()?\s*(?P<sign>[+\-−–])?\s*(?P<before>{SIGNS}|[#'’=])?\s*(?P<second>[+\-−])?\s*"
    rf"(?P<core>[\d.,'_ \u00a0\u202f\u2009\u2019]*\d[.,]?(?:[eE][+-]?\d+)?)\s*"
    rf"(?:(?P<percent>[%‰*†])|(?P<after>{SIGNS})|(?P<unit>[^\W\d_](?:[^\W\d_]|[°µ²³/·^.%])*|°[CFcf]?|[\"'′″]))?\s*(?P<close>\))?\s*(?P<last>[-−])?"
)


@dataclass(frozen=True)
class Decorated:
    """A number in decoration: the number's text and what stands around it."""

    core: str
    signs: tuple[str, ...]
    unit: str


def decorated(text: str) -> Decorated | None:
    """Return the number in a text and the signs around it; None if it is none."""
    match = DECORATED.fullmatch(text)
    if match is None or bool(match["open"]) != bool(match["close"]):
        return None
    signs = [match[name] for name in ("comparison", "before", "percent", "after") if match[name]]
    signs += ["()"] if match["open"] else []
    signs += [
        match[name] for name in ("sign", "second", "last") if match[name] and (match[name] in "−–" or name == "last")
    ]
    return Decorated(match["core"].strip(), tuple(signs), match["unit"] or "")


def number_format(texts: Iterable[str], usual: Format) -> Format | None:
    """Return the way in which all the texts are numbers, first the usual; None if there is none."""
    texts = list(texts)
    ways = sorted(FORMATS, key=lambda way: way.decimal != usual.decimal)
    return next((way for way in (usual, *ways) if all(map(way.fits, texts))), None)


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return the first names for a message."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def shown(cells: Sequence[tuple[str, int]], most: int = 5) -> str:
    """Return texts with their counts for a message."""
    more = f" and {len(cells) - most} other texts" if len(cells) > most else ""
    return ", ".join(f"{text!r} ({count})" if count > 1 else repr(text) for text, count in cells[:most]) + more
