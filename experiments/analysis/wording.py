"""Parts of sentences: lists of names and counted nouns."""

from collections.abc import Iterable


def enumeration(texts: Iterable[str]) -> str:
    """Return texts as "a, b and c"; after the fourth of more than five, "and 2 more"."""
    shown = list(texts)
    if len(shown) > 5:
        shown = [*shown[:4], f"{len(shown) - 4} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def in_sentence(name: str) -> str:
    """Return a name without commas: "relu (net.hidden=[32])" for "relu, net.hidden=[32]"."""
    first, comma, rest = name.partition(", ")
    return f"{first} ({rest})" if comma else name


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 seed", "2 seeds"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def verb(number: int, singular: str, plural: str) -> str:
    """Return the form of a verb that fits the number of its subjects."""
    return singular if number == 1 else plural


def rate_text(rate: float) -> str:
    """Return a learning rate with four digits, which are enough for a reader; the tables have all digits."""
    return f"{rate:.4g}"


def p_text(p: float) -> str:
    """Return a p value with two digits: "p = 0.03", or "p < 0.0001"."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"
