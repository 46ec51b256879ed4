"""A Matplotlib SVG, made fit to stand in a page with others."""

import hashlib
import re

STRAIGHT = re.compile(r"z|([ML]) (\S+) (\S+)")
"""A step of a path of straight lines: back to the start, or a move or a line to a point."""

SCALE = 1.65
"""Pixels of the page for each point of a figure: letters of 7.5 points become as high as those of the page's notes."""
COLOR = re.compile(r"#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})\b")
BACK, INK, LIGHTER = 0x17, 0xE8, 0.32
"""Of the dark page: the tones of its ground and its text, and how much of white is mixed into a colour."""


def has_coloured_areas(svg: str) -> bool:
    """Return whether texts of a figure stand on coloured cells or pictures, so that it needs its white paper."""
    return bool(re.search(r'<image|id="QuadMesh|<text style="[^"]*fill: #ffffff', svg))


def style_rules(styles: dict[str, int]) -> list[str]:
    """Return the rules of the classes of `inline`, and those of the dark page for what has a colour."""
    rules = [f".paper svg .s{number} {{ {rules} }}" for rules, number in styles.items()]
    dark = [
        f".paper:not(.light) svg .s{number} {{ {COLOR.sub(_on_dark, rules)} }}"
        for rules, number in styles.items()
        if COLOR.search(rules)
    ]
    return [*rules, "@media screen and (prefers-color-scheme: dark) {", *dark, "}"]


def _on_dark(match: re.Match[str]) -> str:
    """Return the opposite of black, white or a grey, and a lighter tone of another colour."""
    tones = [int(tone, 16) for tone in match.groups()]
    if match[0] == "#ffffff":
        return "var(--back)"
    if len(set(tones)) == 1:
        tones = [round(BACK + (0xFF - tone) * (INK - BACK) / 0xFF) for tone in tones]
    else:
        tones = [round(tone + (0xFF - tone) * LIGHTER) for tone in tones]
    return "#" + "".join(f"{tone:02x}" for tone in tones)


def caption_id(stem: str) -> str:
    """Return the identifier of the caption that names a picture."""
    return f"caption-{_prefix(stem)}"


def _prefix(stem: str) -> str:
    return "f" + hashlib.sha256(stem.encode()).hexdigest()[:6]


def inline(stem: str, svg: str, styles: dict[str, int]) -> str:
    """Return an SVG without a prolog, shorter, with identifiers that no other picture of the page has.

    Coordinates are rounded to a tenth of a point (1/720 inch), which no screen shows. Styles become classes, which the
    page defines once.

    Parameters
    ----------
    stem
        The picture's name.
    svg
        The content of its file.
    styles
        By style, the number of its class; the picture's styles are added.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style type=.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    prefix = _prefix(stem)
    used = set(re.findall(r'(?:href="|url\()#([^")]*)', svg))

    def attribute(match: re.Match[str]) -> str:
        return _attribute(match[1], match[2], prefix, used, styles)

    def tag(match: re.Match[str]) -> str:
        return re.sub(r'\s([\w:-]+)="([^"]*)"', attribute, match.group())

    svg = re.sub(r">\s+<", "><", re.sub(r"<[^>]*>", tag, svg))
    head, rest = svg.split(">", 1)
    # The caption names the picture. One scale for all gives all letters one size, in every window.
    head = re.sub(r' (width|height|version|xmlns:\w+)="[^"]*"', "", head)
    box = re.search(r'viewBox="0 0 ([\d.]+) ', head)
    if box:
        head += f' width="{SCALE * float(box[1]):.0f}"'
    return f'{head} xmlns:xlink="http://www.w3.org/1999/xlink" role="img" aria-labelledby="{caption_id(stem)}">{rest}'


def _attribute(key: str, value: str, prefix: str, used: set[str], styles: dict[str, int]) -> str:
    """Return an attribute of a tag, with a leading space; empty for an identifier that is not `used`."""
    if key == "id":
        return f' id="{prefix}-{value}"' if value in used else ""
    if key == "style":
        value = re.sub("; font-family: [^;]*", "", value)  # the page's style sheet sets the font
        return f' class="s{styles.setdefault(value, len(styles))}"'
    if key == "d":
        value = _path(value)
    elif key in ("x", "y", "width", "height", "transform"):
        value = _rounded(value)
    else:
        value = re.sub(r"(^#|url\(#)", rf"\1{prefix}-", value)
    return f' {key}="{value}"'


def _rounded(text: str) -> str:
    """Return a text with its decimals rounded to a tenth."""
    return re.sub(r"-?\d+\.\d{2,}(?:e-?\d+)?", lambda match: f"{float(match.group()):.1f}".removesuffix(".0"), text)


def _path(path: str) -> str:
    """Return a path rounded to tenths; in one of straight lines, points become steps from the point before."""
    path = " ".join(path.split())
    if not set(re.findall("[A-Za-z]", path)) <= {"M", "L", "z"}:
        return _rounded(path)
    result, start = "", (0, 0)
    for step in STRAIGHT.finditer(path):
        if step[1] is None:
            result += "z"
            continue
        point = round(10 * float(step[2])), round(10 * float(step[3]))
        if step[1] == "M":
            result += f"M{_tenths(point[0])} {_tenths(point[1])}l"
        elif point != start:
            x, y = point[0] - start[0], point[1] - start[1]
            result += " " * (result[-1].isdigit() and x >= 0) + _tenths(x) + " " * (y >= 0) + _tenths(y)
        start = point
    # An "l" without a step is no path.
    return re.sub(r"l(?=[Mz]|$)", "", result)


def _tenths(number: int) -> str:
    """Return a number of tenths as a short decimal: −5 is "-.5"."""
    sign, number = ("-", -number) if number < 0 else ("", number)
    whole, tenth = divmod(number, 10)
    return f"{sign}{whole or ''}.{tenth}" if tenth else f"{sign}{whole}"
