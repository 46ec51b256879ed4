"""Tests of experiments.figures.demonstrations: each small experiment shows what its title says."""

import numpy as np

from tests.experiments.figures.studies import FIGURES, of


def test_demonstrations_are_marked():
    marked = {name for name, drawable in FIGURES.items() if drawable.demonstration}
    assert marked == {"collapse", "zigzag", "clipped_output", "likelihoods"}


def test_linear_layers_are_one_map_and_relus_are_not():
    (drawn,) = of("collapse", "three").values()
    course, scores = drawn.axes
    shallow, deep, relu, regression = (line.get_ydata() for line in course.lines)
    assert relu[-1] < deep[-1] / 3  # a bend is needed
    assert 10 < regression[0] < 20
    for linear in (shallow, deep):
        assert abs(linear[-5:].mean() - regression[0]) < 1  # whatever the depth
    other, one = scores.lines
    np.testing.assert_allclose(one.get_xdata(), one.get_ydata(), atol=1e-3)
    assert np.abs(other.get_xdata() - other.get_ydata()).max() > 1


def test_positive_inputs_step_with_one_sign_and_arrive_later():
    (drawn,) = of("zigzag", "three").values()
    sigmoid, tanh, gap = drawn.axes
    assert "100 %" in sigmoid.texts[0].get_text()
    assert "100 %" not in tanh.texts[0].get_text()
    slow, fast = (line.get_ydata() for line in gap.lines)
    assert slow[100] > 100 * fast[100]
    steps = np.diff(sigmoid.lines[0].get_data(), axis=1)
    assert (steps[0] * steps[1] >= 0).all()


def test_a_clipped_output_that_starts_wrong_never_moves():
    (drawn,) = of("clipped_output", "three").values()
    slope, single, digits, stuck = drawn.axes
    clipped, sigmoid, _ = (line.get_ydata() for line in single.lines)
    assert set(clipped) == {0.0}
    assert sigmoid[-1] > 0.9
    assert slope.lines[0].get_ydata()[0] == 0
    clipped, sigmoid, linear = (line.get_ydata()[-1] for line in digits.lines)
    assert clipped > 5 * max(sigmoid, linear)
    assert stuck.lines[0].get_ydata()[-1] > 10
