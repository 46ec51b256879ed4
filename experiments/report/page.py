"""The report's page: one HTML file that holds everything it shows, and fetches nothing."""

import base64
import hashlib
import re
from pathlib import Path

HERE = Path(__file__).parent


def html(content: dict) -> str:
    """Return the page of what `experiments.report.content.gather` returned, as the text of a file."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}  # in the order given
    # Our own files and Matplotlib's SVG, in which it has escaped all text, are the only things written as they are.
    script = (HERE / "script.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    styles: dict[str, int] = {}
    pictures = {figure["stem"]: Markup(inline(figure["stem"], figure["svg"], styles)) for figure in content["figures"]}
    style = [(HERE / "style.css").read_text(encoding="utf-8")]
    style += [f".paper svg .s{number} {{ {rules} }}" for rules, number in styles.items()]
    return environment.get_template("page.html").render(
        content,
        style=Markup("\n".join(style)),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        pictures=pictures,
        fit=lambda text: "long" if len(text) > 40 else "",
    )


def inline(name: str, svg: str, styles: dict[str, int]) -> str:
    """Return a Matplotlib SVG fit to stand in a page with others: no prolog, smaller, its identifiers its own.

    Coordinates lose digits that no screen shows: a tenth of a point remains, 1/720 inch. Styles become classes,
    numbered in `styles`, which the page defines once.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style type=.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    prefix = caption_id(name).removeprefix("caption-")
    used = set(re.findall(r'(?:href="|url\()#([^")]*)', svg))

    def attribute(found):
        key, value = found[1], found[2]
        if key == "id":
            return f' id="{prefix}-{value}"' if value in used else ""
        if key == "style":
            value = value.replace("; font-family: 'DejaVu Sans'", "")  # as the style sheet has it
            return f' class="s{styles.setdefault(value, len(styles))}"'
        if key == "d":
            value = _relative(value)
        elif key in ("x", "y", "width", "height", "transform"):
            value = _rounded(value)
        else:
            value = re.sub(r"(^#|url\(#)", rf"\1{prefix}-", value)
        return f' {key}="{value}"'

    def tag(found):
        return re.sub(r'\s([\w:-]+)="([^"]*)"', attribute, found.group())

    svg = re.sub(r">\s+<", "><", re.sub(r"<[^>]*>", tag, svg))
    head, rest = svg.split(">", 1)
    # Named by the figure's caption; its width is the page's.
    head = re.sub(r' (width|height|version|xmlns:\w+)="[^"]*"', "", head)
    return f'{head} xmlns:xlink="http://www.w3.org/1999/xlink" role="img" aria-labelledby="caption-{prefix}">{rest}'


def _rounded(text):
    """Return a text with its decimals rounded to a tenth."""
    return re.sub(r"-?\d+\.\d{2,}(?:e-?\d+)?", lambda found: f"{float(found.group()):.1f}".removesuffix(".0"), text)


def _relative(path):
    """Return a path in tenths of a point; one of straight lines as steps from point to point, which are short."""
    words = path.split()
    if not set(re.findall("[A-Za-z]", path)) <= {"M", "L", "z"}:
        return _rounded(" ".join(words))
    result, here, place = [], (0, 0), 0
    while place < len(words):
        kind = words[place]
        if kind == "z":
            result.append("z")
            place += 1
            continue
        point = tuple(round(10 * float(word)) for word in words[place + 1 : place + 3])
        if kind == "M":
            result.append(f"M{_tenths(point[0])} {_tenths(point[1])}l")
        elif point != here:
            step = [_tenths(new - old) for new, old in zip(point, here, strict=True)]
            result.append((" " if result[-1][-1].isdigit() and step[0][0] != "-" else "") + step[0])
            result.append(("" if step[1][0] == "-" else " ") + step[1])
        here = point
        place += 3
    # A lone "l" has no point to go to.
    return re.sub(r"l(?=[Mz]|$)", "", "".join(result))


def _tenths(number):
    sign, number = ("-", -number) if number < 0 else ("", number)
    whole, tenth = divmod(number, 10)
    return f"{sign}{whole or ''}.{tenth}" if tenth else f"{sign}{whole}"


def caption_id(name: str) -> str:
    """Return the identifier of the caption that names a figure."""
    return "caption-f" + hashlib.sha256(name.encode()).hexdigest()[:6]
