"""The page of an evaluation: one HTML file that contains everything it shows and fetches nothing."""

import base64
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from experiments.config.catalogue import entries
from experiments.evaluate.newcomer import Nearest
from experiments.evaluate.verdict import OfRecipe
from experiments.figures.style import render

CAPTIONS = {
    "differences": "Difference of the mean test errors on each data set",
    "ranks": "Mean rank of each activation over the data sets",
    "curves": "The function, its derivative, and the nearest known function",
}


class Part(NamedTuple):
    """The result of one recipe: sentences, and a table by data set."""

    title: str
    sentences: Sequence[str]
    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


class Picture(NamedTuple):
    """A figure as an SVG that an image can show, and its width in inches."""

    caption: str
    base64: str
    inches: float


def html(figures: dict[str, Any], **content: object) -> str:
    """Return the page; `content` are the names of page.html."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = [
        Picture(
            CAPTIONS[name],
            base64.b64encode(render(figure, "svg", CAPTIONS[name])).decode(),
            figure.get_figwidth(),
        )
        for name, figure in figures.items()
    ]
    return environment.get_template("page.html").render(content, pictures=pictures)


def part(result: OfRecipe, reference: str, margin: float) -> Part:
    """Return the result of a recipe as sentences and a table; in the table the best data sets stand first."""
    points = f"{100 * margin:g}"
    sentences = list(result.verdict.sentences[1:] if result.verdict else [])  # the first one is the verdict
    sentences.append(_failures(result))
    rows = []
    if result.verdict:
        for row in result.verdict.differences.sort_values("difference").itertuples():
            ends = (row.corrected_low, row.corrected_high)
            rows.append(
                [
                    str(row.dataset),
                    _points(row.difference),
                    "–" if any(map(math.isnan, ends)) else " to ".join(map(_points, ends)),
                    *(f"{value:.2f}" for value in (row.better, row.equivalent, row.worse)),
                    f"{row.diverged} / {row.reference_diverged}",
                ]
            )
    return Part(
        f"{result.name[0].upper()}{result.name[1:]} networks",
        sentences,
        f"The difference is the mean test error less {reference}’s, in points: below 0 is better. Its 95 % interval is "
        "for new splits (corrected variance). P is the probability that the difference on new splits is below "
        f"−{points}, within ±{points} or above +{points} points (Bayesian correlated t test); the three sum to 1. "
        "Where the interval is wide, P(better) and P(worse) are both large: these seeds cannot decide there.",
        ["data set", "difference", "interval", "P(better)", "P(equivalent)", "P(worse)", "diverged"],
        rows,
    )


def _failures(result: OfRecipe) -> str:
    lost = f"{result.diverged} of {result.replicas}" if result.diverged else f"None of {result.replicas}"
    return (
        f"{lost} reported networks diverged. The chosen learning rate is the lowest or highest that was tried on "
        f"{result.edges} of {result.datasets} data sets."
    )


def _points(value: float) -> str:
    if math.isinf(value):
        return "worse: diverged" if value > 0 else "better: diverged"
    return f"{100 * value:+.2f}".replace("-", "−")


def nearest_sentence(near: Nearest | None) -> str:
    """Return which known function is nearest, in words."""
    if near is None:
        return "not computed for several pieces or an infinite function"
    learned = " with its initial values" if entries()[near.name].activation.init(1, 1, float) else ""
    form = f"{near.output:.3g} · {near.name}({near.scale:.3g} z){learned}"
    if near.distance < 1e-5:
        return f"f(z) = {form}. It is the same function but for these two scales, which the weights can undo."
    return (
        f"f(z) ≈ {form}. For z ~ N(0, 1) the root mean square of the difference is {100 * near.distance:.2g} % of f’s."
    )
