"""Panels as SVG, in the colours of the page, light or dark. What moves has a value for each position of a slider."""

import base64
import io
from collections.abc import Callable, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
from matplotlib.image import imsave
from numpy.typing import ArrayLike

from experiments.figures.style import CLASSES, DASHES, identity
from experiments.tour.wording import RAISED, signed


class Moving(tuple[str, ...]):
    """The texts of an attribute, one for each position of the station's slider."""


Text = str | Moving


class Look(NamedTuple):
    """The colour and the dashes of a line; without a colour it has that of the text.

    In a legend it stands for a "line", a "dot", or a square that is "filled" or "hollow".
    """

    color: str = ""
    dash: int = 0
    shape: str = "line"

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of an element with this look."""
        pattern = " ".join(f"{2 * length:g}" for length in DASHES[self.dash])
        return ({"style": f"--c:{self.color}"} if self.color else {}) | (
            {"stroke-dasharray": pattern} if pattern else {}
        )


def of_activation(name: str) -> Look:
    """Return the look that an activation has in every figure."""
    return Look(*identity(name))


FIRST, SECOND = Look(CLASSES[0]), Look(CLASSES[1])
"""Two looks that are no activation's: two classes, or two costs."""
PLAIN, DASHED, FAINT = Look(), Look(dash=1), Look("var(--muted)")


class Axis(NamedTuple):
    """An axis: its ends, its ticks and its name."""

    low: float
    high: float
    ticks: Sequence[float] = ()
    label: str = ""
    log: bool = False

    def share(self, values: ArrayLike) -> np.ndarray:
        """Return how far values lie between the ends, as shares of the axis."""
        values, ends = np.asarray(values, float), np.array([self.low, self.high])
        if self.log:
            values, ends = np.log(np.maximum(values, 1e-300)), np.log(ends)
        share: np.ndarray = (values - ends[0]) / (ends[1] - ends[0])
        return share


class Canvas:
    """An SVG picture with a name, of a width and a height in pixels.

    Elements that are added with `cut` end at the edges of `box` (x, y, width, height).
    """

    box: tuple[int, int, int, int]

    def __init__(self, title: str, width: int, height: int):
        self.title, self.width, self.height = title, width, height
        self.box = 0, 0, width, height
        self._elements: list[tuple[str, dict[str, Any], Text]] = []

    def add(self, tag: str, content: Text = "", cut: bool = False, **attributes: Any) -> None:
        """Add an element. An attribute may be `Moving`; `kind` is its class, and "_" in a name stands for "-"."""
        named = {"class" if key == "kind" else key.replace("_", "-"): value for key, value in attributes.items()}
        self._elements.append((tag, named | ({"clip-path": True} if cut else {}), content))

    def text(self, x: float, y: float, content: Text, anchor: str = "start", kind: Text = "") -> None:
        """Add a text at a point, if there is one."""
        if content:
            self.add("text", content, x=_short(x), y=_short(y), text_anchor=anchor, kind=kind)

    def svg(self, name: str, moving: dict[str, dict[str, list[str]]]) -> str:
        """Return the picture at its slider's last position; what moves is added to `moving`, by identifier."""
        x, y, width, height = self.box
        edges = f'<rect x="{x - 4}" y="{y - 4}" width="{width + 8}" height="{height + 8}"/>'
        parts = [
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(self.title)}" '
            f'style="--width:{self.width}px"><clipPath id="{name}-edges">{edges}</clipPath>'
        ]
        for index, (tag, attributes, content) in enumerate(self._elements):
            values = attributes | ({"clip-path": f"url(#{name}-edges)"} if "clip-path" in attributes else {})
            changing = {key: list(value) for key, value in values.items() if isinstance(value, Moving)}
            changing |= {"text": list(content)} if isinstance(content, Moving) else {}
            if changing:
                moving[f"{name}-{index}"] = changing
                values["id"] = f"{name}-{index}"
            written = "".join(f' {key}="{escape(str(_last(value)))}"' for key, value in values.items() if value != "")
            parts.append(f"<{tag}{written}>{escape(_last(content))}</{tag}>")
        return "".join([*parts, "</svg>"])


class Panel(Canvas):
    """Two axes with a title, and what is drawn between them."""

    def __init__(self, title: str, x: Axis, y: Axis, width: int = 320, height: int = 220, left: int = 46):
        super().__init__(title, width, height)
        self.x, self.y = x, y
        low = 8 + 16 * bool(x.ticks) + 16 * bool(x.label)
        self.box = x0, y0, wide, high = (left, 28, width - left - 16, height - 28 - low)
        self.text(0, 14, title, kind="title")
        for value in y.ticks:
            at = y0 + high * (1 - float(y.share(value)))
            self.add("path", kind="grid", d=f"M{x0} {_short(at)}h{wide}")
            self.text(x0 - 5, at + 4, number(value, y.log), "end", "tick")
        for value in x.ticks:
            at = x0 + wide * float(x.share(value))
            self.text(at, y0 + high + 17, number(value, x.log), "middle", "tick")
        self.add("path", kind="axis", d=f"M{x0} {y0}v{high}h{wide}")
        self.text(x0 + wide / 2, height - 4, x.label, "middle", "label")
        if y.label:
            turned = f"translate(11 {_short(y0 + high / 2)}) rotate(-90)"
            self.add("text", y.label, transform=turned, text_anchor="middle", kind="label")

    def at(self, x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return where values lie in the picture; those far beyond the axes lie somewhat nearer."""
        x0, y0, wide, high = self.box
        return (
            x0 + wide * np.clip(self.x.share(x), -3, 4),
            y0 + high * (1 - np.clip(self.y.share(y), -3, 4)),
        )

    def line(self, look: Look, x: ArrayLike, y: ArrayLike, kind: str = "line") -> None:
        """Draw a line. Rows of `x` or `y` (positions, n) make it move. A NaN is a gap."""
        self.add("path", cut=True, kind=kind, d=self._moved(_path, x, y), **look.attributes)

    def dots(self, look: Look, x: ArrayLike, y: ArrayLike, kind: str = "dots") -> None:
        """Draw points, as `line`."""
        self.add("path", cut=True, kind=kind, d=self._moved(_dots, x, y), style=look.attributes.get("style", ""))

    def band(self, look: Look, x: ArrayLike, low: ArrayLike, high: ArrayLike) -> None:
        """Fill the band between two curves."""
        along, around = (np.concatenate([one, np.flip(other)]) for one, other in ((x, x), (low, high)))
        self.add("path", cut=True, kind="band", d=_path(*self.at(along, around)) + "Z", **look.attributes)

    def bars(self, look: Look, edges: ArrayLike, heights: ArrayLike) -> None:
        """Draw a histogram; rows of `heights` (positions, bins) make it move."""
        heights = np.repeat(np.asarray(heights, float), 2, axis=-1)
        ends = [(0, 0)] * (heights.ndim - 1) + [(1, 1)]
        self.add(
            "path", kind="bars", d=self._moved(_path, np.repeat(edges, 2), np.pad(heights, ends)), **look.attributes
        )

    def region(self, low: float, high: float) -> None:
        """Shade what lies between two values of x."""
        (first, last), _ = self.at([low, high], [self.y.low] * 2)
        _, y0, _, tall = self.box
        self.add("rect", kind="region", x=_short(first), y=y0, width=_short(last - first), height=tall)

    def picture(self, images: Sequence[np.ndarray], kind: str = "") -> None:
        """Fill the panel with an image (rows, columns, 4) whose first row is the highest, or with one that moves."""
        x0, y0, wide, high = self.box
        shown: dict[str, Any] = {"x": x0, "y": y0, "width": wide, "height": high, "preserveAspectRatio": "none"}
        addresses = Moving(map(png, images))
        self.add("image", href=addresses if len(addresses) > 1 else addresses[0], kind=kind, **shown)

    def note(self, content: Text, anchor: str = "end", line: int = 0) -> None:
        """Write a line at the top of the panel: at its start, middle or end."""
        x0, y0, wide, _ = self.box
        x = {"start": x0 + 5, "middle": x0 + wide / 2, "end": x0 + wide - 3}[anchor]
        self.text(x, y0 + 12 + 15 * line, content, anchor, "note")

    def mark(self, x: float, y: float, content: str, anchor: str = "start") -> None:
        """Draw a point with a name that starts right of it, or ends left of it."""
        (across,), (up,) = self.at([x], [y])
        self.dots(PLAIN, [x], [y])
        self.text(float(across) + (8 if anchor == "start" else -8), float(up) + 4, content, anchor, "note")

    def cursor(self, values: Sequence[float]) -> None:
        """Mark the slider's position by a line up the panel; `values` are those of x."""
        _, y0, _, high = self.box
        where, _ = self.at(values, [self.y.low] * len(values))
        self.add("path", kind="cursor", d=Moving(f"M{_short(x)} {y0}v{high}" for x in where))

    def _moved(self, write: Callable[[np.ndarray, np.ndarray], str], x: ArrayLike, y: ArrayLike) -> Text:
        across, up = np.broadcast_arrays(*self.at(x, y))
        return write(across, up) if across.ndim == 1 else Moving(map(write, across, up))


def number(value: float, power: bool = False) -> str:
    """Return a number of a tick: plain, or as a power of ten."""
    if power and not 0.01 <= value <= 1000:
        return f"10{str(round(np.log10(value))).translate(RAISED)}"
    return signed(value)


def png(image: np.ndarray) -> str:
    """Return an image (rows, columns, 4), with values from 0 to 1, as an address that holds all of it."""
    target = io.BytesIO()
    imsave(target, (255 * np.asarray(image)).round().astype(np.uint8), format="png")
    return f"data:image/png;base64,{base64.b64encode(target.getvalue()).decode()}"


def _last(text: Any) -> Any:
    """Return what is shown at a slider's last position."""
    return text[-1] if isinstance(text, Moving) else text


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _path(x: np.ndarray, y: np.ndarray) -> str:
    """Return a path of straight lines with a gap at each NaN."""
    path, pen = "", "M"
    for across, up in zip(x, y, strict=True):
        if np.isnan(across) or np.isnan(up):
            pen = "M"
            continue
        path += f"{pen}{_short(across)} {_short(up)}"
        pen = "L"
    return path


def _dots(x: np.ndarray, y: np.ndarray) -> str:
    """Return a path of lines without length, which round caps make dots."""
    return "".join(f"M{_short(across)} {_short(up)}h0" for across, up in zip(x, y, strict=True))
