"""Claim 26: over many data sets, squared error ends with the test accuracy of cross-entropy at tuned rates."""

from experiments.claims.over_datasets import RULE, Pair, errors_claim

CLAIM = errors_claim(
    Pair("test error MSE − CE (points)", "output", "linear_mse", "softmax_ce"),
    "hui_belkin_2020_suite",
    low=-1.0,
    high=1.0,
    text="tuned MSE is as good as tuned CE in the end, over many data sets",
    source="Hui & Belkin 2020",
    threshold=f"{RULE} of the test error's difference, 2×128 ReLU, linear output for MSE: interval inside ±1 point",
    effect="no such number for MLPs on tables; its words: comparable or better, with a slight edge of cross-entropy in "
    "vision (abstract)",
    explanation="Squared error tolerates smaller rates only: 0.003 to 0.1 were chosen, and 0.03 to 1 with "
    "cross-entropy. In 50 epochs it does not learn all of vowel's training rows (2.4 % are wrong, and none with "
    "cross-entropy).",
)
