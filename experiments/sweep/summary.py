"""The table that closes a sweep: one row for each of its conditions, at the selected learning rate."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from experiments import tables
from experiments.analysis.units import UNITS
from experiments.store.runs import RunFolder
from experiments.store.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

WORDS = ("activation", "dataset", "output")
NUMBERS = ("lr", "seeds", "test error, mean ± 95 %", "gradient norm", "seconds")


def summary(study: Study, runs: Sequence[str]) -> "Table":
    """Return the closing table for these runs of a study, whose tables are up to date."""
    from rich.table import Table

    from experiments.analysis.labels import labels
    from experiments.analysis.statistics import summarise

    replicas = tables.read(study.folder / "replicas.csv")
    replicas = replicas[replicas["run"].isin(runs)]
    label = labels(replicas, omit=("dataset", "output"))
    replicas = replicas[replicas["selected"]]
    # A diverged replica may have a number, which is no result.
    replicas["final_test_error"] = replicas["final_test_error"].where(replicas["status"] == "done")
    error = summarise(replicas, "run", "final_test_error").set_index("run")
    gradient = _gradient_norms(study, replicas)

    table = Table(title=f"study {study.name}", title_justify="left")
    for name in WORDS:
        table.add_column(name, overflow="fold")
    for name in NUMBERS:
        table.add_column(name, justify="right")
    first = replicas.drop_duplicates("run").set_index("run")
    for run in dict.fromkeys(runs):
        interval, condition = error.loc[run], first.loc[run]
        table.add_row(
            label[run],
            condition["dataset"],
            condition["output"],
            f"{condition['lr']:g}",
            f"{interval['n'] + interval['diverged']:.0f}",
            _error(interval, condition["task"]),
            f"{gradient[run]:.3g}" if gradient[run] == gradient[run] else "",
            f"{_seconds(study.run(run)):.1f}",
        )
    return table


def _error(interval: "pd.Series", task: str) -> str:
    """Return the mean error of a condition with half its interval, and the number of diverged replicas."""
    unit = UNITS[task]
    half = (interval["high"] - interval["low"]) / 2 * unit.scale
    text = f"{interval['mean'] * unit.scale:.2f}" + (f" ± {half:.2f}" if interval["n"] > 2 else "")
    # The column's name says "error"; only another measure is named.
    text += f" {unit.label if unit.name == 'error' else unit.name}"
    if interval["diverged"]:
        return f"{interval['diverged']:.0f} diverged" + (f"; {text}" if interval["n"] else "")
    return text


def _gradient_norms(study: Study, replicas: "pd.DataFrame") -> "pd.Series":
    """Return by run the mean gradient norm of these replicas after their last epoch."""
    text = StringIO(newline="")
    writer = csv.DictWriter(text, [*tables.KEY, "gradient_norm"], extrasaction="ignore")
    writer.writeheader()
    for run in replicas["run"].unique():
        writer.writerows(_last_epochs(study.run(run)))
    text.seek(0)
    return replicas[tables.KEY].merge(tables.read(text), on=tables.KEY).groupby("run")["gradient_norm"].mean()


def _last_epochs(run: RunFolder) -> Iterable[dict[str, str]]:
    """Return the row of `history` of each replica's last epoch."""
    with (run.path / "history.csv").open(newline="") as file:
        # Not as a frame, of which only few rows would be used. The rows of a replica are sorted by epoch.
        return {(row["lr"], row["seed"]): row for row in csv.DictReader(file)}.values()


def _seconds(run: RunFolder) -> float:
    with (run.path / "timing.csv").open(newline="") as file:
        return sum(float(row["total"]) for row in csv.DictReader(file))
