"""The table of pre-training as text: measured errors, the published ones, and both differences side by side."""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from experiments.analysis.statistics import ALPHA, compare, holm, summarise
from experiments.claims.verdicts import flagged
from experiments.sweep.summary import mean_text

DATASETS = ("digits", "wine", "breast_cancer", "mnist5k")
ACTIVATIONS = ("relu", "tanh", "softplus")
SOURCE = (
    'Glorot, Bordes and Bengio (2011), "Deep sparse rectifier neural networks", table 1: 3×1000 units, batches of 10.'
)
PUBLISHED = pd.DataFrame(
    {
        ("relu", False): (1.43, 50.86, 32.64, 16.40),
        ("tanh", False): (1.57, 52.62, 36.46, 19.29),
        ("softplus", False): (1.77, 53.20, 35.48, 17.68),
        ("relu", True): (1.20, 49.96, 32.86, 16.46),
        ("tanh", True): (1.16, 50.79, 35.89, 17.66),
        ("softplus", True): (1.17, 49.52, 33.27, 19.19),
    },
    index=("MNIST", "CIFAR10", "NISTP", "NORB"),
)
"""Test error in %: a row for each data set, a column for each (activation, pre-trained)."""

CELL = ["dataset", "activation", "pretrained"]
LOWER, HIGHER, UNDECIDED = "lower", "higher", "undecided"


def markdown(errors: pd.DataFrame) -> str:
    """Return errors, chosen rates, effects of pre-training and their directions as Markdown.

    Parameters
    ----------
    errors
        The result of `lecture.chosen_errors`.
    """
    datasets = [name for name in DATASETS if name in set(errors["dataset"])]
    table = summarise(errors, CELL, "error")
    measured = {tuple(row[CELL]): _error(row) for _, row in table.iterrows()}
    rates = {(row.dataset, row.activation, row.pretrained): _rates(row) for row in errors.itertuples()}
    published = {(dataset, *cell): f"{error:.2f}" for cell, row in PUBLISHED.items() for dataset, error in row.items()}
    effects = effects_of_pretraining(errors)
    return "\n".join(
        [
            *_table("measured, test error in %", datasets, measured),
            "",
            f"Mean over the seeds {errors['seed'].min()} to {errors['seed'].max()} ± half of its 95 % interval; 3×256 "
            "units, batches of 32, 50 epochs. An interval ends at 0 and 100 %: then both ends are given. Fewer than "
            "three seeds that finished have no interval. In each cell tuning seeds chose the rates by the validation "
            "error:",
            "",
            *_table("chosen rates", datasets, rates),
            "",
            *_table("published, test error in %", list(PUBLISHED.index), published),
            "",
            SOURCE,
            "",
            *differences(effects, datasets),
            "",
            "A negative number means a lower error with pre-training. Ours are means of paired differences. The paired "
            "interval holds for these splits. The corrected one of Nadeau and Bengio is for new data of the same kind. "
            f"`{LOWER}` and `{HIGHER}` have p < 0.05, adjusted by Holm over all {len(effects)} cells. The published "
            "differences have no intervals.",
            "",
            *directions(effects),
            "",
            f"No data set is in both tables: mnist5k has 5,000 rows of MNIST. {lead_of_relu(errors)}",
            "",
        ]
    )


def effects_of_pretraining(errors: pd.DataFrame) -> pd.DataFrame:
    """Return `compare` of pre-trained networks with the others, a row for each data set and activation.

    Holm's family is all rows. `here` and `for_new_data` are the directions that the two tests tell.
    """
    comparable = errors.assign(error=errors["error"].fillna(np.inf))  # a diverged replica
    rows = []
    for dataset, activation in product(DATASETS, ACTIVATIONS):
        cell = comparable[(comparable["dataset"] == dataset) & (comparable["activation"] == activation)]
        scores = cell.pivot(index="seed", columns="pretrained", values="error").rename(columns=str)
        if {"True", "False"} <= set(scores):
            row = compare(scores, [("True", "False")], cell["test_to_train"].iloc[0])
            rows.append(row.assign(dataset=dataset, activation=activation))
    effects = pd.concat(rows, ignore_index=True)
    return effects.assign(
        here=_directions(effects["difference"], holm(effects["p"])),
        for_new_data=_directions(effects["difference"], holm(effects["p_corrected"])),
    )


def _directions(difference: pd.Series, p: pd.Series) -> np.ndarray:
    """Return the direction of each difference, undecided where its adjusted p is not significant."""
    significant = p < ALPHA
    return np.select([significant & (difference < 0), significant & (difference > 0)], [LOWER, HIGHER], UNDECIDED)


def published_effects(activation: str) -> pd.Series:
    """Return the published difference of an activation, pre-trained − not, by data set."""
    return (PUBLISHED[activation, True] - PUBLISHED[activation, False]).round(2)


def differences(effects: pd.DataFrame, datasets: list[str]) -> Iterator[str]:
    """Return the lines of a table of differences: our data sets, then all published ones."""
    yield f"| pre-trained − not, points | {' | '.join([*datasets, *PUBLISHED.index])} |"
    yield f"| --- |{' --- |' * (len(datasets) + len(PUBLISHED))}"
    for activation in ACTIVATIONS:
        rows = effects[effects["activation"] == activation].set_index("dataset")
        ours = [_effect(rows.loc[dataset]) if dataset in rows.index else "" for dataset in datasets]
        yield f"| {activation} | {' | '.join([*ours, *map('{:+.2f}'.format, published_effects(activation))])} |"


def _effect(row: Any) -> str:
    """Return the text of a row of `effects_of_pretraining`."""
    if math.isnan(row["difference"]):
        return "too few pairs"
    lost = f", {row['lost']:.0f} pairs with a diverged network left out" if row["lost"] else ""
    return (
        f"{row['difference']:+.2f} (paired {row['low']:.2f} to {row['high']:.2f}; corrected "
        f"{row['corrected_low']:.2f} to {row['corrected_high']:.2f}{lost}): {_direction(row)}"
    )


def _direction(row: Any) -> str:
    """Return the direction of a row of `effects_of_pretraining`, with its scope."""
    here, general = row["here"], row["for_new_data"]
    return str(here) if here == general else f"{here} on these splits, {general} for new data"


def directions(effects: pd.DataFrame) -> Iterator[str]:
    """Return the lines of a table: each of our directions, the published ones, and where they are the same."""
    yield "| pre-trained | error here | published error falls on | published error rises on | published direction |"
    yield "| --- | --- | --- | --- | --- |"
    for _, row in effects.iterrows():
        published = published_effects(row["activation"])
        falls, rises = (", ".join(published.index[side]) or "none" for side in (published < 0, published > 0))
        same, opposite = (falls, rises) if row["here"] == LOWER else (rises, falls)
        relation = UNDECIDED if row["here"] == UNDECIDED else f"same on {same}; opposite on {opposite}"
        yield f"| {row['activation']} on {row['dataset']} | {_direction(row)} | {falls} | {rises} | {relation} |"


def lead_of_relu(errors: pd.DataFrame) -> str:
    """Return on which data sets ReLU has the lowest mean error without pre-training."""
    without = errors[~errors["pretrained"]].assign(error=errors["error"].fillna(np.inf))
    means = without.groupby(["dataset", "activation"])["error"].mean().round(9).unstack("activation")
    first = means.index[means["relu"] < means.drop(columns="relu").min(axis=1)]
    return (
        f"Without pre-training the rectifier has the lowest published error on all {len(PUBLISHED)} data sets. Here it "
        f"has the lowest mean error on {len(first)} of {len(means)}: {', '.join(first) or 'none'}. This is no test."
    )


def _table(title: str, datasets: list[str], texts: dict[tuple[str, str, bool], str]) -> Iterator[str]:
    """Return the lines of a table with a column for each data set.

    The texts of its cells are by data set, activation and whether the networks were pre-trained.
    """
    yield f"| {title} | {' | '.join(datasets)} |"
    yield f"| --- |{' --- |' * len(datasets)}"
    for pretrained, activation in product((False, True), ACTIVATIONS):
        row = " | ".join(texts.get((dataset, activation, pretrained), "") for dataset in datasets)
        yield f"| {activation}{', pre-trained' if pretrained else ''} | {row} |"


def _error(row: pd.Series) -> str:
    """Return the text of a row of `summarise`."""
    mean = [mean_text(row, 100, ".2f")] if row["n"] else []
    diverged = [f"{row['diverged']} diverged"] if row["diverged"] else []
    return ", ".join([*mean, *diverged])


def _rates(row: Any) -> str:
    """Return the chosen rates of a row of `chosen_errors`, with flags at the ends of their grids."""
    rate = f"lr {flagged(row.lr, row.grid)}"
    return f"{rate}, pretrain.lr {flagged(row.pretrain_lr, row.pretrain_grid)}" if row.pretrained else rate
