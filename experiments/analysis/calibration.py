"""The calibration error of each replica, and the error that chance alone gives a calibrated network."""

import numpy as np
import pandas as pd
from scipy.special import gammaln, xlog1py, xlogy

from experiments.tables import KEY


def calibration_errors(reliability: pd.DataFrame) -> pd.DataFrame:
    """Return each replica's `rows`, its `ece` with bins of equal width, and the `chance`.

    The chance is the expected error of a calibrated network with the same bins: the sum of E |right rows − n c| over
    the bins, divided by the number of rows. The right rows of a bin with n rows and the mean confidence c are taken as
    binomial. Then E |X − n c| = 2 (k + 1) C(n, k + 1) c^(k + 1) (1 − c)^(n − k) with k = ⌊n c⌋ (de Moivre 1730).
    """
    n, c = reliability["count"].to_numpy(float), reliability["confidence"].to_numpy(float)
    gap = n * np.abs(reliability["accuracy"].to_numpy(float) - c)
    c = np.where(n > 0, np.clip(c, 0, 1), 1)
    k = np.floor(n * c)
    inside = k < n
    k = np.where(inside, k, 0)
    logarithm = gammaln(n + 1) - gammaln(k + 1) - gammaln(np.maximum(n - k, 1)) + xlogy(k + 1, c) + xlog1py(n - k, -c)
    by_chance = np.where(inside, 2 * np.exp(logarithm), 0)
    sums = reliability[KEY].assign(rows=n, ece=np.nan_to_num(gap), chance=by_chance).groupby(KEY, as_index=False).sum()
    sums[["ece", "chance"]] = sums[["ece", "chance"]].div(sums["rows"], axis=0)
    return sums
