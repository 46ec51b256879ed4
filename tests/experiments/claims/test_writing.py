"""Verdicts as text, and the reference verdicts, which follow from the reference tables."""

import re
from io import StringIO

import pandas as pd
import pytest

from experiments.claims.judging import read_origins, read_tables
from experiments.claims.registry import MODULES
from experiments.claims.verdicts import FAILED, REPRODUCED
from experiments.claims.writing import REGISTER, claims_csv, claims_md, first_verdicts, judge
from tests.experiments.claims.constructed import dead, errors, leaks, medians, noisy, saturated
from tests.programs import ROOT

REFERENCE = ROOT / "results/reference/claims"
ORIGINS = {number: {"processors": ["a processor"], "commits": ["abc"]} for number in MODULES}


def test_verdicts_of_few_seeds_are_marked_and_every_measure_has_an_interval_or_is_exact():
    table = leaks(0.4, dead=0)
    full = [judge(1, saturated()), judge(14, table)]
    few = [judge(1, saturated()), judge(14, table[table["seed"] < 303])]
    assert [row.word for row in full] == [REPRODUCED, REPRODUCED]
    assert [row.word for row in few] == [REPRODUCED, f"{REPRODUCED} (preliminary)"]
    assert "| 14 | " in claims_md(few, ORIGINS)
    assert "(preliminary)" in claims_md(few, ORIGINS)
    rows = pd.read_csv(StringIO(claims_csv(full)))
    assert rows[["value", "low", "high", "threshold", "seeds"]].notna().all(axis=None)
    assert set(rows.loc[rows["number"] == 1, "low"]) == {"exact"}


def test_a_verdict_names_the_seeds_of_its_table():
    judged = [judge(1, saturated()), judge(12, dead()), judge(14, leaks(0.4))]
    assert [row.seeds for row in judged] == ["none", "3000 to 4999", "300 to 309"]


def test_a_verdict_that_is_not_reproduced_comes_with_a_reason():
    text = claims_md([judge(7, medians(relu=0.4, leaky_relu=0.5, elu=-0.2))], ORIGINS)
    assert "\nClaim 7, partial; our best explanation: With a slope of 0.1" in text
    assert "Claim 7" not in claims_md([judge(7, medians(relu=0.4, leaky_relu=0.3, elu=-0.2))], ORIGINS)


def test_the_line_of_a_verdict_has_what_contradicts_it_and_the_first_verdict_beside_it():
    table = noisy(errors("output", softmax_ce=3, linear_mse=3.3), "linear_mse", 1)
    text = claims_md([judge(4, table), judge(14, leaks(0.1))], ORIGINS)
    assert f"| **{REPRODUCED}; by the corrected interval {FAILED}** | {REPRODUCED} | accuracy MSE − CE" in text
    assert f"| **{REPRODUCED}; its premise fails: 1 % of the ReLUs are dead** | {REPRODUCED} | accuracy leaky" in text
    rows = pd.read_csv(StringIO(claims_csv([judge(4, table)])))
    assert rows["reservations"].tolist() == [f"by the corrected interval {FAILED}"]
    assert (
        rows[["corrected_low", "corrected_high", "margin_p", "margin_p_corrected", "effect_in_source"]]
        .notna()
        .all(axis=None)
    )


def test_the_foot_names_processors_and_commits_by_claim_where_they_differ():
    judged = [judge(1, saturated()), judge(14, leaks(0.4))]
    same = claims_md(judged, ORIGINS)
    assert "Processor: a processor." in same
    assert "Commit: abc." in same
    origins = ORIGINS | {14: {"processors": ["a processor"], "commits": ["abc", "def"]}}
    assert "Commit: abc (claims 1, 14); def (claims 14)." in claims_md(judged, origins)


def test_only_what_the_rows_have_is_explained():
    few = claims_md([judge(1, saturated())], ORIGINS)
    assert "Intervals are Student's" in few
    assert not any(words in few for words in ("Nadeau", "margin p", "marks a chosen learning rate", "CIFAR-100"))
    assert "Nadeau" in claims_md([judge(14, leaks(0.4))], ORIGINS)


def test_another_rule_of_selection_is_marked():
    judged = [judge(14, leaks(0.4))]
    assert claims_md(judged, ORIGINS, "loss").startswith("**Not the registered measure: learning rates have the lowest")
    assert "Not the registered measure" not in claims_md(judged, ORIGINS)
    assert "(`select=best_epoch_error`). Test errors are those of the same epoch." in claims_md(
        judged, ORIGINS, "best_epoch_error"
    )
    assert set(pd.read_csv(StringIO(claims_csv(judged, "loss")))["select"]) == {"loss"}


def test_reference_verdicts_follow_from_the_reference_tables():
    judged = [judge(number, table) for number, table in read_tables(REFERENCE).items()]
    assert claims_md(judged, read_origins(REFERENCE)) == (REFERENCE / "claims.md").read_text()
    assert claims_csv(judged) == (REFERENCE / "claims.csv").read_text()
    assert all("preliminary" not in row.word for row in judged)


def test_the_register_has_the_first_verdict_and_the_line_of_the_reference_for_every_claim():
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", REGISTER.read_text(), re.MULTILINE)
    lines = {number: judge(number, table).line for number, table in read_tables(REFERENCE).items()}
    assert lines
    assert [(int(number), first, second) for number, first, second in rows] == [
        (number, first_verdicts()[number], lines.get(number, "not run yet")) for number in range(1, 31)
    ]
    assert {number for number, first in first_verdicts().items() if first == "none"} == set(range(16, 31))


def test_the_documentation_shows_the_reference_verdicts_each_in_brief():
    rows = []
    for number, table in read_tables(REFERENCE).items():
        row = judge(number, table)
        brief = row.brief.replace("|", "\\|")
        rows.append(f"| {number} | {row.claim.text} ({row.claim.source}) | {row.line} | {row.first} | {brief} |\n")
    guides = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
    assert any("".join(rows) in guide.read_text() for guide in guides)


@pytest.mark.parametrize("number", read_tables(REFERENCE))
def test_a_claim_is_in_brief_its_first_measure_or_what_each_of_several_data_sets_says(number):
    table = read_tables(REFERENCE)[number]
    row = judge(number, table)
    if number < 16 or number > 25:
        assert row.brief == str(row.verdict.measures[0])
    else:
        assert row.verdict.remark.startswith(row.brief)
        assert all(dataset in row.brief for dataset in table["dataset"].unique())
