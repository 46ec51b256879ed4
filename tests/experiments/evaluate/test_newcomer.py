"""The activation that is evaluated: names, expressions, and the nearest known function."""

import re

import numpy as np
import pytest

from experiments.config.catalogue import entries
from experiments.config.errors import ConfigError
from experiments.evaluate.newcomer import nearest_function, newcomer
from nets.formula import Formula


@pytest.mark.parametrize(("text", "known"), [("x*sigmoid(x)", "silu"), ("max(x,0)", "relu"), ("x0*x1", "bilinear")])
def test_an_expression_of_a_known_function_is_trained_as_that_function(text, known):
    new = newcomer(text)
    assert (new.same_as, new.name, new.words) == (known, known, [f"activation={entries()[known].option}"])


@pytest.mark.parametrize("name", ["serf", "catalogue/serf", "SERF"])
def test_a_name_is_that_of_the_catalogue(name):
    assert newcomer(name).words == ["activation=catalogue/serf"]


def test_an_alias_is_the_function_that_it_names():
    assert newcomer("swish").name == "silu"


def test_a_new_expression_keeps_its_text_and_has_a_folder_of_its_own():
    one, other = newcomer("x*sigmoid(1.7*x)"), newcomer("x*sigmoid(1.6*x)")
    assert one.name == "x*sigmoid(1.7*x)"
    assert not one.same_as
    assert one.stem != other.stem


def test_an_expression_with_learned_parameters_is_no_fixed_function():
    new = newcomer("x*sigmoid(beta*x)", "{beta:1.0}")
    assert not new.same_as


@pytest.mark.parametrize(
    ("text", "parameters", "message"),
    [
        ("reluu", "", "did you mean relu?"),
        ("x*sigmoid(x", "", "at '(x', character 10: this parenthesis is not closed"),
        ("x*sigmoid(beta*x", "", "at '(beta*x', character 10: this parenthesis is not closed"),
        ("sin x", "", "at 'sin x', character 1: the argument of a function stands in parentheses"),
        ("x*foo(x)", "", "'foo(x)' is unknown"),
        ("x^2", "", "'x^2' is no operation: a power is written **"),
        ("x,", "", "'x,' is a collection"),
        ("", "", "the expression is empty"),
        ('x"', "", "an expression has no quotes in it"),
        ("__import__(os)", "", "__import__"),
        ("softmax", "", "explain activations lists them"),
        ("x*sigmoid(beta*x)", "", "has parameters, which need initial values"),
        ("relu", "{beta:1}", "only an expression has parameters"),
    ],
)
def test_a_bad_text_is_refused_in_one_line(text, parameters, message):
    with pytest.raises(ConfigError, match=re.escape(message)) as refusal:
        newcomer(text, parameters)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("text", "known", "scale"), [("tanh(3*x)", "tanh", 3.0), ("5*x*sigmoid(x)", "silu", 1.0)])
def test_the_nearest_function_is_found_up_to_scales(text, known, scale):
    near = nearest_function(Formula("new", text))
    assert near.name == known
    assert near.distance < 1e-5
    assert abs(near.scale) == pytest.approx(scale, rel=1e-3)


def test_the_distance_is_the_share_of_the_length():
    near = nearest_function(Formula("new", "tanh(x) + 0.01*cos(5*x)"))
    z = np.random.default_rng(0).normal(size=400_000)
    expected = 0.01 * np.sqrt(np.mean(np.cos(5 * z) ** 2) / np.mean(np.tanh(z) ** 2))
    assert near.distance <= expected * 1.01
    assert near.distance > expected / 4


def test_several_pieces_have_no_nearest_function():
    assert nearest_function(entries()["swiglu"].activation) is None
