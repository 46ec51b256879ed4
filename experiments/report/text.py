"""The report as Markdown and its tables as LaTeX."""

import html
import re
from collections.abc import Iterable, Sequence

from experiments.report.content import Content
from experiments.report.drawing import Picture
from experiments.report.over import FIGURES
from experiments.report.paper import Paper, PaperCell
from experiments.report.table import Table

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "∞": r"$\infty$",
    "–": "--",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    **{character: rf"\{character}" for character in "&%$#_"},
}


DEMONSTRATIONS = "Demonstrations, not of this study"
DEMONSTRATED = "These figures show fixed experiments. They are the same in the report of every study."


def markdown(content: Content) -> str:
    """Return the report as Markdown: answer, tables, figures, failures and commands."""
    parts = [f"# {_plain(content.study)}", *(f"**{_plain(alarm)}**" for alarm in content.alarms)]
    if content.selection:
        parts.append(f"**Selection: {_plain(content.selection)}**")
    parts += map(_plain, content.sentences)
    if content.warnings:
        parts.append(_list(content.warnings))
    leading = FIGURES if content.over else ()
    if content.over:
        parts.append(f"## Over {content.over.datasets} data sets")
        parts += _images(picture for name in leading for picture in content.pictures if picture.figure == name)
        parts += [_plain(content.over.caption), _table(content.over.table), _plain(content.over.note)]
    parts += _conditions(content)
    parts += ["## Rankings over data sets", _plain(content.mean_ranks.sentence)]
    if content.baselines:
        lines = [f"{row.dataset}, {row.name}: {row.error} (std {row.std})" for row in content.baselines]
        parts += ["## Baselines on the same splits", _list(lines)]
    parts.append("## Figures")
    parts += _images(
        picture for picture in content.pictures if not picture.demonstration and picture.figure not in leading
    )
    if content.missing:
        parts.append(_list(f"{name}: {reason}" for name, reason in content.missing.items()))
    parts += ["## Failed and diverged", _list(_failures(content)) or "None."]
    parts += ["## Commands that train a condition again", "\n".join(f"    {row.command}" for row in content.commands)]
    demonstrations = [picture for picture in content.pictures if picture.demonstration]
    if demonstrations:
        parts += [f"## {DEMONSTRATIONS}", DEMONSTRATED, *_images(demonstrations)]
    return "\n\n".join(parts) + "\n"


def _images(pictures: Iterable[Picture]) -> list[str]:
    return [f"![{_plain(picture.caption)}](figures/{picture.stem}.svg)" for picture in pictures]


def _conditions(content: Content) -> list[str]:
    """Return the parts with the tables of conditions."""
    parts = ["## Leaderboard", _table(content.leaderboard), _plain(content.choice)]
    if content.edge:
        parts.append(_plain(content.edge))
    for crossed in content.initializers:
        parts += [f"### Activation × initializer on {_plain(crossed.name)}: test {_plain(crossed.measure)}"]
        rows = ([row.name, *(cell.text for cell in row.cells)] for row in crossed.rows)
        parts.append(_grid(["condition", *crossed.initializers], rows))
    if content.comparisons.rows:
        note = (
            "Differences are condition − reference, paired over seeds. Holm’s family is all comparisons on one data "
            "set. The paired interval is for these splits, and the corrected interval for new data of this kind. "
            "Intervals are not adjusted for the number of comparisons. The verdict is adjusted (Holm). "
        )
        parts += ["## Comparisons", note + _plain(content.margin), _table(content.comparisons)]
    if content.study_comparison:
        parts.append(f"## Against the study {_plain(content.study_comparison.name)}")
        nothing = "The studies have no data set, output and activation in common."
        parts.append(_table(content.study_comparison.table) if content.study_comparison.table.rows else nothing)
    return parts


def _failures(content: Content) -> list[str]:
    """Return a line for each condition with diverged replicas and for each failed run."""
    lines = [
        f"{row.name}, {row.dataset}, learning rate {row.rate}: {row.share} diverged, seeds {row.seeds}"
        for row in content.diverged
    ]
    return [*lines, *(f"{row.run} failed: {row.error}" for row in content.failed)]


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*_\[\]|$])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


def _list(items: Iterable[str]) -> str:
    return "\n".join(map(_item, items))


def _item(text: str) -> str:
    """Return an item of a list. A command at its end is code, so that it can be copied: nothing in it is escaped."""
    words, run, command = text.partition("; run: ")
    if not run:
        return f"- {_plain(text)}"
    longest = max(map(len, re.findall("`+", command)), default=0)
    fence, space = "`" * (longest + 1), " " * (longest > 0)
    return f"- {_plain(words)}; run: {fence}{space}{command}{space}{fence}"


def _table(table: Table) -> str:
    return _grid(table.headings.values(), ([cell.text for cell in row.cells.values()] for row in table.rows))


def _grid(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return texts as a table of Markdown."""
    names = list(headings)
    lines = [map(_plain, names), ["---"] * len(names), *(map(_plain, row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def latex(table: Table, names: Sequence[str]) -> str:
    """Return some columns of a table as LaTeX for the package booktabs; columns of numbers are right-aligned."""
    columns = [name for name in names if name in table.headings]

    def line(texts: Iterable[str]) -> str:
        return " & ".join(map(_escaped, texts)) + r" \\"

    def numeric(column: str) -> bool:
        values = [row.cells[column].sort for row in table.rows]
        return all(value == "" or not isinstance(value, str) for value in values)

    lines = [
        "% \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{{''.join('r' if numeric(column) else 'l' for column in columns)}}}",
        "\\toprule",
        line(table.headings[column] for column in columns),
        "\\midrule",
        *(line(row.cells[column].text for column in columns) for row in table.rows),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


PAPER = """\
% \\usepackage{booktabs}
% Means on the test rows at the selected learning rate, with their 95 % intervals over seeds. Bold: first in rank.
% $^{+}$ and $^{-}$: better and worse than the reference on these splits (paired t test over seeds, Holm, 5 %).
% $^{d}$: replicas diverged, and the mean is that of the others. The rank counts them.
"""
"""What stands before a paper's table."""


def latex_paper(paper: Paper) -> str:
    """Return a paper's table as LaTeX for the package booktabs."""
    headings = ["", *paper.headings, *(["mean rank"] if paper.has_ranks else [])]
    lines = [
        f"\\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}",
        "\\toprule",
        " & ".join(map(_escaped, headings)) + r" \\",
        "\\midrule",
    ]
    for row in paper.rows:
        cells = [_escaped(row.name), *map(_paper_cell, row.cells), *([_escaped(row.rank)] if paper.has_ranks else [])]
        lines.append(" & ".join(cells) + r" \\")
    notes = [f"% {_escaped(sentence)}" for sentence in paper.references]
    return PAPER + "\n".join([*notes, *lines, "\\bottomrule", "\\end{tabular}"]) + "\n"


def _paper_cell(cell: PaperCell) -> str:
    text = rf"\textbf{{{_escaped(cell.text)}}}" if cell.is_best else _escaped(cell.text)
    return text + "".join(f"$^{{{mark}}}$" for mark in cell.marks)


def _escaped(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in " ".join(text.split()))
