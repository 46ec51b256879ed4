"""Draws one figure, as it is needed: for a paper, a slide or a page. No network of a study is retrained.

    python -m experiments.figure                    the names of all figures, with a sentence on each
    python -m experiments.figure NAME [study=STUDY] [activations=relu,elu] [format=svg,pdf,png]
                                 [size=column|page|slide|WIDTHxHEIGHT] [font=FAMILY]
                                 [theme=light|dark] [title=TEXT]
    python -m experiments.figure activation_curves sigmoid tanh relu gelu

Without study=STUDY it is the study written last. The files are in results/STUDY/figures/.
Demonstrations need no study, and neither does activation_curves of named activations, which draws
f and its derivative. Their files are in results/figures/. The command prints the path of each file.

activations=relu,elu shows only these activations. They may also follow the name as single words.
Names and formats may have upper case: ReLU is relu, and format=PNG is format=png.
format=svg is the default; several formats are written at once.
size=column and size=page have the widths of one and two columns of a paper, 3.35 and 6.9 inches.
size=slide is 13.33 x 7.5 inches, with fonts of at least 16 points where the figure allows it.
size=16x9cm and size=6.5x4in are free; a size without a unit is in centimetres. Where texts would
overlap, the fonts are smaller. If they are too small to read, the command says so.
font=FAMILY is a font of this machine. theme=dark is for dark slides. title=TEXT replaces the title.

From Python: `from experiments import figure`, and `figure("lu_comparison", tables, size="slide")`.
"""

import sys
import textwrap
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import experiments
from experiments.config.arguments import exit_code, key_values, show_help
from experiments.config.errors import ConfigError
from experiments.store.files import RESULTS, write_bytes

if TYPE_CHECKING:
    from experiments.figures.demand import Manner
    from experiments.figures.registry import Drawable
    from experiments.store.reading import StudyTables

LEAST = 6
"""Points below which a font is hard to read in print."""

ARGUMENTS = ("study", "activations", "format", "size", "font", "theme", "title")
FORMATS = ("svg", "pdf", "png")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 if nothing could be drawn, 2 for a bad argument."""
    arguments = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(arguments):
        return show_help(__doc__)
    return exit_code("figure", lambda: _draw(arguments) if arguments else _list())


def _list() -> int:
    """Print the names of all figures, with a sentence on each."""
    from experiments.figures.registry import all_figures

    figures = sorted(all_figures().values(), key=lambda drawable: (drawable.demonstration, drawable.name))
    width = max(len(drawable.name) for drawable in figures)
    demonstrations = False
    for drawable in figures:
        if drawable.demonstration and not demonstrations:
            print("\nDemonstrations, which need no study:\n")
        demonstrations = drawable.demonstration
        sentence = drawable.caption.replace("{measure}", "error")
        lines = textwrap.wrap(sentence, 98 - width, break_on_hyphens=False)
        print(f"{drawable.name:{width}}  " + f"\n{'':{width + 2}}".join(lines))
    return 0


class _Request(NamedTuple):
    """What is drawn, and how."""

    drawable: "Drawable"
    study: str | None
    tables: "StudyTables"
    formats: Sequence[str]
    manner: "Manner"


def _asked(arguments: Sequence[str]) -> _Request:
    """Return what the words of a command line ask for.

    Raises
    ------
    ConfigError
        For a wrong word, with the command line in which each wrong word is replaced by the one that was meant.
    """
    from experiments.figures.words import UnknownWord

    try:
        return _read(arguments)
    except ConfigError as refusal:
        if isinstance(refusal, UnknownWord) and refusal.meant:
            refusal.instead = _replaced(arguments, refusal.word, refusal.meant)
        refusal.instead = refusal.instead and _accepted(refusal.instead)
        raise


def _accepted(arguments: Sequence[str]) -> list[str] | None:
    """Return a command line, or the one that its refusal offers; None if it offers none."""
    try:
        _asked(arguments)
    except ConfigError as further:
        return further.instead
    return [*arguments]


def _replaced(arguments: Sequence[str], word: str, meant: str) -> list[str]:
    """Return the words of a command line with another word, or part of a list, in the place of one."""
    result = []
    for argument in arguments:
        key, equals, value = argument.partition("=") if "=" in argument else ("", "", argument)
        parts = [value] if key in ("font", "title") else value.split(",")
        result.append(key + equals + ",".join(meant if part == word and key != "title" else part for part in parts))
    return result


def _read(arguments: Sequence[str]) -> _Request:
    """Return what the words of a command line ask for, or raise `ConfigError` for the first wrong one."""
    from experiments.config.catalogue import option_of
    from experiments.figures import demand
    from experiments.figures.registry import all_figures
    from experiments.figures.words import spelled

    words = [word for word in arguments if "=" not in word and not word.startswith("-")]
    values = key_values([word for word in arguments if word not in words], ARGUMENTS, words)
    if not words:
        example = ["activation_curves", *arguments]
        raise ConfigError("no figure is named; python -m experiments.figure lists them", example)
    name, *named = words
    if name not in all_figures() and option_of(name.casefold()):
        raise ConfigError(f"no figure {name!r}: it is an activation", ["activation_curves", *arguments])
    given = values.get("format", "svg")
    formats = [spelled(f"format={given}", kind, FORMATS) for kind in given.split(",")]
    drawable = demand.drawable_of(name)
    manner = demand.Manner(**{key: values[key] for key in ("size", "font", "theme", "title") if key in values})
    activations = list(filter(None, ",".join([*named, values.get("activations", "")]).split(",")))
    study = _study(drawable, values.get("study"), activations)
    tables = demand.contents(drawable, _tables(study, drawable) if study else None, activations)
    return _Request(drawable, study, tables, formats, manner)


def _study(drawable: "Drawable", study: str | None, activations: Sequence[str]) -> str | None:
    """Return the name of the study that a figure shows, or None if it shows none."""
    from experiments.figures.words import UnknownWord
    from experiments.store.reading import ELSEWHERE, check_study, studies

    if drawable.demonstration:
        if study:
            raise ConfigError(f"figure {drawable.name!r} shows a fixed experiment: leave out study={study}")
        return None
    if drawable.standalone and activations and not study:
        return None
    if not study and not studies():
        if drawable.standalone:
            return None
        first = "python run.py -m activation=relu,tanh"
        raise ConfigError(f"no study in {RESULTS.resolve()}/; {ELSEWHERE}, or run: {first}")
    study = study or studies()[-1]
    try:
        check_study(study)
    except ConfigError as refusal:
        raise UnknownWord(str(refusal), study, studies()) from None
    return study


def _tables(study: str, drawable: "Drawable") -> "StudyTables":
    """Return the tables of a study as a figure shows them."""
    from experiments.analysis import baselines
    from experiments.analysis.labels import name_tasks
    from experiments.store.reading import load_all_tables, load_records

    tables = name_tasks(load_all_tables(study))
    if drawable.baselines:
        lines, _ = baselines.of_study(study, load_records(study), tables.replicas)
        tables = tables._replace(baselines=lines)
    return tables


def _draw(arguments: Sequence[str]) -> int:
    """Write the pictures, print their paths and why others are missing, and return the exit code."""
    from experiments.figures.demand import pictures
    from experiments.figures.registry import Missing, dataset_names
    from experiments.figures.sizes import SIZES, smallest_font
    from experiments.figures.style import render

    drawable, study, tables, formats, manner = _asked(arguments)
    folder = RESULTS / (study or "") / "figures"
    changes = (manner.size.replace("×", "x").replace(" ", ""), "" if manner.theme == "light" else manner.theme)
    end = "".join(f"-{word}" for word in changes if word)
    written = 0
    for stem, picture in pictures(drawable, tables, manner).items():
        if isinstance(picture, Missing):
            print(f"{stem} is missing: {picture.line(study, dataset_names(tables)) if study else picture}")
            continue
        for kind in formats:
            path = folder / f"{stem}{end}.{kind}"
            write_bytes(path, render(picture, kind, manner.title or drawable.worded(drawable.title, tables)))
            print(path)
        written += 1
        smallest = round(smallest_font(picture), 1)
        wanted = SIZES[manner.size].smallest if manner.size in SIZES else 0
        if manner.size and smallest < max(wanted, LEAST):
            print(f"{stem} has fonts from {smallest} points: choose a larger size or fewer panels")
    return 0 if written else 1


class _Callable(ModuleType):
    """Lets `experiments.figure` be called once this module is imported and has the place of the function."""

    __call__ = staticmethod(experiments.figure)


sys.modules[__name__].__class__ = _Callable

if __name__ == "__main__":
    sys.exit(main())
