"""Trains what the literature's claims need, judges the claims and writes the verdicts.

    python -m experiments.claims [NUMBER …] [--quick]        all claims, or those of these numbers

The studies are presets of conf/experiment/. They are trained into results/, as run.py trains them; finished runs are
kept. The command writes results/claims/: claims.md, claims.csv, figures/, and tables/, by which the claims are judged.
--quick takes three seeds instead of ten and writes results/claims-quick/; its verdicts are preliminary.
"""

import sys
from collections.abc import Sequence

from experiments.claims.registry import MODULES
from nets.names import nearest


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0 whatever the verdicts, 1 if a study could not run, 2 for a bad argument."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    allowed = [*map(str, MODULES), "--quick"]
    unknown = [argument for argument in arguments if argument not in allowed]
    if unknown:
        print(f"claims: unknown argument {unknown[0]!r}: {nearest(unknown[0], allowed)}", file=sys.stderr)
        return 2
    numbers = sorted({int(argument) for argument in arguments if argument != "--quick"}) or list(MODULES)
    from experiments.claims.judging import judge_claims  # help and a bad argument need none of its libraries

    return judge_claims(numbers, quick="--quick" in arguments)


if __name__ == "__main__":
    sys.exit(main())
