"""What a user chooses about a table, and the overrides that messages suggest."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from experiments.data import options
from experiments.data.refusals import Refusal

MOST_CLASSES = 20
"""A target with more different whole numbers is a quantity, not a class."""

MOST_CATEGORIES = 100
"""A column with more different texts holds identifiers or prose, not categories."""

LISTS = ("drop", "categories", "na")

PLAIN = re.compile(r"[A-Za-z_][\w-]*|[1-9]\d*", re.ASCII)
"""A text that Hydra reads as itself without quotes, unless it is one of `NO_TEXTS`."""

NO_TEXTS = ("null", "true", "false", "nan", "inf", "infinity")
"""What Hydra reads as another type than a text, in lowercase."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a user chooses about a table.

    Attributes
    ----------
    target : str
        Column to predict.
    task : str
        "classification", "regression" or "auto". "auto" means classification if the target is text, true or false, or
        at most 20 different whole numbers; otherwise it means regression.
    missing : str
        "refuse" raises an error that names the columns with missing cells. "drop" leaves out their rows. "impute" lets
        the scaling fill them. "category" does so too, but a missing text is a category of its own.
    groups : str
        Column that is no feature; rows with equal values in it belong to the same part of the split.
    index : str
        Column that names the rows and is no feature; it differs in every row.
    drop : tuple of str
        Columns to leave out.
    na : tuple of str
        Further texts that mean a missing cell.
    dates : str
        "refuse" raises an error that names the columns of dates; "numeric" makes features of them.
    categories : tuple of str
        Columns that are categories although they look like numbers or dates.

    Raises
    ------
    ValueError
        If a value is not allowed for any table.
    """

    target: str
    task: options.Task = "auto"
    missing: options.Missing = "refuse"
    groups: str = ""
    index: str = ""
    drop: tuple[str, ...] = ()
    na: options.Texts = ()
    dates: options.Dates = "refuse"
    categories: options.Texts = ()

    def __post_init__(self) -> None:
        """Check the values, and strip blanks around names and markers."""
        options.check(self)
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in LISTS:
                stripped: Any = tuple(text.strip() for text in texts(item.name, value))
            else:
                stripped = str(value).strip()
            object.__setattr__(self, item.name, stripped)

    @property
    def fills(self) -> bool:
        """Whether missing cells stay, to be filled by the scaling or to be a category."""
        return self.missing in ("impute", "category")

    def extended(self, key: str, further: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the option that adds texts to a list."""
        return {key: tuple(dict.fromkeys([*getattr(self, key), *further]))}

    def override(self, key: str, further: Sequence[str]) -> str:
        """Return the override that adds texts to a list, as it can be pasted into a shell."""
        return pasted(self.extended(key, further))

    def leave_out(self, columns: Sequence[str], reason: str, otherwise: str = "") -> Refusal:
        """Return the refusal of columns, with the advice to leave them out."""
        option = self.extended("drop", columns)
        return Refusal(f"{reason}: leave out columns by {pasted(option)}{otherwise}", **option)


def texts(key: str, value: Any) -> tuple[str, ...]:
    """Return a list of the user's words as texts.

    Raises
    ------
    ValueError
        If it is no list of texts or numbers.
    """
    if isinstance(value, list | tuple) and all(type(item) in (str, int, float) for item in value):
        return tuple(map(str, value))
    example = [value] if isinstance(value, str) and value else ["?" if key == "na" else "a"]
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    raise ValueError(f"dataset.{key}={shown}: allowed is a list such as {override(key, example)}")


def override(key: str, values: Sequence[str]) -> str:
    """Return the override of a list, as it can be pasted into a shell."""
    return pasted({key: tuple(values)})


def pasted(options: Mapping[str, str | Sequence[str]]) -> str:
    """Return overrides as they can be pasted into a shell, which needs quotes around brackets."""
    return shlex.join(overrides(options))


def overrides(options: Mapping[str, str | Sequence[str]]) -> list[str]:
    """Return the overrides of options, one word for each."""
    words = []
    for key, value in options.items():
        texts = [value] if isinstance(value, str) else value
        # Hydra needs quotes around all texts that are not plain words.
        plain = all(PLAIN.fullmatch(text) and text.lower() not in NO_TEXTS for text in texts)
        items = ",".join(texts if plain else map(_quoted, texts))
        words.append(f"dataset.{key}={items}" if isinstance(value, str) else f"dataset.{key}=[{items}]")
    return words


def _quoted(text: str) -> str:
    """Return a text in Hydra's quotes, in which a backslash counts only before a quote."""
    return '"' + re.sub(r'(\\*)("|$)', lambda match: match[1] * 2 + ('\\"' if match[2] else ""), text) + '"'
