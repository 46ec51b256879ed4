"""A report's files, written from a study's stored tables."""

from pathlib import Path

from experiments.analysis import baselines
from experiments.report.content import gather
from experiments.report.drawing import draw
from experiments.report.page import html
from experiments.report.stored import shown_tables
from experiments.report.text import latex, markdown
from experiments.store.collecting import collect
from experiments.store.files import RESULTS, write_bytes
from experiments.store.reading import load_records, studies
from experiments.store.study import Study

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
) -> tuple[list[Path], dict[str, str]]:
    """Write the report of a study: page, Markdown, LaTeX tables, and every figure that its tables allow.

    Files of figures that the tables no longer allow are removed.

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

    Returns
    -------
    written : list of Path
        The files.
    missing : dict of str to str
        By figure, what the study lacks and the command that adds it.

    Raises
    ------
    ConfigError
        If there is no such study.
    """
    for name in {study, compare or study} & set(studies(results)):
        collect(Study(name, results))  # repairs damaged tables
    tables = shown_tables(study, results, select)
    other = (compare, shown_tables(compare, results, select)) if compare else None
    records = load_records(study, results)
    folder = Path(results) / study / "report"
    lines, reasons = baselines.of_study(study, records, tables.replicas, results)
    tables = tables._replace(baselines=lines)
    drawings = draw(study, tables, Path(results), select, margin)
    missing = drawings.missing | {f"baselines on {dataset}": reason for dataset, reason in reasons.items()}
    content = gather(
        *(study, tables, records, drawings.pictures, missing, other),
        unfinished=Study(study, results).unfinished(),
        earlier_readings=Study(study, results).earlier_readings(),
        select=select,
        margin=margin,
    )
    files = {
        "index.html": html(content),
        "report.md": markdown(content),
        "tables/leaderboard.tex": latex(content.leaderboard, LEADERBOARD),
        "tables/comparisons.tex": latex(content.comparisons, COMPARISONS),
    }
    for name, text in files.items():
        write_bytes(folder / name, text.encode())
    return [*(folder / name for name in files), *drawings.written], missing
