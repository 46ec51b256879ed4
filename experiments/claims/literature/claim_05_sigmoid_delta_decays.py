"""Claim 5: in a deep sigmoid network, δ decays by one factor from layer to layer on the way back."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.drawings import THRESHOLD, draw_band, line_style, seeds_note
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, train
from experiments.claims.tables import layers_before
from experiments.claims.verdicts import Verdict, geometric_mean, mean, word
from experiments.figures.style import legend, sheet

PRESET = "glorot_2010_sigmoid"


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return seed, layer, delta_norm of the hidden layers before training."""
    return layers_before(train(PRESET, protocol))[["seed", "layer", "delta_norm"]]


def fit_line(rows: pd.DataFrame) -> pd.Series:
    """Return slope and R² of the line through log δ against the layer."""
    layer, log = rows["layer"], np.log(rows["delta_norm"])
    slope, _ = np.polyfit(layer, log, 1)
    return pd.Series({"slope": slope, "r2": np.corrcoef(layer, log)[0, 1] ** 2})


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the line through log δ against the layer, seed by seed."""
    fits = table.groupby("seed")[["layer", "delta_norm"]].apply(fit_line)
    factor, r2 = geometric_mean("factor per layer back", np.exp(-fits["slope"])), mean("R²", fits["r2"])
    return Verdict(word(r2.value >= 0.95 and 0.15 <= factor.value <= 0.30), (factor, r2))


def draw(table: pd.DataFrame) -> Figure:
    """Draw δ by layer with the line that fits its logarithm."""
    figure = sheet(2.4, 4)
    ax = figure.subplots()
    style = line_style("sigmoid")
    draw_band(ax, table, "layer", "delta_norm", style | {"marker": "o"}, log=True)
    log = np.log(table["delta_norm"]).groupby(table["layer"]).mean()
    slope, start = np.polyfit(log.index, log, 1)
    ax.plot(log.index, np.exp(start + slope * log.index), **THRESHOLD)
    ax.set(yscale="log", xlabel="hidden layer (1 next to the inputs)", ylabel="δ = rms ∂ℓ/∂z")
    fit = (f"log-linear: a factor of {np.exp(-slope):.3f} to the layer before", THRESHOLD)
    legend(figure, [("sigmoid, Glorot's initialisation", style), fit], seeds_note(table))
    return figure


CLAIM = Claim(
    text="δ decays geometrically with depth for sigmoid",
    source="Glorot & Bengio 2010",
    threshold="digits, 10×100, Glorot's initialisation: log δ against layer has R² ≥ 0.95, factor per layer 0.15–0.30",
    effect="no number for sigmoid (where it is linear, f′(0) = 0.25 for each layer)",
    presets=(PRESET,),
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
