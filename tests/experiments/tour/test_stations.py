"""The stations: sentences follow from numbers, commands work, and every figure moves as its slider does."""

import shlex

import numpy as np
import pandas as pd
import pytest

from experiments.config.compose import sweep
from experiments.explain.__main__ import main as explain
from experiments.figures.registry import FIGURES
from experiments.tour.backward import graph_insight, neuron, tensor_insight
from experiments.tour.drawing import Axis, Look, Moving, Panel
from experiments.tour.learning import depth_insight, dying_course, dying_insight, lus_insight
from experiments.tour.nonlinearity import collapse_insight, saturation_insight
from experiments.tour.outputs import likelihoods_insight, stall_insight
from experiments.tour.wording import scientific, signed
from experiments.tour.writing import STATIONS
from nets.graph import backpropagate

NAMES = [station.__name__ for station in STATIONS]


@pytest.mark.parametrize("name", NAMES)
def test_a_command_to_go_on_works(name, stations, capsys):
    program, *words = shlex.split(stations[name].command)
    assert program == "python"
    if words[0] == "run.py":
        assert [settings for settings, _ in sweep([word for word in words[1:] if word != "-m"])]
    elif words[1] == "experiments.explain":
        assert explain(words[2:]) == 0
    else:
        assert words[1] == "experiments.report"
        (named,) = [word.removeprefix("figures=") for word in words if word.startswith("figures=")]
        assert FIGURES[named].demonstration  # it needs nothing of the study but that there is one
        assert "study=tour" in words


@pytest.mark.parametrize("name", NAMES)
def test_an_insight_is_one_short_sentence_of_finite_numbers(name, stations):
    insight = stations[name].insight
    assert insight[0].isupper()
    assert insight.endswith(".")
    assert ". " not in insight
    assert "nan" not in insight
    assert len(insight.replace(" %", "").split()) <= 30


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_moves_has_a_value_for_each_position(name, stations):
    station, moving = stations[name], {}
    for index, panel in enumerate(station.panels):
        panel.svg(str(index), moving)
    lengths = {len(values) for attributes in moving.values() for values in attributes.values()}
    assert lengths == ({len(station.slider.positions)} if station.slider else set())


def test_the_sentence_of_a_collapse_follows_the_errors():
    assert "bend the line and leave 5.0 %" in collapse_insight(0.19, 0.185, 0.05)
    assert "bend" not in collapse_insight(0.19, 0.12, 0.05)
    assert "bend" not in collapse_insight(0.19, 0.19, 0.18)


def test_the_sentence_of_saturation_contrasts_only_what_differs():
    assert "75 %" in saturation_insight(0.75, 0.0, 32)
    assert "but 0 %" in saturation_insight(0.75, 0.0, 32)
    assert "but" not in saturation_insight(0.05, 0.0, 32)


def test_the_sentence_of_depth_says_what_the_ratios_are():
    text = depth_insight({"sigmoid": 1 / 23000, "tanh": 1.2, "relu": 1.4}, 8)
    assert "23,000 times smaller" in text
    assert "no smaller" in text
    assert "at most 3.0 times smaller" in depth_insight({"sigmoid": 1e-4, "tanh": 1.2, "relu": 1 / 3}, 8)
    assert "tanh" not in depth_insight({"sigmoid": 0.1, "tanh": 0.1, "relu": 0.1}, 8)


def test_the_sentence_of_dying_units_claims_nothing_of_leaky_relu_that_dies():
    assert dying_insight({0.03: 0.06, 1.0: 0.9}, 0.0, 32).endswith("no leaky ReLU unit is.")
    assert "leaky" not in dying_insight({0.03: 0.06, 1.0: 0.9}, 0.1, 32)


def test_the_course_of_dying_counts_units_that_die_and_that_revive():
    start = np.array([[0.0, 0.5, 0.5, 0.5]])
    units = {(epoch, rate, seed): start for epoch in (0, 2, 4) for rate in (0.1, 1.0) for seed in (0, 1)}
    units[2, 0.1, 0] = np.zeros((1, 4))  # between the ends nothing counts
    units[4, 0.1, 1] = np.array([[0.3, 0.5, 0.0, 0.0]])
    units[4, 1.0, 0] = np.zeros((1, 4))
    assert dying_course(units) == (
        "Of the 8 ReLU units of 2 networks, 2 are dead before training. "
        "At the rate 0.1, 2 more die and 1 revive (38 %); at 1, 3 and 0 (62 %)."
    )


def table(mean, half):
    epochs = pd.DataFrame({"epoch": range(31), "mean": mean})
    return epochs.assign(low=epochs["mean"] - half, high=epochs["mean"] + half)


def test_the_sentence_of_rectifiers_says_whether_intervals_overlap():
    loss = {"relu": table(1.0, 0), "elu": table(0.5, 0)}
    assert "ELU has the lowest training loss (0.50; ReLU 1.00)" in lus_insight(loss, loss, 30)
    errors = {"relu": table(0.04, 0.001), "elu": table(0.05, 0.001)}
    assert "between 4.0 % and 5.0 %" in lus_insight(loss, errors, 30)
    errors = {"relu": table(0.04, 0.01), "elu": table(0.05, 0.01)}
    assert "overlap" in lus_insight(loss, errors, 30)


def test_the_sentence_of_the_stall_says_what_was_not_reached():
    assert "37 times smaller" in stall_insight(37.1, 15, 1, 40)
    assert "needs 15 epochs, not 1, to get below 20 %" in stall_insight(37.1, 15, 1, 40)
    assert "does not get below 20 % training error in 40 epochs" in stall_insight(37.1, None, 1, 40)
    assert "2.0 times larger" in stall_insight(0.5, 3, None, 40)


def test_the_sentence_of_likelihoods_needs_equal_curves_and_the_mean():
    assert "predicts the mean" in likelihoods_insight(1e-15, 0.001)
    assert "mean" not in likelihoods_insight(1e-15, 0.1)
    assert "differ by up to 0.3" in likelihoods_insight(0.3, 0.001)


def test_the_graph_has_the_gradients_of_the_formula():
    places = neuron()
    values = {place.name: float(place.node.value) for place in places}
    slope = np.exp(-1.0) / (1 + np.exp(-1.0)) ** 2
    assert np.isclose(values["f"], 1 / (1 + np.exp(-1.0)))
    backward = backpropagate(places[-1].node, [place.node for place in places])
    found = {place.name: float(backward.total[place.node].value) for place in places}
    assert np.allclose([found["w0"], found["x0"], found["w2"]], [-slope, 2 * slope, slope])
    assert "each is" in graph_insight(found, {"x0": -1.0, "x1": -2.0}, values["f"])
    assert "each is" not in graph_insight(found | {"w1": 0.0}, {"x0": -1.0, "x1": -2.0}, values["f"])


def test_the_graph_shows_no_gradient_before_the_last_value(stations):
    moving = {}
    stations["graph"].panels[0].svg("g", moving)
    texts = np.array([values["text"] for values in moving.values() if "text" in values])
    assert (texts[:, 0] != "").sum() == 5  # the inputs
    assert (texts[:, 8] != "").sum() == 13  # all values
    assert (texts[:, -1] != "").all()


def test_the_tensor_is_said_to_be_an_outer_product_only_if_it_is(stations):
    assert "outer product" in stations["tensor"].insight
    assert "outer product" not in tensor_insight(24, 36, same=False)


def test_a_panel_draws_values_where_its_axes_say():
    panel = Panel("title", Axis(0, 10), Axis(1, 100, log=True), 200, 100)
    x0, y0, wide, high = panel.box
    (left, right), (low, top) = panel.at([0, 10], [1, 100])
    assert (left, right, low, top) == (x0, x0 + wide, y0 + high, y0)
    assert np.isclose(panel.at([5], [10])[1], y0 + high / 2)


def test_a_line_has_a_gap_at_nan_and_texts_are_escaped():
    panel = Panel("<b>", Axis(0, 2), Axis(0, 1))
    panel.line(Look(), [0, 1, 2, 2], [0.5, np.nan, 0.5, 0.6])
    panel.note(Moving(["one", "<two>"]))
    moving = {}
    svg = panel.svg("p", moving)
    assert svg.count("M") == 2 + 1  # the axis has a move of its own
    assert "<b>" not in svg
    assert "&lt;two&gt;" in svg
    assert [values["text"] for values in moving.values()] == [["one", "<two>"]]


def test_numbers_in_words():
    assert scientific(1.2e-7) == "1 · 10⁻⁷"
    assert signed(-0.5) == "−0.5"
    assert signed(-0.001, ".2f") == "0.00"
