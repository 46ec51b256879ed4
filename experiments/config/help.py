"""The text of `python run.py --help`, from the declarations, the registries and conf/."""

import inspect

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
from experiments.config.commands import command_line
from experiments.config.plugins import PACKAGES
from experiments.config.rules import Rates
from experiments.config.schema import Configuration, declared, groups
from experiments.data.packages import TABLES
from experiments.data.sets import DATASETS, ROWS
from nets.hyperparameters import rules

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


def help_text() -> str:
    """Return every choice with its options and their hyperparameters, every preset and every setting."""
    lines = [
        INTRODUCTION,
        "Choices, CHOICE=NAME (several: NAME,NAME; all: 'CHOICE=glob(*)'), with their own settings, CHOICE.KEY=VALUE:",
        *_choices(),
        "",
        "Presets, each a whole sweep, +experiment=NAME (several: NAME,NAME):",
        *_presets(),
        "",
        "Settings, KEY=VALUE or KEY.KEY=VALUE, with their defaults:",
        *_settings(),
        "",
        "Launchers, hydra/launcher=NAME; without one, worker processes of this machine train:",
        *_launchers(),
        "",
        "--cfg job prints the composed configuration; --hydra-help tells of Hydra's own options.",
    ]
    return "\n".join(lines)


def _choices() -> list[str]:
    defaults = default_options()
    lines = []
    for choice, registry in REGISTRIES.items():
        lines.append(f"  {choice}, by default {defaults[choice]}:")
        for name in options(choice):
            variant = registry.get(name)
            about = (inspect.getdoc(variant) or "").partition("\n")[0] if variant else AUTO.get(choice, "A formula.")
            about += f" ({PACKAGES[variant]})" if variant in PACKAGES else ""
            lines.append(f"    {name:<20}{'  '.join([*describe(choice, name), about])}".rstrip())
        if choice == "activation":
            lines.append(f"    {CATALOGUE}/NAME      {len(catalogue())} more: {command_line('explain')} activations")
        if choice == "dataset":
            lines += [f"    {name}/NAME{'':<{15 - len(name)}}{', '.join(tables)}" for name, tables in TABLES.items()]
            lines.append("      dataset.rows=0      the most rows of any data set; 0: all")
            lines += [f"      dataset.{key:<12}{words}" for key, words in _reading_options().items()]
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
    lines = []
    for name in options("experiment"):
        comment = (CONF / "experiment" / f"{name}.yaml").read_text("utf-8").splitlines()[1]
        lines.append(f"  {name:<32}{comment.removeprefix('# ')}")
    return lines


def _launchers() -> list[str]:
    files = sorted((CONF / "hydra" / "launcher").glob("*.yaml"))
    return [f"  {path.stem:<32}{path.read_text('utf-8').partition(chr(10))[0].removeprefix('# ')}" for path in files]


def _settings() -> list[str]:
    """Return the lines of conf/config.yaml, each with the values that its setting allows."""
    text = (CONF / "config.yaml").read_text("utf-8").partition("\n\n")[2].partition("\nhydra:")[0]
    text = text.replace("${dataset.batch_size}", "the data set's # 32, or less for a small data set")
    lines, group = [], ""
    for line in text.rstrip().splitlines():
        setting, _, comment = line.partition(" # ")
        key = setting.strip().partition(":")[0]
        group = key if not line.startswith(" ") else group
        declaration = groups().get(group, Configuration) if line.startswith(" ") else Configuration
        rule = rules(declaration).get(key) if key in declared(declaration) else None
        about = " ".join(filter(None, [comment, f"({rule.words})" if rule else ""]))
        lines.append(f"  {setting} # {about}" if about else f"  {setting}")
    return [
        *lines,
        "  optimizer:",
        f"    lr: as in the optimizer's file (sgd: the data set's) # a list is trained as one stack ({Rates.words})",
    ]
