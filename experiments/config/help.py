"""The texts of `python run.py --help`, from the declarations, the registries, conf/ and the commands' own texts.

The first text names everything. `--help GROUP` explains a group: a choice, `experiment`, `settings` or `launcher`.
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from textwrap import fill, wrap

from experiments.config.choices import (
    CATALOGUE,
    CONF,
    REGISTRIES,
    catalogue,
    default_options,
    hyperparameters,
    options,
    required,
)
from experiments.config.commands import command_line, files, sentence
from experiments.config.errors import ConfigError
from experiments.config.plugins import PACKAGES
from experiments.config.rules import Rates
from experiments.config.schema import Configuration, declared, groups
from experiments.data.packages import TABLES
from experiments.data.sets import DATASETS, ROWS
from nets.hyperparameters import rules
from nets.names import nearest

RUN = command_line("run")
INTRODUCTION = f"""\
Train NumPy multilayer perceptrons and compare activations, output units and costs.

  {RUN} -m activation=relu,elu,tanh
  {RUN} -m dataset=digits,mnist5k 'activation=glob(*)' 'optimizer.lr=[0.03,0.1]' study=mine
  {RUN} +experiment=lu_comparison
  {command_line("report")} study=mine
  {RUN} reproduce=results/mine/runs/RUN      train a recorded run again and compare
"""
AUTO = {"output": "What suits the task.", "init": "The default initializer of the activation."}
PRESETS = "Presets, each a whole sweep, +experiment=NAME (several: NAME,NAME):"
LAUNCHERS = "Launchers, hydra/launcher=NAME; without one, worker processes of this machine train:"

WIDTH = 100
"""The most columns of a line."""


def help_text(words: Sequence[str] = ()) -> str:
    """Return what the groups among the words of a command line contain; without one, how to use it and all names.

    Raises
    ------
    ConfigError
        For a word that is neither a group nor a setting.
    """
    explained: dict[str, Callable[[], list[str]]] = {
        **{choice: partial(_choice, choice) for choice in REGISTRIES},
        "experiment": _presets,
        "settings": _settings,
        "launcher": _launchers,
    }
    asked = [word for word in words if "=" not in word]
    for word in asked:
        if word not in explained:
            raise ConfigError(f"--help {word}: {nearest(word, explained)}")
    if asked:
        return "\n\n".join("\n".join(explained[group]()) for group in asked)
    return "\n".join(
        [
            INTRODUCTION,
            "Choices, CHOICE=NAME (several: NAME,NAME; all: 'CHOICE=glob(*)'); the first one is the default:",
            *(_entry(choice, ", ".join(_names(choice)), column=14) for choice in REGISTRIES),
            "",
            PRESETS,
            _listed(options("experiment")),
            "",
            "Settings, KEY=VALUE:",
            _listed(_keys()),
            "",
            f"What they are and which values they allow, {RUN} --help GROUP; the groups:",
            _listed(explained),
            "",
            f"Other commands, {command_line('NAME')}; each has a --help of its own:",
            *(_entry(name, sentence(file), column=14) for name, file in files().items() if name != "run"),
            "",
            "--cfg job prints the composed configuration; --hydra-help tells of Hydra's own options.",
        ]
    )


def _entry(name: str, *texts: str, column: int = 22) -> str:
    """Return a name with texts that begin at a column; a name that is too long has a line of its own."""
    lines = [line for text in texts for line in wrap(text, WIDTH - column, break_on_hyphens=False)]
    head = f"  {name}"
    beside = lines.pop(0) if lines and len(head) < column else ""
    return "\n".join([f"{head:<{column}}{beside}".rstrip(), *(" " * column + line for line in lines)])


def _listed(names: Iterable[str]) -> str:
    return fill(", ".join(names), WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _names(choice: str) -> list[str]:
    """Return the options of a choice, the default first."""
    default = default_options()[choice]
    names = [default, *(name for name in options(choice) if name != default)]
    folders = {"activation": [CATALOGUE], "dataset": list(TABLES)}.get(choice, [])
    return [*names, *(f"{folder}/NAME" for folder in folders)]


def _choice(choice: str) -> list[str]:
    """Return the lines of a choice: each option with its hyperparameters and what it is."""
    lines = [f"{choice}=NAME, by default {default_options()[choice]}; the settings of a name are {choice}.KEY=VALUE:"]
    for name in options(choice):
        variant = REGISTRIES[choice].get(name)
        about = (inspect.getdoc(variant) or "").partition("\n")[0] if variant else AUTO.get(choice, "A formula.")
        about += f" ({PACKAGES[variant]})" if variant in PACKAGES else ""
        lines.append(_entry(name, "  ".join(describe(choice, name)), about))
    if choice == "activation":
        lines.append(_entry(f"{CATALOGUE}/NAME", f"{len(catalogue())} more: {command_line('explain')} activations"))
    if choice == "dataset":
        lines += [_entry(f"{name}/NAME", ", ".join(tables)) for name, tables in TABLES.items()]
        lines.append(_entry("dataset.rows=0", "the most rows of any data set; 0: all"))
        lines += [_entry(f"dataset.{key}", words) for key, words in _reading_options().items()]
    return lines


def describe(choice: str, option: str) -> list[str]:
    """Return `key=default`, or `key=…` without a default, for each hyperparameter of a registered option."""
    if option not in REGISTRIES[choice]:
        return []
    needed = required(choice, option)
    texts = []
    for key, (_, default) in hyperparameters(REGISTRIES[choice][option]).items():
        if choice == "dataset" and key == ROWS:  # every data set has it
            continue
        value = "…" if key in needed else list(default) if isinstance(default, tuple) else default
        texts.append(f"{key}={value}")
    return texts


def _reading_options() -> dict[str, str]:
    """Return the allowed values of the options of reading a table, by their names."""
    return {key: rule.words for function in DATASETS.values() for key, rule in rules(function).items()}


def _presets() -> list[str]:
    lines = [PRESETS]
    for name in options("experiment"):
        comment = (CONF / "experiment" / f"{name}.yaml").read_text("utf-8").splitlines()[1]
        lines.append(_entry(name, comment.removeprefix("# "), column=34))
    return lines


def _launchers() -> list[str]:
    files = sorted((CONF / "hydra" / "launcher").glob("*.yaml"))
    about = {path.stem: path.read_text("utf-8").partition("\n")[0].removeprefix("# ") for path in files}
    return [LAUNCHERS, *(_entry(name, text) for name, text in about.items())]


def _config_lines() -> list[tuple[str, str, str]]:
    """Return the dotted key, the default and the comment of each line of conf/config.yaml; a group has no default."""
    text = (CONF / "config.yaml").read_text("utf-8").partition("\n\n")[2].partition("\nhydra:")[0].rstrip()
    text = text.replace("${dataset.batch_size}", "… # by default the data set's: 32, or less for a small data set")
    about = "by default as in the optimizer's file (sgd: the data set's); a list is trained as one stack"
    text = f"{text}\noptimizer:\n  lr: … # {about}"
    lines, group = [], ""
    for line in text.splitlines():
        setting, _, comment = line.partition(" # ")
        key, _, default = setting.strip().partition(":")
        group = group if line.startswith(" ") else key
        lines.append((f"{group}.{key}" if line.startswith(" ") else key, default.strip(), comment))
    return lines


def _keys() -> list[str]:
    return [key for key, default, _ in _config_lines() if default]


def _settings() -> list[str]:
    """Return the settings of conf/config.yaml with the values that each allows; a group has a line if it says more."""
    lines = ["Settings, KEY=VALUE, with their defaults:"]
    for dotted, default, comment in _config_lines():
        group, _, key = dotted.rpartition(".")
        declaration = groups().get(group, Configuration)
        rule = rules(declaration).get(key) if key in declared(declaration) else None
        rule = Rates() if dotted == "optimizer.lr" else rule
        about = " ".join(filter(None, [comment, f"({rule.words})" if rule else ""]))
        if default or about:
            lines.append(_entry(f"{dotted}={default}" if default else f"{dotted}.KEY", about, column=30))
    return lines
