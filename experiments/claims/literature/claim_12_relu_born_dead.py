"""Claim 12: a narrow, deep ReLU network is dead at a point before training, with a known probability."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from statsmodels.stats.proportion import proportion_confint

from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol
from experiments.claims.verdicts import Measure, Verdict, word
from experiments.figures.style import Style, legend, sheet
from experiments.streams import stream
from nets.activations import ACTIVATIONS
from nets.initializers import INITIALIZERS
from nets.network import Network, Work

WIDTHS, DEPTHS = (2, 3, 4, 5), (2, 5, 10, 20)
NETWORKS, FIRST_SEED = 2000, 3000


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return the counts of `born_dead`, always of the same networks."""
    return born_dead()


def born_dead(networks: int = NETWORKS) -> pd.DataFrame:
    """Count the ReLU networks, zero biases, that are dead at x = (1, 1): some hidden layer is all zero there.

    Weights are He's, of the streams of seeds 3000, 3001, …. A deep network begins with the layers of a shallower one,
    so one stack of the deepest networks is enough for each width.

    Returns
    -------
    DataFrame
        width, depth (hidden layers), networks, dead.
    """
    rows = []
    for width in WIDTHS:
        network = Network(2, (width,) * max(DEPTHS), 1, ACTIVATIONS["relu"](), networks, "float64")
        draws = INITIALIZERS["he_normal"]()
        network.initialize(draws, lambda replica, layer: stream(0, "init", FIRST_SEED + replica, layer))
        work = Work(network, 1)
        work.inputs[:] = 1
        network.forward(work)
        for depth in DEPTHS:
            # After a layer that is all zero, all layers are: there are no biases.
            dead = np.count_nonzero((work.post[depth - 1] == 0).all(axis=(1, 2)))
            rows.append((width, depth, networks, dead))
    return pd.DataFrame(rows, columns=["width", "depth", "networks", "dead"])


def judge(table: pd.DataFrame) -> Verdict:
    """Judge by how many standard errors the share of dead networks is off its probability, for each width and depth."""
    p = 1 - (1 - 2.0 ** -table["width"]) ** table["depth"]
    error = np.sqrt(p * (1 - p) / table["networks"])
    off = (table["dead"] / table["networks"] - p) / error
    worst = off.abs().idxmax()
    row = table.loc[worst]
    low, high = proportion_confint(row["dead"], row["networks"], method="wilson")
    name = f"furthest of {len(table)} cells, N={row['width']:.0f}, L={row['depth']:.0f}: standard errors off"
    furthest = Measure(name, off[worst], (low - p[worst]) / error[worst], (high - p[worst]) / error[worst])
    seeds = f"{FIRST_SEED} to {FIRST_SEED + table['networks'].max() - 1}"
    return Verdict(word((off.abs() <= 3.5).all()), (furthest,), seeds=seeds)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the share of dead networks by depth, on the lines of the probability."""
    figure = sheet(2.4, 4)
    ax = figure.subplots()
    depth = np.arange(1, table["depth"].max() + 1)
    styles: dict[int, Style] = {
        width: {"color": str(0.1 + 0.2 * index), "marker": "o"}
        for index, width in enumerate(sorted(table["width"].unique()))
    }
    for width, rows in table.groupby("width"):
        ax.plot(depth, 1 - (1 - 2.0**-width) ** depth, color=styles[width]["color"], linewidth=0.9)
        share = rows["dead"] / rows["networks"]
        error = 1.96 * np.sqrt(share * (1 - share) / rows["networks"])
        ax.errorbar(rows["depth"], share, error, **styles[width], linestyle="none")
    ax.set(xlabel="hidden layers L", ylabel="share born dead at a point", ylim=(0, 1.02), xticks=DEPTHS)
    note = f"lines: 1 − (1 − 2⁻ᴺ)ᴸ; points: {table['networks'].max()} networks each, 95 %"
    legend(figure, [(f"N = {width}", style) for width, style in styles.items()], note)
    return figure


CLAIM = Claim(
    text="a ReLU network is born dead at a point with probability 1 − (1 − 2⁻ᴺ)ᴸ",
    source="after Lu et al. 2019",
    threshold="2,000 initialisations for N in {2, 3, 4, 5}, L in {2, 5, 10, 20}: every cell within 3.5·√(p(1−p)/2000)",
    effect="the formula itself, which is exact",
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
