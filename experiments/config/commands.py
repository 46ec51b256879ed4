"""How a user starts the program's commands: what messages and help offer to run."""

import sys
from pathlib import Path

PROGRAM = "activation-lab"
"""The console script, whose commands are modules of this package."""

INSTALLED = (Path(__file__).parents[1] / "conf").is_dir()
"""Whether this is an installed package: it contains conf/, and no run.py stands beside it."""


def command_line(name: str) -> str:
    """Return how this user starts a command, such as `python -m experiments.report`.

    Whoever started the console script is told its commands. An installed package has no run.py.
    """
    if any(Path(word).stem == PROGRAM for word in sys.argv[:1]) or (name == "run" and INSTALLED):
        return f"{PROGRAM} {name}"
    return "python run.py" if name == "run" else f"python -m experiments.{name}"
