"""The figures of an evaluation: differences by data set, ranks among the field, the function and its nearest one."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from experiments.analysis.over_datasets import OverDatasets
from experiments.config.catalogue import entries
from experiments.evaluate.newcomer import Nearest, Newcomer
from experiments.evaluate.verdict import OfRecipe
from experiments.figures.ranks import draw_ranks
from experiments.figures.style import CLASSES, DOUBLE, INK, MUTED, RC, SINGLE, identity, legend, row_labels, sheet
from experiments.figures.texts import literal

LONGEST = 20
"""The letters of a name beside a row; an expression may have more."""
BETTER, WORSE, OPEN = *CLASSES[:2], MUTED  # no activation has one of these colours


def diagram(over: OverDatasets) -> Figure:
    """Draw the mean ranks of activations and Nemenyi's critical difference."""
    with matplotlib.rc_context(RC):
        return draw_ranks(over, {name: identity(name)[0] for name in map(str, over.ranks.index)})


def differences(results: list[OfRecipe], name: str, reference: str, margin: float) -> Figure:
    """Draw the difference from the reference on each data set with its corrected 95 % interval, for each recipe."""
    shown = [result for result in results if result.verdict]
    tables = [result.verdict.differences for result in shown if result.verdict]
    order = tables[0].sort_values("difference")["dataset"].tolist()
    labels = row_labels(order)
    figure = sheet(0.8 + 0.17 * len(order), DOUBLE)
    panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for ax, result, table in zip(panels, shown, tables, strict=True):
        rows = table.set_index("dataset").reindex(order)
        low, high = (100 * rows[end].to_numpy(float) for end in ("corrected_low", "corrected_high"))
        gap = 100 * rows["difference"].to_numpy(float)
        ends = np.concatenate([gap[np.isfinite(gap)], low[np.isfinite(low)], high[np.isfinite(high)]])
        reach = 1.05 * np.abs(ends).max(initial=100 * margin)
        ax.axvspan(-100 * margin, 100 * margin, color="0.93", zorder=0)
        ax.axvline(0, color=INK, linewidth=0.6)
        for y, (value, left, right) in enumerate(zip(gap, low, high, strict=True)):
            color = BETTER if right < 0 or value == -np.inf else WORSE if left > 0 or value == np.inf else OPEN
            if np.isfinite(value):
                ax.plot([left, right], [y, y], color=color, linewidth=1.1)
                ax.plot(value, y, "o", color=color, markersize=3)
            elif not np.isnan(value):
                ax.plot(np.sign(value) * reach, y, ">" if value > 0 else "<", color=color, markersize=5)
        ax.set(xlim=(-1.08 * reach, 1.08 * reach), ylim=(len(order) - 0.4, -0.6))
        wins, losses = (result.verdict.wins, result.verdict.losses) if result.verdict else (0, 0)
        ax.set_title(f"{result.name}: told apart on {wins + losses} of {len(order)} ({wins} better, {losses} worse)")
        ax.set_xlabel(literal(f"test error − {reference}’s, points"))
        ax.set_yticks(range(len(order)), labels.texts, fontsize=labels.size)
    figure.suptitle(literal(f"{name}: negative is better"))
    legend(
        figure,
        [
            ("better", {"color": BETTER, "marker": "o"}),
            ("worse", {"color": WORSE, "marker": "o"}),
            ("not told apart", {"color": OPEN, "marker": "o"}),
            ("margin", {"color": "0.85", "linewidth": 6}),
        ],
        "Mean over seeds and 95 % interval with the corrected variance (Nadeau and Bengio)\n"
        "Triangles: more networks of one of the two diverged",
    )
    return figure


def ranks(results: list[OfRecipe], name: str) -> Figure:
    """Draw the mean rank of every activation, the newcomer in bold, for each recipe."""
    figure = sheet(0.5 + 0.145 * max(len(result.ranks) for result in results), DOUBLE if len(results) > 1 else SINGLE)
    panels = figure.subplots(1, len(results), squeeze=False)[0]
    for ax, result in zip(panels, results, strict=True):
        values = result.ranks
        for y, (activation, rank) in enumerate(values.items()):
            is_new = activation == name
            ax.plot(
                rank, y, "D" if is_new else "o", color=INK if is_new else identity(str(activation))[0],
                markersize=5 if is_new else 3.5,
            )  # fmt: skip
        names = [text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…" for text in map(str, values.index)]
        ax.set_yticks(range(len(values)), [literal(text) for text in names])
        for label, activation in zip(ax.get_yticklabels(), values.index, strict=True):
            label.set_fontweight("bold" if activation == name else "normal")
        ax.set(ylim=(len(values) - 0.4, -0.6))
        ax.set_xlabel("mean rank (1 is best)")
        ax.set_title(result.name)
    return figure


def curves(newcomer: Newcomer, near: Nearest | None) -> Figure:
    """Draw the function, its derivative, and the known function that is nearest to it."""
    figure = sheet(2.3, DOUBLE)
    left, right = figure.subplots(1, 2)
    z = np.linspace(-5, 5, 1001)
    with np.errstate(all="ignore"):
        left.plot(z, newcomer.activation(z), color=INK, label=literal(newcomer.name))
        right.plot(z, newcomer.activation.prime(z), color=INK)
        if near:
            known = entries()[near.name].activation
            color = identity(near.name)[0]
            text = f"nearest: {near.output:.3g} · {near.name}({near.scale:.3g} z)"
            left.plot(z, near.output * known(near.scale * z), color=color, linestyle=(0, (4, 2)), label=literal(text))
            right.plot(z, near.output * near.scale * known.prime(near.scale * z), color=color, linestyle=(0, (4, 2)))
    left.set(xlabel="z", ylabel="f(z)")
    right.set(xlabel="z", ylabel="f′(z)")
    left.legend()
    return figure


def all_figures(
    results: list[OfRecipe], newcomer: Newcomer, near: Nearest | None, reference: str, margin: float
) -> dict[str, Figure]:
    """Return the figures by name."""
    with matplotlib.rc_context(RC):
        drawn = {"ranks": ranks(results, newcomer.name)}
        if any(result.verdict for result in results):
            drawn = {"differences": differences(results, newcomer.name, reference, margin)} | drawn
        if newcomer.activation.pieces == 1:
            drawn["curves"] = curves(newcomer, near)
    return drawn
