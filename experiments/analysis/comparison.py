"""What a study's conditions say about each other: which are compared, in which family, and the answer in words."""

from itertools import combinations

import numpy as np
import pandas as pd

from experiments.analysis.labels import labels, setting_columns
from experiments.analysis.statistics import OverDatasets, compare, over_datasets, summarise
from nets.activations import ACTIVATIONS

BASELINE = "relu"


ALPHA = 0.05


def scored(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return replicas with their `score`, the final test error, or inf where they diverged."""
    return replicas.assign(score=replicas["final_test_error"].astype(float).where(replicas["status"] == "done", np.inf))


def by_seed(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return the scores as `compare` wants them, seed × run; the replicas have one learning rate per run."""
    return scored(replicas).pivot(index="seed", columns="run", values="score")


def part_ratio(replicas: pd.DataFrame) -> float:
    """Return test rows over training rows, as the first replica's shares have it."""
    if "split.test" not in replicas:
        return np.nan
    test, validation = replicas[["split.test", "split.validation"]].iloc[0].astype(float)
    return test / ((1 - test) * (1 - validation))


def own_initialiser(conditions: pd.DataFrame) -> pd.Series:
    """Return whether each condition's initialiser is the one that its activation brings along."""
    if "init.name" not in conditions:
        return pd.Series(True, conditions.index)
    defaults = conditions["activation"].map(lambda name: getattr(ACTIVATIONS.get(name), "initializer", None))
    return defaults.isna() | (defaults == conditions["init.name"])


def ranked(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return `summarise` of the scores by run with the rank within its dataset, 1 the best.

    A condition with diverged replicas ranks after all without, by their share; otherwise the mean decides.
    """
    table = summarise(scored(replicas), ["dataset", "run"], "score")
    order = table.assign(tied=table["mean"].round(12)).sort_values(["diverged_share", "tied"])
    keys = order[["dataset", "diverged_share", "tied"]].fillna(np.inf)
    place = order.groupby("dataset").cumcount() + 1.0
    order["rank"] = place.groupby([keys[name] for name in keys]).transform("mean")
    return order.drop(columns="tied").sort_values(["dataset", "rank", "run"], ignore_index=True)


def references(replicas: pd.DataFrame, baseline: str = BASELINE) -> dict[str, str]:
    """Return with which condition each is compared: run to run; one condition of each dataset has none.

    That is the baseline activation under the same settings; the baseline under other settings is compared with
    the baseline under the dataset's main ones: those with most activations, of these a likelihood's pairing and the
    smallest network. Where the study has no baseline activation, its first one, as registered, takes that part.
    """
    conditions = replicas.drop_duplicates("run").reset_index(drop=True)
    own = own_initialiser(conditions)
    free = [name for name in setting_columns(replicas) if not name.startswith(("activation.", "init.", "formula."))]
    frame = conditions[["dataset", "output", *free]].astype(str).fillna("").agg("|".join, axis=1)
    initialiser = conditions.get("init.name", own)
    registered = {name: place for place, name in enumerate(ACTIVATIONS)}
    result = {}
    for _, part in conditions.groupby("dataset"):
        present = sorted(part["activation"].unique(), key=lambda name: registered.get(name, len(registered)))
        name = baseline if baseline in present else present[0]
        size = frame[part.index].map(frame[part.index].value_counts())
        heads = part[part["activation"] == name].index
        preference = {
            "size": -size[heads],
            "init": ~own[heads],
            "output": ~part.loc[heads, "output"].str.endswith("_ce"),
            "parameters": part.loc[heads, "parameters"] if "parameters" in part else 0,
            "run": part.loc[heads, "run"],
        }
        heads = pd.DataFrame(preference).sort_values(list(preference)).index
        for index, run in part["run"].items():
            family = [head for head in heads if frame[head] == frame[index]]
            alike = [head for head in family if initialiser[head] == initialiser[index]]
            reference = next(iter([*alike, *family, heads[0]]))
            if part.loc[index, "activation"] == name:
                reference = heads[0]
            if reference != index:
                result[run] = part.loc[reference, "run"]
    return result


def groups(replicas: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Return the families in which all pairs are compared: name and runs, in order of rank.

    A dataset's conditions under one pairing; where every pairing has a single condition, all of the dataset.
    """
    result = []
    for dataset, part in ranked(replicas).groupby("dataset", sort=False):
        output = part["run"].map(replicas.drop_duplicates("run").set_index("run")["output"])
        sizes = output.value_counts()
        for name in sorted(sizes[sizes > 1].index):
            result.append((f"{dataset}, {name}", part.loc[output == name, "run"].tolist()))
        if len(part) > 1 and (sizes == 1).all():
            result.append((dataset, part["run"].tolist()))
    return result


def all_pairs(replicas: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return `compare` of all pairs of each of the `groups`, each group Holm's family."""
    return {
        name: compare(
            by_seed(replicas[replicas["run"].isin(runs)]),
            combinations(runs, 2),
            part_ratio(replicas[replicas["run"].isin(runs)]),
        )
        for name, runs in groups(replicas)
    }


def rankings(replicas: pd.DataFrame) -> pd.DataFrame:
    """Rank the conditions in every way that the study allows: at tuned or common rates, own or common initialisers.

    The rate that validation chose and the initialiser that an activation brings along are part of what is compared;
    at a common one they are not. A common rate was trained by all conditions of a dataset, a common initialiser by all
    of its activations.

    Returns
    -------
    DataFrame
        `ranked` of each, after the columns `rate` ("tuned" or the number) and `initialiser` ("own" or its name).
    """
    tables = []
    for _, part in replicas.groupby("dataset"):
        initialisers = part.get("init.name", pd.Series("own", part.index))
        views = {"own": part[own_initialiser(part)]} | dict(list(part.groupby(initialisers)))
        complete = {name: rows for name, rows in views.items() if set(rows["activation"]) == set(part["activation"])}
        views = {}
        for name, rows in complete.items():  # if all have one initialiser for their own, it is called by its name
            views = {key: view for key, view in views.items() if set(view["run"]) != set(rows["run"])} | {name: rows}
        views = views or {"mixed": part}
        for initialiser, view in views.items():
            rates = [set(rows["lr"]) for _, rows in view.groupby("run")]
            common = sorted(set.intersection(*rates))
            chosen = {"tuned": view[view["selected"]]} if max(map(len, rates)) > 1 or not common else {}
            chosen |= {f"{rate:g}": view[view["lr"] == rate] for rate in common}
            for rate, rows in chosen.items():
                tables.append(ranked(rows).assign(rate=rate, initialiser=initialiser))
    table = pd.concat(tables, ignore_index=True)
    first = ["dataset", "rate", "initialiser", "rank", "run"]
    return table[[*first, *(column for column in table if column not in first)]]


def treatments(replicas: pd.DataFrame) -> pd.Series:
    """Return what is compared over datasets: run to a name without the dataset, and without its only pairing."""
    conditions = replicas.drop_duplicates("run")
    one = (conditions.groupby("dataset")["output"].nunique() == 1).all()
    return labels(replicas, apart=("dataset", "output") if one else ("dataset",))


def across(replicas: pd.DataFrame) -> OverDatasets:
    """Return `over_datasets` of the treatments that every dataset of the study has."""
    table = ranked(replicas).assign(treatment=lambda table: table["run"].map(treatments(replicas)))
    ranks = table.pivot_table(index="dataset", columns="treatment", values="rank")
    return over_datasets(ranks.dropna(axis=1))


def leaderboard(chosen: pd.DataFrame, baseline: str = BASELINE) -> pd.DataFrame:
    """Return `Findings.board` from the replicas at the selected rates."""
    board = ranked(chosen)
    board["low"] = board["low"].clip(lower=0)  # no error is negative
    conditions = chosen.drop_duplicates("run").set_index("run")
    names = labels(chosen, apart=("dataset", "output"))
    board["label"] = board["run"].map(names)
    for column in ("activation", "output", "task", "lr"):
        board[column] = board["run"].map(conditions[column])
    board["initialiser"] = board["run"].map(conditions["init.name"]) if "init.name" in conditions else ""
    reference = references(chosen, baseline)
    compared = []
    for _, part in chosen.groupby("dataset"):
        pairs = [(run, reference[run]) for run in part["run"].unique() if run in reference]
        compared.append(compare(by_seed(part), pairs, part_ratio(part)))
    names_of = {"low": "difference_low", "high": "difference_high", "n": "n_pairs", "std": "spread"}
    compared = pd.concat(compared).rename(columns=names_of)
    board = board.merge(compared, on="run", how="left")
    full = labels(chosen, apart=("dataset",))
    same = board["reference"].map(conditions["output"]) == board["output"]
    board["reference_label"] = board["reference"].map(names).where(same, board["reference"].map(full))
    board["verdict"] = [verdict(row) for row in board.itertuples()]
    return board


def verdict(row) -> str:
    """Return one row of the board in words: reference, better, worse, not told apart, or why nothing is said."""
    if pd.isna(row.reference):
        return "reference"
    if pd.isna(row.difference):
        return "diverged" if row.diverged_share > 0.5 else "too few pairs"
    word = "not told apart"
    if row.p_holm < ALPHA:
        word = "better" if row.difference < 0 else "worse"
    return f"{word}, where both finished" if row.lost else word
