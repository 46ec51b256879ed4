"""A station of the tour: one insight with its figure."""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.tour.drawing import Canvas, Look, of_activation


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


def epochs(values: Sequence[int]) -> Slider:
    """Return the slider over numbers of epochs."""
    return Slider("Epoch", [f"epoch {value}" for value in values])


NAMES = {"relu": "ReLU", "leaky_relu": "leaky ReLU", "elu": "ELU", "shifted_relu": "shifted ReLU", "gelu": "GELU"}


def name_of(activation: str) -> str:
    """Return the name of an activation as one writes it."""
    return NAMES.get(activation, activation)


def lines_of(activations: list[str]) -> list[tuple[str, Look]]:
    """Return the legend of activations."""
    return [(name_of(name), of_activation(name)) for name in activations]
