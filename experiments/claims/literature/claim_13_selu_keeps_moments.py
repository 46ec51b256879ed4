"""Claim 13: SELU keeps mean 0 and variance 1 of a layer's outputs through depth; tanh or ELU does not."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.drawings import draw_band, entries, line_style, seeds_note
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, train
from experiments.claims.tables import layers_before
from experiments.claims.verdicts import Measure, Verdict, mean, word
from experiments.figures.style import legend, sheet
from experiments.store.reading import StudyTables
from experiments.tables import KEY

PRESET = "klambauer_2017"
ACTIVATIONS = ["selu", "tanh", "elu"]
BANDS = {"mean": (-0.1, 0.1), "variance": (0.7, 1.3)}


def measure(protocol: Protocol) -> pd.DataFrame:
    """Train and return `moments`."""
    return moments(train(PRESET, protocol))


def moments(tables: StudyTables) -> pd.DataFrame:
    """Return pixels (raw or standardised), activation, seed, layer, mean and variance of h before training."""
    rows = layers_before(tables).merge(tables.replicas[[*KEY, "dataset.pixels"]], on=KEY)
    names = {"dataset.pixels": "pixels", "activation_mean": "mean"}
    rows = rows.rename(columns=names).assign(variance=rows["activation_std"] ** 2)
    return rows[["pixels", "activation", "seed", "layer", "mean", "variance"]]


def judge(table: pd.DataFrame) -> Verdict:
    """Judge whether the moments of all layers, each a mean over seeds, are within the bands."""
    layers = table.groupby(["pixels", "activation", "layer"])[["mean", "variance"]].mean()
    within = (layers["mean"].abs() <= 0.1) & layers["variance"].between(*BANDS["variance"])
    within = within.groupby(["pixels", "activation"]).all()
    standardised, raw = (table[table["pixels"] == pixels].set_index("activation") for pixels in (False, True))
    measures = (
        furthest("SELU's", standardised.loc["selu"], "mean", center=0),
        furthest("SELU's", standardised.loc["selu"], "variance", center=1),
        furthest("tanh's", standardised.loc["tanh"], "variance", center=1),
        furthest("ELU's", standardised.loc["elu"], "variance", center=1),
        furthest("on raw pixels SELU's", raw.loc["selu"], "variance", center=1),
    )
    others = not (within[False, "tanh"] and within[False, "elu"])
    remark = f"on raw pixels SELU {'stays' if within[True, 'selu'] else 'does not stay'} in the band"
    return Verdict(word(within[False, "selu"] and others), measures, remark)


def furthest(owner: str, rows: pd.DataFrame, moment: str, center: float) -> Measure:
    """Return the moment of the layer at which its mean over seeds is furthest from `center`."""
    layer = (rows.groupby("layer")[moment].mean() - center).abs().idxmax()
    return mean(f"{owner} furthest {moment}, of layer {layer}:", rows.loc[rows["layer"] == layer, moment])


def draw(table: pd.DataFrame) -> Figure:
    """Draw mean and variance of h by layer for standardised features and raw pixels."""
    figure = sheet(3.4)
    panels = figure.subplots(2, 2, sharex=True)
    for column, (pixels, title) in zip(panels.T, ((False, "standardised"), (True, "raw pixels")), strict=True):
        top, bottom = column
        for ax, (moment, band) in zip(column, BANDS.items(), strict=True):
            for activation in ACTIVATIONS:
                rows = table[(table["pixels"] == pixels) & (table["activation"] == activation)]
                draw_band(ax, rows, "layer", moment, line_style(activation))
            ax.axhspan(*band, color="0.93", zorder=0)
            ax.set_ylabel(f"{moment} of h")
        top.set_title(f"digits, {title}")
        bottom.set_xlabel("hidden layer")
    legend(figure, entries(ACTIVATIONS), seeds_note(table) + "; grey: the claim's band")
    return figure


CLAIM = Claim(
    text="SELU keeps mean 0 and variance 1 through depth",
    source="Klambauer et al. 2017",
    threshold="digits, standardised, 32×256, LeCun normal, before training: layer means within ±0.1, variances "
    "0.7–1.3; tanh or ELU leaves the band",
    effect="the fixed point itself: mean 0, variance 1",
    presets=(PRESET,),
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
