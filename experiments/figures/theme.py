"""A drawn figure on a dark background."""

from functools import cache
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.cm import ScalarMappable
from matplotlib.collections import Collection
from matplotlib.colors import Colormap, ListedColormap, to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from experiments.figures.style import COLORS

THEMES = ("light", "dark")

LIGHTEST = 1.2
"""The sum of the lightnesses (Oklab) of a colour on white and of that on the dark background, which is #161616."""

ON_DARK = {
    "relu": "#b23e0f",
    "leaky_relu": "#1a59f9",
    "elu": "#20b100",
    "tanh": "#9f85e2",
    "sigmoid": "#f7f67a",
    "softplus": "#e88fa2",
    "maxout": "#a86a83",
    "shifted_relu": "#92c8ff",
}
"""The colours of `COLORS` on the dark background.

They keep its distances of 0.12, also for readers with a colour blindness, and have a contrast of 3:1 or more.
"""

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_KNOWN = {to_hex(color): to_rgba(ON_DARK[name])[:3] for name, color in COLORS.items()}


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Return colours (…, 3) in Oklab (Ottosson 2020)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lab: np.ndarray = np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T
    return lab


def _from_oklab(lab: np.ndarray) -> np.ndarray:
    """Return colours (…, 3) as red, green and blue; those that a screen cannot show are outside 0 to 1."""
    linear = (lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_CONES).T
    rgb: np.ndarray = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055)
    return rgb


def on_dark(rgb: np.ndarray) -> np.ndarray:
    """Return colours (…, 3) with their hue and the opposite lightness; their chroma is lowered until a screen shows it.

    Distances of colours that keep their chroma stay as they are.
    """
    lab = oklab(np.asarray(rgb, float))
    lab[..., 0] = np.minimum(LIGHTEST - lab[..., 0], 1)
    result = np.full_like(lab, np.nan)
    for share in np.linspace(1, 0, 26):
        shown = _from_oklab(lab * [1, share, share])
        fits = np.isnan(result).any(axis=-1) & ((shown > -2e-3) & (shown < 1 + 2e-3)).all(axis=-1)
        result[fits] = shown[fits]
    clipped: np.ndarray = np.clip(result, 0, 1)
    return clipped


def darken(figure: Figure) -> None:
    """Give a finished figure a dark background, and every colour in it its counterpart there."""
    figure.set_facecolor("white")
    for artist in figure.findobj():
        for change in (_darken_shape, _darken_map):
            change(artist)


def _darken_shape(artist: Artist) -> None:
    """Recolour a text, a line, a patch or a collection."""
    if isinstance(artist, Text):
        artist.set_color(_one(artist.get_color()))
        if (box := artist.get_bbox_patch()) is not None:
            _darken_shape(box)
    elif isinstance(artist, Line2D):
        faces = artist.get_markerfacecolor(), artist.get_markerfacecoloralt(), artist.get_markeredgecolor()
        artist.set_color(_one(artist.get_color()))
        artist.set_markerfacecolor(_one(faces[0]))
        artist.set_markerfacecoloralt(_one(faces[1]))
        artist.set_markeredgecolor(_one(faces[2]))
    elif isinstance(artist, Patch):
        edge, face = artist.get_edgecolor(), artist.get_facecolor()
        artist.set(edgecolor=_one(edge), facecolor=_one(face))
    elif isinstance(artist, Collection) and artist.get_array() is None:
        edges, faces_of = np.atleast_2d(artist.get_edgecolor()), np.atleast_2d(artist.get_facecolor())
        artist.set_edgecolor([_one(color) for color in edges])
        artist.set_facecolor([_one(color) for color in faces_of])


def _darken_map(artist: Artist) -> None:
    """Recolour an image. A map of colours without white stays: it fits any background."""
    if not isinstance(artist, ScalarMappable) or artist.get_array() is None:
        return
    colors = np.asarray(artist.get_array(), float)
    if isinstance(artist, AxesImage) and colors.ndim == 3:
        artist.set_data(np.concatenate([on_dark(colors[..., :3]), colors[..., 3:]], axis=-1))
    else:
        artist.set_cmap(_map_on_dark(artist.get_cmap()))


def _one(color: Any) -> Any:
    """Return the counterpart of one colour; "none" stays."""
    if isinstance(color, str) and color in ("none", "auto"):
        return color
    red, green, blue, alpha = to_rgba(color)
    return (*_counterpart(to_hex((red, green, blue))), alpha)


@cache
def _counterpart(color: str) -> tuple[float, float, float]:
    """Return the counterpart of an opaque colour: that of `ON_DARK` for an activation's."""
    if color in _KNOWN:
        return _KNOWN[color]
    red, green, blue = on_dark(np.array(to_rgba(color)[:3])).tolist()
    return red, green, blue


def _map_on_dark(colormap: Colormap) -> Colormap:
    """Return the counterpart of a map of colours that has white, and any other map as it is."""
    colors = colormap(np.linspace(0, 1, 256))[:, :3]
    return ListedColormap(on_dark(colors)) if colors.min(axis=1).max() > 0.9 else colormap
