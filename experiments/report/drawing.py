"""Draws a study's figures into files, in one process per core."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import joblib
import pandas as pd

from experiments.figures.registry import Drawable, Missing, all_figures, dataset_names
from experiments.figures.style import render
from experiments.report.provenance import study_words
from experiments.report.stored import shown_tables
from experiments.store.files import write_bytes
from experiments.store.reading import StudyTables

FIGURES = all_figures()
KINDS = ("svg", "png", "pdf")


@dataclass(frozen=True)
class Picture:
    """A drawn figure, as the page shows it.

    Attributes
    ----------
    figure
        The name of the registered figure. One figure may have several pictures, such as one for each data set.
    stem
        The name of the picture's files, without their kind.
    title
        The figure's title.
    caption
        What the picture shows.
    svg
        The content of the SVG file.
    demonstration
        Whether it shows a fixed experiment, not the study.
    """

    figure: str
    stem: str
    title: str
    caption: str
    svg: str
    demonstration: bool = False


@dataclass(frozen=True)
class Drawings:
    """Drawn pictures, the reason for each missing one by its stem, and the files that were written."""

    pictures: list[Picture] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    written: list[Path] = field(default_factory=list)


def draw(study: str, tables: StudyTables, results: Path, select: str, margin: float | None) -> Drawings:
    """Write the files of all figures of `shown_tables`, and remove files that the tables no longer allow."""
    cores = joblib.cpu_count()
    if cores == 1:
        parts = [_draw_figure(name, study, tables, results, margin) for name in FIGURES]
    else:
        # The processes read the tables themselves, which is faster than to send them.
        draw_one = partial(
            _draw_stored, study=study, results=results, select=select, margin=margin, baselines=tables.baselines
        )
        with ProcessPoolExecutor(min(cores, len(FIGURES)), multiprocessing.get_context("spawn")) as pool:
            parts = list(pool.map(draw_one, FIGURES))
    drawings = Drawings()
    for part in parts:
        drawings.pictures.extend(part.pictures)
        drawings.missing.update(part.missing)
        drawings.written.extend(part.written)
    return drawings


_stored_tables = lru_cache(maxsize=1)(shown_tables)


def _draw_stored(
    name: str, study: str, results: Path, select: str, margin: float | None, baselines: pd.DataFrame
) -> Drawings:
    tables = _stored_tables(study, results, select)._replace(baselines=baselines)
    return _draw_figure(name, study, tables, results, margin)


def _draw_figure(name: str, study: str, tables: StudyTables, results: Path, margin: float | None) -> Drawings:
    """Write the files of one figure, and remove those of parts that the study no longer has."""
    drawable, folder = FIGURES[name], results / study / "report" / "figures"
    if margin is not None:
        tables = tables._replace(replicas=tables.replicas.assign(margin=margin))
    drawings = Drawings()
    for stem, figure in drawable.draw(tables).items():
        if isinstance(figure, Missing):
            drawings.missing[stem] = figure.line(study, dataset_names(tables), study_words(results / study))
            continue
        files = {folder / f"{stem}.{kind}": render(figure, kind, drawable.title) for kind in KINDS}
        for path, content in files.items():
            write_bytes(path, content)
        drawings.written.extend(files)
        svg = files[folder / f"{stem}.svg"].decode()
        caption = " ".join(filter(None, [_caption(drawable), str(figure.get_label())]))
        drawings.pictures.append(Picture(name, stem, drawable.title, caption, svg, drawable.demonstration))
    for kind in KINDS:
        for path in {folder / f"{name}.{kind}", *folder.glob(f"{name}-*.{kind}")} - set(drawings.written):
            path.unlink(missing_ok=True)
    return drawings


def _caption(drawable: Drawable) -> str:
    """Return the first line of the function's docstring, which says what the function draws, without "Draw"."""
    line = (drawable.function.__doc__ or "").strip().partition("\n")[0]
    caption = line.removeprefix("Draw").lstrip(", ")
    return caption[:1].upper() + caption[1:]
