"""The words of a command line that begin with a dash: Hydra's own options, and settings that were typed as options."""

from collections.abc import Sequence

from experiments.config.commands import command_line
from experiments.config.errors import ConfigError
from experiments.config.keys import SYNONYMS, allowed_values, is_key
from experiments.config.values import parts

SHOWING = frozenset({"--cfg", "-c", "--info", "-i", "--hydra-help", "--version", "--shell-completion", "-sc"})
"""Hydra's options that show something and start nothing."""
ALONE = frozenset(
    {"-h", "--help", "-m", "--multirun", "--resolve", "--hydra-help", "--version", "--shell-completion", "-sc"}
)
VALUED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("--cfg", "-c"), ("job", "hydra", "all")),
    **dict.fromkeys(("--info", "-i"), ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")),
    **dict.fromkeys(("--package", "-p", "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"), ()),
}
"""By option that has a value, the allowed values; any, if none are named."""


def options_and_words(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the options of a command line with their values, and the words that set something.

    Raises
    ------
    ConfigError
        For an option that Hydra does not have; a setting needs no dashes.
    """
    flags: list[str] = []
    words: list[str] = []
    refused = ""
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            words.append(word)
        elif name in VALUED:
            if not equals:
                value = rest.pop(0) if rest else ""
            if not value or (VALUED[name] and value not in VALUED[name]):
                raise ConfigError(f"{word}: allowed is {name} {'|'.join(VALUED[name]) or 'VALUE'}")
            flags += [name, value]
        elif word in ALONE:
            flags.append(word)
        else:
            refused = refused or word
            words.append(_undashed(word, rest))
    if refused:
        raise ConfigError(f"{refused}: settings have no dashes", [*flags, *words])
    if "--resolve" in flags and {"--cfg", "-c"}.isdisjoint(flags):
        raise ConfigError("--resolve needs --cfg job", ["--cfg", "job", *flags, *words])
    if not SHOWING.isdisjoint(flags):
        flags = [flag for flag in flags if flag not in ("-m", "--multirun")]
    return flags, words


def _undashed(word: str, rest: list[str]) -> str:
    """Return the word KEY=VALUE for an option that Hydra does not have; its value may be the first word of the rest."""
    name, equals, value = word.lstrip("-").partition("=")
    key = name if is_key(name) else name.replace("-", "_")
    if not is_key(key):
        raise ConfigError(f"unknown option {word}; `{command_line('run')} --help` shows what is allowed")
    meant = parts(SYNONYMS.get(key, [key])[-1])[1]
    if not equals and allowed_values(meant)[1] is bool:
        value = rest.pop(0) if rest and rest[0] in ("true", "false") else "true"
    elif not equals:
        if not rest or "=" in rest[0] or rest[0].startswith("-"):
            raise ConfigError(f"{word}: settings have no dashes; allowed is {meant}=VALUE")
        value = rest.pop(0)
    return f"{'+' * (key == 'experiment')}{key}={value}"
