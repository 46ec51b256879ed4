"""The only writer of studies: atomic files, locks, what is finished, collecting.

    python -m experiments.store status|verify|prune|collect study=NAME [format=parquet]

    results/<study>/runs/<run>/    one condition: its tables, configuration and environment, `status.json` last
    results/<study>/*.csv          the study's tables: all finished replicas of all runs

A run counts as finished, replica by replica, only as far as `status.json` vouches for it: its checksums match
the files. Anything else is trained again.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.config.arguments import key_values
from experiments.config.errors import ConfigError
from experiments.store.files import RESULTS
from experiments.store.reading import STUDY_TABLES
from experiments.store.runs import Store
from nets.names import nearest


def _status(store):
    from collections import Counter

    states = {run: store.state(run) for run in store.runs()}
    for run, (state, why) in states.items():
        print(f"{state:<10}{run}  {why}")
    counts = Counter(state for state, _ in states.values())
    print(", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no runs")
    return 0


def _verify(store):
    problems = store.verify()
    for problem in problems:
        print(problem)
    print(f"{len(store.runs())} runs, {len(problems)} problems")
    return int(bool(problems))


def _prune(store):
    for path in store.prune():
        print(f"removed {path}")
    return 0


def _collect(store, format="csv"):
    if format not in ("csv", "parquet"):
        raise ConfigError(f"format={format}: {nearest(format, ['csv', 'parquet'])}")
    if format == "parquet":
        print(f"wrote {store.collect_parquet()}")
    else:
        store.collect()
        print(f"wrote {', '.join(str(store.folder / f'{name}.csv') for name in STUDY_TABLES)}")
    return 0


COMMANDS = {"status": _status, "verify": _verify, "prune": _prune, "collect": _collect}


def main(argv: Sequence[str] | None = None, results: Path = RESULTS) -> int:
    """Run the command and return its exit code: 0, 1 for a study with faults, 2 for a bad argument."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0 if arguments else 2
    name, *options = arguments
    try:
        if name not in COMMANDS:
            raise ConfigError(f"unknown command {name!r}: {nearest(name, COMMANDS)}")
        values = key_values(options, ["study", "format"] if name == "collect" else ["study"])
        known = sorted(path.parent.name for path in Path(results).glob("*/runs"))
        study = values.pop("study", None)
        if study not in known:
            missing = "which study? " if study is None else f"no study {study!r} in {results}/: "
            raise ConfigError(missing + (nearest(study or "", known) if known else "there is none"))
        return COMMANDS[name](Store(study, results), **values)
    except ConfigError as error:
        print(f"store: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"store: {error.strerror}: {error.filename}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
