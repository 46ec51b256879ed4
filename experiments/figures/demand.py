"""One figure as it is asked for: of chosen activations, in a size, a font and a theme, with a title."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

from experiments.config.catalogue import entries
from experiments.config.errors import ConfigError
from experiments.figures.registry import NO_TABLES, Drawable, Missing, all_figures, once
from experiments.figures.selection import select
from experiments.figures.sizes import resize, size_of
from experiments.figures.theme import THEMES, darken
from experiments.figures.words import UnknownWord, spelled
from experiments.store.reading import StudyTables
from nets.names import nearest

Picture = Figure
Pictures = dict[str, Picture | Missing]

STANDARD = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu")
"""The activations of a figure without a study, if none are named."""


@dataclass(frozen=True)
class Manner:
    """How a figure is drawn.

    Attributes
    ----------
    size : str
        "column", "page", "slide" or WIDTHxHEIGHT; empty for the figure's own size.
    font : str
        A font family of this machine; empty for DejaVu Sans.
    theme : str
        "light" or "dark".
    title : str
        The title above the figure, instead of its own.

    Raises
    ------
    ConfigError
        For a size, font or theme that there is not.
    """

    size: str = ""
    font: str = ""
    theme: str = "light"
    title: str = ""

    def __post_init__(self) -> None:
        if self.size:
            size_of(self.size)
        families = sorted(set(font_manager.get_font_names()))
        if self.font and self.font not in families:
            raise UnknownWord(f"font={self.font}: {nearest(self.font, families)}", self.font, families)
        if self.theme not in THEMES:
            raise UnknownWord(f"theme={self.theme}: {nearest(self.theme, THEMES)}", self.theme, THEMES)

    def apply(self, figure: Figure) -> None:
        """Change a drawn figure."""
        if self.title:
            figure.suptitle(self.title.replace("$", r"\$"))
        if self.font:
            for text in figure.findobj(Text):
                text.set_fontfamily([self.font, *text.get_fontfamily()])
        if self.size:
            resize(figure, size_of(self.size))
        if self.theme == "dark":
            darken(figure)


def drawable_of(name: str) -> Drawable:
    """Return a registered figure.

    Raises
    ------
    ConfigError
        If there is none of this name.
    """
    figures = all_figures()
    return figures[spelled(f"no figure {name!r}", name, figures)]


def tables_of_activations(names: Sequence[str]) -> StudyTables:
    """Return the tables of a study that nobody trained, with these activations of the catalogue.

    Raises
    ------
    ConfigError
        For an activation that the catalogue has not got.
    """
    known = dict(entries())
    for entry in entries().values():
        known |= {alias.name: entry for alias in entry.aliases if alias.name not in known}
    rows = []
    for name in dict.fromkeys(spelled(f"no activation {name!r}", name, known) for name in names):
        entry = known[name]
        own = {f"activation.{key}": value for key, value in entry.node.items() if isinstance(value, str | int | float)}
        own.pop("activation.name", None)
        rows.append({"run": name, "dataset": "", "activation": entry.name, "output": "", "lr": 0.0, "seed": 0} | own)
    replicas = pd.DataFrame(rows).assign(task="classification", selected=True)
    return NO_TABLES._replace(replicas=replicas)


def of_activations(tables: StudyTables, names: Collection[str]) -> StudyTables:
    """Return the part of a study with these activations.

    Raises
    ------
    ConfigError
        If the study has no such activation.
    """
    known = tables.replicas["activation"].unique().tolist()
    chosen = [spelled(f"no activation {name!r} in the study", name, known) for name in names]
    return select(tables, tables.replicas[tables.replicas["activation"].isin(chosen)])


def pictures(drawable: Drawable, tables: StudyTables, manner: Manner) -> Pictures:
    """Return the pictures of a figure by the stems of their files, or the reasons why there are none."""
    try:
        parts = drawable.parts(tables)
    except Missing as reason:
        return {drawable.name: reason}
    stems = drawable.stems(parts)
    drawn = once(drawable.name, {stems[part]: drawable.draw_part(content) for part, content in parts.items()})
    for picture in drawn.values():
        if isinstance(picture, Figure):
            manner.apply(picture)
    return drawn


def figure(name: str, tables: StudyTables | None, activations: Sequence[str], manner: Manner, part: str = "") -> Figure:
    """Return one picture of a figure, as `experiments.figure` does."""
    drawable = drawable_of(name)
    drawn = pictures(drawable, contents(drawable, tables, activations), manner)
    parts = {stem.removeprefix(f"{name}-"): picture for stem, picture in drawn.items()}
    if part not in parts and (part or len(parts) > 1):
        raise ConfigError(f"figure {name!r} has no picture part={part!r}: {nearest(part, parts)}")
    picture = parts[part] if part else next(iter(parts.values()))
    if isinstance(picture, Missing):
        raise ConfigError(f"figure {name!r} is missing: {picture}")
    return picture


def contents(drawable: Drawable, tables: StudyTables | None, activations: Sequence[str]) -> StudyTables:
    """Return the tables that a figure is drawn of.

    Raises
    ------
    ConfigError
        If it needs a study, or if it has no activations to choose.
    """
    if drawable.demonstration:
        if activations:
            raise ConfigError(f"figure {drawable.name!r} shows a fixed experiment: leave out the activations")
        return NO_TABLES
    if tables is not None:
        return of_activations(tables, activations) if activations else tables
    if drawable.standalone:
        return tables_of_activations(activations or STANDARD)
    raise ConfigError(f"figure {drawable.name!r} shows a study: give its tables")
