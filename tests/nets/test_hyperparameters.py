"""Rules: what each accepts, the words that it is called by, and that every hyperparameter of a registry has one."""

import math
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Annotated

import numpy as np
import pytest

from nets.activations import ACTIVATIONS, Activation
from nets.formula import Formula
from nets.hyperparameters import Number, OneOf, Rule, Whole, ZeroOr, check, rules, violations
from nets.initializers import INITIALIZERS, Initializer
from nets.optimizers import OPTIMIZERS, SCHEDULES, Optimizer, Schedule
from nets.outputs import OUTPUTS, Output

REGISTRIES = (ACTIVATIONS, INITIALIZERS, OPTIMIZERS, SCHEDULES, OUTPUTS)
NO_NUMBERS = [math.nan, True, "0.5", None, [0.5], (0.5,), 0.5j, np.array(0.5)]


@pytest.mark.parametrize(
    ("rule", "accepted", "refused", "words"),
    [
        (Number("[0, 1)"), [0, -0.0, 0.5, Fraction(1, 2), np.float32(0.5)], [-1e-9, 1, math.inf], "a number in [0, 1)"),
        (Number("(0, 1]"), [1e-300, 1], [0, -0.0, 1 + 1e-9], "a number in (0, 1]"),
        (Number("[1e-6, 1e6]"), [1e-6, 1e6], [9e-7, 1.1e6, -1], "a number in [1e-6, 1e6]"),
        (Number("(0, inf)"), [1e-300, 10**400], [0, math.inf], "a number above 0"),
        (Number("[0, inf)"), [0, 1e300], [-1e-300, math.inf], "a number from 0 up"),
        (ZeroOr("[1e-30, 1)"), [0, 0.0, -0.0, 1e-30, 0.9], [1e-31, -0.1, 1], "0 or a number in [1e-30, 1)"),
        (Whole(2, 100), [2, 100], [1, 101, 2.0, np.int64(2)], "a whole number from 2 to 100"),
        (Whole(1), [1, 10**30], [0, 1.5, math.inf], "a whole number from 1 up"),
        (OneOf("none", "tanh"), ["none", "tanh"], ["", "erf", 1], "none or tanh"),
        (OneOf("a", "b", "c"), ["c"], ["d", "a, b"], "a, b or c"),
        (OneOf("only"), ["only"], ["o"], "only"),
    ],
    ids=lambda value: value.words if isinstance(value, Rule) else "",
)
def test_a_rule_accepts_what_its_words_say(rule, accepted, refused, words):
    assert rule.words == words
    assert [rule.accepts(value) for value in accepted] == [True] * len(accepted)
    assert [rule.accepts(value) for value in [*refused, *NO_NUMBERS]] == [False] * (len(refused) + len(NO_NUMBERS))


@dataclass
class Settings:
    name = "these"
    share: Annotated[float, Number("[0, 1]")] = 0.5
    free: float = 7.0
    kind: Annotated[str, "a note", OneOf("a", "b")] = "a"
    sizes: Annotated[tuple[int, ...], "a note only"] = ()


@dataclass
class More(Settings):
    count: Annotated[int, Whole(1)] = 1


def test_rules_are_found_by_field_in_order_and_in_a_subclass():
    assert {name: rule.words for name, rule in rules(More).items()} == {
        "share": "a number in [0, 1]",
        "kind": "a or b",
        "count": "a whole number from 1 up",
    }


def test_violations_are_name_value_and_rule():
    assert list(violations(Settings())) == []
    found = [(name, value, rule.words) for name, value, rule in violations(Settings(share=2, free=-1, kind="c"))]
    assert found == [("share", 2, "a number in [0, 1]"), ("kind", "c", "a or b")]


def test_check_names_the_choice_the_field_the_value_the_name_and_the_rule():
    check(Settings(), "option")
    with pytest.raises(ValueError, match=r"^option\.share=\[0\.1\] of these: allowed is a number in \[0, 1\]$"):
        check(Settings(share=(0.1,)), "option")


@pytest.mark.parametrize(
    "variant", [variant for registry in REGISTRIES for variant in registry.values()], ids=lambda variant: variant.name
)
def test_every_hyperparameter_declares_its_rule_beside_the_field(variant):
    """A field without a rule would accept anything. A formula checks its three texts itself."""
    undeclared = {field.name for field in fields(variant)} - set(rules(variant))
    assert undeclared == ({"name", "expression", "parameters"} if variant is Formula else set())


@pytest.mark.parametrize(
    ("base", "registry", "choice", "body"),
    [
        (Activation, ACTIVATIONS, "activation", {"forward": None, "derivative": None}),
        (Optimizer, OPTIMIZERS, "optimizer", {"step": None}),
        (Schedule, SCHEDULES, "schedule", {"factor": None}),
        (Initializer, INITIALIZERS, "init", {"variance": None}),
        (Output, OUTPUTS, "output", {"cost": None, "gradient": None, "predict": None}),
    ],
)
def test_a_new_class_is_checked_by_its_declaration_alone(base, registry, choice, body):
    options = {"draw": lambda generator, shape: np.zeros(shape)} if base is Initializer else {}
    members = {"__annotations__": {"rho": Annotated[float, Number("[0, 1)")]}, "rho": 5.0, **body}
    try:
        variant = dataclass(frozen=True)(type("New", (base,), members, name="new", **options))
        assert variant(rho=0.25).rho == 0.25
        with pytest.raises(ValueError, match=rf"^{choice}\.rho=5\.0 of new: allowed is a number in \[0, 1\)$"):
            variant()
    finally:
        del registry["new"]
