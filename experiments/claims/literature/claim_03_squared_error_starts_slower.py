"""Claim 3: sigmoid outputs that start with wrong answers learn slower by squared error than by cross-entropy."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.registry import Claim
from experiments.claims.steps import steps_to_error
from experiments.claims.studies import Protocol, command_line, train
from experiments.claims.tables import tuned
from experiments.claims.verdicts import Verdict, mean, nearly_all, ratio, tuned_rates, word
from experiments.config.compose import sweep
from experiments.figures.style import INK, MUTED, Style, log_axis, sheet
from experiments.tables import KEY

PRESET = "nielsen_2015"


def measure(protocol: Protocol) -> pd.DataFrame:
    """Return output, grid, lr, seed and the steps to 50 % training accuracy, each output at its tuned rate."""
    chosen = tuned(train(PRESET, protocol).replicas)
    rows = []
    for settings, _ in sweep(command_line(PRESET, protocol)):
        replicas = chosen.loc[chosen["run"] == settings.run, ["lr", "seed"]]
        steps = steps_to_error(settings, list(replicas.itertuples(index=False, name=None)), 0.5)
        rows += [(settings.run, rate, seed, count) for (rate, seed), count in steps.items()]
    table = pd.DataFrame(rows, columns=[*KEY, "steps"])
    return table.merge(chosen[[*KEY, "output", "grid"]], on=KEY)[["output", "grid", "lr", "seed", "steps"]]


def judge(table: pd.DataFrame) -> Verdict:
    """Judge the ratio of steps seed by seed."""
    wide = table.pivot(index="seed", columns="output", values="steps")
    twice = wide["sigmoid_mse"] / wide["sigmoid_ce"] >= 2
    measures = (
        ratio("ratio of steps", wide, "sigmoid_mse", "sigmoid_ce"),
        mean("steps with MSE", wide["sigmoid_mse"]),
        mean("with CE", wide["sigmoid_ce"]),
    )
    remark = f"{twice.sum()} of {len(twice)} seeds with a ratio of at least 2; {tuned_rates(table, 'output')}"
    return Verdict(word(nearly_all(twice)), measures, remark)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the steps to 50 % training accuracy, a line for each seed."""
    figure = sheet(2.4, 4)
    ax = figure.subplots()
    wide = table.pivot(index="seed", columns="output", values="steps")
    style: Style = {"color": MUTED, "marker": "o", "markerfacecolor": INK, "markeredgecolor": INK, "linewidth": 0.8}
    for ce, mse in zip(wide["sigmoid_ce"], wide["sigmoid_mse"], strict=True):
        ax.plot([0, 1], [ce, mse], **style)
    log_axis(ax, table["steps"].min() / 1.5, table["steps"].max() * 1.5)
    title = "digits, output biases +4, a line per seed"
    ax.set(ylabel="steps to 50 % training accuracy", xlim=(-0.4, 1.4), title=title)
    ax.set_xticks([0, 1], ["cross-entropy", "squared error"])
    return figure


CLAIM = Claim(
    text="sigmoid with MSE starts slower than sigmoid with CE in an MLP",
    source="after Nielsen 2015, ch. 3",
    threshold="digits, 1×100, output biases +4: ratio MSE/CE of the minibatch steps to 50 % training accuracy ≥ 2 in "
    "≥ 9 of 10 seeds",
    effect="curves of one neuron; no number for the start of an MLP",
    presets=(PRESET,),
    measure=measure,
    judge=judge,
    drawings={"": draw},
)
