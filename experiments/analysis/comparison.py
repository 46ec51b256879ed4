"""Comparison of a study's conditions: scores, ranks, references, families of pairs, the leaderboard."""

from collections.abc import Mapping
from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd

from experiments.analysis.labels import labels, same_tasks, setting_columns, trial_values
from experiments.analysis.over_datasets import OverDatasets, over_datasets
from experiments.analysis.recipe import off_values, value_where_off
from experiments.analysis.references import has_default_initializer, references
from experiments.analysis.statistics import (
    ALPHA,
    compare,
    holm,
    possible_intervals,
    summarise,
)
from experiments.analysis.units import metric_of, unit_of, unit_of_row
from experiments.analysis.wording import enumeration, in_sentence, verb
from experiments.config.choices import REGISTRIES
from experiments.tables import deciding, edge, reported, rounded
from nets.formula import Formula


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


def ranking_seeds(replicas: pd.DataFrame) -> frozenset[int]:
    """Return the seeds on which the conditions of a data set are ranked.

    If conditions have different seeds, these are the most seeds that half of the conditions have, and at least two of
    them. The set is empty if there are none.
    """
    by_run = [frozenset(seeds) for _, seeds in replicas.groupby("run")["seed"]]
    candidates = {*by_run, frozenset.intersection(*by_run)}
    if len(candidates) == 1:
        return by_run[0]
    least = max(2, len(by_run) / 2)
    shared = [seeds for seeds in candidates if sum(seeds <= other for other in by_run) >= least]
    return max(shared, key=lambda seeds: (len(seeds), sorted(seeds)), default=frozenset())


def untrained(replicas: pd.DataFrame) -> pd.Series:
    """Return which replicas were not trained at all, or have hidden layers that cannot learn."""
    none = replicas["epochs"] == 0 if "epochs" in replicas else pd.Series(False, replicas.index)
    return none | cannot_learn(replicas)


def cannot_learn(replicas: pd.DataFrame) -> pd.Series:
    """Return which replicas have an activation whose derivative is 0 wherever it exists, such as a step."""
    columns = ["activation.expression", "activation.parameters"]
    formulas = replicas.reindex(columns=columns).astype(object).fillna("")
    flat = [bool(text) and not _learns(text, values) for text, values in formulas.itertuples(index=False, name=None)]
    return pd.Series(flat, replicas.index, dtype=bool)


@cache
def _learns(expression: str, parameters: str) -> bool:
    """Return whether a recorded formula lets the layers below it learn."""
    try:
        return Formula(expression=expression, parameters=parameters).trains
    except ValueError:
        return True  # another version accepted it


def ranked(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return `summarise` of the scores by run, with each run's `rank` within its data set, 1 the best.

    The share of diverged replicas decides first, then the mean. Equal conditions share the mean of their ranks. All
    numbers are over the `ranking_seeds`. A condition that lacks one of them, or that was not trained, has no rank; its
    numbers are over its own seeds.
    """
    table, eligible = _over_ranking_seeds(replicas)
    table = table.assign(rounded=table["mean"].round(12), eligible=table["run"].isin(eligible))
    table = table.sort_values(["diverged_share", "rounded"])
    keys = table[["dataset", "eligible", "diverged_share", "rounded"]].fillna(np.inf)
    position = table.groupby(["dataset", "eligible"]).cumcount() + 1.0
    table["rank"] = position.groupby([keys[name] for name in keys]).transform("mean").where(table["eligible"])
    table = table.sort_values(["dataset", "rank", "run"], ignore_index=True)
    return table.drop(columns=["rounded", "eligible"])


def _over_ranking_seeds(replicas: pd.DataFrame) -> tuple[pd.DataFrame, set[str]]:
    """Return `summarise` of the scores by run over the seeds of `ranked`, and the runs that have a rank."""
    rows, eligible = [], set(replicas.loc[~untrained(replicas), "run"])
    for _, part in replicas.groupby("dataset"):
        seeds = ranking_seeds(part)
        by_run = part.groupby("run")["seed"].agg(frozenset)
        complete = by_run.index[[bool(seeds) and seeds <= other for other in by_run]]
        rows.append(part[~part["run"].isin(complete) | part["seed"].isin(seeds)])
        eligible -= set(by_run.index.difference(complete))
    return summarise(scored(pd.concat(rows)), ["dataset", "run"], "score"), eligible


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

    The selected rate and the default initializer of an activation are part of the comparison; a common one is not.
    More than half of a data set's conditions were trained at a common rate; those that lack it have no rank there. All
    of its activations have a common initializer.

    Returns
    -------
    DataFrame
        `ranked` in each way, after the columns `rate` ("tuned" or the number) and `initializer` ("default" or a name;
        "mixed" if no initializer is common and not all activations have their default).
    """
    tables = []
    for _, part in equal_rates(replicas).groupby("dataset"):
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


def equal_rates(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return replicas whose learning rates are one number if they are equal to 12 digits."""
    result = replicas.assign(lr=replicas["lr"].map(rounded)).sort_values("selected", ascending=False, kind="stable")
    return result[~result.duplicated(["run", "lr", "seed"])].sort_index()


def with_grids(board: pd.DataFrame, replicas: pd.DataFrame) -> pd.DataFrame:
    """Return the board with what was chosen from: the rates, `grid`, and the end at which the chosen one is, `edge`.

    `trial` is what the chosen trial decides besides the rate, as text.
    """
    grids = board["run"].map(deciding(equal_rates(replicas)).groupby("run")["lr"].agg(lambda rates: sorted(set(rates))))
    edges = [edge(rate, grid) for grid, rate in zip(grids, board["lr"], strict=True)]
    trials = board["run"].map(trial_values(replicas))
    return board.assign(grid=grids, edge=pd.Series(edges, board.index, dtype=object), trial=trials)


def _by_rate(replicas: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return replicas by learning rate: "tuned" if a run has several or none is common, and each common rate.

    A rate is common if more than half of the conditions have it. The others are not ranked at this rate.
    """
    sizes = replicas.groupby("run")["lr"].nunique()
    runs = replicas.groupby("lr")["run"].nunique()
    # Most rates of a study with tuning seeds are not reported.
    tuned = len(reported(replicas)) < len(replicas)
    common = [] if tuned else sorted(runs.index[2 * runs > len(sizes)])
    replicas = reported(replicas)
    result = {f"{rate:.12g}": replicas[replicas["lr"] == rate] for rate in common}
    if sizes.max() > 1 or len(common) != 1 or runs[common].min() < len(sizes):
        return {"tuned": replicas[replicas["selected"]]} | result
    return result


def treatments(replicas: pd.DataFrame) -> pd.Series:
    """Return the treatment of each run: its label without the data set, and without the output if there is only one."""
    conditions = replicas.drop_duplicates("run")
    single = (conditions.groupby("dataset")["output"].nunique() == 1).all()
    return labels(replicas, omit=("dataset", "output") if single else ("dataset",))


def copies(replicas: pd.DataFrame) -> list[str]:
    """Return the names of data sets that hold the same data as another one, without the first of each."""
    return [name for _, *others in same_tasks(replicas) for name in others]


def treatments_over_datasets(replicas: pd.DataFrame) -> OverDatasets:
    """Return `over_datasets` of the treatments that every data set of the study has; its sentence names the others.

    Of data sets that hold the same data, only the first one counts.
    """
    table = ranked(replicas[~replicas["dataset"].isin(copies(replicas))])
    table["treatment"] = table["run"].map(treatments(replicas))
    ranks = table.pivot(index="dataset", columns="treatment", values="rank")
    common = ranks.dropna(axis=1)
    result = over_datasets(common)
    notes = []
    missing = sorted(set(table["treatment"]) - set(common))
    if missing and len(ranks) > 1 and common.shape[1]:
        left = verb(len(missing), "is left out, since it has", "are left out, since they have")
        notes.append(f"{enumeration(map(in_sentence, missing))} {left} no rank on some data set.")
    if ranks.index.str.partition(", ").get_level_values(0).has_duplicates:
        notes.append(
            "Some of these tasks have data sets of the same name. "
            "If these are the same data, the tasks are not independent."
        )
    return result._replace(sentence=" ".join([result.sentence, *notes]))


def leaderboard(selected: pd.DataFrame, margins: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Return `Findings.board`, without what needs all learning rates, from the replicas at the selected rates.

    Parameters
    ----------
    selected
        The replicas.
    margins
        By data set, the largest difference that does not matter, in the table's unit. Without it no condition is called
        equivalent.
    """
    board = ranked(selected)
    conditions = selected.drop_duplicates("run").set_index("run")
    names = labels(selected, omit=("dataset", "output"))
    board["label"] = board["run"].map(names)
    for column in ("activation", "output", "task", "lr"):
        board[column] = board["run"].map(conditions[column])
    board["untrained"] = board["run"].map(untrained(conditions))
    if "metric" in selected:
        board["metric"] = metric_of(selected)
    units = board["task"].map(lambda task: unit_of(task, metric_of(selected)))
    floor, ceiling = (units.map(lambda unit, end=end: getattr(unit, end) / unit.scale) for end in ("floor", "ceiling"))
    board[["low", "high"]] = possible_intervals(board, ceiling, floor)
    board["initializer"] = board["run"].map(conditions["init.name"]) if "init.name" in conditions else ""
    board = board.merge(_compared_with_references(selected, margins or {}), on="run", how="left")
    names_with_output = labels(selected, omit=("dataset",))
    several_outputs = board.groupby("dataset")["output"].transform("nunique") > 1
    board["name"] = board["label"].where(~several_outputs, board["run"].map(names_with_output))
    same_output = board["reference"].map(conditions["output"]) == board["output"]
    board["reference_label"] = (
        board["reference"].map(names).where(same_output, board["reference"].map(names_with_output))
    )
    return board.assign(verdict=_verdicts(board), scope=_scopes(board))


def _compared_with_references(selected: pd.DataFrame, margins: Mapping[str, float]) -> pd.DataFrame:
    """Return `compare` of each run with its reference, a family per data set, under the column names of the board."""
    reference = references(selected)
    tables = []
    for dataset, part in selected.groupby("dataset"):
        pairs = [(run, reference[run]) for run in part["run"].unique() if run in reference]
        table = compare(scores_by_seed(part), pairs, part_ratio(part), margins.get(str(dataset), np.nan))
        for name in ("p_equivalence", "p_equivalence_corrected"):
            table[name] = holm(table[name])
        tables.append(table)
    result = pd.concat(tables)
    ends = ["low", "high", "corrected_low", "corrected_high"]
    result[ends] = result[ends].where(result["std"] > 0)  # equal differences have no interval
    names = {"low": "difference_low", "high": "difference_high", "n": "n_pairs", "std": "spread"}
    return result.rename(columns=names)


def _verdicts(board: pd.DataFrame) -> pd.Series:
    """Return each row of the board in words: reference, better, worse, not told apart, or why there is no test.

    A condition that is not told apart is "equal" if it has the same error with every seed, and "equivalent" if its
    difference is shown to be smaller than the margin.
    """
    significant = board["p_holm"] < ALPHA
    better = significant & (board["difference"] < 0)
    equivalent = (board["p_equivalence"] < ALPHA) & (board["lost"] == 0)
    equal = (board["difference"] == 0) & (board["spread"] == 0)
    choices = {"better": better, "worse": significant, "equal": equal, "equivalent": equivalent}
    words = pd.Series(np.select(list(choices.values()), list(choices), "not told apart"), board.index)
    units = board.apply(unit_of_row, axis=1)
    words = words.mask(board["lost"] > 0, words + ", where both " + units.map(lambda unit: unit.kept_verb))
    # Two seeds with the same difference have no test.
    untested = board["difference"].isna() | board["p"].isna()
    words = words.mask(untested, "too few pairs")
    words = words.mask(untested & (board["diverged_share"] > 0.5), units.map(lambda unit: unit.lost))
    words = words.mask(_any_untrained(board), "not trained")
    return words.mask(board["reference"].isna(), "reference")


def _any_untrained(board: pd.DataFrame) -> pd.Series:
    """Return for each row of the board whether it or its reference was not trained."""
    return board["untrained"] | board["reference"].isin(board.loc[board["untrained"], "run"])


SPLITS, POPULATION = "on these splits", "for new data of this kind"
"""The scopes of a verdict."""


def _scopes(board: pd.DataFrame) -> pd.Series:
    """Return for what each verdict holds: `SPLITS`, `POPULATION` if the corrected test agrees, or "" without one."""
    significant = board["p_holm"] < ALPHA
    corrected = board["p_corrected_holm"].where(significant, board["p_equivalence_corrected"])
    decided = significant | ((board["p_equivalence"] < ALPHA) & (board["lost"] == 0))
    decided &= ~_any_untrained(board) & ((board["difference"] != 0) | (board["spread"] != 0))
    # Two seeds tell too little of a spread.
    scopes = np.select([decided & (corrected < ALPHA) & (board["n_pairs"] > 2), decided], [POPULATION, SPLITS], "")
    return pd.Series(scopes, board.index, dtype=object)


def compare_studies(replicas: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Compare the conditions that two studies share, at their selected rates.

    Conditions are the same if `task_id`, output, and activation with its hyperparameters are equal, whatever the name
    of the data set is. If the other study has several of them, the one with most equal settings is taken. If it has the
    condition only with other data of the same name, another target or another split, `changed` says so and nothing is
    compared.

    Returns
    -------
    DataFrame
        `label`, dataset, output, and `changed`, the settings that differ; then `compare` of this study's run with the
        other's, one family.
    """
    here, there = (frame[frame["selected"]] for frame in (replicas, other))
    names = labels(here, omit=("dataset", "output"))
    columns = ["lr", *dict.fromkeys([*setting_columns(here), *setting_columns(there)])]
    identity = ["activation", "output", *(name for name in columns if name.startswith("activation."))]
    settings = ["dataset", *(name for name in columns if name not in identity)]
    tasks = here.drop_duplicates("run").set_index("run")["dataset"]
    conditions, candidates = (
        frame.drop_duplicates("run")
        .assign(dataset=frame["dataset"].str.partition(", ")[0])
        .set_index(["run", "task_id"])
        .reindex(columns=[*identity, *settings])
        .astype(str)
        .fillna("")
        .reset_index()
        for frame in (here, there)
    )
    rows, tables = [], []
    for _, condition in conditions.iterrows():
        matching = candidates[(candidates[identity] == condition[identity]).all(axis=1)]
        same = matching[matching["task_id"] == condition["task_id"]]
        if same.empty and condition["dataset"] not in set(matching["dataset"]):
            continue
        row = {"label": names[condition["run"]], "dataset": tasks[condition["run"]], "output": condition["output"]}
        if same.empty:
            rows.append(row | {"changed": OTHER_TASK})
            tables.append(compare(pd.DataFrame(columns=["a", "b"]), [("a", "b")]).assign(run=condition["run"]))
            continue
        match = same.loc[(same[settings] == condition[settings]).sum(axis=1).idxmax()]
        differing = [name for name in settings if match[name] != condition[name]]
        changed = [f"{name}: {_setting(match, name)} → {_setting(condition, name)}" for name in differing]
        rows.append(row | {"changed": "; ".join(changed)})
        tables.append(_between(here, condition["run"], there, match["run"]))
    if not rows:
        return pd.DataFrame()
    result = pd.concat([pd.DataFrame(rows), pd.concat(tables, ignore_index=True)], axis=1)
    compared = result["changed"] != OTHER_TASK
    for name in ("p", "p_corrected"):
        result[f"{name}_holm"] = holm(result.loc[compared, name]).reindex(result.index)
    return result


def _setting(condition: pd.Series, name: str) -> str:
    """Return a condition's setting as text; where it is off, the value that says so."""
    text = str(condition[name])
    if not text:
        options = {choice: condition.get(choice, condition.get(f"{choice}.name", "")) for choice in REGISTRIES}
        off = value_where_off(name, options)
        text = "" if off is None else str(off)
    return text.lower().removesuffix(".0") if name in off_values() else text


OTHER_TASK = "the data, their target or their split, so nothing is compared"
"""What differs between conditions whose data sets have the same name and nothing else in common."""


def _between(here: pd.DataFrame, run: str, there: pd.DataFrame, other: str) -> pd.DataFrame:
    """Return `compare` of a run of one study with a run of another."""
    pair = pd.concat([here[here["run"] == run].assign(run="here"), there[there["run"] == other].assign(run="there")])
    return compare(scores_by_seed(pair), [("here", "there")], part_ratio(pair)).assign(run=run, reference=other)
