"""Writes a study's figures from its stored tables; nothing is trained.

    python -m experiments.report [study=NAME]        by default the study last written

PNG, SVG and PDF files land in results/<study>/report/figures/.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.config import ConfigError, nearest
from experiments.figures import FIGURES, Missing
from experiments.figures.style import render
from experiments.store import RESULTS, load_all_tables, studies, write_bytes

KINDS = ("png", "svg", "pdf")


def write(study: str, results: Path = RESULTS) -> tuple[list[Path], dict[str, str]]:
    """Write every figure that the study's tables allow, and remove those that they no longer do.

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
    tables = load_all_tables(study, results)
    folder = Path(results) / study / "report" / "figures"
    written, missing = [], {}
    for drawable in FIGURES.values():
        for stem, figure in drawable.draw(tables).items():
            if isinstance(figure, Missing):
                missing[stem] = f"{figure} study={study}"
                continue
            for kind in KINDS:
                path = folder / f"{stem}.{kind}"
                write_bytes(path, render(figure, kind, drawable.title))
                written.append(path)
        for kind in KINDS:
            for path in [folder / f"{drawable.name}.{kind}", *folder.glob(f"{drawable.name}-*.{kind}")]:
                if path not in written:
                    path.unlink(missing_ok=True)
    return written, missing


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 if nothing could be written, 2 for a bad argument."""
    arguments = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    try:
        study = _study(arguments)
        written, missing = write(study)
    except ConfigError as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"report: {error.strerror}: {error.filename}", file=sys.stderr)
        return 1
    for path in written:
        print(f"wrote   {path}")
    for name, reason in missing.items():
        print(f"missing {name}: {reason}")
    return 0


def _study(arguments):
    """Return the study that the arguments name, by default the one last written."""
    known = studies()
    values = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key != "study" or not equals:
            raise ConfigError(f"unknown argument {argument!r}: {nearest(key, ['study'])} (as study=NAME)")
        values[key] = value
    if not values and not known:
        raise ConfigError(f"no study in {RESULTS}/; run: python run.py -m activation=relu,tanh")
    return values.get("study", known[-1] if known else None)


if __name__ == "__main__":
    sys.exit(main())
