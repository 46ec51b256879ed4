"""A report's files, written from a study's stored tables."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from itertools import chain, repeat
from pathlib import Path

import joblib

from experiments.analysis import baselines
from experiments.figures.registry import Missing, all_figures
from experiments.figures.style import render
from experiments.report import content
from experiments.report.page import html
from experiments.report.text import latex, markdown
from experiments.store.collecting import collect
from experiments.store.files import RESULTS, write_bytes
from experiments.store.reading import StudyTables, load_all_tables, load_records, studies
from experiments.store.study import Study

FIGURES = all_figures()
KINDS = ("svg", "png", "pdf")


TABLES = {
    "leaderboard": (
        "board",
        ("condition", "dataset", "output", "rate", "seeds", "test error", "95 % interval", "verdict"),
    ),
    "comparisons": (
        "comparisons",
        (
            "condition",
            "dataset",
            "reference",
            "difference",
            "paired 95 % interval",
            "p (Holm)",
            "effect size",
            "verdict",
        ),
    ),
}


def write(study: str, results: Path = RESULTS, compare: str | None = None) -> tuple[list[Path], dict[str, str]]:
    """Write the report of a study: every figure that its tables allow, page, Markdown and LaTeX tables.

    Figures that the tables no longer allow are removed.

    Returns
    -------
    written : list of Path
        The files.
    missing : dict of str to str
        By figure, what the study lacks and the command that would add it.

    Raises
    ------
    ConfigError
        If there is no such study.
    """
    for name in {study, compare or study} & set(studies(results)):
        collect(Study(name, results))  # mends tables that were damaged
    tables = load_all_tables(study, results)
    other = (compare, load_all_tables(compare, results)) if compare else None
    records = load_records(study, results)
    folder = Path(results) / study / "report"
    lines, lacking = baselines.of_study(study, records, tables.replicas, results)
    tables = tables._replace(baselines=lines)
    figures, missing, written = draw(study, tables, Path(results))
    missing |= {f"baselines on {dataset}": reason for dataset, reason in lacking.items()}
    said = content.gather(study, tables, records, figures, missing, other)
    files = {"index.html": html(said), "report.md": markdown(said)}
    files |= {f"tables/{name}.tex": latex(said[part], columns) for name, (part, columns) in TABLES.items()}
    for name, text in files.items():
        write_bytes(folder / name, text.encode())
    return [*(folder / name for name in files), *written], missing


def draw(study: str, tables: StudyTables, results: Path) -> tuple[list[dict], dict[str, str], list[Path]]:
    """Write the figures, a core each; return what the page needs, what is missing, the files."""
    cores = joblib.cpu_count()
    if cores == 1:
        parts = [_draw_one(name, study, tables, results) for name in FIGURES]
    else:
        # The processes read the tables themselves, which is faster than to hand them over.
        context = multiprocessing.get_context("spawn")
        given = map(repeat, (study, results, tables.baselines))
        with ProcessPoolExecutor(min(cores, len(FIGURES)), context) as pool:
            parts = list(pool.map(_draw_stored, FIGURES, *given))
    figures, missing, written = zip(*parts, strict=True)
    reasons = {key: line for part in missing for key, line in part.items()}
    return list(chain.from_iterable(figures)), reasons, list(chain.from_iterable(written))


_stored = lru_cache(maxsize=1)(load_all_tables)


def _draw_stored(name, study, results, lines):
    return _draw_one(name, study, _stored(study, results)._replace(baselines=lines), results)


def _draw_one(name, study, tables, results):
    """Write the files of one figure and remove those of parts that it no longer has."""
    drawable, folder = FIGURES[name], results / study / "report" / "figures"
    figures, missing, written = [], {}, []
    for stem, figure in drawable.draw(tables).items():
        if isinstance(figure, Missing):
            missing[stem] = figure.line(study, tables.replicas["dataset"])
            continue
        for kind in KINDS:
            path = folder / f"{stem}.{kind}"
            rendered = render(figure, kind, drawable.title)
            write_bytes(path, rendered)
            written.append(path)
            if kind == "svg":
                svg = rendered.decode()
        # The docstring says what the function draws: as a caption, what is drawn.
        text = drawable.function.__doc__.strip().splitlines()[0].removeprefix("Draw").lstrip(", ")
        text = text[0].upper() + text[1:]
        order = sorted(FIGURES, key="leaderboard".__ne__).index(name)
        figures.append(
            {"order": order, "stem": stem, "title": drawable.title, "text": text, "svg": svg, "kinds": KINDS}
        )
    for kind in KINDS:
        for path in [folder / f"{name}.{kind}", *folder.glob(f"{name}-*.{kind}")]:
            if path not in written:
                path.unlink(missing_ok=True)
    return figures, missing, written
