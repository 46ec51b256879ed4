"""Predicts new rows with a kept network of a study, or of a run.

    python -m experiments.predict study=NAME [dataset=NAME] [select=RULE] ROWS.csv > predictions.csv
    python -m experiments.predict study=path/to/results/NAME ROWS.csv > predictions.csv
    python -m experiments.predict run=results/STUDY/runs/RUN [select=RULE] ROWS.csv > predictions.csv

The network must have been trained with save=true. It is the one that `python -m experiments.export` writes: that of the
study's winner, the condition with the lowest mean validation error. Its name is printed on the standard error.

ROWS is a text file, a Parquet or an .npz file; - reads a CSV from the standard input. It is read as the training file
was, with the same texts for missing cells, and its columns are found by name. Numbers, categories, dates and missing
cells are encoded, filled and scaled as in training. dataset.separator=, decimal=, thousands=, encoding= and header=
say how the file is written, if not as the training file. A column that the network does not know is not read, nor is
the target. A column that is not there, and an unknown category, are refused. A line on the standard error names the
numbers and dates that are far from those of the training rows, and tells if a simple model was as good as the network.

The output is a CSV with a line for each row: `row`, counted from 1; the column of dataset.index, if it is there;
`prediction`; for a classification `probability_CLASS`, if the output gives probabilities; for a regression the ends
`low_90` and `high_90` of the central 90 % interval, if the output models one.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.config.arguments import exit_code, key_values, show_help
from experiments.config.errors import ConfigError
from experiments.networks import CHOICE, TrainedNetwork, as_inputs, choose

if TYPE_CHECKING:
    import pandas as pd

SHARE = 0.9
"""The share of the targets that an interval shall contain."""

FAR = 4
"""A number is far from those of the training rows by more than so many of their standard deviations."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 for an error of the disk, 2 for what is refused."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or {"-h", "--help"} & set(arguments):
        return show_help(__doc__, asked=bool(arguments))
    return exit_code("predict", lambda: _predict(arguments))


def _predict(arguments: Sequence[str]) -> int:
    from experiments.data.layout import Layout

    layout = [f"dataset.{item.name}" for item in fields(Layout)]
    is_file = [word == "-" or ("=" not in word and not word.startswith("-")) for word in arguments]
    words = [f"rows={word}" if alone else word for word, alone in zip(arguments, is_file, strict=True)]
    values = key_values(words, (*CHOICE, "rows", *layout))
    if "rows" not in values:
        raise ConfigError("which rows? A file such as rows.csv is needed, or - for the standard input")
    chosen = choose({key: value for key, value in values.items() if key in CHOICE})
    written = {key.removeprefix("dataset."): value for key, value in values.items() if key in layout}
    try:
        text, notes = predictions(chosen.network, chosen.folder, values["rows"], written)
    except ValueError as error:
        raise ConfigError(f"{values['rows']}: {error}") from error
    used = f"predicted with {chosen.network.run}, {chosen.words}"
    for line in filter(None, [chosen.won, used, _as_good(chosen.folder), *notes]):
        print(line, file=sys.stderr)
    sys.stdout.write(text)
    return 0


def predictions(network: TrainedNetwork, folder: Path, rows: str, written: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the CSV of the predictions of a file's rows, and notes on its columns and rows.

    Parameters
    ----------
    network, folder
        The network, and the folder of its run.
    rows
        The path of the file, or - for the standard input.
    written
        How the file is written, as far as it is not as the training file.

    Raises
    ------
    ValueError
        If the file, a column or a cell is refused.
    """
    import pandas as pd

    from experiments.data.columns import Numbers
    from experiments.data.later import later_rows
    from experiments.store.reading import run_record

    dataset = run_record(folder)["dataset"]
    columns = network.columns or tuple(map(Numbers, network.features))
    content = sys.stdin.buffer.read() if rows == "-" else Path(rows).read_bytes()
    ending = ".csv" if rows == "-" else Path(rows).suffix.lower()
    frame = later_rows(ending, content, columns, dict(dataset) | dict(written))
    index = [name for name in [dataset.get("index")] if name in frame]
    result = pd.DataFrame({"row": range(1, len(frame) + 1)} | {name: frame[name].to_numpy() for name in index})
    inputs = frame[[column.name for column in columns]]
    result = pd.concat([result, predicted(network, inputs)], axis=1)
    notes = [*_far(network, inputs, columns), *_notes(frame, columns, dataset)]
    return result.to_csv(index=False, lineterminator="\n"), notes


def predicted(network: TrainedNetwork, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return what a network predicts for the rows of a table, and what it says about how sure that is."""
    import pandas as pd

    values = network.predict(frame)
    if network.task == "classification":
        result = pd.DataFrame({"prediction": values})
        if network.output.probabilities:
            result[[f"probability_{name}" for name in network.classes]] = network.predict_proba(frame)
        return result
    values = values.reshape(len(frame), -1)
    ends = [""] if values.shape[1] == 1 else [f"_{number}" for number in range(1, values.shape[1] + 1)]
    parts = {"prediction": values}
    if network.output.distribution_from_scores:
        interval = network.predict_distribution(frame).interval(SHARE)
        if interval is not None:
            parts |= dict(zip((f"low_{100 * SHARE:g}", f"high_{100 * SHARE:g}"), interval, strict=True))
    return pd.DataFrame({f"{name}{end}": part[:, i] for i, end in enumerate(ends) for name, part in parts.items()})


def _far(network: TrainedNetwork, frame: "pd.DataFrame", columns: Sequence[Any]) -> list[str]:
    """Return a note on the rows whose numbers or dates are far from those of the training rows."""
    from experiments.data.columns import Categories
    from experiments.data.imputing import spans

    x = as_inputs(frame, network.features, [column.record for column in network.columns])
    far = abs(x - network.scales["input_mean"]) > FAR * network.scales["input_scale"]  # False where a cell is missing
    first = {kind.name: far[:, part.start] for kind, part in spans(columns) if not isinstance(kind, Categories)}
    counts = [f"{name} {rows.sum()}" for name, rows in first.items() if rows.any()]
    if not counts:
        return []
    rows = sum(first.values()) > 0
    return [
        f"caution: {rows.sum()} of {len(rows)} rows are unlike the training rows, more than {FAR} standard deviations "
        f"from their mean; rows by column: {', '.join(counts)}"
    ]


def _as_good(folder: Path) -> str:
    """Return a caution if a simple model in the study's report had no larger mean test error than this run."""
    from experiments import tables
    from experiments.analysis.baselines import best_stored
    from experiments.store.reading import load_records

    study = folder.resolve().parents[1]
    if not (study / "baselines.csv").exists():
        return ""
    replicas = tables.read(study / "replicas.csv")
    replicas = replicas[(replicas["run"] == folder.name) & replicas["selected"]]
    models = best_stored(study.name, load_records(study.name, study.parent), replicas, study.parent)
    model, network = models["test_error"].mean(), replicas["final_test_error"].mean()
    if not model <= network:  # without models their mean is NaN
        return ""
    return (
        f"caution: {models['baseline'].iloc[0]}, a simple model, has the mean test error {model:.4g} on the same "
        f"splits; this condition has {network:.4g}"
    )


def _notes(frame: "pd.DataFrame", columns: Sequence[Any], dataset: Mapping[str, Any]) -> list[str]:
    """Return which columns of a file were not read, where that may surprise."""
    target = dataset.get("target")
    known = {column.name for column in columns} | {target, dataset.get("index"), dataset.get("groups")}
    others = [name for name in frame if name not in known.union(dataset.get("drop", ()))]
    notes = [f"the target {target!r} is in the file; it was not read"] if target in frame else []
    if others:
        notes.append(f"columns that the network does not know were not read: {', '.join(map(repr, others))}")
    return notes


if __name__ == "__main__":
    sys.exit(main())
