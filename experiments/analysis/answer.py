"""The answer of a study in words."""

from dataclasses import dataclass

import pandas as pd

from experiments.analysis.comparison import (
    BASELINE,
    across,
    all_pairs,
    by_seed,
    leaderboard,
    part_ratio,
    rankings,
)
from experiments.analysis.labels import labels, setting_columns
from experiments.analysis.statistics import OverDatasets, compare, holm

CONDITIONAL = "conditional on this dataset"
"""Seeds divide one dataset again and again; they are no sample of datasets."""


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
