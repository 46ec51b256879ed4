"""Comparison of a study's conditions: scores, ranks, references, families of pairs, the leaderboard."""

from itertools import combinations

import numpy as np
import pandas as pd

from experiments.analysis.labels import labels, setting_columns
from experiments.analysis.statistics import ALPHA, OverDatasets, compare, holm, over_datasets, summarise
from nets.activations import ACTIVATIONS

BASELINE = "relu"
"""The activation with which others are compared."""


def scored(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return replicas with their `score`: the final test error, or inf if they diverged."""
    return replicas.assign(score=replicas["final_test_error"].astype(float).where(replicas["status"] == "done", np.inf))


def scores_by_seed(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return the scores as `compare` needs them, seed × run; each run has one learning rate."""
    return scored(replicas).pivot(index="seed", columns="run", values="score")


def part_ratio(replicas: pd.DataFrame) -> float:
    """Return test rows over training rows, by the shares of the first replica; NaN if they are unknown."""
    if "split.test" not in replicas:
        return np.nan
    test, validation = replicas[["split.test", "split.validation"]].iloc[0].astype(float)
    return float(test / ((1 - test) * (1 - validation)))


def has_default_initializer(conditions: pd.DataFrame) -> pd.Series:
    """Return whether each condition has the default initializer of its activation."""
    if "init.name" not in conditions:
        return pd.Series(True, conditions.index)
    defaults = conditions["activation"].map(lambda name: getattr(ACTIVATIONS.get(name), "initializer", None))
    return defaults.isna() | (defaults == conditions["init.name"])


def ranked(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return `summarise` of the scores by run, with each run's `rank` within its data set, 1 the best.

    The share of diverged replicas decides first, then the mean. Equal conditions share the mean of their ranks.
    """
    table = summarise(scored(replicas), ["dataset", "run"], "score")
    table = table.assign(rounded=table["mean"].round(12)).sort_values(["diverged_share", "rounded"])
    keys = table[["dataset", "diverged_share", "rounded"]].fillna(np.inf)
    position = table.groupby("dataset").cumcount() + 1.0
    table["rank"] = position.groupby([keys[name] for name in keys]).transform("mean")
    return table.drop(columns="rounded").sort_values(["dataset", "rank", "run"], ignore_index=True)


def references(replicas: pd.DataFrame) -> dict[str, str]:
    """Return the reference of each run; one run of each data set has none.

    The reference of a run is the baseline activation with the same settings, if possible with the same initializer.
    If there is none, it is the data set's main condition, which is also the reference of the other conditions with the
    baseline activation. The main condition has the baseline activation and the settings of most conditions. Ties
    are decided by the default initializer, then by the output of a likelihood, then by the smaller network. If the
    data set lacks the baseline activation, its first activation in the registry is the baseline.
    """
    conditions = _preferences(replicas)
    result = {}
    for _, part in conditions.groupby("dataset"):
        first = _baseline_of(part)
        candidates = part[part["activation"] == first].sort_values(["others", "init", "output", "parameters", "run"])
        main = candidates["run"].iloc[0]
        for condition in part.itertuples():
            same = candidates[candidates["settings"] == condition.settings]
            closest = same[same["initializer"] == condition.initializer]
            preferred = [] if condition.activation == first else [*closest["run"], *same["run"]]
            reference = next(iter([*preferred, main]))
            if reference != condition.run:
                result[condition.run] = reference
    return result


def _preferences(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return a row per condition: its settings as text, and the columns whose order puts a main condition first."""
    conditions = replicas.drop_duplicates("run").reset_index(drop=True)
    default = has_default_initializer(conditions)
    follow = ("activation.", "init.", "formula.")  # settings that follow from the activation by default
    columns = [column for column in setting_columns(replicas) if not column.startswith(follow)]
    settings = conditions[["dataset", "output", *columns]].astype(str).fillna("").agg("|".join, axis=1)
    return conditions[["run", "dataset", "activation"]].assign(
        settings=settings,
        initializer=conditions.get("init.name", default),
        others=-settings.map(settings.value_counts()),
        init=~default,
        output=~conditions["output"].str.endswith("_ce"),
        parameters=conditions.get("parameters", 0),
    )


def _baseline_of(conditions: pd.DataFrame) -> str:
    """Return the baseline activation of conditions: `BASELINE`, or their first activation in the registry."""
    activations: list[str] = list(conditions["activation"].unique())
    if BASELINE in activations:
        return BASELINE
    order = {name: index for index, name in enumerate(ACTIVATIONS)}
    return min(activations, key=lambda name: order.get(name, len(order)))


def families(replicas: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Return the families in which all pairs are compared: name, and runs in order of rank.

    A family is the conditions of a data set with one output. If every output has a single condition, it is all
    conditions of the data set.
    """
    outputs = replicas.drop_duplicates("run").set_index("run")["output"]
    result = []
    for dataset, part in ranked(replicas).groupby("dataset", sort=False):
        output = part["run"].map(outputs)
        sizes = output.value_counts()
        for name in sorted(sizes[sizes > 1].index):
            result.append((f"{dataset}, {name}", part.loc[output == name, "run"].tolist()))
        if len(part) > 1 and (sizes == 1).all():
            result.append((dataset, part["run"].tolist()))
    return result


def all_pairs(replicas: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return `compare` of all pairs of each of the `families`."""
    result = {}
    for name, runs in families(replicas):
        members = replicas[replicas["run"].isin(runs)]
        result[name] = compare(scores_by_seed(members), combinations(runs, 2), part_ratio(members))
    return result


def rankings(replicas: pd.DataFrame) -> pd.DataFrame:
    """Rank the conditions in every way that the study allows: at tuned or common rates and initializers.

    The selected rate and the default initializer of an activation are part of the comparison; a common one is not. All
    conditions of a data set were trained at a common rate, and all of its activations with a common initializer.

    Returns
    -------
    DataFrame
        `ranked` in each way, after the columns `rate` ("tuned" or the number) and `initializer` ("default" or a name;
        "mixed" if no initializer is common and not all activations have their default).
    """
    tables = []
    for _, part in replicas.groupby("dataset"):
        for initializer, rows in _by_initializer(part).items():
            for rate, ranking in _by_rate(rows).items():
                tables.append(ranked(ranking).assign(rate=rate, initializer=initializer))
    table = pd.concat(tables, ignore_index=True)
    first = ["dataset", "rate", "initializer", "rank", "run"]
    return table[[*first, *(column for column in table if column not in first)]]


def _by_initializer(replicas: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return a data set's replicas by initializer: "default" or a name, if all activations have it, else "mixed"."""
    names = replicas.get("init.name", pd.Series("default", replicas.index))
    candidates = {"default": replicas[has_default_initializer(replicas)]} | dict(list(replicas.groupby(names)))
    result: dict[str, pd.DataFrame] = {}
    for name, rows in candidates.items():
        if set(rows["activation"]) == set(replicas["activation"]):
            # A name replaces "default" if both are the same conditions.
            result = {key: other for key, other in result.items() if set(other["run"]) != set(rows["run"])}
            result[name] = rows
    return result or {"mixed": replicas}


def _by_rate(replicas: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return replicas by learning rate: "tuned" if a run has several or none is common, and each common rate."""
    rates = [set(rows["lr"]) for _, rows in replicas.groupby("run")]
    common = sorted(set.intersection(*rates))
    result = {f"{rate:g}": replicas[replicas["lr"] == rate] for rate in common}
    if max(map(len, rates)) > 1 or not common:
        return {"tuned": replicas[replicas["selected"]]} | result
    return result


def treatments(replicas: pd.DataFrame) -> pd.Series:
    """Return the treatment of each run: its label without the data set, and without the output if there is only one."""
    conditions = replicas.drop_duplicates("run")
    single = (conditions.groupby("dataset")["output"].nunique() == 1).all()
    return labels(replicas, omit=("dataset", "output") if single else ("dataset",))


def treatments_over_datasets(replicas: pd.DataFrame) -> OverDatasets:
    """Return `over_datasets` of the treatments that every data set of the study has."""
    table = ranked(replicas)
    table["treatment"] = table["run"].map(treatments(replicas))
    ranks = table.pivot_table(index="dataset", columns="treatment", values="rank")
    return over_datasets(ranks.dropna(axis=1))


def leaderboard(selected: pd.DataFrame) -> pd.DataFrame:
    """Return `Findings.board` from the replicas at the selected rates."""
    board = ranked(selected)
    board["low"] = board["low"].clip(lower=0)  # no error is negative
    conditions = selected.drop_duplicates("run").set_index("run")
    names = labels(selected, omit=("dataset", "output"))
    board["label"] = board["run"].map(names)
    for column in ("activation", "output", "task", "lr"):
        board[column] = board["run"].map(conditions[column])
    board["initializer"] = board["run"].map(conditions["init.name"]) if "init.name" in conditions else ""
    board = board.merge(_compared_with_references(selected), on="run", how="left")
    same_output = board["reference"].map(conditions["output"]) == board["output"]
    names_with_output = labels(selected, omit=("dataset",))
    board["reference_label"] = (
        board["reference"].map(names).where(same_output, board["reference"].map(names_with_output))
    )
    board["verdict"] = _verdicts(board)
    return board


def _compared_with_references(selected: pd.DataFrame) -> pd.DataFrame:
    """Return `compare` of each run with its reference, a family per data set, under the column names of the board."""
    reference = references(selected)
    tables = []
    for _, part in selected.groupby("dataset"):
        pairs = [(run, reference[run]) for run in part["run"].unique() if run in reference]
        tables.append(compare(scores_by_seed(part), pairs, part_ratio(part)))
    names = {"low": "difference_low", "high": "difference_high", "n": "n_pairs", "std": "spread"}
    return pd.concat(tables).rename(columns=names)


def _verdicts(board: pd.DataFrame) -> pd.Series:
    """Return each row of the board in words: reference, better, worse, not told apart, or why there is no test."""
    significant = board["p_holm"] < ALPHA
    better = significant & (board["difference"] < 0)
    words = pd.Series(np.select([better, significant], ["better", "worse"], "not told apart"), board.index)
    words = words.mask(board["lost"] > 0, words + ", where both finished")
    untested = board["difference"].isna()
    words = words.mask(untested, "too few pairs").mask(untested & (board["diverged_share"] > 0.5), "diverged")
    return words.mask(board["reference"].isna(), "reference")


def compare_studies(replicas: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Compare the conditions that two studies share, at their selected rates.

    Conditions are the same if data set, output, and activation with its hyperparameters are equal. If the other
    study has several of them, the one with most equal settings is taken.

    Returns
    -------
    DataFrame
        `label`, dataset, output, and `changed`, the settings that differ; then `compare` of this study's run with the
        other's, one family.
    """
    here, there = (frame[frame["selected"]] for frame in (replicas, other))
    names = labels(here, omit=("dataset", "output"))
    columns = ["lr", *dict.fromkeys([*setting_columns(here), *setting_columns(there)])]
    identity = ["dataset", "activation", "output", *(name for name in columns if name.startswith("activation."))]
    settings = [name for name in columns if name not in identity]
    conditions, candidates = (
        frame.drop_duplicates("run").reindex(columns=["run", *identity, *settings]).astype(str).fillna("")
        for frame in (here, there)
    )
    rows, tables = [], []
    for _, condition in conditions.iterrows():
        same = candidates[(candidates[identity] == condition[identity]).all(axis=1)]
        if same.empty:
            continue
        match = same.loc[(same[settings] == condition[settings]).sum(axis=1).idxmax()]
        changed = [f"{name}: {match[name]} → {condition[name]}" for name in settings if match[name] != condition[name]]
        run = condition["run"]
        rows.append(
            {
                "label": names[run],
                "dataset": condition["dataset"],
                "output": condition["output"],
                "changed": "; ".join(changed),
            }
        )
        pair = pd.concat(
            [here[here["run"] == run].assign(run="here"), there[there["run"] == match["run"]].assign(run="there")]
        )
        table = compare(scores_by_seed(pair), [("here", "there")], part_ratio(pair))
        tables.append(table.assign(run=run, reference=match["run"]))
    if not rows:
        return pd.DataFrame()
    result = pd.concat([pd.DataFrame(rows), pd.concat(tables, ignore_index=True)], axis=1)
    result["p_holm"] = holm(result["p"])
    return result
