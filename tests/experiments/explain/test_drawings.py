"""In a drawing nothing overlaps, and it shows every value and gradient."""

import itertools

import numpy as np
import pytest
from matplotlib.text import Text

from experiments.explain.arguments import parse_values
from experiments.explain.drawings import draw_formula, draw_graph
from experiments.explain.examples import EXAMPLES
from experiments.explain.trace import show, trace
from nets.formula import Formula


def boxes(figure):
    """Return the extents of all texts in pixels, by what they are."""
    renderer = figure.canvas.get_renderer()
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    return [(text, text.get_window_extent(renderer)) for text in texts]


CONVERGING = ("x*sigmoid(x)+max(x,y)*x", ["x=1", "y=2"])

LARGE = (
    "mean((tanh(A@B)*x+exp(-x**2/2))**2)-sum(x)/max(y,2)",
    ["A=[[1,2],[3,4],[5,6]]", "B=[[1,0,0.1234],[0,1,-0.777]]", "x=[1,2,3]", "y=2"],
)

DRAWN = {name: example[1:] for name, example in EXAMPLES.items()} | {"converging": CONVERGING, "large": LARGE}


@pytest.mark.parametrize("name", DRAWN)
def test_in_a_drawing_no_text_overlaps_another_and_none_is_cut(name):
    expression, given = DRAWN[name]
    figure = draw_graph(trace(expression, parse_values(given)))
    width, height = figure.canvas.get_width_height()
    found = boxes(figure)
    for text, box in found:
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text
    for (first, a), (second, b) in itertools.combinations(found, 2):
        inside = min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
        assert not inside, (first.get_text(), second.get_text())


@pytest.mark.parametrize("name", DRAWN)
def test_in_a_drawing_no_edge_runs_through_a_number(name):
    expression, given = DRAWN[name]
    figure = draw_graph(trace(expression, parse_values(given)))
    ax = figure.axes[0]
    numbers = [(text, box) for text, box in boxes(figure) if text.get_gid() in ("value", "gradient")]
    segments = [line.get_xydata() for line in ax.get_lines()]
    segments += [np.array([note.xyann, note.xy]) for note in ax.texts if hasattr(note, "xyann")]
    assert len(segments) > len(numbers) / 2
    for start, end in segments:
        way = ax.transData.transform(start + np.linspace(0, 1, 200)[:, None] * (end - start))
        for text, box in numbers:
            inside = (way > box.min + 1).all(axis=1) & (way < box.max - 1).all(axis=1)
            assert not inside.any(), text.get_text()


@pytest.mark.parametrize("name", DRAWN)
def test_values_stand_above_the_edges_and_gradients_below(name):
    expression, given = DRAWN[name]
    steps = trace(expression, parse_values(given))
    figure = draw_graph(steps)
    texts = {
        kind: [t for t in figure.findobj(Text) if t.get_gid() == kind and t.get_text()]
        for kind in ("value", "gradient")
    }
    values = sorted(show(step.node.value) for step in steps if step.operation != "constant")
    assert sorted(text.get_text() for text in texts["value"]) == values
    gradients = [text.get_text().removeprefix("Σ").strip() for text in texts["gradient"]]
    for step in steps:
        if step.upstream is not None:
            assert show(step.upstream) in gradients
    gates = [text.get_text() for text in figure.findobj(Text) if text.get_gid() == "gate" and text.get_text()]
    assert sorted(gates) == sorted(step.node.gate.effect for step in steps if step.sent)


def test_paths_that_converge_show_their_shares():
    figure = draw_graph(trace(CONVERGING[0], parse_values(CONVERGING[1])))
    gradients = [text.get_text() for text in figure.findobj(Text) if text.get_gid() == "gradient"]
    assert "Σ 2.928" in gradients
    assert {"0.1966", "0.7311", "2", "0"} <= set(gradients)


def test_the_curves_of_a_formula_are_drawn():
    formula = Formula(expression="max(x,0)+min(0,0.5*expm1(x))")
    ax = draw_formula(formula).axes[0]
    lines = {line.get_gid(): line for line in ax.get_lines()}
    x, y = lines["curve"].get_data()
    np.testing.assert_array_equal(y, formula(x))
    x, slope = lines["slope"].get_data()
    np.testing.assert_array_equal(slope[np.isfinite(slope)], formula.prime(x)[np.isfinite(slope)])
    assert np.isnan(slope).sum() == 1
    assert lines["kinks"].get_xdata().tolist() == [0]
