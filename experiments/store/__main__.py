"""Studies and their files: lists studies and runs, checks files, removes what is not needed, updates the tables.

python -m experiments.store list
python -m experiments.store rename OLD NEW
python -m experiments.store merge FROM INTO
python -m experiments.store delete NAME [--yes]
python -m experiments.store status|verify|prune|collect study=NAME [format=parquet]

list       all studies: their conditions, finished replicas, size and state
rename     give a study another name
merge      move all runs of a study into another one; a run of both becomes one, with the replicas of both. Nothing is
           retrained. If a replica has other numbers in the two studies, nothing is moved
delete     say what would be deleted, and with --yes delete it
status     the state of each run: done, incomplete, damaged, outdated or failed; or unfinished: a sweep has planned more
           replicas of this run; a run whose file is read differently today is named too
verify     check the checksums, row counts and cells of every table; exit code 1 if there is a problem
prune      remove incomplete, damaged and outdated runs without checkpoints, files that a crash left, the notes of
           sweeps that were interrupted, and those of failures in runs that have results
collect    bring the study's tables up to date with its runs; format=parquet writes Parquet files too. From 2 GB on,
           history and layers are written as Parquet files alone, if pyarrow is installed
"""

import csv
import shutil
import sys
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path

from experiments import tables
from experiments.config.arguments import exit_code, key_values, show_help
from experiments.config.errors import ConfigError
from experiments.store.collecting import (
    PARQUET_HINT,
    Index,
    collect,
    collect_parquet,
    damaged_copies,
    is_large_csv,
    parquet_rows,
)
from experiments.store.files import LEFTOVERS, RESULTS
from experiments.store.reading import ELSEWHERE, LONG_TABLES, STUDY_TABLES
from experiments.store.studies import Facts, delete, facts, merge, names, rename
from experiments.store.study import Study
from nets.names import nearest

OF_STUDIES = {"list": (), "rename": ("OLD", "NEW"), "merge": ("FROM", "INTO"), "delete": ("NAME",)}
"""Commands on whole studies, with the names that each needs."""

COMMANDS = (*OF_STUDIES, "status", "verify", "prune", "collect")
FORMATS = ("csv", "parquet")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 for a study with problems, 2 for a bad argument."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or {"-h", "--help"} & set(arguments):
        return show_help(__doc__, asked=bool(arguments))
    return exit_code("store", lambda: _run(*arguments))


def _run(name: str, *options: str) -> int:
    if name not in COMMANDS:
        later = next((word for word in options if word in COMMANDS), None)
        argument = name if "=" in name else f"study={name}"
        meant = later and [later, argument, *(word for word in options if word != later)]
        raise ConfigError(f"unknown command {name!r}: {nearest(name, COMMANDS)}", meant)
    if name in OF_STUDIES:
        return _of_studies(name, list(options))
    values = key_values(options, ["study", "format"] if name == "collect" else ["study"], [name])
    study = _study(values.get("study"))
    if name == "status":
        print_states(study)
    elif name == "verify":
        problems = verify(study)
        print(*problems, f"{len(study.runs())} runs, {len(problems)} problems", sep="\n")
        return int(bool(problems))
    elif name == "prune":
        planned = len(study.marks.read())
        lines = [f"removed {path}" for path in prune(study)]
        if planned:
            lines.append(f"forgot what was planned of {planned} {'run' if planned == 1 else 'runs'}")
        print("\n".join(lines or ["nothing to remove"]))
    else:
        written = write_tables(study, values.get("format", "csv"))
        print(f"wrote {written}" if written else "nothing to collect: no run is finished")
    return 0


def _of_studies(command: str, options: list[str]) -> int:
    """Run a command on whole studies and return its exit code."""
    sure = command == "delete" and "--yes" in options
    words = [word.removeprefix("study=") for word in options if not (sure and word == "--yes")]
    needed = OF_STUDIES[command]
    if len(words) != len(needed) or any(word.startswith("-") or "=" in word for word in words):
        allowed = " ".join([command, *needed, *(["[--yes]"] if command == "delete" else [])])
        raise ConfigError(f"{' '.join([command, *options])}: allowed is python -m experiments.store {allowed}")
    if command == "list":
        print_studies()
        return 0
    study = _study(words[0])
    if command == "rename":
        renamed = rename(study, words[1])
        print(f"{study.folder}/ is now {renamed.folder}/")
    elif command == "merge":
        target = _study(words[1])
        others = merge(study, target)
        print(f"{target.folder}/ has the runs of {study.name} too: {describe(facts(target))}")
        if others:
            print(f"{study.folder}/ keeps what is not of a study: {', '.join(path.name for path in others)}")
    else:
        described = describe(facts(study))
        if sure:
            delete(study)
            print(f"deleted {study.folder}/: {described}")
        else:
            print(
                f"would delete {study.folder}/: {described}; run: python -m experiments.store delete {study.name} --yes"
            )
    return 0


def describe(study: Facts) -> str:
    """Return what a study holds, in words."""
    replicas = f"{study.replicas} {'replica' if study.replicas == 1 else 'replicas'}"
    conditions = f"{study.conditions} {'condition' if study.conditions == 1 else 'conditions'}"
    return f"{conditions}, {replicas}, {study.size / 1e6:.1f} MB, {study.state}"


def print_studies() -> None:
    """Print a line for each study, below each other."""
    rows = [("study", "conditions", "replicas", "MB", "state")]
    for name in names():
        study = facts(Study(name))
        rows.append((name, str(study.conditions), str(study.replicas), f"{study.size / 1e6:.1f}", study.state))
    if len(rows) == 1:
        print(f"no study in {RESULTS.resolve()}/; {ELSEWHERE}")
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *numbers, state in rows:
        cells = [number.rjust(width) for number, width in zip(numbers, widths[1:-1], strict=True)]
        print("  ".join([name.ljust(widths[0]), *cells, state]))


def _study(name: str | None) -> Study:
    known = names()
    if name is None or name not in known:
        folder = RESULTS if known else RESULTS.resolve()
        missing = "study=NAME is needed: " if name is None else f"no study {name!r} in {folder}/: "
        raise ConfigError(missing + (nearest(name or "", known) if known else f"there is none; {ELSEWHERE}"))
    return Study(name)


def print_states(study: Study) -> None:
    """Print the state of each run, and the number of runs in each state."""
    states = {run.name: run.state() for run in study.runs()}
    for name, reason in study.unfinished().items():
        state, words = states.get(name, ("planned", "nothing"))
        if state in ("planned", "done"):
            states[name] = ("unfinished", f"{reason} ({words} stored)")
    for name, reading in study.earlier_readings().items():
        state, words = states[name]
        states[name] = (state, f"{words}, {reading}")
    for run, (state, words) in states.items():
        print(f"{state:<12}{run}  {words}")
    counts = Counter(state for state, _ in states.values())
    print(", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no runs")


def verify(study: Study) -> list[str]:
    """Return the problems of a study, one line each: checksums, row counts and cells of every table."""
    problems = []
    replicas = 0
    rows = dict.fromkeys(LONG_TABLES, 0)
    for run in study.runs():
        stored = run.read()
        state, words = run.state(stored)
        if state != "done":
            problems.append(f"{run.name}: {state}: {words}")
            continue
        for name, content in stored.files.items():
            if name.endswith(".csv"):
                problems += [f"{run.name}: {name}: {problem}" for problem in _cell_problems(content)]
        replicas += len(stored.outcomes)
        for name in rows:
            rows[name] += tables.number_of_rows(stored.files[f"{name}.csv"])
    remedy = f"run: python -m experiments.store collect study={study.name}"
    index = Index.read(study.folder)
    if replicas and (not index.entries or (index.parquet and parquet_rows(study) != rows)):
        problems.append(f"the study's tables are not as they were written; {remedy}")
    elif replicas:
        collected = len(tables.read(study.folder / "replicas.csv"))
        if collected != replicas:
            problems.append(f"replicas.csv has {collected} rows, the runs have {replicas}; {remedy}")
    if not index.parquet:
        problems += [f"{path} is damaged; {remedy} format=parquet" for path in damaged_copies(study)]
    return problems


def _cell_problems(content: bytes) -> list[str]:
    """Return the problems of a CSV: a row of another length, words in a column of numbers."""
    # Not as a data frame, which takes ten times as long where a study has thousands of small tables.
    header, *rows = csv.reader(content.decode().splitlines())
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            return [f"line {number} has {len(row)} cells, the header {len(header)}"]
    problems = []
    numbers = tables.NUMBERS.union(tables.sorted_metrics(header))
    for column, cells in zip(header, zip(*rows, strict=True), strict=bool(rows)):
        try:
            if column in numbers:
                deque(map(float, filter(None, cells)), maxlen=0)
        except ValueError as error:
            problems.append(f"column {column}: {error}")
    return problems


def prune(study: Study) -> list[Path]:
    """Remove runs that are not finished and cannot be resumed, and files that a crash left; return what was removed.

    A failed run without results stays, because its traceback says why. The progress marks are removed too, and the
    failures of runs that have results: what earlier sweeps had planned is forgotten.
    """
    removed = []
    for run in study.runs():
        with run.lock():
            stored = run.read()
            if stored.state == "done":
                run.clear_failure()
            elif run.state(stored)[0] != "failed" and not run.checkpoints():
                shutil.rmtree(run.path)
                removed.append(run.path)
    for folder in (".", ".progress", "runs/*", "runs/*/.checkpoints"):
        for path in list(study.folder.glob(f"{folder}/{LEFTOVERS}")):
            path.unlink(missing_ok=True)
            removed.append(path)
    study.marks.clear(study.marks.read())
    collect(study)
    return removed


def write_tables(study: Study, format: str) -> str:
    """Bring the study's tables up to date in this format; return what was written, which may be nothing."""
    if format not in FORMATS:
        raise ConfigError(f"format={format}: {nearest(format, FORMATS)}")
    if format == "parquet":
        folder = collect_parquet(study)
        return str(folder) if folder.exists() else ""
    collect(study)
    note = f"; for so many rows {PARQUET_HINT}" if is_large_csv(study) else ""
    written = [path for name in STUDY_TABLES if (path := study.folder / f"{name}.csv").exists()]
    if Index.read(study.folder).parquet:
        written.append(collect_parquet(study))
    return ", ".join(map(str, written)) + note


if __name__ == "__main__":
    sys.exit(main())
