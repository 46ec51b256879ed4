"""Claim 6: with weights from U[±1/√fan_in], tanh's δ shrinks on the way back, but weight gradients do not."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.drawings import draw_band, line_style, seeds_note
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, train
from experiments.claims.tables import layers_before
from experiments.claims.verdicts import Verdict, geometric_mean, word
from experiments.figures.style import legend, sheet
from experiments.store.reading import StudyTables
from experiments.tables import KEY

PRESET = "glorot_2010_tanh"


def measure(protocol: Protocol) -> pd.DataFrame:
    """Train and return `variances`."""
    return variances(train(PRESET, protocol))


def variances(tables: StudyTables) -> pd.DataFrame:
    """Return init, seed, layer, and the mean squares of δ and of ∂L/∂W before training.

    The first hidden layer has a weight matrix of another shape than the others, so its gradient is left out (NaN).
    """
    rows = layers_before(tables).merge(tables.replicas[[*KEY, "init.name", "net.hidden"]], on=KEY)
    units = rows["net.hidden"].str.extract(r"(\d+)", expand=False).astype(int)
    gradient = (rows["weight_gradient_norm"] ** 2 / units**2).where(rows["layer"] > 1)
    table = rows[["init.name", "seed", "layer"]].rename(columns={"init.name": "init"})
    return table.assign(delta_variance=rows["delta_norm"] ** 2, gradient_variance=gradient)


def ratio_per_layer(variance: pd.Series) -> float:
    """Return the geometric mean of the ratios of adjacent layers: the root of the first over the last."""
    result: float = (variance.iloc[0] / variance.iloc[-1]) ** (1 / (len(variance) - 1))
    return result


def max_over_min(variance: pd.Series) -> float:
    """Return the largest over the smallest value."""
    result: float = variance.max() / variance.min()
    return result


def judge(table: pd.DataFrame) -> Verdict:
    """Judge by initializer how the two variances change from layer to layer."""
    by_seed = table.sort_values("layer").groupby(["init", "seed"])
    ratio = by_seed["delta_variance"].agg(ratio_per_layer)
    spread = by_seed["gradient_variance"].agg(max_over_min)
    standard = geometric_mean("δ-variance ratio per layer", ratio["standard"])
    gradients = geometric_mean("weight-gradient max/min", spread["standard"])
    glorot = geometric_mean("with Glorot's initialisation δ ratio", ratio["glorot_uniform"])
    reproduced = 0.25 <= standard.value <= 0.40 and gradients.value <= 3 and glorot.value >= 0.6
    return Verdict(word(reproduced), (standard, gradients, glorot))


def draw(table: pd.DataFrame) -> Figure:
    """Draw the variances of δ and of the weights' gradients by layer, for both initializers."""
    figure = sheet(2.4)
    panels = figure.subplots(1, 2)
    styles = {"standard": line_style("tanh"), "glorot_uniform": line_style("tanh", linestyle=(0, (4, 1.5)))}
    quantities = {"delta_variance": "variance of δ", "gradient_variance": "variance of ∂L/∂W"}
    for ax, (column, label) in zip(panels, quantities.items(), strict=True):
        for init, style in styles.items():
            rows = table[(table["init"] == init) & table[column].notna()]
            draw_band(ax, rows, "layer", column, style | {"marker": "o"}, log=True)
        ax.set(xlabel="hidden layer", ylabel=label, yscale="log")
        ax.set_xticks(range(1, 6))
    names = {"standard": "tanh, U[±1/√fan_in]", "glorot_uniform": "tanh, Glorot's initialisation"}
    legend(figure, [(names[init], style) for init, style in styles.items()], seeds_note(table) + " of the logarithm")
    return figure


CLAIM = Claim(
    text="tanh from U[±1/√fan_in]: δ shrinks with depth, weight gradients do not",
    source="Glorot & Bengio 2010, fig. 8",
    threshold="digits, 5×100 before training: δ-variance ratio per layer 0.25–0.40, weight-gradient variances max/min "
    "≤ 3; Glorot's initialisation: δ ratio ≥ 0.6",
    effect="n·Var W = 1/3 for the variance of δ (eq. 15)",
    presets=(PRESET,),
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
