"""The tables of a report with one condition per row."""

import math

import pytest

from experiments.analysis.answer import findings
from experiments.report.conditions import comparisons, leaderboard
from experiments.report.content import gather
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


@pytest.mark.parametrize(
    ("patience", "heading"),
    [
        ([4, 4, 4], "test error (%), best epoch"),
        ([4, None, None], "test error (%), with early stopping at the best epoch"),
        ([None, None, None], "test error (%)"),
    ],
)
def test_with_early_stopping_the_heading_of_the_error_and_a_note_beside_the_curves_name_the_epoch(patience, heading):
    tables = study(datasets=("digits",))
    replicas = tables.replicas.copy()
    by_activation = dict(zip(("relu", "elu", "tanh"), patience, strict=True))
    replicas.insert(
        list(replicas).index("seed") + 1, "early_stopping.patience", replicas["activation"].map(by_activation)
    )
    replicas = replicas.assign(best_epoch=3, final_validation_error=0.1, best_validation_error=0.1)
    content = gather("mine", tables._replace(replicas=replicas), {})
    assert content.leaderboard.headings["test error"] == heading
    assert bool(content.curves_note) == any(patience)


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


def test_rates_that_were_tried_stand_beside_the_chosen_one_with_its_end_of_the_grid():
    board = findings(study(rates=(0.1, 0.3), datasets=("digits",)).replicas).board
    assert {row.cells["rates tried"].text for row in leaderboard(board).rows} == {"0.1, 0.3: lowest"}
    assert "rates tried" not in leaderboard(findings(study(datasets=("digits",)).replicas).board).headings
    board["grid"] = [[0.001, 0.003, 0.01, 0.03, 0.1]] * len(board)
    assert leaderboard(board).rows[0].cells["rates tried"].text == "0.001 to 0.1 (5): lowest"


def test_a_verdict_has_its_scope_and_the_corrected_interval_stands_beside_the_paired_one():
    replicas = study(("relu", "elu"), ("digits",), seeds=6).replicas.assign(status="done")
    replicas["final_test_error"] = (replicas["activation"] == "elu") * 0.1 + (replicas["seed"] ** 2) / 1000
    replicas.loc[0, "final_test_error"] += 0.004
    (row,) = comparisons(findings(replicas).board).rows
    assert row.cells["verdict"].text == "worse, for new data of this kind"
    names = list(row.cells)
    assert names.index("corrected interval") == names.index("paired 95 % interval") + 1
    assert float(row.cells["p of equivalence (Holm)"].sort) > 0.5


@pytest.mark.parametrize(("seeds", "reason"), [(2, "fewer than 3 seeds"), (4, "all seeds equal")])
def test_an_interval_that_means_nothing_is_replaced_by_the_reason(seeds, reason):
    replicas = study(("relu",), ("digits",), seeds=seeds).replicas.assign(status="done")
    if seeds > 2:
        replicas["final_test_error"] = 0.1
    (row,) = leaderboard(findings(replicas).board).rows
    assert row.cells["95 % interval"].text == reason


def test_a_comparison_has_the_rates_of_both_sides_with_their_ends_of_the_grid():
    board = findings(study(rates=(0.1, 0.3), datasets=("digits",)).replicas).board
    texts = {row.cells["learning rates"].text for row in comparisons(board).rows}
    assert texts == {"0.1 (lowest) and 0.1 (lowest)"}
    single = findings(study(rates=(0.1,), datasets=("digits",)).replicas).board
    assert "learning rates" not in comparisons(single).headings
    assert "corrected p of equivalence (Holm)" in comparisons(board).headings
