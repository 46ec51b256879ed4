"""Drawings for `experiments.explain`: a traced computational graph, and a formula with its derivative."""

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.textpath import TextPath

from experiments.explain.trace import SYMBOLS, Step, show
from experiments.figures.style import COLORS, INK, MUTED, RC, legend, plain, sheet
from nets.formula import Formula

VALUE, GRADIENT = "#0d7a58", "#c03020"


SIZE, LINE, RADIUS = 8, 0.15, 0.17  # points; inches of a line of text and of a gate


GAP = 0.3  # inches between what stands above one another, and in which an edge climbs


@dataclass(eq=False)
class _Slot:
    """What takes a place in a column: a node, one of several paths that leave it, or an edge that passes by.

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
    def head(self) -> float:
        """Inches from the left end to the stub: the gate, or the leaf's name."""
        if self.step is None:
            return 0.0
        return 2 * RADIUS if self.step.node.gate else _width(self.step.label) + 0.05

    @property
    def lead(self) -> float:
        """Inches by which the stub's text keeps clear of the word under the gate."""
        return 0.16 if self.step is not None and self.step.node.gate and "\n" in self.below else 0.0

    @property
    def stub(self) -> float:
        return max(_width(self.above), _width(self.below)) + 0.14 + self.lead if self.above or self.below else 0.1

    @property
    def reach(self) -> tuple[float, float]:
        """Inches it takes below and above its own line."""
        up, down = (LINE * (text.count("\n") + 1) if text else 0.06 for text in (self.above, self.below))
        gate = self.step is not None and self.step.node.gate is not None
        return max(down, (RADIUS + LINE) * gate), max(up, RADIUS * gate)


def draw_graph(steps: Sequence[Step]) -> Figure:
    """Draw a traced graph from left to right: values above the edges, gradients below, what each gate does under it.

    Where several paths leave a node, its own gradient is their sum, and each path's share stands on the path.
    """
    slots = _place(_slots(steps))
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


def _draw(ax, slot):
    start, end = slot.x + slot.head, slot.end
    line = {"color": MUTED, "linewidth": 0.9, "zorder": 1}
    ax.plot([start, end], [slot.y, slot.y], **line)
    for target in slot.targets:
        gate = target.step is not None
        # Into a gate, edges aim at its centre and stop at its rim.
        goal = np.array([target.x + (RADIUS if gate else 0), target.y])
        way = goal - (end, slot.y)
        stop = goal - way / np.hypot(*way) * RADIUS if gate else goal
        style = {"arrowstyle": "-|>" if gate else "-", "color": MUTED, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", stop, (end, slot.y), arrowprops={**style, "mutation_scale": 7}, zorder=1)
    text = {"ha": "center", "fontsize": SIZE, "linespacing": 1.15}
    middle = start + (slot.lead + slot.stub) / 2
    ax.text(middle, slot.y + 0.03, slot.above, color=VALUE, va="bottom", gid="value", **text)
    ax.text(middle, slot.y - 0.035, slot.below, color=GRADIENT, va="top", gid="gradient", **text)
    if slot.step is None:
        return
    if not slot.step.node.gate:
        constant = slot.step.upstream is None
        name = slot.step.label
        weight = "normal" if constant else "bold"
        ax.text(slot.x, slot.y, name, color=MUTED if constant else INK, va="center", fontsize=SIZE, weight=weight)
        return
    gate, center = slot.step.node.gate, (slot.x + RADIUS, slot.y)
    ax.add_patch(Circle(center, RADIUS, facecolor="white", edgecolor=INK, linewidth=0.9, zorder=2))
    symbol = SYMBOLS.get(gate.name, gate.name)
    fits = min(SIZE + 1, SIZE * 2 * (RADIUS - 0.02) / max(_width(symbol), 0.01))
    ax.text(*center, symbol, ha="center", va="center", fontsize=fits, color=INK, zorder=3)
    label = {"ha": "center", "va": "top", "fontsize": SIZE - 2, "color": MUTED, "zorder": 3}
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
    does = slot.step.does.split(", ")[0] if slot.step.back else ""
    ax.text(center[0], slot.y - RADIUS - 0.02, does, bbox=box, gid="gate", **label)


@functools.lru_cache(maxsize=4096)  # the layout asks again and again
def _width(text):
    """Return the width in inches of the longest line of a text."""
    return (
        max((TextPath((0, 0), line, size=SIZE).get_extents().width for line in text.split("\n") if line), default=0)
        / 72
    )


def _slots(steps):
    """Return the slots of a graph, columns counted from the result's, with the edges between neighbouring columns."""
    rank, uses = {}, {step.node: [] for step in steps}
    for step in steps:
        for index, source in enumerate(step.node.inputs):
            uses[source].append((step, index))
    for step in reversed(steps):
        # Several paths need a column of their own, to say what each sends back.
        several = len(uses[step.node]) > 1
        rank[step.node] = max((rank[user.node] + 1 + several for user, _ in uses[step.node]), default=0)
    slots, of = [], {}
    for step in steps:
        gradient = "" if step.upstream is None else show(step.upstream)
        value = "" if step.operation == "constant" else show(step.node.value)
        of[step.node] = _Slot(rank[step.node], value, gradient, step)
        slots.append(of[step.node])
        if len(uses[step.node]) > 1 and gradient:
            of[step.node].below = "Σ " + gradient if "\n" not in gradient else "Σ\n" + gradient
    for step in steps:
        parts = {index: part for index, _, part in step.back}
        for index, source in enumerate(step.node.inputs):
            last, several = of[source], len(uses[source]) > 1
            for column in range(rank[source] - 1, rank[step.node], -1):
                first = several and column == rank[source] - 1
                below = show(parts[index]) if first and index in parts else ""
                last = _join(last, _Slot(column, "", below))
                slots.append(last)
            _join(last, of[step.node])
    return slots


def _join(source, target):
    source.targets.append(target)
    target.sources.append(source)
    return target


def _place(slots):
    """Give every slot its place: columns as wide as need be, few crossings, short climbs, nothing overlapping."""
    columns = [
        [slot for slot in slots if slot.rank == rank] for rank in range(max(slot.rank for slot in slots), -1, -1)
    ]
    order, stack = {}, [next(slot for slot in slots if slot.rank == 0)]
    while stack:  # as the expression is read, from top to bottom
        slot = stack.pop()
        if slot not in order:
            order[slot] = len(order)
            stack.extend(reversed(slot.sources))
    for slot in slots:
        slot.y = -float(order[slot])
    for sweep in range(240):
        for column in columns if sweep % 2 else reversed(columns):
            if sweep < 31:
                column.sort(key=lambda slot: -_wish(slot, sweep))
            _settle(column, [_wish(slot, sweep if sweep < 31 else None) for slot in column])
    x = 0.0
    for column in columns:
        widest = max(slot.head + slot.stub for slot in column)
        climb = max((abs(target.y - slot.y) for slot in column for target in slot.targets), default=0.0)
        for slot in column:
            # All edges climb where the column ends, past its texts; gates begin together, leaves end there.
            leaf = slot.step is not None and slot.step.node.gate is None
            slot.x = x + (widest - slot.head - slot.stub) * leaf
            slot.end = x + widest
        x += widest + GAP + 0.18 * climb
    return slots


def _wish(slot, sweep):
    """Return the height a slot would like: that of its neighbours in the previous column of a sweep, or of all."""
    sides = {None: [*slot.sources, *slot.targets], 0: slot.targets, 1: slot.sources}
    near = sides[sweep and sweep % 2] or [slot]
    return sum(other.y for other in near) / len(near)


def _settle(column, wishes):
    """Put a column's slots as near to their wishes as their order and sizes allow (least squares)."""
    offsets = [0.0]
    for upper, lower in itertools.pairwise(column):
        offsets.append(offsets[-1] + upper.reach[0] + lower.reach[1] + GAP / 2)
    blocks = []  # of consecutive slots that touch: sum of what they wish for the first one, and how many they are
    for wish, offset in zip(wishes, offsets, strict=True):
        blocks.append([wish + offset, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] < blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    heights = [total / count for total, count in blocks for _ in range(count)]
    for slot, height, offset in zip(column, heights, offsets, strict=True):
        slot.y = height - offset


def draw_formula(formula: Formula) -> Figure:
    """Draw f and f′ of a formula from −5 to 5, its kinks marked, at the initial parameters."""
    with matplotlib.rc_context(RC):
        figure = sheet(2.2, width=3.35)
        ax = figure.subplots()
        z = np.linspace(-5, 5, 2001)
        kinks = [kink for kink in formula.kinks if abs(kink) <= 5]
        h, slope = formula(z), formula.prime(z)
        for kink in kinks:
            # A line across a jump would be a slope that the function does not have.
            slope[np.abs(z - kink).argmin()] = np.nan
        ax.axhline(0, color="0.8", linewidth=0.6, zorder=0)
        ax.plot(z, slope, color=MUTED, linewidth=0.9, gid="slope")
        ax.plot(z, h, color=COLORS["elu"], gid="curve")
        ax.plot(kinks, formula(np.array(kinks)), "o", color=COLORS["elu"], markersize=3, gid="kinks")
        shown = np.concatenate([h[np.abs(h) <= 6], slope[np.abs(slope) <= 6], [0, 1]])
        low, high = shown.min(), shown.max()
        ax.set(xlim=(-5, 5), ylim=(low - 0.08 * (high - low), high + 0.08 * (high - low)), xlabel="x")
        ax.set_title(plain("f(x) = " + "\n".join(_wrapped(formula.expression))))
        legend(figure, [("f(x)", {"color": COLORS["elu"]}), ("f′(x)", {"color": MUTED, "linewidth": 0.9})])
    return figure


def _wrapped(text, width=52):
    return [text[start : start + width] for start in range(0, len(text), width)]
