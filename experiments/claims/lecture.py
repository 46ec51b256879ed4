"""Trains the lecture's table, activations with and without unsupervised pre-training; puts it beside its source's.

    python -m experiments.claims.lecture [DATASET …]        by default digits wine breast_cancer mnist5k

The study is the preset glorot_2011_pretraining, ten seeds, in each cell the rate that validation chose; written are
results/claims/lecture.md and lecture.csv. What is trained already is not trained again.
"""

import sys
from collections.abc import Sequence

import pandas as pd

from experiments.claims.studies import SEEDS, together, train
from experiments.claims.tables import tuned
from experiments.config import ConfigError, nearest
from experiments.statistics import summarise
from experiments.store import RESULTS, write_bytes

STUDY = "glorot_2011_pretraining"
DATASETS = ("digits", "wine", "breast_cancer", "mnist5k")
ACTIVATIONS = ("relu", "tanh", "softplus")
PUBLISHED = """\
| published, test error in % | MNIST | CIFAR10 | NISTP | NORB |
| --- | --- | --- | --- | --- |
| rectifier | 1.43 | 50.86 | 32.64 | 16.40 |
| tanh | 1.57 | 52.62 | 36.46 | 19.29 |
| softplus | 1.77 | 53.20 | 35.48 | 17.68 |
| rectifier, pre-trained | 1.20 | 49.96 | 32.86 | 16.46 |
| tanh, pre-trained | 1.16 | 50.79 | 35.89 | 17.66 |
| softplus, pre-trained | 1.17 | 49.52 | 33.27 | 19.19 |

Glorot, Bordes and Bengio (2011), "Deep sparse rectifier neural networks", table 1: 3×1000 units, batches of 10.
"""


def cells(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return `summarise` of the final test error in % at tuned rates, by dataset, activation and pre-trained."""
    chosen = tuned(replicas)
    error = 100 * chosen["final_test_error"].where(chosen["status"] == "done")
    epochs = chosen["pretrain.epochs"].fillna(0) if "pretrain.epochs" in chosen else 0.0
    table = chosen[["dataset", "activation"]].assign(pretrained=epochs > 0, error=error)
    return summarise(table, ["dataset", "activation", "pretrained"], "error")


def markdown(table: pd.DataFrame) -> str:
    """Return the cells in the lecture's shape, above the published ones."""
    datasets = [name for name in DATASETS if name in set(table["dataset"])]
    lines = [f"| measured, test error in % | {' | '.join(datasets)} |", f"| --- |{' --- |' * len(datasets)}"]
    for pretrained in (False, True):
        for activation in ACTIVATIONS:
            rows = table[(table["activation"] == activation) & (table["pretrained"] == pretrained)].set_index("dataset")
            found = [rows.loc[name] if name in rows.index else None for name in datasets]
            texts = ["" if row is None else _cell(row) for row in found]
            lines.append(f"| {activation}{', pre-trained' if pretrained else ''} | {' | '.join(texts)} |")
    seeds = int((table["n"] + table["diverged"]).max())
    note = (
        f"Mean over {seeds} seeds ± half of its 95 % interval; 3×256 units, batches of 32, in each cell the rate with "
        "the lowest validation loss."
    )
    return "\n".join([*lines, "", note, "", PUBLISHED])


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
    table = cells(together(parts).replicas)
    folder = RESULTS / "claims"
    write_bytes(folder / "lecture.csv", table.to_csv(index=False, lineterminator="\n").encode())
    write_bytes(folder / "lecture.md", markdown(table).encode())
    print(markdown(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
