"""The program's commands: their files, what they do, and how a user starts them."""

import re
import sys
from pathlib import Path

PROGRAM = "activation-lab"
"""The console script, whose commands are modules of this package."""

COMMANDS = (
    *("run", "report", "figure", "tour", "explain", "evaluate"),
    *("predict", "export", "store", "claims", "benchmark"),
)
"""The commands in the order of help texts: the names of modules of this package that have a function `main`."""

INSTALLED = (Path(__file__).parents[1] / "conf").is_dir()
"""Whether this is an installed package: it contains conf/, and no run.py stands beside it."""


def command_line(name: str) -> str:
    """Return how this user starts a command, such as `python -m experiments.report`.

    Whoever started the console script is told its commands. An installed package has no run.py.
    """
    if any(Path(word).stem == PROGRAM for word in sys.argv[:1]) or (name == "run" and INSTALLED):
        return f"{PROGRAM} {name}"
    return "python run.py" if name == "run" else f"python -m experiments.{name}"


def files() -> dict[str, Path]:
    """Return the file of each command by the command's name."""
    folder = Path(__file__).parents[1]
    candidates = {name: (folder / f"{name}.py", folder / name / "__main__.py") for name in COMMANDS}
    return {name: file for name, pair in candidates.items() for file in pair if file.is_file()}


def sentence(file: Path) -> str:
    """Return the sentence with which a module begins. No module is imported or parsed, which would take long."""
    text = file.read_text("utf-8").partition('"""')[2].partition('"""')[0]
    return " ".join(re.split(r"(?<=\.)\s", text, maxsplit=1)[0].split())
