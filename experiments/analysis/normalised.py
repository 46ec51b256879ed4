"""Normalised scores over data sets: interquartile means with bootstrap intervals; how differences are shown."""

from hashlib import sha256
from typing import NamedTuple

import numpy as np
import pandas as pd

RESAMPLES = 2000
"""Resamples of the bootstrap."""


class Scale(NamedTuple):
    """How a difference of errors is shown: a factor, and the unit's name."""

    factor: float = 100
    label: str = "points"

    def text(self, value: float) -> str:
        """Return a difference with its sign and unit: "−0.42 points"."""
        return f"{self.number(value)} {self.label}"

    def number(self, value: float) -> str:
        """Return a difference with its sign, and without its unit."""
        shown = f"{self.factor * value:+.2f}" if self.factor == 100 else f"{self.factor * value:+.3g}"
        return shown.replace("-", "−") if float(shown) else "0"

    def margin(self, value: float) -> str:
        """Return a margin with its unit: "0.5 points"."""
        number = f"{self.factor * value:g}"
        return f"{number} {self.label.removesuffix('s') if number == '1' else self.label}"


POINTS = Scale()


class Scores(NamedTuple):
    """Interquartile means of normalised scores, and what their bootstrap drew.

    Attributes
    ----------
    table
        By treatment: `iqm`; `seeds_low` and `seeds_high`, the 95 % interval if seeds are drawn within each data set;
        `datasets_low` and `datasets_high`, the interval if data sets are drawn. Empty if there are no scores.
    seeds, datasets
        The resampled means, resamples × treatments.
    scale
        What the scores are, in words.
    """

    table: pd.DataFrame
    seeds: pd.DataFrame
    datasets: pd.DataFrame
    scale: str


def normalised(table: pd.DataFrame, scale: Scale = POINTS) -> tuple[pd.Series | None, str]:
    """Return scores from 0 to 1, higher is better, and what they are; None if the errors have no known scale.

    With the column `trivial` a score is 1 − error/trivial: the share of the trivial model's error that is gone. Without
    it a score is 1 − error, the share of rows that are right. Both scales do not depend on which treatments the table
    has. A score below 0 and that of a diverged replica are 0: no better than without inputs.
    """
    if "trivial" in table and table["trivial"].notna().all() and (table["trivial"] > 0).all():
        scores = 1 - table["error"] / table["trivial"]
        words = "1 − error / error of the model that ignores the inputs"
    elif scale == POINTS:
        scores, words = 1 - table["error"], "1 − error"
    else:
        return None, ""
    return scores.clip(0, 1), words


def interquartile_means(table: pd.DataFrame, scale: Scale = POINTS, resamples: int = RESAMPLES) -> Scores:
    """Return each treatment's interquartile mean of `normalised` scores over all data sets and seeds.

    The lowest and the highest quarter of a treatment's scores are left out, ⌊count/4⌋ of each. A resample draws the
    same seeds, or the same data sets, for all treatments.

    References
    ----------
    Agarwal et al. (2021), "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 34.
    """
    scores, words = normalised(table, scale)
    if scores is None or table.empty:
        return Scores(pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), "")
    names = sorted(table["treatment"].unique())
    by_dataset = [
        part.pivot(index="seed", columns="treatment", values="score").reindex(columns=names).to_numpy(float)
        for _, part in table.assign(score=scores).groupby("dataset", sort=True)
    ]
    size = np.array([len(part) for part in by_dataset])
    cells = np.full((len(by_dataset), size.max(), len(names)), np.nan)
    for index, part in enumerate(by_dataset):
        cells[index, : len(part)] = part
    generator = np.random.default_rng(int.from_bytes(sha256(b"interquartile mean").digest()))
    shape = (resamples, len(by_dataset))
    draws = (generator.random((*shape, size.max())) * size[:, None]).astype(int)
    drawn = generator.integers(0, len(by_dataset), shape)
    rows, drawn_seeds, drawn_sets = np.arange(len(by_dataset))[:, None], [], []
    absent = np.arange(size.max()) >= size[:, None]  # a data set with fewer seeds keeps its number of them
    for index in range(len(names)):
        values = cells[:, :, index]
        within = np.where(absent, np.nan, values[rows, draws])
        drawn_seeds.append(_trimmed(within.reshape(resamples, -1)))
        drawn_sets.append(_trimmed(values[drawn].reshape(resamples, -1)))
    resampled = [pd.DataFrame(dict(zip(names, columns, strict=True))) for columns in (drawn_seeds, drawn_sets)]
    middle = {"iqm": _trimmed(cells.reshape(-1, len(names)).T)}
    for name, frame in zip(("seeds", "datasets"), resampled, strict=True):
        middle[f"{name}_low"], middle[f"{name}_high"] = np.nanquantile(frame.to_numpy(), [0.025, 0.975], axis=0)
    return Scores(pd.DataFrame(middle, names), resampled[0], resampled[1], words)


def _trimmed(values: np.ndarray) -> np.ndarray:
    """Return the interquartile mean of each row's values; NaN is no value."""
    ordered = np.sort(values, axis=1)
    count = (~np.isnan(ordered)).sum(axis=1)[:, None]
    rank = np.arange(values.shape[1])
    middle = (rank >= count // 4) & (rank < count - count // 4)
    result: np.ndarray = np.where(middle, ordered, 0).sum(axis=1) / np.maximum(middle.sum(axis=1), 1)
    return result
