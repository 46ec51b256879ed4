"""The keys that a command line may set, what kind of value each has, and other programs' names for them."""

from functools import cache
from typing import Any, get_origin

from experiments.config.choices import EXTRAS, REGISTRIES, hyperparameters
from experiments.config.rules import Rates
from experiments.config.schema import Configuration, declared, groups
from experiments.config.values import table_words
from nets.hyperparameters import Rule, rules

CHOICES = (*REGISTRIES, "experiment")
PARAMETERS = "activation.parameters."
"""The beginning of the keys that set the initial value of one learned parameter of a formula."""
TEXT, LIST, TEXTS, OTHER = "text", "list", "list of texts", "other"

_KEYS = {
    ("lr", "learning_rate", "learning_rate_init"): ["optimizer.lr={}"],
    ("weight_decay", "l2"): ["optimizer.weight_decay={}"],
    ("optim", "opt", "solver"): ["optimizer={}"],
    ("epoch", "n_epochs", "num_epochs", "max_epochs", "max_iter"): ["epochs={}"],
    ("batch", "bs"): ["batch_size={}"],
    ("seed", "random_state", "random_seed"): ["seeds=[{}]"],
    ("n_seeds", "num_seeds", "repeats"): ["seeds={}"],
    ("hidden", "hidden_sizes", "hidden_layer_sizes", "hidden_layers", "layers", "units"): ["net.hidden={}"],
    ("act", "activation_function", "nonlinearity"): ["activation={}"],
    ("loss", "loss_fn", "cost", "criterion"): ["output={}"],
    ("data",): ["dataset={}"],
    ("file", "csv"): table_words("{}"),
    ("sep", "delimiter"): ["dataset.separator={}"],
    ("na_values",): ["dataset.na={}"],
    ("ignore", "exclude"): ["dataset.drop={}"],
    ("group",): ["dataset.groups={}"],
    ("initializer", "weight_init", "kernel_initializer"): ["init={}"],
    ("scheduler", "lr_scheduler"): ["schedule={}"],
    ("test_size",): ["split.test={}"],
    ("val_size", "validation_split", "validation_fraction"): ["split.validation={}"],
    ("name", "run_name", "experiment_name", "output_dir"): ["study={}"],
    ("precision",): ["dtype={}"],
    ("negative_slope",): ["activation.slope={}"],
    ("n_jobs", "jobs", "num_workers"): ["workers={}"],
    ("normalization", "norm_layer", "batchnorm", "batch_norm", "layernorm", "layer_norm"): ["net.norm={}"],
    ("dropout_rate", "drop", "drop_rate"): ["net.dropout={}"],
    ("skip", "skip_connections", "resnet"): ["net.residual={}"],
    ("grad_clip", "gradient_clip", "clip", "clip_grad", "clip_grad_norm", "max_grad_norm"): ["optimizer.clip_norm={}"],
    ("warmup_epochs",): ["schedule.warmup={}"],
    ("smoothing",): ["output.label_smoothing={}"],
    ("n_iter_no_change",): ["early_stopping.patience={}"],
    ("preset",): ["+experiment={}"],
    ("dry_run",): ["plan={}"],
    ("overwrite",): ["force={}"],
    ("save_model",): ["save={}"],
}
SYNONYMS = {name: words for names, words in _KEYS.items() for name in names}
"""Other programs' names of settings, each with the words that set it here; {} is the value."""

EARLIER = {"threads": "workers"}
"""Names of settings in earlier versions, which are still accepted, with those of today."""

_OPTIONS = {
    ("activation", "silu"): ["swish"],
    ("activation", "sigmoid"): ["logistic", "expit"],
    ("activation", "linear"): ["identity", "none"],
    ("activation", "leaky_relu"): ["lrelu", "leakyrelu"],
    ("activation", "hard_sigmoid"): ["hardsigmoid"],
    ("output", "softmax_ce"): ["cross_entropy", "crossentropy", "categorical_crossentropy", "softmax", "log_loss"],
    ("output", "sigmoid_ce"): ["bce", "binary_crossentropy", "sigmoid"],
    ("output", "linear_mse"): ["squared_error", "l2", "linear"],
    ("output", "linear_mae"): ["mae", "l1", "absolute_error", "laplace"],
    ("output", "linear_huber"): ["huber", "smooth_l1"],
    ("output", "exp_poisson"): ["poisson", "poisson_nll"],
    ("output", "gaussian_nll"): ["gaussian", "nll"],
    ("output", "quantile"): ["pinball"],
    ("output", "softmax_focal"): ["focal"],
    ("output", "linear_hinge"): ["svm"],
    ("init", "glorot_uniform"): ["xavier", "xavier_uniform"],
    ("init", "glorot_normal"): ["xavier_normal"],
    ("init", "he_normal"): ["kaiming", "kaiming_normal"],
    ("init", "he_uniform"): ["kaiming_uniform"],
    ("schedule", "multistep"): ["step"],
    ("schedule", "constant"): ["none"],
}
OPTION_SYNONYMS = {(choice, name): option for (choice, option), names in _OPTIONS.items() for name in names}
"""The name here of an option, by its choice and its name in other programs."""


@cache
def kinds() -> dict[str, str]:
    """Return the kind of value of every setting, by its dotted key; an option's settings are among them."""
    kind_by_key: dict[str, str] = {}
    for key, (hint, _) in declared(Configuration).items():
        if key in groups():
            inner = rules(hint)
            kind_by_key |= {f"{key}.{name}": _kind(kind, inner.get(name)) for name, (kind, _) in declared(hint).items()}
        elif key not in REGISTRIES:
            kind_by_key[key] = _kind(hint, rules(Configuration).get(key))
    for choice, registry in REGISTRIES.items():
        kind_by_key |= {f"{choice}.{name}": OTHER for name in EXTRAS.get(choice, {})}
        for variant in registry.values():
            for name, (hint, _) in hyperparameters(variant).items():
                if kind_by_key.get(f"{choice}.{name}", OTHER) == OTHER:
                    kind_by_key[f"{choice}.{name}"] = _kind(hint, None)
    return kind_by_key


def _kind(hint: Any, rule: Rule | None) -> str:
    if hint is str:
        return TEXT
    if get_origin(hint) is tuple and not (rule and rule.accepts(1)):
        return TEXTS if str in hint.__args__ else LIST
    return OTHER


def is_key(text: str) -> bool:
    """Return whether a text is the key of a setting, or another program's name for one."""
    return text in kinds() or text in CHOICES or text in SYNONYMS or text in EARLIER


def options_with(choice: str, key: str) -> list[str]:
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
    for option in options_with(group, name) if group in REGISTRIES else ():
        variant = REGISTRIES[group][option]
        hint = hyperparameters(variant)[name][0]
        return (rules(variant).get(name) if isinstance(variant, type) else None), hint
    return None, None
