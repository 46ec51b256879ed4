"""Claim 27: over many data sets, softplus has no lower test error than ReLU."""

import math

from experiments.claims.over_datasets import RULE, Pair, errors_claim

CLAIM = errors_claim(
    Pair("test error softplus − ReLU (points)", "activation", "softplus", "relu"),
    "glorot_2011_suite",
    low=-0.3,
    high=math.inf,
    text="softplus is no better than ReLU, over many data sets",
    source="Glorot et al. 2011; Goodfellow et al. 2016, p. 191",
    threshold=f"{RULE} of the test error's difference softplus − ReLU, 3×128: lower bound ≥ −0.3 points",
    effect="table 1, softplus − rectifier without pre-training: +0.34 points on MNIST, +2.34 on CIFAR10, +2.84 "
    "on NISTP, +1.28 on NORB",
)
