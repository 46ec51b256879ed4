"""Verdicts as text, and the reference verdicts, which follow from the reference tables."""

from io import StringIO

import pandas as pd

from experiments.claims.judging import read_tables
from experiments.claims.verdicts import REPRODUCED
from experiments.claims.writing import claims_csv, claims_md, judge
from tests.experiments.claims.constructed import dead, leaks, medians, saturated
from tests.programs import ROOT

REFERENCE = ROOT / "results/reference/claims"


def test_verdicts_of_few_seeds_are_marked_and_every_measure_has_an_interval_or_is_exact():
    table = leaks(0.4)
    full = [judge(1, saturated()), judge(14, table)]
    few = [judge(1, saturated()), judge(14, table[table["seed"] < 103])]
    assert [row.word for row in full] == [REPRODUCED, REPRODUCED]
    assert [row.word for row in few] == [REPRODUCED, f"{REPRODUCED} (preliminary)"]
    assert "| 14 | " in claims_md(few)
    assert "(preliminary)" in claims_md(few)
    rows = pd.read_csv(StringIO(claims_csv(full)))
    assert rows[["value", "low", "high", "threshold", "seeds"]].notna().all(axis=None)
    assert set(rows.loc[rows["number"] == 1, "low"]) == {"exact"}


def test_a_verdict_names_the_seeds_of_its_table():
    judged = [judge(1, saturated()), judge(12, dead()), judge(14, leaks(0.4))]
    assert [row.seeds for row in judged] == ["none", "100 to 2099", "100 to 109"]


def test_a_verdict_that_is_not_reproduced_comes_with_a_reason():
    text = claims_md([judge(7, medians(relu=0.4, leaky_relu=0.5, elu=-0.2))])
    assert "\nClaim 7, partial; our best explanation: With a slope of 0.1" in text
    assert "Claim 7" not in claims_md([judge(7, medians(relu=0.4, leaky_relu=0.3, elu=-0.2))])


def test_reference_verdicts_follow_from_the_reference_tables():
    judged = [judge(number, table) for number, table in read_tables(REFERENCE).items()]
    assert claims_md(judged) == (REFERENCE / "claims.md").read_text()
    assert claims_csv(judged) == (REFERENCE / "claims.csv").read_text()
    assert all("preliminary" not in row.word for row in judged)


def test_the_documentation_shows_the_reference_verdicts_each_with_its_first_measure():
    rows = []
    for number, table in read_tables(REFERENCE).items():
        row = judge(number, table)
        first = str(row.verdict.measures[0]).replace("|", "\\|")
        rows.append(f"| {number} | {row.claim.text} ({row.claim.source}) | {row.word} | {first} |\n")
    guides = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
    assert any("".join(rows) in guide.read_text() for guide in guides)
