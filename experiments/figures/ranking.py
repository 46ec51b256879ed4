"""Figures of who is ahead: errors with their intervals, by learning rate, by pairing, and over datasets."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from matplotlib.ticker import FixedLocator, NullLocator

from experiments.analysis.comparison import leaderboard, scored, treatments, treatments_over_datasets
from experiments.analysis.statistics import summarise
from experiments.figures.curves import CROSS, band, cross, seeds_note, unit
from experiments.figures.outputs import pairings
from experiments.figures.registry import Missing, by_dataset, figure
from experiments.figures.style import INK, MUTED, SINGLE, identity, legend, log_axis, looks, plain, sheet, subject
from experiments.store.reading import StudyTables


@figure("leaderboard", title="Test error of every condition with its 95 % interval", parts=by_dataset)
def leaderboard_figure(tables: StudyTables) -> Figure:
    """Draw each condition's mean test error at its tuned rate, best on top; full dots differ from the reference.

    Vertical lines are the reference's mean and what scikit-learn's baselines reach on the same splits.
    """
    replicas = tables.replicas
    board = leaderboard(replicas)
    label, scale, ceiling = unit(replicas)
    several = board["output"].nunique() > 1
    names = (board["label"] + ", " + board["output"]) if several else board["label"]
    result = sheet(0.6 + 0.17 * max(3, len(board)), SINGLE)
    ax = result.subplots()
    baselines = _baselines(tables, scale)
    board["high"] = board["high"].clip(upper=ceiling / scale)
    shown = board[board["n"] > 0]
    reference = board.loc[board["verdict"] == "reference"]
    if len(reference) and reference["n"].iloc[0]:
        ax.axvline(scale * reference["mean"].iloc[0], color="0.75", linewidth=0.8, zorder=0)
    for value, dash in baselines.values():
        ax.axvline(value, color=MUTED, linestyle=(0, dash), linewidth=0.9, zorder=0)
    for place, row in zip(shown.index, shown.itertuples(), strict=True):
        color = identity(row.activation)[0]
        if row.n > 1:
            ends = [scale * row.low, scale * row.high]
            # Not dashed: an interval's ends have to be seen.
            ax.plot(ends, [place, place], color=color, linewidth=1.2)
        told = row.verdict.startswith(("better", "worse"))
        ax.plot(scale * row.mean, place, "o", color=color, markerfacecolor=color if told else "white", gid=row.run)
    for place, row in zip(board.index, board.itertuples(), strict=True):
        if row.diverged:
            text = f" {row.diverged} of {row.n + row.diverged} diverged"
            ax.text(1.0, place, text, transform=ax.get_yaxis_transform(), va="center", fontsize=6, color=MUTED)
    # A condition that fails would press the others together, so beyond ten times the best the axis is logarithmic.
    means = scale * shown["mean"]
    if 0 < 10 * means.min() < means.max():
        ends = [*(scale * shown["low"])[shown["low"] > 0], *means, *(scale * shown["high"]).dropna()]
        log_axis(ax, max(min(ends), means.min() / 3) / 1.1, max(ends) * 1.1, axis="x")
    ax.set(yticks=range(len(board)), ylim=(len(board) - 0.4, -0.6), xlabel=label)
    ax.set_yticklabels([plain(name) for name in names], fontsize=7 if len(board) < 30 else 6)
    ax.grid(axis="y", visible=False)
    ax.set_title(plain(replicas["dataset"].iloc[0]))
    entries = []
    if len(board) > 1:
        dot = {"marker": "o", "linestyle": "none", "color": INK}
        entries = [("told apart from the reference", dot), ("not told apart", dot | {"markerfacecolor": "white"})]
    if len(reference):
        entries.append((f"reference: {names[reference.index[0]]}", {"color": "0.75", "linewidth": 0.8}))
    entries += [(name, {"color": MUTED, "linestyle": (0, dash)}) for name, (_, dash) in baselines.items()]
    legend(result, entries, seeds_note(replicas))
    return result


def _baselines(tables, scale):
    """Return by name the mean error of scikit-learn's models, in the axis' unit, and a dash."""
    if tables.baselines is None or tables.baselines.empty:
        return {}
    means = tables.baselines.groupby("baseline")["test_error"].mean() * scale
    dashes = [(1, 1.2), (4, 1.5), (5, 1.2, 1, 1.2), (2, 2)]
    return {name: (mean, dash) for (name, mean), dash in zip(means.items(), dashes, strict=False)}


@figure("learning_rate_sensitivity", title="Test error by learning rate", parts=by_dataset, every_rate=True)
def learning_rate_sensitivity(tables: StudyTables) -> Figure:
    """Draw mean test error and its interval against the learning rate; a ring is the rate that validation chose.

    A cross on the upper edge marks rates at which replicas diverged; the mean leaves them out.
    """
    replicas = tables.replicas
    if replicas["lr"].nunique() < 2:
        raise Missing("one learning rate", "'optimizer.lr=[0.01,0.03,0.1,0.3]'")
    label, scale, ceiling = unit(replicas)
    table = band(summarise(scored(replicas), ["run", "lr"], "score"), False, 0, ceiling / scale)
    table = table.merge(replicas[replicas["selected"]][["run", "lr"]].drop_duplicates().assign(chosen=True), how="left")
    appearance = looks(replicas)
    result = sheet(2.6, SINGLE)
    ax = result.subplots()
    result.suptitle(subject(replicas))
    opacity = 0.16 / max(1, len(appearance) / 6)
    for run, look in appearance.items():
        rows = table[(table["run"] == run) & (table["n"] > 0)]
        ax.plot(rows["lr"], scale * rows["mean"], **look.line(gid=run, marker=look.marker or "."))
        ax.fill_between(rows["lr"], scale * rows["low"], scale * rows["high"], color=look.color, alpha=opacity, lw=0)
        chosen = rows[rows["chosen"].notna()]
        ax.plot(chosen["lr"], scale * chosen["mean"], "o", color=look.color, markersize=7, markerfacecolor="none")
    ax.set(xscale="log", xlabel="learning rate", ylabel=label)
    rates = sorted(table["lr"].unique())
    ax.xaxis.set_major_locator(FixedLocator(rates))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{rate:g}" for rate in rates])
    mean = scale * table["mean"].dropna()
    if len(mean) and 0 < 10 * mean.min() < mean.max():
        high = scale * table["high"].fillna(table["mean"]).max()
        log_axis(ax, mean.min() / 1.5, min(high, 3 * mean.max()) * 1.1)
    else:
        ax.set_ylim(bottom=0)
    lost = table[table["diverged"] > 0].groupby("lr")["run"].agg(list)
    for rate, runs in lost.items():
        cross(ax, rate, [run for run in appearance if run in runs], appearance)
    entries = [(look.label, look.line()) for look in dict.fromkeys(appearance.values())]
    ring = {"marker": "o", "markersize": 7, "markerfacecolor": "none", "linestyle": "none", "color": INK}
    entries.append(("chosen on validation", ring))
    if len(lost):
        entries.append(("replicas diverged here, left out", {"color": INK, **CROSS}))
    legend(result, entries, seeds_note(replicas))
    return result


@figure("critical_difference", title="Mean ranks over datasets and Nemenyi's critical difference")
def critical_difference(tables: StudyTables) -> Figure:
    """Draw each treatment's mean rank over the datasets; bars join those that Nemenyi's test does not tell apart."""
    over = treatments_over_datasets(tables.replicas)
    if np.isnan(over.p):
        raise Missing(over.sentence.removesuffix("."), "activation=relu,elu,tanh 'dataset=glob(*)'")
    ranks, n = over.ranks, len(over.ranks)
    half = (n + 1) // 2
    groups = _cliques(ranks.to_numpy(), over.critical_difference)
    colors = _colors(tables)
    texts = [
        f"{name}  {rank:.2f}" if place < half else f"{rank:.2f}  {name}"
        for place, (name, rank) in enumerate(ranks.items())
    ]
    size = matplotlib.rcParams["font.size"]
    widths = [TextPath((0, 0), plain(text), size=size).get_extents().width / 72 + 0.12 for text in texts]
    # One unit of y is an inch, so that lines of text have their room whatever the number of treatments.
    top = 0.28 + 0.13 * len(groups)
    height, above = top + 0.2 * half, 0.75
    left, right, middle = max(widths[:half]), max(widths[half:]), max(1.6, min(3.6, 0.4 * n))
    result = sheet(height + above, left + middle + right)
    result.set_layout_engine("none")
    ax = result.add_axes((left / (left + middle + right), 0, middle / (left + middle + right), 1))
    ax.set(xlim=(0.6, n + 0.4), ylim=(height, -above), yticks=[], xticks=range(1, n + 1))
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set_xlabel(f"mean rank over {over.datasets} datasets (1 is best)")
    ax.spines["top"].set_visible(True)
    ax.spines["top"].set_position(("data", 0))
    ax.spines["top"].set_bounds(1, n)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.grid(visible=False)
    for place, ((name, rank), text) in enumerate(zip(ranks.items(), texts, strict=True)):
        first = place < half
        y = top + 0.2 * (place if first else n - 1 - place)
        edge = 0.6 if first else n + 0.4
        ax.plot([rank, rank, edge], [0, y, y], color=colors[name], linewidth=0.9, clip_on=False)
        ax.plot(rank, 0, "o", color=colors[name], markersize=3, clip_on=False)
        beside = {"xytext": (-3 if first else 3, 0), "textcoords": "offset points", "ha": "right" if first else "left"}
        ax.annotate(plain(text), (edge, y), va="center", annotation_clip=False, **beside)
    for index, (low, high) in enumerate(groups):
        y = 0.17 + 0.13 * index
        ax.plot([low - 0.04, high + 0.04], [y, y], color=INK, linewidth=2.4, solid_capstyle="butt")
    end = 1 + over.critical_difference
    ax.plot([1, end], [-0.5, -0.5], color=INK, linewidth=0.9, marker="|", markersize=5, clip_on=False)
    ax.text((1 + end) / 2, -0.53, f"critical difference {over.critical_difference:.2f}", ha="center", va="bottom")
    return result


def _colors(tables):
    """Return the colour of each treatment by its name."""
    replicas = tables.replicas
    activation = replicas.drop_duplicates("run").set_index("run")["activation"]
    return {name: identity(activation[run])[0] for run, name in treatments(replicas).items()}


def _cliques(ranks, critical):
    """Return the ends of the largest groups of mean ranks, sorted, that lie within the critical difference."""
    spans = []
    for start, low in enumerate(ranks):
        high = ranks[(ranks >= low) & (ranks - low < critical)].max()
        last = int(np.flatnonzero(ranks == high)[-1])
        if last > start and not any(first <= start and last <= end for first, end in spans):
            spans.append((start, last))
    return [(ranks[first], ranks[last]) for first, last in spans]


@figure("pairing_matrix", title="Test error by activation and pairing", parts=pairings)
def pairing_matrix(tables: StudyTables) -> Figure:
    """Draw the mean test error of each activation under each pairing, at its tuned rate; darker is worse."""
    replicas = tables.replicas
    label, scale, _ = unit(replicas)
    table = leaderboard(replicas)
    table["label"] = table["label"].where(~table.duplicated(["label", "output"], keep=False), table["run"])
    matrix = table.pivot(index="label", columns="output", values="mean") * scale
    lost = table.pivot(index="label", columns="output", values="diverged")
    order = list(dict.fromkeys(look.label.split(",")[0] for look in looks(replicas).values()))
    matrix = matrix.loc[sorted(matrix.index, key=lambda name: order.index(name.split(",")[0]))]
    rows, columns = matrix.shape
    result = sheet(1.05 + 0.22 * rows, max(SINGLE, min(6.9, 1.6 + 0.75 * columns)))
    ax = result.subplots()
    values = np.log(matrix.clip(lower=matrix[matrix > 0].min().min())) if (matrix > 0).any().any() else matrix
    ax.imshow(values, cmap="Greys", aspect="auto", vmin=np.nanmin(values), vmax=np.nanmax(values) + 1e-9)
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    for y, x in np.ndindex(rows, columns):
        value, many = matrix.iat[y, x], lost.loc[matrix.index].iat[y, x]
        text = "" if np.isnan(many) else "diverged" if np.isnan(value) else f"{value:.3g}" + ("*" if many else "")
        ax.text(
            x, y, text, ha="center", va="center", color="white" if values.iat[y, x] > middle else "black", fontsize=7
        )
    ax.set(xticks=range(columns), yticks=range(rows))
    ax.set_xticklabels([plain(name) for name in matrix.columns], rotation=30, ha="right", rotation_mode="anchor")
    ax.set_yticklabels([plain(name) for name in matrix.index])
    ax.grid(visible=False)
    star = "\n* without the replicas that diverged" if (lost > 0).any().any() else ""
    ax.set_title(plain(f"{replicas['dataset'].iloc[0]}: {label}{star}"), fontsize=7)
    return result
