"""The table that closes a sweep: one row for each of its conditions, at the selected learning rate."""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from experiments import tables
from experiments.analysis.units import UNITS
from experiments.analysis.wording import counted, enumeration, rate_text, verb
from experiments.store.reading import named
from experiments.store.runs import RunFolder
from experiments.store.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

WORDS = ("activation", "dataset", "output")
NUMBERS = ("lr", "seeds", "test error,\nmean ± 95 %", "gradient\nnorm", "seconds")


def summary(study: Study, runs: Sequence[str]) -> "Table":
    """Return the closing table for these runs of a study, whose tables are up to date."""
    from rich.table import Table

    from experiments.analysis.labels import labels, task_names, trial_values
    from experiments.analysis.statistics import summarise

    replicas = named(tables.read(study.folder / "replicas.csv"), study.folder)
    replicas["dataset"] = replicas["run"].map(task_names(replicas))
    replicas = replicas[replicas["run"].isin(runs)]
    label = labels(replicas, omit=("dataset", "output"))
    first = replicas.drop_duplicates("run").set_index("run")
    deciding = tables.deciding(replicas)
    grids = deciding["lr"].map(tables.rounded).groupby(deciding["run"]).unique()
    caption = _divergence(replicas)
    chosen = tables.chosen_rates(replicas)
    tuned = trial_values(replicas).reindex(first.index, fill_value="")
    replicas = replicas[replicas["selected"]]
    # A diverged replica may have a number, which is no result.
    replicas["final_test_error"] = replicas["final_test_error"].where(replicas["status"] == "done")
    error = summarise(replicas, "run", "final_test_error").set_index("run")
    # A run that is not reported at its chosen rate has no selected row.
    error = error.reindex(first.index).fillna({"n": 0, "diverged": 0})
    gradient = _gradient_norms(study, replicas).reindex(first.index)

    table = Table(title=f"study {study.name}", title_justify="left", caption=caption, caption_justify="left")
    for name in WORDS:
        table.add_column(name, overflow="fold")
    for name in NUMBERS:
        table.add_column(name, justify="right")
    for run in dict.fromkeys(runs):
        row, condition = error.loc[run], first.loc[run]
        table.add_row(
            label[run],
            condition["dataset"],
            condition["output"],
            ", ".join(filter(None, [_rate(chosen[run], grids[run]), tuned[run]])),
            f"{row['n'] + row['diverged']:.0f}",
            _error(row, condition["task"]) + (", untrained" if condition["epochs"] == 0 else ""),
            f"{gradient[run]:.3g}" if gradient[run] == gradient[run] else "",
            f"{_seconds(study.run(run)):.1f}",
        )
    return table


def _divergence(replicas: "pd.DataFrame") -> str | None:
    """Return how many networks diverged, at all rates that were tried, and at which; None if none did."""
    diverged = replicas[replicas["status"] == "diverged"]
    if diverged.empty:
        return None
    rates = [rate_text(rate) for rate in sorted(diverged["lr"].map(tables.rounded).unique())]
    noun = verb(len(rates), "learning rate", "learning rates")
    return f"{len(diverged)} of {counted(len(replicas), 'network')} diverged, at the {noun} {enumeration(rates)}."


def _rate(chosen: float, grid: Iterable[float]) -> str:
    """Return the chosen learning rate and those that were tried: "0.1 of 0.01…1", or "1, highest of 0.01…1".

    Of many their number is given too, which is the budget: "0.1 of 0.01…1 (16)".
    """
    rates = sorted(grid)
    if len(rates) == 1:
        return rate_text(chosen)
    end, (low, high) = tables.edge(chosen, rates), map(rate_text, (rates[0], rates[-1]))
    count = f" ({len(rates)})" if len(rates) > 4 else ""
    return f"{rate_text(chosen)}{', ' if end else ''}{end} of {low}{', ' if len(rates) == 2 else '…'}{high}{count}"


def _error(row: "pd.Series", task: str) -> str:
    """Return the mean error of a condition in its unit with its interval, and the number of diverged replicas."""
    if not row["n"]:
        return f"{row['diverged']:.0f} diverged" if row["diverged"] else "not trained at this rate"
    unit = UNITS[task]
    scaled = {name: row[name] * unit.scale for name in ("mean", "std", "low", "high")}
    form = ".2f" if unit.label == "%" else ".3g"
    if unit.label != "%" and 1e-3 <= row["mean"] < 1e6:  # as many decimals for the half as three digits of the mean
        form = f".{max(0, 2 - math.floor(math.log10(row['mean'])))}f"
    # The column's name says "error"; only another measure is named.
    name = unit.label if unit.name == "error" else unit.name
    text = mean_text({"n": row["n"], **scaled}, unit.ceiling, form, name)
    return f"{row['diverged']:.0f} diverged; {text}" if row["diverged"] else text


def mean_text(row: "pd.Series | Mapping[str, float]", ceiling: float, form: str, unit: str = "") -> str:
    """Return the mean of a row of `summarise` with half of its interval, if it has one.

    An interval that reaches beyond the possible errors, 0 to `ceiling`, ends there: then both ends are given.
    """
    from experiments.analysis.statistics import possible_interval

    low, high = possible_interval(row, ceiling)
    mean = f"{row['mean']:{form}}"
    if math.isnan(low):
        return f"{mean} {unit}".rstrip() + " (all equal)" * bool(row["n"] > 2 or row["std"] == 0)
    if low > row["low"] or high < row["high"]:
        return f"{mean} {unit}".rstrip() + f" ({low:{form}} to {high:{form}})"
    return f"{mean} ± {(high - low) / 2:{form}} {unit}".rstrip()


def _gradient_norms(study: Study, replicas: "pd.DataFrame") -> "pd.Series":
    """Return by run the mean gradient norm of these replicas after their last epoch."""
    text = StringIO(newline="")
    writer = csv.DictWriter(text, [*tables.KEY, "gradient_norm"], extrasaction="ignore")
    writer.writeheader()
    for run in replicas["run"].unique():
        writer.writerows(_last_epochs(study.run(run)))
    text.seek(0)
    last = tables.read(text).astype({"lr": float, "seed": int, "gradient_norm": float})  # there may be no row
    return replicas[tables.KEY].merge(last, on=tables.KEY).groupby("run")["gradient_norm"].mean()


def _last_epochs(run: RunFolder) -> Iterable[dict[str, str]]:
    """Return the row of `history` of each replica's last epoch."""
    with (run.path / "history.csv").open(newline="", encoding="utf-8") as file:
        # Not as a frame, of which only few rows would be used. The rows of a replica are sorted by epoch.
        return {(row["lr"], row["seed"]): row for row in csv.DictReader(file)}.values()


def _seconds(run: RunFolder) -> float:
    with (run.path / "timing.csv").open(newline="", encoding="utf-8") as file:
        return sum(float(row["total"]) for row in csv.DictReader(file))
