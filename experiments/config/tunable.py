"""What a space may tune: the numbers of the recipe, and those of the chosen activation, initializer and optimizer."""

from typing import Any

from experiments.config.choices import REGISTRIES, hyperparameters
from experiments.config.errors import ConfigError
from experiments.config.schema import Configuration, Net
from experiments.config.trials import RATE, Range
from nets.formula import Formula
from nets.hyperparameters import Rule, Whole, rules
from nets.names import guess, nearest

CHOICES = ("activation", "init", "optimizer")
"""The choices whose numbers can be tuned."""


def rule_of_tunable(settings: Configuration, key: str) -> Rule | None:
    """Return the rule for the values of a key that a space may have; None if every number is allowed.

    Raises
    ------
    ConfigError
        If the key cannot be tuned, or the chosen option does not have it.
    """
    tunable = _tunable(settings)
    if key in tunable:
        return tunable[key]
    choice, _, name = key.partition(".")
    if choice in CHOICES:
        _refuse_other_option(choice, name, getattr(settings, choice))
    near = guess(key, [RATE, *tunable])
    texts = {near if name == key else name: text for name, text in settings.tune.space.texts.items()}
    meant = [f"tune.space={{{', '.join(f'{name}: {text}' for name, text in texts.items())}}}"] if near else []
    raise ConfigError(f"tune.space: unknown key {key!r}: {nearest(key, [RATE, *tunable])}", add=meant)


def _tunable(settings: Configuration) -> dict[str, Rule | None]:
    whole, net = rules(Configuration), rules(Net)
    tunable: dict[str, Rule | None] = {key: whole[key] for key in ("activation_l1", "batch_size")}
    tunable |= {f"net.{name}": net[name] for name in ("dropout", "input_dropout")}
    for choice in CHOICES:
        option = type(getattr(settings, choice))
        numbers = [name for name, (hint, _) in hyperparameters(option).items() if hint is float]
        tunable |= {f"{choice}.{name}": rules(option).get(name) for name in numbers}
    if isinstance(settings.activation, Formula):
        tunable |= {f"activation.parameters.{name}": None for name in settings.activation.initial}
    return tunable


def _refuse_other_option(choice: str, name: str, chosen: Any) -> None:
    """Refuse a key of the chosen option that is no number, or that only other options have."""
    if name in hyperparameters(type(chosen)):
        hint = hyperparameters(type(chosen))[name][0]
        reason = "it changes the size of the network" if hint is int else "it is no number"
        raise ConfigError(f"tune.space: {choice}.{name} cannot be tuned: {reason}")
    others = [option for option, variant in REGISTRIES[choice].items() if name in hyperparameters(variant)]
    if others:
        sweep = "a sweep of its own, which" if len(others) == 1 else "sweeps of their own, which"
        raise ConfigError(
            f"tune.space: {chosen.name} has no {choice}.{name}: train {' and '.join(others)} in {sweep} may have the "
            "same study"
        )


def check_range(item: Range, rule: Rule | None) -> None:
    """Refuse bounds that a setting's rule does not accept.

    Raises
    ------
    ConfigError
        With the key, the range and what is allowed.
    """
    for bound in (item.low, item.high):
        value = int(bound) if isinstance(rule, Whole) and bound.is_integer() else bound
        if rule and not rule.accepts(value):
            words = rule.words.partition(" or a list")[0]
            raise ConfigError(f"tune.space: {item.key}: {item} has the bound {value!r}: allowed is {words}")
