"""Initializers that depend on the activation: refused before the training, in the condition, and with a note."""

import re

import pytest
import yaml

from experiments.config.errors import ConfigError
from experiments.config.settings import from_record


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (
            ("activation=softplus",),
            "no weights make softplus critical for biases of variance 0.04: no q* from 0.04 to 1e+12",
        ),
        (
            ("activation=tanh", "init.bias_variance=0"),
            "tanh is critical only at q* = 0 for biases of variance 0, with σ_w² = 1",
        ),
        (("activation=glu",), "glu has 2 pieces: a critical point is defined for one"),
        (
            ("activation=formula", "formula.expression='exp(x*x/5)'"),
            "no weights make formula critical for biases of variance 0.04: no q* from 0.04 to 0.877",
        ),
        (
            ("activation=formula", "formula.expression='0*x'"),
            "E[f'(z)²] of formula is 0, or too small for a number, for z ~ N(0, q) up to q = 1e+12",
        ),
    ],
)
def test_an_activation_without_a_critical_point_is_refused_in_one_line(overrides, reason, settings):
    line = f"init=critical: {reason}; init=auto is defined there"
    with pytest.raises(ConfigError, match=f"^{re.escape(line)}$"):
        settings("init=critical", *overrides)


def test_infinite_moments_are_refused_in_one_line(settings):
    line = "init=variance_preserving: E[f(z)²] of formula for z ~ N(0, 1) is infinite, or too heavy in its tails; "
    with pytest.raises(ConfigError, match=f"^{re.escape(line)}init=auto is defined there$"):
        settings("init=variance_preserving", "activation=formula", "formula.expression='exp(x*x/3)'")


def test_a_linear_model_has_no_activation_that_could_be_refused(settings):
    assert settings("init=critical", "activation=softplus", "net.hidden=[]").init.name == "critical"


@pytest.mark.parametrize("overrides", [("init=critical", "init.bias_variance=0.1"), ("init=variance_preserving",)])
def test_the_condition_contains_what_the_draws_depend_on(overrides, settings):
    condition = settings("activation=tanh", *overrides)
    variance = {"bias_variance": 0.1} if len(overrides) > 1 else {}
    assert condition.condition["init"] == {"name": condition.init.name, "gain": 1.0} | variance
    record = yaml.safe_load(yaml.safe_dump({**condition.record, "seeds": [0], "lr": [0.1]}))
    assert from_record(record).run == condition.run


def test_a_sweep_says_once_what_a_user_may_not_expect(sweep, capsys):
    lines = [["init=critical", f"activation={name}"] for name in ("silu", "relu", "tanh", "silu")]
    sweep(*lines, ["init=critical", "activation=silu", "optimizer.lr=0.1"])
    printed = capsys.readouterr().out
    assert printed.count("init=critical: ") == 2
    assert printed.index("the critical point of silu is unstable, V'(q*) = 1.10") < printed.index("to train")
    assert "relu is critical without biases only, so init.bias_variance=0.04 is not used" in printed
