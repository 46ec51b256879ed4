"""Draws a traced computational graph, a formula with its derivative, and a sheet of activations."""

import functools
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.textpath import TextPath

from experiments.config.catalogue import Entry
from experiments.explain.trace import SYMBOLS, Step, show
from experiments.figures.style import COLORS, INK, MUTED, RC, identity, legend, sheet
from experiments.figures.texts import literal
from nets.formula import Formula
from nets.graph import Gate, Node

VALUE, GRADIENT = "#0d7a58", "#c03020"

SIZE, LINE, RADIUS = 8, 0.15, 0.17
"""Font size in points; inches of a line of text and of a gate's radius."""

GAP = 0.3
"""Inches between columns, in which the edges climb; half of it separates neighbours in a column."""

ORDERED_SWEEPS, SWEEPS = 31, 240
"""The layout sweeps through the columns so often; only the first sweeps may change the order within a column."""


@dataclass(eq=False)
class _Slot:
    """An entry of a column: a node, one of several paths that leave a node, or an edge that passes by.

    Its stub is the level piece of edge to its right, with a value above and a gradient below.
    """

    rank: int
    above: str = ""
    below: str = ""
    step: Step | None = None
    sources: list["_Slot"] = field(default_factory=list)
    targets: list["_Slot"] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0
    end: float = 0.0

    @property
    def gate(self) -> Gate | None:
        """The gate of the node, if it has one."""
        return self.step.node.gate if self.step else None

    @property
    def head(self) -> float:
        """Inches from the left end to the stub, for the gate or the leaf's name."""
        if self.step is None:
            return 0.0
        return 2 * RADIUS if self.gate else _width(self.step.label) + 0.05

    @property
    def lead(self) -> float:
        """Inches between the stub's text and the word under the gate."""
        return 0.16 if self.gate and "\n" in self.below else 0.0

    @property
    def stub(self) -> float:
        """Length of the stub in inches."""
        return max(_width(self.above), _width(self.below)) + 0.14 + self.lead if self.above or self.below else 0.1

    @property
    def reach(self) -> tuple[float, float]:
        """Inches that it needs below and above its own line."""
        up, down = (LINE * (text.count("\n") + 1) if text else 0.06 for text in (self.above, self.below))
        is_gate = self.gate is not None
        return max(down, (RADIUS + LINE) * is_gate), max(up, RADIUS * is_gate)


def draw_graph(steps: Sequence[Step]) -> Figure:
    """Draw a traced graph from left to right: values above the edges, gradients below, and what each gate does.

    If several paths leave a node, the node's gradient is the sum of the paths' gradients, which are drawn on the paths.
    """
    slots = _slots(steps)
    _lay_out(slots)
    margin = 0.15
    bottom = min(slot.y - slot.reach[0] for slot in slots) - margin
    top = max(slot.y + slot.reach[1] for slot in slots) + margin
    right = max(slot.end for slot in slots) + margin
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(right + margin, top - bottom))
        FigureCanvasAgg(figure)
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set(xlim=(-margin, right), ylim=(bottom, top), aspect="equal")
        ax.axis("off")
        for slot in slots:
            _draw(ax, slot)
    return figure


def _draw(ax: Axes, slot: _Slot) -> None:
    start = slot.x + slot.head
    ax.plot([start, slot.end], [slot.y, slot.y], color=MUTED, linewidth=0.9, zorder=1)
    for target in slot.targets:
        _draw_edge(ax, slot, target)
    text: dict[str, Any] = {"ha": "center", "fontsize": SIZE, "linespacing": 1.15}
    middle = start + (slot.lead + slot.stub) / 2
    ax.text(middle, slot.y + 0.03, slot.above, color=VALUE, va="bottom", gid="value", **text)
    ax.text(middle, slot.y - 0.035, slot.below, color=GRADIENT, va="top", gid="gradient", **text)
    if slot.step and slot.gate:
        _draw_gate(ax, slot.x + RADIUS, slot.y, slot.gate, slot.step.effect.split(", ")[0] if slot.step.sent else "")
    elif slot.step:
        color, weight = (MUTED, "normal") if slot.step.upstream is None else (INK, "bold")
        ax.text(slot.x, slot.y, slot.step.label, color=color, va="center", fontsize=SIZE, weight=weight)


def _draw_edge(ax: Axes, slot: _Slot, target: _Slot) -> None:
    """Draw the edge from the end of a stub to the next column; at a gate it points to the centre, up to the rim."""
    end = np.array([target.x + (RADIUS if target.step else 0), target.y])
    if target.step:
        direction = end - (slot.end, slot.y)
        end = end - direction / np.hypot(*direction) * RADIUS
    style = {"arrowstyle": "-|>" if target.step else "-", "color": MUTED, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (end[0], end[1]), (slot.end, slot.y), arrowprops={**style, "mutation_scale": 7}, zorder=1)


def _draw_gate(ax: Axes, x: float, y: float, gate: Gate, effect: str) -> None:
    ax.add_patch(Circle((x, y), RADIUS, facecolor="white", edgecolor=INK, linewidth=0.9, zorder=2))
    symbol = SYMBOLS.get(gate.name, gate.name)
    size = min(SIZE + 1, SIZE * 2 * (RADIUS - 0.02) / max(_width(symbol), 0.01))
    ax.text(x, y, symbol, ha="center", va="center", fontsize=size, color=INK, zorder=3)
    label: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": SIZE - 2, "color": MUTED, "zorder": 3}
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
    ax.text(x, y - RADIUS - 0.02, effect, bbox=box, gid="gate", **label)


@functools.lru_cache(maxsize=4096)  # the layout needs the same widths many times
def _width(text: str) -> float:
    """Return the width in inches of the longest line of a text."""
    lines = (TextPath((0, 0), line, size=SIZE) for line in text.split("\n") if line)
    return max((line.get_extents().width for line in lines), default=0) / 72


def _slots(steps: Sequence[Step]) -> list[_Slot]:
    """Return the slots of a graph and the edges between neighbouring columns; the result's column has rank 0."""
    users: dict[Node, list[Step]] = {step.node: [] for step in steps}
    for step in steps:
        for source in step.node.inputs:
            users[source].append(step)
    rank: dict[Node, int] = {}
    for step in reversed(steps):
        # Several paths need a column of their own, which shows the gradient of each.
        several = len(users[step.node]) > 1
        rank[step.node] = max((rank[user.node] + 1 + several for user in users[step.node]), default=0)
    slots, slot_of = [], {}
    for step in steps:
        gradient = "" if step.upstream is None else show(step.upstream)
        if len(users[step.node]) > 1 and gradient:
            gradient = "Σ " + gradient if "\n" not in gradient else "Σ\n" + gradient
        value = "" if step.operation == "constant" else show(step.node.value)
        slot_of[step.node] = _Slot(rank[step.node], value, gradient, step)
        slots.append(slot_of[step.node])
    for step in steps:
        gradients = {sent.position: show(sent.gradient) for sent in step.sent}
        for index, source in enumerate(step.node.inputs):
            last, several = slot_of[source], len(users[source]) > 1
            for column in range(rank[source] - 1, rank[step.node], -1):
                is_path = several and column == rank[source] - 1
                slots.append(_Slot(column, "", gradients.get(index, "") if is_path else ""))
                _join(last, slots[-1])
                last = slots[-1]
            _join(last, slot_of[step.node])
    return slots


def _join(source: _Slot, target: _Slot) -> None:
    source.targets.append(target)
    target.sources.append(source)


def _lay_out(slots: Sequence[_Slot]) -> None:
    """Set the position of every slot: narrow columns, few crossings, short climbs, no overlap."""
    columns = [
        [slot for slot in slots if slot.rank == rank] for rank in range(max(slot.rank for slot in slots), -1, -1)
    ]
    order: dict[_Slot, int] = {}
    stack = [next(slot for slot in slots if slot.rank == 0)]
    while stack:  # the expression from left to right is the drawing from top to bottom
        slot = stack.pop()
        if slot not in order:
            order[slot] = len(order)
            stack.extend(reversed(slot.sources))
    for slot in slots:
        slot.y = -float(order[slot])
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 else reversed(columns):
            if sweep < ORDERED_SWEEPS:
                column.sort(key=lambda slot: -_preferred_height(slot, sweep))
            _separate(column, [_preferred_height(slot, sweep) for slot in column])
    x = 0.0
    for column in columns:
        x = _set_ends(column, x)


def _preferred_height(slot: _Slot, sweep: int) -> float:
    """Return the mean height of a slot's neighbours: first of one side in turns, later of both sides."""
    if sweep >= ORDERED_SWEEPS:
        neighbours = [*slot.sources, *slot.targets]
    else:
        neighbours = slot.sources if sweep % 2 else slot.targets
    neighbours = neighbours or [slot]
    return sum(other.y for other in neighbours) / len(neighbours)


def _separate(column: Sequence[_Slot], heights: Sequence[float]) -> None:
    """Put a column's slots as near to their preferred heights as order and sizes allow (least squares)."""
    offsets = [0.0]
    for upper, lower in itertools.pairwise(column):
        offsets.append(offsets[-1] + upper.reach[0] + lower.reach[1] + GAP / 2)
    # A block is a sequence of slots that touch: the sum of the heights preferred for its first slot, and their number.
    blocks: list[tuple[float, int]] = []
    for height, offset in zip(heights, offsets, strict=True):
        blocks.append((height + offset, 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] < blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1] = (blocks[-1][0] + total, blocks[-1][1] + count)
    firsts = [total / count for total, count in blocks for _ in range(count)]
    for slot, first, offset in zip(column, firsts, offsets, strict=True):
        slot.y = first - offset


def _set_ends(column: Sequence[_Slot], x: float) -> float:
    """Set where a column's slots begin and end; return where the next column begins."""
    widest = max(slot.head + slot.stub for slot in column)
    climb = max((abs(target.y - slot.y) for slot in column for target in slot.targets), default=0.0)
    for slot in column:
        # Gates begin together and leaves end together; all edges climb after the column's end, past its texts.
        is_leaf = slot.step is not None and slot.gate is None
        slot.x = x + (widest - slot.head - slot.stub) * is_leaf
        slot.end = x + widest
    return x + (widest + GAP + 0.18 * climb)


def draw_formula(formula: Formula) -> Figure:
    """Draw f and f′ of a formula from −5 to 5 at its initial parameters, and mark its kinks."""
    with matplotlib.rc_context(RC):
        figure = sheet(2.2, width=3.35)
        ax = figure.subplots()
        z = np.linspace(-5, 5, 2001)
        kinks = [kink for kink in formula.kinks if abs(kink) <= 5]
        h, slope = formula(z), formula.prime(z)
        for kink in kinks:
            # A line across a jump would show slopes that the function does not have.
            slope[np.abs(z - kink).argmin()] = np.nan
        ax.axhline(0, color="0.8", linewidth=0.6, zorder=0)
        ax.plot(z, slope, color=MUTED, linewidth=0.9, gid="slope")
        ax.plot(z, h, color=COLORS["elu"], gid="curve")
        ax.plot(kinks, formula(np.array(kinks)), "o", color=COLORS["elu"], markersize=3, gid="kinks")
        shown = np.concatenate([h[np.abs(h) <= 6], slope[np.abs(slope) <= 6], [0, 1]])
        low, high = shown.min(), shown.max()
        ax.set(xlim=(-5, 5), ylim=(low - 0.08 * (high - low), high + 0.08 * (high - low)), xlabel="x")
        ax.set_title(literal("f(x) = " + "\n".join(re.findall(".{1,52}", formula.expression))))
        legend(figure, [("f(x)", {"color": COLORS["elu"]}), ("f′(x)", {"color": MUTED, "linewidth": 0.9})])
    return figure


def draw_sheet(found: Sequence[Entry]) -> Figure:
    """Draw f and f′ of each activation from −5 to 5 at its initial values, each in a panel of its own.

    A function of several pieces is drawn along the last one, with 1 for the others.
    """
    columns = min(8, len(found))
    rows = math.ceil(len(found) / columns)
    with matplotlib.rc_context(RC):
        figure = sheet(1.12 * rows + 0.3, width=max(1.05 * columns, 2.4))
        panels = figure.subplots(rows, columns, squeeze=False)
        for ax, entry in itertools.zip_longest(panels.flat, found):
            if entry is None:
                ax.axis("off")
            else:
                _draw_activation(ax, entry)
        legend(figure, [("f(x)", {"color": INK}), ("f′(x)", {"color": MUTED, "linewidth": 0.9})])
    return figure


def _draw_activation(ax: Axes, entry: Entry) -> None:
    activation, z = entry.activation, np.linspace(-5, 5, 1001)
    points = np.ones((len(z), activation.pieces))
    points[:, -1] = z
    with np.errstate(all="ignore"):
        h, slope = activation(points)[:, 0], activation.prime(points)[:, -1]
    for at in activation.jumps:
        h[np.abs(z - at) < 0.006] = np.nan
    for at in (*activation.kinks, *activation.jumps):
        slope[np.abs(z - at) < 0.006] = np.nan  # a line across a jump would show slopes that the function does not have
    ax.axhline(0, color="0.8", linewidth=0.5, zorder=0)
    ax.axvline(0, color="0.8", linewidth=0.5, zorder=0)
    ax.plot(z, slope, color=MUTED, linewidth=0.7, gid="slope")
    ax.plot(z, h, color=identity(entry.name)[0], linewidth=1.1, gid="curve")
    ax.set(xlim=(-5, 5), ylim=(-2, 3), xticks=[-4, 0, 4], yticks=[-1, 0, 1, 2])
    ax.tick_params(labelsize=5)
    ax.set_title(literal(entry.name), fontsize=6.5)
