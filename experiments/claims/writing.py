"""Verdicts as text: the table of claims.md, the rows of claims.csv, and what the command prints."""

import math
import sys
from typing import NamedTuple

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.claims.registry import Claim, load_claim
from experiments.claims.studies import SEEDS
from experiments.claims.verdicts import REPRODUCED, Verdict

NOTES = """\
Written by `python -m experiments.claims`. Each verdict follows from its table in `tables/`.

Intervals are Student's at 95 % over seeds. Where two conditions are compared, they are intervals of paired
differences or log ratios. `exact` marks a value without an interval. All verdicts are conditional on the data sets:
each seed divides the same data set anew, so seeds are no sample of data sets.

Published, not measured here: CIFAR-100 test error in % (Clevert et al. 2015), ELU 28.75 ± 0.24, shifted ReLU
29.35 ± 0.29, LReLU 30.59 ± 0.29, ReLU 31.56 ± 0.37.
"""


class Judged(NamedTuple):
    """A claim with its verdict.

    Attributes
    ----------
    word : str
        The verdict's word, marked as preliminary where a table has fewer seeds than a claim needs.
    seeds : str
        The seeds behind the table, in words.
    """

    number: int
    claim: Claim
    verdict: Verdict
    word: str
    seeds: str

    @property
    def measured(self) -> str:
        """The measures and the remark in one line."""
        return "; ".join([*map(str, self.verdict.measures), *filter(None, [self.verdict.remark])])


def judge(number: int, table: pd.DataFrame) -> Judged:
    """Return the verdict on a claim that follows from its table."""
    claim = load_claim(number)
    verdict = claim.judge(table)
    if "seed" not in table:
        return Judged(number, claim, verdict, verdict.word, verdict.seeds or "none")
    preliminary = " (preliminary)" if table["seed"].nunique() < len(SEEDS) else ""
    seeds = f"{table['seed'].min()} to {table['seed'].max()}"
    return Judged(number, claim, verdict, verdict.word + preliminary, seeds)


def claims_md(judged: list[Judged]) -> str:
    """Return the verdicts as a Markdown table with notes."""
    lines = [
        "| # | claim | verdict | measured (95 % interval) | reproduced if | seeds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in judged:
        about = f"{row.claim.text} ({row.claim.source})"
        cells = (str(row.number), about, f"**{row.word}**", row.measured, row.claim.threshold, row.seeds)
        escaped = [cell.replace("|", "\\|") for cell in cells]
        lines.append(f"| {' | '.join(escaped)} |")
    for row in judged:
        if row.verdict.word != REPRODUCED and row.claim.explanation:
            lines += ["", f"Claim {row.number}, {row.word}; our best explanation: {row.claim.explanation}"]
    lines += ["", NOTES.rstrip()]
    return "\n".join(lines) + "\n"


def claims_csv(judged: list[Judged]) -> str:
    """Return a row for each measure, with its interval (or `exact`) and its claim.

    Values have ten digits, which are the same on every processor.
    """
    rows = [
        {
            "number": row.number,
            "verdict": row.word,
            "measure": measure.name.rstrip(":"),
            "value": _ten_digits(measure.value),
            "low": _ten_digits(measure.low),
            "high": _ten_digits(measure.high),
            "seeds": row.seeds,
            "claim": row.claim.text,
            "source": row.claim.source,
            "threshold": row.claim.threshold,
            "remark": row.verdict.remark,
        }
        for row in judged
        for measure in row.verdict.measures
    ]
    csv: str = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    return csv


def _ten_digits(value: float) -> str:
    """Return a number as text; NaN stands for an interval that an exact value does not have."""
    return "exact" if math.isnan(value) else f"{value:.10g}"


def print_verdicts(judged: list[Judged]) -> None:
    """Print the verdicts as a table."""
    table = Table(title="claims of the literature", title_justify="left", show_lines=True)
    for name in ("#", "claim", "verdict", "measured (95 % interval)", "reproduced if", "seeds"):
        table.add_column(name, overflow="fold")
    for row in judged:
        cells = (str(row.number), row.claim.text, row.word, row.measured, row.claim.threshold, row.seeds)
        table.add_row(*map(Text, cells))
    Console(width=None if sys.stdout.isatty() else 160).print(table)
