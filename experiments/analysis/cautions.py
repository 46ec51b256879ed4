"""Sentences on what weakens a study's answer."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import pandas as pd

from experiments.analysis.comparison import ranking_seeds
from experiments.analysis.labels import same_tasks
from experiments.analysis.metrics import calibrations, disagreements, infinities
from experiments.analysis.propagation import rebuild, weights_of
from experiments.analysis.statistics import summarise
from experiments.analysis.units import ERROR, UNITS, metric_of
from experiments.analysis.wording import counted, enumeration, in_sentence, rate_text, verb
from experiments.tables import KEY, reported, rounded
from nets.initializers import Critical
from nets.theory import UNSTABLE

ONE_CLASS = 0.95
"""A network predicts one class if at least this share of its test rows have it."""


def cautions(
    board: pd.DataFrame,
    replicas: pd.DataFrame,
    confusion: pd.DataFrame | None,
    reliability: pd.DataFrame | None,
    margins: Mapping[str, float],
) -> list[str]:
    """Return what weakens the answer.

    That is copied data, uneven seeds, unequal budgets, confounders, unstable initial lengths, overfitting, random
    weights, predictions of one class, metrics that are infinite, that disagree or that show bad calibration, and tuning
    seeds.

    Parameters
    ----------
    board
        `Findings.board` with the column `name`.
    replicas
        The study's table, after `equal_rates`.
    confusion, reliability
        The tables of these names of all runs.
    margins
        By data set, the largest difference that does not matter, in the table's unit.
    """
    selected = replicas[replicas["selected"]]
    return [
        *_same_data(selected),
        *_uneven(board, selected),
        *_unequal_budgets(board),
        *_confounded(board),
        *_without_hidden_layers(board, selected),
        *_unstable(board, selected),
        *_overfitted(board, selected, margins),
        *_untrained_at_best(board, selected),
        *([] if confusion is None else _one_class(board, selected, confusion)),
        *infinities(board, selected),
        *disagreements(board, selected),
        *calibrations(board, selected, reliability),
        *_tuning(replicas),
    ]


def _same_data(selected: pd.DataFrame) -> list[str]:
    """Return a sentence for the data sets that hold the same data under several names."""
    return [
        f"{enumeration(names)} hold the same data, so they count as one data set in the ranks over data sets."
        for names in same_tasks(selected)
    ]


def _uneven(board: pd.DataFrame, selected: pd.DataFrame) -> list[str]:
    """Return a sentence for each data set whose conditions have different seeds."""
    names = board.set_index("run")["name"]
    result = []
    for dataset, part in selected.groupby("dataset"):
        by_run = part.groupby("run")["seed"].agg(frozenset)
        if by_run.nunique() == 1:
            continue
        seeds = ranking_seeds(part)
        if not seeds:
            result.append(f"On {in_sentence(str(dataset))} the conditions share no seeds, so none has a rank.")
            continue
        lacking = [names[run] for run in by_run.index if not seeds <= by_run[run]]
        text = f"On {in_sentence(str(dataset))} the conditions have different seeds. "
        text += f"Ranks and means use {_listed(seeds)}"
        if lacking:
            text += f"; {enumeration(lacking)} {verb(len(lacking), 'lacks', 'lack')} some of them and "
            text += f"{verb(len(lacking), 'has', 'have')} no rank"
        result.append(f"{text}.")
    return result


def _unequal_budgets(board: pd.DataFrame) -> list[str]:
    """Return a sentence for the data sets on which conditions chose from other learning rates, or from more than rates.

    Data sets with the same budgets share a sentence.
    """
    datasets: dict[str, list[str]] = {}
    for dataset, part in board.groupby("dataset", sort=False):
        names: dict[str, list[str]] = {}
        for row in part.itertuples():
            names.setdefault(_budget(row.grid, row.trial), []).append(row.name)
        if len(names) > 1:
            texts = sorted(f"{enumeration(sorted(members))} from {budget}" for budget, members in names.items())
            budgets = enumeration(texts)
            datasets.setdefault(budgets, []).append(in_sentence(str(dataset)))
    return [
        f"On {enumeration(members)} the conditions had unequal budgets. The lowest validation error chose {budgets}. "
        f"The best of more trials is better on average, so a difference may come from the budget."
        for budgets, members in datasets.items()
    ]


def _budget(grid: Sequence[float], trial: str) -> str:
    """Return what a condition chose from, in words."""
    low, high = map(rate_text, (grid[0], grid[-1]))
    if len(grid) == 1:
        return f"the one learning rate {low}"
    keys = enumeration(value.partition("=")[0] for value in trial.split(", ")) if trial else ""
    return f"{len(grid)} learning rates ({low} to {high})" + f" with {keys}" * bool(keys)


def _listed(seeds: Iterable[int]) -> str:
    """Return seeds in words: "the seeds 0 to 4", or "10 seeds" if there are gaps."""
    ordered = sorted(seeds)
    if len(ordered) == 1:
        return f"the seed {ordered[0]}"
    if ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"the seeds {ordered[0]} to {ordered[-1]}"
    return f"the {counted(len(ordered), 'seed')} that most conditions share"


def _confounded(board: pd.DataFrame) -> list[str]:
    """Return a sentence on conditions that differ from their reference in activation and initializer."""
    by_run = board.drop_duplicates("run").set_index("run")
    rows = board[board["reference"].notna()]
    activation, initializer = (rows["reference"].map(by_run[name]) for name in ("activation", "initializer"))
    rows = rows[(rows["activation"] != activation) & (rows["initializer"] != initializer)]
    if rows.empty:
        return []
    first, names = rows.iloc[0], rows["name"].drop_duplicates()
    reference = by_run.loc[first["reference"]]
    common = ",".join(sorted({first["initializer"], reference["initializer"]}))
    return [
        f"{enumeration(names)} {verb(len(names), 'differs from its', 'differ from their')} "
        f"reference in the initializer too: {first['name']} has {first['initializer']}, and {reference['name']} has "
        f"{reference['initializer']}. A difference may come from either (init={common} separates them)."
    ]


def _without_hidden_layers(board: pd.DataFrame, selected: pd.DataFrame) -> list[str]:
    """Return a sentence on networks without hidden layers that differ in their activation."""
    if "net.hidden" not in selected:
        return []
    runs = selected.loc[selected["net.hidden"].astype(str) == "[]", "run"]
    rows = board[board["run"].isin(runs)]
    if rows.empty or rows.groupby("dataset")["activation"].nunique().max() < 2:
        return []
    return [
        f"{enumeration(rows['name'].drop_duplicates())} have no hidden layer, so their activation has no effect. They "
        f"may differ only in the initializer."
    ]


def _unstable(board: pd.DataFrame, selected: pd.DataFrame) -> list[str]:
    """Return a sentence on plain networks whose critical point is an unstable fixed point of the lengths."""
    if "init.name" not in selected:
        return []
    names, growths = board.set_index("run")["name"], {}
    for _, row in selected[selected["init.name"] == Critical.name].drop_duplicates("run").iterrows():
        with suppress(ValueError):  # a formula that this version refuses
            activation = rebuild(row)
            weights = weights_of(row, activation)
            if weights and isinstance(weights.initializer, Critical) and row["run"] in names.index:
                growths[names[row["run"]]] = weights.initializer.point(activation).growth
    texts = [f"{name} ({growth:.2f})" for name, growth in growths.items() if growth > UNSTABLE]
    if not texts:
        return []
    return [
        f"The critical point is unstable if V′(q*) is above 1, as for {enumeration(texts)}: with depth, the lengths of "
        f"pre-activations move away from q*."
    ]


def _overfitted(board: pd.DataFrame, selected: pd.DataFrame, margins: Mapping[str, float]) -> list[str]:
    """Return a sentence for each data set on which validation errors rose, by more than the margin, until the end.

    The rise begins at the epoch with the lowest validation loss of each network. Its 95 % interval must exclude 0.
    """
    if metric_of(selected) != ERROR:  # no epoch but the last has another metric
        return []
    if "best_epoch" not in selected or "best_epoch_error" in set(selected.get("select", ())):
        return []
    done = selected[selected["status"] == "done"]
    if done.empty:
        return []
    rises = summarise(done.assign(rise=done["final_validation_error"] - done["best_validation_error"]), "run", "rise")
    columns = ["best_epoch", "best_validation_error", "final_validation_error"]
    rows = board.merge(rises[["run", "mean", "low"]], on="run", suffixes=("", "_rise"))
    rows = rows.merge(done.groupby("run")[columns].mean().reset_index(), on="run")
    rows = rows[(rows["mean_rise"] > rows["dataset"].map(margins)) & (rows["low_rise"] > 0)]
    result = []
    for dataset, part in rows.sort_values("mean_rise", ascending=False, kind="stable").groupby("dataset"):
        unit = UNITS[part["task"].iloc[0]]
        texts = [
            f"{row.name} from {unit.text(row.best_validation_error)} near epoch {row.best_epoch:.0f} to "
            f"{unit.text(row.final_validation_error)} at the end"
            for row in part[["name", *columns]].itertuples(index=False)
        ]
        result.append(
            f"On {in_sentence(str(dataset))} the mean validation {unit.name} rose during training: "
            f"{enumeration(texts)}. The errors here are those at the end; select=best_epoch_error shows those at the "
            f"epoch with the lowest validation loss."
        )
    return result


def _untrained_at_best(board: pd.DataFrame, selected: pd.DataFrame) -> list[str]:
    """Return a sentence for each data set on which early stopping kept networks with their random weights."""
    if "early_stopping.patience" not in selected:
        return []
    stopping = selected[(selected["early_stopping.patience"] > 0) & (selected["status"] == "done")]
    stopping = stopping.merge(board[["run", "name"]], on="run")
    result = []
    for dataset, part in stopping.groupby("dataset"):
        kept = part[part["best_epoch"] == 0]
        if kept.empty:
            continue
        texts = [f"{name} {count}" for name, count in kept.groupby("name", sort=False).size().items()]
        result.append(
            f"On {in_sentence(str(dataset))} {len(kept)} of {counted(len(part), 'network')} with early stopping "
            f"{verb(len(kept), 'has its', 'have their')} lowest validation loss at epoch 0, so "
            f"{verb(len(kept), 'it ends', 'they end')} with random weights: {enumeration(texts)}. A smaller learning "
            f"rate or a larger early_stopping.patience may help."
        )
    return result


def comparisons_of_one_class(board: pd.DataFrame, selected: pd.DataFrame, confusion: pd.DataFrame) -> list[str]:
    """Return a sentence for each data set on which most networks of every condition predict one class."""
    networks, _ = _predicted_most(board, selected, confusion)
    result = []
    for dataset, part in networks.groupby("dataset"):
        constant = part["share"] >= ONE_CLASS
        shares = constant.groupby(part["run"]).mean()
        if len(shares) > 1 and (shares > 0.5).all():
            result.append(
                f"On {in_sentence(str(dataset))} {constant.sum()} of {len(part)} networks predict one class for nearly "
                f"all test rows, so their comparison says nothing about activations."
            )
    return result


def _predicted_most(
    board: pd.DataFrame, selected: pd.DataFrame, confusion: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the class that each network predicts most, with its `share` of the test rows, and all counts."""
    rows = confusion.assign(lr=confusion["lr"].map(rounded)).drop_duplicates([*KEY, "true", "predicted"])
    rows = rows.merge(selected[KEY], on=KEY)
    total = rows.groupby(KEY)["count"].sum()
    predicted = rows.groupby([*KEY, "predicted"])["count"].sum().reset_index()
    most = predicted.sort_values("count", kind="stable").drop_duplicates(KEY, keep="last").set_index(KEY)
    most["share"] = most["count"] / total
    return most.reset_index().merge(board[["run", "dataset", "name"]], on="run"), rows


def _one_class(board: pd.DataFrame, selected: pd.DataFrame, confusion: pd.DataFrame) -> list[str]:
    """Return a sentence for each data set on which networks predict one class for nearly all rows."""
    most, rows = _predicted_most(board, selected, confusion)
    result = []
    for dataset, part in most.groupby("dataset"):
        constant = part[part["share"] >= ONE_CLASS]
        if constant.empty:
            continue
        sizes = part.groupby("name").size()
        shares = [f"{name} {count} of {sizes[name]}" for name, count in constant.groupby("name").size().items()]
        classes = list(constant["predicted"].value_counts().index)
        with_class = rows[rows["run"].isin(part["run"]) & (rows["true"] == classes[0])]["count"].sum()
        share = with_class / rows.loc[rows["run"].isin(part["run"]), "count"].sum()
        note = f", which {100 * share:.0f} % of the rows have" if len(classes) == 1 else ""
        result.append(
            f"On {in_sentence(str(dataset))} {len(constant)} of {counted(len(part), 'network')} "
            f"{verb(len(constant), 'predicts', 'predict')} one class for at least {100 * ONE_CLASS:.0f} % of the test "
            f"rows (class {enumeration(classes)}{note}): {enumeration(shares)}."
        )
    return result


def _tuning(replicas: pd.DataFrame) -> list[str]:
    """Return a sentence if learning rates were chosen on seeds that are not reported."""
    tuning = replicas.drop(reported(replicas).index)
    if tuning.empty:
        return []
    count = tuning["seed"].nunique()
    return [
        f"Learning rates were chosen on {counted(count, 'tuning seed')} that {verb(count, 'is', 'are')} not reported. "
        f"Tuning seeds divide the same rows again, so the choice is not independent of the test rows."
    ]
