"""The claims: each a source, a threshold and one pure function from a table to a verdict.

A table has a row for each seed (and epoch, layer, …) that the claim speaks of; `tables` makes it from a study.
Intervals are at 95 %: Student's over seeds, of paired differences where two conditions are compared.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.analysis.statistics import compare, summarise

REPRODUCED, PARTIAL, FAILED = "reproduced", "partial", "not reproduced"
LEVEL = 0.1
"""Training cross-entropy at which a network counts as having learned."""


class Measure(NamedTuple):
    """A measured figure with its interval; without one (NaN) it is exact."""

    what: str
    value: float
    low: float = math.nan
    high: float = math.nan

    def __str__(self):
        interval = "exact" if math.isnan(self.low) else f"{self.low:.4g} to {self.high:.4g}"
        return f"{self.what} {self.value:.4g} ({interval})"


class Verdict(NamedTuple):
    """What a table says of a claim: a word, the figures that decide it first, and what else should be known."""

    word: str
    measures: tuple[Measure, ...]
    remark: str = ""


@dataclass(frozen=True)
class Claim:
    """A sentence of the literature.

    Attributes
    ----------
    number : int
    text, source, threshold : str
        What is said, by whom, and when it counts as reproduced.
    otherwise : str
        Where it was not: the likely reason, to be printed with any other verdict.
    judge : callable
        Table to `Verdict`.
    """

    number: int
    text: str
    source: str
    threshold: str
    otherwise: str
    judge: Callable[[pd.DataFrame], Verdict]


CLAIMS: dict[int, Claim] = {}


def claim(number: int, text: str, *, source: str, threshold: str, otherwise: str = ""):
    """Register the decorated function as the judge of a claim."""

    def register(judge):
        CLAIMS[number] = Claim(number, text, source, threshold, otherwise, judge)
        return judge

    return register


def _word(reproduced: bool, partial: bool = False) -> str:
    return REPRODUCED if reproduced else PARTIAL if partial else FAILED


def _mean(what: str, values: pd.Series) -> Measure:
    row = summarise(pd.DataFrame({"all": 0, "value": values.to_numpy(float)}), "all", "value").iloc[0]
    return Measure(what, row["mean"], row["low"], row["high"])


def _geometric(what: str, values: pd.Series) -> Measure:
    log = _mean(what, np.log(values))
    return Measure(what, *np.exp(log[1:]))


def _difference(what: str, wide: pd.DataFrame, a: str, b: str) -> Measure:
    """Return the paired mean of column a − column b over the index, the seeds."""
    row = compare(wide, [(a, b)]).iloc[0]
    return Measure(what, row["difference"], row["low"], row["high"])


def _ratio(what: str, wide: pd.DataFrame, a: str, b: str) -> Measure:
    """Return the paired geometric mean of a / b."""
    return Measure(what, *np.exp(_difference(what, np.log(wide), a, b)[1:]))


def nearly_all(true: pd.Series) -> bool:
    """Return whether it is true of 9 in 10 seeds: of 9 out of 10, of all of 3."""
    return int(true.sum()) >= math.ceil(0.9 * len(true))


def crossing(losses: pd.Series, level: float = LEVEL) -> float:
    """Return the epoch at which a loss (index: epoch) first falls to a level, log-linear between epochs.

    A loss that does not is censored: its last epoch is returned, for one that diverged as well if `losses` has the
    epochs that it did not live to see, as NaN.
    """
    losses = losses.sort_index()
    reached = losses.index[(losses <= level).to_numpy()]
    if not len(reached):
        return float(losses.index[-1])
    place = losses.index.get_loc(reached[0])
    if place == 0:
        return float(reached[0])
    before, after = losses.index[place - 1], reached[0]
    share = np.log(losses.iloc[place - 1] / level) / np.log(losses.iloc[place - 1] / losses.iloc[place])
    return float(before + share * (after - before))


def crossings(table: pd.DataFrame) -> pd.DataFrame:
    """Return `crossing` of train_loss, seed × activation."""
    losses = table.pivot(index="epoch", columns=["activation", "seed"], values="train_loss")
    return losses.apply(crossing).unstack("activation")


def _rates(table: pd.DataFrame, column: str) -> str:
    """Return the learning rate of each condition in words."""
    rates = table.drop_duplicates(column).set_index(column)["lr"]
    return "tuned rates: " + ", ".join(f"{name} {rate:g}" for name, rate in rates.items())


def _in_points(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return test errors in percentage points, seed × `column`."""
    return 100 * table.pivot(index="seed", columns=column, values="test_error")


@claim(
    1,
    "a quadratic cost stalls from a saturated start",
    source="Nielsen 2015, ch. 3",
    threshold="one sigmoid neuron: a ≥ 0.90 after 150 steps and ≤ 0.25 after 300; gradient ratio CE/quadratic at the "
    "start 56.6 ± 0.1",
)
def quadratic_stalls(table: pd.DataFrame) -> Verdict:
    """Judge a neuron's course: columns cost ("quadratic" or "cross-entropy"), step, a, gradient (by z)."""
    a, gradient = (table.pivot(index="step", columns="cost", values=name) for name in ("a", "gradient"))
    ratio = gradient.loc[0, "cross-entropy"] / gradient.loc[0, "quadratic"]
    a = a["quadratic"]
    measures = (
        Measure("a after 150 steps", a[150]),
        Measure("after 300", a[300]),
        Measure("gradient ratio", ratio),
    )
    return Verdict(_word(a[150] >= 0.90 and a[300] <= 0.25 and abs(ratio - 56.6) <= 0.1), measures)


@claim(
    2,
    "cross-entropy does not, at the same rate",
    source="Nielsen 2015, ch. 3",
    threshold="the same neuron: a ≤ 0.15 after 50 steps",
)
def cross_entropy_does_not(table: pd.DataFrame) -> Verdict:
    """Judge the same table as claim 1."""
    a = table[(table["cost"] == "cross-entropy") & (table["step"] == 50)]["a"].item()
    return Verdict(_word(a <= 0.15), (Measure("a after 50 steps", a),))


@claim(
    3,
    "sigmoid with MSE starts slower than sigmoid with CE in an MLP",
    source="after Nielsen 2015, ch. 3",
    threshold="digits, 1×100, output biases +4: ratio MSE/CE of the minibatch steps to 50 % training accuracy ≥ 2 in "
    "≥ 9 of 10 seeds",
)
def squares_start_slower(table: pd.DataFrame) -> Verdict:
    """Judge columns output ("sigmoid_mse" or "sigmoid_ce"), seed, lr, steps to 50 % training accuracy."""
    wide = table.pivot(index="seed", columns="output", values="steps")
    twice = wide["sigmoid_mse"] / wide["sigmoid_ce"] >= 2
    measures = (
        _ratio("ratio of steps", wide, "sigmoid_mse", "sigmoid_ce"),
        _mean("steps with MSE", wide["sigmoid_mse"]),
        _mean("with CE", wide["sigmoid_ce"]),
    )
    remark = f"{twice.sum()} of {len(twice)} seeds with a ratio of at least 2; {_rates(table, 'output')}"
    return Verdict(_word(nearly_all(twice)), measures, remark)


@claim(
    4,
    "tuned MSE is as good as tuned CE in the end",
    source="Hui & Belkin 2020",
    threshold="digits, 2×128 ReLU, linear output for MSE: interval of the test accuracy's difference inside ±1 point",
)
def squares_end_alike(table: pd.DataFrame) -> Verdict:
    """Judge columns output ("linear_mse" or "softmax_ce"), lr, seed, test_error."""
    difference = _difference("accuracy MSE − CE (points)", -_in_points(table, "output"), "linear_mse", "softmax_ce")
    inside = difference.low > -1 and difference.high < 1
    winner = "MSE" if difference.low > 0 else "CE" if difference.high < 0 else "neither"
    remark = _rates(table, "output")
    return Verdict(_word(inside), (difference,), remark if inside else f"winner: {winner}; {remark}")


@claim(
    5,
    "δ decays geometrically with depth for sigmoid",
    source="Glorot & Bengio 2010",
    threshold="digits, 10×100, Glorot's initialisation: log δ against layer has R² ≥ 0.95, factor per layer 0.15–0.30",
)
def geometric_decay(table: pd.DataFrame) -> Verdict:
    """Judge columns seed, layer (hidden ones), delta_norm: a line through log δ for each seed."""

    def fit(rows):
        layer, log = rows["layer"], np.log(rows["delta_norm"])
        return pd.Series({"slope": np.polyfit(layer, log, 1)[0], "r2": np.corrcoef(layer, log)[0, 1] ** 2})

    fits = table.groupby("seed")[["layer", "delta_norm"]].apply(fit)
    factor, r2 = _geometric("factor per layer back", np.exp(-fits["slope"])), _mean("R²", fits["r2"])
    return Verdict(_word(r2.value >= 0.95 and 0.15 <= factor.value <= 0.30), (factor, r2))


@claim(
    6,
    "tanh from U[±1/√fan_in]: δ shrinks with depth, weight gradients do not",
    source="Glorot & Bengio 2010, fig. 8",
    threshold="digits, 5×100 before training: δ-variance ratio per layer 0.25–0.40, weight-gradient variances max/min "
    "≤ 3; Glorot's initialisation: δ ratio ≥ 0.6",
)
def standard_init(table: pd.DataFrame) -> Verdict:
    """Judge columns init, seed, layer (hidden), delta_variance, gradient_variance (NaN for the input's matrix)."""
    hidden = table.sort_values("layer")
    by_seed = hidden.groupby(["init", "seed"])
    # The geometric mean over adjacent layers is the root of the first over the last.
    ratio = by_seed["delta_variance"].agg(lambda v: (v.iloc[0] / v.iloc[-1]) ** (1 / (len(v) - 1)))
    spread = by_seed["gradient_variance"].agg(lambda v: v.max() / v.min())
    standard = _geometric("δ-variance ratio per layer", ratio["standard"])
    gradients = _geometric("weight-gradient max/min", spread["standard"])
    glorot = _geometric("with Glorot's initialisation δ ratio", ratio["glorot_uniform"])
    word = _word(0.25 <= standard.value <= 0.40 and gradients.value <= 3 and glorot.value >= 0.6)
    return Verdict(word, (standard, gradients, glorot))


@claim(
    7,
    "ELU's mean activation is nearer 0",
    source="Clevert et al. 2015, fig. 2",
    threshold="mnist5k, 8×128, lr 0.01: |ELU| < LReLU(0.1) < ReLU at ≥ 90 % of epochs in ≥ 9 of 10 seeds; ELU lowest "
    "alone: partial",
    otherwise="With a slope of 0.1 leaky ReLU's mean is below ReLU's by less than a tenth, and the median over the 128 "
    "units of a layer varies by as much from seed to seed. The paper shows one curve for each activation, on 60,000 "
    "digits.",
)
def nearer_zero(table: pd.DataFrame) -> Verdict:
    """Judge columns activation, seed, epoch (from 1), median: mean over layers of the layer's activation_median."""
    wide = table.pivot(index=["seed", "epoch"], columns="activation", values="median").abs()
    ordered = (wide["elu"] < wide["leaky_relu"]) & (wide["leaky_relu"] < wide["relu"])
    lowest = wide["elu"] < wide[["leaky_relu", "relu"]].min(axis=1)
    orders, lows = (true.groupby("seed").mean() >= 0.9 for true in (ordered, lowest))
    means = wide.groupby("seed").mean()
    measures = (
        _difference("|ELU| − LReLU", means, "elu", "leaky_relu"),
        _difference("LReLU − ReLU", means, "leaky_relu", "relu"),
    )
    remark = f"at 90 % of the epochs {orders.sum()} of {len(orders)} seeds have this order, {lows.sum()} ELU lowest"
    return Verdict(_word(nearly_all(orders), nearly_all(lows)), measures, remark)


@claim(
    8,
    "ELU's training loss falls faster than ReLU's and LReLU's",
    source="Clevert et al. 2015, fig. 2",
    threshold="same; epochs to training CE 0.1, censored at 100: intervals of the log ratios to ReLU and LReLU < 0 at "
    "lr 0.01 and at tuned rates; at 0.01 alone: partial",
)
def falls_faster(table: pd.DataFrame) -> Verdict:
    """Judge columns rate ("0.01" or "tuned"), activation (any others are left out), lr, seed, epoch, train_loss."""
    table = table[table["activation"].isin(["relu", "leaky_relu", "elu"])]
    first, last, faster, remarks = [], [], {}, []
    for rate, rows in table.groupby("rate"):
        epochs = crossings(rows)
        ends = rows[rows["epoch"] == rows["epoch"].max()]
        ends = ends.pivot(index="seed", columns="activation", values="train_loss")
        where = f"at lr {rate}" if rate != "tuned" else "tuned"
        ratios = [
            _ratio(f"epochs ELU/{name} {where}", epochs, "elu", other)
            for name, other in (("ReLU", "relu"), ("LReLU", "leaky_relu"))
        ]
        faster[rate] = all(ratio.high < 1 for ratio in ratios)
        first += ratios
        last += [
            _ratio(f"final loss ELU/{name} {where}", ends, "elu", other)
            for name, other in (("ReLU", "relu"), ("LReLU", "leaky_relu"))
        ]
        censored = int((rows.groupby(["activation", "seed"])["train_loss"].min() > LEVEL).sum())
        if censored:
            remarks.append(f"{where}, {censored} networks did not get there")
    remarks.append(_rates(table[table["rate"] == "tuned"], "activation"))
    return Verdict(_word(all(faster.values()), faster["0.01"]), (*first, *last), "; ".join(remarks))


@claim(
    9,
    "ELU reconstructs best at every learning rate",
    source="Clevert et al. 2015, fig. 3",
    threshold="mnist5k autoencoder, rates {1, 1/3, 1/10, 1/30} × the largest at which every activation stays finite: "
    "ELU's mean test loss lowest at 4 of 4; 3 of 4: partial",
    otherwise="Shifted ReLU is negative too, and its slope is 1 down to −1, where ELU's is less, so an autoencoder "
    "that is far from converged after 50 epochs learns the faster for it. The paper trains for 500 epochs on 60,000 "
    "digits.",
)
def reconstructs_best(table: pd.DataFrame) -> Verdict:
    """Judge columns activation, lr (four), seed, test_loss (inf if diverged)."""
    measures, best, rectifiers = [], 0, 0
    for rate, rows in sorted(table.groupby("lr"), reverse=True):
        wide = rows.pivot(index="seed", columns="activation", values="test_loss")
        mean = wide.mean()
        rival = mean.drop("elu").idxmin()
        best += mean["elu"] < mean[rival]
        rectifiers += mean["elu"] < mean[["relu", "leaky_relu"]].min()
        measures.append(_difference(f"at lr {rate:.3g} ELU − {rival}", wide, "elu", rival))
    remark = f"lowest at {best} of {len(measures)} rates, lower than ReLU and leaky ReLU at {rectifiers}"
    return Verdict(_word(best == 4, best == 3), tuple(measures), remark)


@claim(
    10,
    "softplus is no better than ReLU",
    source="Glorot et al. 2011; Goodfellow et al. 2016, p. 191",
    threshold="digits, 3×128: lower bound of the test error's difference softplus − ReLU ≥ −0.3 points",
)
def softplus_no_better(table: pd.DataFrame) -> Verdict:
    """Judge columns activation ("relu" or "softplus"), lr, seed, test_error."""
    difference = _difference("test error softplus − ReLU (points)", _in_points(table, "activation"), "softplus", "relu")
    return Verdict(_word(difference.low >= -0.3), (difference,), _rates(table, "activation"))


@claim(
    11,
    "ReLU gives true zeros",
    source="Glorot et al. 2011",
    threshold="digits, 3×128, h = 0: 50 ± 5 % before training; rises with an L1 penalty on activations; softplus 0 %",
)
def true_zeros(table: pd.DataFrame) -> Verdict:
    """Judge columns activation, l1, seed, moment ("before" or "trained"), zeros: share of h = 0, over hidden layers."""
    zeros = table.assign(zeros=100 * table["zeros"])
    zeros = zeros.pivot(index="seed", columns=["activation", "moment", "l1"], values="zeros").sort_index(axis=1)
    none, some = sorted(table["l1"].unique())
    before = _mean("before (%)", zeros["relu", "before", none])
    trained = zeros["relu", "trained"].rename(columns=str)
    rise = _difference("rise with L1 (points)", trained, str(some), str(none))
    softplus = Measure("softplus, largest (%)", float(zeros["softplus"].to_numpy().max()))
    measures = (
        before,
        _mean("trained", trained[str(none)]),
        _mean("with L1", trained[str(some)]),
        rise,
        softplus,
    )
    return Verdict(_word(abs(before.value - 50) <= 5 and rise.low > 0 and softplus.value == 0), measures)


@claim(
    12,
    "a ReLU network is born dead at a point with probability 1 − (1 − 2⁻ᴺ)ᴸ",
    source="after Lu et al. 2019",
    threshold="2,000 initialisations for N in {2, 3, 4, 5}, L in {2, 5, 10, 20}: every cell within 3.5·√(p(1−p)/2000)",
)
def born_dead(table: pd.DataFrame) -> Verdict:
    """Judge columns width, depth, networks, dead (counts)."""
    from statsmodels.stats.proportion import proportion_confint

    p = 1 - (1 - 2.0 ** -table["width"]) ** table["depth"]
    error = np.sqrt(p * (1 - p) / table["networks"])
    off = (table["dead"] / table["networks"] - p) / error
    worst = off.abs().idxmax()
    row = table.loc[worst]
    ends = proportion_confint(row["dead"], row["networks"], method="wilson")
    what = f"furthest of {len(table)} cells, N={row['width']:.0f}, L={row['depth']:.0f}: standard errors off"
    measure = Measure(what, off[worst], *((end - p[worst]) / error[worst] for end in ends))
    return Verdict(_word((off.abs() <= 3.5).all()), (measure,))


@claim(
    13,
    "SELU keeps mean 0 and variance 1 through depth",
    source="Klambauer et al. 2017",
    threshold="digits, standardised, 32×256, LeCun normal, before training: layer means within ±0.1, variances "
    "0.7–1.3; tanh or ELU leaves the band",
)
def self_normalising(table: pd.DataFrame) -> Verdict:
    """Judge columns pixels, activation, seed, layer, mean, variance; a layer's figure is the mean over seeds."""
    layers = table.groupby(["pixels", "activation", "layer"])[["mean", "variance"]].mean()
    within = (layers["mean"].abs() <= 0.1) & layers["variance"].between(0.7, 1.3)
    within = within.groupby(["pixels", "activation"]).all()

    def furthest(name, activation, column, pixels=False):
        """Return the layer's figure that is furthest from 0, as a mean, or from 1, as a variance."""
        layer = (layers.loc[(pixels, activation), column] - (column == "variance")).abs().idxmax()
        rows = table[(table["pixels"] == pixels) & (table["activation"] == activation) & (table["layer"] == layer)]
        return _mean(f"{name} furthest {column}, of layer {layer}:", rows[column])

    measures = (
        furthest("SELU's", "selu", "mean"),
        furthest("SELU's", "selu", "variance"),
        furthest("tanh's", "tanh", "variance"),
        furthest("ELU's", "elu", "variance"),
        furthest("on raw pixels SELU's", "selu", "variance", pixels=True),
    )
    others = not (within[False, "tanh"] and within[False, "elu"])
    pixels = f"on raw pixels SELU {'stays' if within[True, 'selu'] else 'does not stay'} in the band"
    return Verdict(_word(within[False, "selu"] and others), measures, pixels)


@claim(
    14,
    "a leak of 0.01 makes no difference when nothing dies",
    source="Maas et al. 2013",
    threshold="digits, 2×100: interval of the test accuracy's difference inside ±0.5 points",
)
def leak_alike(table: pd.DataFrame) -> Verdict:
    """Judge columns activation ("relu" or "leaky_relu"), lr, seed, test_error, dead (share of units in the end)."""
    difference = _difference("accuracy leaky − ReLU (points)", -_in_points(table, "activation"), "leaky_relu", "relu")
    dead = table[table["activation"] == "relu"]["dead"]
    measures = (difference, _mean("dead ReLUs (%)", 100 * dead))
    word = _word(difference.low > -0.5 and difference.high < 0.5)
    return Verdict(word, measures, _rates(table, "activation"))


@claim(
    15,
    "learning with ReLU converges faster than with sigmoid and tanh",
    source="the lecture; Krizhevsky et al. 2012",
    threshold="digits, 2×128, epochs to training CE 0.1 at each one's tuned rate: intervals of the log ratios to "
    "sigmoid and tanh < 0; one of two: partial",
)
def relu_faster(table: pd.DataFrame) -> Verdict:
    """Judge columns activation, lr, seed, epoch, train_loss."""
    epochs = crossings(table)
    measures = tuple(_ratio(f"epochs ReLU/{name}", epochs, "relu", name) for name in ("sigmoid", "tanh"))
    faster = [measure.high < 1 for measure in measures]
    means = tuple(_mean(f"epochs of {name}", epochs[name]) for name in ("relu", "sigmoid", "tanh"))
    return Verdict(_word(all(faster), any(faster)), (*measures, *means), _rates(table, "activation"))
