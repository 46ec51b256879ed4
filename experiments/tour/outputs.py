"""Stations of output units: which cost goes with which unit, and which distribution a cost assumes."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import softmax
from scipy.stats import bernoulli, norm, poisson

from experiments.analysis.statistics import summarise
from experiments.tour.drawing import FIRST, PLAIN, SECOND, Axis, Panel
from experiments.tour.station import Station
from experiments.tour.trained import Tour
from experiments.tour.wording import percent, scientific, signed, times
from nets.outputs import OUTPUTS, Output

COSTS = {"sigmoid_mse": ("squared error", FIRST), "sigmoid_ce": ("cross-entropy", SECOND)}
ENOUGH = 0.2
"""The training error below which a network is out of the stall."""


def stall(tour: Tour) -> Station:
    """Show cost and gradient by the score, and two trainings from a start that is wrong and saturated."""
    group = tour.groups["stall"]
    begin = group.jobs[0].net.output_bias
    last = group.epochs[-1]
    z = np.linspace(-8, 8, 321)
    cost = Panel(
        "Cost of one row, y = 1", Axis(-8, 8, (-8, -4, 0, 4, 8), "score z"), Axis(0, 8, (0, 2, 4, 6, 8), "cost")
    )
    slope = Panel(
        "Its gradient by z",
        Axis(-8, 8, (-8, -4, 0, 4, 8), "score z"),
        Axis(-1, 0, (-1, -0.75, -0.5, -0.25, 0), "∂cost/∂z"),
        left=54,
    )
    error = Panel("Training error (%)", Axis(0, last, (0, 10, 20, 30, 40), "epoch"), Axis(0, 80, (0, 20, 40, 60, 80)))
    size = Panel(
        "Gradient norm",
        Axis(0, last, (0, 10, 20, 30, 40), "epoch"),
        Axis(0.01, 10, (0.01, 0.1, 1, 10), "‖∂cost/∂θ‖", log=True),
        left=54,
    )
    first: dict[str, float] = {}
    left: dict[str, int | None] = {}
    for name, (_, look) in COSTS.items():
        output = OUTPUTS[name]()
        for panel, values in ((cost, _cost), (slope, _gradient)):
            panel.line(look, z, values(output, z, 1.0))
            panel.dots(look, [begin], values(output, np.array([begin]), 1.0))
        rows = group.history[group.history["output"] == name]
        table = summarise(rows, "epoch", "train_error")
        error.band(look, table["epoch"], 100 * table["low"].clip(lower=0), 100 * table["high"])
        error.line(look, table["epoch"], 100 * table["mean"])
        norms = rows.groupby("epoch")["gradient_norm"].mean()
        size.line(look, norms.index, norms)
        first[name] = float(norms[0])
        out = table.loc[table["mean"] < ENOUGH, "epoch"]
        left[name] = None if out.empty else int(out.iloc[0])
    return Station(
        "stall",
        "Output unit and cost",
        stall_insight(first["sigmoid_ce"] / first["sigmoid_mse"], left["sigmoid_mse"], left["sigmoid_ce"], last),
        [cost, slope, error, size],
        "medium",
        [(label, look) for label, look in COSTS.values()],
        f"First: one sigmoid unit, y = 1. The dots are the start, z = {signed(begin)}: wrong, and sure of it. "
        "Squared error passes on σ′(z), which is almost 0 there; cross-entropy cancels it, and its gradient is σ(z) "
        "− y. Then: breast_cancer, whose output unit starts there for all rows, with 16 tanh units, learning rate "
        "0.1, means over 5 seeds with 95 % intervals.",
        "What if the output is clipped to [0, 1], or starts in the middle?",
        "python run.py -m dataset=breast_cancer 'net.hidden=[16]' output=sigmoid_ce,sigmoid_mse,clipped_mse "
        "net.output_bias=-4.0,0.0 study=stall",
    )


def stall_insight(ratio: float, squared: int | None, entropy: int | None, last: int) -> str:
    """Return what the first gradients and the epochs show after which the training error is below `ENOUGH`."""
    size = f"{times(ratio)} times smaller" if ratio > 1 else f"{times(1 / ratio)} times larger"
    text = f"From a saturated, wrong start squared error has a gradient {size} than cross-entropy"
    if entropy is None:
        return f"{text}."
    goal = f"get below {percent(ENOUGH)} training error"
    if squared is None:
        return f"{text} and does not {goal} in {last} epochs; cross-entropy needs {entropy}."
    return f"{text} and needs {squared} epochs, not {entropy}, to {goal}."


def _cost(output: Output, z: np.ndarray, y: float) -> np.ndarray:
    scores = z[None, :, None]
    cost: np.ndarray = output.cost(scores, np.full_like(scores, y))[0]
    return cost


def _gradient(output: Output, z: np.ndarray, y: float) -> np.ndarray:
    scores = z[None, :, None]
    out = np.empty_like(scores)
    output.gradient(scores, np.full_like(scores, y), out)
    gradient: np.ndarray = out[0, :, 0]
    return gradient


class Law(NamedTuple):
    """A distribution of targets, the pairing that assumes it, and −log p of targets (n, k) for scores (m, k)."""

    title: str
    pairing: str
    unit: str
    prediction: str
    targets: Callable[[np.random.Generator], np.ndarray]
    surprise: Callable[[np.ndarray, np.ndarray], np.ndarray]


LAWS = (
    Law(
        *("Gaussian", "linear_mse", "linear, squared error", "mean"),
        lambda random: random.normal(0.8, 1.0, (60, 1)),
        lambda z, y: -norm.logpdf(y[:, 0], z),
    ),
    Law(
        *("Bernoulli", "sigmoid_ce", "sigmoid, cross-entropy", "share of ones"),
        lambda random: (random.random((60, 1)) < 0.3).astype(float),
        lambda z, y: -bernoulli.logpmf(y[:, 0].astype(int), 1 / (1 + np.exp(-z))),
    ),
    Law(
        *("Categorical, 3 classes", "softmax_ce", "softmax, cross-entropy", "share of class 1"),
        lambda random: np.eye(3)[random.choice(3, 60, p=[0.6, 0.2, 0.2])],
        lambda z, y: -np.log((softmax(z * [1, 0, 0], axis=-1)[:, None] * y).sum(axis=-1)),
    ),
    Law(
        *("Poisson, counts", "exp_poisson", "exponential, Poisson cost", "mean count"),
        lambda random: random.poisson(2.2, (60, 1)).astype(float),
        lambda z, y: -poisson.logpmf(y[:, 0].astype(int), np.exp(z)),
    ),
)


def likelihoods(tour: Tour) -> Station:
    """Show that the costs are negative log-likelihoods, and where their minima lie."""
    panels, furthest, misses = [], 0.0, []
    for index, law in enumerate(LAWS):
        y = law.targets(np.random.default_rng([7, index]))
        output = OUTPUTS[law.pairing]()
        z = np.linspace(-3, 3, 1201)
        scores = np.zeros((len(z), 1, y.shape[1]))
        scores[:, 0, 0] = z
        cost = np.array([output.cost(np.repeat(row[None], len(y), axis=1), y[None]).mean() for row in scores])
        surprise = law.surprise(z[:, None], y).mean(axis=1)
        constant = float((surprise - cost).mean())
        furthest = max(furthest, float(np.abs(surprise - cost - constant).max()))
        best = int(cost.argmin())
        predicted, statistic = float(output.predict(scores[best : best + 1])[0, 0, 0]), float(y[:, 0].mean())
        misses.append(abs(predicted - statistic))
        low, high = np.floor(cost.min()), np.ceil(cost.max())
        panel = Panel(
            law.title,
            Axis(-3, 3, (-3, -2, -1, 0, 1, 2, 3), f"score z: {law.unit}"),
            Axis(low, high, (low, (low + high) / 2, high), "mean cost"),
        )
        panel.line(PLAIN, z, cost)
        panel.dots(FIRST, z[30::95], surprise[30::95] - constant)
        panel.dots(PLAIN, z[best : best + 1], cost[best : best + 1])
        panel.note(f"prediction at the minimum {predicted:.2f}", "middle")
        panel.note(f"{law.prediction} {statistic:.2f}", "middle", 1)
        panels.append(panel)
    return Station(
        "likelihoods",
        "A cost is a likelihood",
        likelihoods_insight(furthest, max(misses)),
        panels,
        "medium",
        [
            ("mean cost of 60 targets", PLAIN),
            ("its minimum", PLAIN._replace(shape="dot")),
            ("mean −log p of the distribution, less a constant", FIRST._replace(shape="dot")),
        ],
        "Each panel has 60 targets and one score z for all. The line is the cost of the network’s output, the dots "
        f"come from SciPy’s distributions; less a constant they differ by at most {scientific(furthest)}. At the "
        "minimum the unit predicts what maximum likelihood estimates. The Gaussian has the variance 1.",
        "What do networks with the right and the wrong likelihood say of data?",
        "python -m experiments.report figures=likelihoods study=tour",
    )


def likelihoods_insight(furthest: float, miss: float) -> str:
    """Return what the largest differences show: of cost from −log p, and of the prediction from the sample."""
    if furthest > 1e-6:
        return f"Cost and −log p differ by up to {furthest:.1g} besides a constant."
    text = "Each of these four costs is the −log p of a distribution, but for a constant"
    return f"{text}, so its minimum predicts the mean of the targets." if miss < 0.01 else f"{text}."
