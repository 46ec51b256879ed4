"""The comparison over data sets as the page and the Markdown file show it."""

import re
from dataclasses import replace

import pytest

from experiments.analysis.answer import findings
from experiments.report.content import gather
from experiments.report.drawing import Picture
from experiments.report.over import over_table
from experiments.report.page import html
from experiments.report.text import markdown
from tests.experiments.report.examples import records, study, svg

DATASETS = tuple(f"set{index}" for index in range(7))


@pytest.fixture(scope="module")
def over():
    """The content of the report of a study of seven data sets, with three pictures."""
    tables = study(datasets=DATASETS)
    pictures = [
        Picture(name, name, name, f"A picture of {name}.", svg(name), False)
        for name in ("leaderboard", "dataset_heatmap", "critical_difference")
    ]
    return replace(gather("seven", tables, records(tables)), pictures=pictures)


def test_a_row_has_every_number_of_its_treatment(over):
    field = findings(study(datasets=DATASETS).replicas).field
    rows = {row.cells["treatment"].text: row.cells for row in over.over.table.rows}
    assert list(rows) == list(field.table["treatment"])
    assert rows["relu"]["verdict"].text == "reference"
    assert rows["relu"]["mean difference"].text == "–"
    elu = field.table.set_index("treatment").loc["elu"]
    assert rows["elu"]["mean difference"].sort == elu["mean"]
    assert (
        rows["elu"]["data sets with lower / higher / equal mean"].text
        == f"{elu['lower']:.0f} / {elu['higher']:.0f} / 0"
    )
    assert rows["tanh"]["diverged"].text == "7"
    assert {"P(better)", "P(equivalent)", "P(worse)", "interquartile mean"} <= set(over.over.table.headings)


def test_the_page_leads_with_ranks_and_heat_map_then_the_leaderboard(over):
    page = html(over)
    places = [
        page.index(text)
        for text in ("Over these 7 data sets", 'id="over-part"', ">critical_difference.<", ">dataset_heatmap.<")
    ]
    places += [page.index('<table id="over"'), page.index('id="leaderboard-part"'), page.index(">leaderboard.<")]
    assert places == sorted(places)
    assert page.count(">dataset_heatmap.<") == 1
    assert 'href="#over-part"' in page


def test_the_filters_leave_this_table_alone(over):
    page = html(over)
    assert '<table id="over" class="sortable">' in page
    assert '<table id="leaderboard" class="sortable filtered">' in page


def test_the_markdown_file_has_it_before_the_leaderboard(over):
    text = markdown(over)
    assert re.search(r"## Over 7 data sets\n\n!.*critical.*\n\n!.*heatmap", text)
    assert text.index("## Over 7 data sets") < text.index("| treatment |") < text.index("## Leaderboard")
    assert text.count("heatmap.svg") == 1


def test_a_study_of_two_data_sets_has_no_such_part(report):
    assert report.over is None
    assert "over-part" not in html(report)
    assert "## Over" not in markdown(report).replace("## Rankings over", "")


def test_no_field_is_no_table():
    assert over_table(None) is None


def test_the_note_says_why_the_mean_difference_is_no_plain_mean(over):
    assert "not the plain mean of the differences: a data set with a precise difference counts more" in over.over.note


def test_values_that_a_trial_decides_beside_the_rate_are_in_the_leaderboard(over):
    assert "also chosen" not in over.leaderboard.headings
    tables = study(datasets=DATASETS[:1])
    dropout = tables.replicas["activation"].map({"elu": 0.1234}).astype(float)
    tables = tables._replace(replicas=tables.replicas.assign(**{"trial.net.dropout": dropout}))
    board = gather("one", tables, records(tables)).leaderboard
    shown = {row.cells["condition"].text: row.cells["also chosen"].text for row in board.rows}
    assert shown["elu"] == "net.dropout=0.123"
    assert shown["relu"] == ""
