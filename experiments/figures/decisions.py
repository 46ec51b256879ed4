"""Figures of what trained networks decide: regions of the plane, and which classes they mistake for which."""

import math

import numpy as np
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure

from experiments.data.sets import load
from experiments.figures.registry import Missing, by_dataset, comparable, figure
from experiments.figures.style import CLASSES, DOUBLE, INK, SINGLE, legend, looks, plain, sheet, subject
from experiments.store.reading import StudyTables
from experiments.training.evaluation import grid


def panels_for(count: int, size: float) -> tuple[Figure, np.ndarray]:
    """Return a figure with `count` square panels of about `size` inches, as many in a row as fit across a page."""
    most = int((DOUBLE - 0.9) / size)
    down = math.ceil(count / most)
    across = math.ceil(count / down)
    result = sheet(down * (size + 0.25) + 0.5, max(SINGLE, across * size + 0.9))
    panels = result.subplots(down, across, squeeze=False, sharex=True, sharey=True).ravel()
    for ax in panels[count:]:
        ax.set_visible(False)
    return result, panels[:count]


@figure("decision_boundary", title="Decisions in the plane of two features", parts=by_dataset)
def decision_boundary(tables: StudyTables) -> Figure:
    """Draw which class most seeds decide on, the paler the fewer, over the data set's points."""
    replicas = tables.replicas
    boundary = {run: arrays for run, arrays in (tables.boundary or {}).items() if len(arrays["seed"])}
    name = replicas["dataset"].iloc[0]
    if not boundary:
        raise Missing("no data set of two features", "dataset=moons,spirals activation=relu,tanh,linear")
    try:
        data = load(**tables.sources[min(boundary)])
    except ValueError as error:
        raise Missing(f"the data cannot be loaded any more: {error}") from None
    x, y = grid(data.inputs)
    appearance = {run: look for run, look in looks(replicas).items() if run in boundary}
    colors = np.array([to_rgb(CLASSES[k % len(CLASSES)]) for k in range(len(data.classes))])
    result, panels = panels_for(len(appearance), 1.6)
    rate = replicas.drop_duplicates("run").set_index("run")["lr"]
    shown = np.random.default_rng(0).permutation(len(data.inputs))[:300]
    for ax, (run, look) in zip(panels, appearance.items(), strict=True):
        decided = boundary[run]["decision"][boundary[run]["lr"] == rate[run]]
        if len(decided):
            votes = np.stack([(decided == k).mean(axis=0) for k in range(len(colors))])
            winner, share = votes.argmax(axis=0), votes.max(axis=0)[..., None]
            strength = 0.15 + 0.35 * (share * len(colors) - 1) / (len(colors) - 1)
            ax.imshow(
                1 - strength * (1 - colors[winner]),
                origin="lower",
                extent=(x[0], x[-1], y[0], y[-1]),
                aspect="auto",
                interpolation="nearest",
            )
        else:
            ax.text(0.5, 0.5, "every replica diverged", transform=ax.transAxes, ha="center", va="center")
        ax.scatter(*data.inputs[shown].T, c=colors[data.targets[shown]], s=4, linewidths=0.2, edgecolors="white")
        error = replicas.loc[(replicas["run"] == run) & (replicas["status"] == "done"), "final_test_error"].mean()
        ax.set_title(plain(look.label.replace(", ", ",\n")) + f"\n{100 * error:.1f} % test error")
        ax.grid(visible=False)
        ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
        ax.set_xlabel(plain(data.features[0]))
    panels[0].set_ylabel(plain(data.features[1]))
    point = {"marker": "o", "linestyle": "none"}
    entries = [(f"class {label}", {"color": color, **point}) for label, color in zip(data.classes, colors, strict=True)]
    seeds = replicas.groupby("run")["seed"].nunique().max()
    legend(result, entries, plain(f"{name}, decision of most of {seeds} seeds: the paler, the fewer agree"))
    return result


@figure("confusion", title="Which classes are mistaken for which", parts=comparable)
def confusion(tables: StudyTables) -> Figure:
    """Draw, of each true class's test rows, the share given to each other class, over all seeds that finished."""
    if (tables.replicas["task"] == "regression").all():
        raise Missing("a regression has no classes")
    if tables.confusion is None or tables.confusion.empty:
        raise Missing("no replica finished", "optimizer.lr=0.001")
    counts = tables.confusion.groupby(["run", "true", "predicted"], sort=False)["count"].sum()
    appearance = {
        run: look for run, look in looks(tables.replicas).items() if run in counts.index.get_level_values("run")
    }
    shares = {}
    for run in appearance:
        matrix = counts[run].unstack("predicted", sort=False)
        matrix = matrix.loc[matrix.index, matrix.index]
        shares[run] = 100 * matrix.div(matrix.sum(axis=1).clip(lower=1), axis=0)
    worst = max(share.where(~np.eye(len(share), dtype=bool)).max().max() for share in shares.values())
    few = len(next(iter(shares.values()))) <= 4
    result, panels = panels_for(len(appearance), 1.2)
    colormap = ListedColormap(np.linspace([1, 1, 1], to_rgb("0.1"), 256))
    for ax, (run, look) in zip(panels, appearance.items(), strict=True):
        share = shares[run]
        values = share.to_numpy().copy()
        np.fill_diagonal(values, np.nan)
        image = ax.imshow(values, cmap=colormap, vmin=0, vmax=worst or 1)
        for place, value in enumerate(np.diag(share)):
            if few or len(share) <= 10:
                ax.text(place, place, f"{value:.0f}", ha="center", va="center", fontsize=7 if few else 4.5, color=INK)
        if few:
            for y, x in zip(*np.nonzero(~np.eye(len(share), dtype=bool)), strict=True):
                dark = values[y, x] > (worst or 1) / 2
                ax.text(
                    x, y, f"{values[y, x]:.1f}", ha="center", va="center", fontsize=7, color="white" if dark else INK
                )
        ax.set_title(plain(look.label.replace(", ", ",\n")))
        ax.grid(visible=False)
        names = [plain(str(label)) for label in share.index]
        longest = max(map(len, names))
        if len(names) <= 10:
            ax.set_xticks(
                range(len(names)), names, rotation=0 if longest < 3 else 90, fontsize=6 if longest < 12 else 5
            )
            ax.set_yticks(range(len(names)), names, fontsize=6 if longest < 12 else 5)
    result.supxlabel("predicted class", fontsize=7.5)
    result.supylabel("true class", fontsize=7.5)
    result.colorbar(
        image, ax=panels.tolist(), label="mistaken (% of the true class)", fraction=0.04, pad=0.02, aspect=15
    )
    result.suptitle(subject(tables.replicas) + "; on the diagonal: right (%)")
    return result
