"""What the page, the Markdown and the LaTeX of a report say: plain texts and numbers, gathered from a study."""

import json
import math
import shlex

import numpy as np
import pandas as pd

from experiments.analysis.answer import CONDITIONAL, Findings, edge_sentence, findings
from experiments.analysis.comparison import compare_studies, treatments
from experiments.analysis.labels import labels
from experiments.analysis.statistics import seeds_needed
from experiments.analysis.units import UNITS
from experiments.figures.curves import means
from experiments.figures.style import DASHES, looks
from experiments.report.page import caption_id
from experiments.store.reading import StudyTables

MINUS = "−"


CURVES = {
    "test_error": "test error",
    "validation_error": "validation error",
    "train_error": "training error",
    "train_loss": "training loss",
    "gradient_norm": "gradient norm ‖∂L/∂θ‖₂",
}


def gather(
    study: str,
    tables: StudyTables,
    records: dict[str, dict],
    figures: list[dict],
    missing: dict[str, str],
    other: tuple[str, StudyTables] | None = None,
) -> dict:
    """Return what a report says.

    Parameters
    ----------
    study
        Its name.
    tables
        All of its tables.
    records
        What each run's folder holds, as `experiments.store.load_records` returns it.
    figures
        Of each figure its `stem`, `title`, `text` and `svg`, the `kinds` of its files, and its `order` on the page.
    missing
        By figure, the line that says what to run.
    other
        Name and tables of a study to compare with.
    """
    found = findings(tables.replicas)
    chosen = tables.replicas[tables.replicas["selected"]]
    return {
        "study": study,
        "sentences": found.sentences,
        "conditional": CONDITIONAL,
        "datasets": sorted(found.board["dataset"].unique()),
        "outputs": sorted(found.board["output"].unique()),
        "board": board(found.board),
        "edge": edge_sentence(found.board, tables.replicas),
        "comparisons": comparisons(found.board),
        "power": power(found.board),
        "baselines": baselines(tables),
        "rankings": rankings(found, tables.replicas),
        "across": across(found),
        "matrices": matrices(found, chosen),
        "figures": [figure | {"caption": caption_id(figure["stem"])} for figure in figures],
        "missing": [{"name": name, "reason": reason} for name, reason in missing.items()],
        "curves": curves(tables),
        "diverged": diverged(tables.replicas),
        "failed": failed(records),
        "configuration": configuration(records),
        "environments": environments(records),
        "commands": commands(found.board, records),
        "compared": compared(tables, other),
    }


def number(value: float, digits: int = 3, sign: bool = False) -> str:
    """Return a number for a reader: significant digits, a real minus sign, nothing where there is none."""
    if value is None or pd.isna(value):
        return "–"
    if math.isinf(value):
        return "∞"
    kind = ".0f" if 10**digits <= abs(value) < 1e6 else f".{digits}g"
    text = f"{float(value):{'+' if sign and value else ''}z{kind}}"
    return text.replace("-", MINUS)


def error(value: float, task: str, sign: bool = False) -> str:
    """Return an error or a difference of errors: per cent of misclassified rows, or the target's unit."""
    if pd.isna(value):
        return "–"
    if task != "classification":
        return number(value, 3, sign)
    return f"{100 * value:{'+' if sign and value else ''}z.2f}".replace("-", MINUS)


def unit(table: pd.DataFrame) -> str:
    """Return the unit in which `error` writes a table's errors."""
    units = {"classification": "%", "regression": "RMSE"}
    return " or ".join(units[task] for task in sorted(set(table["task"])))


def p_value(value: float) -> str:
    """Return a p value: two digits, and no more zeros than one reads."""
    return "–" if pd.isna(value) else "< 0.0001" if value < 1e-4 else f"{value:.2g}"


def interval(low: float, high: float, task: str, sign: bool = False) -> str:
    """Return the ends of an interval."""
    return "–" if pd.isna(low) else f"{error(low, task, sign)} to {error(high, task, sign)}"


def cell(text: str, value=None) -> dict:
    """Return a cell of a sortable table: what is read, and what it is sorted by."""
    if value is None:
        return {"text": text, "sort": text}
    finite = not pd.isna(value)
    return {"text": text, "sort": (value if math.isfinite(value) else 1e300) if finite else ""}


def board(table: pd.DataFrame) -> dict:
    """Return the leaderboard: its columns, and rows with dataset and output to filter by."""
    columns = ["rank", "condition", "dataset", "output", "rate", "seeds", f"test error ({unit(table)})"]
    columns += ["95 % interval", "difference", "verdict", "diverged", "median", "interquartile mean", "std"]
    columns += ["initialiser"]
    rows = []
    for row in table.itertuples():
        total = row.n + row.diverged
        cells = [
            cell(number(row.rank), row.rank),
            cell(row.label),
            cell(row.dataset),
            cell(row.output),
            cell(number(row.lr), row.lr),
            cell(str(total), total),
            cell(error(row.mean, row.task), row.mean),
            cell(interval(row.low, row.high, row.task), row.low),
            cell(error(row.difference, row.task, True), row.difference),
            cell(row.verdict),
            cell(f"{row.diverged} of {total}" if row.diverged else "0", row.diverged_share),
            cell("diverged" if math.isinf(row.median) else error(row.median, row.task), row.median),
            cell("diverged" if math.isinf(row.iqm) else error(row.iqm, row.task), row.iqm),
            cell(error(row.std, row.task), row.std),
            cell(row.initializer),
        ]
        rows.append({"dataset": row.dataset, "output": row.output, "run": row.run, "cells": cells})
    return {"columns": columns, "rows": rows}


def comparisons(table: pd.DataFrame) -> dict:
    """Return each condition's comparison with its reference."""
    columns = ["condition", "dataset", "output", "reference", "pairs", "difference", "paired 95 % interval"]
    columns += ["p (Holm)", "verdict", "effect size", "P(better)", "corrected interval", "p (paired t)"]
    columns += ["p (Wilcoxon)", "least possible", "seeds needed"]
    rows = []
    for row in table[table["reference"].notna()].itertuples():
        pairs = row.n_pairs + row.lost
        cells = [
            cell(row.label),
            cell(row.dataset),
            cell(row.output),
            cell(row.reference_label),
            cell(f"{row.n_pairs:.0f} of {pairs:.0f}" if row.lost else f"{pairs:.0f}", pairs),
            cell(error(row.difference, row.task, True), row.difference),
            cell(interval(row.difference_low, row.difference_high, row.task, True), row.difference_low),
            cell(p_value(row.p_holm), row.p_holm),
            cell(row.verdict),
            cell(number(row.effect, 2, True), row.effect),
            cell(number(row.improvement, 2), row.improvement),
            cell(interval(row.corrected_low, row.corrected_high, row.task, True), row.corrected_low),
            cell(p_value(row.p), row.p),
            cell(p_value(row.wilcoxon), row.wilcoxon),
            cell(p_value(row.wilcoxon_least), row.wilcoxon_least),
            cell(number(row.seeds), row.seeds),
        ]
        rows.append({"dataset": row.dataset, "output": row.output, "run": row.run, "cells": cells})
    return {"columns": columns, "rows": rows}


def power(table: pd.DataFrame) -> dict:
    """Return how many seeds a given difference needs, by dataset, at its comparisons' median spread."""
    told = table[table["spread"].notna() & (table["task"] == "classification")]
    wanted = [0.02, 0.01, 0.005, 0.002]
    rows = []
    for dataset, part in told.groupby("dataset"):
        spread = part["spread"].median()
        needed = seeds_needed(np.array(wanted), np.full(len(wanted), spread))
        rows.append([dataset, f"{100 * spread:.2f}", *(number(value) for value in needed)])
    return {
        "columns": [
            "dataset",
            "std of a difference (points)",
            *(f"{100 * value:g} point{'s' * (value != 0.01)}" for value in wanted),
        ],
        "rows": rows,
    }


def baselines(tables: StudyTables) -> list[dict]:
    """Return the errors of scikit-learn's models on the same splits."""
    if tables.baselines is None or tables.baselines.empty:
        return []
    task = tables.replicas.drop_duplicates("dataset").set_index("dataset")["task"]
    groups = tables.baselines.groupby(["dataset", "baseline"])["test_error"].agg(["mean", "std", "count"]).reset_index()
    return [
        {
            "dataset": row.dataset,
            "name": row.baseline,
            "error": UNITS[task[row.dataset]].full_text(row.mean),
            "std": UNITS[task[row.dataset]].text(row.std),
            "seeds": row.count,
        }
        for row in groups.itertuples(index=False)
    ]


def rankings(found: Findings, replicas: pd.DataFrame) -> list[dict]:
    """Return of each dataset the ranks of its treatments, one column to each way of ranking."""
    names = treatments(replicas[replicas["selected"]])
    result = []
    for dataset, part in found.rankings.groupby("dataset"):
        part = part.assign(name=part["run"].map(names))
        views = list(dict.fromkeys(zip(part["rate"], part["initializer"], strict=True)))
        rows = {}
        for (rate, initialiser), view in part.groupby(["rate", "initializer"]):
            for row in view.itertuples():
                # One initialiser is one condition to a treatment, whatever the condition is called.
                rows.setdefault(row.name, {})[rate, initialiser] = number(row.rank)
        columns = [f"{'tuned rate' if rate == 'tuned' else f'rate {rate}'}, {_whose(name)}" for rate, name in views]
        ranks = {name: [row.get(view, "–") for view in views] for name, row in rows.items()}
        result.append({"dataset": dataset, "columns": columns, "rows": list(ranks.items())})
    return result


def _whose(initialiser):
    words = {"default": "own initialisers", "mixed": "initialisers as configured"}
    return words.get(initialiser, f"all {initialiser}")


def across(found: Findings) -> dict:
    """Return the mean ranks over datasets and what may be said of them."""
    over = found.over_datasets
    ranks = [(name, number(rank)) for name, rank in over.ranks.items()] if over.datasets > 1 else []
    return {"sentence": over.sentence, "ranks": ranks}


def matrices(found: Findings, chosen: pd.DataFrame) -> list[dict]:
    """Return the significance matrices: of each group its names, and cells of row − column with p and a class."""
    result = []
    task = chosen.drop_duplicates("run").set_index("run")["task"]
    names = labels(chosen, omit=("dataset",))
    for group, pairs in found.pairs.items():
        runs = list(dict.fromkeys([*pairs["run"], *pairs["reference"]]))
        cells = {}
        for row in pairs.itertuples():
            for one, two, sign in ((row.run, row.reference, 1), (row.reference, row.run, -1)):
                told = row.p_holm < 0.05
                kind = ("better" if sign * row.difference < 0 else "worse") if told else ""
                mark = {"better": "▼ ", "worse": "▲ "}.get(kind, "")
                cells[one, two] = {
                    "text": mark + error(sign * row.difference, task[one], True),
                    "p": p_value(row.p_holm),
                    "kind": kind,
                }
        rows = [{"name": names[one], "cells": [cells.get((one, two)) for two in runs]} for one in runs]
        result.append({"name": group, "names": [names[run] for run in runs], "rows": rows, "pairs": len(pairs)})
    return result


def curves(tables: StudyTables) -> list[dict]:
    """Return the learning curves for the page's chart: of each dataset its conditions, with mean and half-width."""
    replicas = tables.replicas[tables.replicas["selected"]]
    rates = pd.MultiIndex.from_frame(replicas[["run", "lr"]])
    history = tables.history[pd.MultiIndex.from_frame(tables.history[["run", "lr"]]).isin(rates)]
    conditions = replicas.drop_duplicates("run").set_index("run")
    found: dict[str, dict] = {}
    for column in CURVES:
        if not np.isfinite(history[column].astype(float)).any():
            continue
        for run, rows in means(history, replicas, column).groupby("run"):
            classes = conditions.loc[run, "task"] == "classification"
            scale = 100 if column.endswith("_error") and classes else 1
            half = (rows["high"] - rows["mean"]) * scale
            found.setdefault(run, {})[column] = [_short(rows["mean"] * scale), _short(half)]
    names = labels(replicas, omit=("dataset",))
    result = []
    for dataset, part in conditions.groupby("dataset", sort=True):
        appearance = looks(replicas[replicas["dataset"] == dataset])  # as in the dataset's figures
        units = {
            column: f"{text} ({unit(part)})" if column.endswith("_error") else text for column, text in CURVES.items()
        }
        lines = [
            {
                "name": names[run],
                "activation": part.loc[run, "activation"],
                "color": appearance[run].color,
                "dash": " ".join(str(3 * length) for length in DASHES[appearance[run].dash % len(DASHES)]),
                "data": found.get(run, {}),
            }
            for run in appearance
        ]
        result.append({"dataset": dataset, "units": units, "lines": lines})
    return result


def _short(values):
    """Return numbers with four digits, None for what is not finite."""
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in values]


def diverged(replicas: pd.DataFrame) -> list[dict]:
    """Return which replicas diverged, by condition and rate."""
    lost = replicas[replicas["status"] == "diverged"]
    names, total = labels(replicas, omit=("dataset",)), replicas.groupby(["run", "lr"]).size()
    result = []
    for (run, rate), part in lost.groupby(["run", "lr"]):
        seeds = ", ".join(
            f"{seed} (epoch {epoch})" for seed, epoch in zip(part["seed"], part["diverged_epoch"], strict=True)
        )
        result.append(
            {
                "name": names[run],
                "dataset": part["dataset"].iloc[0],
                "rate": number(rate),
                "share": f"{len(part)} of {total[run, rate]}",
                "seeds": seeds,
            }
        )
    return result


def failed(records: dict[str, dict]) -> list[dict]:
    """Return the runs that could not be trained: the error, and the whole traceback."""
    return [
        {
            "run": run,
            "error": (record["failure"].strip().splitlines() or ["no reason was written"])[-1],
            "traceback": record["failure"],
        }
        for run, record in records.items()
        if "failure" in record
    ]


def flat(config: dict) -> dict[str, str]:
    """Return a nested configuration as dotted keys and texts."""
    result = {}
    for key, value in config.items():
        for inner, setting in value.items() if isinstance(value, dict) else [("", value)]:
            name = key if not inner or inner == "name" else f"{key}.{inner}"
            result[name] = setting if isinstance(setting, str) else json.dumps(setting, ensure_ascii=False)
    return result


def configuration(records: dict[str, dict]) -> dict:
    """Return the settings that all runs share, and the values of those that differ."""
    configs = [flat(record["config"]) for record in records.values() if "config" in record]
    keys = list(dict.fromkeys(key for config in configs for key in config))
    values = {key: list(dict.fromkeys(config.get(key) for config in configs)) for key in keys}
    return {
        "common": [(key, found[0]) for key, found in values.items() if len(found) == 1],
        "differing": [
            (key, [text for text in found if text is not None]) for key, found in values.items() if len(found) > 1
        ],
    }


def environments(records: dict[str, dict]) -> list[dict]:
    """Return the distinct environments of a study and how many runs each made."""
    groups: dict[str, dict] = {}
    for record in records.values():
        if "environment" not in record:
            continue
        environment = dict(record["environment"])
        finished = str(environment.pop("finished", ""))
        for own in ("command", "dataset_sha256", "entropy"):
            environment.pop(own, None)
        group = groups.setdefault(
            json.dumps(environment, sort_keys=True), {"runs": 0, "times": [], "rows": environment}
        )
        group["runs"] += 1
        group["times"].append(finished)
    return [
        {
            "runs": group["runs"],
            "span": f"{min(group['times'])} to {max(group['times'])}",
            "rows": [
                (key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
                for key, value in group["rows"].items()
            ],
        }
        for group in groups.values()
    ]


def commands(table: pd.DataFrame, records: dict[str, dict]) -> list[dict]:
    """Return of each row of the leaderboard the command that trains it again."""
    return [
        {
            "name": row.label,
            "dataset": row.dataset,
            "output": row.output,
            "command": command(records[row.run]["config"], row.lr),
        }
        for row in table.itertuples()
        if "config" in records.get(row.run, {})
    ]


def command(config: dict, rate: float) -> str:
    """Return the command line that trains a stored configuration at a learning rate, every setting written out."""
    arguments = ["study=again"]
    for key, value in config.items():
        if key in ("seeds", "lr"):
            continue
        if isinstance(value, dict) and "name" in value:
            arguments.append(f"{key}={value['name']}")
        for inner, setting in value.items() if isinstance(value, dict) else [("", value)]:
            if inner not in ("name", "sha256"):
                arguments.append(f"{key}.{inner}={_override(setting)}" if inner else f"{key}={_override(setting)}")
    arguments += [f"optimizer.lr={float(rate)!r}", f"seeds={_override(config['seeds'])}"]
    return "python run.py " + " ".join(map(shlex.quote, arguments))


def _override(value):
    """Return a value as Hydra's command line wants it."""
    if isinstance(value, str):
        plain = value.replace("_", "").replace("-", "").replace(".", "").isalnum()
        return value if plain else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_override(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_override, value)) + "]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def compared(tables: StudyTables, other: tuple[str, StudyTables] | None) -> dict | None:
    """Return the comparison with another study."""
    if other is None:
        return None
    name, theirs = other
    table = compare_studies(tables.replicas, theirs.replicas)
    task = tables.replicas.drop_duplicates("run").set_index("run")["task"]
    columns = [
        "condition",
        "dataset",
        "output",
        "pairs",
        f"difference, this − {name}",
        "paired 95 % interval",
        "p (Holm)",
    ]
    rows = [
        {
            "changed": row.changed or "nothing but the study",
            "cells": [
                cell(row.label),
                cell(row.dataset),
                cell(row.output),
                cell(str(row.n), row.n),
                cell(error(row.difference, task[row.run], True), row.difference),
                cell(interval(row.low, row.high, task[row.run], True), row.low),
                cell(p_value(row.p_holm), row.p_holm),
            ],
        }
        for row in table.itertuples()
    ]
    return {"name": name, "columns": columns, "rows": rows}
