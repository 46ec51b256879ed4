"""Verdicts as text: the table of claims.md, the rows of claims.csv, and what the command prints."""

import math
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.claims.registry import Claim, load_claim
from experiments.claims.studies import SEEDS
from experiments.claims.verdicts import REPRODUCED, Verdict
from experiments.tables import SELECT_WORDS

REGISTER = Path(__file__).parent / "registered.md"

NOTES = {
    "": """\
Written by `python -m experiments.claims`. Each verdict follows from its table in `tables/`. The protocol was registered
before the runs. `first registration` is the verdict of the earlier protocol, with the seeds 100 to 109.

Intervals are Student's at 95 % over seeds. Where two conditions are compared, they are intervals of paired
differences or log ratios. `exact` marks a value without an interval. Verdicts follow from these intervals. They hold
for the splits of one data set: each seed divides the same data set anew, so seeds are no sample of data sets.
""",
    "; corrected ": """\
`corrected` is the interval of Nadeau and Bengio (2003) for new data of the same kind. It is derived for errors on test
rows, so only such errors have it. The other measures are of training rows or of networks before training.
""",
    "two of three data sets": """\
Claims 16 to 23 are judged on three data sets. Claim 22 has no tuning seeds. Its learning rates are chosen by the
validation rows of the reported seeds, under outliers by their mean absolute error. The rates of the other claims are
chosen on tuning seeds that are not reported. A statement holds on a data set if all of its intervals lie below the
limit. The data set contradicts the statement if one of them lies above. Otherwise the data set leaves it open.
""",
    "over many data sets": """\
Claims 26 to 30 are judged over eleven data sets. Their first intervals are of the mean over data sets (random effects).
Those of one data set follow, and they are paired intervals over seeds. Tuning seeds choose the learning rates.
""",
    "; margin p ": """\
`margin p` tests the margin in the column `reproduced if`: two one-sided tests where the claim is "no difference"
(claims 4 and 14), one where it is "no lower" (claim 10). `corrected` after it is the same with the variance of the
corrected interval. A 95 % interval decides the verdict. So a verdict that rests on the margin needs a p below 0.025.
""",
    r"(lowest|highest) of \d": """\
`highest of 7` marks a chosen learning rate at the end of its grid: a rate outside the grid may be better.
""",
    "Clevert": """\
Published, not measured here: CIFAR-100 test error in % (Clevert et al. 2015), ELU 28.75 ± 0.24, shifted ReLU
29.35 ± 0.29, LReLU 30.59 ± 0.29, ReLU 31.56 ± 0.37.
""",
}
"""The notes below the table, by a pattern of what they explain: a note is left out where no row has it."""


class Judged(NamedTuple):
    """A claim with its verdict.

    Attributes
    ----------
    word : str
        The verdict's word, marked as preliminary where a table has fewer seeds than a claim needs.
    seeds : str
        The seeds behind the table, in words.
    first : str
        The verdict of the first registration.
    """

    number: int
    claim: Claim
    verdict: Verdict
    word: str
    seeds: str
    first: str

    @property
    def line(self) -> str:
        """The word with what must be read with it."""
        return "; ".join([self.word, *self.verdict.reservations])

    @property
    def brief(self) -> str:
        """What the guide shows: the first measure, or of a claim about several data sets what each of them says."""
        return self.verdict.brief or str(self.verdict.measures[0])

    @property
    def measured(self) -> str:
        """The measures and the remark in one line."""
        return "; ".join([*map(str, self.verdict.measures), *filter(None, [self.verdict.remark])])


def judge(number: int, table: pd.DataFrame) -> Judged:
    """Return the verdict on a claim that follows from its table."""
    claim = load_claim(number)
    verdict = claim.judge(table)
    word, seeds = verdict.word, verdict.seeds or "none"
    if "seed" in table:
        word += " (preliminary)" if table["seed"].nunique() < len(SEEDS) else ""
        seeds = f"{table['seed'].min()} to {table['seed'].max()}"
    return Judged(number, claim, verdict, word, seeds, first_verdicts().get(number, ""))


@cache
def first_verdicts() -> dict[int, str]:
    """Return the verdicts of the first registration by the number of the claim, from the register."""
    table = REGISTER.read_text(encoding="utf-8").partition("### Verdicts")[2]
    return {int(number): verdict for number, verdict in re.findall(r"^\| (\d+) \| ([^|]+) \|", table, re.MULTILINE)}


def claims_md(judged: list[Judged], origins: Mapping[int, Mapping[str, list[str]]], select: str = "error") -> str:
    """Return the verdicts as a Markdown table with notes; `origins` is by the number of the claim."""
    lines = [] if select == "error" else [f"**{not_registered(select)}**", ""]
    lines += [
        "| # | claim | verdict | first registration | measured (95 % interval) | in the source | reproduced if | "
        "seeds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in judged:
        claim = row.claim
        about = (f"{claim.text} ({claim.source})", f"**{row.line}**", row.first)
        cells = (str(row.number), *about, row.measured, claim.effect, claim.threshold, row.seeds)
        escaped = [cell.replace("|", "\\|") for cell in cells]
        lines.append(f"| {' | '.join(escaped)} |")
    for row in judged:
        if row.verdict.word != REPRODUCED and row.claim.explanation:
            lines += ["", f"Claim {row.number}, {row.word}; our best explanation: {row.claim.explanation}"]
    known = {row.number: origins[row.number] for row in judged}
    titles = {"Processor": "processors", "Commit": "commits"}
    rows = "\n".join(lines)
    for pattern, note in NOTES.items():
        if re.search(pattern, rows):
            lines += ["", note.rstrip()]
    lines += ["", f"Learning rates have {_rule(select)}.", ""]
    lines += [f"{title}: {_by_claims(known, key)}." for title, key in titles.items()]
    return "\n".join(lines) + "\n"


def _rule(select: str) -> str:
    """Return what a selected learning rate has, by a rule of selection."""
    note = ", which is the registered rule" if select == "error" else f" (`select={select}`)"
    epoch = ". Test errors are those of the same epoch" if select == "best_epoch_error" else ""
    return f"{SELECT_WORDS[select]} over the claim's seeds{note}{epoch}"


def not_registered(select: str) -> str:
    """Return the mark of verdicts at learning rates that another rule than the registered one selected."""
    return f"Not the registered measure: learning rates have {_rule(select)}."


def _by_claims(origins: Mapping[int, Mapping[str, list[str]]], key: str) -> str:
    """Return the values of all claims in words, with the claims of each if they differ."""
    values: dict[str, list[int]] = {}
    for number, origin in origins.items():
        for value in origin[key]:
            values.setdefault(value, []).append(number)
    if len(values) == 1:
        return next(iter(values))
    return "; ".join(f"{value} (claims {str(numbers)[1:-1]})" for value, numbers in sorted(values.items()))


def claims_csv(judged: list[Judged], select: str = "error") -> str:
    """Return a row for each measure, with its intervals (or `exact`) and its claim.

    Values have ten digits, which are the same on every processor. A cell that does not apply is empty.
    """
    rows = [
        {
            "number": row.number,
            "verdict": row.word,
            "reservations": "; ".join(row.verdict.reservations),
            "first_registration": row.first,
            "measure": measure.name.rstrip(":"),
            "value": _ten_digits(measure.value),
            "low": _ten_digits(measure.low, "exact"),
            "high": _ten_digits(measure.high, "exact"),
            "corrected_low": _ten_digits(measure.corrected_low),
            "corrected_high": _ten_digits(measure.corrected_high),
            "margin_p": _ten_digits(measure.margin_p),
            "margin_p_corrected": _ten_digits(measure.margin_p_corrected),
            "seeds": row.seeds,
            "select": select,
            "claim": row.claim.text,
            "source": row.claim.source,
            "effect_in_source": row.claim.effect,
            "threshold": row.claim.threshold,
            "remark": row.verdict.remark,
        }
        for row in judged
        for measure in row.verdict.measures
    ]
    csv: str = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    return csv


def _ten_digits(value: float, without: str = "") -> str:
    """Return a number as text, or what stands for NaN."""
    return without if math.isnan(value) else f"{value:.10g}"


def print_verdicts(judged: list[Judged], select: str = "error") -> None:
    """Print the verdicts as a table."""
    title = "claims of the literature" if select == "error" else not_registered(select)
    table = Table(title=title, title_justify="left", show_lines=True)
    for name in ("#", "claim", "verdict", "measured (95 % interval)", "reproduced if", "seeds"):
        table.add_column(name, overflow="fold")
    for row in judged:
        verdict = row.line + (f"\n(first registration: {row.first})" if row.first else "")
        measured = f"{row.measured}\n(in the source: {row.claim.effect})"
        cells = (str(row.number), row.claim.text, verdict, measured, row.claim.threshold, row.seeds)
        table.add_row(*map(Text, cells))
    Console(width=None if sys.stdout.isatty() else 160).print(table)
