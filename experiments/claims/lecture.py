"""Trains the lecture's table, activations with and without unsupervised pre-training; puts it beside its source's.

    python -m experiments.claims.lecture [DATASET …]        by default digits wine breast_cancer mnist5k

The study is the preset glorot_2011_pretraining, ten seeds, in each cell the rate that validation chose; written are
results/claims/lecture.md and lecture.csv. What is trained already is not trained again.
"""

import sys
from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from experiments.analysis.statistics import compare, summarise
from experiments.claims.studies import SEEDS, together, train
from experiments.claims.tables import tuned
from experiments.config.errors import ConfigError
from experiments.store.files import RESULTS, write_bytes
from nets.names import nearest

STUDY = "glorot_2011_pretraining"
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


def errors(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return dataset, activation, pretrained, seed and final test error in % at tuned rates, NaN where one diverged."""
    chosen = tuned(replicas)
    error = 100 * chosen["final_test_error"].where(chosen["status"] == "done")
    epochs = chosen["pretrain.epochs"].fillna(0) if "pretrain.epochs" in chosen else 0.0
    return chosen[["dataset", "activation", "seed"]].assign(pretrained=epochs > 0, error=error)


def agreement(errors: pd.DataFrame) -> str:
    """Return in two sentences where these errors say what the published ones do, and where not."""
    scores = errors.assign(error=errors["error"].fillna(np.inf)).pivot(
        index="seed", columns=["dataset", "activation", "pretrained"], values="error"
    )
    pairs = [((*cell, True), (*cell, False)) for cell in product(_datasets(errors), ACTIVATIONS)]
    effects = compare(scores, [pair for pair in pairs if set(pair) <= set(scores)])
    published = np.array([PUBLISHED[name, True] - PUBLISHED[name, False] for name in ACTIVATIONS])
    lower, higher = (effects["difference"] < 0).sum(), (effects["difference"] > 0).sum()
    beyond = effects.loc[effects["p_holm"] < 0.05, ["run", "difference", "low", "high"]]
    apart = [
        f"{name} on {dataset} ({difference:+.2f} points, {low:.2f} to {high:.2f})"
        for (dataset, name, _), difference, low, high in beyond.itertuples(index=False)
    ]
    means = scores.xs(False, axis=1, level="pretrained").mean().round(9).unstack("activation")
    first = means.index[means["relu"] < means.drop(columns="relu").min(axis=1)]
    return (
        f"Pre-training lowers {(published < 0).sum()} of {published.size} published errors; here it lowers {lower} of "
        f"{len(effects)} and raises {higher}, and a paired t test, adjusted by Holm, tells it from 0 for "
        f"{', '.join(apart) or 'none of them'}.\nWithout it the rectifier has the lowest published error on all "
        f"{len(PUBLISHED)} data sets, here on {len(first)} of {len(means)}: {', '.join(first) or 'none'}."
    )


def markdown(errors: pd.DataFrame) -> str:
    """Return the errors in the lecture's shape, above the published ones, and in words what agrees."""
    datasets = _datasets(errors)
    table = summarise(errors, ["dataset", "activation", "pretrained"], "error")
    seeds = int((table["n"] + table["diverged"]).max())
    texts = {tuple(row[:3]): _cell(row) for _, row in table.iterrows()}
    return "\n".join(
        [
            *_table("measured", datasets, lambda dataset, name, pretrained: texts.get((dataset, name, pretrained), "")),
            "",
            f"Mean over {seeds} seeds ± half of its 95 % interval; 3×256 units, batches of 32, in each cell the rate "
            "with the lowest validation loss.",
            "",
            *_table("published", PUBLISHED.index, lambda *cell: f"{PUBLISHED.loc[cell[0], cell[1:]]:.2f}"),
            "",
            SOURCE,
            "",
            agreement(errors),
            "",
        ]
    )


def _datasets(errors):
    return [name for name in DATASETS if name in set(errors["dataset"])]


def _table(title, datasets, text):
    """Return the lines of a table with a column for each data set."""
    yield f"| {title}, test error in % | {' | '.join(datasets)} |"
    yield f"| --- |{' --- |' * len(datasets)}"
    for pretrained, name in product((False, True), ACTIVATIONS):
        row = " | ".join(text(dataset, name, pretrained) for dataset in datasets)
        yield f"| {name}{', pre-trained' if pretrained else ''} | {row} |"


def _cell(row):
    lost = [f"{row['diverged']} diverged"] if row["diverged"] else []
    mean = [f"{row['mean']:.2f} ± {(row['high'] - row['low']) / 2:.2f}"] if row["n"] else []
    return ", ".join([*mean, *lost])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0, 1 if the study could not run, 2 for a bad argument."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    unknown = [argument for argument in arguments if argument not in DATASETS]
    if unknown:
        print(f"lecture: unknown dataset {unknown[0]!r}: {nearest(unknown[0], DATASETS)}", file=sys.stderr)
        return 2
    try:
        parts = [train(STUDY, SEEDS, f"dataset={dataset}") for dataset in arguments or DATASETS]
    except (RuntimeError, ConfigError) as error:
        print(f"lecture: {error}", file=sys.stderr)
        return 1
    table = errors(together(parts).replicas)
    folder = RESULTS / "claims"
    write_bytes(folder / "lecture.csv", table.to_csv(index=False, lineterminator="\n").encode())
    write_bytes(folder / "lecture.md", markdown(table).encode())
    print(markdown(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
