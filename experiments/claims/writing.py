"""Verdicts as text: the table of claims.md, the rows of claims.csv, what the command prints."""

import math
import sys
from typing import NamedTuple

import pandas as pd

from experiments.claims.verdicts import CLAIMS, REPRODUCED, Claim, Verdict

ALL_SEEDS = 10
NOTES = """\
Written by `python -m experiments.claims`; each verdict follows from its table in `tables/`.

Intervals are Student's at 95 %, over seeds, of paired differences or log ratios where two conditions are compared;
`exact` is what has no spread. All is conditional on the data sets: seeds divide one data set again and again, they are
no sample of data sets.

Published, not measured here: CIFAR-100 test error in % (Clevert et al. 2015), ELU 28.75 ± 0.24, shifted ReLU
29.35 ± 0.29, LReLU 30.59 ± 0.29, ReLU 31.56 ± 0.37.
"""


class Judged(NamedTuple):
    """A claim with its verdict and the seeds behind it, in words."""

    claim: Claim
    verdict: Verdict
    word: str  # the verdict's, marked where seeds are fewer than the claim's
    seeds: str


def judge_all(tables: dict[int, pd.DataFrame]) -> list[Judged]:
    """Return the verdict of each claim that has a table."""
    judged = []
    for number, table in sorted(tables.items()):
        verdict = CLAIMS[number].judge(table)
        word, seeds = verdict.word, "none"
        if "networks" in table:
            seeds = f"100 to {99 + table['networks'].max()}"
        elif "seed" in table:
            seeds = f"{table['seed'].min()} to {table['seed'].max()}"
            word += " (preliminary)" if table["seed"].nunique() < ALL_SEEDS else ""
        judged.append(Judged(CLAIMS[number], verdict, word, seeds))
    return judged


def _measured(verdict):
    return "; ".join([*map(str, verdict.measures), *filter(None, [verdict.remark])])


def claims_md(judged: list[Judged]) -> str:
    """Return the verdicts as a Markdown table with notes."""
    lines = [
        "| # | claim | verdict | measured (95 % interval) | reproduced if | seeds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for claim, verdict, word, seeds in judged:
        cells = (f"{claim.text} ({claim.source})", f"**{word}**", _measured(verdict), claim.threshold, seeds)
        escaped = (cell.replace("|", "\\|") for cell in cells)
        lines.append(f"| {claim.number} | {' | '.join(escaped)} |")
    reasons = [(claim, word) for claim, verdict, word, _ in judged if verdict.word != REPRODUCED and claim.otherwise]
    for claim, word in reasons:
        lines += ["", f"Claim {claim.number}, {word}; our best explanation: {claim.otherwise}"]
    lines += ["", NOTES.rstrip()]
    return "\n".join(lines) + "\n"


def summary(judged: list[Judged]) -> str:
    """Return the verdicts with the first of their figures, the README's table."""
    lines = ["| # | claim | verdict | measured (95 % interval) |", "| --- | --- | --- | --- |"]
    for claim, verdict, word, _ in judged:
        first = str(verdict.measures[0]).replace("|", "\\|")
        lines.append(f"| {claim.number} | {claim.text} ({claim.source}) | {word} | {first} |")
    return "\n".join(lines) + "\n"


def claims_csv(judged: list[Judged]) -> str:
    """Return a row for each measured figure, with its interval (or `exact`) and what its claim says.

    Ten digits are the same on every processor.
    """
    rows = []
    for claim, verdict, word, seeds in judged:
        for measure in verdict.measures:
            numbers = ["exact" if math.isnan(number) else f"{number:.10g}" for number in measure[1:]]
            what = measure.what.rstrip(":")
            about = (claim.text, claim.source, claim.threshold, verdict.remark)
            rows.append((claim.number, word, what, *numbers, seeds, *about))
    columns = [
        "number",
        "verdict",
        "measure",
        "value",
        "low",
        "high",
        "seeds",
        "claim",
        "source",
        "threshold",
        "remark",
    ]
    return pd.DataFrame(rows, columns=columns).to_csv(index=False, lineterminator="\n")


def printed(judged: list[Judged], numbers: list[int]) -> None:
    """Print the verdicts on these claims."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title="claims of the literature", title_justify="left", show_lines=True)
    for name in ("#", "claim", "verdict", "measured (95 % interval)", "reproduced if", "seeds"):
        table.add_column(name, overflow="fold")
    for claim, verdict, word, seeds in judged:
        if claim.number in numbers:
            cells = (str(claim.number), claim.text, word, _measured(verdict), claim.threshold, seeds)
            table.add_row(*map(Text, cells))
    Console(width=None if sys.stdout.isatty() else 160).print(table)
