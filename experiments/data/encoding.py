"""Decodes the text of a file, and says which encoding reads it where the usual one does not."""

import codecs
import re

from experiments.data.choices import pasted
from experiments.data.layout import Delimited, Layout, other_layout
from experiments.data.refusals import Refusal


def decoded(content: bytes, layout: Layout) -> str:
    """Return the text of a file.

    Raises
    ------
    ValueError
        With the line and the options that read the file, where they are known.
    """
    encoding = layout.encoding
    is_utf8 = encoding == "utf-8"
    if encoding.startswith(("utf-16", "utf-32")) and b"\0" not in content:
        raise Refusal(f"the file is not {encoding}: add dataset.encoding=utf-8", encoding="utf-8")
    if is_utf8 and content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        options = _options(content, "utf-16", layout)
        raise Refusal(f"is written in UTF-16: add {pasted(options)}", **options)
    if is_utf8 and b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        for name, zeros in (("utf-16-le", content[1::2]), ("utf-16-be", content[::2])):
            if len(content) % 2 == 0 and zeros.count(0) > 0.9 * len(zeros):
                reason = f"line {line} has a NUL byte, the file looks like UTF-16: add dataset.encoding={name}"
                raise Refusal(reason, encoding=name)
        raise ValueError(f"line {line} has a NUL byte: allowed is text in UTF-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise _undecodable(content, layout, error) from None
    if "\0" in text:
        raise ValueError(f"line {text[: text.index(chr(0))].count(chr(10)) + 1} has a NUL character")
    return text.removeprefix("\ufeff")


def _options(content: bytes, encoding: str, layout: Layout) -> dict[str, str]:
    """Return the options that read a file in another encoding, with those of its separator if that is another, too."""
    file = Delimited.of(content.decode(encoding, errors="replace"), layout.delimiter)
    _, cells = next(file.rows(lenient=True), (0, []))
    return {"encoding": encoding} | (other_layout(file, layout) if len(cells) == 1 else {})


def _undecodable(content: bytes, layout: Layout, error: UnicodeDecodeError) -> ValueError:
    encoding = layout.encoding
    line = content[: error.start].count(b"\n")
    message = f"line {line + 1} is not {encoding} (byte {content[error.start]:#x})"
    for other in ("cp1252", "latin-1") if encoding == "utf-8" else ("utf-8", "cp1252"):
        try:
            text = content.decode(other)
        except UnicodeDecodeError:
            continue
        word = re.search(r"\S*[^\x00-\x7f]\S*", text.split("\n")[line])
        condition = f", if {word[0][:40]!r} is right" if word else ""
        options = _options(content, other, layout)
        return Refusal(f"{message}: add {pasted(options)}{condition}", **options)
    return ValueError(f"{message}: dataset.encoding=… names the encoding of the file")


def other_reading(content: bytes, text: str) -> str:
    """Return a word that UTF-8 reads otherwise than the text does, with both readings; "" if there is none."""
    word = re.search(r"[^\s,;]*[^\x00-\x7f][^\s,;]*", text)
    try:
        usual = content.decode("utf-8-sig") if word else text
    except UnicodeDecodeError:
        return ""
    other = re.search(r"[^\s,;]*[^\x00-\x7f][^\s,;]*", usual)
    return f"{word[0]!r} would be {other[0]!r}" if word and other and usual != text else ""
