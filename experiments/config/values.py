"""Values of a command line: as Hydra's grammar reads them, and texts and lists as they were typed."""

import math
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Quote, QuotedString, Sweep
from hydra.errors import HydraException

from experiments.config.errors import ConfigError
from experiments.config.rules import MOST

TABLE = re.compile(r"\.(csv|tsv|parquet|npz)$", re.IGNORECASE)
"""The end of a file's name."""
PATH = "dataset.path"
EXAMPLES = {"path": "FILE.csv", "target": "COLUMN", "id": "ID"}
"""What stands in a command for a setting of a data set that only the user knows."""
PLACEHOLDERS = frozenset({*EXAMPLES.values(), "VALUE"})
CLOSING = {"[": "]", "{": "}", "(": ")"}


def parts(word: str) -> tuple[str, str, str]:
    """Return the sign (+, ++ or ~), the key and the value of a word."""
    sign = word[: len(word) - len(word.lstrip("+~"))]
    key, _, value = word[len(sign) :].partition("=")
    return sign, key, value


@cache
def grammar() -> OverridesParser:
    """Return Hydra's parser with the `range` that a person means."""
    parser = OverridesParser.create()
    parser.functions.functions["range"] = exact_range
    return parser


def exact_range(start: float, stop: float | None = None, step: float = 1) -> ChoiceSweep:
    """Return the values of `range(start,stop,step)` without `stop`; Hydra's own adds binary fractions.

    Three times 0.1 is 0.3 here, as a person means it: the shortest decimals of the numbers are added exactly. Whole
    numbers give whole numbers.

    Raises
    ------
    ValueError
        If a number is not finite, the step is 0, or there are too many values.
    """
    first, last = (0, start) if stop is None else (start, stop)
    if not all(map(math.isfinite, (first, last, step))) or step == 0:
        raise ValueError("allowed are finite numbers, and a step that is not 0")
    begin, end, width = (Decimal(str(number)) for number in (first, last, step))
    count = math.ceil((end - begin) / width)
    if count > MOST:
        raise ValueError(f"allowed are up to {MOST} values")
    kind = int if all(isinstance(number, int) for number in (first, last, step)) else float
    return ChoiceSweep(list=[kind(begin + i * width) for i in range(count)])


def table_words(path: str) -> list[str]:
    """Return the words that choose a file as the data set."""
    return ["dataset=csv", f"{PATH}={path}"]


def quoted(text: str) -> str:
    """Return a text in quotes, in which Hydra reads every character as it is."""
    return QuotedString(text=text, quote=Quote.double).with_quotes()


def as_texts(prefix: str, raw: str, value: Any) -> str:
    """Return the value of a setting that is a text, or several texts of a sweep, as it was typed."""
    if prefix == f"{PATH}=" and isinstance(value, ChoiceSweep) and Path(raw).is_file():
        raise ConfigError(f"{prefix}{raw}: a comma separates values unless it is in quotes", [prefix + quoted(raw)])
    if isinstance(value, ChoiceSweep) and value.simple_form:
        pieces, elements = list(pieces_of(raw)), value.list
    elif isinstance(value, Sweep | Glob):
        return raw
    else:
        pieces, elements = [raw], [value]
    if len(pieces) != len(elements):
        return raw
    return ",".join(_as_text(prefix, *pair) for pair in zip(pieces, elements, strict=True))


def _as_text(prefix: str, raw: str, element: Any) -> str:
    if element is None:
        meant = None if prefix == f"{PATH}=" else quoted("" if prefix.startswith("dataset.") else "null")
        raise ConfigError(f"{prefix}{raw}: null is no text", meant and [prefix + meant])
    if isinstance(element, list | dict):
        only = element[0] if isinstance(element, list) and len(element) == 1 else raw
        raise ConfigError(f"{prefix}{raw}: allowed is one text", [prefix + plain_or_quoted(str(only))])
    text = element.text if isinstance(element, QuotedString) else str(element)
    if not isinstance(element, str | QuotedString) and text != raw.strip():
        return quoted(raw.strip())  # 1e3 and true are read as a number and a truth value
    if prefix == f"{PATH}=" and text.startswith("~"):
        return quoted(os.path.expanduser(text))
    return raw


def as_list(prefix: str, raw: str, value: Any, texts: bool) -> str:
    """Return the value of a setting that is a list, or several lists of a sweep, as it was typed."""
    if isinstance(value, ChoiceSweep) and all(isinstance(item, list) for item in value.list):
        return raw
    if not isinstance(value, list):
        inner: str | None = "" if value is None or isinstance(value, bool) else raw
        if isinstance(value, dict | Glob) or not (texts or re.fullmatch(r"[\d\s,]*", raw)):
            inner = None
        hint = "in brackets" if inner is None else f"such as [{inner}]"
        instead = None if inner is None else [f"{prefix}[{inner}]"]
        raise ConfigError(f"{prefix}{repr(raw) if texts else raw}: allowed is a list {hint}", instead)
    if any(isinstance(item, list | dict) for item in value):
        flat = all(isinstance(item, list) and not any(isinstance(inner, list) for inner in item) for item in value)
        instead = [prefix + raw.strip()[1:-1].strip()] if flat else None
        raise ConfigError(f"{prefix}{raw}: allowed is one list, without lists in it", instead)
    pieces = list(pieces_of(raw.strip()[1:-1]))
    if not texts or len(pieces) != len(value):
        return raw
    pairs = zip(pieces, value, strict=True)
    items = [piece if isinstance(item, str) or str(item) == piece else quoted(piece) for piece, item in pairs]
    return raw if items == pieces else f"[{','.join(items)}]"


def plain_or_quoted(text: str) -> str:
    """Return a text without quotes if Hydra reads it as that text."""
    try:
        return text if grammar().parse_override(f"key={text}").value() == text and text else quoted(text)
    except HydraException:
        return quoted(text)


def pieces_of(raw: str) -> Iterator[str]:
    """Yield the parts of a value between the commas that stand in no bracket and no quotes."""
    depth, quote, begin = 0, "", 0
    for index, character in enumerate(raw):
        if quote:
            quote = "" if character == quote and raw[index - 1] != "\\" else quote
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and not depth:
            yield raw[begin:index].strip()
            begin = index + 1
    yield raw[begin:].strip()


def closing(raw: str) -> str:
    """Return the brackets that a value lacks at its end."""
    missing = ""
    for character in raw:
        if character in CLOSING:
            missing = CLOSING[character] + missing
        elif missing.startswith(character):
            missing = missing[1:]
    return missing
