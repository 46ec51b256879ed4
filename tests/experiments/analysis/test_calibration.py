"""Tests of experiments.analysis.calibration: the calibration error of the table, and by chance."""

import numpy as np
import pandas as pd
import pytest

from experiments.analysis.calibration import calibration_errors
from experiments.tables import KEY
from experiments.training.metrics import BINS, ece_width


def bins_of(confidence, correct, run="r", seed=0):
    """Return the rows of the table `reliability` of one replica, from its test rows."""
    numbers = np.ceil(confidence * BINS - 1e-9).astype(int)
    rows = []
    for number in range(1, BINS + 1):
        inside = numbers == number
        means = (confidence[inside].mean(), correct[inside].mean()) if inside.any() else (np.nan, np.nan)
        rows.append((run, 0.1, seed, number, inside.sum(), *means))
    return pd.DataFrame(rows, columns=[*KEY, "bin", "count", "confidence", "accuracy"])


def drawn_rows(seed, rows=300):
    rng = np.random.default_rng(seed)
    confidence = rng.beta(5, 1, rows)
    return confidence, rng.uniform(size=rows) < confidence**2


def test_the_calibration_error_is_that_of_the_metric():
    parts = [drawn_rows(seed) for seed in range(3)]
    errors = calibration_errors(pd.concat([bins_of(*part, seed=seed) for seed, part in enumerate(parts)]))
    confidence, correct = map(np.stack, zip(*parts, strict=True))
    np.testing.assert_allclose(errors["ece"], ece_width(confidence, correct), rtol=1e-12)
    assert errors["rows"].tolist() == [300] * 3


@pytest.mark.parametrize("rows", [20, 300, 3000])
def test_the_chance_is_the_mean_error_of_calibrated_networks(rows):
    """All rows of a bin have its mean confidence here, as the formula assumes."""
    rng = np.random.default_rng(rows)
    centres = (np.arange(BINS) + 0.5) / BINS
    confidence = rng.choice(centres, rows, p=centres**4 / (centres**4).sum())
    confidence[:2] = 1.0
    correct = rng.uniform(size=(4000, rows)) < confidence
    errors = ece_width(np.broadcast_to(confidence, correct.shape), correct)
    (chance,) = calibration_errors(bins_of(confidence, correct[0]))["chance"]
    certain = confidence == 1  # its bin has rows of another confidence too: the formula takes their mean
    assert certain.sum() == 2
    assert chance == pytest.approx(errors.mean(), abs=4 * errors.std() / np.sqrt(4000) + 0.02 * errors.mean())


def test_certain_networks_have_no_error_by_chance():
    (chance,) = calibration_errors(bins_of(np.ones(10), np.ones(10, bool)))["chance"]
    assert chance == 0
