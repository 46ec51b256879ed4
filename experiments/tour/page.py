"""The page of the tour: one HTML file that contains all that it shows and fetches nothing."""

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from experiments.tour.drawing import Look
from experiments.tour.station import Station

HERE = Path(__file__).parent

SAMPLES = {
    "line": (34, "line", "M1 5h32"),
    "dot": (18, "dots", "M9 5h0"),
    "filled": (18, "cell", "M2 0h14v10h-14z"),
    "hollow": (18, "dead", "M4 1h9v8h-9z"),
}
"""By shape of a look: the width, the class and the path of its picture in a legend."""


def html(stations: Sequence[Station], made: str) -> str:
    """Return the page of these stations; `made` says how it was made."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    moving: dict[str, dict[str, dict[str, list[str]]]] = {station.name: {} for station in stations}
    # Panels escape their texts. Of the rest only our own files are not escaped.
    pictures = {
        station.name: [
            Markup(panel.svg(f"{station.name}-{index}", moving[station.name]))
            for index, panel in enumerate(station.panels)
        ]
        for station in stations
    }
    script = (HERE / "script.js").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(
        stations=stations,
        pictures=pictures,
        moving=moving,
        sample=_sample,
        unbroken=lambda text: re.sub(" (?=[%·])|(?<=·) ", "\u00a0", text),
        made=made,
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    )


def _sample(look: Look) -> Markup:
    """Return what stands for a look in a legend."""
    attributes = Markup(" ").join(Markup('{}="{}"').format(key, value) for key, value in look.attributes.items())
    width, kind, path = SAMPLES[look.shape]
    return Markup('<svg viewBox="0 0 {} 10" aria-hidden="true"><path class="{}" d="{}" {}/></svg>').format(
        width, kind, path, attributes
    )
