"""Evaluates an activation against the field, over many data sets, and writes one page with the verdict.

    python -m experiments.evaluate NAME                      an activation of the catalogue, such as serf
    python -m experiments.evaluate 'EXPRESSION'              a function of x, such as 'x*sigmoid(1.702*x)'
    python -m experiments.evaluate --store                   writes the reference from the study protocol_v1

    parameters={beta:1.0}     learned parameters of the expression, with their initial values
    suite=suite30             the data sets
    budget=small              8 learning rates, every third data set, plain networks: less than a minute on two cores
    budget=full               16 learning rates, all data sets, all recipes of the reference
    reference=relu            the activation with which it is compared
    margin=0.005              the largest difference of errors that does not matter

Only the newcomer is trained, into the study evaluate-NAME, by the frozen protocol conf/experiment/protocol_v1.yaml.
Its seeds, data and learning rates are those of the stored reference in results/reference/atlas/.
"""

import sys
from collections.abc import Sequence

from experiments.config.arguments import exit_code, key_values
from experiments.config.errors import ConfigError
from experiments.evaluate.protocol import MARGIN, REFERENCE

KEYS = ("parameters", "suite", "budget", "reference", "margin")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0 whatever the verdict, 1 if a run failed, 2 for a bad argument."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return exit_code("evaluate", lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    if not arguments or {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    if arguments[0] == "--store":
        from experiments.evaluate.evaluating import store_reference

        if len(arguments) > 1:
            raise ConfigError(f"{arguments[1]!r}: --store stands alone", ["--store"])
        return store_reference()
    subject, *rest = arguments
    if subject.partition("=")[0] in KEYS:
        raise ConfigError(f"{subject!r}: the name or the expression of an activation comes first", ["relu", subject])
    if subject.startswith("-"):
        raise ConfigError(
            f"unknown option {subject!r}: allowed are the name or the expression of an activation, --store"
        )
    others = [word for word in rest if "=" not in word and not word.startswith("-")]
    if others:
        raise _several([subject, *others], [word for word in rest if word not in others])
    values = key_values(rest, KEYS, before=[subject])
    margin = _margin(values.get("margin"))
    from experiments.evaluate.evaluating import Request, evaluate  # help needs none of its libraries

    words = {"parameters": "", "suite": "suite30", "budget": "small", "reference": REFERENCE} | values
    parameters, suite, budget, reference = (words[key] for key in KEYS[:-1])
    return evaluate(Request(subject, parameters, suite, budget, reference, margin))


def _several(words: Sequence[str], options: Sequence[str]) -> ConfigError:
    """Return the refusal of several words where one activation is allowed: two names, or an expression unquoted."""
    from nets.expressions import ExpressionError, parse

    if len(words) == 2 and all(len(word) > 1 and word.isidentifier() for word in words):
        first, second = words
        reference = f"another one to compare it with is reference={second}"
        return ConfigError(
            f"{second!r}: one activation is evaluated; {reference}", [first, f"reference={second}", *options]
        )
    text = " ".join(words)
    try:
        parse(text, ["x"])
    except ExpressionError:  # a shell has put the names of files in the place of a star, for example
        text = "x*tanh(x)"
    return ConfigError(
        "several words: one activation is evaluated, and an expression of x stands in quotes", [text, *options]
    )


def _margin(text: str | None) -> float:
    try:
        margin = MARGIN if text is None else float(text)
    except ValueError:
        margin = -1.0
    if not 0 <= margin < 1:
        raise ConfigError(f"margin={text}: allowed is a share of the rows from 0 to 1, such as 0.005")
    return margin


if __name__ == "__main__":
    sys.exit(main())
