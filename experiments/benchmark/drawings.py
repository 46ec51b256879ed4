"""Draws a benchmark: the time of each contestant, one panel per workload."""

import matplotlib
from matplotlib.figure import Figure

from experiments.figures import style

OURS, OTHERS = style.COLORS["relu"], "0.78"
"""Colours of the bars."""

BAR, INCHES = 0.72, 0.165
"""Height of a bar as a share of its row, and height of a row in inches."""


def draw(medians: dict[str, dict[str, float]], ours: str) -> Figure:
    """Return horizontal bars from zero, the shortest first; each panel has its own scale.

    Parameters
    ----------
    medians : dict
        µs per step and replica, by workload and contestant.
    ours : str
        The contestant whose bars are highlighted.
    """
    with matplotlib.rc_context(style.RC):
        rows = [len(panel) for panel in medians.values()]
        figure = style.sheet(0.45 + sum(INCHES * count + 0.28 for count in rows), width=5.2)
        axes = figure.subplots(len(medians), 1, squeeze=False, height_ratios=rows)[:, 0]
        for ax, (workload, panel) in zip(axes, medians.items(), strict=True):
            ax.set(xlim=(0, 1.1 * max(panel.values())), title=workload)
            ax.invert_yaxis()
            names = sorted(panel, key=lambda name: panel[name])
            colors = [OURS if name == ours else OTHERS for name in names]
            bars = ax.barh(names, [panel[name] for name in names], height=BAR, color=colors)
            numbers = ax.bar_label(bars, fmt=lambda value: f"{value:.0f}" if value >= 10 else f"{value:.1f}", padding=3)
            for name, *texts in zip(names, ax.get_yticklabels(), numbers, strict=True):
                for text in texts:
                    text.set(color=style.INK, fontweight="bold" if name == ours else "normal")
            ax.grid(visible=False)
            ax.tick_params(axis="y", length=0)
            ax.set_xticks([])
            ax.spines[["left", "bottom"]].set_visible(False)
        axes[-1].set_xlabel("µs per step and replica, evaluation included")
        return figure
