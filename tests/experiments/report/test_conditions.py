"""The tables of a report with one condition per row."""

import math

from experiments.analysis.answer import findings
from experiments.report.conditions import leaderboard
from experiments.report.table import quantity
from tests.experiments.report.examples import study


def test_a_row_has_a_cell_for_every_heading(report):
    for table in (report.leaderboard, report.comparisons, report.study_comparison.table):
        assert all(list(row.cells) == list(table.headings) for row in table.rows)


def test_the_heading_of_an_error_names_its_unit():
    tables = study(datasets=("digits",))
    assert leaderboard(findings(tables.replicas).board).headings["test error"] == "test error (%)"
    tables.replicas["task"] = "regression"
    assert leaderboard(findings(tables.replicas).board).headings["test error"] == "test RMSE (target units)"


def test_diverged_replicas_are_counted_and_worse_than_any_other():
    board = findings(study(datasets=("digits",), seeds=1).replicas).board
    (row,) = [row for row in leaderboard(board).rows if row.cells["diverged"].sort]
    assert row.cells["condition"].text == "tanh"
    assert row.cells["diverged"].text == "1 of 1"
    assert row.cells["median"].text == "diverged"
    assert row.cells["test error"].text == "–"


def test_infinity_is_sorted_last_among_numbers_and_an_undefined_value_after_it():
    assert quantity("∞", math.inf).sort > 1e299
    assert quantity("–", math.nan).sort == ""


def test_a_study_compared_with_itself_differs_in_nothing(report):
    rows = report.study_comparison.table.rows
    assert len(rows) == 6
    assert {row.cells["what differs"].text for row in rows} == {"nothing but the study"}
