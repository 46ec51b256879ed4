"""The words of a command line, each checked before Hydra reads it.

Hydra reads a word KEY=VALUE by its own grammar, in which a comma sweeps and 1e3 is a number. A word is refused here if
Hydra cannot read it, or reads something else than a person means. The refusal has the words that are meant.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, Sweep
from hydra.errors import HydraException

from experiments.config.catalogue import entries, option_of
from experiments.config.choices import (
    ABOUT,
    CATALOGUE,
    CONF,
    REGISTRIES,
    catalogue,
    default_options,
    options,
    read_conf,
)
from experiments.config.commands import command_line
from experiments.config.errors import ConfigError
from experiments.config.keys import (
    CHOICES,
    EARLIER,
    LIST,
    OPTION_SYNONYMS,
    PARAMETERS,
    SYNONYMS,
    TEXT,
    TEXTS,
    allowed_values,
    kinds,
)
from experiments.config.lines import check_line, check_together
from experiments.config.rules import Name
from experiments.config.schema import Configuration, declared, groups, nearest_key
from experiments.config.trials import RATE
from experiments.config.values import (
    PATH,
    TABLE,
    as_list,
    as_texts,
    closing,
    grammar,
    parts,
    pieces_of,
    plain_or_quoted,
    quoted,
    table_words,
)
from experiments.data.packages import OPTIONS
from nets.names import guess, nearest

COUNTS = ("seeds", "tune.seeds")
"""Settings that take a number of seeds or a list of seeds."""
EXPRESSION = "activation.expression"
RANGE = r"(log|uniform)\([^()]*\)"
"""How a range of `experiments.config.trials` looks."""


def hydra_words(words: Sequence[str]) -> list[str]:
    """Return words that Hydra reads as they were typed: a text such as `study=1e3` is quoted, `~/` is the home folder.

    Raises
    ------
    ConfigError
        For a word that cannot be read, and for one that means something else than it seems to.
    """
    _check_names(words)
    words = [current(word) for word in words]
    check_line(words)
    _check_formula(words)
    typed = []
    for index, word in enumerate(words):
        try:
            typed.append(as_typed(word))
        except ConfigError as error:
            if error.instead is not None:
                others = {parts(other)[1] for other in (*words[:index], *words[index + 1 :])} - {parts(word)[1]}
                error.instead = [
                    *words[:index],
                    *(new for new in error.instead if parts(new)[1] not in others),
                    *words[index + 1 :],
                ]
            raise
    check_together(words)
    return typed


def current(word: str) -> str:
    """Return a word with the name of today, if its setting had another one in an earlier version."""
    sign, key, raw = parts(word)
    return f"{sign}{EARLIER[key]}={raw}" if key in EARLIER else word


def _check_names(words: Sequence[str]) -> None:
    """Refuse a setting that is given by its name and by that of an earlier version: Hydra would read the last one."""
    given = {parts(word)[1]: word for word in words}
    for earlier, name in EARLIER.items():
        if earlier in given and name in given:
            rest = [word for word in words if word != given[earlier]]
            message = f"{given[earlier]} and {given[name]}: {earlier} is the earlier name of {name}"
            raise ConfigError(message, rest)


def _check_formula(words: Sequence[str]) -> None:
    """Refuse another formula under the name of an option, and the parameters of an entry for what is none.

    Tables and figures would show a name that was not computed.
    """
    values = {key: value for _, key, value in map(parts, words)}
    option = values.get("activation", default_options()["activation"])
    learned = {key.removeprefix(PARAMETERS): value for key, value in values.items() if key.startswith(PARAMETERS)}
    meant = [word for word in words if not parts(word)[1].startswith(("activation", "formula.parameters"))]
    meant.append("activation=formula")
    if learned and "experiment" not in values and option in REGISTRIES["activation"]:
        pairs = ",".join(f"{name}:{value}" for name, value in learned.items())
        raise ConfigError(
            f"{PARAMETERS}{next(iter(learned))}: activation={option} has no parameter of this name",
            [*meant, f"formula.parameters={{{pairs}}}"] if option == "formula" else None,
        )
    expression = values.get(EXPRESSION, "")
    for name in pieces_of(option) if expression else ():
        file = f"activation/{name}"
        known = name not in REGISTRIES["activation"] and (CONF / f"{file}.yaml").is_file()
        if known and expression.strip("\"'") != read_conf(file).get("expression"):  # the report writes it out
            raise ConfigError(
                f"{EXPRESSION}={expression}: activation={name} has a formula of its own",
                [*meant, f"formula.expression={expression}"],
            )


def earlier_names(words: Sequence[str]) -> list[str]:
    """Return a sentence for each word whose setting has another name today."""
    return [
        f"{parts(word)[1]} is called {EARLIER[parts(word)[1]]} now: {current(word)}"
        for word in words
        if parts(word)[1] in EARLIER
    ]


def as_typed(word: str) -> str:
    """Return a word that Hydra reads as it was typed.

    Raises
    ------
    ConfigError
        As in `hydra_words`; its words stand for this one.
    """
    sign, key, raw = parts(word)
    if key in ("tune", "tune.space"):  # Hydra would call log and uniform
        keys = re.findall(r"[{,]\s*([\w.]+)\s*:", raw)
        twice = sorted({name for name in keys if keys.count(name) > 1})
        if twice:
            raise ConfigError(f"{word}: {twice[0]} is given twice: allowed is one range for each key")
        bare = re.fullmatch(rf"[\[{{]?\s*({RANGE})\s*[\]}}]?", raw)
        if bare:
            raise ConfigError(f"{word}: a range needs its key", [f"tune.space={{{RATE}: {bare[1]}}}"])
        colons = re.sub(r"([{,]\s*[\w.]+)\s*=\s*", r"\1: ", raw)
        if colons != raw:
            raise ConfigError(f"{word}: a colon stands between a key and its range", [f"{sign}{key}={colons}"])
        raw = re.sub(r"\w+\([^()'\"]*\)(?!['\"])", lambda call: quoted(call[0]), raw)
        word = f"{sign}{key}={raw}"
    if "_target_" in word:
        raise ConfigError("_target_ in an override: a configuration names options, never code")
    if key.startswith("hydra"):
        _check_hydra(word, key, raw)
    else:
        _check_key(word, sign, key, raw)
        if re.fullmatch(RANGE, raw) and key != "tune.space":
            meant = [f"tune.space={{{key}: {raw}}}", "tune.trials=16", "tune.seeds=2"]
            raise ConfigError(f"{word}: a range of values to try is a part of tune.space", meant)
    if sign == "~":
        return word
    kind = kinds().get(key)
    try:
        value = grammar().parse_override(word).value()
    except HydraException as error:
        _refuse_unreadable(word, error)
    prefix = f"{sign}{key}="
    if isinstance(value, IntervalSweep):
        raise ConfigError(f"{word}: an interval has no values to try; allowed are a list, range(…) or commas")
    if isinstance(value, list | dict) and _has_sweep(value):
        raise ConfigError(f"{word}: range, choice, interval and glob cannot stand in a list: write out its values")
    if key in CHOICES:
        _check_choice(word, key, raw, value)
        if key == "activation" and isinstance(value, Glob):
            return prefix + _with_catalogue(raw, value)
        if key == "dataset" and isinstance(value, Glob) and any("/" in pattern for pattern in value.include):
            return prefix + (",".join(value.filter([*OPTIONS, *options("dataset")])) or raw)
    elif key in COUNTS:
        _check_counts(prefix, raw, value)
    elif key == "study" and isinstance(value, str):
        _check_name(prefix, value)
    elif key == "workers" and isinstance(value, Sweep):
        raise ConfigError(f"{word}: a sweep has one number of workers, allowed is workers=N", ["workers=auto"])
    elif key == "tune.trials" and isinstance(value, ChoiceSweep):
        most = max((count for count in value.list if type(count) is int), default=16)
        message = (
            f"{word}: the trials of a smaller number are the first ones of a larger number, so allowed is one number"
        )
        raise ConfigError(message, [f"{prefix}{most}"])
    elif key == "tune.space" and isinstance(value, list):
        raise ConfigError(f"{word}: allowed is a mapping such as {{{RATE}: log(1e-4, 1)}}")
    elif key == "formula.parameters" and isinstance(value, list):
        raise ConfigError(f"{word}: allowed is a mapping such as {{beta: 1.0}}")
    if kind == TEXT:
        return prefix + as_texts(prefix, raw, value)
    if kind in (LIST, TEXTS):
        return prefix + as_list(prefix, raw, value, kind == TEXTS)
    rule, _ = allowed_values(key)
    if rule and re.fullmatch(r"0,\d+", raw) and not rule.accepts(0):
        raise ConfigError(f"{word}: a comma separates values, a point stands before decimals", [word.replace(",", ".")])
    return word


def _has_sweep(value: object) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(isinstance(item, Sweep | Glob) or _has_sweep(item) for item in items)


def _check_hydra(word: str, key: str, raw: str) -> None:
    launcher = key == "hydra/launcher" or key.startswith("hydra.launcher.")
    if not launcher or "${" in raw:
        raise ConfigError(f"{word}: of Hydra's own settings only the launcher's may be set, to plain values")


def _check_key(word: str, sign: str, key: str, raw: str) -> None:
    """Refuse a key that no setting has, and a sign that does not fit it."""
    name, at, _ = key.partition("@")
    if at:
        raise ConfigError(f"{word}: allowed is a key without @", [f"{sign}{name}={raw}"])
    group, _, last = key.rpartition(".")
    if group in REGISTRIES and last == "name":
        raise ConfigError(f"{word}: the option itself is chosen with {group}={raw}", [f"{group}={raw}"])
    if key.startswith(f"activation.{ABOUT}"):
        raise ConfigError(f"{word}: no setting, but a part of the option's file in conf/activation/")
    known = key in kinds() or key in REGISTRIES
    if key == "experiment" and sign != "+":
        raise ConfigError(f"{word}: a preset is added, with a + before it", [f"+experiment={raw}"])
    if known and (sign == "+" or (sign == "++" and key in REGISTRIES)):
        raise ConfigError(f"{word}: {key} is there already, so it has no + before it", [f"{key}={raw}"])
    if known and sign == "~":
        allows = nearest("", options(key)) if key in REGISTRIES else f"nothing is left out; allowed is {key}=VALUE"
        raise ConfigError(f"{word}: {allows}")
    if known or key == "experiment" or (key in groups() and raw.startswith("{")) or key.startswith(PARAMETERS):
        return
    if last in ("layers", "hidden_layers") and raw.isdigit():
        raise ConfigError(f"{word}: the key is net.hidden, with the width of each layer, such as net.hidden=[128,128]")
    meant = _known_by_another_name(key, raw)
    dotted = [name for name in kinds() if name.rpartition(".")[2] == key]
    if len(dotted) > 1 and not meant:
        raise ConfigError(f"unknown key {key!r}: did you mean {' or '.join(map(repr, dotted))}?")
    if meant:
        names = " ".join(parts(item)[1] for item in meant)
        shown = f"'{names}'" if len(meant) == 1 else " ".join(meant)
        raise ConfigError(f"unknown key {key!r}: did you mean {shown}?", meant)
    if sign or group in REGISTRIES or key.startswith("formula.parameters.") or (CONF / key).is_dir():
        return  # the options that are composed decide
    allowed = list(declared(groups()[group])) if group in groups() else list(declared(Configuration))
    near = guess(last, allowed)
    instead = [f"{group}.{near}={raw}".lstrip(".")] if near else None
    raise ConfigError(f"unknown key {key!r}: {nearest_key(key, allowed)}", instead)


def _known_by_another_name(key: str, raw: str) -> list[str] | None:
    """Return the words for a key that other programs use, or whose group is wrong or missing."""
    group, _, last = key.rpartition(".")
    if key in groups():  # split=0.2
        return [f"{key}.{next(iter(declared(groups()[key])))}={raw}"]
    if key in SYNONYMS or (group and last in SYNONYMS):
        bare = raw[1:-1] if raw.startswith("[") and raw.endswith("]") else raw
        templates = SYNONYMS.get(key) or SYNONYMS[last]
        return [template.format(bare if "[{}]" in template else raw) for template in templates]
    if group and (last in kinds() or last in CHOICES):
        return [f"{'+' * (last == 'experiment')}{last}={raw}"]
    dotted = [name for name in kinds() if name.rpartition(".")[2] == last]
    return [f"{dotted[0]}={raw}"] if len(dotted) == 1 and group not in REGISTRIES else None


def _check_choice(word: str, choice: str, raw: str, value: Any) -> None:
    """Refuse what names no option of a choice."""
    plus = "+" * (choice == "experiment")
    if raw in ("null", ""):
        raise ConfigError(f"{word}: {nearest('', options(choice))}")
    if isinstance(value, list):
        names = [str(item) for item in value]
        known = bool(names) and set(names) <= set(options(choice))
        raise ConfigError(
            f"{word}: several options are separated by commas, without brackets",
            [f"{plus}{choice}={','.join(names)}"] if known else None,
        )
    if not isinstance(value, str | Sweep | Glob):
        raise ConfigError(f"unknown {word}: {nearest(raw, options(choice))}")
    if raw in ("*", "all"):
        raise ConfigError(f"{word}: all options are glob(*)", [f"{plus}{choice}=glob(*)"])
    _check_options(word, choice, plus, raw)
    if choice == "dataset" and isinstance(value, str) and TABLE.search(value):
        raise ConfigError(f"{word}: a file is the path of the data set csv", table_words(raw))


def _with_catalogue(raw: str, glob: Glob) -> str:
    """Return the options that a glob over the catalogue stands for, without those that cannot learn.

    Hydra's own glob does not look into folders.
    """
    if not any(pattern.startswith(CATALOGUE) for pattern in glob.include):
        return raw
    names = glob.filter([*options("activation"), *(f"{CATALOGUE}/{name}" for name in catalogue())])
    cannot_learn = {entry.option for entry in entries().values() if entry.option in names and not entry.trains}
    return ",".join(name for name in names if name not in cannot_learn) or raw


def _check_options(word: str, choice: str, plus: str, raw: str) -> None:
    """Refuse an option that has another name here, or of which only a part was typed."""
    known, names = options(choice), list(pieces_of(raw))
    for index, name in enumerate(names):
        folded = name.casefold().replace("-", "_")
        longer = [option for option in known if folded in option.split("_")]
        meant = folded if folded in known else OPTION_SYNONYMS.get((choice, folded))
        if choice == "activation" and name not in (*known, *REGISTRIES[choice]) and not meant:
            meant = _in_catalogue(folded)
            if meant == name:
                continue
        meant = longer[0] if not meant and len(longer) == 1 else meant
        if name in known or name in REGISTRIES.get(choice, ()) or not (meant or longer):
            continue
        names[index] = meant or name
        hint = meant or " or ".join(filter(None, [", ".join(longer[:-1]), longer[-1]]))
        message = f"unknown {choice}={name}: did you mean {hint}?"
        raise ConfigError(message, [f"{plus}{choice}={','.join(names)}"] if meant else None)


def _in_catalogue(name: str) -> str | None:
    """Return the option that computes the function of this name, or None.

    Raises
    ------
    ConfigError
        For a name in the catalogue's folder that no file has.
    """
    folder, _, stem = name.rpartition("/")
    if stem in catalogue():
        return f"{CATALOGUE}/{stem}"
    if folder == CATALOGUE and not option_of(stem):
        near = guess(stem, catalogue())
        meant = f"did you mean {CATALOGUE}/{near}?" if near else f"{command_line('explain')} activations lists them"
        raise ConfigError(f"unknown activation={name}: {meant}", [f"activation={CATALOGUE}/{near}"] if near else None)
    return option_of(stem)


def _check_counts(prefix: str, raw: str, value: Any) -> None:
    """Refuse a sweep over numbers of seeds, of which the largest contains the others."""
    counts = [count for count in value.list if type(count) is int] if isinstance(value, ChoiceSweep) else []
    if len(set(counts)) > 1:
        seeds = ",".join(map(str, counts))
        raise ConfigError(
            f"{prefix}{raw} would be a sweep over {len(counts)} numbers of seeds. Seeds themselves stand in brackets.",
            [f"{prefix}[{seeds}]"],
        )


def _check_name(prefix: str, text: str) -> None:
    """Refuse a name that cannot be a folder's."""
    if not Name().accepts(text) and "${" not in text:
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", text.removeprefix("results/").replace("/", "-")).strip("._-")[:100]
        raise ConfigError(
            f"{prefix}{text!r}: allowed is {Name.words}", [f"{prefix}{name}"] if name and text.isascii() else None
        )


# --- what Hydra's grammar cannot read


def _refuse_unreadable(word: str, error: HydraException) -> NoReturn:
    """Refuse a word with the first reading of it that Hydra can read."""
    sign, key, raw = parts(word)
    prefix = f"{sign}{key}="
    if isinstance(error.__cause__, ValueError):  # of our `range`
        raise ConfigError(f"{word}: {error.__cause__}") from None
    if key == "study":
        _check_name(prefix, raw.strip("\"'"))
    if kinds().get(key) == TEXT:
        stray = [mark for mark in "\"'" if raw.count(mark) % 2 and (raw[0] == mark or raw[-1] == mark)]
        if stray:
            raise ConfigError(f"{word}: a quote is not closed", [prefix + plain_or_quoted(raw.strip(stray[0]))])
        pieces = list(pieces_of(raw))
        if not all(pieces) or (key == PATH and Path(raw).is_file()):
            pieces = [raw]
        pieces = [os.path.expanduser(piece) if key == PATH else piece for piece in pieces]
        characters = " ".join(dict.fromkeys(re.findall(r"[^A-Za-z0-9_./+%*@?|\\:$\s,-]", raw)))
        raise ConfigError(
            f"{word}: a text with {characters or ','} needs quotes of its own",
            [prefix + ",".join(map(quoted, pieces))],
        )
    bare = raw[1:-1] if raw[:1] + raw[-1:] in ("[]", "()") else raw
    texts = ",".join(map(plain_or_quoted, pieces_of(bare))) if kinds().get(key) == TEXTS else raw
    for reason, candidate in (
        ("a bracket is not closed", raw + closing(raw)),
        ("texts with such characters need quotes of their own", f"[{texts}]" if texts != raw else raw),
        ("lists stand in brackets []", f"[{bare}]"),
        ("quotes are not closed", raw.strip("\"'")),
    ):
        try:
            grammar().parse_override(prefix + candidate)
        except HydraException:
            continue
        if candidate and candidate != raw:
            raise ConfigError(f"{word}: {reason}", [prefix + candidate])
    if key in CHOICES:
        raise ConfigError(f"unknown {word}: {nearest(raw, options(key))}")
    rule, _ = allowed_values(key)
    allowed = (
        f"allowed is {rule.words}"
        if rule
        else "it cannot be read; `{command_line('run')} --help` shows what is allowed"
    )
    raise ConfigError(f"{word}: {allowed}")
