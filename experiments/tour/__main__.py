"""Writes a tour of activations, output units and backpropagation as one page that needs no network.

    python -m experiments.tour

The page is results/tour/index.html. The first call trains small networks, less than a minute on two cores. They are
the study tour; a second call trains nothing.
"""

import sys
from collections.abc import Sequence

from experiments.config.arguments import exit_code, show_help
from experiments.config.errors import ConfigError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 if a run failed, 2 for a bad argument."""
    arguments = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(arguments):
        return show_help(__doc__)
    return exit_code("tour", lambda: _tour(arguments))


def _tour(arguments: Sequence[str]) -> int:
    if arguments:
        raise ConfigError(f"unknown argument {arguments[0]!r}: the tour takes none", [])
    from experiments.tour.writing import write  # help needs none of its libraries

    page = write()
    if page is None:
        return 1
    print(f"open {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
