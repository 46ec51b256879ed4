"""The report as Markdown and its tables as LaTeX."""

import re
from dataclasses import replace

from experiments.report.drawing import Picture
from experiments.report.text import latex, markdown
from tests.experiments.report.examples import HOSTILE, content, study


def test_markdown_and_latex_escape_special_characters():
    report = content(study(activations=("relu", *HOSTILE)))
    text = markdown(report)
    assert "<script>" not in re.sub(r"^    .*", "", text, flags=re.MULTILINE)  # an indented line is code
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows[:8]}) == 1
    table = latex(report.leaderboard, ("condition", "test error", "verdict"))
    assert table.count(r"\\") == 1 + len(report.leaderboard.rows)
    assert r"\textless{}script\textgreater{}" in table
    assert table.count("&") == 2 * (1 + len(report.leaderboard.rows))


def test_latex_aligns_numbers_to_the_right(report):
    table = latex(report.leaderboard, ("condition", "test error", "verdict"))
    assert r"\begin{tabular}{lrl}" in table
    assert r"condition & test error (\%) & verdict \\" in table


def test_markdown_contains_the_comparison_with_another_study(report):
    part = markdown(report).split("## Against the study other")[1].split("##")[0]
    assert part.count("| nothing but the study |") == len(report.study_comparison.table.rows) == 6


def test_demonstrations_stand_at_the_end(report):
    picture = Picture("zigzag", "zigzag", "Zigzag", "A path.", "<svg/>", demonstration=True)
    text = markdown(replace(report, pictures=[picture, *report.pictures]))
    study, end = text.split("## Demonstrations, not of this study")
    assert "(figures/zigzag.svg)" not in study
    assert "(figures/zigzag.svg)" in end
    assert "Demonstrations" not in markdown(report)


def test_markdown_lists_failures_and_what_is_missing(report):
    text = markdown(report)
    assert "- tanh, wine, learning rate 0.1: 1 of 4 diverged, seeds 3 (epoch 1)" in text
    assert "- run-lost failed: ValueError: no" in text
    assert "- depth: one depth; run: `python run.py`" in text


def test_a_command_in_markdown_is_code_that_works_when_copied(report):
    command = "python run.py -m 'optimizer.lr=[0.01,0.03]' 'dataset=glob(*)' study=a_b"
    text = markdown(replace(report, missing={"a_b": f"only <one> a_b; run: {command}", "c": "none; run: echo '`a`'"}))
    assert rf"- a\_b: only &lt;one&gt; a\_b; run: `{command}`" in text
    assert "- c: none; run: `` echo '`a`' ``" in text
