"""Writes a study's report from its stored tables. Nothing is retrained.

    python -m experiments.report [study=NAME] [compare=OTHER]        without study=NAME: the study written last

The folder results/<study>/report/ then contains index.html, a page that needs no other file and no network;
report.md; tables/*.tex for LaTeX's package booktabs; and figures/ as PNG, SVG and PDF. With compare=OTHER the
report also compares the conditions that both studies have.
"""

import sys
from collections.abc import Mapping, Sequence

from experiments.config.arguments import exit_code, key_values
from experiments.config.errors import ConfigError
from experiments.report.writing import write
from experiments.store.files import RESULTS
from experiments.store.reading import studies


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 if nothing could be written, 2 for a bad argument."""
    arguments = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    return exit_code("report", lambda: _report(key_values(arguments, ("study", "compare"))))


def _report(values: Mapping[str, str]) -> int:
    """Write the report and print the files and what is missing."""
    if not values.get("study") and not studies():
        raise ConfigError(f"no study in {RESULTS}/; run: python run.py -m activation=relu,tanh")
    written, missing = write(values.get("study") or studies()[-1], compare=values.get("compare"))
    for path in written:
        print(f"wrote   {path}")
    for name, reason in missing.items():
        print(f"missing {name}: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
