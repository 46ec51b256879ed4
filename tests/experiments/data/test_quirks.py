"""Invented files in the shape of well-known ones: each is read as declared, or refused with a command that works.

`tests/data/quirks/expected.toml` declares each file: its quirk in words, and cases. A case has the words of the command
line (`options`, as a person types them in bash) and either what is read (`reads`) or the line that refuses (`line`, a
regular expression). The first case is the file as it is. `plain` marks a file in which nothing can be misread.
"""

import re
import shlex
import tomllib
from contextlib import suppress
from functools import cache

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from experiments.config.compose import sweep
from experiments.config.errors import ConfigError
from experiments.data.choices import overrides
from experiments.data.sets import load
from tests.programs import ROOT

FOLDER = ROOT / "tests" / "data" / "quirks"
FILES = tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))["file"]
CASES = [(file["name"], case) for file in FILES for case in file["case"]]
REFUSED = [(name, case["options"]) for name, case in CASES if "line" in case]

STEPS = 6
"""A file has fewer faults than this, so a person who follows the messages arrives at a reading."""


def identify(value):
    return value if isinstance(value, str) else value["options"]


def parsed(words):
    """Return the settings of words KEY=VALUE as Hydra reads them."""
    parser = OverridesParser.create()
    settings = {}
    for word in words:
        override = parser.parse_override(word)
        value = override.value()
        settings[override.key_or_group.removeprefix("dataset.")] = value if isinstance(value, list) else str(value)
    return settings


@cache
def outcome(name, options):
    """Return the data, or the line that refuses them."""
    try:
        return load("csv", path=str(FOLDER / name), **parsed(shlex.split(options)))
    except ValueError as error:
        return str(error).removeprefix(f"dataset.path={FOLDER / name}: ")


def suggestions(line):
    """Return the commands of a message that can be copied into bash: each is a list of words."""
    commands, end = [], None
    for match in re.finditer(r"(?<![\w.=])['\"]?dataset\.\w+=", line):
        word, length = shell_word(line[match.start() :])
        # What stands for a choice of the reader is no command.
        if re.search(r"=(…|[A-Z]+$|\[…)", word):
            continue
        if end is not None and line[end : match.start()] == " ":
            commands[-1].append(word)
        else:
            commands.append([word])
        end = match.start() + length
    return commands


def shell_word(text):
    """Return the first word of a text as bash reads it, and its length; the end of a sentence does not belong to it."""
    for blank in re.finditer(r"\s|$", text):
        written = text[: blank.start()].rstrip(".,;:)")
        with suppress(ValueError):  # a quote is open
            return shlex.split(written)[0], len(written)
    raise ValueError(f"no word of bash: {text}")


def replaced(options, words):
    """Return the options with words instead of those that have the same key."""
    keys = {word.partition("=")[0] for word in words}
    others = [other for other in shlex.split(options) if other.partition("=")[0] not in keys]
    return shlex.join([*others, *words])


def test_every_file_is_declared_once():
    names = [file["name"] for file in FILES]
    assert sorted(names) == sorted(path.name for path in FOLDER.iterdir() if path.suffix not in (".toml", ""))
    assert len(names) >= 45


@pytest.mark.parametrize(("name", "case"), CASES, ids=identify)
def test_a_file_is_read_as_declared_or_refused(name, case):
    result = outcome(name, case["options"])
    if "line" in case:
        assert isinstance(result, str), f"read, with the notes {result.notes}"
        assert re.search(case["line"], result)
        return
    assert not isinstance(result, str), result
    expected = case["reads"]
    facts = {
        "task": result.task,
        "rows": len(result.inputs),
        "inputs": len(result.features),
        "features": list(result.features),
        "classes": list(result.classes),
        "groups": 0 if result.groups is None else len(set(result.groups.tolist())),
        "left_out": result.left_out,
    }
    assert {key: facts[key] for key in expected if key != "note"} == {
        key: value for key, value in expected.items() if key != "note"
    }
    assert re.search(expected.get("note", ""), "\n".join(result.notes))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file["name"])
def test_no_quirk_passes_silently(file):
    first = file["case"][0]
    if file.get("plain"):
        assert not outcome(file["name"], first["options"]).notes
    else:
        assert "line" in first or "note" in first["reads"]


@pytest.mark.parametrize(("name", "options"), REFUSED)
def test_every_command_of_a_refusal_works(name, options):
    refusal = outcome(name, options)
    assert isinstance(refusal, str)
    for line in refusal.splitlines():
        for words in suggestions(line):
            follow(name, replaced(options, words), {refusal}, blamed(line) - blamed(" ".join(words)))


@pytest.mark.parametrize(("name", "options"), REFUSED)
def test_the_options_of_a_refusal_read_the_file_at_once(name, options):
    settings = {"path": str(FOLDER / name)} | parsed(shlex.split(options))
    with pytest.raises(ValueError, match=r".") as refusal:
        load("csv", **settings)
    proposed = getattr(refusal.value, "options", {})
    if proposed:
        assert load("csv", **settings | parsed(overrides(proposed)))
    else:  # a person must mend the file, or choose
        last = outcome(name, options).splitlines()[-1]
        assert not suggestions(last) or ", or " in last


def follow(name, options, lines, columns):
    """Follow the first command of each further message until the file is read.

    No command may leave out the `columns` that the first line names: the command of that line itself must mend them.
    """
    for _ in range(STEPS):
        result = outcome(name, options)
        if not isinstance(result, str):
            return
        assert result not in lines, f"{options}: the same line again: {result}"
        if re.search(r"\b(in|from|out of) the file\b|each column needs a name", result):  # a person must mend it there
            return
        lines = lines | {result}
        commands = [words for words in suggestions(result) if not blamed(" ".join(words)) & columns]
        if result.startswith("dataset.target: there is no column"):  # only a person knows the target
            commands = [[f"dataset.target={result.split(', ')[-1]}"]]
        assert commands, f"{options}: no command helps: {result}"
        options = replaced(options, commands[0])
    pytest.fail(f"{options}: after {STEPS} commands: {result}")


def blamed(line):
    """Return the columns that a line proposes to leave out."""
    words = [word for command in suggestions(line) for word in command if word.startswith("dataset.drop=")]
    return {column for word in words for column in parsed([word])["drop"]}


@pytest.mark.parametrize("name", ["auto_mpg.csv", "pima_headerless.csv"])
def test_a_refusal_comes_before_anything_is_written(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = next(file["case"][0]["options"] for file in FILES if file["name"] == name)
    with pytest.raises(ConfigError, match=re.escape(f"dataset.path={FOLDER / name}: ")):
        sweep(["dataset=csv", f"dataset.path={FOLDER / name}", *shlex.split(options)])
    assert not list(tmp_path.iterdir())
