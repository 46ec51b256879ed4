"""A station of the tour, and how its sentence is written from numbers."""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.tour.drawing import Canvas, Look


class Slider(NamedTuple):
    """A slider: what it moves through, its positions in words, and the position at first."""

    label: str
    positions: Sequence[str]
    start: int = -1


class Station(NamedTuple):
    """One insight with the figure that shows it.

    Attributes
    ----------
    name, title
        The name in addresses, and the heading.
    insight
        One sentence, all of which follows from numbers of the figure.
    panels, size
        The pictures, and the class of their size.
    legend
        The lines of the pictures: labels and looks.
    caption
        How the figure is read, and how its networks were trained.
    question, command
        What to try next, and the command that does it.
    slider
        What moves the pictures, if something does.
    """

    name: str
    title: str
    insight: str
    panels: Sequence[Canvas]
    size: str
    legend: Sequence[tuple[str, Look]]
    caption: str
    question: str
    command: str
    slider: Slider | None = None


def percent(share: float, digits: int = 0) -> str:
    """Return a share in per cent, such as "12.5 %"."""
    return f"{100 * share:.{digits}f} %"


def times(ratio: float) -> str:
    """Return a ratio with two digits, such as "23,000"."""
    return f"{float(f'{ratio:.2g}'):,.{0 if ratio >= 10 else 1}f}"


def scientific(value: float) -> str:
    """Return a small number with one digit, such as "3 · 10⁻⁷"."""
    digit, _, power = f"{value:.0e}".partition("e")
    return f"{digit} · 10{str(int(power)).translate(RAISED)}"


RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def signed(value: float, form: str = "g") -> str:
    """Return a number with a minus sign that is as wide as a plus sign."""
    text = f"{value:{form}}"
    return text.replace("-", "−" if float(text) else "")


def epochs(values: Sequence[int]) -> Slider:
    """Return the slider over numbers of epochs."""
    return Slider("Epoch", [f"epoch {value}" for value in values])
