"""Claim 9: at every learning rate, ELU's autoencoder reconstructs better than those of other rectifiers."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.drawings import draw_band, entries, line_style, seeds_note
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, concatenate, train
from experiments.claims.verdicts import Verdict, difference, word
from experiments.figures.style import legend, sheet
from experiments.store.reading import StudyTables

PRESETS = {
    "shifted_relu": "clevert_2015_autoencoder",
    "elu": "clevert_2015_autoencoder",
    "relu": "clevert_2015_autoencoder",
    "leaky_relu": "clevert_2015_autoencoder_leaky",
}
"""By activation. The first one diverges first, so it stands first: the search for the top rate is short."""
TOP_RATES = (1.0, 0.333, 0.1, 0.0333, 0.01, 0.00333, 0.001, 0.000333, 0.0001)
"""The top rate is the largest of these at which all replicas of all autoencoders stay finite."""
ORDER = ("relu", "leaky_relu", "elu", "shifted_relu")
"""The order of the legend."""


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return activation, lr (four rates), test_to_train, seed, test_loss, inf where a replica diverged.

    Raises
    ------
    RuntimeError
        If there is no rate at which all stay finite.
    """
    rates = fractions(top_rate(protocol))
    replicas = concatenate(train_autoencoder(activation, rates, protocol) for activation in PRESETS).replicas
    loss = replicas["final_test_loss"].where(replicas["status"] == "done", np.inf)
    return replicas[["activation", "lr", "test_to_train", "seed"]].assign(test_loss=loss)


def train_autoencoder(activation: str, rates: list[float], protocol: Protocol) -> StudyTables:
    """Train the autoencoders of one activation at these learning rates."""
    chosen = f"optimizer.lr={rates}".replace(" ", "")
    return train(PRESETS[activation], protocol, f"activation={activation}", chosen)


def top_rate(protocol: Protocol) -> float:
    """Train at one rate after another and return the first at which no autoencoder diverges.

    Raises
    ------
    RuntimeError
        If there is none.
    """
    for rate in TOP_RATES:
        studies = (train_autoencoder(activation, [rate], protocol) for activation in PRESETS)
        if all((study.replicas["status"] == "done").all() for study in studies):
            return rate
    raise RuntimeError(f"some autoencoder diverges even at the rate {TOP_RATES[-1]:g}")


def fractions(top: float) -> list[float]:
    """Return {1, 1/3, 1/10, 1/30} times a rate, to three digits."""
    return [float(f"{top * fraction:.3g}") for fraction in (1, 1 / 3, 1 / 10, 1 / 30)]


def judge(table: pd.DataFrame) -> Verdict:
    """Judge at how many of the four rates ELU's mean test loss is the lowest."""
    measures, best, rectifiers, test_to_train = [], 0, 0, table["test_to_train"].iloc[0]
    for rate, rows in sorted(table.groupby("lr"), reverse=True):
        wide = rows.pivot(index="seed", columns="activation", values="test_loss")
        mean = wide.mean()
        rival = mean.drop("elu").idxmin()
        best += mean["elu"] < mean[rival]
        rectifiers += mean["elu"] < mean[["relu", "leaky_relu"]].min()
        measures.append(difference(f"at lr {rate:.3g} ELU − {rival}", wide, "elu", rival, test_to_train))
    remark = f"lowest at {best} of {len(measures)} rates, lower than ReLU and leaky ReLU at {rectifiers}"
    return Verdict(word(best == 4, best == 3), tuple(measures), remark)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the test loss of each activation's autoencoder by learning rate."""
    figure = sheet(2.4, 4.2)
    ax = figure.subplots()
    activations = [activation for activation in ORDER if activation in set(table["activation"])]
    for activation in activations:
        rows = table[table["activation"] == activation]
        draw_band(ax, rows, "lr", "test_loss", line_style(activation, marker="o"))
    ax.set(xlabel="learning rate", ylabel="test loss, ½ Σ (z − x)²", xscale="log", title="autoencoders of mnist5k")
    legend(figure, entries(activations), seeds_note(table))
    return figure


CLAIM = Claim(
    text="ELU reconstructs best at every learning rate",
    source="Clevert et al. 2015, fig. 3",
    threshold="mnist5k autoencoder, rates {1, 1/3, 1/10, 1/30} × the largest at which every activation stays finite: "
    "ELU's mean test loss lowest at 4 of 4; 3 of 4: partial",
    effect="a figure without this number",
    presets=tuple(dict.fromkeys(PRESETS.values())),
    measure=measure,
    judge=judge,
    drawings={"": draw},
    explanation="Shifted ReLU has negative values too. Its slope is 1 down to −1, where ELU's slope is smaller. An "
    "autoencoder that is far from converged after 50 epochs learns faster with the larger slope. The paper trains for "
    "500 epochs on 60,000 digits.",
)
