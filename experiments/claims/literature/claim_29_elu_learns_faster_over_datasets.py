"""Claim 29: over many data sets, ELU's training loss falls faster than that of ReLU and of leaky ReLU."""

from experiments.claims.over_datasets import RULE, speed_claim

CLAIM = speed_claim(
    "elu",
    ["relu", "leaky_relu"],
    ("clevert_2015_suite", "clevert_2015_suite_leaky"),
    partial=lambda faster: False,
    text="ELU's training loss falls faster than ReLU's and LReLU's, over many data sets",
    source="Clevert et al. 2015, fig. 2",
    threshold=f"{RULE} of the log ratio of epochs to training CE 0.1, 8×128, tuned rates, censored at 100: "
    "intervals to ReLU and LReLU < 0",
    effect="a figure without this number",
    explanation="ELU needs fewer epochs than both on nine of the eleven data sets, and more on spambase and mnist5k. "
    "On spambase it needs ten times as many as ReLU, so the interval over data sets is wide.",
)
