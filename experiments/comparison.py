"""What a study's conditions say about each other: which are compared, in which family, and the answer in words."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from experiments.statistics import OverDatasets, compare, holm, labels, over_datasets, setting_columns, summarise
from nets.activations import ACTIVATIONS

BASELINE = "relu"
ALPHA = 0.05
CONDITIONAL = "conditional on this dataset"
"""Seeds divide one dataset again and again; they are no sample of datasets."""


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


@dataclass(frozen=True)
class Findings:
    """What a study says.

    Attributes
    ----------
    board : DataFrame
        One row per condition at its tuned rate, by dataset and rank: `label`, dataset, activation, output,
        `initialiser`, task, lr, `ranked`, and `compare` with its reference (a dataset is one family), with
        `reference_label` and the `verdict`.
    pairs : dict of str to DataFrame
        `all_pairs`.
    rankings : DataFrame
    across : OverDatasets
    sentences : list of str
        The answer, three sentences.
    """

    board: pd.DataFrame
    pairs: dict[str, pd.DataFrame]
    rankings: pd.DataFrame
    across: OverDatasets
    sentences: list[str]


def findings(replicas: pd.DataFrame, baseline: str = BASELINE) -> Findings:
    """Return what the replicas of a study say, each condition compared with its reference at its tuned rate."""
    chosen = replicas[replicas["selected"]]
    board = leaderboard(chosen, baseline)
    over = across(chosen)
    tuned = replicas.groupby("run")["lr"].nunique().max() > 1
    return Findings(board, all_pairs(chosen), rankings(replicas), over, answer(board, over, tuned))


def at_the_edge(board: pd.DataFrame, replicas: pd.DataFrame) -> str:
    """Return a sentence on conditions whose chosen learning rate is the lowest or highest tried; empty if none is."""
    grid = board["run"].map(replicas.groupby("run")["lr"].agg(lambda rates: sorted(set(rates))))
    ends = [len(rates) > 1 and rate in (rates[0], rates[-1]) for rates, rate in zip(grid, board["lr"], strict=True)]
    edge = board[ends]
    if edge.empty:
        return ""
    where = edge["label"] + " on " + edge["dataset"] + " (" + edge["lr"].map("{:g}".format) + ")"
    return (
        f"For {len(edge)} of {len(board)} conditions validation chose the lowest or highest rate that was tried, so a "
        f"wider grid may change their error: {_listed(where)}."
    )


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


def amount(value: float, task: str, digits: int = 2) -> str:
    """Return an error with its unit: per cent, or the target's."""
    if task == "classification":
        return f"{100 * value:.{digits}f} %"
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def _listed(items, most=4):
    items = list(items)
    shown = items if len(items) <= most + 1 else [*items[:most], f"{len(items) - most} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def answer(board: pd.DataFrame, over: OverDatasets, tuned: bool) -> list[str]:
    """Return the answer in three sentences: who is ahead, who differs from the reference, and how far that reaches.

    `tuned` says whether validation had several learning rates to choose from.
    """
    datasets = board["dataset"].unique()
    several = board.groupby("dataset")["output"].transform("nunique") > 1
    name = board["label"].where(~several, board["label"] + " with " + board["output"])
    best = []
    for _, part in board.assign(name=name).groupby("dataset", sort=False):
        row = next(part.itertuples())
        ahead = part.loc[part["rank"] == row.rank, "name"]
        if not row.n:
            best.append(f"on {row.dataset} every replica diverged")
            continue
        interval = f", 95 % interval {amount(row.low, row.task)} to {amount(row.high, row.task)}" if row.n > 1 else ""
        # Conditions that share the mean have intervals of their own.
        reach = f" ({row.n} seeds{interval})" if len(datasets) <= 2 and len(ahead) == 1 else ""
        lost = f", though {row.diverged} of {row.n + row.diverged} replicas diverged" if row.diverged else ""
        measure = "" if row.task == "classification" else "RMSE "
        best.append(f"{_listed(ahead)} on {row.dataset}, {measure}{amount(row.mean, row.task)}{reach}{lost}")
    rate = "the rate that validation chose" if tuned else "the only rate"
    sentences = [f"Lowest mean test error at {rate}: {'; '.join(best)}."]

    compared = board.assign(name=name)[board["reference"].notna()]
    if compared.empty:
        sentences.append("There is one condition to a dataset, so nothing is compared.")
    else:
        told = []
        for word in ("better", "worse"):
            rows = compared[compared["verdict"].str.startswith(word)]
            if len(rows):
                where = (rows["name"] + " on " + rows["dataset"]) if len(datasets) > 1 else rows["name"]
                told.append(f"{len(rows)} {'is' if len(rows) == 1 else 'are'} {word} ({_listed(where)})")
        alike = compared["verdict"].str.startswith("not told apart").sum()
        if alike:
            told.append("none can be told apart" if alike == len(compared) else f"{alike} cannot be told apart")
        untested = compared["difference"].isna().sum()
        if untested:
            told.append(f"{untested} cannot be tested, since fewer than two seeds finished with both")
        against = _listed(compared["reference_label"].unique())
        what = "the one comparison" if len(compared) == 1 else f"{len(compared)} comparisons"
        which = CONDITIONAL if len(datasets) == 1 else "each conditional on its dataset"
        sentences.append(
            f"In {what} with {against} over the same seeds, {'; '.join(told)} (paired t, Holm within a dataset, 5 %), "
            f"{which}."
        )
    lost, total = board["diverged"].sum(), board["n"].sum() + board["diverged"].sum()
    end = f"{lost} of the {total} networks diverged" if lost else f"none of the {total} networks diverged"
    sentences.append(f"{over.sentence.removesuffix('.')}; {end}.")
    return sentences


def between(replicas: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Compare two studies' conditions of one dataset, pairing and activation with its hyperparameters, at tuned rates.

    Where a study has several such, the one whose other settings are most like the other study's is taken.

    Returns
    -------
    DataFrame
        `compare` of this study's run with the other's, one family, after `label`, dataset, output, and `changed`:
        the settings that differ.
    """
    here, there = (frame[frame["selected"]] for frame in (replicas, other))
    names = labels(here, apart=("dataset", "output"))
    own = ["lr", *dict.fromkeys([*setting_columns(here), *setting_columns(there)])]
    identity = ["dataset", "activation", "output", *(name for name in own if name.startswith("activation."))]
    rest = [name for name in own if name not in identity]
    one, two = (
        frame.drop_duplicates("run").reindex(columns=["run", *identity, *rest]).astype(str).fillna("")
        for frame in (here, there)
    )
    rows, tables = [], []
    for _, row in one.iterrows():
        alike = two[(two[identity] == row[identity]).all(axis=1)]
        if alike.empty:
            continue
        match = alike.loc[(alike[rest] == row[rest]).sum(axis=1).idxmax()]
        changed = [f"{name}: {match[name]} → {row[name]}" for name in rest if match[name] != row[name]]
        rows.append(
            {
                "label": names[row["run"]],
                "dataset": row["dataset"],
                "output": row["output"],
                "changed": "; ".join(changed),
            }
        )
        pair = pd.concat(
            [
                here[here["run"] == row["run"]].assign(run="here"),
                there[there["run"] == match["run"]].assign(run="there"),
            ]
        )
        tables.append(
            compare(by_seed(pair), [("here", "there")], part_ratio(pair)).assign(run=row["run"], reference=match["run"])
        )
    if not rows:
        return pd.DataFrame()
    table = pd.concat([pd.DataFrame(rows), pd.concat(tables, ignore_index=True)], axis=1)
    table["p_holm"] = holm(table["p"])
    return table
