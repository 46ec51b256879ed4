"""The report's page: one HTML file that contains everything it shows and fetches nothing."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from experiments.report.content import Content
from experiments.report.drawing import Picture
from experiments.report.over import FIGURES
from experiments.report.svg import caption_id, inline
from experiments.report.text import DEMONSTRATED, DEMONSTRATIONS

HERE = Path(__file__).parent


def html(content: Content, kinds: Sequence[str] = ("svg",)) -> str:
    """Return the page as the text of a file; `kinds` are those of its figures' files."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}  # keys keep their order
    # Only our own files and Matplotlib's SVG, whose texts Matplotlib has escaped, are not escaped here.
    script = (HERE / "script.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    leading = FIGURES if content.over else ()
    styles: dict[str, int] = {}
    inlined = {picture.stem: Markup(inline(picture.stem, picture.svg, styles)) for picture in content.pictures}
    style = [(HERE / "style.css").read_text(encoding="utf-8")]
    style += [f".paper svg .s{number} {{ {rules} }}" for rules, number in styles.items()]
    return environment.get_template("page.html").render(
        vars(content),
        style=Markup("\n".join(style)),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        over_pictures=[picture for figure in leading for picture in content.pictures if picture.figure == figure],
        figures=_figures(
            picture for picture in content.pictures if not picture.demonstration and picture.figure not in leading
        ),
        demonstrations=_figures(picture for picture in content.pictures if picture.demonstration),
        demonstrations_title=DEMONSTRATIONS,
        demonstrated=DEMONSTRATED,
        kinds=kinds,
        inlined=inlined,
        caption_id=caption_id,
        text_class=lambda text: "long" if len(text) > 40 else "",
    )


def _figures(pictures: Iterable[Picture]) -> list[list[Picture]]:
    """Return the pictures of each figure, with the leaderboard first."""
    groups: dict[str, list[Picture]] = {}
    for picture in sorted(pictures, key=lambda picture: picture.figure != "leaderboard"):
        groups.setdefault(picture.figure, []).append(picture)
    return list(groups.values())
