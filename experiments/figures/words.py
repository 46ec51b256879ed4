"""The words that say which figure is drawn, and how: upper and lower case are one, and a wrong word is guessed."""

from collections.abc import Iterable

from experiments.config.errors import ConfigError
from nets.names import guess, nearest


class UnknownWord(ConfigError):
    """A word that is none of the allowed ones.

    Attributes
    ----------
    word, meant
        The word, and the allowed one that is near to it; None if none is.
    """

    def __init__(self, message: str, word: str, allowed: Iterable[str]):
        super().__init__(message)
        self.word, self.meant = word, guess(word, allowed)


def spelled(begin: str, word: str, allowed: Iterable[str]) -> str:
    """Return the allowed word that is this one, but for upper and lower case.

    Raises
    ------
    UnknownWord
        If there is none. Its message starts with `begin`.
    """
    allowed = list(allowed)
    if word in allowed:
        return word
    for option in allowed:
        if option.casefold() == word.casefold():
            return option
    raise UnknownWord(f"{begin}: {nearest(word, allowed)}", word, allowed)
