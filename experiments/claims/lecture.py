"""Trains activations with and without unsupervised pre-training; writes their errors beside the published ones.

    python -m experiments.claims.lecture [DATASET …]      by default digits wine breast_cancer mnist5k

The study is the preset glorot_2011_pretraining with ten seeds. Each cell of the table has the learning rate that
validation data selected. The command writes results/claims/lecture.md and lecture.csv. Finished runs are kept.
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from experiments.analysis.statistics import ALPHA, compare, summarise
from experiments.claims.studies import SEEDS, concatenate, train
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


def tuned_errors(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return dataset, activation, seed, pretrained and final test error in % at tuned rates, NaN where one diverged."""
    chosen = tuned(replicas)
    error = 100 * chosen["final_test_error"].where(chosen["status"] == "done")
    epochs = chosen["pretrain.epochs"].fillna(0) if "pretrain.epochs" in chosen else 0.0
    return chosen[["dataset", "activation", "seed"]].assign(pretrained=epochs > 0, error=error)


def agreement(errors: pd.DataFrame) -> str:
    """Return in two sentences what these errors and the published ones have in common."""
    comparable = errors.assign(error=errors["error"].fillna(np.inf))
    return f"{effects_of_pretraining(comparable)}\n{lead_of_relu(comparable)}"


def effects_of_pretraining(errors: pd.DataFrame) -> str:
    """Return how often pre-training lowers the error, and where a test shows an effect; inf is a diverged replica."""
    cell = errors["activation"] + " on " + errors["dataset"]
    cell = cell.where(~errors["pretrained"], cell + ", pre-trained")
    scores = errors.assign(cell=cell).pivot(index="seed", columns="cell", values="error")
    cells = [f"{name} on {dataset}" for dataset, name in product(_datasets(errors), ACTIVATIONS)]
    pairs = [(f"{cell}, pre-trained", cell) for cell in cells if {f"{cell}, pre-trained", cell} <= set(scores)]
    effects = compare(scores, pairs)
    lower, higher = (effects["difference"] < 0).sum(), (effects["difference"] > 0).sum()
    clear = [
        f"{row.reference} ({row.difference:+.2f} points, {row.low:.2f} to {row.high:.2f})"
        for row in effects[effects["p_holm"] < ALPHA].itertuples()
    ]
    published = pd.concat([PUBLISHED[name, True] - PUBLISHED[name, False] for name in ACTIVATIONS])
    return (
        f"Pre-training lowers {(published < 0).sum()} of {published.size} published errors; here it lowers {lower} of "
        f"{len(effects)} and raises {higher}, and a paired t test, adjusted by Holm, tells it from 0 for "
        f"{', '.join(clear) or 'none of them'}."
    )


def lead_of_relu(errors: pd.DataFrame) -> str:
    """Return on which data sets ReLU has the lowest mean error without pre-training; inf is a diverged replica."""
    without = errors[~errors["pretrained"]]
    means = without.groupby(["dataset", "activation"])["error"].mean().round(9).unstack("activation")
    first = means.index[means["relu"] < means.drop(columns="relu").min(axis=1)]
    return (
        f"Without it the rectifier has the lowest published error on all {len(PUBLISHED)} data sets, here on "
        f"{len(first)} of {len(means)}: {', '.join(first) or 'none'}."
    )


def markdown(errors: pd.DataFrame) -> str:
    """Return the measured errors as a table, the published ones as another, and in words what they have in common."""
    table = summarise(errors, ["dataset", "activation", "pretrained"], "error")
    seeds = int((table["n"] + table["diverged"]).max())
    measured = {(row.dataset, row.activation, row.pretrained): _cell(row) for row in table.itertuples()}
    published = {
        (dataset, name, pretrained): f"{error:.2f}"
        for (name, pretrained), column in PUBLISHED.items()
        for dataset, error in column.items()
    }
    return "\n".join(
        [
            *_table("measured", _datasets(errors), measured),
            "",
            f"Mean over {seeds} seeds ± half of its 95 % interval; 3×256 units, batches of 32, in each cell the rate "
            "with the lowest validation loss.",
            "",
            *_table("published", list(PUBLISHED.index), published),
            "",
            SOURCE,
            "",
            agreement(errors),
            "",
        ]
    )


def _datasets(errors: pd.DataFrame) -> list[str]:
    return [name for name in DATASETS if name in set(errors["dataset"])]


def _table(title: str, datasets: list[str], texts: dict[tuple[str, str, bool], str]) -> Iterator[str]:
    """Return the lines of a table with a column for each data set.

    The texts of its cells are by data set, activation and whether the networks were pre-trained.
    """
    yield f"| {title}, test error in % | {' | '.join(datasets)} |"
    yield f"| --- |{' --- |' * len(datasets)}"
    for pretrained, name in product((False, True), ACTIVATIONS):
        row = " | ".join(texts.get((dataset, name, pretrained), "") for dataset in datasets)
        yield f"| {name}{', pre-trained' if pretrained else ''} | {row} |"


def _cell(row: Any) -> str:
    """Return the text of a row of `summarise`."""
    mean = [f"{row.mean:.2f} ± {(row.high - row.low) / 2:.2f}"] if row.n else []
    diverged = [f"{row.diverged} diverged"] if row.diverged else []
    return ", ".join([*mean, *diverged])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0, 1 if the study could not run, 2 for a bad argument."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    unknown = [argument for argument in arguments if argument not in DATASETS]
    if unknown:
        print(f"lecture: unknown data set {unknown[0]!r}: {nearest(unknown[0], DATASETS)}", file=sys.stderr)
        return 2
    try:
        parts = [train(STUDY, SEEDS, f"dataset={dataset}") for dataset in arguments or DATASETS]
    except (RuntimeError, ConfigError) as error:
        print(f"lecture: {error}", file=sys.stderr)
        return 1
    table = tuned_errors(concatenate(parts).replicas)
    folder = RESULTS / "claims"
    write_bytes(folder / "lecture.csv", table.to_csv(index=False, lineterminator="\n").encode())
    write_bytes(folder / "lecture.md", markdown(table).encode())
    print(markdown(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
