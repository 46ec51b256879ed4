"""The table that closes a sweep: one row for each of its conditions, at the selected learning rate.

Where a report has trained simple models on the same splits, the best one of each data set has a row too.
"""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple

from experiments import tables
from experiments.analysis.units import UNITS
from experiments.analysis.wording import counted, enumeration, rate_text, verb
from experiments.store.reading import load_records, named
from experiments.store.runs import RunFolder
from experiments.store.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

WORDS = ("activation", "dataset", "output")
MEASURED = ("test error,\nmean ± 95 %", "gradient\nnorm", "seconds")
"""The columns that the table always has."""
WIDTH = 80
"""The columns of a terminal that the table should fit."""


class Summary(NamedTuple):
    """The closing table of a sweep, below what all its conditions have in common, and above what to know of them."""

    heading: str
    table: "Table"
    note: str


def summary(study: Study, runs: Sequence[str]) -> Summary:
    """Return the closing table for these runs of a study, whose tables are up to date."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from experiments.analysis.labels import task_names

    replicas = named(tables.read(study.folder / "replicas.csv"), study.folder)
    replicas["dataset"] = replicas["run"].map(task_names(replicas))
    replicas = replicas[replicas["run"].isin(runs)]
    conditions = _with_simple_models(_conditions(replicas, runs), study, replicas)
    rates, grid = _rates(replicas)
    cells = _cells(study, replicas, conditions.assign(lr=rates))
    networks = cells[~conditions["simple"]]
    same = [name for name in cells if name not in MEASURED and cells[name].nunique() == 1]
    facts = [*_facts(networks.iloc[0][same]), *([f"learning rates {grid}"] if grid else [])]
    above = _common_by_dataset(cells.drop(columns=same))
    implied = [] if above else _implied(networks.drop(columns=same))
    shown = cells.columns.drop([*same, *above, *implied])
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in shown:
        table.add_column(name, justify="left" if name in WORDS else "right", no_wrap=name not in WORDS, overflow="fold")
    lines = {row["dataset"]: ", ".join(_facts(row[above])) for _, row in networks.iterrows()}
    is_marked = conditions["best"] | conditions["simple"]
    line = ""
    for run, row in cells.fillna("").iterrows():
        if line != (line := lines[row["dataset"]]):
            table.add_section()
            table.add_row(line)
        first, *others = row[shown]
        is_best = conditions.loc[run, "best"]
        mark = "* " if is_best else "° " if is_marked[run] else "  " if is_marked.any() else ""
        table.add_row(f"{mark}{first}", *others, style="bold" if is_best else None)
    table.collapse_padding = Console(width=10 * WIDTH).measure(table).maximum > WIDTH
    return Summary(f"study {study.name}: {', '.join(facts)}", table, " ".join(_notes(replicas, conditions)))


def _common_by_dataset(cells: "pd.DataFrame") -> list[str]:
    """Return the columns that stand in a line above the conditions of each data set, which have them in common."""
    if not {"activation", "dataset"} <= set(cells):
        return []
    numbers = cells.drop(columns=["activation", *MEASURED]).groupby("dataset").nunique().max()
    return ["dataset", *numbers.index[numbers == 1]]


def _implied(cells: "pd.DataFrame") -> list[str]:
    """Return "output" if it follows from the data set, as it does by default: its column would only take space."""
    if not {"dataset", "output"} <= set(cells):
        return []
    return ["output"] if cells.groupby("dataset")["output"].nunique().max() == 1 else []


def _facts(row: "pd.Series") -> list[str]:
    """Return cells so that each is clear without the name of its column."""
    texts = {"lr": "learning rate {}", "seeds": "1 seed" if row.get("seeds") == "1" else "{} seeds"}
    return [texts.get(name, "{}").format(cell) for name, cell in row.items()]


def _conditions(replicas: "pd.DataFrame", runs: Sequence[str]) -> "pd.DataFrame":
    """Return `summarise` of the test errors with the names of conditions; `best` says which is a data set's lowest.

    The rows are sorted by data set, then by the share of diverged networks, then by the mean. The index is `run`.
    """
    from experiments.analysis.labels import labels
    from experiments.analysis.statistics import summarise

    names = replicas.drop_duplicates("run").set_index("run")[["dataset", "output", "task", "epochs"]]
    names["activation"] = labels(replicas, omit=("dataset", "output"))
    selected = replicas[replicas["selected"]]
    # A diverged replica may have a number, which is no result.
    finished = selected.assign(error=selected["final_test_error"].where(selected["status"] == "done"))
    table = summarise(finished, "run", "error").set_index("run")
    # A run that is not reported at its chosen rate has no selected row.
    table = table.reindex(dict.fromkeys(runs)).fillna({"n": 0, "diverged": 0, "diverged_share": 1}).join(names)
    table["position"] = table["dataset"].map({name: i for i, name in enumerate(table["dataset"].unique())})
    table = table.sort_values(["position", "diverged_share", "mean"], kind="stable")
    first = table.groupby("dataset")[["diverged_share", "mean"]].transform("first")
    several = table.groupby("dataset")["mean"].transform("size") > 1
    return table.assign(best=several & (table[["diverged_share", "mean"]] == first).all(axis=1), simple=False)


def _with_simple_models(conditions: "pd.DataFrame", study: Study, replicas: "pd.DataFrame") -> "pd.DataFrame":
    """Return `_conditions` with a row for each data set's best simple model that is stored; none is trained here."""
    if not (study.folder / "baselines.csv").exists():
        return conditions
    import pandas as pd

    from experiments.analysis.baselines import best_stored
    from experiments.analysis.statistics import summarise

    results = study.folder.parent
    stored = best_stored(study.name, load_records(study.name, results), replicas, results)
    rows = summarise(stored, ["dataset", "baseline"], "test_error").rename(columns={"baseline": "activation"})
    facts = conditions.drop_duplicates("dataset").set_index("dataset")[["task", "position"]]
    rows = rows.join(facts, on="dataset").assign(best=False, simple=True)
    table = pd.concat([conditions, rows.set_index(rows["dataset"].map("simple model on {}".format))])
    return table.sort_values(["position", "diverged_share", "mean"], kind="stable")


def _cells(study: Study, replicas: "pd.DataFrame", conditions: "pd.DataFrame") -> "pd.DataFrame":
    """Return the texts of the table, with the rows of `conditions`."""
    errors = [
        _error(row, row["task"]) + (", untrained" if row["epochs"] == 0 else "") for _, row in conditions.iterrows()
    ]
    gradient = _gradient_norms(study, replicas[replicas["selected"]]).reindex(conditions.index)
    norms = gradient.map("{:.3g}".format).where(gradient.notna(), "")
    seconds = ["" if simple else f"{_seconds(study.run(run)):.1f}" for run, simple in conditions["simple"].items()]
    seeds = (conditions["n"] + conditions["diverged"]).map("{:.0f}".format)
    measured = dict(zip(MEASURED, (errors, norms, seconds), strict=True))
    return conditions[[*WORDS, "lr"]].assign(seeds=seeds, **measured)


def _notes(replicas: "pd.DataFrame", conditions: "pd.DataFrame") -> Iterator[str]:
    """Yield how the table is sorted, and how many networks diverged at all rates that were tried."""
    where = " of each data set" if conditions["position"].any() else ""
    best, simple = conditions["best"].any(), conditions["simple"].any()
    marks = [f"* marks the {'best network' if simple else 'lowest'}{where}"] if best else []
    if simple:
        marks.append(f"°{'' if best else ' marks'} the best simple model on the same splits")
    if marks:
        last = ", diverged networks last" if conditions["diverged"].any() else ""
        yield f"Sorted by mean test error{last}; {', '.join(marks)}."
    yield from filter(None, [_divergence(replicas)])


def _divergence(replicas: "pd.DataFrame") -> str | None:
    """Return how many networks diverged, at all rates that were tried, and at which; None if none did."""
    diverged = replicas[replicas["status"] == "diverged"]
    if diverged.empty:
        return None
    rates = [rate_text(rate) for rate in sorted(diverged["lr"].map(tables.rounded).unique())]
    noun = verb(len(rates), "learning rate", "learning rates")
    return f"{len(diverged)} of {counted(len(replicas), 'network')} diverged, at the {noun} {enumeration(rates)}."


def _rates(replicas: "pd.DataFrame") -> tuple[dict[str, str], str]:
    """Return by run the chosen learning rate with those tried: "0.1 (of 0.01 to 1)", or "1 (highest of 0.01 to 1)".

    The chosen values of further keys follow. If the same rates were tried for all runs, and not all chose the same one,
    they are the second value instead.
    """
    from experiments.analysis.labels import trial_values

    deciding = tables.deciding(replicas)
    grids = deciding["lr"].map(tables.rounded).groupby(deciding["run"]).agg(lambda rates: tuple(sorted(set(rates))))
    chosen = tables.chosen_rates(replicas)
    once = _range(grids.iloc[0]) if grids.nunique() == 1 and chosen.nunique() > 1 else ""
    texts, values = {}, trial_values(replicas)
    for run, rates in grids.items():
        tried = "" if once or len(rates) == 1 else f"of {_range(rates)}"
        place = " ".join(filter(None, [tables.edge(chosen[run], rates), tried]))
        rate = f"{rate_text(chosen[run])} ({place})" if place else rate_text(chosen[run])
        texts[run] = ", ".join(filter(None, [rate, values.get(run, "")]))
    return texts, once


def _range(rates: Sequence[float]) -> str:
    """Return the ends of the rates that were tried; of many, their number too, which is the budget."""
    low, high = rate_text(rates[0]), rate_text(rates[-1])
    number = f", {len(rates)} rates" if len(rates) > 4 else ""
    return f"{low} {'and' if len(rates) == 2 else 'to'} {high}{number}"


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
