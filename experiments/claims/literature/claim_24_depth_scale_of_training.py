"""Claim 24: networks train to about six depth scales of the correlation, and no deeper."""

import json
import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.registry import Claim
from experiments.claims.several import Bound, Statement, judge_statements
from experiments.claims.studies import Protocol, train_all
from experiments.claims.verdicts import Measure, Verdict, geometric_mean, mean
from experiments.figures.style import Style, legend, log_axis, sheet
from nets import theory
from nets.activations import Tanh

PRESETS = ("schoenholz_2017", "schoenholz_2017_digits")
PUBLISHED = 6.0
"""The depth to which networks train, in units of ξ_c."""
FACTOR = 2.0
"""What "about" means: the depth is between 6 ξ_c divided by this and times this."""
CHANCE = 0.9
"""The error of a network that decides at random among ten classes."""

PREDICTED: Style = {"color": "#D55E00", "linewidth": 2}
LIMIT: Style = {"color": "#0072B2", "linewidth": 2, "linestyle": (0, (2, 1))}


def measure(protocol: Protocol) -> pd.DataFrame:
    """Train and return `errors_by_depth`."""
    return errors_by_depth(train_all(PRESETS, protocol).replicas)


def errors_by_depth(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return dataset, weight_variance σ_w², scale ξ_c, depth, seed and the final training error, inf if it diverged."""
    critical = theory.critical(Tanh(), 0.05)
    variance = (critical.weight_variance * replicas["init.gain"].astype(float) ** 2).round(3)
    scales = {value: theory.depth_scales(Tanh(), value, 0.05).correlation for value in variance.unique()}
    return pd.DataFrame(
        {
            "dataset": replicas["dataset"],
            "weight_variance": variance,
            "scale": variance.map(scales).round(6),
            "depth": replicas["net.hidden"].map(json.loads).map(len),
            "seed": replicas["seed"],
            "train_error": replicas["final_train_error"].where(replicas["status"] == "done", math.inf),
        }
    ).reset_index(drop=True)


def limits(table: pd.DataFrame) -> pd.DataFrame:
    """Return dataset, weight_variance, scale, seed and `limit`, the depth to which networks train.

    A network trains if its training error ends below half of that by chance. The limit is the geometric mean of the
    deepest network up to which all train, and of the next one. If none trains it is the smallest depth, and if all do
    it is the largest.
    """

    def limit(part: pd.DataFrame) -> float:
        rows = part.sort_values("depth")
        depths, trains = rows["depth"].to_numpy(float), (rows["train_error"] < CHANCE / 2).to_numpy()
        count = int(np.cumprod(trains).sum())
        ends = depths[max(count - 1, 0) : count + 1]
        return float(np.exp(np.log(ends).mean()))

    keys = ["dataset", "weight_variance", "scale", "seed"]
    rows = [(*key, limit(part)) for key, part in table.groupby(keys, sort=False)]
    return pd.DataFrame(rows, columns=[*keys, "limit"])


def statements(table: pd.DataFrame) -> dict[str, Statement]:
    """Return what the claim says of the ratio of the limit and 6 ξ_c at each variance.

    No depth that is the same for all variances fulfils both: 6 ξ_c differs between them by more than the factor allows.
    """
    shallow: dict[str, list[Bound]] = {}
    deep: dict[str, list[Bound]] = {}
    for (name, variance), rows in limits(table).groupby(["dataset", "weight_variance"], sort=False):
        ratio, at = rows["limit"] / (PUBLISHED * rows["scale"]), f"at σ_w² = {variance:g}"
        shallow.setdefault(name, []).append(Bound(geometric_mean(f"{name}: 6 ξ_c / depth {at}", 1 / ratio), FACTOR))
        deep.setdefault(name, []).append(Bound(geometric_mean(f"{name}: depth / 6 ξ_c {at}", ratio), FACTOR))
    return {"networks of up to 6 ξ_c layers train": shallow, "deeper ones do not": deep}


def slopes(table: pd.DataFrame) -> list[Measure]:
    """Return by data set the slope of log depth over log ξ_c, which is 1 if they are proportional."""
    found = limits(table)
    found[["scale", "limit"]] = np.log(found[["scale", "limit"]])
    measures = []
    for name, rows in found.groupby("dataset", sort=False):
        by_seed = [np.polyfit(part["scale"], part["limit"], 1)[0] for _, part in rows.groupby("seed")]
        measures.append(mean(f"{name}: slope of log depth over log ξ_c", pd.Series(by_seed)))
    return measures


def judge(table: pd.DataFrame) -> Verdict:
    """Judge both statements."""
    count = int(np.isinf(table["train_error"]).sum())
    remark = f"{count} of {len(table)} networks diverged, which counts as an error by chance" * bool(count)
    found = limits(table)["limit"]
    ends = int(found.isin([table["depth"].min(), table["depth"].max()]).sum())
    remark = "; ".join(filter(None, [remark, f"{ends} of {len(found)} limits are an end of the grid"]))
    return judge_statements(statements(table), lambda held: False, slopes(table), remark)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the median training error by depth and variance, 6 ξ_c, and the limits."""
    variances, depths = sorted(table["weight_variance"].unique()), sorted(table["depth"].unique())
    datasets = list(dict.fromkeys(table["dataset"]))
    found = limits(table)
    result = sheet(2.4)
    panels = result.subplots(1, len(datasets), sharey=True, squeeze=False)[0]
    finite = table.assign(train_error=table["train_error"].clip(upper=1.0))
    for ax, letter, name in zip(panels, "ab", datasets, strict=True):
        errors = finite[finite["dataset"] == name].pivot_table("train_error", "depth", "weight_variance", "median")
        edges = np.exp(np.interp(np.arange(len(depths) + 1) - 0.5, np.arange(len(depths)), np.log(depths)))
        image = ax.pcolormesh(np.arange(len(variances) + 1), edges, 100 * errors, cmap="Greys", vmin=0, vmax=90)
        for x, variance in enumerate(variances):
            rows = found[(found["dataset"] == name) & (found["weight_variance"] == variance)]
            ends = [x + 0.1, x + 0.9]
            ax.plot(ends, [PUBLISHED * rows["scale"].iloc[0]] * 2, **PREDICTED)
            ax.plot(ends, [np.exp(np.log(rows["limit"]).mean())] * 2, **LIMIT)
        log_axis(ax, edges[0], edges[-1])
        ax.set_xticks(np.arange(len(variances)) + 0.5, [f"{variance:.3g}" for variance in variances])
        ax.set(title=f"({letter}) {name}", xlabel=r"variance of the weights, $\sigma_w^2$")
        ax.grid(visible=False)
    panels[0].set_ylabel("hidden layers")
    result.colorbar(image, ax=list(panels), label="median training error (%)", fraction=0.04)
    legend(result, [("6 ξ_c, by the theory", PREDICTED), ("networks of up to so many layers train", LIMIT)])
    return result


CLAIM = Claim(
    text="networks train to about six depth scales of the correlation, and no deeper",
    source="Schoenholz et al. 2017, section 5 and fig. 5",
    threshold="digits and mnist5k, tanh, 64 units in each of 2 to 80 hidden layers, σ_b² = 0.05 and six σ_w² off the "
    "critical line, SGD with rate 0.01, about 3,800 steps; the depth to which networks end below half of the training "
    "error by chance, at every σ_w²: (1) 6 ξ_c / depth < 2, (2) depth / 6 ξ_c < 2; a statement holds if its intervals "
    "lie below the limit on both data sets; both: reproduced",
    effect="6 ξ_c, drawn over the accuracies of networks of 300 units on MNIST (fig. 5)",
    presets=PRESETS,
    measure=measure,
    judge=judge,
    drawings={"": draw},
    explanation="Of the twelve mean depths, each is within a factor of 2 of 6 ξ_c. One interval, that of mnist5k at "
    "σ_w² = 1.127, goes beyond the factor, so the second statement is open there. The depth grows more slowly than "
    "ξ_c: as its power 0.71 on mnist5k and 0.77 on digits. Width, rate and number of steps were not varied, and 64 "
    "units are fewer than the theory assumes.",
)
