"""Claim 11: ReLU gives true zeros, half of all before training and more with an L1 penalty; softplus gives none."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.drawings import entries, line_style, seeds_note
from experiments.claims.registry import Claim
from experiments.claims.studies import Protocol, train
from experiments.claims.tables import layers_after, layers_before, tuned
from experiments.claims.verdicts import Measure, Verdict, difference, mean, tuned_rates, word
from experiments.figures.style import legend, sheet
from experiments.store.reading import StudyTables
from experiments.tables import KEY

PRESET = "glorot_2011"
ACTIVATIONS = ["relu", "softplus"]


def measure(protocol: Protocol) -> pd.DataFrame:
    """Train and return `zeros`."""
    return zeros(train(PRESET, protocol))


def zeros(tables: StudyTables) -> pd.DataFrame:
    """Return activation, l1, grid, lr, seed, moment ("before" training or "trained") and zeros, at tuned rates.

    `zeros` is the share of exact zeros, its mean over hidden layers.
    """
    replicas = tuned(tables.replicas)
    parts = []
    for moment, rows in (("before", layers_before(tables)), ("trained", layers_after(tables))):
        share = rows.groupby(KEY)["zero_fraction"].mean().rename("zeros").reset_index()
        part = replicas[[*KEY, "activation", "activation_l1", "grid"]].merge(share, on=KEY).assign(moment=moment)
        parts.append(part.rename(columns={"activation_l1": "l1"}))
    return pd.concat(parts, ignore_index=True)[["activation", "l1", "grid", "lr", "seed", "moment", "zeros"]]


def judge(table: pd.DataFrame) -> Verdict:
    """Judge ReLU's share of zeros before training, its rise by the penalty, and softplus's largest share."""
    percent = table.assign(zeros=100 * table["zeros"])
    wide = percent.pivot(index="seed", columns=["activation", "moment", "l1"], values="zeros").sort_index(axis=1)
    zero, penalty = sorted(table["l1"].unique())
    before = mean("before (%)", wide["relu", "before", zero])
    trained = wide["relu", "trained"].rename(columns=str)
    rise = difference("rise with L1 (points)", trained, str(penalty), str(zero))
    softplus = Measure("softplus, largest (%)", float(wide["softplus"].to_numpy().max()))
    measures = (
        before,
        mean("trained", trained[str(zero)]),
        mean("with L1", trained[str(penalty)]),
        rise,
        softplus,
    )
    reproduced = abs(before.value - 50) <= 5 and rise.low > 0 and softplus.value == 0
    rates = tuned_rates(table.assign(l1="L1 " + table["l1"].map("{:g}".format)), "activation", "l1")
    return Verdict(word(reproduced), measures, rates)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the share of exact zeros before training, trained, and trained with an L1 penalty."""
    figure = sheet(2.2, 4.2)
    ax = figure.subplots()
    zero, penalty = sorted(table["l1"].unique())
    stages = {
        "before": ("before", zero),
        "trained": ("trained", zero),
        f"trained, L1 {penalty:g}": ("trained", penalty),
    }
    for activation in ACTIVATIONS:
        style = line_style(activation, marker="o")
        for position, (moment, l1) in enumerate(stages.values()):
            rows = table[(table["activation"] == activation) & (table["moment"] == moment) & (table["l1"] == l1)]
            share = mean(activation, 100 * rows["zeros"])
            below, above = share.value - share.low, share.high - share.value
            ax.errorbar(position, share.value, [[below], [above]], **style)
    ax.axhspan(45, 55, color="0.93", zorder=0)
    ax.set_xticks(range(3), list(stages))
    ax.set(ylabel="h = 0 (%), over hidden layers", ylim=(-4, 100), xlim=(-0.4, 2.4))
    legend(figure, entries(ACTIVATIONS, marker="o"), seeds_note(table) + "; grey: 50 ± 5 %")
    return figure


CLAIM = Claim(
    text="ReLU gives true zeros",
    source="Glorot et al. 2011",
    threshold="digits, 3×128, h = 0: 50 ± 5 % before training; rises with an L1 penalty on activations; softplus 0 %",
    effect="around 50 % after initialisation (section 3.1)",
    presets=(PRESET,),
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
