"""The options of reading a table: the allowed values of each, and the usual spelling of a value."""

import codecs
from collections.abc import Collection
from typing import Annotated, Any

from experiments.data.table import TASKS
from nets.hyperparameters import OneOf, violations
from nets.names import nearest

CHARACTERS = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "pipe": "|",
    "space": " ",
    "point": ".",
    "apostrophe": "'",
    "underscore": "_",
}
"""Names of characters that a shell or Hydra would need quotes for."""

NAMES = {character: name for name, character in CHARACTERS.items()}

SEPARATORS = ("comma", "semicolon", "tab", "pipe", "space")

NO_TEXT = frozenset({"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined"})
"""Codecs of Python that encode domain names or program text, not files of text."""


class OfFile:
    """Marks a parameter that says how a file is written: a condition contains the digest of what was read instead."""


class Unordered:
    """Marks a list whose order has no effect."""


class OneCharacter(OneOf):
    """One of several characters, by its name or itself; an empty text stands for none."""

    def __init__(self, *texts: str) -> None:
        super().__init__(*texts)
        self.words = self.words.removeprefix(", ") + (", or empty for none" if "" in texts else "")

    def accepts(self, value: Any) -> bool:
        """Return whether the value is one of the characters."""
        return super().accepts(NAMES.get(value, value))


class AnyCharacter(OneOf):
    """The name of a character, or any character but quotes, letters and digits."""

    def __init__(self, *texts: str) -> None:
        super().__init__(*texts)
        self.words = f"{', '.join(texts)}, or one character"

    def accepts(self, value: Any) -> bool:
        """Return whether the value can separate cells."""
        return super().accepts(value) or (len(value) == 1 and value not in '"\n\r\0' and not value.isalnum())


class EncodingName:
    """The name of an encoding of text."""

    words = "an encoding of text that Python knows, such as utf-8, cp1252, latin-1 and utf-16"

    def accepts(self, value: Any) -> bool:
        """Return whether the value is such a name."""
        try:
            "".encode(value)
            return codecs.lookup(value).name not in NO_TEXT
        except (LookupError, ValueError):
            return False


class HeaderLine:
    """Where the column names stand."""

    words = "auto, none or the number of a line, from 1"

    def accepts(self, value: Any) -> bool:
        """Return whether the value is one of the words or a number."""
        return value in ("auto", "none") or (str(value).isdecimal() and int(value) > 0)


Task = Annotated[str, OneOf("auto", *TASKS)]
Missing = Annotated[str, OneOf("refuse", "drop", "impute", "category")]
Dates = Annotated[str, OneOf("refuse", "numeric")]
Texts = Annotated[tuple[str, ...], Unordered()]
Separator = Annotated[str, AnyCharacter(*SEPARATORS), OfFile()]
Decimal = Annotated[str, OneCharacter("point", "comma"), OfFile()]
Thousands = Annotated[str, OneCharacter("", "comma", "point", "space", "apostrophe", "underscore"), OfFile()]
Encoding = Annotated[str, EncodingName(), OfFile()]
Header = Annotated[str, HeaderLine(), OfFile()]


def check(options: Any) -> None:
    """Refuse values of a dataclass of options that their rules do not accept.

    Raises
    ------
    ValueError
        With the first option at fault, its value and what is allowed.
    """
    for key, value, rule in violations(options):
        hint = f"allowed is {rule.words}"
        if isinstance(rule, OneOf):
            hint = nearest(str(value), filter(None, rule.texts))
        if isinstance(rule, AnyCharacter):
            hint += ", or one character"
        raise ValueError(f"dataset.{key}={value!r}: {hint}")


def in_condition(value: Any, marks: Collection[Any]) -> Any:
    """Return a value as a condition contains it: equal values in one spelling."""
    if any(isinstance(mark, OfFile) for mark in marks):
        return NAMES.get(value, value)
    if isinstance(value, list | tuple):
        texts = [str(text).strip() for text in value]
        return sorted(set(texts)) if any(isinstance(mark, Unordered) for mark in marks) else texts
    return value.strip() if isinstance(value, str) else value
