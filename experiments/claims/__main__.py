"""Trains what the literature's claims need, judges the claims and writes the verdicts.

    python -m experiments.claims [NUMBER …] [--quick] [select=RULE]      all claims, or those of these numbers

The studies are presets of conf/experiment/. They are trained into results/, as run.py trains them; finished runs are
kept. The command writes results/claims/: claims.md, claims.csv, figures/, and tables/, by which the claims are judged.
--quick takes three seeds instead of ten and writes results/claims-quick/; its verdicts are preliminary.

Learning rates have the lowest validation error, which is registered (select=error). With select=loss, or
select=best_epoch_error, the command judges by that rule into results/claims-loss/ or results/claims-best_epoch_error/.
Claims 16 to 21, 23, and 26 to 30 accept no other rule, because tuning seeds choose their rates before the reported
networks are trained.
"""

import re
import sys
from collections.abc import Sequence

from experiments.analysis.wording import counted
from experiments.claims.registry import MODULES
from experiments.config.arguments import exit_code
from experiments.config.errors import ConfigError
from nets.names import nearest


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0 whatever the verdicts, 1 if a study could not run, 2 for a bad argument."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return exit_code("claims", lambda: _judge(arguments))


def _judge(arguments: Sequence[str]) -> int:
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    rules = [argument.removeprefix("select=") for argument in arguments if argument.startswith("select=")]
    words = [argument for argument in arguments if not argument.startswith("select=")]
    allowed = [*map(str, MODULES), "--quick"]
    for word in words:
        if word not in allowed:
            meant = [part for each in arguments for part in _meant(each)]
            known = all(part in allowed or part.startswith("select=") for part in meant)
            reason = f"unknown argument {word!r}: {nearest(word, [*allowed, 'select='])}"
            raise ConfigError(reason, meant if known else None)
    numbers = sorted({int(word) for word in words if word != "--quick"}) or list(MODULES)
    from experiments.tables import SELECT  # help and a bad number need none of its libraries

    for rule in rules:
        if rule not in SELECT:
            raise ConfigError(f"select={rule}: {nearest(rule, SELECT)}")
    if len(set(rules)) > 1:
        raise ConfigError(f"select= is given as {' and as '.join(rules)}; allowed is one rule")
    print("judging", counted(len(numbers), "claim"), flush=True)  # the libraries below take a second to import
    from experiments.claims.judging import judge_claims

    return judge_claims(numbers, quick="--quick" in words, select=rules[0] if rules else "error")


def _meant(word: str) -> list[str]:
    """Return what an argument seems to mean: several numbers in one word, or dashes too many or too few."""
    if re.fullmatch(r"\d+(,\d+)*", word):
        return word.split(",")
    bare = word.lstrip("-")
    return [f"--{bare}" if bare == "quick" else bare]


if __name__ == "__main__":
    sys.exit(main())
