"""What is wrong with a command line as a whole: words that belong together, and words that lack another one."""

import re
from collections.abc import Sequence

from experiments.config.choices import CONF, REGISTRIES, options, required
from experiments.config.errors import ConfigError
from experiments.config.keys import CHOICES, OPTION_SYNONYMS, TEXT, TEXTS, having, is_key, kinds
from experiments.config.settings import defaults
from experiments.config.values import TABLE, closing, parts, pieces_of, plain_or_quoted
from nets.formula import Formula


def check_line(words: Sequence[str]) -> None:
    """Refuse words without a key: `relu`, or the parts of `epochs = 5` and of `[64, 64]`; and two presets apart.

    Raises
    ------
    ConfigError
        With the words that are meant, if they can be guessed.
    """
    for index, word in enumerate(words):
        if word.startswith("~") or "=" in word[1:]:
            _check_rest(words, index)
            continue
        begin, meant, end = _meant(words, index)
        hint = None if meant is None else [*words[:begin], *meant, *words[end:]]
        about = "" if hint else "; --help lists the keys: python run.py --help"
        raise ConfigError(
            f"{word if word.strip() else repr(word)}: allowed are words KEY=VALUE such as epochs=20{about}", hint
        )
    presets = [word for word in words if parts(word)[1] == "experiment"]
    if len(presets) > 1:
        together = f"+experiment={','.join(parts(word)[2] for word in presets)}"
        rest = [word for word in words if word not in presets]
        raise ConfigError("experiment is given twice: allowed is one word", [together, *rest])
    pairs = [word for word in words if re.fullmatch(r"formula\.parameters=[A-Za-z]\w*[:=][^=:{}]+", word)]
    if pairs:  # the shell has removed the braces, or divided {a:1,b:2} into two words
        mapping = ",".join(parts(word)[2].replace("=", ":") for word in pairs)
        rest = [word for word in words if word not in pairs]
        message = f"{' '.join(pairs)}: parameters stand in braces, and the braces in quotes"
        raise ConfigError(message, [*rest, f"formula.parameters={{{mapping}}}"])


def _check_rest(words: Sequence[str], index: int) -> None:
    """Refuse a word whose value goes on in the next words."""
    word = words[index]
    _, key, value = parts(word)
    is_text = kinds().get(key) == TEXT
    is_open = not value or value.endswith(",") or bool(closing(value)) or value.count('"') % 2 == 1
    end = index + 1
    while end < len(words) and "=" not in words[end] and not words[end].startswith("~"):
        if not is_open and not (is_text and _continues(words, end)):
            break
        end += 1
        joined = "".join(words[index:end])
        is_open = is_open and (joined.endswith(",") or bool(closing(joined)))
    if end == index + 1:
        return
    mark = "_" if key == "study" else " " if is_text or kinds().get(key) == TEXTS else ""
    mark = mark if value else ""
    whole = mark.join([value, *words[index + 1 : end]])
    if not mark:  # [0.1 0.2]
        spaced = re.sub(r"(?<=[\w.])\s+(?=[\w.-])", ",", " ".join([value, *words[index + 1 : end]]))
        whole = re.sub(r"\s", "", spaced)
    meant = f"{key}={plain_or_quoted(whole)}" if is_text else word[: len(word) - len(value)] + whole
    raise ConfigError(
        f"{' '.join(words[index:end])}: blanks separate words, so allowed are none, or quotes around all",
        [*words[:index], meant, *words[end:]],
    )


def _continues(words: Sequence[str], index: int) -> bool:
    """Return whether a word without a value continues a text: it is no option, and no key with its value behind it."""
    is_alone = len(words) == index + 1 or "=" in words[index + 1][1:]
    return not _choices(words[index]) and (is_alone or words[index] not in kinds())


def _choices(word: str) -> list[str]:
    """Return the choices that have an option of this name, here or in other programs."""
    folded = word.casefold()
    return [choice for choice in CHOICES if folded in options(choice) or (choice, folded) in OPTION_SYNONYMS]


def _meant(words: Sequence[str], index: int) -> tuple[int, list[str] | None, int]:
    """Return by what the words of an interval should be replaced, where one word has no key."""
    word, following = words[index], words[index + 1 : index + 3]
    before = words[index - 1] if index else ""
    if following and following[0].startswith("="):  # epochs = 5, epochs =5
        count = 1 + (following[0] == "=" and len(following) > 1)
        return index, [word + "".join(following[:count])], index + 1 + count
    if word.startswith(",") and before:  # activation=relu , tanh
        return index - 1, [before + word], index + 1
    divided = re.fullmatch(r"([A-Za-z_]+)([:./-])(.+)", word)
    if divided and (divided[1] in CHOICES or (divided[2] == ":" and is_key(divided[1]))):
        return index, [f"{'+' * (divided[1] == 'experiment')}{divided[1]}={divided[3]}"], index + 1
    if is_key(word) and following and "=" not in following[0]:
        return index, [f"{word}={following[0]}"], index + 2
    choices = _choices(word)
    if any(before.startswith(f"{choice}=") for choice in choices):
        return index - 1, [f"{before},{word}"], index + 1
    if choices:
        return index, [f"{'+' * (choices[0] == 'experiment')}{choices[0]}={word}"], index + 1
    if re.fullmatch(r"[\d.e+-]+", word) and "=" in before:  # optimizer.lr=0.1 0.2
        return index - 1, [f"{before},{word}"], index + 1
    if TABLE.search(word):
        return index, ["dataset=csv", f"dataset.path={word}", "dataset.target=COLUMN"], index + 1
    if word in CHOICES:
        return index, [f"{'+' * (word == 'experiment')}{word}={options(word)[0]}"], index + 1
    special = {"reproduce": "reproduce=results/STUDY/runs/RUN", "help": "--help"}
    return index, [special[word]] if word in special else None, index + 1


def check_together(words: Sequence[str]) -> None:
    """Refuse words that have no effect, or that fail, without another one; a preset may have the other one.

    Raises
    ------
    ConfigError
        With the words and the missing one.
    """
    values = {key: value for _, key, value in map(parts, words)}
    configuration = (CONF / "config.yaml").read_text()
    default = dict(re.findall(r"^  - (\w+): (\w+)$", configuration, re.MULTILINE))
    launcher = next((word for word in words if parts(word)[1].startswith("hydra.launcher.")), None)
    if "experiment" in values:
        return
    if launcher and "hydra/launcher" not in values and "hydra/launcher" not in configuration:
        plain = [word.lstrip("+") if word == launcher else word for word in words]
        raise ConfigError(f"{launcher} needs a launcher", ["hydra/launcher=joblib", *plain])
    unread = [key for key in values if key.startswith("formula.")]
    activations = pieces_of(values.get("activation") or default["activation"])
    variants = [REGISTRIES["activation"].get(name, Formula) for name in activations]
    if unread and not any(variant is Formula for variant in variants):
        rest = [word for word in words if parts(word)[1] != "activation"]
        raise ConfigError(f"{unread[0]} is read by activation=formula only", ["activation=formula", *rest])
    idle = [key for key in ("pretrain.lr", "pretrain.noise") if key in values]
    if idle and "pretrain.epochs" not in values and not defaults()["pretrain"]["epochs"]:
        raise ConfigError(f"{idle[0]} has no effect without pre-training", [*words, "pretrain.epochs=20"])
    for key in values:
        choice, _, name = key.partition(".")
        chosen = list(pieces_of(values.get(choice) or default.get(choice) or ""))
        if choice in REGISTRIES and having(choice, name) and {*chosen} <= {*REGISTRIES[choice], "auto"}:
            for option in chosen:
                if option not in having(choice, name):
                    raise lacking(key, option, words)
    for name in pieces_of(values.get("dataset", "")):
        needed = required("dataset", name) if name in options("dataset") else []
        missing = [key for key in needed if f"dataset.{key}" not in values]
        if missing and not re.search(r"^(path|id):", (CONF / "dataset" / f"{name}.yaml").read_text(), re.MULTILINE):
            examples = {"path": "FILE.csv", "target": "COLUMN", "id": "61"}
            added = [f"dataset.{key}={examples.get(key, 'VALUE')}" for key in missing]
            raise ConfigError(f"dataset={name} needs dataset.{missing[0]}=…", [*words, *added])


def lacking(key: str, option: str, words: Sequence[str]) -> ConfigError:
    """Return the refusal of a setting that an option lacks; of several options, those that have it are kept."""
    choice, _, name = key.partition(".")
    others = having(choice, name)
    message = f"unknown key {key!r} of {option}: only {', '.join(others)} {'has' if len(others) == 1 else 'have'} it"
    places = [index for index, word in enumerate(words) if parts(word)[1] == choice]
    if not places:
        return ConfigError(message, [f"{choice}={others[0]}", *words])
    kept = [item for item in pieces_of(parts(words[places[-1]])[2]) if item in others] or others[:1]
    return ConfigError(message, [*words[: places[-1]], f"{choice}={','.join(kept)}", *words[places[-1] + 1 :]])
