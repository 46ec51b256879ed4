"""Text from a study in a figure: characters that a font must have, names that are too long, and `$`.

A character that DejaVu Sans lacks is drawn in another font of this machine. If none has it, its code stands there
instead, such as [U+732B], or a number stands for the whole name. So nothing is drawn as an empty box.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache

import matplotlib
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from matplotlib.textpath import TextPath

MATHS = re.compile("cm[a-z]+10|STIX(NonUnicode|Size).*|.*Last ?Resort.*")
"""Fonts that have glyphs at the wrong characters, or a box for each character."""


def plain(text: str) -> str:
    """Return text in the form that Matplotlib writes unchanged: `$` starts no formula, and each character has a glyph.

    Fonts that it needs besides DejaVu Sans join `rcParams["font.family"]`, which each figure starts anew.
    """
    return spelled(text).replace("$", r"\$")


def spelled(text: str) -> str:
    """Return text with the codes of characters that no font has in their place, such as "[U+732B U+72AC]"."""
    result, codes = "", list[str]()
    for character in f"{text}\n":
        if character == "\n" or _has_glyph(character):
            result += (f"[{' '.join(codes)}]" if codes else "") + character
            codes = []
        else:
            codes.append(f"U+{ord(character):04X}")
    return result[:-1]


def shortened(text: str, length: int) -> str:
    """Return text of at most `length` characters, with … for those in its middle."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"


def fitted(text: str, width: float, size: float) -> str:
    """Return text as `plain` does, shortened to a width in inches at a font size."""
    length = min(len(text), int(4 * 72 * width / size))  # no letter is narrower than a quarter of the size
    while length > 9 and width_of(shortened(text, length), size) > width:
        length = max(9, min(length - 1, int(length * width / width_of(shortened(text, length), size))))
    return plain(shortened(text, length))


@lru_cache(maxsize=4096)
def width_of(text: str, size: float) -> float:
    """Return the width of a line of text in inches at a font size."""
    if not text.strip():
        return 0.0  # Matplotlib makes no path of nothing
    return float(TextPath((0, 0), plain(text), size=size).get_extents().width) / 72


def distinct(names: Sequence[str], length: int, number: str = "") -> list[str]:
    """Return names of at most about `length` characters; different names stay different.

    Parameters
    ----------
    names
        The names.
    length
        What is longer is shortened in its middle. Names that then look the same get their numbers.
    number
        What stands for a name that no font can draw, before its number, such as "#". The default is its codes.
    """
    labels = []
    for index, name in enumerate(names, start=1):
        text = spelled(name)
        labels.append(f"{number}{index}" if number and text != name else shortened(text, length))
    counts = Counter(labels)
    for index, (name, label) in enumerate(zip(names, labels, strict=True)):
        if counts[label] > 1:
            mark = f" ({index + 1})"
            labels[index] = f"{shortened(spelled(name), max(5, length - len(mark)))}{mark}"
    return labels


def legend_of_names(names: Sequence[str], labels: Sequence[str]) -> tuple[str, str]:
    """Return what explains the labels that differ from their names: a line for the figure, and a text for its caption.

    The line is empty if no label stands for a name that no font can draw.
    """
    numbered = [(label, name) for name, label in zip(names, labels, strict=True) if spelled(name) != name]
    listed = shortened(", ".join(label for label, _ in numbered), 24)
    line = f"{listed}: no font of this machine can draw the name" if numbered else ""
    text = ", ".join(f"{label} is {name}" for label, name in numbered)
    sentences = [f"{text[:1].upper()}{text[1:]}."] if numbered else []
    if any("…" in label and "…" not in name for name, label in zip(names, labels, strict=True)):
        sentences.append("The mark … stands for the middle of a long name.")
    return line, " ".join(sentences)


def _has_glyph(character: str) -> bool:
    """Return whether a font has a glyph for a character; if it is another one than DejaVu Sans, use it."""
    families = list(matplotlib.rcParams["font.family"])
    family = _family(character)
    if family and family != "DejaVu Sans" and family not in families:
        matplotlib.rcParams["font.family"] = [*families, family]
    return family is not None


@cache
def _family(character: str) -> str | None:
    """Return the family of the first font that can draw a character: DejaVu Sans, then those with "Sans"."""
    if not character.isprintable():
        return None
    if ord(character) in _characters("DejaVu Sans"):
        return "DejaVu Sans"
    for family in _other_families():
        if ord(character) in _characters(family):
            try:
                _font(family).load_char(ord(character))
            except RuntimeError:  # a font of bitmaps, such as one of emojis
                continue
            return family
    return None


@cache
def _other_families() -> list[str]:
    entries = font_manager.fontManager.ttflist
    upright = {
        entry.name for entry in entries if (entry.style, entry.variant, entry.weight) == ("normal", "normal", 400)
    }
    names = [name for name in upright if not MATHS.fullmatch(name)]
    return sorted(names, key=lambda name: ("Sans" not in name, name))


@cache
def _characters(family: str) -> frozenset[int]:
    try:
        return frozenset(_font(family).get_charmap())
    except (RuntimeError, OSError, ValueError):  # a damaged font
        return frozenset()


def _font(family: str) -> FT2Font:
    font = font_manager.get_font(font_manager.findfont(font_manager.FontProperties(family=[family])))
    font.set_size(10, 72)
    return font
