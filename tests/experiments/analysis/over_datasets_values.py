"""Prints over_datasets_values.json: results of baycomp 1.0.3 and autorank 1.3.0, which no test imports.

Run it in an environment with `pip install baycomp==1.0.3 autorank==1.3.0`. baycomp draws by itself, so its signed-rank
probabilities agree with ours up to the error of 50,000 draws.
"""

import json

import numpy as np

from experiments.analysis.pooled import SAMPLES


def main() -> None:
    """Print the file."""
    import baycomp
    import pandas as pd
    from autorank import autorank

    generator = np.random.default_rng(7)
    over = np.round(generator.normal(-0.004, 0.01, 25), 4)
    over[[3, 9]] = 0.0
    # baycomp's scores are better if higher, so its left side is the lower error.
    signed_rank = {
        margin: baycomp.SignedRankTest.probs(np.zeros(25), over, margin, nsamples=SAMPLES, random_state=1)
        for margin in (0.0, 0.002, 0.005, 0.01)
    }
    within = np.round(generator.normal(-0.01, 0.02, 10), 4)
    # Ten folds of one cross-validation: test rows over training rows are 1/9.
    correlated_t = {
        margin: baycomp.CorrelatedTTest.probs(np.zeros(10), within, margin) for margin in (0.0, 0.005, 0.01)
    }
    # Errors of six treatments on 20 data sets, with ties.
    errors = np.round(generator.uniform(0.05, 0.3, (20, 1)) + generator.normal([0, 0, 0, 1, 2, 3], 2, (20, 6)) / 100, 2)
    ranked = autorank(pd.DataFrame(errors), verbose=False, order="ascending", force_mode="nonparametric")
    ranks = ranked.rankdf["meanrank"].sort_index().tolist()
    values = {
        "signed_rank": {"differences": over.tolist(), "margins": signed_rank},
        "correlated_t": {"differences": within.tolist(), "test_to_train": 1 / 9, "margins": correlated_t},
        "autorank": {"errors": errors.tolist(), "ranks": ranks, "p": ranked.pvalue, "critical_difference": ranked.cd},
    }
    print(json.dumps(values, default=float))


if __name__ == "__main__":
    main()
