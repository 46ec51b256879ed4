"""What is wrong with the words of a command line together: a word without a key, and a word that needs another one."""

import re
from collections.abc import Sequence

from experiments.config.choices import REGISTRIES, default_options, options, read_conf, required
from experiments.config.commands import command_line
from experiments.config.errors import ConfigError
from experiments.config.keys import CHOICES, OPTION_SYNONYMS, TEXT, TEXTS, kinds, options_with
from experiments.config.settings import defaults
from experiments.config.values import EXAMPLES, TABLE, closing, parts, pieces_of, plain_or_quoted, table_words
from experiments.data.packages import TABLES
from nets.formula import Formula

JOBLIB = ("hydra/launcher", "hydra.launcher.n_jobs")
"""The keys by which earlier versions started processes."""


def check_line(words: Sequence[str]) -> None:
    """Refuse words without a key, such as `relu` or the parts of `[64, 64]`, and a second preset.

    Raises
    ------
    ConfigError
        With the words that are meant, if they can be guessed.
    """
    for index, word in enumerate(words):
        if word.startswith("~") or "=" in word[1:]:
            _check_blanks(words, index)
            continue
        meant = _with_key(words, index)
        about = "" if meant else f"; {command_line('run')} --help lists the keys"
        raise ConfigError(
            f"{word if word.strip() else repr(word)}: allowed are words KEY=VALUE such as epochs=20{about}", meant
        )
    _check_joblib(words)
    presets = [word for word in words if parts(word)[1] == "experiment"]
    if len(presets) > 1:
        together = f"+experiment={','.join(parts(word)[2] for word in presets)}"
        rest = [word for word in words if word not in presets]
        raise ConfigError("experiment is given twice: allowed is one word", [together, *rest])


def _check_joblib(words: Sequence[str]) -> None:
    """Refuse the launcher of earlier versions that started processes: every sweep does so now."""
    values = {key: value for _, key, value in map(parts, words) if key in JOBLIB}
    if values.get("hydra/launcher") == "joblib" or "hydra.launcher.n_jobs" in values:
        first = next(word for word in words if parts(word)[1] in JOBLIB)
        count = values.get("hydra.launcher.n_jobs", "")
        workers = [f"workers={count}"] if count.isdigit() and int(count) else []
        rest = [word for word in words if not parts(word)[1].startswith(("hydra/launcher", "hydra.launcher"))]
        raise ConfigError(f"{first}: every sweep trains on all cores; workers=N sets their number", [*rest, *workers])


def _check_blanks(words: Sequence[str], index: int) -> None:
    """Refuse a word whose value goes on in the next words: an open list, or a text with a blank."""
    word = words[index]
    _, key, value = parts(word)
    is_text = kinds().get(key) == TEXT
    end = index + 1
    while end < len(words) and "=" not in words[end] and not words[end].startswith("~"):
        before = " ".join([value, *words[index + 1 : end]])
        is_open = before.endswith(",") or closing(before) or before.count('"') % 2
        if not is_open and not (is_text and not _choices(words[end])):
            break
        end += 1
    if end == index + 1:
        return
    whole = ("_" if key == "study" else " ").join([value, *words[index + 1 : end]])
    if is_text:
        whole = plain_or_quoted(whole)
    elif kinds().get(key) != TEXTS:
        whole = re.sub(r",\s+", ",", whole)
    raise ConfigError(
        f"{' '.join(words[index:end])}: blanks separate words; put quotes around the value",
        [*words[:index], word[: len(word) - len(value)] + whole, *words[end:]],
    )


def _choices(word: str) -> list[str]:
    """Return the choices that have an option of this name, here or in other programs."""
    folded = word.casefold()
    return [choice for choice in CHOICES if folded in options(choice) or (choice, folded) in OPTION_SYNONYMS]


def _with_key(words: Sequence[str], index: int) -> list[str] | None:
    """Return the words with a key for the one that has none: it may be an option, or a table."""
    word, before = words[index], words[index - 1] if index else ""
    choices = _choices(word)
    if any(before.startswith(f"{choice}=") for choice in choices):
        return [*words[: index - 1], f"{before},{word}", *words[index + 1 :]]
    if choices:
        return [*words[:index], f"{'+' * (choices[0] == 'experiment')}{choices[0]}={word}", *words[index + 1 :]]
    return [*words[:index], *table_words(word), *words[index + 1 :]] if TABLE.search(word) else None


def check_together(words: Sequence[str]) -> None:
    """Refuse words that have no effect, or that fail, without another one; a preset may have the other one.

    Raises
    ------
    ConfigError
        With the words and the missing one.
    """
    values = {key: value for _, key, value in map(parts, words)}
    default = default_options()
    launcher = next((word for word in words if parts(word)[1].startswith("hydra.launcher.")), None)
    if "experiment" in values:
        return
    if launcher and "hydra/launcher" not in values and not any("hydra/launcher" in key for key in default):
        unsigned = [word.lstrip("+") if word == launcher else word for word in words]
        name = "ray_cluster" if parts(launcher)[1].startswith("hydra.launcher.ray.") else "slurm"
        raise ConfigError(f"{launcher} needs a launcher", [f"hydra/launcher={name}", *unsigned])
    unread = [key for key in values if key.startswith("formula.")]
    activations = pieces_of(values.get("activation") or default["activation"])
    variants = [REGISTRIES["activation"].get(name, Formula) for name in activations]
    if unread and not any(variant is Formula for variant in variants):
        rest = [word for word in words if parts(word)[1] != "activation"]
        raise ConfigError(f"{unread[0]} is read by activation=formula only", ["activation=formula", *rest])
    space = values.get("tune.space", "")
    tried = [key for key in values if re.search(rf"[{{,\s'\"]{re.escape(key)}\s*:", space)]
    if "optimizer.lr" in values and values.get("tune.trials", "0") != "0":
        tried = ["optimizer.lr", *tried]
    elif "optimizer.lr" in tried:  # a stored run's trials are known by their learning rates
        tried.remove("optimizer.lr")
    if tried:
        rest = [word for word in words if parts(word)[1] != tried[0]]
        raise ConfigError(f"{tried[0]}={values[tried[0]]} has no effect: the trials of tune.space decide it", rest)
    idle = [key for key in ("pretrain.lr", "pretrain.noise") if key in values]
    if idle and "pretrain.epochs" not in values and not defaults()["pretrain"]["epochs"]:
        raise ConfigError(f"{idle[0]} has no effect without pre-training", [*words, "pretrain.epochs=20"])
    for key in values:
        choice, _, name = key.partition(".")
        chosen = list(pieces_of(values.get(choice) or default.get(choice) or ""))
        if choice in REGISTRIES and options_with(choice, name) and {*chosen} <= {*REGISTRIES[choice], "auto"}:
            for option in chosen:
                if option not in options_with(choice, name):
                    raise refusal_of_setting(key, option, words)
    for name in pieces_of(values.get("dataset", "")):
        needed = required("dataset", name) if name in options("dataset") else []
        missing = [key for key in needed if f"dataset.{key}" not in values]
        if missing and read_conf(f"dataset/{name}").keys().isdisjoint(("path", "id")):
            if name in TABLES:
                raise ConfigError(f"dataset={name} needs dataset.table=…: allowed: {', '.join(TABLES[name])}")
            added = [f"dataset.{key}={EXAMPLES.get(key, 'VALUE')}" for key in missing]
            raise ConfigError(f"dataset={name} needs dataset.{missing[0]}=…", [*words, *added])


def refusal_of_setting(key: str, option: str, words: Sequence[str]) -> ConfigError:
    """Return the refusal of a setting that an option lacks; of several options, those that have it are kept."""
    choice, _, name = key.partition(".")
    others = options_with(choice, name)
    message = f"unknown key {key!r} of {option}: only {', '.join(others)} {'has' if len(others) == 1 else 'have'} it"
    last = max((index for index, word in enumerate(words) if parts(word)[1] == choice), default=None)
    if last is None:
        return ConfigError(message, [f"{choice}={others[0]}", *words])
    chosen = list(pieces_of(parts(words[last])[2]))
    kept = [item for item in chosen if item in others]
    if kept:
        rest = [item for item in chosen if item not in others]
        left = f"{choice}={','.join(rest)}" if len(rest) < 4 else f"each other {choice}"
        message += f", so {left} needs a second command without {key}, which may have the same study"
    kept = kept or others[:1]
    return ConfigError(message, [*words[:last], f"{choice}={','.join(kept)}", *words[last + 1 :]])
