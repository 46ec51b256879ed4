"""The program `activation-lab`: each command is a module of this package that has a function `main`."""

import sys
import textwrap
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from experiments.config.arguments import prepare_streams, while_read
from experiments.config.commands import PROGRAM, files, sentence
from experiments.config.errors import ConfigError, in_one_line
from nets.names import guess, nearest

INTRODUCTION = f"""\
Train NumPy multilayer perceptrons and compare activations, output units and costs.

  {PROGRAM} run -m activation=relu,elu,tanh
  {PROGRAM} report
"""
WIDTH = 100


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names and return its exit code; 2 if there is no such command."""
    prepare_streams()
    return while_read(lambda: _run(list(sys.argv[1:] if argv is None else argv)))


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(help_text())
        return 0 if arguments else 2
    name, *rest = arguments
    known = files()
    if name not in known:
        near = guess(name, known)
        meant = [near, *rest] if near else None
        if "=" in name or name.startswith("-"):  # a setting or an option
            meant = ["run", *arguments]
        refusal = ConfigError(f"unknown command {name!r}: {nearest(name, known)}", meant)
        print(f"{PROGRAM}: {in_one_line(refusal, PROGRAM)}", file=sys.stderr)
        return 2
    path = known[name].relative_to(Path(__file__).parents[1]).with_suffix("")
    module = import_module(".".join(path.parts))
    module.__doc__ = (module.__doc__ or "").replace("python -m experiments.", f"{PROGRAM} ")  # what its --help prints
    code: int = module.main(rest)
    return code


def help_text() -> str:
    """Return every command with the sentence that its module begins with."""
    lines = [INTRODUCTION, "Commands:"]
    for name, file in files().items():
        lines += textwrap.wrap(
            sentence(file), WIDTH, initial_indent=f"  {name:<11}", subsequent_indent=" " * 13, break_on_hyphens=False
        )
    return "\n".join([*lines, "", f"{PROGRAM} COMMAND --help explains a command."])
