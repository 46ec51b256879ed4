"""Trains activations with and without unsupervised pre-training; writes their errors beside the published ones.

    python -m experiments.claims.lecture [DATASET …]      by default digits wine breast_cancer mnist5k

The study is the preset glorot_2011_pretraining. Tuning seeds choose the learning rate and the rate of pre-training of
each cell of the table, by the validation error. The table has ten other seeds. The command first prints how long the
training takes. It writes results/claims/lecture.md and lecture.csv. Finished runs are kept.
"""

import sys
from collections.abc import Sequence

import pandas as pd

from experiments.analysis.comparison import part_ratio
from experiments.claims.lecture_text import CELL, DATASETS, markdown
from experiments.claims.studies import SEEDS, Protocol, command_line, requested
from experiments.claims.tables import grid_text
from experiments.config.errors import ConfigError
from experiments.store.files import RESULTS, write_bytes
from nets.names import nearest

STUDY = "glorot_2011_pretraining"


def train(datasets: Sequence[str]) -> pd.DataFrame:
    """Print how long the training takes, train, and return the replicas of these data sets.

    They have the preset's tuning seeds or the reported seeds of the table. Other seeds in the study choose nothing.

    Raises
    ------
    RuntimeError
        If a run failed.
    """
    from experiments import run_study
    from experiments.config.compose import sweep
    from experiments.sweep.jobs import Job
    from experiments.sweep.planning import plan
    from experiments.sweep.scheduling import number_of_workers

    print(f"study {STUDY}", flush=True)  # Hydra takes seconds to compose its conditions
    arguments = command_line(STUDY, Protocol(SEEDS), f"dataset={','.join(datasets)}")
    jobs = [Job.of(settings, words) for settings, words in sweep(arguments)]
    for line in plan(jobs, number_of_workers(jobs)):
        print(line, flush=True)
    return run_study(*arguments).replicas.merge(requested(job.settings for job in jobs))


def chosen_errors(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return the reported errors of each cell at the pair of rates that validation data select.

    A cell is a data set and an activation, with or without pre-training. Its conditions differ in the rate of
    pre-training. So a pair of rates is selected as one rate of the whole cell, by the rule for learning rates.

    Parameters
    ----------
    replicas
        The table `replicas` of the study.

    Returns
    -------
    DataFrame
        dataset, activation, pretrained, seed, `error` (final test error in %, NaN where a replica diverged), lr and
        pretrain_lr with the rates tried as grid and pretrain_grid, test_to_train.
    """
    from experiments.tables import selected

    settings = replicas.reindex(columns=["pretrain.epochs", "pretrain.lr"]).astype(float)
    rows = replicas.assign(
        pretrained=settings["pretrain.epochs"].fillna(0) > 0,
        pretrain_lr=settings["pretrain.lr"],
        error=100 * replicas["final_test_error"].where(replicas["status"] == "done"),
    )
    # Equal scores are decided by the smaller pair: its number is the rate of the selection.
    pairs = rows[["lr", "pretrain_lr"]].fillna(0.0)
    number = pairs.groupby(["lr", "pretrain_lr"]).ngroup()
    cells = rows[CELL].astype(str).agg(" ".join, axis=1)
    rows["grid"] = cells.map(rows.groupby(cells)["lr"].agg(grid_text))
    rows["pretrain_grid"] = cells.map(rows.groupby(cells)["pretrain_lr"].agg(lambda rates: grid_text(rates.dropna())))
    rows["test_to_train"] = part_ratio(replicas)
    columns = [*CELL, "seed", "error", "lr", "grid", "pretrain_lr", "pretrain_grid", "test_to_train"]
    return rows.loc[selected(replicas.assign(run=cells, lr=number)), columns].reset_index(drop=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0, 1 if the study could not run, 2 for a bad argument, 130 if interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    unknown = [argument for argument in arguments if argument not in DATASETS]
    if unknown:
        print(f"lecture: unknown data set {unknown[0]!r}: {nearest(unknown[0], DATASETS)}", file=sys.stderr)
        return 2
    try:
        errors = chosen_errors(train(arguments or DATASETS))
    except (RuntimeError, ConfigError) as error:
        print(f"lecture: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lecture: interrupted; finished runs are kept and will not be retrained", file=sys.stderr)
        return 130
    folder = RESULTS / "claims"
    write_bytes(folder / "lecture.csv", errors.to_csv(index=False, lineterminator="\n").encode())
    write_bytes(folder / "lecture.md", markdown(errors).encode())
    print(markdown(errors))
    return 0


if __name__ == "__main__":
    sys.exit(main())
