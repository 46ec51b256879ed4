"""The keys that a command line may set, what kind of value each has, and other programs' names for them."""

from functools import cache
from typing import Any, get_origin

from experiments.config.choices import EXTRAS, REGISTRIES, hyperparameters
from experiments.config.rules import Rates
from experiments.config.schema import Configuration, declared, groups
from nets.hyperparameters import Rule, rules

CHOICES = (*REGISTRIES, "experiment")
TEXT, LIST, TEXTS, OTHER = "text", "list", "list of texts", "other"

_KEYS = {
    ("lr", "learning_rate", "learning_rate_init", "rate", "eta", "step_size"): ["optimizer.lr={}"],
    ("weight_decay", "l2", "decay"): ["optimizer.weight_decay={}"],
    ("optim", "opt", "solver"): ["optimizer={}"],
    ("epoch", "n_epochs", "num_epochs", "max_epochs", "max_iter", "iterations"): ["epochs={}"],
    ("batch", "bs", "batchsize", "minibatch", "mini_batch_size"): ["batch_size={}"],
    ("seed", "random_state", "random_seed"): ["seeds=[{}]"],
    ("n_seeds", "num_seeds", "repeats", "runs"): ["seeds={}"],
    ("hidden", "hidden_sizes", "hidden_layer_sizes", "hidden_layers", "layers", "layer_sizes"): ["net.hidden={}"],
    ("widths", "width", "units", "architecture"): ["net.hidden={}"],
    ("act", "act_fn", "activation_function", "activations", "nonlinearity", "model"): ["activation={}"],
    ("loss", "loss_fn", "loss_function", "cost", "criterion", "objective", "head"): ["output={}"],
    ("data", "data_set", "datasets"): ["dataset={}"],
    ("file", "filename", "csv"): ["dataset=csv", "dataset.path={}", "dataset.target=COLUMN"],
    ("initializer", "initialization", "weight_init", "kernel_initializer"): ["init={}"],
    ("scheduler", "lr_schedule", "lr_scheduler"): ["schedule={}"],
    ("test_size", "test_split", "test_fraction"): ["split.test={}"],
    ("val_size", "val_split", "validation_split", "validation_fraction"): ["split.validation={}"],
    ("name", "run_name", "experiment_name", "project", "out", "output_dir"): ["study={}"],
    ("precision", "float_type"): ["dtype={}"],
    ("negative_slope", "leak"): ["activation.slope={}"],
    ("n_jobs", "jobs", "workers", "num_workers", "processes"): ["hydra/launcher=joblib", "hydra.launcher.n_jobs={}"],
    ("preset", "experiments", "recipe"): ["+experiment={}"],
    ("dry_run", "dryrun"): ["plan={}"],
    ("overwrite", "retrain"): ["force={}"],
    ("save_model", "save_models", "save_networks"): ["save={}"],
    ("formula", "expression"): ["activation=formula", "formula.expression={}"],
}
SYNONYMS = {name: words for names, words in _KEYS.items() for name in names}
"""By other programs' name of a setting, the words that say it here; {} is the value."""

_OPTIONS = {
    ("activation", "silu"): ["swish"],
    ("activation", "sigmoid"): ["logistic", "expit"],
    ("activation", "linear"): ["identity", "none"],
    ("activation", "leaky_relu"): ["lrelu", "leakyrelu"],
    ("activation", "hard_sigmoid"): ["hardsigmoid"],
    ("output", "softmax_ce"): ["cross_entropy", "crossentropy", "categorical_crossentropy", "softmax", "log_loss"],
    ("output", "sigmoid_ce"): ["bce", "binary_crossentropy", "sigmoid"],
    ("output", "linear_mse"): ["squared_error", "l2", "linear"],
    ("output", "linear_hinge"): ["svm"],
    ("init", "glorot_uniform"): ["xavier", "xavier_uniform"],
    ("init", "glorot_normal"): ["xavier_normal"],
    ("init", "he_normal"): ["kaiming", "kaiming_normal"],
    ("init", "he_uniform"): ["kaiming_uniform"],
    ("schedule", "multistep"): ["step"],
    ("schedule", "constant"): ["none"],
}
OPTION_SYNONYMS = {(choice, name): option for (choice, option), names in _OPTIONS.items() for name in names}
"""By choice and other programs' name of an option, its name here."""


@cache
def kinds() -> dict[str, str]:
    """Return by dotted key the kind of value of every setting and of every option's own settings."""
    found: dict[str, str] = {}
    for key, (hint, _) in declared(Configuration).items():
        if key in groups():
            inner = rules(hint)
            found |= {f"{key}.{name}": _kind(kind, inner.get(name)) for name, (kind, _) in declared(hint).items()}
        elif key not in REGISTRIES:
            found[key] = _kind(hint, rules(Configuration).get(key))
    for choice, registry in REGISTRIES.items():
        found |= {f"{choice}.{name}": OTHER for name in EXTRAS.get(choice, {})}
        for variant in registry.values():
            for name, (hint, _) in hyperparameters(variant).items():
                if found.get(f"{choice}.{name}", OTHER) == OTHER:
                    found[f"{choice}.{name}"] = _kind(hint, None)
    return found


def _kind(hint: Any, rule: Rule | None) -> str:
    if hint is str:
        return TEXT
    if get_origin(hint) is tuple and not (rule and rule.accepts(1)):
        return TEXTS if str in hint.__args__ else LIST
    return OTHER


def is_key(text: str) -> bool:
    """Return whether a text is the key of a setting, or another program's name for one."""
    return text in kinds() or text in CHOICES or text in SYNONYMS


def having(choice: str, key: str) -> list[str]:
    """Return the options of a choice that have a setting of this name."""
    return [name for name, variant in REGISTRIES[choice].items() if key in hyperparameters(variant)]


def allowed_values(key: str) -> tuple[Rule | None, Any]:
    """Return the rule and the type of the setting with this dotted key; (None, None) if there is no such key."""
    if key == "optimizer.lr":
        return Rates(), None
    group, _, name = key.rpartition(".")
    declaration = groups().get(group, Configuration) if group not in REGISTRIES else None
    if declaration is not None and name in declared(declaration):
        return rules(declaration).get(name), declared(declaration)[name][0]
    for option in having(group, name) if group in REGISTRIES else ():
        variant = REGISTRIES[group][option]
        hint = hyperparameters(variant)[name][0]
        return (rules(variant).get(name) if isinstance(variant, type) else None), hint
    return None, None
