"""A report's files, written from a study's stored tables."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from experiments.analysis.units import ERROR
from experiments.config.errors import ConfigError
from experiments.report.caching import CACHE
from experiments.report.earlier import Report, key, store_report, stored_report
from experiments.report.showing import helpers, later, progress_bar
from experiments.store.collecting import collect
from experiments.store.files import RESULTS, locked, write_bytes
from experiments.store.reading import check_study, load_records
from experiments.store.study import Study
from experiments.sweep.workers import temporary_folder
from nets.names import nearest

if TYPE_CHECKING:
    from experiments.report.content import Content
    from experiments.report.drawing import Drawings
    from experiments.report.provenance import Records
    from experiments.report.stored import Shown

KINDS = ("svg", "png", "pdf")
"""The kinds of files of a figure; the page shows the first one, so it is always written."""

LEADERBOARD = (
    *("condition", "data set", "output", "learning rate", "rates tried", "seeds"),
    *("test error", "95 % interval", "verdict"),
)
"""Columns of tables/leaderboard.tex, as far as the study has them."""

COMPARISONS = (
    *(
        "condition",
        "data set",
        "reference",
        "learning rates",
        "difference",
        "paired 95 % interval",
        "corrected interval",
    ),
    *("p (Holm)", "corrected p (Holm)", "p of equivalence (Holm)", "effect size", "verdict"),
)
"""Columns of tables/comparisons.tex, as far as the study has them."""


def write(
    study: str,
    results: Path = RESULTS,
    compare: str | None = None,
    select: str = "error",
    margin: float | None = None,
    formats: Sequence[str] = ("svg",),
    metric: str = ERROR,
) -> Report:
    """Write the report of a study: page, Markdown, LaTeX tables, and every figure that its tables allow.

    What an earlier report has drawn from the same is not drawn again. Files of figures that the tables no longer allow
    are removed, and so are files of other formats.

    Parameters
    ----------
    study
        The name of the study.
    results
        The folder of all studies.
    compare
        The name of a study to compare with.
    select
        The rule that chooses learning rates, a key of `experiments.tables.SELECT`.
    margin
        As in `experiments.analysis.answer.findings`.
    formats
        The kinds of files of the figures, of "svg", "png" and "pdf"; SVG is always written.
    metric
        By what conditions are ranked.

    Raises
    ------
    ConfigError
        If there is no such study, or if it has not got the metric.
    """
    names = list(dict.fromkeys(filter(None, [study, compare])))
    for name in names:
        check_study(name, results)
        collect(Study(name, results))  # repairs damaged tables
    choices = Choices(compare, select, margin, _kinds(formats), metric)
    written = Study(study, results)
    with locked(written.folder / ".locks" / "report.lock"):
        made_from = key([Study(name, results) for name in names], choices._asdict())
        report = stored_report(written, made_from)
        if report is None:
            report, complete = _make(written, Path(results), choices)
            if complete:
                store_report(written, made_from, report)
    return report


def draw(
    study: str,
    figures: Sequence[str],
    results: Path = RESULTS,
    select: str = "error",
    margin: float | None = None,
    formats: Sequence[str] = ("svg",),
    metric: str = ERROR,
) -> "Drawings":
    """Draw some figures of a study into the folder of its report, and nothing else; no file is removed.

    Parameters
    ----------
    figures
        The names of the figures.
    study, results, select, margin, formats, metric
        As in `write`.

    Raises
    ------
    ConfigError
        If there is no such study or no such figure, or if the study has not got the metric.
    """
    from experiments.analysis import baselines
    from experiments.report.drawing import FIGURES, Drawer
    from experiments.report.stored import shown_tables

    for name in figures:
        if name not in FIGURES:
            raise ConfigError(f"figures={','.join(figures)}: {nearest(name, FIGURES)}")
    check_study(study, results)
    written = Study(study, results)
    collect(written)
    with locked(written.folder / ".locks" / "report.lock"), progress_bar() as show:
        tables, notes = shown_tables(study, results, select, metric)
        if metric == ERROR and any(FIGURES[name].baselines for name in figures):
            lines, _ = baselines.of_study(study, load_records(study, results), tables.replicas, results)
            tables = tables._replace(baselines=lines)
        folder = written.folder / "report" / "figures"
        drawer = Drawer(folder, results / CACHE / "figures", _kinds(formats), None, folder, figures)
        try:
            drawer.begin_demonstrations()
            for kind in (False, True):
                drawer.begin(tables, margin, baselines=kind)
            drawer.finish(show)
        finally:
            drawer.save()
        return replace(drawer.drawings(written, tables), notes=notes)


def _kinds(formats: Sequence[str]) -> tuple[str, ...]:
    return tuple(kind for kind in KINDS if kind == "svg" or kind in formats)


class Choices(NamedTuple):
    """The arguments of `write` that change a report."""

    compare: str | None
    select: str
    margin: float | None
    kinds: tuple[str, ...]
    metric: str


def _make(study: Study, results: Path, choices: Choices) -> tuple[Report, bool]:
    """Write a report. Return it, and whether it is made from nothing but the study, which holds its baselines."""
    with helpers() as pool, progress_bar() as show, temporary_folder() as temporary:
        # The helpers import the same libraries at the same time.
        from experiments.analysis import baselines
        from experiments.report.drawing import Drawer
        from experiments.report.stored import Shown, shown_tables

        folder = study.folder / "report"
        tables, notes = shown_tables(study.name, results, choices.select, choices.metric)
        other = None  # it may be refused, so it is read before anything is written
        if choices.compare:
            other = shown_tables(choices.compare, results, choices.select, choices.metric)
        records = load_records(study.name, results)
        # Simple models have errors, and no other metric.
        compared = tables.replicas if choices.metric == ERROR else tables.replicas[:0]
        fitted = later(pool, baselines.of_study, study.name, records, compared, results)
        drawer = Drawer(folder / "figures", results / CACHE / "figures", choices.kinds, pool, Path(temporary))
        try:
            drawer.begin_demonstrations()
            drawer.begin(tables, choices.margin, baselines=False)
            drawer.help(show)
            lines, reasons = fitted()
            tables = tables._replace(baselines=lines)
            drawer.begin(tables, choices.margin, baselines=True)
            content = _content(study, Shown(tables, notes), other, records, choices)
            drawer.finish(show)
        finally:
            drawer.save()  # an interrupted report keeps what it has drawn
    drawings = drawer.drawings(study, tables)
    drawer.remove_others(drawings.written)
    missing = drawings.missing | {f"baselines on {dataset}": reason for dataset, reason in reasons.items()}
    files = _write_texts(folder, replace(content, pictures=drawings.pictures, missing=missing), choices.kinds)
    stored = [path for path in [study.folder / "baselines.csv"] if path.exists()]
    return Report(content.sentences[0], missing, [*files, *drawings.written, *stored], notes), not reasons


def _content(study: Study, shown: "Shown", other: "Shown | None", records: "Records", choices: Choices) -> "Content":
    """Return the content of a report, without its figures."""
    from experiments.report.content import gather

    notes = list(shown.notes)
    if other:
        notes += [f"In the study {choices.compare}: {note}" for note in other.notes[1:]]
    return gather(
        *(study.name, shown.tables, records, (choices.compare or "", other.tables) if other else None),
        unfinished=study.unfinished(),
        earlier_readings=study.earlier_readings(),
        select=choices.select,
        margin=choices.margin,
        notes=notes,
    )


def _write_texts(folder: Path, content: "Content", kinds: tuple[str, ...]) -> list[Path]:
    """Write the page, the Markdown and the LaTeX tables; return their paths."""
    from experiments.report.page import html
    from experiments.report.text import latex, latex_paper, markdown

    files = {
        "index.html": html(content, kinds),
        "report.md": markdown(content),
        "tables/leaderboard.tex": latex(content.leaderboard, LEADERBOARD),
        "tables/comparisons.tex": latex(content.comparisons, COMPARISONS),
        "tables/paper.tex": latex_paper(content.paper),
    }
    for name, text in files.items():
        write_bytes(folder / name, text.encode())
    return [folder / name for name in files]
