"""The error of a configuration or argument that is refused."""

from collections.abc import Sequence


class ConfigError(ValueError):
    """A configuration that is refused before anything is trained or written.

    Parameters
    ----------
    message
        One line that says what was wrong and what is allowed.
    instead
        The words of the command line with the one at fault replaced by what was meant.
    """

    def __init__(self, message: str, instead: Sequence[str] | None = None):
        super().__init__(message)
        self.instead = None if instead is None else list(instead)
