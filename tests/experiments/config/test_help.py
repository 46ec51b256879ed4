"""The two levels of `python run.py --help`."""

import re

import pytest

from experiments.config.choices import CONF, REGISTRIES
from experiments.config.commands import COMMANDS
from experiments.config.help import WIDTH, help_text
from tests.programs import ROOT

GROUPS = [*REGISTRIES, "experiment", "settings", "launcher"]


def test_the_first_text_names_every_option_preset_setting_command_and_group():
    words = re.split(r"[\s,|]+", help_text())
    options = [path.stem for group in (*REGISTRIES, "experiment") for path in (CONF / group).glob("*.yaml")]
    assert not {*options, *GROUPS, *COMMANDS[1:], "epochs", "optimizer.lr", "tune.space"}.difference(words)
    assert len(help_text().splitlines()) < 80


@pytest.mark.parametrize("group", [None, *GROUPS])
def test_no_line_is_too_wide(group):
    lines = help_text([group] if group else []).splitlines()
    assert max(map(len, lines)) <= WIDTH == 100


@pytest.mark.parametrize("choice", REGISTRIES)
def test_a_group_has_each_option_with_its_defaults_and_what_it_is(choice):
    text = " ".join(help_text([choice]).split())
    for name, variant in REGISTRIES[choice].items():
        assert re.search(rf" {name} .*{re.escape(variant.__doc__.partition(chr(10))[0])}", text), name
    assert choice != "activation" or " elu alpha=1.0 Exponential" in text


def test_the_texts_of_several_groups_follow_one_another():
    both = help_text(["optimizer", "-m=x", "launcher"])
    assert both == f"{help_text(['optimizer'])}\n\n{help_text(['launcher'])}"


def test_every_command_that_a_guide_uses_is_named():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    pattern = r"python -m experiments\.(\w+)\b(?!\.)"
    assert {name for page in pages for name in re.findall(pattern, page.read_text("utf-8"))} == set(COMMANDS[1:])
