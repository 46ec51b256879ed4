"""The boxes of a figure's texts as they are drawn: which overlap, and which are cut off by the figure's edge."""

import math
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

DPI = 300
"""Dots per inch at which texts are measured: at fewer, the widths of letters are rounded to whole dots."""

TOLERANCE = 0.75
"""Points by which the boxes of two texts may overlap, since letters seldom reach the edges of their box."""


class Box(NamedTuple):
    """A line of text, and the corners (4, 2) of its box in points from the lower left corner of the figure."""

    text: str
    corners: np.ndarray


def text_boxes(figure: Figure) -> list[Box]:
    """Return the box of each line of text that the figure draws."""
    dpi, figure.dpi = figure.dpi, DPI
    try:
        recorder = _Recorder(figure)
        figure.draw(recorder)
    finally:
        figure.dpi = dpi
    return recorder.boxes


def crowded(figure: Figure) -> list[str]:
    """Return a sentence for each two texts that overlap, and for each text that the figure's edge cuts off."""
    boxes = text_boxes(figure)
    width, height = 72 * figure.get_size_inches()
    faults = [f"{one.text!r} overlaps {other.text!r}" for one, other in combinations(boxes, 2) if _overlap(one, other)]
    for box in boxes:
        low, high = box.corners.min(axis=0), box.corners.max(axis=0)
        if (low < -TOLERANCE).any() or high[0] > width + TOLERANCE or high[1] > height + TOLERANCE:
            faults.append(f"{box.text!r} is cut off")
    return faults


def _overlap(one: Box, other: Box) -> bool:
    """Return whether two rectangles overlap by more than the tolerance, along each of their four directions."""
    for corners in (one.corners, other.corners):
        for edge in (corners[1] - corners[0], corners[3] - corners[0]):
            direction = edge / (np.hypot(*edge) or 1)
            first, second = one.corners @ direction, other.corners @ direction
            if min(first.max(), second.max()) - max(first.min(), second.min()) <= TOLERANCE:
                return False
    return True


class _Recorder(RendererBase):
    """Draws nothing, and notes where each line of text would be."""

    def __init__(self, figure: Figure):
        super().__init__()
        self.boxes: list[Box] = []
        self._scale = 72 / figure.dpi
        self._size = (figure.get_figwidth() * figure.dpi, figure.get_figheight() * figure.dpi)
        width, height = self._size
        self._agg: Any = RendererAgg(width, height, figure.dpi)  # type: ignore[no-untyped-call]

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = False,
        mtext: Any = None,
    ) -> None:
        """Note the box of a line whose baseline begins at (x, y), which y measures from the top."""
        width, height, descent = self.get_text_width_height_descent(s, prop, ismath)
        turn = math.radians(angle)
        along, up = np.array([math.cos(turn), math.sin(turn)]), np.array([-math.sin(turn), math.cos(turn)])
        lower = np.array([x, self._size[1] - y]) - descent * up
        corners = [lower, lower + width * along, lower + width * along + height * up, lower + height * up]
        if s.strip() and gc.get_alpha() != 0:
            self.boxes.append(Box(s, self._scale * np.array(corners)))

    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> tuple[float, float, float]:
        """Return what Agg measures, in pixels."""
        measured: tuple[float, float, float] = self._agg.get_text_width_height_descent(s, prop, ismath)
        return measured

    def points_to_pixels(self, points: Any) -> Any:
        """Return points in pixels."""
        return points / self._scale

    def get_canvas_width_height(self) -> tuple[float, float]:
        """Return the size of the figure in pixels."""
        return self._size

    def flipy(self) -> bool:
        """Return that y is measured from the top."""
        return True

    def draw_path(self, *arguments: Any, **options: Any) -> None:
        """Draw nothing."""

    draw_markers = draw_path_collection = draw_quad_mesh = draw_image = draw_gouraud_triangles = draw_path
