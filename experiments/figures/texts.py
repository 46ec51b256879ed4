"""Text from a study in a figure: characters that a font must have, names that are too long, and `$`.

A character that DejaVu Sans lacks is drawn in another font of this machine. If none has it, its code stands there
instead, such as [U+732B], or a number stands for the whole name. So nothing is drawn as an empty box.
"""

import re
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, lru_cache

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from matplotlib.textpath import TextPath

MATHS = re.compile("cm[a-z]+10|STIX(NonUnicode|Size).*|.*Last ?Resort.*")
"""Fonts that have glyphs at the wrong characters, or a box for each character."""


def literal(text: str) -> str:
    """Return text in the form that Matplotlib writes unchanged: `$` starts no formula, and each character has a glyph.

    `set_fonts` gives the figure the fonts of these glyphs.
    """
    return spelled(text).replace("$", r"\$")


def spelled(text: str) -> str:
    """Return text with the codes of characters that no font has in their place, such as "[U+732B U+72AC]"."""
    result, codes = "", list[str]()
    for character in f"{text}\n":
        if character == "\n" or _family(character):
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


def narrowed(texts: Sequence[str], shorten: Callable[[int], list[str]], width: float, size: float) -> list[str]:
    """Return texts, or what `shorten` makes of them for the largest number of characters that fits.

    Parameters
    ----------
    texts, shorten
        The texts, and the function that returns them with at most so many characters each.
    width, size
        The width in inches, and the font size.
    """
    result, length = list(texts), max(map(len, texts), default=0)
    while length > 9 and (widest := max(width_of(text, size) for text in result)) > width:
        length = max(9, min(length - 1, int(length * width / widest)))
        result = shorten(length)
    return result


def fitted(text: str, width: float, size: float) -> str:
    """Return text as `literal` does, shortened to a width in inches at a font size."""
    text = shortened(text, int(4 * 72 * width / size))  # no letter is narrower than a quarter of the size
    (result,) = narrowed([text], lambda length: [shortened(text, length)], width, size)
    return literal(result)


def wrapped(notes: Sequence[str], width: float) -> str:
    """Return notes in lines that fit into a width in inches."""
    return "\n".join(line for note in notes for line in textwrap.wrap(note, round(width / 0.062)))


@lru_cache(maxsize=4096)
def width_of(text: str, size: float) -> float:
    """Return the width of a line of text in inches at a font size."""
    if not text.strip():
        return 0.0  # Matplotlib makes no path of nothing
    text = literal(text)
    font = font_manager.FontProperties(family=families(text))
    return float(TextPath((0, 0), text, size=size, prop=font).get_extents().width) / 72


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


def families(text: str) -> list[str]:
    """Return the fonts that draw a text: DejaVu Sans, then those of the characters that it lacks."""
    return list(dict.fromkeys(["DejaVu Sans", *filter(None, map(_family, text))]))


def set_fonts(figure: Figure) -> None:
    """Give every text of a finished figure the fonts that it needs besides its own."""
    for text in figure.findobj(Text):
        fonts = families(text.get_text())
        if len(fonts) > 1:
            text.set_fontfamily(list(dict.fromkeys([*text.get_fontfamily(), *fonts])))


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
