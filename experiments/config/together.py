"""What settings must be together: each of them is allowed, but not beside the others."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.config.errors import ConfigError
from experiments.config.schema import Configuration
from experiments.data.split import seeds_by_part_sizes
from experiments.data.table import Data
from nets.network import skips
from nets.optimizers import Cosine
from nets.outputs import OUTPUTS


def listing(seeds: Sequence[int]) -> str:
    """Return seeds as the subject of a sentence with its verb: "0 and 1 are"; of many, the first ten."""
    words = [*map(str, seeds[:10]), *([f"{len(seeds) - 10} more"] if len(seeds) > 10 else [])]
    return f"{' and '.join(filter(None, [', '.join(words[:-1]), words[-1]]))} {'is' if len(seeds) == 1 else 'are'}"


def check_together(settings: Configuration, data: Data, division: Mapping[str, Any]) -> None:
    """Refuse settings that do not fit each other.

    Parameters
    ----------
    settings
        They are checked one by one already.
    data, division
        The data set, and how it is divided, as the functions of `experiments.data.split` take it.

    Raises
    ------
    ValueError
        With the first setting at fault.
    """
    _check_output(settings, data)
    activation = settings.activation
    seeds = (*settings.seeds, *settings.tune.seeds)
    if len(set(seeds)) < len(seeds):
        common = sorted({*settings.seeds} & {*settings.tune.seeds})
        tuning = f"{list(settings.tune.seeds)}".replace(" ", "")
        raise ConfigError(f"tune.seeds={tuning}: {listing(common)} also in seeds. A tuning seed cannot be reported.")
    rows = min(seeds_by_part_sizes(data, seeds, **division))[0]
    if settings.batch_size > rows:
        raise ConfigError(
            f"batch_size={settings.batch_size} is more than the {rows} training rows of {data.name}: "
            f"allowed is 1 to {rows}"
        )
    if settings.net.hidden:
        settings.init.factors(activation)  # it may not be defined for the activation
    _check_recipe(settings)
    _check_evaluation(settings)
    if settings.class_weight != "none" and data.task == "regression":
        raise ConfigError(f"class_weight={settings.class_weight} needs classes, but {data.name} is a regression")
    if settings.pretrain.on and not settings.net.hidden:
        epochs = settings.pretrain.epochs
        raise ConfigError(f"pretrain.epochs={epochs} needs hidden layers, such as net.hidden=[64,64]: net.hidden is []")
    if settings.pretrain.on and activation.pieces > 1:
        epochs = settings.pretrain.epochs
        raise ConfigError(f"pretrain.epochs={epochs}: {activation.name} has pieces, only 0 is allowed")


def _check_output(settings: Configuration, data: Data) -> None:
    """Refuse an output that does not serve the task, or whose likelihood excludes a target."""
    output, is_autoencoder = settings.output, settings.task == "autoencode"
    serving = [name for name, variant in OUTPUTS.items() if data.task in variant.tasks]
    of_scaled = ", ".join(name for name in serving if OUTPUTS[name].scaling != "none")
    if output.name not in serving:
        needed = "numbers" if data.task == "classification" else "classes"
        reason = f"dataset={settings.dataset['name']} is a {data.task}"
        if is_autoencoder:
            reason = "task=autoencode has numbers for targets"
        allowed = of_scaled if is_autoencoder else ", ".join(serving)
        if settings.dataset.get("task") == "classification" and data.classes_are_numbers:
            numbers = f"the {len(data.classes)} different numbers of its target {settings.dataset.get('target')!r}"
            message = f"output={output.name} needs numbers, but {numbers} were read as classes"
            raise ConfigError(message, add=["dataset.task=regression"])
        raise ConfigError(f"output={output.name} needs {needed}, but {reason}: allowed there: {allowed}")
    if is_autoencoder and output.scaling == "none":
        raise ConfigError(
            f"output={output.name} needs counts, but task=autoencode has scaled inputs for targets: "
            f"allowed there: {of_scaled}"
        )
    for column in range(data.targets.shape[1] if data.task == "regression" else 0):
        try:
            output.check_targets(data.targets[:, [column]])
        except ValueError as error:
            target = settings.dataset.get("target") or column + 1
            raise ConfigError(f"{error}, as in target {target!r} of {data.name}: allowed there: {of_scaled}") from error


def _check_evaluation(settings: Configuration) -> None:
    """Refuse what needs the losses of every epoch where only those of the last one are evaluated."""
    if settings.evaluate == "every":
        return
    if settings.early_stopping.on:
        patience = settings.early_stopping.patience
        raise ConfigError(
            f"early_stopping.patience={patience} needs evaluate=every: it compares the validation losses of all epochs"
        )
    if settings.metrics.every_epoch:
        raise ConfigError("metrics.every_epoch=true needs evaluate=every")


def _check_recipe(settings: Configuration) -> None:
    """Refuse a norm, dropout, a residual connection or early stopping where they cannot be used."""
    net, hidden = settings.net, list(settings.net.hidden)
    recipe = {"norm": net.norm != "none", "dropout": net.dropout > 0, "residual": net.residual}
    for name in (name for name, on in recipe.items() if on and not hidden):
        value = json.dumps(getattr(net, name)).strip('"')
        raise ConfigError(f"net.{name}={value} needs hidden layers, such as net.hidden=[64,64]: net.hidden is []")
    if net.residual and not any(skips(hidden)):
        widths = f"{hidden}".replace(" ", "")
        raise ConfigError(
            f"net.residual=true needs two hidden layers in a row of equal width, such as net.hidden=[64,64]: "
            f"net.hidden is {widths}"
        )
    if net.norm == "batch" and settings.batch_size == 1:
        raise ConfigError("net.norm=batch needs 2 rows or more, such as batch_size=32: the variance of 1 row is 0")
    if net.norm == "layer" and settings.activation.pieces * min(hidden) == 1:
        widths = f"{hidden}".replace(" ", "")
        raise ConfigError(
            f"net.norm=layer needs 2 units or more in each hidden layer, such as net.hidden=[64,64]: the variance of 1 "
            f"unit is 0, and net.hidden is {widths}"
        )
    if net.norm != "none" and settings.pretrain.on:
        raise ConfigError(f"pretrain.epochs={settings.pretrain.epochs} needs net.norm=none: it trains plain layers")
    if net.norm != "none" and settings.diagnostics.sharpness:
        raise ConfigError("diagnostics.sharpness=true needs net.norm=none: it is defined for plain layers")
    warmup = getattr(settings.schedule, "warmup", 0)
    if 0 < settings.epochs <= warmup:
        name, epochs = settings.schedule.name, settings.epochs
        raise ConfigError(
            f"schedule={name} with schedule.warmup={warmup} needs more than {warmup} epochs, but epochs is {epochs}: "
            f"allowed is schedule.warmup={min(epochs - 1, max(1, epochs // 10))}, or epochs={warmup + 1} and more"
        )
    if settings.early_stopping.on and isinstance(settings.schedule, Cosine):
        patience, name = settings.early_stopping.patience, settings.schedule.name
        raise ConfigError(
            f"early_stopping.patience={patience} does not go with schedule={name}, whose rate falls until the last "
            "epoch: allowed is schedule=constant or schedule=multistep"
        )
