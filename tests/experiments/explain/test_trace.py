"""A traced graph has the values and gradients of the worked examples."""

import numpy as np

from experiments.explain.arguments import parse_values
from experiments.explain.examples import EXAMPLES
from experiments.explain.trace import SYMBOLS, trace
from nets.graph import GATES


def traced(expression, *given):
    return {step.label: step for step in trace(expression, parse_values(given))}


def test_the_classic_neuron():
    _, expression, given = EXAMPLES["sigmoid_neuron"]
    assert given == ("w0=2", "x0=-1", "w1=-3", "x1=-2", "w2=-3")
    steps = traced(expression, *given)
    assert f"{steps['f'].node.value:.4f}" == "0.7311"
    slopes = {name: f"{steps[name].upstream:.4f}" for name in ("w2", "w0", "x0", "w1", "x1")}

    assert slopes == {"w2": "0.1966", "w0": "-0.1966", "x0": "0.3932", "w1": "-0.3932", "x1": "-0.5898"}


def test_a_step_of_the_neuron_is_upstream_times_local():
    _, expression, given = EXAMPLES["sigmoid_neuron"]
    for step in traced(expression, *given).values():
        for _, local, part in step.sent:
            np.testing.assert_allclose(step.upstream * float(local), part, rtol=1e-3)


def test_the_relu_layer_has_no_half():
    _, expression, given = EXAMPLES["relu_layer"]
    values, steps = parse_values(given), traced(expression, *given)
    a = values["W"] @ values["x"] + values["b"]
    residual = np.maximum(a, 0) - values["z"]
    delta = 2 * residual * (a > 0)
    assert (a > 0).any()
    assert (a <= 0).any()
    assert steps["f"].node.value == (residual**2).sum()
    np.testing.assert_allclose(steps["W"].upstream, np.outer(delta, values["x"]))
    np.testing.assert_allclose(steps["x"].upstream, values["W"].T @ delta)
    np.testing.assert_allclose(steps["b"].upstream, delta)


def test_softplus_by_small_steps():
    steps = traced("log(1+exp(x))", "x=1")
    np.testing.assert_allclose(steps["x"].upstream, np.exp(1) / (1 + np.exp(1)))


def test_names_do_not_clash():
    assert set(traced("a*b+f*(c+1)", "a=1", "b=2", "f=3", "c=4")) == {"a", "b", "f", "c", "d", "e", "1", "g", "result"}
    assert len(traced("+".join(["x*x"] * 14), "x=2")) == 28
    assert list(traced("x", "x=3")) == ["x"]


def test_symbols_are_of_gates():
    assert set(SYMBOLS) <= set(GATES)
