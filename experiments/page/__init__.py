"""The report's page: one HTML file that holds everything it shows, and fetches nothing."""

import base64
import hashlib
import re
from pathlib import Path

HERE = Path(__file__).parent


def html(content: dict) -> str:
    """Return the page of what `experiments.page.content.gather` returned, as the text of a file."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    # Our own files and Matplotlib's SVG, in which it has escaped all text, are the only things written as they are.
    script = (HERE / "script.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html").render(
        content,
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        inline=lambda name, svg: Markup(inline(name, svg)),
    )


def inline(name: str, svg: str) -> str:
    """Return a Matplotlib SVG fit to stand in a page with others: no prolog, smaller, its identifiers its own.

    Coordinates lose digits that no screen shows: a tenth of a point remains, 1/720 inch.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style type=.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    prefix = "f" + hashlib.sha256(name.encode()).hexdigest()[:8]
    svg = re.sub(r' id="([^"]*)"', rf' id="{prefix}-\1"', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\1{prefix}-", svg)
    # Text between tags is left alone; a number in an attribute has its point.
    svg = re.sub(r'(?<==")[^"<>]*\d\.\d\d[^"<>]*(?=")', _rounded, svg)
    svg = re.sub(r">\s+<", "><", svg)
    head, rest = svg.split(">", 1)
    # Named by the figure's caption; its width is the page's.
    head = re.sub(r' (width|height|version|xmlns:\w+)="[^"]*"', "", head)
    return f'{head} xmlns:xlink="http://www.w3.org/1999/xlink" role="img" aria-labelledby="caption-{prefix}">{rest}'


def caption_id(name: str) -> str:
    """Return the identifier of the caption that names a figure."""
    return "caption-f" + hashlib.sha256(name.encode()).hexdigest()[:8]


def _rounded(match):
    text = match.group()
    if text.startswith("data:"):
        return text
    text = re.sub(r"-?\d+\.\d{2,}(?:e-?\d+)?", lambda number: f"{float(number.group()):.1f}".removesuffix(".0"), text)
    return re.sub(r"\s+", " ", text)
