"""The error of a configuration or argument that is refused."""


class ConfigError(ValueError):
    """A configuration that is refused before anything is trained or written."""
