"""The report's page: one HTML file that contains everything it shows and fetches nothing."""

import base64
import hashlib
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from experiments.report.content import Content
from experiments.report.drawing import Picture
from experiments.report.over import FIGURES
from experiments.report.svg import caption_id, has_coloured_areas, inline, style_rules
from experiments.report.text import DEMONSTRATED, DEMONSTRATIONS

HERE = Path(__file__).parent
NAMES = ("condition", "data set", "output")
LEADERBOARD = (*NAMES, "test error", "95 % interval", "diverged", "verdict", "difference", "rank", "learning rate")
COMPARISONS = (*NAMES, "difference", "corrected interval", "verdict", "corrected p (Holm)", "reference")
COMPARED = (*NAMES, "difference", "corrected interval", "corrected p (Holm)", "what differs", "pairs")
OVER = ("treatment", "mean rank", "verdict", "mean difference", "95 % interval", "wins / losses")
"""The columns of the tables that a reader sees first, the most important ones first."""


def html(content: Content, kinds: Sequence[str] = ("svg",)) -> str:
    """Return the page as the text of a file; `kinds` are those of its figures' files."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}  # keys keep their order
    # Only our own files and Matplotlib's SVG, whose texts Matplotlib has escaped, are not escaped here.
    script = (HERE / "script.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    first = FIGURES if content.over else ()
    styles: dict[str, int] = {}
    inlined = {picture.stem: Markup(inline(picture.stem, picture.svg, styles)) for picture in content.pictures}
    style = [(HERE / "style.css").read_text(encoding="utf-8"), *style_rules(styles)]
    compared = content.study_comparison
    return environment.get_template("page.html").render(
        vars(content),
        style=Markup("\n".join(style)),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        over_pictures=[picture for figure in first for picture in content.pictures if picture.figure == figure],
        over_leading=content.over.table.leading(OVER) if content.over else None,
        leading={
            "leaderboard": content.leaderboard.leading(LEADERBOARD),
            "comparisons": content.comparisons.leading(COMPARISONS),
            "compared": compared.table.leading(COMPARED) if compared else None,
        },
        command_by_run={row.run: row.command for row in content.commands},
        figures=_figures(
            picture for picture in content.pictures if not picture.demonstration and picture.figure not in first
        ),
        demonstrations=_figures(picture for picture in content.pictures if picture.demonstration),
        demonstrations_title=DEMONSTRATIONS,
        demonstrated=DEMONSTRATED,
        kinds=kinds,
        inlined=inlined,
        light={picture.stem for picture in content.pictures if has_coloured_areas(picture.svg)},
        caption_id=caption_id,
        pack=_packed,
        text_class=lambda text: "long" if len(text) > 40 else "",
    )


def _packed(svg: str) -> str:
    """Return a figure as a quarter of its text, which the page's script unpacks when it is opened."""
    return base64.b64encode(zlib.compress(svg.encode(), 9, -zlib.MAX_WBITS)).decode()


def _figures(pictures: Iterable[Picture]) -> list[list[Picture]]:
    """Return the pictures of each figure, with the leaderboard first."""
    groups: dict[str, list[Picture]] = {}
    for picture in sorted(pictures, key=lambda picture: picture.figure != "leaderboard"):
        groups.setdefault(picture.figure, []).append(picture)
    return list(groups.values())
